//! Connecting processes that have no communicator in common (MPI 4.1, sections 11.9
//! and 11.10).
//!
//! ```text
//!   accepting group            the port's worker            connecting group
//!     root --Accept------------->   (desk.rs)   <--------------Connect-- root
//!          <--who, number-------                --who, number---------->
//!     root <======= groups, over a message space of that number =======> root
//!       `--> the others                                   the others <--'
//! ```
//! Ports and names are those of one job: all processes that spawned each other, over
//! however many generations.

use crate::agree::TAG;
use crate::attribute::Attributes;
use crate::comm::Comm;
use crate::communicator::garbled;
use crate::desk::Topic;
use crate::error::{Class, Error, Result};
use crate::group::Group;
use crate::guest::Guest;
use crate::handle::{CommHandle, Handle, InfoHandle};
use crate::info::Info;
use crate::intercomm::{disjoint, inter};
use crate::rank::Rank;
use faabric_wire::clock;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Names of ports begin like this.
const SCHEME: &str = "faabric:";

/// How long a connection waits for somebody to accept it, and any call for word of the rank
/// that a port's name holds.
const PATIENCE: Duration = Duration::from_secs(60);

/// No job has so many ranks: the planner stops at 2^17.
const RANKS: u32 = 1 << 20;

/// A port as its name says it.
struct PortName {
    job: u64,
    /// Who opened it.
    rank: u32,
    number: u64,
}

impl PortName {
    fn text(&self) -> String {
        let PortName { job, rank, number } = self;
        format!("{SCHEME}job-{job}:rank-{rank}:port-{number}")
    }

    fn parse(text: &str) -> Option<PortName> {
        let mut parts = text.strip_prefix(SCHEME)?.split(':');
        let mut number = |prefix: &str| {
            let digits = parts.next()?.strip_prefix(prefix)?;
            digits.parse::<u64>().ok()
        };
        let (job, rank, port) = (number("job-")?, number("rank-")?, number("port-")?);
        let name = PortName {
            job,
            rank: u32::try_from(rank).ok()?,
            number: port,
        };
        // Exactly what text() writes: no signs, no leading zeros, nothing behind.
        (name.text() == text).then_some(name)
    }
}

impl Rank {
    /// `MPI_Open_port`: a name that nobody else has.
    ///
    /// # Errors
    /// `MPI_ERR_INFO`; when MPI is not active.
    pub fn open_port(&self, info: InfoHandle) -> Result<String> {
        self.check_active("MPI_Open_port")?;
        self.info_or_null(info)?;
        let name = PortName {
            job: self.world.job().0,
            rank: self.world_rank,
            number: self.world.desk.open(self.world_rank),
        };
        Ok(name.text())
    }

    /// `MPI_Close_port`. Those who wait at it get `MPI_ERR_PORT`.
    ///
    /// # Errors
    /// `MPI_ERR_PORT` for what is no open port: after a minute, when its name holds a rank of
    /// which this worker hears nothing.
    pub fn close_port(&self, guest: &mut dyn Guest, port: &str) -> Result<()> {
        self.check_active("MPI_Close_port")?;
        let port = self.port(port)?;
        self.know_opener(guest, &port, PATIENCE)?;
        let topic = (Topic::Close, port.number);
        self.ask_desk(guest, port.rank, topic, "").map(|_| ())
    }

    /// `MPI_Comm_accept`: waits for a connection. `port` counts at the root only.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_ROOT`; on all ranks `MPI_ERR_PORT` as of
    /// [`Rank::close_port`], and when the port is closed while they wait.
    pub fn comm_accept(
        &self,
        guest: &mut dyn Guest,
        port: Result<(String, InfoHandle)>,
        root: i32,
        comm: CommHandle,
    ) -> Result<CommHandle> {
        self.come_together(guest, Topic::Accept, port, root, comm)
    }

    /// `MPI_Comm_connect`: waits until somebody accepts, but not longer than a minute, or
    /// the seconds that `info` has as `timeout` at the root.
    ///
    /// # Errors
    /// As [`Rank::comm_accept`]; `MPI_ERR_PORT` too when nobody accepts in time.
    pub fn comm_connect(
        &self,
        guest: &mut dyn Guest,
        port: Result<(String, InfoHandle)>,
        root: i32,
        comm: CommHandle,
    ) -> Result<CommHandle> {
        self.come_together(guest, Topic::Connect, port, root, comm)
    }

    fn come_together(
        &self,
        guest: &mut dyn Guest,
        side: Topic,
        port: Result<(String, InfoHandle)>,
        root: i32,
        comm: CommHandle,
    ) -> Result<CommHandle> {
        let (comm, root) = self.rooted(comm, root)?;
        let mut answer = Ok(Vec::new());
        if comm.rank == root {
            answer = port.and_then(|port| self.find_other(guest, &comm, side, port));
        }
        let everyone = Rank::everyone(&comm, root);
        let words = self.share_answer(guest, &comm, &everyone, answer)??;
        let [id, local_id, others @ ..] = &words[..] else {
            return Err(garbled());
        };
        let others: Vec<u32> = others.iter().map(|&word| word as u32).collect();
        self.know(guest, &others)?;
        let remote = Arc::new(Group::new(others));
        disjoint(&comm.group, &remote)?;
        let new = inter(*id, *local_id, comm.group.clone(), comm.rank, remote);
        self.install(&comm, new, Attributes::default(), Info::default())
    }

    /// The root's part: what [`Rank::meet_leader`] gives.
    fn find_other(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        side: Topic,
        (port, info): (String, InfoHandle),
    ) -> Result<Vec<u64>> {
        let info = self.info_or_null(info)?;
        let port = self.port(&port)?;
        let seconds = info.get("timeout").filter(|_| side == Topic::Connect);
        let seconds = seconds.and_then(|text| text.parse().ok());
        let patience = seconds.map_or(PATIENCE, Duration::from_secs);
        let left = self.know_opener(guest, &port, patience)?;
        let patience = (side == Topic::Connect).then_some(left);
        let about = (side, port.number);
        let found = self.ask_desk_for(guest, port.rank, about, "", patience)?;
        self.know(guest, &[found.rank])?;
        let name = format!("{}:{}", port.text(), found.number);
        let meeting = crate::from_group::meeting(self, &name, &[]);
        self.meet_leader(guest, &comm.group, &meeting, found.rank, TAG)
    }

    /// A port of this job.
    fn port(&self, text: &str) -> Result<PortName> {
        let wrong = |why: String| Error::new(Class::PORT, format!("port_name: {why}"));
        let port = PortName::parse(text)
            .ok_or_else(|| wrong(format!("{text:?} is not what MPI_Open_port gave")))?;
        let job = self.world.job().0;
        if port.job != job {
            let why = format!(
                "{text:?} is a port of job {}, and this is job {job}; only processes that \
                 spawned each other, which are one job, can connect",
                port.job
            );
            return Err(wrong(why));
        }
        Ok(port)
    }

    /// Waits until the rank that opened `port` is known here, and gives what is left of
    /// `patience`. The name may have come faster than the planner's word of that rank; or
    /// nobody opened it.
    fn know_opener(
        &self,
        guest: &mut dyn Guest,
        port: &PortName,
        patience: Duration,
    ) -> Result<Duration> {
        let began = clock::monotonic_ns();
        let left = || {
            let waited = clock::monotonic_ns().saturating_sub(began).max(0);
            patience.saturating_sub(Duration::from_nanos(waited.cast_unsigned()))
        };
        let known = || self.world.knows(port.rank);
        // Waiting ranks look again once a second at the least.
        let found = port.rank < RANKS
            && self.wait_for(guest, || (known() || left().is_zero()).then(known))?;
        if found {
            return Ok(left());
        }
        let why = format!("port_name: this job has no rank {}", port.rank);
        Err(Error::new(Class::PORT, why))
    }

    /// `MPI_Publish_name`.
    ///
    /// # Errors
    /// `MPI_ERR_SERVICE` when the name is published; `MPI_ERR_INFO`.
    pub fn publish_name(
        &self,
        guest: &mut dyn Guest,
        name: &str,
        info: InfoHandle,
        port: &str,
    ) -> Result<()> {
        let text = format!("{name}\0{port}");
        self.ask_about_name(guest, Topic::Publish, info, &text)
            .map(|_| ())
    }

    /// `MPI_Unpublish_name`.
    ///
    /// # Errors
    /// `MPI_ERR_SERVICE` when the name is not published with this port; `MPI_ERR_INFO`.
    pub fn unpublish_name(
        &self,
        guest: &mut dyn Guest,
        name: &str,
        info: InfoHandle,
        port: &str,
    ) -> Result<()> {
        let text = format!("{name}\0{port}");
        self.ask_about_name(guest, Topic::Unpublish, info, &text)
            .map(|_| ())
    }

    /// `MPI_Lookup_name`: the port.
    ///
    /// # Errors
    /// `MPI_ERR_NAME` when no process of the job has published it; `MPI_ERR_INFO`.
    pub fn lookup_name(
        &self,
        guest: &mut dyn Guest,
        name: &str,
        info: InfoHandle,
    ) -> Result<String> {
        self.ask_about_name(guest, Topic::Lookup, info, name)
    }

    fn ask_about_name(
        &self,
        guest: &mut dyn Guest,
        topic: Topic,
        info: InfoHandle,
        text: &str,
    ) -> Result<String> {
        self.check_active("a call on service names")?;
        self.info_or_null(info)?;
        // Its worker keeps the names as long as the job lasts, whatever the rank does.
        let answer = self.ask_desk(guest, 0, (topic, 0), text)?;
        Ok(answer.text)
    }

    /// Makes the intercommunicator with the parents, for `MPI_Comm_get_parent`.
    pub(crate) fn find_parents(&self) -> Result<()> {
        let Some(family) = self.world.family(self.world_rank()) else {
            return Ok(());
        };
        if family.parents.is_empty() {
            return Ok(());
        }
        let world = self.comm_world();
        let parents = Arc::new(Group::new(family.parents.clone()));
        let (id, within) = (family.parent_id(), family.within_id());
        let new = inter(id, within, world.group.clone(), world.rank, parents);
        new.settings.lock().name = "MPI_COMM_PARENT".into();
        let parent = self.install(world, new, Attributes::default(), Info::default())?;
        self.parent.store(parent.raw(), Ordering::Relaxed);
        Ok(())
    }

    /// `MPI_Comm_get_parent`: null for ranks that were not spawned, and once it is freed.
    ///
    /// # Errors
    /// When MPI is not active.
    pub fn comm_get_parent(&self) -> Result<CommHandle> {
        self.check_active("MPI_Comm_get_parent")?;
        Ok(CommHandle(self.parent.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_names_are_read_as_they_are_written() {
        let port = PortName {
            job: 3,
            rank: 7,
            number: 12,
        };
        let text = port.text();
        assert!(text.len() < crate::abi::MPI_MAX_PORT_NAME as usize);
        assert!(PortName::parse(&text).is_some_and(|p| p.text() == text));
        let wrong = [
            "",
            "otherhost:122",
            "faabric:job-3:rank-7",
            "faabric:job-3:rank-7:port-012",
            "faabric:job-3:rank-4294967296:port-1",
            "faabric:job-3:rank-7:port-1:",
        ];
        assert!(
            wrong
                .into_iter()
                .all(|text| PortName::parse(text).is_none())
        );
    }
}
