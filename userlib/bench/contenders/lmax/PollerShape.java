// SPDX-License-Identifier: MIT

import com.lmax.disruptor.EventPoller;
import java.util.List;
import java.util.concurrent.Callable;

/** One to one, taken by polling. */
final class PollerShape extends RingShape<Slots.Value> {
	private final EventPoller<Slots.Value> poller;
	private final Consumer<Slots.Value> consumer;

	PollerShape(Request request) throws Exception {
		super(request, Slots.Values.plain(), request.slots);
		consumer = new Consumer.OfOne<>(Slots.Values.plain());
		poller = ring.newPoller();
		gate(poller.getSequence());
		consumedBy(List.of(consumer));
	}

	@Override
	Callable<Void> consuming(int nr) {
		boolean yields = request.wait.equals("yield");
		EventPoller.Handler<Slots.Value> handler = (event, sequence, endOfBatch) -> {
			consumer.onEvent(event, sequence, endOfBatch);
			return true;
		};

		return () -> {
			int looks = 0;

			consumer.onStart();
			while (consumer.next < consumer.total) {
				if (poller.poll(handler) == EventPoller.PollState.PROCESSING)
					looks = 0;
				else if (++looks < 100 || !yields)
					Thread.onSpinWait();
				else
					Thread.yield();
			}
			return null;
		};
	}
}
