/* As glibc's does, and as programs for it expect: the old names of types (u_int, caddr_t)
 * come along. */
#include_next <stdlib.h>
#if defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
#include <sys/types.h>
#endif
