//! The locks musl's own files take: around its global data and around each FILE.

#include "wait.h"
#include "lock.h"
#include "libc.h"

#ifdef _REENTRANT

// Like musl, not before there is a second thread: wasi-libc's table of preopened directories grows
// under a lock that it holds already. It is filled before that (posix/directory.c).
void __lock(volatile int *l)
{
	if (libc.threaded)
		lock(l);
}

void __unlock(volatile int *l)
{
	unlock(l);
}

void __wait(volatile int *word, volatile int *sleepers, int value, int private)
{
	if (sleepers)
		add(sleepers, 1);
	while (load(word) == value)
		futex_wait(word, value, FOREVER);
	if (sleepers)
		add(sleepers, -1);
}

#else

#include "stdio_impl.h"

// One thread: every FILE is always its own.
void flockfile(FILE *f) {}
void funlockfile(FILE *f) {}

int ftrylockfile(FILE *f)
{
	return 0;
}

#endif
