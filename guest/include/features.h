/* As glibc's does: who asks for everything asks for POSIX, and programs look whether that
 * is so. */
#include_next <features.h>
#ifdef _GNU_SOURCE
#ifndef _POSIX_SOURCE
#define _POSIX_SOURCE 1
#endif
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#endif
