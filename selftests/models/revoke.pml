/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking a role's pages back: region_fault(), disruptor_mmap() and
 * disruptor_map_revoke() of kmod/map.c.
 *
 * Threads of the process that holds the role map its page and touch it; it is
 * evicted; the next holder comes, maps the page and writes.  A fault looks at
 * @revoked and inserts the page under the handle's map_lock; revoking sets
 * @revoked under it and then unmaps whatever the handle's maps hold.  A map that
 * is still in the making when pages are unmapped is not found (@linked), but it has
 * no page yet, either.
 *
 * Checked:
 *   survived     a page of the old holder is writable when the next one has come
 *
 * Weakened:
 *   CHECK_OUTSIDE	the fault looks at @revoked before it takes the lock
 *   UNMAP_FIRST	pages are unmapped before @revoked is set
 */
#define THREADS	2

bool locked;				/* handle->map_lock */
bool revoked;
bool linked[THREADS];			/* thread i's map can be found */
bool writable[THREADS];			/* and has the page */
bool free;				/* of the seat: EVICT is done */

bool survived;

#define MUST(what, condition)	what = !(condition); assert(!what)

inline lock()
{
	atomic { !locked -> locked = true }
}

inline unlock()
{
	locked = false
}

/* disruptor_mmap(), and what mmap(2) does after it. */
inline map(i)
{
	lock();
	stale = revoked;
	unlock();
	if
	:: stale -> goto done		/* ESTALE */
	:: else -> linked[i] = true
	fi
}

/* region_fault() */
inline touch(i)
{
#ifdef CHECK_OUTSIDE
	stale = revoked;
	lock();
#else
	lock();
	stale = revoked;
#endif
	if
	:: stale
	:: else ->
	   writable[i] = true
	fi;
	unlock()
}

/* Each has a map of its own; after a fault it writes, and may lose the page. */
active [THREADS] proctype thread()
{
	bool stale;
	byte touches;

	map(_pid);
	do
	:: touches < 2 && !writable[_pid] ->
	   touches++;
	   touch(_pid);
	   if
	   :: stale -> break		/* SIGBUS */
	   :: else
	   fi
	:: touches == 2 || writable[_pid] -> break
	od;
done:	skip
}

/* Page by page, map by map. */
inline unmap()
{
	i = 0;
	do
	:: atomic { i < THREADS && linked[i] -> writable[i] = false; i++ }
	:: atomic { i < THREADS && !linked[i] -> i++ }
	:: i == THREADS -> break
	od
}

inline set_revoked()
{
	lock();
	revoked = true;
	unlock()
}

active proctype evict()
{
	byte i;

#ifdef UNMAP_FIRST
	unmap();
	set_revoked();
#else
	set_revoked();
	unmap();
#endif
	free = true
}

active proctype next_holder()
{
	free;
	do
	:: atomic {
		MUST(survived, !writable[0] && !writable[1]);
		if
		:: break
		:: skip
		fi
	   }
	od
}
