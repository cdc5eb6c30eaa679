// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls: most are as they should be, some are not, and the pages that may be
 * written are written with whatever comes.
 */
#include "stream.h"

#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "program.h"
#include "shapes.h"

#define MOST_FDS	24
#define MOST_MAPS	16
#define ARGS_BYTES	8192UL
#define TIMER_US	20000	/* a call that sleeps is interrupted */

enum type { NOTHING, DEVICE_FD, RING_FD, ROLE_FD, EPOLL_FD, OTHER_FD, ANY_FD };

struct slot {
	int fd;
	enum type type;
	unsigned int seat;	/* of a role: about where its counter is */
};

struct map {
	unsigned char *at;
	size_t bytes;
	unsigned int region;
	unsigned int seat;
};

/* Of the running program; threads beside it use them, too. */
static struct slot slots[MOST_FDS];
static struct map maps[MOST_MAPS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int mailbox;

/* Arguments end where a page begins that is not there. */
static __thread unsigned char *args_page;
static __thread sigjmp_buf fault_escape;
static __thread volatile bool may_fault;

/* ---- tables -------------------------------------------------------------------- */

/* Closes what was there. */
static void slot_put(struct draw *from, int fd, enum type type, unsigned int seat)
{
	unsigned int at = draw_below(from, MOST_FDS);
	struct slot old;
	unsigned int i;

	if (fd < 0)
		return;
	pthread_mutex_lock(&lock);
	for (i = 0; i < MOST_FDS && slots[at].type; i++)
		at = (at + 1) % MOST_FDS;
	old = slots[at];
	slots[at] = (struct slot){ fd, type, seat };
	pthread_mutex_unlock(&lock);
	if (old.type && old.type != DEVICE_FD)
		close(old.fd);
}

static bool fits(const struct slot *slot, enum type type)
{
	return slot->type && (type == ANY_FD || slot->type == type);
}

/* One of @type if there is one, or any; now and then a wrong one. */
static struct slot slot_any(struct draw *from, enum type type)
{
	unsigned int at = draw_below(from, MOST_FDS);
	struct slot slot = { .fd = device_fd(), .type = DEVICE_FD };
	unsigned int i;

	if (type == DEVICE_FD && !draw_rarely(from, 30))
		return slot;
	if (draw_rarely(from, 30))
		type = ANY_FD;
	pthread_mutex_lock(&lock);
	for (i = 0; i < MOST_FDS; i++) {
		if (!fits(&slots[at], type)) {
			at = (at + 1) % MOST_FDS;
			continue;
		}
		slot = slots[at];
		break;
	}
	pthread_mutex_unlock(&lock);
	return slot;
}

static void slot_close(struct draw *from)
{
	unsigned int at = draw_below(from, MOST_FDS);
	struct slot old = { 0 };
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < MOST_FDS && !slots[at].type; i++)
		at = (at + 1) % MOST_FDS;
	old = slots[at];
	slots[at].type = NOTHING;
	pthread_mutex_unlock(&lock);
	if (old.type)
		close(old.fd);
}

static void map_put(struct draw *from, struct map map)
{
	unsigned int at = draw_below(from, MOST_MAPS);
	struct map old;
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < MOST_MAPS && maps[at].at; i++)
		at = (at + 1) % MOST_MAPS;
	old = maps[at];
	maps[at] = map;
	pthread_mutex_unlock(&lock);
	if (old.at)
		munmap(old.at, old.bytes);
}

/* Empty if there is none.  @take: it is no longer there for others. */
static struct map map_any(struct draw *from, bool take)
{
	unsigned int at = draw_below(from, MOST_MAPS);
	struct map map;
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < MOST_MAPS && !maps[at].at; i++)
		at = (at + 1) % MOST_MAPS;
	map = maps[at];
	if (take)
		maps[at].at = NULL;
	pthread_mutex_unlock(&lock);
	return map;
}

/* ---- values -------------------------------------------------------------------- */

static uint64_t any_sequence(struct draw *from)
{
	static const uint64_t ends[] = { 0, ~0ULL, 1ULL << 63, (1ULL << 63) - 1 };

	if (draw_rarely(from, 8))
		return ends[draw_below(from, ARRAY_SIZE(ends))] -
		       draw_below(from, 3);
	if (draw_rarely(from, 16))
		return draw(from);
	return draw_below(from, 100);
}

static uint64_t any_deadline(struct draw *from)
{
	switch (draw_below(from, 4)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return draw_rarely(from, 4) ? draw(from) : now_ns() + 1000000;
	}
	return now_ns() + draw_below(from, 10000000);
}

static void any_name(struct draw *from, char *name, size_t size, const char *words)
{
	memset(name, 0, size);
	if (draw_rarely(from, 40)) {
		memset(name, 'x', size - draw_below(from, 2));
		return;
	}
	if (draw_rarely(from, 40))
		words = "/ \n\x80";
	name[0] = words[draw_below(from, strlen(words))];
}

static void fill(struct draw *from, const struct shape *shape, unsigned char *at);

/* Written anew by whoever needs one; what is in it may change under the kernel. */
static unsigned char arrays[64 * 1024];

/* Names in order, so that they are unique as a rule. */
static uint64_t consumers_array(struct draw *from)
{
	struct disruptor_consumer_config *graph = (void *)arrays;
	unsigned int i, nr = draw_rarely(from, 8) ? 66 : 5;

	if (draw_rarely(from, 20))
		return draw(from);
	for (i = 0; i < nr; i++) {
		fill(from, &consumer_shape, (unsigned char *)&graph[i]);
		if (!draw_rarely(from, 50)) {
			memset(graph[i].name, 0, sizeof(graph[i].name));
			graph[i].name[0] = 'a' + i % 26;
			graph[i].name[1] = i / 26 ? 'a' + i / 26 : 0;
		}
		if (!draw_rarely(from, 20))
			graph[i].after &= (1ULL << i % 64) - 1;
		if (graph[i].flags & DISRUPTOR_CONSUMER_OPTIONAL &&
		    !draw_rarely(from, 20))
			graph[i].expires_ms = 0;
	}
	return (uintptr_t)graph;
}

static uint64_t field_value(struct draw *from, const struct field *field)
{
	switch (field->kind) {
	case SIZE:
		return !draw_rarely(from, 16) ? field->of :
		       field->of + 8 * draw_below(from, 5) - 16;
	case OUT:
		return 0xccccccccccccccccULL;
	case RESERVED:
		return draw_rarely(from, 30) ? draw(from) : 0;
	case FLAGS:
		return draw_rarely(from, 30) ? draw(from) : draw(from) & field->of;
	case BELOW:
		return draw_rarely(from, 16) ? draw(from) >> draw_below(from, 64) :
					       draw_below(from, field->of + 1);
	case SLOTS:
		return draw_rarely(from, 30) ? draw(from) :
		       1ULL << draw_below(from, draw_rarely(from, 20) ? 30 : 8);
	case SLOT_SIZE:
		return draw_rarely(from, 20) ? draw_below(from, 65544) :
		       4ULL << draw_below(from, 6);
	case CONSUMERS:
		return consumers_array(from);
	case SEATS:
		return draw_rarely(from, 20) ? draw(from) : (uintptr_t)arrays;
	case AFTER:
		return draw_rarely(from, 2) ? 0 : draw(from);
	case MODE:
		return draw_rarely(from, 10) ? draw(from) : draw_below(from, 01000);
	case MILLISECONDS:
		return draw_rarely(from, 3) ? draw_below(from, 30) : 0;
	case SEQUENCE:
		return any_sequence(from);
	case DEADLINE:
		return any_deadline(from);
	case NAME:
	case CONSUMER:
		break;
	}
	return 0;
}

static void fill(struct draw *from, const struct shape *shape, unsigned char *at)
{
	const struct field *field;
	uint64_t value;
	unsigned int i;

	memset(at, 0, shape->size);
	for (i = 0; i < shape->nr; i++) {
		field = &shape->fields[i];
		if (field->kind == NAME)
			any_name(from, (char *)at + field->offset, field->size,
				 "wxyz");
		else if (field->kind == CONSUMER)
			any_name(from, (char *)at + field->offset, field->size,
				 "abcd");
		if (field->kind == NAME || field->kind == CONSUMER)
			continue;
		value = field_value(from, field);
		memcpy(at + field->offset, &value, field->size);
	}
}

/* ---- ioctls -------------------------------------------------------------------- */

/*
 * Where the kernel finds the arguments: where they are, mostly; or where they end too
 * early, where nothing is, or in a page of a ring, which may go at any time.
 */
static void *args_place(struct draw *from, const void *args, size_t bytes)
{
	struct map map;
	size_t room = bytes;

	if (draw_rarely(from, 40))
		return (void *)(uintptr_t)(draw(from) >> draw_below(from, 64));
	if (draw_rarely(from, 40)) {
		map = map_any(from, false);
		if (map.at)
			return map.at + draw_below(from, map.bytes);
	}
	if (draw_rarely(from, 40))
		room = draw_below(from, bytes + 1);
	memcpy(args_page + ARGS_BYTES - room, args, room);
	return args_page + ARGS_BYTES - room;
}

static bool names_a_ring(const struct shape *shape)
{
	return shape->cmd == DISRUPTOR_IOC_CREATE ||
	       shape->cmd == DISRUPTOR_IOC_UNLINK;
}

static enum type type_of(struct draw *from, enum place on)
{
	if (on & ON_DEVICE && (!(on & ON_RING) || draw(from) & 1))
		return DEVICE_FD;
	if (on & ON_RING && (!(on & ON_ROLE) || draw(from) & 1))
		return RING_FD;
	return ROLE_FD;
}

static void ioctl_shaped(struct draw *from)
{
	const struct shape *shape = &shapes[draw_below(from, ARRAY_SIZE(shapes))];
	enum type type = type_of(from, shape->on);
	struct slot slot = slot_any(from, type);
	struct disruptor_create_args *create;
	struct disruptor_attach_args *attach;
	unsigned char args[512];
	void *place;
	int ret;

	memset(args, 0, sizeof(args));
	fill(from, shape, args);
	create = (void *)args;
	attach = (void *)args;
	/* Most rings have no name; a producer has none, nor a ring fd's UNLINK. */
	if (shape->cmd == DISRUPTOR_IOC_CREATE && !draw_rarely(from, 3)) {
		memset(create->name, 0, sizeof(create->name));
		create->mode = 0;
	}
	if (names_a_ring(shape) && type == RING_FD && !draw_rarely(from, 10))
		memset(args + shape->fields[shape->nr - 1].offset, 0,
		       DISRUPTOR_RING_NAME_LEN);
	if (shape->on == ON_RING && attach->role == DISRUPTOR_ROLE_PRODUCER &&
	    !draw_rarely(from, 20))
		memset(args + shape->fields[shape->nr - 1].offset, 0,
		       DISRUPTOR_CONSUMER_NAME_LEN);
	place = args_place(from, args, shape->size + 8 * draw_below(from, 2));
	ret = ring_ioctl(slot.fd, shape->cmd, place);
	if (ret < 0)
		return;
	if (shape->cmd == DISRUPTOR_IOC_CREATE || shape->cmd == DISRUPTOR_IOC_OPEN)
		slot_put(from, ret, RING_FD, 0);
	else if (shape->cmd == DISRUPTOR_IOC_ATTACH)
		slot_put(from, ret, ROLE_FD,
			 attach->role == DISRUPTOR_ROLE_CONSUMER ?
			 1 + (attach->name[0] - 'a') % 64 : 0);
}

static void ioctl_wake(struct draw *from)
{
	ioctl(slot_any(from, ROLE_FD).fd, DISRUPTOR_IOC_WAKE,
	      draw_rarely(from, 10) ? draw(from) : draw_below(from, 4));
}

static void ioctl_any(struct draw *from)
{
	struct slot slot = slot_any(from, ANY_FD);
	unsigned int nr = DISRUPTOR_IOC_TYPE << 8 | draw_below(from, 16);

	/* What every file answers, FIONBIO and such, is not asked. */
	ioctl(slot.fd, draw_rarely(from, 3) ? draw(from) << 16 | nr : nr,
	      draw(from) >> draw_below(from, 64));
}

/* ---- maps ---------------------------------------------------------------------- */

static void do_mmap(struct draw *from)
{
	static const int prots[] = {
		PROT_READ, PROT_READ | PROT_WRITE, PROT_WRITE, PROT_NONE,
		PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	struct slot slot = slot_any(from, draw_rarely(from, 3) ? RING_FD : ROLE_FD);
	unsigned int region = draw_below(from, draw_rarely(from, 20) ? 64 : 6);
	size_t pages = 1 + draw_below(from, draw_rarely(from, 10) ? 4096 : 4);
	uint64_t first = draw_rarely(from, 6) ?
		draw(from) >> draw_below(from, 64) : 0;
	int flags = MAP_SHARED;
	struct map map = { .region = region, .seat = slot.seat };
	int prot = prots[draw_below(from, draw_rarely(from, 8) ? 6 : 2)];

	if (region == DISRUPTOR_REGION_OWN && !draw_rarely(from, 8)) {
		prot = PROT_READ | PROT_WRITE;
		pages = 1 + draw_below(from, 2);
	}
	if (draw_rarely(from, 16))
		flags = draw_rarely(from, 2) ? MAP_PRIVATE : MAP_SHARED_VALIDATE;
	if (draw_rarely(from, 4))
		flags |= MAP_POPULATE;
	if (draw_rarely(from, 20))
		flags |= MAP_LOCKED | MAP_NORESERVE;
	map.bytes = pages * page_bytes();
	map.at = mmap(NULL, map.bytes, prot, flags, slot.fd,
		      DISRUPTOR_REGION_OFFSET(region) + first * page_bytes());
	if (map.at != MAP_FAILED)
		map_put(from, map);
}

/* Some whole pages of a map. */
static struct map part_of(struct draw *from, struct map map)
{
	size_t pages = map.bytes / page_bytes();
	size_t first, nr;

	if (!pages)
		return map;
	first = draw_below(from, pages);
	nr = 1 + draw_below(from, pages - first);
	map.at += first * page_bytes();
	map.bytes = nr * page_bytes();
	return map;
}

/* What is left at both ends is unmapped with the rest, when the program is over. */
static void do_munmap(struct draw *from)
{
	struct map map = map_any(from, draw_rarely(from, 2));
	struct map part = part_of(from, map);

	if (map.at)
		munmap(part.at, part.bytes);
}

static void do_mremap(struct draw *from)
{
	struct map map = map_any(from, true);
	size_t bytes = (1 + draw_below(from, 8)) * page_bytes();
	void *at;

	if (!map.at)
		return;
	at = mremap(map.at, draw_rarely(from, 10) ? 0 : map.bytes, bytes,
		    draw_below(from, 2) ? MREMAP_MAYMOVE : 0);
	if (at != MAP_FAILED) {
		map.at = at;
		map.bytes = bytes;
	}
	map_put(from, map);
}

static void do_mprotect(struct draw *from)
{
	struct map part = part_of(from, map_any(from, false));

	if (part.at)
		mprotect(part.at, part.bytes, draw_below(from, 8));
}

static void do_madvise(struct draw *from)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_DOFORK, MADV_DONTFORK, MADV_DODUMP, MADV_REMOVE,
		MADV_WILLNEED, MADV_FREE, MADV_HUGEPAGE, MADV_COLD, MADV_PAGEOUT,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_MERGEABLE,
	};
	struct map part = part_of(from, map_any(from, false));

	if (!part.at)
		return;
	if (draw_rarely(from, 4))
		mlock(part.at, part.bytes);
	else if (draw_rarely(from, 4))
		msync(part.at, part.bytes, MS_SYNC);
	else
		madvise(part.at, part.bytes,
			advice[draw_below(from, ARRAY_SIZE(advice))]);
}

/* ---- pages --------------------------------------------------------------------- */

static void on_fault(int sig)
{
	if (may_fault)
		siglongjmp(fault_escape, sig);
	signal(sig, SIG_DFL);
}

/* Where something is in a page, or anywhere. */
static size_t telling_offset(struct draw *from, const struct map *map)
{
	size_t page = draw_below(from, map->bytes) & ~(page_bytes() - 1);

	if (map->region == DISRUPTOR_REGION_OWN && !draw_rarely(from, 10))
		return page + DISRUPTOR_COUNTER_OFFSET(map->seat) +
		       (draw_rarely(from, 4) ? 8 : 0);
	if (map->region == DISRUPTOR_REGION_AVAILABILITY ||
	    map->region == DISRUPTOR_REGION_DONE)
		return draw_below(from, 64) * 4;
	return draw_below(from, map->bytes - 8) & ~7UL;
}

static void touch(struct draw *from)
{
	struct map map = map_any(from, false);
	volatile uint64_t *at;
	uint64_t value = any_sequence(from);

	if (!map.at)
		return;
	at = (void *)(map.at + telling_offset(from, &map));
	may_fault = true;
	if (!sigsetjmp(fault_escape, 1)) {
		if (draw_below(from, 4))
			*at = value;
		else
			(void)*at;
	}
	may_fault = false;
}

/* Publish and release, as peers do, and tell who waits. */
static void advance(struct draw *from)
{
	struct map map = map_any(from, false);
	uint64_t *at;

	if (!map.at || map.region != DISRUPTOR_REGION_OWN)
		return;
	at = (void *)(map.at + DISRUPTOR_COUNTER_OFFSET(map.seat));
	may_fault = true;
	if (!sigsetjmp(fault_escape, 1))
		__atomic_fetch_add(at, draw_below(from, 4), __ATOMIC_SEQ_CST);
	may_fault = false;
	if (draw_below(from, 2))
		ioctl_wake(from);
}

/* Have the kernel hold on to pages that may be taken back. */
static void pin(struct draw *from)
{
	struct map map = map_any(from, false);
	struct iovec iov, remote;
	char local[64];
	int fds[2];

	if (!map.at || pipe(fds))
		return;
	iov = (struct iovec){ map.at, 1 + draw_below(from, map.bytes) };
	remote = (struct iovec){ map.at, sizeof(local) };
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	switch (draw_below(from, 4)) {
	case 0:
		if (vmsplice(fds[1], &iov, 1, SPLICE_F_NONBLOCK) > 0)
			slot_close(from);
		break;
	case 1:
		if (write(fds[1], map.at, iov.iov_len % 4096) > 0)
			slot_close(from);
		break;
	case 2:
		if (read(fds[0], map.at, 1) > 0)
			slot_close(from);
		break;
	case 3:
		iov = (struct iovec){ local, sizeof(local) };
		process_vm_readv(getpid(), &iov, 1, &remote, 1, 0);
		process_vm_writev(getpid(), &iov, 1, &remote, 1, 0);
	}
	close(fds[0]);
	close(fds[1]);
}

/* ---- waiting ------------------------------------------------------------------- */

static void do_poll(struct draw *from)
{
	struct pollfd fds[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i].fd = slot_any(from, draw_rarely(from, 3) ? RING_FD :
							       ROLE_FD).fd;
		fds[i].events = draw(from);
	}
	poll(fds, 1 + draw_below(from, 4), draw_below(from, 10));
}

static void do_epoll(struct draw *from)
{
	struct epoll_event event = {
		.events = draw(from) & (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLET |
					EPOLLONESHOT | EPOLLHUP | EPOLLEXCLUSIVE),
	};
	struct epoll_event events[8];
	struct slot epoll = slot_any(from, EPOLL_FD);

	if (epoll.type != EPOLL_FD || draw_rarely(from, 10)) {
		slot_put(from, epoll_create1(EPOLL_CLOEXEC), EPOLL_FD, 0);
		return;
	}
	if (draw_below(from, 3))
		epoll_ctl(epoll.fd, 1 + draw_below(from, 3),
			  slot_any(from, draw_rarely(from, 3) ? RING_FD :
							     ROLE_FD).fd, &event);
	else
		epoll_wait(epoll.fd, events, ARRAY_SIZE(events),
			   draw_below(from, 10));
}

/* ---- io_uring ------------------------------------------------------------------ */

#define URING_ENTRIES	16

static struct {
	int fd;
	unsigned char *ring;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
} uring = { .fd = -1 };

static bool uring_ready(void)
{
	if (uring.fd >= 0)
		return true;
	memset(&uring, 0, sizeof(uring));
	uring.fd = syscall(SYS_io_uring_setup, URING_ENTRIES, &uring.params);
	if (uring.fd < 0)
		return false;
	uring.ring = mmap(NULL, uring.params.cq_off.cqes +
			  uring.params.cq_entries * sizeof(struct io_uring_cqe),
			  PROT_READ | PROT_WRITE, MAP_SHARED, uring.fd,
			  IORING_OFF_SQ_RING);
	uring.sqes = mmap(NULL, URING_ENTRIES * sizeof(*uring.sqes),
			  PROT_READ | PROT_WRITE, MAP_SHARED, uring.fd,
			  IORING_OFF_SQES);
	if (uring.ring != MAP_FAILED && (void *)uring.sqes != MAP_FAILED)
		return true;
	close(uring.fd);
	uring.fd = -1;
	return false;
}

static void uring_close(void)
{
	if (uring.fd < 0)
		return;
	munmap(uring.ring, uring.params.cq_off.cqes +
	       uring.params.cq_entries * sizeof(struct io_uring_cqe));
	munmap(uring.sqes, URING_ENTRIES * sizeof(*uring.sqes));
	close(uring.fd);
	uring.fd = -1;
}

static void fill_sqe(struct draw *from, struct io_uring_sqe *sqe)
{
	struct disruptor_uring_wait wait;

	memset(sqe, 0, sizeof(*sqe));
	sqe->fd = slot_any(from, ROLE_FD).fd;
	sqe->user_data = draw_below(from, 8);
	if (draw_rarely(from, 4))
		sqe->flags = draw(from) & (IOSQE_ASYNC | IOSQE_IO_LINK |
					   IOSQE_FIXED_FILE | IOSQE_IO_DRAIN);
	switch (draw_below(from, 6)) {
	default:
		sqe->opcode = IORING_OP_URING_CMD;
		sqe->cmd_op = draw_rarely(from, 20) ? draw(from) :
						      DISRUPTOR_URING_WAIT;
		fill(from, &uring_shape, (unsigned char *)&wait);
		memcpy(sqe->cmd, &wait, sizeof(wait));
		break;
	case 3:
		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->poll32_events = draw(from);
		sqe->len = draw_below(from, 2) ? IORING_POLL_ADD_MULTI : 0;
		break;
	case 4:
		sqe->opcode = draw_below(from, 2) ? IORING_OP_ASYNC_CANCEL :
						    IORING_OP_POLL_REMOVE;
		sqe->addr = draw_below(from, 8);
		break;
	case 5:
		sqe->opcode = draw_below(from, IORING_OP_LAST);
		sqe->addr = (uintptr_t)map_any(from, false).at;
		sqe->len = draw_below(from, 4096);
	}
}

static void submit_some(struct draw *from)
{
	unsigned int *head, *tail, *array, mask, nr, i;

	if (!uring_ready())
		return;
	tail = (unsigned int *)(uring.ring + uring.params.sq_off.tail);
	array = (unsigned int *)(uring.ring + uring.params.sq_off.array);
	mask = *(unsigned int *)(uring.ring + uring.params.sq_off.ring_mask);
	nr = 1 + draw_below(from, 4);
	for (i = 0; i < nr; i++) {
		fill_sqe(from, &uring.sqes[*tail & mask]);
		array[*tail & mask] = *tail & mask;
		__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	}
	syscall(SYS_io_uring_enter, uring.fd, nr, draw_below(from, 2),
		draw_below(from, 2) ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
	/* Whatever has completed is taken out. */
	head = (unsigned int *)(uring.ring + uring.params.cq_off.head);
	tail = (unsigned int *)(uring.ring + uring.params.cq_off.tail);
	__atomic_store_n(head, __atomic_load_n(tail, __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
}

static void register_something(struct draw *from)
{
	struct map map = map_any(from, false);
	struct iovec iov = { map.at, map.bytes };
	int fds[2] = { slot_any(from, ROLE_FD).fd, slot_any(from, RING_FD).fd };

	if (!uring_ready())
		return;
	switch (draw_below(from, 5)) {
	case 0:
		syscall(SYS_io_uring_register, uring.fd, IORING_REGISTER_BUFFERS,
			&iov, 1);
		break;
	case 1:
		syscall(SYS_io_uring_register, uring.fd,
			IORING_UNREGISTER_BUFFERS, NULL, 0);
		break;
	case 2:
		syscall(SYS_io_uring_register, uring.fd, IORING_REGISTER_FILES,
			fds, 2);
		break;
	case 3:
		syscall(SYS_io_uring_register, uring.fd, IORING_UNREGISTER_FILES,
			NULL, 0);
		break;
	case 4:
		uring_close();
	}
}

static pthread_mutex_t uring_lock = PTHREAD_MUTEX_INITIALIZER;

static void uring_submit(struct draw *from)
{
	pthread_mutex_lock(&uring_lock);
	submit_some(from);
	pthread_mutex_unlock(&uring_lock);
}

static void uring_register(struct draw *from)
{
	pthread_mutex_lock(&uring_lock);
	register_something(from);
	pthread_mutex_unlock(&uring_lock);
}

/* ---- files and processes ------------------------------------------------------- */

static void do_dup(struct draw *from)
{
	struct slot slot = slot_any(from, ANY_FD);

	slot_put(from, fcntl(slot.fd, F_DUPFD_CLOEXEC, 3), slot.type, slot.seat);
}

/* A child has the fds and no maps; it may live on after its parent, a little. */
static void do_fork(struct draw *from)
{
	struct map map = map_any(from, false);
	unsigned int kind = draw_below(from, 4);
	pid_t pid = fork();

	if (pid) {
		if (pid > 0 && draw_below(from, 2))
			waitpid(pid, NULL, 0);
		return;
	}
	pthread_mutex_init(&lock, NULL);
	switch (kind) {
	case 0:
		if (map.at)
			read_fault(map.at);
		break;
	case 1:
		execl("/proc/self/exe", "device", "--nothing", NULL);
		break;
	case 2:
		do_mmap(from);
		touch(from);
		ioctl_shaped(from);
		break;
	case 3:
		sleep_ms(draw_below(from, 20));
	}
	_exit(0);
}

static void do_send(struct draw *from)
{
	struct slot slot = slot_any(from, draw_rarely(from, 3) ? RING_FD : ROLE_FD);

	send_fd(mailbox, slot.fd);
}

static void do_receive(struct draw *from)
{
	struct disruptor_info info = {
		.size = sizeof(info),
		.consumer_size = sizeof(struct disruptor_consumer_config),
	};
	int fd = receive_fd(mailbox);

	if (fd < 0)
		return;
	if (ring_ioctl(fd, DISRUPTOR_IOC_INFO, &info))
		slot_put(from, fd, OTHER_FD, 0);
	else
		slot_put(from, fd, info.role ? ROLE_FD : RING_FD,
			 info.role == DISRUPTOR_ROLE_CONSUMER ?
			 DISRUPTOR_SEAT_CONSUMER(info.index) : 0);
}

static void fdinfo(struct draw *from)
{
	char path[64], text[1024];
	struct slot slot = slot_any(from, ANY_FD);

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", slot.fd);
	read_text(path, text, sizeof(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", slot.fd);
	if (readlink(path, text, sizeof(text)) > 0 && draw_rarely(from, 2))
		slot_put(from, open(path, O_RDWR | O_CLOEXEC), OTHER_FD, 0);
}

/* What a ring fd is not for. */
static void file_call(struct draw *from)
{
	int fd = slot_any(from, ANY_FD).fd;
	char bytes[64] = "";
	struct stat st;
	ssize_t n = 0;

	switch (draw_below(from, 9)) {
	case 0:
		n = read(fd, bytes, sizeof(bytes));
		break;
	case 1:
		n = write(fd, bytes, sizeof(bytes));
		break;
	case 2:
		lseek(fd, draw(from), draw_below(from, 3));
		break;
	case 3:
		fstat(fd, &st);
		break;
	case 4:
		n = ftruncate(fd, draw_below(from, 65536));
		break;
	case 5:
		fsync(fd);
		break;
	case 6:
		fcntl(fd, F_SETFL, draw(from) & (O_NONBLOCK | O_ASYNC | O_DIRECT));
		break;
	case 7:
		fcntl(fd, F_SETOWN, getpid());
		break;
	case 8:
		n = sendfile(fd, fd, NULL, 4096);
	}
	(void)n;
}

static void do_unshare(struct draw *from)
{
	static const int kinds[] = { CLONE_NEWNET, CLONE_NEWUSER, CLONE_NEWPID,
				     CLONE_FILES };

	unshare(kinds[draw_below(from, ARRAY_SIZE(kinds))]);
}

static void die(struct draw *from)
{
	if (draw_below(from, 2))
		kill(getpid(), SIGKILL);
	_exit(0);
}

/* ---- a program ----------------------------------------------------------------- */

static void nap(struct draw *from)
{
	sleep_ms(draw_below(from, 5));
}

static void (*const ops[NR_OPS])(struct draw *from) = {
	[IOCTL_SHAPED] = ioctl_shaped,
	[IOCTL_WAKE] = ioctl_wake,
	[IOCTL_ANY] = ioctl_any,
	[MMAP] = do_mmap,
	[MUNMAP] = do_munmap,
	[MREMAP] = do_mremap,
	[MPROTECT] = do_mprotect,
	[MADVISE] = do_madvise,
	[TOUCH] = touch,
	[PIN] = pin,
	[ADVANCE] = advance,
	[POLL] = do_poll,
	[EPOLL] = do_epoll,
	[URING_SUBMIT] = uring_submit,
	[URING_REGISTER] = uring_register,
	[CLOSE] = slot_close,
	[DUP] = do_dup,
	[FORK] = do_fork,
	[SEND_FD] = do_send,
	[RECEIVE_FD] = do_receive,
	[FDINFO] = fdinfo,
	[FILE_CALL] = file_call,
	[UNSHARE] = do_unshare,
	[NAP] = nap,
	[DIE] = die,
};

static bool thread_begin(void)
{
	args_page = mmap(NULL, ARGS_BYTES + page_bytes(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return args_page != MAP_FAILED &&
	       !mprotect(args_page + ARGS_BYTES, page_bytes(), PROT_NONE);
}

static void run_call(const struct call *call)
{
	struct draw from = draw_begin(call);

	ops[call->op % NR_OPS](&from);
}

static void nothing(int sig)
{
	(void)sig;
}

/* The process's own timer interrupts its first thread; each other has one. */
static void *run_beside(void *call)
{
	const struct itimerspec when = {
		.it_interval = { .tv_nsec = TIMER_US * 1000 },
		.it_value = { .tv_nsec = TIMER_US * 1000 },
	};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
		._sigev_un._tid = gettid(),
	};
	timer_t timer;

	if (!thread_begin() || timer_create(CLOCK_MONOTONIC, &event, &timer))
		return NULL;
	timer_settime(timer, 0, &when, NULL);
	run_call(call);
	timer_delete(timer);
	munmap(args_page, ARGS_BYTES + page_bytes());
	return NULL;
}

/* In the process that runs them. */
void run_begin(int box)
{
	const struct itimerval timer = {
		.it_interval = { .tv_usec = TIMER_US },
		.it_value = { .tv_usec = TIMER_US },
	};
	struct sigaction fault = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	struct sigaction alarm = { .sa_handler = nothing };

	mailbox = box;
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGALRM, &alarm, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	setitimer(ITIMER_REAL, &timer, NULL);
	device_fd();
	thread_begin();
}

static void clean_up(void)
{
	unsigned int i;

	uring_close();
	for (i = 0; i < MOST_MAPS; i++) {
		if (maps[i].at)
			munmap(maps[i].at, maps[i].bytes);
		maps[i].at = NULL;
	}
	for (i = 0; i < MOST_FDS; i++) {
		if (slots[i].type && slots[i].fd != device_fd())
			close(slots[i].fd);
		slots[i].type = NOTHING;
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

void run_program(const struct program *program)
{
	pthread_t threads[MOST_CALLS];
	unsigned int nr = 0, i;

	for (i = 0; i < program->nr && i < MOST_CALLS; i++) {
		if (!program->calls[i].beside)
			run_call(&program->calls[i]);
		else if (!pthread_create(&threads[nr], NULL, run_beside,
					 (void *)&program->calls[i]))
			nr++;
	}
	while (nr)
		pthread_join(threads[--nr], NULL);
	clean_up();
}
