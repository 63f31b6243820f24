//! Calls on files that WASI has no word for. Owners and modes are the host's: asking to keep what
//! is there succeeds, changing it does not.

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int no(void)
{
	errno = ENOSYS;
	return -1;
}

int pipe(int fds[2]) { return no(); }
int pipe2(int fds[2], int flags) { return no(); }
int mkfifo(const char *path, mode_t mode) { return no(); }
int mkfifoat(int directory, const char *path, mode_t mode) { return no(); }
int mknod(const char *path, mode_t mode, dev_t device) { return no(); }
int mknodat(int directory, const char *path, mode_t mode, dev_t device) { return no(); }
int chroot(const char *path) { return no(); }
int fchdir(int fd) { return no(); }
int vhangup(void) { return no(); }
int acct(const char *path) { return no(); }
long syscall(long number, ...) { return no(); }

static int keep_owner(uid_t user, gid_t group)
{
	if ((user == (uid_t)-1 || user == getuid()) && (group == (gid_t)-1 || group == getgid()))
		return 0;
	errno = EPERM;
	return -1;
}

int chown(const char *path, uid_t user, gid_t group) { return keep_owner(user, group); }
int lchown(const char *path, uid_t user, gid_t group) { return keep_owner(user, group); }
int fchown(int fd, uid_t user, gid_t group) { return keep_owner(user, group); }

int fchownat(int directory, const char *path, uid_t user, gid_t group, int flags)
{
	return keep_owner(user, group);
}

int lchmod(const char *path, mode_t mode)
{
	return chmod(path, mode);
}

/// Remembered, and of no effect: WASI creates files without a mode.
mode_t umask(mode_t mask)
{
	static mode_t current = 022;
	mode_t old = current;
	current = mask & 0777;
	return old;
}

int eaccess(const char *path, int mode) { return access(path, mode); }
int euidaccess(const char *path, int mode) { return access(path, mode); }

/// Locks keep other processes out; there are none that could be kept out through WASI.
int lockf(int fd, int command, off_t size)
{
	switch (command) {
	case F_ULOCK:
	case F_LOCK:
	case F_TLOCK:
	case F_TEST:
		return 0;
	}
	errno = EINVAL;
	return -1;
}

int flock(int fd, int operation) { return 0; }

void sync(void) {}

int syncfs(int fd)
{
	return fsync(fd);
}

static struct timespec exact(struct timeval time)
{
	return (struct timespec){ time.tv_sec, (long)time.tv_usec * 1000 };
}

int futimes(int fd, const struct timeval times[2])
{
	struct timespec both[2];
	for (int i = 0; times && i < 2; i++)
		both[i] = exact(times[i]);
	return futimens(fd, times ? both : NULL);
}

int lutimes(const char *path, const struct timeval times[2])
{
	struct timespec both[2];
	for (int i = 0; times && i < 2; i++)
		both[i] = exact(times[i]);
	return utimensat(AT_FDCWD, path, times ? both : NULL, AT_SYMLINK_NOFOLLOW);
}

int setgroups(size_t count, const gid_t *groups)
{
	errno = EPERM;
	return -1;
}

int setdomainname(const char *name, size_t size)
{
	errno = EPERM;
	return -1;
}

int brk(void *end)
{
	errno = ENOMEM;
	return -1;
}
