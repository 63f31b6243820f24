/* Passes messages of sizes from 0 to 1 MiB, or to the argument's number of bytes,
 * around a ring of all ranks and checks every byte: below and above any eager limit. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int left = (rank + size - 1) % size, right = (rank + 1) % size, wrong = 0;
    int most = argc > 1 ? atoi(argv[1]) : 1 << 20;
    for (int bytes = 0; bytes <= most; bytes = bytes ? bytes * 4 : 1) {
        unsigned char *out = malloc(bytes + 1), *in = calloc(1, bytes + 1);
        for (int i = 0; i < bytes; i++) out[i] = (unsigned char)(i * 7 + rank);
        MPI_Status status;
        MPI_Sendrecv(out, bytes, MPI_BYTE, right, bytes, in, bytes, MPI_BYTE, left, bytes, MPI_COMM_WORLD, &status);
        int got;
        MPI_Get_count(&status, MPI_BYTE, &got);
        wrong += got != bytes || status.MPI_SOURCE != left || status.MPI_TAG != bytes;
        for (int i = 0; i < bytes; i++) wrong += in[i] != (unsigned char)(i * 7 + left);
        free(out);
        free(in);
    }
    int all;
    MPI_Allreduce(&wrong, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0) {
        if (all) printf("ring of %d: %d errors\n", size, all);
        else printf("ring of %d: all sizes right\n", size);
    }
    MPI_Finalize();
    return all != 0;
}
