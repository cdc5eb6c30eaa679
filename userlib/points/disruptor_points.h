/* SPDX-License-Identifier: MIT */
/*
 * Named points of the protocol, at which a test can stop or kill a process.
 * Included by <disruptor.h> where DISRUPTOR_POINTS is defined, as it is for
 * libdisruptor-points.a; never installed.
 */
#ifndef DISRUPTOR_POINTS_H
#define DISRUPTOR_POINTS_H

/* The name, and what has been done when it is reached. */
#define DISRUPTOR_ALL_POINTS(P)						\
	/* every publisher */						\
	P(COUNTER_STORED)	/* its counter; not yet looked for sleepers */ \
	P(WAKE)			/* somebody may sleep; not yet fenced */ \
	P(WAKE_CALL)		/* somebody does; WAKE not yet called */ \
	P(WAKE_CALLED)							\
	P(SLEEP)		/* not yet called WAIT */		\
	P(WOKEN)		/* WAIT has returned */			\
	/* the only producer */						\
	P(CLAIM)		/* nothing */				\
	P(CLAIMED)		/* there is room; nothing written */	\
	P(PUBLISH)		/* written, not published */		\
	P(CLAIM_WAIT)		/* there is no room, of several producers, too */ \
	/* one of several producers */					\
	P(MULTI_CLAIM)		/* nothing, or an exchange has failed */ \
	P(MULTI_INTENT_LO)	/* half of the intent stored */		\
	P(MULTI_INTENT)		/* the intent stored, nothing claimed */ \
	P(MULTI_CLAIMED)	/* claimed, nothing written */		\
	P(MULTI_PUBLISH)	/* written, no lap stored */		\
	P(MULTI_LAP)		/* one more lap stored */		\
	P(MULTI_LAPS)		/* all laps stored, the intent not cleared */ \
	P(MULTI_CLEARED)	/* not yet looked for sleepers */	\
	P(MULTI_NO_ROOM)	/* found; the intent may be there */	\
	P(MULTI_TAKEN_BACK)	/* the intent is not */			\
	/* consumers */							\
	P(LOOK)			/* nothing */				\
	P(LOOKED)		/* events found */			\
	P(SKIP)			/* events found, some of them aborted */ \
	P(RELEASE)		/* handled, not released */		\
	P(CONSUMER_WAIT)	/* no events found */			\
	/* workers */							\
	P(WORKER_CLAIM)		/* nothing, or an exchange has failed */ \
	P(WORKER_NOTHING)	/* found; the intent may be there */	\
	P(WORKER_TAKEN_BACK)	/* the intent is not */			\
	P(WORKER_INTENT_LO)	/* half of the intent stored */		\
	P(WORKER_INTENT)	/* the intent stored, nothing claimed */ \
	P(WORKER_CLAIMED)	/* claimed, nothing handled */		\
	P(WORKER_ADOPT)		/* there are orphans; ADOPT not yet called */ \
	P(WORKER_ADOPTED)	/* the claim is there */		\
	P(WORKER_SKIP)		/* nothing in the claim but what was aborted */ \
	P(WORKER_DONE)		/* handled, no lap stored */		\
	P(WORKER_LAP)		/* one more lap stored */		\
	P(WORKER_LAPS)		/* all laps stored, no counter moved */	\
	P(WORKER_MOVE)		/* there is something to move it over */ \
	P(WORKER_MOVED)		/* the counter moved, the intent not cleared */ \
	P(WORKER_CLEARED)	/* not yet looked for sleepers */	\
	P(WORKER_WAIT)		/* nothing to take */			\
	/* coming and going */						\
	P(ATTACH)		/* not yet called */			\
	P(ATTACHED)		/* nothing mapped */			\
	P(MAPPED)		/* all is */				\
	P(DETACH)		/* not yet called */			\
	P(DETACHED)		/* not yet unmapped */			\
	P(UNMAPPED)		/* not yet closed */

enum disruptor_point {
#define __DISRUPTOR_POINT_ENUM(name)	DISRUPTOR_POINT_##name,
	DISRUPTOR_ALL_POINTS(__DISRUPTOR_POINT_ENUM)
#undef __DISRUPTOR_POINT_ENUM
	DISRUPTOR_NR_POINTS
};

/* The test's. */
#ifdef __cplusplus
extern "C"
#else
extern
#endif
__attribute__((visibility("default")))
void disruptor_point(enum disruptor_point point);

#define __DISRUPTOR_POINT(name)	disruptor_point(DISRUPTOR_POINT_##name)

#endif /* DISRUPTOR_POINTS_H */
