//! Time as the firmware knows it: whole milliseconds of a clock that never runs backwards.
//!
//! The driver (chip or host) owns the clock and passes `now` in; nothing here reads one.
//! An [`Instant`] is 64 bits wide, so it does not wrap within any board's life and no comparison
//! needs a wrap rule. Intervals are [`Millis`]: 32 bits, up to 49 days, far above any setting.
//! A driver rounds down to whole milliseconds, so an interval may come out up to 1 ms short.

/// A duration in whole milliseconds, 0 ..= 4 294 967 295 ms (49.7 days).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u32);

/// An instant in whole milliseconds since the driver's clock began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The instant at which the driver's clock began.
    pub const ZERO: Self = Self(0);

    /// The instant `ms` milliseconds after the clock began.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the clock began.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The instant `interval` later. Saturates at the end of time, which no board reaches.
    #[must_use]
    pub const fn after(self, interval: Millis) -> Self {
        Self(self.0.saturating_add(interval.0 as u64))
    }

    /// Whole milliseconds from `earlier` to `self`; zero if `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether at least `interval` has passed since `earlier`.
    #[must_use]
    pub const fn has_been(self, interval: Millis, earlier: Self) -> bool {
        self.since(earlier) >= interval.0 as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_closed_at_their_end() {
        let start = Instant::from_millis(5);
        assert_eq!(start.after(Millis(20)), Instant::from_millis(25));
        assert!(Instant::from_millis(25).has_been(Millis(20), start));
        assert!(!Instant::from_millis(24).has_been(Millis(20), start));
    }

    #[test]
    fn nothing_wraps() {
        assert_eq!(Instant::ZERO.since(Instant::from_millis(9)), 0);
        let end = Instant::from_millis(u64::MAX);
        assert_eq!(end.after(Millis(1)), end);
    }
}
