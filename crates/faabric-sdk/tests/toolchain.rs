//! The compiler driver end to end: what it builds is a valid module with the right shape. Running
//! the programs of `tests/guest` is up to the tests of the whole repository.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use faabric_sdk::Error;
use faabric_sdk::driver::{self, Language};
use wasmparser::{Parser, Payload, TypeRef, Validator, WasmFeatures};

/// A directory with one source file in it.
struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn new(name: &str, source: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), source).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the driver; `{}` in an argument stands for the directory.
    fn run(&self, language: Language, args: &[&str]) -> Result<i32, Error> {
        let dir = self.dir.path().display().to_string();
        let args = args
            .iter()
            .map(|arg| OsString::from(arg.replace("{}", &dir)))
            .collect();
        driver::run(language, args)
    }

    fn build(&self, language: Language, args: &[&str]) -> Module {
        assert_eq!(self.run(language, args).unwrap(), 0);
        Module::read(&self.path("out"))
    }
}

/// What the tests ask of a module.
#[derive(Default, Debug)]
struct Module {
    imports: Vec<(String, String)>,
    exports: Vec<String>,
    shared_memory: bool,
    maximum_pages: Option<u64>,
    tags: u32,
    has_names: bool,
}

impl Module {
    /// Reads a module, and checks that it is valid without the legacy exception instructions.
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let features = WasmFeatures::all() - WasmFeatures::LEGACY_EXCEPTIONS;
        Validator::new_with_features(features)
            .validate_all(&bytes)
            .unwrap();
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(&bytes) {
            match payload.unwrap() {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.unwrap();
                        if let TypeRef::Memory(memory) = import.ty {
                            module.shared_memory = memory.shared;
                            module.maximum_pages = memory.maximum;
                        }
                        module
                            .imports
                            .push((import.module.into(), import.name.into()));
                    }
                }
                Payload::MemorySection(section) => {
                    module.maximum_pages = section.into_iter().next().unwrap().unwrap().maximum;
                }
                Payload::ExportSection(section) => {
                    module
                        .exports
                        .extend(section.into_iter().map(|e| e.unwrap().name.to_owned()));
                }
                Payload::TagSection(section) => module.tags = section.count(),
                Payload::CustomSection(section) => module.has_names |= section.name() == "name",
                _ => {}
            }
        }
        module
    }

    fn import_modules(&self) -> Vec<&str> {
        let mut names: Vec<_> = self
            .imports
            .iter()
            .map(|(module, _)| module.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

#[test]
fn a_c_program_is_one_module_over_wasi() {
    let module = Project::new("a.c", HELLO).build(Language::C, &["{}/a.c", "-o", "{}/out"]);
    assert_eq!(module.import_modules(), ["wasi_snapshot_preview1"]);
    assert!(module.exports.contains(&"_start".to_owned()));
    assert!(module.exports.contains(&"memory".to_owned()));
    assert_eq!(module.maximum_pages, Some(65536));
    assert!(!module.shared_memory);
    assert!(module.has_names);
}

#[test]
fn executables_are_executable_and_stripped_on_request() {
    let project = Project::new("a.c", HELLO);
    let module = project.build(Language::C, &["-s", "-O2", "{}/a.c", "-o", "{}/out"]);
    assert!(!module.has_names);
    let mode = std::fs::metadata(project.path("out"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, (mode & 0o444) >> 2);
}

#[test]
fn cxx_exceptions_use_the_final_instructions() {
    let source = "#include <stdexcept>\n#include <iostream>\n\
        int main() { try { throw std::runtime_error(\"x\"); }\n\
        catch (const std::exception &e) { std::cout << e.what(); } }\n";
    let module = Project::new("a.cc", source).build(Language::Cxx, &["{}/a.cc", "-o", "{}/out"]);
    assert_eq!(module.import_modules(), ["wasi_snapshot_preview1"]);
    assert_eq!(module.tags, 1);
}

/// What LAMMPS's MISC package takes for granted, and every program that was written where
/// the C library is glibc.
#[test]
fn names_that_glibc_declares_along_with_others_are_there() {
    let source = r#"
        #include <cstdlib>
        caddr_t old(u_int number) { return (caddr_t)std::malloc(number); }
        #include <sys/socket.h>
        #include <sys/un.h>
        #ifndef _POSIX_SOURCE
        #error no _POSIX_SOURCE
        #endif
        int main() { sockaddr_un name; name.sun_path[0] = 0; return old(sizeof name) == nullptr; }
    "#;
    let project = Project::new("main.cpp", source);
    project.build(
        Language::Cxx,
        &["-std=c++11", "{}/main.cpp", "-o", "{}/out"],
    );
}

#[test]
fn setjmp_needs_no_flag() {
    let source = "#include <setjmp.h>\njmp_buf b; void f(void) { longjmp(b, 1); }\n\
        int main(void) { if (!setjmp(b)) f(); return 0; }\n";
    let module = Project::new("a.c", source).build(Language::C, &["-O1", "{}/a.c", "-o", "{}/out"]);
    assert_eq!(module.tags, 1);
}

#[test]
fn pthread_makes_a_shared_memory_program() {
    let source = "#include <pthread.h>\nvoid *f(void *p) { return p; }\n\
        int main(void) { pthread_t t; return pthread_create(&t, 0, f, 0) || pthread_join(t, 0); }\n";
    let project = Project::new("a.c", source);
    let module = project.build(Language::C, &["-pthread", "{}/a.c", "-o", "{}/out"]);
    assert_eq!(
        module.import_modules(),
        ["env", "wasi", "wasi_snapshot_preview1"]
    );
    assert!(module.imports.contains(&("env".into(), "memory".into())));
    assert!(
        module
            .imports
            .contains(&("wasi".into(), "thread-spawn".into()))
    );
    assert!(module.exports.contains(&"wasi_thread_start".to_owned()));
    assert!(module.shared_memory);
    assert_eq!(module.maximum_pages, Some(65536));
}

#[test]
fn a_library_may_have_the_main_function() {
    let project = Project::new("main.c", "int main(int argc, char **argv) { return argc; }");
    let compile = ["-c", "{}/main.c", "-o", "{}/main.o"];
    assert_eq!(project.run(Language::C, &compile).unwrap(), 0);
    let (library, object) = (project.path("libmain.a"), project.path("main.o"));
    let archive = ["rcs".into(), library.into(), object.into()];
    assert_eq!(driver::tool("ar", archive.to_vec()).unwrap(), 0);
    let module = project.build(Language::C, &["{}/libmain.a", "-o", "{}/out"]);
    assert!(module.exports.contains(&"_start".to_owned()));
}

#[test]
fn a_reactor_has_no_start() {
    let source = "__attribute__((export_name(\"f\"))) int f(void) { return 1; }\n";
    let args = ["-mexec-model=reactor", "{}/a.c", "-o", "{}/out"];
    let module = Project::new("a.c", source).build(Language::C, &args);
    assert!(module.exports.contains(&"_initialize".to_owned()));
    assert!(module.exports.contains(&"f".to_owned()));
    assert!(!module.exports.contains(&"_start".to_owned()));
}

#[test]
fn compiling_and_linking_in_two_steps_with_native_flags() {
    let project = Project::new("a.c", HELLO);
    let flags = [
        "-c",
        "-O3",
        "-march=native",
        "-fPIC",
        "-g",
        "{}/a.c",
        "-o",
        "{}/a.o",
    ];
    assert_eq!(project.run(Language::C, &flags).unwrap(), 0);
    let flags = [
        "-rdynamic",
        "-Wl,-rpath,/usr/lib",
        "{}/a.o",
        "-ldl",
        "-lm",
        "-o",
        "{}/out",
    ];
    project.build(Language::C, &flags);
}

#[test]
fn link_time_optimisation_keeps_the_exception_form() {
    let source = "int f(int); struct X { ~X(); int v; }; X::~X() { v = 0; }\n\
        int f(int n) { if (n > 1) throw n; return n; }\n\
        int main(int n, char **) { try { X x; return f(n); } catch (int e) { return e; } }\n";
    let args = ["-flto", "-O2", "{}/a.cc", "-o", "{}/out"];
    Project::new("a.cc", source).build(Language::Cxx, &args);
}

#[test]
fn errors_have_the_compilers_exit_code() {
    let project = Project::new("a.c", "int main(void) { return missing(); }\n");
    assert_ne!(
        project
            .run(Language::C, &["{}/a.c", "-o", "{}/out"])
            .unwrap(),
        0
    );
    assert!(!project.path("out").exists());
}

#[test]
fn openmp_is_refused_until_its_runtime_exists() {
    let sdk = faabric_sdk::Sdk::ensure().unwrap();
    if sdk
        .lib(faabric_sdk::Target::Threads)
        .join("libomp.a")
        .exists()
    {
        return;
    }
    let project = Project::new("a.c", HELLO);
    let error = project
        .run(Language::C, &["-fopenmp", "{}/a.c", "-o", "{}/out"])
        .unwrap_err();
    assert!(error.to_string().contains("OpenMP"), "{error}");
    assert_eq!(
        project
            .run(Language::C, &["-fopenmp", "-c", "{}/a.c", "-o", "{}/a.o"])
            .unwrap(),
        0
    );
}

#[test]
fn the_guest_test_programs_build() {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guest");
    let out = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&guest).unwrap() {
        let path = entry.unwrap().path();
        let language = match path.extension().and_then(|e| e.to_str()) {
            Some("c") => Language::C,
            Some("cpp") => Language::Cxx,
            _ => continue,
        };
        let program = out.path().join(path.file_stem().unwrap());
        let mut args: Vec<OsString> =
            vec![path.clone().into(), "-o".into(), program.clone().into()];
        if language == Language::Cxx {
            args.push("-std=c++20".into());
        }
        if std::fs::read_to_string(&path)
            .unwrap()
            .contains("// build: -pthread")
        {
            args.push("-pthread".into());
        }
        assert_eq!(
            driver::run(language, args).unwrap(),
            0,
            "{}",
            path.display()
        );
        Module::read(&program);
    }
}
