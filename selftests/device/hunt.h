/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hunt for lost wakes: stages in processes of their own fall asleep and
 * publish at random moments, by every way to sleep that there is, as often as they
 * can.  Whoever is asleep for LOST_MS and then finds its target met has not been
 * woken: that is a lost wake, and ends the hunt.  No sleep is longer than that.
 *
 * HUNT_SECONDS in the environment makes each hunt that long.
 */
#ifndef SELFTESTS_DEVICE_HUNT_H
#define SELFTESTS_DEVICE_HUNT_H

#include "wait.h"

#include "kselftest_harness.h"

#define LOST_MS		5000
#define HUNT_SECONDS	8
#define MAX_STAGES	8

/* Ways to sleep. */
#define BY_WAIT		1
#define BY_POLL		2
#define BY_LEVEL	4
#define BY_EDGE		8
#define BY_ANY		15

/**
 * struct hunt - what all processes of a hunt share
 * @ring: the ring
 * @slots: see struct ring_spec
 * @graph: likewise
 * @ways: BY_*
 * @batch: a target is up to so many events ahead
 * @unfence: before one in so many publishings, fences are sent away; 0: never
 * @pauses: up to so many between two publishings
 * @watchers: threads that wait beside each consumer
 * @churn: consumers that come and go, between spaces
 * @end_ns: when the producer ends the stream
 * @polls: waits that were not by WAIT
 * @lost: lost wakes
 * @visits: how often a consumer came and went
 */
struct hunt {
	int ring;
	unsigned int slots;
	const char *graph;
	unsigned int ways;
	unsigned int batch;
	unsigned int unfence;
	unsigned int pauses;
	unsigned int watchers;
	const char *churn;
	__u64 end_ns;

	unsigned long polls;
	unsigned long lost;
	unsigned long visits;
};

/**
 * struct hunter - a stage of the hunt
 * @hunt: which
 * @name: of the consumer; NULL: the producer
 * @role: its role
 * @sequences: all counters
 * @level: epoll fd
 * @edge: likewise
 * @random: state of its random numbers
 */
struct hunter {
	struct hunt *hunt;
	const char *name;
	struct role role;
	char *sequences;
	int level;
	int edge;
	unsigned int random;
};

static inline unsigned int random_below(unsigned int *state, unsigned int limit)
{
	/* xorshift: rand() takes a lock. */
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % limit;
}

static inline void pause_randomly(struct hunter *h)
{
	unsigned int spins = random_below(&h->random, 1 + h->hunt->pauses);

	while (spins--)
		cpu_relax();
	if (!random_below(&h->random, 512))
		sched_yield();
}

static inline __u64 sequence(const struct hunter *h, unsigned int seat)
{
	void *page = h->sequences + seat * page_bytes();

	return __atomic_load_n(counter_in(page, seat), __ATOMIC_ACQUIRE);
}

static inline bool stream_ended(const struct hunter *h)
{
	return __atomic_load_n(&h->role.control->state, __ATOMIC_ACQUIRE) &
	       DISRUPTOR_STATE_ENDED;
}

/* What the seat waits on, under the epoch, as linux/disruptor.h has it. */
static inline __u64 barrier_of(const struct hunter *h)
{
	const struct disruptor_control *control = h->role.control;
	const __u64 *waits_on = &control->seat[h->role.seat].waits_on;
	__u64 epoch, mask, lowest;
	unsigned int i;

	do {
		epoch = __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE);
		mask = __atomic_load_n(waits_on, __ATOMIC_ACQUIRE);
		lowest = sequence(h, 0);
		for (i = 0; mask >> i && i < DISRUPTOR_MAX_CONSUMERS; i++) {
			__u64 one = mask >> i & 1 ? sequence(h, 1 + i) : lowest;

			if (one < lowest)
				lowest = one;
		}
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	} while (epoch != __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE));
	return lowest;
}

/* Up to where it may publish. */
static inline __u64 limit_of(const struct hunter *h)
{
	return barrier_of(h) + (h->name ? 0 : h->hunt->slots);
}

/* ---- sleeping, and how a lost wake is noticed ------------------------------- */

static inline void report_lost(struct hunter *h, const char *how, __u64 target)
{
	const struct disruptor_control *control = h->role.control;
	unsigned int seat;

	__atomic_add_fetch(&h->hunt->lost, 1, __ATOMIC_RELAXED);
	fprintf(stderr, "# lost wake: %s by %s: target %llu, barrier %llu\n",
		h->name ?: "producer", how, target, barrier_of(h));
	for (seat = 0; seat <= control->nr_consumers; seat++)
		fprintf(stderr,
			"#  seat %u: at %llu, wake_at %lld, look_at %lld, fence %u\n",
			seat, sequence(h, seat), told_wake_at(control, seat),
			told_look_at(control, seat), told_fence(control, seat));
}

/* 0: met, or not met in time; -errno: there is no more. */
static inline int sleep_by_wait(struct hunter *h, int fd, __u64 target)
{
	__u64 deadline = in_ms(LOST_MS);
	int err = wait_until(fd, target, deadline, NULL);

	/* WAIT looks once more at its deadline. */
	if (!err && now_ns() >= deadline)
		report_lost(h, "WAIT", target);
	return err == -ETIMEDOUT ? 0 : err;
}

static inline int sleep_by_epoll(int ep)
{
	struct epoll_event event = {};
	int ret = epoll_wait(ep, &event, 1, LOST_MS);

	return ret <= 0 ? ret : (int)event.events;
}

static inline int sleep_by_poll(struct hunter *h)
{
	struct pollfd p = {
		.fd = h->role.fd, .events = h->name ? POLLIN : POLLOUT,
	};
	int ret = poll(&p, 1, LOST_MS);

	return ret <= 0 ? ret : p.revents;
}

/* The same for the others; they know no target but the next. */
static inline int sleep_by(struct hunter *h, unsigned int way)
{
	int events = way == BY_POLL ? sleep_by_poll(h) :
		sleep_by_epoll(way == BY_LEVEL ? h->level : h->edge);

	__atomic_add_fetch(&h->hunt->polls, 1, __ATOMIC_RELAXED);
	if (!events && limit_of(h) > h->role.next)
		report_lost(h, way == BY_POLL ? "poll" : way == BY_LEVEL ?
			    "level" : "edge", h->role.next + 1);
	if (events & POLLERR)
		return -ESTALE;
	return events & POLLHUP ? -ENODATA : 0;
}

static inline int sleep_somehow(struct hunter *h)
{
	unsigned int ahead = 1 + random_below(&h->random, h->hunt->batch);
	unsigned int way;

	do {
		way = 1U << random_below(&h->random, 4);
	} while (!(way & h->hunt->ways));
	return way == BY_WAIT ?
		sleep_by_wait(h, h->role.fd, h->role.next + ahead) :
		sleep_by(h, way);
}

/* ---- stages -------------------------------------------------------------------- */

static inline int add_to_epoll(struct hunter *h, __u32 flags)
{
	struct epoll_event event = {
		.events = (h->name ? EPOLLIN : EPOLLOUT) | flags,
	};
	int ep = epoll_create1(EPOLL_CLOEXEC);

	return epoll_ctl(ep, EPOLL_CTL_ADD, h->role.fd, &event) ? -1 : ep;
}

static inline bool hunter_begin(struct hunter *h)
{
	int ring = h->hunt->ring;

	if (role_take(&h->role, ring, h->name))
		return false;
	h->random = (getpid() * 2654435761U) | 1;
	h->sequences = map_region(h->role.fd, DISRUPTOR_REGION_SEQUENCES,
				  (1 + h->role.control->nr_consumers) *
				  page_bytes(), PROT_READ);
	h->level = add_to_epoll(h, 0);
	h->edge = add_to_epoll(h, EPOLLET);
	return h->sequences != MAP_FAILED && h->level >= 0 && h->edge >= 0;
}

static inline void hunter_publish(struct hunter *h, __u64 hi)
{
	const struct role *role = &h->role;

	/* Before it: WAKE after it would make up for a lost one. */
	if (h->hunt->unfence && told_fence(role->control, role->seat) &&
	    !random_below(&h->random, h->hunt->unfence))
		wake(role->fd, DISRUPTOR_WAKE_UNFENCE);
	pause_randomly(h);
	publish(&h->role, hi);
}

static inline bool hunt_over(const struct hunt *hunt)
{
	return __atomic_load_n(&hunt->lost, __ATOMIC_RELAXED) ||
	       now_ns() >= hunt->end_ns;
}

/* Work and sleep until the stream ends, or until @until_ns. */
static inline int hunter_run(struct hunter *h, __u64 until_ns)
{
	__u64 limit, hi;
	int err;

	while (now_ns() < until_ns &&
	       !__atomic_load_n(&h->hunt->lost, __ATOMIC_RELAXED)) {
		bool ended = stream_ended(h);

		limit = limit_of(h);
		if (limit > h->role.next) {
			/* All there is, or a part: it sleeps only when drained. */
			hi = h->role.next + 1 +
			     random_below(&h->random, limit - h->role.next);
			hunter_publish(h, hi);
			continue;
		}
		if (h->name && ended && h->role.next >= sequence(h, 0))
			return 0;
		err = sleep_somehow(h);
		if (err && err != -ENODATA)
			return err;
	}
	return 0;
}

static inline int producer_main(void *context)
{
	struct hunter *h = context;

	alarm((h->hunt->end_ns - now_ns()) / 1000000000 + 40);
	CHILD_CHECK(hunter_begin(h));
	CHILD_CHECK(!hunter_run(h, h->hunt->end_ns));
	CHILD_CHECK(!detach(h->role.fd, DISRUPTOR_DETACH_END));
	return !!h->hunt->lost;
}

/* Waits beside a consumer, with targets of its own. */
static inline void *watcher_main(void *context)
{
	struct hunter *h = context;
	unsigned int random = syscall(SYS_gettid) | 1;
	__u64 target;
	int err = 0;

	while (!err && !__atomic_load_n(&h->hunt->lost, __ATOMIC_RELAXED)) {
		target = __atomic_load_n(h->role.counter, __ATOMIC_RELAXED) + 1 +
			 random_below(&random, h->hunt->batch);
		err = sleep_by_wait(h, h->role.fd, target);
	}
	return NULL;
}

static inline int consumer_main(void *context)
{
	struct hunter *h = context;
	pthread_t watchers[4];
	unsigned int i;

	alarm((h->hunt->end_ns - now_ns()) / 1000000000 + 40);
	CHILD_CHECK(hunter_begin(h));
	for (i = 0; i < h->hunt->watchers; i++)
		CHILD_CHECK(!pthread_create(&watchers[i], NULL, watcher_main, h));
	CHILD_CHECK(!hunter_run(h, h->hunt->end_ns + 2 * LOST_MS * 1000000ULL));
	for (i = 0; i < h->hunt->watchers; i++)
		pthread_join(watchers[i], NULL);
	CHILD_CHECK(h->hunt->lost || h->role.next == sequence(h, 0));
	return !!h->hunt->lost;
}

/* Comes, works a little, and goes by will or by itself. */
static inline int visitor_main(void *context)
{
	struct hunter *h = context;
	int err;

	CHILD_CHECK(hunter_begin(h));
	err = hunter_run(h, now_ns() + random_below(&h->random, 4000000));
	CHILD_CHECK(!err);
	if (random_below(&h->random, 2))
		CHILD_CHECK(!detach(h->role.fd, 0));
	return !!h->hunt->lost;
}

/* One visitor after the other, some of them killed at a random moment. */
static inline int churn_main(void *context)
{
	struct hunter *h = context;
	unsigned int random = getpid() | 1;
	int status;
	pid_t pid;

	alarm((h->hunt->end_ns - now_ns()) / 1000000000 + 40);
	while (!hunt_over(h->hunt)) {
		bool kills = random_below(&random, 2);
		struct timespec ts = { 0, random_below(&random, 4000000) };

		pid = child_start(visitor_main, h);
		if (kills) {
			nanosleep(&ts, NULL);
			kill(pid, SIGKILL);
		}
		status = child_wait(pid);
		CHILD_CHECK(!status || (kills && status == -SIGKILL));
		__atomic_add_fetch(&h->hunt->visits, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

/* ---- hunts ------------------------------------------------------------------------- */

static inline bool is_churned(const struct hunt *hunt, const char *name)
{
	const char *at = hunt->churn ? strstr(hunt->churn, name) : NULL;

	return at && (at == hunt->churn || at[-1] == ' ');
}

static inline pid_t hunter_start(struct hunt *hunt, struct hunter *h,
				 const char *name)
{
	h->hunt = hunt;
	h->name = name;
	return child_start(!name ? producer_main : is_churned(hunt, name) ?
			   churn_main : consumer_main, h);
}

/* A wake is lost only to one who sleeps; and by visitors, if some came. */
static inline bool was_hunt(const struct hunt *hunt, __u64 events, __u64 sleeps)
{
	return events && sleeps && (!hunt->churn || hunt->visits);
}

/* Zero, or what went wrong; says how much was slept. */
static inline int hunt_run(struct hunt *hunt)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	unsigned int nr = graph_parse(c, hunt->graph);
	struct hunter hunters[MAX_STAGES] = {};
	const char *seconds = getenv("HUNT_SECONDS");
	__u64 sleeps = 0, wakes = 0, interrupts = 0;
	pid_t pids[MAX_STAGES];
	struct full_stats full;
	unsigned int i;
	int bad = 0;

	hunt->ring = ring_create(.slots = hunt->slots, .graph = hunt->graph);
	hunt->end_ns = in_ms(1000 * (seconds ? atoi(seconds) : HUNT_SECONDS));
	for (i = 0; i <= nr; i++)
		pids[i] = hunter_start(hunt, &hunters[i],
				       i ? c[i - 1].name : NULL);
	for (i = 0; i <= nr; i++)
		bad += child_wait(pids[i]) != 0;
	bad += stats_of(hunt->ring, &full) != 0;
	for (i = 0; i <= nr; i++) {
		sleeps += full.seats[i].sleeps;
		wakes += full.seats[i].wakes;
		interrupts += full.seats[i].interrupts;
	}
	printf("# %llu events, %llu sleeps in WAIT, %lu polls, %llu wakes, ",
	       full.seats[0].sequence, sleeps, hunt->polls, wakes);
	printf("%llu interrupts, %lu visits, %lu lost wakes\n", interrupts,
	       hunt->visits, hunt->lost);
	bad += !was_hunt(hunt, full.seats[0].sequence, sleeps + hunt->polls);
	close(hunt->ring);
	return bad;
}

FIXTURE(hunt) {
	struct hunt *shared;
};

FIXTURE_SETUP(hunt)
{
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
}

FIXTURE_TEARDOWN(hunt)
{
}

#define HUNT(name, ...)							\
	TEST_F_TIMEOUT(hunt, name, 3600)				\
	{								\
		*self->shared = (struct hunt){ __VA_ARGS__ };		\
		EXPECT_EQ(0, hunt_run(self->shared));			\
		EXPECT_EQ(0, self->shared->lost);			\
	}

HUNT(no_wake_is_lost_in_ping_pong,
	.slots = 1, .graph = "a", .ways = BY_WAIT, .batch = 1, .pauses = 300)

HUNT(no_wake_is_lost_in_ping_pong_without_fences,
	.slots = 1, .graph = "a", .ways = BY_WAIT, .batch = 1, .pauses = 300,
	.unfence = 1)

HUNT(no_wake_is_lost_by_poll_and_epoll,
	.slots = 2, .graph = "a", .ways = BY_POLL | BY_LEVEL | BY_EDGE,
	.batch = 1, .pauses = 300, .unfence = 4)

HUNT(no_wake_is_lost_in_a_chain,
	.slots = 16, .graph = "a b:a c:b", .ways = BY_ANY, .batch = 3,
	.pauses = 200, .unfence = 8)

HUNT(no_wake_is_lost_in_a_diamond,
	.slots = 16, .graph = "a b c:a,b", .ways = BY_ANY, .batch = 3,
	.pauses = 200, .unfence = 8)

HUNT(no_edge_is_lost_in_a_diamond,
	.slots = 4, .graph = "a b c:a,b", .ways = BY_EDGE, .batch = 1,
	.pauses = 200, .unfence = 8)

HUNT(no_wake_is_lost_among_several_with_targets_of_their_own,
	.slots = 16, .graph = "a b:a", .ways = BY_ANY, .batch = 4,
	.pauses = 200, .watchers = 3, .unfence = 16)

HUNT(no_wake_is_lost_while_stages_come_and_go_and_are_killed,
	.slots = 16, .graph = "a x? b:a,x y?:x c:y", .churn = "x y",
	.ways = BY_ANY, .batch = 2, .pauses = 200, .unfence = 16)

#endif /* SELFTESTS_DEVICE_HUNT_H */
