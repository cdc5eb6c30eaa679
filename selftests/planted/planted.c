// SPDX-License-Identifier: GPL-2.0-only
/*
 * planted - bugs, one of each kind that a kernel of rig/build-kernel is to find.
 *
 * insmod planted.ko bug=NAME commits that one and never stays loaded.
 * rig/check-planted has each committed, and wants each reported: only then does it
 * say something when nothing is reported of the real module.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static char *bug = "";
module_param(bug, charp, 0);
MODULE_PARM_DESC(bug, "which to commit");

#define BYTES	64

static noinline void touch(char *at)
{
	OPTIMIZER_HIDE_VAR(at);
	WRITE_ONCE(*at, 1);
}

/* ---- touching what is not one's own ------------------------------------------ */

static void heap_out_of_bounds(void)
{
	char *object = kmalloc(BYTES, GFP_KERNEL);

	touch(object + BYTES);
	kfree(object);
}

static void vmalloc_out_of_bounds(void)
{
	char *page = vmalloc(BYTES);

	touch(page + BYTES);
	vfree(page);
}

static void stack_out_of_bounds(void)
{
	char array[BYTES];

	touch(array + BYTES);
}

static void use_after_free(void)
{
	char *object = kmalloc(BYTES, GFP_KERNEL);

	kfree(object);
	touch(object);
}

static void double_free(void)
{
	char *object = kmalloc(BYTES, GFP_KERNEL);
	char *again = object;

	OPTIMIZER_HIDE_VAR(again);
	kfree(object);
	kfree(again);
}

static void list_corruption(void)
{
	struct list_head list, entry;

	INIT_LIST_HEAD(&list);
	list_add(&entry, &list);
	list_add(&entry, &list);
}

static void refcount_underflow(void)
{
	refcount_t refs = REFCOUNT_INIT(1);

	refcount_dec(&refs);
}

static void do_nothing(struct timer_list *timer)
{
}

static void free_of_a_running_timer(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	timer_setup(timer, do_nothing, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

/* ---- what C does not define ---------------------------------------------------- */

static unsigned int sixty_four = 64;

static void shift_too_far(void)
{
	static u64 result;

	WRITE_ONCE(result, 1ULL << READ_ONCE(sixty_four));
}

/* ---- locks and sleep ------------------------------------------------------------ */

static DECLARE_RWSEM(shared_lock);

/* It hangs when a writer comes between the two, which here none does. */
static void lock_kept(void)
{
	down_read(&shared_lock);
	down_read(&shared_lock);
	up_read(&shared_lock);
	up_read(&shared_lock);
}

static DEFINE_SPINLOCK(first_lock);
static DEFINE_SPINLOCK(second_lock);

static void lock_both(spinlock_t *outer, spinlock_t *inner)
{
	spin_lock(outer);
	spin_lock(inner);
	spin_unlock(inner);
	spin_unlock(outer);
}

/* They hang when two do it at once, which here none do. */
static void lock_inversion(void)
{
	lock_both(&first_lock, &second_lock);
	lock_both(&second_lock, &first_lock);
}

static int __rcu *protected;

static void rcu_without_a_lock(void)
{
	(void)rcu_dereference(protected);
}

static void sleep_under_a_spinlock(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	kfree(kmalloc(BYTES, GFP_KERNEL));	/* which may sleep */
	spin_unlock(&lock);
}

static int sleep_for_good(void *unused)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule();
	return 0;
}

/* The guest has the kernel look every few seconds: see check-planted. */
static void hung_task(void)
{
	kthread_run(sleep_for_good, NULL, "planted");
	ssleep(30);
}

static void soft_lockup(void)
{
	unsigned long end = jiffies + 20 * HZ;

	preempt_disable();
	while (time_before(jiffies, end))
		cpu_relax();
	preempt_enable();
}

/* ---- memory ----------------------------------------------------------------------- */

static void leak(void)
{
	void *object = kmalloc(BYTES, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(object);
}

static void leak_of_pages(void)
{
	void *pages = vmalloc(4 * PAGE_SIZE);

	OPTIMIZER_HIDE_VAR(pages);
}

/* Nothing is wrong with it until the allocation fails. */
static void unchecked_allocation(void)
{
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = 1;
#endif
	touch(kmalloc(BYTES, GFP_ATOMIC));
}

/* ---- data races ------------------------------------------------------------------------ */

static void (*theirs)(void);

static int do_theirs(void *unused)
{
	while (!kthread_should_stop()) {
		theirs();
		cond_resched();
	}
	return 0;
}

/* What another does goes on beside what we do, on another processor, for a while. */
static void race(void (*other)(void), void (*ours)(void), unsigned int seconds)
{
	unsigned long end = jiffies + seconds * HZ;
	struct task_struct *task;

	theirs = other;
	set_cpus_allowed_ptr(current, cpumask_of(0));
	task = kthread_create(do_theirs, NULL, "planted");
	kthread_bind(task, 1);
	wake_up_process(task);
	while (time_before(jiffies, end)) {
		ours();
		cond_resched();
	}
	kthread_stop(task);
}

static u64 raced, seen;

static noinline void count(void)
{
	raced++;
}

static void data_race_of_two(void)
{
	race(count, count, 4);
}

/* As user space does, which no kernel watches. */
static noinline __no_kcsan void change_unseen(void)
{
	WRITE_ONCE(raced, raced + 1);
}

static noinline void read_plainly(void)
{
	WRITE_ONCE(seen, raced);
}

static void plain_read_of_what_programs_change(void)
{
	race(change_unseen, read_plainly, 4);
}

static u64 message;
static int sent;

/* The message may come after the word that it is there: that should be a release. */
static noinline void send(void)
{
	/* Matches the release in receive(). */
	if (smp_load_acquire(&sent))
		return;
	message++;
	WRITE_ONCE(sent, 1);
}

static noinline void receive(void)
{
	/* Matches nothing: that is the bug. */
	if (!smp_load_acquire(&sent))
		return;
	WRITE_ONCE(seen, message);
	/* Matches the acquire in send(). */
	smp_store_release(&sent, 0);
}

static void barrier_forgotten(void)
{
	/* The message must be watched, and then the end of send(): seldom both are. */
	race(send, receive, 30);
}

/* -------------------------------------------------------------------------------------- */

#define PLANTED(name)	{ #name, name }

static const struct {
	const char *name;
	void (*commit)(void);
} bugs[] = {
	PLANTED(heap_out_of_bounds), PLANTED(vmalloc_out_of_bounds),
	PLANTED(stack_out_of_bounds), PLANTED(use_after_free),
	PLANTED(double_free), PLANTED(list_corruption),
	PLANTED(refcount_underflow), PLANTED(free_of_a_running_timer),
	PLANTED(shift_too_far), PLANTED(lock_kept),
	PLANTED(lock_inversion), PLANTED(rcu_without_a_lock), PLANTED(sleep_under_a_spinlock),
	PLANTED(hung_task), PLANTED(soft_lockup), PLANTED(leak),
	PLANTED(leak_of_pages), PLANTED(unchecked_allocation),
	PLANTED(data_race_of_two), PLANTED(barrier_forgotten),
	PLANTED(plain_read_of_what_programs_change),
};

static int __init planted_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (strcmp(bugs[i].name, bug))
			continue;
		pr_info("planted: %s\n", bug);
		bugs[i].commit();
		return -ECANCELED;
	}
	return -EINVAL;
}

module_init(planted_init);

MODULE_DESCRIPTION("Bugs that are to be found");
MODULE_LICENSE("GPL");
