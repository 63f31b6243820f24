//! Which send a receive got its message from, without a word more on the wire.
//!
//! Messages with one envelope to one rank are received in the order sent (MPI 4.1,
//! section 3.5). So the sender counts those it sends and the receiver's mailbox those it
//! matches, and the n-th of one is the n-th of the other:
//!
//! ```text
//!   sender: (envelope, receiver) -> n   ==   receiver: envelope -> n at the match
//! ```
//! A send that is cancelled after it was counted shifts the later ones of its envelope.

use crate::matching::Envelope;
use std::collections::HashMap;
use std::hash::Hash;

/// How many different keys are counted; more have no numbers, and no arrows.
const MOST: usize = 1 << 16;

/// Counts by key, from 1.
#[derive(Debug)]
pub(crate) struct Numbers<K>(HashMap<K, u32>);

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Numbers(HashMap::new())
    }
}

impl<K: Hash + Eq> Numbers<K> {
    /// The next number of `key`; 0 when too many keys are counted already.
    pub(crate) fn next(&mut self, key: K) -> u32 {
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            return 0;
        }
        let number = self.0.entry(key).or_insert(0);
        // Never 0 again: that means "not counted".
        *number = number.checked_add(1).unwrap_or(1);
        *number
    }
}

/// The number of the arrow between the ends of a message: the same at both. 0 when it
/// was not counted.
pub(super) fn id(envelope: &Envelope, receiver: u32, nth: u32) -> u64 {
    if nth == 0 {
        return 0;
    }
    let words = [
        envelope.space,
        u64::from(envelope.source.cast_unsigned()) << 32 | u64::from(envelope.tag.cast_unsigned()),
        u64::from(receiver) << 32 | u64::from(nth),
    ];
    let bytes = words.iter().flat_map(|word| word.to_le_bytes());
    // FNV-1a: the same on every worker, whatever it was built with.
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_one_by_one_and_not_without_end() {
        let mut numbers = Numbers::default();
        assert_eq!(
            [numbers.next(7), numbers.next(8), numbers.next(7)],
            [1, 1, 2]
        );
        for key in 0..MOST as u64 + 10 {
            numbers.next(key);
        }
        assert_eq!(numbers.next(u64::MAX), 0);
        assert_eq!(numbers.next(7), 4);
    }

    #[test]
    fn what_differs_has_another_arrow() {
        let envelope = Envelope {
            space: 4,
            source: 1,
            tag: 2,
        };
        let ids = [
            id(&envelope, 3, 1),
            id(&envelope, 3, 2),
            id(&envelope, 2, 1),
            id(&Envelope { tag: 3, ..envelope }, 3, 1),
            id(
                &Envelope {
                    source: 2,
                    ..envelope
                },
                3,
                1,
            ),
            id(
                &Envelope {
                    space: 8,
                    ..envelope
                },
                3,
                1,
            ),
        ];
        let distinct: std::collections::HashSet<_> = ids.into_iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(id(&envelope, 3, 0), 0);
    }
}
