//! Duplicates of communicators (MPI 4.1, section 7.4.2), blocking and not.
//!
//! A duplicate has its handle at once and its id later: one rank makes up the ids and
//! all others learn them, by a schedule like that of any collective operation.
//!
//! ```text
//!   intracommunicator        intercommunicator
//!   0 --tree--> 1, 2, ...    0 ---------> 0'        on the communicator itself
//!                            `-> 1, 2     `-> 1'    on each group's own
//! ```

use crate::attribute::Attributes;
use crate::collective::algorithm::bcast;
use crate::collective::{Builder, Place, Plan, Run, Seat, Slice, Stream};
use crate::comm::Comm;
use crate::error::Result;
use crate::guest::Guest;
use crate::handle::{CommHandle, InfoHandle, RequestHandle};
use crate::info::Info;
use crate::memory::HostBuffer;
use crate::p2p::Started;
use crate::progress::Operation;
use crate::rank::Rank;
use crate::request::{Completion, Kind, Outcome};
use std::sync::Arc;

/// Bytes of what is told: the communicator's id, and that of its group's own.
const TOLD: u64 = 16;

impl Rank {
    /// `MPI_Comm_dup` (MPI 4.1, section 7.4.2), with the attributes that their
    /// callbacks copy, and without hints.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`; what a callback returned.
    pub fn comm_dup(&self, guest: &mut dyn Guest, comm: CommHandle) -> Result<CommHandle> {
        self.dup(guest, comm, Info::default())
    }

    /// `MPI_Comm_dup_with_info`.
    ///
    /// # Errors
    /// As [`Rank::comm_dup`]; `MPI_ERR_INFO`.
    pub fn comm_dup_with_info(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        info: InfoHandle,
    ) -> Result<CommHandle> {
        let hints = self.hints(info)?;
        self.dup(guest, comm, hints)
    }

    /// `MPI_Comm_idup`: the duplicate may be used once the request has ended.
    ///
    /// # Errors
    /// As [`Rank::comm_dup`].
    pub fn comm_idup(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
    ) -> Result<(CommHandle, RequestHandle)> {
        self.idup(guest, comm, Info::default())
    }

    /// `MPI_Comm_idup_with_info`.
    ///
    /// # Errors
    /// As [`Rank::comm_dup_with_info`].
    pub fn comm_idup_with_info(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        info: InfoHandle,
    ) -> Result<(CommHandle, RequestHandle)> {
        let hints = self.hints(info)?;
        self.idup(guest, comm, hints)
    }

    fn dup(&self, guest: &mut dyn Guest, comm: CommHandle, hints: Info) -> Result<CommHandle> {
        let (new, completion) = self.start_dup(guest, comm, hints)?;
        self.wait_completion(guest, &completion)?;
        Ok(new)
    }

    fn idup(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        hints: Info,
    ) -> Result<(CommHandle, RequestHandle)> {
        let (new, completion) = self.start_dup(guest, comm, hints)?;
        let comm = self.comm(comm)?.into_owned();
        let request = self.request(comm, Started::Pending(completion), Kind::Operation)?;
        Ok((new, request))
    }

    fn start_dup(
        &self,
        guest: &mut dyn Guest,
        handle: CommHandle,
        hints: Info,
    ) -> Result<(CommHandle, Arc<Completion>)> {
        let comm = self.active_comm(handle)?.into_owned();
        let attributes: Attributes = comm.settings.lock().attributes.clone();
        let attributes = self.copy_attributes(guest, handle, &attributes)?;
        // Until the ids are agreed on, they are ones that no other communicator has.
        let fresh = |comm: &Comm| Comm::new(self.fresh_id(), comm.group.clone(), comm.rank);
        let mut new = fresh(&comm);
        new.remote = comm.remote.clone();
        new.topology = comm.topology.clone();
        new.local = comm.local.as_deref().map(|local| Arc::new(fresh(local)));
        let new = self.install(&comm, new, attributes, hints)?;
        let agreement = Agreement::new(self, comm, self.comm(new)?.into_owned())?;
        Ok((new, self.start_operation(guest, Box::new(agreement))))
    }
}

/// The ids of a duplicate on their way to all ranks.
struct Agreement {
    new: Arc<Comm>,
    told: Arc<HostBuffer>,
    /// What is left to do, the next at the end.
    left: Vec<Run>,
}

impl Agreement {
    fn new(rank: &Rank, comm: Arc<Comm>, new: Arc<Comm>) -> Result<Agreement> {
        let own = comm.local.clone().unwrap_or_else(|| Arc::clone(&comm));
        let first = comm.group.world_rank(0);
        let other = comm.remote.as_ref().map(|remote| remote.world_rank(0));
        let leads = comm.rank == 0 && other.is_none_or(|other| first < other);
        let ids = if leads {
            [rank.fresh_id(), rank.fresh_id()]
        } else {
            [0; 2]
        };
        let told = ids.map(u64::to_le_bytes).concat();
        let told = Arc::new(HostBuffer::from(told));
        let stream = || Stream::host(Arc::clone(&told), TOLD);
        let seat = Seat {
            rank: own.rank,
            size: own.size(),
        };
        let tree = bcast::binomial(seat, 0, TOLD);
        // Every rank counts the same operations on both communicators.
        let tag = own.collective.next_tag();
        let plan = Arc::new(Plan::new(tree, Stream::default(), stream()));
        let mut left = vec![Run::new(plan, own, tag)?];
        if comm.remote.is_some() {
            let tag = comm.collective.next_tag();
            let mut build = Builder::new();
            let data = Slice::of(Place::Recv, TOLD);
            match (comm.rank, leads) {
                (0, true) => build.send(0, data),
                (0, false) => build.recv(0, data),
                _ => {}
            }
            let plan = Plan::new(build.finish(), Stream::default(), stream());
            left.push(Run::new(Arc::new(plan), comm, tag)?);
        }
        Ok(Agreement { new, told, left })
    }
}

impl Operation for Agreement {
    fn poll(&mut self, rank: &Rank, guest: &mut dyn Guest) -> Result<Option<Outcome>> {
        while let Some(run) = self.left.last_mut() {
            if !run.progress(rank, guest)? {
                return Ok(None);
            }
            self.left.pop();
        }
        let ids: Vec<u64> = self.told.with(|bytes| {
            let words = bytes.as_chunks::<8>().0.iter();
            words.map(|&word| u64::from_le_bytes(word)).collect()
        });
        self.new.set_id(ids[0]);
        if let Some(local) = &self.new.local {
            local.set_id(ids[1]);
        }
        Ok(Some(Outcome::EMPTY))
    }
}
