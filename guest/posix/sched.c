//! Scheduling, which is the host's.

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static int no(void)
{
	errno = ENOSYS;
	return -1;
}

int sched_get_priority_max(int policy) { return 0; }
int sched_get_priority_min(int policy) { return 0; }
int sched_getscheduler(pid_t pid) { return SCHED_OTHER; }
int sched_setparam(pid_t pid, const struct sched_param *param) { return no(); }
int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param) { return no(); }
int sched_rr_get_interval(pid_t pid, struct timespec *interval) { return no(); }
int sched_getcpu(void) { return no(); }
int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) { return no(); }

int sched_getparam(pid_t pid, struct sched_param *param)
{
	memset(param, 0, sizeof *param);
	return 0;
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	memset(set, 0, size);
	for (long i = 0, n = sysconf(_SC_NPROCESSORS_ONLN); i < n; i++)
		CPU_SET_S(i, size, set);
	return 0;
}
