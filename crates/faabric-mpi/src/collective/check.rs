//! Checks of a call's arguments, as far as one rank can see (MPI 4.1, section 6.1:
//! what ranks must agree on is not compared between them).

use super::algorithm::inter;
use super::call::{IN_PLACE, Spread, TypedSpread};
use super::schedule::Blocks;
use super::stream::{Stream, byte};
use crate::abi;
use crate::comm::Comm;
use crate::datatype::Datatype;
use crate::error::{Class, Error, Result};
use crate::handle::TypeHandle;
use crate::memory::{self, Addr};
use crate::p2p::Data;
use crate::rank::{Buffer, Rank};
use std::sync::Arc;

/// More packed bytes than any guest has memory for. Keeps sums over all ranks far
/// from overflow.
const MOST_BYTES: u64 = 1 << 42;

/// A caller's buffer, checked: its stream, cut into blocks.
pub(super) struct Blocked {
    pub(super) stream: Stream,
    pub(super) blocks: Blocks,
}

/// A datatype that may be used in communication.
pub(super) fn datatype(rank: &Rank, handle: TypeHandle) -> Result<Arc<Datatype>> {
    Ok(rank.committed(handle)?.into_owned())
}

/// The packed bytes of `count` elements.
pub(super) fn bytes(datatype: &Datatype, count: i64) -> Result<u64> {
    let bytes = datatype.bytes(count)?;
    if bytes > MOST_BYTES {
        return Err(Error::new(
            Class::COUNT,
            format!("count is {count}: {bytes} bytes are more than a collective can move"),
        ));
    }
    Ok(bytes)
}

/// A plain buffer of `copies * count` elements, as `copies` blocks.
pub(super) fn blocks(rank: &Rank, buffer: Buffer, copies: u32, name: &str) -> Result<Blocked> {
    refuse_in_place(buffer.addr, name)?;
    let datatype = datatype(rank, buffer.datatype)?;
    let block = bytes(&datatype, buffer.count)?;
    // The whole must fit too, extents included.
    let count = buffer.count.saturating_mul(i64::from(copies));
    bytes(&datatype, count)?;
    let data = Data {
        memory: Arc::clone(&rank.memory),
        addr: buffer.addr,
        count: count as u64,
        datatype,
    };
    Ok(Blocked {
        stream: Stream::new([data])?,
        blocks: Blocks::uniform(copies, block),
    })
}

/// A plain buffer as one block.
pub(super) fn one(rank: &Rank, buffer: Buffer, name: &str) -> Result<Blocked> {
    blocks(rank, buffer, 1, name)
}

/// Blocks at displacements in extents of one datatype.
pub(super) fn spread(rank: &Rank, spread: Spread<'_>, ranks: u32, name: &str) -> Result<Blocked> {
    refuse_in_place(spread.addr, name)?;
    lists(ranks, &[spread.counts.len(), spread.displs.len()], name)?;
    let datatype = datatype(rank, spread.datatype)?;
    let blocks = spread
        .counts
        .iter()
        .zip(spread.displs)
        .map(|(&count, &displ)| {
            let offset = displ.checked_mul(datatype.extent());
            block(
                rank,
                spread.addr,
                count,
                offset,
                Arc::clone(&datatype),
                name,
            )
        });
    collect(blocks)
}

/// Blocks at displacements in bytes, each of its own datatype.
pub(super) fn typed(
    rank: &Rank,
    spread: TypedSpread<'_>,
    ranks: u32,
    name: &str,
) -> Result<Blocked> {
    refuse_in_place(spread.addr, name)?;
    lists(
        ranks,
        &[
            spread.counts.len(),
            spread.displs.len(),
            spread.datatypes.len(),
        ],
        name,
    )?;
    let blocks = spread
        .counts
        .iter()
        .zip(spread.displs)
        .zip(spread.datatypes);
    collect(blocks.map(|((&count, &displ), &handle)| {
        // Programs pass null types for blocks without data, and libraries let them.
        let datatype = if count == 0 {
            byte()
        } else {
            datatype(rank, handle)?
        };
        block(rank, spread.addr, count, Some(displ), datatype, name)
    }))
}

fn lists(ranks: u32, lens: &[usize], name: &str) -> Result<()> {
    if lens.iter().all(|&len| len >= ranks as usize) {
        return Ok(());
    }
    Err(Error::new(
        Class::ARG,
        format!("{name}: its counts, displacements and types must be {ranks}"),
    ))
}

fn block(
    rank: &Rank,
    base: Addr,
    count: i64,
    offset: Option<i64>,
    datatype: Arc<Datatype>,
    name: &str,
) -> Result<(Data, u64)> {
    let len = bytes(&datatype, count)?;
    let addr = match offset {
        Some(offset) => memory::place(&*rank.memory, base, offset),
        // A block without data may be anywhere.
        None if len == 0 => base,
        None => {
            return Err(Error::new(
                Class::BUFFER,
                format!("{name}: a displacement leaves the memory"),
            ));
        }
    };
    Ok((
        Data {
            memory: Arc::clone(&rank.memory),
            addr,
            count: count as u64,
            datatype,
        },
        len,
    ))
}

fn collect(blocks: impl Iterator<Item = Result<(Data, u64)>>) -> Result<Blocked> {
    let (data, lens): (Vec<_>, Vec<_>) = blocks.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    Ok(Blocked {
        stream: Stream::new(data)?,
        blocks: Blocks::of(lens),
    })
}

/// The caller's own block, which goes to its place in `all`.
pub(super) fn own_block(rank: &Rank, own: Buffer, all: &Blocked, of: u32) -> Result<Blocked> {
    let part = one(rank, own, "sendbuf")?;
    let (mine, place) = (part.blocks.total(), all.blocks.len(of));
    if mine != place {
        let class = if mine > place {
            Class::TRUNCATE
        } else {
            Class::COUNT
        };
        let message = format!("sendbuf has {mine} bytes, the caller's place in recvbuf {place}");
        return Err(Error::new(class, message));
    }
    apart(own, all, of)?;
    Ok(part)
}

/// Where the root's own block of a scatter goes: there must be room for it.
pub(super) fn scattered_block(
    recv: Buffer,
    part: &Blocked,
    all: &Blocked,
    root: u32,
) -> Result<()> {
    room(part.blocks.total(), all.blocks.len(root))?;
    apart(recv, all, root)
}

/// The root's own block of a scatter must fit its receive buffer.
pub(super) fn room(room: u64, block: u64) -> Result<()> {
    if block <= room {
        return Ok(());
    }
    Err(Error::new(
        Class::TRUNCATE,
        format!("the root's own block has {block} bytes, its receive buffer {room}"),
    ))
}

/// A block must not be its own place in the other buffer.
fn apart(own: Buffer, all: &Blocked, rank: u32) -> Result<()> {
    let place = all.blocks.range(rank);
    let len = place.end - place.start;
    match all.stream.locate(place.start, len) {
        Some(place) => distinct(own.addr, place.addr, len),
        None => Ok(()),
    }
}

/// Two lengths that one rank can compare.
pub(super) fn same_length(what: &str, len: u64, other: &str, other_len: u64) -> Result<()> {
    if len == other_len {
        return Ok(());
    }
    let class = if len > other_len {
        Class::TRUNCATE
    } else {
        Class::COUNT
    };
    Err(Error::new(
        class,
        format!("{what} has {len} bytes, {other} {other_len}: they must be the same"),
    ))
}

/// The blocks of a reduce-scatter, and the sum of their counts.
pub(super) fn counts(
    rank: &Rank,
    handle: TypeHandle,
    counts: &[i64],
    ranks: u32,
) -> Result<(Blocks, i64)> {
    let datatype = rank.committed(handle)?;
    if counts.len() < ranks as usize {
        return Err(Error::new(
            Class::ARG,
            format!("recvcounts must be {ranks} counts"),
        ));
    }
    let lens = counts
        .iter()
        .map(|&count| bytes(&datatype, count))
        .collect::<Result<Vec<_>>>()?;
    let total = counts
        .iter()
        .try_fold(0_i64, |sum, &count| sum.checked_add(count));
    let total =
        total.ok_or_else(|| Error::new(Class::COUNT, "the sum of recvcounts is too large"))?;
    bytes(&datatype, total)?;
    Ok((Blocks::of(lens), total))
}

/// An argument that may not be `MPI_IN_PLACE`.
pub(super) fn refuse_in_place(addr: Addr, name: &str) -> Result<()> {
    if addr == IN_PLACE {
        return Err(Error::new(
            Class::BUFFER,
            format!("{name} may not be MPI_IN_PLACE here"),
        ));
    }
    Ok(())
}

/// Send and receive buffers that are the same memory: a wrong program. Two absolute
/// datatypes on `MPI_BOTTOM` may well be apart.
pub(super) fn distinct(send: Addr, recv: Addr, bytes: u64) -> Result<()> {
    if send == recv && bytes > 0 && send.0 != 0 {
        return Err(Error::new(
            Class::BUFFER,
            "the send and the receive buffer are the same: pass MPI_IN_PLACE as the send buffer instead",
        ));
    }
    Ok(())
}

/// The root of a call on an intracommunicator.
pub(super) fn root(comm: &Comm, root: i32) -> Result<u32> {
    match u32::try_from(root) {
        Ok(rank) if rank < comm.size() => Ok(rank),
        _ => Err(Error::new(
            Class::ROOT,
            format!(
                "root is {root}: it must be a rank from 0 to {}",
                comm.size() - 1
            ),
        )),
    }
}

/// The root of a call on an intercommunicator.
pub(super) fn remote_root(comm: &Comm, root: i32) -> Result<inter::Root> {
    let remote = comm.peers().size();
    match u32::try_from(root) {
        _ if root == abi::MPI_ROOT => Ok(inter::Root::Me),
        _ if root == abi::MPI_PROC_NULL => Ok(inter::Root::Idle),
        Ok(rank) if rank < remote => Ok(inter::Root::Remote(rank)),
        _ => Err(Error::new(
            Class::ROOT,
            format!(
                "root is {root}: on an intercommunicator it must be MPI_ROOT, MPI_PROC_NULL or a rank \
                 of the remote group from 0 to {}",
                remote.saturating_sub(1)
            ),
        )),
    }
}

/// A buffer too long to be addressed.
pub(super) fn overflow(name: &str) -> Error {
    Error::new(Class::COUNT, format!("{name} is longer than memory can be"))
}
