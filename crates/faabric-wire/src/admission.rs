//! Whether a worker that dials in is let in, and what becomes of the link there is.
//!
//! At first both sides of a pair may dial at once, and the connection that the lower
//! name dials is the one that counts. From then on only the side that dialled it dials
//! again when it breaks: it is known to reach the other.
//!
//! ```text
//! the link here                       who dials in                       verdict
//! none, or failed                     a new link                         new
//! not connected yet, dialling         a new link, lower name             join: theirs counts
//!                                     a new link, higher name            busy: ours will do
//! connected, or broken                the same link, a later attempt     join: go on with it
//!                                     the same link, no later attempt    busy: it is on its way out
//!                                     a new link of that process         replace: it gave ours up
//!                                     another process of that name       replace: it was restarted
//! any, but not the one resumed        -                                  refuse: it is lost
//! ```

use crate::handshake::Hello;

/// What counts of the link to a worker; nothing does of one that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its number here.
    pub(crate) number: u64,
    /// The other side, once there was a handshake.
    pub(crate) peer: Option<Peer>,
    pub(crate) dialler: Dialler,
}

/// The other side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its process.
    pub(crate) incarnation: u64,
    /// Its number of the link.
    pub(crate) link: u64,
}

/// Which side makes a link's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialler {
    Here,
    /// The last connection was made by its `attempt`.
    There {
        attempt: u64,
    },
}

/// What is to be done with a worker that dials in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Make a link for it.
    New,
    /// Its connection becomes that of the link there is.
    Join,
    /// The link there is fails, for this reason; make one.
    Replace(&'static str),
    /// Let it try again.
    Busy,
    /// Send it away for good.
    Refuse(&'static str),
}

/// Judges `hello`, which came to worker `own`.
pub(crate) fn judge(own: &str, link: Option<&Standing>, hello: &Hello) -> Verdict {
    let resumed = hello.resumes != 0;
    let Some(link) = link else {
        return if resumed { lost() } else { Verdict::New };
    };
    let Some(peer) = link.peer else {
        return match (resumed, *hello.from < *own) {
            (true, _) => lost(),
            (false, true) => Verdict::Join,
            (false, false) => Verdict::Busy,
        };
    };
    if hello.incarnation != peer.incarnation {
        return Verdict::Replace("the worker was restarted");
    }
    if hello.link > peer.link {
        return Verdict::Replace("the worker has given the connection up");
    }
    if hello.link < peer.link || resumed && hello.resumes != link.number {
        return lost();
    }
    match link.dialler {
        Dialler::There { attempt } if hello.attempt > attempt => Verdict::Join,
        Dialler::There { .. } | Dialler::Here => Verdict::Busy,
    }
}

fn lost() -> Verdict {
    Verdict::Refuse("it has given this connection up, or was restarted")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer {
        incarnation: 9,
        link: 5,
    };

    fn hello(incarnation: u64, link: u64, attempt: u64, resumes: u64) -> Hello {
        Hello {
            incarnation,
            link,
            attempt,
            resumes,
            received: 0,
            cluster: String::new(),
            from: "m".to_owned(),
            to: String::new(),
        }
    }

    fn standing(peer: Option<Peer>, dialler: Dialler) -> Option<Standing> {
        Some(Standing {
            number: 3,
            peer,
            dialler,
        })
    }

    #[test]
    fn every_row_of_the_table() {
        let there = standing(Some(PEER), Dialler::There { attempt: 4 });
        let here = standing(Some(PEER), Dialler::Here);
        let dialling = standing(None, Dialler::Here);
        let restarted = Verdict::Replace("the worker was restarted");
        let given_up = Verdict::Replace("the worker has given the connection up");
        for (own, link, hello, verdict) in [
            ("a", None, hello(9, 5, 1, 0), Verdict::New),
            ("a", None, hello(9, 5, 2, 3), lost()),
            ("z", dialling, hello(9, 5, 1, 0), Verdict::Join),
            ("a", dialling, hello(9, 5, 1, 0), Verdict::Busy),
            ("z", dialling, hello(9, 5, 2, 1), lost()),
            ("a", there, hello(9, 5, 5, 3), Verdict::Join),
            // Its welcome got lost: it does not know our number.
            ("a", there, hello(9, 5, 5, 0), Verdict::Join),
            ("a", there, hello(9, 5, 4, 3), Verdict::Busy),
            ("a", here, hello(9, 5, 1, 0), Verdict::Busy),
            ("a", here, hello(9, 6, 1, 0), given_up.clone()),
            ("a", there, hello(9, 6, 1, 0), given_up),
            ("a", there, hello(8, 1, 1, 0), restarted),
            ("a", there, hello(9, 4, 7, 0), lost()),
            ("a", there, hello(9, 5, 7, 2), lost()),
        ] {
            let got = judge(own, link.as_ref(), &hello);
            assert_eq!(got, verdict, "{own}, {link:?}, {hello:?}");
        }
    }
}
