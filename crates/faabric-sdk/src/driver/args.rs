//! Reads a clang command line: just enough of it to know what will happen.
//!
//! A flag goes one of three ways: through to clang, away (it means something to a native target
//! only), or it changes what we add. Response files are read so that a flag in one counts.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::target::Target;

/// How far the compiler is told to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// `-E`, `-M`, `-fsyntax-only`, `-S`, `-c`: no linking.
    Compile,
    /// To an executable.
    Link,
    /// `-r`: objects to one object.
    Relocatable,
}

/// A question the driver answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Version,
    Sysroot,
    CmakeToolchain,
    Machine,
}

/// What a command line asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) target: Target,
    pub(super) phase: Phase,
    pub(super) question: Option<Question>,
    /// Flags and files for clang, in their order.
    pub(super) args: Vec<OsString>,
    /// Flags that were dropped, to be told under `-v`.
    pub(super) dropped: Vec<String>,
    /// Where an executable goes.
    pub(super) output: PathBuf,
    pub(super) openmp: bool,
    pub(super) verbose: bool,
    /// `-###`: clang prints its commands and runs none.
    pub(super) dry_run: bool,
    /// `-mexec-model=reactor`: exports, and no `main`.
    pub(super) reactor: bool,
    /// `-flto` in any form.
    pub(super) lto: bool,
    /// `-s` or `-Wl,-s`.
    pub(super) stripped: bool,
    /// `-nostdlib` or `-nodefaultlibs`: the libraries are the caller's business.
    pub(super) no_default_libraries: bool,
    /// Is there any source, object or library to work on?
    pub(super) has_input: bool,
}

/// Flags for a native processor, loader or linker. A guest is one static module for a virtual
/// machine, so it has these properties anyway or cannot have them.
#[rustfmt::skip]
const NATIVE_ONLY: &[&str] = &[
    "-fPIC", "-fpic", "-fPIE", "-fpie", "-fno-pie", "-fno-PIE", "-fno-PIC", "-fno-pic", "-pie",
    "-no-pie", "-nopie", "-rdynamic", "-static", "-static-libgcc", "-static-libstdc++",
    "-static-pie", "-shared-libgcc", "-fno-plt", "-fcf-protection", "-fstack-clash-protection",
    "-fno-stack-clash-protection", "-m32", "-m64", "-mthreads", "-fopenmp-simd-default",
    "-export-dynamic", "-Bdynamic", "-Bstatic", "-fno-semantic-interposition",
    "-fexcess-precision=fast", "-ffat-lto-objects", "-fno-fat-lto-objects", "-pipe",
];

/// The same, by how they begin.
#[rustfmt::skip]
const NATIVE_ONLY_PREFIXES: &[&str] = &[
    "-march=", "-mtune=", "-mcpu=", "-mfpmath=", "-mavx", "-msse", "-mfma", "-mbmi", "-mpopcnt",
    "-mf16c", "-mno-avx", "-mno-sse", "-mno-fma", "-mprefer-vector-width", "-mcmodel=",
    "-mfloat-abi=", "-mfpu=", "-mstackrealign", "-fcf-protection=", "-fstack-protector",
    "-fno-stack-protector", "-qopenmp-simd",
];

/// Linker options (after `-Wl,`) for ELF.
#[rustfmt::skip]
const ELF_ONLY: &[&str] = &[
    "--as-needed", "--no-as-needed", "--export-dynamic", "-export-dynamic", "-E", "--enable-new-dtags",
    "--disable-new-dtags", "--no-copy-dt-needed-entries", "--copy-dt-needed-entries", "-Bsymbolic",
    "-Bsymbolic-functions", "-Bdynamic", "-Bstatic", "--build-id", "--no-undefined", "--eh-frame-hdr",
    "--start-group", "--end-group", "-(", "-)", "--allow-shlib-undefined", "--no-allow-shlib-undefined",
    "--no-keep-memory", "--reduce-memory-overheads", "--gdb-index", "--discard-all", "-x",
];

/// The same, by how they begin.
#[rustfmt::skip]
const ELF_ONLY_PREFIXES: &[&str] = &[
    "-rpath", "--rpath", "-soname", "--soname", "--hash-style", "--build-id=", "--version-script",
    "-rpath-link", "--rpath-link", "--dynamic-linker", "-dynamic-linker", "-z", "--sort-common",
    "--dynamic-list", "-melf", "--threads",
];

/// clang flags whose value is the next argument; their values are not inputs.
#[rustfmt::skip]
const WITH_VALUE: &[&str] = &[
    "-o", "-I", "-L", "-D", "-U", "-x", "-include", "-imacros", "-isystem", "-iquote", "-idirafter",
    "-isysroot", "-MF", "-MT", "-MQ", "-MJ", "-Xclang", "-Xlinker", "-Xassembler", "-Xpreprocessor",
    "-mllvm", "-T", "-u", "-e", "-z", "-l", "-target", "-resource-dir", "-B", "-arch", "-framework",
    "-iprefix", "-iwithprefix", "-iwithprefixbefore", "-iwithsysroot", "--param", "-aux-info", "-G",
    "-dumpbase", "-dumpdir", "-gcc-toolchain", "--config",
];

impl Request {
    /// Understands `args`, what follows `faabric cc`.
    pub(super) fn parse(args: Vec<OsString>) -> Result<Self> {
        let mut request = Self {
            target: Target::Single,
            phase: Phase::Link,
            question: None,
            args: Vec::new(),
            dropped: Vec::new(),
            output: "a.out".into(),
            openmp: false,
            verbose: false,
            dry_run: false,
            reactor: false,
            lto: false,
            stripped: false,
            no_default_libraries: false,
            has_input: false,
        };
        let mut rest: VecDeque<OsString> = expand_response_files(args)?.into();
        while let Some(arg) = rest.pop_front() {
            request.take(arg, &mut rest)?;
        }
        Ok(request)
    }

    fn take(&mut self, arg: OsString, rest: &mut VecDeque<OsString>) -> Result<()> {
        let text = arg.to_string_lossy().into_owned();
        if !text.starts_with('-') || text == "-" {
            self.has_input = true;
            self.args.push(arg);
            return Ok(());
        }
        if let Some(options) = text.strip_prefix("-Wl,") {
            self.take_linker_options(options);
            return Ok(());
        }
        if self.take_question(&text) || self.take_native_only(&text) {
            return Ok(());
        }
        self.note_mode(&text)?;
        match text.as_str() {
            "-shared" | "-dynamiclib" => return Err(shared_library()),
            // What they choose is chosen by the target below, in the right form.
            "-pthread" | "-pthreads" => return Ok(()),
            "-target" => return self.take_target(&rest.pop_front().unwrap_or_default()),
            "-lstdc++" => self.args.push("-lc++".into()),
            "-z" => {
                let value = rest.pop_front().unwrap_or_default();
                self.take_linker_options(&format!("-z,{}", value.to_string_lossy()));
                return Ok(());
            }
            "-Xlinker" => {
                let value = rest.pop_front().unwrap_or_default();
                self.take_linker_options(&value.to_string_lossy());
                return Ok(());
            }
            _ => {
                if let Some(target) = text.strip_prefix("--target=") {
                    return self.take_target(&target.into());
                }
                if let Some(output) = text.strip_prefix("-o").filter(|o| !o.is_empty()) {
                    self.output = output.into();
                }
                self.args.push(arg);
            }
        }
        if WITH_VALUE.contains(&text.as_str())
            && let Some(value) = rest.pop_front()
        {
            if text == "-o" {
                self.output = value.clone().into();
            }
            self.has_input |= text == "-l";
            self.args.push(value);
        }
        Ok(())
    }

    /// Remembers what a flag that clang gets too says about the run.
    fn note_mode(&mut self, text: &str) -> Result<()> {
        match text {
            "-c" | "-S" | "-E" | "-M" | "-MM" | "-fsyntax-only" | "--precompile" | "-emit-ast"
            | "--analyze" => self.phase = Phase::Compile,
            "-r" => self.phase = Phase::Relocatable,
            "-pthread" | "-pthreads" => self.target = Target::Threads,
            "-v" => self.verbose = true,
            "-###" => self.dry_run = true,
            "-s" => self.stripped = true,
            "-nostdlib" | "-nodefaultlibs" => self.no_default_libraries = true,
            "-mexec-model=reactor" => self.reactor = true,
            "-fno-openmp" => self.openmp = false,
            _ if text == "-fopenmp" || text.starts_with("-fopenmp=") => {
                self.openmp = true;
                self.target = Target::Threads;
            }
            _ if text == "-flto" || text.starts_with("-flto=") => self.lto = true,
            _ if text.starts_with("-l") => self.has_input = true,
            _ if text.starts_with("-fwasm-exceptions") => {}
            _ if text == "-wasm-use-legacy-eh" || text == "-wasm-use-legacy-eh=true" => {
                return Err(Error::Usage(
                    "the legacy exception instructions do not run here: leave out \
                     -wasm-use-legacy-eh, the final form is what faabric cc emits"
                        .into(),
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn take_question(&mut self, text: &str) -> bool {
        self.question = Some(match text {
            "--version" => Question::Version,
            "--print-sysroot" | "-print-sysroot" => Question::Sysroot,
            "--print-cmake-toolchain" => Question::CmakeToolchain,
            "-dumpmachine" | "--dumpmachine" => Question::Machine,
            _ => return false,
        });
        true
    }

    fn take_native_only(&mut self, text: &str) -> bool {
        let native = NATIVE_ONLY.contains(&text)
            || NATIVE_ONLY_PREFIXES
                .iter()
                .any(|prefix| text.starts_with(prefix));
        if native {
            self.dropped.push(text.to_owned());
        }
        native
    }

    fn take_target(&mut self, target: &OsString) -> Result<()> {
        match &*target.to_string_lossy() {
            "wasm32-wasip1-threads" | "wasm32-wasi-threads" | "wasm32-unknown-wasip1-threads" => {
                self.target = Target::Threads;
            }
            "wasm32-wasip1" | "wasm32-wasi" | "wasm32-unknown-wasi" | "wasm32-unknown-wasip1" => {}
            other => {
                return Err(Error::Usage(format!(
                    "faabric cc compiles for wasm32-wasip1 and wasm32-wasip1-threads, not for \
                     {other}; leave --target out and use -pthread for threads"
                )));
            }
        }
        Ok(())
    }

    /// Passes on what wasm-ld understands of a `-Wl,a,b,c` list.
    fn take_linker_options(&mut self, list: &str) {
        let mut options = list.split(',');
        let mut kept: Vec<&str> = Vec::new();
        while let Some(option) = options.next() {
            let elf = ELF_ONLY.contains(&option)
                || (ELF_ONLY_PREFIXES.iter().any(|prefix| option.starts_with(prefix))
                    // The one -z that wasm-ld has.
                    && !option.starts_with("-zstack-size"));
            if option == "-z" {
                match options.next() {
                    Some(value) if value.starts_with("stack-size") => kept.extend(["-z", value]),
                    value => self
                        .dropped
                        .push(format!("-Wl,-z,{}", value.unwrap_or_default())),
                }
            } else if elf {
                let takes_value = ["-rpath", "--rpath", "-soname", "--soname", "-rpath-link"];
                if takes_value.contains(&option) {
                    options.next();
                }
                self.dropped.push(format!("-Wl,{option}"));
            } else {
                self.stripped |= option == "-s" || option == "--strip-all";
                kept.push(option);
            }
        }
        if !kept.is_empty() {
            self.args.push(format!("-Wl,{}", kept.join(",")).into());
        }
    }

    /// Whether clang will call the linker.
    pub(super) fn links(&self) -> bool {
        self.has_input && self.phase == Phase::Link
    }
}

fn shared_library() -> Error {
    Error::Usage(
        "a guest is one static module: -shared is not supported; build a static library instead \
         (./configure --disable-shared, cmake -DBUILD_SHARED_LIBS=OFF)"
            .into(),
    )
}

/// Replaces each `@file` by the arguments in it, quoted as clang reads them.
fn expand_response_files(args: Vec<OsString>) -> Result<Vec<OsString>> {
    let mut expanded = Vec::with_capacity(args.len());
    for arg in args {
        let text = arg.to_string_lossy();
        match text.strip_prefix('@').map(std::fs::read_to_string) {
            Some(Ok(content)) => {
                let inner = split_quoted(&content)
                    .into_iter()
                    .map(OsString::from)
                    .collect();
                expanded.extend(expand_response_files(inner)?);
            }
            // As clang does: what is not a file is an argument.
            _ => expanded.push(arg),
        }
    }
    Ok(expanded)
}

/// Splits at white space; quotes group, and a backslash takes the next character as it is.
fn split_quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', q) if q != Some('\'') => {
                word.get_or_insert_default().extend(chars.next());
            }
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn parse(args: &[&str]) -> Request {
        Request::parse(args.iter().map(OsString::from).collect()).unwrap()
    }

    #[test]
    fn threads_come_with_pthread_openmp_or_the_target() {
        assert_eq!(parse(&["a.c"]).target, Target::Single);
        assert_eq!(parse(&["-pthread", "a.c"]).target, Target::Threads);
        assert_eq!(parse(&["-fopenmp", "a.c"]).target, Target::Threads);
        assert_eq!(
            parse(&["--target=wasm32-wasip1-threads", "a.c"]).target,
            Target::Threads
        );
        assert_eq!(
            parse(&["-target", "wasm32-wasi-threads", "a.c"]).target,
            Target::Threads
        );
    }

    #[test]
    fn native_flags_are_dropped_and_the_rest_stays_in_order() {
        let request = parse(&[
            "-O2",
            "-march=native",
            "-fPIC",
            "-Wl,-rpath,/opt/lib",
            "-Wl,--as-needed",
            "-L.",
            "x.o",
            "-Wl,-z,now",
            "-rdynamic",
            "-lm",
        ]);
        assert_eq!(request.args, ["-O2", "-L.", "x.o", "-lm"]);
        assert_eq!(
            request.dropped,
            [
                "-march=native",
                "-fPIC",
                "-Wl,-rpath",
                "-Wl,--as-needed",
                "-Wl,-z,now",
                "-rdynamic"
            ]
        );
    }

    #[test]
    fn the_linker_keeps_what_it_understands() {
        let request = parse(&["x.o", "-Wl,--export=f,--as-needed,-z,stack-size=65536,-s"]);
        assert_eq!(
            request.args,
            ["x.o", "-Wl,--export=f,-z,stack-size=65536,-s"]
        );
        assert!(request.stripped);
    }

    #[test]
    fn phases_and_outputs() {
        assert_eq!(parse(&["-c", "a.c", "-o", "b.o"]).phase, Phase::Compile);
        assert!(!parse(&["-v"]).links());
        assert!(parse(&["a.o"]).links());
        assert_eq!(parse(&["a.c"]).output, PathBuf::from("a.out"));
        assert_eq!(parse(&["a.c", "-obin"]).output, PathBuf::from("bin"));
        assert_eq!(parse(&["-o", "bin", "a.c"]).output, PathBuf::from("bin"));
    }

    #[test]
    fn values_are_not_inputs() {
        assert!(!parse(&["-o", "x", "-I", "include", "-D", "X"]).has_input);
    }

    #[test]
    fn shared_libraries_and_other_targets_are_refused() {
        for args in [["-shared", "a.o"], ["--target=x86_64-linux-gnu", "a.c"]] {
            let error = Request::parse(args.map(OsString::from).into()).unwrap_err();
            assert!(matches!(error, Error::Usage(_)), "{error}");
        }
    }

    #[test]
    fn response_files_are_read_as_clang_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("args");
        std::fs::write(&file, "-pthread -DA=\"b c\" 'd e'\\\n -c f\\ g.c").unwrap();
        let request = parse(&[&format!("@{}", file.display())]);
        assert_eq!(request.target, Target::Threads);
        assert_eq!(request.args, ["-DA=b c", "d e\n", "-c", "f g.c"]);
    }
}
