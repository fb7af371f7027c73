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

use crate::time::{Instant, Millis};

/// A blinking pattern: `pulses` pulses of `on` every `spacing`, beginning `lead` after the start
/// of each period. A period of zero happens once.
pub(crate) struct Pattern {
    lead: u32,
    on: u32,
    spacing: u32,
    pulses: u32,
    period: u32,
}

/// 1 Hz, dark first: a lit LED goes dark at once.
pub(crate) const SHUTTING_DOWN: Pattern =
    Pattern { lead: 500, on: 500, spacing: 1_000, pulses: 1, period: 1_000 };
/// A short blink every 2 s.
pub(crate) const BACKING_OFF: Pattern =
    Pattern { lead: 0, on: 100, spacing: 2_000, pulses: 1, period: 2_000 };
/// Two short blinks.
pub(crate) const ANSWER: Pattern = Pattern { lead: 0, on: 100, spacing: 200, pulses: 2, period: 0 };
/// Three short blinks every 10 s.
pub(crate) const JOURNAL_FAILED: Pattern =
    Pattern { lead: 1_000, on: 100, spacing: 200, pulses: 3, period: 10_000 };

impl Pattern {
    /// Milliseconds into the current period; `None` once a pattern without period is over.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the period is checked for zero, and no sum exceeds a few periods"
    )]
    fn phase(&self, now: Instant, start: Instant) -> Option<u32> {
        // 32 bits divide cheaply on the chip; after 49 days a blink may come out of step once.
        let elapsed = now.since(start) as u32;
        if self.period > 0 {
            Some(elapsed % self.period)
        } else {
            (now.since(start) <= u64::from(self.spacing * self.pulses)).then_some(elapsed)
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "constants of a few seconds")]
    pub(crate) fn is_on(&self, now: Instant, start: Instant) -> bool {
        let Some(phase) = self.phase(now, start) else {
            return false;
        };
        (0..self.pulses).any(|n| {
            let rise = self.lead + n * self.spacing;
            (rise..rise + self.on).contains(&phase)
        })
    }

    #[expect(clippy::arithmetic_side_effects, reason = "constants of a few seconds")]
    pub(crate) fn next_change(&self, now: Instant, start: Instant) -> Option<Instant> {
        let phase = self.phase(now, start)?;
        let edges = (0..self.pulses).flat_map(|n| {
            let rise = self.lead + n * self.spacing;
            [rise, rise + self.on]
        });
        let later = edges.clone().find(|edge| *edge > phase);
        let next = match (later, self.period) {
            (Some(edge), _) => edge,
            (None, 0) => return None,
            (None, period) => period + self.lead,
        };
        Some(now.after(Millis(next - phase)))
    }
}
