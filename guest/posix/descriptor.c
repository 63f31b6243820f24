//! dup, dup2, dup3. WASI can move a descriptor but not copy one, so copies are made here: a table
//! between the numbers a program sees and the host's.
//!
//! ```text
//!  program's fd 1 --\
//!  program's fd 7 ----> host's fd 5 (used by 2)          empty until the first dup: until then
//!  program's fd 3 ----> host's fd 3 (used by 1)          every number is the host's own
//! ```
//! wasi-libc's calls into the host are compiled under the names __host_*; the functions here have
//! their names, and translate. Copies share the file offset, which is the host's.

#include "lock.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>

#define LIMIT 1024
#define CLOSED (-1)

static volatile int active;
/// The program's number -> the host's.
static short host_of[LIMIT];
/// The host's number -> how many of the program's stand for it.
static short uses[LIMIT];
static lock_t table_lock;

__wasi_errno_t __host_fd_close(__wasi_fd_t);
__wasi_errno_t __host_fd_renumber(__wasi_fd_t, __wasi_fd_t);
__wasi_errno_t __host_fd_fdstat_get(__wasi_fd_t, __wasi_fdstat_t *);

static inline __wasi_fd_t host(__wasi_fd_t fd)
{
	// CLOSED becomes a number no host has open.
	return active && fd < LIMIT ? (__wasi_fd_t)host_of[fd] : fd;
}

/// Fills the table with what is open.
static void activate(void)
{
	for (int fd = 0; fd < LIMIT; fd++) {
		__wasi_fdstat_t stat;
		int open = !__host_fd_fdstat_get((__wasi_fd_t)fd, &stat);
		host_of[fd] = (short)(open ? fd : CLOSED);
		uses[fd] = (short)open;
	}
	active = 1;
}

/// Drops one use; the host's descriptor is closed with the last.
static __wasi_errno_t drop(__wasi_fd_t fd)
{
	short real = host_of[fd];
	if (real == CLOSED)
		return __WASI_ERRNO_BADF;
	host_of[fd] = CLOSED;
	return --uses[real] ? 0 : __host_fd_close((__wasi_fd_t)real);
}

/// Gives a descriptor that the host just opened the lowest free number.
static __wasi_errno_t adopt(__wasi_fd_t *fd)
{
	if (!active)
		return 0;
	lock(&table_lock);
	for (int free = 0; free < LIMIT && *fd < LIMIT; free++)
		if (host_of[free] == CLOSED) {
			host_of[free] = (short)*fd;
			uses[*fd] = 1;
			*fd = (__wasi_fd_t)free;
			unlock(&table_lock);
			return 0;
		}
	unlock(&table_lock);
	__host_fd_close(*fd);
	return __WASI_ERRNO_MFILE;
}

static int copy(int from, int to, int to_at_least)
{
	int error = EBADF;
	lock(&table_lock);
	if (!active)
		activate();
	if (from >= 0 && from < LIMIT && host_of[from] != CLOSED && to < LIMIT) {
		for (int free = to_at_least; to < 0 && free < LIMIT; free++)
			if (host_of[free] == CLOSED)
				to = free;
		error = to < 0 ? EMFILE : 0;
		if (!error && to != from) {
			if (host_of[to] != CLOSED)
				drop((__wasi_fd_t)to);
			host_of[to] = host_of[from];
			uses[host_of[to]]++;
		}
	}
	unlock(&table_lock);
	if (!error)
		return to;
	errno = error;
	return -1;
}

int dup(int fd)
{
	return copy(fd, -1, 0);
}

int dup2(int from, int to)
{
	if (to < 0) {
		errno = EBADF;
		return -1;
	}
	return copy(from, to, 0);
}

int dup3(int from, int to, int flags)
{
	if (from == to) {
		errno = EINVAL;
		return -1;
	}
	return dup2(from, to);
}

__wasi_errno_t __wasi_fd_close(__wasi_fd_t fd)
{
	if (!active || fd >= LIMIT)
		return __host_fd_close(fd);
	lock(&table_lock);
	__wasi_errno_t error = drop(fd);
	unlock(&table_lock);
	return error;
}

__wasi_errno_t __wasi_fd_renumber(__wasi_fd_t from, __wasi_fd_t to)
{
	if (!active || from >= LIMIT || to >= LIMIT)
		return __host_fd_renumber(host(from), to);
	__wasi_errno_t error = __WASI_ERRNO_BADF;
	lock(&table_lock);
	if (host_of[from] != CLOSED) {
		error = 0;
		if (from != to) {
			if (host_of[to] != CLOSED)
				drop(to);
			host_of[to] = host_of[from];
			host_of[from] = CLOSED;
		}
	}
	unlock(&table_lock);
	return error;
}

// Calls whose first argument is a descriptor, and the types of the others.
#define WRAP(name, parameters, arguments)                     \
	__wasi_errno_t __host_##name parameters;              \
	__wasi_errno_t __wasi_##name parameters               \
	{                                                     \
		return __host_##name arguments;               \
	}

WRAP(fd_advise, (__wasi_fd_t f, __wasi_filesize_t a, __wasi_filesize_t b, __wasi_advice_t c),
	(host(f), a, b, c))
WRAP(fd_allocate, (__wasi_fd_t f, __wasi_filesize_t a, __wasi_filesize_t b), (host(f), a, b))
WRAP(fd_datasync, (__wasi_fd_t f), (host(f)))
WRAP(fd_fdstat_get, (__wasi_fd_t f, __wasi_fdstat_t *a), (host(f), a))
WRAP(fd_fdstat_set_flags, (__wasi_fd_t f, __wasi_fdflags_t a), (host(f), a))
WRAP(fd_fdstat_set_rights, (__wasi_fd_t f, __wasi_rights_t a, __wasi_rights_t b), (host(f), a, b))
WRAP(fd_filestat_get, (__wasi_fd_t f, __wasi_filestat_t *a), (host(f), a))
WRAP(fd_filestat_set_size, (__wasi_fd_t f, __wasi_filesize_t a), (host(f), a))
WRAP(fd_filestat_set_times,
	(__wasi_fd_t f, __wasi_timestamp_t a, __wasi_timestamp_t b, __wasi_fstflags_t c),
	(host(f), a, b, c))
WRAP(fd_pread,
	(__wasi_fd_t f, const __wasi_iovec_t *a, size_t b, __wasi_filesize_t c, __wasi_size_t *d),
	(host(f), a, b, c, d))
WRAP(fd_pwrite,
	(__wasi_fd_t f, const __wasi_ciovec_t *a, size_t b, __wasi_filesize_t c, __wasi_size_t *d),
	(host(f), a, b, c, d))
WRAP(fd_read, (__wasi_fd_t f, const __wasi_iovec_t *a, size_t b, __wasi_size_t *c),
	(host(f), a, b, c))
WRAP(fd_readdir,
	(__wasi_fd_t f, uint8_t *a, __wasi_size_t b, __wasi_dircookie_t c, __wasi_size_t *d),
	(host(f), a, b, c, d))
WRAP(fd_seek, (__wasi_fd_t f, __wasi_filedelta_t a, __wasi_whence_t b, __wasi_filesize_t *c),
	(host(f), a, b, c))
WRAP(fd_sync, (__wasi_fd_t f), (host(f)))
WRAP(fd_tell, (__wasi_fd_t f, __wasi_filesize_t *a), (host(f), a))
WRAP(fd_write, (__wasi_fd_t f, const __wasi_ciovec_t *a, size_t b, __wasi_size_t *c),
	(host(f), a, b, c))
WRAP(sock_recv,
	(__wasi_fd_t f, const __wasi_iovec_t *a, size_t b, __wasi_riflags_t c, __wasi_size_t *d,
		__wasi_roflags_t *e),
	(host(f), a, b, c, d, e))
WRAP(sock_send,
	(__wasi_fd_t f, const __wasi_ciovec_t *a, size_t b, __wasi_siflags_t c, __wasi_size_t *d),
	(host(f), a, b, c, d))
WRAP(sock_shutdown, (__wasi_fd_t f, __wasi_sdflags_t a), (host(f), a))

// Calls that open.
__wasi_errno_t __host_path_open(__wasi_fd_t, __wasi_lookupflags_t, const char *, __wasi_oflags_t,
	__wasi_rights_t, __wasi_rights_t, __wasi_fdflags_t, __wasi_fd_t *);

__wasi_errno_t __wasi_path_open(__wasi_fd_t fd, __wasi_lookupflags_t lookup, const char *path,
	__wasi_oflags_t flags, __wasi_rights_t base, __wasi_rights_t inheriting,
	__wasi_fdflags_t fd_flags, __wasi_fd_t *opened)
{
	__wasi_errno_t error =
		__host_path_open(host(fd), lookup, path, flags, base, inheriting, fd_flags, opened);
	return error ? error : adopt(opened);
}

__wasi_errno_t __host_sock_accept(__wasi_fd_t, __wasi_fdflags_t, __wasi_fd_t *);

__wasi_errno_t __wasi_sock_accept(__wasi_fd_t fd, __wasi_fdflags_t flags, __wasi_fd_t *accepted)
{
	__wasi_errno_t error = __host_sock_accept(host(fd), flags, accepted);
	return error ? error : adopt(accepted);
}

// Calls with descriptors inside what they point to.
__wasi_errno_t __host_poll_oneoff(const __wasi_subscription_t *, __wasi_event_t *, __wasi_size_t,
	__wasi_size_t *);

__wasi_errno_t __wasi_poll_oneoff(const __wasi_subscription_t *in, __wasi_event_t *out,
	__wasi_size_t count, __wasi_size_t *events)
{
	if (!active)
		return __host_poll_oneoff(in, out, count, events);
	__wasi_subscription_t *translated = calloc(count, sizeof *in);
	if (!translated)
		return __WASI_ERRNO_NOMEM;
	memcpy(translated, in, count * sizeof *in);
	for (__wasi_size_t i = 0; i < count; i++) {
		__wasi_subscription_t *s = &translated[i];
		// For reading and for writing the descriptor is at the same place.
		if (s->u.tag != __WASI_EVENTTYPE_CLOCK)
			s->u.u.fd_read.file_descriptor = host(s->u.u.fd_read.file_descriptor);
	}
	__wasi_errno_t error = __host_poll_oneoff(translated, out, count, events);
	free(translated);
	return error;
}
