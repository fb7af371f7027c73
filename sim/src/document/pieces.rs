//! A document read piece by piece, so that what is wrong in one place hides nothing in another.
//!
//! The shape finds what does not fit. Every value without a misfit inside can be read all the
//! same; its reader checks the meaning and reports into the same list, which is judged only at the
//! end. What depends on a piece that does not fit is skipped, never guessed.

use std::ops::Range;

use serde::de::DeserializeOwned;

use super::{Problem, Problems, Shape, Source};

/// A document that was held against its shape, and everything that is wrong with it so far.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    source: Source<'a>,
    /// Where the misfits start, sorted.
    misfits: Vec<usize>,
    problems: Vec<Problem>,
}

/// A value of a document, as far as it is there and fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<T> {
    /// There is none.
    Absent,
    /// There is one, and it has been reported.
    Misfit,
    /// This one.
    Fits(T),
}

impl<T> Piece<T> {
    /// The value, if there is one that fits.
    pub(crate) fn fits(self) -> Option<T> {
        match self {
            Self::Fits(value) => Some(value),
            Self::Absent | Self::Misfit => None,
        }
    }

    /// The value, or `default` if there is none; nothing if it does not fit.
    pub(crate) fn or(self, default: T) -> Option<T> {
        match self {
            Self::Fits(value) => Some(value),
            Self::Absent => Some(default),
            Self::Misfit => None,
        }
    }
}

impl<'a> Document<'a> {
    /// Parses `text` and holds it against `shape`; `path` is how messages name the file.
    ///
    /// # Errors
    /// It is not JSON, or so much is wrong that more would not be shown.
    pub(crate) fn open(path: &'a str, text: &'a str, shape: &Shape) -> Result<Self, Problems> {
        Self::of(Source::parse(path, text)?, shape)
    }

    /// Holds what was parsed against `shape`.
    ///
    /// # Errors
    /// So much is wrong that more would not be shown.
    pub(crate) fn of(source: Source<'a>, shape: &Shape) -> Result<Self, Problems> {
        let mut problems = shape.misfits(&source);
        let places = problems.iter().filter_map(|problem| problem.place.as_ref());
        let mut misfits: Vec<usize> = places.map(|place| place.offset).collect();
        // Variables without a value have been reported, here or where they are named.
        misfits.extend(source.without_value());
        misfits.sort_unstable();
        problems.extend(source.slips());
        if problems.len() > Problems::MOST {
            // The shape may have stopped in the middle.
            Problems::check(std::mem::take(&mut problems))?;
        }
        Ok(Self { source, misfits, problems })
    }

    /// Where everything stands.
    pub(crate) fn source(&self) -> &Source<'a> {
        &self.source
    }

    /// The value at `pointer` (`stimuli/3/at`). A key that is given twice does not fit.
    pub(crate) fn get<T: DeserializeOwned>(&mut self, pointer: &str) -> Piece<T> {
        if !self.source.has(pointer) {
            return Piece::Absent;
        }
        let range = self.source.at(pointer);
        if self.is_misfit(&range) || self.source.is_ambiguous(pointer) {
            return Piece::Misfit;
        }
        match serde_json::from_str(&self.source.substituted(range.clone())) {
            Ok(value) => Piece::Fits(value),
            Err(error) => {
                // The shape accepts what the type does not.
                let message = format!("`{pointer}` cannot be read: {error}");
                self.report(self.source.problem(range, message, "this"));
                Piece::Misfit
            }
        }
    }

    /// The number of elements of the list at `pointer`; none if it is no list or its length does
    /// not fit.
    pub(crate) fn length(&self, pointer: &str) -> usize {
        let start = self.source.at(pointer).start;
        if self.is_misfit(&(start..start + 1)) || self.source.is_ambiguous(pointer) {
            return 0;
        }
        self.source.length(pointer)
    }

    /// Reports a problem. Of very many only the first are kept.
    pub(crate) fn report(&mut self, problem: Problem) {
        if self.problems.len() <= Problems::MOST {
            self.problems.push(problem);
        }
    }

    /// Fails if anything was wrong.
    pub(crate) fn finish(self) -> Result<(), Problems> {
        Problems::check(self.problems)
    }

    fn is_misfit(&self, range: &Range<usize>) -> bool {
        self.source.pieces(range.clone()).iter().any(|piece| {
            let first = self.misfits.partition_point(|misfit| *misfit < piece.start);
            self.misfits.get(first).is_some_and(|misfit| *misfit < piece.end)
        })
    }
}
