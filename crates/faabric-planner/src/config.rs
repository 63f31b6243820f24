//! The planner's configuration; the command line reads it from TOML, environment, flags.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that can be set. Times in milliseconds, sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one. Whoever can connect can run
    /// programs on the workers, so the default is this machine only.
    pub listen: String,
    /// Where log, modules and output are kept. Without it they are kept in memory and end
    /// with the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// A worker that is silent for longer is lost, and its jobs fail.
    pub lease_ms: u64,
    /// A worker whose connection closed, as that of a process that dies does, is lost when
    /// it does not come back within this time.
    pub grace_ms: u64,
    /// A worker that cannot reach the planner for this long stops its ranks; at least the
    /// lease. So long may a planner be away or frozen without harm to what runs.
    pub fence_ms: u64,
    /// Ranks that were told to stop and do not are taken as ended after this long.
    pub stop_ms: u64,
    /// A program that starts processes (`MPI_Comm_spawn`) waits for free slots this long,
    /// before queued jobs; then it gets an error.
    pub spawn_ms: u64,
    /// The policy of a new cluster; `faabric policy` changes it for good.
    pub policy: String,
    /// The largest program that may be stored.
    pub max_module: u64,
    /// How much of a job's output is kept: its end. Without `data_dir`, all finished jobs
    /// share as much once more.
    pub max_output: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7411".to_owned(),
            data_dir: None,
            lease_ms: 10_000,
            grace_ms: 3_000,
            fence_ms: 30_000,
            stop_ms: 10_000,
            spawn_ms: 5_000,
            policy: crate::policy::ALL[0].name().to_owned(),
            max_module: 256 << 20,
            max_output: 256 << 20,
        }
    }
}
