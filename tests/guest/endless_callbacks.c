/* Functions that MPI calls and that call themselves through MPI, without end. */
#include <mpi.h>
#include <string.h>

static MPI_Op op;
static int keyval;

static void on_error(MPI_Comm *comm, int *code, ...)
{
    MPI_Comm_call_errhandler(*comm, *code);
}

static void combine(void *in, void *inout, int *length, MPI_Datatype *type)
{
    MPI_Reduce_local(in, inout, *length, *type, op);
}

static int copy(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    MPI_Comm copied;
    *flag = 0;
    return MPI_Comm_dup(comm, &copied);
}

int main(int argc, char **argv)
{
    int one = 1, two = 2;
    MPI_Init(&argc, &argv);
    if (!strcmp(argv[1], "errhandler")) {
        MPI_Errhandler handler;
        MPI_Comm_create_errhandler(on_error, &handler);
        MPI_Comm_set_errhandler(MPI_COMM_SELF, handler);
        MPI_Comm_call_errhandler(MPI_COMM_SELF, MPI_ERR_OTHER);
    } else if (!strcmp(argv[1], "op")) {
        MPI_Op_create(combine, 1, &op);
        MPI_Reduce_local(&one, &two, 1, MPI_INT, op);
    } else {
        MPI_Comm copied;
        MPI_Comm_create_keyval(copy, MPI_COMM_NULL_DELETE_FN, &keyval, NULL);
        MPI_Comm_set_attr(MPI_COMM_SELF, keyval, NULL);
        MPI_Comm_dup(MPI_COMM_SELF, &copied);
    }
    MPI_Finalize();
    return 0;
}
