//! What two workers say to each other before the first frame.
//!
//! ```text
//! dialler                                      acceptor
//!   | magic, version, incarnation, link, attempt, |
//!   | resumes, received,                          |
//!   | cluster, own name, name it wants  --------> |  checks, decides (admission.rs)
//!   | <-- magic, version, incarnation, link,      |
//!   |     received, verdict, reason               |
//! ```
//! A link has a number on each side. Who comes back after a broken connection names
//! the other side's, and each says how many frames it has received: there the other
//! goes on.
//!
//! Integers little-endian, texts a `u16` length and UTF-8. The fixed part up to the
//! version never changes, so that old and new can tell each other why not.
//!
//! The cluster id keeps two clusters on one network apart; it is no secret, since
//! it travels in the clear.

use std::io::{self, Read, Write};

const MAGIC: [u8; 8] = *b"faabric\0";
/// Raised when a frame or handshake of another version would be misread.
const VERSION: u32 = 2;
/// The most bytes of a name or reason.
const MAX_TEXT: usize = 1024;

/// Opens a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// Random for each process: tells a restarted worker from one that dials twice.
    pub(crate) incarnation: u64,
    /// The dialler's number of this link, counted up from 1 by each process.
    pub(crate) link: u64,
    /// Counts the times that this link was dialled: a later one says that the
    /// connection of an earlier one is broken.
    pub(crate) attempt: u64,
    /// The acceptor's number of this link; 0 before the dialler was welcomed.
    pub(crate) resumes: u64,
    /// Frames that the dialler has received on this link.
    pub(crate) received: u64,
    pub(crate) cluster: String,
    pub(crate) from: String,
    /// The worker that the dialler believes to be at this address.
    pub(crate) to: String,
}

/// Answers a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Frames may follow.
    Welcome(Welcome),
    /// The acceptor dials too, and its connection is the one that counts; or it is
    /// not yet done with what the last connection brought. Try again shortly.
    Busy,
    /// Never, and why.
    Refused(String),
}

/// The acceptor's side of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Welcome {
    /// Its process.
    pub(crate) incarnation: u64,
    /// Its number of the link.
    pub(crate) link: u64,
    /// Frames that it has received on the link.
    pub(crate) received: u64,
}

impl Hello {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut out = preamble();
        for number in [
            self.incarnation,
            self.link,
            self.attempt,
            self.resumes,
            self.received,
        ] {
            out.extend(number.to_le_bytes());
        }
        for text in [&self.cluster, &self.from, &self.to] {
            put_text(&mut out, text);
        }
        to.write_all(&out)
    }

    /// Reads a peer's opening; [`io::ErrorKind::InvalidData`] when it is none.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        check_preamble(from)?;
        Ok(Self {
            incarnation: number(from)?,
            link: number(from)?,
            attempt: number(from)?,
            resumes: number(from)?,
            received: number(from)?,
            cluster: text(from)?,
            from: text(from)?,
            to: text(from)?,
        })
    }
}

impl Answer {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut out = preamble();
        let (welcome, verdict, reason) = match self {
            Self::Welcome(welcome) => (*welcome, 0, ""),
            Self::Busy => (Welcome::default(), 1, ""),
            Self::Refused(reason) => (Welcome::default(), 2, reason.as_str()),
        };
        for number in [welcome.incarnation, welcome.link, welcome.received] {
            out.extend(number.to_le_bytes());
        }
        out.push(verdict);
        put_text(&mut out, reason);
        to.write_all(&out)
    }

    /// Reads the acceptor's verdict; [`io::ErrorKind::InvalidData`] when it is none.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        check_preamble(from)?;
        let welcome = Welcome {
            incarnation: number(from)?,
            link: number(from)?,
            received: number(from)?,
        };
        let [verdict] = array(from)?;
        let reason = text(from)?;
        match verdict {
            0 => Ok(Self::Welcome(welcome)),
            1 => Ok(Self::Busy),
            2 => Ok(Self::Refused(reason)),
            other => Err(invalid(format!("unknown verdict {other}"))),
        }
    }
}

fn preamble() -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out
}

fn check_preamble(from: &mut impl Read) -> io::Result<()> {
    // Those of a TLS record, an alert or the start of a handshake, may be all there is.
    let start: [u8; 2] = array(from)?;
    if matches!(start, [0x15 | 0x16, 3]) {
        return Err(invalid(
            "the peer speaks TLS, this worker does not: give all workers of the cluster \
             certificates (--tls-cert, --tls-key, --tls-ca), or none"
                .to_owned(),
        ));
    }
    let rest: [u8; MAGIC.len() - 2] = array(from)?;
    if [&start[..], &rest[..]].concat() != MAGIC {
        return Err(invalid(
            "the peer is not a faabric worker's data plane".to_owned(),
        ));
    }
    let version = u32::from_le_bytes(array(from)?);
    if version != VERSION {
        return Err(invalid(format!(
            "the peer speaks version {version} of the data-plane protocol, this worker \
             version {VERSION}: run the same faabric on all machines"
        )));
    }
    Ok(())
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut out = [0; N];
    from.read_exact(&mut out)?;
    Ok(out)
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    Ok(u64::from_le_bytes(array(from)?))
}

fn text(from: &mut impl Read) -> io::Result<String> {
    let length = usize::from(u16::from_le_bytes(array(from)?));
    if length > MAX_TEXT {
        return Err(invalid(format!(
            "a text of {length} bytes is over the cap of {MAX_TEXT}"
        )));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| invalid(error.to_string()))
}

/// Appends `text`, cut at the cap (only reasons can be that long: names are checked
/// where they come in).
fn put_text(out: &mut Vec<u8>, text: &str) {
    let end = (0..=text.len().min(MAX_TEXT))
        .rev()
        .find(|&at| text.is_char_boundary(at));
    let bytes = &text.as_bytes()[..end.unwrap_or(0)];
    out.extend(u16::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    out.extend(bytes);
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn another_version_is_refused_with_both_numbers() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(7u32.to_le_bytes());
        let error = Hello::read(&mut bytes.as_slice()).unwrap_err();
        assert!(error.to_string().contains("version 7"), "{error}");
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    proptest! {
        #[test]
        fn a_hello_survives(numbers: [u64; 5], cluster in ".{0,40}", from in ".{0,40}", to in ".{0,40}") {
            let [incarnation, link, attempt, resumes, received] = numbers;
            let hello = Hello { incarnation, link, attempt, resumes, received, cluster, from, to };
            let mut bytes = Vec::new();
            hello.write(&mut bytes).unwrap();
            prop_assert_eq!(Hello::read(&mut bytes.as_slice()).unwrap(), hello);
        }

        #[test]
        fn an_answer_survives(reason in ".{0,40}", numbers: [u64; 3]) {
            let [incarnation, link, received] = numbers;
            let welcome = Welcome { incarnation, link, received };
            for answer in [Answer::Welcome(welcome), Answer::Busy, Answer::Refused(reason)] {
                let mut bytes = Vec::new();
                answer.write(&mut bytes).unwrap();
                prop_assert_eq!(Answer::read(&mut bytes.as_slice()).unwrap(), answer);
            }
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes: Vec<u8>) {
            prop_assert!(Hello::read(&mut bytes.as_slice()).is_err());
            let mut framed = preamble();
            framed.extend(&bytes);
            let _ = Answer::read(&mut framed.as_slice());
            let _ = Hello::read(&mut framed.as_slice());
        }

        #[test]
        fn a_long_reason_is_cut_at_a_character(reason in "[aä€😀]{0,1500}") {
            let mut bytes = Vec::new();
            Answer::Refused(reason.clone()).write(&mut bytes).unwrap();
            match Answer::read(&mut bytes.as_slice()).unwrap() {
                Answer::Refused(read) => prop_assert!(reason.starts_with(&read)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
