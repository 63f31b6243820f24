//! Unnamed semaphores. Named ones would be shared with other processes, of which there are none.

#include "wait.h"
#include <semaphore.h>

#define COUNT(s) (&(s)->__val[0])
#define SLEEPERS(s) (&(s)->__val[1])

int sem_init(sem_t *s, int shared, unsigned count)
{
	if (count > INT_MAX) {
		errno = EINVAL;
		return -1;
	}
	*s = (sem_t){ { (int)count } };
	return 0;
}

int sem_destroy(sem_t *s)
{
	return 0;
}

int sem_getvalue(sem_t *restrict s, int *restrict count)
{
	*count = load(COUNT(s));
	return 0;
}

int sem_post(sem_t *s)
{
	for (int count = load(COUNT(s)), seen;; count = seen) {
		if (count == INT_MAX) {
			errno = EOVERFLOW;
			return -1;
		}
		if ((seen = cas(COUNT(s), count, count + 1)) == count)
			break;
	}
	if (load(SLEEPERS(s)))
		futex_wake(COUNT(s), 1);
	return 0;
}

int sem_trywait(sem_t *s)
{
	for (int count = load(COUNT(s)), seen; count > 0; count = seen)
		if ((seen = cas(COUNT(s), count, count - 1)) == count)
			return 0;
	errno = EAGAIN;
	return -1;
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict deadline)
{
	int saved = errno;
	while (sem_trywait(s)) {
		int64_t left = until(CLOCK_REALTIME, deadline);
		if (left == -EINVAL || left == 0) {
			errno = left ? EINVAL : ETIMEDOUT;
			return -1;
		}
		add(SLEEPERS(s), 1);
		futex_wait(COUNT(s), 0, left);
		add(SLEEPERS(s), -1);
	}
	errno = saved;
	return 0;
}

int sem_wait(sem_t *s)
{
	return sem_timedwait(s, 0);
}

sem_t *sem_open(const char *name, int flags, ...)
{
	errno = ENOSYS;
	return SEM_FAILED;
}

int sem_close(sem_t *s)
{
	errno = ENOSYS;
	return -1;
}

int sem_unlink(const char *name)
{
	errno = ENOSYS;
	return -1;
}
