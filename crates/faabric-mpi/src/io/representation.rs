//! Data representations (MPI 4.1, section 14.5): how values look in a file.
//!
//! "native" and "internal" are the bytes of memory, "external32" is big-endian with sizes
//! of its own, and a program can register others, for which it gives the functions.

use crate::abi;
use crate::datatype::{Datatype, Primitive};
use crate::error::{Class, Error, Result};
use crate::generalized::call;
use crate::guest::{Guest, GuestFn};
use crate::handle::TypeHandle;
use crate::memory::Addr;
use crate::rank::Rank;
use std::collections::HashMap;
use std::sync::Arc;

/// How values look in a file.
#[derive(Clone, Debug)]
pub(super) enum Representation {
    /// As in memory.
    Native,
    /// As in memory too: all guests are wasm32.
    Internal,
    /// Section 14.5.2.
    External32,
    /// What `MPI_Register_datarep` named.
    Registered(Arc<Registered>),
}

/// What a program gives to `MPI_Register_datarep`.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Its name, for `MPI_File_set_view`.
    pub name: String,
    /// `MPI_Datarep_conversion_function` for reads, or null.
    pub read: GuestFn,
    /// The one for writes, or null.
    pub write: GuestFn,
    /// `MPI_Datarep_extent_function`.
    pub extent: GuestFn,
    /// `extra_state`.
    pub state: u32,
    /// The conversion functions take an `MPI_Count`.
    pub large: bool,
}

impl Representation {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Representation::Native => "native",
            Representation::Internal => "internal",
            Representation::External32 => "external32",
            Representation::Registered(registered) => &registered.name,
        }
    }

    /// Whether files hold the bytes of memory.
    pub(super) fn is_native(&self) -> bool {
        matches!(self, Representation::Native | Representation::Internal)
    }
}

impl Rank {
    /// `MPI_Register_datarep` (MPI 4.1, section 14.5.3).
    ///
    /// # Errors
    /// `MPI_ERR_DUP_DATAREP` when the name is taken, `MPI_ERR_ARG` for a name or a
    /// function that cannot be.
    pub fn register_datarep(&self, new: Registered) -> Result<()> {
        self.check_active("MPI_Register_datarep")?;
        if new.name.is_empty() || new.name.len() >= abi::MPI_MAX_DATAREP_STRING as usize {
            return Err(Error::new(
                Class::ARG,
                format!(
                    "datarep: its name has {} bytes, allowed are 1 to {}",
                    new.name.len(),
                    abi::MPI_MAX_DATAREP_STRING - 1
                ),
            ));
        }
        if new.extent.0 == 0 {
            return Err(Error::new(Class::ARG, "dtype_file_extent_fn: it is null"));
        }
        if self.representation(&new.name).is_ok() {
            return Err(Error::new(
                Class::DUP_DATAREP,
                format!("datarep: there is one named {:?} already", new.name),
            ));
        }
        self.io.representations.lock().push(Arc::new(new));
        Ok(())
    }

    /// The representation of this name.
    pub(super) fn representation(&self, name: &str) -> Result<Representation> {
        match name {
            "native" => return Ok(Representation::Native),
            "internal" => return Ok(Representation::Internal),
            "external32" => return Ok(Representation::External32),
            _ => {}
        }
        let registered = self.io.representations.lock();
        let found = registered.iter().find(|r| r.name == name);
        found
            .map(|found| Representation::Registered(Arc::clone(found)))
            .ok_or_else(|| {
                Error::new(
                    Class::UNSUPPORTED_DATAREP,
                    format!("datarep: {name:?} is not native, internal, external32 or registered"),
                )
            })
    }

    /// `datatype` with the sizes that its values have in a file.
    pub(super) fn in_file(
        &self,
        guest: &mut dyn Guest,
        representation: &Representation,
        datatype: &Arc<Datatype>,
    ) -> Result<Arc<Datatype>> {
        match representation {
            Representation::Native | Representation::Internal => Ok(Arc::clone(datatype)),
            Representation::External32 => datatype.in_file(&mut |p| Ok(p.external_size())),
            Representation::Registered(registered) => {
                let mut extents = Extents::new(registered);
                datatype.in_file(&mut |primitive| extents.of(self, guest, primitive))
            }
        }
    }
}

/// Asks the program for sizes, once for each predefined type.
pub(super) struct Extents<'a> {
    registered: &'a Registered,
    known: HashMap<Primitive, u64>,
}

impl Extents<'_> {
    pub(super) fn new(registered: &Registered) -> Extents<'_> {
        Extents {
            registered,
            known: HashMap::new(),
        }
    }

    /// Bytes of a value of type `primitive` in the file.
    pub(super) fn of(
        &mut self,
        rank: &Rank,
        guest: &mut dyn Guest,
        primitive: Primitive,
    ) -> Result<u64> {
        if let Some(&known) = self.known.get(&primitive) {
            return Ok(known);
        }
        let at = guest.scratch(4)?;
        rank.memory.write(at, &[0; 4])?;
        let arguments = [primitive.handle(), at.0 as u32, self.registered.state];
        call(guest, self.registered.extent, &arguments)?;
        let mut bytes = [0; 4];
        rank.memory.read(at, &mut bytes)?;
        let extent = u64::try_from(i32::from_le_bytes(bytes)).map_err(|_| {
            Error::new(
                Class::CONVERSION,
                format!(
                    "datarep {:?}: its extent of {} is negative",
                    self.registered.name,
                    primitive.name()
                ),
            )
        })?;
        self.known.insert(primitive, extent);
        Ok(extent)
    }
}

impl Registered {
    /// Lets the program convert `count` values between the buffer at `user` and `file`.
    pub(super) fn convert(
        &self,
        guest: &mut dyn Guest,
        function: GuestFn,
        (user, datatype): (Addr, TypeHandle),
        count: u64,
        file: Addr,
        position: u64,
    ) -> Result<()> {
        use crate::guest::Argument::{Long, Word};
        let arguments = [
            Word(user.0 as u32),
            Word(datatype.0),
            if self.large {
                Long(count)
            } else {
                Word(count as u32)
            },
            Word(file.0 as u32),
            Long(position),
            Word(self.state),
        ];
        match guest.call_with(function, &arguments)? {
            None | Some(0) => Ok(()),
            Some(code) => Err(Error::new(
                Class::CONVERSION,
                format!(
                    "datarep {:?}: its conversion function returned {}",
                    self.name, code as i32
                ),
            )),
        }
    }
}
