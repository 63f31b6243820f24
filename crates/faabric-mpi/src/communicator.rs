//! Making, comparing and freeing communicators (MPI 4.1, chapter 7).
//!
//! Whoever leads a new communicator makes up its id and tells the members (see
//! [`crate::agree`]); each member then makes its own [`Comm`].

use crate::abi;
use crate::agree::{self, TAG};
use crate::attribute::Attributes;
use crate::bsend::Attachable;
use crate::comm::Comm;
use crate::error::{Class, Error, Result};
use crate::group::Group;
use crate::guest::Guest;
use crate::handle::{CommHandle, ErrhandlerHandle, GroupHandle, Handle, InfoHandle};
use crate::info::Info;
use crate::rank::{Rank, unknown};
use crate::topology::Topology;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// `MPI_COMM_NULL`.
pub const NULL: CommHandle = CommHandle(abi::MPI_COMM_NULL);

/// What one rank gives to an `MPI_Comm_split`.
#[derive(Clone, Copy)]
struct Choice {
    color: i32,
    key: i32,
    world_rank: u32,
}

impl Rank {
    /// `MPI_Comm_size` (MPI 4.1, section 7.4.1).
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_size(&self, comm: CommHandle) -> Result<i32> {
        Ok(self.comm(comm)?.size() as i32)
    }

    /// `MPI_Comm_rank`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_rank(&self, comm: CommHandle) -> Result<i32> {
        Ok(self.comm(comm)?.rank as i32)
    }

    /// `MPI_Comm_group`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_group(&self, comm: CommHandle) -> Result<GroupHandle> {
        let group = self.comm(comm)?.group.clone();
        self.group_from(group)
    }

    /// `MPI_Comm_compare`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_compare(&self, a: CommHandle, b: CommHandle) -> Result<i32> {
        let (a, b) = (self.comm(a)?, self.comm(b)?);
        if a.id() == b.id() {
            return Ok(abi::MPI_IDENT);
        }
        let remote = match (&a.remote, &b.remote) {
            (None, None) => abi::MPI_IDENT,
            (Some(a), Some(b)) => a.compare(b),
            _ => return Ok(abi::MPI_UNEQUAL),
        };
        let both = [a.group.compare(&b.group), remote];
        Ok(if both.contains(&abi::MPI_UNEQUAL) {
            abi::MPI_UNEQUAL
        } else if both.contains(&abi::MPI_SIMILAR) {
            abi::MPI_SIMILAR
        } else {
            abi::MPI_CONGRUENT
        })
    }

    /// Names a new communicator, which has its parent's error handler.
    pub(crate) fn install(
        &self,
        parent: &Comm,
        new: Comm,
        attributes: Attributes,
        info: Info,
    ) -> Result<CommHandle> {
        let handler = ErrhandlerHandle(parent.settings.lock().errhandler);
        self.install_with(handler, new, attributes, info)
    }

    /// Names a new communicator with this error handler.
    pub(crate) fn install_with(
        &self,
        handler: ErrhandlerHandle,
        new: Comm,
        attributes: Attributes,
        info: Info,
    ) -> Result<CommHandle> {
        self.retain_errhandler(handler)?;
        {
            let mut settings = new.settings.lock();
            settings.errhandler = handler.raw();
            settings.attributes = attributes;
            settings.info = info;
        }
        let new = Arc::new(new);
        let handle = Rank::name(&self.comms, new.clone())?;
        new.handle.store(handle.raw(), Ordering::Relaxed);
        Ok(handle)
    }

    /// `MPI_Comm_create` (MPI 4.1, section 7.4.2): null for ranks that are not in
    /// `group`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`; `MPI_ERR_GROUP` when a member is not in the communicator.
    pub fn comm_create(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        group: GroupHandle,
    ) -> Result<CommHandle> {
        let comm = self.active_comm(comm)?.into_owned();
        let group = self.group(group)?;
        if comm.remote.is_some() {
            return self.create_inter(guest, &comm, &group);
        }
        self.create(guest, &comm, group, TAG)
    }

    /// `MPI_Comm_create_group`: called by the members of `group` only.
    ///
    /// # Errors
    /// As [`Rank::comm_create`]; `MPI_ERR_TAG`.
    pub fn comm_create_group(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        group: GroupHandle,
        tag: i32,
    ) -> Result<CommHandle> {
        let comm = self.active_comm(comm)?.into_owned();
        let group = self.group(group)?;
        if tag < 0 {
            return Err(Error::new(Class::TAG, format!("tag: {tag} is negative")));
        }
        if comm.remote.is_some() {
            return Err(Error::new(Class::COMM, "comm: it is an intercommunicator"));
        }
        self.create(guest, &comm, group, agree::tag_of(tag))
    }

    /// A communicator of those ranks of `comm` that are in `group`.
    pub(crate) fn create(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        group: Arc<Group>,
        tag: i32,
    ) -> Result<CommHandle> {
        let new = self.create_comm(guest, comm, group, tag)?;
        match new {
            None => Ok(NULL),
            Some(new) => self.install(comm, new, Attributes::default(), Info::default()),
        }
    }

    /// As [`Rank::create`], not named yet; none for ranks that are not in `group`.
    pub(crate) fn create_comm(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        group: Arc<Group>,
        tag: i32,
    ) -> Result<Option<Comm>> {
        let members = ranks_within(comm, &group)?;
        let Some(me) = group.rank_of(self.world_rank) else {
            return Ok(None);
        };
        let words = self.share(guest, comm, &members, tag, vec![self.fresh_id()])?;
        let id = words.first().copied().ok_or_else(garbled)?;
        Ok(Some(Comm::new(id, group, me)))
    }

    /// `MPI_Comm_split` (MPI 4.1, section 7.4.2): null for `MPI_UNDEFINED`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`; `MPI_ERR_ARG` for a negative color.
    pub fn comm_split(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        color: i32,
        key: i32,
    ) -> Result<CommHandle> {
        let comm = self.active_comm(comm)?.into_owned();
        if color < 0 && color != abi::MPI_UNDEFINED {
            return Err(Error::new(
                Class::ARG,
                format!("color: {color} is neither from 0 nor MPI_UNDEFINED"),
            ));
        }
        match self.split(guest, &comm, color, key)? {
            None => Ok(NULL),
            Some(new) => self.install(&comm, new, Attributes::default(), Info::default()),
        }
    }

    /// As [`Rank::comm_split`], not named yet.
    pub(crate) fn split(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        color: i32,
        key: i32,
    ) -> Result<Option<Comm>> {
        let local = comm.local.as_deref().unwrap_or(comm);
        let choice = [
            color as u32 as u64,
            key as u32 as u64,
            u64::from(self.world_rank),
        ];
        let gathered = self.collect_words(guest, local, &choice)?;
        let mut table = vec![self.fresh_id()];
        table.extend(gathered.into_iter().flatten());
        let everyone = Rank::everyone(local, 0);
        let mut remote = Vec::new();
        if comm.remote.is_some() {
            if comm.rank == 0 {
                remote = self.trade(guest, comm, 0, TAG, &table)?;
            }
            remote = self.share(guest, local, &everyone, TAG, remote)?;
        }
        let table = self.share(guest, local, &everyone, TAG, table)?;
        if color == abi::MPI_UNDEFINED {
            return Ok(None);
        }
        let (id, choices) = choices(&table).ok_or_else(garbled)?;
        let group = Group::new(of_color(&choices, color)).of_session(comm.group.session());
        let group = Arc::new(group);
        let me = group.rank_of(self.world_rank).ok_or_else(garbled)?;
        // Groups of one split have no rank in common, but in an intercommunicator both
        // sides of a color must have the same id, and each color one of its own.
        if comm.remote.is_none() {
            return Ok(Some(Comm::new(id, group, me)));
        }
        let (their_id, theirs) = crate::communicator::choices(&remote).ok_or_else(garbled)?;
        let others = of_color(&theirs, color);
        if others.is_empty() {
            return Ok(None);
        }
        let mut new = Comm::new(id.max(their_id), group.clone(), me);
        new.remote = Some(Arc::new(Group::new(others)));
        new.local = Some(Arc::new(Comm::new(id.min(their_id), group, me)));
        Ok(Some(new))
    }

    /// `MPI_Comm_split_type` (MPI 4.1, section 7.4.2). Ranks share memory when they are
    /// on one worker; workers are not divided further, so other hardware types give null.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`; `MPI_ERR_ARG` for an unknown type.
    pub fn comm_split_type(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        split_type: i32,
        key: i32,
        info: InfoHandle,
    ) -> Result<CommHandle> {
        let info = self.info_or_null(info)?;
        let wanted = info.get("mpi_hw_resource_type");
        let by_worker = matches!(wanted, Some(crate::info::WORKER | "mpi_shared_memory"));
        let guided = matches!(
            split_type,
            abi::MPI_COMM_TYPE_HW_GUIDED | abi::MPI_COMM_TYPE_RESOURCE_GUIDED
        );
        let color = match split_type {
            _ if split_type == abi::MPI_COMM_TYPE_SHARED || guided && by_worker => {
                // The same on all of a worker's ranks, whatever else each has heard of.
                self.world.first_beside(self.world_rank) as i32
            }
            abi::MPI_UNDEFINED
            | abi::MPI_COMM_TYPE_HW_GUIDED
            | abi::MPI_COMM_TYPE_HW_UNGUIDED
            | abi::MPI_COMM_TYPE_RESOURCE_GUIDED => abi::MPI_UNDEFINED,
            _ => {
                return Err(Error::new(
                    Class::ARG,
                    format!("split_type: {split_type} is not one of the MPI_COMM_TYPE_ constants"),
                ));
            }
        };
        self.comm_split(guest, comm, color, key)
    }

    /// `MPI_Comm_disconnect` (MPI 4.1, section 11.10.4): as [`Rank::comm_free`], once all
    /// that is under way on it has ended, also what nobody can wait for any more.
    ///
    /// # Errors
    /// As [`Rank::comm_free`].
    pub fn comm_disconnect(&self, guest: &mut dyn Guest, comm: &mut CommHandle) -> Result<()> {
        let id = self.freeable(*comm)?.id();
        self.settle_on(guest, id)?;
        self.comm_free(guest, comm)
    }

    /// `MPI_Comm_free` (MPI 4.1, section 7.4.3): operations under way on it end normally.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, also for a predefined one; what a callback returned.
    pub fn comm_free(&self, guest: &mut dyn Guest, comm: &mut CommHandle) -> Result<()> {
        self.freeable(*comm)?;
        self.delete_all_attributes(guest, *comm)?;
        self.buffer_detach(guest, Attachable::Comm(*comm))?;
        let freed = self.comms.lock().remove(*comm);
        let freed = freed.ok_or_else(|| unknown(Class::COMM, "comm", *comm, abi::MPI_COMM_NULL))?;
        let _ = self.parent.compare_exchange(
            comm.raw(),
            abi::MPI_COMM_NULL,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        self.orphan(freed);
        *comm = NULL;
        Ok(())
    }

    /// A communicator that the guest made.
    fn freeable(&self, comm: CommHandle) -> Result<Arc<Comm>> {
        if matches!(comm.raw(), abi::MPI_COMM_WORLD | abi::MPI_COMM_SELF) {
            return Err(Error::new(
                Class::COMM,
                "comm: a predefined one cannot be freed",
            ));
        }
        Ok(self.comm(comm)?.into_owned())
    }

    /// `MPI_Comm_set_name`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_set_name(&self, comm: CommHandle, name: &str) -> Result<()> {
        name.clone_into(&mut self.comm(comm)?.settings.lock().name);
        Ok(())
    }

    /// `MPI_Comm_get_name`.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_get_name(&self, comm: CommHandle) -> Result<String> {
        Ok(self.comm(comm)?.settings.lock().name.clone())
    }

    /// `MPI_Comm_set_info`: hints that `info` does not name stay as they are.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_INFO`.
    pub fn comm_set_info(&self, comm: CommHandle, info: InfoHandle) -> Result<()> {
        let comm = self.comm(comm)?;
        let hints = self.hints(info)?;
        comm.settings.lock().info.extend(hints);
        Ok(())
    }

    /// `MPI_Comm_get_info`: the hints that were given and are known.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`.
    pub fn comm_get_info(&self, comm: CommHandle) -> Result<InfoHandle> {
        let info = self.comm(comm)?.settings.lock().info.clone();
        self.info_from(info)
    }

    /// Names a communicator like `parent` but of `group`, with a topology, as
    /// `MPI_Cart_create` does; null for ranks that are not in it.
    pub(crate) fn with_topology(
        &self,
        guest: &mut dyn Guest,
        parent: &Comm,
        group: Arc<Group>,
        topology: Topology,
    ) -> Result<CommHandle> {
        match self.create_comm(guest, parent, group, TAG)? {
            None => Ok(NULL),
            Some(mut new) => {
                new.topology = Some(Arc::new(topology));
                self.install(parent, new, Attributes::default(), Info::default())
            }
        }
    }
}

/// The ranks of `comm` that the members of `group` are.
pub(crate) fn ranks_within(comm: &Comm, group: &Group) -> Result<Vec<u32>> {
    let members = group.members().iter();
    members
        .map(|&member| {
            comm.group.rank_of(member).ok_or_else(|| {
                Error::new(
                    Class::GROUP,
                    format!("group: world rank {member} is not in the communicator"),
                )
            })
        })
        .collect()
}

/// The id and the choices of a table that rank 0 made in a split.
fn choices(table: &[u64]) -> Option<(u64, Vec<Choice>)> {
    let (&id, rest) = table.split_first()?;
    let choice = |words: &[u64]| Choice {
        color: words[0] as u32 as i32,
        key: words[1] as u32 as i32,
        world_rank: words[2] as u32,
    };
    Some((id, rest.chunks_exact(3).map(choice).collect()))
}

/// The world ranks of one color, by key and then by old rank.
fn of_color(choices: &[Choice], color: i32) -> Vec<u32> {
    let mut chosen: Vec<_> = choices.iter().filter(|c| c.color == color).collect();
    chosen.sort_by_key(|c| c.key);
    chosen.iter().map(|c| c.world_rank).collect()
}

/// What another rank told cannot be: the ranks called different constructors.
#[cold]
pub(crate) fn garbled() -> Error {
    Error::new(
        Class::NOT_SAME,
        "the ranks of the communicator did not make the same call to make a new one",
    )
}
