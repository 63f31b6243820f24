// Files and directories as C programs use them. Runs in an empty folder that it leaves empty;
// argument 1, if given, is a folder that it may only read.
#include "check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FAILS_WITH(error, call) (errno = 0, (call) == -1 && errno == (error))

static void write_text(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	if (file) {
		fputs(text, file);
		fclose(file);
	}
}

static const char *read_text(const char *name)
{
	static char text[256];
	FILE *file = fopen(name, "r");
	if (!file)
		return "(none)";
	text[fread(text, 1, sizeof text - 1, file)] = 0;
	fclose(file);
	return text;
}

static void streams(void)
{
	FILE *file = fopen("stream", "w+");
	CHECK(file && fprintf(file, "line %d\nline %d\nlast", 1, 2) == 18);
	CHECK(ftell(file) == 18);
	rewind(file);
	char line[64];
	CHECK(fgets(line, sizeof line, file) && !strcmp(line, "line 1\n"));
	CHECK(fseek(file, -4, SEEK_END) == 0 && fgets(line, sizeof line, file) && !strcmp(line, "last"));
	CHECK(fgetc(file) == EOF && feof(file));
	CHECK(fseek(file, 5, SEEK_SET) == 0 && fputc('X', file) == 'X' && fflush(file) == 0);
	CHECK(fclose(file) == 0);
	CHECK(!strncmp(read_text("stream"), "line X", 6));

	file = fopen("stream", "a");
	CHECK(file && fputs("+more", file) >= 0 && fclose(file) == 0);
	CHECK(!strcmp(read_text("stream"), "line X\nline 2\nlast+more"));
	file = fopen("stream", "r+");
	CHECK(file && fwrite("L", 1, 1, file) == 1 && fclose(file) == 0);
	CHECK(!strncmp(read_text("stream"), "Line X", 6));
	CHECK(!fopen("stream", "wx") && errno == EEXIST);
	CHECK(!fopen("none", "r") && errno == ENOENT);

	// Larger than every buffer on the way.
	enum { INTS = 700000 };
	int *numbers = malloc(INTS * sizeof *numbers);
	for (int i = 0; i < INTS; i++)
		numbers[i] = i * 3;
	file = fopen("big", "wb");
	CHECK(fwrite(numbers, sizeof *numbers, INTS, file) == INTS && fclose(file) == 0);
	memset(numbers, 0, INTS * sizeof *numbers);
	file = fopen("big", "rb");
	CHECK(fread(numbers, sizeof *numbers, INTS + 5, (file)) == INTS && fclose(file) == 0);
	int wrong = 0;
	for (int i = 0; i < INTS; i++)
		wrong += numbers[i] != i * 3;
	CHECK(wrong == 0);
	free(numbers);
	CHECK(remove("big") == 0 && remove("stream") == 0);
}

static void descriptors(void)
{
	int fd = open("d", O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(fd >= 3);
	struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "two", 3 } };
	CHECK(writev(fd, out, 3) == 6);
	CHECK(lseek(fd, 100000, SEEK_SET) == 100000 && write(fd, "!", 1) == 1);
	struct stat info;
	CHECK(fstat(fd, &info) == 0 && info.st_size == 100001);
	char text[16] = { 0 };
	CHECK(pread(fd, text, 6, 0) == 6 && !strcmp(text, "onetwo"));
	CHECK(pread(fd, text, 2, 99999) == 2 && text[0] == 0 && text[1] == '!');
	CHECK(lseek(fd, 0, SEEK_CUR) == 100001);
	CHECK(ftruncate(fd, 3) == 0 && fstat(fd, &info) == 0 && info.st_size == 3);
	CHECK(posix_fallocate(fd, 0, 5000) == 0 && fstat(fd, &info) == 0 && info.st_size == 5000);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0 && (fcntl(fd, F_GETFL) & O_APPEND));
	CHECK(write(fd, "end", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 5003);
	struct pollfd poll_file = { .fd = fd, .events = POLLIN | POLLOUT };
	CHECK(poll(&poll_file, 1, 1000) == 1 && (poll_file.revents & POLLOUT));
	CHECK(close(fd) == 0 && FAILS_WITH(EBADF, close(fd)));

	CHECK(FAILS_WITH(EEXIST, open("d", O_RDWR | O_CREAT | O_EXCL, 0644)));
	CHECK(FAILS_WITH(ENOTDIR, open("d/x", O_RDONLY)));
	CHECK(FAILS_WITH(ENOTDIR, open("d", O_RDONLY | O_DIRECTORY)));
	fd = open("d", O_RDONLY);
	CHECK(FAILS_WITH(EBADF, write(fd, "x", 1)) && FAILS_WITH(EINVAL, ftruncate(fd, 1)));
	CHECK(FAILS_WITH(EINVAL, lseek(fd, -1, SEEK_SET)));
	CHECK(close(fd) == 0);
	fd = open("d", O_WRONLY | O_TRUNC);
	CHECK(FAILS_WITH(EBADF, read(fd, text, 1)));
	CHECK(fstat(fd, &info) == 0 && info.st_size == 0 && close(fd) == 0);
	CHECK(unlink("d") == 0 && FAILS_WITH(ENOENT, unlink("d")));
	CHECK(FAILS_WITH(ESPIPE, lseek(1, 0, SEEK_CUR)) || isatty(1));

	char name[] = "temporary-XXXXXX";
	fd = mkstemp(name);
	CHECK(fd >= 0 && strcmp(name, "temporary-XXXXXX") && unlink(name) == 0);
	CHECK(write(fd, "still", 5) == 5 && pread(fd, text, 5, 0) == 5 && close(fd) == 0);

	// The lowest free number, and many at once.
	int many[300], ok = 1;
	for (int i = 0; i < 300; i++) {
		many[i] = open("m", O_RDWR | O_CREAT, 0644);
		ok &= many[i] >= 0 && (i == 0 || many[i] > many[i - 1]);
	}
	CHECK(ok);
	close(many[7]);
	CHECK(open("m", O_RDONLY) == many[7]);
	for (int i = 0; i < 300; i++)
		ok &= close(many[i]) == 0;
	CHECK(ok && unlink("m") == 0);
}

static int count(const char *name, const char *prefix)
{
	DIR *directory = opendir(name);
	if (!directory)
		return -1;
	int found = 0;
	for (struct dirent *entry; (entry = readdir(directory));)
		found += !strncmp(entry->d_name, prefix, strlen(prefix));
	closedir(directory);
	return found;
}

static int backwards(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*b)->d_name, (*a)->d_name);
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void directories(void)
{
	CHECK(mkdir("dir", 0755) == 0 && FAILS_WITH(EEXIST, mkdir("dir", 0755)));
	CHECK(FAILS_WITH(ENOENT, mkdir("none/dir", 0755)));
	char name[64];
	for (int i = 0; i < 500; i++) {
		sprintf(name, "dir/entry-%d", i);
		write_text(name, "x");
	}
	CHECK(count("dir", "entry-") == 500 && count("dir", ".") == 2);
	CHECK(count("none", "") == -1 && errno == ENOENT);
	struct dirent **sorted;
	int found = scandir("dir", &sorted, not_hidden, backwards);
	CHECK(found == 500 && !strcmp(sorted[0]->d_name, "entry-99") && sorted[0]->d_type == DT_REG);
	for (int i = 0; i < found; i++)
		free(sorted[i]);
	free(sorted);

	// Positions stay valid; entries can be removed on the way.
	DIR *directory = opendir("dir");
	for (int i = 0; i < 10; i++)
		readdir(directory);
	long place = telldir(directory);
	char next[64];
	strcpy(next, readdir(directory)->d_name);
	while (readdir(directory)) {
	}
	seekdir(directory, place);
	CHECK(!strcmp(readdir(directory)->d_name, next));
	rewinddir(directory);
	int removed = 0;
	for (struct dirent *entry; (entry = readdir(directory));) {
		sprintf(name, "dir/%s", entry->d_name);
		removed += entry->d_name[0] != '.' && unlink(name) == 0;
		if (removed == 100)
			CHECK(FAILS_WITH(ENOTEMPTY, rmdir("dir")));
	}
	CHECK(removed == 500 && closedir(directory) == 0);

	int fd = open("dir", O_RDONLY | O_DIRECTORY);
	int inside = openat(fd, "inside", O_CREAT | O_WRONLY, 0644);
	CHECK(inside >= 0 && close(inside) == 0 && access("dir/inside", R_OK | W_OK) == 0);
	CHECK(unlinkat(fd, "inside", 0) == 0 && FAILS_WITH(EISDIR, read(fd, name, 1)));
	CHECK(fsync(fd) == 0 && close(fd) == 0);
	CHECK(FAILS_WITH(EISDIR, open("dir", O_WRONLY)) && FAILS_WITH(EISDIR, unlink("dir")));
	CHECK(rmdir("dir/") == 0 && FAILS_WITH(ENOENT, rmdir("dir")));
	write_text("file", "");
	CHECK(FAILS_WITH(ENOTDIR, rmdir("file")) && unlink("file") == 0);
}

static void names(void)
{
	char start[PATH_MAX], path[PATH_MAX], *resolved;
	CHECK(getcwd(start, sizeof start));
	CHECK(mkdir("a", 0755) == 0 && chdir("a") == 0 && getcwd(path, sizeof path));
	CHECK(!strncmp(path, start, strlen(start)) && !strcmp(path + strlen(path) - 2, "/a"));
	write_text("here", "relative");
	CHECK(chdir("..") == 0 && !strcmp(read_text("a/here"), "relative"));
	sprintf(path, "%s/a/here", start);
	CHECK(!strcmp(read_text(path), "relative"));
	resolved = realpath("a/../a/./here", NULL);
	CHECK(resolved && !strcmp(resolved, path));
	free(resolved);
	CHECK(FAILS_WITH(ENOENT, chdir("none")) && FAILS_WITH(ENOTDIR, chdir("a/here")));

	CHECK(rename("a/here", "moved") == 0 && !strcmp(read_text("moved"), "relative"));
	write_text("other", "replaced");
	CHECK(rename("other", "moved") == 0 && !strcmp(read_text("moved"), "replaced"));
	CHECK(FAILS_WITH(ENOENT, rename("none", "moved")) && FAILS_WITH(EISDIR, rename("moved", "a")));
	CHECK(rename("a", "b") == 0 && rmdir("b") == 0);
	CHECK(getcwd(path, sizeof path) && !strcmp(path, start));

	CHECK(symlink("moved", "link") == 0 && !strcmp(read_text("link"), "replaced"));
	struct stat info;
	CHECK(lstat("link", &info) == 0 && S_ISLNK(info.st_mode));
	CHECK(stat("link", &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 8);
	CHECK(readlink("link", path, sizeof path) == 5 && !strncmp(path, "moved", 5));
	CHECK(FAILS_WITH(ELOOP, open("link", O_RDONLY | O_NOFOLLOW)));
	CHECK(link("moved", "twin") == 0 && stat("twin", &info) == 0 && info.st_nlink == 2);
	CHECK(unlink("moved") == 0 && !strcmp(read_text("twin"), "replaced"));
	CHECK(FAILS_WITH(ENOENT, stat("link", &info)) && unlink("link") == 0 && unlink("twin") == 0);

	write_text("t", "");
	struct timespec times[2] = { { 1000000000, 123456789 }, { 1500000000, 987654321 } };
	CHECK(utimensat(AT_FDCWD, "t", times, 0) == 0 && stat("t", &info) == 0);
	CHECK(info.st_mtim.tv_sec == 1500000000 && info.st_mtim.tv_nsec == 987654321);
	CHECK(info.st_atim.tv_sec == 1000000000);
	CHECK(utimes("t", NULL) == 0 && stat("t", &info) == 0 && llabs(info.st_mtim.tv_sec - time(NULL)) < 60);
	CHECK(unlink("t") == 0);
	char longest[300];
	memset(longest, 'n', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	CHECK(FAILS_WITH(ENAMETOOLONG, open(longest, O_CREAT | O_WRONLY, 0644)));
	CHECK(FAILS_WITH(ENOENT, open("", O_RDONLY)));
	// What lies beside the folders of `faabric run` is out of reach.
	CHECK(open("../../../../../../../../etc/passwd", O_RDONLY) == -1);
	CHECK(symlink("../../../../../../../../etc/passwd", "out") == 0);
	CHECK(open("out", O_RDONLY) == -1 && unlink("out") == 0);
}

static void read_only(const char *folder)
{
	char name[PATH_MAX], to[PATH_MAX];
	sprintf(name, "%s/data", folder);
	CHECK(!strcmp(read_text(name), "read me"));
	CHECK(count(folder, "data") == 1);
	CHECK(FAILS_WITH(EROFS, open(name, O_WRONLY)) && FAILS_WITH(EROFS, unlink(name)));
	sprintf(to, "%s/new", folder);
	CHECK(FAILS_WITH(EROFS, open(to, O_CREAT | O_WRONLY, 0644)) && FAILS_WITH(EROFS, mkdir(to, 0755)));
	CHECK(FAILS_WITH(EROFS, rename(name, to)) && FAILS_WITH(EXDEV, link(name, "stolen")));
	CHECK(!strcmp(read_text(name), "read me"));
}

int main(int argc, char **argv)
{
	streams();
	descriptors();
	directories();
	names();
	CHECK(count(".", "") == 2);
	if (argc > 1)
		read_only(argv[1]);
	return CHECK_DONE();
}
