/* SPDX-License-Identifier: MIT */
/*
 * What the demo's consumers share.
 */
#ifndef STAGE_H
#define STAGE_H

#include <disruptor.h>

#include "line.h"

#define STAGE_BATCH	4096	/* events at a time, at the most */

/**
 * struct stage - a consumer of lines
 * @consumer: its role
 * @first: event at which this process took up
 * @next: event at which it goes on
 * @batches: how many it was given
 */
struct stage {
	struct disruptor_consumer *consumer;
	uint64_t first;
	uint64_t next;
	uint64_t batches;
};

/* Like all below, these end the process with a message if they fail. */
void stage_attach(struct stage *stage, const char *ring, const char *name);

/* False at the end of the stream. */
bool stage_wait(struct stage *stage, struct disruptor_range *range);
void stage_release(struct stage *stage, const struct disruptor_range *range);

/* Tells the orchestrator what was done. */
void stage_end(struct stage *stage);

const struct line *stage_line(const struct stage *stage, uint64_t seq);
uint32_t stage_length(const struct stage *stage, uint64_t seq);

/* The text of @range, at most STAGE_BATCH * LINE_TEXT bytes; returns how many. */
size_t stage_text(const struct stage *stage, const struct disruptor_range *range,
		  char *text);

/**
 * struct copy - a copy of the file, in the making
 * @fd: its descriptor
 * @size: bytes it has, which are the first of the original
 * @again: bytes that came and were there already
 */
struct copy {
	int fd;
	uint64_t size;
	uint64_t again;
};

void copy_open(struct copy *copy, const char *path);

/*
 * Add bytes of the original, from @offset on; what the copy has already, it
 * has.  So events may come again, as they do after a crash.
 */
void copy_add(struct copy *copy, uint64_t offset, const void *bytes,
	      size_t length);

/* Also on disk. */
void copy_sync(const struct copy *copy);

void write_all(int fd, const void *bytes, size_t length);

/* False if they do not come: whoever sends them is gone. */
bool read_all(int fd, void *bytes, size_t length);

#endif /* STAGE_H */
