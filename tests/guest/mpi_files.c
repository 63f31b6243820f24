/* Files through MPI: names and directories, views, pointers, collective and split access,
 * representations and error classes, each through the C interface. Arguments: a directory
 * that is read-only for the guest. */

#include <mpi.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            failures++; \
            printf("rank %d: %s:%d: %s\n", rank, __FILE__, __LINE__, #condition); \
        } \
    } while (0)

static int rank, size;

enum { N = 1000 };

static int class_of(int code)
{
    int class;
    MPI_Error_class(code, &class);
    return class;
}

/* What the file of ints holds, read as other programs read it. */
static void check_file(const char *name, long disp, int count, int (*expected)(int))
{
    int value = -1, wrong = 0;
    FILE *file = fopen(name, "rb");
    CHECK(file != NULL);
    if (!file)
        return;
    fseek(file, disp, SEEK_SET);
    for (int i = 0; i < count; i++)
        wrong += fread(&value, sizeof value, 1, file) != 1 || value != expected(i);
    CHECK(wrong == 0);
    fclose(file);
}

static int same(int i) { return i; }

/* Every size-th int is a rank's. */
static void interleaved(void)
{
    MPI_File file;
    MPI_Datatype filetype, etype, seen;
    MPI_Status status;
    MPI_Offset offset, disp;
    char datarep[MPI_MAX_DATAREP_STRING];
    int data[N], back[N + 5], count;
    MPI_Type_create_resized(MPI_INT, 0, size * (int)sizeof(int), &filetype);
    MPI_Type_commit(&filetype);
    CHECK(MPI_File_open(MPI_COMM_WORLD, "interleaved", MPI_MODE_CREATE | MPI_MODE_RDWR,
                        MPI_INFO_NULL, &file) == MPI_SUCCESS);
    MPI_File_set_view(file, 8 + rank * (int)sizeof(int), MPI_INT, filetype, "native",
                      MPI_INFO_NULL);
    for (int i = 0; i < N; i++)
        data[i] = i * size + rank;
    MPI_File_write_all(file, data, N / 2, MPI_INT, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK(count == N / 2);
    MPI_File_write_all_begin(file, data + N / 2, N - N / 2, MPI_INT);
    MPI_File_write_all_end(file, data + N / 2, &status);
    MPI_File_get_position(file, &offset);
    CHECK(offset == N);
    MPI_File_sync(file);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_sync(file);
    MPI_File_read_at_all_c(file, 0, back, N + 5, MPI_INT, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK(count == N);
    CHECK(memcmp(data, back, sizeof data) == 0);
    MPI_File_get_byte_offset(file, 3, &offset);
    CHECK(offset == 8 + (3 * size + rank) * (int)sizeof(int));
    MPI_File_get_view(file, &disp, &etype, &seen, datarep);
    CHECK(disp == 8 + rank * (int)sizeof(int) && etype == MPI_INT && !strcmp(datarep, "native"));
    MPI_Type_free(&seen);
    MPI_Type_free(&filetype);
    MPI_File_close(&file);
    CHECK(file == MPI_FILE_NULL);
    check_file("interleaved", 8, N * size, same);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        CHECK(MPI_File_delete("interleaved", MPI_INFO_NULL) == MPI_SUCCESS);
}

static int by_order(int i) { return i / 3; }

static void shared_pointer(void)
{
    MPI_File file;
    MPI_Request request;
    MPI_Status status;
    MPI_Offset offset;
    int data[3] = {rank, rank, rank}, count;
    MPI_File_open(MPI_COMM_WORLD, "shared", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file);
    MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL);
    MPI_File_write_ordered(file, data, 3, MPI_INT, &status);
    MPI_Barrier(MPI_COMM_WORLD);
    check_file("shared", 0, 3 * size, by_order);
    MPI_File_seek_shared(file, 0, MPI_SEEK_SET);
    MPI_File_iread_shared(file, data, 3, MPI_INT, &request);
    MPI_Wait(&request, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK(count == 3 && data[0] == data[2]);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_get_position_shared(file, &offset);
    CHECK(offset == 3 * size);
    MPI_File_close(&file);
    if (rank == 0)
        CHECK(unlink("shared") == 0);
}

/* Paths mean what they mean for open(). */
static void names(const char *read_only)
{
    MPI_File file;
    char path[500], text[20] = "";
    struct stat info;
    int mode = MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_EXCL;
    if (rank == 0)
        mkdir("folder", 0777);
    MPI_Barrier(MPI_COMM_WORLD);
    chdir("folder");
    CHECK(MPI_File_open(MPI_COMM_WORLD, "below", mode, MPI_INFO_NULL, &file) == MPI_SUCCESS);
    if (rank == 0)
        MPI_File_write(file, "from MPI", 8, MPI_CHAR, MPI_STATUS_IGNORE);
    MPI_File_close(&file);
    getcwd(path, sizeof path - 10);
    strcat(path, "/below");
    CHECK(stat(path, &info) == 0 && info.st_size == 8);
    CHECK(MPI_File_open(MPI_COMM_WORLD, path, mode, MPI_INFO_NULL, &file) != MPI_SUCCESS);
    MPI_File_open(MPI_COMM_WORLD, path, MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL,
                  &file);
    MPI_File_read_all(file, text, 8, MPI_CHAR, MPI_STATUS_IGNORE);
    CHECK(strcmp(text, "from MPI") == 0);
    MPI_File_close(&file);
    chdir("..");
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        CHECK(rmdir("folder") == 0);
    MPI_Barrier(MPI_COMM_WORLD);

    int create = MPI_MODE_CREATE | MPI_MODE_WRONLY;
    struct { const char *name; int mode, class; } wrong[] = {
        {"absent", MPI_MODE_RDONLY, MPI_ERR_NO_SUCH_FILE},
        {"absent/absent", create, MPI_ERR_NO_SUCH_FILE},
        {".", MPI_MODE_RDONLY, MPI_ERR_BAD_FILE},
        {"absent", MPI_MODE_RDONLY | MPI_MODE_RDWR, MPI_ERR_AMODE},
        {"../../../../../../../../etc/passwd", MPI_MODE_RDONLY, 0},
        {"/etc/passwd", MPI_MODE_RDONLY, MPI_ERR_NO_SUCH_FILE},
        {"link", MPI_MODE_RDONLY, 0},
    };
    if (rank == 0)
        symlink("../../../../../../../../etc/passwd", "link");
    MPI_Barrier(MPI_COMM_WORLD);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int error = MPI_File_open(MPI_COMM_WORLD, wrong[i].name, wrong[i].mode, MPI_INFO_NULL, &file);
        if (error == MPI_SUCCESS || (wrong[i].class && class_of(error) != wrong[i].class))
            printf("%s: class %d\n", wrong[i].name, class_of(error)), failures++;
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        unlink("link");
    snprintf(path, sizeof path, "%s/new", read_only);
    int error = MPI_File_open(MPI_COMM_WORLD, path, create, MPI_INFO_NULL, &file);
    CHECK(class_of(error) == MPI_ERR_READ_ONLY);
    CHECK(class_of(MPI_File_delete("absent", MPI_INFO_NULL)) == MPI_ERR_NO_SUCH_FILE);
}

static int handled;

static void handler(MPI_File *file, int *code, ...)
{
    (void)file;
    handled = *code;
}

static void errors(void)
{
    MPI_File file;
    MPI_Errhandler mine;
    int byte = 0, amode, flag;
    MPI_File_open(MPI_COMM_WORLD, "errors",
                  MPI_MODE_CREATE | MPI_MODE_WRONLY | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL,
                  &file);
    CHECK(class_of(MPI_File_read(file, &byte, 1, MPI_BYTE, MPI_STATUS_IGNORE)) == MPI_ERR_ACCESS);
    MPI_File_create_errhandler(handler, &mine);
    MPI_File_set_errhandler(file, mine);
    MPI_Errhandler_free(&mine);
    int error = MPI_File_seek(file, -1, MPI_SEEK_SET);
    CHECK(class_of(error) == MPI_ERR_ARG && handled == error);
    MPI_File_get_amode(file, &amode);
    CHECK(amode == (MPI_MODE_CREATE | MPI_MODE_WRONLY | MPI_MODE_DELETE_ON_CLOSE));
    MPI_File_set_atomicity(file, 1);
    MPI_File_get_atomicity(file, &flag);
    CHECK(flag == 1);
    CHECK(MPI_File_write_at(file, rank, &byte, 1, MPI_BYTE, MPI_STATUS_IGNORE) == MPI_SUCCESS);
    MPI_File_close(&file);
    CHECK(access("errors", F_OK) != 0);
    CHECK(class_of(MPI_File_sync(MPI_FILE_NULL)) == MPI_ERR_FILE);
}

/* A representation with every byte turned over, through the _c interface: its functions
 * take a 64-bit count. */
static int turn(void *to, const void *from, MPI_Count count)
{
    for (MPI_Count i = 0; i < 4 * count; i++)
        ((unsigned char *)to)[i] = ~((const unsigned char *)from)[i];
    return MPI_SUCCESS;
}

static int from_file(void *user, MPI_Datatype type, MPI_Count count, void *file,
                     MPI_Offset position, void *state)
{
    CHECK(type == MPI_INT && state == &rank);
    return turn((int *)user + position, file, count);
}

static int to_file(void *user, MPI_Datatype type, MPI_Count count, void *file,
                   MPI_Offset position, void *state)
{
    CHECK(type == MPI_INT && state == &rank);
    return turn(file, (int *)user + position, count);
}

static int extent(MPI_Datatype type, MPI_Aint *extent, void *state)
{
    CHECK(state == &rank);
    int bytes;
    MPI_Type_size(type, &bytes);
    *extent = bytes;
    return MPI_SUCCESS;
}

static int turned(int i) { return ~i; }

static int big_endian(int i) { return (int)__builtin_bswap32((unsigned)i); }

static void representations(void)
{
    MPI_File file;
    int data[N], back[N];
    struct { const char *name; int (*expected)(int); } forms[] = {
        {"native", same}, {"internal", same}, {"external32", big_endian}, {"turned", turned}};
    CHECK(MPI_Register_datarep_c("turned", from_file, to_file, extent, &rank) == MPI_SUCCESS);
    CHECK(class_of(MPI_Register_datarep_c("turned", from_file, to_file, extent, &rank)) ==
          MPI_ERR_DUP_DATAREP);
    for (int i = 0; i < N; i++)
        data[i] = rank * N + i;
    for (int form = 0; form < 4; form++) {
        MPI_Aint bytes;
        MPI_File_open(MPI_COMM_WORLD, "forms", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file);
        CHECK(MPI_File_set_view(file, 0, MPI_INT, MPI_INT, forms[form].name, MPI_INFO_NULL) ==
              MPI_SUCCESS);
        MPI_File_get_type_extent(file, MPI_INT, &bytes);
        CHECK(bytes == 4);
        MPI_File_write_at_all(file, rank * N, data, N, MPI_INT, MPI_STATUS_IGNORE);
        memset(back, 0, sizeof back);
        MPI_File_read_at(file, rank * N, back, N, MPI_INT, MPI_STATUS_IGNORE);
        CHECK(memcmp(data, back, sizeof data) == 0);
        MPI_File_close(&file);
        check_file("forms", 0, size * N, forms[form].expected);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    if (rank == 0)
        unlink("forms");
}

int main(int argc, char **argv)
{
    int all;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    interleaved();
    shared_pointer();
    names(argv[1]);
    errors();
    representations();
    MPI_Allreduce(&failures, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d ranks: %d failures\n", size, all);
    MPI_Finalize();
    return all != 0;
}
