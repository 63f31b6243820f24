// A signal set with room for musl's 64 signals; wasi-libc's is a placeholder of one byte.
#ifndef __wasilibc___typedef_sigset_t_h
#define __wasilibc___typedef_sigset_t_h

typedef struct __sigset_t {
	unsigned long __bits[2];
} sigset_t;

#endif
