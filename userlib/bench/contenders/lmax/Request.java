// SPDX-License-Identifier: MIT

import com.lmax.disruptor.BlockingWaitStrategy;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.SleepingWaitStrategy;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;
import java.util.HashMap;
import java.util.Map;

/** What the bench asks for. */
final class Request {
	final String way;
	final String shape;
	final String wait;
	final int size;
	final int slots;
	final int batch;
	final String[] cpus;
	final int producers;
	final long warm;
	final long events;

	private static final Map<String, String> KEYS = Map.of(
		"way", "events|arrays",
		"shape", "raw|one-to-one|poller|pipeline|diamond|multicast|" +
			 "three-to-one|three-to-three|ping-pong|copy",
		"wait", "spin|yield|backoff|block|sleep",
		"size", "\\d{1,6}", "slots", "\\d{1,9}", "batch", "\\d{1,9}",
		"cpus", "\\d{1,4}(,\\d{1,4})*", "warm", "\\d{1,12}",
		"events", "\\d{1,12}");

	/** @throws IllegalArgumentException who asks is told what is wrong */
	Request(String line) {
		Map<String, String> words = new HashMap<>();

		for (String word : line.split(" ")) {
			String[] pair = word.split("=", 2);

			if (pair.length == 2)
				words.put(pair[0], pair[1]);
		}
		for (Map.Entry<String, String> key : KEYS.entrySet()) {
			if (!words.getOrDefault(key.getKey(), "").matches(key.getValue()))
				throw new IllegalArgumentException(key.getKey() +
								   " is not understood");
		}
		way = words.get("way");
		shape = words.get("shape");
		wait = words.get("wait");
		size = Integer.parseInt(words.get("size"));
		slots = Integer.parseInt(words.get("slots"));
		batch = Integer.parseInt(words.get("batch"));
		cpus = words.get("cpus").split(",");
		producers = shape.startsWith("three-to-") ? 3 : 1;
		if (!isPossible())
			throw new IllegalArgumentException("the request makes no sense");
		warm = whole(Long.parseLong(words.get("warm")));
		events = whole(Long.parseLong(words.get("events")));
	}

	private boolean isPossible() {
		if (size < 8 || size % 8 != 0 || batch < 1 || batch > slots ||
		    Integer.bitCount(slots) != 1)
			return false;
		switch (shape) {
		case "copy":
			return size == 8 && batch > 2;
		case "pipeline":
		case "diamond":
			return size == 32;
		case "poller":
		case "ping-pong":
			return size == 8;
		default:
			return true;
		}
	}

	/** How many produce and consume. */
	int threads() {
		switch (shape) {
		case "pipeline":
		case "diamond":
		case "multicast":
		case "three-to-one":
		case "three-to-three":
			return 4;
		default:
			return 2;
		}
	}

	/** What its kind is: a virtual machine has seen one. */
	String kind() {
		return String.join(" ", way, shape, wait, "" + size, "" + slots, "" + batch,
				   String.join(",", cpus));
	}

	private Request(Request like, long warm, long events) {
		way = like.way;
		shape = like.shape;
		wait = like.wait;
		size = like.size;
		slots = like.slots;
		batch = like.batch;
		cpus = like.cpus;
		producers = like.producers;
		this.warm = whole(warm);
		this.events = whole(events);
	}

	Request with(long warm, long events) {
		return new Request(this, warm, events);
	}

	/** Whole batches, and as many from every producer. */
	private long whole(long events) {
		long part = (long)batch * producers;

		return (events + part - 1) / part * part;
	}

	WaitStrategy strategy() {
		switch (wait) {
		case "spin":
			return new BusySpinWaitStrategy();
		case "yield":
			return new YieldingWaitStrategy();
		case "backoff":
			return new SleepingWaitStrategy();
		default:
			return new BlockingWaitStrategy();
		}
	}
}
