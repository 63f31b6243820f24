//! Dynamic loading: a guest is one module.

#include <dlfcn.h>
#include <stddef.h>

static _Thread_local char *message;

static void *refuse(void)
{
	message = "dynamic loading is not supported: a guest is one static module";
	return NULL;
}

void *dlopen(const char *path, int mode) { return refuse(); }
void *dlsym(void *restrict library, const char *restrict name) { return refuse(); }

int dlclose(void *library)
{
	refuse();
	return -1;
}

char *dlerror(void)
{
	char *text = message;
	message = NULL;
	return text;
}
