// SPDX-License-Identifier: MIT

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that stay, each on its processor. */
final class Sides {
	private final List<ExecutorService> threads = new ArrayList<>();
	private final List<Future<?>> running = new ArrayList<>();

	Sides(int nr, String[] cpus) throws Exception {
		for (int i = 0; i < nr; i++) {
			String cpu = cpus[i % cpus.length];
			ExecutorService thread = Executors.newSingleThreadExecutor();

			thread.submit(() -> pin(cpu)).get();
			threads.add(thread);
		}
	}

	/** Java cannot, so it is done to the thread from outside. */
	private static Void pin(String cpu) throws IOException, InterruptedException {
		String thread = new File("/proc/thread-self").getCanonicalFile().getName();
		Process taskset = new ProcessBuilder("taskset", "-cp", cpu, thread)
			.redirectOutput(ProcessBuilder.Redirect.DISCARD)
			.redirectError(ProcessBuilder.Redirect.INHERIT).start();

		if (taskset.waitFor() != 0)
			throw new IOException("cannot run on processor " + cpu);
		return null;
	}

	void start(int side, Callable<Void> work) {
		running.add(threads.get(side).submit(work));
	}

	/** Until all have ended that were started. */
	void join() throws InterruptedException, ExecutionException {
		for (Future<?> work : running)
			work.get();
		running.clear();
	}
}
