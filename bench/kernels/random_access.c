/* Updates at random places of a table larger than the caches: latency-bound. */
#include "kernel.h"

enum { LOG_SIZE = 23, UPDATES = 1 << 23 };
static uint64_t *table;

static void setup(void) {
    if (!table) table = kernel_allocate(sizeof(uint64_t) << LOG_SIZE);
    for (uint64_t i = 0; i < (uint64_t)1 << LOG_SIZE; i++) table[i] = i;
}

static void compute(void) {
    uint64_t value = 1;
    for (int i = 0; i < UPDATES; i++) {
        value = (value << 1) ^ ((int64_t)value < 0 ? 7 : 0);
        table[(value * 0x9e3779b97f4a7c15u) >> (64 - LOG_SIZE)] ^= value;
    }
}

static double checksum(void) {
    uint64_t mix = 0;
    for (uint64_t i = 0; i < (uint64_t)1 << LOG_SIZE; i++) mix ^= table[i];
    return (double)(mix >> 12);
}

KERNEL_MAIN("random_access", setup, compute, checksum)
