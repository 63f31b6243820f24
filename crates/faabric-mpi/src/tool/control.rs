//! Control variables (MPI 4.1, section 15.3.6): the settings of [`crate::tuning`].

use super::{Code, at, error};
use crate::abi;
use crate::error::Result;
use crate::handle::CvarHandle;
use crate::rank::Rank;
use crate::tuning::{SETTINGS, Scope, Setting};

/// What is known of a control variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// An `MPI_T_VERBOSITY_` constant.
    pub verbosity: i32,
    /// An `MPI_T_SCOPE_` constant.
    pub scope: i32,
    /// Whether it is an `int` of the enumeration of [`Rank::tool_switch`]; else an
    /// `unsigned long long`.
    pub switch: bool,
}

impl Setting {
    fn control(&self) -> Control {
        Control {
            name: self.name,
            about: self.about,
            verbosity: abi::MPI_T_VERBOSITY_TUNER_BASIC,
            scope: match self.scope {
                Scope::Local => abi::MPI_T_SCOPE_LOCAL,
                Scope::All => abi::MPI_T_SCOPE_ALL_EQ,
                Scope::Start => abi::MPI_T_SCOPE_READONLY,
            },
            switch: self.is_switch(),
        }
    }
}

impl Rank {
    /// `MPI_T_cvar_get_num`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`.
    pub fn cvar_get_num(&self) -> Result<i32> {
        self.tool_check()?;
        Ok(SETTINGS.len() as i32)
    }

    /// `MPI_T_cvar_get_info`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_INDEX`.
    pub fn cvar_get_info(&self, index: i32) -> Result<Control> {
        self.tool_check()?;
        Ok(at(SETTINGS, index, "control variables")?.control())
    }

    /// `MPI_T_cvar_get_index`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_NAME`.
    pub fn cvar_get_index(&self, name: &str) -> Result<i32> {
        self.tool_check()?;
        let found = SETTINGS.iter().position(|setting| setting.name == name);
        let found = found.map(|index| index as i32);
        found.ok_or_else(|| {
            error(
                Code::INVALID_NAME,
                format!("no control variable is {name:?}"),
            )
        })
    }

    /// `MPI_T_cvar_handle_alloc`: no variable is bound to an object, and each is one value.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_INDEX`, `MPI_T_ERR_OUT_OF_HANDLES`.
    pub fn cvar_handle_alloc(&self, index: i32) -> Result<CvarHandle> {
        let mut state = self.tool_state()?;
        at(SETTINGS, index, "control variables")?;
        let made = state.controls.insert(index as usize);
        made.map_err(|_| {
            error(
                Code::OUT_OF_HANDLES,
                "too many handles of control variables",
            )
        })
    }

    /// `MPI_T_cvar_handle_free`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_HANDLE`.
    pub fn cvar_handle_free(&self, handle: CvarHandle) -> Result<()> {
        let mut state = self.tool_state()?;
        let freed = state.controls.remove(handle);
        freed.map(|_| ()).ok_or_else(|| invalid(handle))
    }

    fn setting(&self, handle: CvarHandle) -> Result<&'static Setting> {
        let state = self.tool_state()?;
        let index = state.controls.get(handle).copied();
        index
            .and_then(|index| SETTINGS.get(index))
            .ok_or_else(|| invalid(handle))
    }

    /// Whether the variable is an `int`; else it is an `unsigned long long`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_HANDLE`.
    pub fn cvar_is_switch(&self, handle: CvarHandle) -> Result<bool> {
        Ok(self.setting(handle)?.is_switch())
    }

    /// `MPI_T_cvar_read`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_HANDLE`.
    pub fn cvar_read(&self, handle: CvarHandle) -> Result<u64> {
        Ok(self.setting(handle)?.get(&self.tuned.get()))
    }

    /// `MPI_T_cvar_write`.
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`, `MPI_T_ERR_INVALID_HANDLE`; `MPI_T_ERR_CVAR_SET_NEVER`
    /// for what is fixed when the job starts; `MPI_T_ERR_INVALID` for a value that is too
    /// large.
    pub fn cvar_write(&self, handle: CvarHandle, value: u64) -> Result<()> {
        let setting = self.setting(handle)?;
        let (name, most) = (setting.name, setting.most);
        if setting.scope == Scope::Start {
            let message = format!("{name} is fixed when the job starts");
            return Err(error(Code::CVAR_SET_NEVER, message));
        }
        if !self.tuned.change(|tuning| setting.set(tuning, value)) {
            let message = format!("{name}: {value} is more than {most}");
            return Err(error(Code::INVALID, message));
        }
        Ok(())
    }

    /// The name of the one enumeration there is, and its items with their values
    /// (section 15.3.5).
    ///
    /// # Errors
    /// `MPI_T_ERR_NOT_INITIALIZED`.
    pub fn tool_switch(&self) -> Result<(&'static str, [(&'static str, i32); 2])> {
        self.tool_check()?;
        Ok(("switch", [("off", 0), ("on", 1)]))
    }
}

#[cold]
fn invalid(handle: CvarHandle) -> crate::Error {
    error(
        Code::INVALID_HANDLE,
        format!("{:#x} is not a handle of a control variable", handle.0),
    )
}
