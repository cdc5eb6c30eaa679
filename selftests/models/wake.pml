/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sleeping and waking: kmod/waiters.c and wait.c, with the interrupts of fence.c and
 * the changes of membership.c and role.c, on one side; on the other what
 * <linux/disruptor.h> asks of a publisher (struct disruptor_publisher).
 *
 * Memory is x86's (TSO).  Each seat has a processor.  Its stores to the counters, to
 * wake_at, look_at and fence, and the one that gives the spinlock back, go through a
 * bounded first-in first-out store buffer, which drains at any moment; whoever takes
 * the lock has drained his.  A load of what is in the own buffer waits until that
 * is out: nobody can have changed it before the lock, which is behind it, is
 * given back, so that this is as good as forwarding.  A barrier goes on when the
 * buffer is empty, and so does an interrupt, which may hit anywhere.
 *
 * What only the lock's owners use (fencing, the list of waiters) is as they left
 * it.  "Often", in choose_fences(), is any choice, and so is asking for UNFENCE:
 * no heuristic may matter.
 *
 * Scenarios; seat 0 is the producers':
 *
 *   (none)	producer <-> consumer, one slot: each sleeps on the other
 *   TWO	producer -> two consumers, asleep for different numbers of events;
 *		one gives up at times
 *   SEVERAL	two producers, out of order -> two consumers; one gives up at times
 *   AFTER	two consumers -> a third after both; the producer is asleep for
 *		room on all three
 *   JOIN	producer <-> consumer, and a second one joins, consumes and leaves
 *		or dies wherever it may be; with AFTER_IT the first is after it
 *   DEATH	producer <-> consumer, each of which dies once wherever it may be,
 *		and is replaced
 *   END	producer -> consumer -> consumer; the stream ends before what they
 *		sleep for
 *   POLL	producer -> consumer, polled twice: level- and edge-triggered
 *
 * Fences come and go; with SAME nobody sleeps often, and with SAME and FENCED
 * everybody fences all along.
 *
 * With ALONE (of none and TWO) it is a private ring, userlib/src/private.c: who sleeps
 * alone is woken without the lock, and stays armed.
 *
 * Checked:
 *   lost_wake	when nothing moves any more, somebody sleeps though his target is met
 *		or hopeless
 *   spurious	WAIT returned 0 below the target
 *   stuck	(the checker's own) something else than a sleeper waits for ever
 *
 * Weakened, one at a time; wake.expect says where each is found out:
 *   NO_INTERRUPT	G is the sleeper's own barrier, fence or no fence
 *   NO_OWN_BARRIER	where there is a fence, G is nothing
 *   NO_FENCE		H is missing: a publisher that is to fence does not
 *   NO_LOOK		asleep at once, without another look after G
 *   INTERRUPT_FIRST	wake_at is lowered after the interrupt
 *   TRUST_COMING	a fence is relied on before the interrupt that makes it known
 *   SECOND_SETS_ON	whoever has interrupted a publisher whose fence is coming says
 *			it has come: also he whose fence has since been taken back
 *   NO_KICK		nobody is told that masks or holders have changed
 *   KICK_FIRST		they are told before it
 *   ONE_OF_TWO		armed on one of those that hold the waiter up, and on the
 *			next, without G, when that one is through
 *   DROP_MET		a waiter whose target is met counts as waiting for the
 *			cursor, though who has met it may not have looked yet
 *   GAP_NOW		of several producers, those are wanted who publish above the
 *			first gap there is, not above the one that the waiter has seen,
 *			though the one who filled that may not have looked yet
 *   FORGET_POLL	a poll that arms for more drops who polled for less
 *   TRUST_WAKE		WAIT returns 0 because it was woken
 *   ALONE_LATE		who is alone is told after G
 *   ALONE_STAYS	who comes second leaves the first one alone
 *   FORGET_LATE	who is about to sleep forgets after its last look that it was fired
 *
 * Not needed, it turns out: that UNFENCE waits until nobody is armed (UNFENCE_ARMED
 * holds, in SEVERAL, too).  Whoever finds the fence taken back finds wake_at as it
 * was lowered before that, for both are stored under the lock.
 */
#ifndef EVENTS
#define EVENTS	3
#endif
#define NOBODY	255			/* DISRUPTOR_NOBODY_SLEEPS */
#define BUFFER	4			/* stores */

#define P	0			/* seats */
#define BIT(s)	(1 << (s))

#if defined(TWO)
#define SEATS	3
#define GATES	0			/* room for all */
#define SLOTS	EVENTS
#elif defined(AFTER)
#define SEATS	4
#define GATES	(BIT(1) | BIT(2) | BIT(3))
#define SLOTS	1
#elif defined(JOIN)
#define SEATS	3
#define GATES	BIT(1)
#define SLOTS	1
#elif defined(SEVERAL)
#define SEATS	4			/* that of the producers, and a processor more */
#define GATES	0
#define SLOTS	EVENTS
#elif defined(END)
#define SEATS	3
#define GATES	0
#define SLOTS	EVENTS
#elif defined(POLL)
#define SEATS	3			/* that of the consumer, and a processor more */
#define GATES	0
#define SLOTS	EVENTS
#else
#define SEATS	2
#define GATES	BIT(1)
#define SLOTS	1
#endif

/* Memory. */
#define COUNTER(s)	(s)
#define WAKE_AT(s)	(SEATS + (s))
#define LOOK_AT(s)	(2 * SEATS + (s))
#define FENCE(s)	(3 * SEATS + (s))
#define LOCK		(4 * SEATS)		/* ring->wait_lock */
#define FILLED(n)	(4 * SEATS + 1 + (n))	/* availability */
#define ALONE_SEAT	(4 * SEATS + 1)		/* private_ring.alone */
#if defined(SEVERAL)
byte mem[4 * SEATS + 1 + EVENTS];
#elif defined(ALONE)
byte mem[4 * SEATS + 2];
#else
byte mem[4 * SEATS + 1];
#endif
chan buffer[SEATS] = [BUFFER] of { byte, byte };

/* Under ring->lock, or handed on by the locks. */
bool ring_lock;
bool ended;
byte waits_on[SEATS];

/* Under ring->wait_lock. */
mtype = { OFF, COMING, ON };
mtype fencing[SEATS];
bool armed[SEATS];		/* in ring->waiters */
bool fired[SEATS];		/* the waiter's task was woken */
byte target[SEATS];
byte seen_at[SEATS];		/* the waiter's barrier, at its last look */
byte wanted[SEATS];		/* tell_publishers()'s wake_at */
byte found;			/* held_up_by()'s seats */

bool asleep[SEATS];

#ifdef POLL
bool woken[2];			/* polls: level- and edge-triggered */
bool polls[2];			/* asleep in it */
byte edge_seen;
#endif
#ifdef DEATH
bool died[SEATS];
#endif

/* A sleep that ends by itself: a timeout, a signal, or a death. */
#if defined(TWO) || defined(SEVERAL)
#define MAY_GIVE_UP	me == 2
#elif defined(JOIN)
#define MAY_GIVE_UP	me == 2
#elif defined(DEATH)
#define MAY_GIVE_UP	!died[me]
#else
#define MAY_GIVE_UP	false
#endif

#ifdef POLL
#define WAITER	1	/* of the handle that all poll */
#else
#define WAITER	me
#endif

/* Fences come and go; or (SAME) they are, or are not (FENCED), there all along. */
#ifdef SAME
#define OFTEN	false
#else
#define OFTEN	true
#endif

#ifdef SEVERAL
#define PUBLISHES	P	/* whoever does */
#else
#define PUBLISHES	me
#endif

bool lost_wake, spurious;

/* Never across a step. */
hidden byte i, barrier, least;


#define MUST(what, condition)	what = !(condition); assert(!what)

/* ---- processors; @me is the seat, and the processor, of who runs ---- */

proctype memory()
{
	byte a, v;

end:	do
	:: d_step { buffer[0]?a,v -> mem[a] = v; a = 0; v = 0 }
	:: d_step { buffer[1]?a,v -> mem[a] = v; a = 0; v = 0 }
#if SEATS > 2
	:: d_step { buffer[2]?a,v -> mem[a] = v; a = 0; v = 0 }
#endif
#if SEATS > 3
	:: d_step { buffer[3]?a,v -> mem[a] = v; a = 0; v = 0 }
#endif
	od
}

#define drained(s)	(len(buffer[s]) == 0)

inline load(x, a)
{
	atomic { !(buffer[me]??[eval(a), _]) -> x = mem[a] }
}

inline lock()
{
	atomic { drained(me) && !mem[LOCK] -> mem[LOCK] = 1 }
}

inline unlock()
{
	buffer[me]!LOCK,0
}

/* ---- the kernel ---- */

/* disruptor_barrier() */
inline read_barrier(s)
{
	barrier = mem[COUNTER(P)];
	i = 1;
	do
	:: i < SEATS ->
	   if
	   :: waits_on[s] & BIT(i) && mem[COUNTER(i)] < barrier ->
	      barrier = mem[COUNTER(i)]
	   :: else
	   fi;
	   i++
	:: else -> break
	od
#ifdef SEVERAL
	;
	i = 0;
	do
	:: i < EVENTS && mem[FILLED(i)] -> i++
	:: else -> break
	od;
	barrier = i
#endif
}

/* What the waiter has seen matters where there are gaps. */
#ifdef SEVERAL
#define LOOKED		reached = barrier
#else
#define LOOKED		skip
#endif

/* outcome(): 0 or -ENODATA; else it is -EAGAIN. */
#define met(w)		(barrier >= target[w])
#define hopeless(w)	(w != P && ended && barrier >= mem[COUNTER(P)])

/* goal() */
inline read_goal(w)
{
	least = target[w];
	if
	:: ended && mem[COUNTER(P)] < least -> least = mem[COUNTER(P)]
	:: else
	fi
}

/* held_up_by() */
inline held_up_by(w)
{
	read_goal(w);
	found = 0;
	i = 1;
	do
	:: i < SEATS ->
	   if
	   :: waits_on[w] & BIT(i) && mem[COUNTER(i)] < least ->
	      found = found | BIT(i);
#ifdef ONE_OF_TWO
	      break
#endif
	   :: else
	   fi;
	   i++
	:: else -> break
	od;
	if
	:: found == 0 ->
#ifndef DROP_MET
	   found = waits_on[w];
#endif
	   if
	   :: ended -> found = found | BIT(w)
	   :: else -> found = found | BIT(P)
	   fi
	:: else
	fi
}

/* wanted_at() */
inline wanted_at(w)
{
#ifdef SEVERAL
#ifdef GAP_NOW
	read_barrier(w);
	least = barrier + 1
#else
	least = seen_at[w] + 1
#endif
#else
	skip
#endif
}

/*
 * tell_publishers(): all counters are read in one step.  What is stored goes out
 * of the buffer one by one.
 */
inline tell_publishers()
{
	d_step {
		i = 0;
		do
		:: i < SEATS -> wanted[i] = NOBODY; i++
		:: else -> break
		od;
		k = 0;
		do
		:: k < SEATS && armed[k] ->
		   held_up_by(k);
		   wanted_at(k);
		   i = 0;
		   do
		   :: i < SEATS ->
		      if
		      :: found & BIT(i) && least < wanted[i] -> wanted[i] = least
		      :: else
		      fi;
		      i++
		   :: else -> break
		   od;
		   k++
		:: k < SEATS && !armed[k] -> k++
		:: else -> break
		od;
		found = 0;
		k = 0
	};
	atomic {
		do
		:: k < SEATS ->
		   if
		   :: mem[FENCE(k)] != (fencing[k] != OFF) ->
		      buffer[me]!FENCE(k),(fencing[k] != OFF)
		   :: else
		   fi;
		   if
		   :: mem[WAKE_AT(k)] != wanted[k] ->
		      buffer[me]!WAKE_AT(k),wanted[k]
		   :: else
		   fi;
		   if
		   :: fencing[k] != OFF -> wanted[k] = 0
		   :: else
		   fi;
		   if
		   :: mem[LOOK_AT(k)] != wanted[k] ->
		      buffer[me]!LOOK_AT(k),wanted[k]
		   :: else
		   fi;
		   wanted[k] = 0;
		   k++
		:: else -> break
		od;
		k = 0
	}
}

/* fire(): the task, or all who poll. */
inline fire(w)
{
	armed[w] = false;
	fired[w] = true;
#ifdef POLL
	woken[0] = true;
	woken[1] = true
#endif
}

/* disruptor_wait_kick() */
inline kick()
{
#ifdef NO_KICK
	skip
#else
	lock();
	d_step {
		i = 0;
		do
		:: i < SEATS ->
		   if
		   :: armed[i] -> fire(i)
		   :: else
		   fi;
		   i++
		:: else -> break
		od
	};
	tell_publishers();
	unlock()
#endif
}

/*
 * disruptor_wake(); @ask: DISRUPTOR_WAKE_UNFENCE; @much: there is more to look at than
 * is_due() does, so that whoever is not met is to look.
 */
inline wake_met()
{
#ifdef SEVERAL
	if
	:: much = false
	:: much = true
	fi;
#endif
	lock();
	d_step {
		k = 0;
		do
		:: k < SEATS ->
		   if
		   :: armed[k] ->
		      read_barrier(k);
		      if
		      :: met(k) || hopeless(k) || much -> fire(k)
#ifdef SEVERAL
		      :: else -> seen_at[k] = barrier
#else
		      :: else
#endif
		      fi
		   :: else
		   fi;
		   k++
		:: else -> break
		od;
		k = 0;
		i = 0;
		do
#ifdef UNFENCE_ARMED
		:: i < SEATS -> i++
#else
		:: i < SEATS && !armed[i] -> i++
#endif
		:: else -> break
		od;
		if
		:: ask && i == SEATS && fencing[PUBLISHES] == ON ->
		   fencing[PUBLISHES] = OFF
		:: else
		fi
	};
	tell_publishers();
	unlock()
}

#ifdef ALONE
/* private_wake() */
inline wake()
{
	load(word, ALONE_SEAT);
	if
	:: ask -> word = 0
	:: else
	fi;
	if
	:: word ->
	   atomic {
		drained(me) ->
		if
		:: !fired[word - 1] -> fired[word - 1] = true
		:: else -> word = 0
		fi
	   }
	:: else
	fi;
	if
	:: !word -> wake_met()
	:: else
	fi
}

/* is_alone(), of what held_up_by() has found */
inline find_alone()
{
	i = 0;
	k = 0;
	do
	:: i < SEATS ->
	   if
	   :: armed[i] -> k++
	   :: else
	   fi;
	   i++
	:: else -> break
	od;
	alone = k == 1 && (found & (found - 1)) == 0;
	k = 0
}

inline tell_alone()
{
#ifdef ALONE_STAYS
	if
	:: alone -> buffer[me]!ALONE_SEAT,(1 + me)
	:: else
	fi;
#else
	buffer[me]!ALONE_SEAT,(alone -> 1 + me : 0);
#endif
	alone = false
}

inline forget_fired()
{
	atomic { drained(me) -> fired[WAITER] = false }
}
#else
#define wake()		wake_met()
#define find_alone()	skip
#define tell_alone()	skip
#define forget_fired()	skip
#endif

/* choose_fences(); "often" is any choice. */
inline choose_fences()
{
	atomic {
		k = 0;
#ifdef SEVERAL
		if
		:: found & BIT(P) && fencing[P] != ON -> heavy = BIT(3)
		:: else
		fi;
#endif
		do
		:: k < SEATS && (found & BIT(k)) ->
		   if
#ifdef TRUST_COMING
		   :: fencing[k] != OFF
#else
		   :: fencing[k] == ON
		   :: fencing[k] == COMING ->
		      heavy = heavy | BIT(k);
#ifdef SECOND_SETS_ON
		      coming = coming | BIT(k)
#endif
#endif
		   :: fencing[k] == OFF -> heavy = heavy | BIT(k)
		   :: OFTEN && fencing[k] == OFF ->
		      heavy = heavy | BIT(k);
		      fencing[k] = COMING;
		      coming = coming | BIT(k)
		   fi;
		   k++
		:: k < SEATS && !(found & BIT(k)) -> k++
		:: else -> break
		od;
		k = 0;
		found = 0
	}
}

/* interrupt_publishers() */
inline interrupt_publishers()
{
#ifdef NO_INTERRUPT
	heavy = 0;
#endif
	if
	:: heavy ->
	   atomic { !ring_lock -> ring_lock = true };
	   do
	   :: atomic { heavy & BIT(0) && drained(0) -> heavy = heavy & ~BIT(0) }
	   :: atomic { heavy & BIT(1) && drained(1) -> heavy = heavy & ~BIT(1) }
#if SEATS > 2
	   :: atomic { heavy & BIT(2) && drained(2) -> heavy = heavy & ~BIT(2) }
#endif
#if SEATS > 3
	   :: atomic { heavy & BIT(3) && drained(3) -> heavy = heavy & ~BIT(3) }
#endif
	   :: !heavy -> break
	   od;
	   ring_lock = false
	:: else
	fi;
	if	/* fences_have_come() */
	:: coming ->
	   lock();
	   d_step {
		i = 0;
		do
		:: i < SEATS ->
		   if
		   :: coming & BIT(i) -> fencing[i] = ON
		   :: else
		   fi;
		   i++
		:: else -> break
		od;
		coming = 0
	   };
	   unlock()
	:: else
	fi
}

/* arm(), of the waiter of seat @me */
inline arm()
{
#ifndef FORGET_LATE
	forget_fired();
#endif
	lock();
	d_step {
		armed[WAITER] = true;
#ifndef ALONE
		fired[WAITER] = false;
#endif
		held_up_by(WAITER);
		find_alone()
	};
	choose_fences();
#ifdef INTERRUPT_FIRST
	interrupt_publishers();
	tell_publishers();
	unlock();
	drained(me)
#else
	tell_publishers();
#ifndef ALONE_LATE
	tell_alone();
#endif
	unlock();
#ifndef NO_OWN_BARRIER
	drained(me);			/* G */
#endif
	interrupt_publishers()
#ifdef ALONE_LATE
	;
	tell_alone()
#endif
#endif
}

inline disarm_waiter()
{
	lock();
	if
	:: armed[WAITER] -> armed[WAITER] = false; tell_publishers()
	:: else
	fi;
	unlock()
}

#ifdef ALONE
/* private_sleep() */
inline disarm()
{
	if
	:: fired[WAITER]
	:: else -> disarm_waiter()
	fi
}
#else
#define disarm()	disarm_waiter()
#endif

/* Sets @done and @over, met and hopeless. */
inline outcome()
{
	d_step {
		read_barrier(WAITER);
		LOOKED;
		done = met(WAITER);
		over = !done && hopeless(WAITER)
	}
}

/*
 * WAIT of @me for @t, wait_for_barrier().  @over: ENODATA.  The first look is the
 * caller's.
 */
inline wait(t)
{
	target[WAITER] = t;
	outcome();
	if
	:: !done && !over ->
	   do
#ifdef SEVERAL
	   :: seen_at[WAITER] = reached;
	      arm();
#else
	   :: arm();
#endif
#ifndef NO_LOOK
	      outcome();
	      if
	      :: done || over -> break
	      :: else
	      fi;
#endif
#ifdef FORGET_LATE
	      forget_fired();
#endif
	      if
	      :: true ->
		 asleep[WAITER] = true;
end_asleep:	 fired[WAITER];
		 asleep[WAITER] = false
	      :: MAY_GIVE_UP -> gone = true
	      fi;
	      d_step {
		read_barrier(WAITER);
		LOOKED;
#ifdef TRUST_WAKE
		done = !gone;
#else
		done = met(WAITER);
#endif
		over = !done && hopeless(WAITER);
		MUST(spurious, !done || met(WAITER))
	      };
	      if
	      :: done || over || gone -> break
	      :: else
	      fi
	   od;
	   disarm()
	:: else
	fi
#ifndef ALONE	/* as long as it is armed */
	;
	d_step { target[WAITER] = 0; seen_at[WAITER] = 0; reached = 0 }
#endif
}

/* ---- publishers, in user space ---- */

inline look_for_sleepers()
{
	load(word, LOOK_AT(PUBLISHES));
	if
	:: seq >= word ->
	   load(fenced, FENCE(PUBLISHES));
	   if
	   :: fenced ->
#ifndef NO_FENCE
	      drained(me)		/* H */
#endif
	   :: else
	   fi;
	   load(word, WAKE_AT(PUBLISHES));
	   if
	   :: seq >= word ->
	      if
	      :: ask = false
	      :: OFTEN && fenced -> ask = true
	      fi;
	      wake()
	   :: seq < word && fenced ->
	      if
	      :: OFTEN -> ask = true; wake()
	      :: skip
	      fi
	   :: seq < word && !fenced
	   fi;
	   d_step { fenced = false; ask = false; much = false }
	:: else
	fi;
	word = 0
}

inline publish()
{
	seq++;
	buffer[me]!COUNTER(me),seq;
	look_for_sleepers()
}

/* ---- who does what ---- */

#define VARIABLES	byte seq, word, k, heavy, coming, seen, wanted_events, \
			     reached; \
			bool fenced, ask, much, done, over, gone, alone

/*
 * What the producer waits for when it is short of room, as a barrier: see
 * disruptor_wait_for().
 */
#define ROOM	seq + 1 - SLOTS

inline lock_ring()
{
	atomic { drained(me) && !ring_lock -> ring_lock = true }
}

inline unlock_ring()
{
	ring_lock = false
}

/* membership_changed() comes after the change, and must not come before it. */
inline begin_change()
{
	lock_ring();
#ifdef KICK_FIRST
	kick()
#endif
}

inline end_change()
{
#ifndef KICK_FIRST
	kick();
#endif
	unlock_ring()
}

/* When nothing else can move. */
proctype watch()
{
	byte k;

	timeout;
	do
	:: d_step {
		k < SEATS ->
		if
		:: asleep[k] ->
		   read_barrier(k);
		   MUST(lost_wake, !(met(k) || hopeless(k)))
		:: else
		fi;
		k++
	   }
	:: k == SEATS -> break
	od;
	k = 0;
#ifdef POLL
	d_step {
		read_barrier(WAITER);
		MUST(lost_wake, !(polls[0] && barrier > mem[COUNTER(WAITER)]));
		MUST(lost_wake, !(polls[1] && barrier > edge_seen))
	}
#endif
}

inline setup()
{
	i = 0;
	do
	:: i < SEATS ->
	   mem[WAKE_AT(i)] = NOBODY;
#ifdef FENCED
	   fencing[i] = ON;
	   mem[FENCE(i)] = true;
	   mem[LOOK_AT(i)] = 0;
#else
	   fencing[i] = OFF;
	   mem[LOOK_AT(i)] = NOBODY;
#endif
	   i++
	:: else -> break
	od;
	waits_on[P] = GATES;
	run memory();
	run watch()
}

#if defined(TWO)

proctype producer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS -> publish()
	:: else -> break
	od
}

/* Nobody waits for these; each sleeps for as many events as it likes. */
proctype consumer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS ->
	   seq++;
	   if
	   :: seq < EVENTS -> seq++
	   :: true
	   fi;
	   wait(seq);
	   d_step { done = false; gone = false }
	:: else -> break
	od
}

init { atomic {
	setup();
	run producer(P);
	run consumer(1);
	run consumer(2)
} }

#elif defined(SEVERAL)

/* Each has claimed one event, and publishes it. */
proctype producer(byte me)
{
	VARIABLES;

	if
	:: me == P -> seq = 1
	:: else -> seq = 2
	fi;
	buffer[me]!FILLED(seq - 1),true;
	look_for_sleepers()
}

proctype consumer(byte me)
{
	VARIABLES;

	if
	:: seq = 1
	:: seq = 2
	fi;
	wait(seq)
}

init { atomic {
	setup();
	mem[COUNTER(P)] = EVENTS;
	run producer(P);
	run producer(3);
	run consumer(1);
	run consumer(2)
} }

#elif defined(AFTER)

/* It has published all, and wants room. */
proctype producer(byte me)
{
	VARIABLES;

	seq = EVENTS;
	wait(ROOM)
}

proctype upstream(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS -> publish()
	:: else -> break
	od
}

proctype downstream(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS ->
	   wait(seq + 1);
	   done = false;
	   publish()
	:: else -> break
	od
}

init { atomic {
	setup();
	run producer(P);
	mem[COUNTER(P)] = EVENTS;
	waits_on[3] = BIT(1) | BIT(2);
	run upstream(1);
	run upstream(2);
	run downstream(3)
} }

#elif defined(JOIN)

proctype producer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS ->
	   wait(ROOM);
	   done = false;
	   publish()
	:: else -> break
	od
}

proctype consumer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS ->
	   wait(seq + 1);
	   done = false;
	   publish()
	:: else -> break
	od
}

#ifdef AFTER_IT
#define PRESENT		d_step { waits_on[P] = BIT(1) | BIT(2); waits_on[1] = BIT(2) }
#define ABSENT		d_step { waits_on[P] = BIT(1); waits_on[1] = 0 }
#else
#define PRESENT		waits_on[P] = BIT(1) | BIT(2)
#define ABSENT		waits_on[P] = BIT(1)
#endif

inline store_start()
{
	d_step { read_barrier(me); seq = barrier };
	buffer[me]!COUNTER(me),seq
}

/* take_seat(): disruptor_join_begin(), the barrier, disruptor_join_finish() */
inline join()
{
	begin_change();
	store_start();
	lock();
	PRESENT;
	unlock();
	drained(0);
	drained(1);
	drained(me);
	store_start();
	end_change()
}

/* free_seat(): disruptor_leave() */
inline leave()
{
	begin_change();
	lock();
	ABSENT;
	unlock();
	end_change()
}

/* It may die between any two steps that others can tell apart. */
proctype joiner(byte me)
{
	VARIABLES;

	join();
	do
	:: !gone ->
	   wait(seq + 1);
	   done = false;
	   if
	   :: !gone ->
	      seq++;
	      buffer[me]!COUNTER(me),seq;
	      if
	      :: true -> look_for_sleepers()
	      :: gone = true
	      fi
	   :: else
	   fi
	:: true -> break
	od;
	leave()
}

init { atomic {
	setup();
	run producer(P);
	ABSENT;
	run consumer(1);
	run joiner(2)
} }

#elif defined(DEATH)

/* free_seat(), and take_seat() of the next holder, who goes on at the counter */
inline succeed()
{
	begin_change();
	if
	:: me == P -> ended = true
	:: else
	fi;
	end_change();
	d_step { died[me] = true; gone = false };
	begin_change();
	if
	:: me == P -> ended = false
	:: else
	fi;
	end_change();
	seq = mem[COUNTER(me)]
}

/* One step from the barrier to the next; it may die after it. */
inline publish_or_die()
{
	seq++;
	buffer[me]!COUNTER(me),seq;
	if
	:: true -> look_for_sleepers()
	:: !died[me] -> gone = true
	fi
}

proctype producer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS ->
	   wait(ROOM);
	   done = false;
	   if
	   :: !gone -> publish_or_die()
	   :: else
	   fi;
	   if
	   :: gone -> succeed()
	   :: else
	   fi
	:: else -> break
	od
}

proctype consumer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS ->
	   wait(seq + 1);
	   if
	   :: done -> done = false; publish_or_die()
	   :: else
	   fi;
	   if
	   :: gone -> succeed()
	   :: over -> break
	   :: else
	   fi
	:: else -> break
	od
}

init { atomic {
	setup();
	run producer(P);
	run consumer(1)
} }

#elif defined(END)

proctype producer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS -> publish()
	:: else -> break
	od;
	begin_change();
	ended = true;
	end_change()
}

/* It handles all that is there, and goes at the end. */
proctype consumer(byte me)
{
	VARIABLES;

	do
	:: if
	   :: wanted_events = 1
	   :: wanted_events = 2
	   fi;
	   wait(seq + wanted_events);
	   done = false;
	   d_step { read_barrier(me); seq = barrier };
	   buffer[me]!COUNTER(me),seq;
	   look_for_sleepers();
	   if
	   :: over -> break
	   :: else
	   fi
	od
}

init { atomic {
	setup();
	waits_on[2] = BIT(1);
	run producer(P);
	run consumer(1);
	run consumer(2)
} }

#elif defined(POLL)

proctype producer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS -> publish()
	:: else -> break
	od
}

inline wake_pollers()
{
	woken[0] = true;
	woken[1] = true
}

/* disruptor_poll_arm() */
inline poll_arm()
{
	d_step { read_barrier(WAITER); reached = barrier };
	lock();
	d_step {
#ifndef FORGET_POLL
		if
		:: armed[WAITER] && reached >= target[WAITER] -> wake_pollers()
		:: else
		fi;
#endif
		target[WAITER] = reached + 1
	};
	unlock();
	arm();
	d_step { read_barrier(WAITER); reached = barrier };
	lock();
	d_step { done = armed[WAITER] && reached >= target[WAITER]; reached = 0 };
	if
	:: done ->
	   armed[WAITER] = false;
	   tell_publishers();
	   wake_pollers()
	:: else
	fi;
	done = false;
	unlock()
}

#define EPOLLIN		(barrier > mem[COUNTER(WAITER)])

/* Level-triggered: has nothing to tell but that there are events, and sleeps else. */
proctype level(byte me)
{
	VARIABLES;

	do
	:: woken[0] = false;
	   d_step { read_barrier(WAITER); seen = barrier; done = EPOLLIN };
	   if
	   :: !done ->
	      poll_arm();
	      d_step { read_barrier(WAITER); seen = barrier; done = EPOLLIN }
	   :: else
	   fi;
	   if
	   :: done ->			/* consumes them */
	      done = false;
	      buffer[me]!COUNTER(WAITER),seen;
	      drained(me)
	   :: else ->
	      polls[0] = true;
end_level:    woken[0];
	      polls[0] = false
	   fi
	od
}

/* Edge-triggered: hears of every barrier that is above what it has seen. */
proctype edge(byte me)
{
	VARIABLES;

	do
	:: woken[1] = false;
	   poll_arm();
	   d_step { read_barrier(WAITER); edge_seen = barrier };
	   polls[1] = true;
end_edge:  woken[1];
	   polls[1] = false
	od
}

init { atomic {
	setup();
	run producer(P);
	run level(1);
	run edge(2)
} }

#else	/* producer and consumer */

proctype producer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS ->
	   wait(ROOM);
	   done = false;
	   publish()
	:: else -> break
	od
}

proctype consumer(byte me)
{
	VARIABLES;

	do
	:: seq < EVENTS ->
	   wait(seq + 1);
	   done = false;
	   publish()
	:: else -> break
	od
}

init { atomic {
	setup();
	run producer(P);
	run consumer(1)
} }

#endif
