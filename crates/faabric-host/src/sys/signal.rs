//! Looks at a signal before wasmer does.
//!
//! wasmer turns a signal that arrives on the guest's stack into a trap, wherever the
//! program counter is. For SIGUSR1, which interrupts a guest, that is wrong while the
//! guest is inside a runtime call on its own stack (`memory.atomic.wait`, an allocation
//! for an exception): the call would be cut off with its locks held. So an interrupt
//! there is dropped here; whoever interrupts asks again until the guest is gone.
//!
//! For SIGSEGV it notes the address, which wasmer does not report.
#![allow(
    unsafe_code,
    reason = "a signal's address and program counter are behind raw pointers"
)]

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmer_vm::TrapHandlerFn;

/// The host address of a Granule's last memory fault; 0 for none.
#[derive(Debug, Default)]
pub(crate) struct Fault(AtomicUsize);

impl Fault {
    /// The address, if there was a fault.
    pub(crate) fn address(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|address| *address != 0)
    }
}

/// A handler for a store whose compiled code is at `code`: wasmer asks it first, and
/// takes the signal for dealt with when it returns true.
pub(crate) fn filter_signals(code: Range<usize>, fault: Arc<Fault>) -> Box<TrapHandlerFn<'static>> {
    Box::new(move |signal, info, context| match signal {
        libc::SIGUSR1 => program_counter(context).is_some_and(|pc| !code.contains(&pc)),
        libc::SIGSEGV => {
            // SAFETY: the kernel passes a handler installed with SA_SIGINFO a siginfo.
            let info = unsafe { &*info };
            // SAFETY: for SIGSEGV it has an address.
            let address = unsafe { info.si_addr() };
            fault.0.store(address as usize, Ordering::Relaxed);
            false
        }
        _ => false,
    })
}

/// Where the thread was when the signal came; `None` on an architecture not known here.
fn program_counter(context: *const libc::c_void) -> Option<usize> {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel passes a ucontext to a handler installed with SA_SIGINFO.
    let machine = unsafe { &(*context).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    let pc = Some(machine.gregs[libc::REG_RIP as usize] as usize);
    #[cfg(target_arch = "aarch64")]
    let pc = Some(machine.pc as usize);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let pc = {
        let _ = machine;
        None
    };
    pc
}
