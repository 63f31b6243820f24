//! Starting processes (MPI 4.1, section 11.8).
//!
//! ```text
//!   root: reads programs --launch--> planner ... --> new ranks run, are known
//!     `--what came of it--> the communicator's other ranks
//!   each: an intercommunicator with the new ranks. Theirs, with the same number, is
//!         made in their MPI_Init: the planner told them who their parents are.
//! ```
//! A command is looked for as a file below the guest's directories, with and without
//! `.wasm`; the name of the program that spawns it is that program. Files that are no
//! modules are passed over: native programs often lie beside them, under the same names.

use crate::abi;
use crate::agree::TAG;
use crate::attribute::Attributes;
use crate::comm::Comm;
use crate::communicator::garbled;
use crate::error::{Class, Error, Result};
use crate::group::Group;
use crate::guest::Guest;
use crate::handle::{CommHandle, InfoHandle};
use crate::info::Info;
use crate::intercomm::inter;
use crate::io::OpenMode;
use crate::launch::{Launch, Launched, Numbers, Program};
use crate::rank::Rank;
use crate::scratch::Scratch;
use std::sync::Arc;

/// What the first bytes of every module are.
const MAGIC: &[u8] = b"\0asm";
/// What programs' files are called, which users do not write.
const SUFFIX: &str = ".wasm";

/// One command as the guest gives it to its root.
#[derive(Clone, Debug)]
pub struct Command {
    /// `command`.
    pub name: String,
    /// `argv`: its arguments, without its name.
    pub args: Vec<String>,
    /// `maxprocs`.
    pub most: i32,
    /// `info`.
    pub info: InfoHandle,
}

/// What a spawn gives every rank that called it.
#[derive(Clone, Debug)]
pub struct Spawned {
    /// The intercommunicator, or why there is none: of `MPI_ERR_SPAWN` when the processes
    /// could not be started.
    pub comm: Result<CommHandle>,
    /// The error code of each process that was asked for, command after command.
    pub codes: Codes,
}

/// Error codes of processes that were asked for. A guest may ask for billions, so they are
/// not written out before there is known to be room for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// Of each command: how many processes were asked for, and how many started.
    commands: Vec<(u32, u32)>,
}

impl Codes {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.commands
            .iter()
            .map(|&(asked, _)| u64::from(asked))
            .sum()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = i32> {
        let code = |started| match started {
            true => abi::MPI_SUCCESS,
            false => abi::MPI_ERR_SPAWN,
        };
        self.commands
            .iter()
            .flat_map(move |&(asked, started)| (0..asked).map(move |i| code(i < started)))
    }

    fn to_words(&self) -> Vec<u64> {
        let word = |&(asked, started): &(u32, u32)| u64::from(asked) << 32 | u64::from(started);
        self.commands.iter().map(word).collect()
    }

    fn from_words(words: &[u64]) -> Self {
        let command = |word: &u64| ((word >> 32) as u32, *word as u32);
        Self {
            commands: words.iter().map(command).collect(),
        }
    }
}

impl Rank {
    /// `MPI_Comm_spawn` and `MPI_Comm_spawn_multiple`. `given` counts at the root only:
    /// the directory that relative names count from, and the commands.
    ///
    /// # Errors
    /// `MPI_ERR_COMM`, `MPI_ERR_ROOT`: what every rank sees for itself, before any tells
    /// another. All else is in what it gives.
    pub fn comm_spawn(
        &self,
        guest: &mut dyn Guest,
        comm: CommHandle,
        root: i32,
        given: Result<(String, Vec<Command>)>,
    ) -> Result<Spawned> {
        let (comm, root) = self.rooted(comm, root)?;
        let mut codes = Codes::default();
        let mut answer = Ok(Vec::new());
        if comm.rank == root {
            answer = given.and_then(|(cwd, commands)| {
                let launched = self.launch_all(guest, &comm, &cwd, &commands);
                let started = launched.as_ref().map_or(&[][..], |l| &l.counts);
                let started = started.iter().copied().chain(std::iter::repeat(0));
                let asked = commands.iter().map(|command| command.most.max(0) as u32);
                codes.commands = asked.zip(started).collect();
                let Launched { first, counts } = launched?;
                let count: u32 = counts.iter().sum();
                Ok(vec![u64::from(first), u64::from(count), self.fresh_id()])
            });
        }
        let codes = codes.to_words();
        let everyone = Rank::everyone(&comm, root);
        let codes = self.share(guest, &comm, &everyone, TAG, codes)?;
        let answer = self.share_answer(guest, &comm, &everyone, answer)?;
        Ok(Spawned {
            comm: answer.and_then(|words| self.with_children(guest, &comm, &words)),
            codes: Codes::from_words(&codes),
        })
    }

    fn with_children(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        words: &[u64],
    ) -> Result<CommHandle> {
        let [first, count, local_id] = words[..] else {
            return Err(garbled());
        };
        let children: Vec<u32> = (first as u32..first as u32 + count as u32).collect();
        self.know(guest, &children)?;
        let family = self.world.families.of(first as u32).ok_or_else(garbled)?;
        let remote = Arc::new(Group::new(children));
        let id = family.parent_id();
        let new = inter(id, local_id, comm.group.clone(), comm.rank, remote);
        self.install(comm, new, Attributes::default(), Info::default())
    }

    /// The communicator and the root of a call that is collective over one group.
    pub(crate) fn rooted(&self, comm: CommHandle, root: i32) -> Result<(Arc<Comm>, u32)> {
        let comm = self.active_comm(comm)?.into_owned();
        if comm.remote.is_some() {
            let why = "comm: it is an intercommunicator";
            return Err(Error::new(Class::COMM, why));
        }
        let found = u32::try_from(root).ok().filter(|&root| root < comm.size());
        let root = found.ok_or_else(|| {
            let why = format!("root: {root} is not a rank of the communicator");
            Error::new(Class::ROOT, why)
        })?;
        Ok((comm, root))
    }

    /// Waits until this worker has heard of all `ranks`: only then can they be sent to.
    pub(crate) fn know(&self, guest: &mut dyn Guest, ranks: &[u32]) -> Result<()> {
        let known = || ranks.iter().all(|&rank| self.world.knows(rank));
        self.wait_for(guest, || known().then_some(()))
    }

    fn launch_all(
        &self,
        guest: &mut dyn Guest,
        comm: &Comm,
        cwd: &str,
        commands: &[Command],
    ) -> Result<Launched> {
        let most = commands.iter().map(|command| i64::from(command.most));
        if commands.iter().any(|c| c.most < 0) || most.sum::<i64>() < 1 {
            let why = "maxprocs: at least one process, and no negative number";
            return Err(Error::new(Class::ARG, why));
        }
        let programs = commands.iter().map(|command| self.program(command, cwd));
        let launch = Launch {
            programs: programs.collect::<Result<_>>()?,
            parents: comm.group.members().to_vec(),
        };
        self.launch(guest, launch)
    }

    fn program(&self, command: &Command, cwd: &str) -> Result<Program> {
        let info = self.info_or_null(command.info)?;
        let dir = match info.get("wdir") {
            None => cwd.to_owned(),
            Some(dir) => {
                let dir = absolute(cwd, dir);
                self.io.files().find(&dir).map_err(|e| {
                    Error::new(Class::SPAWN, format!("info: wdir {dir:?}: {}", e.message))
                })?;
                dir
            }
        };
        let most = command.most.cast_unsigned();
        let fewer = info.get("soft").map(|soft| numbers(soft, most));
        let mut args = vec![command.name.clone()];
        args.extend(command.args.iter().cloned());
        Ok(Program {
            name: command.name.clone(),
            module: self.module(&command.name, info.get("path"), cwd)?,
            args,
            dir,
            most,
            fewer: fewer.transpose()?.unwrap_or_default(),
        })
    }

    /// The bytes of a program, or none for the one that this rank runs.
    fn module(&self, name: &str, path: Option<&str>, cwd: &str) -> Result<Option<Vec<u8>>> {
        // As a shell does it: only a name without directories is looked for.
        let path = path.filter(|_| !name.contains('/')).unwrap_or_default();
        let places = path.split(':').filter(|place| !place.is_empty());
        let mut other = None;
        for place in places
            .map(|place| absolute(cwd, place))
            .chain([cwd.to_owned()])
        {
            for suffix in ["", SUFFIX] {
                let file = absolute(&place, &format!("{name}{suffix}"));
                match self.read_program(&file)? {
                    Some(bytes) if bytes.starts_with(MAGIC) => return Ok(Some(bytes)),
                    Some(_) => other = other.or(Some(file)),
                    None => {}
                }
            }
        }
        let own = base_name(&self.program);
        if !own.is_empty() && own == base_name(name) {
            return Ok(None);
        }
        let message = match other {
            Some(file) => format!("command: {file:?} is not a Wasm module"),
            None => format!(
                "command: there is no program {name:?} below the directories of this process, \
                 with or without {SUFFIX}, and its own is {own:?}"
            ),
        };
        Err(Error::new(Class::SPAWN, message))
    }

    /// The bytes of a file; none when there is no such file.
    fn read_program(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let mode = OpenMode {
            read: true,
            write: false,
            create: false,
            exclusive: false,
        };
        let files = self.io.files();
        let read = files.find(file).and_then(|name| {
            let open = files.open(&name, mode)?;
            let mut bytes = Scratch::zeroed(open.size()?, "a module to spawn")?.into_vec();
            let len = open.read_at(0, &mut bytes)?;
            bytes.truncate(len);
            Ok(bytes)
        });
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            // A directory may have the name.
            Err(e) if matches!(e.class, Class::NO_SUCH_FILE | Class::BAD_FILE) => Ok(None),
            Err(e) => Err(Error::new(Class::SPAWN, format!("command: {}", e.message))),
        }
    }
}

/// `path` as it is reached from directory `from`, without `.` and `..`.
fn absolute(from: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { from };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A program's name without directories and suffix.
fn base_name(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(SUFFIX).unwrap_or(name)
}

/// The numbers that `soft` allows: `a`, `a:b` or `a:b:c`, with commas between.
fn numbers(soft: &str, most: u32) -> Result<Vec<Numbers>> {
    let wrong = || {
        let why = format!("info: soft is {soft:?}, which is no list of a, a:b or a:b:c");
        Error::new(Class::INFO_VALUE, why)
    };
    let mut all = Vec::new();
    for triplet in soft.split(',') {
        let parts = triplet.split(':').map(|part| part.trim().parse::<i64>());
        let parts: Vec<i64> = parts.collect::<Result<_, _>>().map_err(|_| wrong())?;
        let (from, to, step) = match parts[..] {
            [a] => (a, a, 1),
            [a, b] => (a, b, 1),
            [a, b, c] if c != 0 && c != i64::MIN => (a, b, c),
            _ => return Err(wrong()),
        };
        // Downwards is upwards from the last one that is met; none beyond most counts.
        let (from, to) = match step < 0 {
            true => (
                from.saturating_sub((from.saturating_sub(to)) / -step * -step),
                from,
            ),
            false => (from, to),
        };
        let step = step.abs();
        let low = match from < 0 {
            true => from.saturating_add((-from).saturating_add(step - 1) / step * step),
            false => from,
        };
        let high = to.min(i64::from(most));
        if low <= high {
            let word = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
            all.push(Numbers {
                low: word(low),
                high: word(high),
                step: word(step),
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn paths_count_from_a_directory() {
        for (from, path, expected) in [
            ("/a/b", "c", "/a/b/c"),
            ("/a/b", "./c", "/a/b/c"),
            ("/a/b", "../c/.", "/a/c"),
            ("/a/b", "/c", "/c"),
            ("/", "../..", "/"),
            ("/a", "", "/a"),
        ] {
            assert_eq!(absolute(from, path), expected, "{path} from {from}");
        }
        assert_eq!(base_name("/x/app.wasm"), base_name("./app"));
    }

    #[test]
    fn soft_numbers_are_sets_of_ranges() {
        let values = |soft: &str, most: u32| {
            let all = numbers(soft, most).unwrap();
            let all = all
                .iter()
                .flat_map(|n| (n.low..=n.high).step_by(n.step as usize));
            all.collect::<Vec<_>>()
        };
        assert_eq!(values("1,2,8", 5), [1, 2]);
        assert_eq!(values("2:6:2", 5), [2, 4]);
        assert_eq!(values("6:1:-2", 9), [2, 4, 6]);
        assert_eq!(values("-3:3:2", 9), [1, 3]);
        assert_eq!(values("0:2", 1), [0, 1]);
        for wrong in ["", "a", "1:2:0", "1:2:3:4", "1,,2"] {
            let class = numbers(wrong, 4).unwrap_err().class;
            assert_eq!(class, Class::INFO_VALUE, "{wrong}");
        }
    }
}
