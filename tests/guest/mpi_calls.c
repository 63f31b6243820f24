/* One check for each kind of MPI call that the host handles in its own way: results by
 * pointer, callbacks, handles as integers, both widths of counts, old names, the
 * profiling interface, error handlers, and what is not supported. */

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            failures++; \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
        } \
    } while (0)

static int rank, size;

/* The profiling interface: this definition wins over the library's weak one. */
static int barriers;

int MPI_Barrier(MPI_Comm comm)
{
    barriers++;
    return PMPI_Barrier(comm);
}

/* Composes maps x -> a x + b, each a pair of ints: associative, not commutative. */
static MPI_Datatype pair;

static void compose(void *invec, void *inoutvec, int *len, MPI_Datatype *datatype)
{
    int(*in)[2] = invec, (*inout)[2] = inoutvec;
    CHECK(*datatype == pair);
    for (int i = 0; i < *len; i++) {
        inout[i][1] = in[i][0] * inout[i][1] + in[i][1];
        inout[i][0] = in[i][0] * inout[i][0];
    }
}

static void user_operations(void)
{
    MPI_Op op;
    int commutes = 1, mine[2][2] = {{2, rank}, {3, 1}}, all[2][2];
    int expected[2][2] = {{1, 0}, {1, 0}}, len = 2;
    MPI_Type_contiguous(2, MPI_INT, &pair);
    MPI_Type_commit(&pair);
    MPI_Op_create(compose, 0, &op);
    MPI_Op_commutative(op, &commutes);
    CHECK(commutes == 0);
    MPI_Allreduce(mine, all, 2, pair, op, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++) {
        int next[2][2] = {{2, r}, {3, 1}};
        compose(expected, next, &len, &pair);
        memcpy(expected, next, sizeof next);
    }
    CHECK(memcmp(all, expected, sizeof all) == 0);
    MPI_Op_free(&op);
    CHECK(op == MPI_OP_NULL);
    MPI_Type_free(&pair);
}

static void predefined_operations(void)
{
    struct { double value; int index; } mine = {rank % 2, rank}, all;
    long double quad = 0.5L, sum;
    MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE_INT, MPI_MAXLOC, MPI_COMM_WORLD);
    CHECK(all.value == (size > 1) && all.index == (size > 1));
    MPI_Allreduce(&quad, &sum, 1, MPI_LONG_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    CHECK(sum == 0.5L * size);
}

static int deleted;

static int copy_attribute(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag)
{
    (void)comm, (void)keyval;
    *(intptr_t *)out = (intptr_t)in + (intptr_t)extra;
    *flag = 1;
    return MPI_SUCCESS;
}

static int delete_attribute(MPI_Comm comm, int keyval, void *value, void *extra)
{
    (void)comm, (void)keyval, (void)value, (void)extra;
    deleted++;
    return MPI_SUCCESS;
}

static void attributes(void)
{
    int keyval, flag, *bound;
    void *value;
    MPI_Comm copy;
    MPI_Comm_create_keyval(copy_attribute, delete_attribute, &keyval, (void *)2);
    MPI_Comm_set_attr(MPI_COMM_WORLD, keyval, (void *)40);
    MPI_Comm_dup(MPI_COMM_WORLD, &copy);
    MPI_Comm_get_attr(copy, keyval, &value, &flag);
    CHECK(flag && (intptr_t)value == 42);
    MPI_Comm_free(&copy);
    MPI_Comm_delete_attr(MPI_COMM_WORLD, keyval);
    CHECK(deleted == 2);
    MPI_Comm_free_keyval(&keyval);
    CHECK(keyval == MPI_KEYVAL_INVALID);
    MPI_Attr_get(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &flag);
    CHECK(flag && *bound >= 32767);
}

static int handled, handled_class;

static void handle(MPI_Comm *comm, int *code, ...)
{
    handled++;
    CHECK(*comm == MPI_COMM_WORLD);
    MPI_Error_class(*code, &handled_class);
}

static void errors(void)
{
    MPI_Errhandler handler, old;
    MPI_Comm children;
    char text[MPI_MAX_ERROR_STRING];
    int length, code, value = 0;
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &old);
    CHECK(old == MPI_ERRORS_ARE_FATAL);
    MPI_Errhandler_create(handle, &handler);
    MPI_Errhandler_set(MPI_COMM_WORLD, handler);
    MPI_Errhandler_free(&handler);
    CHECK(handler == MPI_ERRHANDLER_NULL);
    CHECK(MPI_Send(&value, 1, MPI_INT, size, 0, MPI_COMM_WORLD) != MPI_SUCCESS);
    CHECK(handled == 1 && handled_class == MPI_ERR_RANK);
    CHECK(MPI_Send((void *)0xfffffff0u, 99, MPI_INT, rank, 0, MPI_COMM_WORLD) != MPI_SUCCESS);
    CHECK(handled == 2 && handled_class == MPI_ERR_BUFFER);
    CHECK(MPI_Comm_size(MPI_COMM_WORLD, NULL) != MPI_SUCCESS);
    CHECK(handled == 3 && handled_class == MPI_ERR_ARG);
    CHECK(MPI_Comm_spawn("?", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &children,
                         MPI_ERRCODES_IGNORE) != MPI_SUCCESS);
    CHECK(handled == 4 && handled_class == MPI_ERR_SPAWN);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    CHECK(MPI_Recv(&value, -1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE) == MPI_ERR_COUNT);
    MPI_Error_string(MPI_ERR_COUNT, text, &length);
    CHECK(length == (int)strlen(text) && length > 0);
    MPI_Add_error_class(&code);
    MPI_Add_error_string(code, "of our own");
    MPI_Error_string(code, text, &length);
    CHECK(strcmp(text, "of our own") == 0);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

static void datatypes(void)
{
    int lengths[2] = {2, 1}, integers[3], count, addresses, types, combiner;
    MPI_Aint displacements[2] = {0, 16}, lb, extent, places[2];
    MPI_Datatype members[2] = {MPI_INT, MPI_DOUBLE}, type, inner[2], wide;
    MPI_Count large, wide_lb, wide_extent;
    int from[6] = {1, 2, 3, 4, 5, 6}, packed[8], back[6] = {0}, position = 0, bytes;

    MPI_Type_struct(2, lengths, displacements, members, &type);
    MPI_Type_commit(&type);
    MPI_Type_get_extent(type, &lb, &extent);
    CHECK(lb == 0 && extent == 24);
    MPI_Type_size(type, &bytes);
    CHECK(bytes == 16);
    MPI_Type_get_envelope(type, &count, &addresses, &types, &combiner);
    CHECK(count == 3 && addresses == 2 && types == 2 && combiner == MPI_COMBINER_STRUCT);
    MPI_Type_get_contents(type, 3, 2, 2, integers, places, inner);
    CHECK(integers[0] == 2 && integers[1] == 2 && places[1] == 16 && inner[1] == MPI_DOUBLE);
    MPI_Pack(from, 1, type, packed, sizeof packed, &position, MPI_COMM_WORLD);
    CHECK(position == 16 && packed[1] == 2 && packed[2] == 5);
    position = 0;
    MPI_Unpack(packed, sizeof packed, &position, back, 1, type, MPI_COMM_WORLD);
    CHECK(back[0] == 1 && back[1] == 2 && back[2] == 0 && back[5] == 6);
    MPI_Type_free(&type);
    CHECK(type == MPI_DATATYPE_NULL);

    /* More than an int counts: only the large forms can tell. */
    MPI_Type_contiguous_c(3000000000, MPI_INT, &wide);
    MPI_Type_size_c(wide, &large);
    MPI_Type_size(wide, &bytes);
    MPI_Type_get_extent_c(wide, &wide_lb, &wide_extent);
    CHECK(large == 12000000000 && bytes == MPI_UNDEFINED && wide_extent == 12000000000);
    MPI_Type_free(&wide);
}

static void requests(void)
{
    int to = (rank + 1) % size, from = (rank + size - 1) % size;
    int out[4], in[4], count, index, flag;
    MPI_Request request[8];
    MPI_Status status[8], one;
    for (int i = 0; i < 4; i++) {
        out[i] = 10 * rank + i;
        MPI_Irecv(&in[i], 1, MPI_INT, from, i, MPI_COMM_WORLD, &request[i]);
        MPI_Isend_c(&out[i], 1, MPI_INT, to, i, MPI_COMM_WORLD, &request[4 + i]);
    }
    MPI_Waitall(8, request, status);
    for (int i = 0; i < 4; i++) {
        MPI_Get_count(&status[i], MPI_INT, &count);
        CHECK(in[i] == 10 * from + i && status[i].MPI_TAG == i && count == 1);
        CHECK(status[i].MPI_SOURCE == from && request[i] == MPI_REQUEST_NULL);
    }
    MPI_Waitany(8, request, &index, &one);
    CHECK(index == MPI_UNDEFINED);
    MPI_Testall(8, request, &flag, MPI_STATUSES_IGNORE);
    CHECK(flag);

    MPI_Recv_init(in, 1, MPI_INT, from, 9, MPI_COMM_WORLD, &request[0]);
    MPI_Send_init(out, 1, MPI_INT, to, 9, MPI_COMM_WORLD, &request[1]);
    for (int round = 0; round < 3; round++) {
        out[0] = round;
        MPI_Startall(2, request);
        MPI_Waitall(2, request, MPI_STATUSES_IGNORE);
        CHECK(in[0] == round && request[0] != MPI_REQUEST_NULL);
    }
    MPI_Request_free(&request[0]);
    MPI_Request_free(&request[1]);
}

static void other_calls(void)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING], name[MPI_MAX_OBJECT_NAME];
    int length, major, minor, dims[2] = {0, 0}, periods[2] = {1, 0}, source, dest, flag;
    void *memory;
    MPI_Comm grid, row;
    MPI_Info info;
    MPI_Group world, odd, rest;
    int range[1][3] = {{1, size - 1, 2}};

    MPI_Get_version(&major, &minor);
    CHECK(major == MPI_VERSION && minor == MPI_SUBVERSION);
    MPI_Get_library_version(text, &length);
    CHECK(strncmp(text, "faabric", 7) == 0);
    MPI_Alloc_mem(1 << 20, MPI_INFO_NULL, &memory);
    memset(memory, 1, 1 << 20);
    MPI_Free_mem(memory);
    CHECK(MPI_Comm_f2c(MPI_Comm_c2f(MPI_COMM_WORLD)) == MPI_COMM_WORLD);
    CHECK(MPI_Aint_diff(MPI_Aint_add(100, 28), 28) == 100);
    CHECK(MPI_Wtime() >= 0 && MPI_Wtick() > 0);

    MPI_Dims_create(size, 2, dims);
    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &grid);
    MPI_Cart_shift(grid, 1, 1, &source, &dest);
    CHECK(rank % dims[1] != 0 || source == MPI_PROC_NULL);
    MPI_Cart_sub(grid, (int[]){0, 1}, &row);
    MPI_Comm_size(row, &length);
    CHECK(length == dims[1]);
    MPI_Comm_set_name(row, "row");
    MPI_Comm_get_name(row, name, &length);
    CHECK(strcmp(name, "row") == 0 && length == 3);
    MPI_Comm_free(&row);
    MPI_Comm_free(&grid);

    MPI_Info_create(&info);
    MPI_Info_set(info, "key", "value");
    length = 4;
    MPI_Info_get_string(info, "key", &length, text, &flag);
    CHECK(flag && length == 6 && strcmp(text, "val") == 0);
    MPI_Info_free(&info);

    MPI_Comm_group(MPI_COMM_WORLD, &world);
    if (size > 1) {
        MPI_Group_range_incl(world, 1, range, &odd);
        MPI_Group_difference(world, odd, &rest);
        MPI_Group_size(rest, &length);
        CHECK(length == (size + 1) / 2);
        MPI_Group_free(&odd);
        MPI_Group_free(&rest);
    }
    MPI_Group_free(&world);
}

/* Around the ring, in pieces, in any order, and taken back. */
static void partitions_and_exchanges(void)
{
    enum { PARTS = 8 };
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    int out[PARTS], in[PARTS] = {0}, flag = 0, low[] = {0, 7}, from = -1;
    MPI_Request pair[2], exchange;
    MPI_Status status;
    MPI_Psend_init(out, PARTS, 1, MPI_INT, right, 3, MPI_COMM_WORLD, MPI_INFO_NULL, &pair[0]);
    MPI_Precv_init(in, 2, 4, MPI_INT, left, 3, MPI_COMM_WORLD, MPI_INFO_NULL, &pair[1]);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < PARTS; i++)
            out[i] = 100 * rank + 10 * round + i;
        MPI_Startall(2, pair);
        MPI_Pready(3, pair[0]);
        MPI_Pready_list(2, low, pair[0]);
        MPI_Pready_range(1, 2, pair[0]);
        MPI_Pready_range(4, 6, pair[0]);
        while (!flag)
            MPI_Parrived(pair[1], 1, &flag);
        CHECK(in[7] == 100 * left + 10 * round + 7);
        MPI_Waitall(2, pair, MPI_STATUSES_IGNORE);
        CHECK(in[0] == 100 * left + 10 * round);
        flag = 0;
    }
    MPI_Request_free(&pair[0]);
    MPI_Request_free(&pair[1]);
    MPI_Isendrecv(&rank, 1, MPI_INT, right, 4, &from, 1, MPI_INT, left, 4, MPI_COMM_WORLD, &exchange);
    MPI_Wait(&exchange, &status);
    CHECK(from == left && status.MPI_SOURCE == left);
    MPI_Isendrecv_replace(&from, 1, MPI_INT, left, 5, right, 5, MPI_COMM_WORLD, &exchange);
    MPI_Wait(&exchange, MPI_STATUS_IGNORE);
    CHECK(from == rank);
    MPI_Issend(&rank, 1, MPI_INT, right, 6, MPI_COMM_WORLD, &exchange);
    MPI_Cancel(&exchange);
    MPI_Wait(&exchange, &status);
    MPI_Test_cancelled(&status, &flag);
    CHECK(flag);
}

static void communicators_without_a_parent(void)
{
    char buffer[1024 + MPI_BSEND_OVERHEAD], *attached;
    int bytes, resources = 0, place = -1, other = (rank + 1) % size;
    MPI_Group world, own, remote;
    MPI_Comm all, dup;
    MPI_Info info;
    MPI_Request request;
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Comm_create_from_group(world, "all", MPI_INFO_NULL, MPI_ERRORS_RETURN, &all);
    MPI_Comm_rank(all, &place);
    CHECK(place == rank);
    CHECK(MPI_Comm_create_from_group(MPI_GROUP_NULL, "x", MPI_INFO_NULL, MPI_ERRORS_RETURN, &dup) ==
          MPI_ERR_GROUP);
    MPI_Comm_idup(all, &dup, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Comm_attach_buffer(dup, buffer, sizeof buffer);
    MPI_Bsend(&rank, 1, MPI_INT, other, 1, dup);
    MPI_Recv(&place, 1, MPI_INT, MPI_ANY_SOURCE, 1, dup, MPI_STATUS_IGNORE);
    CHECK(place == (rank + size - 1) % size);
    MPI_Comm_iflush_buffer(dup, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Comm_flush_buffer(dup);
    MPI_Comm_detach_buffer(dup, &attached, &bytes);
    CHECK(attached == buffer && bytes == (int)sizeof buffer);
    MPI_Buffer_iflush(&request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Comm_free(&dup);
    MPI_Comm_free(&all);
    if (size > 1 && rank < 2) {
        other = 1 - rank;
        MPI_Group_incl(world, 1, &rank, &own);
        MPI_Group_incl(world, 1, &other, &remote);
        MPI_Intercomm_create_from_groups(own, 0, remote, 0, "two", MPI_INFO_NULL, MPI_ERRORS_RETURN, &all);
        MPI_Sendrecv(&rank, 1, MPI_INT, 0, 1, &place, 1, MPI_INT, 0, 1, all, MPI_STATUS_IGNORE);
        CHECK(place == other);
        MPI_Comm_free(&all);
        MPI_Group_free(&own);
        MPI_Group_free(&remote);
    }
    MPI_Group_free(&world);
    MPI_Get_hw_resource_info(&info);
    MPI_Info_get_nkeys(info, &resources);
    CHECK(resources == 1);
    MPI_Info_free(&info);
    MPI_Abi_get_info(&info);
    MPI_Info_get(info, "mpi_aint_size", 8, buffer, &resources);
    CHECK(resources && atoi(buffer) == (int)sizeof(MPI_Aint));
    MPI_Info_free(&info);
}

int main(int argc, char **argv)
{
    int provided, all;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    CHECK(provided == MPI_THREAD_MULTIPLE);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    user_operations();
    predefined_operations();
    attributes();
    errors();
    datatypes();
    requests();
    other_calls();
    partitions_and_exchanges();
    communicators_without_a_parent();
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(barriers == 1);
    MPI_Allreduce(&failures, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d ranks: %d failures\n", size, all);
    MPI_Finalize();
    return all != 0;
}
