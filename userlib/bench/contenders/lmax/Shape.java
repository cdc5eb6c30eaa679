// SPDX-License-Identifier: MIT

import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;

/** Who sends what to whom: rings, producers and consumers, which stay for all runs. */
abstract class Shape {
	final Request request;

	private final Sides sides;
	private List<Consumer<?>> consumers;

	/** What a run came to; {@code trips} is of round trips, or null. */
	static final class Result {
		long events;
		long ns;
		long wrong;
		long[] trips;
	}

	Shape(Request request, int sides) throws Exception {
		this.request = request;
		this.sides = new Sides(sides, request.cpus);
	}

	/** What consumer number {@code nr} does on its thread, up to its last event. */
	abstract Callable<Void> consuming(int nr);

	/** Sends events {@code lo} to {@code hi} of producer number {@code nr}. */
	abstract void produce(int nr, long lo, long hi) throws Exception;

	void consumedBy(List<Consumer<?>> consumers) {
		this.consumers = consumers;
	}

	/** How many events each consumer will see of {@code events}. */
	long counted(long events) {
		return events;
	}

	Result run(Request run) throws Exception {
		int producers = run.producers;
		long[] began = new long[producers];
		CyclicBarrier warmed = new CyclicBarrier(producers);
		Result result = new Result();
		long first = Long.MAX_VALUE;

		startConsumers(run, producers);
		for (int i = 0; i < producers; i++) {
			int nr = i;

			sides.start(nr, () -> {
				long warm = run.warm / producers;

				produce(nr, 0, warm);
				warmed.await();
				began[nr] = System.nanoTime();
				produce(nr, warm, warm + run.events / producers);
				return null;
			});
		}
		result.events = run.events;
		result.ns = awaitConsumers(result);
		for (long time : began)
			first = Math.min(first, time);
		result.ns -= first;
		return result;
	}

	/** On the threads after those of the producers. */
	void startConsumers(Request run, int producers) throws Exception {
		for (int i = 0; i < consumers.size(); i++) {
			consumers.get(i).begin(counted(run.warm + run.events));
			sides.start(producers + i, consuming(i));
			consumers.get(i).awaitStart();
		}
	}

	/** When the last consumer had seen its last event. */
	long awaitConsumers(Result result) throws Exception {
		long last = Long.MIN_VALUE;

		for (Consumer<?> consumer : consumers) {
			last = Math.max(last, consumer.awaitEnd());
			result.wrong |= consumer.wrong;
		}
		sides.join();
		return last;
	}

	static Shape of(Request request) throws Exception {
		switch (request.shape) {
		case "raw":
			return new RawShape(request);
		case "poller":
			return new PollerShape(request);
		case "pipeline":
		case "diamond":
			return new RingShape<>(request, new Slots.Values<>(Slots.Stage::new));
		case "three-to-three":
			return new ThreeToThreeShape(request);
		case "ping-pong":
			return new PingPongShape(request);
		case "copy":
			return request.way.equals("arrays") ?
			       new Copies.OfArrays(request) : new Copies.OfEvents(request);
		default:
			return request.size == 8 ?
			       new RingShape<>(request, Slots.Values.plain()) :
			       new RingShape<>(request, new Slots.Arrays(request.size / 8));
		}
	}
}
