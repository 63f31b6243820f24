//! Packets out and in: by way of the fabric, and kept while one side does not know the other.
//!
//! A rank that was spawned may be spoken to, or speak, before the planner's word of it has
//! come to this worker. What goes there or comes from there waits then, in order.

use super::flow::Discard;
use crate::error::{Class, Error, Result};
use crate::packet::Packet;
use crate::world::World;
use faabric_wire::fabric::{Caller, Drain, Fabric, LinkError, Payload, Sink};
use faabric_wire::id::Rank;

/// A packet that waits for its receiver to be known here.
pub(super) struct Early {
    to: Rank,
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl World {
    pub(crate) fn dispatch(
        &self,
        to: Rank,
        packet: &Packet,
        payload: Payload<'_>,
        caller: Caller,
    ) -> Result<()> {
        let Some(fabric) = &self.remote.fabric else {
            return Err(Error::new(
                Class::INTERN,
                format!("{to} is on another worker, and this world has no fabric to reach it"),
            ));
        };
        let payload = match payload {
            payload if self.is_original(to.0) => payload,
            payload => match self.keep_early(to, packet, payload) {
                Some(payload) => payload,
                None => return Ok(()),
            },
        };
        let header = packet.encode();
        self.send_on(&**fabric, to, header.as_slice(), payload, caller)
    }

    fn send_on(
        &self,
        fabric: &dyn Fabric,
        to: Rank,
        header: &[u8],
        payload: Payload<'_>,
        caller: Caller,
    ) -> Result<()> {
        fabric.send(to, header, payload, caller).map_err(|e| {
            self.lost(&e);
            Error::interrupted(e.to_string())
        })
    }

    /// Keeps a packet to a rank that is not known here, or behind others that wait for it
    /// still; gives the payload back if there is neither reason.
    fn keep_early<'a>(
        &self,
        to: Rank,
        packet: &Packet,
        payload: Payload<'a>,
    ) -> Option<Payload<'a>> {
        let mut early = self.remote.early.lock();
        let waits = |packet: &Early| packet.to == to;
        let is_clear = self.knows(to.0) && !early.iter().any(waits);
        // Data goes only to who has asked for it, in answer to what went there.
        if is_clear || matches!(payload, Payload::Stream(..)) {
            return Some(payload);
        }
        early.push(Early {
            to,
            header: packet.encode().as_slice().to_vec(),
            payload: payload.into_vec(),
        });
        None
    }

    /// Takes in ranks with `join`, then what came for them before.
    pub(crate) fn deliver_early(&self, join: impl FnOnce()) {
        let mut gate = self.remote.gate.write();
        join();
        let known = gate.extract_if(.., |packet| self.knows(packet.to.0));
        for packet in known.collect::<Vec<_>>() {
            self.take(packet.to, &packet.header, &packet.payload);
        }
    }

    /// Delivers to a rank that was spawned, or that is about to be.
    fn deliver_later(&self, to: Rank, header: &[u8], payload: &[u8]) {
        let gate = self.remote.gate.read();
        if self.knows(to.0) {
            return self.take(to, header, payload);
        }
        drop(gate);
        let mut gate = self.remote.gate.write();
        if self.knows(to.0) {
            return self.take(to, header, payload);
        }
        gate.push(Early {
            to,
            header: header.to_vec(),
            payload: payload.to_vec(),
        });
    }

    fn take(&self, to: Rank, header: &[u8], payload: &[u8]) {
        let handled = Packet::decode(header)
            .map_err(|e| e.to_string())
            .and_then(|packet| self.handle(to, &packet, payload));
        if let Err(what) = handled {
            self.refuse(to, &what);
        }
    }

    /// Sends what has waited for ranks that are known now.
    pub(crate) fn send_early(&self) {
        let Some(fabric) = &self.remote.fabric else {
            return;
        };
        let mut early = self.remote.early.lock();
        let known = early.extract_if(.., |packet| self.knows(packet.to.0));
        for packet in known.collect::<Vec<_>>() {
            let payload = match packet.payload.is_empty() {
                true => Payload::Empty,
                false => Payload::Bytes(&packet.payload),
            };
            let (to, header, caller) = (packet.to, &packet.header, Caller::Delivery);
            if let Err(e) = self.send_on(&**fabric, to, header, payload, caller) {
                self.abort(1, e.message);
            }
        }
    }

    /// Sends a packet without data from a rank's thread.
    pub(crate) fn ask(&self, to: Rank, packet: &Packet) -> Result<()> {
        self.dispatch(to, packet, Payload::Empty, Caller::Rank)
    }

    /// Sends a packet without data that keeps the protocol going; it never waits.
    pub(crate) fn dispatch_or_end(&self, to: Rank, packet: &Packet) {
        if let Err(e) = self.dispatch(to, packet, Payload::Empty, Caller::Delivery) {
            self.abort(1, e.message);
        }
    }
}

impl Sink for World {
    fn deliver(&self, to: Rank, header: &[u8], payload: &[u8]) {
        if self.is_original(to.0) {
            self.take(to, header, payload);
        } else {
            self.deliver_later(to, header, payload);
        }
    }

    fn open(&self, to: Rank, header: &[u8], len: u64) -> Box<dyn Drain> {
        let inflow = Packet::decode(header)
            .map_err(|e| e.to_string())
            .and_then(|packet| self.inflow(&packet))
            .and_then(|inflow| {
                let expected = inflow.receiving.len;
                if expected == len {
                    Ok(inflow)
                } else {
                    Err(format!("{len} bytes of data for a message of {expected}"))
                }
            });
        match inflow {
            Ok(inflow) => Box::new(inflow),
            Err(what) => {
                self.refuse(to, &what);
                Box::new(Discard)
            }
        }
    }

    fn lost(&self, error: &LinkError) {
        World::lost(self, error);
    }
}
