//! Creating, ending and joining threads.
//!
//! ```text
//!  one allocation a thread:   guard | C stack (grows down) | struct start | thread-local data
//!                                                                            \_ struct __pthread
//!  joinable --pthread_detach--> detached
//!     |  the start routine ends    |
//!   exited  --join: wait until tid is 0, free--      on `ended`, freed by a later create or detach
//! ```
//! `tid` is 0 once the thread has left its stack for good (see entry.S).

#include "wait.h"
#include "lock.h"
#include "libc.h"
#include "locale_impl.h"
#include "stdio_impl.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>

/// As the main thread's tid: the host numbers threads from 1, below 2^29.
#define MAIN_TID 0x1fffffff

#ifdef _REENTRANT

/// glibc gives threads 8 MiB. These are carved out of 4 GiB of memory that is shared by all.
unsigned __default_stacksize = 4 << 20;
unsigned __default_guardsize = 0;

#define SMALLEST_STACK 16384u
#define STACK_ALIGNMENT 16u
/// Written below each stack and checked when its thread ends: there are no guard pages.
#define GUARD 0x5afe57acu
#define GUARD_SIZE 64u

_Thread_local struct __pthread __wasilibc_pthread_self;

/// What a new thread is told; entry.S knows the first two fields.
struct start {
	void *stack;
	void *tls;
	void *(*routine)(void *);
	void *argument;
};

static _Thread_local jmp_buf end_of_thread;

/// Detached threads that ended, to be freed once they have left their stacks.
static struct __pthread *ended;
static lock_t ended_lock;

/// Threads besides the main one; the main thread waits on it in pthread_exit.
static volatile int others;

void wasi_thread_start(int, void *);
hidden void __faabric_copy_tls(void *);

static void set_up(struct __pthread *self, int tid)
{
	self->self = self;
	self->tid = tid;
	self->locale = &libc.global_locale;
	self->detach_state = DT_JOINABLE;
}

/// Called by crt1 before constructors run.
void __wasi_init_tp(void)
{
	set_up(__pthread_self(), MAIN_TID);
}

pthread_t pthread_self(void)
{
	return __pthread_self();
}

/// Frees what detached threads left behind.
static void reap(void)
{
	if (!ended)
		return;
	lock(&ended_lock);
	struct __pthread **link = &ended, *t;
	while ((t = *link)) {
		if (load(&t->tid)) {
			link = &t->next;
		} else {
			*link = t->next;
			free(t->map_base);
		}
	}
	unlock(&ended_lock);
}

static void abandon(struct __pthread *t)
{
	lock(&ended_lock);
	t->next = ended;
	ended = t;
	unlock(&ended_lock);
}

/// The result of a C11 thread is an int; its function must be called with its own type.
static void *run_c11(struct start *start)
{
	return (void *)(intptr_t)((int (*)(void *))start->routine)(start->argument);
}

/// Everything a thread does between having a stack and giving it up. Returns the word by which
/// others learn that it is gone.
volatile int *__faabric_thread_main(int tid, struct start *start)
{
	struct __pthread *self = __pthread_self();
	self->tid = tid;
	if (!setjmp(end_of_thread))
		self->result = self->cancelasync ? run_c11(start) : start->routine(start->argument);

	__faabric_run_key_destructors();
	__do_orphaned_stdio_locks();
	for (unsigned i = 0; i < GUARD_SIZE / 4; i++)
		if (((volatile unsigned *)self->map_base)[i] != GUARD) {
			static const char text[] =
				"faabric: a thread overflowed its stack; give it a larger one with "
				"pthread_attr_setstacksize, or OMP_STACKSIZE\n";
			write(2, text, sizeof text - 1);
			__builtin_trap();
		}
	__faabric_malloc_thread_exit();
	if (swap(&self->detach_state, DT_EXITED) == DT_DETACHED)
		abandon(self);
	if (add(&others, -1) == 1)
		futex_wake(&others, 1);
	return &self->tid;
}

static void begin_to_lock(FILE *f)
{
	if (f && f->lock < 0)
		f->lock = 0;
}

/// musl opens FILEs without a lock while there is one thread. From the first further one on,
/// those that are open have one, and those to come get it from `libc.threaded`.
static void begin_threading(void)
{
	if (libc.threaded)
		return;
	for (FILE *f = *__ofl_lock(); f; f = f->next)
		begin_to_lock(f);
	__ofl_unlock();
	begin_to_lock(__stdin_used);
	begin_to_lock(__stdout_used);
	begin_to_lock(__stderr_used);
	libc.threaded = 1;
}

static int create(pthread_t *to, const pthread_attr_t *attr, void *(*routine)(void *), void *arg,
	int c11)
{
	begin_threading();
	reap();
	size_t stack_size = attr ? attr->_a_stacksize : __default_stacksize;
	if (stack_size < SMALLEST_STACK)
		stack_size = SMALLEST_STACK;
	stack_size = (stack_size + STACK_ALIGNMENT - 1) & -STACK_ALIGNMENT;
	size_t tls_align = __builtin_wasm_tls_align();
	if (tls_align < STACK_ALIGNMENT)
		tls_align = STACK_ALIGNMENT;
	size_t rest = sizeof(struct start) + tls_align + __builtin_wasm_tls_size();
	char *base;
	if (stack_size > UINT32_MAX - GUARD_SIZE - rest ||
	    !(base = malloc(GUARD_SIZE + stack_size + rest)))
		return EAGAIN;
	for (unsigned i = 0; i < GUARD_SIZE / 4; i++)
		((unsigned *)base)[i] = GUARD;
	char *stack = base + GUARD_SIZE + stack_size;
	struct start *start = (struct start *)stack;
	char *tls = (char *)(((uintptr_t)(start + 1) + tls_align - 1) & -tls_align);
	__faabric_copy_tls(tls);
	struct __pthread *t = (struct __pthread *)(tls +
		((char *)__pthread_self() - (char *)__builtin_wasm_tls_base()));
	set_up(t, MAIN_TID);
	t->map_base = (unsigned char *)base;
	t->stack = stack;
	t->stack_size = stack_size;
	t->cancelasync = c11;
	if (attr && attr->_a_detach)
		t->detach_state = DT_DETACHED;
	*start = (struct start){ stack, tls, routine, arg };
	// The thread may be over before the host answers: the handle comes first.
	*to = t;
	add(&others, 1);
	int tid = __wasi_thread_spawn(start);
	if (tid < 0) {
		add(&others, -1);
		free(base);
		return EAGAIN;
	}
	// Keeps entry.S, which only the host calls, in the program.
	__asm__ volatile("" ::"r"(wasi_thread_start));
	return 0;
}

int __pthread_create(pthread_t *restrict to, const pthread_attr_t *restrict attr,
	void *(*routine)(void *), void *restrict arg)
{
	if (attr == __ATTRP_C11_THREAD)
		return create(to, 0, routine, arg, 1);
	return create(to, attr, routine, arg, 0);
}

_Noreturn void __pthread_exit(void *result)
{
	struct __pthread *self = __pthread_self();
	self->result = result;
	for (struct __ptcb *cleanup; (cleanup = self->cancelbuf);) {
		self->cancelbuf = cleanup->__next;
		cleanup->__f(cleanup->__x);
	}
	if (self->map_base)
		longjmp(end_of_thread, 1);
	// The main thread's stack is the program's; it ends with the last of the others.
	__faabric_run_key_destructors();
	for (int left; (left = load(&others));)
		futex_wait(&others, left, FOREVER);
	exit(0);
}

static int join(pthread_t t, void **result, int64_t nanoseconds)
{
	if (t == __pthread_self())
		return EDEADLK;
	if (load(&t->detach_state) == DT_DETACHED)
		return EINVAL;
	for (int tid; (tid = load(&t->tid));)
		if (futex_wait(&t->tid, tid, nanoseconds) == ETIMEDOUT && load(&t->tid))
			return ETIMEDOUT;
	if (result)
		*result = t->result;
	free(t->map_base);
	return 0;
}

int pthread_timedjoin_np(pthread_t t, void **result, const struct timespec *deadline)
{
	int64_t left = until(CLOCK_REALTIME, deadline);
	return left == -EINVAL ? EINVAL : join(t, result, left);
}

int pthread_tryjoin_np(pthread_t t, void **result)
{
	return load(&t->tid) ? EBUSY : join(t, result, FOREVER);
}

int pthread_detach(pthread_t t)
{
	switch (cas(&t->detach_state, DT_JOINABLE, DT_DETACHED)) {
	case DT_JOINABLE:
		return 0;
	case DT_EXITED:
		abandon(t);
		reap();
		return 0;
	default:
		return EINVAL;
	}
}

int __pthread_join(pthread_t t, void **result)
{
	return join(t, result, FOREVER);
}

int pthread_getattr_np(pthread_t t, pthread_attr_t *attr)
{
	extern unsigned char __data_end, __stack_low, __stack_high;
	*attr = (pthread_attr_t){ 0 };
	attr->_a_detach = t->detach_state == DT_DETACHED;
	// As for pthread_attr_setstack, the "address" is the stack's high end.
	attr->_a_stackaddr = (uintptr_t)(t->map_base ? t->stack : &__stack_high);
	attr->_a_stacksize = t->map_base ? t->stack_size : (size_t)(&__stack_high - &__stack_low);
	return 0;
}

#else // one thread

unsigned __default_stacksize = 4 << 20;
unsigned __default_guardsize = 0;

_Thread_local struct __pthread __wasilibc_pthread_self = {
	.tid = MAIN_TID,
	.detach_state = DT_JOINABLE,
};

_Noreturn void __faabric_deadlock(void)
{
	static const char text[] = "faabric: deadlock: this program waits for another thread and was "
				   "built without -pthread, so it has none\n";
	write(2, text, sizeof text - 1);
	__builtin_trap();
}

pthread_t pthread_self(void)
{
	return &__wasilibc_pthread_self;
}

// pthread_create is missing on purpose: a program that starts threads fails to link without
// -pthread, which is also how configure scripts learn that they need it.

_Noreturn void __pthread_exit(void *result)
{
	struct __pthread *self = __pthread_self();
	for (struct __ptcb *cleanup; (cleanup = self->cancelbuf);) {
		self->cancelbuf = cleanup->__next;
		cleanup->__f(cleanup->__x);
	}
	__faabric_run_key_destructors();
	exit(0);
}

// There is no thread but the caller.
int __pthread_join(pthread_t t, void **result)
{
	return t == __pthread_self() ? EDEADLK : ESRCH;
}

int pthread_timedjoin_np(pthread_t t, void **result, const struct timespec *deadline)
{
	return __pthread_join(t, result);
}

int pthread_tryjoin_np(pthread_t t, void **result)
{
	return __pthread_join(t, result);
}

int pthread_detach(pthread_t t)
{
	return t == __pthread_self() ? 0 : ESRCH;
}

int pthread_getattr_np(pthread_t t, pthread_attr_t *attr)
{
	extern unsigned char __stack_low, __stack_high;
	*attr = (pthread_attr_t){ 0 };
	attr->_a_stackaddr = (uintptr_t)&__stack_high;
	attr->_a_stacksize = (size_t)(&__stack_high - &__stack_low);
	return 0;
}

#endif

#ifdef _REENTRANT
weak_alias(__pthread_create, pthread_create);
#endif
weak_alias(__pthread_exit, pthread_exit);
weak_alias(__pthread_join, pthread_join);
