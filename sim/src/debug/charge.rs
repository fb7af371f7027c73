//! What the chip drew: time in each mode times what that mode draws.
//!
//! The currents are parameters. Their defaults and where each comes from: `docs/power-budget.md`; none
//! was measured on this board. Assumes that a mode draws the same all the time, and the clock that the
//! default of [`Currents::run`] is for (MSI range 5, 2.097 MHz). Leaves out pins with a load or a pull
//! resistor, the supply's dependence, temperature, and start-up peaks.

use stm32l011::chip::Usage;

/// What the chip draws in each mode \[A\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Currents {
    /// Run, from flash at 2.1 MHz; also while it comes out of reset.
    pub run: f64,
    /// While EEPROM or flash is erased or programmed, on top of Run.
    pub programming: f64,
    /// Sleep at 2.1 MHz, timers running.
    pub sleep: f64,
    /// Stop with watchdog and low-power timer on the LSI, the voltage reference on.
    pub stop: f64,
    /// Standby.
    pub standby: f64,
}

impl Default for Currents {
    fn default() -> Self {
        Self { run: 200e-6, programming: 500e-6, sleep: 120e-6, stop: 2e-6, standby: 0.23e-6 }
    }
}

/// A mode's share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The mode, as ST calls it.
    pub mode: &'static str,
    /// How long \[ns\].
    pub time: u64,
    /// What it draws \[A\].
    pub current: f64,
}

impl Share {
    /// What was drawn \[C\].
    #[must_use]
    pub fn charge(&self) -> f64 {
        self.current * (self.time as f64 / 1e9)
    }
}

impl Currents {
    /// The shares of all modes in this order: Run, programming (part of Run), Sleep, Stop, Standby, reset.
    #[must_use]
    pub fn shares(&self, usage: &Usage) -> [Share; 6] {
        [
            Share { mode: "Run", time: usage.run, current: self.run },
            Share { mode: "programming", time: usage.stalled, current: self.programming },
            Share { mode: "Sleep", time: usage.sleep, current: self.sleep },
            Share { mode: "Stop", time: usage.stop, current: self.stop },
            Share { mode: "Standby", time: usage.standby, current: self.standby },
            Share { mode: "reset", time: usage.reset, current: self.run },
        ]
    }
}

/// Everything drawn \[C\].
#[must_use]
pub(super) fn charge(shares: &[Share]) -> f64 {
    shares.iter().map(Share::charge).sum()
}

/// Time with supply \[ns\].
#[must_use]
pub(super) fn supplied(usage: &Usage) -> u64 {
    let Usage { run, sleep, stop, standby, reset, .. } = usage;
    [run, sleep, stop, standby, reset].into_iter().sum()
}

/// What was used since `before`.
#[must_use]
pub(super) fn since(now: &Usage, before: &Usage) -> Usage {
    Usage {
        run: now.run.saturating_sub(before.run),
        stalled: now.stalled.saturating_sub(before.stalled),
        sleep: now.sleep.saturating_sub(before.sleep),
        stop: now.stop.saturating_sub(before.stop),
        standby: now.standby.saturating_sub(before.standby),
        reset: now.reset.saturating_sub(before.reset),
        off: now.off.saturating_sub(before.off),
        instructions: now.instructions.saturating_sub(before.instructions),
        cycles: now.cycles.saturating_sub(before.cycles),
        sleeps: now.sleeps.saturating_sub(before.sleeps),
        stops: now.stops.saturating_sub(before.stops),
        nvm_operations: now.nvm_operations.saturating_sub(before.nvm_operations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn usage() -> Usage {
        Usage {
            run: 3 * SECOND,
            stalled: SECOND,
            sleep: 10 * SECOND,
            stop: 100 * SECOND,
            off: 7 * SECOND,
            reset: SECOND / 2,
            instructions: 42,
            ..Usage::default()
        }
    }

    #[test]
    fn every_mode_draws_its_share() {
        let currents =
            Currents { run: 2e-3, programming: 1e-3, sleep: 1e-4, stop: 1e-6, standby: 1e-7 };
        let shares = currents.shares(&usage());
        let charges = shares.map(|share| (share.charge() * 1e6).round());
        assert_eq!(charges, [6_000.0, 1_000.0, 1_000.0, 100.0, 0.0, 1_000.0]);
        assert_eq!((charge(&shares) * 1e6).round(), 9_100.0);
        // Programming is part of Run, and without supply nothing is drawn.
        assert_eq!(supplied(&usage()), 113 * SECOND + SECOND / 2);
    }

    #[test]
    fn a_difference_is_taken_of_everything() {
        assert_eq!(since(&usage(), &usage()), Usage::default());
        assert_eq!(since(&usage(), &Usage::default()), usage());
    }
}
