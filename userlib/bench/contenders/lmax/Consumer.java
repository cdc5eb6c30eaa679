// SPDX-License-Identifier: MIT

import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.LifecycleAware;
import java.util.concurrent.CountDownLatch;

/** Keeps what a consumer writes on lines of its own. */
class Padding {
	long p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, p15, p16;
}

/** What every consumer counts. */
class Tally extends Padding {
	long next;	/* events that it has seen */
	long wrong;	/* bits that were not as they should have been */
	long total;	/* events that will come */
}

/** A consumer in a run. */
abstract class Consumer<E> extends Tally implements EventHandler<E>, LifecycleAware {
	long q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11, q12, q13, q14, q15, q16;

	private long ended;
	private CountDownLatch started;
	private CountDownLatch done;
	private Runnable halt = () -> { };

	/**
	 * What ends it after its last event, on its own thread: at a real-time priority,
	 * nobody else may get a processor as long as all of them spin.
	 */
	void haltedBy(Runnable halt) {
		this.halt = halt;
	}

	void begin(long total) {
		this.total = total;
		next = 0;
		wrong = 0;
		started = new CountDownLatch(1);
		done = new CountDownLatch(1);
	}

	/** Called by whoever runs it. */
	@Override
	public void onStart() {
		started.countDown();
	}

	@Override
	public void onShutdown() {
	}

	/** Every event, at the end of its handling. */
	final void seen() {
		if (++next == total)
			end();
	}

	final void end() {
		ended = System.nanoTime();
		halt.run();
		done.countDown();
	}

	void awaitStart() throws InterruptedException {
		started.await();
	}

	/** When it saw the last. */
	long awaitEnd() throws InterruptedException {
		done.await();
		return ended;
	}

	/** All from one producer. */
	static final class OfOne<E> extends Consumer<E> {
		private final Slots<E> slots;

		OfOne(Slots<E> slots) {
			this.slots = slots;
		}

		@Override
		public void onEvent(E event, long sequence, boolean endOfBatch) {
			wrong |= slots.check(event, next);
			seen();
		}
	}

	/** From several: the order of each is its own. */
	static final class OfSeveral<E> extends Consumer<E> {
		private final Slots<E> slots;
		private final long[] seen = new long[3];

		OfSeveral(Slots<E> slots) {
			this.slots = slots;
		}

		@Override
		void begin(long total) {
			super.begin(total);
			java.util.Arrays.fill(seen, 0);
		}

		@Override
		public void onEvent(E event, long sequence, boolean endOfBatch) {
			int producer = (int)(slots.first(event) >>> 56);

			wrong |= slots.check(event, Slots.value(producer, seen[producer]++));
			seen();
		}
	}

	/** One of three: as contest_stage() in contender.h. */
	static final class OfStage extends Consumer<Slots.Stage> {
		private final boolean pipeline;
		private final int nr;

		OfStage(boolean pipeline, int nr) {
			this.pipeline = pipeline;
			this.nr = nr;
		}

		@Override
		public void onEvent(Slots.Stage event, long sequence, boolean endOfBatch) {
			switch (nr) {
			case 0:
				event.one = event.value + 1;
				wrong |= event.value ^ next;
				break;
			case 1:
				event.two = (pipeline ? event.one : event.value) + 2;
				wrong |= event.value ^ next;
				break;
			default:
				wrong |= (event.one ^ (next + 1)) |
					 (event.two ^ (next + (pipeline ? 3 : 2)));
			}
			seen();
		}
	}
}
