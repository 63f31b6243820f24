//! Linear memory: growth, limits, both kinds of declaration.

use crate::{config, engine, exits_with, expect_code, tiers};
use faabric_host::Process;

#[test]
fn grows_beyond_3_gib_in_place() {
    // 50,000 pages are 3.05 GiB; the first and the last word of it work.
    let body = "(i32.add
        (memory.grow (i32.const 49999))
        (block (result i32)
            (i32.store (i32.const 0) (i32.const 30))
            (i32.store (i32.const 0xc34ffffc) (i32.const 12))
            (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 0xc34ffffc)))))";
    expect_code(&exits_with("(memory 1)", body), 43);
}

#[test]
fn grows_to_the_whole_index_space_and_no_further() {
    let body = "(i32.add (memory.grow (i32.const 65535)) (memory.grow (i32.const 1)))";
    expect_code(&exits_with("(memory 1)", body), 0);
}

#[test]
fn imported_and_exported_memories_work() {
    let body = "(i32.add (memory.grow (i32.const 2)) (memory.size))";
    let data = r#"(data (i32.const 0) "\01")"#;
    expect_code(
        &exits_with(&format!("(memory (export \"memory\") 5) {data}"), body),
        12,
    );
    let imported = format!(
        r#"(module
            (import "env" "memory" (memory 5 10))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            {data}
            (func (export "_start") (call $exit {body})))"#
    );
    expect_code(&imported, 12);
}

#[test]
fn the_limit_holds() {
    let wat = exits_with("(memory 1)", "(memory.grow (i32.const 16))");
    for tier in tiers() {
        let module = engine(tier).load(&wat::parse_str(&wat).unwrap()).unwrap();
        let run = |limit| {
            let mut config = config();
            config.memory_limit = limit;
            Process::new(&module, config).map(|process| process.run().code)
        };
        assert_eq!(run(17 << 16).unwrap(), 1);
        assert_eq!(run(16 << 16).unwrap(), -1);
        let refused = run(100).unwrap_err().to_string();
        assert!(refused.contains("65536"), "{refused}");
    }
}
