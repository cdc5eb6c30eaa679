// SPDX-License-Identifier: MIT
/*
 * A POSIX message queue, of as many messages as the kernel lets it have: ten, unless
 * who runs this may have more.
 */
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "descriptor.h"

/* Opened and at once without a name. */
static mqd_t open_unnamed(const struct contest *contest, long messages)
{
	struct mq_attr attr = { .mq_maxmsg = messages, .mq_msgsize = contest->size };
	int flags = O_RDWR | O_CREAT | O_EXCL;
	char name[64];
	mqd_t queue;

	if (!descriptor_waits(contest))
		flags |= O_NONBLOCK;
	snprintf(name, sizeof(name), "/disruptor-bench-%d", getpid());
	queue = mq_open(name, flags, 0600, &attr);
	if (queue != (mqd_t)-1)
		mq_unlink(name);
	return queue;
}

static int make(struct contest *contest, unsigned int producers, void **out)
{
	static const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	long messages = contest->slots;
	mqd_t queue;

	(void)producers;
	setrlimit(RLIMIT_MSGQUEUE, &all);
	do {
		queue = open_unnamed(contest, messages);
		messages = messages > 16 && messages < 32 ? 10 : messages / 2;
	} while (queue == (mqd_t)-1 && messages &&
		 (errno == EINVAL || errno == EMFILE || errno == ENOMEM));
	if (queue == (mqd_t)-1)
		return contest_refuse(contest, "mq_open: %s", strerror(errno));
	*out = (void *)(intptr_t)queue;
	return 0;
}

static void drop(struct contest *contest, void *queue)
{
	(void)contest;
	mq_close((mqd_t)(intptr_t)queue);
}

static uint64_t write_message(void *queue, uint64_t size, const void *events, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++) {
		int err = mq_send((mqd_t)(intptr_t)queue,
				  (const char *)events + i * size, size, 0);

		if (!descriptor_done("mq_send", err ? -1 : 1))
			break;
	}
	return i;
}

static uint64_t read_message(void *queue, uint64_t size, void *events, uint64_t n)
{
	return n && descriptor_done("mq_receive",
				    mq_receive((mqd_t)(intptr_t)queue, events, size,
					       NULL));
}

static const struct queue_kind messages = {
	.blocks = true,
	.several = true,
	.make = make,
	.drop = drop,
	.write = write_message,
	.read = read_message,
};

#define MESSAGES(of)	(&messages)

QUEUE_FUNCTIONS(mqueue, QUEUE_ANY_SIZE, MESSAGES, MESSAGES)

int main(void)
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("processes", mqueue, true),
	};
	static const struct contender contender = {
		.name = "mqueue",
		.ways = ways,
		.nr_ways = 1,
	};

	return contender_main(&contender);
}
