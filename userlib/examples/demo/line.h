/* SPDX-License-Identifier: MIT */
/*
 * What the demo's events are: the lines of a file.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LINE_TEXT	240

#define LINE_CONTINUES	(1U << 0)	/* the next event has more of the line */

/**
 * struct line - a line of the file, or a part of one that is longer
 * @offset: of its first byte in the file; whoever was killed finds by it where to
 *	go on, and what it has done already
 * @length: bytes of @text, 1 to LINE_TEXT
 * @flags: LINE_*
 * @text: with the newline, if it has one; any bytes else
 */
struct line {
	uint64_t offset;
	uint32_t length;
	uint32_t flags;
	char text[LINE_TEXT];
};

/*
 * The next line of @in, or part of one, but for its offset.  False at the end of
 * the file, and on errors (see ferror(3)).
 */
bool line_read(FILE *in, struct line *line);

#endif /* LINE_H */
