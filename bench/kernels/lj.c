/* Lennard-Jones forces with a neighbour list: what LAMMPS spends its time on. */
#include "kernel.h"
#include <math.h>

enum { SIDE = 24, ATOMS = SIDE * SIDE * SIDE, MOST = 96, STEPS = 20 };
static double x[ATOMS][3], f[ATOMS][3];
static int neighbours[ATOMS][MOST], count[ATOMS];
static const double spacing = 1.1, cutoff2 = 2.5 * 2.5;

static void setup(void) {
    uint64_t state = 1;
    for (int i = 0; i < ATOMS; i++) {
        int cell[3] = {i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)};
        for (int d = 0; d < 3; d++) {
            x[i][d] = spacing * cell[d] + 0.1 * (kernel_uniform(&state) - 0.5);
            f[i][d] = 0;
        }
        count[i] = 0;
    }
    for (int i = 0; i < ATOMS; i++) {
        int cell[3] = {i % SIDE, i / SIDE % SIDE, i / (SIDE * SIDE)};
        for (int dz = -3; dz <= 3; dz++)
            for (int dy = -3; dy <= 3; dy++)
                for (int dx = -3; dx <= 3; dx++) {
                    int cx = cell[0] + dx, cy = cell[1] + dy, cz = cell[2] + dz;
                    if (cx < 0 || cy < 0 || cz < 0 || cx >= SIDE || cy >= SIDE || cz >= SIDE) continue;
                    int j = (cz * SIDE + cy) * SIDE + cx;
                    double ax = x[i][0] - x[j][0], ay = x[i][1] - x[j][1], az = x[i][2] - x[j][2];
                    if (j > i && ax * ax + ay * ay + az * az < 2.8 * 2.8 && count[i] < MOST)
                        neighbours[i][count[i]++] = j;
                }
    }
}

static void compute(void) {
    for (int step = 0; step < STEPS; step++)
        for (int i = 0; i < ATOMS; i++) {
            double xi = x[i][0], yi = x[i][1], zi = x[i][2], fx = 0, fy = 0, fz = 0;
            for (int n = 0; n < count[i]; n++) {
                int j = neighbours[i][n];
                double dx = xi - x[j][0], dy = yi - x[j][1], dz = zi - x[j][2];
                double r2 = dx * dx + dy * dy + dz * dz;
                if (r2 < cutoff2) {
                    double inverse2 = 1.0 / r2, inverse6 = inverse2 * inverse2 * inverse2;
                    double force = inverse6 * (48.0 * inverse6 - 24.0) * inverse2;
                    fx += dx * force;
                    fy += dy * force;
                    fz += dz * force;
                    f[j][0] -= dx * force;
                    f[j][1] -= dy * force;
                    f[j][2] -= dz * force;
                }
            }
            f[i][0] += fx;
            f[i][1] += fy;
            f[i][2] += fz;
        }
}

static double checksum(void) {
    double sum = 0;
    for (int i = 0; i < ATOMS; i++) sum += fabs(f[i][0]) + fabs(f[i][1]) + fabs(f[i][2]);
    return sum;
}

KERNEL_MAIN("lj", setup, compute, checksum)
