//! Time in whole nanoseconds, and clocks that count it.
//!
//! A clock's tick `n` comes at `since + ceil(n / frequency)`, computed from the start in one go, so
//! rounding never adds up and a time converts back to the tick it came from. Exact for frequencies up to
//! 1 GHz, where ticks lie at least a nanosecond apart.

/// A time in nanoseconds, since whatever the embedder takes as the beginning. Never runs backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// A time that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// This long after, at most [`Time::NEVER`].
    #[must_use]
    pub const fn after(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds since `earlier`; zero if it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A frequency in millihertz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frequency(pub u64);

impl Frequency {
    /// From whole hertz.
    #[must_use]
    pub const fn hertz(hertz: u64) -> Self {
        Self(hertz * 1000)
    }

    /// The frequency divided by a prescaler, rounded to the millihertz.
    #[must_use]
    pub const fn divided(self, by: u64) -> Self {
        Self(self.0 / by)
    }
}

/// A clock that runs evenly since some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// When tick zero was.
    pub since: Time,
    /// How fast it ticks; not zero.
    pub frequency: Frequency,
}

/// Nanoseconds in 1000 s: a frequency is in millihertz.
const SCALE: u128 = 1_000_000_000_000;

impl Clock {
    /// When tick `n` comes.
    #[must_use]
    pub const fn time_of(&self, n: u64) -> Time {
        // Dividing 128 bits is slow, and most spans are short.
        if let Some(scaled) = n.checked_mul(SCALE as u64) {
            return self.since.after(scaled.div_ceil(self.frequency.0));
        }
        let nanos = (n as u128 * SCALE).div_ceil(self.frequency.0 as u128);
        if nanos > u64::MAX as u128 { Time::NEVER } else { self.since.after(nanos as u64) }
    }

    /// Ticks that have come by `time`, that moment included.
    #[must_use]
    pub const fn ticks_at(&self, time: Time) -> u64 {
        let nanos = time.since(self.since);
        if let Some(scaled) = nanos.checked_mul(self.frequency.0) {
            return scaled / SCALE as u64;
        }
        let ticks = nanos as u128 * self.frequency.0 as u128 / SCALE;
        if ticks > u64::MAX as u128 { u64::MAX } else { ticks as u64 }
    }

    /// The first tick at or after `time`.
    #[must_use]
    pub const fn first_from(&self, time: Time) -> u64 {
        let nanos = time.since(self.since);
        let ticks = match nanos.checked_mul(self.frequency.0) {
            Some(scaled) => scaled.div_ceil(SCALE as u64) as u128,
            None => (nanos as u128 * self.frequency.0 as u128).div_ceil(SCALE),
        };
        // Ticks are rounded up to the nanosecond, so the one before may lie on it.
        let ticks = if ticks > u64::MAX as u128 { u64::MAX } else { ticks as u64 };
        match ticks.checked_sub(1) {
            Some(before) if self.time_of(before).0 >= time.0 => before,
            _ => ticks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_s_time_gives_the_tick_back() {
        let since = Time(12_345);
        for frequency in
            [Frequency(37_000_000), Frequency::hertz(2_097_152), Frequency(32_000_000_001)]
        {
            let clock = Clock { since, frequency };
            for n in [0, 1, 2, 3, 1000, 2_097_152, 1 << 40] {
                let time = clock.time_of(n);
                assert_eq!(clock.ticks_at(time), n, "{frequency:?}");
                assert_eq!(clock.first_from(time), n, "{frequency:?}");
                assert_eq!(clock.ticks_at(Time(time.0 + 1)), n);
                assert_eq!(clock.first_from(Time(time.0 + 1)), n + 1);
            }
        }
    }

    #[test]
    fn nothing_overflows() {
        let clock = Clock { since: Time(5), frequency: Frequency(1) };
        assert_eq!(clock.time_of(u64::MAX), Time::NEVER);
        assert_eq!(clock.ticks_at(Time(0)), 0);
        let fast = Clock { since: Time(0), frequency: Frequency::hertz(1_000_000_000) };
        assert_eq!(fast.ticks_at(Time::NEVER), u64::MAX);
    }
}
