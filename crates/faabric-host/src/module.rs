//! A module ready to run: compiled code, and what its instances need.
#![allow(
    unsafe_code,
    reason = "compiled code from the cache is executed: see `Prepared::restore`"
)]

use crate::abi::{self, Make};
use crate::cache::Verified;
use crate::engine::Compiler;
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::Arc;
use wasmer::{ExportIndex, ExternType, MemoryType};

/// A loaded module. Cheap to clone; its code goes when the last clone and the last
/// process on it are gone.
#[derive(Clone)]
pub struct Module(pub(crate) Arc<Prepared>);

impl Module {
    /// BLAKE3 of the Wasm bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *self.0.hash.as_bytes()
    }

    /// Which compiler made the code.
    #[must_use]
    pub fn compiler(&self) -> Compiler {
        self.0.compiler
    }
}

/// One import, resolved once so that each instance only makes what it needs.
pub(crate) enum Import {
    Function(Make),
    Memory,
}

/// The module's one memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) ty: MemoryType,
    pub(crate) imported: bool,
}

/// Compiled code with what is known of it.
pub(crate) struct Prepared {
    engine: wasmer::Engine,
    module: wasmer::Module,
    hash: blake3::Hash,
    compiler: Compiler,
    imports: Vec<Import>,
    memory: Option<Memory>,
    code: Range<usize>,
}

impl Prepared {
    /// Compiles `wasm`, which was checked.
    pub(crate) fn compile(
        engine: wasmer::Engine,
        wasm: &[u8],
        hash: blake3::Hash,
        compiler: Compiler,
    ) -> Result<Self> {
        let module = wasmer::Module::from_binary(&engine, wasm)
            .map_err(|error| Error::Compile(error.to_string()))?;
        Self::new(engine, module, hash, compiler)
    }

    /// Takes code that was compiled before.
    pub(crate) fn restore(
        engine: wasmer::Engine,
        code: Verified,
        hash: blake3::Hash,
        compiler: Compiler,
    ) -> Result<Self> {
        // SAFETY: `Verified` code is, byte for byte by its checksum, what `Prepared::code`
        // of this same version of wasmer returned for this compiler and these CPU
        // features (the entry's name says so), from a directory that only this user may
        // write: whoever could forge it could as well replace this program.
        let module = unsafe { wasmer::Module::deserialize_unchecked(&engine, code.into_bytes()) }
            .map_err(|error| Error::Compile(error.to_string()))?;
        Self::new(engine, module, hash, compiler)
    }

    fn new(
        engine: wasmer::Engine,
        module: wasmer::Module,
        hash: blake3::Hash,
        compiler: Compiler,
    ) -> Result<Self> {
        let mut imports = Vec::new();
        let mut memory = None;
        for import in module.imports() {
            imports.push(match import.ty() {
                ExternType::Function(_) => abi::find(import.module(), import.name())
                    .map(Import::Function)
                    .ok_or_else(|| unknown(import.module(), import.name()))?,
                ExternType::Memory(ty) => {
                    memory = Some(Memory {
                        ty: *ty,
                        imported: true,
                    });
                    Import::Memory
                }
                _ => return Err(unknown(import.module(), import.name())),
            });
        }
        if memory.is_none() {
            // At most one: several are refused by the check before compiling.
            let own = module.info().memories.values().next();
            memory = own.map(|ty| Memory {
                ty: *ty,
                imported: false,
            });
        }
        Ok(Self {
            code: code_range(&module),
            engine,
            module,
            hash,
            compiler,
            imports,
            memory,
        })
    }

    /// The compiled code in a form [`Prepared::restore`] takes.
    pub(crate) fn code(&self) -> Result<Vec<u8>> {
        self.module
            .serialize()
            .map(|bytes| bytes.to_vec())
            .map_err(|error| Error::Compile(error.to_string()))
    }

    pub(crate) fn engine(&self) -> &wasmer::Engine {
        &self.engine
    }

    pub(crate) fn module(&self) -> &wasmer::Module {
        &self.module
    }

    pub(crate) fn compiler(&self) -> Compiler {
        self.compiler
    }

    pub(crate) fn imports(&self) -> &[Import] {
        &self.imports
    }

    pub(crate) fn memory(&self) -> Option<Memory> {
        self.memory
    }

    /// The name under which function `index` is exported.
    pub(crate) fn export_of(&self, index: u32) -> Option<&str> {
        let exports = self.module.info().exports.iter();
        let mut of_index = exports.filter(|(_, export)| {
            matches!(export, ExportIndex::Function(function) if function.as_u32() == index)
        });
        of_index.next().map(|(name, _)| name.as_str())
    }

    /// Where the machine code of its functions is.
    pub(crate) fn code_range(&self) -> Range<usize> {
        self.code.clone()
    }
}

fn unknown(module: &str, name: &str) -> Error {
    Error::UnknownImports(format!(
        "the module imports {module}.{name}, which this host does not offer"
    ))
}

fn code_range(module: &wasmer::Module) -> Range<usize> {
    let functions = module
        .sys_artifact()
        .and_then(wasmer::sys::Artifact::finished_function_extents)
        .unwrap_or_default();
    let ends = functions.iter().map(|(_, extent)| {
        let start = extent.ptr.0 as usize;
        (start, start + extent.length)
    });
    ends.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
        .map_or(0..0, |(start, end)| start..end)
}
