//! mmap within linear memory. Anonymous memory is allocated; a file is read into it, so a private
//! mapping works and a shared one works for reading. Writing to a shared mapping of a file could
//! not reach the file, and is refused.

#include "lock.h"
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping {
	struct mapping *next;
	char *start;
	size_t length;
};

static struct mapping *mappings;
static lock_t mappings_lock;

static void *fail(int error)
{
	errno = error;
	return MAP_FAILED;
}

/// Copies the file's content; what lies beyond its end stays zero.
static int fill(char *to, size_t length, int fd, off_t offset)
{
	while (length) {
		ssize_t got = pread(fd, to, length, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			return 0;
		to += got;
		length -= (size_t)got;
		offset += got;
	}
	return 0;
}

void *mmap(void *hint, size_t length, int protection, int flags, int fd, off_t offset)
{
	if (!length || offset % PAGESIZE || !(flags & (MAP_SHARED | MAP_PRIVATE)))
		return fail(EINVAL);
	if (flags & MAP_FIXED || protection & PROT_EXEC)
		return fail(ENOTSUP);
	if (!(flags & MAP_ANONYMOUS) && flags & MAP_SHARED && protection & PROT_WRITE)
		return fail(ENOTSUP);
	if (length > SIZE_MAX - PAGESIZE)
		return fail(ENOMEM);
	struct mapping *m = malloc(sizeof *m);
	size_t rounded = (length + PAGESIZE - 1) & -(size_t)PAGESIZE;
	char *start = m ? memalign(PAGESIZE, rounded) : NULL;
	if (!start) {
		free(m);
		return fail(ENOMEM);
	}
	memset(start, 0, rounded);
	if (!(flags & MAP_ANONYMOUS) && fill(start, length, fd, offset)) {
		free(start);
		free(m);
		return MAP_FAILED;
	}
	lock(&mappings_lock);
	*m = (struct mapping){ mappings, start, rounded };
	mappings = m;
	unlock(&mappings_lock);
	return start;
}

/// Memory is given back when the last of a mapping is unmapped: a part alone cannot be reused.
int munmap(void *start, size_t length)
{
	char *from = start, *to = from + ((length + PAGESIZE - 1) & -(size_t)PAGESIZE);
	if (!length || (uintptr_t)start % PAGESIZE || to < from) {
		errno = EINVAL;
		return -1;
	}
	lock(&mappings_lock);
	for (struct mapping **link = &mappings, *m; (m = *link);) {
		char *end = m->start + m->length;
		if (from <= m->start && to >= end) {
			*link = m->next;
			free(m->start);
			free(m);
		} else {
			link = &m->next;
		}
	}
	unlock(&mappings_lock);
	return 0;
}

/// Memory in Wasm is always readable and writable.
int mprotect(void *start, size_t length, int protection)
{
	if (protection & PROT_EXEC) {
		errno = ENOTSUP;
		return -1;
	}
	return 0;
}

void *mremap(void *start, size_t old, size_t new, int flags, ...)
{
	return fail(ENOSYS);
}

int msync(void *start, size_t length, int flags) { return 0; }
int mlock(const void *start, size_t length) { return 0; }
int munlock(const void *start, size_t length) { return 0; }
int mlockall(int flags) { return 0; }
int munlockall(void) { return 0; }
int madvise(void *start, size_t length, int advice) { return 0; }
int posix_madvise(void *start, size_t length, int advice) { return 0; }

int mincore(void *start, size_t length, unsigned char *resident)
{
	memset(resident, 1, (length + PAGESIZE - 1) / PAGESIZE);
	return 0;
}

int shm_open(const char *name, int flags, mode_t mode)
{
	errno = ENOSYS;
	return -1;
}

int shm_unlink(const char *name)
{
	errno = ENOSYS;
	return -1;
}
