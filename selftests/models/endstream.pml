/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of the stream: disruptor_set_producers() of kmod/membership.c on one
 * side, __disruptor_consumer_look() of the library on the other.
 *
 * A producer publishes and leaves, a second one comes, publishes and leaves; a
 * consumer straight after them, and one after that.  The kernel says ENDED when
 * no producer is left.  A consumer that has found nothing and then sees ENDED looks
 * once more, and it is the end only if it has handled all up to the cursor.
 *
 * Memory is x86's (TSO), as in join.pml: @published is what the producer has
 * stored, the cursor what others see of it.  ENDED leaves a store buffer behind
 * the last publish: by the order of the buffer, or because the process that died
 * left its CPU.  Elsewhere that takes the release in disruptor_set_producers().
 *
 * Checked:
 *   cut_short    a consumer saw the end before the last event that was published
 *                when ENDED was said
 *   out_of_order a consumer handled what was not published, or what its upstream
 *                has not handled
 *
 * Weakened:
 *   NO_LOOK_AGAIN	after ENDED the consumer does not look again
 *   NO_CURSOR	after ENDED it looks again at what it waits on, but takes nothing
 *		new for the end, however far the cursor is
 *   ENDED_FIRST	ENDED is seen before the last publish
 */
#define EACH	2			/* events of a producer */

byte cursor, published;
byte useq, unext;			/* the first consumer's counter */
byte dnext;				/* the second one has nobody behind it */
bool ended;
byte published_at_end;			/* when ENDED was said */

bool cut_short, out_of_order;

#define MUST(what, condition)	what = !(condition); assert(!what)

active proctype memory()
{
end:	do
	:: atomic { cursor < published -> cursor++ }
	:: atomic { useq < unext -> useq++ }
	od
}

inline publish_all()
{
	n = 0;
	do
	:: atomic { n < EACH -> published++; n++ }
	:: n == EACH -> break
	od
}

/* Under ring->lock, which the next one takes after it. */
inline say_ended()
{
#ifdef ENDED_FIRST
	atomic { ended = true; published_at_end = published };
	cursor == published
#else
	atomic { cursor == published -> ended = true; published_at_end = published }
#endif
}

active proctype producers()
{
	byte n;

	publish_all();
	say_ended();
	if
	:: ended = false;	/* a second one arrives */
	   publish_all();
	   say_ended()
	:: skip
	fi
}

/*
 * @barrier: what the consumer waits on; @next: what it has handled.  A consumer
 * that has seen the end goes, whoever comes later.
 */
inline consume(barrier, next)
{
	do
	:: atomic {
		next < available ->
		MUST(out_of_order, next < published);
		next++
	   }
	:: next >= available ->
	   available = barrier;		/* a look */
#ifdef NO_LOOK_AGAIN
	   seen = cursor;
#endif
	   if
	   :: next < available
	   :: atomic { next >= available && ended -> must = published_at_end };
#ifndef NO_LOOK_AGAIN
	      available = barrier;	/* another */
#ifndef NO_CURSOR
	      seen = cursor;
#else
	      seen = next;
#endif
#endif
	      if
	      :: next >= available && seen == next ->
		 MUST(cut_short, next >= must);
		 break
	      :: else
	      fi
	   :: next >= available && !ended
	   fi
	od
}

active proctype first()
{
	byte available, seen, must;

	consume(cursor, unext)
}

active proctype second()
{
	byte available, seen, must;

	consume(useq, dnext)
}
