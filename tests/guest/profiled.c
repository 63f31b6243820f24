/* Exchanges a known number of messages, for tests of what is reported about them: every
 * rank sends rank 0 three messages, rank r's of 100 * (r + 1) bytes, the last after a
 * while. Rank 0 receives the first two of each out of order. With an argument the last
 * rank then ends as that says. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char out[4096], in[3][4096];
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank) {
        int bytes = 100 * (rank + 1);
        MPI_Send(out, bytes, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
        MPI_Send(out, bytes, MPI_BYTE, 0, 2, MPI_COMM_WORLD);
        MPI_Barrier(MPI_COMM_WORLD);
        usleep(50000);
        MPI_Send(out, bytes, MPI_BYTE, 0, 3, MPI_COMM_WORLD);
    } else {
        for (int r = 1; r < size; r++) {
            MPI_Request requests[2];
            MPI_Irecv(in[0], 4096, MPI_BYTE, r, 2, MPI_COMM_WORLD, &requests[0]);
            MPI_Irecv(in[1], 4096, MPI_BYTE, r, MPI_ANY_TAG, MPI_COMM_WORLD, &requests[1]);
            MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
            MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
        }
        MPI_Barrier(MPI_COMM_WORLD);
        for (int r = 1; r < size; r++)
            MPI_Recv(in[2], 4096, MPI_BYTE, r, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    if (argc > 1 && rank == size - 1)
        MPI_Abort(MPI_COMM_WORLD, atoi(argv[1]));
    MPI_Finalize();
    return 0;
}
