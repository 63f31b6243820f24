// What musl defines per machine and wasi-libc leaves out.
#include_next <bits/signal.h>

#ifndef SA_NOCLDSTOP
#define SA_NOCLDSTOP 1
#define SA_NOCLDWAIT 2
#define SA_SIGINFO 4
#define SA_ONSTACK 0x08000000
#define SA_RESTART 0x10000000
#define SA_NODEFER 0x40000000
#define SA_RESETHAND 0x80000000
#define SA_RESTORER 0x04000000

#define MINSIGSTKSZ 2048
#define SIGSTKSZ 8192

struct sigaltstack {
	void *ss_sp;
	int ss_flags;
	__SIZE_TYPE__ ss_size;
};

typedef struct __ucontext {
	unsigned long uc_flags;
	struct __ucontext *uc_link;
	struct sigaltstack uc_stack;
	sigset_t uc_sigmask;
} ucontext_t;
#endif
