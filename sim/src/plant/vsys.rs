//! Who holds VSYS, and what it does while nobody does: the rail between LTC4041 and Pi.

use super::Plant;
use super::ltc4041::{OperatingPoint, Source};
use super::rail::{self, Free, Hanging, Rail, Rise};
use super::supercap::Drive;
use super::wiring::source;
use crate::quantity::Nanos;
use crate::timeline::{Event, Pi as Phase, PowerPath};

/// In what time the boost takes the charge of a rail that it lifts from the capacitors \[s\].
const LIFT: f64 = 1e-3;

impl Plant {
    /// What the LTC4041 makes of the source and of what hangs on the rail, now.
    pub(super) fn operating_point(&self) -> OperatingPoint {
        let source = source(&self.supply, &self.cable);
        match self.rail {
            Rail::Rising(rise) => self.ltc4041.closing(source, rise.current(self.now)),
            Rail::Fed | Rail::Free(_) if self.input_floats(source) => {
                self.ltc4041.floating(self.vsys())
            }
            Rail::Fed | Rail::Free(_) => self.ltc4041.solve(source, self.load(), &self.caps),
        }
    }

    /// Whether the input is open and holds what comes back through the closed input switch.
    fn input_floats(&self, source: Source) -> bool {
        self.ltc4041.path() == PowerPath::Normal
            && self.ltc4041.part().back_feed_resistance.0 > 0.0
            && source.voltage < self.vsys()
    }

    /// Begins a rise when the input switch begins to close, and ends one that was interrupted.
    pub(super) fn follow_switch(&mut self) {
        match (self.ltc4041.path(), self.rail) {
            (PowerPath::Normal, Rail::Free(free)) => {
                let rise = self.ltc4041.part().input_switch_rise;
                let source = source(&self.supply, &self.cable);
                let voltage = free.voltage(self.now);
                if rise > Nanos::ZERO && source.voltage > voltage {
                    let growth = 1.0 / rise.as_secs_f64();
                    let rise = Rise::new(self.now, voltage, growth, self.hanging());
                    self.rail = Rail::Rising(rise);
                }
            }
            (PowerPath::Backup | PowerPath::Off | PowerPath::Collapsed, Rail::Rising(rise)) => {
                let voltage = rise.voltage(self.now);
                self.rail = Rail::Free(Free::new(self.now, voltage, self.hanging()));
            }
            (PowerPath::Normal, Rail::Fed | Rail::Rising(_))
            | (
                PowerPath::Backup | PowerPath::Off | PowerPath::Collapsed,
                Rail::Fed | Rail::Free(_),
            ) => {}
        }
    }

    /// Feeds the rail, or lets it rise or fall, and powers the Pi accordingly.
    pub(super) fn follow_rail(&mut self, events: &mut Vec<Event>) -> bool {
        let (starts, resets) = (self.pi.part().start_voltage.0, self.pi.part().reset_voltage.0);
        match (self.point.vsys, self.rail) {
            (Some(vsys), _) => {
                self.rail = Rail::Fed;
                self.fed_vsys = vsys;
                self.power_pi(vsys >= starts, vsys <= resets, events);
                false
            }
            (None, Rail::Fed) => {
                self.rail = Rail::Free(Free::new(self.now, self.fed_vsys, self.hanging()));
                true
            }
            (None, Rail::Rising(rise)) => {
                let (starts, resets) =
                    (!rise.under(starts, self.now), rise.voltage(self.now) <= resets);
                self.power_pi(starts, resets, events);
                self.rail = Rail::Rising(rise.with(self.now, self.hanging()));
                let source = source(&self.supply, &self.cable);
                let ends = rise.has_ended(source.voltage, self.through_switch(source), self.now);
                if ends {
                    self.fed_vsys = rise.voltage(self.now);
                    self.rail = Rail::Fed;
                    self.ltc4041.hold(self.fed_vsys);
                }
                ends
            }
            (None, Rail::Free(free)) => {
                let (starts, resets) =
                    (!free.under(starts, self.now), free.under(resets, self.now));
                self.power_pi(starts, resets, events);
                let free = free.with(self.now, self.hanging());
                self.rail = Rail::Free(free);
                self.restart_boost(free)
            }
        }
    }

    /// Between the two voltages the Pi stays as it is.
    fn power_pi(&mut self, starts: bool, resets: bool, events: &mut Vec<Event>) {
        if starts {
            self.pi.power_on(self.now, events);
        } else if resets {
            self.pi.power_off(self.now, events);
        }
    }

    /// Lets a collapsed boost start again if it can; says whether it did.
    fn restart_boost(&mut self, free: Free) -> bool {
        if self.ltc4041.path() != PowerPath::Collapsed
            || self.boost_may_start(free).is_none_or(|at| at > self.now)
        {
            return false;
        }
        let part = self.ltc4041.part();
        let (vsys, vscap) = (free.voltage(self.now), self.vscap());
        if vscap < part.boost_lockout.0 && vsys <= part.boost_lockout.0 {
            return false;
        }
        let charge = self.pi.part().rail_capacitance.0 * (part.backup_voltage.0 - vsys);
        let current = charge * part.backup_voltage.0 / (vscap.max(f64::MIN_POSITIVE) * LIFT);
        self.ltc4041.start_boost(vsys, vscap);
        let starts = self.ltc4041.path() == PowerPath::Backup;
        if starts {
            self.caps.advance(Drive::Rest { current }, LIFT);
        }
        starts
    }

    /// When a collapsed boost may start again. One that was only overloaded lifts VSYS once the load has
    /// gone; else VSYS has to fall to its lock-out first, and the boost to rest.
    fn boost_may_start(&self, free: Free) -> Option<Nanos> {
        let part = self.ltc4041.part();
        let recovers = (part.boost_recovery > Nanos::ZERO)
            .then(|| free.unloaded())
            .flatten()
            .map(|since| since.saturating_add(part.boost_recovery))
            .filter(|at| free.voltage(*at) > part.boost_lockout.0);
        let rested = || {
            let fallen = free.falls_to(part.boost_lockout.0)?;
            Some(fallen.max(free.unfed.saturating_add(part.restart_delay)))
        };
        recovers.or_else(rested)
    }

    /// When the rail next matters.
    pub(super) fn rail_next(&self) -> Option<Nanos> {
        let pi = self.pi.part();
        let thresholds =
            [pi.under_voltage.0, pi.start_voltage.0, pi.reset_voltage.0, rail::DOWN].into_iter();
        let earliest =
            |times: &mut dyn Iterator<Item = Nanos>| times.filter(|at| *at > self.now).min();
        match self.rail {
            Rail::Fed => None,
            Rail::Rising(rise) => {
                let source = source(&self.supply, &self.cable);
                let ends = rise.ends(source.voltage, self.through_switch(source));
                earliest(
                    &mut thresholds
                        .filter_map(|threshold| rise.crosses(threshold, self.now))
                        .chain(ends),
                )
            }
            Rail::Free(free) => {
                let boost = match self.ltc4041.path() {
                    PowerPath::Collapsed => self.boost_may_start(free),
                    PowerPath::Normal | PowerPath::Backup | PowerPath::Off => None,
                };
                earliest(
                    &mut thresholds
                        .filter_map(|threshold| free.crosses(threshold))
                        .chain(free.meets_back_feed())
                        .chain(boost),
                )
            }
        }
    }

    /// Seconds until the rail takes VIN to the power-fail threshold: the current of a rise through the
    /// source's resistance, or a rail that holds an open input.
    pub(super) fn rail_trips(&self, source: Source) -> Option<f64> {
        let threshold = self.ltc4041.part().power_fail.0;
        if self.ltc4041.path() != PowerPath::Normal || self.point.vin < threshold {
            return None;
        }
        let at = match self.rail {
            Rail::Fed => None,
            Rail::Rising(rise) => {
                let current = (source.voltage - threshold) / source.resistance;
                // Asked for more than its limit, the source goes down from there (`vin`).
                let limited = self.point.input < source.limit;
                let current = if limited { current.min(source.limit) } else { current };
                current.is_finite().then(|| rise.carries(current))
            }
            Rail::Free(free) => free.crosses(threshold),
        };
        at.map(|at| at.saturating_sub(self.now).as_secs_f64())
    }

    /// What the current of a rise flows through \[Ω\].
    fn through_switch(&self, source: Source) -> f64 {
        source.resistance + self.ltc4041.part().input_switch.0
    }

    /// What hangs on the rail while nobody holds it.
    pub(super) fn hanging(&self) -> Hanging {
        let current = match self.pi.phase() {
            Phase::Off => 0.0,
            Phase::BootLoader
            | Phase::Booting
            | Phase::Running
            | Phase::ShuttingDown
            | Phase::Halted
            | Phase::Hung => self.loads(),
        };
        Hanging::on(self.pi.part(), current)
    }

    /// Current drawn from a rail that is held \[A\].
    pub(super) fn load(&self) -> f64 {
        match self.rail {
            Rail::Fed => self.loads(),
            Rail::Rising(_) | Rail::Free(_) => 0.0,
        }
    }

    fn loads(&self) -> f64 {
        self.pi.draw() + self.relay.draw(self.ltc4041.part())
    }

    /// VSYS \[V\].
    pub(super) fn vsys(&self) -> f64 {
        match self.rail {
            Rail::Fed => self.fed_vsys,
            Rail::Rising(rise) => rise.voltage(self.now),
            Rail::Free(free) => free.voltage(self.now),
        }
    }
}

#[cfg(test)]
mod tests;
