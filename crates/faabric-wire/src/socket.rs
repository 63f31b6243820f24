//! The socket of a data connection, in the clear or under TLS.
//!
//! ```text
//!            clear:  bytes <==============================> kernel
//!  Writer -> sealed: bytes -> records (at most UNSENT) ---> kernel
//!  Reader <-         bytes <- session <-- ciphertext <----- kernel
//! ```
//! In the clear the kernel takes and puts bytes where they are. Under TLS it cannot, and
//! two things stay behind that nobody is told of by the socket: records that the kernel
//! has not taken yet ([`Socket::is_flushed`]), and bytes that were read and not asked
//! for yet ([`Socket::has_more`]). Whoever writes, or reads, looks after them.

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::Connection as Session;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};

/// Bytes that may be encrypted ahead of the kernel.
const UNSENT: usize = 128 << 10;
/// Ciphertext that is read at once.
const CIPHERTEXT: usize = 64 << 10;

/// One connection to another worker.
pub(crate) struct Socket {
    tcp: TcpStream,
    sealed: Option<Mutex<Sealed>>,
}

/// The state of an encrypted connection. Locked for computing and for system calls that
/// do not wait, so that who writes never holds up who reads.
struct Sealed {
    session: Session,
    ciphertext: Box<[u8]>,
    /// What of it the session has not taken yet.
    unread: Range<usize>,
}

impl Socket {
    /// A connection in the clear.
    pub(crate) fn clear(tcp: TcpStream) -> Self {
        Self { tcp, sealed: None }
    }

    /// An encrypted one, after its handshake.
    pub(crate) fn sealed(tcp: TcpStream, mut session: Session) -> Self {
        session.set_buffer_limit(Some(UNSENT));
        let sealed = Sealed {
            session,
            ciphertext: vec![0; CIPHERTEXT].into_boxed_slice(),
            unread: 0..0,
        };
        let sealed = Some(Mutex::new(sealed));
        Self { tcp, sealed }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Its descriptor, if the kernel can take and put the bytes where they are.
    pub(crate) fn direct(&self) -> Option<BorrowedFd<'_>> {
        self.sealed.is_none().then(|| self.tcp.as_fd())
    }

    /// Ends it in both directions.
    pub(crate) fn shut(&self) {
        // Fails only when the peer was faster.
        let _ = self.tcp.shutdown(Shutdown::Both);
    }

    /// Has the kernel, or the session, take some of these bytes; returns how many. `more`
    /// follow at once.
    ///
    /// # Errors
    /// Those of `send(2)`, but for those that only mean "not now".
    pub(crate) fn send(&self, bytes: &[u8], wait: bool, more: bool) -> io::Result<usize> {
        let Some(sealed) = &self.sealed else {
            return send_some(&self.tcp, bytes, wait, more);
        };
        loop {
            let mut sealed = sealed.lock();
            sealed.flush(&self.tcp)?;
            if !sealed.session.wants_write() {
                let taken = sealed.session.writer().write(bytes)?;
                sealed.flush(&self.tcp)?;
                return Ok(taken);
            }
            drop(sealed);
            if !wait {
                return Ok(0);
            }
            self.wait_for_room();
        }
    }

    /// Whether the kernel has all that was sent.
    pub(crate) fn is_flushed(&self) -> bool {
        let sealed = self.sealed.as_ref();
        sealed.is_none_or(|sealed| !sealed.lock().session.wants_write())
    }

    /// Has the kernel take what it has not yet of what was sent; whether it took any.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) fn flush(&self, wait: bool) -> io::Result<bool> {
        let Some(sealed) = &self.sealed else {
            return Ok(false);
        };
        loop {
            let taken = sealed.lock().flush(&self.tcp)?;
            if taken || !wait || self.is_flushed() {
                return Ok(taken);
            }
            self.wait_for_room();
        }
    }

    fn wait_for_room(&self) {
        // Fails when interrupted, or out of memory: the caller then tries early.
        let _ = poll(&mut [PollFd::new(&self.tcp, PollFlags::OUT)], None);
    }

    /// Reads what there is, without waiting.
    ///
    /// # Errors
    /// Those of `recv(2)`, and what is wrong with what came.
    pub(crate) fn receive(&self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.sealed {
            None => receive_some(&self.tcp, buf),
            Some(sealed) => sealed.lock().receive(&self.tcp, buf),
        }
    }

    /// Whether there are bytes that were read and not asked for: the socket need not
    /// become readable for them.
    pub(crate) fn has_more(&self) -> bool {
        let sealed = self.sealed.as_ref();
        sealed.is_some_and(|sealed| sealed.lock().has_more())
    }
}

impl Sealed {
    /// Whether the kernel took any of what is encrypted.
    fn flush(&mut self, tcp: &TcpStream) -> io::Result<bool> {
        let mut any = false;
        while self.session.wants_write() {
            match self.session.write_tls(&mut Unwaiting(tcp))? {
                0 => break,
                _ => any = true,
            }
        }
        Ok(any)
    }

    fn has_more(&mut self) -> bool {
        let readable = matches!(self.session.reader().into_first_chunk(), Ok([_, ..]));
        readable || !self.unread.is_empty()
    }

    /// As many bytes as there are and fit.
    fn receive(&mut self, tcp: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.session.reader().read(&mut buf[filled..]) {
                // The peer said that it ends here.
                Ok(0) => return Ok(filled),
                Ok(read) => {
                    filled += read;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if self.unread.is_empty() {
                match receive_some(tcp, &mut self.ciphertext) {
                    // Without the peer's word for it. Frames tell whether any are missing.
                    Ok(0) => return Ok(filled),
                    Ok(read) => self.unread = 0..read,
                    Err(_) if filled > 0 => return Ok(filled),
                    Err(error) => return Err(error),
                }
            }
            self.decrypt()?;
        }
        Ok(filled)
    }

    /// Gives the session some of the ciphertext.
    fn decrypt(&mut self) -> io::Result<()> {
        let mut unread = &self.ciphertext[self.unread.clone()];
        self.unread.start += self.session.read_tls(&mut unread)?;
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        self.session
            .process_new_packets()
            .map(drop)
            .map_err(invalid)
    }
}

/// The greeting, before frames are read and written: waits as long as the timeouts say.
impl Read for &Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut tcp = &self.tcp;
        let Some(sealed) = &self.sealed else {
            return tcp.read(buf);
        };
        let session = &mut sealed.lock().session;
        loop {
            match session.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    session.complete_io(&mut tcp)?;
                }
                read => return read,
            }
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut tcp = &self.tcp;
        let Some(sealed) = &self.sealed else {
            return tcp.write(buf);
        };
        let session = &mut sealed.lock().session;
        let taken = session.writer().write(buf)?;
        while session.wants_write() {
            session.write_tls(&mut tcp)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what the kernel takes now; 0 when that is nothing.
struct Unwaiting<'a>(&'a TcpStream);

impl Write for Unwaiting<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        send_some(self.0, buf, false, false)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `send(2)`: of short bytes it costs 0.2 us less than `sendmsg(2)`.
fn send_some(socket: &TcpStream, bytes: &[u8], wait: bool, more: bool) -> io::Result<usize> {
    let mut flags = SendFlags::NOSIGNAL;
    flags.set(SendFlags::DONTWAIT, !wait);
    flags.set(SendFlags::MORE, more);
    match send(socket, bytes, flags).map_err(io::Error::from) {
        Err(error) if is_passing(&error) => Ok(0),
        sent => sent,
    }
}

fn receive_some(socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    let (read, _) = recv(socket, buf, RecvFlags::DONTWAIT)?;
    Ok(read)
}

/// Whether a system call only has to be made again.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
