/* One-sided communication from C: every way of making a window, every way of
 * synchronising, and what a program sees when it reaches beyond a window. */

#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures, rank, size;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            failures++; \
            printf("%s:%d: rank %d: %s\n", __FILE__, __LINE__, rank, #condition); \
        } \
    } while (0)

static int integer(MPI_Win win, int keyval)
{
    int *value = NULL, flag = 0;
    MPI_Win_get_attr(win, keyval, &value, &flag);
    CHECK(flag && value);
    return value ? *value : -1;
}

/* Every rank tells every other its number, through derived types on both sides. */
static void fences(void)
{
    enum { COLUMN = 100 };
    double *window, columns[COLUMN][2];
    MPI_Win win;
    MPI_Datatype column;
    MPI_Type_vector(COLUMN, 1, 2, MPI_DOUBLE, &column);
    MPI_Type_commit(&column);
    MPI_Win_allocate(sizeof(double) * COLUMN * size, sizeof(double), MPI_INFO_NULL, MPI_COMM_WORLD,
                     &window, &win);
    CHECK(integer(win, MPI_WIN_SIZE) == (int)sizeof(double) * COLUMN * size);
    CHECK(integer(win, MPI_WIN_DISP_UNIT) == sizeof(double));
    CHECK(integer(win, MPI_WIN_CREATE_FLAVOR) == MPI_WIN_FLAVOR_ALLOCATE);
    CHECK(integer(win, MPI_WIN_MODEL) == MPI_WIN_UNIFIED);
    for (int i = 0; i < COLUMN; i++)
        columns[i][0] = rank * 1000 + i, columns[i][1] = -1;
    MPI_Win_fence(MPI_MODE_NOPRECEDE, win);
    for (int to = 0; to < size; to++)
        MPI_Put(columns, 1, column, to, COLUMN * rank, COLUMN, MPI_DOUBLE, win);
    MPI_Win_fence(MPI_MODE_NOSTORE, win);
    for (int from = 0; from < size; from++)
        for (int i = 0; i < COLUMN; i++)
            CHECK(window[COLUMN * from + i] == from * 1000 + i);
    MPI_Get_c(columns, 1, column, (rank + 1) % size, 0, COLUMN, MPI_DOUBLE, win);
    MPI_Win_fence(MPI_MODE_NOSUCCEED, win);
    CHECK(columns[7][0] == 7 && columns[7][1] == -1);
    MPI_Win_free(&win);
    CHECK(win == MPI_WIN_NULL);
    MPI_Type_free(&column);
}

static void posts(void)
{
    long long window[8] = {0}, value = 100 + rank;
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    MPI_Group world, to, from;
    MPI_Win win;
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_incl(world, 1, &right, &to);
    MPI_Group_incl(world, 1, &left, &from);
    MPI_Win_create(window, sizeof window, sizeof *window, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    CHECK(integer(win, MPI_WIN_CREATE_FLAVOR) == MPI_WIN_FLAVOR_CREATE);
    MPI_Win_post(from, 0, win);
    MPI_Win_start(to, 0, win);
    MPI_Put(&value, 1, MPI_LONG_LONG, right, 3, 1, MPI_LONG_LONG, win);
    MPI_Win_complete(win);
    MPI_Win_wait(win);
    CHECK(window[3] == 100 + left);
    MPI_Win_free(&win);
    MPI_Group_free(&to);
    MPI_Group_free(&from);
    MPI_Group_free(&world);
}

/* A counter and a maximum at rank 0, which does nothing but wait for the others. */
static void locks(void)
{
    enum { ROUNDS = 200 };
    int *window, one = 1, before, last = -1, found, swapped;
    MPI_Win win;
    MPI_Win_allocate(4 * sizeof(int), sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &window, &win);
    memset(window, 0, 4 * sizeof(int));
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win_lock_all(0, win);
    for (int i = 0; i < ROUNDS; i++) {
        MPI_Fetch_and_op(&one, &before, MPI_INT, 0, 0, MPI_SUM, win);
        MPI_Win_flush(0, win);
        CHECK(before > last);
        last = before;
    }
    MPI_Accumulate(&rank, 1, MPI_INT, 0, 1, 1, MPI_INT, MPI_MAX, win);
    MPI_Win_flush_all(win);
    MPI_Win_unlock_all(win);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
    MPI_Get(&found, 1, MPI_INT, 0, 0, 1, MPI_INT, win);
    MPI_Win_unlock(0, win);
    CHECK(found == ROUNDS * size);
    /* Only the first to come swaps. */
    int nobody = 0, me = rank + 1;
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win);
    MPI_Compare_and_swap(&me, &nobody, &swapped, MPI_INT, 0, 2, win);
    MPI_Win_unlock(0, win);
    int won = swapped == 0, winners;
    MPI_Allreduce(&won, &winners, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(winners == 1);
    if (rank == 0) {
        MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
        CHECK(window[1] == size - 1 && window[2] > 0);
        MPI_Win_unlock(0, win);
    }
    MPI_Win_free(&win);
}

static void requests(void)
{
    enum { LONG = 300000 };
    int *window, *data = malloc(LONG * sizeof(int)), peer = size - 1 - rank;
    MPI_Win win;
    MPI_Request some[2];
    MPI_Win_allocate(LONG * sizeof(int), sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &window, &win);
    for (int i = 0; i < LONG; i++)
        data[i] = i ^ rank;
    MPI_Win_lock_all(MPI_MODE_NOCHECK, win);
    MPI_Rput(data, LONG, MPI_INT, peer, 0, LONG, MPI_INT, win, &some[0]);
    MPI_Wait(&some[0], MPI_STATUS_IGNORE);
    memset(data, 0, LONG * sizeof(int));
    MPI_Rget(data, LONG, MPI_INT, peer, 0, LONG, MPI_INT, win, &some[0]);
    MPI_Rget_accumulate(NULL, 0, MPI_DATATYPE_NULL, data, 0, MPI_INT, peer, 0, 0, MPI_INT, MPI_NO_OP,
                        win, &some[1]);
    MPI_Waitall(2, some, MPI_STATUSES_IGNORE);
    for (int i = 0; i < LONG; i += 997)
        CHECK(data[i] == (i ^ rank));
    MPI_Win_unlock_all(win);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(window[12345] == (12345 ^ peer));
    MPI_Win_free(&win);
    free(data);
}

static void dynamic(void)
{
    int value = rank, *memory = malloc(16 * sizeof(int)), class;
    MPI_Aint here, *all = malloc(size * sizeof(MPI_Aint));
    MPI_Win win;
    memset(memory, 0xff, 16 * sizeof(int));
    MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN);
    MPI_Win_attach(win, memory, 16 * sizeof(int));
    MPI_Error_class(MPI_Win_attach(win, memory + 4, sizeof(int)), &class);
    CHECK(class == MPI_ERR_RMA_ATTACH);
    MPI_Get_address(memory, &here);
    MPI_Allgather(&here, 1, MPI_AINT, all, 1, MPI_AINT, MPI_COMM_WORLD);
    int to = (rank + 1) % size;
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, to, 0, win);
    MPI_Put(&value, 1, MPI_INT, to, MPI_Aint_add(all[to], 12), 1, MPI_INT, win);
    CHECK(MPI_Win_flush(to, win) == MPI_SUCCESS);
    int failed = MPI_Put(&value, 1, MPI_INT, to, MPI_Aint_add(all[to], 64), 1, MPI_INT, win);
    if (!failed)
        failed = MPI_Win_flush(to, win);
    MPI_Error_class(failed, &class);
    CHECK(class == MPI_ERR_RMA_RANGE);
    MPI_Win_unlock(to, win);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(memory[3] == (rank + size - 1) % size && memory[4] == -1);
    MPI_Win_detach(win, memory);
    MPI_Win_free(&win);
    free(memory);
    free(all);
}

/* Loads and stores of all ranks on a worker to the same memory. */
static void shared(void)
{
    int me, ranks, unit, *mine, *first, *other, class;
    MPI_Aint bytes;
    MPI_Comm node;
    MPI_Win win;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &me);
    MPI_Comm_size(node, &ranks);
    MPI_Win_allocate_shared(3 * sizeof(int), sizeof(int), MPI_INFO_NULL, node, &mine, &win);
    CHECK(integer(win, MPI_WIN_CREATE_FLAVOR) == MPI_WIN_FLAVOR_SHARED);
    MPI_Win_shared_query(win, MPI_PROC_NULL, &bytes, &unit, &first);
    CHECK(bytes == 3 * sizeof(int) && unit == sizeof(int) && mine == first + 3 * me);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, win);
    for (int i = 0; i < 3; i++)
        mine[i] = 10 * me + i;
    MPI_Win_sync(win);
    MPI_Barrier(node);
    MPI_Win_sync(win);
    for (int r = 0; r < ranks; r++) {
        MPI_Win_shared_query(win, r, &bytes, &unit, &other);
        CHECK(other == first + 3 * r && other[0] == 10 * r && other[2] == 10 * r + 2);
    }
    MPI_Barrier(node);
    /* What a rank does by calls, the others see in their own memory. */
    int one = 1;
    MPI_Accumulate(&one, 1, MPI_INT, 0, 1, 1, MPI_INT, MPI_SUM, win);
    MPI_Win_flush(0, win);
    MPI_Barrier(node);
    MPI_Win_sync(win);
    CHECK(first[1] == 1 + ranks);
    MPI_Win_unlock_all(win);
    int *old = mine;
    MPI_Win_free(&win);
    /* The memory is the program's own again. */
    int *again = malloc(60000);
    memset(again, rank, 60000);
    (void)old;
    free(again);
    MPI_Comm_free(&node);
    /* Ranks of several workers share no memory. */
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    int error = MPI_Win_allocate_shared(4, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &mine, &win);
    MPI_Error_class(error, &class);
    CHECK(class == (ranks == size ? MPI_SUCCESS : MPI_ERR_RMA_SHARED));
    if (class == MPI_SUCCESS)
        MPI_Win_free(&win);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

static int handled;

static void handle(MPI_Win *win, int *code, ...)
{
    int class;
    (void)win;
    MPI_Error_class(*code, &class);
    handled = class;
}

static void errors(void)
{
    int value = 0, window[4] = {1, 2, 3, 4};
    MPI_Win win;
    MPI_Errhandler handler;
    MPI_Win_create(window + 1, 2 * sizeof(int), 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_create_errhandler(handle, &handler);
    MPI_Win_set_errhandler(win, handler);
    MPI_Errhandler_free(&handler);
    CHECK(MPI_Put(&value, 1, MPI_INT, 0, 0, 1, MPI_INT, win) && handled == MPI_ERR_RMA_SYNC);
    MPI_Win_fence(0, win);
    CHECK(MPI_Put(&value, 1, MPI_INT, 0, 5, 1, MPI_INT, win) && handled == MPI_ERR_RMA_RANGE);
    CHECK(MPI_Put(&value, 1, MPI_INT, 0, -4, 1, MPI_INT, win) && handled == MPI_ERR_DISP);
    CHECK(MPI_Put(&value, 1, MPI_INT, size, 0, 1, MPI_INT, win) && handled == MPI_ERR_RANK);
    CHECK(MPI_Win_attach(win, &value, 4) && handled == MPI_ERR_RMA_FLAVOR);
    CHECK(MPI_Win_lock(1, 0, 0, win) && handled == MPI_ERR_LOCKTYPE);
    CHECK(MPI_Put(&value, 1, MPI_INT, MPI_PROC_NULL, 99, 1, MPI_INT, win) == MPI_SUCCESS);
    MPI_Win_fence(0, win);
    CHECK(window[0] == 1 && window[1] == 2 && window[2] == 3 && window[3] == 4);
    MPI_Win_free(&win);
}

int main(int argc, char **argv)
{
    int total;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    fences();
    posts();
    locks();
    requests();
    dynamic();
    shared();
    errors();
    MPI_Reduce(&failures, &total, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    MPI_Finalize();
    if (rank == 0)
        printf("%d ranks: %d failures\n", size, total);
    return failures != 0;
}
