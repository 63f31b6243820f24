// An ordinary program without MPI that does what its first argument says.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__attribute__((noinline)) int divide(int a, volatile int *b)
{
	return a / *b;
}

__attribute__((noinline)) int beyond(volatile unsigned *at)
{
	return *(volatile int *)*at;
}

static void started(void)
{
	puts("started");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *argument = argc > 2 ? argv[2] : "";
	if (!strcmp(what, "exit"))
		return atoi(argument);
	if (!strcmp(what, "abort"))
		abort();
	if (!strcmp(what, "divide")) {
		volatile int zero = 0;
		return divide(1, &zero);
	}
	if (!strcmp(what, "beyond")) {
		volatile unsigned at = 0xfffffff0;
		return beyond(&at);
	}
	if (!strcmp(what, "args"))
		for (int i = 2; i < argc; i++)
			printf("<%s>", argv[i]);
	if (!strcmp(what, "env"))
		printf("%s", getenv(argument) ? getenv(argument) : "(unset)");
	if (!strcmp(what, "both")) {
		printf("to stdout\n");
		fprintf(stderr, "to stderr\n");
	}
	if (!strcmp(what, "cat")) {
		static char buffer[70000];
		size_t got;
		while ((got = fread(buffer, 1, sizeof buffer, stdin)))
			fwrite(buffer, 1, got, stdout);
	}
	if (!strcmp(what, "flood"))
		for (int i = 0; i < atoi(argument); i++)
			printf("this is line number %d\n", i);
	if (!strcmp(what, "append"))
		for (int i = 0; i < 200; i++) {
			FILE *file = fopen("together", "a");
			fprintf(file, "a line that is written as one, number %d\n", i);
			fclose(file);
		}
	if (!strcmp(what, "cwd")) {
		char path[4096];
		printf("%s", getcwd(path, sizeof path));
	}
	if (!strcmp(what, "hoard")) {
		int files = 0;
		while (open("hoarded", O_RDWR | O_CREAT, 0644) >= 0)
			files++;
		printf("%d: %s", files, errno == ENFILE || errno == EMFILE ? "no more" : strerror(errno));
	}
	if (!strcmp(what, "spin")) {
		started();
		for (volatile unsigned long i = 0;; i++) {
		}
	}
	if (!strcmp(what, "compute")) {
		time_t end = time(NULL) + atoi(argument);
		for (volatile unsigned long i = 0; time(NULL) < end; i++) {
		}
	}
	if (!strcmp(what, "sleep")) {
		started();
		sleep(1000000);
	}
	if (!strcmp(what, "read")) {
		started();
		getchar();
	}
	return 0;
}
