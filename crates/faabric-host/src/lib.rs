//! Runs Wasm: engine, linear memory, threads, module cache and the guest ABI.
