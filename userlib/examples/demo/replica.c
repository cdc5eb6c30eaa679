// SPDX-License-Identifier: MIT
/*
 * replica SOCKET FILE - write what replicate sends.  Knows nothing of rings.
 */
#include <err.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "packet.h"

static int listen_on(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		errx(1, "%s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 1))
		err(1, "%s", path);
	return fd;
}

/* Serve one sender.  True: that was all; false: it died, another may come. */
static bool receive(int fd, struct copy *copy)
{
	static char bytes[PACKET_MAX];
	struct packet packet;

	while (read_all(fd, &packet, sizeof(packet))) {
		if (packet.length > sizeof(bytes))
			errx(1, "a packet of %" PRIu64 " bytes", packet.length);
		if (!read_all(fd, bytes, packet.length))
			return false;
		copy_add(copy, packet.offset, bytes, packet.length);
		if (send(fd, &copy->size, sizeof(copy->size), MSG_NOSIGNAL) < 0)
			return false;
		if (!packet.length)
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct copy copy;
	bool all = false;
	int fd, sender;

	if (argc != 3)
		errx(2, "usage: replica SOCKET FILE");
	copy_open(&copy, argv[2]);
	fd = listen_on(argv[1]);
	while (!all) {
		sender = accept(fd, NULL, NULL);
		if (sender < 0)
			err(1, "accept");
		all = receive(sender, &copy);
		close(sender);
	}
	copy_sync(&copy);
	return 0;
}
