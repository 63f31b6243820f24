//! Info objects: ordered pairs of strings that advise calls (MPI 4.1, chapter 10).

use crate::abi;
use crate::error::{Class, Error, Result};
use crate::handle::{Handle, InfoHandle};
use crate::rank::{Rank, unknown};

/// An info object's pairs, in the order their keys were first set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info(Vec<(String, String)>);

impl Info {
    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// Sets all that `other` has.
    pub(crate) fn merge(&mut self, other: &Info) {
        for (key, value) in &other.0 {
            self.set(key, value);
        }
    }

    /// Sets the value under `key`.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((key.to_owned(), value.to_owned())),
        }
    }

    /// Sets all pairs of `other`.
    pub(crate) fn extend(&mut self, other: Info) {
        for (key, value) in &other.0 {
            self.set(key, value);
        }
    }
}

/// The type of resource that a worker is, for `MPI_Comm_split_type`.
pub(crate) const WORKER: &str = "faabric://worker";

/// The hints for communicators that the standard names (MPI 4.1, section 7.4.4). All are
/// assertions, and correct programs run the same without them. Other keys are ignored.
const HINTS: [&str; 6] = [
    "mpi_assert_no_any_tag",
    "mpi_assert_no_any_source",
    "mpi_assert_exact_length",
    "mpi_assert_allow_overtaking",
    "mpi_assert_strict_persistent_collective_ordering",
    "mpi_assert_memory_alloc_kinds",
];

fn check_key(key: &str) -> Result<()> {
    let most = abi::MPI_MAX_INFO_KEY as usize;
    if key.is_empty() || key.len() >= most {
        return Err(Error::new(
            Class::INFO_KEY,
            format!(
                "key: its length is {}, allowed are 1 to {}",
                key.len(),
                most - 1
            ),
        ));
    }
    Ok(())
}

impl Rank {
    /// `MPI_Info_create`. Info calls are allowed before `MPI_Init` and after
    /// `MPI_Finalize` (section 11.4.1).
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when there are too many.
    pub fn info_create(&self) -> Result<InfoHandle> {
        Rank::name(&self.infos, Info::default())
    }

    /// `MPI_Info_free`.
    ///
    /// # Errors
    /// `MPI_ERR_INFO` for what is no info object, or a predefined one.
    pub fn info_free(&self, info: InfoHandle) -> Result<()> {
        self.infos
            .lock()
            .remove(info)
            .map(|_| ())
            .ok_or_else(|| not_an_info(info))
    }

    /// `MPI_Info_dup`.
    ///
    /// # Errors
    /// `MPI_ERR_INFO` for what is no info object.
    pub fn info_dup(&self, info: InfoHandle) -> Result<InfoHandle> {
        let copy = self.info(info)?;
        Rank::name(&self.infos, copy)
    }

    /// A copy of the pairs of `info`; none for `MPI_INFO_NULL`.
    ///
    /// # Errors
    /// `MPI_ERR_INFO` for what is no info object.
    pub fn info_or_null(&self, info: InfoHandle) -> Result<Info> {
        if info.raw() == abi::MPI_INFO_NULL {
            Ok(Info::default())
        } else {
            self.info(info)
        }
    }

    /// The hints for a communicator that `info` has; none for `MPI_INFO_NULL`.
    pub(crate) fn hints(&self, info: InfoHandle) -> Result<Info> {
        let mut hints = self.info_or_null(info)?;
        hints.0.retain(|(key, _)| HINTS.contains(&key.as_str()));
        Ok(hints)
    }

    /// Names a new info object with these pairs (`MPI_Comm_get_info` and the like).
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when there are too many.
    pub fn info_from(&self, info: Info) -> Result<InfoHandle> {
        Rank::name(&self.infos, info)
    }

    fn info(&self, info: InfoHandle) -> Result<Info> {
        if info.raw() == abi::MPI_INFO_ENV {
            return Ok(self.environment());
        }
        self.infos
            .lock()
            .get(info)
            .cloned()
            .ok_or_else(|| not_an_info(info))
    }

    /// `MPI_Get_hw_resource_info` (MPI 4.1, section 9.1.2): the types of resources that
    /// `MPI_Comm_split_type` knows, and that the rank is restricted to one of each.
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when there are too many info objects.
    pub fn get_hw_resource_info(&self) -> Result<InfoHandle> {
        let mut info = Info::default();
        info.set(WORKER, "true");
        self.info_from(info)
    }

    /// `MPI_Abi_get_info` (MPI 5.0, section 20): bytes of the types that the standard ABI
    /// leaves open.
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when there are too many info objects.
    pub fn abi_get_info(&self) -> Result<InfoHandle> {
        let mut info = Info::default();
        for (key, bytes) in [("aint", "4"), ("count", "8"), ("offset", "8")] {
            info.set(&format!("mpi_{key}_size"), bytes);
        }
        self.info_from(info)
    }

    /// `MPI_INFO_ENV` (MPI 4.1, section 11.2.1).
    fn environment(&self) -> Info {
        let mut info = Info::default();
        info.set("maxprocs", &self.comm_world().size().to_string());
        info.set("host", &self.get_processor_name());
        info.set("thread_level", "MPI_THREAD_MULTIPLE");
        info
    }

    /// `MPI_Info_set`.
    ///
    /// # Errors
    /// `MPI_ERR_INFO`, `MPI_ERR_INFO_KEY`, `MPI_ERR_INFO_VALUE`.
    pub fn info_set(&self, info: InfoHandle, key: &str, value: &str) -> Result<()> {
        check_key(key)?;
        let most = abi::MPI_MAX_INFO_VAL as usize;
        if value.len() >= most {
            return Err(Error::new(
                Class::INFO_VALUE,
                format!(
                    "value: its length is {}, allowed are up to {}",
                    value.len(),
                    most - 1
                ),
            ));
        }
        match self.infos.lock().get_mut(info) {
            Some(found) => found.set(key, value),
            None => return Err(not_an_info(info)),
        }
        Ok(())
    }

    /// `MPI_Info_get`, `MPI_Info_get_string`, `MPI_Info_get_valuelen`: none when there
    /// is no such key.
    ///
    /// # Errors
    /// `MPI_ERR_INFO`, `MPI_ERR_INFO_KEY`.
    pub fn info_get(&self, info: InfoHandle, key: &str) -> Result<Option<String>> {
        check_key(key)?;
        Ok(self.info(info)?.get(key).map(str::to_owned))
    }

    /// `MPI_Info_delete`.
    ///
    /// # Errors
    /// `MPI_ERR_INFO`, `MPI_ERR_INFO_KEY`, `MPI_ERR_INFO_NOKEY`.
    pub fn info_delete(&self, info: InfoHandle, key: &str) -> Result<()> {
        check_key(key)?;
        let mut infos = self.infos.lock();
        let pairs = &mut infos.get_mut(info).ok_or_else(|| not_an_info(info))?.0;
        match pairs.iter().position(|(k, _)| k == key) {
            Some(at) => pairs.remove(at),
            None => {
                return Err(Error::new(
                    Class::INFO_NOKEY,
                    format!("key: there is no {key:?}"),
                ));
            }
        };
        Ok(())
    }

    /// `MPI_Info_get_nkeys`.
    ///
    /// # Errors
    /// `MPI_ERR_INFO`.
    pub fn info_get_nkeys(&self, info: InfoHandle) -> Result<i32> {
        Ok(self.info(info)?.0.len() as i32)
    }

    /// `MPI_Info_get_nthkey`.
    ///
    /// # Errors
    /// `MPI_ERR_INFO`, `MPI_ERR_ARG` for a number that no key has.
    pub fn info_get_nthkey(&self, info: InfoHandle, n: i32) -> Result<String> {
        let pairs = self.info(info)?.0;
        let found = usize::try_from(n).ok().and_then(|n| pairs.get(n));
        found.map(|(key, _)| key.clone()).ok_or_else(|| {
            Error::new(
                Class::ARG,
                format!("n: {n} is not among the {} keys", pairs.len()),
            )
        })
    }
}

#[cold]
fn not_an_info(info: InfoHandle) -> Error {
    unknown(Class::INFO, "info", info, abi::MPI_INFO_NULL)
}
