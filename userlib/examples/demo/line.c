// SPDX-License-Identifier: MIT
/*
 * A file as lines that fit.
 */
#include "line.h"

static bool more(FILE *in)
{
	int c = getc_unlocked(in);

	return c != EOF && ungetc(c, in) != EOF;
}

bool line_read(FILE *in, struct line *line)
{
	uint32_t length = 0;
	int c = 0;

	while (length < LINE_TEXT && c != '\n') {
		c = getc_unlocked(in);
		if (c == EOF)
			break;
		line->text[length++] = c;
	}
	line->length = length;
	line->flags = length == LINE_TEXT && c != '\n' && more(in) ?
		      LINE_CONTINUES : 0;
	return length;
}
