// SPDX-License-Identifier: MIT
/*
 * Waiting: what lies between two looks at the sequences of others.
 */
#include <sched.h>
#include <time.h>

#include "internal.h"

#define DEFAULT_SPINS		200
#define DEFAULT_YIELDS		100
#define DEFAULT_MAX_SLEEP_NS	1000000
#define MIN_SLEEP_NS		1000

#define MAX_PAUSES		127	/* before the first look; 2^n - 1 */
#define PAUSES			2	/* before the others */
#define CLOCK_PAUSES		512	/* between two looks at the clock */
#define MOST_LOOKS		64	/* of one call, at what is all aborted */

/* Take @strategy, NULL: the default. */
int waiting_init(struct waiting *waiting,
		 const struct disruptor_wait_strategy *strategy)
{
	static const struct disruptor_wait_strategy none;
	struct disruptor_wait_strategy chosen = strategy ? *strategy : none;

	switch (chosen.kind) {
	case DISRUPTOR_WAIT_BLOCK:
	case DISRUPTOR_WAIT_BACKOFF:
	case DISRUPTOR_WAIT_SPIN:
	case DISRUPTOR_WAIT_YIELD:
		break;
	default:
		return -EINVAL;
	}
	if (!chosen.spins)
		chosen.spins = DEFAULT_SPINS;
	if (!chosen.yields)
		chosen.yields = DEFAULT_YIELDS;
	if (!chosen.max_sleep_ns)
		chosen.max_sleep_ns = DEFAULT_MAX_SLEEP_NS;
	waiting->strategy = chosen;
	waiting->pauses = 0;
	return 0;
}

uint64_t disruptor_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* ---- waking, and being woken -------------------------------------------- */

/*
 * A fence for every event costs more than an interrupt for every sleep as soon as
 * there are so many events without one.
 */
#define FENCED_FOR_NOTHING	8192

static void call_wake(struct disruptor_role *role, unsigned int flags)
{
	if (role->local)
		private_wake(role, flags);
	else
		sys_ioctl(role->fd, DISRUPTOR_IOC_WAKE, (void *)(uintptr_t)flags);
}

void __disruptor_wake(struct disruptor_role *role, uint64_t hi)
{
	const struct disruptor_publisher *told = role->told;
	bool fence = load_relaxed(&told->fence);

	__DISRUPTOR_POINT(WAKE);
	if (fence)
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* H, matches G */
	if (hi >= load_relaxed(&told->wake_at)) {
		role->fenced = 0;
		__DISRUPTOR_POINT(WAKE_CALL);
		call_wake(role, 0);
		__DISRUPTOR_POINT(WAKE_CALLED);
	} else if (fence && ++role->fenced >= FENCED_FOR_NOTHING) {
		role->fenced = 0;
		call_wake(role, DISRUPTOR_WAKE_UNFENCE);
	}
}

/*
 * Sleep until the role's barrier is at @target, or @halted is not 0; NULL: it
 * cannot be.  Return: 0 (look again), -ETIMEDOUT, -EINVAL, -ESTALE, -EBADF.
 */
static int role_sleep(struct disruptor_role *role, uint64_t target,
		      uint64_t deadline_ns, const uint32_t *halted)
{
	struct disruptor_wait_args args = {
		.size = sizeof(args),
		.target = target,
		.deadline_ns = deadline_ns,
	};
	int err;

	__DISRUPTOR_POINT(SLEEP);
	err = role->local ?
	      private_sleep(role, target, deadline_ns, halted) :
	      sys_ioctl(role->fd, DISRUPTOR_IOC_WAIT, &args);
	__DISRUPTOR_POINT(WOKEN);
	switch (err) {
	case -EINTR:
	case -ENODATA:
	case -ECANCELED:
	case -EBUSY:
		return 0;
	}
	return err;
}

/* ---- between two looks --------------------------------------------------- */

/*
 * How far ahead of it a role may sleep for.  Of several producers, only their claims
 * can need more; see __disruptor_multi_claim_wait().
 */
static uint64_t most_ahead(const struct disruptor_view *view)
{
	return view->availability ? min(view->slots, DISRUPTOR_MAX_WAIT_AHEAD) :
				    view->slots;
}

/* How much more than it has a call that needs @n sleeps for. */
static uint64_t sleep_for(const struct disruptor_role *role,
			  const struct disruptor_view *view, uint64_t n)
{
	return min(max(n, role->waiting.strategy.sleep_for), most_ahead(view));
}

/*
 * So near to the last number there is, no honest ring comes: a counter was left
 * there, and nothing that is added to it means anything.
 */
bool at_the_end(const struct disruptor_view *view, uint64_t sequence)
{
	return view->slots > ~sequence;
}

/* The call needs @n more than @next, which moves on while it waits. */
void wait_ahead(struct wait *wait, const struct disruptor_view *view,
		uint64_t next, uint64_t n)
{
	wait->target = next + sleep_for(wait->role, view, n);
}

/* The call needs @n more than @next. */
void wait_begin(struct wait *wait, struct disruptor_role *role,
		const struct disruptor_view *view, uint64_t next, uint64_t n,
		uint64_t deadline_ns)
{
	*wait = (struct wait){
		.role = role,
		.how = &role->waiting,
		.deadline_ns = deadline_ns,
		.timeout_ns = DISRUPTOR_FOREVER,
		.left_ns = DISRUPTOR_FOREVER,
		.sleep_ns = min(MIN_SLEEP_NS, role->waiting.strategy.max_sleep_ns),
	};
	wait_ahead(wait, view, next, n);
}

static int check_clock(struct wait *wait)
{
	uint64_t now;

	if (wait->deadline_ns == DISRUPTOR_FOREVER &&
	    wait->timeout_ns == DISRUPTOR_FOREVER)
		return 0;
	now = disruptor_now_ns();
	if (wait->timeout_ns < DISRUPTOR_FOREVER - now) {
		wait->deadline_ns = now + wait->timeout_ns;
		wait->timeout_ns = DISRUPTOR_FOREVER;
	}
	if (now >= wait->deadline_ns)
		return -ETIMEDOUT;
	wait->left_ns = wait->deadline_ns - now;
	return 0;
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

/* Reading the clock costs as much as a few pauses, so it is read rarely. */
static int spin(struct wait *wait, uint32_t pauses)
{
	uint32_t i;

	for (i = 0; i < pauses; i++)
		cpu_relax();
	wait->pauses += pauses;
	if (wait->pauses < CLOCK_PAUSES)
		return 0;
	wait->pauses = 0;
	return check_clock(wait);
}

static int yield(struct wait *wait)
{
	sched_yield();
	return check_clock(wait);
}

/* A signal ends the sleep, so that disruptor_halt() from its handler is seen. */
static int doze(struct wait *wait)
{
	struct timespec time;
	uint64_t ns;
	int err = check_clock(wait);

	if (err)
		return err;
	ns = wait->sleep_ns < wait->left_ns ? wait->sleep_ns : wait->left_ns;
	time.tv_sec = ns / NSEC_PER_SEC;
	time.tv_nsec = ns % NSEC_PER_SEC;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);

	wait->sleep_ns *= 2;
	if (wait->sleep_ns > wait->how->strategy.max_sleep_ns)
		wait->sleep_ns = wait->how->strategy.max_sleep_ns;
	return 0;
}

/* The clock first: who is woken at once, for ever, comes here again. */
static int sleep_till_woken(struct wait *wait)
{
	int err = check_clock(wait);

	if (err)
		return err;
	wait->slept = true;
	return role_sleep(wait->role, wait->target, wait->deadline_ns,
			  wait->halted);
}

static int let_time_pass(struct wait *wait)
{
	const struct disruptor_wait_strategy *strategy = &wait->how->strategy;
	uint64_t look = wait->looks++;

	if (!look)
		return spin(wait, 1 + wait->how->pauses);
	if (strategy->kind == DISRUPTOR_WAIT_SPIN || look < strategy->spins)
		return spin(wait, PAUSES);
	if (strategy->kind == DISRUPTOR_WAIT_BLOCK)
		return wait->met ? doze(wait) : sleep_till_woken(wait);
	if (strategy->kind == DISRUPTOR_WAIT_YIELD ||
	    look - strategy->spins < strategy->yields)
		return yield(wait);
	return doze(wait);
}

/*
 * Let some time pass; 0: look again.  Also when it is over, for the last time: there
 * may be what the call needs, though not all that was slept for.
 */
int wait_some(struct wait *wait)
{
	int err;

	if (wait->over)
		return -ETIMEDOUT;
	err = let_time_pass(wait);
	wait->over = err == -ETIMEDOUT;
	return wait->over ? 0 : err;
}

/*
 * How many pauses the next wait begins with.  A look that comes too early takes the
 * line from a publisher that is about to write it, once for every few events.  So
 * they double as long as the first look of a wait finds a stream that brings more
 * than two events in the time of one; and go if it brings less than half of one,
 * if the first look found nothing, as with a publisher that answers, and if it
 * found a good part of the ring: then the publisher is not who is slow.
 *
 * Measured with a bare ring, 8-byte events, both sides spinning on far cores, in
 * millions a second: 1 pause before every look 67, 8 120, 16 191, 32 281, 64 298,
 * 128 310, 1024 314.  Pauses only after a look that found nothing need to be ten
 * times as many: 64 198, 256 275, 1024 307.
 */
void wait_end(struct wait *wait, uint64_t found, uint64_t slots)
{
	uint32_t pauses = wait->how->pauses;

	if (wait->looks > 1 || found < pauses / 2 || found > slots / 4)
		pauses /= 2;
	else if (found > 2 * pauses + 2 && pauses < MAX_PAUSES)
		pauses = 2 * pauses + 1;
	wait->how->pauses = pauses;
}

/* ---- the producer waits for room ------------------------------------------- */

int __disruptor_claim_wait(struct disruptor_producer *producer, uint64_t n,
			   uint64_t deadline_ns, uint64_t *lo)
{
	struct wait wait;
	int err;

	/* What is claimed and not published leaves no room that could come. */
	if (at_the_end(&producer->view, producer->next) ||
	    producer->next + n - load_relaxed(producer->cursor) >
	    producer->view.slots)
		return -EINVAL;
	wait_begin(&wait, producer->role, &producer->view, producer->next, n,
		   deadline_ns);
	/* Nor can it be slept for. */
	wait.target = min(wait.target, load_relaxed(producer->cursor) +
				       producer->view.slots);
	do {
		__DISRUPTOR_POINT(CLAIM_WAIT);
		err = wait_some(&wait);
		if (err)
			return err;
		err = disruptor_try_claim(producer, n, lo);
	} while (err == -EAGAIN);
	if (!err)
		wait_end(&wait, producer->room - *lo, producer->view.slots);
	return err;
}

/* ---- one of several producers waits for room -------------------------------- */

/*
 * Is there room up to @hi?  If not, an intent that an exchange failed with is
 * taken back.  What nobody gates is gated by itself: a producer must not lap one
 * that has claimed and not published.
 */
bool __disruptor_multi_room(struct disruptor_multi *multi, uint64_t hi)
{
	uint64_t cursor = load_acquire(multi->cursor);
	uint64_t slots = multi->view.slots;
	uint64_t gate = __disruptor_lowest(&multi->view,
					   DISRUPTOR_SEAT_PRODUCERS, true,
					   cursor - min(cursor, slots));

	multi->limit = min(gate, cursor) + slots;
	if (hi <= multi->limit)
		return true;
	__DISRUPTOR_POINT(MULTI_NO_ROOM);
	store_release(&multi->intent->hi, 0);
	__DISRUPTOR_POINT(MULTI_TAKEN_BACK);
	return false;
}

/*
 * A claim may need more room than can be slept for.  What it slept for is then there
 * and not enough, and would be no sleep any more: for the rest it dozes.
 */
int __disruptor_multi_claim_wait(struct disruptor_multi *multi, uint64_t n,
				 uint64_t deadline_ns, uint64_t *lo)
{
	uint64_t cursor;
	struct wait wait;
	int err;

	wait_begin(&wait, multi->role, &multi->view, 0, n, deadline_ns);
	do {
		/* Others claim, too. */
		cursor = load_relaxed(multi->cursor);
		if (at_the_end(&multi->view, cursor))
			return -EINVAL;
		wait_ahead(&wait, &multi->view, cursor, n);
		wait.met = multi->limit >= wait.target;
		__DISRUPTOR_POINT(CLAIM_WAIT);
		err = wait_some(&wait);
		if (err)
			return err;
		err = disruptor_multi_try_claim(multi, n, lo);
	} while (err == -EAGAIN);
	if (!err)
		wait_end(&wait, multi->limit - *lo, multi->view.slots);
	return err;
}

/* ---- the consumer waits for events ------------------------------------------ */

static bool end_of_stream(const struct disruptor_consumer *consumer)
{
	const uint64_t *cursor = __disruptor_counter(&consumer->view,
						     DISRUPTOR_SEAT_PRODUCERS);

	/* Below: by a producer that took back what it had published. */
	return load_acquire(cursor) <= consumer->next;
}

/*
 * Look what is published; -EAGAIN: nothing new, -EBADMSG: beyond reason.
 *
 * The line of the event that comes next is asked for beforehand, so that it comes
 * with the counter's, and not after it.  While nothing is published there are
 * copies of both here, and that asks nobody.  A round trip of single events: 763 ns
 * between far cores and 211 between near ones without, 511 and 150 with it; of two
 * bare lines, 351 and 120.  With one pause more between looks, 445 between far ones:
 * a look that comes at once takes the counter's line before it is stored to.
 */
static int look(struct disruptor_consumer *consumer)
{
	const struct disruptor_view *view = &consumer->view;
	uint64_t next = consumer->next;
	uint64_t available;

	__DISRUPTOR_POINT(LOOK);
	__builtin_prefetch(__disruptor_slot(view, next));
	available = __disruptor_lowest(view, consumer->seat, true, next);
	if (available <= next)
		return -EAGAIN;
	if (available - next > view->slots)
		return -EBADMSG;
	consumer->available = available;
	__DISRUPTOR_POINT(LOOKED);
	return 0;
}

/*
 * Likewise; -ENODATA: the stream has ended.  The end is seen before the last look,
 * not after: what was published before it is found by that look.
 */
static int look_for_end(struct disruptor_consumer *consumer)
{
	int err = look(consumer);

	if (err != -EAGAIN ||
	    !(load_acquire(&consumer->view.control->state) &
	      DISRUPTOR_STATE_ENDED))
		return err;
	err = look(consumer);
	return err == -EAGAIN && end_of_stream(consumer) ? -ENODATA : err;
}

/*
 * Be done with what was aborted, if it comes first, and leave available what comes
 * before the next of it; false: nothing.
 */
static bool leave_out_aborted(struct disruptor_consumer *consumer)
{
	const struct disruptor_view *view = &consumer->view;
	uint64_t lo = consumer->next;
	uint64_t end = consumer->available;
	uint64_t hi;

	while (lo != end && is_aborted(view, lo))
		lo++;
	for (hi = lo; hi != end && !is_aborted(view, hi); hi++)
		;
	consumer->available = hi;
	if (lo != consumer->next)
		disruptor_release(consumer, lo);
	return lo != hi;
}

int __disruptor_consumer_look(struct disruptor_consumer *consumer)
{
	const struct disruptor_control *control = consumer->view.control;
	unsigned int looks = MOST_LOOKS;
	int err;

	do {
		err = look_for_end(consumer);
		/* Stored before the laps of what was aborted: no later than K. */
		if (err || consumer->next >= load_relaxed(&control->aborted))
			return err;
		__DISRUPTOR_POINT(SKIP);
	} while (!leave_out_aborted(consumer) && --looks);
	return looks ? 0 : -EAGAIN;
}

bool take_halt(uint32_t *halted)
{
	return load_relaxed(halted) &&
	       __atomic_exchange_n(halted, 0, __ATOMIC_ACQUIRE);
}

static int consumer_wait(struct disruptor_consumer *consumer,
			 uint64_t deadline_ns, uint64_t timeout_ns,
			 struct disruptor_range *range)
{
	struct wait wait;
	int err;

	if (at_the_end(&consumer->view, consumer->next))
		return -EBADMSG;
	wait_begin(&wait, consumer->role, &consumer->view, consumer->next, 1,
		   deadline_ns);
	wait.timeout_ns = timeout_ns;
	wait.halted = &consumer->halted;
	do {
		if (take_halt(&consumer->halted))
			return -ECANCELED;
		/* What was aborted has been skipped: it waits for what is next. */
		wait_ahead(&wait, &consumer->view, consumer->next, 1);
		__DISRUPTOR_POINT(CONSUMER_WAIT);
		err = wait_some(&wait);
		if (err)
			return err;
		err = disruptor_try_wait(consumer, range);
		if (err == -EAGAIN && wait.slept &&
		    is_lapped(&consumer->view, &consumer->next))
			return -EBADMSG;
	} while (err == -EAGAIN);
	if (!err)
		wait_end(&wait, range->hi - range->lo, consumer->view.slots);
	return err;
}

int __disruptor_consumer_wait(struct disruptor_consumer *consumer,
			      uint64_t deadline_ns,
			      struct disruptor_range *range)
{
	return consumer_wait(consumer, deadline_ns, DISRUPTOR_FOREVER, range);
}

/* As disruptor_wait_until(), for so long.  Who finds events reads no clock. */
int consumer_wait_for(struct disruptor_consumer *consumer, uint64_t timeout_ns,
		      struct disruptor_range *range)
{
	if (consumer->next != consumer->available &&
	    !load_relaxed(&consumer->halted))
		return disruptor_try_wait(consumer, range);
	return consumer_wait(consumer, DISRUPTOR_FOREVER, timeout_ns, range);
}

/* Async-signal-safe: a store and a system call. */
void role_halt(struct disruptor_role *role, uint32_t *halted)
{
	store_release(halted, 1);
	if (role->local)
		private_halt(role);
	else
		sys_ioctl(role->fd, DISRUPTOR_IOC_WAKE,
			  (void *)DISRUPTOR_WAKE_HALT);
}

void disruptor_halt(struct disruptor_consumer *consumer)
{
	role_halt(consumer->role, &consumer->halted);
}
