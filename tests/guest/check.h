// Checks of the guest test programs: each prints what it checked, and the program ends with 1 if
// any failed.
#pragma once
#include <stdio.h>

static int check_failures;

#define CHECK(condition)                                                                     \
	do {                                                                                 \
		if (condition) {                                                             \
			printf("ok: %s\n", #condition);                                      \
		} else {                                                                     \
			printf("FAILED: %s (%s:%d)\n", #condition, __FILE__, __LINE__);      \
			check_failures++;                                                    \
		}                                                                            \
	} while (0)

#define CHECK_DONE() (printf("%d failed\n", check_failures), check_failures != 0)
