//! One-sided communication (MPI 4.1, chapter 12).
//!
//! ```text
//!             origin                                       target
//!  transfer: put, get, accumulate                    part: memory, lock, signals
//!      |  epoch: is it allowed now?                      ^        ^
//!      |  runs: where in the target's window             |        |
//!      +--- same worker: on the origin's thread ---------+        |
//!      '--- origin: packets --> link --> target: the delivery ----'
//!                 ^                      thread applies them, and answers
//!                 '--- replies <-- link <----'
//! ```
//! - `window`, `create`, `shared`: the objects; `active`, `passive`: synchronisation.
//! - Every rank has a [`Part`] of each of its windows, found by the window's
//!   id; the target's thread is never needed to reach it.
//!
//! Invariant: whatever an origin asks for, nothing outside the target's window is
//! touched: [`Part::check`](part::Part::check) is asked where the memory is.
//! Invariant: a worker holds a bounded piece of any transfer. Puts are applied as they
//! come; what is asked for by gets is bounded at the origin ([`replies::MOST_ASKED`]).

mod active;
mod apply;
mod attributes;
mod create;
mod epoch;
mod locks;
pub(crate) mod message;
mod origin;
mod part;
mod passive;
mod replies;
mod runs;
mod shared;
mod target;
mod transfer;
mod window;

pub use create::{Allocator, Extent};
pub use shared::Portion;
pub use transfer::Target;
pub use window::NULL;

pub(crate) use window::Window;

use parking_lot::RwLock;
use part::Part;
use std::collections::HashMap;
use std::sync::Arc;

/// What a worker has of all windows of a job.
#[derive(Default)]
pub(crate) struct Windows {
    /// By the window's id and the rank in the world.
    parts: RwLock<HashMap<(u64, u32), Arc<Part>>>,
    replies: replies::Replies,
    stripes: apply::Stripes,
}

impl Windows {
    fn part(&self, window: u64, world_rank: u32) -> Option<Arc<Part>> {
        self.parts.read().get(&(window, world_rank)).cloned()
    }

    fn register(&self, window: u64, world_rank: u32, part: Arc<Part>) {
        self.parts.write().insert((window, world_rank), part);
    }

    fn forget(&self, window: u64, world_rank: u32) {
        self.parts.write().remove(&(window, world_rank));
    }
}
