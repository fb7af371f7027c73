//! How far something was from failing: a distance in its own unit, and the allowance it is measured
//! against.
//!
//! **Relative margin** = distance / allowance: 0 is the edge, 1 is as far from it as the limit itself. It ranks
//! volts beside seconds. The allowance is a window's own length where a window has two ends, else the limit;
//! `docs/output.md` lists it for each kind. For the time of something that has no limit of its own it is what
//! the scenario gave it: from the last stimulus before the limit to the limit.
//!
//! A number of occurrences has a distance and no relative margin: it does not come close, it is right or
//! wrong.

use crate::quantity::Nanos;

/// The unit of a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Volts.
    Volts,
    /// Amperes.
    Amps,
    /// Joules.
    Joules,
    /// A number of occurrences.
    Times,
}

impl Unit {
    /// Its symbol.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Volts => "V",
            Self::Amps => "A",
            Self::Joules => "J",
            Self::Times => "times",
        }
    }
}

/// How far something was from failing; negative if it failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// The distance, in `unit`.
    pub distance: f64,
    /// The unit of distance and allowance.
    pub unit: Unit,
    /// What the distance is measured against, in `unit`; `None` if nothing is comparable.
    pub allowance: Option<f64>,
}

impl Margin {
    /// Of a time \[s\].
    #[must_use]
    pub const fn seconds(distance: f64, allowance: f64) -> Self {
        Self { distance, unit: Unit::Seconds, allowance: Some(allowance) }
    }

    /// Of a voltage \[V\].
    #[must_use]
    pub const fn volts(distance: f64, allowance: f64) -> Self {
        Self { distance, unit: Unit::Volts, allowance: Some(allowance) }
    }

    /// Of an energy \[J\].
    #[must_use]
    pub const fn joules(distance: f64, allowance: f64) -> Self {
        Self { distance, unit: Unit::Joules, allowance: Some(allowance) }
    }

    /// Of a number of occurrences.
    #[must_use]
    pub const fn times(distance: i64) -> Self {
        Self { distance: distance as f64, unit: Unit::Times, allowance: None }
    }

    /// The distance as a multiple of the allowance, if there is one.
    #[must_use]
    pub fn relative(&self) -> Option<f64> {
        let allowance = self.allowance.filter(|allowance| *allowance > 0.0)?;
        Some(self.distance / allowance)
    }

    /// Whether it held.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.distance >= 0.0
    }

    /// The thinner of two: by relative margin, and by distance where one has none.
    #[must_use]
    pub fn thinner(self, other: Self) -> Self {
        if other.is_thinner_than(&self) { other } else { self }
    }

    /// Whether it is thinner than another.
    pub(super) fn is_thinner_than(&self, other: &Self) -> bool {
        match (self.is_kept(), other.is_kept()) {
            (true, false) => false,
            (false, true) => true,
            (true, true) | (false, false) => match (self.relative(), other.relative()) {
                (Some(one), Some(another)) => one < another,
                (Some(_), None) | (None, Some(_)) | (None, None) => self.distance < other.distance,
            },
        }
    }
}

impl std::fmt::Display for Margin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.unit {
            Unit::Times => write!(f, "{:+.0} times", self.distance + 0.0),
            Unit::Seconds | Unit::Volts | Unit::Amps | Unit::Joules => {
                write!(f, "{} {}", signed(self.distance), self.unit.symbol())
            }
        }
    }
}

/// Three decimals, always with a sign, never a negative zero.
fn signed(value: f64) -> String {
    let text = format!("{value:+.3}");
    if text == "-0.000" { "+0.000".to_owned() } else { text }
}

/// From one time to another \[s\]; negative if the other was before.
pub(super) fn between(from: Nanos, to: Nanos) -> f64 {
    if to >= from {
        to.saturating_sub(from).as_secs_f64()
    } else {
        -from.saturating_sub(to).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relative_margin_is_the_distance_over_the_allowance() {
        assert_eq!(Margin::seconds(0.5, 2.0).relative(), Some(0.25));
        assert_eq!(Margin::volts(-0.463, 4.63).relative(), Some(-0.1));
        assert_eq!(Margin::joules(3.0, 3.0).relative(), Some(1.0));
        // Against nothing, nothing is near or far.
        assert_eq!(Margin::seconds(0.5, 0.0).relative(), None);
        assert_eq!(Margin::times(2).relative(), None);
    }

    #[test]
    fn a_failure_is_thinner_than_what_held_and_the_scale_is_relative() {
        let tight = Margin::seconds(0.1, 10.0);
        let wide = Margin::seconds(0.09, 0.1);
        assert_eq!(tight.thinner(wide), tight);
        assert_eq!(wide.thinner(tight), tight);
        let failed = Margin::joules(-1.0, 0.0);
        assert_eq!(tight.thinner(failed), failed);
        assert_eq!(failed.thinner(tight), failed);
    }

    #[test]
    fn margins_have_a_sign_and_a_unit() {
        assert_eq!(Margin::seconds(-0.000_1, 1.0).to_string(), "+0.000 s");
        assert_eq!(Margin::volts(0.17, 4.63).to_string(), "+0.170 V");
        assert_eq!(Margin::times(0).to_string(), "+0 times");
        assert_eq!(Margin::times(-2).to_string(), "-2 times");
    }
}
