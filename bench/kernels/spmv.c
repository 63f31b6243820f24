/* Sparse matrix times vector (CSR, 27 entries a row): indirect loads. */
#include "kernel.h"

enum { N = 64, ROWS = N * N * N, STEPS = 10 };
static int *start, *column;
static double *value, *x, *y;

static void setup(void) {
    if (!start) {
        start = kernel_allocate(sizeof(int) * (ROWS + 1));
        column = kernel_allocate(sizeof(int) * ROWS * 27);
        value = kernel_allocate(sizeof(double) * ROWS * 27);
        x = kernel_allocate(sizeof(double) * ROWS);
        y = kernel_allocate(sizeof(double) * ROWS);
    }
    int entries = 0;
    for (int row = 0; row < ROWS; row++) {
        int cx = row % N, cy = row / N % N, cz = row / (N * N);
        start[row] = entries;
        for (int dz = -1; dz <= 1; dz++)
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) {
                    int nx = cx + dx, ny = cy + dy, nz = cz + dz;
                    if (nx < 0 || ny < 0 || nz < 0 || nx >= N || ny >= N || nz >= N) continue;
                    int other = (nz * N + ny) * N + nx;
                    column[entries] = other;
                    value[entries++] = other == row ? 26.0 : -1.0;
                }
        x[row] = 1.0 + row % 7;
    }
    start[ROWS] = entries;
}

static void compute(void) {
    for (int step = 0; step < STEPS; step++)
        for (int row = 0; row < ROWS; row++) {
            double sum = 0;
            for (int i = start[row]; i < start[row + 1]; i++) sum += value[i] * x[column[i]];
            y[row] = sum;
        }
}

static double checksum(void) {
    double sum = 0;
    for (int row = 0; row < ROWS; row++) sum += y[row] * (1 + row % 3);
    return sum;
}

KERNEL_MAIN("spmv", setup, compute, checksum)
