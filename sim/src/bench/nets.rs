//! The nets behind the device's outputs: what the board sees of a pin that nobody drives.
//!
//! A net that a supplied chip lets float keeps its level for the board's `float_hold`, by what
//! capacitance there is; then the board's pull decides. A chip in reset lets go of all its pins, and takes
//! them up again some 60 us later. When its supply goes, the chip itself pulls its nets down, and the
//! board's pulls decide at once.
//!
//! Assumes one time for all nets.

use firmware::signals::StatusLed;

use super::instant::driven;
use crate::dut::OutputPins;
use crate::quantity::Nanos;

/// The nets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nets {
    /// The levels that were driven last; none if the pull has decided since.
    held: OutputPins,
    /// Since when the pins that float have done so.
    since: [Option<Nanos>; 4],
}

impl Nets {
    /// What the board sees at `now`, and when a net that is held falls to its pull.
    pub(super) fn see(
        &mut self,
        now: Nanos,
        pins: OutputPins,
        hold: Nanos,
    ) -> (OutputPins, Option<Nanos>) {
        let [enable, good, switch, led] = &mut self.since;
        let held = &mut self.held;
        let ends = [
            keep(now, hold, pins.supply_enable, &mut held.supply_enable, enable),
            keep(now, hold, pins.power_good, &mut held.power_good, good),
            keep(now, hold, pins.load_switch, &mut held.load_switch, switch),
            keep(now, hold, pins.status_led, &mut held.status_led, led),
        ];
        (self.held, ends.into_iter().flatten().min())
    }

    /// The supply of the chip is gone, and with it what the nets held.
    pub(super) fn drop_all(&mut self) {
        *self = Self::default();
    }
}

/// One net. Tells when it will be held no more.
fn keep<T: Copy>(
    now: Nanos,
    hold: Nanos,
    pin: Option<T>,
    held: &mut Option<T>,
    since: &mut Option<Nanos>,
) -> Option<Nanos> {
    if pin.is_some() {
        *held = pin;
        *since = None;
        return None;
    }
    (*held)?;
    let ends = since.get_or_insert(now).saturating_add(hold);
    if ends <= now {
        *held = None;
        *since = None;
        return None;
    }
    Some(ends)
}

/// Whether the board can tell these pins apart.
pub(super) fn look_alike(one: OutputPins, other: OutputPins) -> bool {
    let led = |pins: OutputPins| pins.status_led.unwrap_or(StatusLed::Dark);
    driven(one) == driven(other) && led(one) == led(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware::signals::{PowerGood, SupplyEnable};

    #[test]
    fn a_floating_net_keeps_its_level_for_a_while() {
        let hold = Nanos::from_micros(100);
        let mut nets = Nets::default();
        let on = OutputPins { supply_enable: Some(SupplyEnable::On), ..OutputPins::default() };
        assert_eq!(nets.see(Nanos(5), on, hold), (on, None));
        let floating = OutputPins::default();
        assert_eq!(nets.see(Nanos(1_000), floating, hold), (on, Some(Nanos(101_000))));
        assert_eq!(nets.see(Nanos(50_000), floating, hold), (on, Some(Nanos(101_000))));
        let low = OutputPins { power_good: Some(PowerGood::Low), ..floating };
        assert_eq!(nets.see(Nanos(101_000), low, hold), (low, None));
        assert_eq!(nets.see(Nanos(101_001), on, Nanos::ZERO), (on, None));
        nets.drop_all();
        assert_eq!(nets.see(Nanos(101_002), floating, hold), (floating, None));
    }
}
