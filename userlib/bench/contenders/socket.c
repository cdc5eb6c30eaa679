// SPDX-License-Identifier: MIT
/*
 * Unix sockets: a stream, and packets of an event each, many of which go in one call
 * where they are sent as a batch.
 */
#include <sys/socket.h>

#include "descriptor.h"

#define MAX_PACKETS	256	/* in a call */
#define PACKET_BYTES	1024	/* what the kernel counts for one, beside its bytes */

static int make_pair(struct contest *contest, int type, void **queue)
{
	uint64_t bytes = contest->slots * (contest->size + PACKET_BYTES);
	int limit = bytes < INT_MAX / 2 ? (int)bytes : INT_MAX / 2, fds[2];
	struct ends *ends = malloc(sizeof(*ends));

	if (!ends)
		return -ENOMEM;
	if (!descriptor_waits(contest))
		type |= SOCK_NONBLOCK;
	if (socketpair(AF_UNIX, type, 0, fds)) {
		int err = -errno;

		free(ends);
		return err;
	}
	*ends = (struct ends){ .from = fds[0], .to = fds[1] };
	/* Who may not have so much is given what anybody may have. */
	if (setsockopt(fds[1], SOL_SOCKET, SO_SNDBUFFORCE, &limit, sizeof(limit)))
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &limit, sizeof(limit));
	*queue = ends;
	return 0;
}

static int make_stream(struct contest *contest, unsigned int producers, void **queue)
{
	(void)producers;
	return make_pair(contest, SOCK_STREAM, queue);
}

static int make_packets(struct contest *contest, unsigned int producers, void **queue)
{
	(void)producers;
	return make_pair(contest, SOCK_SEQPACKET, queue);
}

/* ---- packets ------------------------------------------------------------------------ */

struct packets {
	struct mmsghdr headers[MAX_PACKETS];
	struct iovec parts[MAX_PACKETS];
};

static struct mmsghdr *packets_of(void *events, uint64_t size, unsigned int n)
{
	static __thread struct packets packets;
	unsigned int i;

	for (i = 0; i < n; i++) {
		packets.parts[i].iov_base = (char *)events + i * size;
		packets.parts[i].iov_len = size;
		packets.headers[i].msg_hdr.msg_iov = &packets.parts[i];
		packets.headers[i].msg_hdr.msg_iovlen = 1;
	}
	return packets.headers;
}

static uint64_t write_packets(void *queue, uint64_t size, const void *events, uint64_t n)
{
	const struct ends *ends = queue;

	if (n == 1)
		return descriptor_done("send", send(ends->to, events, size, 0)) == size;
	n = n < MAX_PACKETS ? n : MAX_PACKETS;
	return descriptor_done("sendmmsg",
			       sendmmsg(ends->to, packets_of((void *)events, size, n),
					n, 0));
}

static uint64_t read_packets(void *queue, uint64_t size, void *events, uint64_t n)
{
	const struct ends *ends = queue;

	if (!n)
		return 0;
	if (n == 1)
		return descriptor_done("recv", recv(ends->from, events, size, 0)) == size;
	n = n < MAX_PACKETS ? n : MAX_PACKETS;
	return descriptor_done("recvmmsg",
			       recvmmsg(ends->from, packets_of(events, size, n), n,
					MSG_WAITFORONE, NULL));
}

/* ---- the contender -------------------------------------------------------------------- */

STREAM_KINDS(stream, make_stream);

static const struct queue_kind packets = {
	.blocks = true,
	.several = true,
	.make = make_packets,
	.drop = ends_drop,
	.write = write_packets,
	.read = read_packets,
};

#define STREAM(of)		(&stream)
#define STREAM_OF_SEVERAL(of)	(&stream_of_several)
#define PACKETS(of)		(&packets)

QUEUE_FUNCTIONS(stream, QUEUE_ANY_SIZE, STREAM, STREAM_OF_SEVERAL)
QUEUE_FUNCTIONS(packets, QUEUE_ANY_SIZE, PACKETS, PACKETS)

int main(void)
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("stream", stream, true),
		QUEUE_WAY("seqpacket", packets, true),
	};
	static const struct contender contender = {
		.name = "socket",
		.ways = ways,
		.nr_ways = 2,
	};

	return contender_main(&contender);
}
