//! Partitioned communication (MPI 4.1, chapter 4): a message whose pieces its sender
//! hands over one by one, in any order and from any thread.
//!
//! ```text
//!   MPI_Psend_init --- Channel: first tag, partitions, bytes ---> MPI_Precv_init
//!   MPI_Pready(k)  --- Partition: tag first + k ----------------> a receive for each
//! ```
//! The first messages match as the standard wants the two calls to match: in the order
//! made, by communicator, rank and tag. They give the operation tags of its own, in a
//! message space of its own, for as long as it lives. The receiver posts the sender's
//! partitions, whatever its own are, when it is started and knows of them.

use crate::collective::Stream;
use crate::comm::{Comm, Context};
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::handle::{InfoHandle, RequestHandle};
use crate::memory::{Addr, HostBuffer};
use crate::p2p::{Data, Mode, Started};
use crate::progress::Operation;
use crate::rank::{Buffer, Rank};
use crate::request::{Kind, Nth, Outcome, Recipe};
use crate::send::{Destination, Origin, destination, origin};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// What a communicator keeps for its partitioned operations.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    /// The first tag that no send of this rank has.
    next: AtomicI32,
}

/// Bytes of what a sender says of its operation: three words.
const TOLD: usize = 24;

/// The most partitions of an operation, which each has a tag.
const MOST: i32 = 1 << 24;

/// One side of a partitioned operation: what the request starts.
pub(crate) struct Partitioned(Arc<Shared>);

/// What the request and an operation under way share.
struct Shared {
    comm: Arc<Comm>,
    /// The other side; none for `MPI_PROC_NULL`.
    peer: Option<u32>,
    tag: i32,
    partitions: u32,
    /// All partitions.
    buffer: Stream,
    side: Side,
}

enum Side {
    Send {
        first_tag: i32,
        sending: Mutex<Sending>,
    },
    Receive {
        /// Ends when the sender's word is in `told`.
        word: Started,
        told: Arc<HostBuffer>,
        receiving: Mutex<Receiving>,
    },
}

/// The sends since the last start.
#[derive(Default)]
struct Sending {
    /// Which partitions are ready; empty while the request is inactive.
    ready: Vec<bool>,
    /// How many are not.
    left: u32,
    pending: Vec<Started>,
}

/// The receives since the last start.
#[derive(Default)]
struct Receiving {
    active: bool,
    /// One for each of the sender's partitions, once those are known.
    parts: Vec<Started>,
    /// How many of the first of them are known to have ended.
    ended: usize,
    /// Bytes of one of them.
    part: u64,
    /// Where the data lies until it is whole, if parts of it cut the receiver's elements.
    staged: Option<Arc<HostBuffer>>,
}

impl Rank {
    /// `MPI_Psend_init` (MPI 4.1, section 4.2.1). `buffer` is one partition, the first.
    ///
    /// # Errors
    /// Names the argument that is wrong.
    pub fn psend_init(
        &self,
        buffer: &Buffer,
        partitions: i32,
        to: Destination,
        info: InfoHandle,
    ) -> Result<RequestHandle> {
        let comm = self.active_comm(to.comm)?.into_owned();
        self.info_or_null(info)?;
        let (count, stream) = self.partitions(buffer, partitions)?;
        let peer = destination(&comm, to.rank, to.tag)?;
        let first_tag = comm.channels.take(count)?;
        let side = Side::Send {
            first_tag,
            sending: Mutex::default(),
        };
        if let Some(peer) = peer {
            let words = [first_tag as u64, u64::from(count), stream.len()];
            let told = HostBuffer::from(words.map(u64::to_le_bytes).concat());
            let told = self.told(Arc::new(told))?;
            let (context, mode) = (Context::Channel, Mode::Standard);
            self.start_send(&comm, context, peer, to.tag, told.view(), mode)?;
        }
        self.name_partitioned(comm, (peer, to.tag), count, stream, side)
    }

    /// `MPI_Precv_init` (MPI 4.1, section 4.2.1). `buffer` is one partition, the first.
    ///
    /// # Errors
    /// Names the argument that is wrong; wildcards are not allowed.
    pub fn precv_init(
        &self,
        buffer: &Buffer,
        partitions: i32,
        from: Origin,
        info: InfoHandle,
    ) -> Result<RequestHandle> {
        let comm = self.active_comm(from.comm)?.into_owned();
        self.info_or_null(info)?;
        let (count, stream) = self.partitions(buffer, partitions)?;
        if from.tag < 0 {
            let message = format!("tag: {} is negative", from.tag);
            return Err(Error::new(Class::TAG, message));
        }
        let peer = match origin(&comm, from.rank, from.tag)? {
            None => None,
            Some(source) => Some(u32::try_from(source).map_err(|_| {
                Error::new(Class::RANK, "source: it may not be MPI_ANY_SOURCE here")
            })?),
        };
        let told = Arc::new(HostBuffer::zeroed(TOLD));
        let into = self.told(told.clone())?;
        let word = match peer {
            None => Started::Done(Outcome::PROC_NULL, None),
            Some(_) => {
                let context = Context::Channel;
                self.start_recv(&comm, context, from.rank, from.tag, into.view())?
            }
        };
        let receiving = Mutex::default();
        let side = Side::Receive {
            word,
            told,
            receiving,
        };
        self.name_partitioned(comm, (peer, from.tag), count, stream, side)
    }

    /// `MPI_Pready`, `MPI_Pready_range` and `MPI_Pready_list` (MPI 4.1, section 4.2.2).
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no active partitioned send, `MPI_ERR_ARG` for what is
    /// no partition of it, or one that is ready already.
    pub fn pready(
        &self,
        request: RequestHandle,
        partitions: impl IntoIterator<Item = i32>,
    ) -> Result<()> {
        let recipe = self.partitioned(request)?;
        let of = &*recipe.partitioned().ok_or_else(not_partitioned)?.0;
        let Side::Send { first_tag, sending } = &of.side else {
            return Err(not_partitioned());
        };
        let mut sending = sending.lock();
        for partition in partitions {
            if sending.ready.is_empty() {
                return Err(Error::new(Class::REQUEST, "request: it is not active"));
            }
            let at = of.partition(partition)?;
            if std::mem::replace(&mut sending.ready[at as usize], true) {
                let message = format!("partition: {partition} is ready already");
                return Err(Error::new(Class::ARG, message));
            }
            sending.left -= 1;
            if let Some(peer) = of.peer {
                let data = of.locate(u64::from(at) * of.part(), of.part())?;
                let (context, mode) = (Context::Partition, Mode::Standard);
                let tag = first_tag + partition;
                let sent = self.start_send(&of.comm, context, peer, tag, data.view(), mode)?;
                sending.pending.push(sent);
            }
        }
        drop(sending);
        // Another thread of the rank may wait for the operation.
        self.wake();
        Ok(())
    }

    /// `MPI_Parrived` (MPI 4.1, section 4.2.2): true for an inactive request.
    ///
    /// # Errors
    /// `MPI_ERR_REQUEST` for what is no partitioned receive, `MPI_ERR_ARG` for what is no
    /// partition of it.
    pub fn parrived(
        &self,
        guest: &mut dyn Guest,
        request: RequestHandle,
        partition: i32,
    ) -> Result<bool> {
        if request == crate::completion::NULL {
            return Ok(true);
        }
        self.advance(guest);
        let recipe = self.partitioned(request)?;
        let of = &*recipe.partitioned().ok_or_else(not_partitioned)?.0;
        let Side::Receive { receiving, .. } = &of.side else {
            return Err(not_partitioned());
        };
        let at = u64::from(of.partition(partition)?);
        let arrived = receiving.lock().has(at * of.part(), of.part());
        if !arrived {
            self.yield_to_others()?;
        }
        Ok(arrived)
    }

    fn partitioned(&self, request: RequestHandle) -> Result<Arc<dyn Recipe>> {
        let requests = self.requests.lock();
        match requests.get(request).map(|found| &found.kind) {
            Some(Kind::Persistent(recipe)) => Ok(recipe.clone()),
            _ => Err(not_partitioned()),
        }
    }

    /// The number of partitions, and all of them.
    fn partitions(&self, buffer: &Buffer, partitions: i32) -> Result<(u32, Stream)> {
        if !(1..=MOST).contains(&partitions) {
            let message = format!("partitions: {partitions} is not from 1 to {MOST}");
            return Err(Error::new(Class::ARG, message));
        }
        let datatype = self.committed(buffer.datatype)?;
        let count = buffer.count.checked_mul(i64::from(partitions));
        let count = count.ok_or_else(|| Error::new(Class::COUNT, "count: it is too large"))?;
        let all = Buffer { count, ..*buffer };
        let view = self.view(&all, &datatype)?;
        view.check(&self.world)?;
        Ok((partitions.unsigned_abs(), Stream::new([view.to_data()])?))
    }

    fn told(&self, memory: Arc<HostBuffer>) -> Result<Data> {
        let byte = crate::handle::TypeHandle(crate::abi::MPI_BYTE);
        Ok(Data {
            memory,
            addr: Addr(0),
            count: TOLD as u64,
            datatype: self.datatype(byte)?.into_owned(),
        })
    }

    fn name_partitioned(
        &self,
        comm: Arc<Comm>,
        (peer, tag): (Option<u32>, i32),
        partitions: u32,
        buffer: Stream,
        side: Side,
    ) -> Result<RequestHandle> {
        let of = Arc::new(Shared {
            comm: comm.clone(),
            peer,
            tag,
            partitions,
            buffer,
            side,
        });
        self.inactive(comm, Arc::new(Partitioned(of)))
    }
}

#[cold]
fn not_partitioned() -> Error {
    Error::new(
        Class::REQUEST,
        "request: it is not a partitioned operation of this kind",
    )
}

impl Shared {
    /// Bytes of one partition of this side.
    fn part(&self) -> u64 {
        self.buffer.len() / u64::from(self.partitions)
    }

    fn partition(&self, partition: i32) -> Result<u32> {
        let found = u32::try_from(partition).ok();
        found.filter(|&at| at < self.partitions).ok_or_else(|| {
            let message = format!(
                "partition: {partition} is not from 0 to {}",
                self.partitions - 1
            );
            Error::new(Class::ARG, message)
        })
    }

    fn locate(&self, offset: u64, len: u64) -> Result<Data> {
        let unaligned = || Error::new(Class::INTERN, "a partition cuts an element");
        self.buffer.locate(offset, len).ok_or_else(unaligned)
    }

    fn poll_send(&self, sending: &mut Sending) -> Result<Option<Outcome>> {
        if sending.left > 0 {
            return Ok(None);
        }
        while let Some(sent) = sending.pending.pop() {
            match sent.clone().ended() {
                None => {
                    sending.pending.push(sent);
                    return Ok(None);
                }
                Some((_, Some(error))) => return Err(error),
                Some(_) => {}
            }
        }
        Ok(Some(Outcome::EMPTY))
    }

    fn poll_receive(
        &self,
        rank: &Rank,
        receiving: &mut Receiving,
        word: &Started,
        told: &HostBuffer,
    ) -> Result<Option<Outcome>> {
        let Some(peer) = self.peer else {
            return Ok(Some(Outcome::PROC_NULL));
        };
        if receiving.parts.is_empty() {
            match word.clone().ended() {
                None => return Ok(None),
                Some((_, Some(error))) => return Err(error),
                Some(_) => self.post(rank, receiving, peer, told)?,
            }
        }
        while let Some(part) = receiving.parts.get(receiving.ended) {
            match part.clone().ended() {
                None => return Ok(None),
                Some((_, Some(error))) => return Err(error),
                Some(_) => receiving.ended += 1,
            }
        }
        if let Some(staged) = receiving.staged.take() {
            self.buffer.unpack(&staged)?;
        }
        Ok(Some(Outcome {
            source: peer.cast_signed(),
            tag: self.tag,
            bytes: receiving.part * receiving.parts.len() as u64,
            cancelled: false,
            nth: Nth::NONE,
        }))
    }

    /// Posts the receives of the sender's partitions.
    fn post(
        &self,
        rank: &Rank,
        receiving: &mut Receiving,
        peer: u32,
        told: &HostBuffer,
    ) -> Result<()> {
        let words: Vec<u64> = told.with(|bytes| {
            let words = bytes.as_chunks::<8>().0.iter();
            words.map(|&word| u64::from_le_bytes(word)).collect()
        });
        let (first_tag, count, bytes) = (words[0] as i32, words[1].max(1), words[2]);
        let room = self.buffer.len();
        if bytes > room {
            let message =
                format!("the sender's partitions have {bytes} bytes, the receive buffer {room}");
            return Err(Error::new(Class::TRUNCATE, message));
        }
        receiving.part = bytes / count;
        let part = receiving.part;
        let aligned = (0..count).all(|k| self.buffer.locate(k * part, part).is_some());
        let stream = match aligned {
            true => self.buffer.clone(),
            false => {
                let staged = self.buffer.pack()?;
                receiving.staged = Some(staged.clone());
                Stream::host(staged, room)
            }
        };
        let from = peer.cast_signed();
        for k in 0..count {
            let data = stream.locate(k * part, part).ok_or_else(|| {
                Error::new(Class::INTERN, "a partition lies outside of the buffer")
            })?;
            let tag = first_tag.saturating_add(k as i32);
            let context = Context::Partition;
            let started = rank.start_recv(&self.comm, context, from, tag, data.view())?;
            receiving.parts.push(started);
        }
        Ok(())
    }
}

impl Receiving {
    /// Whether these bytes have arrived.
    fn has(&self, offset: u64, len: u64) -> bool {
        if !self.active {
            return true;
        }
        if self.parts.is_empty() || self.staged.is_some() {
            return false;
        }
        let ended = |part: &Started| part.clone().ended().is_some();
        let Some(first) = offset.checked_div(self.part) else {
            return self.parts.iter().all(ended);
        };
        let end = (offset + len).div_ceil(self.part);
        let last = self.parts.len();
        let range = (first as usize).min(last)..(end as usize).min(last);
        self.parts[range].iter().all(ended)
    }
}

impl Recipe for Partitioned {
    fn start(&self, rank: &Rank, guest: &mut dyn Guest) -> Result<Started> {
        match &self.0.side {
            Side::Send { sending, .. } => {
                *sending.lock() = Sending {
                    ready: vec![false; self.0.partitions as usize],
                    left: self.0.partitions,
                    pending: Vec::new(),
                };
            }
            Side::Receive { receiving, .. } => {
                *receiving.lock() = Receiving {
                    active: true,
                    ..Receiving::default()
                };
            }
        }
        let active = Active(Arc::clone(&self.0));
        Ok(Started::Pending(
            rank.start_operation(guest, Box::new(active)),
        ))
    }

    fn kind(&self) -> Kind {
        Kind::Operation
    }

    fn partitioned(&self) -> Option<&Partitioned> {
        Some(self)
    }
}

/// A partitioned operation that was started.
struct Active(Arc<Shared>);

impl Operation for Active {
    fn poll(&mut self, rank: &Rank, _: &mut dyn Guest) -> Result<Option<Outcome>> {
        match &self.0.side {
            Side::Send { sending, .. } => {
                let mut sending = sending.lock();
                let polled = self.0.poll_send(&mut sending);
                if !matches!(polled, Ok(None)) {
                    sending.ready.clear();
                }
                polled
            }
            Side::Receive {
                word,
                told,
                receiving,
            } => {
                let mut receiving = receiving.lock();
                let polled = self.0.poll_receive(rank, &mut receiving, word, told);
                if !matches!(polled, Ok(None)) {
                    receiving.active = false;
                }
                polled
            }
        }
    }
}

impl Channels {
    /// Takes `count` tags in a row.
    fn take(&self, count: u32) -> Result<i32> {
        let order = Ordering::Relaxed;
        let count = count.cast_signed();
        let taken = self
            .next
            .fetch_update(order, order, |next| next.checked_add(count));
        taken.map_err(|_| {
            let message = "partitions: there were 2^31 of them on this communicator before";
            Error::new(Class::NO_MEM, message)
        })
    }
}
