//! Documents: JSON files read with their positions, so that every complaint points into the file.
//!
//! A document is read in three steps. `source` parses strict JSON and remembers where everything
//! stands. `shape` holds it against the JSON Schema that is generated from the very Rust types
//! the file is read into, and collects everything that does not fit. `pieces` hands out the values
//! that do; checks of meaning follow in the module that owns the type and point back into the
//! source by path. All problems of a document come together. A document with `cases` is held and read
//! once for each of them.
//!
//! Assumes that the types' schema keeps to the subset that `shape` knows (its head lists it).
//! Leaves out I/O, except for reading one file whole with a limit on its size.

mod cases;
mod format;
mod pieces;
mod problem;
mod schema;
mod shape;
mod source;
mod suggest;

pub use problem::{Place, Problem, ProblemKind, Problems};

pub(crate) use cases::{Case, Labels, Told, Variables, cases, may_have_cases, one, which};
pub(crate) use format::{EVENT, MAGNITUDE};
pub(crate) use pieces::{Document, Piece};
pub(crate) use shape::Shape;
pub(crate) use source::{Bare, Source};
pub(crate) use suggest::{closest, listed};

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The text of a file, if it is a readable file of a sane size that holds text.
pub(crate) fn text_of(path: &Path) -> Result<String, Problems> {
    let shown = path.display();
    let io = |error: std::io::Error| Problems::from(Problem::io(path, &error));
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        let problem = Problem::bad(format!("{shown} is a folder, not a file"));
        return Err(problem.help("name a .json file in it, or run the whole folder").into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        let problem = Problem::bad(format!("{shown} is larger than 1 MiB"));
        return Err(problem.help("split it into several files").into());
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(path, &error).into())
}

/// Points at the first byte that is not UTF-8.
fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Problem {
    let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
    let start = good.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let column = 1 + String::from_utf8_lossy(&good[start..]).chars().count();
    let shown = path.display();
    Problem::bad(format!("{shown} is not UTF-8 text: line {line}, column {column}"))
        .help("save the file as UTF-8")
}
