//! Sockets and names: a guest talks to other guests through MPI, and has no network of its own.
//! (accept, recv, send and shutdown are wasi-libc's: they work on sockets a host hands over.)

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int no(void)
{
	errno = ENOSYS;
	return -1;
}

int socket(int domain, int type, int protocol) { return no(); }
int socketpair(int domain, int type, int protocol, int fds[2]) { return no(); }
int connect(int fd, const struct sockaddr *to, socklen_t size) { return no(); }
int bind(int fd, const struct sockaddr *to, socklen_t size) { return no(); }
int listen(int fd, int backlog) { return no(); }
int getsockname(int fd, struct sockaddr *restrict name, socklen_t *restrict size) { return no(); }
int getpeername(int fd, struct sockaddr *restrict name, socklen_t *restrict size) { return no(); }
int setsockopt(int fd, int level, int name, const void *value, socklen_t size) { return no(); }
int sockatmark(int fd) { return no(); }
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return no(); }
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { return no(); }

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
	socklen_t to_size)
{
	return no();
}

ssize_t recvfrom(int fd, void *restrict data, size_t size, int flags,
	struct sockaddr *restrict from, socklen_t *restrict from_size)
{
	return no();
}

static _Thread_local int resolver_error;

int *__h_errno_location(void)
{
	return &resolver_error;
}

int getaddrinfo(const char *restrict host, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
	errno = ENOSYS;
	return EAI_SYSTEM;
}

void freeaddrinfo(struct addrinfo *list) {}

int getnameinfo(const struct sockaddr *restrict address, socklen_t size, char *restrict host,
	socklen_t host_size, char *restrict service, socklen_t service_size, int flags)
{
	errno = ENOSYS;
	return EAI_SYSTEM;
}

const char *gai_strerror(int error)
{
	return error == EAI_SYSTEM ? "there is no network inside a guest" : "unknown error";
}

static void *not_found(void)
{
	resolver_error = HOST_NOT_FOUND;
	return NULL;
}

struct hostent *gethostbyname(const char *name) { return not_found(); }
struct hostent *gethostbyname2(const char *name, int family) { return not_found(); }
struct hostent *gethostbyaddr(const void *address, socklen_t size, int family)
{
	return not_found();
}

struct hostent *gethostent(void) { return NULL; }
void sethostent(int stay) {}
void endhostent(void) {}
struct servent *getservbyname(const char *name, const char *protocol) { return NULL; }
struct servent *getservbyport(int port, const char *protocol) { return NULL; }
struct protoent *getprotobyname(const char *name) { return NULL; }
struct protoent *getprotobynumber(int number) { return NULL; }

const char *hstrerror(int error)
{
	return error ? "host not found: there is no network inside a guest" : "no error";
}

void herror(const char *prefix)
{
	fprintf(stderr, "%s%s%s\n", prefix ? prefix : "", prefix ? ": " : "", hstrerror(resolver_error));
}
