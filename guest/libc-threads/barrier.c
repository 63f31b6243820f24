//! Barriers. The last to arrive starts a new round; destroying waits until all have left.

#include "wait.h"

#define LIMIT(b) ((b)->__u.__i[2])
#define ARRIVED(b) (&(b)->__u.__vi[3])
#define ROUND(b) (&(b)->__u.__vi[4])
#define INSIDE(b) (&(b)->__u.__vi[0])

int pthread_barrier_init(pthread_barrier_t *restrict b, const pthread_barrierattr_t *restrict attr,
	unsigned count)
{
	if (count - 1 > INT_MAX - 1)
		return EINVAL;
	*b = (pthread_barrier_t){ 0 };
	LIMIT(b) = (int)count;
	return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *b)
{
	for (int inside; (inside = load(INSIDE(b)));)
		futex_wait(INSIDE(b), inside, FOREVER);
	return 0;
}

static void leave(pthread_barrier_t *b)
{
	if (add(INSIDE(b), -1) == 1)
		futex_wake(INSIDE(b), EVERYONE);
}

int pthread_barrier_wait(pthread_barrier_t *b)
{
	add(INSIDE(b), 1);
	int round = load(ROUND(b));
	if (add(ARRIVED(b), 1) + 1 == LIMIT(b)) {
		store(ARRIVED(b), 0);
		add(ROUND(b), 1);
		futex_wake(ROUND(b), EVERYONE);
		leave(b);
		return PTHREAD_BARRIER_SERIAL_THREAD;
	}
	while (load(ROUND(b)) == round)
		futex_wait(ROUND(b), round, FOREVER);
	leave(b);
	return 0;
}
