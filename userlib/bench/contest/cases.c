// SPDX-License-Identifier: MIT
/*
 * The cases: LMAX's topologies under the names of LMAX's tests, the Rust project's
 * batches, and sizes by batches.
 */
#include <string.h>

#include "contest.h"

#define SLOTS		65536	/* as LMAX's tests */
#define QUEUE_BYTES	4194304
#define LMAX_ROUNDS	15
#define MATRIX_ROUNDS	7

/* Waits where every side has a processor, and where they have to share. */
#define EACH	"spin yield block"
#define SHARED	"yield block"

static const struct contest_case named[] = {
	{ .key = "OneToOneRaw", .title = "One to one, sequences alone",
	  .shape = "raw", .waits = EACH, .size = 8, .slots = SLOTS, .batch = 1 },
	{ .key = "OneToOneSequenced", .title = "One to one, single events",
	  .shape = "one-to-one", .waits = "spin yield backoff block", .size = 8,
	  .slots = SLOTS, .batch = 1 },
	{ .key = "OneToOneSequencedBatch", .title = "One to one, batches of 10",
	  .shape = "one-to-one", .waits = EACH, .size = 8, .slots = SLOTS,
	  .batch = 10 },
	{ .key = "OneToOneSequencedPoller", .title = "One to one, polled",
	  .shape = "poller", .waits = "spin yield", .size = 8, .slots = SLOTS,
	  .batch = 1 },
	{ .key = "OneToThreePipelineSequenced",
	  .title = "One to three, one after the other",
	  .shape = "pipeline", .waits = SHARED, .size = 32, .slots = SLOTS,
	  .batch = 1 },
	{ .key = "OneToThreeDiamondSequenced",
	  .title = "One to three, the third after the others",
	  .shape = "diamond", .waits = SHARED, .size = 32, .slots = SLOTS,
	  .batch = 1 },
	{ .key = "OneToThreeSequenced", .title = "One to three, multicast",
	  .shape = "multicast", .waits = SHARED, .size = 8, .slots = SLOTS,
	  .batch = 1 },
	{ .key = "ThreeToOneSequenced", .title = "Three to one, single events",
	  .shape = "three-to-one", .waits = SHARED, .size = 8, .slots = SLOTS,
	  .batch = 1 },
	{ .key = "ThreeToOneSequencedBatch", .title = "Three to one, batches of 64",
	  .shape = "three-to-one", .waits = SHARED, .size = 8, .slots = SLOTS,
	  .batch = 64 },
	{ .key = "ThreeToThreeSequenced",
	  .title = "Three producers with a ring each, one consumer",
	  .shape = "three-to-three", .waits = "yield", .size = 24, .slots = SLOTS,
	  .batch = 1 },
	{ .key = "PingPongSequencedLatency", .title = "Ping-pong",
	  .shape = "ping-pong", .waits = "spin yield block sleep",
	  .kind = CASE_TRIP, .size = 8, .slots = 1024, .batch = 1 },
	{ .key = "BatchesOf2000",
	  .title = "Arrays of 2,000 events of 8 bytes, copied in and out",
	  .shape = "copy", .waits = EACH, .kind = CASE_COPY, .size = 8,
	  .slots = QUEUE_BYTES / 8, .batch = 2000 },
	{ .key = "BatchesOf2000-small",
	  .title = "The same, with a queue that fits into caches",
	  .shape = "copy", .waits = EACH, .kind = CASE_COPY, .size = 8,
	  .slots = SLOTS, .batch = 2000 },
};

#define NR_NAMED	(sizeof(named) / sizeof(named[0]))

/*
 * A queue of QUEUE_BYTES, but no less than two batches.  What fits into the caches
 * that processors have to themselves has to be got out of the other's again: there,
 * everybody is up to three times as slow.
 */
static unsigned int slots_for(unsigned int size, unsigned int batch)
{
	unsigned int slots = QUEUE_BYTES / size;

	while (slots < 2 * batch)
		slots *= 2;
	return slots;
}

static struct contest_case cell(unsigned int size, unsigned int batch,
				unsigned int events)
{
	struct contest_case cell = {
		.shape = "one-to-one",
		.waits = options.whole ? "spin yield backoff block" : "spin",
		.size = size,
		.batch = batch,
		.slots = slots_for(size, batch),
		.events = events,
		.rounds = MATRIX_ROUNDS,
	};

	if (events) {
		snprintf(cell.key, sizeof(cell.key), "Matrix-%ux%u-of-%u", size,
			 batch, events);
		snprintf(cell.title, sizeof(cell.title),
			 "One to one, %u bytes, batches of %u, %u events from cold",
			 size, batch, events);
	} else {
		snprintf(cell.key, sizeof(cell.key), "Matrix-%ux%u", size, batch);
		snprintf(cell.title, sizeof(cell.title),
			 "One to one, %u bytes, batches of %u", size, batch);
	}
	return cell;
}

/* Short streams, and other waits than spinning, where all is asked for (--whole). */
static unsigned int add_matrix(struct contest_case *cases, unsigned int nr)
{
	static const unsigned int sizes[] = { 8, 64, 256, 1024, 4096 };
	static const unsigned int batches[] = { 1, 16, 256, 2000 };
	static const unsigned int events[] = { 0, 2000, 20000 };
	unsigned int i, j, k;

	for (k = 0; k < (options.whole ? 3 : 1); k++) {
		for (i = 0; i < 5; i++) {
			for (j = 0; j < 4; j++)
				cases[nr++] = cell(sizes[i], batches[j],
						   events[k]);
		}
	}
	return nr;
}

unsigned int cases_list(struct contest_case *cases)
{
	unsigned int nr = NR_NAMED, i, kept = 0;

	memcpy(cases, named, sizeof(named));
	for (i = 0; i < nr; i++)
		cases[i].rounds = LMAX_ROUNDS;
	nr = add_matrix(cases, nr);
	for (i = 0; i < nr; i++) {
		if (is_wanted(options.only, cases[i].key))
			cases[kept++] = cases[i];
	}
	return kept;
}
