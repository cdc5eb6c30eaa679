/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group of workers, and the death of one: kmod/groups.c, kmod/claims.c and
 * userlib/src/worker.c.
 *
 * The workers claim one event at a time, of those that there is room for, until all
 * EVENTS are done; the one that is mortal may die before any of its steps, and then
 * the kernel finds out what it has left, for the others to adopt.  Every store is a
 * step of its own.  Laps go through a store buffer, of which their owner sees what is
 * in it before others do; exchanges, and M, wait until it is empty.
 *
 * TWICE: somebody else has gone, and all is looked at once more.
 *
 * Checked:
 *   two	an event goes to two workers that live
 *   again	an event that is done goes to a worker
 *   undone	the counter moves over an event that is not done
 *   stuck	all are still, and the counter is not at the end (invalid end state)
 *
 * Weakened:
 *   NO_FENCE		M is no barrier
 *   NO_SECOND_LOOK	who has moved the counter does not look at the laps again
 *   NO_MOVE		the kernel does not move the counter for the dead one
 *   NO_HAND_ON		nobody adopts what is left
 *   NO_RETRY		what is not known is not looked at again
 *   NO_RECHECK		what is claimed is not read again before an event is an orphan
 *   NO_INTENT		the kernel does not store the intent of who adopts
 *   CHECK_LIVING	an orphan that an intent has come to cover is none any more
 *   IGNORE_LIVING	the intents of living workers are not looked at
 *   INTENT_LATE	the intent is stored after the exchange
 *   CLEAR_EARLY	the intent is cleared before the lap is stored
 */
#ifndef LIVING
#define LIVING	1		/* workers beside the one that is mortal */
#endif
#ifndef EVENTS
#define EVENTS	4
#endif
#ifndef SLOTS
#define SLOTS	2
#endif
#define WORKERS	(LIVING + 1)
#define MORTAL	LIVING
#define NOBODY	255
#define NONE	0		/* of an intent's hi */

byte counter;			/* what the group is done with */
byte claimed;
byte lap[SLOTS];		/* of the event last done there, from 1 */
byte buffered[WORKERS];		/* the event whose lap is in the buffer, plus 1 */
byte lo[WORKERS], hi[WORKERS];	/* intents */
bool orphan[EVENTS];		/* it has a lap that is aborted */
bool told;			/* that there are some */
bool locked;			/* the kernel's lock */
bool died;

byte owner[EVENTS];		/* of a claim that is not done */
bool done[EVENTS];

bool two, again, undone;

#define MUST(what, condition)	what = !(condition); assert(!what)
#define LAP(seq)		((seq) / SLOTS + 1)
#define HAS_LAP(seq)		(lap[(seq) % SLOTS] == LAP(seq))
#define SEES_LAP(i, seq)	(HAS_LAP(seq) || buffered[i] == (seq) + 1)
#define DRAINED(i)		(buffered[i] == 0)
#define IS_THERE(seq)		((seq) < EVENTS && (seq) < counter + SLOTS)
#define MAY_GO(seq)		(owner[seq] == NOBODY || (owner[seq] == MORTAL && died))

/* It may be killed here. */
inline mortal(i)
{
	if
	:: i == MORTAL -> atomic { died = true; goto dead }
	:: true
	fi
}

inline take(i, seq)
{
	MUST(two, MAY_GO(seq));
	MUST(again, !done[seq]);
	owner[seq] = i
}

/* claim_next() of one event; @next is left at what was claimed, @got is false: none. */
inline claim(i)
{
	got = false;
	do
	:: atomic { IS_THERE(claimed) -> next = claimed };
#ifndef INTENT_LATE
	   lo[i] = next;
	   mortal(i);
	   hi[i] = next + 1;
	   mortal(i);
#endif
	   atomic {
		if
		:: claimed == next -> claimed++; take(i, next); got = true; break
		:: else
		fi
	   }
	:: atomic { !IS_THERE(claimed) -> hi[i] = NONE; break }
	od;
	mortal(i);
#ifdef INTENT_LATE
	if
	:: got -> lo[i] = next; hi[i] = next + 1; mortal(i)
	:: else
	fi
#endif
}

/* move_on(), of a worker, and of the kernel after M. */
inline move_on(i)
{
	from = counter;
	do
	:: to = from;
	   do
	   :: to < EVENTS && to < from + SLOTS && SEES_LAP(i, to) -> to++
	   :: else -> break
	   od;
	   if
	   :: to == from -> break
	   :: else
	   fi;
	   DRAINED(i);
	   atomic {
		if
		:: counter == from -> moved_over(); counter = to; from = to
		:: else -> break
		fi
	   }
#ifdef NO_SECOND_LOOK
	   ; break
#endif
	od
}

inline moved_over()
{
	n = from;
	do
	:: n < to -> MUST(undone, done[n]); n++
	:: else -> n = 0; break
	od
}

/* disruptor_worker_done() */
inline finish(i)
{
#ifdef CLEAR_EARLY
	hi[i] = NONE;
	mortal(i);
#endif
	atomic { DRAINED(i) -> buffered[i] = next + 1 };
	mortal(i);
#ifndef NO_FENCE
	DRAINED(i);
#endif
	mortal(i);
	move_on(i);
	mortal(i);
#ifndef CLEAR_EARLY
	atomic { DRAINED(i) -> hi[i] = NONE };
	mortal(i)
#endif
}

inline read_living()
{
	n = 0;
	do
	:: n < WORKERS ->
		if
		:: n == MORTAL && died -> live_hi[n] = NONE
		:: else -> live_hi[n] = hi[n]; live_lo[n] = lo[n]
		fi;
		n++
	:: else -> n = 0; break
	od
}

inline look_at(seq)
{
	/* is_settled() */
	settled = HAS_LAP(seq) || orphan[seq];
#ifndef NO_RECHECK
	settled = settled || claimed - seq > SLOTS;
#endif
	d_step {
		covered = false;
#ifndef IGNORE_LIVING
		n = 0;
		do
		:: n < WORKERS ->
			covered = covered ||
				  (live_lo[n] <= seq && seq < live_hi[n]);
			n++
		:: else -> n = 0; break
		od
#endif
	}
}

/* disruptor_adopt(): what the kernel does is under its lock. */
inline adopt(i)
{
	atomic { !locked -> locked = true };
	atomic {
		got = false;
		next = 0;
		do
		:: next < EVENTS && !orphan[next] -> next++
		:: next < EVENTS && orphan[next] -> got = true; break
		:: next == EVENTS -> told = false; next = 0; break
		od
	};
	if
	:: got ->
#ifdef CHECK_LIVING
		read_living();
		look_at(next);
		if
		:: covered -> orphan[next] = false; got = false; goto out
		:: else
		fi;
#endif
#ifndef NO_INTENT
		lo[i] = next;
		hi[i] = next + 1;
#endif
		atomic { orphan[next] = false; take(i, next) }
	:: else
	fi;
out:	locked = false;
	mortal(i)
}

proctype worker(byte i)
{
	byte next, from, to, n;
	bool got;
#ifdef CHECK_LIVING
	byte live_lo[WORKERS], live_hi[WORKERS];
	bool settled, covered;
#endif

	do
	:: IS_THERE(claimed) ->
		claim(i);
		if
		:: got -> finish(i)
		:: else
		fi
#ifndef NO_HAND_ON
	:: told ->
		adopt(i);
		if
		:: got -> finish(i)
		:: else
		fi
#endif
	:: counter == EVENTS -> break
	od;
dead:	skip
}

inline drain(i)
{
	n = buffered[i] - 1;
	lap[n % SLOTS] = LAP(n);
	orphan[n] = false;
	done[n] = true;
	owner[n] = NOBODY;
	buffered[i] = 0
}

/* Stores that are in a buffer are seen by others sooner or later. */
proctype buffers()
{
	byte n;

end:	do
	:: atomic { buffered[0] ->
		drain(0) }
	:: atomic { buffered[1] ->
		drain(1) }
#if LIVING > 1
	:: atomic { buffered[2] ->
		drain(2) }
#endif
	od
}

/* disruptor_group_recover(), till all is known. */
proctype recovery()
{
	byte live_lo[WORKERS], live_hi[WORKERS];
	byte until, seq, n, from, to;
	byte left_lo, left_hi;
	bool covered, settled, unknown;
#ifdef TWICE
	bool twice;
#endif

	/* Its processor has nothing of it any more. */
end:	atomic { died && DRAINED(MORTAL) -> locked = true };
	left_lo = lo[MORTAL];
	left_hi = (hi[MORTAL] < claimed -> hi[MORTAL] : claimed);
look:
#ifndef NO_MOVE
	move_on(MORTAL);
#endif
	unknown = false;
	seq = counter;
	until = claimed;
	read_living();
	do
	:: seq < until ->
		look_at(seq);
		if
		:: settled
		:: !settled && covered ->
			unknown = unknown || (left_lo <= seq && seq < left_hi)
		:: !settled && !covered -> orphan[seq] = true; told = true
		fi;
		seq++
	:: else -> break
	od;
	locked = false;
#ifdef TWICE
	if
	:: !twice -> atomic { !locked -> locked = true; twice = true }; goto look
	:: true
	fi;
#endif
#ifndef NO_RETRY
	if
	:: unknown -> atomic { !locked -> locked = true }; goto look
	:: else
	fi
#endif
}

init {
	atomic {
		byte n = 0;
		do
		:: n < EVENTS -> owner[n] = NOBODY; n++
		:: else -> break
		od;
		n = 0;
		do
		:: n < WORKERS -> run worker(n); n++
		:: else -> break
		od;
		run buffers();
		run recovery()
	}
}
