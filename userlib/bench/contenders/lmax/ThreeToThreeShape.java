// SPDX-License-Identifier: MIT

import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** A ring of each producer; one consumer goes around, as that of LMAX's test. */
final class ThreeToThreeShape extends Shape {
	private static final int NR = 3;

	private final Slots<long[]> slots;
	private final List<RingBuffer<long[]>> rings = new ArrayList<>();
	private final SequenceBarrier[] barriers = new SequenceBarrier[NR];
	private final Sequence[] sequences = new Sequence[NR];
	private final Consumer<long[]> consumer;

	ThreeToThreeShape(Request request) throws Exception {
		super(request, NR + 1);
		slots = new Slots.Arrays(request.size / 8);
		consumer = new Consumer.OfSeveral<>(slots);
		for (int i = 0; i < NR; i++) {
			RingBuffer<long[]> ring = RingBuffer.createSingleProducer(
				slots, request.slots, request.strategy());

			barriers[i] = ring.newBarrier();
			sequences[i] = new Sequence(-1);
			ring.addGatingSequences(sequences[i]);
			rings.add(ring);
		}
		consumedBy(List.of(consumer));
	}

	/** All that is in a ring; it is not waited for. */
	private void takeFrom(int nr) throws Exception {
		RingBuffer<long[]> ring = rings.get(nr);
		long available = barriers[nr].waitFor(-1);
		long next = sequences[nr].get() + 1;

		for (long sequence = next; sequence <= available; sequence++)
			consumer.onEvent(ring.get(sequence), sequence,
					 sequence == available);
		if (available >= next)
			sequences[nr].set(available);
	}

	@Override
	Callable<Void> consuming(int nr) {
		return () -> {
			consumer.onStart();
			while (consumer.next < consumer.total) {
				for (int i = 0; i < NR; i++)
					takeFrom(i);
				Thread.yield();
			}
			return null;
		};
	}

	@Override
	void produce(int nr, long lo, long hi) {
		RingShape.produce(rings.get(nr), slots, request.batch, nr, lo, hi);
	}
}
