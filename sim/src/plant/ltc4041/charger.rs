//! The charger: which limit binds, what it does to VIN, and when it locks out.
//!
//! The equations are at the head of `ltc4041`.

use super::{Headroom, Ltc4041, OperatingPoint, Source, TOLERANCE, earliest};
use crate::plant::supercap::{Drive, Supercap};
use crate::quantity::Nanos;
use crate::timeline::Charger;

impl Ltc4041 {
    pub(super) fn solve_normal(
        &self,
        source: Source,
        load: f64,
        caps: &Supercap,
    ) -> OperatingPoint {
        let loaded = (source.voltage - source.resistance * load).max(0.0);
        let vsys = |vin: f64| Some(vin - self.part.input_switch.0 * load);
        let idle = |charger| OperatingPoint {
            vin: loaded,
            input: load,
            vsys: vsys(loaded),
            drive: Drive::Rest { current: self.part.quiescent_normal.0 },
            charger,
        };
        if loaded < self.part.power_fail.0 {
            // The comparator is about to trip; VSYS is held by its capacitance until then.
            return OperatingPoint { vsys: Some(self.held_vsys), ..idle(Charger::Off) };
        }
        if load >= self.part.input_limit.0 {
            return idle(Charger::Off);
        }
        if self.headroom == Headroom::TooLittle {
            return idle(Charger::LockedOut);
        }
        let (charger, drive) = self.charge(source, load, caps);
        let terminal = caps.terminal(drive);
        let power = (-terminal.current * terminal.voltage).max(0.0) / self.part.charge_efficiency.0;
        let vin = charging_vin(loaded, source.resistance, power);
        let vsys = if vin < self.part.power_fail.0 { Some(self.held_vsys) } else { vsys(vin) };
        OperatingPoint { vin, input: load + power / vin, vsys, drive, charger }
    }

    /// The limit that binds decides the charger's mode.
    fn charge(&self, source: Source, load: f64, caps: &Supercap) -> (Charger, Drive) {
        let target = self.part.charge_voltage.0;
        let resistance = self.part.charge_resistance.0;
        let full_scale = self.part.charge_current.0;
        if caps.terminal(Drive::Rest { current: 0.0 }).voltage >= target {
            // A charger does not discharge.
            let quiescent = Drive::Rest { current: self.part.quiescent_normal.0 };
            return (Charger::ConstantVoltage, quiescent);
        }
        let current = Drive::Current { current: full_scale };
        let power = Drive::Power { power: self.limited_power(source, load) };
        let voltage = Drive::Voltage { target, resistance };
        let at_full_scale = caps.terminal(current).voltage * full_scale;
        // Boundaries are taken from their far side, so that a mode does not meet its own end again.
        let (charger, drive) =
            if at_full_scale >= self.limited_power(source, load) * (1.0 - TOLERANCE) {
                (Charger::InputLimited, power)
            } else {
                (Charger::ConstantCurrent, current)
            };
        let limited = -caps.terminal(drive).current;
        if -caps.terminal(voltage).current <= limited * (1.0 + TOLERANCE) {
            (Charger::ConstantVoltage, voltage)
        } else {
            (charger, drive)
        }
    }

    /// Power into the capacitors' terminals when the input current is at its limit \[W\].
    fn limited_power(&self, source: Source, load: f64) -> f64 {
        let limit = self.part.input_limit.0;
        let vin = (source.voltage - source.resistance * limit).max(0.0);
        self.part.charge_efficiency.0 * vin * (limit - load)
    }

    /// The charger's own current takes headroom away, so locking out can bring it all back at once.
    pub(super) fn compare_headroom(&mut self, now: Nanos, headroom: f64) -> bool {
        let before = self.headroom;
        match self.headroom {
            Headroom::Enough if headroom <= self.part.headroom_off.0 + TOLERANCE => {
                self.headroom = Headroom::TooLittle;
                self.charger_rests_until = now.saturating_add(self.part.restart_delay);
            }
            Headroom::TooLittle
                if headroom >= self.part.headroom_on.0 - TOLERANCE
                    && now >= self.charger_rests_until =>
            {
                self.headroom = Headroom::Enough;
            }
            Headroom::Enough | Headroom::TooLittle => {}
        }
        self.headroom != before
    }

    pub(super) fn charger_crossing(
        &self,
        point: &OperatingPoint,
        source: Source,
        load: f64,
        caps: &Supercap,
    ) -> Option<f64> {
        let target = self.part.charge_voltage.0;
        let resistance = self.part.charge_resistance.0;
        let full_scale = self.part.charge_current.0;
        let fall = |threshold: f64| caps.time_to_fall(point.drive, threshold);
        let rise = |threshold: f64| caps.time_to_rise(point.drive, threshold);
        match point.charger {
            Charger::Off => None,
            // With headroom enough it only rests.
            Charger::LockedOut => point
                .vsys
                .and_then(|vsys| fall(vsys - self.part.headroom_on.0))
                .filter(|seconds| *seconds > 0.0),
            Charger::ConstantCurrent => earliest([
                rise(self.limited_power(source, load) / full_scale),
                rise(target - resistance * full_scale),
                // What has happened already lies behind, while its consequences take their time.
                self.charging_vin_crossing(source, load)
                    .filter(|_| point.vin >= self.part.power_fail.0)
                    .and_then(rise),
                self.source_limit_crossing(source, load)
                    .filter(|_| point.input <= source.limit)
                    .and_then(rise),
            ]),
            Charger::InputLimited => {
                // (target − v)/r = P/v
                let power = self.limited_power(source, load);
                let square = target * target - 4.0 * power * resistance;
                earliest([
                    rise((target + square.max(0.0).sqrt()) / 2.0),
                    point.vsys.and_then(|vsys| rise(vsys - self.part.headroom_off.0)),
                ])
            }
            Charger::ConstantVoltage => match point.drive {
                // Below the target by more than rounding: then it charges again.
                Drive::Rest { .. } => fall(target - 1e3 * TOLERANCE),
                Drive::Converter { .. }
                | Drive::Current { .. }
                | Drive::Power { .. }
                | Drive::Voltage { .. } => None,
            },
        }
    }

    /// The terminal voltage at which charging at full scale asks the source for more than its limit.
    fn source_limit_crossing(&self, source: Source, load: f64) -> Option<f64> {
        let vin = source.voltage - source.resistance * source.limit;
        let power = vin * (source.limit - load);
        let terminal = power * self.part.charge_efficiency.0 / self.part.charge_current.0;
        (source.limit.is_finite() && terminal > 0.0).then_some(terminal)
    }

    /// The terminal voltage at which charging at full scale pulls VIN down to the power-fail
    /// threshold, or VSYS down to the headroom limit, if either happens on the way to the target.
    fn charging_vin_crossing(&self, source: Source, load: f64) -> Option<f64> {
        let target = self.part.charge_voltage.0;
        let loaded = source.voltage - source.resistance * load;
        let vin = |terminal: f64| {
            let power = terminal * self.part.charge_current.0 / self.part.charge_efficiency.0;
            charging_vin(loaded, source.resistance, power)
        };
        let drop = self.part.input_switch.0 * load;
        let slack = |terminal: f64| {
            let vin = vin(terminal);
            let headroom = vin - drop - terminal - self.part.headroom_off.0;
            headroom.min(vin - self.part.power_fail.0)
        };
        if slack(target) > 0.0 {
            return None;
        }
        // Falling in the terminal voltage: halve the bracket until it cannot shrink.
        let (mut above, mut below) = (0.0, target);
        for _ in 0..64 {
            let middle = 0.5 * (above + below);
            if slack(middle) > 0.0 { above = middle } else { below = middle }
        }
        Some(below)
    }
}

/// VIN when a power \[W\] is drawn besides the load that leaves `loaded` \[V\] behind `resistance`
/// \[Ω\]. Beyond what the source can give, the voltage of maximum power.
fn charging_vin(loaded: f64, resistance: f64, power: f64) -> f64 {
    let square = loaded * loaded - 4.0 * resistance * power;
    (loaded + square.max(0.0).sqrt()) / 2.0
}
