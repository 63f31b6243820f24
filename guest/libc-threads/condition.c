//! Condition variables: a queue of sleepers, each with a word of its own on its stack.
//!
//! Because a signal names the sleeper it wakes, it cannot be caught by a thread that came later,
//! and a sleeper whose time runs out can tell whether a signal was already meant for it.

#include "wait.h"
#include "lock.h"

struct sleeper {
	struct sleeper *next, *previous;
	/// 0 asleep, 1 signalled; written under the condition's lock.
	volatile int signalled;
};

#define LOCK_OF(c) (&(c)->__u.__vi[0])
#define MONOTONIC(c) ((c)->__u.__i[4])
#define FIRST(c) (*(struct sleeper **)&(c)->__u.__p[1])
#define LAST(c) (*(struct sleeper **)&(c)->__u.__p[5])

int pthread_cond_init(pthread_cond_t *restrict c, const pthread_condattr_t *restrict attr)
{
	*c = (pthread_cond_t){ 0 };
	if (attr)
		MONOTONIC(c) = attr->__attr & 0x7fffffff;
	return 0;
}

int pthread_cond_destroy(pthread_cond_t *c)
{
	return 0;
}

static void remove_sleeper(pthread_cond_t *c, struct sleeper *s)
{
	*(s->previous ? &s->previous->next : &FIRST(c)) = s->next;
	*(s->next ? &s->next->previous : &LAST(c)) = s->previous;
}

/// The clock that deadlines are on; in a zeroed condition, real time.
static clockid_t clock_of(pthread_cond_t *c)
{
	return MONOTONIC(c) ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

int __pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
	const struct timespec *restrict deadline)
{
	if (until(clock_of(c), deadline) == -EINVAL)
		return EINVAL;
	struct sleeper self = { 0 };
	lock(LOCK_OF(c));
	self.previous = LAST(c);
	*(self.previous ? &self.previous->next : &FIRST(c)) = &self;
	LAST(c) = &self;
	unlock(LOCK_OF(c));

	int error = __pthread_mutex_unlock(m);
	while (!error && !load(&self.signalled)) {
		int64_t left = until(clock_of(c), deadline);
		if (left == 0)
			error = ETIMEDOUT;
		else
			futex_wait(&self.signalled, 0, left);
	}
	// The lock also keeps `self` alive until the signaller is done with it.
	lock(LOCK_OF(c));
	if (self.signalled)
		error = 0;
	else
		remove_sleeper(c, &self);
	unlock(LOCK_OF(c));
	if (error != EPERM) {
		int locked = __pthread_mutex_lock(m);
		if (locked)
			return locked;
	}
	return error;
}

int pthread_cond_wait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m)
{
	return __pthread_cond_timedwait(c, m, 0);
}

static void wake(pthread_cond_t *c, int many)
{
	// Empty without the lock: a waiter that holds the mutex, as it must, is already in the queue.
	if (!load(&FIRST(c)))
		return;
	lock(LOCK_OF(c));
	for (struct sleeper *s; many && (s = FIRST(c)); many--) {
		remove_sleeper(c, s);
		store(&s->signalled, 1);
		futex_wake(&s->signalled, 1);
	}
	unlock(LOCK_OF(c));
}

int pthread_cond_signal(pthread_cond_t *c)
{
	wake(c, 1);
	return 0;
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
	wake(c, EVERYONE);
	return 0;
}

weak_alias(__pthread_cond_timedwait, pthread_cond_timedwait);
