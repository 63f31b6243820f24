// The C library: numbers in and out, long double, memory, strings, sorting, time.
#include "check.h"
#include <complex.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static int prints(const char *expected, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (strcmp(text, expected))
		printf("  got \"%s\"\n", text);
	return !strcmp(text, expected);
}

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static void numbers(void)
{
	CHECK(prints("3.1415926536", "%.10f", acos(-1)));
	CHECK(prints("1e+100", "%g", 1e100));
	CHECK(prints("0x1.8p+1", "%a", 3.0));
	CHECK(prints("0.1000000000000000000000000000000000", "%.34Lf", 0.1L));
	CHECK(prints("1.18973149535723176508575932662800702e+4932", "%.35Le", LDBL_MAX));
	CHECK(prints("-9223372036854775808", "%lld", LLONG_MIN));
	CHECK(prints("18446744073709551615", "%llu", ULLONG_MAX));
	CHECK(strtod("2.5e-3", 0) == 2.5e-3);
	CHECK(strtold("0.1", 0) == 0.1L);
	CHECK(strtold("0.1", 0) != (long double)0.1);
	double d;
	long double l;
	CHECK(sscanf("6.02e23 1.5", "%lf %Lf", &d, &l) == 2 && d == 6.02e23 && l == 1.5L);
	CHECK(fabs(sin(1.0) - 0.8414709848078965) < 1e-16);
	CHECK(fabs(cos(1e6) - 0.9367521275331447) < 1e-15);
	CHECK(fabs(tan(0.5) - 0.5463024898437905) < 1e-16);
	CHECK(fabs(tgamma(5) - 24) < 1e-12);
	CHECK(fabsl(sqrtl(2) - 1.41421356237309504880168872420969808L) < 1e-33L);
	CHECK(fma(2, 3, 4) == 10);
	CHECK(fabsf(sinf(1) - 0.841471f) < 1e-6f);
	double complex z = cexp(I * acos(-1));
	CHECK(fabs(creal(z) + 1) < 1e-15);
	CHECK((__int128)1 << 100 >> 98 == 4);
	volatile __int128 big = (__int128)1 << 90;
	CHECK(big / 7 * 7 + big % 7 == big);
	CHECK(lround(-2.5) == -3 && nearbyint(2.5) == 2);
}

static void memory(void)
{
	char *block = malloc(100);
	CHECK(((uintptr_t)block & 15) == 0);
	block = realloc(block, 100000);
	memset(block, 1, 100000);
	block = realloc(block, 50);
	CHECK(block[49] == 1);
	free(block);
	void *aligned;
	CHECK(posix_memalign(&aligned, 4096, 10) == 0 && ((uintptr_t)aligned & 4095) == 0);
	free(aligned);
	volatile size_t huge = SIZE_MAX - 100, third = SIZE_MAX / 2;
	void *volatile none = malloc(huge);
	CHECK(none == 0 && errno == ENOMEM);
	none = calloc(third, 3);
	CHECK(none == 0);

	// Random sizes, each block filled with its own value and checked when freed.
	enum { BLOCKS = 512 };
	static struct { unsigned char *at; size_t size; } blocks[BLOCKS];
	unsigned seed = 1, wrong = 0;
	for (int round = 0; round < 100000; round++) {
		seed = seed * 1103515245 + 12345;
		int i = seed >> 16 & (BLOCKS - 1);
		if (blocks[i].at) {
			for (size_t k = 0; k < blocks[i].size; k += 61)
				wrong += blocks[i].at[k] != (unsigned char)i;
			free(blocks[i].at);
			blocks[i].at = 0;
		} else {
			seed = seed * 1103515245 + 12345;
			size_t size = (seed >> 8) % (seed & 1 ? 300 : 20000);
			int zero = seed >> 3 & 1;
			blocks[i].at = zero ? calloc(1, size) : malloc(size);
			blocks[i].size = size;
			if (zero)
				for (size_t k = 0; k < size; k++)
					wrong += blocks[i].at[k] != 0;
			memset(blocks[i].at, i, size);
		}
	}
	CHECK(wrong == 0);
}

static void strings(void)
{
	char text[300];
	unsigned wrong = 0;
	for (unsigned n = 0; n < 200; n++)
		for (unsigned shift = 0; shift < 20; shift++) {
			memset(text, 'x', sizeof text);
			memset(text + shift, 'a', n);
			text[shift + n] = 0;
			wrong += strlen(text + shift) != n;
			char copy[300];
			memset(copy, 'y', sizeof copy);
			memcpy(copy + 7, text + shift, n);
			wrong += memcmp(copy + 7, text + shift, n) != 0 || copy[6] != 'y' || copy[7 + n] != 'y';
			memmove(text + shift + 3, text + shift, n + 1);
			wrong += strlen(text + shift + 3) != n;
		}
	CHECK(wrong == 0);
	CHECK(strcmp("abc", "abd") < 0 && strcmp("b", "a") > 0 && strcmp("", "") == 0);
	CHECK(strncmp("abcd", "abce", 3) == 0 && strcasecmp("HeLLo", "hEllO") == 0);
	CHECK(memcmp("\x80", "\x7f", 1) > 0);
	CHECK(strstr("needle in a haystack", "hay") != 0);
}

int main(void)
{
	numbers();
	memory();
	strings();
	int values[] = { 5, 3, 9, 1, 7 };
	qsort(values, 5, sizeof *values, by_value);
	CHECK(values[0] == 1 && values[4] == 9);
	struct tm tm = { .tm_year = 100, .tm_mday = 1 };
	CHECK(mktime(&tm) == 946684800);
	struct timespec now;
	CHECK(timespec_get(&now, TIME_UTC) == TIME_UTC && now.tv_sec > 1600000000);
	CHECK(clock() >= 0);
	return CHECK_DONE();
}
