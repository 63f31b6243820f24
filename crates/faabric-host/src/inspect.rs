//! Reads a module before anything is compiled: is it one, can it run here, and if not,
//! what is to be done about it.

use crate::abi;
use crate::error::{Error, Result};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// The proposals that both compilers run.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::GC_TYPES);

/// Proposals a toolchain may use that do not run here, and what to do about each.
const UNSUPPORTED: [(WasmFeatures, &str); 6] = [
    (
        WasmFeatures::LEGACY_EXCEPTIONS,
        "it uses the legacy form of exception handling; rebuild it with `faabric c++`, or pass \
         `-mllvm -wasm-use-legacy-eh=false` to your compiler",
    ),
    (
        WasmFeatures::MEMORY64,
        "it uses 64-bit memory (memory64); rebuild it for wasm32 with `faabric cc`",
    ),
    (
        WasmFeatures::TAIL_CALL,
        "it uses tail calls; rebuild it with `-mno-tail-call`",
    ),
    (
        WasmFeatures::MULTI_MEMORY,
        "it has several memories (multi-memory); rebuild it for one memory",
    ),
    (
        WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::GC),
        "it uses typed function references or garbage collection, which C and C++ do not need",
    ),
    (
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        "it uses the shared-everything-threads proposal; rebuild it for wasm32-wasip1-threads",
    ),
];

/// Checks that `bytes` are a valid module for this host, with only known imports.
///
/// # Errors
/// Says what the bytes are instead, which proposal does not run here, or every import
/// that nothing offers; always with the remedy.
pub(crate) fn check(bytes: &[u8]) -> Result<()> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Error::NotWasm(what_it_is(bytes)));
    }
    if Parser::is_component(bytes) {
        return Err(Error::NotWasm(
            "it is a Wasm component; build a core module with `faabric cc` (target wasm32-wasip1)"
                .to_owned(),
        ));
    }
    // Imports first: they only need the import section, and "link it against X" helps
    // more than a proposal's name when both are wrong.
    check_imports(bytes)?;
    validate(bytes)
}

/// Whether the module has a memory that threads share. False for what is no module.
pub(crate) fn shares_memory(bytes: &[u8]) -> bool {
    let memory = Parser::new(0)
        .parse_all(bytes)
        .find_map(|payload| match payload {
            Ok(Payload::ImportSection(section)) => section
                .into_imports()
                .filter_map(Result::ok)
                .find_map(|import| match import.ty {
                    wasmparser::TypeRef::Memory(memory) => Some(memory),
                    _ => None,
                }),
            Ok(Payload::MemorySection(section)) => section.into_iter().find_map(Result::ok),
            _ => None,
        });
    memory.is_some_and(|memory| memory.shared)
}

fn validate(bytes: &[u8]) -> Result<()> {
    let valid = |features| Validator::new_with_features(features).validate_all(bytes);
    let Err(error) = valid(FEATURES) else {
        return Ok(());
    };
    for (proposal, remedy) in UNSUPPORTED {
        if valid(FEATURES.union(proposal)).is_ok() {
            return Err(Error::Unsupported(remedy.to_owned()));
        }
    }
    let all = UNSUPPORTED
        .iter()
        .fold(FEATURES, |all, (proposal, _)| all.union(*proposal));
    if valid(all).is_ok() {
        return Err(Error::Unsupported(format!(
            "it uses several proposals that do not run here, the first one at: {error}"
        )));
    }
    Err(Error::Invalid(error.to_string()))
}

fn check_imports(bytes: &[u8]) -> Result<()> {
    let mut unknown = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| Error::Invalid(error.to_string()))?;
        let Payload::ImportSection(section) = payload else {
            continue;
        };
        for import in section.into_imports() {
            let import = import.map_err(|error| Error::Invalid(error.to_string()))?;
            let known = match import.ty {
                wasmparser::TypeRef::Func(_) => abi::find(import.module, import.name).is_some(),
                wasmparser::TypeRef::Memory(_) => true,
                _ => false,
            };
            if !known {
                unknown.push((import.module.to_owned(), import.name.to_owned()));
            }
        }
        break;
    }
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Error::UnknownImports(unknown_imports(&unknown)))
    }
}

fn unknown_imports(unknown: &[(String, String)]) -> String {
    let names: Vec<String> = unknown
        .iter()
        .map(|(module, name)| format!("{module}.{name}"))
        .collect();
    let from = |wanted: &str| unknown.iter().any(|(module, _)| module == wanted);
    let remedy = if from("env") {
        "functions from `env` were not found when the module was linked: link the library \
         that has them, without -Wl,--allow-undefined"
    } else if from("mpi") {
        "this version of faabric lacks these MPI functions"
    } else if from("wasix_32v1") {
        "it was built for WASIX: build it with `faabric cc`"
    } else {
        "build it with `faabric cc` or `faabric c++` (target wasm32-wasip1)"
    };
    format!(
        "the module imports {} that this host does not offer: {}; {remedy}",
        if names.len() == 1 {
            "a function".to_owned()
        } else {
            format!("{} functions", names.len())
        },
        names.join(", "),
    )
}

/// A guess from the first bytes, with the remedy.
fn what_it_is(bytes: &[u8]) -> String {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let what = if bytes.is_empty() {
        "the file is empty"
    } else if starts(b"\x7fELF") {
        "it is a native (ELF) program or object"
    } else if starts(b"#!") {
        "it is a script"
    } else if starts(b"!<arch>") {
        "it is a static library"
    } else if starts(b"(module") || starts(b";;") {
        "it is Wasm text; assemble it with wat2wasm"
    } else if starts(b"\xcf\xfa\xed\xfe") || starts(b"\xca\xfe\xba\xbe") {
        "it is a native (Mach-O) program"
    } else if starts(b"MZ") {
        "it is a native (Windows) program"
    } else if starts(b"BC\xc0\xde") {
        "it is LLVM bitcode"
    } else if starts(b"\x1f\x8b") || starts(b"PK\x03\x04") || starts(b"\x28\xb5\x2f\xfd") {
        "it is compressed; unpack it first"
    } else if bytes
        .iter()
        .take(512)
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
    {
        "it is a text file"
    } else {
        "its first bytes are not those of a Wasm module"
    };
    format!("{what}; build the program with `faabric cc` or `faabric c++`")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn error(wat: &str) -> String {
        check(&wat::parse_str(wat).unwrap())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn names_what_a_file_is() {
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"\x7fELF\x02", "ELF"),
            (b"#!/bin/sh\n", "script"),
            (b"int main() {}\n", "text"),
            (b"(module)", "Wasm text"),
            (b"\xff\xfe\x00", "first bytes"),
        ] {
            let text = check(bytes).unwrap_err().to_string();
            assert!(text.contains(word) && text.contains("faabric cc"), "{text}");
        }
    }

    #[test]
    fn names_every_unknown_import() {
        let text = error(
            r#"(module (import "env" "foo" (func)) (import "wasi_snapshot_preview1" "nope" (func))
                (import "env" "table" (table 1 funcref)))"#,
        );
        for name in [
            "env.foo",
            "wasi_snapshot_preview1.nope",
            "env.table",
            "3 functions",
        ] {
            assert!(text.contains(name), "{text}");
        }
    }

    #[test]
    fn names_proposals_that_do_not_run_here() {
        assert!(error("(module (memory i64 1))").contains("memory64"));
        assert!(error("(module (memory 1) (memory 1))").contains("multi-memory"));
        assert!(error("(module (func try catch_all end))").contains("-wasm-use-legacy-eh=false"));
        assert!(error("(module (func $f return_call $f))").contains("tail call"));
    }

    #[test]
    fn tells_shared_memory() {
        let shares = |wat| shares_memory(&wat::parse_str(wat).unwrap());
        assert!(shares("(module (memory 1 2 shared))"));
        assert!(shares(
            r#"(module (import "a" "f" (func)) (import "env" "memory" (memory 1 2 shared)))"#
        ));
        assert!(!shares("(module (memory 1 2))"));
        assert!(!shares("(module)"));
        assert!(!shares_memory(b"no module"));
    }

    #[test]
    fn a_damaged_module_is_invalid() {
        let mut wasm = wat::parse_str("(module (func (result i32) i32.const 1))").unwrap();
        wasm.truncate(wasm.len() - 1);
        assert!(matches!(check(&wasm), Err(Error::Invalid(_))));
    }
}
