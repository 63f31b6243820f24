//! Ends the program without running C++ destructors.
//!
//! LLVM keeps its tables in static objects. `exit` destroys them, and a compiler that
//! still runs in the background would read what is gone: a program that has done its job
//! would crash at the very end. A handler that ends it sooner cannot be registered early
//! or late enough: those tables whose functions are first called during a compilation are
//! registered then, and destroyed before.
#![allow(unsafe_code, reason = "the C library's _exit")]

use std::io::Write;

/// Ends the program with this exit code, whatever its threads do. What standard output
/// and error still buffer is written; nothing else is, and no destructor runs.
pub fn leave(code: u8) -> ! {
    if !cfg!(feature = "llvm") {
        // Nothing to fear, and tools that report at the end have their turn.
        std::process::exit(i32::from(code));
    }
    // When nobody reads them any more, nobody is to be told.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
    // SAFETY: it takes a number and does not come back.
    unsafe { libc::_exit(i32::from(code)) }
}
