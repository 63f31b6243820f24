//! Spin locks. A guest may have more threads than there are cores, so a loser soon gives way.

#include "wait.h"
#include <sched.h>

#define TRIES 100

int pthread_spin_trylock(pthread_spinlock_t *l)
{
	return cas(l, 0, EBUSY);
}

int pthread_spin_lock(pthread_spinlock_t *l)
{
	for (int tries = 0; *(volatile int *)l || cas(l, 0, EBUSY); tries++)
		if (tries >= TRIES)
			sched_yield();
	return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *l)
{
	store(l, 0);
	return 0;
}
