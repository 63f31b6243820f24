//! Every MPI function with arguments that no program should pass: wild pointers, wrong
//! handles, negative and huge counts. The answer is an MPI error, a trap, or even
//! success, but never a panic of the host and never a call that does not return.

use crate::{config, engine, tiers};
use faabric_host::{Exit, Process, Tier};
use faabric_mpi::abi::{MPI_BYTE, MPI_COMM_WORLD};
use faabric_mpi::interface::{Function, Support, Word, functions};
use faabric_mpi::{Placement, World};
use faabric_wire::id::{JobId, Rank};
use std::fmt::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Calls of each function.
const ROUNDS: usize = 48;

/// How long one function's calls may take before they count as a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where pointers may point to, and what results are read from again.
const AREA: std::ops::Range<i32> = 1024..4096;

/// Functions that rightly wait for a message that never comes when all their arguments
/// are good: they get no good communicator. A buffered message to oneself is waited for
/// when the buffer is detached.
const WAITS: [&str; 12] = [
    "MPI_Recv",
    "MPI_Ssend",
    "MPI_Send",
    "MPI_Rsend",
    "MPI_Bsend",
    "MPI_Ibsend",
    "MPI_Probe",
    "MPI_Mprobe",
    "MPI_Sendrecv",
    "MPI_Sendrecv_replace",
    "MPI_Intercomm_create",
    "MPI_Mrecv",
];

/// Functions that end the process or MPI, by their purpose.
const ENDS: [&str; 2] = ["MPI_Abort", "MPI_Finalize"];

/// Numbers that mean something to MPI, or are at an edge.
const WORDS: [i32; 34] = [
    0,
    1,
    2,
    3,
    4,
    8,
    10,
    11,
    99,
    -1,
    -2,
    -3,
    -4,
    -32766,
    i32::MIN,
    i32::MAX,
    0x20,
    0x21,
    0x38,
    0x100,
    0x109,
    0x130,
    0x131,
    0x141,
    0x142,
    0x180,
    0x200,
    0x209,
    0x214,
    0x22b,
    501,
    // Pointers at and beyond the end of a memory of 64 KiB, and a made-up handle.
    65_532,
    -4,
    -0x7ff0_0000,
];

/// Communicators.
const WORLD_AND_SELF: [i32; 2] = [0x101, 0x102];

/// xorshift64*: a fixed sequence from a seed.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn argument(&mut self, word: Word, waits: bool) -> String {
        let communicator = !waits && self.below(3) == 0;
        match (word, self.below(4)) {
            (Word::F64, _) => "(f64.const -1)".to_owned(),
            (Word::I64, 0) => "(i64.const -9223372036854775808)".to_owned(),
            (Word::I64, 1) => "(i64.const 9223372036854775807)".to_owned(),
            (Word::I64, _) => format!("(i64.const {})", WORDS[self.below(WORDS.len())]),
            (Word::I32, _) if communicator => {
                format!("(i32.const {})", WORLD_AND_SELF[self.below(2)])
            }
            (Word::I32, 0 | 1) => format!("(i32.const {})", WORDS[self.below(WORDS.len())]),
            (Word::I32, 2) => format!("(i32.const {})", self.place()),
            // What an earlier call wrote: a handle, often.
            (Word::I32, _) if !waits => format!("(i32.load (i32.const {}))", self.place()),
            (Word::I32, _) => "(i32.const 7)".to_owned(),
        }
    }

    fn place(&mut self) -> i32 {
        AREA.start + 16 * self.below(AREA.len() / 16) as i32
    }
}

fn wasm(word: Word) -> &'static str {
    match word {
        Word::I32 => "i32",
        Word::I64 => "i64",
        Word::F64 => "f64",
    }
}

/// A module that starts MPI, lets errors return, and calls `f` again and again.
fn module(f: &Function, seed: u64) -> String {
    let words = f.words();
    let types: Vec<_> = words.iter().map(|&word| wasm(word)).collect();
    let waits = WAITS.contains(&f.name.trim_end_matches("_c"));
    let mut sequence = Sequence(seed);
    let mut calls = String::new();
    for _ in 0..ROUNDS {
        let arguments: Vec<_> = words
            .iter()
            .map(|&word| sequence.argument(word, waits))
            .collect();
        let _ = writeln!(calls, "(drop (call $f {}))", arguments.join(" "));
    }
    format!(
        r#"(module
          (import "mpi" "MPI_Init" (func $init (param i32 i32) (result i32)))
          (import "mpi" "MPI_Comm_set_errhandler" (func $set (param i32 i32) (result i32)))
          (import "mpi" "MPI_Type_dup" (func $dup (param i32 i32) (result i32)))
          (import "mpi" "MPI_Comm_dup" (func $comm (param i32 i32) (result i32)))
          (import "mpi" "{}" (func $f (param {}) (result {})))
          (memory (export "memory") 1)
          (table (export "__indirect_function_table") 2 funcref)
          (func (export "_start")
            (drop (call $init (i32.const 0) (i32.const 0)))
            (drop (call $set (i32.const 0x101) (i32.const 0x142)))
            (drop (call $set (i32.const 0x102) (i32.const 0x142)))
            (drop (call $dup (i32.const 0x209) (i32.const 1024)))
            {}
            {calls}))"#,
        f.name,
        types.join(" "),
        wasm(f.result()),
        // A second communicator, for those that do not wait on it.
        if waits {
            ""
        } else {
            "(drop (call $comm (i32.const 0x101) (i32.const 1040)))"
        },
    )
}

/// Runs a module as the only rank of a job.
fn run_rank(wat: &str) -> Exit {
    run_rank_on(wat, Tier::Cranelift)
}

fn run_rank_on(wat: &str, tier: Tier) -> Exit {
    let engine = engine(tier);
    let module = engine.load(&wat::parse_str(wat).unwrap()).unwrap();
    let world = World::new(JobId(1), Placement::single(1, "here"), None, 1);
    let mut config = config();
    config.mpi = Some((world, Rank(0)));
    config.memory_limit = 1 << 20;
    let process = Process::new(&module, config).unwrap();
    let interrupter = process.interrupter();
    let (ended, wait) = channel::<()>();
    let watch = std::thread::spawn(move || {
        let hangs = wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
        if hangs {
            interrupter.interrupt("it hangs");
        }
        hangs
    });
    let exit = process.run();
    drop(ended);
    assert!(!watch.join().unwrap(), "a call does not return");
    exit
}

#[test]
fn no_argument_makes_the_host_panic_or_a_call_hang() {
    let host = functions()
        .iter()
        .filter(|f| f.support == Support::Host && !ENDS.contains(&f.name));
    for (seed, f) in host.enumerate() {
        for seed in [seed as u64 + 1, seed as u64 + 1000] {
            let wat = module(f, seed);
            let run = std::panic::catch_unwind(|| run_rank(&wat));
            assert!(run.is_ok(), "{} with seed {seed}: {wat}", f.name);
        }
    }
}

#[test]
fn the_calls_that_end_mpi_take_wrong_arguments_too() {
    for name in ENDS {
        let f = functions().iter().find(|f| f.name == name).unwrap();
        for seed in 1..8 {
            run_rank(&module(f, seed));
        }
    }
}

#[test]
fn a_stack_overflow_inside_a_call_is_the_guests_own() {
    // Each level calls MPI, so that the stack may end in the guest's code or in the
    // host's; the levels' sizes differ, so that it ends at different places.
    for tier in tiers() {
        for frame in [0, 1, 5, 40] {
            let locals = "i64 ".repeat(frame);
            let load = |i| format!("(local.set {} (i64.load (i32.const {})))", i + 1, 8 * i);
            let store = |i| format!("(i64.store (i32.const {}) (local.get {}))", 8 * i, i + 1);
            let (loads, stores): (Vec<_>, Vec<_>) = (0..frame).map(|i| (load(i), store(i))).unzip();
            let wat = format!(
                r#"(module
                  (import "mpi" "MPI_Init" (func $init (param i32 i32) (result i32)))
                  (import "mpi" "MPI_Send"
                    (func $send (param i32 i32 i32 i32 i32 i32) (result i32)))
                  (import "mpi" "MPI_Recv"
                    (func $recv (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
                  (memory (export "memory") 1)
                  (func $deeper (param i32) (result i32) (local {locals})
                    {}
                    (drop (call $send (i32.const 2048) (i32.const 8) (i32.const {MPI_BYTE})
                      (i32.const 0) (i32.const 1) (i32.const {MPI_COMM_WORLD})))
                    (drop (call $recv (i32.const 2048) (i32.const 8) (i32.const {MPI_BYTE})
                      (i32.const 0) (i32.const 1) (i32.const {MPI_COMM_WORLD}) (i32.const 0)))
                    (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.const 1))
                    {})
                  (func (export "_start")
                    (drop (call $init (i32.const 0) (i32.const 0)))
                    (drop (call $deeper (i32.const 0)))))"#,
                loads.concat(),
                stores.concat(),
            );
            let exit = run_rank_on(&wat, tier);
            let reason = exit.reason.unwrap();
            assert_eq!(exit.code, 139, "{reason}");
            assert!(reason.contains("stack overflow"), "{reason}");
        }
    }
}

#[test]
fn a_call_outside_of_mpi_says_so() {
    let call = |before: &str, after: &str| {
        run_rank(&format!(
            r#"(module
              (import "mpi" "MPI_Init" (func $init (param i32 i32) (result i32)))
              (import "mpi" "MPI_Finalize" (func $end (result i32)))
              (import "mpi" "MPI_Barrier" (func $f (param i32) (result i32)))
              (memory (export "memory") 1)
              (func (export "_start") {before} (drop (call $f (i32.const 0x101))) {after}))"#
        ))
    };
    let init = "(drop (call $init (i32.const 0) (i32.const 0)))";
    let end = "(drop (call $end))";
    assert_eq!(call(init, end).code, 0);
    for (before, after) in [("", ""), (&format!("{init}{end}")[..], "")] {
        let exit = call(before, after);
        let reason = exit.reason.unwrap();
        assert_ne!(exit.code, 0);
        assert!(reason.contains("MPI_Barrier"), "{reason}");
    }
}
