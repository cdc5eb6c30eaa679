/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several producers, and the death of one: kmod/claims.c and disruptor_multi_*() of
 * the library's header.
 *
 * Each producer claims one event at a time, EVENTS times; the one that is mortal may
 * die before any of its steps, and then the kernel settles what it had claimed
 * while the others and the consumer go on.  Every store is a step of its own, for
 * anybody to see or not.  A store buffer would make the stores of a producer seen
 * later, and in order: that is the same as a producer that is slower, for it reads
 * nothing of the others' but the cursor, and that before an exchange which
 * drains the buffer.
 *
 * Checked:
 *   stolen	a slot is aborted that a living producer has claimed
 *   lost	a slot is aborted that is published, or has been claimed anew
 *   unread	the consumer reads an event that nobody published
 *   stuck	the consumer stands before a gap for ever (invalid end state)
 *
 * Weakened:
 *   IGNORE_LIVING	the intents of living producers are not looked at
 *   INTENT_LATE	the intent is stored after the exchange
 *   CLEAR_EARLY	the intent is cleared before the lap is stored
 *   INTENTS_FIRST	intents are read before the cursor
 *   LAPS_FIRST		laps are read before the intents
 *   NO_RECHECK		the cursor is not read again before a slot is aborted
 *   NO_RETRY		what is not settled is not looked at again
 *   NO_RECOVERY	nobody settles anything
 */
#ifndef LIVING
#define LIVING	1		/* producers beside the one that is mortal */
#endif
#ifndef EVENTS
#define EVENTS	2		/* that each of them publishes */
#endif
#define SLOTS	2
#define MORTAL	LIVING
#define NOBODY	255
#define NONE	0		/* of an intent's hi */

byte cursor;			/* what is claimed */
byte lap[SLOTS];		/* of the event last published there, from 1 */
bool aborted[SLOTS];
byte lo[LIVING + 1], hi[LIVING + 1];	/* intents */
byte owner[(LIVING + 1) * EVENTS + 1];	/* of a claim not yet published */
byte consumed;
bool died, settled;
byte left = LIVING + 1;		/* producers that are not done */

bool stolen, lost, unread;

#define MUST(what, condition)	what = !(condition); assert(!what)
#define LAP(seq)		((seq) / SLOTS + 1)
#define IS_PUBLISHED(seq)	(lap[(seq) % SLOTS] == LAP(seq))

/* disruptor_multi_try_claim() of one event; @next is left at what was claimed. */
inline claim(i)
{
	do
	:: atomic { cursor < consumed + SLOTS -> next = cursor };
#ifndef INTENT_LATE
	   lo[i] = next;
	   hi[i] = next + 1;
#endif
	   mortal(i);
	   atomic {
		if
		:: cursor == next ->
			cursor++;
			owner[next] = i;
			break
		:: else
		fi
	   }
	od;
	mortal(i);
#ifdef INTENT_LATE
	lo[i] = next;
	hi[i] = next + 1;
	mortal(i);
#endif
}

/* disruptor_multi_publish() */
inline publish(i)
{
#ifdef CLEAR_EARLY
	hi[i] = NONE;
	mortal(i);
#endif
	atomic {
		lap[next % SLOTS] = LAP(next);
		aborted[next % SLOTS] = false;
		owner[next] = NOBODY
	};
	mortal(i);
#ifndef CLEAR_EARLY
	hi[i] = NONE;
	mortal(i);
#endif
}

/* It may be killed here. */
inline mortal(i)
{
	if
	:: i == MORTAL -> atomic { died = true; goto dead }
	:: true
	fi
}

proctype producer(byte i)
{
	byte next, n;

	do
	:: n < EVENTS ->
		claim(i);
		publish(i);
		n++
	:: else -> break
	od;
dead:
	left--
}

/* Straight after the producers: up to the first gap, aborted ones skipped. */
proctype consumer()
{
	do
	:: atomic { consumed < cursor && IS_PUBLISHED(consumed) ->
		MUST(unread, aborted[consumed % SLOTS] ||
			     owner[consumed] == NOBODY);
		consumed++ }
	:: atomic { left == 0 && consumed == cursor -> break }
	od
}

inline read_intents()
{
	/* Of the living; of the dead, the kernel keeps a copy. */
	n = 0;
	do
	:: n < LIVING ->
		live_hi[n] = hi[n];
		live_lo[n] = lo[n];
		n++
	:: else -> break
	od
}

inline may_be_owned(seq)
{
	covered = false;
	n = 0;
	do
	:: n < LIVING ->
		if
		:: live_lo[n] <= seq && seq < live_hi[n] -> covered = true
		:: else
		fi;
		n++
	:: else -> break
	od
#ifdef IGNORE_LIVING
	; covered = false
#endif
}

/* The slot is the dead one's, or nobody's: so says recovery. */
inline abort_slot(seq)
{
	atomic {
		MUST(stolen, owner[seq] == NOBODY || owner[seq] == MORTAL);
		MUST(lost, lap[seq % SLOTS] < LAP(seq));
		lap[seq % SLOTS] = LAP(seq);
		aborted[seq % SLOTS] = true;
		owner[seq] = NOBODY
	}
}

/* disruptor_recover(), till all is settled. */
proctype recovery()
{
	byte live_lo[LIVING], live_hi[LIVING];
	byte until, seq, n;
	bool covered, published, again;

end:	died;
look:
#ifdef NO_RECOVERY
	goto out;
#endif
	again = false;
#ifdef INTENTS_FIRST
	read_intents();
#endif
	until = cursor;
	seq = (until > SLOTS -> until - SLOTS : 0);
#ifdef LAPS_FIRST
	bool before[SLOTS];

	before[0] = IS_PUBLISHED(seq);
	before[1] = IS_PUBLISHED(seq + 1);
	byte first = seq;
#endif
#ifndef INTENTS_FIRST
	read_intents();
#endif
	do
	:: seq < until ->
#ifdef LAPS_FIRST
		published = before[seq - first];
#else
		published = IS_PUBLISHED(seq);
#endif
#ifndef NO_RECHECK
		published = published || cursor - seq > SLOTS;
#endif
		may_be_owned(seq);
		if
		:: published
		:: !published && covered ->
			/* keep_waiting(): only for what the dead may own */
			again = again || (lo[MORTAL] <= seq && seq < hi[MORTAL])
		:: !published && !covered -> abort_slot(seq)
		fi;
		seq++
	:: else -> break
	od;
#ifndef NO_RETRY
	if
	:: again -> goto look
	:: else
	fi;
#endif
out:
	settled = true
}

init {
	atomic {
		byte n = 0;
		do
		:: n < (LIVING + 1) * EVENTS + 1 -> owner[n] = NOBODY; n++
		:: else -> break
		od;
		n = 0;
		do
		:: n < LIVING + 1 -> run producer(n); n++
		:: else -> break
		od;
		run consumer();
		run recovery()
	}
}
