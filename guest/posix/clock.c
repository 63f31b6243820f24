//! Clocks that cannot be set, timers that cannot fire, and the one time zone.

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static int no(int error)
{
	errno = error;
	return -1;
}

int clock_settime(clockid_t clock, const struct timespec *time) { return no(EPERM); }
int settimeofday(const struct timeval *time, const struct timezone *zone) { return no(EPERM); }
int adjtime(const struct timeval *by, struct timeval *old) { return no(EPERM); }
int stime(const time_t *time) { return no(EPERM); }
int clock_getcpuclockid(pid_t pid, clockid_t *clock) { return ENOSYS; }

int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
	return no(ENOSYS);
}

int timer_delete(timer_t timer) { return no(EINVAL); }
int timer_getoverrun(timer_t timer) { return no(EINVAL); }
int timer_gettime(timer_t timer, struct itimerspec *value) { return no(EINVAL); }

int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict new,
	struct itimerspec *restrict old)
{
	return no(EINVAL);
}

static char utc[] = "UTC";
char *tzname[2] = { utc, utc };
int daylight;
long timezone;

void tzset(void) {}
