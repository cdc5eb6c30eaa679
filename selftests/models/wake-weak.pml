/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The heart of wake.pml, one publish against going to sleep, where processors reorder
 * more than x86's: __disruptor_publish() and __disruptor_wake() of the library
 * against arm() of kmod/wait.c.
 *
 * Memory is what arm64 and RISC-V promise: a store is seen by all others at once, but
 * a processor performs its accesses in any order that no barrier forbids.  The
 * publisher's are, in the order of the program,
 *
 *	0	store the counter
 *	1	load look_at
 *	2	load fence
 *	H	barrier, if it is to fence
 *	3	load wake_at
 *
 * Branches do not order loads: 3 may be performed before it is known whether H is
 * in between; if it is, 3 is done again.  An interrupt (smp_mb() in full_barrier() of
 * kmod/fence.c) hits between two of them: what is before is performed by then, and
 * loads that were performed early are done again.
 *
 * tell_publisher() stores fence, wake_at and look_at in any order; the lock keeps
 * those of one sleeper before those of the next.
 *
 * The sleeper finds the publisher without a fence; or it is the one that has it
 * fence; or another one has, and is asleep for more.
 *
 * Checked:
 *   lost_wake	the sleeper did not see the counter, nor the publisher the sleeper
 *
 * Weakened:
 *   NO_INTERRUPT, NO_OWN_BARRIER, NO_FENCE, INTERRUPT_FIRST, TRUST_COMING
 *			as in wake.pml
 *   NO_COMPILER_BARRIER	the compiler exchanges 0 and the rest
 */
#define NOBODY	255

byte counter, fence;
byte wake_at = NOBODY;
byte look_at = NOBODY;

bool performed[4];
bool retired;				/* all of them, for good */
byte saw_look_at, saw_fence, saw_wake_at;

bool lost_wake;

#define MUST(what, condition)	what = !(condition); assert(!what)

proctype publisher()
{
	do
	:: atomic { !performed[0] -> counter = 1; performed[0] = true }
	:: d_step {
		!performed[1] ->
		saw_look_at = look_at;
		performed[1] = true
	   }
	:: d_step {
		!performed[2] ->
		saw_fence = fence;
		performed[2] = true;
#ifndef NO_FENCE
		if
		:: saw_fence -> performed[3] = false
		:: else
		fi
#endif
	   }
	:: d_step {
		!performed[3] &&
#ifndef NO_FENCE
		(!performed[2] || !saw_fence ||
		 (performed[0] && performed[1])) &&		/* H */
#endif
		true ->
		saw_wake_at = wake_at;
		performed[3] = true
	   }
	:: atomic {
		performed[0] && performed[1] && performed[2] && performed[3] ->
		retired = true;
		break
	   }
	od
}

/* From @first on, loads performed early are done again. */
inline again(first)
{
	i = first;
	do
	:: i < 4 -> performed[i] = false; i++
	:: else -> break
	od;
	i = 0
}

inline interrupt()
{
#ifdef NO_INTERRUPT
	skip
#else
	atomic {
		if
		:: retired
		:: !retired && !performed[0] -> again(1)
		:: !retired && performed[0] -> again(1)
		:: !retired && performed[0] && performed[1] -> again(2)
		:: !retired && performed[0] && performed[1] && performed[2] ->
		   again(3)
		:: !retired && performed[0] && performed[1] && performed[2] &&
		   performed[3]
#ifdef NO_COMPILER_BARRIER
		:: !retired && !performed[0] && performed[1] &&
		   performed[2] && performed[3]
#endif
		fi
	}
#endif
}

/* tell_publisher() */
inline tell(fences, target)
{
	stored_fence = false;
	stored_wake_at = false;
	stored_look_at = false;
	do
	:: atomic { !stored_fence -> fence = fences; stored_fence = true }
	:: atomic { !stored_wake_at -> wake_at = target; stored_wake_at = true }
	:: atomic {
		!stored_look_at ->
		if
		:: fences -> look_at = 0
		:: else -> look_at = target
		fi;
		stored_look_at = true
	   }
#ifdef NO_OWN_BARRIER
	:: atomic { !looked -> found = counter; looked = true }
#endif
	:: stored_fence && stored_wake_at && stored_look_at -> break	/* G */
	od
}

inline look()
{
	if
	:: atomic { !looked -> found = counter; looked = true }
	:: looked
	fi
}

proctype sleeper()
{
	bool stored_fence, stored_wake_at, stored_look_at;
	bool looked;
	byte found, i;

	if
	:: true ->		/* OFF */
#ifdef INTERRUPT_FIRST
	   interrupt();
	   tell(0, 1)
#else
	   tell(0, 1);
	   interrupt()
#endif
	:: true ->		/* OFF, COMING */
#ifdef INTERRUPT_FIRST
	   interrupt();
	   tell(1, 1)
#else
	   tell(1, 1);
	   interrupt()
#endif
	:: true ->		/* COMING, ON by another one, who wants 2 */
	   looked = true;
	   tell(1, 2);
#ifndef TRUST_COMING
	   interrupt();
#endif
	   looked = false;
	   tell(1, 1)
	fi;
	look();

	retired;
	d_step { MUST(lost_wake, found || (1 >= saw_look_at && 1 >= saw_wake_at)) }
}

init { atomic { run publisher(); run sleeper() } }
