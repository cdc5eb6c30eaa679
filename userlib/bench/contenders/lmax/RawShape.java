// SPDX-License-Identifier: MIT

import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import com.lmax.disruptor.Sequencer;
import com.lmax.disruptor.SingleProducerSequencer;
import java.util.List;
import java.util.concurrent.Callable;

/** Sequences alone. */
final class RawShape extends Shape {
	private final Sequencer sequencer;
	private final SequenceBarrier barrier;
	private final Sequence sequence = new Sequence(-1);
	private final Counter counter = new Counter();

	/** It is given no events; what counts is below. */
	private static final class Counter extends Consumer<Object> {
		@Override
		public void onEvent(Object event, long sequence, boolean endOfBatch) {
		}
	}

	RawShape(Request request) throws Exception {
		super(request, 2);
		sequencer = new SingleProducerSequencer(request.slots, request.strategy());
		barrier = sequencer.newBarrier();
		sequencer.addGatingSequences(sequence);
		consumedBy(List.of(counter));
	}

	@Override
	Callable<Void> consuming(int nr) {
		return () -> {
			long last = sequence.get() + counter.total;
			long available;

			counter.onStart();
			do {
				available = barrier.waitFor(sequence.get() + 1);
				sequence.set(available);
			} while (available < last);
			counter.wrong = available - last;
			counter.end();
			return null;
		};
	}

	@Override
	void produce(int nr, long lo, long hi) {
		int batch = request.batch;

		for (long i = lo; i < hi; i += batch) {
			long next = sequencer.next(batch);

			sequencer.publish(next - (batch - 1), next);
		}
	}
}
