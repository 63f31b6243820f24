/* Sends one message of 2 GiB plus a little, more bytes than an int counts, from rank 0
 * to rank 1, and checks marks all over it. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    const size_t bytes = ((size_t)2 << 30) + 64, step = (size_t)1 << 20;
    unsigned char *buffer = malloc(bytes);
    if (!buffer) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        MPI_Abort(MPI_COMM_WORLD, 3);
    }
    int count = (int)(bytes / sizeof(double)), wrong = 0;
    if (rank == 0) {
        for (size_t i = 0; i < bytes; i += step) buffer[i] = (unsigned char)(i / step + 1);
        buffer[bytes - 1] = 77;
        MPI_Send(buffer, count, MPI_DOUBLE, 1, 0, MPI_COMM_WORLD);
    } else {
        MPI_Status status;
        MPI_Count got;
        MPI_Recv(buffer, count, MPI_DOUBLE, 0, 0, MPI_COMM_WORLD, &status);
        MPI_Get_elements_x(&status, MPI_BYTE, &got);
        wrong += got != (MPI_Count)bytes || buffer[bytes - 1] != 77;
        for (size_t i = 0; i < bytes; i += step) wrong += buffer[i] != (unsigned char)(i / step + 1);
        printf("2 GiB and 64 bytes: %d errors\n", wrong);
    }
    MPI_Finalize();
    return wrong != 0;
}
