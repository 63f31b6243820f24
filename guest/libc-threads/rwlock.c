//! Read-write locks. One word counts the readers or says that a writer holds the lock; a second
//! counts the sleepers, so that an uncontended unlock stays in the guest.

#include "wait.h"

#define WRITER INT_MAX

#define STATE(l) (&(l)->__u.__vi[0])
#define SLEEPERS(l) (&(l)->__u.__vi[1])

int pthread_rwlock_init(pthread_rwlock_t *restrict l, const pthread_rwlockattr_t *restrict attr)
{
	*l = (pthread_rwlock_t){ 0 };
	return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *l)
{
	return load(STATE(l)) ? EBUSY : 0;
}

int __pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	for (int held = load(STATE(l)), seen;; held = seen) {
		if (held == WRITER)
			return EBUSY;
		if (held == WRITER - 1)
			return EAGAIN;
		if ((seen = cas(STATE(l), held, held + 1)) == held)
			return 0;
	}
}

int __pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	return cas(STATE(l), 0, WRITER) ? EBUSY : 0;
}

static int acquire(pthread_rwlock_t *l, int (*try)(pthread_rwlock_t *),
	const struct timespec *deadline)
{
	int error;
	while ((error = try(l)) == EBUSY) {
		int64_t left = until(CLOCK_REALTIME, deadline);
		if (left == -EINVAL)
			return EINVAL;
		if (left == 0)
			return ETIMEDOUT;
		add(SLEEPERS(l), 1);
		int held = load(STATE(l));
		// A reader waits for a writer only; a writer waits for anybody.
		if (held == WRITER || (held && try == __pthread_rwlock_trywrlock))
			futex_wait(STATE(l), held, left);
		add(SLEEPERS(l), -1);
	}
	return error;
}

int __pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict l,
	const struct timespec *restrict deadline)
{
	return acquire(l, __pthread_rwlock_tryrdlock, deadline);
}

int __pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict l,
	const struct timespec *restrict deadline)
{
	return acquire(l, __pthread_rwlock_trywrlock, deadline);
}

int __pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	return acquire(l, __pthread_rwlock_tryrdlock, 0);
}

int __pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	return acquire(l, __pthread_rwlock_trywrlock, 0);
}

int __pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	int left = 0;
	if (load(STATE(l)) == WRITER)
		store(STATE(l), 0);
	else
		left = add(STATE(l), -1) - 1;
	// While readers remain nobody could go on: readers do not wait for readers.
	if (!left && load(SLEEPERS(l)))
		futex_wake(STATE(l), EVERYONE);
	return 0;
}

weak_alias(__pthread_rwlock_rdlock, pthread_rwlock_rdlock);
weak_alias(__pthread_rwlock_wrlock, pthread_rwlock_wrlock);
weak_alias(__pthread_rwlock_tryrdlock, pthread_rwlock_tryrdlock);
weak_alias(__pthread_rwlock_trywrlock, pthread_rwlock_trywrlock);
weak_alias(__pthread_rwlock_timedrdlock, pthread_rwlock_timedrdlock);
weak_alias(__pthread_rwlock_timedwrlock, pthread_rwlock_timedwrlock);
weak_alias(__pthread_rwlock_unlock, pthread_rwlock_unlock);
