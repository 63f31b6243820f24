//! Linear memory as wasmer sees it.

use crate::memory::region::Region;
use std::sync::Arc;

/// A handle to a [`Region`] that wasmer holds for an instance.
#[derive(Debug)]
pub(crate) struct Linear {
    region: Arc<Region>,
}
