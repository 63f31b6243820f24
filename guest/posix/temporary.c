//! Temporary files: in TMPDIR, else /tmp, else where the program is.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int usable(const char *directory)
{
	struct stat info;
	return directory && *directory && !stat(directory, &info) && S_ISDIR(info.st_mode);
}

static const char *temporary_directory(void)
{
	const char *named = getenv("TMPDIR");
	return usable(named) ? named : usable(P_tmpdir) ? P_tmpdir : ".";
}

/// A new name in `directory`: its file exists and is open.
static int name_in(char *name, size_t size, const char *directory, const char *prefix)
{
	if ((size_t)snprintf(name, size, "%s/%sXXXXXX", directory, prefix) >= size)
		return -1;
	return mkstemp(name);
}

FILE *tmpfile(void)
{
	char name[4096];
	int fd = name_in(name, sizeof name, temporary_directory(), "tmp");
	if (fd < 0)
		return NULL;
	FILE *file = fdopen(fd, "w+");
	// Where the host keeps an open file alive, nobody sees it from here on.
	unlink(name);
	if (!file)
		close(fd);
	return file;
}

char *tempnam(const char *directory, const char *prefix)
{
	char name[4096];
	int fd = name_in(name, sizeof name, usable(directory) ? directory : temporary_directory(),
		prefix ? prefix : "tmp");
	if (fd < 0)
		return NULL;
	close(fd);
	unlink(name);
	return strdup(name);
}

char *tmpnam(char *to)
{
	static char internal[L_tmpnam];
	if (!to)
		to = internal;
	int fd = name_in(to, L_tmpnam, usable(P_tmpdir) ? P_tmpdir : ".", "t");
	if (fd < 0)
		return NULL;
	close(fd);
	unlink(to);
	return to;
}
