//! Linear memory as wasmer sees it, and the tunables that make wasmer use it.
//!
//! wasmer asks an engine's `Tunables` for memories. Each process gets its own clone of
//! the engine (a cheap handle) with tunables that always answer with that process's
//! [`Region`]: whether the module defines its memory or imports it, and for every
//! thread Granule's instance alike.
#![allow(
    unsafe_code,
    reason = "wasmer's memory interface hands base and size over by raw pointer"
)]

use crate::memory::region::{PAGE, Region};
use crate::memory::wait::{self, Expected};
use std::cell::UnsafeCell;
use std::fmt;
use std::ptr::{NonNull, addr_of_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wasmer::sys::{BaseTunables, Tunables};
use wasmer::{MemoryError, MemoryStyle, MemoryType, Pages, TableStyle, TableType};
use wasmer_vm::{
    ExpectedValue, LinearMemory, Trap, VMConfig, VMMemory, VMMemoryDefinition, VMTable,
    VMTableDefinition, WaiterError,
};

/// A handle to a [`Region`] that wasmer holds for an instance.
#[derive(Clone)]
pub(crate) struct Linear {
    region: Arc<Region>,
    definition: Arc<Definition>,
    ty: MemoryType,
}

/// Where compiled code finds base and size.
enum Definition {
    /// An imported memory: ours, one for all instances.
    Host(Box<UnsafeCell<VMMemoryDefinition>>),
    /// A memory that the module defines: inside its one instance.
    Instance(NonNull<VMMemoryDefinition>),
}

// SAFETY: the base is written once, before any instance exists; the size is only written
// through an atomic, under the region's lock (see `Linear::publish`).
unsafe impl Send for Definition {}
// SAFETY: as above.
unsafe impl Sync for Definition {}

impl Definition {
    fn pointer(&self) -> NonNull<VMMemoryDefinition> {
        match self {
            Self::Host(cell) => NonNull::from(&**cell).cast(),
            Self::Instance(at) => *at,
        }
    }
}

impl Linear {
    /// A memory that instances import. `ty` is what the module declares.
    pub(crate) fn new(region: Arc<Region>, ty: MemoryType) -> Self {
        let definition = Definition::Host(Box::new(UnsafeCell::new(VMMemoryDefinition {
            base: region.base(),
            current_length: region.size(),
        })));
        Self {
            region,
            definition: Arc::new(definition),
            ty,
        }
    }

    /// The same memory as one that an instance defines.
    ///
    /// # Safety
    /// `at` must be valid for as long as the instance, which outlives the handle.
    unsafe fn in_instance(&self, at: NonNull<VMMemoryDefinition>) -> Self {
        let definition = VMMemoryDefinition {
            base: self.region.base(),
            current_length: self.region.size(),
        };
        // SAFETY: the caller's promise; the instance does not run yet.
        unsafe { at.write(definition) };
        Self {
            definition: Arc::new(Definition::Instance(at)),
            ..self.clone()
        }
    }

    /// Tells compiled code the new size. Called under the region's lock, so the sizes
    /// that compiled code sees only rise.
    fn publish(&self, size: usize) {
        let definition = self.definition.pointer().as_ptr();
        // SAFETY: valid as long as `self.definition`.
        let field = unsafe { addr_of_mut!((*definition).current_length) };
        // SAFETY: as above, and aligned; all who access the field while instances run do
        // so atomically or in compiled code.
        let cell = unsafe { AtomicUsize::from_ptr(field) };
        cell.store(size, Ordering::Release);
    }

    fn pages(&self) -> Pages {
        // At most 65,536: the region is bounded by the index space.
        Pages(u32::try_from(self.region.size() / PAGE).unwrap_or(u32::MAX))
    }
}

impl LinearMemory for Linear {
    fn ty(&self) -> MemoryType {
        MemoryType {
            minimum: self.pages(),
            ..self.ty
        }
    }

    fn size(&self) -> Pages {
        self.pages()
    }

    fn style(&self) -> MemoryStyle {
        MemoryStyle::Static
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let refuse = MemoryError::CouldNotGrow {
            current: self.pages(),
            attempted_delta: delta,
        };
        let Some(bytes) = (delta.0 as usize).checked_mul(PAGE) else {
            return Err(refuse);
        };
        match self.region.grow(bytes, |size| self.publish(size)) {
            Ok(old) => Ok(Pages(u32::try_from(old / PAGE).unwrap_or(u32::MAX))),
            Err(error) => {
                tracing::debug!("memory.grow by {bytes} bytes refused: {error}");
                Err(refuse)
            }
        }
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.definition.pointer()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Ok(Box::new(self.clone()))
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(MemoryError::UnsupportedOperation {
            message: "a process's memory is not copied".to_owned(),
        })
    }

    unsafe fn initialize_with_data(&self, start: usize, data: &[u8]) -> Result<(), Trap> {
        // The default makes a slice of the whole memory, which other threads may write.
        // wasmer has checked the range; an instance starts with a segment or traps.
        crate::memory::GuestMemory::new(Arc::clone(&self.region))
            .write_long(start as u64, data)
            .map_err(|_| Trap::lib(wasmer_vm::TrapCode::HeapAccessOutOfBounds))
    }

    unsafe fn do_wait(
        &mut self,
        dst: u32,
        expected: ExpectedValue,
        timeout: Option<Duration>,
    ) -> Result<u32, WaiterError> {
        let expected = match expected {
            ExpectedValue::U32(value) => Expected::U32(value),
            ExpectedValue::U64(value) => Expected::U64(value),
            ExpectedValue::None => return Err(WaiterError::Unimplemented),
        };
        if !self.ty.shared {
            // No one could wake it: the proposal says to trap.
            return Err(WaiterError::Unimplemented);
        }
        wait::wait(&self.region, dst, expected, timeout)
            .map(|woken| woken as u32)
            .map_err(|_| WaiterError::AtomicsDisabled)
    }

    fn do_notify(&mut self, dst: u32, count: u32) -> u32 {
        wait::notify(&self.region, dst, count)
    }
}

impl fmt::Debug for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Linear({} bytes)", self.region.size())
    }
}

/// Answers wasmer's requests for memories with one process's memory.
pub(crate) struct ProcessTunables {
    memory: Linear,
    base: BaseTunables,
    vm: VMConfig,
}

impl ProcessTunables {
    /// `stack` is the size of a Granule's call stack in bytes.
    pub(crate) fn new(memory: Linear, stack: usize) -> Self {
        Self {
            memory,
            base: BaseTunables::new(),
            vm: VMConfig {
                wasm_stack_size: Some(stack),
            },
        }
    }
}

impl Tunables for ProcessTunables {
    fn memory_style(&self, _: &MemoryType) -> MemoryStyle {
        MemoryStyle::Static
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.base.table_style(table)
    }

    fn create_host_memory(&self, _: &MemoryType, _: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        Ok(VMMemory(Box::new(self.memory.clone())))
    }

    unsafe fn create_vm_memory(
        &self,
        _: &MemoryType,
        _: &MemoryStyle,
        at: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        // SAFETY: wasmer keeps `at` in the instance that will own the handle.
        let memory = unsafe { self.memory.in_instance(at) };
        Ok(VMMemory(Box::new(memory)))
    }

    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.base.create_host_table(ty, style)
    }

    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        at: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.base.create_vm_table(ty, style, at) }
    }

    fn vmconfig(&self) -> &VMConfig {
        &self.vm
    }
}
