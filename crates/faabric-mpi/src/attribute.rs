//! Attributes: words that the program attaches to objects under keys of its own
//! (MPI 4.1, section 7.7), and those that MPI itself attaches to `MPI_COMM_WORLD`.

use crate::abi;
use crate::error::{Class, Error, Result};
use crate::guest::{Guest, GuestFn};
use crate::handle::{CommHandle, Handle, KeyvalHandle, Table, TypeHandle};
use crate::memory::Addr;
use crate::rank::{Rank, unknown};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What kind of object a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// `MPI_Comm_create_keyval`.
    Comm,
    /// `MPI_Type_create_keyval`.
    Type,
    /// `MPI_Win_create_keyval`.
    Win,
}

/// What becomes of an attribute when its object is duplicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CopyFn {
    /// `MPI_*_NULL_COPY_FN`: it is not copied.
    Never,
    /// `MPI_*_DUP_FN`: it is copied.
    Always,
    /// The program decides.
    Guest(GuestFn),
}

/// A key.
#[derive(Debug)]
pub(crate) struct Keyval {
    /// The guest's number for it, also after it was freed.
    handle: u32,
    object: Object,
    copy: CopyFn,
    delete: Option<GuestFn>,
    state: u32,
    /// The program has freed it; it lives on while attributes are under it.
    freed: AtomicBool,
}

/// A rank's keys, and the attributes of its datatypes by their handles.
#[derive(Debug, Default)]
pub(crate) struct Keyvals {
    keys: Mutex<Table<KeyvalHandle, Arc<Keyval>>>,
    of_types: Mutex<HashMap<u32, Attributes>>,
}

/// An object's attributes, in the order they were first set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes(Vec<(Arc<Keyval>, u32)>);

impl Attributes {
    pub(crate) fn get(&self, key: &Arc<Keyval>) -> Option<u32> {
        self.0
            .iter()
            .find(|(k, _)| Arc::ptr_eq(k, key))
            .map(|&(_, value)| value)
    }

    pub(crate) fn set(&mut self, key: &Arc<Keyval>, value: u32) {
        match self.0.iter_mut().find(|(k, _)| Arc::ptr_eq(k, key)) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.clone(), value)),
        }
    }

    pub(crate) fn remove(&mut self, key: &Arc<Keyval>) -> Option<u32> {
        let at = self.0.iter().position(|(k, _)| Arc::ptr_eq(k, key))?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn last(&self) -> Option<(Arc<Keyval>, u32)> {
        self.0.last().cloned()
    }
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word that the program set.
    Word(u32),
    /// An `int` that MPI keeps; the guest gets a pointer to it.
    Int(i32),
}

impl Rank {
    /// `MPI_Comm_create_keyval`, `MPI_Type_create_keyval`, `MPI_Win_create_keyval`.
    /// Functions are entries of the guest's table, or the ABI's `..._NULL_..._FN` and
    /// `..._DUP_FN`.
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when there are too many.
    pub fn create_keyval(
        &self,
        object: Object,
        copy: GuestFn,
        delete: GuestFn,
        state: u32,
    ) -> Result<KeyvalHandle> {
        self.check_active("MPI_Comm_create_keyval")?;
        let copy = match copy.0 {
            abi::MPI_COMM_NULL_COPY_FN => CopyFn::Never,
            abi::MPI_COMM_DUP_FN => CopyFn::Always,
            _ => CopyFn::Guest(copy),
        };
        let delete = (delete.0 != abi::MPI_COMM_NULL_DELETE_FN).then_some(delete);
        let key = Keyval {
            handle: 0,
            object,
            copy,
            delete,
            state,
            freed: AtomicBool::new(false),
        };
        let mut keys = self.keyvals.keys.lock();
        let handle = keys.insert(Arc::new(key)).map_err(|_| {
            Error::new(
                Class::NO_MEM,
                "a rank cannot have more than 2^20 attribute keys",
            )
        })?;
        if let Some(key) = keys.get_mut(handle).and_then(Arc::get_mut) {
            key.handle = handle.raw();
        }
        Ok(handle)
    }

    /// `MPI_Comm_free_keyval` and its siblings: attributes under it stay, and until the
    /// last is deleted the key can still be used.
    ///
    /// # Errors
    /// `MPI_ERR_KEYVAL` for what is no key of this kind.
    pub fn free_keyval(&self, object: Object, key: KeyvalHandle) -> Result<()> {
        let key = self.keyval(object, key)?;
        key.freed.store(true, Ordering::Relaxed);
        self.forget_freed(&key);
        Ok(())
    }

    /// An attribute under `key` is gone: so is the key, if it was freed and is not used.
    pub(crate) fn forget_freed(&self, key: &Arc<Keyval>) {
        let mut keys = self.keyvals.keys.lock();
        // The caller's, and the table's.
        if key.freed.load(Ordering::Relaxed) && Arc::strong_count(key) <= 2 {
            keys.remove(KeyvalHandle(key.handle));
        }
    }

    pub(crate) fn keyval(&self, object: Object, handle: KeyvalHandle) -> Result<Arc<Keyval>> {
        let predefined = [abi::MPI_TAG_UB as u32, abi::MPI_WIN_BASE as u32];
        if predefined
            .iter()
            .any(|&first| (first..first + 64).contains(&handle.raw()))
        {
            return Err(Error::new(
                Class::KEYVAL,
                "keyval: a predefined key cannot be changed",
            ));
        }
        match self.keyvals.keys.lock().get(handle) {
            Some(key) if key.object == object => Ok(key.clone()),
            Some(_) => Err(Error::new(
                Class::KEYVAL,
                "keyval: it is for another kind of object",
            )),
            None => {
                let null = abi::MPI_KEYVAL_INVALID as u32;
                Err(unknown(Class::KEYVAL, "keyval", handle, null))
            }
        }
    }

    /// `MPI_Comm_set_attr`. The old value's delete callback runs first.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_KEYVAL`, what the callback returned.
    pub fn comm_set_attr(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        key: KeyvalHandle,
        value: u32,
    ) -> Result<()> {
        let object = self.comm(comm)?;
        let key = self.keyval(Object::Comm, key)?;
        let old = object.settings.lock().attributes.get(&key);
        if let Some(old) = old {
            self.delete_callback(guest, comm.raw(), &key, old)?;
        }
        object.settings.lock().attributes.set(&key, value);
        Ok(())
    }

    /// `MPI_Comm_get_attr`: none when it was not set.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_KEYVAL`.
    pub fn comm_get_attr(&self, comm: CommHandle, key: KeyvalHandle) -> Result<Option<Value>> {
        let object = self.comm(comm)?;
        if let Some(value) = self.predefined_attr(key) {
            return Ok(value.map(Value::Int));
        }
        let key = self.keyval(Object::Comm, key)?;
        let value = object.settings.lock().attributes.get(&key);
        Ok(value.map(Value::Word))
    }

    /// The outer none for a key that is not predefined, the inner one for an attribute
    /// that is not set here. (MPI 4.1, section 9.1.2)
    fn predefined_attr(&self, key: KeyvalHandle) -> Option<Option<i32>> {
        match key.raw() as i32 {
            abi::MPI_TAG_UB => Some(Some(i32::MAX)),
            abi::MPI_IO => Some(Some(abi::MPI_ANY_SOURCE)),
            abi::MPI_HOST => Some(Some(abi::MPI_PROC_NULL)),
            // The clocks of different workers are not compared.
            abi::MPI_WTIME_IS_GLOBAL => Some(Some(i32::from(self.world.is_on_one_worker()))),
            abi::MPI_UNIVERSE_SIZE => {
                let family = self.world.family(self.world_rank());
                Some(family.map(|family| family.universe as i32))
            }
            abi::MPI_LASTUSEDCODE => Some(Some(self.last_used_code())),
            abi::MPI_APPNUM => {
                let family = self.world.family(self.world_rank());
                Some(family.map(|family| family.app_number(self.world_rank) as i32))
            }
            _ => None,
        }
    }

    /// `MPI_Comm_delete_attr`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_KEYVAL`, what the callback returned: it stays then.
    pub fn comm_delete_attr(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        key: KeyvalHandle,
    ) -> Result<()> {
        let object = self.comm(comm)?;
        let key = self.keyval(Object::Comm, key)?;
        let Some(value) = object.settings.lock().attributes.get(&key) else {
            return Ok(());
        };
        self.delete_callback(guest, comm.raw(), &key, value)?;
        object.settings.lock().attributes.remove(&key);
        self.forget_freed(&key);
        Ok(())
    }

    /// The attributes that a duplicate of `comm` gets.
    pub(crate) fn copy_attributes(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        attributes: &Attributes,
    ) -> Result<Attributes> {
        let mut copies = Attributes::default();
        for (key, value) in &attributes.0 {
            if let Some(value) = self.copy_callback(guest, comm.raw(), key, *value)? {
                copies.set(key, value);
            }
        }
        Ok(copies)
    }

    /// Deletes all attributes of a communicator that goes away, the last set first.
    pub(crate) fn delete_all_attributes(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
    ) -> Result<()> {
        let object = self.comm(comm)?.into_owned();
        loop {
            let Some((key, value)) = object.settings.lock().attributes.last() else {
                return Ok(());
            };
            self.delete_callback(guest, comm.raw(), &key, value)?;
            object.settings.lock().attributes.remove(&key);
            self.forget_freed(&key);
        }
    }

    /// `MPI_Type_set_attr`.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`, `MPI_ERR_KEYVAL`, what the callback returned.
    pub fn type_set_attr(
        &self,
        guest: &mut dyn Guest,
        datatype: TypeHandle,
        key: KeyvalHandle,
        value: u32,
    ) -> Result<()> {
        self.datatype(datatype)?;
        let key = self.keyval(Object::Type, key)?;
        let of_types = &self.keyvals.of_types;
        let old = of_types.lock().entry(datatype.raw()).or_default().get(&key);
        if let Some(old) = old {
            self.delete_callback(guest, datatype.raw(), &key, old)?;
        }
        of_types
            .lock()
            .entry(datatype.raw())
            .or_default()
            .set(&key, value);
        Ok(())
    }

    /// `MPI_Type_get_attr`: none when it was not set.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`, `MPI_ERR_KEYVAL`.
    pub fn type_get_attr(&self, datatype: TypeHandle, key: KeyvalHandle) -> Result<Option<u32>> {
        self.datatype(datatype)?;
        let key = self.keyval(Object::Type, key)?;
        let of_types = self.keyvals.of_types.lock();
        Ok(of_types
            .get(&datatype.raw())
            .and_then(|attributes| attributes.get(&key)))
    }

    /// `MPI_Type_delete_attr`.
    ///
    /// # Errors
    /// `MPI_ERR_TYPE`, `MPI_ERR_KEYVAL`, what the callback returned: it stays then.
    pub fn type_delete_attr(
        &self,
        guest: &mut dyn Guest,
        datatype: TypeHandle,
        key: KeyvalHandle,
    ) -> Result<()> {
        let Some(value) = self.type_get_attr(datatype, key)? else {
            return Ok(());
        };
        let key = self.keyval(Object::Type, key)?;
        self.delete_callback(guest, datatype.raw(), &key, value)?;
        if let Some(attributes) = self.keyvals.of_types.lock().get_mut(&datatype.raw()) {
            attributes.remove(&key);
        }
        self.forget_freed(&key);
        Ok(())
    }

    /// Gives `new` copies of the attributes of `old`, as `MPI_Type_dup` does.
    ///
    /// # Errors
    /// What a callback returned.
    pub fn copy_type_attributes(
        &self,
        guest: &mut dyn Guest,
        old: TypeHandle,
        new: TypeHandle,
    ) -> Result<()> {
        let found = self.keyvals.of_types.lock().get(&old.raw()).cloned();
        let Some(attributes) = found else {
            return Ok(());
        };
        let mut copies = Attributes::default();
        for (key, value) in &attributes.0 {
            if let Some(value) = self.copy_callback(guest, old.raw(), key, *value)? {
                copies.set(key, value);
            }
        }
        self.keyvals.of_types.lock().insert(new.raw(), copies);
        Ok(())
    }

    /// Deletes the attributes of a datatype that is freed, the last set first.
    ///
    /// # Errors
    /// What a callback returned.
    pub fn delete_type_attributes(
        &self,
        guest: &mut dyn Guest,
        datatype: TypeHandle,
    ) -> Result<()> {
        let of_types = &self.keyvals.of_types;
        loop {
            let last = of_types
                .lock()
                .get(&datatype.raw())
                .and_then(Attributes::last);
            let Some((key, value)) = last else { break };
            self.delete_callback(guest, datatype.raw(), &key, value)?;
            if let Some(attributes) = of_types.lock().get_mut(&datatype.raw()) {
                attributes.remove(&key);
            }
            self.forget_freed(&key);
        }
        of_types.lock().remove(&datatype.raw());
        Ok(())
    }

    /// Calls `copy(object, keyval, extra_state, value_in, &value_out, &flag)`.
    fn copy_callback(
        &self,
        guest: &mut dyn Guest,
        object: u32,
        key: &Keyval,
        value: u32,
    ) -> Result<Option<u32>> {
        let function = match key.copy {
            CopyFn::Never => return Ok(None),
            CopyFn::Always => return Ok(Some(value)),
            CopyFn::Guest(function) => function,
        };
        let at = guest.scratch(8)?;
        self.memory.write(at, &[0; 8])?;
        let (out, flag) = (at.0 as u32, at.0 as u32 + 4);
        let args = [object, key.handle, key.state, value, out, flag];
        crate::generalized::call(guest, function, &args)?;
        let mut words = [0; 8];
        self.memory.read(Addr(at.0), &mut words)?;
        let word =
            |i: usize| u32::from_le_bytes([words[i], words[i + 1], words[i + 2], words[i + 3]]);
        Ok((word(4) != 0).then(|| word(0)))
    }

    /// Calls `delete(object, keyval, value, extra_state)`.
    pub(crate) fn delete_callback(
        &self,
        guest: &mut dyn Guest,
        object: u32,
        key: &Keyval,
        value: u32,
    ) -> Result<()> {
        match key.delete {
            None => Ok(()),
            Some(function) => {
                crate::generalized::call(guest, function, &[object, key.handle, value, key.state])
            }
        }
    }
}
