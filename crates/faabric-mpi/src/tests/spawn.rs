//! Dynamic processes: spawning, ports and names, with a launcher that starts threads.
//!
//! The launcher puts the new ranks on workers in turn. It tells the worker that asked
//! last, and the others in an order that differs each time, with pauses: packets overtake
//! the news of who sent them.

use super::comms::{on, ring};
use super::*;
use crate::family::Family;
use crate::handle::{InfoHandle, KeyvalHandle};
use crate::launch::{Launch, Launched, Launcher};
use crate::send::SendMode::Standard;
use crate::spawn::Command;
use faabric_wire::id::Rank as JobRank;
use parking_lot::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;

const NO_INFO: InfoHandle = InfoHandle(abi::MPI_INFO_NULL);

type Program = fn(&mut Process);

/// Starts threads for the ranks of a cluster.
struct Threads {
    worlds: Vec<Arc<World>>,
    of_rank: Arc<RwLock<Vec<u32>>>,
    /// What each command runs.
    programs: HashMap<String, Program>,
    running: Mutex<Vec<JoinHandle<()>>>,
    /// Ranks that the cluster has room for.
    room: usize,
}

impl Threads {
    fn start(self: &Arc<Self>, by: JobRank, question: u64, launch: &Launch) {
        let count: u32 = launch.programs.iter().map(|p| p.most).sum();
        let mut of_rank = self.of_rank.write();
        let asker = of_rank[by.index()] as usize;
        let first = of_rank.len() as u32;
        if of_rank.len() + count as usize > self.room {
            let refused = Err("no room".to_owned());
            return self.worlds[asker].launched(question, refused);
        }
        let workers = self.worlds.len() as u32;
        let on: Vec<u32> = (first..first + count).map(|rank| rank % workers).collect();
        of_rank.extend(&on);
        drop(of_rank);
        let place = |worker: u32| {
            let ranks = (first..).zip(&on).filter(|(_, w)| **w == worker);
            let ranks = ranks.map(|(rank, _)| JobRank(rank)).collect();
            (format!("worker-{worker}"), ranks)
        };
        let places: Vec<_> = (0..workers).map(place).collect();
        let counts: Vec<u32> = launch.programs.iter().map(|p| p.most).collect();
        let family = Family {
            first,
            counts: counts.clone(),
            parents: launch.parents.clone(),
            universe: 16,
        };
        let mut left = launch
            .programs
            .iter()
            .flat_map(|p| (0..p.most).map(|_| &*p.name));
        let programs: Vec<Program> = (0..count)
            .map(|_| self.programs[left.next().unwrap()])
            .collect();
        let mut order: Vec<usize> = (0..self.worlds.len()).filter(|w| *w != asker).collect();
        let turns = question as usize % order.len().max(1);
        order.rotate_left(turns);
        order.push(asker);
        for worker in order {
            self.worlds[worker].add_family(family.clone(), &places);
            for (rank, program) in (first..).zip(&programs) {
                if on[(rank - first) as usize] == worker as u32 {
                    self.run(worker, rank, *program);
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.worlds[asker].launched(question, Ok(Launched { first, counts }));
    }

    fn run(self: &Arc<Self>, worker: usize, rank: u32, program: Program) {
        let threads = Arc::clone(self);
        let body = move || {
            let guard = EndOnPanic(&threads.worlds);
            let world = threads.worlds[worker].clone();
            let memory = Arc::new(HostBuffer::zeroed(MEMORY));
            let rank = Rank::new(world, JobRank(rank), memory).unwrap();
            let mut process = Process::of(rank);
            process.rank.init().unwrap();
            program(&mut process);
            process.rank.finalize(&mut process.guest).unwrap();
            std::mem::forget(guard);
        };
        self.running.lock().push(std::thread::spawn(body));
    }
}

struct Starter(Arc<Threads>);

impl Launcher for Starter {
    fn launch(&self, by: JobRank, question: u64, launch: Launch) {
        let threads = Arc::clone(&self.0);
        std::thread::spawn(move || threads.start(by, question, &launch));
    }
}

/// Runs `parent` on workers as `of_rank` says, with these programs to spawn; waits for all
/// that was spawned.
fn run_spawning(of_rank: &[u32], parent: Program, programs: &[(&str, Program)]) {
    let cluster = Cluster::new(of_rank);
    let threads = Arc::new(Threads {
        worlds: cluster.worlds.clone(),
        of_rank: cluster.everyone.clone(),
        programs: programs
            .iter()
            .map(|(n, p)| ((*n).to_owned(), *p))
            .collect(),
        running: Mutex::default(),
        room: of_rank.len() + 12,
    });
    for world in &cluster.worlds {
        world.set_launcher(Arc::new(Starter(threads.clone())));
    }
    cluster.run(|process| {
        // Its own name is all that these ranks can spawn: they have no files.
        process.rank.init().unwrap();
        parent(process);
        process.rank.finalize(&mut process.guest).unwrap();
    });
    loop {
        let Some(thread) = threads.running.lock().pop() else {
            return;
        };
        thread.join().unwrap();
    }
}

fn command(name: &str, most: i32) -> Command {
    Command {
        name: name.to_owned(),
        args: Vec::new(),
        most,
        info: NO_INFO,
    }
}

/// Spawns from all ranks of `comm`; `commands` at the last of them.
fn spawn(p: &mut Process, comm: CommHandle, commands: &[Command]) -> crate::spawn::Spawned {
    let root = p.rank.comm_size(comm).unwrap() - 1;
    let is_root = p.rank.comm_rank(comm).unwrap() == root;
    let given = match is_root {
        true => Ok(("/".to_owned(), commands.to_vec())),
        false => Err(Error::new(Class::OTHER, "asked at the root only")),
    };
    let (rank, guest) = (&p.rank, &mut p.guest);
    rank.comm_spawn(guest, comm, root, given).unwrap()
}

/// What every rank calls its program: a spawn of it needs no file.
fn named(p: &mut Process, name: &str) {
    p.rank.program = format!("/bin/{name}.wasm");
}

/// Passes a byte both ways between the ranks of both sides that have the same number.
fn greet(p: &mut Process, comm: CommHandle) {
    let me = p.rank.comm_rank(comm).unwrap();
    if me >= p.rank.comm_remote_size(comm).unwrap() {
        return;
    }
    for size in [1, 3000, 200_000] {
        let buffer = p.put(0, &vec![me as u8 + 1; size]);
        let (to, from) = on(comm, me, 5);
        let mut sent = p.rank.isend(Standard, &buffer, to).unwrap();
        let into = span(1 << 20, size);
        p.rank.recv(&mut p.guest, &into, from).unwrap();
        p.rank.wait(&mut p.guest, &mut sent).unwrap();
        assert_eq!(p.get(1 << 20, size), vec![me as u8 + 1; size]);
    }
}

fn attribute(p: &Process, key: i32) -> Option<crate::attribute::Value> {
    let key = KeyvalHandle(key as u32);
    p.rank.comm_get_attr(WORLD, key).unwrap()
}

#[test]
fn children_have_a_world_of_their_own_and_merge_with_their_parents() {
    fn child(p: &mut Process) {
        assert_eq!((p.size, p.me < 3), (3, true));
        ring(p, WORLD, 3);
        let mut parent = p.rank.comm_get_parent().unwrap();
        assert_eq!(p.rank.comm_remote_size(parent).unwrap(), 2);
        assert_eq!(p.rank.comm_get_name(parent).unwrap(), "MPI_COMM_PARENT");
        greet(p, parent);
        let merged = p.rank.intercomm_merge(&mut p.guest, parent, true).unwrap();
        ring(p, merged, 5);
        assert_eq!(p.rank.comm_rank(merged).unwrap(), p.me + 2);
        p.rank.comm_free(&mut p.guest, &mut parent).unwrap();
        let none = CommHandle(abi::MPI_COMM_NULL);
        assert_eq!(p.rank.comm_get_parent().unwrap(), none);
        // Handles repeat after 128 uses of their place.
        let alone = CommHandle(abi::MPI_COMM_SELF);
        for _ in 0..256 {
            let mut other = p.rank.comm_dup(&mut p.guest, alone).unwrap();
            assert_eq!(p.rank.comm_get_parent().unwrap(), none);
            p.rank.comm_free(&mut p.guest, &mut other).unwrap();
        }
    }
    fn parent(p: &mut Process) {
        named(p, "app");
        let none = CommHandle(abi::MPI_COMM_NULL);
        assert_eq!(p.rank.comm_get_parent().unwrap(), none);
        for _ in 0..2 {
            let spawned = spawn(p, WORLD, &[command("./app", 3)]);
            assert!(spawned.codes.iter().eq([0; 3]));
            let mut children = spawned.comm.unwrap();
            assert_eq!(p.rank.comm_remote_size(children).unwrap(), 3);
            greet(p, children);
            let merged = p.rank.intercomm_merge(&mut p.guest, children, false);
            ring(p, merged.unwrap(), 5);
            p.rank.comm_free(&mut p.guest, &mut children).unwrap();
        }
    }
    for of_rank in [&[0, 0][..], &[0, 1], &[1, 0]] {
        run_spawning(of_rank, parent, &[("./app", child)]);
    }
}

#[test]
fn each_command_has_its_number_and_grandchildren_are_of_the_job_too() {
    use crate::attribute::Value;
    fn grandchild(p: &mut Process) {
        let parent = p.rank.comm_get_parent().unwrap();
        assert_eq!(p.rank.comm_remote_size(parent).unwrap(), 4);
        greet(p, parent);
    }
    fn child(p: &mut Process) {
        named(p, "app");
        let number = i32::from(p.me >= 1);
        assert_eq!(attribute(p, abi::MPI_APPNUM), Some(Value::Int(number)));
        assert_eq!(attribute(p, abi::MPI_UNIVERSE_SIZE), Some(Value::Int(16)));
        let young = spawn(p, WORLD, &[command("app.wasm", 2)]);
        greet(p, young.comm.unwrap());
        let parent = p.rank.comm_get_parent().unwrap();
        greet(p, parent);
    }
    fn parent(p: &mut Process) {
        named(p, "app");
        assert_eq!(attribute(p, abi::MPI_APPNUM), Some(Value::Int(0)));
        let spawned = spawn(p, WORLD, &[command("./app", 1), command("app", 3)]);
        assert!(spawned.codes.iter().eq([0; 4]));
        greet(p, spawned.comm.unwrap());
    }
    let programs = [
        ("./app", child as Program),
        ("app", child),
        ("app.wasm", grandchild),
    ];
    run_spawning(&[0, 1, 1], parent, &programs);
}

#[test]
fn a_spawn_that_fails_fails_everywhere_with_the_reason() {
    fn parent(p: &mut Process) {
        named(p, "app");
        let failed = |spawned: crate::spawn::Spawned| {
            let error = spawned.comm.unwrap_err();
            (error.class, error.message, spawned.codes)
        };
        let (class, message, codes) = failed(spawn(p, WORLD, &[command("app", 13)]));
        assert_eq!((class, &*message), (Class::SPAWN, "no room"));
        assert!(codes.iter().eq([abi::MPI_ERR_SPAWN; 13]));
        // Who asks for too many costs the worker nothing.
        let (_, _, codes) = failed(spawn(p, WORLD, &[command("app", i32::MAX)]));
        assert_eq!(codes.count(), i32::MAX as u64);
        let (class, message, _) = failed(spawn(p, WORLD, &[command("other", 1)]));
        assert!(
            class == Class::SPAWN && message.contains("other"),
            "{message}"
        );
        for most in [-1, 0] {
            assert_eq!(
                failed(spawn(p, WORLD, &[command("app", most)])).0,
                Class::ARG
            );
        }
        let (rank, guest) = (&p.rank, &mut p.guest);
        let given = || Ok((String::new(), Vec::new()));
        let root = rank.comm_spawn(guest, WORLD, 2, given()).unwrap_err();
        assert_eq!(root.class, Class::ROOT);
        // It goes on as if nothing had been tried.
        ring(p, WORLD, 2);
    }
    run_spawning(&[0, 1], parent, &[]);
}

/// Starts nothing, and keeps the modules that were asked for.
struct Refuse {
    world: Arc<World>,
    modules: Mutex<Vec<Option<Vec<u8>>>>,
}

impl Launcher for Refuse {
    fn launch(&self, _: JobRank, question: u64, launch: Launch) {
        let modules = launch.programs.into_iter().map(|p| p.module);
        self.modules.lock().extend(modules);
        self.world.launched(question, Err("refused".to_owned()));
    }
}

#[test]
fn files_that_are_no_modules_are_passed_over() {
    let native = b"\x7fELF";
    let files = super::io::MemoryFiles::default();
    for name in ["/worker", "/lib/tool", "/app", "/native"] {
        files.put(name, native);
    }
    files.put("/worker.wasm", b"\0asm worker");
    files.put("/opt/tool.wasm", b"\0asm tool");
    let mut cluster = Cluster::new(&[0]);
    cluster.files = vec![Arc::new(files)];
    let refuse = Arc::new(Refuse {
        world: cluster.worlds[0].clone(),
        modules: Mutex::default(),
    });
    cluster.worlds[0].set_launcher(refuse.clone());
    cluster.run(|p| {
        p.rank.init().unwrap();
        named(p, "app");
        let info = p.rank.info_create().unwrap();
        p.rank.info_set(info, "path", "/lib:/opt").unwrap();
        for (name, module) in [
            ("./worker", Some(b"\0asm worker".to_vec())),
            ("tool", Some(b"\0asm tool".to_vec())),
            ("app", None),
        ] {
            let command = Command {
                info,
                ..command(name, 1)
            };
            let refused = spawn(p, WORLD, &[command]).comm.unwrap_err();
            assert_eq!(refused.message, "refused", "{name}");
            assert_eq!(refuse.modules.lock().pop(), Some(module), "{name}");
        }
        let refused = spawn(p, WORLD, &[command("./native", 1)]);
        let refused = refused.comm.unwrap_err();
        assert_eq!(refused.class, Class::SPAWN);
        assert!(refused.message.contains("\"/native\" is not a Wasm"));
        p.rank.finalize(&mut p.guest).unwrap();
    });
}

#[test]
fn families_connect_over_ports_with_names() {
    /// Accepts one connection per child process of `client`, alone and then together.
    fn server(p: &mut Process) {
        let mut name = String::new();
        if p.me == 0 {
            name = p.rank.open_port(NO_INFO).unwrap();
            p.rank
                .publish_name(&mut p.guest, "srv", NO_INFO, &name)
                .unwrap();
            let again = p.rank.publish_name(&mut p.guest, "srv", NO_INFO, &name);
            assert_eq!(again.unwrap_err().class, Class::SERVICE);
        }
        for _ in 0..2 {
            let (rank, guest) = (&p.rank, &mut p.guest);
            let client = rank
                .comm_accept(guest, Ok((name.clone(), NO_INFO)), 0, WORLD)
                .unwrap();
            greet(p, client);
            let merged = p.rank.intercomm_merge(&mut p.guest, client, true).unwrap();
            ring(p, merged, 5);
        }
        if p.me == 0 {
            let (rank, guest) = (&p.rank, &mut p.guest);
            let other = rank.unpublish_name(guest, "srv", NO_INFO, "other");
            assert_eq!(other.unwrap_err().class, Class::SERVICE);
            rank.unpublish_name(guest, "srv", NO_INFO, &name).unwrap();
            rank.close_port(guest, &name).unwrap();
            assert_eq!(
                rank.close_port(guest, &name).unwrap_err().class,
                Class::PORT
            );
        }
    }
    fn client(p: &mut Process) {
        let mut name = String::new();
        while p.me == 1 && name.is_empty() {
            match p.rank.lookup_name(&mut p.guest, "srv", NO_INFO) {
                Ok(port) => name = port,
                Err(e) => assert_eq!(e.class, Class::NAME),
            }
        }
        for _ in 0..2 {
            let (rank, guest) = (&p.rank, &mut p.guest);
            let server = rank
                .comm_connect(guest, Ok((name.clone(), NO_INFO)), 1, WORLD)
                .unwrap();
            greet(p, server);
            let merged = p.rank.intercomm_merge(&mut p.guest, server, false).unwrap();
            ring(p, merged, 5);
        }
        // The server closes the port, now or soon: nobody waits for ever.
        let (rank, guest) = (&p.rank, &mut p.guest);
        let late = rank
            .comm_connect(guest, Ok((name, NO_INFO)), 1, WORLD)
            .unwrap_err();
        assert_eq!(late.class, Class::PORT);
    }
    fn parent(p: &mut Process) {
        named(p, "app");
        spawn(p, WORLD, &[command("./app", 2)]).comm.unwrap();
        spawn(p, WORLD, &[command("app", 3)]).comm.unwrap();
    }
    for of_rank in [&[0, 0][..], &[0, 1], &[0, 1, 2]] {
        let programs = [("./app", server as Program), ("app", client)];
        run_spawning(of_rank, parent, &programs);
    }
}

#[test]
fn ports_that_are_none_are_refused_on_all_ranks() {
    run_both(3, |p| {
        let mut ports = vec!["otherhost:122".to_owned(), String::new()];
        let mine = p.rank.open_port(NO_INFO).unwrap();
        ports.push(mine.replace("job-1", "job-2"));
        ports.push(format!("{mine}77"));
        for port in ports {
            let (rank, guest) = (&p.rank, &mut p.guest);
            let refused = rank.comm_connect(guest, Ok((port.clone(), NO_INFO)), 1, WORLD);
            let refused = refused.unwrap_err();
            assert_eq!(refused.class, Class::PORT, "{port}");
            if port.contains("job-2") {
                assert!(refused.message.contains("job 2"), "{}", refused.message);
            }
            let refused = rank
                .comm_accept(guest, Ok((port, NO_INFO)), 2, WORLD)
                .unwrap_err();
            assert_eq!(refused.class, Class::PORT);
        }
        let nobody = mine.replace(&format!("rank-{}", p.me), "rank-4294967295");
        let closed = p.rank.close_port(&mut p.guest, &nobody);
        assert_eq!(closed.unwrap_err().class, Class::PORT);
        let missing = p.rank.lookup_name(&mut p.guest, "nobody", NO_INFO);
        assert_eq!(missing.unwrap_err().class, Class::NAME);
        ring(p, WORLD, 3);
    });
}

#[test]
fn a_port_of_a_rank_that_never_comes_is_given_up() {
    run_both(2, |p| {
        let info = p.rank.info_create().unwrap();
        p.rank.info_set(info, "timeout", "1").unwrap();
        let port = "faabric:job-1:rank-77:port-1".to_owned();
        let (rank, guest) = (&p.rank, &mut p.guest);
        let refused = rank.comm_connect(guest, Ok((port, info)), 1, WORLD);
        let refused = refused.unwrap_err();
        assert!(
            refused.class == Class::PORT && refused.message.contains("rank 77"),
            "{refused:?}"
        );
        ring(p, WORLD, 2);
    });
}

#[test]
fn a_connection_that_nobody_accepts_is_given_up() {
    run_both(2, |p| {
        let mut name = vec![0; 64];
        if p.me == 0 {
            let port = p.rank.open_port(NO_INFO).unwrap();
            name[..port.len()].copy_from_slice(port.as_bytes());
            let buffer = p.put(0, &name);
            p.rank
                .send(&mut p.guest, Standard, &buffer, to(1, 0))
                .unwrap();
            // The port stays open until the other one has given up.
            p.rank.recv(&mut p.guest, &span(0, 1), from(1, 1)).unwrap();
        } else {
            p.rank.recv(&mut p.guest, &span(0, 64), from(0, 0)).unwrap();
            let port = String::from_utf8(p.get(0, 64)).unwrap();
            let port = port.trim_end_matches('\0').to_owned();
            let info = p.rank.info_create().unwrap();
            p.rank.info_set(info, "timeout", "1").unwrap();
            let alone = CommHandle(abi::MPI_COMM_SELF);
            let (rank, guest) = (&p.rank, &mut p.guest);
            let late = rank.comm_connect(guest, Ok((port, info)), 0, alone);
            let late = late.unwrap_err();
            assert!(
                late.class == Class::PORT && late.message.contains("time"),
                "{late:?}"
            );
            p.rank
                .send(&mut p.guest, Standard, &span(0, 1), to(0, 1))
                .unwrap();
        }
    });
}
