// SPDX-License-Identifier: MIT

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Answers requests of one kind: for figures when all has been compiled.  On trial, the
 * first one is answered as it is; whoever asks again wants figures.
 */
final class Runner {
	/** A run takes a second at the most; this long, and it hangs. */
	private static final int RUN_SECONDS = 60;

	private static final long WARM_NS = 1_000_000_000L;
	private static final long PASS_NS = 50_000_000L;
	private static final int PASSES = 8;

	private static final CompilationMXBean compilation =
		ManagementFactory.getCompilationMXBean();

	private static final ExecutorService watched =
		Executors.newSingleThreadExecutor();

	private static Shape.Result run(Shape shape, Request request) throws Exception {
		Future<Shape.Result> result = watched.submit(() -> shape.run(request));

		return result.get(RUN_SECONDS, TimeUnit.SECONDS);
	}

	/**
	 * Until nothing was compiled during a pass.  Between passes the compiler is given
	 * time: at a real-time priority it has none while threads spin.
	 */
	private static void warmUp(Shape shape, Request request) throws Exception {
		long began = System.nanoTime();
		long events = 20000;
		long compiled = -1;

		for (int pass = 0; ; pass++) {
			Shape.Result result = run(shape, request.with(0, events));

			Thread.sleep(40);
			if (result.ns < PASS_NS)
				events = 2 * result.events;
			if (pass >= PASSES && System.nanoTime() - began > WARM_NS &&
			    compilation.getTotalCompilationTime() == compiled)
				break;
			compiled = compilation.getTotalCompilationTime();
		}
	}

	private static String quantiles(long[] trips) {
		StringBuilder words = new StringBuilder();
		double[] quantiles = { 50, 90, 99, 99.9, 99.99 };

		Arrays.sort(trips);
		for (double quantile : quantiles) {
			int at = (int)Math.ceil(quantile / 100 * trips.length) - 1;

			words.append(" p").append(quantile % 1 == 0 ?
						  String.valueOf((int)quantile) :
						  String.valueOf(quantile))
			     .append('=').append(trips[at]);
		}
		return words.append(" max=").append(trips[trips.length - 1]).toString();
	}

	private static String answer(Shape shape, Request request) throws Exception {
		Shape.Result result = run(shape, request);

		if (result.wrong != 0)
			return "void what came is not what was sent: " +
			       Long.toHexString(result.wrong);
		return "ok events=" + result.events + " ns=" + result.ns +
		       (result.trips == null ? "" : quantiles(result.trips));
	}

	public static void main(String[] arguments) throws Exception {
		BufferedReader requests = new BufferedReader(
			new InputStreamReader(System.in));
		Shape shape = null;
		boolean trial = arguments[0].equals("trial");
		boolean warm = false;
		String line;

		try {
			while ((line = requests.readLine()) != null) {
				Request request = new Request(line);

				if (shape == null)
					shape = Shape.of(request);
				if (!trial && !warm) {
					warmUp(shape, request);
					warm = true;
				}
				trial = false;
				System.out.println(answer(shape, request));
			}
		} catch (Exception why) {
			System.out.println("void " + why);
		}
		/* Threads that hang would keep it alive. */
		Runtime.getRuntime().halt(0);
	}
}
