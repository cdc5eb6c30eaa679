// SPDX-License-Identifier: MIT

import com.lmax.disruptor.EventFactory;

/** What lies in a slot; as in contender.h. */
abstract class Slots<E> implements EventFactory<E> {
	static long value(int producer, long i) {
		return (long)producer << 56 | i;
	}

	abstract void fill(E event, long value);

	/** The bits that are wrong. */
	abstract long check(E event, long value);

	abstract long first(E event);

	/** LMAX's own, for eight bytes. */
	static class Value {
		long value;
	}

	/** What passes through the stages of a pipeline or a diamond. */
	static final class Stage extends Value {
		long one;
		long two;
		long unused;
	}

	static final class Values<E extends Value> extends Slots<E> {
		private final EventFactory<E> factory;

		Values(EventFactory<E> factory) {
			this.factory = factory;
		}

		static Values<Value> plain() {
			return new Values<>(Value::new);
		}

		@Override
		public E newInstance() {
			return factory.newInstance();
		}

		@Override
		void fill(E event, long value) {
			event.value = value;
		}

		@Override
		long check(E event, long value) {
			return event.value ^ value;
		}

		@Override
		long first(E event) {
			return event.value;
		}
	}

	/** For more: likewise LMAX's. */
	static final class Arrays extends Slots<long[]> {
		private final int length;

		Arrays(int length) {
			this.length = length;
		}

		@Override
		public long[] newInstance() {
			return new long[length];
		}

		@Override
		void fill(long[] words, long value) {
			for (int i = 0; i < words.length; i++)
				words[i] = value + i;
		}

		@Override
		long check(long[] words, long value) {
			long wrong = 0;

			for (int i = 0; i < words.length; i++)
				wrong |= words[i] ^ (value + i);
			return wrong;
		}

		@Override
		long first(long[] words) {
			return words[0];
		}
	}
}
