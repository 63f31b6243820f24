/* Ends in the way its argument says, while the other ranks wait for a message that
 * never comes. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) void fall_over(void) { __builtin_trap(); }

int main(int argc, char **argv) {
    if (!strcmp(argv[1], "leave-session")) {
        MPI_Session session;
        return MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session);
    }
    MPI_Init(&argc, &argv);
    int rank, byte = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 1) {
        if (!strcmp(argv[1], "exit")) exit(7);
        if (!strcmp(argv[1], "abort")) MPI_Abort(MPI_COMM_WORLD, 42);
        if (!strcmp(argv[1], "leave")) return 0;
        if (!strcmp(argv[1], "trap")) fall_over();
        if (!strcmp(argv[1], "bad-rank")) MPI_Send(&byte, 1, MPI_INT, 99, 0, MPI_COMM_WORLD);
    }
    MPI_Recv(&byte, 1, MPI_INT, MPI_ANY_SOURCE, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
