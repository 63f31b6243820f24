/* What the five kernels share: a clock, repetition, and one line of result.
 * Each kernel prints: NAME SECONDS CHECKSUM, the fastest of its repetitions. */
#ifndef KERNEL_H
#define KERNEL_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KERNEL_REPEATS = 5 };

static inline double kernel_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A 64-bit linear congruential generator: the same numbers on every platform. */
static inline uint64_t kernel_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 11;
}

static inline double kernel_uniform(uint64_t *state) {
    return (double)kernel_random(state) * 0x1p-53;
}

static inline void *kernel_allocate(size_t bytes) {
    void *memory = malloc(bytes);
    if (!memory) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return memory;
}

#define KERNEL_MAIN(name, setup, compute, checksum)                              \
    int main(void) {                                                             \
        double fastest = 1e30;                                                   \
        for (int repeat = 0; repeat < KERNEL_REPEATS; repeat++) {                \
            setup();                                                             \
            double start = kernel_clock();                                       \
            compute();                                                           \
            double seconds = kernel_clock() - start;                             \
            if (seconds < fastest) fastest = seconds;                            \
        }                                                                        \
        printf("%s %.6f %.10g\n", name, fastest, (double)checksum());            \
        return 0;                                                                \
    }
#endif
