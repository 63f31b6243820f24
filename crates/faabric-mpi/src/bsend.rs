//! Buffered sends and the buffer that is attached for them (MPI 4.1, section 3.6).
//!
//! The attached guest memory is only accounted for: the copy of a message that cannot
//! be delivered at once is the worker's own. A program that gets by with its buffer
//! under the standard's model gets by here, and one that does not is told so.

use crate::abi;
use crate::comm::{Comm, Context};
use crate::data::View;
use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::p2p::{Mode, Started};
use crate::rank::Rank;
use crate::request::{Completion, Outcome};
use parking_lot::Mutex;
use std::sync::Arc;

/// What is attached, and what of it is in use.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Address and size, as the guest gave them.
    attached: Option<(u32, i64)>,
    /// Messages that are not delivered, with what each takes up.
    under_way: Vec<(Arc<Completion>, u64)>,
}

impl Rank {
    /// `MPI_Buffer_attach`. An address of `MPI_BUFFER_AUTOMATIC` has no bound.
    ///
    /// # Errors
    /// `MPI_ERR_BUFFER` when one is attached already, `MPI_ERR_ARG` for a negative size.
    pub fn buffer_attach(&self, addr: u32, size: i64) -> Result<()> {
        self.check_active("MPI_Buffer_attach")?;
        if size < 0 {
            return Err(Error::new(Class::ARG, format!("size: {size} is negative")));
        }
        let mut state = self.send_buffer.state.lock();
        if state.attached.is_some() {
            return Err(Error::new(
                Class::BUFFER,
                "buffer: one is attached already; call MPI_Buffer_detach first",
            ));
        }
        state.attached = Some((addr, size));
        Ok(())
    }

    /// `MPI_Buffer_detach`: waits until every buffered message is delivered. Gives the
    /// address and the size that were attached; address 0 and size 0 if none was.
    ///
    /// # Errors
    /// When the job ends meanwhile.
    pub fn buffer_detach(&self, guest: &mut dyn Guest) -> Result<(u32, i64)> {
        self.buffer_flush(guest)?;
        Ok(self
            .send_buffer
            .state
            .lock()
            .attached
            .take()
            .unwrap_or((0, 0)))
    }

    /// `MPI_Buffer_flush`: waits until every buffered message is delivered.
    ///
    /// # Errors
    /// When the job ends meanwhile.
    pub fn buffer_flush(&self, guest: &mut dyn Guest) -> Result<()> {
        self.check_active("MPI_Buffer_flush")?;
        let under_way = std::mem::take(&mut self.send_buffer.state.lock().under_way);
        for (completion, _) in under_way {
            self.wait_for(guest, || completion.result())??;
        }
        Ok(())
    }

    /// Starts a buffered send: it is always done at once.
    pub(crate) fn start_buffered(
        &self,
        comm: &Comm,
        dest: u32,
        tag: i32,
        view: View<'_>,
    ) -> Result<Started> {
        let len = view.check()?;
        let needed = len + abi::MPI_BSEND_OVERHEAD as u64;
        self.reserve(needed)?;
        let data = self.copy_of(&view)?;
        let context = Context::PointToPoint;
        match self.start_send(comm, context, dest, tag, data.view(), Mode::Standard)? {
            Started::Pending(completion) => {
                self.send_buffer
                    .state
                    .lock()
                    .under_way
                    .push((completion, needed));
                Ok(Started::Done(Outcome::EMPTY, None))
            }
            done => Ok(done),
        }
    }

    /// Checks that the attached buffer has room for `needed` bytes.
    fn reserve(&self, needed: u64) -> Result<()> {
        let mut state = self.send_buffer.state.lock();
        state
            .under_way
            .retain(|(completion, _)| !completion.is_complete());
        let Some((addr, size)) = state.attached else {
            return Err(Error::new(
                Class::BUFFER,
                "no buffer is attached for buffered sends; call MPI_Buffer_attach first",
            ));
        };
        if addr == abi::MPI_BUFFER_AUTOMATIC {
            return Ok(());
        }
        let used: u64 = state.under_way.iter().map(|(_, len)| len).sum();
        let free = (size as u64).saturating_sub(used);
        if needed > free {
            return Err(Error::new(
                Class::BUFFER,
                format!(
                    "the attached buffer has {free} of its {size} bytes free, the message needs \
                     {needed} with MPI_BSEND_OVERHEAD"
                ),
            ));
        }
        Ok(())
    }
}
