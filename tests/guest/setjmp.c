// setjmp and longjmp: values, nesting, out of deep calls, in loops, and locals that survive.
#include "check.h"
#include <setjmp.h>
#include <string.h>

static jmp_buf outer, inner;

__attribute__((noinline)) static void deep(int n, int value)
{
	volatile char frame[64];
	memset((char *)frame, n, sizeof frame);
	if (n == 0)
		longjmp(outer, value);
	deep(n - 1, value);
}

static int direct(int value)
{
	int seen = setjmp(outer);
	if (seen == 0)
		deep(100, value);
	return seen;
}

static int loop(void)
{
	volatile int rounds = 0;
	if (setjmp(outer) < 5)
		if (++rounds < 5)
			longjmp(outer, rounds);
	return rounds;
}

static int both(void)
{
	volatile int trace = 0;
	int a = setjmp(outer);
	if (a == 0) {
		int b = setjmp(inner);
		trace = trace * 10 + b + 1;
		if (b == 0)
			longjmp(inner, 1);
		longjmp(outer, 3);
	}
	return trace * 10 + a;
}

static int variants(void)
{
	sigjmp_buf env;
	volatile int count = 0;
	if (sigsetjmp(env, 1) == 0) {
		count++;
		siglongjmp(env, 1);
	}
	return count;
}

int main(void)
{
	CHECK(direct(42) == 42);
	CHECK(direct(0) == 1);
	CHECK(direct(-1) == -1);
	CHECK(loop() == 5);
	CHECK(both() == 123);
	CHECK(variants() == 1);
	return CHECK_DONE();
}
