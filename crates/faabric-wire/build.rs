//! Generates the gRPC types from `proto/`; protox parses them, so no protoc is needed.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/faabric.proto");
    let files = protox::compile(["proto/faabric.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
