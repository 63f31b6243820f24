//! Dynamic processes: spawning, ports, service names (MPI 4.1, chapter 11).
//!
//! Arguments that matter at the root only are read there only. The guest's C code passes
//! its current directory along, which the host does not know.

use super::caller::{Caller, Code, Env, NO_COMM, bad_pointer, call, not_null};
use super::comm::create;
use faabric_mpi::abi::{MPI_COMM_NULL, MPI_MAX_INFO_VAL, MPI_MAX_PORT_NAME};
use faabric_mpi::handle::{CommHandle, InfoHandle};
use faabric_mpi::{Class, Codes, Command, Error, Rank, Result};

/// The longest argument of a command, in bytes, and the most of them: what Linux takes.
const LONGEST: i32 = 128 << 10;
const MOST: usize = 1 << 16;
/// The most bytes of the names and arguments of all commands of a call; as much as Linux takes
/// of a program's. Several pointers may name one string.
const ALL: usize = 2 << 20;
/// What each counts for beside its bytes.
const COST: usize = 32;
/// The longest service name, in bytes; the standard sets no limit.
const LONGEST_NAME: i32 = MPI_MAX_INFO_VAL;
/// The longest path with its NUL.
const PATH_MAX: i32 = 4096;

/// What the guest's arrays of commands are, at the root.
#[derive(Clone, Copy)]
struct Commands {
    count: i32,
    names: u32,
    arguments: u32,
    most: u32,
    infos: u32,
}

/// A string of a command, for which there is `room` left.
fn word(guest: &Caller<'_>, at: u32, longest: i32, room: &mut usize) -> Result<String> {
    let text = guest.string(at, longest)?;
    let left = room.checked_sub(text.len() + COST);
    *room = left.ok_or_else(|| {
        let why = format!("argv: the commands and arguments of a call have more than {ALL} bytes");
        Error::new(Class::ARG, why)
    })?;
    Ok(text)
}

/// Words of a null-terminated array of pointers to strings; none when it is null.
fn arguments(guest: &Caller<'_>, at: u32, room: &mut usize) -> Result<Vec<String>> {
    let mut all = Vec::new();
    while at != 0 && all.len() < MOST {
        let text: u32 = guest
            .get_i32(Caller::element(at, all.len(), 4)?)?
            .cast_unsigned();
        if text == 0 {
            return Ok(all);
        }
        all.push(word(guest, text, LONGEST, room)?);
    }
    match all.len() {
        MOST => Err(Error::new(
            Class::ARG,
            format!("argv: it has no end within {MOST} arguments"),
        )),
        _ => Ok(all),
    }
}

fn commands(guest: &Caller<'_>, given: Commands) -> Result<Vec<Command>> {
    let count = given.count;
    if count < 1 {
        let why = format!("count: {count} commands");
        return Err(Error::new(Class::ARG, why));
    }
    for array in [given.names, given.most, given.infos] {
        not_null(array)?;
    }
    let names = guest.ints(given.names, count)?;
    let most = guest.ints(given.most, count)?;
    let infos: Vec<InfoHandle> = guest.handles(given.infos, count)?;
    // MPI_ARGVS_NULL: no command has any.
    let lists = match given.arguments {
        0 => vec![0; names.len()],
        at => guest.ints(at, count)?,
    };
    let each = names
        .into_iter()
        .zip(lists)
        .zip(most.into_iter().zip(infos));
    let mut room = ALL;
    each.map(|((name, list), (most, info))| {
        Ok(Command {
            name: word(guest, name.cast_unsigned(), PATH_MAX, &mut room)?,
            args: arguments(guest, list.cast_unsigned(), &mut room)?,
            most,
            info,
        })
    })
    .collect()
}

fn is_root(rank: &Rank, comm: u32, root: i32) -> bool {
    rank.comm_rank(CommHandle(comm)).ok() == Some(root)
}

/// Spawns what `read` says at the root.
fn spawn_all(
    env: Env<'_>,
    name: &str,
    (root, comm): (i32, u32),
    (intercomm, codes): (u32, u32),
    cwd: u32,
    read: impl FnOnce(&Caller<'_>) -> Result<Vec<Command>>,
) -> Code {
    call(env, name, comm, |rank, guest| {
        not_null(intercomm)?;
        guest.put_handle(intercomm, CommHandle(MPI_COMM_NULL))?;
        let (mut cwd, mut given) = (guest.string(cwd, PATH_MAX), Ok(Vec::new()));
        if is_root(rank, comm, root) {
            given = read(guest);
        } else {
            cwd = Ok(String::new());
        }
        let given = cwd.and_then(|cwd| Ok((cwd, given?)));
        let spawned = rank.comm_spawn(guest, CommHandle(comm), root, given)?;
        if codes != 0 {
            put_codes(guest, codes, &spawned.codes)?;
        }
        guest.put_handle(intercomm, spawned.comm?)
    })
}

/// Writes the error codes of processes, if there is room for all.
fn put_codes(guest: &Caller<'_>, at: u32, codes: &Codes) -> Result<()> {
    let memory = guest.memory();
    let len = codes.count().saturating_mul(4).min(u32::MAX.into()) as u32;
    memory.check(at, len).map_err(bad_pointer)?;
    for (at, code) in (at..).step_by(4).zip(codes.iter()) {
        memory.write_i32(at, code).map_err(bad_pointer)?;
    }
    Ok(())
}

fn spawn(
    env: Env<'_>,
    command: u32,
    argv: u32,
    maxprocs: i32,
    info: u32,
    root: i32,
    comm: u32,
    intercomm: u32,
    codes: u32,
    cwd: u32,
) -> Code {
    let read = |guest: &Caller<'_>| {
        let command = Command {
            name: guest.string(command, PATH_MAX)?,
            args: arguments(guest, argv, &mut { ALL })?,
            most: maxprocs,
            info: InfoHandle(info),
        };
        Ok(vec![command])
    };
    spawn_all(
        env,
        "MPI_Comm_spawn",
        (root, comm),
        (intercomm, codes),
        cwd,
        read,
    )
}

fn spawn_multiple(
    env: Env<'_>,
    count: i32,
    names: u32,
    arguments: u32,
    most: u32,
    infos: u32,
    root: i32,
    comm: u32,
    intercomm: u32,
    codes: u32,
    cwd: u32,
) -> Code {
    let given = Commands {
        count,
        names,
        arguments,
        most,
        infos,
    };
    let (name, read) = ("MPI_Comm_spawn_multiple", |guest: &Caller<'_>| {
        commands(guest, given)
    });
    spawn_all(env, name, (root, comm), (intercomm, codes), cwd, read)
}

fn get_parent(env: Env<'_>, parent: u32) -> Code {
    call(env, "MPI_Comm_get_parent", NO_COMM, |rank, guest| {
        guest.put_handle(parent, rank.comm_get_parent()?)
    })
}

fn open_port(env: Env<'_>, info: u32, port: u32) -> Code {
    call(env, "MPI_Open_port", NO_COMM, |rank, guest| {
        not_null(port)?;
        let name = rank.open_port(InfoHandle(info))?;
        guest.put_string(port, &name, MPI_MAX_PORT_NAME).map(|_| ())
    })
}

fn close_port(env: Env<'_>, port: u32) -> Code {
    call(env, "MPI_Close_port", NO_COMM, |rank, guest| {
        let port = guest.string(port, MPI_MAX_PORT_NAME)?;
        rank.close_port(guest, &port)
    })
}

/// The port's name and what is said about it, for the root.
fn port_name(guest: &Caller<'_>, port: u32, info: u32) -> Result<(String, InfoHandle)> {
    Ok((guest.string(port, MPI_MAX_PORT_NAME)?, InfoHandle(info)))
}

fn accept(env: Env<'_>, port: u32, info: u32, root: i32, comm: u32, newcomm: u32) -> Code {
    create(env, "MPI_Comm_accept", comm, newcomm, |rank, guest| {
        let port = port_name(guest, port, info);
        rank.comm_accept(guest, port, root, CommHandle(comm))
    })
}

fn connect(env: Env<'_>, port: u32, info: u32, root: i32, comm: u32, newcomm: u32) -> Code {
    create(env, "MPI_Comm_connect", comm, newcomm, |rank, guest| {
        let port = port_name(guest, port, info);
        rank.comm_connect(guest, port, root, CommHandle(comm))
    })
}

/// The strings of a call on a service name.
fn service(guest: &Caller<'_>, name: u32, port: u32) -> Result<(String, String)> {
    let name = guest.string(name, LONGEST_NAME)?;
    Ok((name, guest.string(port, MPI_MAX_PORT_NAME)?))
}

fn publish_name(env: Env<'_>, name: u32, info: u32, port: u32) -> Code {
    call(env, "MPI_Publish_name", NO_COMM, |rank, guest| {
        let (name, port) = service(guest, name, port)?;
        rank.publish_name(guest, &name, InfoHandle(info), &port)
    })
}

fn unpublish_name(env: Env<'_>, name: u32, info: u32, port: u32) -> Code {
    call(env, "MPI_Unpublish_name", NO_COMM, |rank, guest| {
        let (name, port) = service(guest, name, port)?;
        rank.unpublish_name(guest, &name, InfoHandle(info), &port)
    })
}

fn lookup_name(env: Env<'_>, name: u32, info: u32, port: u32) -> Code {
    call(env, "MPI_Lookup_name", NO_COMM, |rank, guest| {
        not_null(port)?;
        let name = guest.string(name, LONGEST_NAME)?;
        let found = rank.lookup_name(guest, &name, InfoHandle(info))?;
        guest
            .put_string(port, &found, MPI_MAX_PORT_NAME)
            .map(|_| ())
    })
}

pub(crate) const FUNCTIONS: &[crate::abi::Import] = crate::abi::functions![
    ("MPI_Comm_spawn", spawn),
    ("MPI_Comm_spawn_multiple", spawn_multiple),
    ("MPI_Comm_get_parent", get_parent),
    ("MPI_Open_port", open_port),
    ("MPI_Close_port", close_port),
    ("MPI_Comm_accept", accept),
    ("MPI_Comm_connect", connect),
    ("MPI_Publish_name", publish_name),
    ("MPI_Unpublish_name", unpublish_name),
    ("MPI_Lookup_name", lookup_name),
];
