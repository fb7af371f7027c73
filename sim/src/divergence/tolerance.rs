//! How far two runs may drift apart: every constant with its reason.
//!
//! The LSI is in none of them but what a reset costs: whatever the firmware times for others to see it
//! times with the MSI, asleep in Sleep mode. A firmware that counted the LSI for it would differ.

use super::starts;
use crate::quantity::Nanos;
use crate::scenario::Scenario;
use crate::timeline::{Mcu, What};

/// The firmware wakes at least every half lap of its low-power timer.
const HALF_LAP_TICKS: f64 = 32_768.0;
/// From a pin to what is made of it: 5 us out of Stop mode, a step of at most 1 ms at 2 MHz, and a time that is
/// rounded to whole milliseconds at its beginning and at its end.
const LATENCY: Nanos = Nanos::from_micros(3_000);
/// From the supply or the end of a reset to the first step: 1.5 ms until the first instruction, the sum over
/// the image, the journal and the start of the LSI, 20 ms in all.
const START: Nanos = Nanos::from_millis(25);

/// How far the times of two runs may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// The error of their clocks, together, as a fraction.
    pub epsilon: f64,
    /// How much time before time zero the clocks have had.
    pub warm_up: Nanos,
    /// What a reset may cost: the time since the last step, which a device that counts anew does not
    /// know of. No sleep is longer than half a lap of the low-power timer.
    pub lost_in_reset: Nanos,
    /// The longest time that the firmware counts: what the device does comes of nothing that lies
    /// further back.
    pub memory: Nanos,
}

impl Tolerance {
    /// For runs of `scenario` whose time zero came after `warm_up`.
    #[must_use]
    pub fn of(scenario: &Scenario, warm_up: Nanos) -> Self {
        let msi = scenario.clock_error();
        let boards = scenario.boards();
        let lsi = boards.iter().map(|board| board.lsi_frequency.0).fold(f64::INFINITY, f64::min);
        let longest = scenario.config.times().into_iter().map(|(_, _, time)| time.0).max();
        Self {
            epsilon: msi,
            warm_up,
            lost_in_reset: Nanos::from_secs_f64_ceil(HALF_LAP_TICKS / lsi * (1.0 + msi)),
            memory: Nanos::from_millis(longest.unwrap_or(0).into()).saturating_add(LATENCY),
        }
    }

    /// How soon after a record something may come of it.
    pub(super) fn latency(&self, what: What) -> Nanos {
        match starts(what) {
            Some(Mcu::On) => START,
            Some(Mcu::Reset) => self.reset(),
            Some(Mcu::Off) | None => LATENCY,
        }
    }

    /// What a reset may cost.
    pub(super) fn reset(&self) -> Nanos {
        START.saturating_add(self.lost_in_reset)
    }

    /// How long a device takes to start.
    #[expect(clippy::unused_self, reason = "the same for all runs so far")]
    pub(super) const fn start(&self) -> Nanos {
        START
    }

    /// The same for time zero: what happens after it may have begun with the supply, long before.
    pub(super) fn beginning(&self) -> Nanos {
        let drifted = (self.warm_up.0 as f64 * self.epsilon).ceil() as u64;
        let latency = if self.warm_up > START { LATENCY } else { START };
        latency.saturating_add(Nanos(drifted))
    }
}
