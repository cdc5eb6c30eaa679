// SPDX-License-Identifier: MIT
/*
 * A pipe, as large as the ring if the kernel lets it be.
 */
#include "descriptor.h"

#define MAX_UNPRIVILEGED	(1 << 20)	/* /proc/sys/fs/pipe-max-size */

static int make(struct contest *contest, unsigned int producers, void **queue)
{
	uint64_t bytes = contest->slots * contest->size;
	struct ends *ends = malloc(sizeof(*ends));
	int fds[2];

	(void)producers;
	if (!ends)
		return -ENOMEM;
	if (pipe2(fds, descriptor_waits(contest) ? 0 : O_NONBLOCK)) {
		int err = -errno;

		free(ends);
		return err;
	}
	*ends = (struct ends){ .from = fds[0], .to = fds[1] };
	/* If it is refused so much, it is asked for what it gives to all. */
	if (fcntl(fds[1], F_SETPIPE_SZ, bytes < INT_MAX ? (int)bytes : INT_MAX) < 0)
		fcntl(fds[1], F_SETPIPE_SZ, MAX_UNPRIVILEGED);
	*queue = ends;
	return 0;
}

STREAM_KINDS(stream, make);

#define STREAM(of)		(&stream)
#define STREAM_OF_SEVERAL(of)	(&stream_of_several)

QUEUE_FUNCTIONS(pipe, QUEUE_ANY_SIZE, STREAM, STREAM_OF_SEVERAL)

int main(void)
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("processes", pipe, true),
	};
	static const struct contender contender = {
		.name = "pipe",
		.ways = ways,
		.nr_ways = 1,
	};

	return contender_main(&contender);
}
