//! How far two runs may drift apart: what the device may take, and what its clocks.
//!
//! The LSI is in none of them but what a reset costs: whatever the firmware times for others to see it
//! times with the MSI, asleep in Sleep mode. A firmware that counted the LSI for it would differ.

use super::starts;
use crate::dut::timing::{self, LATENCY, START};
use crate::quantity::Nanos;
use crate::scenario::Scenario;
use crate::timeline::{Mcu, What};

/// How far the times of two runs may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// The error of their clocks, together, as a fraction.
    pub epsilon: f64,
    /// How much time before time zero the clocks have had.
    pub warm_up: Nanos,
    /// What a reset may cost besides a start: see [`timing::lost_in_reset`].
    pub lost_in_reset: Nanos,
    /// The longest time that the firmware counts: what the device does comes of nothing that lies
    /// further back.
    pub memory: Nanos,
}

impl Tolerance {
    /// For runs of `scenario` whose time zero came after `warm_up`.
    #[must_use]
    pub fn of(scenario: &Scenario, warm_up: Nanos) -> Self {
        let longest = scenario.config.times().into_iter().map(|(_, _, time)| time.0).max();
        Self {
            epsilon: scenario.clock_error(),
            warm_up,
            lost_in_reset: timing::lost_in_reset(scenario),
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

    /// The latency of time zero: what happens after it may have begun with the supply, long before.
    pub(super) fn beginning(&self) -> Nanos {
        let drifted = (self.warm_up.0 as f64 * self.epsilon).ceil() as u64;
        let latency = if self.warm_up > START { LATENCY } else { START };
        latency.saturating_add(Nanos(drifted))
    }
}
