//! Guests small enough to read, in the text format.

/// A guest with WASI's fd_read, fd_write, environ and proc_exit, one page of memory, and
/// `$write (at len)` to stdout.
pub(crate) fn guest(body: &str) -> String {
    let wasi = "import \"wasi_snapshot_preview1\"";
    format!(
        r#"(module
          ({wasi} "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
          ({wasi} "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
          ({wasi} "environ_get" (func $environ_get (param i32 i32) (result i32)))
          ({wasi} "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
          ({wasi} "proc_exit" (func $proc_exit (param i32)))
          (memory (export "memory") 4)
          (data (i32.const 1024) "hello from a guest\n")
          (func $write (param $at i32) (param $len i32)
            (i32.store (i32.const 0) (local.get $at))
            (i32.store (i32.const 4) (local.get $len))
            (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
              (then (call $proc_exit (i32.const 99)))))
          (func $start (export "_start") {body}))"#
    )
}

/// Prints one line.
pub(crate) fn hello() -> String {
    guest("(call $write (i32.const 1024) (i32.const 19))")
}

/// Copies stdin to stdout.
pub(crate) fn echo() -> String {
    guest(
        "(loop $more
           (i32.store (i32.const 0) (i32.const 4096))
           (i32.store (i32.const 4) (i32.const 4096))
           (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
             (then (call $proc_exit (i32.const 98))))
           (if (i32.load (i32.const 8))
             (then
               (call $write (i32.const 4096) (i32.load (i32.const 8)))
               (br $more))))",
    )
}

/// Never ends.
pub(crate) fn endless() -> String {
    guest("(loop $again (br $again))")
}

/// Prints for ever.
pub(crate) fn printer() -> String {
    guest("(loop $again (call $write (i32.const 1024) (i32.const 60000)) (br $again))")
}

/// Prints its environment, with zeros between.
pub(crate) fn environment() -> String {
    guest(
        "(drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
         (drop (call $environ_get (i32.const 2048) (i32.const 4096)))
         (call $write (i32.const 4096) (i32.load (i32.const 20)))",
    )
}
