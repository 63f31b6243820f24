//! The `faabric` command: one file per subcommand.
fn main() {}
