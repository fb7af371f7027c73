//! Oscillators that are started, stopped and retuned, counted in ticks that never run backwards.

use crate::time::{Clock, Frequency, Time};

/// Nanoseconds in 1000 s: a frequency is in millihertz.
const SCALE: u64 = 1_000_000_000_000;

/// Ticks of one oscillator since the chip was made. They stand still while it is off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticker {
    /// The tick at which the clock began; the present one while it is off.
    base: u64,
    clock: Option<Clock>,
}

impl Ticker {
    /// One that is off.
    pub(crate) const fn new() -> Self {
        Self { base: 0, clock: None }
    }

    /// One that is off and stands at a tick.
    pub(crate) const fn from(base: u64) -> Self {
        Self { base, clock: None }
    }

    pub(crate) const fn is_running(&self) -> bool {
        self.clock.is_some()
    }

    /// Ticks that have come by `time`.
    pub(crate) const fn ticks_at(&self, time: Time) -> u64 {
        match &self.clock {
            Some(clock) => self.base.saturating_add(clock.ticks_at(time)),
            None => self.base,
        }
    }

    /// Counts from a later tick on, if one is known that lay on a whole nanosecond: short spans are
    /// computed faster, and nothing else changes.
    pub(crate) const fn rebase(&mut self, now: Time) {
        let Some(clock) = self.clock else { return };
        let Frequency(hertz) = clock.frequency;
        let (mut a, mut b) = (SCALE, hertz);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        // So many ticks take so many nanoseconds, both whole.
        let (ticks, nanos) = (hertz / a, SCALE / a);
        let turns = now.since(clock.since) / nanos;
        if turns == 0 || clock.since.0 > now.0 {
            return;
        }
        self.base += turns * ticks;
        self.clock =
            Some(Clock { since: clock.since.after(turns * nanos), frequency: clock.frequency });
    }

    /// The first tick at or after `time`; never, if it is off.
    pub(crate) const fn first_from(&self, time: Time) -> u64 {
        match &self.clock {
            Some(clock) => self.base.saturating_add(clock.first_from(time)),
            None => u64::MAX,
        }
    }

    /// When a tick comes or, within what is known, came.
    pub(crate) const fn time_of(&self, tick: u64) -> Time {
        match &self.clock {
            Some(_) if tick == u64::MAX => Time::NEVER,
            Some(clock) => clock.time_of(tick.saturating_sub(self.base)),
            None => Time::NEVER,
        }
    }

    /// Stands still from `now` on.
    pub(crate) const fn stop(&mut self, now: Time) {
        self.base = self.ticks_at(now);
        self.clock = None;
    }

    /// Runs from `at` on, which may lie ahead; the next tick comes a whole period later.
    pub(crate) const fn start(&mut self, at: Time, frequency: Frequency) {
        self.base = self.ticks_at(at);
        self.clock = Some(Clock { since: at, frequency });
    }

    /// Another frequency from `now` on; what has passed of a period stays passed.
    pub(crate) const fn retune(&mut self, now: Time, frequency: Frequency) {
        let Some(clock) = self.clock else { return };
        if clock.since.0 >= now.0 {
            self.clock = Some(Clock { since: clock.since, frequency });
            return;
        }
        let tick = self.ticks_at(now);
        let passed = now.since(self.time_of(tick)) as u128 * clock.frequency.0 as u128;
        let passed = (passed / frequency.0 as u128) as u64;
        self.base = tick;
        self.clock = Some(Clock { since: Time(now.0.saturating_sub(passed)), frequency });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stand_still_while_it_is_off() {
        let mut ticker = Ticker::new();
        assert_eq!(ticker.ticks_at(Time(1_000_000)), 0);
        assert_eq!(ticker.time_of(1), Time::NEVER);
        ticker.start(Time(500), Frequency::hertz(1_000_000));
        assert_eq!(ticker.ticks_at(Time(400)), 0, "not yet up");
        assert_eq!(ticker.ticks_at(Time(10_500)), 10);
        assert_eq!(ticker.time_of(3), Time(3_500));
        ticker.stop(Time(10_999));
        assert_eq!(ticker.ticks_at(Time(99_999)), 10);
        ticker.start(Time(100_000), Frequency::hertz(1_000));
        assert_eq!(ticker.ticks_at(Time(2_100_000)), 12);
        assert_eq!(ticker.first_from(Time(2_100_001)), 13);
    }

    #[test]
    fn rebasing_changes_nothing() {
        for frequency in [37_000_000, 36_999_123, 26_000_000, 1] {
            let mut ticker = Ticker::new();
            ticker.start(Time(777), Frequency(frequency));
            let as_it_was = ticker;
            for now in [0, 777, 1_000_000_777, 1_234_567_890_123, 98_765_432_109_876_543] {
                ticker.rebase(Time(now));
                for later in [0, 1, 27_027, 1_000_000_007] {
                    let time = Time(now + later);
                    assert_eq!(ticker.ticks_at(time), as_it_was.ticks_at(time));
                    assert_eq!(ticker.first_from(time), as_it_was.first_from(time));
                    let tick = ticker.ticks_at(time) + 1;
                    assert_eq!(ticker.time_of(tick), as_it_was.time_of(tick));
                }
            }
        }
    }

    #[test]
    fn a_drift_keeps_the_phase() {
        let mut ticker = Ticker::new();
        ticker.start(Time(0), Frequency::hertz(1_000));
        // A quarter of a period is over; three quarters of the new one are left.
        ticker.retune(Time(5_250_000), Frequency::hertz(2_000));
        assert_eq!(ticker.ticks_at(Time(5_250_000)), 5);
        assert_eq!(ticker.time_of(6), Time(5_250_000 + 375_000));
    }
}
