//! Error handlers, and the classes, codes and strings of errors (MPI 4.1, chapter 9).

use crate::abi;
use crate::comm::Comm;
use crate::error::{Class, Error, On, Result};
use crate::guest::{Guest, GuestFn};
use crate::handle::{CommHandle, ErrhandlerHandle, Handle};
use crate::memory::Addr;
use crate::rank::{Rank, unknown};
use crate::tool::Code;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// An error handler that the program made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errhandler {
    function: GuestFn,
    /// The guest's handles and the communicators that use it, freed ones with requests too.
    references: u32,
}

/// The error classes, codes and strings that the program added.
#[derive(Debug, Default)]
pub(crate) struct ErrorCodes {
    /// Class and string of each code; a class is its own code.
    added: BTreeMap<i32, (i32, String)>,
    last: Option<i32>,
}

const NULL: u32 = abi::MPI_ERRHANDLER_NULL;

fn is_predefined(handle: ErrhandlerHandle) -> bool {
    matches!(
        handle.raw(),
        abi::MPI_ERRORS_ARE_FATAL | abi::MPI_ERRORS_RETURN | abi::MPI_ERRORS_ABORT
    )
}

/// Whether this is no handle of another kind.
pub(crate) fn is_errhandler(handle: ErrhandlerHandle) -> bool {
    ErrhandlerHandle::is_of(handle.raw()) || is_predefined(handle)
}

/// The error handler of a freed communicator, whose requests may still fail.
#[derive(Debug)]
pub(crate) struct Orphaned {
    handler: ErrhandlerHandle,
    /// Gone once no operation is left.
    comm: Weak<Comm>,
}

impl Rank {
    /// `MPI_Comm_create_errhandler` (MPI 4.1, section 9.3.1).
    ///
    /// # Errors
    /// `MPI_ERR_NO_MEM` when there are too many.
    pub fn comm_create_errhandler(&self, function: GuestFn) -> Result<ErrhandlerHandle> {
        Rank::name(
            &self.errhandlers,
            Errhandler {
                function,
                references: 1,
            },
        )
    }

    /// `MPI_Comm_set_errhandler`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_ERRHANDLER`.
    pub fn comm_set_errhandler(&self, comm: CommHandle, handler: ErrhandlerHandle) -> Result<()> {
        let comm = self.comm(comm)?;
        self.retain_errhandler(handler)?;
        let old = std::mem::replace(&mut comm.settings.lock().errhandler, handler.raw());
        self.release_errhandler(ErrhandlerHandle(old));
        Ok(())
    }

    /// `MPI_Comm_get_errhandler`: to be freed like a new one.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_get_errhandler(&self, comm: CommHandle) -> Result<ErrhandlerHandle> {
        let handler = ErrhandlerHandle(self.comm(comm)?.settings.lock().errhandler);
        self.retain_errhandler(handler)?;
        Ok(handler)
    }

    /// `MPI_Errhandler_free`: communicators that use it keep it.
    ///
    /// # Errors
    /// `MPI_ERR_ERRHANDLER` for what is no error handler.
    pub fn errhandler_free(&self, handler: ErrhandlerHandle) -> Result<()> {
        if !is_predefined(handler) && self.errhandlers.lock().get(handler).is_none() {
            return Err(unknown(Class::ERRHANDLER, "errhandler", handler, NULL));
        }
        self.release_errhandler(handler);
        Ok(())
    }

    pub(crate) fn retain_errhandler(&self, handler: ErrhandlerHandle) -> Result<()> {
        if is_predefined(handler) {
            return Ok(());
        }
        match self.errhandlers.lock().get_mut(handler) {
            Some(found) => found.references += 1,
            None => return Err(unknown(Class::ERRHANDLER, "errhandler", handler, NULL)),
        }
        Ok(())
    }

    pub(crate) fn release_errhandler(&self, handler: ErrhandlerHandle) {
        let mut handlers = self.errhandlers.lock();
        if let Some(found) = handlers.get_mut(handler) {
            found.references -= 1;
            if found.references == 0 {
                handlers.remove(handler);
            }
        }
    }

    /// Keeps the error handler of a freed communicator for the operations that are left on
    /// it. Handlers that no operation needs any more are looked for here only: a request is
    /// gone before the handler is called with its error.
    pub(crate) fn orphan(&self, freed: Arc<Comm>) {
        let handler = ErrhandlerHandle(freed.settings.lock().errhandler);
        freed.handle.store(handler.raw(), Ordering::Relaxed);
        if is_predefined(handler) {
            return;
        }
        let comm = Arc::downgrade(&freed);
        drop(freed);
        let mut orphaned = self.orphaned.lock();
        orphaned.push(Orphaned { handler, comm });
        orphaned.retain(|orphaned| {
            let is_needed = orphaned.comm.strong_count() > 0;
            if !is_needed {
                self.release_errhandler(orphaned.handler);
            }
            is_needed
        });
    }

    /// What a failed call does: runs the error handler of the object that the error is
    /// of (`on` unless the error names another), and gives the code that the call
    /// returns to the guest.
    ///
    /// # Errors
    /// [`Error::interrupted`] when the guest must not go on: the handler is
    /// `MPI_ERRORS_ARE_FATAL` or `MPI_ERRORS_ABORT`, or the job is being ended anyway.
    pub fn raise(&self, guest: &mut dyn Guest, on: impl Into<On>, error: Error) -> Result<i32> {
        if error.class == Class::INTERRUPTED {
            return Err(error);
        }
        let code = error.class.0;
        let (handler, object) = self.handler_of(error.on.unwrap_or(on.into()))?;
        match handler {
            abi::MPI_ERRORS_RETURN => Ok(code),
            abi::MPI_ERRORS_ARE_FATAL | abi::MPI_ERRORS_ABORT => {
                let name = error
                    .class
                    .name()
                    .unwrap_or("an error of the program's own");
                let reason = format!("rank {}: {name}: {}", self.world_rank, error.message);
                self.world.abort_by(self.world_rank(), code, reason.clone());
                Err(Error::interrupted(reason))
            }
            _ => {
                self.call_errhandler(guest, ErrhandlerHandle(handler), object, code)?;
                Ok(code)
            }
        }
    }

    /// The error handler of an object, and the number of the object for it.
    fn handler_of(&self, on: On) -> Result<(u32, u32)> {
        let comm = match on {
            On::Handler(handler)
                if is_predefined(handler) || self.errhandlers.lock().get(handler).is_some() =>
            {
                return Ok((handler.raw(), abi::MPI_COMM_NULL));
            }
            On::Handler(_) => CommHandle(abi::MPI_COMM_NULL),
            On::Win(win) => match self.win(win) {
                Ok(found) => return Ok((found.comm.settings.lock().errhandler, win.raw())),
                Err(_) => CommHandle(abi::MPI_COMM_NULL),
            },
            On::Session(session) => match self.errhandler_of_session(session) {
                Ok(found) => return Ok((found.raw(), session.raw())),
                Err(_) => CommHandle(abi::MPI_COMM_NULL),
            },
            On::File(fh) => return Ok((self.errhandler_of_file(fh), fh.raw())),
            On::Comm(comm) => comm,
        };
        if let Ok(found) = self.comm(comm) {
            return Ok((found.settings.lock().errhandler, comm.raw()));
        }
        // An error of no object belongs to MPI_COMM_SELF (MPI 4.1, section 9.3). Before
        // MPI 4 it was MPI_COMM_WORLD, and programs still set the handler of that alone.
        let own = self.comm(CommHandle(abi::MPI_COMM_SELF))?;
        let handler = own.settings.lock().errhandler;
        if handler != abi::MPI_ERRORS_ARE_FATAL {
            return Ok((handler, abi::MPI_COMM_SELF));
        }
        let handler = self.comm_world().settings.lock().errhandler;
        Ok((handler, abi::MPI_COMM_WORLD))
    }

    /// `MPI_Comm_call_errhandler` (MPI 4.1, section 9.5).
    ///
    /// # Errors
    /// As [`Rank::raise`]; `MPI_ERR_COMM`.
    pub fn comm_call_errhandler(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        code: i32,
    ) -> Result<()> {
        self.comm(comm)?;
        self.call_handler(guest, comm.into(), code)
    }

    /// Calls the error handler of an object as the program asks.
    pub(crate) fn call_handler(&self, guest: &mut dyn Guest, on: On, code: i32) -> Result<()> {
        let message = self
            .error_string(code)
            .unwrap_or_else(|_| format!("error code {code}"));
        self.raise(guest, on, Error::new(Class(code), message))
            .map(|_| ())
    }

    /// Calls `MPI_Comm_errhandler_function(MPI_Comm *, int *code, ...)`.
    fn call_errhandler(
        &self,
        guest: &mut dyn Guest,
        handler: ErrhandlerHandle,
        object: u32,
        code: i32,
    ) -> Result<()> {
        let function = match self.errhandlers.lock().get(handler) {
            Some(found) => found.function,
            None => return Err(unknown(Class::ERRHANDLER, "errhandler", handler, NULL)),
        };
        let at = guest.scratch(8)?;
        self.memory.write(at, &object.to_le_bytes())?;
        self.memory.write(Addr(at.0 + 4), &code.to_le_bytes())?;
        // The third word stands for the variable arguments: in wasm32 they are passed
        // by a pointer, and there are none.
        guest.call(function, &[at.0 as u32, at.0 as u32 + 4, 0])?;
        Ok(())
    }

    /// `MPI_Add_error_class` (MPI 4.1, section 9.5).
    pub fn add_error_class(&self) -> i32 {
        let mut codes = self.error_codes.lock();
        let class = codes.next();
        codes.added.insert(class, (class, String::new()));
        class
    }

    /// `MPI_Add_error_code`.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` for what is no error class.
    pub fn add_error_code(&self, class: i32) -> Result<i32> {
        let mut codes = self.error_codes.lock();
        if Class(class).name().is_none() && codes.added.get(&class).is_none_or(|c| c.0 != class) {
            return Err(Error::new(
                Class::ARG,
                format!("errorclass: {class} is no error class"),
            ));
        }
        let code = codes.next();
        codes.added.insert(code, (class, String::new()));
        Ok(code)
    }

    /// `MPI_Add_error_string`.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` for a code that the program did not add.
    pub fn add_error_string(&self, code: i32, text: &str) -> Result<()> {
        match self.error_codes.lock().added.get_mut(&code) {
            Some((_, string)) => text.clone_into(string),
            None => {
                return Err(Error::new(
                    Class::ARG,
                    format!("errorcode: {code} was not made with MPI_Add_error_class or _code"),
                ));
            }
        }
        Ok(())
    }

    /// `MPI_Remove_error_class`, `MPI_Remove_error_code` (MPI 4.1, section 9.5).
    ///
    /// # Errors
    /// `MPI_ERR_ARG` for a code that the program did not add.
    pub fn remove_error_code(&self, code: i32) -> Result<()> {
        match self.error_codes.lock().added.remove(&code) {
            Some(_) => Ok(()),
            None => Err(Error::new(
                Class::ARG,
                format!("errorcode: {code} was not added"),
            )),
        }
    }

    /// `MPI_Remove_error_string`.
    ///
    /// # Errors
    /// `MPI_ERR_ARG` for a code that the program did not add.
    pub fn remove_error_string(&self, code: i32) -> Result<()> {
        self.add_error_string(code, "")
    }

    /// `MPI_Error_class` (MPI 4.1, section 9.4).
    ///
    /// # Errors
    /// `MPI_ERR_ARG` for what is no error code.
    pub fn error_class(&self, code: i32) -> Result<i32> {
        if Class(code).name().is_some() || Code::text(code).is_some() {
            return Ok(code);
        }
        match self.error_codes.lock().added.get(&code) {
            Some(&(class, _)) => Ok(class),
            None => Err(Error::new(
                Class::ARG,
                format!("errorcode: {code} is no error code"),
            )),
        }
    }

    /// `MPI_Error_string` (MPI 4.1, section 9.4).
    ///
    /// # Errors
    /// `MPI_ERR_ARG` for what is no error code.
    pub fn error_string(&self, code: i32) -> Result<String> {
        if let (Some(name), Some(text)) = (Class(code).name(), Class(code).text()) {
            return Ok(format!("{name}: {text}"));
        }
        if let Some((name, text)) = Code::text(code) {
            return Ok(format!("{name}: {text}"));
        }
        match self.error_codes.lock().added.get(&code) {
            Some((_, text)) => Ok(text.clone()),
            None => Err(Error::new(
                Class::ARG,
                format!("errorcode: {code} is no error code"),
            )),
        }
    }

    /// The value of `MPI_LASTUSEDCODE`.
    pub(crate) fn last_used_code(&self) -> i32 {
        self.error_codes
            .lock()
            .last
            .unwrap_or(abi::MPI_ERR_LASTCODE)
    }
}

impl ErrorCodes {
    fn next(&mut self) -> i32 {
        let next = self.last.unwrap_or(abi::MPI_ERR_LASTCODE).saturating_add(1);
        self.last = Some(next);
        next
    }
}
