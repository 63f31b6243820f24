//! Bytes in memory that several threads share: runs of atomic words, copied in and out
//! without a lock. Who may do what when is for the owner of the words to arrange.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a word.
pub(crate) const WORD: usize = 8;

/// Stores `bytes` from word `first` on; what does not fill the last word is followed by
/// zeros.
///
/// # Panics
/// When they go beyond the end.
#[inline]
pub(crate) fn store(words: &[AtomicU64], first: usize, bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<WORD>();
    let words = &words[first..first + bytes.len().div_ceil(WORD)];
    for (word, bytes) in words.iter().zip(whole) {
        word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
    }
    if !rest.is_empty() {
        let mut last = [0; WORD];
        last[..rest.len()].copy_from_slice(rest);
        words[whole.len()].store(u64::from_le_bytes(last), Ordering::Relaxed);
    }
}

/// Loads the bytes from byte `at` on.
///
/// # Panics
/// When they go beyond the end.
#[inline]
pub(crate) fn load(words: &[AtomicU64], at: usize, out: &mut [u8]) {
    let skip = at % WORD;
    if skip != 0 && !out.is_empty() {
        // The rest of a word, then whole ones.
        let word = words[at / WORD].load(Ordering::Relaxed).to_le_bytes();
        let head = (WORD - skip).min(out.len());
        out[..head].copy_from_slice(&word[skip..skip + head]);
        return load(words, at + head, &mut out[head..]);
    }
    let (whole, rest) = out.as_chunks_mut::<WORD>();
    let words = &words[at / WORD..];
    let (words, last) = words.split_at(whole.len());
    for (word, bytes) in words.iter().zip(whole) {
        *bytes = word.load(Ordering::Relaxed).to_le_bytes();
    }
    if !rest.is_empty() {
        let last = last[0].load(Ordering::Relaxed).to_le_bytes();
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_stored_is_loaded(
            bytes in prop::collection::vec(any::<u8>(), 0..200), first in 0..4usize,
            at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
        ) {
            let words: Vec<AtomicU64> = (0..32).map(|_| AtomicU64::new(u64::MAX)).collect();
            store(&words, first, &bytes);
            let (at, to) = (at.index(bytes.len() + 1), to.index(bytes.len() + 1));
            let (at, to) = (at.min(to), at.max(to));
            let mut out = vec![0; to - at];
            load(&words, first * WORD + at, &mut out);
            prop_assert_eq!(&out, &bytes[at..to]);
            // Nothing before or after was touched.
            let end = first + bytes.len().div_ceil(WORD);
            let others = words[..first].iter().chain(&words[end..]);
            prop_assert!(others.into_iter().all(|word| word.load(Ordering::Relaxed) == u64::MAX));
        }
    }
}
