// build: -pthread
/* Its process ends, in the way of its second argument, while another of its threads waits in
 * MPI for what never comes, in the way of its first. */
#include <mpi.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *how;
static MPI_Comm other;

static void wait_for_ever(void)
{
    int byte;
    MPI_Request request;
    if (!strcmp(how, "recv"))
        MPI_Recv(&byte, 1, MPI_INT, 0, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (!strcmp(how, "probe"))
        MPI_Probe(MPI_ANY_SOURCE, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (!strcmp(how, "wait")) {
        MPI_Irecv(&byte, 1, MPI_INT, 0, 5, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    if (!strcmp(how, "barrier"))
        MPI_Barrier(other);
    if (!strcmp(how, "bcast"))
        MPI_Bcast(&byte, 1, MPI_INT, 0, other);
}

static void *in_thread(void *end)
{
    if (!strcmp(end, "trap")) {
        usleep(100000);
        __builtin_trap();
    }
    wait_for_ever();
    return NULL;
}

int main(int argc, char **argv)
{
    int provided, rank;
    pthread_t thread;
    how = argv[1];
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_dup(MPI_COMM_WORLD, &other);
    if (rank == 1) {
        pthread_create(&thread, NULL, in_thread, argv[2]);
        if (!strcmp(argv[2], "trap"))
            wait_for_ever();
        usleep(100000);
        exit(7);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return 0;
}
