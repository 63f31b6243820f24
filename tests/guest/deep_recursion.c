// With an argument: recursion without end, which has to end in a trap that says so. Without: deep,
// but within the 8 MiB of C stack.
#include "check.h"

__attribute__((noinline)) static unsigned recurse(unsigned n, unsigned char *above)
{
	unsigned char frame[256];
	frame[n % 256] = (unsigned char)n + above[0];
	return n ? recurse(n - 1, frame) + frame[n % 256] : 1;
}

int main(int argc, char **argv)
{
	(void)argv;
	unsigned char top[1] = { 0 };
	if (argc > 1)
		return (int)recurse(~0u, top);
	CHECK(recurse(20000, top) > 0);
	return CHECK_DONE();
}
