// <sched.h> with the part that wasi-libc leaves out: priorities and CPU sets. The host schedules
// guests; asking is answered, and setting fails with ENOSYS.
#ifndef _SCHED_H
#define _SCHED_H

#ifdef __cplusplus
extern "C" {
#endif

#include <features.h>

#define __NEED_struct_timespec
#define __NEED_pid_t
#define __NEED_time_t
#define __NEED_size_t

#include <bits/alltypes.h>

struct sched_param {
	int sched_priority;
	int __reserved1;
	struct {
		time_t __reserved1;
		long __reserved2;
	} __reserved2[2];
	int __reserved3;
};

int sched_get_priority_max(int);
int sched_get_priority_min(int);
int sched_getparam(pid_t, struct sched_param *);
int sched_getscheduler(pid_t);
int sched_rr_get_interval(pid_t, struct timespec *);
int sched_setparam(pid_t, const struct sched_param *);
int sched_setscheduler(pid_t, int, const struct sched_param *);
int sched_yield(void);

#define SCHED_OTHER 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#define SCHED_BATCH 3
#define SCHED_IDLE 5
#define SCHED_DEADLINE 6
#define SCHED_RESET_ON_FORK 0x40000000

#ifdef _GNU_SOURCE
typedef struct cpu_set_t {
	unsigned long __bits[128 / sizeof(long)];
} cpu_set_t;

int sched_getcpu(void);
int sched_getaffinity(pid_t, size_t, cpu_set_t *);
int sched_setaffinity(pid_t, size_t, const cpu_set_t *);

#define CPU_SETSIZE 1024

#define __CPU_WORD(i, set) ((unsigned long *)(set))[(i) / (8 * sizeof(long))]
#define __CPU_BIT(i) (1UL << ((i) % (8 * sizeof(long))))
#define CPU_SET_S(i, size, set) ((i) / 8U >= (size) ? 0 : (__CPU_WORD(i, set) |= __CPU_BIT(i)))
#define CPU_CLR_S(i, size, set) ((i) / 8U >= (size) ? 0 : (__CPU_WORD(i, set) &= ~__CPU_BIT(i)))
#define CPU_ISSET_S(i, size, set) ((i) / 8U >= (size) ? 0 : !!(__CPU_WORD(i, set) & __CPU_BIT(i)))
#define CPU_ZERO_S(size, set) ((void)__builtin_memset((set), 0, (size)))
#define CPU_EQUAL_S(size, a, b) (!__builtin_memcmp((a), (b), (size)))
#define CPU_ALLOC_SIZE(n) (sizeof(long) * (((n) + 8 * sizeof(long) - 1) / (8 * sizeof(long))))
#define CPU_ALLOC(n) ((cpu_set_t *)__builtin_calloc(1, CPU_ALLOC_SIZE(n)))
#define CPU_FREE(set) __builtin_free(set)

static __inline int __cpu_count(size_t __size, const cpu_set_t *__set)
{
	int __n = 0;
	for (size_t __i = 0; __i < __size / sizeof(long); __i++)
		__n += __builtin_popcountl(__set->__bits[__i]);
	return __n;
}

#define CPU_COUNT_S(size, set) __cpu_count((size), (set))
#define CPU_SET(i, set) CPU_SET_S(i, sizeof(cpu_set_t), set)
#define CPU_CLR(i, set) CPU_CLR_S(i, sizeof(cpu_set_t), set)
#define CPU_ISSET(i, set) CPU_ISSET_S(i, sizeof(cpu_set_t), set)
#define CPU_ZERO(set) CPU_ZERO_S(sizeof(cpu_set_t), set)
#define CPU_EQUAL(a, b) CPU_EQUAL_S(sizeof(cpu_set_t), a, b)
#define CPU_COUNT(set) CPU_COUNT_S(sizeof(cpu_set_t), set)
#endif

#ifdef __cplusplus
}
#endif
#endif
