//! Processes. A guest is one process and cannot start another: what would is declared, so that
//! programs compile and link, and fails with ENOSYS.

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int no(void)
{
	errno = ENOSYS;
	return -1;
}

/// Different in every process, because programs name their temporary files by it.
pid_t getpid(void)
{
	static volatile pid_t pid;
	if (!pid) {
		unsigned random = 0;
		getentropy(&random, sizeof random);
		pid_t chosen = (pid_t)(random % 4000000) + 2, none = 0;
		__atomic_compare_exchange_n(&pid, &none, chosen, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	return pid;
}

pid_t getppid(void) { return 1; }
pid_t getpgrp(void) { return getpid(); }
pid_t getpgid(pid_t pid) { return getpid(); }
pid_t getsid(pid_t pid) { return getpid(); }
int setpgid(pid_t pid, pid_t group) { return no(); }
pid_t setpgrp(void) { return no(); }
pid_t setsid(void) { return no(); }
int nice(int by) { return no(); }
int daemon(int keep_directory, int keep_files) { return no(); }

pid_t fork(void) { return no(); }
pid_t _Fork(void) { return no(); }
pid_t vfork(void) { return no(); }
int execve(const char *path, char *const argv[], char *const envp[]) { return no(); }
int execv(const char *path, char *const argv[]) { return no(); }
int execvp(const char *file, char *const argv[]) { return no(); }
int execvpe(const char *file, char *const argv[], char *const envp[]) { return no(); }
int fexecve(int fd, char *const argv[], char *const envp[]) { return no(); }
int execl(const char *path, const char *argv, ...) { return no(); }
int execle(const char *path, const char *argv, ...) { return no(); }
int execlp(const char *file, const char *argv, ...) { return no(); }

/// Without a command the question is whether there is a shell.
int system(const char *command)
{
	return command ? no() : 0;
}

FILE *popen(const char *command, const char *mode)
{
	no();
	return NULL;
}

int pclose(FILE *stream) { return no(); }

int posix_spawn(pid_t *restrict pid, const char *restrict path,
	const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
	char *const argv[restrict], char *const envp[restrict])
{
	return ENOSYS;
}

int posix_spawnp(pid_t *restrict pid, const char *restrict file,
	const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
	char *const argv[restrict], char *const envp[restrict])
{
	return ENOSYS;
}

int posix_spawnattr_init(posix_spawnattr_t *attr)
{
	*attr = (posix_spawnattr_t){ 0 };
	return 0;
}

int posix_spawnattr_destroy(posix_spawnattr_t *attr) { return 0; }
int posix_spawnattr_setflags(posix_spawnattr_t *attr, short flags) { return 0; }

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
	*actions = (posix_spawn_file_actions_t){ 0 };
	return 0;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions) { return 0; }

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int fd,
	const char *restrict path, int flags, mode_t mode)
{
	return ENOSYS;
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
	return ENOSYS;
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int to)
{
	return ENOSYS;
}

// There never is a child to wait for.
static pid_t childless(void)
{
	errno = ECHILD;
	return -1;
}

pid_t wait(int *status) { return childless(); }
pid_t waitpid(pid_t pid, int *status, int options) { return childless(); }
pid_t wait3(int *status, int options, struct rusage *usage) { return childless(); }
pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage) { return childless(); }
int waitid(idtype_t type, id_t id, siginfo_t *info, int options) { return childless(); }
