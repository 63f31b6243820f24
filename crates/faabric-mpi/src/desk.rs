//! Where processes without a common communicator find each other: ports and names.
//!
//! ```text
//!   a port    is kept by the worker of the rank that opened it
//!   a name    by the worker of the job's rank 0
//!
//!   rank --Ask(topic, port), text--> that worker: now, or when another one comes
//!        <--Answer(class, rank, number), text--
//! ```
//! The worker's delivery threads answer, so nobody waits for the rank that opened the
//! port. Who accepts and who connects are brought together in the order in which they
//! came; what they then say to each other does not go through here ([`crate::connect`]).

use crate::error::{Class, Error, Result};
use crate::guest::Guest;
use crate::packet::{Body, Packet};
use crate::rank::Rank;
use crate::request::{Completion, Outcome};
use crate::world::World;
use faabric_wire::fabric::{Caller, Payload};
use faabric_wire::id;
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Topic {
    /// `MPI_Close_port`.
    Close,
    /// `MPI_Comm_accept`.
    Accept,
    /// `MPI_Comm_connect`.
    Connect,
    /// `MPI_Publish_name`; the text is the name, NUL, the port.
    Publish,
    /// `MPI_Unpublish_name`, likewise.
    Unpublish,
    /// `MPI_Lookup_name`; the text is the name.
    Lookup,
    /// The question of this number, a [`Topic::Connect`], has waited long enough: it is
    /// answered now, if it was not.
    Withdraw,
}

impl Topic {
    const ALL: [Topic; 7] = [
        Topic::Close,
        Topic::Accept,
        Topic::Connect,
        Topic::Publish,
        Topic::Unpublish,
        Topic::Lookup,
        Topic::Withdraw,
    ];

    /// The topic of this number.
    pub(crate) fn from_number(number: u32) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| *topic as u32 == number)
    }
}

/// What is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The class of the error that `text` describes, or 0.
    pub(crate) class: i32,
    /// Who is on the other side of a port.
    pub(crate) rank: u32,
    /// What the two sides have in common and nobody else.
    pub(crate) number: u64,
    /// The port of a name, or what is wrong.
    pub(crate) text: String,
}

impl Answer {
    fn refused(class: Class, text: impl Into<String>) -> Answer {
        Answer {
            class: class.0,
            text: text.into(),
            ..Answer::default()
        }
    }
}

/// A rank that waits for an answer, and the name of its question there.
#[derive(Clone, Copy, Debug)]
struct Asker {
    rank: u32,
    question: u64,
}

struct Port {
    owner: u32,
    accepting: VecDeque<Asker>,
    connecting: VecDeque<Asker>,
}

/// What one worker keeps, and what its ranks have asked.
#[derive(Default)]
pub(crate) struct Desk {
    ports: Mutex<Ports>,
    names: Mutex<HashMap<String, String>>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Ports {
    opened: u64,
    paired: u64,
    open: HashMap<u64, Port>,
}

#[derive(Default)]
struct Asked {
    last: u64,
    waiting: HashMap<u64, Arc<Question>>,
}

struct Question {
    completion: Completion,
    answer: OnceLock<Answer>,
}

impl Desk {
    /// Opens a port of local rank `owner`; gives its number.
    pub(crate) fn open(&self, owner: u32) -> u64 {
        let mut ports = self.ports.lock();
        ports.opened += 1;
        let number = ports.opened;
        let port = Port {
            owner,
            accepting: VecDeque::new(),
            connecting: VecDeque::new(),
        };
        ports.open.insert(number, port);
        number
    }

    fn publish(&self, text: &str) -> Answer {
        let (name, port) = text.split_once('\0').unwrap_or((text, ""));
        let mut names = self.names.lock();
        if names.contains_key(name) {
            let text = format!("service_name: {name:?} is published already");
            return Answer::refused(Class::SERVICE, text);
        }
        names.insert(name.to_owned(), port.to_owned());
        Answer::default()
    }

    fn unpublish(&self, text: &str) -> Answer {
        let (name, port) = text.split_once('\0').unwrap_or((text, ""));
        let mut names = self.names.lock();
        if names.get(name).is_some_and(|published| published == port) {
            names.remove(name);
            return Answer::default();
        }
        let text = match names.contains_key(name) {
            true => format!("service_name: {name:?} is published with another port"),
            false => format!("service_name: {name:?} is not published"),
        };
        Answer::refused(Class::SERVICE, text)
    }

    fn lookup(&self, name: &str) -> Answer {
        match self.names.lock().get(name) {
            Some(port) => Answer {
                text: port.clone(),
                ..Answer::default()
            },
            None => Answer::refused(
                Class::NAME,
                format!(
                    "service_name: no process of this job has published {name:?} (names of \
                     other jobs are not seen)"
                ),
            ),
        }
    }
}

impl World {
    /// Answers a question that is for this worker, now or later. `me` is whom it was
    /// sent to.
    pub(crate) fn serve_desk(
        &self,
        (me, from): (u32, u32),
        question: u64,
        (topic, port): (Topic, u64),
        text: &str,
    ) {
        let asker = Asker {
            rank: from,
            question,
        };
        let answer = match topic {
            Topic::Accept | Topic::Connect => return self.pair(me, port, topic, asker),
            Topic::Withdraw => return self.withdraw(me, port, asker),
            Topic::Close => self.close_port(me, port),
            Topic::Publish => self.desk.publish(text),
            Topic::Unpublish => self.desk.unpublish(text),
            Topic::Lookup => self.desk.lookup(text),
        };
        self.answer_desk(me, asker, answer);
    }

    fn pair(&self, me: u32, number: u64, side: Topic, asker: Asker) {
        let mut ports = self.desk.ports.lock();
        let Some(port) = ports.open.get_mut(&number) else {
            drop(ports);
            return self.answer_desk(me, asker, closed());
        };
        let (same, other) = match side {
            Topic::Accept => (&mut port.accepting, &mut port.connecting),
            _ => (&mut port.connecting, &mut port.accepting),
        };
        let Some(other) = other.pop_front() else {
            return same.push_back(asker);
        };
        ports.paired += 1;
        let number = ports.paired;
        drop(ports);
        for (to, rank) in [(asker, other.rank), (other, asker.rank)] {
            let answer = Answer {
                rank,
                number,
                ..Answer::default()
            };
            self.answer_desk(me, to, answer);
        }
    }

    fn withdraw(&self, me: u32, number: u64, asker: Asker) {
        let mut ports = self.desk.ports.lock();
        let Some(port) = ports.open.get_mut(&number) else {
            return;
        };
        let is_it = |a: &Asker| (a.rank, a.question) == (asker.rank, asker.question);
        let Some(at) = port.connecting.iter().position(is_it) else {
            return;
        };
        port.connecting.remove(at);
        drop(ports);
        let why = "port_name: nobody accepted a connection within the time";
        self.answer_desk(me, asker, Answer::refused(Class::PORT, why));
    }

    fn close_port(&self, me: u32, number: u64) -> Answer {
        let Some(port) = self.desk.ports.lock().open.remove(&number) else {
            return closed();
        };
        for asker in port.accepting.into_iter().chain(port.connecting) {
            self.answer_desk(me, asker, closed());
        }
        Answer::default()
    }

    /// Closes what a rank that ends has left open.
    pub(crate) fn close_ports_of(&self, owner: u32) {
        let ports = self.desk.ports.lock();
        let left = ports.open.iter().filter(|(_, port)| port.owner == owner);
        let left: Vec<u64> = left.map(|(number, _)| *number).collect();
        drop(ports);
        for number in left {
            self.close_port(owner, number);
        }
    }

    fn answer_desk(&self, me: u32, asker: Asker, answer: Answer) {
        if self.mailbox(asker.rank).is_some() {
            // A second answer to one question would be a bug of this file.
            let _ = self.take_desk_answer(asker.question, answer);
            return;
        }
        let packet = Packet {
            source: id::Rank(me),
            number: 0,
            body: Body::Answer {
                question: asker.question,
                class: answer.class,
                rank: answer.rank,
                number: answer.number,
            },
        };
        let (to, text) = (id::Rank(asker.rank), Payload::Bytes(answer.text.as_bytes()));
        if let Err(e) = self.dispatch(to, &packet, text, Caller::Delivery) {
            self.abort(1, e.message);
        }
    }

    /// The answer to a question of this worker's.
    pub(crate) fn take_desk_answer(&self, question: u64, answer: Answer) -> Result<(), String> {
        let waiting = self.desk.asked.lock().waiting.remove(&question);
        let asked = waiting.ok_or_else(|| format!("an answer to question {question}"))?;
        let error = (answer.class != 0).then(|| {
            let class = Class(answer.class);
            Error::new(class, answer.text.clone())
        });
        let _ = asked.answer.set(answer);
        self.finish(&asked.completion, Outcome::EMPTY, error);
        Ok(())
    }
}

fn closed() -> Answer {
    Answer::refused(Class::PORT, "port_name: the port is not open (any more)")
}

impl Rank {
    /// Asks the worker of rank `keeper`, which is known here, and waits for the answer.
    pub(crate) fn ask_desk(
        &self,
        guest: &mut dyn Guest,
        keeper: u32,
        about: (Topic, u64),
        text: &str,
    ) -> Result<Answer> {
        self.ask_desk_for(guest, keeper, about, text, None)
    }

    /// As [`Rank::ask_desk`], for a [`Topic::Connect`] not longer than `patience`.
    pub(crate) fn ask_desk_for(
        &self,
        guest: &mut dyn Guest,
        keeper: u32,
        (topic, port): (Topic, u64),
        text: &str,
        patience: Option<Duration>,
    ) -> Result<Answer> {
        let asked = Arc::new(Question {
            completion: Completion::new(self.world_rank),
            answer: OnceLock::new(),
        });
        let question = {
            let mut all = self.world.desk.asked.lock();
            all.last += 1;
            let question = all.last;
            all.waiting.insert(question, Arc::clone(&asked));
            question
        };
        let (world, me) = (Arc::clone(&self.world), self.world_rank);
        let ask =
            move |topic, text: &str| world.ask_keeper((keeper, me), question, (topic, port), text);
        ask(topic, text)?;
        let withdraw = move || {
            // If it cannot be said, the job is ending.
            let _ = ask(Topic::Withdraw, "");
        };
        let _timer = match patience {
            Some(patience) if !asked.completion.is_complete() => Timer::start(patience, withdraw),
            _ => None,
        };
        self.wait_for(guest, || asked.completion.result())??;
        Ok(asked.answer.get().cloned().unwrap_or_default())
    }
}

impl World {
    /// Asks the worker of `keeper` for rank `me`.
    fn ask_keeper(
        &self,
        (keeper, me): (u32, u32),
        question: u64,
        (topic, port): (Topic, u64),
        text: &str,
    ) -> Result<()> {
        if self.mailbox(keeper).is_some() {
            self.serve_desk((keeper, me), question, (topic, port), text);
            return Ok(());
        }
        let packet = Packet {
            source: id::Rank(me),
            number: 0,
            body: Body::Ask {
                question,
                topic,
                port,
            },
        };
        let text = Payload::Bytes(text.as_bytes());
        self.dispatch(id::Rank(keeper), &packet, text, Caller::Rank)
    }
}

/// Does something later, unless it is dropped before.
struct Timer(Arc<(Mutex<bool>, Condvar)>);

impl Timer {
    /// None when there is no thread to be had: then it is never done.
    fn start(after: Duration, then: impl FnOnce() + Send + 'static) -> Option<Timer> {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let timer = Timer(Arc::clone(&shared));
        let body = move || {
            let (dropped, changed) = &*shared;
            let mut dropped = dropped.lock();
            let waited = changed.wait_while_for(&mut dropped, |dropped| !*dropped, after);
            let due = waited.timed_out() && !*dropped;
            // Whoever drops the timer does not wait for what is done.
            drop(dropped);
            if due {
                then();
            }
        };
        let thread = std::thread::Builder::new().name("connect-timer".to_owned());
        thread.spawn(body).ok().map(|_| timer)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let (dropped, changed) = &*self.0;
        *dropped.lock() = true;
        changed.notify_all();
    }
}
