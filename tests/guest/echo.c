/* Every rank reads its standard input to the end; rank 0 reports. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, bytes = 0, lines = 0, others, c;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    while ((c = getchar()) != EOF) {
        bytes++;
        lines += c == '\n';
    }
    int mine = rank ? bytes : 0;
    MPI_Reduce(&mine, &others, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) printf("rank 0 read %d bytes in %d lines\nranks 1.. read %d bytes\n", bytes, lines, others);
    MPI_Finalize();
    return 0;
}
