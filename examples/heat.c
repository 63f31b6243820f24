/* Heat in a square plate: Jacobi iterations on a grid split into blocks of rows.
 *
 *   faabric cc -O3 -o heat.wasm examples/heat.c -lm
 *   faabric run -n 4 heat.wasm [points per side] [steps]
 *
 * Every step, neighbours swap the rows at their borders; every 100 steps all ranks
 * agree how much the plate still changes. The top edge is kept hot, the rest cold. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int points = argc > 1 ? atoi(argv[1]) : 512;
    int steps = argc > 2 ? atoi(argv[2]) : 1000;

    int ranks, rank, up, down, periodic = 0;
    MPI_Comm line;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Cart_create(MPI_COMM_WORLD, 1, &ranks, &periodic, 1, &line);
    MPI_Comm_rank(line, &rank);
    MPI_Cart_shift(line, 0, 1, &up, &down);
    if (points < ranks || steps < 1) {
        if (rank == 0) fprintf(stderr, "heat: needs at least one row a rank and one step\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }

    /* Rows 1..rows are ours; rows 0 and rows+1 are copies of the neighbours'. */
    int rows = points / ranks + (rank < points % ranks);
    size_t cells = (size_t)(rows + 2) * points;
    double *now = calloc(cells, sizeof *now), *next = calloc(cells, sizeof *next);
    if (!now || !next) MPI_Abort(MPI_COMM_WORLD, 3);
    if (rank == 0)
        for (int j = 0; j < points; j++) now[j] = next[j] = 100.0;

    double start = MPI_Wtime(), change = 0;
    for (int step = 1; step <= steps; step++) {
        MPI_Request borders[4];
        MPI_Irecv(now, points, MPI_DOUBLE, up, 0, line, &borders[0]);
        MPI_Irecv(now + (size_t)(rows + 1) * points, points, MPI_DOUBLE, down, 1, line, &borders[1]);
        MPI_Isend(now + points, points, MPI_DOUBLE, up, 1, line, &borders[2]);
        MPI_Isend(now + (size_t)rows * points, points, MPI_DOUBLE, down, 0, line, &borders[3]);
        MPI_Waitall(4, borders, MPI_STATUSES_IGNORE);

        double mine = 0;
        for (int i = 1; i <= rows; i++)
            for (int j = 1; j < points - 1; j++) {
                const double *cell = now + (size_t)i * points + j;
                double value = 0.25 * (cell[-points] + cell[points] + cell[-1] + cell[1]);
                mine += fabs(value - *cell);
                next[(size_t)i * points + j] = value;
            }
        double *swap = now;
        now = next;
        next = swap;

        if (step % 100 == 0 || step == steps) {
            MPI_Allreduce(&mine, &change, 1, MPI_DOUBLE, MPI_SUM, line);
            if (rank == 0) printf("step %5d  change %.6e\n", step, change);
        }
    }

    double mine = 0, total;
    for (int i = 1; i <= rows; i++)
        for (int j = 0; j < points; j++) mine += now[(size_t)i * points + j];
    MPI_Reduce(&mine, &total, 1, MPI_DOUBLE, MPI_SUM, 0, line);
    if (rank == 0)
        printf("%d x %d points, %d ranks: mean temperature %.6f after %d steps, %.3f s\n", points, points,
               ranks, total / points / points, steps, MPI_Wtime() - start);
    free(now);
    free(next);
    MPI_Comm_free(&line);
    MPI_Finalize();
    return 0;
}
