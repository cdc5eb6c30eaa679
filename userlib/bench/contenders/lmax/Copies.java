// SPDX-License-Identifier: MIT

/** Arrays that are copied in and out, marked and looked at as in contender.c. */
final class Copies {
	private final long[] array;
	private final int period;

	private Copies(int length) {
		array = new long[length];
		period = length - 2;
	}

	private int between(long nr) {
		return 1 + (int)(nr % period);
	}

	private void mark(long nr) {
		array[0] = nr + 1;
		array[array.length - 1] = nr + 1;
		array[between(nr)] = nr + 1;
	}

	/** The bits that are wrong, in all of it if it is the last. */
	private long look(long nr, boolean last) {
		long wrong = (array[0] ^ (nr + 1)) | (array[array.length - 1] ^ (nr + 1)) |
			     (array[between(nr)] ^ (nr + 1));

		for (long i = Math.max(0, nr - period + 1); last && i <= nr; i++)
			wrong |= array[between(i)] ^ (i + 1);
		return wrong;
	}

	/** Event by event. */
	static final class OfEvents extends RingShape<Slots.Value> {
		private final Copies from;

		private static final class Copier extends Consumer<Slots.Value> {
			private final Copies to;
			private int filled;
			private long nr;

			Copier(int length) {
				to = new Copies(length);
			}

			@Override
			void begin(long total) {
				super.begin(total);
				nr = 0;
			}

			@Override
			public void onEvent(Slots.Value event, long sequence, boolean endOfBatch) {
				to.array[filled++] = event.value;
				if (filled == to.array.length) {
					filled = 0;
					wrong |= to.look(nr++, next + 1 == total);
				}
				seen();
			}
		}

		OfEvents(Request request) throws Exception {
			super(request, Slots.Values.plain(), request.slots);
			from = new Copies(request.batch);
			gate(add(new Copier(request.batch)));
		}

		@Override
		void produce(int producer, long lo, long hi) {
			long[] array = from.array;

			for (long nr = lo / array.length; nr < hi / array.length; nr++) {
				from.mark(nr);

				long last = ring.next(array.length);
				long first = last - (array.length - 1);

				for (int i = 0; i < array.length; i++)
					ring.get(first + i).value = array[i];
				ring.publish(first, last);
			}
		}
	}

	/** With an array in every slot, and slots for as many events. */
	static final class OfArrays extends RingShape<long[]> {
		private final Copies from;

		private static final class Copier extends Consumer<long[]> {
			private final Copies to;

			Copier(int length) {
				to = new Copies(length);
			}

			@Override
			public void onEvent(long[] event, long sequence, boolean endOfBatch) {
				System.arraycopy(event, 0, to.array, 0, event.length);
				wrong |= to.look(next, next + 1 == total);
				seen();
			}
		}

		OfArrays(Request request) throws Exception {
			super(request, new Slots.Arrays(request.batch),
			      Math.max(2, Integer.highestOneBit(request.slots / request.batch)));
			from = new Copies(request.batch);
			gate(add(new Copier(request.batch)));
		}

		@Override
		long counted(long events) {
			return events / request.batch;
		}

		@Override
		void produce(int producer, long lo, long hi) {
			long[] array = from.array;

			for (long nr = lo / array.length; nr < hi / array.length; nr++) {
				from.mark(nr);

				long sequence = ring.next();

				System.arraycopy(array, 0, ring.get(sequence), 0, array.length);
				ring.publish(sequence);
			}
		}
	}
}
