//! Compiling guests, running `faabric`, and clusters of real processes.
//!
//! nextest runs every test in a process of its own, so a compiled guest is shared
//! through the file system: its name has the hash of its source, and it appears by
//! a rename, complete or not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything in a test may take before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A `faabric` command, sealed off from the caller's configuration.
pub(crate) fn faabric() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faabric"));
    for name in [
        "FAABRIC_PLANNER",
        "FAABRIC_LOG",
        "FAABRIC_POLICY",
        "FAABRIC_WORKER_SLOTS",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// The source of a guest program in `tests/guest/`.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/guest")
        .join(name)
}

/// Compiles `tests/guest/NAME` (C or C++ by its ending) with extra `flags`, once.
pub(crate) fn guest_with(name: &str, flags: &[&str]) -> PathBuf {
    let source = source(name);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&std::fs::read(&source).unwrap());
    hasher.update(flags.join(" ").as_bytes());
    let sdk = faabric().args(["cc", "--print-sysroot"]).output().unwrap();
    hasher.update(&sdk.stdout);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = folder.join(format!("{name}-{}.wasm", &hasher.finalize().to_hex()[..16]));
    if !target.exists() {
        let driver = if name.ends_with(".c") { "cc" } else { "c++" };
        let partial = folder.join(format!("{name}.{}.partial", std::process::id()));
        let output = faabric()
            .arg(driver)
            .args(["-O2", "-o"])
            .arg(&partial)
            .arg(&source)
            .args(flags)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{name} does not compile:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        std::fs::rename(&partial, &target).unwrap();
    }
    target
}

/// Compiles `tests/guest/NAME` once.
pub(crate) fn guest(name: &str) -> PathBuf {
    guest_with(name, &[])
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            // A signal that ended it counts as in a shell; no test expects one.
            code: match (output.status.code(), output.status.signal()) {
                (Some(code), _) => code,
                (None, signal) => 128 + signal.unwrap_or(0),
            },
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Finished {
    /// Asserts that the command ended with `code`, showing what it printed if not.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    finish_with_input(command, b"")
}

/// Runs a command to its end with `input` as its standard input.
pub(crate) fn finish_with_input(command: &mut Command, input: &[u8]) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that ends without reading its input closes the pipe: not an error here.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = wait_with_output(child);
    writer.join().unwrap();
    output
}

/// Waits for a child and fails the test when it hangs.
pub(crate) fn wait_with_output(mut child: Child) -> Finished {
    let stdout = read_in_background(child.stdout.take());
    let stderr = read_in_background(child.stderr.take());
    let code = wait_until("the command ends", || child.try_wait().unwrap())
        .code()
        .unwrap_or(-1);
    Finished {
        code,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn read_in_background(
    stream: Option<impl Read + Send + 'static>,
) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            stream.read_to_end(&mut bytes).unwrap();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Polls `ready` until it yields a value.
#[track_caller]
pub(crate) fn wait_until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process of the test's that ends with it.
pub(crate) struct Process {
    pub(crate) child: Child,
    /// What it said on stdout first: where it listens.
    pub(crate) address: String,
}

impl Process {
    /// Starts a supervised service and waits for the first line it prints.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        Self {
            child,
            address: address.trim().to_owned(),
        }
    }

    /// Ends the process at once, as a machine that loses power would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A planner and workers, each a process, on ports of their own.
pub(crate) struct Cluster {
    pub(crate) planner: Process,
    pub(crate) workers: Vec<Process>,
}

impl Cluster {
    /// Starts `workers` workers of `slots` slots each.
    pub(crate) fn start(workers: usize, slots: u32) -> Self {
        Self::start_with(workers, slots, |_| {})
    }

    /// The same, with more arguments for the planner.
    pub(crate) fn start_with(workers: usize, slots: u32, configure: impl Fn(&mut Command)) -> Self {
        let mut command = faabric();
        command.args(["planner", "--supervised", "--listen", "127.0.0.1:0"]);
        configure(&mut command);
        let planner = Process::start(&mut command);
        assert!(
            planner.address.starts_with("http://"),
            "the planner did not start"
        );
        let mut cluster = Self {
            planner,
            workers: Vec::new(),
        };
        for index in 0..workers {
            cluster.add_worker(&format!("w{index}"), slots);
        }
        cluster.wait_for_workers(workers);
        cluster
    }

    /// Starts one more worker.
    pub(crate) fn add_worker(&mut self, name: &str, slots: u32) {
        self.add_worker_with(name, slots, |_| {});
    }

    /// The same, with more arguments.
    pub(crate) fn add_worker_with(
        &mut self,
        name: &str,
        slots: u32,
        configure: impl Fn(&mut Command),
    ) {
        let mut command = faabric();
        command
            .args([
                "worker",
                "--supervised",
                "--listen",
                "127.0.0.1:0",
                "--file-root",
                "/",
            ])
            .args([
                "--name",
                name,
                "--planner",
                self.url(),
                "--slots",
                &slots.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        configure(&mut command);
        self.workers.push(Process {
            child: command.spawn().unwrap(),
            address: String::new(),
        });
    }

    /// Waits until as many workers are alive.
    pub(crate) fn wait_for_workers(&self, count: usize) {
        wait_until("the workers have joined", || {
            let listing = finish(self.command().args(["workers", "--json"]));
            let workers: serde_json::Value = serde_json::from_str(&listing.stdout).ok()?;
            let alive = workers
                .as_array()?
                .iter()
                .filter(|worker| worker["alive"] == true)
                .count();
            (alive == count).then_some(())
        });
    }

    /// Where the planner listens.
    pub(crate) fn url(&self) -> &str {
        &self.planner.address
    }

    /// A `faabric` command that talks to this cluster.
    pub(crate) fn command(&self) -> Command {
        let mut command = faabric();
        command.env("FAABRIC_PLANNER", self.url());
        command
    }

    /// Starts `faabric run` in the background.
    pub(crate) fn run_in_background(&self, ranks: u32, guest: &Path) -> Child {
        self.command()
            .args(["run", "-n", &ranks.to_string()])
            .arg(guest)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// The jobs the planner lists, finished ones too.
    pub(crate) fn jobs(&self) -> Vec<serde_json::Value> {
        let listing = finish(self.command().args(["ps", "--all", "--json"]));
        serde_json::from_str(&listing.stdout).unwrap_or_default()
    }

    /// Waits until a job is in `state`.
    pub(crate) fn wait_for_job(&self, state: &str) {
        wait_until(&format!("a job is {state}"), || {
            self.jobs()
                .iter()
                .any(|job| job["state"] == state)
                .then_some(())
        });
    }
}

/// Sends `signal` (a name that kill(1) knows) to one process the test started. The
/// shell's own `kill`: not every system has it as a program.
pub(crate) fn signal(process: u32, signal: &str) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -s {signal} {process}")])
        .status()
        .unwrap();
    assert!(status.success());
}
