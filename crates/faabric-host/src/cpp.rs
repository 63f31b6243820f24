//! What an uncaught C++ exception is, read from the guest's memory.
//!
//! The tag's value points at libc++abi's exception header:
//! ```text
//!   -48 type_info*   ...   0 _Unwind_Exception (class "CLNGC++\0" first)   32 the object
//!        '-> { vtable, name* }
//! ```
//! All of it is the guest's to have overwritten: whatever does not look right gives no
//! description, and no more than that.

use crate::memory::GuestMemory;
use symbolic_demangle::demangle;

/// What LLVM's C++ runtime puts first, with another last byte for a rethrown one that
/// other threads may hold.
const CLASS: u64 = u64::from_be_bytes(*b"CLNGC++\0");
const TYPE: u32 = 48;
const OBJECT: u32 = 32;
const MAX_TEXT: u32 = 512;

/// The standard exceptions that keep their message as a pointer after the vtable.
const WITH_MESSAGE: [&str; 9] = [
    "St11logic_error",
    "St12domain_error",
    "St12length_error",
    "St12out_of_range",
    "St13runtime_error",
    "St14overflow_error",
    "St15underflow_error",
    "St16invalid_argument",
    "St11range_error",
];

/// Type and, of the standard ones, message of the exception thrown with `value`.
pub(crate) fn describe(memory: &GuestMemory, value: u32) -> Option<String> {
    let class = memory.read_u64(value).ok()?;
    if class != CLASS {
        return None;
    }
    let type_info = memory.read_u32(value.checked_sub(TYPE)?).ok()?;
    let name = text(memory, memory.read_u32(type_info.checked_add(4)?).ok()?)?;
    let shown = demangle(&format!("_ZTS{name}")).replace("typeinfo name for ", "");
    let message = WITH_MESSAGE
        .contains(&name.as_str())
        .then(|| {
            let message = value.checked_add(OBJECT + 4)?;
            text(memory, memory.read_u32(message).ok()?)
        })
        .flatten();
    Some(match message {
        Some(message) => format!("{shown}: {message}"),
        None => shown,
    })
}

fn text(memory: &GuestMemory, at: u32) -> Option<String> {
    let bytes = memory.read_c_string(at, MAX_TEXT).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn reads_a_standard_exception_and_survives_nonsense() {
        let memory = GuestMemory::detached(1 << 16).unwrap();
        let (header, type_info, name, message) = (1024, 64, 100, 200);
        memory.write_u64(header, CLASS).unwrap();
        memory.write_u32(header - TYPE, type_info).unwrap();
        memory.write_u32(type_info + 4, name).unwrap();
        memory.write(name, b"St13runtime_error\0").unwrap();
        memory.write_u32(header + OBJECT + 4, message).unwrap();
        memory.write(message, b"no such file\0").unwrap();
        let described = describe(&memory, header).unwrap();
        assert_eq!(described, "std::runtime_error: no such file");

        memory.write(name, b"N3app7FailureE\0").unwrap();
        assert_eq!(describe(&memory, header).unwrap(), "app::Failure");
        memory.write_u32(header - TYPE, u32::MAX).unwrap();
        assert_eq!(describe(&memory, header), None);
        memory.write_u64(header, 7).unwrap();
        for value in [header, 0, 8, 65_535, u32::MAX] {
            assert_eq!(describe(&memory, value), None);
        }
    }
}
