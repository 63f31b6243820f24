//! Attributes, and those calls that a guest can only accept or refuse: scheduling is the host's,
//! and a thread is not cancelled from outside.

#include "wait.h"
#include <sched.h>
#include <string.h>

int pthread_attr_init(pthread_attr_t *attr)
{
	*attr = (pthread_attr_t){ 0 };
	attr->_a_stacksize = __default_stacksize;
	attr->_a_guardsize = __default_guardsize;
	return 0;
}

int pthread_getattr_default_np(pthread_attr_t *attr)
{
	return pthread_attr_init(attr);
}

int pthread_setattr_default_np(const pthread_attr_t *attr)
{
	if (attr->_a_stacksize)
		__default_stacksize = attr->_a_stacksize;
	return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t *attr, int *state)
{
	*state = attr->_a_detach;
	return 0;
}

int pthread_attr_getguardsize(const pthread_attr_t *restrict attr, size_t *restrict size)
{
	*size = attr->_a_guardsize;
	return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *restrict attr, size_t *restrict size)
{
	*size = attr->_a_stacksize;
	return 0;
}

/// musl keeps the high end of the stack; callers give and expect the low one.
int pthread_attr_getstack(const pthread_attr_t *restrict attr, void **restrict low,
	size_t *restrict size)
{
	if (!attr->_a_stackaddr)
		return EINVAL;
	*size = attr->_a_stacksize;
	*low = (void *)(attr->_a_stackaddr - attr->_a_stacksize);
	return 0;
}

int pthread_attr_setstack(pthread_attr_t *attr, void *low, size_t size)
{
	// A guest thread's stack and its data are one allocation; see thread.c.
	return ENOTSUP;
}

int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size)
{
	if (size < PTHREAD_STACK_MIN || size > INT_MAX)
		return EINVAL;
	attr->_a_stacksize = size;
	return 0;
}

int pthread_attr_getinheritsched(const pthread_attr_t *restrict attr, int *restrict inherit)
{
	*inherit = attr->_a_sched;
	return 0;
}

int pthread_attr_getschedparam(const pthread_attr_t *restrict attr,
	struct sched_param *restrict param)
{
	memset(param, 0, sizeof *param);
	return 0;
}

int pthread_attr_getschedpolicy(const pthread_attr_t *restrict attr, int *restrict policy)
{
	*policy = attr->_a_policy;
	return 0;
}

int pthread_attr_getscope(const pthread_attr_t *restrict attr, int *restrict scope)
{
	*scope = PTHREAD_SCOPE_SYSTEM;
	return 0;
}

int pthread_attr_setschedparam(pthread_attr_t *restrict attr,
	const struct sched_param *restrict param)
{
	return 0;
}

/// A clock is an address in WASI; conditions keep a number: 0 real time, 1 monotonic.
int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	attr->__attr = (attr->__attr & 0x80000000u) | (clock == CLOCK_MONOTONIC);
	return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *restrict attr, clockid_t *restrict clock)
{
	*clock = attr->__attr & 1 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	return 0;
}

int pthread_condattr_getpshared(const pthread_condattr_t *restrict attr, int *restrict shared)
{
	*shared = attr->__attr >> 31;
	return 0;
}

int pthread_barrierattr_getpshared(const pthread_barrierattr_t *restrict attr, int *restrict shared)
{
	*shared = !!attr->__attr;
	return 0;
}

int pthread_rwlockattr_getpshared(const pthread_rwlockattr_t *restrict attr, int *restrict shared)
{
	*shared = (int)attr->__attr[0];
	return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *restrict attr, int *restrict kind)
{
	*kind = attr->__attr & 3;
	return 0;
}

int pthread_mutexattr_getpshared(const pthread_mutexattr_t *restrict attr, int *restrict shared)
{
	*shared = attr->__attr / 128U % 2;
	return 0;
}

int pthread_mutexattr_getprotocol(const pthread_mutexattr_t *restrict attr, int *restrict protocol)
{
	*protocol = PTHREAD_PRIO_NONE;
	return 0;
}

int pthread_mutexattr_getrobust(const pthread_mutexattr_t *restrict attr, int *restrict robust)
{
	*robust = PTHREAD_MUTEX_STALLED;
	return 0;
}

int pthread_attr_setscope(pthread_attr_t *attr, int scope)
{
	return scope == PTHREAD_SCOPE_SYSTEM ? 0 : scope == PTHREAD_SCOPE_PROCESS ? ENOTSUP : EINVAL;
}

int pthread_attr_setschedpolicy(pthread_attr_t *attr, int policy)
{
	attr->_a_policy = policy;
	return 0;
}

int pthread_attr_setinheritsched(pthread_attr_t *attr, int inherit)
{
	if ((unsigned)inherit > 1)
		return EINVAL;
	attr->_a_sched = inherit;
	return 0;
}

int pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int protocol)
{
	return protocol == PTHREAD_PRIO_NONE ? 0 : ENOTSUP;
}

int pthread_mutexattr_setrobust(pthread_mutexattr_t *attr, int robust)
{
	return robust == PTHREAD_MUTEX_STALLED ? 0 : ENOTSUP;
}

int pthread_setcancelstate(int state, int *old)
{
	if ((unsigned)state > 2)
		return EINVAL;
	struct __pthread *self = __pthread_self();
	if (old)
		*old = self->canceldisable;
	self->canceldisable = state;
	return 0;
}

int pthread_setcanceltype(int type, int *old)
{
	if ((unsigned)type > 1)
		return EINVAL;
	if (old)
		*old = PTHREAD_CANCEL_DEFERRED;
	return 0;
}

int pthread_cancel(pthread_t t)
{
	return ENOSYS;
}

void pthread_testcancel(void) {}

void _pthread_cleanup_push(struct __ptcb *cleanup, void (*f)(void *), void *argument)
{
	struct __pthread *self = __pthread_self();
	*cleanup = (struct __ptcb){ f, argument, self->cancelbuf };
	self->cancelbuf = cleanup;
}

void _pthread_cleanup_pop(struct __ptcb *cleanup, int run)
{
	__pthread_self()->cancelbuf = cleanup->__next;
	if (run)
		cleanup->__f(cleanup->__x);
}

// Nothing forks.
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	return 0;
}

int pthread_getconcurrency(void)
{
	return 0;
}

int pthread_setconcurrency(int level)
{
	return level < 0 ? EINVAL : 0;
}

int pthread_getschedparam(pthread_t t, int *restrict policy, struct sched_param *restrict param)
{
	*policy = 0;
	memset(param, 0, sizeof *param);
	return 0;
}

int pthread_setschedparam(pthread_t t, int policy, const struct sched_param *param)
{
	return ENOTSUP;
}

int pthread_setschedprio(pthread_t t, int priority)
{
	return ENOTSUP;
}

int pthread_getcpuclockid(pthread_t t, clockid_t *clock)
{
	return ENOENT;
}

int pthread_setname_np(pthread_t t, const char *name)
{
	return strlen(name) > 15 ? ERANGE : 0;
}

int pthread_getname_np(pthread_t t, char *name, size_t size)
{
	if (size < 16)
		return ERANGE;
	*name = 0;
	return 0;
}
