//! Time as whole nanoseconds: instants since the start of a run, and durations.

use std::fmt;

use super::QuantityError;
use super::read;

/// A duration, or an instant counted from the start of a run, in whole nanoseconds.
///
/// 64 bits reach 584 years; values read from files are at most ten years, so a few of them added
/// up stay far inside. The plain operators are left out on purpose: a caller says whether running
/// over the end saturates or is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// No time, or the start of a run.
    pub const ZERO: Self = Self(0);
    /// The end of time.
    pub const MAX: Self = Self(u64::MAX);
    /// One microsecond.
    pub const MICROSECOND: Self = Self(1_000);
    /// One millisecond.
    pub const MILLISECOND: Self = Self(1_000_000);
    /// One second.
    pub const SECOND: Self = Self(1_000_000_000);

    /// Reads a duration with its unit, exactly.
    ///
    /// # Errors
    /// Says what was found, what was expected, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        read::duration(text).map(Self)
    }

    /// A whole number of microseconds.
    #[must_use]
    pub const fn from_micros(us: u64) -> Self {
        Self(us.saturating_mul(1_000))
    }

    /// A whole number of milliseconds.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// A whole number of seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// The first nanosecond at or after `seconds`: for a crossing, the instant at which it has
    /// happened. Negative and NaN give zero; too large gives [`Nanos::MAX`].
    #[must_use]
    pub fn from_secs_f64_ceil(seconds: f64) -> Self {
        // A cast from f64 saturates, and takes NaN to zero.
        Self((seconds * 1e9).ceil() as u64)
    }

    /// The nanosecond nearest to `seconds`. Negative and NaN give zero; too large gives
    /// [`Nanos::MAX`].
    #[must_use]
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self((seconds * 1e9).round() as u64)
    }

    /// In seconds.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Whole milliseconds, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The sum; the end of time if it is later than that.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; zero if `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum, unless it is later than the end of time.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, unless `other` is larger.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// This many times as long; the end of time if it is later than that.
    #[must_use]
    pub const fn saturating_mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// The bare number of seconds with `decimals` (at most 9) places, for columns that carry
    /// their unit in the heading. Rounds half up.
    #[must_use]
    pub fn in_seconds(self, decimals: usize) -> String {
        let decimals = decimals.min(9);
        let unit = (decimals..9).fold(1_u64, |unit, _| unit * 10);
        let rounded = u128::from(self.0) + u128::from(unit / 2);
        let steps = rounded / u128::from(unit);
        let per_second = u128::from(1_000_000_000 / unit);
        let (whole, rest) = (steps / per_second, steps % per_second);
        if decimals == 0 { whole.to_string() } else { format!("{whole}.{rest:0decimals$}") }
    }

    /// Exactly this time in the unit that reads best (`2.1 s`, `100 ms`, `50 us`, `3 days`);
    /// reads back as itself.
    #[must_use]
    pub fn exact(self) -> String {
        const DAY: u64 = 86_400_000_000_000;
        let (unit, name) = match self.0 {
            0 => return "0 s".to_owned(),
            day if day.is_multiple_of(DAY) => (DAY, if day == DAY { "day" } else { "days" }),
            1_000_000_000.. => (1_000_000_000, "s"),
            1_000_000.. => (1_000_000, "ms"),
            1_000.. => (1_000, "us"),
            1.. => (1, "ns"),
        };
        let (whole, rest) = (self.0 / unit, self.0 % unit);
        if rest == 0 {
            return format!("{whole} {name}");
        }
        let width = unit.ilog10() as usize;
        let fraction = format!("{rest:0width$}");
        format!("{whole}.{} {name}", fraction.trim_end_matches('0'))
    }
}

/// Seconds with three decimals and the unit, `2.100 s`; with a precision, that many decimals.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::PadQuantity;
        f.pad_quantity(&format!("{} s", self.in_seconds(f.precision().unwrap_or(3))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_durations_are_exact() {
        for (text, nanos) in [
            ("2.05 s", 2_050_000_000),
            ("100 ms", 100_000_000),
            ("50 us", 50_000),
            ("50 µs", 50_000),
            ("50 μs", 50_000),
            ("7 ns", 7),
            ("0.000000001 s", 1),
            ("3 days", 259_200_000_000_000),
            ("1 day", 86_400_000_000_000),
            ("10 min", 600_000_000_000),
            ("1 h", 3_600_000_000_000),
            ("1.5 h", 5_400_000_000_000),
            ("0.1 min", 6_000_000_000),
            ("0 s", 0),
        ] {
            assert_eq!(Nanos::parse(text), Ok(Nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn rounding_from_seconds_is_up_or_nearest() {
        assert_eq!(Nanos::from_secs_f64_ceil(1.000_000_000_4), Nanos(1_000_000_001));
        assert_eq!(Nanos::from_secs_f64(1.000_000_000_4), Nanos(1_000_000_000));
        assert_eq!(Nanos::from_secs_f64(-1.0), Nanos::ZERO);
        assert_eq!(Nanos::from_secs_f64_ceil(f64::NAN), Nanos::ZERO);
        assert_eq!(Nanos::from_secs_f64_ceil(f64::INFINITY), Nanos::MAX);
    }

    #[test]
    fn printing_rounds_half_up_and_exact_loses_nothing() {
        assert_eq!(Nanos(2_100_499_999).to_string(), "2.100 s");
        assert_eq!(Nanos(2_100_500_000).to_string(), "2.101 s");
        assert_eq!(Nanos(999_999_999).to_string(), "1.000 s");
        assert_eq!(format!("{:.6}", Nanos(2_100_000_500)), "2.100001 s");
        assert_eq!(Nanos(2_900_000_000).in_seconds(0), "3");
        assert_eq!(Nanos::MAX.in_seconds(9), "18446744073.709551615");
        assert_eq!(Nanos(2_100_000_500).exact(), "2.1000005 s");
        assert_eq!(Nanos(100_000_000).exact(), "100 ms");
        assert_eq!(Nanos(500).exact(), "500 ns");
    }
}
