// The processor-time clocks, which wasi-libc leaves out of <time.h>.
#include_next <time.h>

#ifndef CLOCK_PROCESS_CPUTIME_ID
#ifdef __cplusplus
extern "C" {
#endif
extern const struct __clockid _CLOCK_PROCESS_CPUTIME_ID;
extern const struct __clockid _CLOCK_THREAD_CPUTIME_ID;
#ifdef __cplusplus
}
#endif
#define CLOCK_PROCESS_CPUTIME_ID (&_CLOCK_PROCESS_CPUTIME_ID)
#define CLOCK_THREAD_CPUTIME_ID (&_CLOCK_THREAD_CPUTIME_ID)
#endif
