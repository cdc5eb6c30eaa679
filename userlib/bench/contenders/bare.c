// SPDX-License-Identifier: MIT
/*
 * The limits: what two processors can do when nothing is around it.  No death is
 * noticed, nobody sleeps, nothing is checked but what the bench looks at.
 *
 * counters	a ring with a counter on either side, each cached by the other
 * spaced-N	likewise, and N pauses before a consumer that caught up looks again
 * stamps	a ring with a number beside each event and no cursor
 * locked	as counters, and a locked instruction behind each publication
 * lines	two cache lines, for ping-pong
 * memcpy	arrays copied in and out by one processor, through memory of that size
 * alone	a producer without a consumer; alone-locked and alone-fence: what these
 *		instructions cost
 */
#include <string.h>

#include "contender.h"

#define aligned_line	__attribute__((aligned(LINE_BYTES)))

/**
 * struct bare - the ring
 * @cursor: what is published
 * @taken: what the consumer has released
 * @lines: "lines": of either side
 * @signal: what a locked instruction exchanges
 * @mask: slots - 1
 * @stride: bytes from slot to slot
 * @bytes: of the allocation
 * @slots: the slots
 */
struct bare {
	uint64_t cursor aligned_line;
	uint64_t taken aligned_line;
	struct {
		uint64_t word aligned_line;
	} lines[2];
	uint64_t signal aligned_line;
	uint64_t mask aligned_line;
	uint64_t stride;
	size_t bytes;
	unsigned char slots[] aligned_line;
};

/* ---- making it --------------------------------------------------------------------- */

static struct bare *make_bare(struct contest *contest, uint64_t stride)
{
	size_t bytes = sizeof(struct bare) + contest->slots * stride;
	struct bare *bare = shared_alloc(bytes);

	bare->mask = contest->slots - 1;
	bare->stride = stride;
	bare->bytes = bytes;
	contest->state = bare;
	return bare;
}

static void drop(struct contest *contest)
{
	struct bare *bare = contest->state;

	shared_free(bare, bare->bytes);
}

static bool is_ring(const struct contest *contest)
{
	return contest->wait == WAIT_SPIN &&
	       !(contest->slots & (contest->slots - 1));
}

static int make_ring(struct contest *contest)
{
	if (!is_ring(contest) || (contest->shape != SHAPE_ONE_TO_ONE &&
				  contest->shape != SHAPE_RAW &&
				  contest->shape != SHAPE_COPY))
		return contest_refuse(contest, "only spinning, one to one");
	make_bare(contest, contest->size);
	return 0;
}

static int make_locked(struct contest *contest)
{
	if (contest->shape == SHAPE_COPY)
		return contest_refuse(contest, "no copying");
	return make_ring(contest);
}

static int make_stamps(struct contest *contest)
{
	if (!is_ring(contest) || contest->shape != SHAPE_ONE_TO_ONE)
		return contest_refuse(contest, "only spinning, one to one");
	make_bare(contest, contest->size + 8);
	return 0;
}

static int make_lines(struct contest *contest)
{
	if (contest->shape != SHAPE_PING_PONG || contest->wait != WAIT_SPIN)
		return contest_refuse(contest, "only spinning, ping-pong");
	make_bare(contest, 0);
	return 0;
}

static int make_memcpy(struct contest *contest)
{
	if (contest->shape != SHAPE_COPY || !is_ring(contest))
		return contest_refuse(contest, "only copying");
	make_bare(contest, 8);
	return 0;
}

static int make_alone(struct contest *contest)
{
	if (contest->shape != SHAPE_RAW || !is_ring(contest))
		return contest_refuse(contest, "only raw sequences");
	make_bare(contest, 8);
	return 0;
}

/* ---- counters ------------------------------------------------------------------------ */

static inline unsigned char *slot_of(struct bare *bare, uint64_t seq, uint64_t size)
{
	return bare->slots + (seq & bare->mask) * size;
}

/* Wait until [.., hi) may be written; what is taken is remembered in @limit. */
CONTEST_INLINE void
want_room(struct bare *bare, uint64_t hi, uint64_t *limit)
{
	while (hi > *limit) {
		*limit = load_acquire(&bare->taken) + bare->mask + 1;
		if (hi > *limit)
			cpu_relax();
	}
}

CONTEST_INLINE void
send_counted(struct contest_side *side, uint64_t lo, uint64_t hi, uint64_t size,
	     uint64_t batch, bool locked)
{
	struct bare *bare = side->contest->state;
	uint64_t limit = 0, seq, k;

	for (seq = lo; seq < hi; seq += batch) {
		want_room(bare, seq + batch, &limit);
		for (k = seq; size && k < seq + batch; k++)
			contest_fill(slot_of(bare, k, size), size, k);
		store_release(&bare->cursor, seq + batch);
		if (locked)
			__atomic_exchange_n(&bare->signal, 0, __ATOMIC_SEQ_CST);
	}
}

CONTEST_INLINE void
send_sized(struct contest_side *side, uint64_t lo, uint64_t hi, bool locked)
{
	uint64_t size = side->contest->size, batch = side->contest->batch;

	if (side->contest->shape == SHAPE_RAW)
		send_counted(side, lo, hi, 0, batch, locked);
	else if (size == 8 && batch == 1)
		send_counted(side, lo, hi, 8, 1, locked);
	else if (size == 8)
		send_counted(side, lo, hi, 8, batch, locked);
	else
		send_counted(side, lo, hi, size, batch, locked);
}

/* Into the ring, or out of it, in two parts where it wraps. */
CONTEST_INLINE void
copy_words(struct bare *bare, uint64_t seq, uint64_t *array, uint64_t nr, bool in)
{
	uint64_t until_wrap = bare->mask + 1 - (seq & bare->mask);
	uint64_t first = nr < until_wrap ? nr : until_wrap;
	void *head = slot_of(bare, seq, 8), *tail = bare->slots;

	if (in) {
		memcpy(head, array, first * 8);
		memcpy(tail, array + first, (nr - first) * 8);
	} else {
		memcpy(array, head, first * 8);
		memcpy(array + first, tail, (nr - first) * 8);
	}
}

static void send_arrays(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	struct bare *bare = side->contest->state;
	uint64_t batch = side->contest->batch, limit = 0, seq;

	for (seq = lo; seq < hi; seq += batch) {
		contest_mark(side, seq / batch);
		want_room(bare, seq + batch, &limit);
		copy_words(bare, seq, side->array, batch, true);
		store_release(&bare->cursor, seq + batch);
	}
}

static int produce(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	if (side->contest->shape == SHAPE_COPY)
		send_arrays(side, lo, hi);
	else
		send_sized(side, lo, hi, false);
	return 0;
}

static int produce_locked(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	send_sized(side, lo, hi, true);
	return 0;
}

static inline void pause_for(unsigned int pauses)
{
	while (pauses--)
		cpu_relax();
}

/* What is published, when it is more than @have. */
CONTEST_INLINE uint64_t
want_events(struct bare *bare, uint64_t have, unsigned int pauses)
{
	uint64_t there;

	while ((there = load_acquire(&bare->cursor)) == have)
		pause_for(pauses);
	return there;
}

CONTEST_INLINE void
take_counted(struct contest_side *side, uint64_t nr, uint64_t size,
	     unsigned int pauses)
{
	struct bare *bare = side->contest->state;
	uint64_t seq = 0, there, wrong = 0;

	while (seq < nr) {
		there = want_events(bare, seq, pauses);
		for (; size && seq < there; seq++)
			wrong |= contest_check(slot_of(bare, seq, size), size, seq);
		seq = there;
		store_release(&bare->taken, seq);
	}
	side->wrong |= wrong;
}

static void take_arrays(struct contest_side *side, uint64_t nr)
{
	struct bare *bare = side->contest->state;
	uint64_t batch = side->contest->batch, seq = 0, there = 0;

	while (seq < nr) {
		while (there < seq + batch)
			there = want_events(bare, there, 1);
		copy_words(bare, seq, side->array, batch, false);
		store_release(&bare->taken, seq + batch);
		contest_look(side, seq / batch);
		seq += batch;
	}
}

CONTEST_INLINE int
take(struct contest_side *side, uint64_t nr, unsigned int pauses)
{
	const struct contest *contest = side->contest;

	if (contest->shape == SHAPE_COPY)
		take_arrays(side, nr);
	else if (contest->shape == SHAPE_RAW)
		take_counted(side, nr, 0, pauses);
	else if (contest->size == 8)
		take_counted(side, nr, 8, pauses);
	else
		take_counted(side, nr, contest->size, pauses);
	return 0;
}

static int consume(struct contest_side *side, uint64_t nr)
{
	return take(side, nr, 1);
}

static int consume_16(struct contest_side *side, uint64_t nr)
{
	return take(side, nr, 16);
}

static int consume_64(struct contest_side *side, uint64_t nr)
{
	return take(side, nr, 64);
}

static int consume_256(struct contest_side *side, uint64_t nr)
{
	return take(side, nr, 256);
}

/* ---- stamps ------------------------------------------------------------------------------ */

CONTEST_INLINE void
send_stamped(struct contest_side *side, uint64_t lo, uint64_t hi, uint64_t size)
{
	struct bare *bare = side->contest->state;
	uint64_t limit = 0, seq;

	for (seq = lo; seq < hi; seq++) {
		unsigned char *slot = slot_of(bare, seq, size + 8);

		want_room(bare, seq + 1, &limit);
		contest_fill(slot + 8, size, seq);
		store_release((uint64_t *)slot, seq + 1);
	}
}

static int produce_stamped(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	if (side->contest->size == 8)
		send_stamped(side, lo, hi, 8);
	else
		send_stamped(side, lo, hi, side->contest->size);
	return 0;
}

/* The producer is told after an eighth of the ring. */
CONTEST_INLINE void
take_stamped(struct contest_side *side, uint64_t nr, uint64_t size)
{
	struct bare *bare = side->contest->state;
	uint64_t part = (bare->mask + 8) / 8, seq, wrong = 0;

	for (seq = 0; seq < nr; seq++) {
		unsigned char *slot = slot_of(bare, seq, size + 8);

		while (load_acquire((uint64_t *)slot) != seq + 1)
			cpu_relax();
		wrong |= contest_check(slot + 8, size, seq);
		if (seq % part == part - 1)
			store_release(&bare->taken, seq + 1);
	}
	side->wrong |= wrong;
}

static int consume_stamped(struct contest_side *side, uint64_t nr)
{
	if (side->contest->size == 8)
		take_stamped(side, nr, 8);
	else
		take_stamped(side, nr, side->contest->size);
	return 0;
}

/* ---- two lines ------------------------------------------------------------------------- */

static int send_line(struct contest_side *side, uint64_t value)
{
	struct bare *bare = side->contest->state;

	store_release(&bare->lines[side->nr].word, value + 1);
	return 0;
}

static int receive_line(struct contest_side *side, uint64_t *value)
{
	struct bare *bare = side->contest->state;
	const uint64_t *line = &bare->lines[!side->nr].word;

	while (load_acquire(line) == side->seen[0])
		cpu_relax();
	side->seen[0] = load_relaxed(line);
	*value = side->seen[0] - 1;
	return 0;
}

/* ---- one processor ------------------------------------------------------------------------ */

static int copy_alone(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	struct bare *bare = side->contest->state;
	uint64_t batch = side->contest->batch, seq;

	for (seq = lo; seq < hi; seq += batch) {
		contest_mark(side, seq / batch);
		copy_words(bare, seq, side->array, batch, true);
		copy_words(bare, seq, side->array, batch, false);
		contest_look(side, seq / batch);
	}
	store_release(&bare->cursor, hi);
	return 0;
}

static inline void full_fence(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_mfence();
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* What follows each publication. */
enum extra {
	EXTRA_NONE,
	EXTRA_LOCKED,
	EXTRA_FENCE,
};

CONTEST_INLINE int
publish_alone(struct contest_side *side, uint64_t lo, uint64_t hi, enum extra extra)
{
	struct bare *bare = side->contest->state;
	uint64_t seq;

	for (seq = lo; seq < hi; seq++) {
		*(uint64_t *)slot_of(bare, seq, 8) = seq;
		store_release(&bare->cursor, seq + 1);
		if (extra == EXTRA_LOCKED)
			__atomic_exchange_n(&bare->signal, 0, __ATOMIC_SEQ_CST);
		if (extra == EXTRA_FENCE)
			full_fence();
	}
	return 0;
}

static int send_alone(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	return publish_alone(side, lo, hi, EXTRA_NONE);
}

static int send_alone_locked(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	return publish_alone(side, lo, hi, EXTRA_LOCKED);
}

static int send_alone_fenced(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	return publish_alone(side, lo, hi, EXTRA_FENCE);
}

/* Looks once in a while whether the other is done. */
static int watch(struct contest_side *side, uint64_t nr)
{
	struct bare *bare = side->contest->state;

	while (load_acquire(&bare->cursor) < nr)
		pause_for(4096);
	return 0;
}

/* ---- the contender --------------------------------------------------------------------------- */

#define WAY(named, make_it, produce_it, consume_it)	\
	{						\
		.name = named,				\
		.make = make_it,			\
		.drop = drop,				\
		.produce = produce_it,			\
		.consume = consume_it,			\
		.send = send_line,			\
		.receive = receive_line,		\
	}

int main(void)
{
	static const struct contender_way ways[] = {
		WAY("counters", make_ring, produce, consume),
		WAY("spaced-16", make_ring, produce, consume_16),
		WAY("spaced-64", make_ring, produce, consume_64),
		WAY("spaced-256", make_ring, produce, consume_256),
		WAY("stamps", make_stamps, produce_stamped, consume_stamped),
		WAY("locked", make_locked, produce_locked, consume),
		WAY("lines", make_lines, NULL, NULL),
		WAY("memcpy", make_memcpy, copy_alone, watch),
		WAY("alone", make_alone, send_alone, watch),
		WAY("alone-locked", make_alone, send_alone_locked, watch),
		WAY("alone-fence", make_alone, send_alone_fenced, watch),
	};
	static const struct contender contender = {
		.name = "bare",
		.version = VERSION,
		.ways = ways,
		.nr_ways = sizeof(ways) / sizeof(ways[0]),
	};

	return contender_main(&contender);
}
