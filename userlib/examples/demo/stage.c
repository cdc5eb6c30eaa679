// SPDX-License-Identifier: MIT
/*
 * What the demo's consumers share.
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stage.h"

void stage_attach(struct stage *stage, const char *name_of_ring,
		  const char *name)
{
	struct disruptor_ring *ring;
	int error;

	*stage = (struct stage){ 0 };
	error = disruptor_open(&ring, name_of_ring, DISRUPTOR_ACCESS_READ);
	if (error)
		errx(1, "%s: %s", name_of_ring, strerror(-error));
	error = disruptor_consumer_attach(&stage->consumer, ring, name);
	if (error)
		errx(1, "%s of %s: %s", name, name_of_ring, strerror(-error));
	disruptor_close(ring);
}

bool stage_wait(struct stage *stage, struct disruptor_range *range)
{
	int error = disruptor_wait(stage->consumer, range);

	if (error == -ENODATA)
		return false;
	if (error)
		errx(1, "cannot wait for events: %s", strerror(-error));
	if (range->hi - range->lo > STAGE_BATCH)
		range->hi = range->lo + STAGE_BATCH;
	if (!stage->batches++)
		stage->first = range->lo;
	return true;
}

void stage_release(struct stage *stage, const struct disruptor_range *range)
{
	stage->next = range->hi;
	disruptor_release(stage->consumer, range->hi);
}

void stage_end(struct stage *stage)
{
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", stage->first,
	       stage->next, stage->batches);
	disruptor_consumer_detach(stage->consumer);
	if (fflush(stdout))
		err(1, "stdout");
}

const struct line *stage_line(const struct stage *stage, uint64_t seq)
{
	return disruptor_consumer_slot(stage->consumer, seq);
}

/* Another process wrote it, and may go on writing: look once, trust nothing. */
uint32_t stage_length(const struct stage *stage, uint64_t seq)
{
	uint32_t length = __atomic_load_n(&stage_line(stage, seq)->length,
					  __ATOMIC_RELAXED);

	if (!length || length > LINE_TEXT)
		errx(1, "event %" PRIu64 " is no line", seq);
	return length;
}

size_t stage_text(const struct stage *stage, const struct disruptor_range *range,
		  char *text)
{
	size_t length = 0;
	uint64_t seq;

	for (seq = range->lo; seq != range->hi; seq++) {
		uint32_t n = stage_length(stage, seq);

		memcpy(text + length, stage_line(stage, seq)->text, n);
		length += n;
	}
	return length;
}

void copy_open(struct copy *copy, const char *path)
{
	struct stat st;

	*copy = (struct copy){
		.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
	};
	if (copy->fd < 0 || fstat(copy->fd, &st))
		err(1, "%s", path);
	copy->size = st.st_size;
}

void copy_add(struct copy *copy, uint64_t offset, const void *bytes,
	      size_t length)
{
	uint64_t have;

	if (offset > copy->size)
		errx(1, "the bytes %" PRIu64 " to %" PRIu64 " never came",
		     copy->size, offset);
	have = copy->size - offset;
	if (have > length)
		have = length;
	write_all(copy->fd, (const char *)bytes + have, length - have);
	copy->again += have;
	copy->size += length - have;
}

void copy_sync(const struct copy *copy)
{
	if (fsync(copy->fd))
		err(1, "fsync");
}

void write_all(int fd, const void *bytes, size_t length)
{
	while (length) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0)
			err(1, "write");
		bytes = (const char *)bytes + n;
		length -= n;
	}
}

bool read_all(int fd, void *bytes, size_t length)
{
	while (length) {
		ssize_t n = read(fd, bytes, length);

		if (n < 0 && errno != ECONNRESET)
			err(1, "read");
		if (n <= 0)
			return false;
		bytes = (char *)bytes + n;
		length -= n;
	}
	return true;
}
