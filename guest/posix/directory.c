//! The current directory. WASI has none: libc joins it with every relative path, and looks for the
//! preopened directory that the result lies in. wasi-libc does the same, but keeps `a/..` after
//! `chdir("..")`, which breaks when `a` goes away, and lets threads share one buffer for paths.
//!
//! realpath passes through directories above the preopened ones, which cannot be looked at.
//! `..` in an argument of chdir is resolved by its letters, as a shell does.

#include "lock.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>
#include <wasi/libc-find-relpath.h>
#include <wasi/libc.h>

/// Absolute, without `.`, `..`, and slashes at its end.
static char current[PATH_MAX] = "/";
static lock_t current_lock;

/// Writes `path` as an absolute one.
static int make_absolute(const char *path, char out[PATH_MAX])
{
	size_t start = 0, length = strlen(path);
	if (path[0] != '/') {
		lock(&current_lock);
		strcpy(out, current);
		unlock(&current_lock);
		start = strlen(out);
		out[start++] = '/';
	}
	if (start + length >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(out + start, path, length + 1);
	return 0;
}

/// Takes `.`, `..` and double slashes out of an absolute path.
static void normalise(char *path)
{
	char *to = path;
	for (const char *from = path; *from;) {
		while (*from == '/')
			from++;
		size_t length = strcspn(from, "/");
		if (length == 2 && from[0] == '.' && from[1] == '.') {
			while (to > path && *--to != '/') {
			}
		} else if (length && !(length == 1 && from[0] == '.')) {
			*to++ = '/';
			memmove(to, from, length);
			to += length;
		}
		from += length;
	}
	if (to == path)
		*to++ = '/';
	*to = 0;
}

/// What libc's calls on paths ask: the preopened directory of `path`, and the path from there.
int __wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative,
				  size_t *relative_size, int can_grow)
{
	char absolute[PATH_MAX];
	if (!*path) {
		errno = ENOENT;
		return -1;
	}
	if (make_absolute(path, absolute))
		return -1;
	const char *rest;
	int fd = __wasilibc_find_abspath(absolute, prefix, &rest);
	if (fd == -1)
		return -1;
	size_t size = strlen(rest) + 1;
	if (*relative_size < size) {
		char *larger = can_grow ? realloc(*relative, size) : NULL;
		if (!larger) {
			errno = can_grow ? ENOMEM : ERANGE;
			return -1;
		}
		*relative = larger;
		*relative_size = size;
	}
	memcpy(*relative, rest, size);
	return fd;
}

int chdir(const char *path)
{
	struct stat info;
	char absolute[PATH_MAX];
	if (stat(path, &info) || make_absolute(path, absolute))
		return -1;
	if (!S_ISDIR(info.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	normalise(absolute);
	lock(&current_lock);
	strcpy(current, absolute);
	unlock(&current_lock);
	return 0;
}

char *getcwd(char *buffer, size_t size)
{
	char path[PATH_MAX];
	lock(&current_lock);
	size_t needed = strlen(strcpy(path, current)) + 1;
	unlock(&current_lock);
	if (!buffer)
		return strdup(path);
	if (size < needed) {
		errno = size ? ERANGE : EINVAL;
		return NULL;
	}
	return memcpy(buffer, path, needed);
}

/// Whether a preopened directory lies below `path`: then `path` is a directory that nothing but its
/// name is known of.
static int leads_to_preopened(const char *path)
{
	size_t length = strlen(path);
	char name[PATH_MAX];
	__wasi_prestat_t entry;
	for (__wasi_fd_t fd = 3; !__wasi_fd_prestat_get(fd, &entry); fd++) {
		size_t size = entry.u.dir.pr_name_len;
		if (size > length && size < PATH_MAX && !__wasi_fd_prestat_dir_name(fd, (uint8_t *)name, size) &&
		    name[length] == '/' && !memcmp(name, path, length))
			return 1;
	}
	return 0;
}

/// Puts `target` of a link before the `rest` of a path that is being resolved.
static int prepend(const char *target, size_t length, char rest[PATH_MAX], const char *from)
{
	size_t left = strlen(from) + 1;
	if (length + 1 + left > PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memmove(rest + length + 1, from, left);
	memcpy(rest, target, length);
	rest[length] = '/';
	return 0;
}

char *realpath(const char *restrict path, char *restrict resolved)
{
	char rest[PATH_MAX], out[PATH_MAX], target[PATH_MAX];
	size_t end = 0;
	int links = 0;
	if (!path || !*path) {
		errno = path ? ENOENT : EINVAL;
		return NULL;
	}
	if (make_absolute(path, rest))
		return NULL;
	for (char *from = rest; *(from += strspn(from, "/"));) {
		size_t length = strcspn(from, "/");
		size_t start = end;
		if (length == 1 && from[0] == '.') {
			from++;
			continue;
		}
		if (length == 2 && from[0] == '.' && from[1] == '.') {
			while (end && out[--end] != '/') {
			}
			from += 2;
			continue;
		}
		if (end + 1 + length >= PATH_MAX) {
			errno = ENAMETOOLONG;
			return NULL;
		}
		out[end++] = '/';
		memcpy(out + end, from, length);
		out[end += length] = 0;
		from += length;
		ssize_t size = readlink(out, target, sizeof target);
		if (size < 0 && errno != EINVAL && !leads_to_preopened(out))
			return NULL;
		if (size >= 0) {
			if (++links > SYMLOOP_MAX) {
				errno = ELOOP;
				return NULL;
			}
			if (prepend(target, (size_t)size, rest, from))
				return NULL;
			end = target[0] == '/' ? 0 : start;
			from = rest;
		}
	}
	if (!end)
		out[end++] = '/';
	out[end] = 0;
	return resolved ? memcpy(resolved, out, end + 1) : strdup(out);
}

/// Starts in the directory that the host names in PWD, if that is the one preopened as `.`.
__attribute__((constructor)) static void start_in_pwd(void)
{
	const char *pwd = getenv("PWD");
	struct stat here, there;
	// While there is one thread: see __lock.
	__wasilibc_populate_preopens();
	if (pwd && pwd[0] == '/' && strlen(pwd) < PATH_MAX && !stat(pwd, &there) && !stat(".", &here) &&
	    here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
		strcpy(current, pwd);
		normalise(current);
	}
}
