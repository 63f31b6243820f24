//! Sleeping on a word of memory, and deadlines: what all synchronisation here is made of.
//!
//! In the single-threaded sysroot nobody could ever wake a sleeper, so sleeping ends the program
//! with a message instead of hanging it.
#ifndef FAABRIC_WAIT_H
#define FAABRIC_WAIT_H

#include "pthread_impl.h"
#include <stdint.h>
#include <time.h>

#define load(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define store(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define swap(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)

/// Replaces `from` by `to`; the old value either way.
static inline int cas(volatile int *p, int from, int to)
{
	__atomic_compare_exchange_n(p, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return from;
}

/// No deadline, in nanoseconds.
#define FOREVER ((int64_t)-1)

#ifdef _REENTRANT

/// Sleeps while `*word == value`, at most `nanoseconds`. Returns 0 or ETIMEDOUT; may wake early.
static inline int futex_wait(volatile int *word, int value, int64_t nanoseconds)
{
	return __builtin_wasm_memory_atomic_wait32((int *)word, value, nanoseconds) == 2 ? ETIMEDOUT : 0;
}

static inline void futex_wake(volatile int *word, int sleepers)
{
	__builtin_wasm_memory_atomic_notify((int *)word, sleepers);
}

#else

_Noreturn void __faabric_deadlock(void);

static inline int futex_wait(volatile int *word, int value, int64_t nanoseconds)
{
	if (nanoseconds == FOREVER)
		__faabric_deadlock();
	struct timespec time = { nanoseconds / 1000000000, nanoseconds % 1000000000 };
	nanosleep(&time, 0);
	return ETIMEDOUT;
}

static inline void futex_wake(volatile int *word, int sleepers) {}

#endif

#define EVERYONE INT_MAX

/// Nanoseconds until an absolute time: FOREVER without one, 0 when it has passed, -EINVAL if it is
/// not a time.
static inline int64_t until(clockid_t clock, const struct timespec *deadline)
{
	if (!deadline)
		return FOREVER;
	if (deadline->tv_nsec < 0 || deadline->tv_nsec >= 1000000000)
		return -EINVAL;
	struct timespec now;
	if (clock_gettime(clock, &now))
		return -EINVAL;
	int64_t seconds;
	if (__builtin_sub_overflow((int64_t)deadline->tv_sec, (int64_t)now.tv_sec, &seconds) ||
	    seconds > INT64_MAX / 2000000000)
		return deadline->tv_sec < now.tv_sec ? 0 : FOREVER;
	int64_t left = seconds * 1000000000 + (deadline->tv_nsec - now.tv_nsec);
	return left < 0 ? 0 : left;
}

static inline int self_tid(void)
{
	return __pthread_self()->tid;
}

// Ending of a thread.
void __faabric_run_key_destructors(void);
void __faabric_malloc_thread_exit(void);

#endif
