// SPDX-License-Identifier: MIT
/*
 * Workers: several processes or threads at one consumer's events, each event for one
 * of them.  kmod/groups.c says why it works, and what becomes of those who die.
 *
 * These are functions of the library and not inline, as other hot paths are: a claim
 * and what follows it cost two locked instructions and a fence, beside which a call
 * is nothing.
 */
#include "handle.h"

#define MOST_LOOKS	64	/* of one call, while others are faster for ever */

/* ---- claiming -------------------------------------------------------------- */

/*
 * Look what is there from @next on; -EAGAIN: nothing, -EBADMSG: beyond reason.  If
 * others have claimed meanwhile, that is no look, and @next is where they are.
 */
static int look(struct disruptor_worker *worker, uint64_t *next)
{
	unsigned int looks = MOST_LOOKS;
	uint64_t available, before;

	do {
		before = *next;
		available = __disruptor_lowest(&worker->view, worker->seat, true,
					       before);
		*next = load_relaxed(worker->claimed);
	} while (*next != before && --looks);
	if (*next != before || available <= before)
		return -EAGAIN;
	if (available - before > worker->view.slots)
		return -EBADMSG;
	worker->available = available;
	/* Stored before the laps of what was aborted: no later than K. */
	worker->aborted = load_relaxed(&worker->view.control->aborted);
	return 0;
}

static void hold(struct disruptor_worker *worker, uint64_t lo, uint64_t hi)
{
	worker->next = lo;
	worker->end = hi;
}

static void clear_intent(struct disruptor_worker *worker)
{
	store_release(&worker->intent->hi, 0); /* J */
}

/* What was seen to be there, is it beyond @next, and no further than can be? */
static bool is_there(const struct disruptor_worker *worker, uint64_t next)
{
	return worker->available - next - 1 < worker->view.slots;
}

/*
 * The next events that nobody has claimed, of those that are there: a worker that
 * has nothing to do holds nothing.  The steps and their letters are those of
 * disruptor_multi_try_claim().
 */
static int claim_next(struct disruptor_worker *worker, uint64_t most)
{
	uint64_t next = load_relaxed(worker->claimed);
	uint64_t hi;
	int err;

	do {
		__DISRUPTOR_POINT(WORKER_CLAIM);
		if (!is_there(worker, next)) {
			err = look(worker, &next);
			if (err) {
				__DISRUPTOR_POINT(WORKER_NOTHING);
				clear_intent(worker);
				__DISRUPTOR_POINT(WORKER_TAKEN_BACK);
				return err;
			}
		}
		hi = next + min(worker->available - next, most);
		store_release(&worker->intent->lo, next); /* L */
		__DISRUPTOR_POINT(WORKER_INTENT_LO);
		store_relaxed(&worker->intent->hi, hi);
		__DISRUPTOR_POINT(WORKER_INTENT);
	} while (!__atomic_compare_exchange_n(worker->claimed, &next, hi, false,
					      __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED)); /* I */
	__DISRUPTOR_POINT(WORKER_CLAIMED);
	hold(worker, next, hi);
	return 0;
}

/* What a dead worker had claimed and was not done with; -EAGAIN: nothing. */
static int adopt(struct disruptor_worker *worker, uint64_t most)
{
	struct disruptor_role *role = worker->role;
	struct disruptor_adopt_args args = { .size = sizeof(args), .most = most };
	struct disruptor_intent claim;
	int err;

	__DISRUPTOR_POINT(WORKER_ADOPT);
	if (role->local) {
		err = private_adopt(role, most, &claim);
	} else {
		err = sys_ioctl(role->fd, DISRUPTOR_IOC_ADOPT, &args);
		claim = (struct disruptor_intent){ args.lo, args.hi };
	}
	if (err)
		return err;
	__DISRUPTOR_POINT(WORKER_ADOPTED);
	worker->aborted = load_acquire(&worker->view.control->aborted);
	hold(worker, claim.lo, claim.hi);
	return 0;
}

static int claim(struct disruptor_worker *worker, uint64_t most)
{
	int err;

	if (load_relaxed(&worker->told->orphans)) {
		err = adopt(worker, most);
		if (err != -EAGAIN)
			return err;
	}
	return claim_next(worker, most);
}

/* All of the stream is done, by the whole group: nobody can leave any of it. */
static bool group_is_done(const struct disruptor_worker *worker)
{
	uint64_t done = load_acquire(worker->sequence);
	uint64_t cursor = load_acquire(__disruptor_counter(&worker->view,
						DISRUPTOR_SEAT_PRODUCERS));

	return done >= cursor;
}

/* The end is seen before the last look, not after: as of a consumer. */
static int claim_or_end(struct disruptor_worker *worker, uint64_t most)
{
	int err = claim(worker, most);

	if (err != -EAGAIN || !(load_acquire(&worker->view.control->state) &
				DISRUPTOR_STATE_ENDED))
		return err;
	err = claim(worker, most);
	return err == -EAGAIN && group_is_done(worker) ? -ENODATA : err;
}

/* ---- being done -------------------------------------------------------------- */

/*
 * The end of what all workers are done with, from @begin on.  Whatever a fellow's laps
 * say, nothing is done that is not published, or there would be no end of it.  The
 * cursor is read after the laps (K): whoever stored them had seen the event in it.
 */
static uint64_t first_undone(const struct disruptor_worker *worker, uint64_t begin)
{
	const struct disruptor_view *view = &worker->view;
	uint64_t end = begin + view->slots;
	uint64_t at = begin;
	uint64_t cursor;

	while (at != end &&
	       __atomic_load_n(&worker->done[at & view->index_mask],
			       __ATOMIC_SEQ_CST) ==
	       DISRUPTOR_LAP(at, view->lap_shift))
		at++;
	cursor = load_acquire(__disruptor_counter(view, DISRUPTOR_SEAT_PRODUCERS));
	return max(begin, min(at, cursor));
}

/*
 * Move the group's counter over what all are done with.
 *
 * M: full fence, after the laps of this worker and before the counter is read.
 * N: the exchange, and the laps read after it, are in one order with that.  If it
 *    fails, whoever moved the counter looks at the laps after this one's.
 */
static bool move_on(struct disruptor_worker *worker, uint64_t *to)
{
	bool moved = false;
	uint64_t from, end;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* M */
	from = load_acquire(worker->sequence);
	while ((end = first_undone(worker, from)) != from) {
		__DISRUPTOR_POINT(WORKER_MOVE);
		/* D: what they all did to the events below has been done. */
		if (!__atomic_compare_exchange_n(worker->sequence, &from, end,
						 false, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED)) /* N */
			break;
		__DISRUPTOR_POINT(WORKER_MOVED);
		moved = true;
		from = end;
		*to = end;
	}
	return moved;
}

int disruptor_worker_done(struct disruptor_worker *worker, uint64_t hi)
{
	const struct disruptor_view *view = &worker->view;
	uint64_t seq, reached = 0;
	bool moved;

	if (hi - worker->next > worker->end - worker->next)
		return -EINVAL;
	__DISRUPTOR_POINT(WORKER_DONE);
	for (seq = worker->next; seq != hi; seq++) {
		store_release(&worker->done[seq & view->index_mask],
			      DISRUPTOR_LAP(seq, view->lap_shift)); /* K */
		__DISRUPTOR_POINT(WORKER_LAP);
	}
	__DISRUPTOR_POINT(WORKER_LAPS);
	worker->next = hi;
	moved = move_on(worker, &reached);
	/* Last: who dies before this is seen to have died over something. */
	if (hi == worker->end)
		clear_intent(worker);
	__DISRUPTOR_POINT(WORKER_CLEARED);
	if (moved)
		__disruptor_look_for_sleepers(worker->told, worker->role, reached);
	return 0;
}

/* ---- taking ------------------------------------------------------------------ */

/* Of the claim.  Beyond the last that was aborted no lap need be read. */
static bool was_aborted(const struct disruptor_worker *worker, uint64_t seq)
{
	return seq < worker->aborted && is_aborted(&worker->view, seq);
}

/* What of the claim is next, and was not aborted; false: there is none. */
static bool find_range(struct disruptor_worker *worker, uint64_t most,
		       struct disruptor_range *range)
{
	uint64_t lo = worker->next;
	uint64_t hi;

	while (lo != worker->end && was_aborted(worker, lo))
		lo++;
	if (lo == worker->end) {
		__DISRUPTOR_POINT(WORKER_SKIP);
		disruptor_worker_done(worker, lo);
		return false;
	}
	for (hi = lo; hi != worker->end && hi - lo != most &&
	     !was_aborted(worker, hi); hi++)
		;
	range->lo = lo;
	range->hi = hi;
	return true;
}

int disruptor_worker_try_take(struct disruptor_worker *worker, uint64_t most,
			      struct disruptor_range *range)
{
	unsigned int looks = MOST_LOOKS;
	int err;

	if (!most)
		return -EINVAL;
	do {
		if (worker->next != worker->end)
			continue;
		if (!looks--)
			return -EAGAIN;
		err = claim_or_end(worker, most);
		if (err)
			return err;
	} while (!find_range(worker, most, range));
	return 0;
}

/* As disruptor_worker_take_until(), or for so long.  Who finds events reads no clock. */
static int take(struct disruptor_worker *worker, uint64_t most,
		uint64_t deadline_ns, uint64_t timeout_ns,
		struct disruptor_range *range)
{
	uint64_t claimed;
	struct wait wait;
	int err = load_relaxed(&worker->halted) ? -EAGAIN :
		  disruptor_worker_try_take(worker, most, range);

	if (err != -EAGAIN)
		return err;
	wait_begin(&wait, worker->role, &worker->view, 0, 1, deadline_ns);
	wait.timeout_ns = timeout_ns;
	wait.halted = &worker->halted;
	do {
		if (take_halt(&worker->halted))
			return -ECANCELED;
		/* Others claim, too. */
		claimed = load_relaxed(worker->claimed);
		if (at_the_end(&worker->view, claimed))
			return -EBADMSG;
		wait_ahead(&wait, &worker->view, claimed, 1);
		__DISRUPTOR_POINT(WORKER_WAIT);
		err = wait_some(&wait);
		if (err)
			return err;
		err = disruptor_worker_try_take(worker, most, range);
		if (err == -EAGAIN && wait.slept &&
		    is_lapped(&worker->view, worker->claimed))
			return -EBADMSG;
	} while (err == -EAGAIN);
	if (!err)
		wait_end(&wait, range->hi - range->lo, worker->view.slots);
	return err;
}

int disruptor_worker_take_until(struct disruptor_worker *worker, uint64_t most,
				uint64_t deadline_ns,
				struct disruptor_range *range)
{
	return take(worker, most, deadline_ns, DISRUPTOR_FOREVER, range);
}

int64_t disruptor_worker_read(struct disruptor_worker *worker, void *events,
			      uint64_t n)
{
	struct disruptor_range range;
	int err;

	if (!n || n > INT64_MAX)
		return -EINVAL;
	err = disruptor_worker_take(worker, n, &range);
	if (err)
		return err;
	n = range.hi - range.lo;
	memcpy(events, disruptor_worker_slot(worker, range.lo),
	       n * worker->view.slot_size);
	disruptor_worker_done(worker, range.hi);
	return n;
}

/* ---- running ------------------------------------------------------------------- */

void disruptor_worker_halt(struct disruptor_worker *worker)
{
	role_halt(worker->role, &worker->halted);
}

static int wait_for_events(struct disruptor_worker *worker,
			   const struct disruptor_handler *handler,
			   struct disruptor_range *range)
{
	uint64_t most = max(handler->batch_limit, 1ULL);

	if (handler->timeout_ns)
		return take(worker, most, DISRUPTOR_FOREVER, handler->timeout_ns,
			    range);
	return disruptor_worker_take(worker, most, range);
}

static int handle_claim(struct disruptor_worker *worker,
			const struct disruptor_handler *handler,
			const struct disruptor_range *range)
{
	uint64_t reached;
	int err = handle_events(&worker->view, &worker->halted, handler, range,
				&reached);

	disruptor_worker_done(worker, reached);
	return err;
}

/* Return: 0 (the stream ended, or halted), the error to stop with. */
static int run(struct disruptor_worker *worker,
	       const struct disruptor_handler *handler)
{
	struct disruptor_range range;
	int err;

	for (;;) {
		err = wait_for_events(worker, handler, &range);
		if (err == -ENODATA || err == -ECANCELED)
			return 0;
		if (err == -ETIMEDOUT) {
			if (handler->on_timeout)
				handler->on_timeout(handler->context,
						    load_relaxed(worker->claimed));
			continue;
		}
		if (!err)
			err = handle_claim(worker, handler, &range);
		if (err)
			return err;
	}
}

int disruptor_worker_run(struct disruptor_worker *worker,
			 const struct disruptor_handler *handler)
{
	int err = start_handler(handler, NULL);

	if (err)
		return err;
	err = run(worker, handler);
	if (handler->on_shutdown)
		handler->on_shutdown(handler->context);
	return err;
}
