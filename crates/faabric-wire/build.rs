//! Generates the gRPC types from `proto/`; protox parses them, so no protoc is needed.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/faabric.proto");
    let files = protox::compile(["proto/faabric.proto"], ["proto"])?;
    // The planner's durable log holds job specifications and what jobs spawn. `default` lets a later
    // version add a field and still read an older log.
    let mut code = tonic_prost_build::configure();
    for message in ["JobSpec", "EnvVar", "Dir", "Family", "Program", "Numbers"] {
        code = code.type_attribute(
            format!("faabric.v1.{message}"),
            "#[derive(serde::Serialize, serde::Deserialize)] #[serde(default)]",
        );
    }
    code.compile_fds(files)?;
    Ok(())
}
