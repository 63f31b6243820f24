//! The user and the host, as far as programs print them. There is one user; the environment may
//! name it (USER, LOGNAME) and the host (HOSTNAME).

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ID 1000

uid_t getuid(void) { return ID; }
uid_t geteuid(void) { return ID; }
gid_t getgid(void) { return ID; }
gid_t getegid(void) { return ID; }

static int become(unsigned id)
{
	if (id == ID)
		return 0;
	errno = EPERM;
	return -1;
}

int setuid(uid_t id) { return become(id); }
int seteuid(uid_t id) { return become(id); }
int setgid(gid_t id) { return become(id); }
int setegid(gid_t id) { return become(id); }
int setreuid(uid_t real, uid_t effective) { return become(effective); }
int setregid(gid_t real, gid_t effective) { return become(effective); }
int issetugid(void) { return 0; }

int getgroups(int room, gid_t groups[])
{
	if (room > 0)
		groups[0] = ID;
	return 1;
}

static char *user(void)
{
	char *name = getenv("USER");
	if (!name || !*name)
		name = getenv("LOGNAME");
	return name && *name ? name : "faabric";
}

char *getlogin(void)
{
	return user();
}

int getlogin_r(char *name, size_t size)
{
	return strlcpy(name, user(), size) < size ? 0 : ERANGE;
}

static struct passwd *fill_user(struct passwd *entry)
{
	char *home = getenv("HOME");
	*entry = (struct passwd){
		.pw_name = user(),
		.pw_passwd = "x",
		.pw_uid = ID,
		.pw_gid = ID,
		.pw_gecos = user(),
		.pw_dir = home ? home : "/",
		.pw_shell = "/bin/sh",
	};
	return entry;
}

struct passwd *getpwuid(uid_t id)
{
	static struct passwd entry;
	return id == ID ? fill_user(&entry) : NULL;
}

struct passwd *getpwnam(const char *name)
{
	return strcmp(name, user()) ? NULL : getpwuid(ID);
}

int getpwuid_r(uid_t id, struct passwd *entry, char *buffer, size_t size, struct passwd **found)
{
	*found = id == ID ? fill_user(entry) : NULL;
	return 0;
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
	struct passwd **found)
{
	*found = strcmp(name, user()) ? NULL : fill_user(entry);
	return 0;
}

void setpwent(void) {}
void endpwent(void) {}
struct passwd *getpwent(void) { return NULL; }

static struct group *fill_group(struct group *entry)
{
	static char *no_members[] = { NULL };
	*entry = (struct group){ user(), "x", ID, no_members };
	return entry;
}

struct group *getgrgid(gid_t id)
{
	static struct group entry;
	return id == ID ? fill_group(&entry) : NULL;
}

struct group *getgrnam(const char *name)
{
	return strcmp(name, user()) ? NULL : getgrgid(ID);
}

int getgrgid_r(gid_t id, struct group *entry, char *buffer, size_t size, struct group **found)
{
	*found = id == ID ? fill_group(entry) : NULL;
	return 0;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size,
	struct group **found)
{
	*found = strcmp(name, user()) ? NULL : fill_group(entry);
	return 0;
}

void setgrent(void) {}
void endgrent(void) {}
struct group *getgrent(void) { return NULL; }

static const char *host(void)
{
	const char *name = getenv("HOSTNAME");
	return name && *name ? name : "faabric";
}

int gethostname(char *name, size_t size)
{
	if (strlcpy(name, host(), size) < size)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int sethostname(const char *name, size_t size)
{
	errno = EPERM;
	return -1;
}

int uname(struct utsname *name)
{
	memset(name, 0, sizeof *name);
	strcpy(name->sysname, "Faabric");
	strlcpy(name->nodename, host(), sizeof name->nodename);
	strcpy(name->release, "1");
	strcpy(name->version, "wasip1");
	strcpy(name->machine, "wasm32");
	strcpy(name->domainname, "(none)");
	return 0;
}
