//! The two cells of the stack: what a part makes of them, and which voltage each bears.
//!
//! ```text
//!   C, ESR, leakage of the part
//!     │ x (1 + tolerance)
//!     │ x age:   C x 1 - age (1 - end of life),  ESR x 1 + age (end of life - 1)
//!     │ x cold:  with x from 0 at 25 °C to 1 at the cold temperature,
//!     │          C x 1 - x (1 - cold),  ESR x cold^x;  the same below it
//!     │ x heat:  leakage x hot^y, y = (T - 25 °C)/(hot - 25 °C) above 25 °C
//!     ▼
//!   one capacitor (`supercap`)          the same current through both cells:
//!                                         a, the smaller   V_a = α V + D/(Ca + Cb)
//!                                         b, the larger    V_b = V - V_a
//! ```
//!
//! With m the mismatch, Cb = (1 + m) Ca in series make C; α = Cb/(Ca + Cb) = (1 + m)/(2 + m). D is by how
//! much more charge the smaller cell holds: nothing in series can change it, a difference of the cells'
//! leakages does, D' = Ib - Ia, and the LTC4041's balancer takes it, with a constant current, to where
//! both voltages are equal. At the cells' terminals half of the drop over the ESR comes on top of each.
//! A cell does not leak below 0 V.
//!
//! A shorted cell leaves the other one, with its own charge and half the ESR. An open or a missing stack
//! leaves the board's own capacitor; it keeps its charge, and has it again when the contact is back.
//!
//! # Assumptions
//! Tolerance, age and cold apply to all capacitances alike. In the heat C and ESR are as at 25 °C, below
//! 25 °C the leakage is: both on the safe side. The rating falls linearly between the hot and the top
//! temperature. Cells keep their ratio at every voltage, also where the capacitance grows with it and in
//! the slow branch. The balancer works while the LTC4041 feeds VSYS from VIN, and takes its charge from
//! there. Left out: a shorted cell's heat, an LTC4041 that stops charging because one cell is too high.

use super::supercap::{Drive, Parameters, SlowBranch, Supercap};
use crate::parts::{Caps, Cells as Fault};
use crate::quantity::Celsius;

/// Farads of the cells.
#[derive(Clone, Copy, Debug)]
struct Pair {
    /// Of the smaller one.
    smaller: f64,
    /// Of the larger one.
    larger: f64,
}

impl Pair {
    fn of(caps: &Caps, stack: f64) -> Self {
        let m = caps.capacitance_mismatch.0;
        Self { smaller: stack * (2.0 + m) / (1.0 + m), larger: stack * (2.0 + m) }
    }

    fn sum(self) -> f64 {
        self.smaller + self.larger
    }

    /// The part of the stack's voltage that the smaller one bears.
    fn share(self) -> f64 {
        self.larger / self.sum()
    }

    /// D \[C\] at which both bear the same, at `voltage` \[V\] across the stack.
    fn balanced(self, voltage: f64) -> f64 {
        0.5 * (self.smaller - self.larger) * voltage
    }
}

/// The stack as one capacitor: its condition and its faults.
pub(super) fn parameters(caps: &Caps) -> Parameters {
    let cold = coldness(caps);
    let left = (1.0 + caps.tolerance.0)
        * (1.0 - caps.age.0 * (1.0 - caps.end_of_life_capacitance.0))
        * (1.0 - cold * (1.0 - caps.cold_capacitance.0));
    let resisting =
        (1.0 + caps.age.0 * (caps.end_of_life_esr.0 - 1.0)) * libm::pow(caps.cold_esr.0, cold);
    let slow = (caps.slow_capacitance.0 > 0.0).then_some(SlowBranch {
        capacitance: caps.slow_capacitance.0 * left,
        resistance: caps.slow_resistance.0,
    });
    let sound = Parameters {
        capacitance: caps.capacitance.0 * left,
        growth: caps.capacitance_per_volt.0 * left,
        esr: caps.esr.0 * resisting,
        leakage: caps.leakage.0 * leaking(caps),
        slow,
    };
    match caps.cells {
        Fault::Sound => sound,
        Fault::Shorted => {
            // The smaller one alone. Its own volts are twice as many per volt of a stack.
            let times = Pair::of(caps, 1.0).smaller;
            Parameters {
                capacitance: sound.capacitance * times,
                growth: sound.growth * times * times,
                esr: 0.5 * sound.esr,
                slow: sound.slow.map(|slow| SlowBranch {
                    capacitance: slow.capacitance * times,
                    resistance: slow.resistance / times,
                }),
                ..sound
            }
        }
        Fault::Open | Fault::Missing => Parameters {
            capacitance: caps.bypass.0,
            growth: 0.0,
            esr: 0.0,
            leakage: 0.0,
            slow: None,
        },
    }
}

/// 0 at 25 °C and above, 1 at the cold temperature and below.
fn coldness(caps: &Caps) -> f64 {
    let below = Celsius::REFERENCE.0 - caps.temperature.0;
    (below / (Celsius::REFERENCE.0 - caps.cold_temperature.0)).clamp(0.0, 1.0)
}

fn leaking(caps: &Caps) -> f64 {
    let above = (caps.temperature.0 - Celsius::REFERENCE.0).max(0.0);
    libm::pow(caps.hot_leakage.0, above / (caps.hot_temperature.0 - Celsius::REFERENCE.0))
}

/// The rated voltage of a cell at its temperature \[V\].
pub(super) fn rating(caps: &Caps) -> f64 {
    let span = caps.top_temperature.0 - caps.hot_temperature.0;
    let part = ((caps.temperature.0 - caps.hot_temperature.0) / span).clamp(0.0, 1.0);
    caps.cell_rating.0 - part * (caps.cell_rating.0 - caps.top_cell_rating.0)
}

/// How the stack's charge is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cells {
    /// D, by how much more charge the smaller cell holds \[C\].
    surplus: f64,
    /// The stack as it was when it came off.
    aside: Option<Supercap>,
}

impl Cells {
    /// Lets `seconds` go by, at whose end the stack is `stack`, with a balancer of `balancer` \[A\].
    pub(super) fn advance(&mut self, caps: &Caps, stack: &Supercap, balancer: f64, seconds: f64) {
        if self.is_even(caps) {
            return;
        }
        let pair = Pair::of(caps, stack.parameters.capacitance_at(stack.voltage));
        self.surplus += seconds * caps.leakage_mismatch.0 * leaking(caps);
        let away = pair.balanced(stack.voltage) - self.surplus;
        self.surplus += away.clamp(-seconds * balancer, seconds * balancer);
        // Where one of them is empty.
        let (least, most) = (-pair.larger * stack.voltage, pair.smaller * stack.voltage);
        self.surplus = self.surplus.max(least.min(0.0)).min(most.max(0.0));
    }

    /// Nothing makes the cells differ.
    fn is_even(&self, caps: &Caps) -> bool {
        let sound = caps.cells == Fault::Sound;
        !sound
            || self.surplus == 0.0
                && caps.capacitance_mismatch.0 == 0.0
                && caps.leakage_mismatch.0 == 0.0
    }

    /// The voltage across the higher of the two cells, at its terminals \[V\], with `terminal` \[V\] across
    /// the stack's.
    pub(super) fn highest(&self, caps: &Caps, stack: &Supercap, terminal: f64) -> f64 {
        match caps.cells {
            Fault::Shorted => return terminal,
            Fault::Open | Fault::Missing => return 0.0,
            Fault::Sound => {}
        }
        if self.is_even(caps) {
            return 0.5 * terminal;
        }
        let v = stack.voltage;
        let pair = Pair::of(caps, stack.parameters.capacitance_at(v));
        let smaller = pair.share() * v + self.surplus / pair.sum();
        smaller.max(v - smaller) + 0.5 * (terminal - v)
    }

    /// Seconds until the higher cell's voltage stops rising although the stack's still does, because
    /// the balancer takes more away than the charger brings.
    ///
    /// With r the charger's and R the cells' resistance, i = (T - V)/(r + R) and V' = i/C, the cell has
    /// V_a + R i/2, which is stationary at i (α - R/(2 (r + R))) (Ca + Cb)/C = -D'.
    pub(super) fn next_extreme(
        &self,
        caps: &Caps,
        stack: &Supercap,
        drive: Drive,
        balancer: f64,
    ) -> Option<f64> {
        let Drive::Voltage { target, resistance } = drive else {
            return None;
        };
        let taken = balancer - caps.leakage_mismatch.0 * leaking(caps);
        if self.is_even(caps) || taken <= 0.0 {
            return None;
        }
        let capacitance = stack.parameters.capacitance_at(stack.voltage);
        let pair = Pair::of(caps, capacitance);
        let esr = stack.parameters.esr;
        let part = pair.share() - 0.5 * esr / (resistance + esr);
        let current = taken * capacitance / (pair.sum() * part);
        stack
            .time_to_rise(drive, target - resistance * current)
            .filter(|seconds| *seconds > 0.0 && part > 0.0)
    }

    /// The stack after its part has changed from `before` to `after`.
    pub(super) fn change(&mut self, before: &Caps, after: &Caps, stack: &Supercap) -> Supercap {
        let parameters = parameters(after);
        let attached = |fault| matches!(fault, Fault::Sound | Fault::Shorted);
        let mut changed = Supercap { parameters, ..*stack };
        match (attached(before.cells), attached(after.cells)) {
            (true, true) if before.cells != after.cells => {
                let pair = Pair::of(before, stack.parameters.capacitance_at(stack.voltage));
                let smaller = if before.cells == Fault::Sound {
                    // The short empties the larger one.
                    let smaller = pair.share() * stack.voltage + self.surplus / pair.sum();
                    self.surplus = 0.0;
                    smaller.max(0.0)
                } else {
                    // Only the smaller one holds anything.
                    self.surplus = stack.voltage * stack.parameters.capacitance;
                    stack.voltage
                };
                changed.slow_voltage += smaller - stack.voltage;
                changed.slow_voltage = changed.slow_voltage.max(0.0);
                changed.voltage = smaller;
            }
            (true, false) => self.aside = Some(*stack),
            (false, true) => {
                // A stack that was never there comes empty.
                let back = self.aside.take().unwrap_or_else(|| Supercap::new(parameters, 0.0));
                changed = Supercap { parameters, ..back };
            }
            (true, true) | (false, false) => {}
        }
        changed
    }

    /// The cells of a stack that was put at a voltage with equal charges.
    pub(super) fn even(&mut self) {
        self.surplus = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::Library;
    use crate::quantity::{Amps, Deviation, Factor, Farads, Ratio};

    fn part(name: &str) -> Caps {
        match Library::builtin().find(name) {
            Ok(caps) => caps,
            Err(error) => panic!("{error:?}"),
        }
    }

    #[track_caller]
    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} against {b}");
    }

    fn mismatched(percent: f64) -> (Caps, Supercap) {
        let mut caps = part("25f");
        caps.capacitance_mismatch = Ratio(0.01 * percent);
        let stack = Supercap::new(parameters(&caps), 4.7);
        (caps, stack)
    }

    #[test]
    fn a_new_stack_at_25_degrees_is_what_the_part_says() {
        let caps = part("25f");
        let made = parameters(&caps);
        assert_eq!((made.capacitance, made.esr, made.leakage), (16.5, 0.06, 45e-6));
        assert_eq!((made.growth, made.slow), (0.0, None));
        assert_eq!(rating(&caps), 2.7);
    }

    #[test]
    fn age_tolerance_and_temperature_multiply() {
        let mut caps = part("25f");
        (caps.age, caps.temperature) = (Factor(2.0), Celsius(-10.0));
        caps.tolerance = Deviation(-0.2);
        caps.capacitance_per_volt = Farads(1.0);
        let made = parameters(&caps);
        close(made.capacitance, 16.5 * 0.8 * 0.6 * 0.9);
        close(made.growth, 0.8 * 0.6 * 0.9);
        close(made.esr, 0.06 * 3.0 * 3.0);
        // Half way to the cold: the square root of its resistance, half of its loss.
        (caps.age, caps.temperature) = (Factor(0.0), Celsius(7.5));
        close(parameters(&caps).esr, 0.06 * 3.0_f64.sqrt());
        close(parameters(&caps).capacitance, 16.5 * 0.8 * 0.95);
        // No colder than the cold, and no leakage less than at 25 °C.
        caps.temperature = Celsius(-40.0);
        close(parameters(&caps).esr, 0.18);
        close(parameters(&caps).leakage, 45e-6);
        caps.temperature = Celsius(95.0);
        close(parameters(&caps).leakage, 45e-6 * 16.0);
        close(rating(&caps), 2.3);
        caps.temperature = Celsius(72.5);
        close(rating(&caps), 2.5);
    }

    #[test]
    fn aged_and_cold_parts_are_what_makers_say() {
        let aged = parameters(&part("25f-aged"));
        close(aged.capacitance, 13.2);
        close(aged.esr, 0.12);
        let cold = parameters(&part("25f-cold"));
        close(cold.capacitance, 14.85);
        close(cold.esr, 0.18);
    }

    #[test]
    fn cells_in_series_hold_the_same_charge() {
        let (caps, stack) = mismatched(20.0);
        let pair = Pair::of(&caps, 16.5);
        close(1.0 / (1.0 / pair.smaller + 1.0 / pair.larger), 16.5);
        let cells = Cells::default();
        let smaller = cells.highest(&caps, &stack, 4.7);
        close(smaller, 4.7 * 1.2 / 2.2);
        close(smaller * pair.smaller, (4.7 - smaller) * pair.larger);
    }

    #[test]
    fn leakage_that_differs_drifts_and_the_balancer_takes_it_back() {
        let (mut caps, stack) = mismatched(20.0);
        caps.leakage_mismatch = Amps(10e-6);
        let mut cells = Cells::default();
        let before = cells.highest(&caps, &stack, 4.7);
        let sum = Pair::of(&caps, 16.5).sum();
        cells.advance(&caps, &stack, 0.0, 86_400.0);
        close(cells.highest(&caps, &stack, 4.7), before + 0.864 / sum);
        // 10 mA need less than an hour, and then nothing more happens.
        for seconds in [3600.0, 1e6] {
            cells.advance(&caps, &stack, 10e-3, seconds);
            close(cells.highest(&caps, &stack, 4.7), 2.35);
        }
        // An empty cell leaks nothing: the other one never bears more than all of it.
        cells.advance(&caps, &stack, 0.0, 1e9);
        close(cells.highest(&caps, &stack, 4.7), 4.7);
    }

    #[test]
    fn the_higher_cell_is_highest_where_the_model_says() {
        let (caps, empty) = mismatched(50.0);
        let drive = Drive::Voltage { target: 4.7, resistance: 0.05 };
        let start = Supercap { voltage: 4.5, ..empty };
        let at = |seconds: f64| {
            let (mut stack, mut cells) = (start, Cells::default());
            stack.advance(drive, seconds);
            cells.advance(&caps, &stack, 10e-3, seconds);
            cells.highest(&caps, &stack, stack.terminal(drive).voltage)
        };
        let top = Cells::default().next_extreme(&caps, &start, drive, 10e-3).unwrap();
        assert!(at(top) > at(top - 0.1) && at(top) > at(top + 0.1), "{top}");
        assert!(at(top) - at(top - 1e-3) < 1e-6 && at(top) - at(top + 1e-3) < 1e-6);
    }

    #[test]
    fn faults_keep_the_charge_that_is_left() {
        let (caps, stack) = mismatched(20.0);
        let with = |cells| Caps { cells, ..caps.clone() };
        let mut cells = Cells::default();
        let shorted = cells.change(&caps, &with(Fault::Shorted), &stack);
        close(shorted.voltage, 4.7 * 1.2 / 2.2);
        close(shorted.parameters.capacitance, Pair::of(&caps, 16.5).smaller);
        close(cells.highest(&with(Fault::Shorted), &shorted, 2.5), 2.5);
        // The short is gone: the larger one is empty still.
        let sound = cells.change(&with(Fault::Shorted), &caps, &shorted);
        close(sound.voltage, shorted.voltage);
        close(cells.highest(&caps, &sound, sound.voltage), sound.voltage);
        // A bad joint: 22 uF, and all of the charge when it is back.
        let open = cells.change(&caps, &with(Fault::Open), &sound);
        close(open.parameters.capacitance, 22e-6);
        let back = cells.change(&with(Fault::Open), &caps, &Supercap { voltage: 0.0, ..open });
        assert_eq!(back, sound);
        // One that was never there comes empty.
        let new = Cells::default().change(&with(Fault::Missing), &caps, &open);
        close(new.voltage, 0.0);
    }
}
