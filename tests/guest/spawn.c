/* Dynamic processes. The argument says what the parents do; children are told by theirs.
 *
 *   talk      spawns two of itself: messages, merge, allreduce, disconnect
 *   family    each of two spawned groups finds the other by a published name
 *   other P   spawns program P
 *   none      asks for what cannot be: a program, and room, that there is not
 *   fail      spawns a process that exits with 9 while its parents wait
 *   stay      spawns processes that wait for ever, as it does
 *   many      spawns and leaves one process after the other
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int rank, size;
/* The name of this program. */
static char *own;

static void die(const char *what)
{
    printf("wrong: %s\n", what);
    MPI_Abort(MPI_COMM_WORLD, 3);
}

static MPI_Comm spawn(const char *role, int count)
{
    char *arguments[] = {(char *)role, "second argument", NULL};
    MPI_Comm children;
    int codes[16];
    MPI_Comm_spawn(own, arguments, count, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &children, codes);
    for (int i = 0; i < count; i++)
        if (codes[i] != MPI_SUCCESS) die("error codes");
    return children;
}

/* What both sides do with each other. */
static void talk(MPI_Comm other, int parent)
{
    int theirs;
    MPI_Comm_remote_size(other, &theirs);
    static char out[300000], in[300000];
    for (int bytes = 1; bytes <= (int)sizeof out; bytes = bytes * 6 + 1) {
        memset(out, rank + parent, bytes);
        if (rank >= theirs || rank >= size) continue;
        MPI_Sendrecv(out, bytes, MPI_BYTE, rank, 1, in, bytes, MPI_BYTE, rank, 1, other, MPI_STATUS_IGNORE);
        if (in[0] != rank + !parent || in[bytes - 1] != in[0]) die("message");
    }
    int sum = 0, one = 10 + parent;
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, other);
    if (sum != theirs * (10 + !parent)) die("allreduce between the groups");
    MPI_Comm all;
    MPI_Intercomm_merge(other, !parent, &all);
    int place, everyone;
    MPI_Comm_rank(all, &place);
    MPI_Comm_size(all, &everyone);
    if (everyone != size + theirs || place != (parent ? rank : theirs + rank)) die("merge");
    MPI_Allreduce(&place, &sum, 1, MPI_INT, MPI_SUM, all);
    if (sum != everyone * (everyone - 1) / 2) die("allreduce of all");
    MPI_Comm_free(&all);
}

static void child(int argc, char **argv, MPI_Comm parent)
{
    int *number, flag;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &number, &flag);
    if (!flag || *number != 0) die("MPI_APPNUM");
    if (argc != 3 || strcmp(argv[2], "second argument")) die("arguments");
    const char *role = argv[1];
    if (!strcmp(role, "talk")) {
        talk(parent, 0);
        printf("child %d of %d on %s\n", rank, size, getenv("FAABRIC_WORKER"));
        fflush(stdout);
    } else if (!strcmp(role, "fail")) {
        if (rank == 0) _exit(9);
        MPI_Barrier(MPI_COMM_WORLD);
    } else if (!strcmp(role, "stay")) {
        MPI_Barrier(parent);
        MPI_Recv(NULL, 0, MPI_BYTE, 0, 99, parent, MPI_STATUS_IGNORE);
    } else if (!strcmp(role, "serve")) {
        char port[MPI_MAX_PORT_NAME];
        if (rank == 0) {
            MPI_Open_port(MPI_INFO_NULL, port);
            MPI_Publish_name("service of the test", MPI_INFO_NULL, port);
        }
        MPI_Barrier(parent);
        MPI_Comm other;
        MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &other);
        talk(other, 1);
        MPI_Comm_disconnect(&other);
        if (rank == 0) {
            MPI_Unpublish_name("service of the test", MPI_INFO_NULL, port);
            MPI_Close_port(port);
            printf("served\n");
        }
    } else if (!strcmp(role, "visit")) {
        char port[MPI_MAX_PORT_NAME];
        if (rank == 0) MPI_Lookup_name("service of the test", MPI_INFO_NULL, port);
        MPI_Comm other;
        MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &other);
        talk(other, 0);
        MPI_Comm_disconnect(&other);
    }
    MPI_Comm_disconnect(&parent);
}

static void expect(int code, int class, const char *what)
{
    int found;
    MPI_Error_class(code, &found);
    char text[MPI_MAX_ERROR_STRING];
    int length;
    MPI_Error_string(code, text, &length);
    if (found != class) die(what);
    if (rank == 0) printf("%s: %s\n", what, text);
}

int main(int argc, char **argv)
{
    MPI_Comm parent, children;
    MPI_Init(&argc, &argv);
    own = argv[0];
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_get_parent(&parent);
    if (parent != MPI_COMM_NULL) {
        child(argc, argv, parent);
        MPI_Finalize();
        return 0;
    }
    const char *what = argc > 1 ? argv[1] : "talk";
    if (!strcmp(what, "talk")) {
        children = spawn("talk", 2);
        talk(children, 1);
        MPI_Comm_disconnect(&children);
        if (rank == 0) printf("parents are done\n");
    } else if (!strcmp(what, "family")) {
        MPI_Comm second;
        children = spawn("serve", 2);
        MPI_Barrier(children);
        second = spawn("visit", 2);
        MPI_Comm_disconnect(&children);
        MPI_Comm_disconnect(&second);
    } else if (!strcmp(what, "other")) {
        MPI_Comm_spawn(argv[2], MPI_ARGV_NULL, 2, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &children, MPI_ERRCODES_IGNORE);
        MPI_Comm_disconnect(&children);
    } else if (!strcmp(what, "none")) {
        int codes[40];
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        expect(MPI_Comm_spawn("no-such-program", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &children, codes),
               MPI_ERR_SPAWN, "no such program");
        if (codes[0] != MPI_ERR_SPAWN || children != MPI_COMM_NULL) die("results");
        expect(MPI_Comm_spawn(own, MPI_ARGV_NULL, 40, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &children, codes),
               MPI_ERR_SPAWN, "no room");
        if (codes[39] != MPI_ERR_SPAWN) die("codes");
    } else if (!strcmp(what, "fail")) {
        children = spawn("fail", 2);
        MPI_Barrier(children);
    } else if (!strcmp(what, "stay")) {
        children = spawn("stay", 2);
        MPI_Barrier(children);
        if (rank == 0) {
            printf("all are here\n");
            fflush(stdout);
        }
        MPI_Recv(NULL, 0, MPI_BYTE, 0, 99, children, MPI_STATUS_IGNORE);
    } else if (!strcmp(what, "many")) {
        for (int i = 0; i < 20; i++) {
            children = spawn("talk", 1);
            talk(children, 1);
            MPI_Comm_disconnect(&children);
        }
    }
    MPI_Finalize();
    return 0;
}
