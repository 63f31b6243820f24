//! This worker's clock compared with the planner's, so that a timeline of several workers
//! is in order.
//!
//! ```text
//!  worker    sent --Heartbeat--> .                 . --Clock--> now
//!  planner                       '-- planner_ns ---'
//! ```
//! The planner read its clock somewhere between `sent` and `now`; taken as the middle, the
//! error is at most half of the way there and back. Hello and Welcome are such a pair too. Of the last answers the one that was
//! quickest counts. Where worker and planner run on one machine they read the same clock,
//! and the offset is exactly 0: the boot id says so, unless the answers contradict it (two
//! containers may have clocks of their own).

use faabric_wire::clock;
use faabric_wire::proto::Clock;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Answers that are remembered. Clocks drift apart by some microseconds a second, so old
/// ones are worth little.
const REMEMBERED: usize = 16;

/// What is added to this worker's `CLOCK_MONOTONIC` to get the planner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset {
    pub(crate) ns: i64,
    /// By how much `ns` may be wrong.
    pub(crate) error_ns: u64,
}

/// The comparison of the clocks.
#[derive(Debug, Default)]
pub(crate) struct Alignment {
    answers: Mutex<VecDeque<Offset>>,
}

impl Alignment {
    /// The planner has answered a heartbeat.
    pub(crate) fn answered(&self, answer: &Clock) {
        self.answered_at(answer, clock::monotonic_ns(), clock::boot());
    }

    fn answered_at(&self, answer: &Clock, now_ns: i64, boot: &str) {
        let Some(trip) = now_ns.checked_sub(answer.sent_ns).filter(|&trip| trip >= 0) else {
            return; // not an answer to anything that was sent
        };
        let middle = answer.sent_ns + trip / 2;
        let mut offset = Offset {
            ns: answer.planner_ns.saturating_sub(middle),
            error_ns: trip.cast_unsigned().div_ceil(2),
        };
        let one_machine = !boot.is_empty() && boot == answer.boot;
        if one_machine && offset.ns.unsigned_abs() <= offset.error_ns {
            offset = Offset { ns: 0, error_ns: 0 };
        }
        let mut answers = self.answers.lock();
        answers.truncate(REMEMBERED - 1);
        answers.push_front(offset);
    }

    /// The best that is known; none before the planner has answered.
    pub(crate) fn offset(&self) -> Option<Offset> {
        let answers = self.answers.lock();
        answers.iter().min_by_key(|answer| answer.error_ns).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sent_ns: i64, planner_ns: i64) -> Clock {
        let boot = "a".to_owned();
        Clock {
            sent_ns,
            planner_ns,
            boot,
        }
    }

    #[test]
    fn the_quickest_answer_counts() {
        let alignment = Alignment::default();
        assert_eq!(alignment.offset(), None);
        // The planner's clock is 1000 ahead; the first answer is late on its way back.
        alignment.answered_at(&answer(0, 1010), 400, "b");
        let late = Offset {
            ns: 810,
            error_ns: 200,
        };
        assert_eq!(alignment.offset(), Some(late));
        alignment.answered_at(&answer(500, 1510), 520, "b");
        let quick = Offset {
            ns: 1000,
            error_ns: 10,
        };
        assert_eq!(alignment.offset(), Some(quick));
        alignment.answered_at(&answer(600, 1700), 900, "b");
        assert_eq!(alignment.offset(), Some(quick));
        assert!((late.ns - quick.ns).unsigned_abs() <= late.error_ns);
    }

    #[test]
    fn old_answers_are_forgotten() {
        let alignment = Alignment::default();
        alignment.answered_at(&answer(0, 5), 2, "b");
        for n in 1..=16 {
            alignment.answered_at(&answer(n * 1000, n * 1000 + 50), n * 1000 + 20, "b");
        }
        assert_eq!(alignment.offset().map(|offset| offset.error_ns), Some(10));
    }

    #[test]
    fn on_one_machine_the_clock_is_the_same_unless_it_is_not() {
        let alignment = Alignment::default();
        alignment.answered_at(&answer(0, 90), 100, "a");
        let same = Offset { ns: 0, error_ns: 0 };
        assert_eq!(alignment.offset(), Some(same));
        let other = Alignment::default();
        other.answered_at(&answer(0, 7_000), 100, "a");
        assert_eq!(other.offset().map(|offset| offset.ns), Some(6_950));
    }

    #[test]
    fn an_answer_from_the_future_is_ignored() {
        let alignment = Alignment::default();
        alignment.answered_at(&answer(100, 100), 50, "a");
        assert_eq!(alignment.offset(), None);
    }
}
