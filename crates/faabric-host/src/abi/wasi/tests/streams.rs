//! Standard streams, polling, sleeping, and how they end.

use super::*;
use crate::ending::{Reason, Stop};
use crate::stdio::Pipe;
use std::time::{Duration, Instant};

/// A subscription as the guest writes it.
fn subscription(userdata: u64, tag: u8, subject: u32, timeout: u64) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[0..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = tag;
    bytes[16..20].copy_from_slice(&subject.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
    bytes
}

fn clock_after(userdata: u64, nanos: u64) -> [u8; 48] {
    subscription(userdata, 0, clock::MONOTONIC, nanos)
}

impl Guest {
    /// The (user data, errno, type) of each event.
    fn poll(&self, subscriptions: &[[u8; 48]]) -> Result<Vec<(u64, u16, u8)>, Failure> {
        self.memory()
            .write(DATA, subscriptions.as_flattened())
            .unwrap();
        let count = subscriptions.len() as u32;
        let events = DATA + 0x1000;
        poll::poll_oneoff(&self.caller(), DATA, events, count, OUT)?;
        let happened = self.memory().read_u32(OUT).unwrap();
        let event = |index| {
            let at = events + index * 32;
            (
                self.memory().read_u64(at).unwrap(),
                self.memory().read_u16(at + 8).unwrap(),
                self.memory().read_u8(at + 10).unwrap(),
            )
        };
        Ok((0..happened).map(event).collect())
    }

    fn fdstat(&self, fd: u32) -> (u8, Rights) {
        errno(fd::fd_fdstat_get(&self.caller(), fd, OUT)).unwrap();
        let rights = self.memory().read_u64(OUT + 8).unwrap();
        (self.memory().read_u8(OUT).unwrap(), Rights(rights))
    }

    fn end(&self) {
        let reason = Reason {
            code: 130,
            text: None,
        };
        self.process.ending.begin(reason);
    }
}

#[test]
fn output_goes_out_as_it_is_written() {
    let guest = Guest::new();
    guest.write(1, b"out ").unwrap();
    assert_eq!(&*guest.stdout.bytes.lock(), b"out ");
    guest.write(2, b"err").unwrap();
    assert_eq!(&*guest.stdout.bytes.lock(), b"out err");
    assert_eq!(guest.read(1, 1), Err(Errno::BADF));
    assert_eq!(guest.write(0, b"x"), Err(Errno::BADF));
    assert_eq!(guest.seek(1, 0, 1), Err(Errno::SPIPE));
    assert_eq!(guest.tell(0), Err(Errno::SPIPE));
}

#[test]
fn a_stream_is_a_terminal_only_when_the_embedding_says_so() {
    let tells = |terminal| {
        let stdout: Arc<dyn Output> = Arc::new(Capture {
            terminal,
            ..Capture::default()
        });
        let guest = Guest {
            process: Parts::new(&config(Vec::new(), Arc::new(NoInput), stdout)),
            ..Guest::new()
        };
        let (filetype, rights) = guest.fdstat(1);
        // The rule of wasi-libc's isatty.
        let seekable = rights.and(Rights::SEEKABLE) != Rights::default();
        filetype == FileType::CharacterDevice as u8 && !seekable
    };
    assert!(tells(true));
    assert!(!tells(false));
}

#[test]
fn input_comes_as_it_arrives_and_ends() {
    let (writer, pipe) = Pipe::new();
    let guest = Guest::with(&[], Arc::new(pipe));
    writer.write_all(b"hello").unwrap();
    assert_eq!(guest.read(0, 100).unwrap(), b"hello");
    writer.write_all(b"wor").unwrap();
    assert_eq!(guest.read(0, 2).unwrap(), b"wo");
    assert_eq!(guest.read(0, 2).unwrap(), b"r");
    errno(fd::fd_fdstat_set_flags(&guest.caller(), 0, 4)).unwrap();
    assert_eq!(guest.read(0, 2), Err(Errno::AGAIN));
    drop(writer);
    assert_eq!(guest.read(0, 2).unwrap(), b"");
}

#[test]
fn a_blocked_read_holds_up_no_other_file_and_ends_with_the_process() {
    let (_writer, pipe) = Pipe::new();
    let pipe = Arc::new(pipe);
    let guest = Guest::with(&[false], Arc::clone(&pipe) as _);
    // The embedding connects the two; see `Stdin::wake`.
    guest.process.ending.on_begin(move || pipe.wake());
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| {
            guest.memory().write_u32(0x7000, 0x8000).unwrap();
            guest.memory().write_u32(0x7004, 10).unwrap();
            fd::fd_read(&guest.caller(), 0, 0x7000, 1, 0x7008)
        });
        let file = guest.open("f", CREATE, Rights::ALL).unwrap();
        guest.write(file, b"meanwhile").unwrap();
        guest.close(file).unwrap();
        guest.end();
        let result = blocked.join().unwrap();
        assert!(matches!(result, Err(Failure::Stop(Stop::Ended))));
    });
}

#[test]
fn sleeping_takes_its_time_and_wakes_for_the_earliest() {
    let guest = Guest::new();
    let start = Instant::now();
    let far = clock_after(1, 3_600_000_000_000);
    let events = guest.poll(&[far, clock_after(2, 20_000_000)]).unwrap();
    assert_eq!(events, [(2, 0, 0)]);
    assert!(start.elapsed() >= Duration::from_millis(20));

    let mut absolute = clock_after(3, clock::now(clock::MONOTONIC).unwrap() + 5_000_000);
    absolute[40] = 1;
    assert_eq!(guest.poll(&[absolute]).unwrap(), [(3, 0, 0)]);
    assert!(clock::now(clock::REALTIME).unwrap() > 1_600_000_000_000_000_000);
    assert_eq!(
        guest.poll(&[subscription(4, 0, 99, 0)]).unwrap(),
        [(4, 28, 0)]
    );
}

#[test]
fn a_sleep_ends_with_the_process() {
    let guest = Guest::new();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| guest.poll(&[clock_after(1, u64::MAX)]));
        guest.end();
        let result = sleeper.join().unwrap();
        assert!(matches!(result, Err(Failure::Stop(Stop::Ended))));
    });
}

#[test]
fn files_are_always_ready_and_bad_descriptors_say_so() {
    let guest = Guest::new();
    let file = guest.open("f", CREATE, Rights::ALL).unwrap();
    let events = guest.poll(&[
        clock_after(1, u64::MAX),
        subscription(2, 1, file, 0),
        subscription(3, 2, 1, 0),
        subscription(4, 1, 99, 0),
        subscription(5, 9, 0, 0),
    ]);
    let badf = Errno::BADF.0;
    let expected = [(2, 0, 1), (3, 0, 2), (4, badf, 1), (5, Errno::INVAL.0, 9)];
    assert_eq!(events.unwrap(), expected);
}

#[test]
fn polling_stdin_waits_for_bytes_or_the_timeout() {
    let (writer, pipe) = Pipe::new();
    let guest = Guest::with(&[], Arc::new(pipe));
    let stdin = subscription(1, 1, 0, 0);
    let events = guest.poll(&[stdin, clock_after(2, 5_000_000)]).unwrap();
    assert_eq!(events, [(2, 0, 0)]);
    std::thread::scope(|scope| {
        let polling = scope.spawn(|| guest.poll(&[stdin, clock_after(2, u64::MAX)]));
        writer.write_all(b"x").unwrap();
        assert_eq!(polling.join().unwrap().unwrap(), [(1, 0, 1)]);
    });
}

#[test]
fn a_fifo_is_waited_for_and_let_go_when_the_process_ends() {
    let guest = Guest::new();
    let fifo = guest.host("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let reader = guest.open("fifo", OFlags::default(), READ).unwrap();
    let mut writer = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| guest.read(reader, 10).unwrap());
        io::Write::write_all(&mut writer, b"through").unwrap();
        assert_eq!(reading.join().unwrap(), b"through");

        let polling = scope.spawn(|| guest.poll(&[subscription(1, 1, reader, 0)]));
        io::Write::write_all(&mut writer, b"more").unwrap();
        assert_eq!(polling.join().unwrap().unwrap(), [(1, 0, 1)]);
        assert_eq!(guest.read(reader, 10).unwrap(), b"more");

        let blocked = scope.spawn(|| {
            guest.iovec(10);
            fd::fd_read(&guest.caller(), reader, IOVECS, 1, OUT)
        });
        guest.end();
        let result = blocked.join().unwrap();
        assert!(matches!(result, Err(Failure::Stop(Stop::Ended))));
    });
}

#[test]
fn arguments_and_environment_are_c_strings() {
    let guest = Guest::new();
    errno(process::args_sizes_get(&guest.caller(), OUT, OUT + 4)).unwrap();
    assert_eq!(guest.memory().read_u32(OUT).unwrap(), 2);
    assert_eq!(guest.memory().read_u32(OUT + 4).unwrap(), 17);
    errno(process::args_get(&guest.caller(), OUT, DATA)).unwrap();
    assert_eq!(guest.memory().read_u32(OUT + 4).unwrap(), DATA + 8);
    assert_eq!(
        guest.memory().read_vec(DATA, 17).unwrap(),
        b"program\0argument\0"
    );
    errno(process::environ_sizes_get(&guest.caller(), OUT, OUT + 4)).unwrap();
    errno(process::environ_get(&guest.caller(), OUT, DATA)).unwrap();
    assert_eq!(guest.memory().read_vec(DATA, 11).unwrap(), b"HOME=/home\0");
}

#[test]
fn signals_end_the_process_as_a_shell_shows_it() {
    let guest = Guest::new();
    let raise = |signal| process::proc_raise(&guest.caller(), signal);
    assert!(matches!(raise(6), Err(Failure::Stop(Stop::Exit(134)))));
    assert!(matches!(raise(16), Ok(())));
    assert_eq!(errno(raise(99)), Err(Errno::INVAL));
}
