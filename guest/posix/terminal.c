//! Terminals: whether there is one is known; its modes are the host's.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int no_mode(int fd)
{
	errno = isatty(fd) ? ENOSYS : ENOTTY;
	return -1;
}

int tcgetattr(int fd, struct termios *modes)
{
	if (!isatty(fd)) {
		errno = ENOTTY;
		return -1;
	}
	*modes = (struct termios){ 0 };
	modes->c_iflag = ICRNL | IXON;
	modes->c_oflag = OPOST | ONLCR;
	modes->c_cflag = CS8 | CREAD | B38400;
	modes->c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | IEXTEN;
	return 0;
}

int tcsetattr(int fd, int when, const struct termios *modes) { return no_mode(fd); }
int tcsendbreak(int fd, int duration) { return no_mode(fd); }
int tcdrain(int fd) { return isatty(fd) ? 0 : no_mode(fd); }
int tcflush(int fd, int queue) { return isatty(fd) ? 0 : no_mode(fd); }
int tcflow(int fd, int action) { return no_mode(fd); }
pid_t tcgetsid(int fd) { return no_mode(fd); }
pid_t tcgetpgrp(int fd) { return isatty(fd) ? getpid() : no_mode(fd); }
int tcsetpgrp(int fd, pid_t group) { return no_mode(fd); }

/// As the shell exports it, where it does.
int tcgetwinsize(int fd, struct winsize *size)
{
	if (!isatty(fd))
		return no_mode(fd);
	const char *lines = getenv("LINES"), *columns = getenv("COLUMNS");
	*size = (struct winsize){
		.ws_row = lines ? (unsigned short)atoi(lines) : 24,
		.ws_col = columns ? (unsigned short)atoi(columns) : 80,
	};
	return 0;
}

int tcsetwinsize(int fd, const struct winsize *size) { return no_mode(fd); }

speed_t cfgetospeed(const struct termios *modes) { return modes->c_cflag & CBAUD; }
speed_t cfgetispeed(const struct termios *modes) { return modes->c_cflag & CBAUD; }

int cfsetospeed(struct termios *modes, speed_t speed)
{
	if (speed & ~CBAUD) {
		errno = EINVAL;
		return -1;
	}
	modes->c_cflag = (modes->c_cflag & ~CBAUD) | speed;
	return 0;
}

int cfsetispeed(struct termios *modes, speed_t speed)
{
	return speed ? cfsetospeed(modes, speed) : 0;
}

int cfsetspeed(struct termios *modes, speed_t speed)
{
	return cfsetospeed(modes, speed);
}

void cfmakeraw(struct termios *modes)
{
	modes->c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	modes->c_oflag &= ~OPOST;
	modes->c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	modes->c_cflag = (modes->c_cflag & ~(CSIZE | PARENB)) | CS8;
	modes->c_cc[VMIN] = 1;
	modes->c_cc[VTIME] = 0;
}

int ttyname_r(int fd, char *name, size_t size)
{
	if (!isatty(fd))
		return ENOTTY;
	return strlcpy(name, "/dev/tty", size) < size ? 0 : ERANGE;
}

char *ttyname(int fd)
{
	static char name[16];
	int error = ttyname_r(fd, name, sizeof name);
	if (error)
		errno = error;
	return error ? NULL : name;
}

char *ctermid(char *to)
{
	static char internal[L_ctermid];
	return strcpy(to ? to : internal, "/dev/tty");
}

int posix_openpt(int flags)
{
	errno = ENOSYS;
	return -1;
}

int grantpt(int fd) { return no_mode(fd); }
int unlockpt(int fd) { return no_mode(fd); }
char *ptsname(int fd)
{
	no_mode(fd);
	return NULL;
}

int ptsname_r(int fd, char *name, size_t size) { return ENOTTY; }

char *getpass(const char *prompt)
{
	errno = ENXIO;
	return NULL;
}
