//! What a rank that only sends does about the credit that comes back to it.

use super::*;
use crate::abi;
use crate::packet::{Body, Packet};
use crate::send::SendMode::Standard;
use faabric_wire::fabric::{Caller, Fabric, LinkError, Payload, Sink};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, Weak};

const LEN: usize = 32 << 10;
const MESSAGES: u64 = 200;

/// Another worker, whose rank 1 receives all that comes at once. What it says in return
/// arrives when it is looked for, and not before.
#[derive(Default)]
struct Receiver {
    world: OnceLock<Weak<World>>,
    /// Eager bytes for which it owes credit.
    owed: AtomicU64,
    /// Messages that came without asking, and those that asked.
    eager: AtomicU64,
    asked: AtomicU64,
}

impl Fabric for Receiver {
    fn send(
        &self,
        _: id::Rank,
        header: &[u8],
        payload: Payload<'_>,
        _: Caller,
    ) -> Result<(), LinkError> {
        match Packet::decode(header).unwrap().body {
            Body::Eager { .. } => {
                let len = payload.into_vec().len() as u64;
                self.owed.fetch_add(len, Ordering::Relaxed);
                self.eager.fetch_add(1, Ordering::Relaxed);
            }
            Body::Ready { .. } => {
                self.asked.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        Ok(())
    }

    fn poll(&self) -> bool {
        let bytes = self.owed.swap(0, Ordering::Relaxed);
        let credit = Packet {
            source: id::Rank(1),
            number: 0,
            body: Body::Credit { bytes },
        };
        let world = self.world.get().and_then(Weak::upgrade).unwrap();
        world.deliver(id::Rank(0), credit.encode().as_slice(), &[]);
        true
    }
}

#[test]
fn a_rank_that_only_sends_finds_its_credit() {
    let receiver = Arc::new(Receiver::default());
    let placement = Placement {
        workers: vec!["here".to_owned(), "there".to_owned()],
        of_rank: vec![0, 1],
        here: 0,
    };
    let world = World::new(JobId(1), placement, Some(receiver.clone()), 2);
    receiver.world.set(Arc::downgrade(&world)).unwrap();
    let memory = Arc::new(HostBuffer::zeroed(LEN));
    let rank = Rank::new(world.clone(), id::Rank(0), memory).unwrap();
    rank.init().unwrap();
    for _ in 0..MESSAGES {
        let request = rank.isend(Standard, &span(0, LEN), to(1, 0)).unwrap();
        assert_ne!(request.0, abi::MPI_REQUEST_NULL);
    }
    let (eager, asked) = (&receiver.eager, &receiver.asked);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "none waits for credit");
    assert_eq!(eager.load(Ordering::Relaxed), MESSAGES);
    world.abort(0, "the test is over");
}
