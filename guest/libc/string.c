//! String and memory functions that the wheel's musl leaves to Zig, written for Wasm.
//!
//! Guest code is compiled to call memcpy, memmove and memset rather than to use the bulk-memory
//! instructions itself: those are calls into the engine, which cost more than a short copy. Here
//! up to 64 bytes go through vector registers, and only more through the instruction.

#include <limits.h>
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>

#define BULK __attribute__((target("bulk-memory-opt")))

// Loads and stores of a size, at any address.
#define LOAD(type, p) (((const struct { type v; } __attribute__((packed, may_alias)) *)(p))->v)
#define STORE(type, p, x) (((struct { type v; } __attribute__((packed, may_alias)) *)(p))->v = (x))

/// At most 64 bytes: everything is loaded before anything is stored, so overlap does not matter.
static inline void copy_short(unsigned char *d, const unsigned char *s, size_t n)
{
	if (n >= 32) {
		v128_t a = wasm_v128_load(s), b = wasm_v128_load(s + 16);
		v128_t y = wasm_v128_load(s + n - 32), z = wasm_v128_load(s + n - 16);
		wasm_v128_store(d, a);
		wasm_v128_store(d + 16, b);
		wasm_v128_store(d + n - 32, y);
		wasm_v128_store(d + n - 16, z);
	} else if (n >= 16) {
		v128_t a = wasm_v128_load(s), z = wasm_v128_load(s + n - 16);
		wasm_v128_store(d, a);
		wasm_v128_store(d + n - 16, z);
	} else if (n >= 8) {
		uint64_t a = LOAD(uint64_t, s), z = LOAD(uint64_t, s + n - 8);
		STORE(uint64_t, d, a);
		STORE(uint64_t, d + n - 8, z);
	} else if (n >= 4) {
		uint32_t a = LOAD(uint32_t, s), z = LOAD(uint32_t, s + n - 4);
		STORE(uint32_t, d, a);
		STORE(uint32_t, d + n - 4, z);
	} else if (n) {
		unsigned char a = s[0], m = s[n / 2], z = s[n - 1];
		d[0] = a;
		d[n / 2] = m;
		d[n - 1] = z;
	}
}

BULK void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
	if (n <= 64) {
		copy_short(dest, src, n);
		return dest;
	}
	return __builtin_memcpy(dest, src, n);
}

BULK void *memmove(void *dest, const void *src, size_t n)
{
	if (n <= 64) {
		copy_short(dest, src, n);
		return dest;
	}
	return __builtin_memmove(dest, src, n);
}

BULK void *memset(void *dest, int c, size_t n)
{
	unsigned char *d = dest;
	if (n > 128)
		return __builtin_memset(dest, c, n);
	if (n >= 16) {
		v128_t v = wasm_i8x16_splat((int8_t)c);
		for (size_t i = 0; i + 16 <= n; i += 16)
			wasm_v128_store(d + i, v);
		wasm_v128_store(d + n - 16, v);
		return dest;
	}
	uint64_t v = (unsigned char)c * 0x0101010101010101ull;
	if (n >= 8) {
		STORE(uint64_t, d, v);
		STORE(uint64_t, d + n - 8, v);
	} else if (n >= 4) {
		STORE(uint32_t, d, (uint32_t)v);
		STORE(uint32_t, d + n - 4, (uint32_t)v);
	} else if (n) {
		d[0] = d[n / 2] = d[n - 1] = (unsigned char)c;
	}
	return dest;
}

void bzero(void *dest, size_t n)
{
	memset(dest, 0, n);
}

int memcmp(const void *left, const void *right, size_t n)
{
	const unsigned char *l = left, *r = right;
	while (n >= 16 && !wasm_v128_any_true(wasm_v128_xor(wasm_v128_load(l), wasm_v128_load(r)))) {
		l += 16;
		r += 16;
		n -= 16;
	}
	for (; n; l++, r++, n--)
		if (*l != *r)
			return *l - *r;
	return 0;
}

int bcmp(const void *left, const void *right, size_t n)
{
	return memcmp(left, right, n);
}

/// Reads whole aligned 16-byte blocks: such a block never crosses the end of memory, so looking
/// past the terminator is safe.
size_t strlen(const char *s)
{
	const v128_t zero = wasm_i8x16_const_splat(0);
	uintptr_t at = (uintptr_t)s & ~(uintptr_t)15;
	uint32_t found = wasm_i8x16_bitmask(wasm_i8x16_eq(*(const v128_t *)at, zero));
	found = found >> ((uintptr_t)s & 15) << ((uintptr_t)s & 15);
	while (!found) {
		at += 16;
		found = wasm_i8x16_bitmask(wasm_i8x16_eq(*(const v128_t *)at, zero));
	}
	return at + __builtin_ctz(found) - (uintptr_t)s;
}

int strcmp(const char *l, const char *r)
{
	for (; *l && *l == *r; l++, r++)
		;
	return (unsigned char)*l - (unsigned char)*r;
}

int strncmp(const char *l, const char *r, size_t n)
{
	for (; n && *l && *l == *r; l++, r++, n--)
		;
	return n ? (unsigned char)*l - (unsigned char)*r : 0;
}

static inline int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c | 32 : c;
}

int strncasecmp(const char *l, const char *r, size_t n)
{
	for (; n; l++, r++, n--) {
		int a = lower((unsigned char)*l), b = lower((unsigned char)*r);
		if (a != b || !a)
			return a - b;
	}
	return 0;
}

int strcasecmp(const char *l, const char *r)
{
	return strncasecmp(l, r, SIZE_MAX);
}

// The only locale there is compares as the C locale does.
int __strcasecmp_l(const char *l, const char *r, locale_t locale)
{
	return strcasecmp(l, r);
}

int __strncasecmp_l(const char *l, const char *r, size_t n, locale_t locale)
{
	return strncasecmp(l, r, n);
}

int strcasecmp_l(const char *, const char *, locale_t)
	__attribute__((weak, alias("__strcasecmp_l")));
int strncasecmp_l(const char *, const char *, size_t, locale_t)
	__attribute__((weak, alias("__strncasecmp_l")));
