/* Blocked matrix product in doubles: the arithmetic-bound end of the five. */
#include "kernel.h"
#include <string.h>

enum { N = 768, BLOCK = 64 };
static double a[N][N], b[N][N], c[N][N];

static void setup(void) {
    uint64_t state = 1;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = kernel_uniform(&state);
            b[i][j] = kernel_uniform(&state);
        }
    memset(c, 0, sizeof c);
}

static void compute(void) {
    for (int ii = 0; ii < N; ii += BLOCK)
        for (int kk = 0; kk < N; kk += BLOCK)
            for (int i = ii; i < ii + BLOCK; i++)
                for (int k = kk; k < kk + BLOCK; k++) {
                    double aik = a[i][k];
                    for (int j = 0; j < N; j++) c[i][j] += aik * b[k][j];
                }
}

static double checksum(void) {
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) sum += c[i][j];
    return sum;
}

KERNEL_MAIN("dgemm", setup, compute, checksum)
