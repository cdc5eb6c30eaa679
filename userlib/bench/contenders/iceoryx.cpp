// SPDX-License-Identifier: MIT
/*
 * iceoryx, between processes: a queue is a topic, a batch is a chunk, and publishers wait
 * for subscribers.  Debian's is built for 256 chunks in a queue.  Its daemon runs as
 * long as this contender does.
 */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "queue.h"

using namespace iox::popo;

#define MAX_CHUNKS	256

/* ---- the daemon -------------------------------------------------------------------- */

/* Chunks for four full queues, and for those that are written or read. */
static const char config[] =
	"[general]\nversion = 1\n[[segment]]\n"
	"[[segment.mempool]]\nsize = 128\ncount = 1200\n"
	"[[segment.mempool]]\nsize = 4096\ncount = 1200\n"
	"[[segment.mempool]]\nsize = 65536\ncount = 1200\n";

/* Never returns.  It ends when the contender does, and takes its memory away. */
static void become_daemon(int out)
{
	int file = memfd_create("config", 0);
	std::string path = "/proc/self/fd/" + std::to_string(file);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (file >= 0 && write(file, config, sizeof(config) - 1) > 0 &&
	    dup2(out, STDOUT_FILENO) >= 0 && freopen("/dev/null", "w", stderr))
		execlp("iox-roudi", "iox-roudi", "--monitoring-mode", "off",
		       "--log-level", "off", "--config-file", path.c_str(), nullptr);
	_exit(127);
}

/* There can only be one: somebody else's will do, as long as it is there. */
static bool have_daemon()
{
	char line[64] = "";
	int out[2];
	FILE *from;

	if (pipe2(out, O_CLOEXEC))
		return false;
	if (!fork())
		become_daemon(out[1]);
	close(out[1]);
	from = fdopen(out[0], "r");
	while (from && fgets(line, sizeof(line), from) && !strstr(line, "ready"))
		;
	/* It is left open: the daemon may have more to say. */
	return strstr(line, "ready") || !access("/tmp/roudi", F_OK);
}

/* ---- topics -------------------------------------------------------------------------- */

/**
 * struct topic - a queue; each process has its own idea of it
 * @nr: its name
 * @sleeps: where there is nothing
 * @publisher: of a process that puts
 * @subscriber: of one that takes
 * @events: where it sleeps
 * @chunk: the one that is being taken from; NULL: none
 * @taken: bytes of it
 */
struct topic {
	unsigned int nr;
	bool sleeps;
	std::unique_ptr<UntypedPublisher> publisher;
	std::unique_ptr<UntypedSubscriber> subscriber;
	std::unique_ptr<WaitSet<1>> events;
	const char *chunk;
	uint64_t taken;
};

static int make(struct contest *contest, unsigned int, void **queue)
{
	static bool there_is_one;
	static unsigned int nr;	/* never again, so that runs do not mix */

	there_is_one = there_is_one || have_daemon();
	if (!there_is_one)
		return contest_refuse(contest, "iox-roudi does not start");
	if (contest->batch * contest->size > QUEUE_BUFFER && contest->shape == SHAPE_COPY)
		return contest_refuse(contest, "its chunks are smaller");
	*queue = new topic{ nr++, contest->wait >= WAIT_BLOCK, {}, {}, {}, nullptr, 0 };
	return 0;
}

static void drop(struct contest *, void *queue)
{
	delete static_cast<topic *>(queue);
}

static iox::capro::ServiceDescription name_of(const topic *topic)
{
	using iox::capro::IdString_t;

	return { "disruptor-bench", "run",
		 IdString_t(iox::cxx::TruncateToCapacity,
			    std::to_string(topic->nr).c_str()) };
}

static void publish(topic *topic)
{
	PublisherOptions options;

	options.subscriberTooSlowPolicy = ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
	topic->publisher.reset(new UntypedPublisher(name_of(topic), options));
}

static void subscribe(topic *topic, uint64_t slots)
{
	SubscriberOptions options;

	options.queueCapacity = slots < MAX_CHUNKS ? slots : MAX_CHUNKS;
	options.queueFullPolicy = QueueFullPolicy::BLOCK_PRODUCER;
	topic->subscriber.reset(new UntypedSubscriber(name_of(topic), options));
	if (!topic->sleeps)
		return;
	topic->events.reset(new WaitSet<1>());
	topic->events->attachState(*topic->subscriber, SubscriberState::HAS_DATA)
		.or_else([](auto) { _exit(1); });
}

static void await_peer(const topic *topic)
{
	while (topic->publisher && !topic->publisher->hasSubscribers())
		usleep(1000);
	while (topic->subscriber && topic->subscriber->getSubscriptionState() !=
	       iox::SubscribeState::SUBSCRIBED)
		usleep(1000);
}

/* ---- sides ------------------------------------------------------------------------------ */

/* Which topics a side puts into, and which it takes from: a bit for each. */
static unsigned int topics_written(const struct contest_side *side)
{
	unsigned int nr = side->nr;

	switch (side->contest->shape) {
	case SHAPE_PING_PONG:
		return 1 << nr;
	case SHAPE_PIPELINE:
		return side->produces ? 1 : nr < 2 ? 2 << nr : 0;
	case SHAPE_THREE_TO_THREE:
		return side->produces ? 1 << nr : 0;
	case SHAPE_DIAMOND:
		return side->produces ? 3 : nr < 2 ? 4 << nr : 0;
	default:
		return side->produces;
	}
}

static unsigned int topics_read(const struct contest_side *side)
{
	unsigned int nr = side->nr;

	if (side->contest->shape == SHAPE_PING_PONG)
		return 1 << !nr;
	if (side->produces)
		return 0;
	switch (side->contest->shape) {
	case SHAPE_PIPELINE:
		return 1 << nr;
	case SHAPE_THREE_TO_THREE:
		return 7;
	case SHAPE_DIAMOND:
		return nr < 2 ? 1 << nr : 12;
	default:
		return 1;
	}
}

static int enter(struct contest_side *side)
{
	std::string name = "disruptor-bench-" + std::to_string(getpid());
	const struct contest *contest = side->contest;
	unsigned int writes = topics_written(side), reads = topics_read(side), i;

	iox::log::LogManager::GetLogManager().SetDefaultLogLevel(
		iox::log::LogLevel::kOff, iox::log::LogLevelOutput::kHideLogLevel);
	iox::runtime::PoshRuntime::initRuntime(
		iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name.c_str()));
	for (i = 0; i < QUEUE_MAX; i++) {
		if (writes >> i & 1)
			publish(static_cast<topic *>(queue_of(side, i)));
		if (reads >> i & 1)
			subscribe(static_cast<topic *>(queue_of(side, i)), contest->slots);
	}
	for (i = 0; i < QUEUE_MAX; i++) {
		if ((writes | reads) >> i & 1)
			await_peer(static_cast<topic *>(queue_of(side, i)));
	}
	return 0;
}

/*
 * The daemon is told that it has gone only by exit(), which would also put back what has
 * been read ahead of the requests.
 */
static void leave(struct contest_side *side)
{
	unsigned int i;

	for (i = 0; i < QUEUE_MAX; i++) {
		if (!((topics_written(side) | topics_read(side)) >> i & 1))
			continue;
		auto at = static_cast<topic *>(queue_of(side, i));

		at->events.reset();
		at->subscriber.reset();
		at->publisher.reset();
	}
	close(STDIN_FILENO);
	exit(0);
}

/* ---- chunks -------------------------------------------------------------------------------- */

template <class Fill>
CONTEST_INLINE uint64_t put_chunk(topic *topic, uint64_t size, uint64_t n, Fill fill)
{
	n = queue_at_once(size, n);
	topic->publisher->loan(n * size)
		.and_then([&](void *&chunk) {
			fill(static_cast<char *>(chunk), n);
			topic->publisher->publish(chunk);
		})
		.or_else([](auto) {
			fprintf(stderr, "iceoryx: no chunk is left\n");
			_exit(1);
		});
	return n;
}

CONTEST_INLINE uint64_t
put(void *queue, uint64_t size, uint64_t n, queue_fill_fn *fill, void *context)
{
	return put_chunk(static_cast<topic *>(queue), size, n,
			 [=](char *chunk, uint64_t nr) {
				 for (uint64_t i = 0; i < nr; i++)
					 fill(context, chunk + i * size, i);
			 });
}

CONTEST_INLINE uint64_t
write_chunk(void *queue, uint64_t size, const void *events, uint64_t n)
{
	return put_chunk(static_cast<topic *>(queue), size, n,
			 [=](char *chunk, uint64_t nr) {
				 memcpy(chunk, events, nr * size);
			 });
}

static uint64_t left_in_chunk(const topic *topic)
{
	return iox::mepoo::ChunkHeader::fromUserPayload(topic->chunk)->userPayloadSize() -
	       topic->taken;
}

/* The chunk that is taken from, if there is one. */
static bool have_chunk(topic *topic)
{
	if (topic->chunk)
		return true;
	topic->subscriber->take().and_then([&](const void *&chunk) {
		topic->chunk = static_cast<const char *>(chunk);
		topic->taken = 0;
	});
	if (!topic->chunk && topic->sleeps)
		topic->events->wait();
	return topic->chunk;
}

template <class Use>
CONTEST_INLINE uint64_t take_chunk(topic *topic, uint64_t size, uint64_t n, Use use)
{
	uint64_t left;

	if (!n || !have_chunk(topic))
		return 0;
	left = left_in_chunk(topic) / size;
	n = n < left ? n : left;
	use(topic->chunk + topic->taken, n);
	topic->taken += n * size;
	if (n == left) {
		topic->subscriber->release(topic->chunk);
		topic->chunk = nullptr;
	}
	return n;
}

CONTEST_INLINE uint64_t
take(void *queue, uint64_t size, uint64_t n, queue_use_fn *use, void *context)
{
	return take_chunk(static_cast<topic *>(queue), size, n,
			  [=](const char *chunk, uint64_t nr) {
				  for (uint64_t i = 0; i < nr; i++)
					  use(context, chunk + i * size);
			  });
}

CONTEST_INLINE uint64_t
read_chunk(void *queue, uint64_t size, void *events, uint64_t n)
{
	return take_chunk(static_cast<topic *>(queue), size, n,
			  [=](const char *chunk, uint64_t nr) {
				  memcpy(events, chunk, nr * size);
			  });
}

/* ---- the contender ----------------------------------------------------------------------------- */

static const struct queue_kind topics = {
	true, true, make, drop, put, write_chunk, take, read_chunk,
};

#define TOPICS(of)	(&topics)

QUEUE_FUNCTIONS(topic, QUEUE_ANY_SIZE, TOPICS, TOPICS)

/* To all subscribers of one topic. */
static int produce(struct contest_side *side, uint64_t lo, uint64_t hi)
{
	if (side->contest->shape == SHAPE_MULTICAST)
		return queue_produce(&topics, side, side->contest->size, 0, lo, hi);
	return topic_produce(side, lo, hi);
}

static int consume(struct contest_side *side, uint64_t count)
{
	if (side->contest->shape != SHAPE_MULTICAST)
		return topic_consume(side, count);
	queue_take_messages(&topics, side, side->contest->size, 0, count);
	return 0;
}

int main()
{
	static const struct contender_way ways[] = {
		{ "topics", true, topic_make, topic_drop, enter, leave, produce,
		  consume, topic_send, topic_receive },
	};
	static const struct contender contender = {
		"iceoryx", PEER_VERSION, ways, 1,
	};

	return contender_main(&contender);
}
