//! Leaves the program without running C++ destructors while a compiler works.
//!
//! LLVM keeps its options in static objects. `exit` destroys them, and a compiler that
//! still runs in the background would read what is gone: the program would have done its
//! job and crash at the very end. Rust has flushed its streams when `exit` begins, and
//! nothing else here needs the destructors.
#![allow(unsafe_code, reason = "hooks into the C library's exit")]

use std::ffi::{c_int, c_void};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many compilers work in the background.
static WORKING: AtomicUsize = AtomicUsize::new(0);

/// Work that must not see static objects go; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct BackgroundWork(());

impl BackgroundWork {
    /// From now on, until it is dropped, `exit` leaves at once.
    pub(crate) fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            // SAFETY: the handler is a function of the program that takes no state; those
            // registered last run first, so it runs before LLVM's destructors, which
            // were registered before `main`.
            let refused = unsafe { on_exit(leave_if_working, std::ptr::null_mut()) };
            if refused != 0 {
                tracing::debug!("on_exit: no room for a handler");
            }
        });
        WORKING.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for BackgroundWork {
    fn drop(&mut self) {
        WORKING.fetch_sub(1, Ordering::SeqCst);
    }
}

// SAFETY: glibc's declaration (stdlib.h).
unsafe extern "C" {
    fn on_exit(handler: extern "C" fn(c_int, *mut c_void), arg: *mut c_void) -> c_int;
}

extern "C" fn leave_if_working(status: c_int, _: *mut c_void) {
    if WORKING.load(Ordering::SeqCst) > 0 {
        // SAFETY: ends the process; nothing after it runs.
        unsafe { libc::_exit(status) };
    }
}
