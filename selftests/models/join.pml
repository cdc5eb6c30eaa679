/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Joining and leaving a running ring: kmod/membership.c on one side,
 * __disruptor_lowest() of <disruptor.h> on the other.
 *
 *   producers ---> upstream ---> joiner ---> downstream
 *
 * and, with -DALONE, the joiner straight after the producers and nobody else.
 * With -DPRODUCERS=2 two of them move the cursor by compare-and-swap, so that one
 * may hold an old mask while the other goes on.
 *
 * Memory is x86's (TSO).  Every store goes through the store buffer of its CPU
 * and is seen by others later, in order; loads take effect in program order.
 * (They do on x86, and what the code asks for where they do not: each load that
 * must not be passed by the next is an acquire.)  A counter that only its owner
 * stores and that moves by one needs no queue: the owner's value and the one that
 * others see are kept side by side, and what lies between is in the buffer.
 *
 * Checked, from the moment the joiner's start is known until it leaves:
 *   lapped       a producer wrote a slot that the joiner may still read
 *   passed       somebody downstream handled what the joiner has not
 *   started_high the joiner started beyond the cursor, or beyond its upstream
 *   out_of_order somebody handled what its upstream has not
 *
 * Weakened, one at a time; each must be found out, or it is not needed:
 *   NO_SECOND_LOOK	the reader does not look at the epoch again
 *   EPOCH_FIRST	the epoch is advanced before the masks are written
 *   NO_BARRIER		no barrier before the start is read
 *   OWN_BARRIER	a barrier on the joiner's CPU alone, not on the others
 *   START_FIRST	the start is read before the barrier
 *   NO_REREAD		the start is what was read before the masks
 *   NO_HOLD		the joiner's counter is left as its last holder left it
 * What each breaks, and in which configuration, stands in `run`.
 *
 * NO_SECOND_LOOK and EPOCH_FIRST break nothing where a single producer has no
 * gating sequence but the joiner's: the cursor that it finds by an old mask is its
 * own, and the joiner starts there.  It takes a second producer, or somebody
 * upstream, to move what the old mask names.
 *
 * OWN_BARRIER breaks only what is left of that: the cursor that this producer has
 * just stored, it finds in its own store buffer, which nobody else sees before
 * that CPU's barrier.  Where processors are not multi-copy atomic every reader
 * needs it; TSO cannot show that.
 *
 * NO_HOLD breaks nothing as long as the last holder was honest: its counter is
 * low, and holds the others back.  So the model starts with one that was not.
 */
#ifndef PRODUCERS
#define PRODUCERS	1
#endif
#ifndef SLOTS
#define SLOTS		2
#endif
#ifndef EVENTS
#define EVENTS		4
#endif
#ifndef JOINS
#define JOINS		2
#endif

#define NONSENSE	99	/* beyond every sequence */

#define U		1	/* bits of a mask */
#define J		2
#define D		4

#ifdef ALONE
#define OTHERS		0
#define HAS_UPSTREAM	0
#else
#define OTHERS		(U | D)
#define HAS_UPSTREAM	1
#endif

#define MIN(a, b)	((a) < (b) -> (a) : (b))

/* Memory, as others see it. */
byte epoch;
byte mask_p = OTHERS;		/* what the producers wait on */
byte mask_d = U;		/* what downstream waits on */
byte cursor;
byte useq;
byte jseq = NONSENSE;
byte dseq;

/* The same as their owners see them: what they have stored. */
byte claimed;			/* the producers' */
byte unext;
byte jnext;
byte dnext;

bool joined;			/* the joiner's start is known, and it has not left */

bool lapped, passed, started_high, out_of_order;

#define MUST(what, condition)	what = !(condition); assert(!what)

/* Store buffer of the joiner's CPU, which runs the kernel's part, too. */
mtype = { MASK_P, MASK_D, EPOCH, JSEQ };
chan buffer = [6] of { mtype, byte };

#define STORE(location, value)	buffer!location, value

/* Store buffers empty when they please. */
active proctype memory()
{
	byte value;

end:	do
	:: atomic { cursor < claimed -> cursor++ }
	:: atomic { useq < unext -> useq++ }
	:: atomic { dseq < dnext -> dseq++ }
	:: atomic { buffer?MASK_P(value) -> mask_p = value; value = 0 }
	:: atomic { buffer?MASK_D(value) -> mask_d = value; value = 0 }
	:: atomic { buffer?EPOCH(value) -> epoch = value; value = 0 }
	:: atomic { buffer?JSEQ(value) -> jseq = value; value = 0 }
	od
}

/* ---- the readers -------------------------------------------------------- */

/*
 * A producer without gating sequences finds the cursor: its own store, wherever
 * that is.
 */
#define OWN_CURSOR	claimed

/* __disruptor_lowest(); @own: what the reader finds if the mask is empty */
inline lowest(mask, own, result)
{
	do
	:: e = epoch;
	   m = mask;
	   if
	   :: m == 0 -> low = own
	   :: else -> low = NONSENSE
	   fi;
	   if
	   :: m & U -> low = MIN(useq, low)
	   :: else
	   fi;
	   if
	   :: m & J -> low = MIN(jseq, low)
	   :: else
	   fi;
	   if
	   :: m & D -> low = MIN(dseq, low)
	   :: else
	   fi;
#ifdef NO_SECOND_LOOK
	   atomic { result = low; e = 0; m = 0; low = 0; break }
#else
	   atomic {
		if
		:: epoch == e -> result = low; e = 0; m = 0; low = 0; break
		:: else -> e = 0; m = 0; low = 0
		fi
	   }
#endif
	od
}

/*
 * disruptor_try_claim() and the store to the slot.  Of several producers, a claim
 * is a compare-and-swap: it is seen at once.
 */
active [PRODUCERS] proctype producer()
{
	byte e, m, low, limit, room;

	do
	:: atomic {
		claimed < EVENTS && claimed < limit ->
		MUST(lapped, !joined || claimed < jnext + SLOTS);
		claimed++;
#if PRODUCERS > 1
		cursor = claimed
#endif
	   }
	:: atomic { claimed < EVENTS && claimed >= limit -> skip };
	   lowest(mask_p, OWN_CURSOR, room);
	   atomic { limit = room + SLOTS; room = 0 }
	:: claimed == EVENTS -> break
	od
}

#ifndef ALONE
/* Straight after the producers: its mask never changes. */
active proctype upstream()
{
	do
	:: atomic { unext < cursor -> unext++ }
	:: unext == EVENTS -> break
	od
}

active proctype downstream()
{
	byte e, m, low, available;

	do
	:: atomic {
		dnext < available ->
		MUST(out_of_order, dnext < unext);
		MUST(passed, !joined || dnext < jnext);
		dnext++
	   }
	:: atomic { dnext < EVENTS && dnext >= available -> skip };
	   lowest(mask_d, NONSENSE, available)
	:: dnext == EVENTS -> break
	od
}
#endif

/* ---- the joiner, and the kernel on its behalf ---------------------------- */

/* disruptor_barrier() */
inline read_barrier()
{
	start = cursor;
	if
	:: HAS_UPSTREAM -> start = MIN(useq, start)
	:: else
	fi
}

/* set_present() */
inline set_present(present, before_d)
{
	next_epoch++;
#ifdef EPOCH_FIRST
	STORE(EPOCH, next_epoch);
#endif
	STORE(MASK_P, OTHERS | present);
	STORE(MASK_D, before_d);
#ifndef EPOCH_FIRST
	STORE(EPOCH, next_epoch);
#endif
}

/* disruptor_fence_holders(): this CPU, then the others in any order. */
inline barrier_on_all()
{
#ifdef NO_BARRIER
	skip;
#else
	empty(buffer);
#ifndef OWN_BARRIER
	todo = U | J | D;
	do
	:: atomic { todo & J -> cursor = claimed; todo = todo & ~J }
	:: atomic { todo & U -> useq = unext; todo = todo & ~U }
	:: atomic { todo & D -> dseq = dnext; todo = todo & ~D }
	:: todo == 0 -> break
	od
#endif
#endif
}

/* disruptor_join_begin(), the barrier, disruptor_join_finish() */
inline join()
{
	read_barrier();
#ifndef NO_HOLD
	STORE(JSEQ, start);
#endif
	set_present(J, J);
#ifdef START_FIRST
	read_barrier();
#endif
	barrier_on_all();
#if !defined(START_FIRST) && !defined(NO_REREAD)
	read_barrier();
#endif
	atomic {
		MUST(started_high, start <= claimed);
		MUST(lapped, claimed <= start + SLOTS);
#ifndef ALONE
		MUST(started_high, start <= unext);
		MUST(passed, dnext <= start);
#endif
		jnext = start;
		start = 0;
		joined = true
	}
	STORE(JSEQ, jnext);
}

/* disruptor_leave() */
inline leave()
{
	joined = false;
	set_present(0, U);
}

active proctype joiner()
{
	byte start, next_epoch, todo, joins;

	do
	:: joins < JOINS ->
		joins++;
		join();
		do
		:: atomic {
			jnext < (HAS_UPSTREAM -> useq : cursor) ->
#ifndef ALONE
			MUST(out_of_order, jnext < unext);
#endif
			jnext++
		   }
		   STORE(JSEQ, jnext)
		:: break	/* has had enough, or was killed */
		od;
		leave()
	:: else -> break
	od
}
