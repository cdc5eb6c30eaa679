// SPDX-License-Identifier: MIT

import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.RingBuffer;
import java.util.List;
import java.util.concurrent.Callable;

/** A number there in one ring, and back in another. */
final class PingPongShape extends Shape {
	private final BatchEventProcessor<Slots.Value> ponging;
	private final BatchEventProcessor<Slots.Value> pinging;
	private final Pinger pinger;

	private static void send(RingBuffer<Slots.Value> ring, long value) {
		long sequence = ring.next();

		ring.get(sequence).value = value;
		ring.publish(sequence);
	}

	private static final class Ponger extends Consumer<Slots.Value> {
		private final RingBuffer<Slots.Value> to;

		Ponger(RingBuffer<Slots.Value> to) {
			this.to = to;
		}

		@Override
		public void onEvent(Slots.Value event, long sequence, boolean endOfBatch) {
			wrong |= event.value ^ next;
			send(to, event.value);
			seen();
		}
	}

	private static final class Pinger extends Consumer<Slots.Value> {
		private final RingBuffer<Slots.Value> to;
		private long warm;
		private long[] trips;
		private long sent;
		private long began;

		Pinger(RingBuffer<Slots.Value> to) {
			this.to = to;
		}

		private void serve(long value) {
			sent = System.nanoTime();
			if (value == warm)
				began = sent;
			send(to, value);
		}

		@Override
		public void onStart() {
			super.onStart();
			serve(0);
		}

		@Override
		public void onEvent(Slots.Value event, long sequence, boolean endOfBatch) {
			if (next >= warm)
				trips[(int)(next - warm)] = System.nanoTime() - sent;
			wrong |= event.value ^ next;
			if (next + 1 < total)
				serve(next + 1);
			seen();
		}
	}

	PingPongShape(Request request) throws Exception {
		super(request, 2);
		RingBuffer<Slots.Value> ping = ring(request);
		RingBuffer<Slots.Value> pong = ring(request);
		Ponger ponger = new Ponger(pong);

		pinger = new Pinger(ping);
		ponging = new BatchEventProcessor<>(ping, ping.newBarrier(), ponger);
		pinging = new BatchEventProcessor<>(pong, pong.newBarrier(), pinger);
		ping.addGatingSequences(ponging.getSequence());
		pong.addGatingSequences(pinging.getSequence());
		ponger.haltedBy(ponging::halt);
		pinger.haltedBy(pinging::halt);
		/* Who serves comes last, when the other is there. */
		consumedBy(List.of(ponger, pinger));
	}

	private static RingBuffer<Slots.Value> ring(Request request) {
		return RingBuffer.createSingleProducer(Slots.Values.plain(), request.slots,
						       request.strategy());
	}

	@Override
	Callable<Void> consuming(int nr) {
		return () -> {
			(nr == 0 ? ponging : pinging).run();
			return null;
		};
	}

	@Override
	void produce(int nr, long lo, long hi) {
		throw new UnsupportedOperationException();
	}

	@Override
	Result run(Request run) throws Exception {
		Result result = new Result();

		pinger.warm = run.warm;
		pinger.trips = new long[(int)run.events];
		startConsumers(run, 0);
		result.events = run.events;
		result.ns = awaitConsumers(result) - pinger.began;
		result.trips = pinger.trips;
		return result;
	}
}
