//! Problems: what is wrong with a file, where, and how to mend it; and how that is shown.
//!
//! Texts are lower-case fragments. Every problem names the place, what was found, what was
//! expected, and the mend where one is known. A file's problems come together, in file order.

use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// Whose fault a problem is, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The file's content is wrong.
    BadInput,
    /// The file could not be read at all, or a program that is needed is missing or failed.
    Io,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whose fault it is.
    pub kind: ProblemKind,
    /// What is wrong.
    pub message: String,
    /// Where, if it has a place in a file.
    pub place: Option<Place>,
    /// How to mend it.
    pub helps: Vec<String>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub path: String,
    /// Bytes from the start of the file.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line, or the part of it around the place if the line is long.
    pub excerpt: String,
    /// The bytes of the excerpt that are meant.
    pub marked: Range<usize>,
    /// What was expected there.
    pub label: String,
}

impl Place {
    fn is_whole_line(&self) -> bool {
        self.excerpt
            .get(..self.marked.start)
            .is_some_and(|before| before.chars().count() + 1 == self.column)
    }
}

impl Problem {
    /// A problem of content without a place.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind: ProblemKind::BadInput, message, place: None, helps: Vec::new() }
    }

    /// What the environment lacks or could not do.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Io, ..Self::bad(message) }
    }

    /// A file or folder that could not be read.
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::failed("read", path, error)
    }

    /// A file that could not be written.
    pub(crate) fn unwritable(path: &Path, error: &std::io::Error) -> Self {
        Self::failed("write", path, error)
    }

    fn failed(what: &str, path: &Path, error: &std::io::Error) -> Self {
        // The common cases in plain words, the others in the operating system's.
        let why = if error.kind() == ErrorKind::NotFound {
            "no such file or folder".to_owned()
        } else if error.kind() == ErrorKind::PermissionDenied {
            "permission denied".to_owned()
        } else {
            error.to_string()
        };
        let message = format!("cannot {what} {}: {why}", path.display());
        Self { kind: ProblemKind::Io, message, place: None, helps: Vec::new() }
    }

    /// With one more way to mend it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.helps.push(help.into());
        self
    }

    /// With the help, if there is one.
    #[must_use]
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.helps.extend(help);
        self
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut group: Group<'_> = Group::with_title(Level::ERROR.primary_title(&self.message));
        if let Some(place) = &self.place {
            let mark = AnnotationKind::Primary.span(place.marked.clone()).label(&place.label);
            let snippet = Snippet::source(&place.excerpt).line_start(place.line).annotation(mark);
            group = if place.is_whole_line() {
                group.element(snippet.path(&place.path))
            } else {
                // The renderer would count columns from the excerpt's start.
                let origin = Origin::path(&place.path).line(place.line);
                group.element(origin.char_column(place.column)).element(snippet)
            };
        }
        for help in &self.helps {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group])
    }
}

/// Everything that is wrong with what was read.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    /// More than this many are not shown one by one.
    pub(crate) const MOST: usize = 50;

    /// Fails with `problems` if there are any.
    pub(crate) fn check(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by_key(|problem| {
            problem.place.as_ref().map(|place| (place.path.clone(), place.line, place.column))
        });
        let left_out = problems.len().saturating_sub(Self::MOST);
        problems.truncate(Self::MOST);
        Err(Self { list: problems, left_out })
    }

    /// The problems, in file order.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len() + self.left_out
    }

    /// The gravest kind among them: a file that cannot be read outweighs one that is wrong.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        self.list.iter().map(|problem| problem.kind).max().unwrap_or(ProblemKind::BadInput)
    }

    /// These and those; what several files share, such as a part that is wrong, is told once.
    pub fn append(&mut self, other: Self) {
        let new: Vec<_> =
            other.list.into_iter().filter(|problem| !self.list.contains(problem)).collect();
        self.list.extend(new);
        self.left_out += other.left_out;
    }

    /// How many there are that are not among these.
    pub(crate) const fn left_out(&self) -> usize {
        self.left_out
    }

    /// With so many more that are left out.
    pub(crate) const fn and_more(mut self, left_out: usize) -> Self {
        self.left_out += left_out;
        self
    }

    /// The problems themselves.
    pub(crate) fn into_list(self) -> Vec<Problem> {
        self.list
    }

    /// The text for a person, with the excerpts; one blank line between problems.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut shown: Vec<_> = self.list.iter().map(|problem| problem.render(&renderer)).collect();
        if self.left_out > 0 {
            shown.push(format!("and more problems after these {}", self.list.len()));
        }
        shown.join("\n\n") + "\n"
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { list: vec![problem], left_out: 0 }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
