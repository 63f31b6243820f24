// The constants of <sys/socket.h> that programs name before they learn that a guest has no network
// of its own.
#include_next <sys/socket.h>

#ifndef _FAABRIC_SYS_SOCKET_H
#define _FAABRIC_SYS_SOCKET_H

#ifndef SOCK_RAW
#define SOCK_RAW 103
#define SOCK_SEQPACKET 105
#endif
#ifndef PF_LOCAL
#define PF_LOCAL 3
#define PF_UNIX PF_LOCAL
#define AF_LOCAL PF_LOCAL
#endif
#ifndef MSG_OOB
#define MSG_OOB 0x1000
#define MSG_DONTROUTE 0x2000
#endif
#ifndef MSG_DONTWAIT
#define MSG_DONTWAIT 0x0040
#define MSG_NOSIGNAL 0x4000
#endif
#ifndef SO_REUSEADDR
#define SO_DEBUG 1
#define SO_REUSEADDR 2
#define SO_ERROR 4
#define SO_DONTROUTE 5
#define SO_BROADCAST 6
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_OOBINLINE 10
#define SO_LINGER 13
#define SO_REUSEPORT 15
#define SO_RCVLOWAT 18
#define SO_SNDLOWAT 19
#define SO_ACCEPTCONN 30
#define SO_RCVTIMEO 66
#define SO_SNDTIMEO 67
#endif
#ifndef SOMAXCONN
#define SOMAXCONN 128
#endif

#endif
