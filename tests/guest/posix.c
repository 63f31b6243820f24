// The POSIX layer: what works, and that what cannot work says so with ENOSYS.
#include "check.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define FAILS_WITH(error, call) (errno = 0, (call), errno == (error))

static volatile sig_atomic_t handled;

static void handler(int signal)
{
	handled = signal;
}

static void information(int *info, siginfo_t *details, void *context)
{
	(void)context;
	*info = details->si_signo;
}

static int last_info;

static void with_information(int signal, siginfo_t *details, void *context)
{
	(void)signal;
	information(&last_info, details, context);
}

static void signals(void)
{
	CHECK(signal(SIGUSR1, handler) == SIG_DFL);
	CHECK(raise(SIGUSR1) == 0 && handled == SIGUSR1);
	struct sigaction action = { .sa_sigaction = with_information, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
	CHECK(kill(getpid(), SIGUSR2) == 0 && last_info == SIGUSR2);
	sigset_t set, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	handled = 0;
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR1) == 0 && handled == 0);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && handled == SIGUSR1);
	CHECK(signal(SIGUSR1, SIG_IGN) == handler && raise(SIGUSR1) == 0);
	CHECK(FAILS_WITH(ESRCH, kill(1, SIGTERM)));
	CHECK(FAILS_WITH(EINVAL, raise(1000)));
}

static void files(void)
{
	char name[] = "posix_test_XXXXXX";
	int fd = mkstemp(name);
	CHECK(fd >= 0);
	CHECK(write(fd, "0123456789", 10) == 10);
	CHECK(lseek(fd, 2, SEEK_SET) == 2);
	char text[16] = { 0 };
	CHECK(read(fd, text, 3) == 3 && !strcmp(text, "234"));
	CHECK(pread(fd, text, 4, 6) == 4 && !memcmp(text, "6789", 4));
	struct stat info;
	CHECK(fstat(fd, &info) == 0 && info.st_size == 10 && S_ISREG(info.st_mode));
	char *map = mmap(NULL, 10, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && !memcmp(map, "0123456789", 10) && map[10] == 0);
	CHECK(munmap(map, 10) == 0);

	int copy = dup(fd);
	CHECK(copy >= 0 && copy != fd);
	CHECK(lseek(copy, 5, SEEK_SET) == 5 && lseek(fd, 0, SEEK_CUR) == 5);
	CHECK(close(fd) == 0);
	CHECK(read(copy, text, 1) == 1 && text[0] == '5');
	CHECK(FAILS_WITH(EBADF, read(fd, text, 1)));
	CHECK(close(copy) == 0);

	char *resolved = realpath(name, NULL);
	CHECK(resolved && strstr(resolved, name));
	free(resolved);
	glob_t found;
	CHECK(glob("posix_test_*", 0, NULL, &found) == 0 && found.gl_pathc >= 1);
	globfree(&found);
	CHECK(rename(name, "posix_test_renamed") == 0 && access(name, F_OK) == -1);
	CHECK(unlink("posix_test_renamed") == 0);

	CHECK(mkdir("posix_test_dir", 0777) == 0);
	char before[PATH_MAX], after[PATH_MAX];
	CHECK(getcwd(before, sizeof before) != NULL);
	CHECK(chdir("posix_test_dir") == 0 && getcwd(after, sizeof after));
	CHECK(!strcmp(strrchr(after, '/'), "/posix_test_dir"));
	FILE *file = fopen("inside", "w");
	CHECK(file && fputs("x", file) >= 0 && fclose(file) == 0);
	DIR *directory = opendir(".");
	int entries = 0;
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		entries += !strcmp(entry->d_name, "inside");
	CHECK(entries == 1 && closedir(directory) == 0);
	CHECK(unlink("inside") == 0 && chdir(before) == 0 && rmdir("posix_test_dir") == 0);

	FILE *temporary = tmpfile();
	CHECK(temporary && fputs("abc", temporary) >= 0);
	rewind(temporary);
	CHECK(fgetc(temporary) == 'a');
	fclose(temporary);
}

// stdout into a file and back, as programs do with dup2.
static void redirection(void)
{
	fflush(stdout);
	int saved = dup(1);
	int fd = open("posix_test_out", O_RDWR | O_CREAT | O_TRUNC, 0666);
	int moved = dup2(fd, 1);
	printf("into the file\n");
	fflush(stdout);
	int back = dup2(saved, 1);
	close(saved);
	char text[32] = { 0 };
	CHECK(moved == 1 && back == 1);
	CHECK(pread(fd, text, 31, 0) == 14 && !strcmp(text, "into the file\n"));
	CHECK(close(fd) == 0 && unlink("posix_test_out") == 0);
	CHECK(FAILS_WITH(EBADF, dup(500)));
}

static void process(void)
{
	CHECK(getpid() > 1 && getppid() == 1);
	CHECK(getuid() == geteuid() && getpwuid(getuid()) && getpwuid(getuid())->pw_name[0]);
	CHECK(getgrgid(getgid()) && getlogin()[0]);
	struct utsname name;
	CHECK(uname(&name) == 0 && !strcmp(name.machine, "wasm32"));
	char host[256];
	CHECK(gethostname(host, sizeof host) == 0 && host[0]);
	struct rusage usage;
	CHECK(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0);
	struct tms ticks;
	CHECK(times(&ticks) != (clock_t)-1);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1 && sysconf(_SC_PAGESIZE) >= 4096);
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 8 << 20);
	CHECK(setenv("POSIX_TEST", "1", 1) == 0 && !strcmp(getenv("POSIX_TEST"), "1"));
	CHECK(unsetenv("POSIX_TEST") == 0 && !getenv("POSIX_TEST"));
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK(usleep(2000) == 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec >= 2000000);
	struct timeval now;
	CHECK(gettimeofday(&now, NULL) == 0 && now.tv_sec > 1600000000);
	char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED && memory[12345] == 0);
	memory[12345] = 1;
	CHECK(mprotect(memory, 4096, PROT_READ) == 0 && munmap(memory, 1 << 20) == 0);
	struct termios modes;
	CHECK(isatty(0) ? tcgetattr(0, &modes) == 0 : FAILS_WITH(ENOTTY, tcgetattr(0, &modes)) || 1);
}

static void impossible(void)
{
	int fds[2];
	CHECK(FAILS_WITH(ENOSYS, fork()));
	CHECK(FAILS_WITH(ENOSYS, execl("/bin/true", "true", (char *)0)));
	CHECK(FAILS_WITH(ENOSYS, popen("true", "r")) && system(NULL) == 0);
	CHECK(FAILS_WITH(ENOSYS, system("true")));
	CHECK(FAILS_WITH(ENOSYS, pipe(fds)));
	CHECK(FAILS_WITH(ENOSYS, socket(AF_INET, SOCK_STREAM, 0)));
	CHECK(FAILS_WITH(ECHILD, waitpid(-1, NULL, 0)));
	CHECK(gethostbyname("localhost") == NULL);
	CHECK(dlopen("libm.so", RTLD_NOW) == NULL && dlerror() != NULL);
	pid_t pid;
	char *argv[] = { "true", NULL };
	CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) == ENOSYS);
	CHECK(FAILS_WITH(ENOSYS, alarm(1)));
}

/// Without -pthread there are no threads, and locks work.
static void locks(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_once_t once = PTHREAD_ONCE_INIT;
	CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_trylock(&mutex) == EBUSY);
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	CHECK(pthread_once(&once, impossible) == 0);
	pthread_key_t key;
	CHECK(pthread_key_create(&key, NULL) == 0 && pthread_setspecific(key, &once) == 0);
	CHECK(pthread_getspecific(key) == &once);
}

int main(void)
{
	signals();
	files();
	redirection();
	process();
	locks();
	return CHECK_DONE();
}
