//! Mutexes: normal, error-checking, recursive, timed.
//!
//! The lock word is 0 (free), 1 (held) or 2 (held, and somebody sleeps), so neither locking nor
//! unlocking without contention leaves the guest. Owner and depth are kept for the kinds that need
//! them.

#include "wait.h"

#define STATE(m) (&(m)->__u.__vi[1])
#define OWNER(m) ((m)->__u.__vi[2])
#define DEPTH(m) ((m)->__u.__i[5])
#define KIND(m) ((m)->__u.__i[0])

int pthread_mutex_init(pthread_mutex_t *restrict m, const pthread_mutexattr_t *restrict attr)
{
	*m = (pthread_mutex_t){ 0 };
	if (attr)
		KIND(m) = attr->__attr & 3;
	return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *m)
{
	return load(STATE(m)) ? EBUSY : 0;
}

/// What a thread that already holds the mutex gets; -1 if it has to try the lock.
static int relock(pthread_mutex_t *m)
{
	if (KIND(m) == PTHREAD_MUTEX_NORMAL || OWNER(m) != self_tid())
		return -1;
	if (KIND(m) == PTHREAD_MUTEX_ERRORCHECK)
		return EDEADLK;
	if (DEPTH(m) == INT_MAX)
		return EAGAIN;
	DEPTH(m)++;
	return 0;
}

static void own(pthread_mutex_t *m)
{
	if (KIND(m) != PTHREAD_MUTEX_NORMAL)
		OWNER(m) = self_tid();
}

int __pthread_mutex_trylock(pthread_mutex_t *m)
{
	int known = relock(m);
	if (known >= 0)
		return known == EDEADLK ? EBUSY : known;
	if (cas(STATE(m), 0, 1))
		return EBUSY;
	own(m);
	return 0;
}

int __pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict deadline)
{
	int known = relock(m);
	if (known >= 0)
		return known;
	if (cas(STATE(m), 0, 1)) {
		while (swap(STATE(m), 2)) {
			int64_t left = until(CLOCK_REALTIME, deadline);
			if (left == -EINVAL)
				return EINVAL;
			if (left == 0)
				return ETIMEDOUT;
			futex_wait(STATE(m), 2, left);
		}
	}
	own(m);
	return 0;
}

int __pthread_mutex_lock(pthread_mutex_t *m)
{
	if (KIND(m) == PTHREAD_MUTEX_NORMAL && !cas(STATE(m), 0, 1))
		return 0;
	return __pthread_mutex_timedlock(m, 0);
}

int __pthread_mutex_unlock(pthread_mutex_t *m)
{
	if (KIND(m) != PTHREAD_MUTEX_NORMAL) {
		if (OWNER(m) != self_tid())
			return EPERM;
		if (DEPTH(m)) {
			DEPTH(m)--;
			return 0;
		}
		OWNER(m) = 0;
	}
	if (swap(STATE(m), 0) == 2)
		futex_wake(STATE(m), 1);
	return 0;
}

// No priorities, and no process whose death a robust mutex could survive.
int pthread_mutex_consistent(pthread_mutex_t *m)
{
	return EINVAL;
}

int pthread_mutex_getprioceiling(const pthread_mutex_t *restrict m, int *restrict ceiling)
{
	return EINVAL;
}

int pthread_mutex_setprioceiling(pthread_mutex_t *restrict m, int ceiling, int *restrict old)
{
	return EINVAL;
}

weak_alias(__pthread_mutex_trylock, pthread_mutex_trylock);
weak_alias(__pthread_mutex_timedlock, pthread_mutex_timedlock);
weak_alias(__pthread_mutex_lock, pthread_mutex_lock);
weak_alias(__pthread_mutex_unlock, pthread_mutex_unlock);
