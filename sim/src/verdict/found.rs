//! What became of something that was to hold, while it is being judged: a finding without its name.

use super::{Margin, Outcome};
use crate::quantity::Nanos;

/// How close it came, and where.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) outcome: Outcome,
    pub(super) margin: Option<Margin>,
    pub(super) at: Option<Nanos>,
    pub(super) detail: String,
}

impl Found {
    /// It held, and there was nothing to measure.
    pub(super) fn held(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Held, margin: None, at: None, detail: detail.into() }
    }

    pub(super) fn undecided(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Undecided, ..Self::held(detail) }
    }

    pub(super) fn failed(at: Nanos, detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, at: Some(at), ..Self::held(detail) }
    }

    /// Held or failed, as the margin says.
    pub(super) fn measured(margin: Margin, at: Nanos, detail: impl Into<String>) -> Self {
        let outcome = if margin.is_kept() { Outcome::Held } else { Outcome::Failed };
        Self { outcome, margin: Some(margin), at: Some(at), detail: detail.into() }
    }

    /// The thinnest of several, or `otherwise` if there is none.
    pub(super) fn thinnest(
        measured: impl IntoIterator<Item = (Margin, Nanos, String)>,
        otherwise: impl Into<String>,
    ) -> Self {
        worst(measured).map_or_else(
            || Self::held(otherwise),
            |(margin, at, detail)| Self::measured(margin, at, detail),
        )
    }
}

/// The worst of several measurements, the first of equal ones: each a margin, when it was taken and what was
/// found.
pub(super) fn worst(
    measured: impl IntoIterator<Item = (Margin, Nanos, String)>,
) -> Option<(Margin, Nanos, String)> {
    measured.into_iter().reduce(|a, b| if b.0.is_thinner_than(&a.0) { b } else { a })
}
