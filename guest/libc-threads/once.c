//! pthread_once. The word is 0 (never), 1 (running), 3 (running, somebody sleeps) or 2 (done).

#include "wait.h"

int __pthread_once(pthread_once_t *control, void (*initialise)(void))
{
	volatile int *state = control;
	for (;;) {
		switch (cas(state, 0, 1)) {
		case 0:
			initialise();
			if (swap(state, 2) == 3)
				futex_wake(state, EVERYONE);
			return 0;
		case 2:
			return 0;
		default:
			cas(state, 1, 3);
			futex_wait(state, 3, FOREVER);
		}
	}
}

weak_alias(__pthread_once, pthread_once);
