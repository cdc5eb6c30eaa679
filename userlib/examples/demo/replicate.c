// SPDX-License-Identifier: MIT
/*
 * replicate RING SOCKET - send the lines to a replica, and let go of them when it
 * has them.
 *
 * May be killed at any time, and started again: the replica knows what it has.
 */
#include <err.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

#define CONNECT_NS	10000000000ULL	/* how long the replica may take to start */

static int connect_to(const char *path)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint64_t end = disruptor_now_ns() + CONNECT_NS;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	if (strlen(path) >= sizeof(address.sun_path))
		errx(1, "%s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	while (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		if ((errno != ENOENT && errno != ECONNREFUSED) ||
		    disruptor_now_ns() > end)
			err(1, "%s", path);
		nanosleep(&pause, NULL);
	}
	return fd;
}

/* Until the replica has it all. */
static void send_packet(int fd, uint64_t offset, const char *text, size_t length)
{
	struct packet packet = { .offset = offset, .length = length };
	uint64_t has;

	write_all(fd, &packet, sizeof(packet));
	write_all(fd, text, length);
	if (!read_all(fd, &has, sizeof(has)) || has < offset + length)
		errx(1, "the replica is gone");
}

int main(int argc, char **argv)
{
	static char text[PACKET_MAX];
	struct disruptor_range range;
	uint64_t offset = 0;
	struct stage stage;
	size_t length;
	int fd;

	if (argc != 3)
		errx(2, "usage: replicate RING SOCKET");
	fd = connect_to(argv[2]);
	stage_attach(&stage, argv[1], "replicate");

	while (stage_wait(&stage, &range)) {
		offset = stage_line(&stage, range.lo)->offset;
		length = stage_text(&stage, &range, text);
		send_packet(fd, offset, text, length);
		stage_release(&stage, &range);
		offset += length;
	}
	send_packet(fd, offset, text, 0);
	stage_end(&stage);
	return 0;
}
