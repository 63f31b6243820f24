//! The shortest way of the commonest message: a few bytes of a predefined type to a
//! rank of `MPI_COMM_WORLD` on the same worker.
//!
//! It decides by plain comparisons and leaves everything else, every error included,
//! to the general way. What it saves is half of an 8-byte message's time that is not
//! the processor's own (`examples/latency.rs`).

use crate::abi;
use crate::comm::Context;
use crate::handle::Handle;
use crate::inbox;
use crate::matching::Envelope;
use crate::rank::{Buffer, Rank};
use crate::send::{Destination, SendMode};

impl Rank {
    /// Sends the message if it is of that kind; false when it is not, or cannot be sent
    /// this way now. Then nothing was done.
    #[inline]
    pub(crate) fn send_quick(&self, mode: SendMode, buffer: &Buffer, to: Destination) -> bool {
        let in_world = to.comm.raw() == abi::MPI_COMM_WORLD && self.is_between_init_and_finalize();
        let plain = matches!(mode, SendMode::Standard | SendMode::Ready) && to.tag >= 0;
        if !in_world || !plain {
            return false;
        }
        let (Some(size), Ok(count)) =
            (self.flat_size(buffer.datatype), u64::try_from(buffer.count))
        else {
            return false;
        };
        let Some(len) = size
            .checked_mul(count)
            .filter(|&len| len <= inbox::FIRST as u64)
        else {
            return false;
        };
        // A rank of MPI_COMM_WORLD is its own world rank; a negative one is none.
        let Some(mailbox) = self.world.mailbox(to.rank as u32) else {
            return false;
        };
        let mut bytes = [0; inbox::FIRST];
        let len = len as usize;
        if len > 0 && self.memory.read(buffer.addr, &mut bytes[..len]).is_err() {
            return false;
        }
        let world = self.comm_world();
        let space = world.space(Context::PointToPoint);
        let envelope = Envelope {
            space,
            source: world.rank as i32,
            tag: to.tag,
        };
        let pushed = mailbox.inbox.push(&envelope, &bytes, len);
        if pushed {
            mailbox.bell.ring();
        }
        pushed
    }
}
