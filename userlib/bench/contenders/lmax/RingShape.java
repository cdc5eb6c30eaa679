// SPDX-License-Identifier: MIT

import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** One ring, and consumers in the order of the shape. */
class RingShape<E> extends Shape {
	final RingBuffer<E> ring;

	private final Slots<E> slots;
	private final List<BatchEventProcessor<E>> processors = new ArrayList<>();
	private final List<Consumer<?>> consumers = new ArrayList<>();

	RingShape(Request request, Slots<E> slots) throws Exception {
		this(request, slots, request.slots);
		switch (request.shape) {
		case "one-to-one":
			gate(add(new Consumer.OfOne<>(slots)));
			break;
		case "three-to-one":
			gate(add(new Consumer.OfSeveral<>(slots)));
			break;
		case "multicast":
			gate(add(new Consumer.OfOne<>(slots)),
			     add(new Consumer.OfOne<>(slots)),
			     add(new Consumer.OfOne<>(slots)));
			break;
		case "pipeline":
			gate(add(stage(2), add(stage(1), add(stage(0)))));
			break;
		case "diamond":
			gate(add(stage(2), add(stage(0)), add(stage(1))));
			break;
		default:
			throw new IllegalArgumentException(request.shape);
		}
	}

	/** With consumers to come. */
	RingShape(Request request, Slots<E> slots, int length) throws Exception {
		super(request, request.producers + 3);
		this.slots = slots;
		ring = request.producers > 1 ?
		       RingBuffer.createMultiProducer(slots, length, request.strategy()) :
		       RingBuffer.createSingleProducer(slots, length, request.strategy());
		consumedBy(consumers);
	}

	/** Stages handle one type of events only, as the slots of their shapes do. */
	@SuppressWarnings("unchecked")
	private Consumer<E> stage(int nr) {
		return (Consumer<E>)new Consumer.OfStage(request.shape.equals("pipeline"), nr);
	}

	/** A consumer after others, or after the producers. */
	final Sequence add(Consumer<E> consumer, Sequence... after) {
		BatchEventProcessor<E> processor = new BatchEventProcessor<>(
			ring, ring.newBarrier(after), consumer);

		consumer.haltedBy(processor::halt);
		processors.add(processor);
		consumers.add(consumer);
		return processor.getSequence();
	}

	final void gate(Sequence... last) {
		ring.addGatingSequences(last);
	}

	@Override
	Callable<Void> consuming(int nr) {
		return () -> {
			processors.get(nr).run();
			return null;
		};
	}

	@Override
	void produce(int nr, long lo, long hi) {
		produce(ring, slots, request.batch, nr, lo, hi);
	}

	static <E> void produce(RingBuffer<E> ring, Slots<E> slots, int batch, int nr,
				long lo, long hi) {
		if (batch == 1)
			produceEach(ring, slots, nr, lo, hi);
		else
			produceBatches(ring, slots, batch, nr, lo, hi);
	}

	private static <E> void produceEach(RingBuffer<E> ring, Slots<E> slots, int nr,
					    long lo, long hi) {
		for (long i = lo; i < hi; i++) {
			long sequence = ring.next();

			slots.fill(ring.get(sequence), Slots.value(nr, i));
			ring.publish(sequence);
		}
	}

	private static <E> void produceBatches(RingBuffer<E> ring, Slots<E> slots,
					       int batch, int nr, long lo, long hi) {
		for (long i = lo; i < hi; i += batch) {
			long last = ring.next(batch);
			long first = last - (batch - 1);

			for (long sequence = first; sequence <= last; sequence++)
				slots.fill(ring.get(sequence),
					   Slots.value(nr, i + sequence - first));
			ring.publish(first, last);
		}
	}
}
