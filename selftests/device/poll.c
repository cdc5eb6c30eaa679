// SPDX-License-Identifier: GPL-2.0-only
/* rig: user=root,plain timeout=240 */
/*
 * poll(2), select(2) and epoll(7), level- and edge-triggered, on the fds of
 * producers, consumers and rings.
 */
#include "wait.h"

#include <sys/select.h>

#include "kselftest_harness.h"

#define SLOTS		8
#define IN		(POLLIN | POLLRDNORM)
#define OUT		(POLLOUT | POLLWRNORM)
#define ALL		(IN | OUT | POLLPRI | POLLRDHUP)

FIXTURE(poll) {
	int ring;
	struct role producer;
	struct role a;
	struct role b;
};

FIXTURE_SETUP(poll)
{
	self->ring = ring_create(.slots = SLOTS, .graph = "a b:a");
	ASSERT_LE(0, self->ring);
	ASSERT_EQ(0, role_take(&self->producer, self->ring, NULL));
	ASSERT_EQ(0, role_take(&self->a, self->ring, "a"));
	ASSERT_EQ(0, role_take(&self->b, self->ring, "b"));
}

FIXTURE_TEARDOWN(poll)
{
	close(self->ring);
}

static int poll_now(int fd)
{
	return polls(fd, ALL, 0);
}

/* For a struct sleeper: target: the events, context: none; the result: revents. */
static int poll_asleep(struct sleeper *s)
{
	return polls(s->fd, s->target, SLEEP_MS);
}

static struct sleeper poller_on(int fd, short events)
{
	return (struct sleeper){
		.fd = fd, .target = events, .fn = poll_asleep,
	};
}

static int epoll_on(int fd, __u32 events)
{
	struct epoll_event event = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) ? -errno : ep;
}

/* What epoll_wait() says within @ms; 0: nothing. */
static int epolls(int ep, int ms)
{
	struct epoll_event event = {};
	int ret = epoll_wait(ep, &event, 1, ms);

	return ret < 0 ? -errno : ret ? (int)event.events : 0;
}

static int epoll_asleep(struct sleeper *s)
{
	return epolls(s->fd, SLEEP_MS);
}

static struct sleeper epoller_on(int ep)
{
	return (struct sleeper){ .fd = ep, .fn = epoll_asleep };
}

/* ---- what is reported ------------------------------------------------------ */

TEST_F(poll, reports_EPOLLIN_on_a_consumer_while_there_are_events)
{
	EXPECT_EQ(0, poll_now(self->a.fd));
	publish(&self->producer, 2);
	EXPECT_EQ(IN, poll_now(self->a.fd));
	EXPECT_EQ(0, poll_now(self->b.fd));
	publish(&self->a, 1);
	EXPECT_EQ(IN, poll_now(self->a.fd));
	EXPECT_EQ(IN, poll_now(self->b.fd));
	publish(&self->a, 2);
	EXPECT_EQ(0, poll_now(self->a.fd));
	publish(&self->b, 2);
	EXPECT_EQ(0, poll_now(self->b.fd));
}

TEST_F(poll, reports_EPOLLOUT_on_a_producer_while_there_is_room)
{
	EXPECT_EQ(OUT, poll_now(self->producer.fd));
	publish(&self->producer, SLOTS - 1);
	EXPECT_EQ(OUT, poll_now(self->producer.fd));
	publish(&self->producer, SLOTS);
	EXPECT_EQ(0, poll_now(self->producer.fd));
	publish(&self->a, 4);
	EXPECT_EQ(0, poll_now(self->producer.fd));
	publish(&self->b, 1);
	EXPECT_EQ(OUT, poll_now(self->producer.fd));
}

TEST_F(poll, reports_EPOLLHUP_on_a_consumer_that_has_consumed_an_ended_stream)
{
	publish(&self->producer, 2);
	role_drop(&self->producer);
	EXPECT_EQ(IN, poll_now(self->a.fd));
	EXPECT_EQ(0, poll_now(self->b.fd));
	publish(&self->a, 2);
	EXPECT_EQ(POLLHUP, poll_now(self->a.fd));
	EXPECT_EQ(POLLHUP, polls(self->a.fd, 0, 0));
	EXPECT_EQ(IN, poll_now(self->b.fd));
	publish(&self->b, 2);
	EXPECT_EQ(POLLHUP, poll_now(self->b.fd));

	ASSERT_EQ(0, role_take(&self->producer, self->ring, NULL));
	EXPECT_EQ(0, poll_now(self->a.fd));
}

TEST_F(poll, reports_EPOLLERR_on_a_role_that_is_gone)
{
	EXPECT_EQ(0, detach(self->a.fd, 0));
	EXPECT_EQ(POLLERR, poll_now(self->a.fd));
	EXPECT_EQ(POLLERR, polls(self->a.fd, 0, 0));
	EXPECT_EQ(0, evict(self->ring, "b", 0));
	EXPECT_EQ(POLLERR, poll_now(self->b.fd));
	EXPECT_EQ(0, evict(self->ring, NULL, 0));
	EXPECT_EQ(POLLERR, poll_now(self->producer.fd));
}

TEST_F(poll, reports_EPOLLPRI_on_a_ring_until_STATS_have_been_read)
{
	struct full_stats full;

	EXPECT_EQ(POLLPRI, poll_now(self->ring));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(0, poll_now(self->ring));
	publish(&self->producer, 1);
	EXPECT_EQ(0, poll_now(self->ring));
	EXPECT_EQ(0, detach(self->b.fd, 0));
	EXPECT_EQ(POLLPRI, poll_now(self->ring));
	EXPECT_EQ(POLLPRI, poll_now(self->ring));
	/* Another fd's reading is another's. */
	ASSERT_EQ(0, stats_of(self->a.fd, &full));
	EXPECT_EQ(POLLPRI, poll_now(self->ring));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(0, poll_now(self->ring));
	EXPECT_EQ(0, evict(self->ring, "a", 0));
	EXPECT_EQ(POLLPRI, poll_now(self->ring));
}

TEST_F(poll, reports_EPOLLHUP_on_a_ring_whose_stream_has_ended)
{
	struct full_stats full;
	int outlives = ring_create(.flags = DISRUPTOR_RING_OUTLIVES);
	int producer = attach_producer(outlives, NULL);

	role_drop(&self->producer);
	EXPECT_EQ(POLLPRI | POLLHUP, poll_now(self->ring));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(POLLHUP, poll_now(self->ring));
	ASSERT_EQ(0, role_take(&self->producer, self->ring, NULL));
	EXPECT_EQ(POLLPRI, poll_now(self->ring));

	ASSERT_LE(0, producer);
	close(producer);
	producer = attach_producer(outlives, NULL);
	EXPECT_EQ(POLLPRI, poll_now(outlives));
	EXPECT_EQ(0, detach(producer, DISRUPTOR_DETACH_END));
	EXPECT_EQ(POLLPRI | POLLHUP, poll_now(outlives));
}

/* select() at once: bit 0 readable, 1 writable, 2 exceptional. */
static int select_now(int fd)
{
	struct timeval none = {};
	fd_set in, out, pri;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	out = in;
	pri = in;
	if (select(fd + 1, &in, &out, &pri, &none) < 0)
		return -errno;
	return (FD_ISSET(fd, &in) ? 1 : 0) + (FD_ISSET(fd, &out) ? 2 : 0) +
	       (FD_ISSET(fd, &pri) ? 4 : 0);
}

TEST_F(poll, is_select_too)
{
	struct full_stats full;

	EXPECT_EQ(0, select_now(self->a.fd));
	EXPECT_EQ(2, select_now(self->producer.fd));
	EXPECT_EQ(4, select_now(self->ring));
	publish(&self->producer, SLOTS);
	EXPECT_EQ(1, select_now(self->a.fd));
	EXPECT_EQ(0, select_now(self->producer.fd));
	ASSERT_EQ(0, stats_of(self->ring, &full));
	EXPECT_EQ(0, select_now(self->ring));
	EXPECT_EQ(0, evict(self->ring, "a", 0));
	EXPECT_EQ(3, select_now(self->a.fd));
}

/* ---- who is woken ------------------------------------------------------------- */

TEST_F(poll, sleeps_until_there_are_events)
{
	struct sleeper s = poller_on(self->a.fd, POLLIN);

	ASSERT_TRUE(sleeper_sleeps(&s));
	EXPECT_EQ(1, told_wake_at(self->a.control, 0));
	publish(&self->producer, 1);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(POLLIN, s.result);
	EXPECT_EQ(1, self->producer.wakes);
	EXPECT_EQ(NOBODY, told_wake_at(self->a.control, 0));
	publish(&self->producer, 2);
	EXPECT_EQ(1, self->producer.wakes);
}

TEST_F(poll, sleeps_until_there_is_room)
{
	struct sleeper s = poller_on(self->producer.fd, POLLOUT);

	publish(&self->producer, SLOTS);
	ASSERT_TRUE(sleeper_sleeps(&s));
	publish(&self->a, 3);
	EXPECT_TRUE(sleeper_stays(&s));
	publish(&self->b, 1);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(POLLOUT, s.result);
}

TEST_F(poll, in_a_chain_is_woken_by_the_stage_before_alone)
{
	struct sleeper s = poller_on(self->b.fd, POLLIN);

	ASSERT_TRUE(sleeper_sleeps(&s));
	publish(&self->producer, 3);
	EXPECT_TRUE(sleeper_stays(&s));
	EXPECT_EQ(0, self->producer.wakes);
	publish(&self->a, 1);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(POLLIN, s.result);
}

/* Switches by its own will; a thread that is not woken makes none. */
static long switches_of(int tid)
{
	char path[64], text[4096];
	char *at;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return -1;
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	return at ? atol(at + strlen("\nvoluntary_ctxt_switches:")) : -1;
}

TEST_F(poll, and_wait_leave_a_thread_asleep_whose_target_is_not_met)
{
	struct sleeper s = sleeper_on(&self->a, SLOTS);
	struct sleeper p = poller_on(self->b.fd, POLLIN);
	long switches_s, switches_p;
	__u64 hi;

	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_TRUE(sleeper_sleeps(&p));
	switches_s = switches_of(s.tid);
	switches_p = switches_of(p.tid);
	EXPECT_LT(0, switches_s);
	for (hi = 1; hi < SLOTS; hi++) {
		publish(&self->producer, hi);
		EXPECT_EQ(0, wake(self->producer.fd, 0));
	}
	sleep_ms(QUIET_MS);
	EXPECT_EQ(switches_s, switches_of(s.tid));
	EXPECT_EQ(switches_p, switches_of(p.tid));
	publish(&self->producer, SLOTS);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(switches_p, switches_of(p.tid));
	publish(&self->a, 1);
	ASSERT_TRUE(sleeper_returns(&p));
}

TEST_F(poll, is_woken_by_the_end_of_the_stream)
{
	struct sleeper s = poller_on(self->a.fd, POLLIN);
	struct sleeper only_hup = poller_on(self->b.fd, 0);

	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_TRUE(sleeper_sleeps(&only_hup));
	role_drop(&self->producer);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(POLLHUP, s.result);
	ASSERT_TRUE(sleeper_returns(&only_hup));
	EXPECT_EQ(POLLHUP, only_hup.result);
}

TEST_F(poll, is_woken_by_an_eviction)
{
	struct sleeper a = poller_on(self->a.fd, POLLIN);
	struct sleeper b = poller_on(self->b.fd, POLLIN);
	struct sleeper p = poller_on(self->producer.fd, POLLOUT);

	publish(&self->producer, SLOTS);
	publish(&self->a, SLOTS);
	publish(&self->b, SLOTS);
	publish(&self->producer, 2 * SLOTS);
	publish(&self->a, 2 * SLOTS);
	ASSERT_TRUE(sleeper_sleeps(&a));
	ASSERT_TRUE(sleeper_sleeps(&p));
	EXPECT_EQ(0, evict(self->ring, "a", 0));
	ASSERT_TRUE(sleeper_returns(&a));
	EXPECT_EQ(POLLERR, a.result);
	publish(&self->b, 2 * SLOTS);
	ASSERT_TRUE(sleeper_returns(&p));
	EXPECT_EQ(POLLOUT, p.result);
	ASSERT_TRUE(sleeper_sleeps(&b));
	EXPECT_EQ(0, detach(self->b.fd, 0));
	ASSERT_TRUE(sleeper_returns(&b));
	EXPECT_EQ(POLLERR, b.result);
}

TEST_F(poll, for_errors_alone_is_woken_by_an_eviction_whatever_else_there_is)
{
	struct sleeper a = poller_on(self->a.fd, 0);
	struct sleeper b = poller_on(self->b.fd, 0);
	struct sleeper p = poller_on(self->producer.fd, 0);

	publish(&self->producer, 2);
	ASSERT_TRUE(sleeper_sleeps(&a));
	ASSERT_TRUE(sleeper_sleeps(&b));
	ASSERT_TRUE(sleeper_sleeps(&p));
	publish(&self->producer, 3);
	publish(&self->a, 1);
	/* What it did not ask for costs nobody a call. */
	EXPECT_EQ(0, self->producer.wakes);
	EXPECT_EQ(0, self->a.wakes);
	EXPECT_EQ(0, evict(self->ring, "a", 0));
	ASSERT_TRUE(sleeper_returns(&a));
	EXPECT_EQ(POLLERR, a.result);
	EXPECT_TRUE(sleeper_stays(&b));
	EXPECT_EQ(0, evict(self->ring, "b", 0));
	ASSERT_TRUE(sleeper_returns(&b));
	EXPECT_EQ(POLLERR, b.result);
	EXPECT_EQ(0, evict(self->ring, NULL, 0));
	ASSERT_TRUE(sleeper_returns(&p));
	EXPECT_EQ(POLLERR, p.result);
}

TEST_F(poll, for_hang_up_alone_is_woken_when_another_thread_has_consumed_the_stream)
{
	struct sleeper s = poller_on(self->a.fd, 0);

	publish(&self->producer, 2);
	ASSERT_TRUE(sleeper_sleeps(&s));
	role_drop(&self->producer);
	EXPECT_TRUE(sleeper_stays(&s));
	publish(&self->a, 1);
	EXPECT_TRUE(sleeper_stays(&s));
	publish(&self->a, 2);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(POLLHUP, s.result);
}

TEST_F(poll, on_a_ring_is_woken_when_a_role_comes_or_goes)
{
	struct sleeper s = poller_on(self->ring, POLLPRI);
	struct full_stats full;

	ASSERT_EQ(0, stats_of(self->ring, &full));
	ASSERT_TRUE(sleeper_sleeps(&s));
	publish(&self->producer, 1);
	EXPECT_TRUE(sleeper_stays(&s));
	role_drop(&self->b);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(POLLPRI, s.result);

	ASSERT_EQ(0, stats_of(self->ring, &full));
	ASSERT_TRUE(sleeper_sleeps(&s));
	ASSERT_EQ(0, role_take(&self->b, self->ring, "b"));
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(POLLPRI, s.result);

	s.target = 0;
	ASSERT_TRUE(sleeper_sleeps(&s));
	role_drop(&self->producer);
	ASSERT_TRUE(sleeper_returns(&s));
	EXPECT_EQ(POLLHUP, s.result);
}

/* ---- epoll ----------------------------------------------------------------------- */

TEST_F(poll, by_level_says_again_what_is_still_so)
{
	int ep = epoll_on(self->a.fd, EPOLLIN);

	ASSERT_LE(0, ep);
	EXPECT_EQ(0, epolls(ep, 0));
	publish(&self->producer, 1);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	publish(&self->a, 1);
	EXPECT_EQ(0, epolls(ep, 0));
	role_drop(&self->producer);
	EXPECT_EQ(EPOLLHUP, epolls(ep, LONG_MS));
	EXPECT_EQ(EPOLLHUP, epolls(ep, LONG_MS));
	EXPECT_EQ(0, evict(self->ring, "a", 0));
	EXPECT_EQ(EPOLLERR, epolls(ep, LONG_MS));
}

TEST_F(poll, by_edge_says_once_what_is_new)
{
	int ep = epoll_on(self->a.fd, EPOLLIN | EPOLLET);

	ASSERT_LE(0, ep);
	publish(&self->producer, 1);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->producer, 2);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->a, 2);
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->producer, 3);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
}

TEST_F(poll, by_edge_tells_a_producer_of_room)
{
	int ep = epoll_on(self->producer.fd, EPOLLOUT | EPOLLET);

	ASSERT_LE(0, ep);
	EXPECT_EQ(EPOLLOUT, epolls(ep, LONG_MS));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->producer, SLOTS);
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->a, 2);
	publish(&self->b, 1);
	EXPECT_EQ(EPOLLOUT, epolls(ep, LONG_MS));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->b, 2);
	EXPECT_EQ(EPOLLOUT, epolls(ep, LONG_MS));
}

TEST_F(poll, by_edge_hangs_up_when_the_stream_ends_after_the_last_event)
{
	int ep = epoll_on(self->a.fd, EPOLLIN | EPOLLET);

	ASSERT_LE(0, ep);
	publish(&self->producer, 1);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	publish(&self->a, 1);
	role_drop(&self->producer);
	EXPECT_EQ(EPOLLHUP, epolls(ep, LONG_MS));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
}

TEST_F(poll, by_edge_hangs_up_when_the_last_events_of_an_ended_stream_are_consumed)
{
	int ep = epoll_on(self->a.fd, EPOLLIN | EPOLLET);

	ASSERT_LE(0, ep);
	publish(&self->producer, 2);
	role_drop(&self->producer);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->a, 1);
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->a, 2);
	EXPECT_EQ(EPOLLHUP, epolls(ep, LONG_MS));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
}

TEST_F(poll, by_edge_hangs_up_down_the_chain)
{
	int ep = epoll_on(self->b.fd, EPOLLIN | EPOLLET);

	ASSERT_LE(0, ep);
	publish(&self->producer, 2);
	role_drop(&self->producer);
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->a, 1);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	publish(&self->b, 1);
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->a, 2);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	publish(&self->b, 2);
	EXPECT_EQ(EPOLLHUP, epolls(ep, LONG_MS));
}

TEST_F(poll, by_edge_tells_of_a_stream_that_goes_on_after_its_end)
{
	int ep = epoll_on(self->a.fd, EPOLLIN | EPOLLET);

	ASSERT_LE(0, ep);
	role_drop(&self->producer);
	EXPECT_EQ(EPOLLHUP, epolls(ep, LONG_MS));
	ASSERT_EQ(0, role_take(&self->producer, self->ring, NULL));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->producer, 1);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
}

TEST_F(poll, once_is_once_until_asked_again)
{
	struct epoll_event again = { .events = EPOLLIN | EPOLLONESHOT };
	int ep = epoll_on(self->a.fd, again.events);

	ASSERT_LE(0, ep);
	publish(&self->producer, 1);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	publish(&self->a, 1);
	publish(&self->producer, 2);
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	EXPECT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->a.fd, &again));
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
	publish(&self->a, 2);
	EXPECT_EQ(0, epoll_ctl(ep, EPOLL_CTL_MOD, self->a.fd, &again));
	EXPECT_EQ(0, epolls(ep, QUIET_MS));
	publish(&self->producer, 3);
	EXPECT_EQ(EPOLLIN, epolls(ep, LONG_MS));
}

TEST_F(poll, wakes_all_who_poll_one_fd)
{
	int level = epoll_on(self->a.fd, EPOLLIN);
	int edge = epoll_on(self->a.fd, EPOLLIN | EPOLLET);
	struct sleeper s[3] = {
		epoller_on(level), epoller_on(edge),
		poller_on(self->a.fd, POLLIN),
	};
	__u64 round;
	int i;

	ASSERT_LE(0, level);
	ASSERT_LE(0, edge);
	for (round = 1; round <= 50; round++) {
		for (i = 0; i < 3; i++)
			ASSERT_TRUE(sleeper_sleeps(&s[i]));
		publish(&self->producer, round);
		for (i = 0; i < 3; i++) {
			ASSERT_TRUE(sleeper_returns(&s[i]));
			EXPECT_EQ(POLLIN, s[i].result);
		}
		publish(&self->a, round);
		publish(&self->b, round);
	}
	EXPECT_GE(51, self->producer.wakes);
}

TEST_F(poll, wakes_two_edge_triggered_sets_and_a_wait_each_time)
{
	int first = epoll_on(self->a.fd, EPOLLIN | EPOLLET);
	int second = epoll_on(self->a.fd, EPOLLIN | EPOLLET);
	struct sleeper s;
	__u64 round;

	ASSERT_LE(0, first);
	ASSERT_LE(0, second);
	for (round = 1; round <= 100; round++) {
		s = sleeper_on(&self->a, round);
		ASSERT_TRUE(sleeper_sleeps(&s));
		publish(&self->producer, round);
		EXPECT_EQ(EPOLLIN, epolls(first, LONG_MS));
		EXPECT_EQ(EPOLLIN, epolls(second, LONG_MS));
		ASSERT_TRUE(sleeper_returns(&s));
		EXPECT_EQ(0, s.result);
		publish(&self->a, round);
		publish(&self->b, round);
	}
}

/* Drain up to what is there, by the counters alone. */
static __u64 drain(struct role *role, const __u64 *upstream)
{
	__u64 there;

	while ((there = __atomic_load_n(upstream, __ATOMIC_ACQUIRE)) >
	       role->next)
		publish(role, there);
	return role->next;
}

static const __u64 *map_sequence(int fd, unsigned int seat)
{
	void *page = mmap(NULL, page_bytes(), PROT_READ, MAP_SHARED, fd,
			  DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_SEQUENCES) +
			  seat * page_bytes());

	return page == MAP_FAILED ? NULL : counter_in(page, seat);
}

#define EDGE_MS		8000	/* so long it is tried */

/**
 * struct stage - a stage that sleeps by edge, in a process of its own
 * @ring: the ring
 * @name: the stage
 * @after: whose counter it drains
 */
struct stage {
	int ring;
	const char *name;
	unsigned int after;
};

/* Until EPOLLHUP; drains between edges and uses nothing but the map to do so. */
static int stage_main(void *context)
{
	struct stage *stage = context;
	const __u64 *upstream = map_sequence(stage->ring, stage->after);
	struct role role;
	int events = 0;
	int ep;

	CHILD_CHECK(upstream && !role_take(&role, stage->ring, stage->name));
	ep = epoll_on(role.fd, EPOLLIN | EPOLLET);
	CHILD_CHECK(ep >= 0);
	while (!(events & EPOLLHUP)) {
		events = epolls(ep, LONG_MS);
		CHILD_CHECK(events > 0 && !(events & EPOLLERR));
		drain(&role, upstream);
	}
	CHILD_CHECK(role.next == counter_of(stage->ring, 0));
	return 0;
}

/* Publishes at uneven moments; 0, or -errno of a wait for room. */
static int publish_unevenly(struct role *producer, __u64 until_ns)
{
	__u64 room = 0;
	int spin, err;

	while (now_ns() < until_ns) {
		if (producer->next >= room) {
			err = wait_until(producer->fd, producer->next + 1,
					 in_ms(LONG_MS), &room);
			if (err)
				return err;
		}
		publish(producer, producer->next + 1);
		for (spin = rand() % 400; spin; spin--)
			cpu_relax();
	}
	return 0;
}

TEST(by_edge_a_stage_that_drains_between_edges_misses_none)
{
	int ring = ring_create(.slots = 64, .graph = "a b:a");
	struct stage a = { ring, "a", DISRUPTOR_SEAT_PRODUCERS };
	struct stage b = { ring, "b", DISRUPTOR_SEAT_CONSUMER(0) };
	pid_t pid_a = child_start(stage_main, &a);
	pid_t pid_b = child_start(stage_main, &b);
	struct role producer;

	ASSERT_EQ(0, role_take(&producer, ring, NULL));
	EXPECT_EQ(0, publish_unevenly(&producer, in_ms(EDGE_MS)));
	TH_LOG("%llu events", producer.next);
	role_drop(&producer);
	EXPECT_EQ(0, child_wait(pid_a));
	EXPECT_EQ(0, child_wait(pid_b));
}

TEST_HARNESS_MAIN
