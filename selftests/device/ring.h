/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the device tests share: raw ioctls on /dev/disruptor, poisoned outputs,
 * maps, faults that are caught, and children that cannot hang.
 *
 * Functions answer as the kernel does: what the call returned, or -errno.
 */
#ifndef SELFTESTS_DEVICE_RING_H
#define SELFTESTS_DEVICE_RING_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64	/* the offsets of regions, in 32-bit programs */
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/disruptor.h>

#define DEVICE		"/dev/disruptor"
#define PLAIN_UID	1000
#define CHILD_SECONDS	60	/* a child that takes longer is killed */
#define POISON		0xcc
#define POISON32	0xccccccccU
#define POISON64	0xccccccccccccccccULL

#define UNUSED		__attribute__((unused))

#ifndef __LP64__
/* The harness casts all that it compares, pointers too, to the largest integer. */
#pragma GCC diagnostic ignored "-Wpointer-to-int-cast"
#endif

static inline size_t page_bytes(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* ---- time ----------------------------------------------------------------- */

/*
 * How many times as long as on a kernel that only runs things may take, as the rig
 * says of one that looks for bugs as well.
 */
static inline unsigned int patience(void)
{
	const char *times = getenv("DISRUPTOR_PATIENCE");

	return times && atoi(times) > 0 ? atoi(times) : 1;
}

/* The harness's, too, which is included after this. */
#define alarm(seconds)	alarm((seconds) * patience())

static inline __u64 now_ns(void)
{
	struct timespec ts;

	/* It is a system call where clocks are slow, and faults.c has those fail. */
	while (clock_gettime(CLOCK_MONOTONIC, &ts))
		;
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline __u64 in_ms(unsigned int ms)
{
	return now_ns() + ms * 1000000ULL;
}

static inline void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* Whether @cond becomes true within @ms milliseconds, with patience. */
#define BECOMES_TRUE(cond, ms) ({					\
	__u64 __end = now_ns() + (ms) * patience() * 1000000ULL;	\
	bool __true;							\
	while (!(__true = (cond)) && now_ns() < __end)			\
		sleep_ms(1);						\
	__true;								\
})

/* ---- ioctls --------------------------------------------------------------- */

static inline int ring_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

/* The device, for as long as the process lives: fd counts stay as they are. */
static inline int device_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	return fd;
}

/**
 * struct ring_spec - a ring in one line
 * @slots: 0: 8
 * @slot_size: 0: 8
 * @flags: DISRUPTOR_RING_*
 * @mode: see struct disruptor_create_args
 * @producers: likewise
 * @name: NULL: unnamed
 * @graph: consumers between spaces: NAME[?][!][*WORKERS][:AFTER,AFTER]
 *	?: optional; !: modifies events
 */
struct ring_spec {
	__u32 slots;
	__u32 slot_size;
	__u32 flags;
	__u32 mode;
	__u32 producers;
	const char *name;
	const char *graph;
};

static inline unsigned int graph_index(const struct disruptor_consumer_config *c,
				       unsigned int nr, const char *name)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!strcmp(c[i].name, name))
			return i;
	}
	fprintf(stderr, "# graph names unknown consumer %s\n", name);
	abort();
}

static inline void graph_word(struct disruptor_consumer_config *c,
			      unsigned int nr, char *word)
{
	char *after = strchr(word, ':');
	char *workers = strchr(word, '*');
	char *state = NULL;
	char *name;
	char *end;

	if (after)
		*after++ = '\0';
	if (workers) {
		*workers++ = '\0';
		c[nr].workers = atoi(workers);
	}
	for (end = word + strlen(word); end > word; *--end = '\0') {
		if (end[-1] == '?')
			c[nr].flags |= DISRUPTOR_CONSUMER_OPTIONAL;
		else if (end[-1] == '!')
			c[nr].flags |= DISRUPTOR_CONSUMER_MODIFIES;
		else
			break;
	}
	snprintf(c[nr].name, sizeof(c[nr].name), "%s", word);
	for (name = after ? strtok_r(after, ",", &state) : NULL; name;
	     name = strtok_r(NULL, ",", &state))
		c[nr].after |= 1ULL << graph_index(c, nr, name);
}

/* Fill @c, of DISRUPTOR_MAX_CONSUMERS, from a graph as in struct ring_spec. */
static inline unsigned int graph_parse(struct disruptor_consumer_config *c,
				       const char *graph)
{
	char *copy = strdup(graph ? graph : "");
	char *state = NULL;
	unsigned int nr = 0;
	char *word;

	memset(c, 0, DISRUPTOR_MAX_CONSUMERS * sizeof(*c));
	for (word = strtok_r(copy, " ", &state); word;
	     word = strtok_r(NULL, " ", &state))
		graph_word(c, nr++, word);
	free(copy);
	return nr;
}

/* Arguments of CREATE for @spec; @c, of DISRUPTOR_MAX_CONSUMERS, gets its graph. */
static inline struct disruptor_create_args
create_args(const struct ring_spec *spec, struct disruptor_consumer_config *c)
{
	struct disruptor_create_args args = {
		.size = sizeof(args),
		.flags = spec->flags,
		.slots = spec->slots ?: 8,
		.slot_size = spec->slot_size ?: 8,
		.consumers = (uintptr_t)c,
		.consumer_size = sizeof(*c),
		.mode = spec->mode,
		.producers = spec->producers,
	};

	args.nr_consumers = graph_parse(c, spec->graph);
	if (spec->name)
		snprintf(args.name, sizeof(args.name), "%s", spec->name);
	return args;
}

static inline int ring_create_spec(const struct ring_spec *spec)
{
	struct disruptor_consumer_config c[DISRUPTOR_MAX_CONSUMERS];
	struct disruptor_create_args args = create_args(spec, c);

	return ring_ioctl(device_fd(), DISRUPTOR_IOC_CREATE, &args);
}

/* ring_create(.slots = 4, .graph = "a b?:a"): a ring fd. */
#define ring_create(...)						\
	ring_create_spec(&(struct ring_spec){ __VA_ARGS__ })

static inline int ring_open(const char *name, __u32 access)
{
	struct disruptor_open_args args = {
		.size = sizeof(args), .access = access,
	};

	snprintf(args.name, sizeof(args.name), "%s", name);
	return ring_ioctl(device_fd(), DISRUPTOR_IOC_OPEN, &args);
}

/* By @name on the device. */
static inline int ring_unlink(const char *name)
{
	struct disruptor_unlink_args args = { .size = sizeof(args) };

	snprintf(args.name, sizeof(args.name), "%s", name);
	return ring_ioctl(device_fd(), DISRUPTOR_IOC_UNLINK, &args);
}

/* Arguments of ATTACH, the outputs poisoned; @name NULL: the producer. */
static inline struct disruptor_attach_args attach_args(const char *name)
{
	struct disruptor_attach_args args = {
		.size = sizeof(args),
		.role = name ? DISRUPTOR_ROLE_CONSUMER : DISRUPTOR_ROLE_PRODUCER,
		.index = POISON32,
		.sequence = POISON64,
		.worker = POISON32,
	};

	if (name)
		snprintf(args.name, sizeof(args.name), "%s", name);
	return args;
}

/* @sequence may be NULL.  An output that the kernel left alone shows as poison. */
static inline int attach(int ring, const char *name, __u64 *sequence)
{
	struct disruptor_attach_args args = attach_args(name);
	int fd = ring_ioctl(ring, DISRUPTOR_IOC_ATTACH, &args);

	if (sequence)
		*sequence = args.sequence;
	return fd;
}

static inline int attach_producer(int ring, __u64 *sequence)
{
	return attach(ring, NULL, sequence);
}

static inline int attach_consumer(int ring, const char *name, __u64 *sequence)
{
	return attach(ring, name, sequence);
}

static inline int detach(int role, __u32 flags)
{
	struct disruptor_detach_args args = {
		.size = sizeof(args), .flags = flags,
	};

	return ring_ioctl(role, DISRUPTOR_IOC_DETACH, &args);
}

/* @name NULL: the producer. */
static inline int evict(int ring, const char *name, __u32 flags)
{
	struct disruptor_evict_args args = {
		.size = sizeof(args),
		.role = name ? DISRUPTOR_ROLE_CONSUMER : DISRUPTOR_ROLE_PRODUCER,
		.flags = flags,
	};

	if (name)
		snprintf(args.name, sizeof(args.name), "%s", name);
	return ring_ioctl(ring, DISRUPTOR_IOC_EVICT, &args);
}

struct full_info {
	struct disruptor_info info;
	struct disruptor_consumer_config graph[DISRUPTOR_MAX_CONSUMERS];
};

#define MOST_SEATS	(DISRUPTOR_MAX_SEATS + DISRUPTOR_MAX_PRODUCERS + \
			 DISRUPTOR_MAX_ALL_WORKERS)

struct full_stats {
	struct disruptor_stats stats;
	struct disruptor_seat_stats seats[MOST_SEATS];
};

/* All of INFO; what the kernel did not write is poison. */
static inline int info_of(int fd, struct full_info *full)
{
	memset(full, POISON, sizeof(*full));
	full->info.size = sizeof(full->info);
	full->info.consumers = (uintptr_t)full->graph;
	full->info.nr_consumers = DISRUPTOR_MAX_CONSUMERS;
	full->info.consumer_size = sizeof(full->graph[0]);
	return ring_ioctl(fd, DISRUPTOR_IOC_INFO, &full->info);
}

/* All of STATS, likewise. */
static inline int stats_of(int fd, struct full_stats *full)
{
	memset(full, POISON, sizeof(*full));
	full->stats.size = sizeof(full->stats);
	full->stats.seats = (uintptr_t)full->seats;
	full->stats.nr_seats = MOST_SEATS;
	full->stats.seat_size = sizeof(full->seats[0]);
	return ring_ioctl(fd, DISRUPTOR_IOC_STATS, &full->stats);
}

/* ---- maps ----------------------------------------------------------------- */

/* MAP_FAILED and errno, or the address. */
static inline void *map_region(int fd, unsigned int region, size_t bytes,
			       int prot)
{
	return mmap(NULL, bytes, prot, MAP_SHARED, fd,
		    DISRUPTOR_REGION_OFFSET(region));
}

/* 0 or the errno of a map. */
static inline int map_errno(int fd, unsigned int region, size_t bytes, int prot)
{
	void *at = map_region(fd, region, bytes, prot);

	if (at == MAP_FAILED)
		return errno;
	munmap(at, bytes);
	return 0;
}

/* Newer kernels refuse to execute from any pseudo file, before we are asked. */
static inline bool refuses_execution(int fd, unsigned int region, size_t bytes,
				     int prot)
{
	int err = map_errno(fd, region, bytes, prot | PROT_EXEC);

	return err == EACCES || err == EPERM;
}

static inline __u64 *counter_in(void *page, unsigned int seat)
{
	return (__u64 *)((char *)page + DISRUPTOR_COUNTER_OFFSET(seat));
}

/* The counter of @seat, through the own page of a role; NULL if that fails. */
static inline __u64 *map_own(int role, unsigned int seat)
{
	void *page = map_region(role, DISRUPTOR_REGION_OWN, page_bytes(),
				PROT_READ | PROT_WRITE);

	return page == MAP_FAILED ? NULL : counter_in(page, seat);
}

static inline void unmap_own(__u64 *counter)
{
	munmap((void *)((uintptr_t)counter & ~(page_bytes() - 1)),
	       page_bytes());
}

/* Read by mapping its page on @fd, a ring fd or a role fd; POISON64 on failure. */
static inline __u64 counter_of(int fd, unsigned int seat)
{
	off_t offset = DISRUPTOR_REGION_OFFSET(DISRUPTOR_REGION_SEQUENCES) +
		       seat * page_bytes();
	__u64 value = POISON64;
	void *page;

	page = mmap(NULL, page_bytes(), PROT_READ, MAP_SHARED, fd, offset);
	if (page == MAP_FAILED)
		return value;
	value = __atomic_load_n(counter_in(page, seat), __ATOMIC_ACQUIRE);
	munmap(page, page_bytes());
	return value;
}

static inline void counter_set(__u64 *counter, __u64 value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

/* Map the control region, or NULL. */
static inline const struct disruptor_control *map_control(int fd)
{
	void *at = map_region(fd, DISRUPTOR_REGION_CONTROL,
			      sizeof(struct disruptor_control), PROT_READ);

	return at == MAP_FAILED ? NULL : at;
}

/* ---- faults that are caught ------------------------------------------------- */

static sigjmp_buf fault_return UNUSED;

static inline void fault_handler(int sig)
{
	siglongjmp(fault_return, sig);
}

/* 0, or the signal that a read (or a write of @value) at @at raised. */
static inline int fault_of(volatile unsigned char *at, bool write,
			   unsigned char value)
{
	struct sigaction catch = { .sa_handler = fault_handler };
	struct sigaction old_segv, old_bus;
	int sig;

	sigemptyset(&catch.sa_mask);
	sigaction(SIGSEGV, &catch, &old_segv);
	sigaction(SIGBUS, &catch, &old_bus);
	sig = sigsetjmp(fault_return, 1);
	if (!sig) {
		if (write)
			*at = value;
		else
			(void)*at;
	}
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	return sig;
}

static inline int read_fault(const volatile void *at)
{
	return fault_of((volatile unsigned char *)at, false, 0);
}

static inline int write_fault(volatile void *at, unsigned char value)
{
	return fault_of(at, true, value);
}

/* ---- processors ---------------------------------------------------------------- */

/* As the library has it: others may go on. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

/* ---- children ---------------------------------------------------------------- */

/* In a child's function: say what was wrong, and fail. */
#define CHILD_CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "# %s:%d: child: not so: %s (errno %d)\n", \
			__FILE__, __LINE__, #cond, errno);		\
		return 1;						\
	}								\
} while (0)

typedef int (*child_fn)(void *context);

/* What a change of user takes from a process: its parent's death, its /proc. */
static inline void keep_as_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

/* Become @uid for good, its group too, and nobody else's; 0 or -errno. */
static inline int become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return -errno;
	keep_as_child();
	return 0;
}

/* Start @fn in a child that is killed when it takes too long, or we die. */
static inline pid_t child_start(child_fn fn, void *context)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	keep_as_child();
	signal(SIGALRM, SIG_DFL);
	alarm(CHILD_SECONDS);
	_exit(fn(context));
}

/* Exit status, or minus the signal that ended it. */
static inline int child_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int in_child(child_fn fn, void *context)
{
	return child_wait(child_start(fn, context));
}

struct as_user {
	uid_t uid;
	child_fn fn;
	void *context;
};

static inline int run_as_user(void *context)
{
	const struct as_user *as = context;

	CHILD_CHECK(!become(as->uid));
	return as->fn(as->context);
}

/* As in_child(), as another user; needs root. */
static inline int in_child_as(uid_t uid, child_fn fn, void *context)
{
	struct as_user as = { uid, fn, context };

	return in_child(run_as_user, &as);
}

/* Let a byte pass from one process to the other; pipes close with their owner. */
static inline bool signal_byte(int fd)
{
	return write(fd, "x", 1) == 1;
}

static inline bool await_byte(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1;
}

/* ---- file descriptors --------------------------------------------------------- */

/* How many are open, but for the one that looks. */
static inline int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int nr = -1;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		nr += entry->d_name[0] != '.';
	closedir(dir);
	return nr;
}

static inline bool send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { "f", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1;
}

/* The fd, or -1. */
static inline int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd = -1;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* ---- small files ---------------------------------------------------------------- */

/* Up to @size - 1 bytes and a NUL; how many, or -errno. */
static inline ssize_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, text + done, size - 1 - done);
		if (n > 0)
			done += n;
	} while (n > 0 && done < size - 1);
	text[done] = '\0';
	close(fd);
	return n < 0 ? -errno : (ssize_t)done;
}

static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? n : 0;
}

#endif /* SELFTESTS_DEVICE_RING_H */
