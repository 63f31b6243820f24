//! <threads.h> over the POSIX calls.

#include "pthread_impl.h"
#include <sched.h>
#include <threads.h>

static int answer(int error)
{
	switch (error) {
	case 0:
		return thrd_success;
	case EBUSY:
		return thrd_busy;
	case ETIMEDOUT:
		return thrd_timedout;
	case EAGAIN:
	case ENOMEM:
		return thrd_nomem;
	default:
		return thrd_error;
	}
}

#ifdef _REENTRANT
int thrd_create(thrd_t *t, thrd_start_t routine, void *argument)
{
	return answer(__pthread_create(t, __ATTRP_C11_THREAD, (void *(*)(void *))routine, argument));
}
#endif

_Noreturn void thrd_exit(int result)
{
	__pthread_exit((void *)(intptr_t)result);
}

int thrd_join(thrd_t t, int *result)
{
	void *value;
	int error = __pthread_join(t, &value);
	if (!error && result)
		*result = (int)(intptr_t)value;
	return answer(error);
}

int thrd_detach(thrd_t t)
{
	return answer(pthread_detach(t));
}

thrd_t thrd_current(void)
{
	return pthread_self();
}

#undef thrd_equal
int thrd_equal(thrd_t a, thrd_t b)
{
	return a == b;
}

void thrd_yield(void)
{
	sched_yield();
}

void call_once(once_flag *flag, void (*initialise)(void))
{
	__pthread_once(flag, initialise);
}

int mtx_init(mtx_t *m, int kind)
{
	pthread_mutexattr_t attr = { kind & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : 0 };
	return answer(pthread_mutex_init((pthread_mutex_t *)m, &attr));
}

void mtx_destroy(mtx_t *m) {}

int mtx_lock(mtx_t *m)
{
	return answer(__pthread_mutex_lock((pthread_mutex_t *)m));
}

int mtx_trylock(mtx_t *m)
{
	return answer(__pthread_mutex_trylock((pthread_mutex_t *)m));
}

int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict deadline)
{
	return answer(__pthread_mutex_timedlock((pthread_mutex_t *)m, deadline));
}

int mtx_unlock(mtx_t *m)
{
	return answer(__pthread_mutex_unlock((pthread_mutex_t *)m));
}

int cnd_init(cnd_t *c)
{
	return answer(pthread_cond_init((pthread_cond_t *)c, 0));
}

void cnd_destroy(cnd_t *c) {}

int cnd_signal(cnd_t *c)
{
	return answer(pthread_cond_signal((pthread_cond_t *)c));
}

int cnd_broadcast(cnd_t *c)
{
	return answer(pthread_cond_broadcast((pthread_cond_t *)c));
}

int cnd_wait(cnd_t *c, mtx_t *m)
{
	return answer(pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m));
}

int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict deadline)
{
	return answer(__pthread_cond_timedwait((pthread_cond_t *)c, (pthread_mutex_t *)m, deadline));
}

int tss_create(tss_t *key, tss_dtor_t destructor)
{
	return answer(__pthread_key_create(key, destructor));
}

void tss_delete(tss_t key)
{
	__pthread_key_delete(key);
}

void *tss_get(tss_t key)
{
	return pthread_getspecific(key);
}

int tss_set(tss_t key, void *value)
{
	return answer(pthread_setspecific(key, value));
}
