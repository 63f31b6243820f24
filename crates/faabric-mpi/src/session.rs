//! Sessions: MPI without `MPI_Init` (MPI 4.1, section 11.3).
//!
//! ```text
//!   Session_init --> session --pset--> group --Comm_create_from_group--> communicator
//!                       |                 |                                   |
//!                       '--error handler  '---- both know the session --------'
//!                       '--buffer for their buffered sends
//! ```
//! Any number of sessions can be open at a time, with or without the world that
//! `MPI_Init` makes. Opening one is local: the job's ranks are known from the start.

use crate::abi;
use crate::bsend::SendBuffer;
use crate::error::{Class, Error, On, Result};
use crate::group::Group;
use crate::guest::Guest;
use crate::handle::{ErrhandlerHandle, GroupHandle, InfoHandle, SessionHandle};
use crate::info::{Info, WORKER};
use crate::rank::{Rank, unknown};
use std::sync::Arc;

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    errhandler: ErrhandlerHandle,
    /// What `MPI_Session_get_info` says.
    info: Info,
    pub(crate) send_buffer: Arc<SendBuffer>,
}

/// The process sets, in the order of their numbers: all ranks, the calling one, those of
/// its worker.
const PSETS: [&str; 3] = ["mpi://WORLD", "mpi://SELF", WORKER];

/// The values of the key `thread_level`.
const LEVELS: [&str; 4] = [
    "MPI_THREAD_SINGLE",
    "MPI_THREAD_FUNNELED",
    "MPI_THREAD_SERIALIZED",
    "MPI_THREAD_MULTIPLE",
];

impl Rank {
    /// `MPI_Session_init`: every thread level is supported, so it is the one that `info`
    /// asks for.
    ///
    /// # Errors
    /// `MPI_ERR_INFO`, `MPI_ERR_ERRHANDLER`; `MPI_ERR_NO_MEM` when there are too many.
    pub fn session_init(
        &self,
        info: InfoHandle,
        errhandler: ErrhandlerHandle,
    ) -> Result<SessionHandle> {
        let wanted = self.info_or_null(info)?;
        let level = wanted.get("thread_level");
        let level = level.filter(|level| LEVELS.contains(level));
        let mut info = Info::default();
        info.set("thread_level", level.unwrap_or("MPI_THREAD_MULTIPLE"));
        // MPI 4.1, section 11.4.3: what every implementation has.
        info.set("mpi_memory_alloc_kinds", "mpi,system");
        self.retain_errhandler(errhandler)?;
        let session = Session {
            errhandler,
            info,
            send_buffer: Arc::default(),
        };
        let named = Rank::name(&self.sessions, session);
        match named {
            Ok(_) => self.open_session(),
            Err(_) => self.release_errhandler(errhandler),
        }
        named
    }

    /// `MPI_Session_finalize`: the last thing that ends of MPI in a process waits until
    /// what the process sent is delivered. The handle becomes null.
    ///
    /// # Errors
    /// `MPI_ERR_SESSION`; when the job ends meanwhile.
    pub fn session_finalize(
        &self,
        guest: &mut dyn Guest,
        session: &mut SessionHandle,
    ) -> Result<()> {
        let buffer = self.session(*session, |found| found.send_buffer.clone())?;
        self.wait_delivered(guest, &buffer)?;
        let ended = self.sessions.lock().remove(*session);
        let ended = ended.ok_or_else(|| not_a_session(*session))?;
        self.release_errhandler(ended.errhandler);
        *session = SessionHandle(abi::MPI_SESSION_NULL);
        self.close_session(guest)
    }

    /// `MPI_Session_get_info`.
    ///
    /// # Errors
    /// `MPI_ERR_SESSION`; `MPI_ERR_NO_MEM` when there are too many info objects.
    pub fn session_get_info(&self, session: SessionHandle) -> Result<InfoHandle> {
        let info = self.session(session, |found| found.info.clone())?;
        self.info_from(info)
    }

    /// `MPI_Session_get_num_psets`.
    ///
    /// # Errors
    /// `MPI_ERR_SESSION`.
    pub fn session_get_num_psets(&self, session: SessionHandle) -> Result<i32> {
        self.session(session, |_| PSETS.len() as i32)
    }

    /// `MPI_Session_get_nth_pset`.
    ///
    /// # Errors
    /// `MPI_ERR_SESSION`; `MPI_ERR_ARG` for a number that no process set has.
    pub fn session_get_nth_pset(&self, session: SessionHandle, n: i32) -> Result<&'static str> {
        self.session(session, |_| ())?;
        let name = usize::try_from(n).ok().and_then(|n| PSETS.get(n));
        name.copied().ok_or_else(|| {
            let message = format!("n: {n} is not among the {} process sets", PSETS.len());
            Error::new(Class::ARG, message)
        })
    }

    /// `MPI_Session_get_pset_info`.
    ///
    /// # Errors
    /// `MPI_ERR_SESSION`; `MPI_ERR_ARG` when there is no such process set.
    pub fn session_get_pset_info(&self, session: SessionHandle, pset: &str) -> Result<InfoHandle> {
        self.session(session, |_| ())?;
        let members = self.pset(pset).ok_or_else(|| {
            let message = format!("pset_name: there is no process set {pset:?}");
            Error::new(Class::ARG, message)
        })?;
        let mut info = Info::default();
        info.set("mpi_size", &members.len().to_string());
        self.info_from(info)
    }

    /// `MPI_Group_from_session_pset`: null when there is no such process set.
    ///
    /// # Errors
    /// `MPI_ERR_SESSION`; `MPI_ERR_NO_MEM` when there are too many groups.
    pub fn group_from_session_pset(
        &self,
        session: SessionHandle,
        pset: &str,
    ) -> Result<GroupHandle> {
        self.session(session, |_| ())?;
        match self.pset(pset) {
            None => Ok(GroupHandle(abi::MPI_GROUP_NULL)),
            Some(members) => {
                let group = Group::new(members).of_session(Some(session));
                self.group_from(Arc::new(group))
            }
        }
    }

    /// The world ranks of a process set. Its name is a URI, of which scheme and
    /// authority are the same in capitals (RFC 3986, section 6.2.2.1).
    fn pset(&self, name: &str) -> Option<Vec<u32>> {
        let everyone = self.comm_world().group.members();
        let place = PSETS
            .iter()
            .position(|pset| pset.eq_ignore_ascii_case(name))?;
        Some(match place {
            0 => everyone.to_vec(),
            1 => vec![self.world_rank],
            _ => {
                let here = |rank: &u32| self.world.mailbox(*rank).is_some();
                everyone.iter().copied().filter(here).collect()
            }
        })
    }

    /// `MPI_Session_set_errhandler`.
    ///
    /// # Errors
    /// `MPI_ERR_SESSION`, `MPI_ERR_ERRHANDLER`.
    pub fn session_set_errhandler(
        &self,
        session: SessionHandle,
        errhandler: ErrhandlerHandle,
    ) -> Result<()> {
        self.session(session, |_| ())?;
        self.retain_errhandler(errhandler)?;
        let mut sessions = self.sessions.lock();
        let found = sessions.get_mut(session);
        let old = match found {
            Some(found) => std::mem::replace(&mut found.errhandler, errhandler),
            None => errhandler,
        };
        drop(sessions);
        self.release_errhandler(old);
        Ok(())
    }

    /// `MPI_Session_get_errhandler`: to be freed like a new one.
    ///
    /// # Errors
    /// `MPI_ERR_SESSION`.
    pub fn session_get_errhandler(&self, session: SessionHandle) -> Result<ErrhandlerHandle> {
        let errhandler = self.errhandler_of_session(session)?;
        self.retain_errhandler(errhandler)?;
        Ok(errhandler)
    }

    /// `MPI_Session_call_errhandler`.
    ///
    /// # Errors
    /// As [`Rank::raise`]; `MPI_ERR_SESSION`.
    pub fn session_call_errhandler(
        &self,
        guest: &mut dyn Guest,
        session: SessionHandle,
        code: i32,
    ) -> Result<()> {
        self.session(session, |_| ())?;
        self.call_handler(guest, On::Session(session), code)
    }

    pub(crate) fn errhandler_of_session(&self, session: SessionHandle) -> Result<ErrhandlerHandle> {
        self.session(session, |found| found.errhandler)
    }

    /// Looks at the session that the guest names.
    pub(crate) fn session<T>(
        &self,
        session: SessionHandle,
        look: impl FnOnce(&Session) -> T,
    ) -> Result<T> {
        let sessions = self.sessions.lock();
        let found = sessions.get(session).map(look);
        found.ok_or_else(|| not_a_session(session))
    }
}

#[cold]
fn not_a_session(session: SessionHandle) -> Error {
    unknown(Class::SESSION, "session", session, abi::MPI_SESSION_NULL)
}
