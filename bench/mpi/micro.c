/* Message-passing micro-benchmarks, the same source for every MPI compared.
 *
 * Prints one line a measurement: NAME BYTES VALUE UNIT, from rank 0. Each value is
 * the best of several repetitions inside the program (the least disturbed one);
 * bench/run takes the median over several runs of the program. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 64, REPEATS = 5 };

static int rank, size;
static char *send_buffer, *receive_buffer;

static double best(double a, double b) { return a < b ? a : b; }

/* One-way time of a ping-pong between ranks 0 and 1. */
static void latency(int bytes, int rounds) {
    double fastest = 1e30;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double start = MPI_Wtime();
        for (int i = 0; i < rounds; i++) {
            if (rank == 0) {
                MPI_Send(send_buffer, bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD);
                MPI_Recv(receive_buffer, bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            } else if (rank == 1) {
                MPI_Recv(receive_buffer, bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                MPI_Send(send_buffer, bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD);
            }
        }
        fastest = best(fastest, (MPI_Wtime() - start) / (2.0 * rounds));
    }
    if (rank == 0) printf("latency %d %.4f us\n", bytes, fastest * 1e6);
}

/* A window of messages in flight from rank 0 to rank 1, then one answer. */
static void bandwidth(const char *name, int bytes, int rounds) {
    MPI_Request requests[WINDOW];
    double fastest = 1e30;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double start = MPI_Wtime();
        for (int i = 0; i < rounds; i++) {
            if (rank == 0) {
                for (int w = 0; w < WINDOW; w++)
                    MPI_Isend(send_buffer, bytes, MPI_CHAR, 1, 2, MPI_COMM_WORLD, &requests[w]);
                MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
                MPI_Recv(receive_buffer, 0, MPI_CHAR, 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            } else if (rank == 1) {
                for (int w = 0; w < WINDOW; w++)
                    MPI_Irecv(receive_buffer, bytes, MPI_CHAR, 0, 2, MPI_COMM_WORLD, &requests[w]);
                MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
                MPI_Send(send_buffer, 0, MPI_CHAR, 0, 3, MPI_COMM_WORLD);
            }
        }
        fastest = best(fastest, (MPI_Wtime() - start) / ((double)rounds * WINDOW));
    }
    if (rank == 0) printf("%s %d %.5f us/message\n", name, bytes, fastest * 1e6);
}

typedef void Collective(int bytes);

static void do_barrier(int bytes) { (void)bytes; MPI_Barrier(MPI_COMM_WORLD); }
static void do_allreduce(int bytes) {
    MPI_Allreduce(send_buffer, receive_buffer, bytes / 8, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}
static void do_bcast(int bytes) { MPI_Bcast(send_buffer, bytes, MPI_CHAR, 0, MPI_COMM_WORLD); }
static void do_allgather(int bytes) {
    MPI_Allgather(send_buffer, bytes, MPI_CHAR, receive_buffer, bytes, MPI_CHAR, MPI_COMM_WORLD);
}
static void do_reduce_scatter(int bytes) {
    MPI_Reduce_scatter_block(send_buffer, receive_buffer, bytes / 8, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}
static void do_alltoall(int bytes) {
    MPI_Alltoall(send_buffer, bytes, MPI_CHAR, receive_buffer, bytes, MPI_CHAR, MPI_COMM_WORLD);
}

static void collective(const char *name, Collective *call, int bytes, int rounds) {
    double fastest = 1e30;
    for (int i = 0; i < 3; i++) call(bytes);
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double start = MPI_Wtime();
        for (int i = 0; i < rounds; i++) call(bytes);
        double mine = (MPI_Wtime() - start) / rounds, slowest;
        MPI_Allreduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        fastest = best(fastest, slowest);
    }
    if (rank == 0) printf("%s %d %.4f us\n", name, bytes, fastest * 1e6);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    size_t bytes = (size_t)4 << 20;
    size_t total = bytes > (size_t)size << 17 ? bytes : (size_t)size << 17;
    send_buffer = malloc(total);
    receive_buffer = malloc(total);
    if (!send_buffer || !receive_buffer) {
        fprintf(stderr, "rank %d: no memory for two buffers of %zu bytes\n", rank, total);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    memset(send_buffer, 0, total);
    memset(receive_buffer, 0, total);

    if (size == 2) {
        latency(0, 20000);
        latency(8, 20000);
        latency(1024, 20000);
        latency(65536, 2000);
        latency(1 << 20, 200);
        latency(4 << 20, 50);
        bandwidth("message-rate", 8, 500);
        bandwidth("bandwidth", 65536, 50);
        bandwidth("bandwidth", 1 << 20, 8);
        bandwidth("bandwidth", 4 << 20, 3);
    }
    int rounds = size <= 2 ? 5000 : 6400 / size;
    collective("barrier", do_barrier, 0, rounds);
    for (int b = 8; b <= 1 << 20; b = b == 8 ? 1024 : b << 5) {
        int few = b < 65536 ? rounds : rounds / 20 + 2;
        collective("allreduce", do_allreduce, b, few);
        collective("bcast", do_bcast, b, few);
        if (b <= 65536) {
            collective("allgather", do_allgather, b, few);
            collective("alltoall", do_alltoall, b, few);
            collective("reduce_scatter", do_reduce_scatter, b, few);
        }
    }
    free(send_buffer);
    free(receive_buffer);
    MPI_Finalize();
    return 0;
}
