//! The two kinds of guest program, and the flags that make them.

/// Which of the two sysroots a program is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// One thread; memory of its own.
    Single,
    /// POSIX threads over a shared memory (`-pthread`, `-fopenmp`).
    Threads,
}

impl Target {
    /// Both, in the order they are built.
    pub const ALL: [Self; 2] = [Self::Single, Self::Threads];

    /// The target triple as clang takes it, and the name of its directories in the sysroot.
    pub fn triple(self) -> &'static str {
        match self {
            Self::Single => "wasm32-wasip1",
            Self::Threads => "wasm32-wasip1-threads",
        }
    }

    /// The normalised triple, which names the directory of the compiler runtime.
    pub(crate) fn runtime_directory(self) -> &'static str {
        match self {
            Self::Single => "wasm32-unknown-wasip1",
            Self::Threads => "wasm32-unknown-wasip1-threads",
        }
    }

    /// Flags that select this target's code generation, in C and in C++.
    ///
    /// Exceptions and `longjmp` use the final form of the exception instructions (`try_table`),
    /// the only one the engine runs; a function without `setjmp` or `try` costs nothing for them.
    pub fn code_flags(self) -> &'static [&'static str] {
        match self {
            Self::Single => &[
                "--target=wasm32-wasip1",
                "-msimd128",
                "-mllvm",
                "-wasm-enable-sjlj",
                "-mllvm",
                "-wasm-use-legacy-eh=false",
            ],
            Self::Threads => &[
                "--target=wasm32-wasip1-threads",
                "-pthread",
                "-msimd128",
                "-mllvm",
                "-wasm-enable-sjlj",
                "-mllvm",
                "-wasm-use-legacy-eh=false",
            ],
        }
    }
}

/// What C++ needs beyond [`Target::code_flags`].
pub(crate) const CXX_FLAGS: &[&str] = &["-fwasm-exceptions"];
