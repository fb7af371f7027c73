//! The status LED's patterns (R17).
//!
//! | situation | LED |
//! |---|---|
//! | on, coming on, bridging | lit |
//! | shutting down | 1 Hz |
//! | off | dark |
//! | waiting after a failed load test | a short blink every 2 s |
//! | a press that shows nowhere else | two short blinks |
//! | the journal failed | three short blinks every 10 s |
//!
//! Blinks that answer or warn invert whatever the LED shows otherwise.

use crate::signals::StatusLed;
use crate::time::{Instant, Millis};

/// What the LED shows, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) led: StatusLed,
    /// `None`: for good.
    pub(crate) until: Option<Instant>,
}

impl Look {
    pub(crate) const fn steady(led: StatusLed) -> Self {
        Self { led, until: None }
    }

    /// What is to be seen with `blinks` on top: where they are lit, the LED is the other way round.
    pub(crate) fn under(self, blinks: Self) -> Self {
        let led = match blinks.led {
            StatusLed::Lit => self.led.inverted(),
            StatusLed::Dark => self.led,
        };
        let until = match (self.until, blinks.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, None) | (None, one) => one,
        };
        Self { led, until }
    }
}

/// A blinking pattern: dark for `lead`, then `pulses` times lit for `on` and dark for `off`; all that
/// anew every `period`, or once if that is zero.
pub(crate) struct Pattern {
    lead: u32,
    on: u32,
    off: u32,
    pulses: u32,
    period: u32,
}

/// 1 Hz, dark first: a lit LED goes dark at once.
pub(crate) const SHUTTING_DOWN: Pattern =
    Pattern { lead: 500, on: 500, off: 0, pulses: 1, period: 1_000 };
/// A short blink every 2 s.
pub(crate) const BACKING_OFF: Pattern =
    Pattern { lead: 0, on: 100, off: 0, pulses: 1, period: 2_000 };
/// Two short blinks.
pub(crate) const ANSWER: Pattern = Pattern { lead: 0, on: 100, off: 100, pulses: 2, period: 0 };
/// Three short blinks every 10 s.
pub(crate) const JOURNAL_FAILED: Pattern =
    Pattern { lead: 1_000, on: 100, off: 100, pulses: 3, period: 10_000 };

impl Pattern {
    /// What the pattern that began at `start` shows now.
    #[expect(clippy::arithmetic_side_effects, reason = "constants of a few seconds")]
    pub(crate) fn look(&self, now: Instant, start: Instant) -> Look {
        let elapsed = now.since(start);
        let phase = if self.period > 0 { remainder(elapsed, self.period) } else { elapsed };
        let mut led = StatusLed::Dark;
        let mut edge = self.lead;
        for _ in 0..2 * self.pulses {
            if phase < edge {
                return Look { led, until: Some(now.after(Millis(edge - phase))) };
            }
            led = led.inverted();
            edge += match led {
                StatusLed::Lit => self.on,
                StatusLed::Dark => self.off,
            };
        }
        let rest = (self.period > 0).then(|| now.after(Millis(self.period + self.lead - phase)));
        Look { led: StatusLed::Dark, until: rest }
    }
}

/// `value % divisor` in a few shifts and subtractions: the core does not divide, and its library's
/// division is 250 bytes of flash.
#[expect(clippy::arithmetic_side_effects, reason = "subtracts no more than there is")]
const fn remainder(value: u32, divisor: u32) -> u32 {
    let mut rest = value;
    let mut step = divisor;
    while step <= rest >> 1 {
        step <<= 1;
    }
    while step >= divisor {
        if rest >= step {
            rest -= step;
        }
        step >>= 1;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remainder_is_the_remainder() {
        let values = [0, 1, 499, 999, 1_000, 1_001, 9_999, 86_400_001, u32::MAX / 2, u32::MAX];
        for value in values {
            for divisor in [1, 2, 1_000, 2_000, 10_000] {
                assert_eq!(remainder(value, divisor), value % divisor, "{value} {divisor}");
            }
        }
    }

    #[test]
    fn a_pattern_shows_its_pulses_and_says_when_it_changes() {
        let changes = |pattern: &Pattern, end| {
            let (mut now, mut seen) = (Instant::ZERO, std::vec::Vec::new());
            while let Some(until) = pattern.look(now, Instant::ZERO).until {
                assert!(until > now);
                now = until;
                if now.as_millis() > end {
                    break;
                }
                seen.push((now.as_millis(), pattern.look(now, Instant::ZERO).led));
            }
            seen
        };
        let (lit, dark) = (StatusLed::Lit, StatusLed::Dark);
        assert_eq!(changes(&ANSWER, 9_999), [(100, dark), (200, lit), (300, dark)]);
        assert_eq!(ANSWER.look(Instant::ZERO, Instant::ZERO).led, lit);
        let seconds = [(500, lit), (1_000, dark), (1_500, lit), (2_000, dark)];
        assert_eq!(changes(&SHUTTING_DOWN, 2_000), seconds);
        assert_eq!(
            changes(&BACKING_OFF, 4_000),
            [(100, dark), (2_000, lit), (2_100, dark), (4_000, lit)]
        );
        let alarm =
            [1_000, 1_100, 1_200, 1_300, 1_400, 1_500, 11_000].map(|at| (at, at / 100 % 2 == 0));
        let seen = changes(&JOURNAL_FAILED, 11_000);
        assert_eq!(
            seen.iter().map(|(at, led)| (*at, *led == lit)).collect::<std::vec::Vec<_>>(),
            alarm
        );
    }
}
