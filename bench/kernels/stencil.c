/* Seven-point stencil over a cube: streaming, vectorisable, memory-bound. */
#include "kernel.h"

enum { N = 160, STEPS = 20 };
static double grid[2][N][N][N];

static void setup(void) {
    uint64_t state = 1;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int k = 0; k < N; k++) grid[0][i][j][k] = grid[1][i][j][k] = kernel_uniform(&state);
}

static void compute(void) {
    for (int step = 0; step < STEPS; step++) {
        double(*from)[N][N] = grid[step & 1], (*to)[N][N] = grid[(step + 1) & 1];
        for (int i = 1; i < N - 1; i++)
            for (int j = 1; j < N - 1; j++)
                for (int k = 1; k < N - 1; k++)
                    to[i][j][k] = 0.4 * from[i][j][k] +
                                  0.1 * (from[i - 1][j][k] + from[i + 1][j][k] + from[i][j - 1][k] +
                                         from[i][j + 1][k] + from[i][j][k - 1] + from[i][j][k + 1]);
    }
}

static double checksum(void) {
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int k = 0; k < N; k++) sum += grid[STEPS & 1][i][j][k];
    return sum;
}

KERNEL_MAIN("stencil", setup, compute, checksum)
