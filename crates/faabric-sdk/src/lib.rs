//! Builds the guest SDK and drives its compiler: `faabric cc` and `faabric c++`.
//!
//! ```text
//! ziglang wheel (clang, lld, musl, wasi-libc, libc++)     guest/ (embedded in this crate)
//!            \                                                /
//!             +------------- build::build --------------------+
//!                                |  once, cached by content
//!                     <cache>/sdk/<key>/{sysroot,resource,bin}
//!                                |
//!        driver::run(C | Cxx, args)  ->  clang with the flags a Wasm guest needs
//! ```
//!
//! A program is compiled with the command line it has always been compiled with; what Wasm needs
//! is added here, and what only a native target understands is dropped.

mod build;
pub mod driver;
mod error;
mod sdk;
mod target;
mod tree;
mod zig;

pub use error::{Error, Result};
pub use sdk::{Sdk, cache_directory};
pub use target::Target;
pub use zig::Zig;
