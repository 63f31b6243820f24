//! Thread-specific data. A key carries the generation it was created in, so a value left behind
//! under a deleted key is not seen under a new one with the same number.

#include "wait.h"
#include "lock.h"
#include <limits.h>

#define KEYS 128

struct key {
	/// Odd while the key exists; grows by one at creation and at deletion.
	unsigned generation;
	void (*destructor)(void *);
};

struct value {
	unsigned generation;
	void *pointer;
};

static struct key keys[KEYS];
static lock_t keys_lock;
static _Thread_local struct value values[KEYS];
/// One more than the highest key this thread has set, to spare most threads the whole search.
static _Thread_local unsigned used;

int __pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	int error = EAGAIN;
	lock(&keys_lock);
	for (unsigned i = 0; i < KEYS; i++)
		if (!(keys[i].generation & 1)) {
			keys[i].generation++;
			keys[i].destructor = destructor;
			*key = i;
			error = 0;
			break;
		}
	unlock(&keys_lock);
	return error;
}

int __pthread_key_delete(pthread_key_t key)
{
	int error = EINVAL;
	lock(&keys_lock);
	if (key < KEYS && keys[key].generation & 1) {
		keys[key].generation++;
		keys[key].destructor = 0;
		error = 0;
	}
	unlock(&keys_lock);
	return error;
}

void *pthread_getspecific(pthread_key_t key)
{
	if (key >= KEYS || values[key].generation != keys[key].generation)
		return 0;
	return values[key].pointer;
}

int pthread_setspecific(pthread_key_t key, const void *pointer)
{
	if (key >= KEYS || !(keys[key].generation & 1))
		return EINVAL;
	values[key] = (struct value){ keys[key].generation, (void *)pointer };
	if (used <= key)
		used = key + 1;
	return 0;
}

/// POSIX: repeat while destructors leave new values behind, a few times.
void __faabric_run_key_destructors(void)
{
	for (int round = 0, again = 1; again && round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
		again = 0;
		for (unsigned i = 0; i < used; i++) {
			lock(&keys_lock);
			struct key key = keys[i];
			unlock(&keys_lock);
			void *pointer = values[i].pointer;
			if (!pointer || !key.destructor || values[i].generation != key.generation)
				continue;
			values[i].pointer = 0;
			key.destructor(pointer);
			again = 1;
		}
	}
}

weak_alias(__pthread_key_create, pthread_key_create);
weak_alias(__pthread_key_delete, pthread_key_delete);
