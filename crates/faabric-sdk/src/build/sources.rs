//! Which files of the wheel's musl and wasi-libc trees make up the guest's C library.
//!
//! musl's `src/` is taken directory by directory. A file that wasi-libc replaces is compiled from
//! wasi-libc's tree; a file that needs Linux is left out here, and what it provided comes from
//! `guest/posix` (processes, signals, terminals), `guest/libc` (what Zig keeps as Zig code, and
//! the allocator) or `guest/libc-threads`.

/// Which files of one directory are taken.
pub(super) enum Take {
    /// Every C file.
    All,
    /// These, by name without `.c`.
    Only(&'static [&'static str]),
    /// Every C file but these.
    Except(&'static [&'static str]),
}

use Take::{All, Except, Only};

/// Directories of musl's `src/`.
#[rustfmt::skip]
pub(super) const MUSL: &[(&str, Take)] = &[
    // Real and imaginary parts are compiler builtins, in wasi-libc's complex-builtins.c.
    ("complex", Except(&["creal", "crealf", "creall", "cimag", "cimagf", "cimagl"])),
    ("conf", Except(&["legacy", "sysconf"])),
    ("crypt", All),
    ("ctype", All),
    ("dirent", Only(&["alphasort", "versionsort"])),
    ("env", Only(&["__stack_chk_fail", "clearenv", "getenv", "putenv", "setenv", "unsetenv"])),
    ("errno", Only(&["strerror"])),
    ("exit", Only(&["assert", "at_quick_exit", "atexit", "exit", "quick_exit"])),
    ("fcntl", Only(&["creat"])),
    ("fenv", All),
    ("internal", Only(&["defsysinfo", "floatscan", "intscan", "libc", "shgetc"])),
    ("legacy", Only(&["err", "getpagesize", "valloc"])),
    ("locale", Except(&["bind_textdomain_codeset", "dcngettext", "textdomain"])),
    // One instruction each; wasi-libc's math-builtins.c has them.
    (
        "math",
        Except(&[
            "ceil", "ceilf", "copysign", "copysignf", "fabs", "fabsf", "floor", "floorf", "fmax",
            "fmaxf", "fmin", "fminf", "nearbyint", "nearbyintf", "rint", "rintf", "sqrt", "sqrtf",
            "trunc", "truncf",
        ]),
    ),
    (
        "misc",
        Only(&[
            "a64l", "basename", "dirname", "ffs", "ffsl", "ffsll", "fmtmsg", "get_current_dir_name",
            "getdomainname", "gethostid", "getopt", "getopt_long", "getsubopt", "nftw",
        ]),
    ),
    ("multibyte", All),
    (
        "network",
        Only(&[
            "htonl", "htons", "in6addr_any", "in6addr_loopback", "inet_addr", "inet_aton",
            "inet_ntoa", "inet_ntop", "inet_pton", "ntohl", "ntohs",
        ]),
    ),
    ("prng", All),
    ("regex", All),
    ("search", All),
    ("signal", Only(&["psignal"])),
    ("stat", Only(&["futimesat"])),
    (
        "stdio",
        Except(&[
            "__lockfile", "flockfile", "ftrylockfile", "funlockfile", "gets", "pclose", "popen",
            "remove", "rename", "tempnam", "tmpfile", "tmpnam",
        ]),
    ),
    ("stdlib", All),
    ("string", Except(&["bcmp", "memcmp", "memset"])),
    ("temp", All),
    (
        "time",
        Only(&[
            "__month_to_secs", "__secs_to_tm", "__tm_to_secs", "__tz", "__year_to_secs", "asctime",
            "asctime_r", "ctime", "ctime_r", "difftime", "ftime", "getdate", "gmtime", "gmtime_r",
            "localtime", "localtime_r", "mktime", "strftime", "strptime", "timegm", "timespec_get",
            "wcsftime",
        ]),
    ),
    ("unistd", Only(&["posix_close"])),
];

/// musl's thread files that only fill in attributes.
#[rustfmt::skip]
pub(super) const MUSL_THREAD: &[(&str, Take)] = &[(
    "thread",
    Only(&[
        "pthread_attr_destroy", "pthread_attr_setdetachstate",
        "pthread_attr_setguardsize", "pthread_barrierattr_destroy", "pthread_barrierattr_init",
        "pthread_barrierattr_setpshared", "pthread_condattr_destroy", "pthread_condattr_init",
        "pthread_condattr_setpshared", "pthread_equal",
        "pthread_mutexattr_destroy", "pthread_mutexattr_init", "pthread_mutexattr_setpshared",
        "pthread_mutexattr_settype", "pthread_rwlockattr_destroy", "pthread_rwlockattr_init",
        "pthread_rwlockattr_setpshared", "pthread_spin_destroy", "pthread_spin_init",
        "thrd_sleep",
    ]),
)];

/// musl's locks of `FILE`s, for the sysroot with threads.
pub(super) const MUSL_STDIO_LOCKS: &[(&str, Take)] = &[(
    "stdio",
    Only(&["__lockfile", "flockfile", "ftrylockfile", "funlockfile"]),
)];

/// Files of wasi-libc's lower half that `guest/` replaces.
#[rustfmt::skip]
pub(super) const WASI_REPLACED: &[&str] = &[
    // guest/libc/malloc.c grows the memory itself, also beyond 2 GiB.
    "sbrk",
    // guest/libc/main_void.c lets the program's main be found in a library.
    "__main_void",
    // guest/posix/signal.c runs the handler of SIGABRT first.
    "abort",
    // guest/posix/directory.c resolves `..`, and serves threads.
    "chdir", "getcwd",
];

/// wasi-libc's calls into the host that guest/posix/descriptor.c stands in front of: there they are
/// compiled as `__host_*` instead of `__wasi_*`.
#[rustfmt::skip]
pub(super) const HOST_CALLS: &[&str] = &[
    "fd_advise", "fd_allocate", "fd_close", "fd_datasync", "fd_fdstat_get", "fd_fdstat_set_flags",
    "fd_fdstat_set_rights", "fd_filestat_get", "fd_filestat_set_size", "fd_filestat_set_times",
    "fd_pread", "fd_pwrite", "fd_read", "fd_readdir", "fd_renumber", "fd_seek", "fd_sync",
    "fd_tell", "fd_write", "path_open", "poll_oneoff", "sock_accept", "sock_recv", "sock_send",
    "sock_shutdown",
];

/// The C++ library's sources that belong to other systems.
pub(super) const LIBCXX_EXCLUDED: &[&str] = &[
    "experimental/",
    "filesystem/int128_builtins.cpp",
    "pstl/libdispatch.cpp",
    "support/ibm/",
    "support/win32/",
];

/// The Itanium C++ ABI's sources that serve builds without exceptions.
pub(super) const LIBCXXABI_EXCLUDED: &[&str] = &["cxa_noexception.cpp"];
