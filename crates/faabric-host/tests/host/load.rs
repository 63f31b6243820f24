//! Loading: the prepared-module cache, and the background tier.

use crate::{config, tiers};
use faabric_host::{Compiler, Engine, EngineConfig, Module, Process, Tier};
use std::fs;
use std::path::{Path, PathBuf};

fn wasm() -> Vec<u8> {
    wat::parse_str(crate::exits_with("", "(i32.const 7)")).unwrap()
}

fn load(tier: Tier, cache: &Path) -> Module {
    let cache = Some(cache.to_owned());
    Engine::new(EngineConfig { tier, cache })
        .unwrap()
        .load(&wasm())
        .unwrap()
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries
}

fn runs(module: &Module) {
    assert_eq!(Process::new(module, config()).unwrap().run().code, 7);
}

#[test]
fn a_prepared_module_is_found_again() {
    for tier in tiers() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        runs(&load(tier, &cache));
        let first = entries(&cache);
        assert_eq!(first.len(), 1);
        let written = fs::metadata(&first[0]).unwrap().modified().unwrap();
        runs(&load(tier, &cache));
        assert_eq!(entries(&cache), first);
        assert_eq!(
            fs::metadata(&first[0]).unwrap().modified().unwrap(),
            written
        );
    }
}

#[test]
fn a_damaged_entry_is_built_again() {
    for tier in tiers() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        runs(&load(tier, &cache));
        let entry = entries(&cache).remove(0);
        let whole = fs::read(&entry).unwrap();
        for damage in [0, whole.len() / 2, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[damage] ^= 0x10;
            fs::write(&entry, bytes).unwrap();
            runs(&load(tier, &cache));
        }
        fs::write(&entry, &whole[..whole.len() / 2]).unwrap();
        runs(&load(tier, &cache));
        assert!(
            fs::read(&entry).unwrap().len() == whole.len(),
            "it is whole again"
        );
    }
}

#[test]
fn a_cache_on_a_full_disk_costs_only_time() {
    // /dev/full is no directory; a file in the way is refused alike.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    runs(&load(Tier::Cranelift, &file));
}

#[test]
fn the_same_module_is_loaded_once() {
    let engine = crate::engine(Tier::Cranelift);
    let first = engine.load(&wasm()).unwrap();
    let second = engine.load(&wasm()).unwrap();
    assert_eq!(first.hash(), second.hash());
    runs(&first);
    runs(&second);
}

#[test]
fn auto_runs_at_once_and_takes_llvm_from_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    if cfg!(feature = "llvm") {
        load(Tier::Llvm, &cache);
        let module = load(Tier::Auto, &cache);
        assert_eq!(module.compiler(), Compiler::Llvm);
        runs(&module);
    } else {
        assert_eq!(load(Tier::Auto, &cache).compiler(), Compiler::Cranelift);
        let error = Engine::new(EngineConfig {
            tier: Tier::Llvm,
            cache: None,
        });
        assert!(error.err().unwrap().to_string().contains("without LLVM"));
    }
}
