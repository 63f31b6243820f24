//! The smallest lock: for the C library's own data. Three states, so that an uncontended unlock
//! never calls the engine.
#ifndef FAABRIC_LOCK_H
#define FAABRIC_LOCK_H

/// 0 free, 1 held, 2 held and somebody waits.
typedef volatile int lock_t;

#ifdef _REENTRANT

static inline void lock(lock_t *l)
{
	int seen = 0;
	if (__atomic_compare_exchange_n(l, &seen, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(l, 2, __ATOMIC_ACQUIRE))
		__builtin_wasm_memory_atomic_wait32((int *)l, 2, -1);
}

static inline void unlock(lock_t *l)
{
	if (__atomic_exchange_n(l, 0, __ATOMIC_RELEASE) == 2)
		__builtin_wasm_memory_atomic_notify((int *)l, 1);
}

#else

// One thread: nothing can come between.
static inline void lock(lock_t *l) {}
static inline void unlock(lock_t *l) {}

#endif
#endif
