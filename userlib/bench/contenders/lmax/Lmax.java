// SPDX-License-Identifier: MIT

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The LMAX Disruptor as a contender: hands every request to a virtual machine that has
 * seen nothing but its kind.  LMAX runs each of its tests in one of its own, too: code
 * that has been compiled for two kinds of events or waits is slower for both.
 */
final class Lmax {
	/** As many as are asked by turns. */
	private static final int MACHINES = 8;

	private static final List<String> FLAGS = List.of(
		"-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData");

	/** A machine that runs one kind of requests. */
	private static final class Machine {
		private final Process process;
		private final PrintStream requests;
		private final BufferedReader answers;

		/**
		 * One that is asked for figures at once, or one that is tried first.
		 *
		 * Where threads share processors, it has no real-time priority: a producer
		 * that finds no room parks for a nanosecond, which is over at once, and
		 * would never let the consumer beside it run.
		 */
		Machine(Request request, boolean forFigures) throws IOException {
			List<String> command = new ArrayList<>();

			if (request.threads() > request.cpus.length)
				command.addAll(List.of("chrt", "--other", "0"));
			command.add(System.getProperty("java.home") + "/bin/java");
			command.addAll(FLAGS);
			command.addAll(List.of("-cp", System.getProperty("java.class.path"),
					       "Runner", forFigures ? "figures" : "trial"));
			process = new ProcessBuilder(command)
				.redirectError(ProcessBuilder.Redirect.INHERIT).start();
			requests = new PrintStream(process.getOutputStream(), true);
			answers = new BufferedReader(
				new InputStreamReader(process.getInputStream()));
		}

		String ask(String request) throws IOException {
			requests.println(request);
			return answers.readLine();
		}

		void end() {
			process.destroyForcibly();
		}
	}

	private static final Map<String, Machine> machines =
		new LinkedHashMap<>(16, 0.75f, true) {
			@Override
			protected boolean removeEldestEntry(Map.Entry<String, Machine> eldest) {
				if (size() <= MACHINES)
					return false;
				eldest.getValue().end();
				return true;
			}
		};

	/** All that were ever asked for. */
	private static final Set<String> kinds = new HashSet<>();

	private static String answer(String line) throws IOException {
		Request request = new Request(line);
		Machine machine = machines.get(request.kind());
		String answer;

		if (request.way.equals("arrays") && !request.shape.equals("copy"))
			return "unsupported arrays in slots are for arrays that are copied";
		if (machine == null) {
			machine = new Machine(request, !kinds.add(request.kind()));
			machines.put(request.kind(), machine);
		}
		answer = machine.ask(line);
		if (answer == null || answer.startsWith("void")) {
			machines.remove(request.kind());
			machine.end();
		}
		return answer == null ? "void the virtual machine has died" : answer;
	}

	/** Of the jar: nothing in it tells, but its link does. */
	private static String version() {
		File[] jars = new File("/usr/share/java").listFiles((directory, name) ->
			name.matches("disruptor-[0-9.]+\\.jar"));

		if (jars == null || jars.length != 1)
			return "-";
		return jars[0].getName().replaceAll("disruptor-|\\.jar", "");
	}

	private static String describe() {
		return "contender name=lmax version=" + version() + " ways=events,arrays";
	}

	public static void main(String[] arguments) throws IOException {
		BufferedReader requests = new BufferedReader(
			new InputStreamReader(System.in));
		String line;

		while ((line = requests.readLine()) != null) {
			try {
				System.out.println(line.equals("describe") ?
						   describe() : answer(line));
			} catch (IllegalArgumentException wrong) {
				System.out.println("void " + wrong.getMessage());
			}
			System.out.flush();
		}
		machines.values().forEach(Machine::end);
	}
}
