// build: -pthread
// POSIX threads, all of them: creating and ending, mutexes of every kind, conditions, read-write
// locks, barriers, semaphores, keys, once, thread-local data, spin locks, malloc and stdio.
#include "check.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 2000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_spinlock_t spin;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t semaphore;
static long counter, spun, once_runs, serial, torn;
static _Atomic long destroyed;
static _Thread_local int local = 7;

static void all(void *(*routine)(void *))
{
	pthread_t threads[THREADS];
	for (intptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], 0, routine, (void *)i))
			abort();
	for (intptr_t i = 0; i < THREADS; i++) {
		void *result;
		if (pthread_join(threads[i], &result) || result != (void *)i)
			abort();
	}
}

static struct timespec in(long milliseconds)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += milliseconds * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
		pthread_spin_lock(&spin);
		spun++;
		pthread_spin_unlock(&spin);
	}
	return arg;
}

static void *try_lock(void *arg)
{
	return (void *)(intptr_t)pthread_mutex_trylock(arg);
}

static void *timed_lock(void *arg)
{
	struct timespec t = in(20);
	return (void *)(intptr_t)pthread_mutex_timedlock(arg, &t);
}

static intptr_t in_thread(void *(*routine)(void *), void *arg)
{
	pthread_t t;
	void *result;
	if (pthread_create(&t, 0, routine, arg) || pthread_join(t, &result))
		abort();
	return (intptr_t)result;
}

static void mutexes(void)
{
	pthread_spin_init(&spin, 0);
	all(count);
	CHECK(counter == THREADS * ROUNDS);
	CHECK(spun == THREADS * ROUNDS);

	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_t m;
	pthread_mutex_init(&m, &attr);
	CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == 0);
	CHECK(in_thread(try_lock, &m) == EBUSY);
	CHECK(in_thread(timed_lock, &m) == ETIMEDOUT);
	CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == 0);
	CHECK(pthread_mutex_unlock(&m) == EPERM);
	CHECK(pthread_mutex_destroy(&m) == 0);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &attr);
	CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK);
	CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == EPERM);
}

// A bounded queue between four producers and four consumers.
static int queue[4], queued, produced, consumed;
static long sum;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER;

static void *produce_or_consume(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		if ((intptr_t)arg % 2) {
			while (queued == 4)
				pthread_cond_wait(&room, &mutex);
			queue[queued++] = ++produced;
			pthread_cond_signal(&condition);
		} else {
			while (queued == 0)
				pthread_cond_wait(&condition, &mutex);
			sum += queue[--queued];
			consumed++;
			pthread_cond_broadcast(&room);
		}
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void conditions(void)
{
	all(produce_or_consume);
	long n = THREADS / 2 * ROUNDS;
	CHECK(consumed == n && sum == n * (n + 1) / 2);
	struct timespec soon = in(20);
	pthread_mutex_lock(&mutex);
	CHECK(pthread_cond_timedwait(&condition, &mutex, &soon) == ETIMEDOUT);
	CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
	pthread_mutex_unlock(&mutex);
}

static long pair[2];

static void *read_or_write(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		if ((intptr_t)arg < 2) {
			pthread_rwlock_wrlock(&rwlock);
			pair[0]++;
			pair[1]++;
			pthread_rwlock_unlock(&rwlock);
		} else {
			pthread_rwlock_rdlock(&rwlock);
			if (pair[0] != pair[1])
				torn++;
			pthread_rwlock_unlock(&rwlock);
		}
	}
	return arg;
}

static int stage[THREADS];

static void *in_stages(void *arg)
{
	intptr_t me = (intptr_t)arg;
	for (int round = 1; round <= 100; round++) {
		stage[me] = round;
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			serial++;
		for (int i = 0; i < THREADS; i++)
			if (stage[i] != round)
				torn++;
		pthread_barrier_wait(&barrier);
	}
	return arg;
}

static void *through_semaphore(void *arg)
{
	static _Atomic int inside;
	for (int i = 0; i < ROUNDS; i++) {
		sem_wait(&semaphore);
		if (++inside > 3)
			torn++;
		inside--;
		sem_post(&semaphore);
	}
	return arg;
}

static void run_once(void)
{
	once_runs++;
}

static void destroy(void *value)
{
	destroyed += (intptr_t)value;
}

static void *own_data(void *arg)
{
	pthread_once(&once, run_once);
	if (local != 7 || pthread_getspecific(key))
		torn++;
	local = (int)(intptr_t)arg;
	pthread_setspecific(key, (void *)1);
	errno = (int)(intptr_t)arg;
	sched_yield();
	if (local != (int)(intptr_t)arg || errno != local)
		torn++;
	return arg;
}

static void *with_files(void *arg)
{
	char name[16], word[16] = "";
	snprintf(name, sizeof name, "of-%d", (int)(intptr_t)arg);
	FILE *file = fopen(name, "w+");
	if (!file || fprintf(file, "%s\n", name) < 0 || fseek(file, 0, SEEK_SET) ||
	    fscanf(file, "%15s", word) != 1 || strcmp(word, name) || fclose(file))
		torn++;
	return arg;
}

static void *allocate(void *arg)
{
	enum { LIVE = 64 };
	unsigned char *blocks[LIVE] = { 0 };
	unsigned seed = (unsigned)(intptr_t)arg + 1;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned at = seed >> 16 & (LIVE - 1), size = (seed >> 8) % 3000 + 1;
		if (blocks[at] && blocks[at][0] != (unsigned char)(intptr_t)arg)
			__atomic_fetch_add(&torn, 1, __ATOMIC_SEQ_CST);
		free(blocks[at]);
		blocks[at] = malloc(size);
		memset(blocks[at], (int)(intptr_t)arg, size);
	}
	for (int i = 0; i < LIVE; i++)
		free(blocks[i]);
	return arg;
}

static FILE *shared_file;

static void *print(void *arg)
{
	for (int i = 0; i < 200; i++)
		fprintf(shared_file, "thread %d line %d %s\n", (int)(intptr_t)arg, i, "abcdefghijklmnop");
	return arg;
}

static void *leave(void *arg)
{
	pthread_setspecific(key, (void *)100);
	pthread_exit(arg);
}

static void *nothing(void *arg)
{
	return arg;
}

static void *note(void *arg)
{
	sem_post(arg);
	return 0;
}

static int c11(void *arg)
{
	return *(int *)arg + 1;
}

int main(void)
{
	CHECK(fopen("not here", "r") == NULL);
	mutexes();
	conditions();
	all(with_files);
	CHECK(torn == 0);
	all(read_or_write);
	CHECK(torn == 0 && pair[0] == 2 * ROUNDS);

	CHECK(pthread_barrier_init(&barrier, 0, 0) == EINVAL);
	pthread_barrier_init(&barrier, 0, THREADS);
	all(in_stages);
	CHECK(torn == 0 && serial == 100);
	CHECK(pthread_barrier_destroy(&barrier) == 0);

	sem_init(&semaphore, 0, 3);
	all(through_semaphore);
	int value;
	sem_getvalue(&semaphore, &value);
	CHECK(torn == 0 && value == 3);
	sem_init(&semaphore, 0, 0);
	struct timespec soon = in(20);
	CHECK(sem_timedwait(&semaphore, &soon) == -1 && errno == ETIMEDOUT);
	CHECK(sem_trywait(&semaphore) == -1 && errno == EAGAIN);

	CHECK(pthread_key_create(&key, destroy) == 0);
	all(own_data);
	CHECK(torn == 0 && once_runs == 1 && destroyed == THREADS && local == 7);
	CHECK(in_thread(leave, (void *)5) == 5 && destroyed == THREADS + 100);

	all(allocate);
	CHECK(torn == 0);

	char *text;
	size_t size;
	shared_file = open_memstream(&text, &size);
	all(print);
	fclose(shared_file);
	int lines = 0, whole = 1;
	for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n"), lines++)
		whole &= strlen(line) > 20 && !strcmp(line + strlen(line) - 16, "abcdefghijklmnop");
	CHECK(lines == THREADS * 200 && whole);
	free(text);

	pthread_t t;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	for (int i = 0; i < 100; i++)
		if (pthread_create(&t, &attr, note, &semaphore))
			torn++;
	for (int i = 0; i < 100; i++)
		sem_wait(&semaphore);
	CHECK(torn == 0);
	for (int i = 0; i < 1000; i++)
		torn += in_thread(nothing, (void *)(intptr_t)i) != i;
	CHECK(torn == 0);
	CHECK(pthread_equal(pthread_self(), pthread_self()));
	CHECK(pthread_join(pthread_self(), 0) == EDEADLK);

	thrd_t c;
	int argument = 41, result = 0;
	CHECK(thrd_create(&c, c11, &argument) == thrd_success);
	CHECK(thrd_join(c, &result) == thrd_success && result == 42);
	return CHECK_DONE();
}
