//! Writes `guest/include/mpi.h`, `guest/mpi/stubs.c` and `guest/mpi/SUPPORT.md`, and
//! checks that the files in the repository are what it writes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Function, Support, functions};
use crate::abi::{Form, GROUPS};
use std::fmt::Write as _;
use std::path::Path;

const GENERATED: &str =
    "Generated from guest/mpi/functions.txt and crates/faabric-mpi/src/abi.rs: do not edit.";

fn constants() -> String {
    let mut text = String::new();
    for group in GROUPS {
        writeln!(text, "\n/* {}. */", sentence(group.title)).unwrap();
        if group.form == Form::Int {
            text.push_str("enum {\n");
        }
        for (i, (name, value)) in group.constants.iter().enumerate() {
            match group.form {
                Form::Number => writeln!(text, "#define {name:<31} {value}"),
                Form::Pointer("MPI_Offset") => {
                    writeln!(text, "#define {name:<31} ((MPI_Offset){value})")
                }
                Form::Pointer(c_type) => {
                    writeln!(text, "#define {name:<31} (({c_type})0x{value:x})")
                }
                Form::Int => {
                    let comma = if i + 1 < group.constants.len() {
                        ","
                    } else {
                        ""
                    };
                    writeln!(text, "    {name:<27} = {value}{comma}")
                }
            }
            .unwrap();
        }
        if group.form == Form::Int {
            text.push_str("};\n");
        }
    }
    text
}

fn sentence(title: &str) -> String {
    let mut letters = title.chars();
    let first = letters.next().unwrap().to_uppercase().to_string();
    first + letters.as_str()
}

fn prototypes() -> String {
    let mut text = String::new();
    let mut chapter = "";
    for f in functions() {
        if f.chapter != chapter {
            chapter = f.chapter;
            writeln!(text, "\n/* {chapter}{}. */", remark(f)).unwrap();
        }
        let Function {
            returns,
            name,
            parameters,
            ..
        } = f;
        let import = match f.support {
            Support::Guest | Support::Unsupported => String::new(),
            Support::Host => format!(" MPI_IMPORT(\"{name}\")"),
        };
        writeln!(text, "{returns} {name}({parameters});").unwrap();
        writeln!(text, "{returns} P{name}({parameters}){import};").unwrap();
    }
    text
}

/// A note on a chapter of which nothing is supported.
fn remark(first: &Function) -> &'static str {
    let mut chapter = functions().iter().filter(|f| f.chapter == first.chapter);
    if chapter.all(|f| f.support == Support::Unsupported) {
        ": declared so that programs link; calling one is MPI_ERR_UNSUPPORTED_OPERATION"
    } else {
        ""
    }
}

fn header() -> String {
    include_str!("../../../../guest/mpi/mpi.h.in")
        .replace("@GENERATED@", GENERATED)
        .replace("@CONSTANTS@\n", &constants())
        .replace("@PROTOTYPES@\n", &prototypes())
}

fn stubs() -> String {
    let mut text = format!(
        "/* The profiling interface: each PMPI_X is an import of the host, each MPI_X a weak\n \
         * function that calls it, which a tool may define itself. What is not supported yet\n \
         * links, and raises an error when it is called.\n *\n * {GENERATED} */\n\n\
         #include <mpi.h>\n\n\
         #pragma clang diagnostic ignored \"-Wunused-parameter\"\n\n\
         #define WEAK __attribute__((weak))\n\n\
         int faabric_unsupported(const char *name, MPI_Comm comm)\n    \
         MPI_IMPORT(\"faabric_unsupported\");\n"
    );
    for f in functions() {
        text.push_str(&match f.support {
            Support::Guest => continue,
            Support::Host => stub(f),
            Support::Unsupported => unsupported(f),
        });
    }
    text
}

fn stub(f: &Function) -> String {
    let Function {
        returns,
        name,
        parameters,
        ..
    } = f;
    let arguments: Vec<_> = f.parameters().map(|p| p.name()).collect();
    let arguments = arguments.join(", ");
    format!("\nWEAK {returns} {name}({parameters}) {{ return P{name}({arguments}); }}\n")
}

fn unsupported(f: &Function) -> String {
    let Function {
        returns,
        name,
        parameters,
        ..
    } = f;
    let comm = f.communicator().and_then(|i| f.parameters().nth(i));
    let comm = comm.map_or("MPI_COMM_SELF", |comm| comm.name());
    format!(
        "\n{returns} P{name}({parameters})\n{{\n    return faabric_unsupported(\"{name}\", {comm});\n}}\n\
         {returns} {name}({parameters}) __attribute__((weak, alias(\"P{name}\")));\n"
    )
}

/// Functions that stay out, and why.
const LEFT_OUT: [(&[&str], &str); 2] = [
    (
        &[
            "MPI_Status_c2f08",
            "MPI_Status_f082c",
            "MPI_Status_f082f",
            "MPI_Status_f2f08",
        ],
        "they convert statuses of the Fortran bindings, which are not offered",
    ),
    (
        &["MPI_Comm_join"],
        "it talks over a socket, and guests have none; `MPI_Open_port`, `MPI_Comm_accept` and \
         `MPI_Comm_connect` join processes of one job",
    ),
];

/// What is supported and what is not, by chapter, for people.
fn support() -> String {
    let mut text = format!(
        "# MPI functions\n\n<!-- {GENERATED} -->\n\n\
         Large-count forms (`_c`) are counted and not listed. Calling an unsupported function\n\
         raises `MPI_ERR_UNSUPPORTED_OPERATION` through the communicator's error handler. The\n\
         Fortran bindings (`mpi_f08`, `mpif.h`) are not offered.\n\n\
         | Chapter | Supported | Not yet |\n|---|---:|---|\n"
    );
    let mut chapters: Vec<&str> = functions().iter().map(|f| f.chapter).collect();
    chapters.dedup();
    for chapter in chapters {
        let (supported, missing): (Vec<&Function>, Vec<&Function>) = functions()
            .iter()
            .filter(|f| f.chapter == chapter)
            .partition(|f| f.support != Support::Unsupported);
        let names: Vec<_> = missing
            .iter()
            .filter(|f| !f.name.ends_with("_c"))
            .map(|f| format!("`{}`", f.name))
            .collect();
        let missing = match (supported.len(), names.len()) {
            (0, n) => format!("all {n}"),
            _ => names.join(", "),
        };
        writeln!(text, "| {chapter} | {} | {missing} |", supported.len()).unwrap();
    }
    text.push_str("\nLeft out:\n\n");
    for (names, why) in LEFT_OUT {
        for name in names {
            let support = crate::interface::function(name).map(|f| f.support);
            let out = Some(Support::Unsupported);
            assert_eq!(support, out, "{name} is not left out");
        }
        writeln!(text, "- `{}`: {why}.", names.join("`, `")).unwrap();
    }
    text.push_str(
        "\nSpawned processes are of the job of those who spawned them: `MPI_Abort` or a failure of\n\
         one ends them all, even after `MPI_Comm_disconnect`.\n",
    );
    text
}

fn check(path: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    if std::env::var_os("FAABRIC_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is out of date; run: FAABRIC_BLESS=1 cargo test -p faabric-mpi interface",
        path.display()
    );
}

#[test]
fn the_header_is_up_to_date() {
    check("guest/include/mpi.h", &header());
}

#[test]
fn the_stubs_are_up_to_date() {
    check("guest/mpi/stubs.c", &stubs());
}

#[test]
fn the_support_table_is_up_to_date() {
    check("guest/mpi/SUPPORT.md", &support());
}
