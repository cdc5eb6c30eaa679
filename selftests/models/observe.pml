/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An observer reads an event that one of several producers may be writing over, where
 * processors reorder more than x86's: observe_some() of the library against
 * disruptor_multi_try_claim() and the writing of the slot that follows it.
 *
 * Memory is as in wake-weak.pml.  The ring has one slot; event 0 is in it, and the
 * producer claims and writes event 1.  An event is two words, each copied by itself.
 * The producer's accesses are, in the order of the program,
 *
 *	0	move the cursor, from 1 to 2
 *	O	order what was stored before what is stored next
 *	1, 2	store the words
 *
 * and the observer's, who has found event 0 published,
 *
 *	0, 1	load the words
 *		acquire fence
 *	2	load the cursor: is the slot still event 0's?
 *
 * Checked:
 *   torn	an event is taken for whole, and some of it is of the next
 *
 * Weakened:
 *   NO_STORE_ORDER	without O
 *   NO_LOAD_ORDER	without the observer's fence
 */
byte cursor = 1;
byte words[2];				/* of which event */

bool stored[3];
bool loaded[3];
byte copy[2];
byte saw_cursor;

bool torn;

#define MUST(what, condition)	what = !(condition); assert(!what)

#ifdef NO_STORE_ORDER
#define O	true
#else
#define O	stored[0]
#endif

#ifdef NO_LOAD_ORDER
#define FENCE	true
#else
#define FENCE	(loaded[0] && loaded[1])
#endif

active proctype producer()
{
	do
	:: atomic { !stored[0] -> cursor = 2; stored[0] = true }
	:: atomic { !stored[1] && O -> words[0] = 1; stored[1] = true }
	:: atomic { !stored[2] && O -> words[1] = 1; stored[2] = true }
	:: stored[0] && stored[1] && stored[2] -> break
	od
}

active proctype observer()
{
	do
	:: atomic { !loaded[0] -> copy[0] = words[0]; loaded[0] = true }
	:: atomic { !loaded[1] -> copy[1] = words[1]; loaded[1] = true }
	:: atomic { !loaded[2] && FENCE -> saw_cursor = cursor; loaded[2] = true }
	:: loaded[0] && loaded[1] && loaded[2] -> break
	od;
	/* oldest(): the cursor less the slots */
	MUST(torn, saw_cursor - 1 > 0 || (copy[0] == 0 && copy[1] == 0))
}
