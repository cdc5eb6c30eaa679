// SPDX-License-Identifier: MIT
/*
 * DPDK's rte_ring, on memory of our own: the ring alone needs neither huge pages nor
 * the rest of DPDK.  Several producers synchronise as its manual has it for more threads
 * than processors: relaxed tail (RTS), and head and tail in one word (HTS) where slots
 * are written in place.
 */
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "queue.h"

static int make_ring(struct contest *contest, unsigned int flags, void **queue)
{
	*queue = shared_alloc(rte_ring_get_memsize_elem(contest->size,
							contest->slots));
	return rte_ring_init(*queue, "bench", contest->slots,
			     flags | RING_F_SC_DEQ);
}

static int make_single(struct contest *contest, unsigned int producers, void **queue)
{
	if (contest->batch > 1)
		return contest_refuse(contest, "batches are for bursts");
	return make_ring(contest, producers > 1 ? RING_F_MP_RTS_ENQ : RING_F_SP_ENQ,
			 queue);
}

static int make_burst(struct contest *contest, unsigned int producers, void **queue)
{
	return make_ring(contest, producers > 1 ? RING_F_MP_RTS_ENQ : RING_F_SP_ENQ,
			 queue);
}

static int make_zero_copy(struct contest *contest, unsigned int producers,
			  void **queue)
{
	return make_ring(contest, producers > 1 ? RING_F_MP_HTS_ENQ : RING_F_SP_ENQ,
			 queue);
}

static void drop_ring(struct contest *contest, void *queue)
{
	shared_free(queue, rte_ring_get_memsize_elem(contest->size, contest->slots));
}

/* ---- one by one, and in bursts --------------------------------------------------- */

CONTEST_INLINE uint64_t
write_one(void *queue, uint64_t size, const void *events, uint64_t n)
{
	return n && !rte_ring_sp_enqueue_elem(queue, (void *)events, size);
}

CONTEST_INLINE uint64_t
write_one_of_several(void *queue, uint64_t size, const void *events, uint64_t n)
{
	return n && rte_ring_mp_rts_enqueue_bulk_elem(queue, events, size, 1, NULL);
}

CONTEST_INLINE uint64_t
read_one(void *queue, uint64_t size, void *events, uint64_t n)
{
	return n && !rte_ring_sc_dequeue_elem(queue, events, size);
}

CONTEST_INLINE uint64_t
write_burst(void *queue, uint64_t size, const void *events, uint64_t n)
{
	return rte_ring_sp_enqueue_burst_elem(queue, events, size, n, NULL);
}

CONTEST_INLINE uint64_t
write_burst_of_several(void *queue, uint64_t size, const void *events, uint64_t n)
{
	return rte_ring_mp_rts_enqueue_burst_elem(queue, events, size, n, NULL);
}

CONTEST_INLINE uint64_t
read_burst(void *queue, uint64_t size, void *events, uint64_t n)
{
	return rte_ring_sc_dequeue_burst_elem(queue, events, size, n, NULL);
}

/* ---- in bursts, in place ----------------------------------------------------------- */

CONTEST_INLINE uint64_t
put_zero_copy(void *queue, uint64_t size, uint64_t n, queue_fill_fn *fill, void *context)
{
	struct rte_ring_zc_data slots;
	uint64_t i;

	n = rte_ring_enqueue_zc_burst_elem_start(queue, size, n, &slots, NULL);
	if (!n)
		return 0;
	for (i = 0; i < slots.n1; i++)
		fill(context, (char *)slots.ptr1 + i * size, i);
	for (; i < n; i++)
		fill(context, (char *)slots.ptr2 + (i - slots.n1) * size, i);
	rte_ring_enqueue_zc_elem_finish(queue, n);
	return n;
}

CONTEST_INLINE uint64_t
take_zero_copy(void *queue, uint64_t size, uint64_t n, queue_use_fn *use, void *context)
{
	struct rte_ring_zc_data slots;
	uint64_t i;

	n = rte_ring_dequeue_zc_burst_elem_start(queue, size, n, &slots, NULL);
	if (!n)
		return 0;
	for (i = 0; i < slots.n1; i++)
		use(context, (char *)slots.ptr1 + i * size);
	for (; i < n; i++)
		use(context, (char *)slots.ptr2 + (i - slots.n1) * size);
	rte_ring_dequeue_zc_elem_finish(queue, n);
	return n;
}

CONTEST_INLINE uint64_t
write_zero_copy(void *queue, uint64_t size, const void *events, uint64_t n)
{
	struct rte_ring_zc_data slots;

	n = rte_ring_enqueue_zc_burst_elem_start(queue, size, n, &slots, NULL);
	if (!n)
		return 0;
	memcpy(slots.ptr1, events, slots.n1 * size);
	if (n > slots.n1)
		memcpy(slots.ptr2, (const char *)events + slots.n1 * size,
		       (n - slots.n1) * size);
	rte_ring_enqueue_zc_elem_finish(queue, n);
	return n;
}

CONTEST_INLINE uint64_t
read_zero_copy(void *queue, uint64_t size, void *events, uint64_t n)
{
	struct rte_ring_zc_data slots;

	n = rte_ring_dequeue_zc_burst_elem_start(queue, size, n, &slots, NULL);
	if (!n)
		return 0;
	memcpy(events, slots.ptr1, slots.n1 * size);
	if (n > slots.n1)
		memcpy((char *)events + slots.n1 * size, slots.ptr2,
		       (n - slots.n1) * size);
	rte_ring_dequeue_zc_elem_finish(queue, n);
	return n;
}

/* ---- the contender ------------------------------------------------------------------- */

static const struct queue_kind single = {
	.make = make_single,
	.drop = drop_ring,
	.write = write_one,
	.read = read_one,
};

static const struct queue_kind single_of_several = {
	.several = true,
	.make = make_single,
	.drop = drop_ring,
	.write = write_one_of_several,
	.read = read_one,
};

static const struct queue_kind burst = {
	.make = make_burst,
	.drop = drop_ring,
	.write = write_burst,
	.read = read_burst,
};

static const struct queue_kind burst_of_several = {
	.several = true,
	.make = make_burst,
	.drop = drop_ring,
	.write = write_burst_of_several,
	.read = read_burst,
};

static const struct queue_kind zero_copy = {
	.several = true,
	.make = make_zero_copy,
	.drop = drop_ring,
	.put = put_zero_copy,
	.write = write_zero_copy,
	.take = take_zero_copy,
	.read = read_zero_copy,
};

#define SINGLE(size)			(&single)
#define SINGLE_OF_SEVERAL(size)		(&single_of_several)
#define BURST(size)			(&burst)
#define BURST_OF_SEVERAL(size)		(&burst_of_several)
#define ZERO_COPY(size)			(&zero_copy)

QUEUE_FUNCTIONS(single, QUEUE_ANY_SIZE, SINGLE, SINGLE_OF_SEVERAL)
QUEUE_FUNCTIONS(burst, QUEUE_ANY_SIZE, BURST, BURST_OF_SEVERAL)
QUEUE_FUNCTIONS(zero_copy, QUEUE_ANY_SIZE, ZERO_COPY, ZERO_COPY)

int main(void)
{
	static const struct contender_way ways[] = {
		QUEUE_WAY("single", single, false),
		QUEUE_WAY("burst", burst, false),
		QUEUE_WAY("zero-copy", zero_copy, false),
		QUEUE_WAY("processes", zero_copy, true),
	};
	static const struct contender contender = {
		.name = "rte_ring",
		.version = PEER_VERSION,
		.ways = ways,
		.nr_ways = 4,
	};

	return contender_main(&contender);
}
