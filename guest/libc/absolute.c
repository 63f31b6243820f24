//! Absolute values: musl's are Zig code in the wheel. The most negative number maps to itself.

#include <inttypes.h>
#include <stdlib.h>

int abs(int x)
{
	return x < 0 ? (int)-(unsigned)x : x;
}

long labs(long x)
{
	return x < 0 ? (long)-(unsigned long)x : x;
}

long long llabs(long long x)
{
	return x < 0 ? (long long)-(unsigned long long)x : x;
}

intmax_t imaxabs(intmax_t x)
{
	return x < 0 ? (intmax_t)-(uintmax_t)x : x;
}
