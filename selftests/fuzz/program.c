// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs: made, changed, printed.
 */
#include "stream.h"
#include "program.h"

/* How often each call is made up, for what it leads to. */
static const uint8_t weights[NR_OPS] = {
	[IOCTL_SHAPED] = 60,
	[IOCTL_WAKE] = 8,
	[IOCTL_ANY] = 2,
	[MMAP] = 24,
	[MUNMAP] = 4,
	[MREMAP] = 3,
	[MPROTECT] = 3,
	[MADVISE] = 3,
	[TOUCH] = 12,
	[PIN] = 3,
	[ADVANCE] = 20,
	[POLL] = 8,
	[EPOLL] = 8,
	[URING_SUBMIT] = 12,
	[URING_REGISTER] = 3,
	[CLOSE] = 6,
	[DUP] = 3,
	[FORK] = 3,
	[SEND_FD] = 4,
	[RECEIVE_FD] = 6,
	[FDINFO] = 3,
	[FILE_CALL] = 4,
	[UNSHARE] = 1,
	[NAP] = 2,
	[DIE] = 1,
};

static uint8_t any_op(uint64_t *chances)
{
	unsigned int sum = 0, op;
	uint64_t at;

	for (op = 0; op < NR_OPS; op++)
		sum += weights[op];
	at = chance_below(chances, sum);
	for (op = 0; at >= weights[op]; op++)
		at -= weights[op];
	return op;
}

static void call_random(struct call *call, uint64_t *chances)
{
	memset(call, 0, sizeof(*call));
	call->op = any_op(chances);
	call->beside = !chance_below(chances, 12);
	call->seed = chance(chances);
}

void program_random(struct program *program, uint64_t *chances)
{
	unsigned int i;

	memset(program, 0, sizeof(*program));
	program->nr = 4 + chance_below(chances, MOST_CALLS - 4);
	for (i = 0; i < program->nr; i++)
		call_random(&program->calls[i], chances);
	/* Without a ring there is little to be called. */
	program->calls[0].op = IOCTL_SHAPED;
	program->calls[0].beside = 0;
	program->calls[0].fixed[0] = (struct fixed){ 1, 0 };
}

/* Numbers at which things change. */
static uint64_t telling_value(uint64_t *chances)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 4, 8, 64, 65, 4096, 65536, 1ULL << 28, 1ULL << 31,
		1ULL << 32, 1ULL << 40, 1ULL << 63, ~0ULL, ~0U,
	};
	uint64_t value = values[chance_below(chances, ARRAY_SIZE(values))];

	return value + chance_below(chances, 3) - 1;
}

static void call_mutate(struct call *call, uint64_t *chances)
{
	struct fixed *fixed = &call->fixed[chance_below(chances, MOST_FIXED)];

	switch (chance_below(chances, 6)) {
	case 0:
		call_random(call, chances);
		break;
	case 1:
		call->seed = chance(chances);
		break;
	case 2:
		call->beside ^= 1;
		break;
	case 3:
		fixed->nth = 0;
		break;
	default:
		fixed->nth = 1 + chance_below(chances, 12);
		fixed->value = telling_value(chances);
	}
}

static void insert_call(struct program *program, uint64_t *chances)
{
	unsigned int at = chance_below(chances, program->nr + 1);

	if (program->nr == MOST_CALLS)
		return;
	memmove(&program->calls[at + 1], &program->calls[at],
		(program->nr - at) * sizeof(program->calls[0]));
	call_random(&program->calls[at], chances);
	program->nr++;
}

static void remove_call(struct program *program, uint64_t *chances)
{
	unsigned int at = chance_below(chances, program->nr);

	if (program->nr == 1)
		return;
	program->nr--;
	memmove(&program->calls[at], &program->calls[at + 1],
		(program->nr - at) * sizeof(program->calls[0]));
}

/* The beginning of the one, the end of the other. */
static void graft(struct program *program, const struct program *other,
		  uint64_t *chances)
{
	unsigned int kept = 1 + chance_below(chances, program->nr);
	unsigned int from = chance_below(chances, other->nr);

	for (; kept < MOST_CALLS && from < other->nr; kept++, from++)
		program->calls[kept] = other->calls[from];
	program->nr = kept;
}

void program_mutate(struct program *program, const struct program *other,
		    uint64_t *chances)
{
	unsigned int times = 1 + chance_below(chances, 4);

	while (times--) {
		switch (chance_below(chances, 8)) {
		case 0:
			remove_call(program, chances);
			break;
		case 1:
			graft(program, other, chances);
			break;
		case 2:
		case 3:
			insert_call(program, chances);
			break;
		default:
			call_mutate(&program->calls[chance_below(chances,
								 program->nr)],
				    chances);
		}
	}
}

/* ---- as text ------------------------------------------------------------------- */

static size_t program_bytes(const struct program *program)
{
	return offsetof(struct program, calls[program->nr]);
}

void program_print(const struct program *program)
{
	const unsigned char *bytes = (const void *)program;
	size_t i;

	for (i = 0; i < program_bytes(program); i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

bool program_parse(struct program *program, const char *text)
{
	unsigned char *bytes = (void *)program;
	size_t n = strspn(text, "0123456789abcdef") / 2;
	size_t i;

	if (!n || n > sizeof(*program))
		return false;
	memset(program, 0, sizeof(*program));
	for (i = 0; i < n; i++) {
		const char digits[] = { text[2 * i], text[2 * i + 1], '\0' };

		bytes[i] = strtoul(digits, NULL, 16);
	}
	return program->nr && program->nr <= MOST_CALLS &&
	       program_bytes(program) == n;
}

/* ---- the values of a call ---------------------------------------------------------- */

struct draw draw_begin(const struct call *call)
{
	return (struct draw){ .call = call, .state = call->seed };
}

uint64_t draw(struct draw *from)
{
	uint64_t value = chance(&from->state);
	unsigned int i;

	from->nth++;
	for (i = 0; i < MOST_FIXED; i++) {
		if (from->call->fixed[i].nth == from->nth)
			value = from->call->fixed[i].value;
	}
	return value;
}

uint64_t draw_below(struct draw *from, uint64_t n)
{
	return draw(from) % n;
}

/* What is rare is left to the seed: fixed values are for what matters. */
bool draw_rarely(struct draw *from, unsigned int n)
{
	return !chance_below(&from->state, n);
}
