//! Signals that a program sends to itself: raise, abort, kill(getpid()). Nothing arrives from
//! outside, so handlers run on the caller's stack, and a blocked signal waits until it is
//! unblocked.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define WORD (8 * sizeof(unsigned long))

static struct sigaction actions[_NSIG];
static _Thread_local sigset_t blocked, pending;

// Functions, because every small number is a valid function pointer in Wasm.
void __SIG_IGN(int signal) {}

_Noreturn void __SIG_ERR(int signal)
{
	__builtin_trap();
}

static int invalid(void)
{
	errno = EINVAL;
	return -1;
}

static int valid(int signal)
{
	return signal > 0 && signal < _NSIG;
}

static int has(const sigset_t *set, int signal)
{
	return set->__bits[(signal - 1) / WORD] >> (signal - 1) % WORD & 1;
}

static void put(sigset_t *set, int signal, int in)
{
	unsigned long bit = 1ul << (signal - 1) % WORD;
	unsigned long *word = &set->__bits[(signal - 1) / WORD];
	*word = in ? *word | bit : *word & ~bit;
}

int sigemptyset(sigset_t *set)
{
	*set = (sigset_t){ 0 };
	return 0;
}

int sigfillset(sigset_t *set)
{
	memset(set, 0xff, sizeof *set);
	return 0;
}

int sigaddset(sigset_t *set, int signal)
{
	if (!valid(signal))
		return invalid();
	put(set, signal, 1);
	return 0;
}

int sigdelset(sigset_t *set, int signal)
{
	if (!valid(signal))
		return invalid();
	put(set, signal, 0);
	return 0;
}

int sigismember(const sigset_t *set, int signal)
{
	return valid(signal) ? has(set, signal) : invalid();
}

int sigisemptyset(const sigset_t *set)
{
	return !(set->__bits[0] | set->__bits[1]);
}

int sigorset(sigset_t *to, const sigset_t *a, const sigset_t *b)
{
	for (unsigned i = 0; i < 2; i++)
		to->__bits[i] = a->__bits[i] | b->__bits[i];
	return 0;
}

int sigandset(sigset_t *to, const sigset_t *a, const sigset_t *b)
{
	for (unsigned i = 0; i < 2; i++)
		to->__bits[i] = a->__bits[i] & b->__bits[i];
	return 0;
}

int sigaction(int signal, const struct sigaction *restrict new, struct sigaction *restrict old)
{
	if (!valid(signal) || (new && (signal == SIGKILL || signal == SIGSTOP)))
		return invalid();
	struct sigaction before = actions[signal];
	if (new)
		actions[signal] = *new;
	if (old)
		*old = before;
	return 0;
}

void (*signal(int signal, void (*handler)(int)))(int)
{
	struct sigaction new = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;
	return sigaction(signal, &new, &old) ? SIG_ERR : old.sa_handler;
}

void (*bsd_signal(int, void (*)(int)))(int) __attribute__((weak, alias("signal")));
void (*__sysv_signal(int, void (*)(int)))(int) __attribute__((weak, alias("signal")));

int siginterrupt(int signal, int flag)
{
	return valid(signal) ? 0 : invalid();
}

static int harmless(int signal)
{
	return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
}

/// What happens to a program that did not say otherwise.
static void by_default(int signal)
{
	if (harmless(signal))
		return;
	if (signal != SIGABRT)
		fprintf(stderr, "Program received signal: %s\n", strsignal(signal));
	__builtin_trap();
}

static void deliver(int signal)
{
	struct sigaction action = actions[signal];
	if (action.sa_flags & (int)SA_RESETHAND)
		actions[signal] = (struct sigaction){ 0 };
	if (action.sa_flags & SA_SIGINFO) {
		siginfo_t info = { .si_signo = signal, .si_code = SI_USER };
		info.si_pid = getpid();
		info.si_uid = getuid();
		action.sa_sigaction(signal, &info, NULL);
	} else if (action.sa_handler == SIG_DFL) {
		by_default(signal);
	} else {
		action.sa_handler(signal);
	}
}

int raise(int signal)
{
	if (!valid(signal))
		return invalid();
	if (has(&blocked, signal))
		put(&pending, signal, 1);
	else
		deliver(signal);
	return 0;
}

/// C11, 7.22.4.1: the handler of SIGABRT may jump out; if it returns the program still ends.
_Noreturn void abort(void)
{
	put(&blocked, SIGABRT, 0);
	raise(SIGABRT);
	__builtin_trap();
}

int kill(pid_t pid, int signal)
{
	if (pid != getpid() && pid != 0 && pid != -getpid()) {
		errno = ESRCH;
		return -1;
	}
	return signal ? raise(signal) : 0;
}

int killpg(pid_t group, int signal)
{
	return kill(-group, signal);
}

int sigqueue(pid_t pid, int signal, union sigval value)
{
	return kill(pid, signal);
}

int pthread_kill(pthread_t thread, int signal)
{
	extern pthread_t pthread_self(void);
	if (!signal)
		return 0;
	// A thread cannot be interrupted from outside.
	if (thread != pthread_self())
		return ENOSYS;
	return raise(signal) ? errno : 0;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	sigset_t before = blocked;
	if (set) {
		for (unsigned i = 0; i < 2; i++)
			switch (how) {
			case SIG_BLOCK:
				blocked.__bits[i] |= set->__bits[i];
				break;
			case SIG_UNBLOCK:
				blocked.__bits[i] &= ~set->__bits[i];
				break;
			case SIG_SETMASK:
				blocked.__bits[i] = set->__bits[i];
				break;
			default:
				return invalid();
			}
	}
	if (old)
		*old = before;
	for (int signal = 1; signal < _NSIG; signal++)
		if (has(&pending, signal) && !has(&blocked, signal)) {
			put(&pending, signal, 0);
			deliver(signal);
		}
	return 0;
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	return sigprocmask(how, set, old) ? errno : 0;
}

int sigpending(sigset_t *set)
{
	*set = pending;
	return 0;
}

int sigaltstack(const stack_t *restrict new, stack_t *restrict old)
{
	if (old)
		*old = (stack_t){ .ss_flags = SS_DISABLE };
	return 0;
}

// Waiting for a signal that only the waiting thread itself could send.
static int never(void)
{
	errno = ENOSYS;
	return -1;
}

int pause(void) { return never(); }
int sigsuspend(const sigset_t *mask) { return never(); }
int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info) { return never(); }

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
	const struct timespec *restrict time)
{
	return never();
}

int sigwait(const sigset_t *restrict set, int *restrict signal)
{
	return ENOSYS;
}

// Timers end in signals, which cannot interrupt a guest.
unsigned alarm(unsigned seconds)
{
	errno = ENOSYS;
	return 0;
}

unsigned ualarm(unsigned first, unsigned interval)
{
	errno = ENOSYS;
	return 0;
}

int getitimer(int which, struct itimerval *value)
{
	*value = (struct itimerval){ 0 };
	return 0;
}

int setitimer(int which, const struct itimerval *restrict new, struct itimerval *restrict old)
{
	if (old)
		*old = (struct itimerval){ 0 };
	// Switching a timer off that never was on.
	if (!new->it_value.tv_sec && !new->it_value.tv_usec)
		return 0;
	return never();
}
