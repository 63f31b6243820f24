/* The tool interface as a C program sees it: before MPI_Init, null results, strings,
 * what counts and what can be changed. With an argument it wants the variable "eager" to
 * have that value. */

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

static void controls(const char *eager)
{
    int num, index, name_len = 4, desc_len = 0, verbosity, bind, scope, count, items, item;
    char name[64];
    MPI_Datatype type;
    MPI_T_enum values;
    MPI_T_cvar_handle handle;
    unsigned long long value, changed = 4321;
    CHECK(MPI_T_cvar_get_num(&num) == MPI_SUCCESS && num > 10);
    CHECK(MPI_T_cvar_get_index("eager", &index) == MPI_SUCCESS);
    MPI_T_cvar_get_info(index, name, &name_len, &verbosity, &type, &values, NULL, &desc_len, &bind,
                        &scope);
    CHECK(!strcmp(name, "eag") && name_len == sizeof "eager" && desc_len > 20);
    CHECK(type == MPI_UNSIGNED_LONG_LONG && values == MPI_T_ENUM_NULL);
    CHECK(bind == MPI_T_BIND_NO_OBJECT && scope == MPI_T_SCOPE_LOCAL);
    CHECK(MPI_T_cvar_handle_alloc(index, NULL, &handle, &count) == MPI_SUCCESS && count == 1);
    CHECK(MPI_T_cvar_read(handle, &value) == MPI_SUCCESS);
    CHECK(!eager || value == strtoull(eager, NULL, 10));
    CHECK(MPI_T_cvar_write(handle, &changed) == MPI_SUCCESS);
    MPI_T_cvar_read(handle, &changed);
    CHECK(changed == 4321);
    MPI_T_cvar_write(handle, &value);
    CHECK(MPI_T_cvar_handle_free(&handle) == MPI_SUCCESS && handle == MPI_T_CVAR_HANDLE_NULL);
    CHECK(MPI_T_cvar_read(handle, &value) == MPI_T_ERR_INVALID_HANDLE);

    MPI_T_cvar_get_index("local", &index);
    name_len = sizeof name;
    MPI_T_cvar_get_info(index, name, &name_len, NULL, &type, &values, NULL, NULL, NULL, &scope);
    CHECK(type == MPI_INT && scope == MPI_T_SCOPE_READONLY);
    name_len = sizeof name;
    CHECK(MPI_T_enum_get_info(values, &items, name, &name_len) == MPI_SUCCESS && items == 2);
    name_len = sizeof name;
    MPI_T_enum_get_item(values, 1, &item, name, &name_len);
    CHECK(item == 1 && !strcmp(name, "on"));
    CHECK(MPI_T_enum_get_item(values, 2, &item, NULL, NULL) == MPI_T_ERR_INVALID_ITEM);
    CHECK(MPI_T_enum_get_info(MPI_T_ENUM_NULL, &items, NULL, NULL) == MPI_T_ERR_INVALID_HANDLE);
    MPI_T_cvar_handle_alloc(index, NULL, &handle, &count);
    CHECK(MPI_T_cvar_write(handle, &item) == MPI_T_ERR_CVAR_SET_NEVER);
    MPI_T_cvar_handle_free(&handle);
    CHECK(MPI_T_cvar_get_info(num, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) ==
          MPI_T_ERR_INVALID_INDEX);
}

static void counters(int rank, int size)
{
    int index, count, class, readonly, continuous;
    unsigned long long sent = 1, waiting = 1000;
    double seconds = -1;
    MPI_Datatype type;
    MPI_T_pvar_session session;
    MPI_T_pvar_handle bytes, waited, level;
    char in[100], out[100] = {0};
    int next = (rank + 1) % size, previous = (rank + size - 1) % size;
    CHECK(MPI_T_pvar_session_create(&session) == MPI_SUCCESS);
    MPI_T_pvar_get_index("bytes_sent", MPI_T_PVAR_CLASS_COUNTER, &index);
    MPI_T_pvar_get_info(index, NULL, NULL, NULL, &class, &type, NULL, NULL, NULL, NULL, &readonly,
                        &continuous, NULL);
    CHECK(class == MPI_T_PVAR_CLASS_COUNTER && type == MPI_UNSIGNED_LONG_LONG);
    CHECK(!readonly && !continuous);
    MPI_T_pvar_handle_alloc(session, index, NULL, &bytes, &count);
    CHECK(MPI_T_pvar_get_index("time_waiting", MPI_T_PVAR_CLASS_LEVEL, &index) ==
          MPI_T_ERR_INVALID_NAME);
    MPI_T_pvar_get_index("time_waiting", MPI_T_PVAR_CLASS_TIMER, &index);
    MPI_T_pvar_handle_alloc(session, index, NULL, &waited, &count);
    MPI_T_pvar_get_index("unexpected_messages", MPI_T_PVAR_CLASS_LEVEL, &index);
    MPI_T_pvar_handle_alloc(session, index, NULL, &level, &count);
    CHECK(MPI_T_pvar_start(session, level) == MPI_T_ERR_PVAR_NO_STARTSTOP);
    MPI_Sendrecv(out, 50, MPI_BYTE, next, 0, in, 50, MPI_BYTE, previous, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    CHECK(MPI_T_pvar_start(session, MPI_T_PVAR_ALL_HANDLES) == MPI_SUCCESS);
    /* Calls that are otherwise served on the program's own stack. */
    MPI_Request request;
    MPI_Irecv(in, 100, MPI_BYTE, previous, 0, MPI_COMM_WORLD, &request);
    MPI_Send(out, 100, MPI_BYTE, next, 0, MPI_COMM_WORLD);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    CHECK(MPI_T_pvar_read(session, bytes, &sent) == MPI_SUCCESS && sent == 100);
    CHECK(MPI_T_pvar_read(session, waited, &seconds) == MPI_SUCCESS);
    CHECK(seconds >= 0 && seconds < 60);
    /* A neighbour may be ahead, and its part of a collective operation here. */
    CHECK(MPI_T_pvar_read(session, level, &waiting) == MPI_SUCCESS && waiting < 100);
    CHECK(MPI_T_pvar_readreset(session, bytes, &sent) == MPI_SUCCESS && sent == 100);
    MPI_T_pvar_stop(session, bytes);
    MPI_T_pvar_read(session, bytes, &sent);
    CHECK(sent == 0);
    sent = 7;
    CHECK(MPI_T_pvar_write(session, bytes, &sent) == MPI_SUCCESS);
    MPI_T_pvar_read(session, bytes, &sent);
    CHECK(sent == 7);
    CHECK(MPI_T_pvar_handle_free(session, &bytes) == MPI_SUCCESS && bytes == MPI_T_PVAR_HANDLE_NULL);
    CHECK(MPI_T_pvar_session_free(&session) == MPI_SUCCESS);
    CHECK(session == MPI_T_PVAR_SESSION_NULL);
    CHECK(MPI_T_pvar_read(session, waited, &seconds) == MPI_T_ERR_INVALID_SESSION);
}

static void categories_and_events(void)
{
    int num, index, cvars, pvars, categories, indices[3] = {-1, -1, -1};
    MPI_T_source_order order;
    MPI_Count ticks, first, second;
    MPI_T_category_get_num(&num);
    CHECK(num == 2);
    CHECK(MPI_T_category_get_index("messages", &index) == MPI_SUCCESS);
    MPI_T_category_get_info(index, NULL, NULL, NULL, NULL, &cvars, &pvars, &categories);
    CHECK(cvars == 2 && pvars > 5 && categories == 0);
    MPI_T_category_get_pvars(index, 2, indices);
    CHECK(indices[0] == 0 && indices[1] == 1 && indices[2] == -1);
    MPI_T_category_changed(&num);
    CHECK(num == 0);
    CHECK(MPI_T_event_get_num(&num) == MPI_SUCCESS && num == 0);
    CHECK(MPI_T_event_get_index("x", &index) == MPI_T_ERR_INVALID_NAME);
    CHECK(MPI_T_event_copy(NULL, NULL) == MPI_T_ERR_INVALID_HANDLE);
    MPI_T_source_get_num(&num);
    CHECK(num == 1);
    MPI_T_source_get_info(0, NULL, NULL, NULL, NULL, &order, &ticks, NULL, NULL);
    CHECK(order == MPI_T_SOURCE_ORDERED && ticks == 1000000000);
    MPI_T_source_get_timestamp(0, &first);
    MPI_T_source_get_timestamp(0, &second);
    CHECK(second >= first);
}

int main(int argc, char **argv)
{
    int rank, size, provided, num;
    CHECK(MPI_T_cvar_get_num(&num) == MPI_T_ERR_NOT_INITIALIZED);
    CHECK(MPI_T_init_thread(MPI_THREAD_SINGLE, &provided) == MPI_SUCCESS);
    controls(argc > 1 ? argv[1] : NULL);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    counters(rank, size);
    categories_and_events();
    MPI_Reduce(rank ? &failures : MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d ranks: %d failures\n", size, failures);
    MPI_Finalize();
    CHECK(MPI_T_cvar_get_num(&num) == MPI_SUCCESS);
    CHECK(MPI_T_finalize() == MPI_SUCCESS);
    CHECK(MPI_T_finalize() == MPI_T_ERR_NOT_INITIALIZED);
    return failures != 0;
}
