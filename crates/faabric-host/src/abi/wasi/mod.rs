//! WASI preview 1.

use crate::abi::{Import, functions};
use crate::config::ProcessConfig;
use crate::ending::Stop;
use crate::granule::Granule;
use wasmer::FunctionEnvMut;

/// The WASI state of one process.
pub(crate) struct Wasi {}

impl Wasi {
    pub(crate) fn new(_config: &ProcessConfig) -> crate::Result<Self> {
        Ok(Self {})
    }
}

pub(crate) const FUNCTIONS: &[Import] = functions![proc_exit];

fn proc_exit(_env: FunctionEnvMut<'_, Granule>, code: u32) -> Result<(), Stop> {
    Err(Stop::Exit(code.cast_signed()))
}
