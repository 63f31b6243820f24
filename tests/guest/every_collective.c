/* Runs every collective operation in every form, windows and long messages over and over, and
 * checks each answer: what scripts/faults runs while it cuts and freezes things.
 *
 *   every_collective MILLISECONDS [rounds]     how long each step is repeated
 *   every_collective MILLISECONDS crash RANK   as above, and that rank dies in the first step
 *
 * Rank 0 prints the name of each step as it begins, so that a fault can be put into it. */

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 3, LARGE = 20000, MAX_RANKS = 16 };

static int rank, size, form, turn;
static long failures;
static const char *step_name;
static MPI_Comm ring; /* periodic: each rank has two neighbours, left and right */
static int *in, *out;
static int counts[MAX_RANKS], at[MAX_RANKS], bytes_at[MAX_RANKS];
static MPI_Datatype ints[MAX_RANKS];

/* One operation in the form that is due: blocking, non-blocking or persistent. */
enum { BLOCKING, NONBLOCKING, PERSISTENT, FORMS };
static const char *const form_names[] = {"", " (non-blocking)", " (persistent)"};
#define CALL(name, small_name, ...) \
    do { \
        MPI_Request request; \
        if (form == BLOCKING) { \
            MPI_##name(__VA_ARGS__); \
            break; \
        } \
        if (form == NONBLOCKING) { \
            MPI_I##small_name(__VA_ARGS__, &request); \
        } else { \
            MPI_##name##_init(__VA_ARGS__, MPI_INFO_NULL, &request); \
            MPI_Start(&request); \
        } \
        MPI_Wait(&request, MPI_STATUS_IGNORE); \
        if (form == PERSISTENT) \
            MPI_Request_free(&request); \
    } while (0)

static void check_at(int right, int line, int index, int got, int expected)
{
    if (right)
        return;
    if (failures++ < 5)
        printf("WRONG: rank %d, step %s, turn %d, line %d, index %d: %d instead of %d\n", rank,
               step_name, turn, line, index, got, expected);
}

/* Number `i` of what rank `from` has in this turn. */
static int value(int from, int i) { return from * 1000003 + i * 7 + turn * 31; }

static void fill(int *numbers, int first, int n)
{
    for (int i = 0; i < n; i++)
        numbers[i] = value(rank, first + i);
}

#define CHECK(numbers, n, expected) \
    do { \
        for (int i = 0; i < (n); i++) \
            check_at((numbers)[i] == (expected), __LINE__, i, (numbers)[i], (expected)); \
    } while (0)

static void clear(int n) { memset(out, -1, n * sizeof *out); }

/* The sum over the first `ranks` ranks, in the arithmetic of MPI_SUM. */
static int sum(int ranks, int i)
{
    unsigned total = 0;
    for (int from = 0; from < ranks; from++)
        total += value(from, i);
    return (int)total;
}

/* Different counts for each rank, with gaps between them; returns the length of all. */
static int uneven(int n)
{
    int total = 0;
    for (int r = 0; r < size; r++) {
        counts[r] = n + r;
        at[r] = total;
        bytes_at[r] = total * (int)sizeof(int);
        ints[r] = MPI_INT;
        total += counts[r] + 1;
    }
    return total;
}

static void barrier(int n)
{
    (void)n;
    CALL(Barrier, barrier, MPI_COMM_WORLD);
}

static void bcast(int n)
{
    int root = turn % size;
    clear(n);
    if (rank == root)
        fill(out, 0, n);
    CALL(Bcast, bcast, out, n, MPI_INT, root, MPI_COMM_WORLD);
    CHECK(out, n, value(root, i));
}

static void gather(int n)
{
    int root = turn % size;
    fill(in, 0, n);
    clear(n * size);
    CALL(Gather, gather, in, n, MPI_INT, out, n, MPI_INT, root, MPI_COMM_WORLD);
    for (int r = 0; rank == root && r < size; r++)
        CHECK(out + r * n, n, value(r, i));
    clear(n * size);
    fill(out + rank * n, 0, n);
    void *from = rank == root ? MPI_IN_PLACE : in;
    CALL(Gather, gather, from, n, MPI_INT, out, n, MPI_INT, root, MPI_COMM_WORLD);
    for (int r = 0; rank == root && r < size; r++)
        CHECK(out + r * n, n, value(r, i));
}

static void gatherv(int n)
{
    int root = turn % size, total = uneven(n);
    fill(in, 0, n + rank);
    clear(total);
    CALL(Gatherv, gatherv, in, n + rank, MPI_INT, out, counts, at, MPI_INT, root, MPI_COMM_WORLD);
    for (int r = 0; rank == root && r < size; r++)
        CHECK(out + at[r], counts[r], value(r, i));
}

static void scatter(int n)
{
    int root = turn % size;
    fill(in, 0, n * size);
    clear(n);
    CALL(Scatter, scatter, in, n, MPI_INT, out, n, MPI_INT, root, MPI_COMM_WORLD);
    CHECK(out, n, value(root, rank * n + i));
    void *to = rank == root ? MPI_IN_PLACE : out;
    clear(n);
    CALL(Scatter, scatter, in, n, MPI_INT, to, n, MPI_INT, root, MPI_COMM_WORLD);
    if (rank != root)
        CHECK(out, n, value(root, rank * n + i));
}

static void scatterv(int n)
{
    int root = turn % size, total = uneven(n);
    fill(in, 0, total);
    clear(n + rank);
    CALL(Scatterv, scatterv, in, counts, at, MPI_INT, out, n + rank, MPI_INT, root, MPI_COMM_WORLD);
    CHECK(out, n + rank, value(root, at[rank] + i));
}

static void allgather(int n)
{
    fill(in, 0, n);
    clear(n * size);
    CALL(Allgather, allgather, in, n, MPI_INT, out, n, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(out + r * n, n, value(r, i));
    clear(n * size);
    fill(out + rank * n, 0, n);
    CALL(Allgather, allgather, MPI_IN_PLACE, 0, MPI_INT, out, n, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(out + r * n, n, value(r, i));
}

static void allgatherv(int n)
{
    int total = uneven(n);
    fill(in, 0, n + rank);
    clear(total);
    CALL(Allgatherv, allgatherv, in, n + rank, MPI_INT, out, counts, at, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(out + at[r], counts[r], value(r, i));
}

static void alltoall(int n)
{
    fill(in, 0, n * size);
    clear(n * size);
    CALL(Alltoall, alltoall, in, n, MPI_INT, out, n, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(out + r * n, n, value(r, rank * n + i));
    fill(out, 0, n * size);
    CALL(Alltoall, alltoall, MPI_IN_PLACE, 0, MPI_INT, out, n, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(out + r * n, n, value(r, rank * n + i));
}

/* Rank a sends n + a + b numbers to rank b, from where they stand in 2n + 2 size apart. */
static int all_pairs(int n)
{
    int room = n + 2 * size;
    for (int r = 0; r < size; r++) {
        counts[r] = n + rank + r;
        at[r] = r * room;
        bytes_at[r] = at[r] * (int)sizeof(int);
        ints[r] = MPI_INT;
    }
    return room;
}

static void alltoallv(int n)
{
    int room = all_pairs(n);
    fill(in, 0, room * size);
    clear(room * size);
    CALL(Alltoallv, alltoallv, in, counts, at, MPI_INT, out, counts, at, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(out + at[r], counts[r], value(r, rank * room + i));
}

static void alltoallw(int n)
{
    int room = all_pairs(n);
    fill(in, 0, room * size);
    clear(room * size);
    CALL(Alltoallw, alltoallw, in, counts, bytes_at, ints, out, counts, bytes_at, ints, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(out + at[r], counts[r], value(r, rank * room + i));
}

static void reduce(int n)
{
    int root = turn % size;
    fill(in, 0, n);
    clear(n);
    CALL(Reduce, reduce, in, out, n, MPI_INT, MPI_SUM, root, MPI_COMM_WORLD);
    if (rank == root)
        CHECK(out, n, sum(size, i));
    fill(out, 0, n);
    void *from = rank == root ? MPI_IN_PLACE : in;
    CALL(Reduce, reduce, from, out, n, MPI_INT, MPI_SUM, root, MPI_COMM_WORLD);
    if (rank == root)
        CHECK(out, n, sum(size, i));
}

static void allreduce(int n)
{
    fill(in, 0, n);
    clear(n);
    CALL(Allreduce, allreduce, in, out, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(out, n, sum(size, i));
    fill(out, 0, n);
    CALL(Allreduce, allreduce, MPI_IN_PLACE, out, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(out, n, sum(size, i));
}

static void reduce_scatter(int n)
{
    int first = 0, total = 0;
    for (int r = 0; r < size; r++) {
        counts[r] = n + r;
        first += r < rank ? counts[r] : 0;
        total += counts[r];
    }
    fill(in, 0, total);
    clear(n + rank);
    CALL(Reduce_scatter, reduce_scatter, in, out, counts, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(out, n + rank, sum(size, first + i));
    fill(out, 0, total);
    CALL(Reduce_scatter, reduce_scatter, MPI_IN_PLACE, out, counts, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(out, n + rank, sum(size, first + i));
}

static void reduce_scatter_block(int n)
{
    fill(in, 0, n * size);
    clear(n);
    CALL(Reduce_scatter_block, reduce_scatter_block, in, out, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(out, n, sum(size, rank * n + i));
}

static void scan(int n)
{
    fill(in, 0, n);
    clear(n);
    CALL(Scan, scan, in, out, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(out, n, sum(rank + 1, i));
    fill(out, 0, n);
    CALL(Scan, scan, MPI_IN_PLACE, out, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(out, n, sum(rank + 1, i));
}

static void exscan(int n)
{
    fill(in, 0, n);
    clear(n);
    CALL(Exscan, exscan, in, out, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank > 0)
        CHECK(out, n, sum(rank, i));
}

static int left(void) { return (rank + size - 1) % size; }
static int right(void) { return (rank + 1) % size; }

/* For the neighbourhood operations: n numbers to and from each of two neighbours. */
static const int pair[] = {1, 1};
static int pair_counts[2], pair_at[2];
static MPI_Aint pair_bytes_at[2];
static const MPI_Datatype pair_types[] = {MPI_INT, MPI_INT};

static void begin_pair(int n)
{
    for (int side = 0; side < 2; side++) {
        pair_counts[side] = n * pair[side];
        pair_at[side] = side * (n + 1);
        pair_bytes_at[side] = pair_at[side] * (MPI_Aint)sizeof(int);
    }
    fill(in, 0, 2 * n + 2);
    clear(2 * n + 2);
}

/* What left and right have sent: left what it holds for its right side, so `apart` numbers on,
 * and right what it holds for its left; or the same to both. */
static void check_pair(int n, int apart, int same)
{
    CHECK(out, n, value(left(), same ? i : apart + i));
    CHECK(out + apart, n, value(right(), i));
}

static void neighbor_allgather(int n)
{
    begin_pair(n);
    CALL(Neighbor_allgather, neighbor_allgather, in, n, MPI_INT, out, n, MPI_INT, ring);
    check_pair(n, n, 1);
}

static void neighbor_allgatherv(int n)
{
    begin_pair(n);
    CALL(Neighbor_allgatherv, neighbor_allgatherv, in, n, MPI_INT, out, pair_counts, pair_at, MPI_INT, ring);
    check_pair(n, n + 1, 1);
}

static void neighbor_alltoall(int n)
{
    begin_pair(n);
    CALL(Neighbor_alltoall, neighbor_alltoall, in, n, MPI_INT, out, n, MPI_INT, ring);
    check_pair(n, n, 0);
}

static void neighbor_alltoallv(int n)
{
    begin_pair(n);
    CALL(Neighbor_alltoallv, neighbor_alltoallv, in, pair_counts, pair_at, MPI_INT, out, pair_counts,
         pair_at, MPI_INT, ring);
    check_pair(n, n + 1, 0);
}

static void neighbor_alltoallw(int n)
{
    begin_pair(n);
    CALL(Neighbor_alltoallw, neighbor_alltoallw, in, pair_counts, pair_bytes_at, pair_types, out,
         pair_counts, pair_bytes_at, pair_types, ring);
    check_pair(n, n + 1, 0);
}

/* Everybody's window: LARGE numbers, then a counter. */
static MPI_Win window;
static int *exposed;

static void put_get_fence(int n)
{
    fill(in, 0, n);
    clear(n);
    MPI_Win_fence(0, window);
    MPI_Put(in, n, MPI_INT, right(), 0, n, MPI_INT, window);
    MPI_Win_fence(0, window);
    CHECK(exposed, n, value(left(), i));
    MPI_Get(out, n, MPI_INT, right(), 0, n, MPI_INT, window);
    MPI_Win_fence(0, window);
    CHECK(out, n, value(rank, i));
}

static void accumulate_lock(int n)
{
    int one = 1, before, root = turn % size, numbers = 0;
    exposed[LARGE] = 0;
    fill(exposed, 0, n);
    MPI_Barrier(MPI_COMM_WORLD);
    fill(in, 0, n);
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, root, 0, window);
    MPI_Accumulate(in, n, MPI_INT, root, 0, n, MPI_INT, MPI_SUM, window);
    MPI_Win_unlock(root, window);
    MPI_Win_lock_all(0, window);
    for (int r = 0; r < size; r++) {
        MPI_Fetch_and_op(&one, &before, MPI_INT, r, LARGE, MPI_SUM, window);
        MPI_Win_flush(r, window);
        numbers += before;
        check_at(before >= 0 && before < size, __LINE__, r, before, size);
    }
    MPI_Win_unlock_all(window);
    MPI_Allreduce(MPI_IN_PLACE, &numbers, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    check_at(numbers == size * size * (size - 1) / 2, __LINE__, 0, numbers, size);
    check_at(exposed[LARGE] == size, __LINE__, 0, exposed[LARGE], size);
    if (rank == root)
        CHECK(exposed, n, (int)((unsigned)sum(size, i) + value(root, i)));
    MPI_Barrier(MPI_COMM_WORLD);
}

static void post_start(int n)
{
    MPI_Group all, from, to;
    int source = left(), target = right();
    MPI_Comm_group(MPI_COMM_WORLD, &all);
    MPI_Group_incl(all, 1, &source, &from);
    MPI_Group_incl(all, 1, &target, &to);
    fill(in, 0, n);
    MPI_Win_post(from, 0, window);
    MPI_Win_start(to, 0, window);
    MPI_Put(in, n, MPI_INT, target, 0, n, MPI_INT, window);
    MPI_Win_complete(window);
    MPI_Win_wait(window);
    CHECK(exposed, n, value(source, i));
    MPI_Group_free(&all);
    MPI_Group_free(&from);
    MPI_Group_free(&to);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void sendrecv(int n)
{
    fill(in, 0, n);
    clear(n);
    MPI_Sendrecv(in, n, MPI_INT, right(), 1, out, n, MPI_INT, left(), 1, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    CHECK(out, n, value(left(), i));
}

static void any_source(int n)
{
    MPI_Request requests[MAX_RANKS];
    MPI_Status status;
    int got, root = turn % size;
    fill(in, 0, n);
    if (rank != root) {
        MPI_Ssend(in, n, MPI_INT, root, 2, MPI_COMM_WORLD);
        MPI_Recv(out, n, MPI_INT, root, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK(out, n, value(root, i));
        return;
    }
    for (int r = 0; r < size; r++)
        requests[r] = MPI_REQUEST_NULL;
    for (int r = 0; r < size - 1; r++) {
        MPI_Probe(MPI_ANY_SOURCE, 2, MPI_COMM_WORLD, &status);
        clear(n);
        MPI_Recv(out, n, MPI_INT, status.MPI_SOURCE, 2, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_INT, &got);
        check_at(got == n, __LINE__, 0, got, n);
        CHECK(out, n, value(status.MPI_SOURCE, i));
        MPI_Isend(in, n, MPI_INT, status.MPI_SOURCE, 3, MPI_COMM_WORLD, &requests[r]);
    }
    MPI_Waitall(size, requests, MPI_STATUSES_IGNORE);
}

/* Many short messages that nobody waits for yet, in order. */
static void burst(int n)
{
    int many = n / 10 + 10, number;
    for (int i = 0; i < many; i++)
        MPI_Send(&i, 1, MPI_INT, right(), 4, MPI_COMM_WORLD);
    for (int i = 0; i < many; i++) {
        MPI_Recv(&number, 1, MPI_INT, left(), 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        check_at(number == i, __LINE__, i, number, i);
    }
}

static const struct {
    const char *name;
    void (*run)(int n);
    int forms;
} steps[] = {
    {"barrier", barrier, FORMS},
    {"bcast", bcast, FORMS},
    {"gather", gather, FORMS},
    {"gatherv", gatherv, FORMS},
    {"scatter", scatter, FORMS},
    {"scatterv", scatterv, FORMS},
    {"allgather", allgather, FORMS},
    {"allgatherv", allgatherv, FORMS},
    {"alltoall", alltoall, FORMS},
    {"alltoallv", alltoallv, FORMS},
    {"alltoallw", alltoallw, FORMS},
    {"reduce", reduce, FORMS},
    {"allreduce", allreduce, FORMS},
    {"reduce_scatter", reduce_scatter, FORMS},
    {"reduce_scatter_block", reduce_scatter_block, FORMS},
    {"scan", scan, FORMS},
    {"exscan", exscan, FORMS},
    {"neighbor_allgather", neighbor_allgather, FORMS},
    {"neighbor_allgatherv", neighbor_allgatherv, FORMS},
    {"neighbor_alltoall", neighbor_alltoall, FORMS},
    {"neighbor_alltoallv", neighbor_alltoallv, FORMS},
    {"neighbor_alltoallw", neighbor_alltoallw, FORMS},
    {"put and get, fence", put_get_fence, 1},
    {"accumulate, lock", accumulate_lock, 1},
    {"put, post and start", post_start, 1},
    {"sendrecv", sendrecv, 1},
    {"probe of any source", any_source, 1},
    {"burst", burst, 1},
};

/* Repeats a step until rank 0 finds that it took long enough. */
static void repeat(int which, double seconds, int crash)
{
    char name[64];
    int again = 1;
    double end = MPI_Wtime() + seconds;
    snprintf(name, sizeof name, "%s%s", steps[which].name, form_names[form]);
    step_name = name;
    if (rank == 0) {
        printf("step %s\n", name);
        fflush(stdout);
    }
    while (again) {
        for (int i = 0; i < 4; i++, turn++) {
            steps[which].run(i % 2 ? LARGE : SMALL);
            if (crash == rank && turn > 8)
                __builtin_trap();
        }
        again = MPI_Wtime() < end;
        MPI_Bcast(&again, 1, MPI_INT, 0, MPI_COMM_WORLD);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atoi(argv[1]) / 1000.0 : 0.01;
    int rounds = argc == 3 ? atoi(argv[2]) : 1, crash = argc > 3 ? atoi(argv[3]) : -1;
    int periodic = 1;
    long all;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size > MAX_RANKS || size < 2)
        return printf("between 2 and %d ranks\n", MAX_RANKS), 2;
    size_t room = (size_t)size * (LARGE + 2 * size + 2) * sizeof(int);
    in = malloc(room);
    out = malloc(room);
    MPI_Cart_create(MPI_COMM_WORLD, 1, &size, &periodic, 0, &ring);
    MPI_Win_allocate((LARGE + 1) * sizeof(int), sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &exposed, &window);
    for (int round = 0; round < rounds; round++)
        for (int which = 0; which < (int)(sizeof steps / sizeof *steps); which++)
            for (form = 0; form < steps[which].forms; form++)
                repeat(which, seconds, crash);
    MPI_Win_free(&window);
    MPI_Comm_free(&ring);
    MPI_Reduce(&failures, &all, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d ranks, %d turns: %ld wrong\n", size, turn, all);
    free(in);
    free(out);
    MPI_Finalize();
    return failures != 0;
}
