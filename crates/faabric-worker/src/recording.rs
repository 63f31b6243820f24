//! What a rank reports of its MPI calls, when the job asks for it.

use crate::job::Job;
use crate::outbox::Outbox;
use faabric_mpi::observe::{Recorder, Sink};
use faabric_wire::id::Rank;
use faabric_wire::proto::from_worker::Message;
use faabric_wire::proto::{MpiReport, Output, Stream};
use prost::Message as _;
use std::sync::Arc;

/// One rank's recording; it is finished when dropped.
pub(crate) struct Recording(Arc<Recorder>);

impl Recording {
    /// Starts to record, if the job asks for it. Before the rank's process is made.
    pub(crate) fn start(job: &Job, rank: Rank) -> Option<Self> {
        let spec = &job.spec;
        if !spec.mpi_summary && !spec.mpi_trace {
            return None;
        }
        // Kept for the whole rank: its calls must not change their order.
        let offset = job.shared.alignment.offset();
        let way = Way {
            outbox: Arc::clone(&job.shared.outbox),
            worker: job.shared.name.clone(),
            job: job.id.0,
            rank: rank.0,
            clock_error_ns: offset.map(|offset| offset.error_ns),
        };
        let offset_ns = offset.map_or(0, |offset| offset.ns);
        let recorder = Arc::new(Recorder::new(spec.mpi_trace, offset_ns, Box::new(way)));
        job.world.record(rank, Arc::clone(&recorder));
        Some(Self(recorder))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// The way to the client: the rank's output, in a stream of its own.
struct Way {
    outbox: Arc<Outbox>,
    worker: String,
    job: u64,
    rank: u32,
    clock_error_ns: Option<u64>,
}

impl Way {
    fn output(&self, mut piece: MpiReport) -> Output {
        piece.worker.clone_from(&self.worker);
        piece.clock_error_ns = self.clock_error_ns;
        Output {
            job: self.job,
            rank: self.rank,
            stream: Stream::Mpi.into(),
            data: piece.encode_to_vec(),
            offset: 0,
        }
    }
}

impl Sink for Way {
    fn offer(&self, piece: MpiReport) -> bool {
        self.outbox.try_report(self.output(piece))
    }

    fn last(&self, piece: MpiReport) {
        self.outbox.report(Message::Output(self.output(piece)));
    }
}
