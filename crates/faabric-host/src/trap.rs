//! Says in plain words why a guest stopped, and where.
//!
//! | cause | exit code |
//! |---|---|
//! | `proc_exit(n)` | n |
//! | `unreachable` (abort, assert), bad indirect call, uncaught exception | 134 = 128 + SIGABRT |
//! | integer division by zero, overflow, bad conversion | 136 = 128 + SIGFPE |
//! | memory out of bounds, stack overflow | 139 = 128 + SIGSEGV |

use crate::cpp;
use crate::ending::{Left, Reason, Stop};
use crate::granule::Shared;
use crate::module::Prepared;
use crate::sys::Fault;
use std::fmt::Write;
use symbolic_demangle::demangle;
use wasmer::{FrameInfo, InstantiationError, RuntimeError};
use wasmer_vm::TrapCode;

/// A shell's code for a command that was found and cannot be run.
const CANNOT_START: i32 = 126;

const ABORT: i32 = 134;
const ARITHMETIC: i32 = 136;
const MEMORY: i32 = 139;

/// Frames shown of a backtrace: the innermost, and of a deep one the outermost.
const FRAMES: (usize, usize) = (24, 8);

/// Effective addresses from here on are most likely a C stack that grew below 0.
const WRAPPED_STACK: u64 = 0xff00_0000;

/// From this many nested calls on, such an address is put down to recursion.
const DEEP: usize = 64;

/// The instance could not be made.
pub(crate) fn not_started(error: InstantiationError, shared: &Shared, fault: &Fault) -> Left {
    match error {
        InstantiationError::Start(error) => left(error, shared, fault, None),
        other => cannot_start(&other.to_string()),
    }
}

/// The guest could not begin.
pub(crate) fn cannot_start(why: &str) -> Left {
    Left::Because(Reason {
        code: CANNOT_START,
        text: Some(format!("cannot start the guest: {why}")),
    })
}

/// Why the guest's code came to an end other than by returning. `thrown` is the value of
/// an exception that was not caught.
pub(crate) fn left(
    error: RuntimeError,
    shared: &Shared,
    fault: &Fault,
    thrown: Option<u32>,
) -> Left {
    match error.downcast_ref::<Stop>() {
        Some(Stop::Exit(code)) => {
            return Left::Because(Reason {
                code: *code,
                text: None,
            });
        }
        Some(Stop::Ended) => return Left::Ending,
        Some(Stop::Callback(inner)) => return left(inner.clone(), shared, fault, None),
        Some(Stop::Trap(_)) | None => {}
    }
    let trace = backtrace(error.trace(), &shared.prepared);
    match cause(error, shared, fault, thrown) {
        Some((code, what)) => Left::Because(Reason {
            code,
            text: Some(format!("{what}{trace}")),
        }),
        None => Left::Ending,
    }
}

/// Exit code and words; `None` for an interrupt, whose reason is known elsewhere.
fn cause(
    error: RuntimeError,
    shared: &Shared,
    fault: &Fault,
    thrown: Option<u32>,
) -> Option<(i32, String)> {
    if error.is_exception() {
        let cpp = thrown.and_then(|thrown| cpp::describe(&shared.memory, thrown));
        let what = match cpp {
            Some(what) => format!("uncaught C++ exception: {what}"),
            None => "an exception was thrown and not caught".to_owned(),
        };
        return Some((ABORT, what));
    }
    let depth = error.trace().len();
    let message = error.message();
    let Some(code) = error.to_trap() else {
        return Some((ABORT, message));
    };
    let (exit, what) = match code {
        TrapCode::HostInterrupt => return None,
        TrapCode::StackOverflow => (
            MEMORY,
            "stack overflow: the guest's calls are nested too deeply (endless recursion?)"
                .to_owned(),
        ),
        TrapCode::HeapAccessOutOfBounds => (MEMORY, out_of_bounds(shared, fault, depth)),
        TrapCode::HeapMisaligned | TrapCode::UnalignedAtomic => (
            MEMORY,
            "an atomic memory access at an address that is not aligned".to_owned(),
        ),
        TrapCode::IntegerDivisionByZero => (ARITHMETIC, "integer division by zero".to_owned()),
        TrapCode::IntegerOverflow => (
            ARITHMETIC,
            "integer overflow in a division or a conversion".to_owned(),
        ),
        TrapCode::BadConversionToInteger => (
            ARITHMETIC,
            "a floating-point number that is no integer was converted to one".to_owned(),
        ),
        TrapCode::UnreachableCodeReached => (
            ABORT,
            "unreachable: the guest called abort(), failed an assertion, or ran off a function \
             that must return a value"
                .to_owned(),
        ),
        TrapCode::BadSignature => (
            ABORT,
            "indirect call mismatch: a function was called through a pointer of another type"
                .to_owned(),
        ),
        TrapCode::IndirectCallToNull => (
            ABORT,
            "indirect call through a null function pointer".to_owned(),
        ),
        TrapCode::TableAccessOutOfBounds => (
            ABORT,
            "indirect call through a pointer that is no function's".to_owned(),
        ),
        other => (ABORT, other.message().to_owned()),
    };
    Some((exit, what))
}

fn out_of_bounds(shared: &Shared, fault: &Fault, depth: usize) -> String {
    let size = shared.memory.size();
    let at = fault
        .address()
        .and_then(|address| shared.memory.region().offset_of(address));
    let Some(at) = at else {
        return format!("memory access out of bounds: the guest has {size} bytes of memory");
    };
    let below_zero = (WRAPPED_STACK..=u64::from(u32::MAX)).contains(&at);
    if below_zero && depth >= DEEP {
        return format!(
            "stack overflow: {depth} calls deep, the guest's C stack is full (endless recursion? \
             else link with -Wl,-z,stack-size=<bytes>)"
        );
    }
    let hint = if below_zero {
        "; the address is just below 0: a null pointer with a negative offset, or an array on the \
         C stack that is too large for it (link with -Wl,-z,stack-size=<bytes>)"
    } else {
        ""
    };
    format!(
        "memory access out of bounds: address {at:#x}, the guest has {size} bytes of memory{hint}"
    )
}

fn backtrace(frames: &[FrameInfo], prepared: &Prepared) -> String {
    let mut text = String::new();
    let (inner, outer) = FRAMES;
    let skipped = frames.len().saturating_sub(inner + outer);
    for (index, frame) in frames.iter().enumerate() {
        if skipped > 0 && index == inner {
            let _ = write!(text, "\n    ... {skipped} more");
        }
        if skipped > 0 && (inner..inner + skipped).contains(&index) {
            continue;
        }
        let name = frame
            .function_name()
            .or_else(|| prepared.export_of(frame.func_index()));
        let _ = match name {
            Some(name) => write!(text, "\n    at {}", demangle(name)),
            None => write!(text, "\n    at function {}", frame.func_index()),
        };
        // LLVM's code has no map from instructions to the module.
        let offset = frame.module_offset();
        if offset != u32::MAX as usize {
            let _ = write!(text, " ({offset:#x})");
        }
    }
    text
}
