//! The allocator of guest programs: two-level segregated fit over a heap that grows in place, with
//! a small cache per thread in front of it.
//!
//! ```text
//!  chunk c           +0 size of the previous chunk, valid only while that one is free
//!                    +4 size of this chunk (a multiple of 16) | FREE | PREVIOUS_FREE
//!  payload (16-al.)  +8 the caller's bytes; in a free chunk: next, previous of its list
//!  next chunk        +size ...
//! ```
//! A chunk in use lends its last four payload bytes from its successor's first word, so the cost of
//! an allocation is four bytes. Every region of the heap ends in a chunk of size 0, always in use.
//!
//! Lists: chunks below 256 bytes by exact size; above, 16 lists for each power of two. Two bitmaps
//! find the first list whose every chunk is large enough; the heap grows only if there is none.
//!
//! Invariants: no two neighbours are both free; sizes never include the terminating chunk; fresh
//! memory is zero, and what lies above `virgin` has never been handed out.

#include "lock.h"
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FREE 1u
#define PREVIOUS_FREE 2u
#define FLAGS 15u

#define HEADER 8u
#define GRAIN 16u
/// Largest chunk: anything above cannot exist beside the program's data in 4 GiB.
#define LARGEST 0xFFFF0000u
#define WASM_PAGE 65536u

struct chunk {
	uint32_t previous_size;
	uint32_t head;
	struct chunk *next, *previous;
};

#define POWERS 25
#define STEPS 16

static struct chunk *lists[POWERS][STEPS];
static uint32_t nonempty_steps[POWERS];
static uint32_t nonempty_powers;

/// The terminating chunk of the newest region: where the heap can grow in place.
static struct chunk *terminator;
static uintptr_t virgin;
static lock_t heap_lock;

extern unsigned char __heap_base;

// -- chunks ---------------------------------------------------------------------------------------

static inline uint32_t size_of(const struct chunk *c)
{
	return c->head & ~FLAGS;
}

static inline struct chunk *at(void *p, uint32_t offset)
{
	return (struct chunk *)((char *)p + offset);
}

static inline struct chunk *chunk_of(void *payload)
{
	return (struct chunk *)((char *)payload - HEADER);
}

static inline void *payload_of(struct chunk *c)
{
	return (char *)c + HEADER;
}

/// The chunk size that serves a request; 0 if no chunk can.
static inline uint32_t chunk_size(size_t request)
{
	if (request > LARGEST - HEADER - GRAIN)
		return 0;
	// Four bytes of header, and at least room for the list pointers of a free chunk.
	uint32_t size = ((uint32_t)request + 4 + GRAIN - 1) & ~(GRAIN - 1);
	return size < GRAIN ? GRAIN : size;
}

struct place {
	unsigned power, step;
};

static inline struct place place_of(uint32_t size)
{
	if (size < 256)
		return (struct place){ 0, size / GRAIN };
	unsigned log = 31 - __builtin_clz(size);
	return (struct place){ log - 7, (size >> (log - 4)) & (STEPS - 1) };
}

static void link_free(struct chunk *c, uint32_t size)
{
	struct place p = place_of(size);
	c->head = size | FREE | (c->head & PREVIOUS_FREE);
	struct chunk *after = at(c, size);
	after->previous_size = size;
	after->head |= PREVIOUS_FREE;
	c->previous = NULL;
	c->next = lists[p.power][p.step];
	if (c->next)
		c->next->previous = c;
	lists[p.power][p.step] = c;
	nonempty_steps[p.power] |= 1u << p.step;
	nonempty_powers |= 1u << p.power;
}

static void unlink_free(struct chunk *c)
{
	if (c->next)
		c->next->previous = c->previous;
	if (c->previous) {
		c->previous->next = c->next;
		return;
	}
	struct place p = place_of(size_of(c));
	lists[p.power][p.step] = c->next;
	if (c->next)
		return;
	nonempty_steps[p.power] &= ~(1u << p.step);
	if (!nonempty_steps[p.power])
		nonempty_powers &= ~(1u << p.power);
}

/// Marks a chunk that is on no list as used, giving back what exceeds `size`.
static void use(struct chunk *c, uint32_t size)
{
	uint32_t whole = size_of(c);
	uint32_t rest = whole - size;
	c->head = (rest ? size : whole) | (c->head & PREVIOUS_FREE);
	struct chunk *after = at(c, size);
	if (rest) {
		after->head = 0;
		link_free(after, rest);
	} else {
		after->head &= ~PREVIOUS_FREE;
	}
}

/// Returns a used chunk to the lists, joined with its free neighbours.
static void release(struct chunk *c)
{
	uint32_t size = size_of(c);
	if (c->head & PREVIOUS_FREE) {
		struct chunk *before = (struct chunk *)((char *)c - c->previous_size);
		unlink_free(before);
		size += size_of(before);
		c = before;
	}
	struct chunk *after = at(c, size);
	if (after->head & FREE) {
		unlink_free(after);
		size += size_of(after);
	}
	link_free(c, size);
}

// -- growing --------------------------------------------------------------------------------------

/// Adds [from, to) to the heap; both are 16-byte aligned and the memory there is zero or unused.
static void add_region(uintptr_t from, uintptr_t to)
{
	struct chunk *c;
	if (terminator && from == (uintptr_t)terminator + HEADER) {
		c = terminator;
	} else {
		c = (struct chunk *)(from + HEADER);
		c->head = 0;
		if (!virgin || (uintptr_t)c > virgin)
			virgin = (uintptr_t)c;
	}
	terminator = (struct chunk *)(to - HEADER);
	terminator->head = 0;
	bool joins = c->head & PREVIOUS_FREE;
	c->head = (uint32_t)((char *)terminator - (char *)c) | (joins ? PREVIOUS_FREE : 0);
	release(c);
	// Now inside a larger free chunk, which has to look unwritten.
	if (joins)
		c->head = c->previous_size = 0;
}

/// Grows the heap by at least `size` bytes beyond what is free at its end.
static bool grow(uint32_t size)
{
	if (!terminator) {
		// The memory the module starts with, from the end of its data.
		uintptr_t from = ((uintptr_t)&__heap_base + GRAIN - 1) & ~(uintptr_t)(GRAIN - 1);
		uint64_t to = (uint64_t)__builtin_wasm_memory_size(0) * WASM_PAGE;
		if (to > LARGEST)
			to = LARGEST;
		if (to > from + 2 * GRAIN) {
			add_region(from, (uintptr_t)to);
			return true;
		}
	}
	uint64_t have = 0;
	if (terminator && terminator->head & PREVIOUS_FREE &&
	    (uintptr_t)terminator + HEADER == __builtin_wasm_memory_size(0) * WASM_PAGE)
		have = terminator->previous_size;
	uint64_t need = size - (have < size ? have : size) + 2 * GRAIN;
	uint32_t pages = (uint32_t)((need + WASM_PAGE - 1) / WASM_PAGE);
	// Ahead of need by an eighth of the heap, so that growing costs nothing on average.
	uint32_t ahead = __builtin_wasm_memory_size(0) / 8;
	uint32_t wanted = pages < ahead ? ahead : pages;
	size_t old = __builtin_wasm_memory_grow(0, wanted);
	if (old == SIZE_MAX && wanted > pages) {
		wanted = pages;
		old = __builtin_wasm_memory_grow(0, wanted);
	}
	if (old == SIZE_MAX)
		return false;
	uint64_t to = ((uint64_t)old + wanted) * WASM_PAGE;
	// The last address of 4 GiB is not representable as an end.
	add_region(old * WASM_PAGE, to > UINT32_MAX ? UINT32_MAX - GRAIN + 1 : (uintptr_t)to);
	return true;
}

// -- the heap -------------------------------------------------------------------------------------

/// A free chunk of at least `size` bytes, taken off its list; NULL if there is none.
static struct chunk *take(uint32_t size)
{
	struct place p = place_of(size);
	// A large request first looks among chunks of its own list, of which some are too small;
	// without this, freeing and allocating the same gigabytes again would need them twice.
	if (size >= 256) {
		unsigned tries = size < WASM_PAGE ? 8 : UINT32_MAX;
		for (struct chunk *c = lists[p.power][p.step]; c && tries; c = c->next, tries--)
			if (size_of(c) >= size) {
				unlink_free(c);
				return c;
			}
	}
	unsigned first = size < 256 ? p.step : p.step + 1;
	uint32_t steps = first < STEPS ? nonempty_steps[p.power] >> first << first : 0;
	if (!steps) {
		uint32_t powers = nonempty_powers >> p.power >> 1 << 1 << p.power;
		if (!powers)
			return NULL;
		p.power = __builtin_ctz(powers);
		steps = nonempty_steps[p.power];
	}
	struct chunk *c = lists[p.power][__builtin_ctz(steps)];
	unlink_free(c);
	return c;
}

/// A used chunk of `size` bytes. `*zero` tells whether its payload has never been written, but for
/// the list pointers and the last word, which are cleared here.
static struct chunk *allocate(uint32_t size, bool *zero)
{
	struct chunk *c;
	while (!(c = take(size)))
		if (!grow(size))
			return NULL;
	use(c, size);
	uintptr_t end = (uintptr_t)c + size_of(c);
	*zero = (uintptr_t)c >= virgin;
	if (end > virgin)
		virgin = end;
	return c;
}

// -- the cache in front ---------------------------------------------------------------------------

#define CACHED_SIZES 33
#define CACHED_EACH 32u

struct cache {
	struct chunk *first[CACHED_SIZES];
	uint8_t count[CACHED_SIZES];
};

static _Thread_local struct cache cache;

static void flush(unsigned class, unsigned keep)
{
	lock(&heap_lock);
	while (cache.count[class] > keep) {
		struct chunk *c = cache.first[class];
		cache.first[class] = c->next;
		cache.count[class]--;
		release(c);
	}
	unlock(&heap_lock);
}

/// Called by a thread that ends.
void __faabric_malloc_thread_exit(void)
{
	for (unsigned class = 1; class < CACHED_SIZES; class++)
		if (cache.count[class])
			flush(class, 0);
}

static void *allocate_payload(size_t request, bool *zero)
{
	uint32_t size = chunk_size(request);
	unsigned class = size / GRAIN;
	*zero = false;
	if (size && class < CACHED_SIZES && cache.first[class]) {
		struct chunk *c = cache.first[class];
		cache.first[class] = c->next;
		cache.count[class]--;
		return payload_of(c);
	}
	struct chunk *c = NULL;
	if (size) {
		lock(&heap_lock);
		c = allocate(size, zero);
		unlock(&heap_lock);
	}
	if (!c) {
		errno = ENOMEM;
		return NULL;
	}
	return payload_of(c);
}

void *malloc(size_t request)
{
	bool zero;
	return allocate_payload(request, &zero);
}

void free(void *payload)
{
	if (!payload)
		return;
	struct chunk *c = chunk_of(payload);
	unsigned class = size_of(c) / GRAIN;
	// Freed twice, or never allocated: going on would corrupt the heap silently.
	if (c->head & FREE || class == 0)
		__builtin_trap();
	if (class < CACHED_SIZES) {
		// The head is not touched here: a neighbour's release may be writing its flags.
		if (cache.first[class] == c)
			__builtin_trap();
		if (cache.count[class] >= CACHED_EACH)
			flush(class, CACHED_EACH / 2);
		c->next = cache.first[class];
		cache.first[class] = c;
		cache.count[class]++;
		return;
	}
	lock(&heap_lock);
	release(c);
	unlock(&heap_lock);
}

void *calloc(size_t count, size_t each)
{
	size_t request;
	if (__builtin_mul_overflow(count, each, &request)) {
		errno = ENOMEM;
		return NULL;
	}
	bool zero;
	char *payload = allocate_payload(request, &zero);
	if (!payload)
		return NULL;
	if (!zero || request <= 4 * GRAIN)
		return memset(payload, 0, request);
	// Never written but for the list pointers at its start and the size after its end.
	memset(payload, 0, HEADER);
	*(uint32_t *)(payload + size_of(chunk_of(payload)) - HEADER) = 0;
	return payload;
}

size_t malloc_usable_size(void *payload)
{
	return payload ? size_of(chunk_of(payload)) - 4 : 0;
}

/// Makes the chunk `size` bytes long where it is, if its neighbour allows.
static bool resize(struct chunk *c, uint32_t size)
{
	uint32_t have = size_of(c);
	struct chunk *after = at(c, have);
	if (size > have) {
		uint32_t missing = size - have;
		// At the end of the heap: let it grow under the chunk.
		if (after == terminator || (after->head & FREE && at(after, size_of(after)) == terminator))
			if (!(after->head & FREE) || size_of(after) < missing)
				grow(missing);
		if (!(after->head & FREE) || size_of(after) < missing)
			return false;
		unlink_free(after);
		c->head += size_of(after);
		use(c, size);
		uintptr_t end = (uintptr_t)c + size_of(c);
		if (end > virgin)
			virgin = end;
	} else if (have - size >= GRAIN) {
		c->head = size | (c->head & PREVIOUS_FREE);
		after = at(c, size);
		after->head = have - size;
		release(after);
	}
	return true;
}

void *realloc(void *payload, size_t request)
{
	if (!payload)
		return malloc(request);
	uint32_t size = chunk_size(request);
	if (!size) {
		errno = ENOMEM;
		return NULL;
	}
	struct chunk *c = chunk_of(payload);
	size_t usable = size_of(c) - 4;
	lock(&heap_lock);
	bool done = resize(c, size);
	unlock(&heap_lock);
	if (done)
		return payload;
	void *moved = malloc(request);
	if (moved) {
		memcpy(moved, payload, usable < request ? usable : request);
		free(payload);
	}
	return moved;
}

/// Aligned memory: a larger chunk, of which what lies before the boundary is given back.
static void *allocate_aligned(size_t alignment, size_t request)
{
	if (alignment <= GRAIN)
		return malloc(request);
	uint32_t size = chunk_size(request);
	uint64_t larger = (uint64_t)size + alignment;
	struct chunk *c = NULL;
	if (size && larger <= LARGEST - GRAIN) {
		bool zero;
		lock(&heap_lock);
		c = allocate((uint32_t)larger, &zero);
		if (c) {
			uintptr_t payload = ((uintptr_t)payload_of(c) + alignment - 1) & -alignment;
			struct chunk *aligned = chunk_of((void *)payload);
			if (aligned != c) {
				uint32_t before = (uint32_t)((char *)aligned - (char *)c);
				aligned->head = size_of(c) - before;
				c->head = before | (c->head & PREVIOUS_FREE);
				release(c);
				c = aligned;
			}
			resize(c, size);
		}
		unlock(&heap_lock);
	}
	if (!c) {
		errno = ENOMEM;
		return NULL;
	}
	return payload_of(c);
}

void *memalign(size_t alignment, size_t request)
{
	if (!alignment || alignment & (alignment - 1)) {
		errno = EINVAL;
		return NULL;
	}
	return allocate_aligned(alignment, request);
}

void *aligned_alloc(size_t, size_t) __attribute__((alias("memalign")));

int posix_memalign(void **to, size_t alignment, size_t request)
{
	if (alignment < sizeof(void *) || alignment & (alignment - 1))
		return EINVAL;
	int saved = errno;
	void *payload = allocate_aligned(alignment, request);
	errno = saved;
	if (!payload)
		return ENOMEM;
	*to = payload;
	return 0;
}

// As musl's own files call them: a program's replacements must not see what they allocate.
void *__libc_malloc(size_t) __attribute__((alias("malloc")));
void *__libc_calloc(size_t, size_t) __attribute__((alias("calloc")));
void *__libc_realloc(void *, size_t) __attribute__((alias("realloc")));
void __libc_free(void *) __attribute__((alias("free")));

/// For programs with an allocator of their own. It only grows, in whole Wasm pages.
void *sbrk(intptr_t increment)
{
	if (increment == 0)
		return (void *)(__builtin_wasm_memory_size(0) * WASM_PAGE);
	size_t old = SIZE_MAX;
	if (increment > 0 && increment % WASM_PAGE == 0)
		old = __builtin_wasm_memory_grow(0, (size_t)increment / WASM_PAGE);
	if (old == SIZE_MAX) {
		errno = ENOMEM;
		return (void *)-1;
	}
	return (void *)(old * WASM_PAGE);
}
