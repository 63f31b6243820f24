// A user operation that calls MPI, with user operations again, before it looks at its
// own arguments: they must be as they were.
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static MPI_Op inner;
static int calls;

static void multiply(void *in, void *inout, int *length, MPI_Datatype *type)
{
	for (int i = 0; i < *length; i++)
		((int *)inout)[i] *= ((int *)in)[i];
}

static void add(void *in, void *inout, int *length, MPI_Datatype *type)
{
	int size, text_length, a[500], b[500];
	char text[MPI_MAX_ERROR_STRING];
	calls++;
	MPI_Type_size(*type, &size);
	MPI_Error_string(MPI_ERR_RANK, text, &text_length);
	for (int i = 0; i < 500; i++) {
		a[i] = i;
		b[i] = 3;
	}
	MPI_Reduce_local(a, b, 500, MPI_INT, inner);
	for (int i = 0; i < 500; i++)
		if (b[i] != 3 * i)
			MPI_Abort(MPI_COMM_WORLD, 91);
	if (size != sizeof(int) || !strlen(text))
		MPI_Abort(MPI_COMM_WORLD, 92);
	for (int i = 0; i < *length; i++)
		((int *)inout)[i] += ((int *)in)[i];
}

int main(int argc, char **argv)
{
	int rank, size, mine[100], all[100];
	MPI_Op outer;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	MPI_Op_create(multiply, 1, &inner);
	MPI_Op_create(add, 1, &outer);
	for (int i = 0; i < 100; i++)
		mine[i] = (rank + 1) * i;
	MPI_Allreduce(mine, all, 100, MPI_INT, outer, MPI_COMM_WORLD);
	for (int i = 0; i < 100; i++)
		if (all[i] != i * size * (size + 1) / 2)
			MPI_Abort(MPI_COMM_WORLD, 93);
	int any;
	MPI_Allreduce(&calls, &any, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	if (rank == 0)
		printf("nested callbacks: %s\n", any ? "right" : "never called");
	MPI_Op_free(&outer);
	MPI_Op_free(&inner);
	MPI_Finalize();
	return 0;
}
