//! The C interface of MPI as a table: what `guest/mpi/functions.txt` lists.
//!
//! ```text
//! functions.txt --+--> guest/include/mpi.h      prototypes (with the constants of abi.rs)
//!                 +--> guest/mpi/stubs.c        weak MPI_X over the imported PMPI_X; errors
//!                 +--> faabric-host abi/mpi     which imports exist, with which types
//! ```
//! The generated files are checked in; a test fails when they are not up to date.

#[cfg(test)]
mod header;

use std::sync::LazyLock;

/// Who implements a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// The host, as an import of module "mpi".
    Host,
    /// C code in the guest.
    Guest,
    /// Nobody yet: calling it is an error that says so.
    Unsupported,
}

/// A C type's representation as a Wasm parameter or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `int`, handles, pointers and `MPI_Aint`.
    I32,
    /// `MPI_Count` and `MPI_Offset`.
    I64,
    /// `double`.
    F64,
}

/// One function of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The chapter it is listed under.
    pub chapter: &'static str,
    /// Who implements it.
    pub support: Support,
    /// Its C return type.
    pub returns: &'static str,
    /// Its name, which begins with `MPI_`.
    pub name: &'static str,
    /// Its parameters in C, without the parentheses.
    pub parameters: &'static str,
}

/// All functions, in the order of the table.
#[must_use]
pub fn functions() -> &'static [Function] {
    static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| parse(TABLE));
    &FUNCTIONS
}

/// The function of this name, if the interface has it.
#[must_use]
pub fn function(name: &str) -> Option<&'static Function> {
    functions().iter().find(|f| f.name == name)
}

const TABLE: &str = include_str!("../../../../guest/mpi/functions.txt");

/// The table is part of this crate, and a test reads all of it: a line that is not
/// understood is left out here and found there.
fn parse(table: &'static str) -> Vec<Function> {
    let mut chapter = "";
    let mut functions = Vec::new();
    for line in table.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            chapter = title;
        } else if let Some(function) = parse_line(chapter, line) {
            functions.push(function);
        }
    }
    functions
}

fn parse_line(chapter: &'static str, line: &'static str) -> Option<Function> {
    let (support, rest) = line.split_once(' ')?;
    let support = match support {
        "host" => Support::Host,
        "guest" => Support::Guest,
        "unsupported" => Support::Unsupported,
        _ => return None,
    };
    let (returns, rest) = rest.trim_start().split_once(' ')?;
    let (name, parameters) = rest.strip_suffix(')')?.split_once('(')?;
    Some(Function {
        chapter,
        support,
        returns,
        name,
        parameters,
    })
}

impl Function {
    /// The declared parameters, `void` left out; `...` is one of them.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter> + use<> {
        self.parameters
            .split(", ")
            .filter(|p| *p != "void")
            .map(Parameter)
    }

    /// The types of the Wasm import's parameters.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        self.parameters().map(Parameter::word).collect()
    }

    /// The type of its result.
    #[must_use]
    pub fn result(&self) -> Word {
        Parameter(self.returns).word()
    }

    /// The handler of errors in a function that takes no communicator is that of
    /// `MPI_COMM_SELF`; this is the index of the communicator where there is one.
    #[must_use]
    pub fn communicator(&self) -> Option<usize> {
        self.parameters()
            .position(|p| p.0.starts_with("MPI_Comm ") && !p.is_pointer())
    }
}

/// One parameter as declared in C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter(pub &'static str);

impl Parameter {
    /// Whether it is passed by address.
    #[must_use]
    pub fn is_pointer(self) -> bool {
        // A function type decays to a pointer.
        self.0.contains(['*', '[']) || self.0 == "..."
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let declarator = self.0.rsplit([' ', '*']).next().unwrap_or(self.0);
        declarator.split('[').next().unwrap_or(declarator)
    }

    /// How it is passed.
    #[must_use]
    pub fn word(self) -> Word {
        match self.0.split([' ', '*']).next() {
            _ if self.is_pointer() => Word::I32,
            Some("MPI_Count" | "MPI_Offset") => Word::I64,
            Some("double") => Word::F64,
            _ => Word::I32,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_of_the_table_is_understood() {
        let lines = TABLE
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'));
        assert_eq!(lines.count(), functions().len());
        let names: BTreeSet<_> = functions().iter().map(|f| f.name).collect();
        assert_eq!(names.len(), functions().len(), "a name is listed twice");
        for f in functions() {
            assert!(f.name.starts_with("MPI_"), "{}", f.name);
            assert!(f.parameters().all(|p| !p.name().is_empty()), "{}", f.name);
        }
    }

    #[test]
    fn parameters_have_the_words_of_wasm32() {
        use Word::{F64, I32, I64};
        let words = |name| function(name).unwrap().words();
        assert_eq!(words("MPI_Send"), [I32; 6]);
        assert_eq!(words("MPI_Send_c"), [I32, I64, I32, I32, I32, I32]);
        assert_eq!(words("MPI_Type_get_extent_c"), [I32; 3]);
        assert_eq!(words("MPI_Wtime"), []);
        assert_eq!(function("MPI_Wtime").unwrap().result(), F64);
        assert_eq!(function("MPI_Send").unwrap().communicator(), Some(5));
        assert_eq!(function("MPI_Comm_free").unwrap().communicator(), None);
        let send = function("MPI_Send").unwrap();
        let names: Vec<_> = send.parameters().map(Parameter::name).collect();
        assert_eq!(names, ["buf", "count", "datatype", "dest", "tag", "comm"]);
    }
}
