//! Keeps interrupts that nobody here sent away from wasmer.
//!
//! wasmer interrupts a guest with SIGUSR1, and its handler takes every such signal for
//! one of its own: it asserts that an interrupt was asked for, and a panic in a signal
//! handler ends the process. `kill -USR1` from a shell or a batch system would do that
//! to all jobs of a worker. So a handler of ours comes first, and passes on only what
//! this process has sent to a thread of its own, as wasmer does.
#![allow(
    unsafe_code,
    reason = "signal handlers are installed and called through raw structures"
)]

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Once, OnceLock};

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// wasmer's handler.
static WASMER: OnceLock<Handler> = OnceLock::new();

/// Makes SIGUSR1 from outside this process do nothing, from the first call on.
pub fn ignore_stray_interrupts() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Does nothing if wasmer's handlers are installed already, and has it install
        // none over ours later.
        wasmer_vm::init_traps();
        let mut wasmer = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only asks; the pointer is to room for the answer.
        if unsafe { libc::sigaction(libc::SIGUSR1, ptr::null(), wasmer.as_mut_ptr()) } != 0 {
            return;
        }
        // SAFETY: the call has succeeded and so has filled it.
        let mut action = unsafe { wasmer.assume_init() };
        let takes_info = action.sa_flags & libc::SA_SIGINFO != 0;
        if !takes_info || matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN) {
            return;
        }
        // SAFETY: neither SIG_DFL nor SIG_IGN and with SA_SIGINFO, so it is the address of
        // a function of this type.
        let handler = unsafe { std::mem::transmute::<usize, Handler>(action.sa_sigaction) };
        // Before the first signal can come to ours.
        let _ = WASMER.set(handler);
        action.sa_sigaction = pass_on as *const () as usize;
        // SAFETY: a valid action: wasmer's own, with another handler of the same type.
        unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    });
}

/// Only what is safe in a signal handler: no allocation, no locks.
extern "C" fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a handler installed with SA_SIGINFO a siginfo.
    let sent = unsafe { &*info };
    if sent.si_code != libc::SI_TKILL {
        return;
    }
    // SAFETY: a signal sent by tgkill has the sender's process.
    let sender = unsafe { sent.si_pid() };
    // SAFETY: getpid cannot fail, and is safe in a handler.
    let own = unsafe { libc::getpid() };
    if sender == own
        && let Some(wasmer) = WASMER.get()
    {
        wasmer(signal, info, context);
    }
}
