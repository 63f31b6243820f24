/* MPI functions that need no host: names that the standard has replaced, handles as
 * integers, memory and address arithmetic. Each is a PMPI_X with a weak MPI_X. */

#include <mpi.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <wasi/libc-find-relpath.h>

#define NAMED(function, returns, ...) \
    returns function(__VA_ARGS__) __attribute__((weak, alias("P" #function))); \
    returns P##function(__VA_ARGS__)

/* Memory and addresses. */

NAMED(MPI_Alloc_mem, int, MPI_Aint size, MPI_Info info, void *baseptr)
{
    (void)info;
    if (size < 0)
        return MPI_Comm_call_errhandler(MPI_COMM_SELF, MPI_ERR_SIZE), MPI_ERR_SIZE;
    /* 16 bytes: what the widest types of MPI need. */
    void *memory = malloc(size ? (size_t)size : 1);
    if (!memory)
        return MPI_Comm_call_errhandler(MPI_COMM_SELF, MPI_ERR_NO_MEM), MPI_ERR_NO_MEM;
    *(void **)baseptr = memory;
    return MPI_SUCCESS;
}

NAMED(MPI_Free_mem, int, void *base)
{
    free(base);
    return MPI_SUCCESS;
}

NAMED(MPI_Get_address, int, const void *location, MPI_Aint *address)
{
    *address = (MPI_Aint)location;
    return MPI_SUCCESS;
}

NAMED(MPI_Aint_add, MPI_Aint, MPI_Aint base, MPI_Aint disp)
{
    return (MPI_Aint)((uintptr_t)base + (uintptr_t)disp);
}

NAMED(MPI_Aint_diff, MPI_Aint, MPI_Aint addr1, MPI_Aint addr2)
{
    return (MPI_Aint)((uintptr_t)addr1 - (uintptr_t)addr2);
}

/* Without a profiling tool there is nothing to control. */
NAMED(MPI_Pcontrol, int, const int level, ...)
{
    (void)level;
    return MPI_SUCCESS;
}

NAMED(MPI_Abi_get_version, int, int *abi_major, int *abi_minor)
{
    *abi_major = MPI_ABI_VERSION;
    *abi_minor = MPI_ABI_SUBVERSION;
    return MPI_SUCCESS;
}

/* Attributes. The standard hands predefined ones out as addresses of integers; the
 * host, which owns no guest memory, writes the value where the address is to go. */

extern int faabric_comm_get_attr(MPI_Comm comm, int keyval, void *attribute_val, int *flag)
    __attribute__((import_module("mpi"), import_name("MPI_Comm_get_attr")));

NAMED(MPI_Comm_get_attr, int, MPI_Comm comm, int comm_keyval, void *attribute_val, int *flag)
{
    static int values[MPI_LASTUSEDCODE - MPI_TAG_UB + 1];
    int error = faabric_comm_get_attr(comm, comm_keyval, attribute_val, flag);
    if (error == MPI_SUCCESS && *flag && comm_keyval >= MPI_TAG_UB &&
        comm_keyval <= MPI_LASTUSEDCODE) {
        int *value = &values[comm_keyval - MPI_TAG_UB];
        *value = *(int *)attribute_val;
        *(int **)attribute_val = value;
    }
    return error;
}

/* Windows. The host calls the program's allocator for memory that comes with a window,
 * and for the integers that the addresses in predefined attributes point to. */

typedef void *allocate_function(size_t alignment, size_t size);
typedef void free_function(void *memory);

extern int faabric_win_allocate(MPI_Aint size, int disp_unit, MPI_Info info, MPI_Comm comm,
                                void *baseptr, MPI_Win *win, allocate_function *allocate,
                                free_function *release)
    __attribute__((import_module("mpi"), import_name("MPI_Win_allocate")));
extern int faabric_win_allocate_shared(MPI_Aint size, int disp_unit, MPI_Info info, MPI_Comm comm,
                                       void *baseptr, MPI_Win *win, allocate_function *allocate,
                                       free_function *release)
    __attribute__((import_module("mpi"), import_name("MPI_Win_allocate_shared")));
extern int faabric_win_free(MPI_Win *win, free_function *release)
    __attribute__((import_module("mpi"), import_name("MPI_Win_free")));
extern int faabric_win_get_attr(MPI_Win win, int keyval, void *attribute_val, int *flag,
                                allocate_function *allocate, free_function *release)
    __attribute__((import_module("mpi"), import_name("MPI_Win_get_attr")));

NAMED(MPI_Win_allocate, int, MPI_Aint size, int disp_unit, MPI_Info info, MPI_Comm comm,
      void *baseptr, MPI_Win *win)
{
    return faabric_win_allocate(size, disp_unit, info, comm, baseptr, win, aligned_alloc, free);
}

NAMED(MPI_Win_allocate_c, int, MPI_Aint size, MPI_Aint disp_unit, MPI_Info info, MPI_Comm comm,
      void *baseptr, MPI_Win *win)
{
    return MPI_Win_allocate(size, disp_unit, info, comm, baseptr, win);
}

NAMED(MPI_Win_allocate_shared, int, MPI_Aint size, int disp_unit, MPI_Info info, MPI_Comm comm,
      void *baseptr, MPI_Win *win)
{
    return faabric_win_allocate_shared(size, disp_unit, info, comm, baseptr, win, aligned_alloc,
                                       free);
}

NAMED(MPI_Win_allocate_shared_c, int, MPI_Aint size, MPI_Aint disp_unit, MPI_Info info,
      MPI_Comm comm, void *baseptr, MPI_Win *win)
{
    return MPI_Win_allocate_shared(size, disp_unit, info, comm, baseptr, win);
}

NAMED(MPI_Win_free, int, MPI_Win *win)
{
    return faabric_win_free(win, free);
}

NAMED(MPI_Win_get_attr, int, MPI_Win win, int win_keyval, void *attribute_val, int *flag)
{
    return faabric_win_get_attr(win, win_keyval, attribute_val, flag, aligned_alloc, free);
}

/* Names of files. libc knows the current directory and in which directory of the host's
 * a name lies; the host gets that directory and the path from there, or -1. */

extern int faabric_file_open(MPI_Comm comm, int directory, const char *path, int amode,
                             MPI_Info info, MPI_File *fh)
    __attribute__((import_module("mpi"), import_name("MPI_File_open")));
extern int faabric_file_delete(int directory, const char *path, MPI_Info info)
    __attribute__((import_module("mpi"), import_name("MPI_File_delete")));

/* The directory of a file's name; `*path`, room for PATH_MAX bytes, becomes the path from
 * there. */
static int directory_of(const char *filename, char **path)
{
    const char *prefix;
    return filename ? __wasilibc_find_relpath(filename, &prefix, path, PATH_MAX) : -1;
}

NAMED(MPI_File_open, int, MPI_Comm comm, const char *filename, int amode, MPI_Info info,
      MPI_File *fh)
{
    char room[PATH_MAX], *path = room;
    int directory = directory_of(filename, &path);
    return faabric_file_open(comm, directory, directory < 0 ? filename : path, amode, info, fh);
}

NAMED(MPI_File_delete, int, const char *filename, MPI_Info info)
{
    char room[PATH_MAX], *path = room;
    int directory = directory_of(filename, &path);
    return faabric_file_delete(directory, directory < 0 ? filename : path, info);
}

/* Programs are looked for from the current directory, which only libc knows. */

extern int faabric_spawn(const char *command, char *argv[], int maxprocs, MPI_Info info, int root,
                         MPI_Comm comm, MPI_Comm *intercomm, int array_of_errcodes[],
                         const char *directory)
    __attribute__((import_module("mpi"), import_name("MPI_Comm_spawn")));
extern int faabric_spawn_multiple(int count, char *commands[], char **argvs[],
                                  const int maxprocs[], const MPI_Info infos[], int root,
                                  MPI_Comm comm, MPI_Comm *intercomm, int array_of_errcodes[],
                                  const char *directory)
    __attribute__((import_module("mpi"), import_name("MPI_Comm_spawn_multiple")));

static const char *current_directory(char room[PATH_MAX])
{
    return getcwd(room, PATH_MAX) ? room : "/";
}

NAMED(MPI_Comm_spawn, int, const char *command, char *argv[], int maxprocs, MPI_Info info,
      int root, MPI_Comm comm, MPI_Comm *intercomm, int array_of_errcodes[])
{
    char room[PATH_MAX];
    return faabric_spawn(command, argv, maxprocs, info, root, comm, intercomm,
                         array_of_errcodes, current_directory(room));
}

NAMED(MPI_Comm_spawn_multiple, int, int count, char *array_of_commands[],
      char **array_of_argv[], const int array_of_maxprocs[], const MPI_Info array_of_info[],
      int root, MPI_Comm comm, MPI_Comm *intercomm, int array_of_errcodes[])
{
    char room[PATH_MAX];
    return faabric_spawn_multiple(count, array_of_commands, array_of_argv, array_of_maxprocs,
                                  array_of_info, root, comm, intercomm, array_of_errcodes,
                                  current_directory(room));
}

/* Parts of a status. */

NAMED(MPI_Status_get_source, int, const MPI_Status *status, int *source)
{
    *source = status->MPI_SOURCE;
    return MPI_SUCCESS;
}

NAMED(MPI_Status_get_tag, int, const MPI_Status *status, int *tag)
{
    *tag = status->MPI_TAG;
    return MPI_SUCCESS;
}

NAMED(MPI_Status_get_error, int, const MPI_Status *status, int *err)
{
    *err = status->MPI_ERROR;
    return MPI_SUCCESS;
}

NAMED(MPI_Status_set_source, int, MPI_Status *status, int source)
{
    status->MPI_SOURCE = source;
    return MPI_SUCCESS;
}

NAMED(MPI_Status_set_tag, int, MPI_Status *status, int tag)
{
    status->MPI_TAG = tag;
    return MPI_SUCCESS;
}

NAMED(MPI_Status_set_error, int, MPI_Status *status, int err)
{
    status->MPI_ERROR = err;
    return MPI_SUCCESS;
}

/* Handles as integers, which are their numbers. */

#define CONVERSIONS(kind, type, name) \
    NAMED(MPI_##kind##_c2f, MPI_Fint, type name) { return (MPI_Fint)(intptr_t)name; } \
    NAMED(MPI_##kind##_f2c, type, MPI_Fint name) { return (type)(intptr_t)name; } \
    NAMED(MPI_##kind##_toint, int, type name) { return (int)(intptr_t)name; } \
    NAMED(MPI_##kind##_fromint, type, int name) { return (type)(intptr_t)name; }

CONVERSIONS(Comm, MPI_Comm, comm)
CONVERSIONS(Errhandler, MPI_Errhandler, errhandler)
CONVERSIONS(File, MPI_File, file)
CONVERSIONS(Group, MPI_Group, group)
CONVERSIONS(Info, MPI_Info, info)
CONVERSIONS(Message, MPI_Message, message)
CONVERSIONS(Op, MPI_Op, op)
CONVERSIONS(Request, MPI_Request, request)
CONVERSIONS(Session, MPI_Session, session)
CONVERSIONS(Type, MPI_Datatype, datatype)
CONVERSIONS(Win, MPI_Win, win)

static MPI_Fint ignored_status[MPI_F_STATUS_SIZE];
MPI_Fint *MPI_F_STATUS_IGNORE = ignored_status;
MPI_Fint *MPI_F_STATUSES_IGNORE = ignored_status;

NAMED(MPI_Status_c2f, int, const MPI_Status *c_status, MPI_Fint *f_status)
{
    __builtin_memcpy(f_status, c_status, sizeof *c_status);
    return MPI_SUCCESS;
}

NAMED(MPI_Status_f2c, int, const MPI_Fint *f_status, MPI_Status *c_status)
{
    if (f_status == MPI_F_STATUS_IGNORE || f_status == MPI_F_STATUSES_IGNORE)
        return MPI_Comm_call_errhandler(MPI_COMM_SELF, MPI_ERR_ARG), MPI_ERR_ARG;
    __builtin_memcpy(c_status, f_status, sizeof *c_status);
    return MPI_SUCCESS;
}

/* Names of MPI-1 and MPI-2 that programs still use. */

NAMED(MPI_Address, int, void *location, MPI_Aint *address)
{
    return MPI_Get_address(location, address);
}

NAMED(MPI_Type_struct, int, int count, int *array_of_blocklengths,
      MPI_Aint *array_of_displacements, MPI_Datatype *array_of_types, MPI_Datatype *newtype)
{
    return MPI_Type_create_struct(count, array_of_blocklengths, array_of_displacements,
                                  array_of_types, newtype);
}

NAMED(MPI_Type_hvector, int, int count, int blocklength, MPI_Aint stride, MPI_Datatype oldtype,
      MPI_Datatype *newtype)
{
    return MPI_Type_create_hvector(count, blocklength, stride, oldtype, newtype);
}

NAMED(MPI_Type_hindexed, int, int count, int *array_of_blocklengths,
      MPI_Aint *array_of_displacements, MPI_Datatype oldtype, MPI_Datatype *newtype)
{
    return MPI_Type_create_hindexed(count, array_of_blocklengths, array_of_displacements, oldtype,
                                    newtype);
}

NAMED(MPI_Type_extent, int, MPI_Datatype datatype, MPI_Aint *extent)
{
    MPI_Aint lb;
    return MPI_Type_get_extent(datatype, &lb, extent);
}

NAMED(MPI_Type_lb, int, MPI_Datatype datatype, MPI_Aint *displacement)
{
    MPI_Aint extent;
    return MPI_Type_get_extent(datatype, displacement, &extent);
}

NAMED(MPI_Type_ub, int, MPI_Datatype datatype, MPI_Aint *displacement)
{
    MPI_Aint lb, extent;
    int error = MPI_Type_get_extent(datatype, &lb, &extent);
    if (error == MPI_SUCCESS)
        *displacement = lb + extent;
    return error;
}

NAMED(MPI_Errhandler_create, int, MPI_Comm_errhandler_function *comm_errhandler_fn,
      MPI_Errhandler *errhandler)
{
    return MPI_Comm_create_errhandler(comm_errhandler_fn, errhandler);
}

NAMED(MPI_Errhandler_get, int, MPI_Comm comm, MPI_Errhandler *errhandler)
{
    return MPI_Comm_get_errhandler(comm, errhandler);
}

NAMED(MPI_Errhandler_set, int, MPI_Comm comm, MPI_Errhandler errhandler)
{
    return MPI_Comm_set_errhandler(comm, errhandler);
}

NAMED(MPI_Keyval_create, int, MPI_Copy_function *copy_fn, MPI_Delete_function *delete_fn,
      int *keyval, void *extra_state)
{
    return MPI_Comm_create_keyval(copy_fn, delete_fn, keyval, extra_state);
}

NAMED(MPI_Keyval_free, int, int *keyval)
{
    return MPI_Comm_free_keyval(keyval);
}

NAMED(MPI_Attr_put, int, MPI_Comm comm, int keyval, void *attribute_val)
{
    return MPI_Comm_set_attr(comm, keyval, attribute_val);
}

NAMED(MPI_Attr_get, int, MPI_Comm comm, int keyval, void *attribute_val, int *flag)
{
    return MPI_Comm_get_attr(comm, keyval, attribute_val, flag);
}

NAMED(MPI_Attr_delete, int, MPI_Comm comm, int keyval)
{
    return MPI_Comm_delete_attr(comm, keyval);
}
