// SPDX-License-Identifier: MIT
/*
 * receiver RING FILE - publish the lines of a file.
 *
 * May be killed at any time, and started again.  Where it was, the ring knows:
 * the last event published says which bytes of the file it holds.
 */
#include <err.h>
#include <inttypes.h>
#include <stdlib.h>

#include <disruptor.h>

#include "line.h"

static void check(int error, const char *what)
{
	if (error)
		errx(1, "%s: %s", what, strerror(-error));
}

static struct disruptor_producer *attach(const char *name)
{
	struct disruptor_producer *producer;
	struct disruptor_ring *ring;

	check(disruptor_open(&ring, name, DISRUPTOR_ACCESS_WRITE), name);
	check(disruptor_producer_attach(&producer, ring), "producer");
	disruptor_close(ring);
	return producer;
}

/* The first byte of the file that the events before @seq do not have. */
static uint64_t go_on(const struct disruptor_producer *producer, uint64_t seq)
{
	const struct line *last;
	uint64_t offset;

	if (!seq)
		return 0;
	last = disruptor_producer_slot(producer, seq - 1);
	offset = last->offset + last->length;
	warnx("goes on at event %" PRIu64 "; the one before it says: byte %" PRIu64 " of the file",
	      seq, offset);
	return offset;
}

int main(int argc, char **argv)
{
	struct disruptor_producer *producer;
	struct line *line;
	uint64_t seq, offset;
	FILE *in;

	if (argc != 3)
		errx(2, "usage: receiver RING FILE");
	in = fopen(argv[2], "re");
	if (!in)
		err(1, "%s", argv[2]);
	producer = attach(argv[1]);

	check(disruptor_claim(producer, 1, &seq), "claim");
	offset = go_on(producer, seq);
	if (fseeko(in, offset, SEEK_SET))
		err(1, "%s", argv[2]);

	for (;;) {
		line = disruptor_producer_slot(producer, seq);
		if (!line_read(in, line))
			break;
		line->offset = offset;
		offset += line->length;
		disruptor_publish(producer, seq, seq + 1);
		check(disruptor_claim(producer, 1, &seq), "claim");
	}
	if (ferror(in))
		err(1, "%s", argv[2]);
	disruptor_producer_end(producer);
	return 0;
}
