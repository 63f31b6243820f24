//! Rebuilds the crate when a file of `guest/`, which is embedded in it, changes.

fn main() {
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest");
    emit("cargo:rerun-if-changed=", guest);
}

/// Build scripts talk to cargo over stdout.
#[allow(clippy::print_stdout, reason = "cargo reads a build script's stdout")]
fn emit(key: &str, value: &str) {
    println!("{key}{value}");
}
