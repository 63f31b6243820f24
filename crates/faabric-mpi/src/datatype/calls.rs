//! The datatype calls of a rank: datatypes by handle, packing, unpacking.

use super::{Constructor, Contents, Counts, Datatype, Envelope, Primitive, Side};
use crate::abi;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::TypeHandle;
use crate::memory::{Addr, Memory};
use crate::rank::{Buffer, Rank, unknown};
use std::sync::Arc;

/// Where packed bytes go to or come from: `MPI_Pack`'s `outbuf`, `outsize`, `position`.
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    /// Where the buffer begins.
    pub addr: Addr,
    /// Its bytes.
    pub size: i64,
    /// How many of them are used already.
    pub position: i64,
}

impl Packed {
    /// Bytes between the position and the end.
    fn room(&self) -> Result<u64> {
        match (u64::try_from(self.size), u64::try_from(self.position)) {
            (Ok(size), Ok(position)) if position <= size => Ok(size - position),
            _ => Err(Error::new(
                Class::ARG,
                format!(
                    "position: {} is not within a buffer of {} bytes",
                    self.position, self.size
                ),
            )),
        }
    }

    fn at(&self) -> Result<Addr> {
        self.addr
            .offset(self.position)
            .ok_or_else(|| Error::new(Class::BUFFER, "the packed buffer is beyond the memory"))
    }

    /// Checks that `len` bytes fit; gives where they go and the position after them.
    fn take(&self, len: u64, what: &str) -> Result<(Addr, i64)> {
        let room = self.room()?;
        if len > room {
            return Err(Error::new(
                Class::TRUNCATE,
                format!("{what}: {len} bytes do not fit the {room} bytes after position"),
            ));
        }
        Ok((self.at()?, self.position + len as i64))
    }
}

impl Rank {
    /// The datatype that the guest names: to build others on, and to ask about.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`.
    pub fn type_of(&self, handle: TypeHandle) -> Result<Arc<Datatype>> {
        self.datatype(handle).map(std::borrow::Cow::into_owned)
    }

    /// `MPI_Type_contiguous` and all other constructors (MPI 4.1, section 5.1).
    ///
    /// # Errors
    /// As [`Datatype::new`].
    pub fn type_create(&self, constructor: Constructor, counts: Counts) -> Result<TypeHandle> {
        Rank::name(&self.types, Datatype::new(constructor, counts)?)
    }

    /// `MPI_Type_dup`, with the attributes that their callbacks copy.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`; what a callback returned.
    pub fn type_dup(&self, guest: &mut dyn Guest, old: TypeHandle) -> Result<TypeHandle> {
        let datatype = self.type_of(old)?;
        let new = self.type_create(Constructor::Dup(datatype), Counts::Int)?;
        if let Err(error) = self.copy_type_attributes(guest, old, new) {
            self.types.lock().remove(new);
            return Err(error);
        }
        Ok(new)
    }

    /// `MPI_Type_commit`.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`.
    pub fn type_commit(&self, handle: TypeHandle) -> Result<()> {
        self.datatype(handle)?.commit();
        Ok(())
    }

    /// `MPI_Type_free`. Messages under way and types built on it keep it.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`, also for a predefined type; what an attribute's callback returned.
    pub fn type_free(&self, guest: &mut dyn Guest, handle: &mut TypeHandle) -> Result<()> {
        if self.datatype(*handle)?.is_predefined() {
            return Err(Error::new(
                Class::TYPE,
                "datatype: it is predefined and cannot be freed",
            ));
        }
        self.delete_type_attributes(guest, *handle)?;
        if self.types.lock().remove(*handle).is_none() {
            return Err(unknown(
                Class::TYPE,
                "datatype",
                *handle,
                abi::MPI_DATATYPE_NULL,
            ));
        }
        *handle = TypeHandle(abi::MPI_DATATYPE_NULL);
        Ok(())
    }

    /// `MPI_Type_get_envelope`.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`.
    pub fn type_get_envelope(&self, handle: TypeHandle) -> Result<Envelope> {
        Ok(self.datatype(handle)?.envelope())
    }

    /// `MPI_Type_get_contents`: the arguments, and handles of the datatypes among them.
    /// Those of derived types are new: the guest frees them.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`, also for a predefined type, which has no contents.
    pub fn type_get_contents(&self, handle: TypeHandle) -> Result<(Contents, Vec<TypeHandle>)> {
        let datatype = self.datatype(handle)?;
        if datatype.is_predefined() {
            return Err(Error::new(
                Class::TYPE,
                "datatype: it is predefined and has no contents",
            ));
        }
        let contents = datatype.contents();
        let handles = contents
            .datatypes
            .iter()
            .map(|old| match old.constructor() {
                Constructor::Named(primitive) => Ok(TypeHandle(primitive.handle())),
                _ => Rank::name(&self.types, Arc::clone(old)),
            })
            .collect::<Result<_>>()?;
        Ok((contents, handles))
    }

    /// `MPI_Type_match_size`.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` when there is no such type.
    pub fn type_match_size(&self, typeclass: i32, size: i64) -> Result<TypeHandle> {
        let found = Primitive::of_class(typeclass, size);
        found.map(|p| TypeHandle(p.handle())).ok_or_else(|| {
            Error::new(
                Class::ARG,
                format!("there is no type of class {typeclass} with {size} bytes"),
            )
        })
    }

    /// `MPI_Type_get_value_index`: `MPI_DATATYPE_NULL` when there is no such pair.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`.
    pub fn type_get_value_index(&self, value: TypeHandle, index: TypeHandle) -> Result<TypeHandle> {
        let (value, index) = (self.datatype(value)?, self.datatype(index)?);
        let named = |ty: &Datatype| ty.primitive().filter(|_| ty.is_predefined());
        let pair = named(&value)
            .zip(named(&index))
            .and_then(|(value, index)| Primitive::value_index(value, index));
        Ok(TypeHandle(
            pair.map_or(abi::MPI_DATATYPE_NULL, Primitive::handle),
        ))
    }

    /// `MPI_Pack` (MPI 4.1, section 5.2): the position after the data.
    ///
    /// # Errors
    /// Of the arguments; `MPI_ERR_TRUNCATE` when the data do not fit.
    pub fn pack(&self, data: &Buffer, to: Packed) -> Result<i64> {
        let datatype = self.committed(data.datatype)?;
        let len = datatype.bytes(data.count)?;
        let (at, end) = to.take(len, "outsize")?;
        self.world.copy(
            self.typed(data, &datatype),
            self.bytes_at(at, len, &Datatype::named(Primitive::BYTE)),
        )?;
        Ok(end)
    }

    /// `MPI_Unpack` (MPI 4.1, section 5.2): the position after the data.
    ///
    /// # Errors
    /// Of the arguments; `MPI_ERR_TRUNCATE` when there are not so many data.
    pub fn unpack(&self, from: Packed, data: &Buffer) -> Result<i64> {
        let datatype = self.committed(data.datatype)?;
        let len = datatype.bytes(data.count)?;
        let (at, end) = from.take(len, "insize")?;
        self.world.copy(
            self.bytes_at(at, len, &Datatype::named(Primitive::BYTE)),
            self.typed(data, &datatype),
        )?;
        Ok(end)
    }

    fn typed<'a>(&'a self, data: &Buffer, datatype: &'a Arc<Datatype>) -> Side<'a> {
        Side {
            memory: &*self.memory,
            addr: data.addr,
            // `bytes` has checked that it is not negative.
            count: data.count as u64,
            datatype,
        }
    }

    fn bytes_at<'a>(&'a self, addr: Addr, len: u64, byte: &'a Arc<Datatype>) -> Side<'a> {
        Side {
            memory: &*self.memory,
            addr,
            count: len,
            datatype: byte,
        }
    }

    /// `MPI_Pack_size`: bytes that packing takes at most.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`, `MPI_ERR_COUNT`.
    pub fn pack_size(&self, count: i64, datatype: TypeHandle) -> Result<u64> {
        self.committed(datatype)?.bytes(count)
    }

    /// `MPI_Pack_external_size`: bytes in the "external32" representation.
    ///
    /// # Errors
    /// As [`Rank::pack_size`]; `MPI_ERR_ARG` for another representation.
    pub fn pack_external_size(&self, form: &str, count: i64, datatype: TypeHandle) -> Result<u64> {
        check_form(form)?;
        self.committed(datatype)?.external_size(count)
    }

    /// `MPI_Pack_external`: the position after the data.
    ///
    /// # Errors
    /// As [`Rank::pack`]; `MPI_ERR_ARG` for another representation than "external32".
    pub fn pack_external(&self, form: &str, data: &Buffer, to: Packed) -> Result<i64> {
        check_form(form)?;
        let datatype = self.committed(data.datatype)?;
        let len = datatype.external_size(data.count)?;
        let (mut at, end) = to.take(len, "outsize")?;
        let memory: &dyn Memory = &*self.memory;
        datatype.pack_external(memory, data.addr, data.count as u64, |piece| {
            memory.write(at, piece)?;
            at.0 += piece.len() as u64;
            Ok(())
        })?;
        Ok(end)
    }

    /// `MPI_Unpack_external`: the position after the data.
    ///
    /// # Errors
    /// As [`Rank::unpack`]; `MPI_ERR_ARG` for another representation than "external32".
    pub fn unpack_external(&self, form: &str, from: Packed, data: &Buffer) -> Result<i64> {
        check_form(form)?;
        let datatype = self.committed(data.datatype)?;
        let len = datatype.external_size(data.count)?;
        let (mut at, end) = from.take(len, "insize")?;
        let memory: &dyn Memory = &*self.memory;
        datatype.unpack_external(memory, data.addr, data.count as u64, |piece| {
            memory.read(at, piece)?;
            at.0 += piece.len() as u64;
            Ok(())
        })?;
        Ok(end)
    }
}

fn check_form(form: &str) -> Result<()> {
    match form {
        "external32" => Ok(()),
        _ => Err(Error::new(
            Class::ARG,
            format!("datarep: {form:?} is not supported, only \"external32\""),
        )),
    }
}
