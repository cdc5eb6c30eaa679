// SPDX-License-Identifier: MIT
/*
 * journal RING FILE - append the lines to a file, and let go of them when they are
 * on disk.
 *
 * May be killed at any time, and started again: it is given again what it had not
 * let go of, and the file's size says what of that is written.
 */
#include <err.h>
#include <inttypes.h>

#include "stage.h"

static void append(struct copy *copy, const struct stage *stage, uint64_t seq)
{
	const struct line *line = stage_line(stage, seq);

	copy_add(copy, line->offset, line->text, stage_length(stage, seq));
}

int main(int argc, char **argv)
{
	struct disruptor_range range;
	struct stage stage;
	struct copy copy;
	uint64_t seq;

	if (argc != 3)
		errx(2, "usage: journal RING FILE");
	copy_open(&copy, argv[2]);
	stage_attach(&stage, argv[1], "journal");

	while (stage_wait(&stage, &range)) {
		for (seq = range.lo; seq != range.hi; seq++)
			append(&copy, &stage, seq);
		copy_sync(&copy);
		if (stage.batches == 1 && range.lo)
			warnx("goes on at event %" PRIu64 "; %" PRIu64
			      " bytes came again that were in the file",
			      range.lo, copy.again);
		stage_release(&stage, &range);
	}
	stage_end(&stage);
	return 0;
}
