// The compiler rewrites calls of `setjmp` and `longjmp` by name; the variants are those.
#include_next <setjmp.h>

#ifndef _FAABRIC_SETJMP_H
#define _FAABRIC_SETJMP_H

// No signal mask is saved: signals are delivered synchronously only.
#define _setjmp(env) setjmp(env)
#define _longjmp(env, value) longjmp(env, value)
#define sigsetjmp(env, save) ((void)(save), setjmp(env))
#define siglongjmp(env, value) longjmp(env, value)

#endif
