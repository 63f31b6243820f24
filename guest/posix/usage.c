//! Time and memory used, and limits.

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

#define WASM_PAGE 65536u
#define SECOND 1000000000ull
/// sysconf(_SC_CLK_TCK)
#define TICK (SECOND / 100)

struct __clockid {
	__wasi_clockid_t id;
};

const struct __clockid _CLOCK_PROCESS_CPUTIME_ID = { __WASI_CLOCKID_PROCESS_CPUTIME_ID };
const struct __clockid _CLOCK_THREAD_CPUTIME_ID = { __WASI_CLOCKID_THREAD_CPUTIME_ID };

static __wasi_timestamp_t start;

__attribute__((constructor)) static void note_start(void)
{
	if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &start))
		start = 0;
}

/// Processor time in nanoseconds; where the host does not count it, the time since the start.
static __wasi_timestamp_t used(void)
{
	__wasi_timestamp_t time;
	if (!__wasi_clock_time_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, 1, &time))
		return time;
	if (!__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time))
		return time - start;
	return 0;
}

clock_t __clock(void)
{
	return (clock_t)(used() / (SECOND / CLOCKS_PER_SEC));
}

clock_t clock(void) __attribute__((weak, alias("__clock")));

clock_t times(struct tms *to)
{
	if (to)
		*to = (struct tms){ .tms_utime = (clock_t)(used() / TICK) };
	__wasi_timestamp_t now;
	if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now))
		return -1;
	return (clock_t)(now / TICK);
}

int getrusage(int who, struct rusage *to)
{
	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD) {
		errno = EINVAL;
		return -1;
	}
	*to = (struct rusage){ 0 };
	if (who == RUSAGE_CHILDREN)
		return 0;
	__wasi_timestamp_t time = used();
	to->ru_utime.tv_sec = time / SECOND;
	to->ru_utime.tv_usec = time % SECOND / 1000;
	// Memory never shrinks, so its size is the high-water mark.
	to->ru_maxrss = (long)(__builtin_wasm_memory_size(0) * (WASM_PAGE / 1024));
	return 0;
}

int getrlimit(int resource, struct rlimit *to)
{
	extern unsigned char __stack_low, __stack_high;
	if ((unsigned)resource >= RLIMIT_NLIMITS) {
		errno = EINVAL;
		return -1;
	}
	rlim_t limit = RLIM_INFINITY;
	switch (resource) {
	case RLIMIT_STACK:
		limit = (rlim_t)(&__stack_high - &__stack_low);
		break;
	case RLIMIT_AS:
	case RLIMIT_DATA:
	case RLIMIT_RSS:
		limit = 1ull << 32;
		break;
	case RLIMIT_NPROC:
		limit = 1;
		break;
	case RLIMIT_CORE:
		limit = 0;
		break;
	case RLIMIT_NOFILE:
		limit = 1024;
		break;
	}
	*to = (struct rlimit){ limit, limit };
	return 0;
}

/// A limit may be set to what it is, or higher: nothing is enforced.
int setrlimit(int resource, const struct rlimit *limit)
{
	struct rlimit now;
	if (getrlimit(resource, &now))
		return -1;
	if (limit->rlim_cur >= now.rlim_cur)
		return 0;
	errno = ENOSYS;
	return -1;
}

int getpriority(int which, id_t who) { return 0; }

int setpriority(int which, id_t who, int priority)
{
	errno = ENOSYS;
	return -1;
}

int getloadavg(double *averages, int count)
{
	return -1;
}

int getdtablesize(void) { return 1024; }

/// The host says how many processors a guest may use.
static long processors(void)
{
	const char *text = getenv("FAABRIC_CPUS");
	long count = text ? strtol(text, NULL, 10) : 0;
	return count > 0 ? count : 1;
}

long sysconf(int name)
{
	switch (name) {
	case _SC_ARG_MAX:
		return ARG_MAX;
	case _SC_CHILD_MAX:
		return 0;
	case _SC_CLK_TCK:
		return (long)(SECOND / TICK);
	case _SC_NGROUPS_MAX:
		return NGROUPS_MAX;
	case _SC_OPEN_MAX:
		return 1024;
	case _SC_PAGE_SIZE:
		return PAGESIZE;
	case _SC_NPROCESSORS_CONF:
	case _SC_NPROCESSORS_ONLN:
		return processors();
	case _SC_PHYS_PAGES:
		return (long)((1ull << 32) / PAGESIZE);
	case _SC_AVPHYS_PAGES:
		return (long)((1ull << 32) / PAGESIZE - __builtin_wasm_memory_size(0) * WASM_PAGE / PAGESIZE);
	case _SC_IOV_MAX:
		return IOV_MAX;
	case _SC_LOGIN_NAME_MAX:
		return LOGIN_NAME_MAX;
	case _SC_HOST_NAME_MAX:
		return HOST_NAME_MAX;
	case _SC_TTY_NAME_MAX:
		return TTY_NAME_MAX;
	case _SC_LINE_MAX:
		return LINE_MAX;
	case _SC_SYMLOOP_MAX:
		return SYMLOOP_MAX;
	case _SC_TZNAME_MAX:
		return TZNAME_MAX;
	case _SC_RE_DUP_MAX:
		return RE_DUP_MAX;
	case _SC_ATEXIT_MAX:
		return INT_MAX;
	case _SC_GETPW_R_SIZE_MAX:
	case _SC_GETGR_R_SIZE_MAX:
		return 1024;
	case _SC_VERSION:
	case _SC_2_VERSION:
	case _SC_2_C_BIND:
	case _SC_THREADS:
	case _SC_THREAD_SAFE_FUNCTIONS:
	case _SC_THREAD_ATTR_STACKSIZE:
	case _SC_BARRIERS:
	case _SC_SPIN_LOCKS:
	case _SC_READER_WRITER_LOCKS:
	case _SC_SEMAPHORES:
	case _SC_MONOTONIC_CLOCK:
	case _SC_TIMEOUTS:
	case _SC_TIMERS:
	case _SC_CPUTIME:
	case _SC_THREAD_CPUTIME:
	case _SC_FSYNC:
	case _SC_MAPPED_FILES:
	case _SC_ADVISORY_INFO:
		return _POSIX_VERSION;
	case _SC_REGEXP:
		return 1;
	case _SC_XOPEN_VERSION:
		return _XOPEN_VERSION;
	case _SC_THREAD_KEYS_MAX:
		return PTHREAD_KEYS_MAX;
	case _SC_THREAD_STACK_MIN:
		return PTHREAD_STACK_MIN;
	case _SC_THREAD_DESTRUCTOR_ITERATIONS:
		return PTHREAD_DESTRUCTOR_ITERATIONS;
	case _SC_SEM_VALUE_MAX:
		return SEM_VALUE_MAX;
	}
	// Known names without a limit or an option, and unknown names: only errno tells them apart.
	if (name < 0 || name > _SC_THREAD_ROBUST_PRIO_PROTECT + 64)
		errno = EINVAL;
	return -1;
}
