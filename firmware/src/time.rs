//! Time as the firmware knows it: whole milliseconds of a clock that the driver owns.
//!
//! The driver (chip or host) passes `now` in; nothing here reads a clock. An [`Instant`] has 32 bits, 49.7
//! days: on a core without wide arithmetic 64 bits made the image a quarter larger. It never wraps, so no
//! comparison needs a wrap rule. Instead a driver whose clock has become [`Instant::LATE`] sets it back
//! together with every instant that the machine holds ([`Machine::set_back`](crate::Machine::set_back));
//! what is older than that is long ago, and stays so.
//!
//! Intervals are [`Millis`]. A driver rounds down to whole milliseconds, so an interval may come out up to
//! 1 ms short.

/// A duration in whole milliseconds, 0 ..= 4 294 967 295 ms (49.7 days).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Millis(pub u32);

/// An instant in whole milliseconds since the driver's clock began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u32);

impl Instant {
    /// The instant at which the driver's clock began.
    pub const ZERO: Self = Self(0);

    /// A driver's clock does not pass this: 24.9 days. It leaves room for any interval ahead.
    pub const LATE: Self = Self(1 << 31);
    /// How far a driver sets its clock back then; half of that remains, and is long ago.
    pub const SET_BACK: Millis = Millis(1 << 30);

    /// The instant `ms` milliseconds after the clock began.
    #[must_use]
    pub const fn from_millis(ms: u32) -> Self {
        Self(ms)
    }

    /// Milliseconds since the clock began.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// The instant `interval` later. Nothing wraps: a clock stays before [`Instant::LATE`], and
    /// intervals are settings of an hour at most, a few of which may add up.
    #[must_use]
    pub const fn after(self, interval: Millis) -> Self {
        Self(self.0.wrapping_add(interval.0))
    }

    /// The same instant on a clock that was set back by `interval`; zero if it was before that began.
    #[must_use]
    pub const fn set_back(self, interval: Millis) -> Self {
        Self(self.0.saturating_sub(interval.0))
    }

    /// Whole milliseconds from `earlier` to `self`; zero if `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether at least `interval` has passed since `earlier`.
    #[must_use]
    pub const fn has_been(self, interval: Millis, earlier: Self) -> bool {
        self.since(earlier) >= interval.0
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
        let ahead = Instant::LATE.after(Instant::SET_BACK);
        assert!(ahead > Instant::LATE);
        assert_eq!(Instant::from_millis(5).set_back(Millis(9)), Instant::ZERO);
    }
}
