/* A program that knows MPI only through sessions: no MPI_Init, no MPI_COMM_WORLD. */

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

static int handled;

static void handler(MPI_Session *session, int *code, ...)
{
    CHECK(*session != MPI_SESSION_NULL);
    handled = *code;
}

static MPI_Comm world_of(MPI_Session session, const char *tag)
{
    MPI_Group group;
    MPI_Comm comm;
    CHECK(MPI_Group_from_session_pset(session, "mpi://WORLD", &group) == MPI_SUCCESS);
    MPI_Comm_create_from_group(group, tag, MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm);
    MPI_Group_free(&group);
    return comm;
}

static void process_sets(MPI_Session session)
{
    int sets, len = 0, flag;
    char name[MPI_MAX_PSET_NAME_LEN], value[32];
    MPI_Info info;
    MPI_Session_get_num_psets(session, MPI_INFO_NULL, &sets);
    CHECK(sets >= 2);
    MPI_Session_get_nth_pset(session, MPI_INFO_NULL, 0, &len, NULL);
    CHECK(len == sizeof "mpi://WORLD");
    MPI_Session_get_nth_pset(session, MPI_INFO_NULL, 0, &len, name);
    CHECK(strcmp(name, "mpi://WORLD") == 0);
    len = 4;
    MPI_Session_get_nth_pset(session, MPI_INFO_NULL, 1, &len, name);
    CHECK(strcmp(name, "mpi") == 0 && len == sizeof "mpi://SELF");
    MPI_Session_get_pset_info(session, "mpi://SELF", &info);
    MPI_Info_get(info, "mpi_size", sizeof value - 1, value, &flag);
    CHECK(flag && atoi(value) == 1);
    MPI_Info_free(&info);
}

static void errors(MPI_Session session)
{
    MPI_Errhandler mine, old;
    MPI_Info info;
    MPI_Session none = MPI_SESSION_NULL;
    CHECK(MPI_Session_get_pset_info(session, "mpi://NOBODY", &info) == MPI_ERR_ARG);
    MPI_Session_create_errhandler(handler, &mine);
    MPI_Session_get_errhandler(session, &old);
    CHECK(old == MPI_ERRORS_RETURN);
    MPI_Session_set_errhandler(session, mine);
    CHECK(MPI_Session_get_pset_info(session, "mpi://NOBODY", &info) == MPI_ERR_ARG);
    CHECK(handled == MPI_ERR_ARG);
    MPI_Session_call_errhandler(session, MPI_ERR_TAG);
    CHECK(handled == MPI_ERR_TAG);
    MPI_Errhandler_free(&mine);
    CHECK(MPI_Session_finalize(&none) == MPI_ERR_SESSION);
}

int main(void)
{
    int rank, size, flag, sum;
    MPI_Session session, other;
    /* Calls on no object have the error handler of MPI_COMM_SELF. */
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session);
    MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &other);
    CHECK(session != other);
    MPI_Initialized(&flag);
    CHECK(!flag);
    process_sets(session);
    errors(session);

    MPI_Comm first = world_of(session, "first"), second = world_of(other, "second");
    MPI_Comm_rank(first, &rank);
    MPI_Comm_size(first, &size);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, first);
    CHECK(sum == size * (size - 1) / 2);
    int left = -1, next = (rank + 1) % size, previous = (rank + size - 1) % size;
    MPI_Sendrecv(&rank, 1, MPI_INT, next, 1, &left, 1, MPI_INT, previous, 1, second,
                 MPI_STATUS_IGNORE);
    CHECK(left == previous);

    /* A buffered send over the buffer of a session. */
    static char room[1024];
    void *detached;
    MPI_Session_attach_buffer(other, room, sizeof room);
    MPI_Bsend(&rank, 1, MPI_INT, next, 2, second);
    MPI_Recv(&left, 1, MPI_INT, previous, 2, second, MPI_STATUS_IGNORE);
    CHECK(left == previous);
    MPI_Session_flush_buffer(other);
    MPI_Session_detach_buffer(other, &detached, &sum);
    CHECK(detached == room && sum == sizeof room);

    MPI_Comm_free(&first);
    MPI_Session_finalize(&session);
    CHECK(session == MPI_SESSION_NULL);
    MPI_Barrier(second);
    MPI_Reduce(rank ? &failures : MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_SUM, 0, second);
    MPI_Comm_free(&second);
    MPI_Session_finalize(&other);

    /* All of MPI was closed; it can be opened again. */
    MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &session);
    MPI_Comm again = world_of(session, "again");
    MPI_Barrier(again);
    MPI_Comm_free(&again);
    MPI_Session_finalize(&session);
    if (rank == 0)
        printf("%d ranks: %d failures\n", size, failures);
    return failures != 0;
}
