//! The LTC4041: power path, charger, boost, power-fail comparator, CAPGD.
//!
//! ```text
//!   VIN ──[ input switch ]──┬── VSYS ──▶ Pi, relay loads
//!    │                      │
//!   PFO (threshold)    charger ▼ / ▲ boost
//!                           │
//!                         VSCAP
//! ```
//!
//! - **Normal** (PFO high): VSYS = VIN − R·I. The charger takes
//!   `min(I_cc, η·VIN·(I_lim − I_load)/V_term, (V_cv − V_term)/r)`; only the charge current yields to
//!   the input limit, never the load. With the source `V, R` and the power `P` into the charger,
//!   VIN is the upper root of `VIN² − (V − R·I_load)·VIN + R·P = 0`. The charger locks out when
//!   VSYS comes too close to VSCAP and returns with hysteresis.
//! - **Backup** (PFO low): the boost holds VSYS from the capacitors. It ends when the capacitors
//!   can no longer deliver (see `supercap`) or their terminals fall to `boost_end`; then VSYS is left
//!   to itself. When VSYS has fallen to `boost_lockout`, and no earlier than after `restart_delay`, the
//!   boost starts again if the capacitors are above it, else it stays locked out until the input
//!   returns.
//! - **Off** (both enables off): the input switch is open, the boost off, nothing charges.
//! - **PFO** compares VIN upstream of the input switch, so an unloaded adapter can look good.
//!   Once tripped, a recovery is ignored for T_min-backup.
//! - **CAPGD** compares the terminal voltage, and is low unless in normal mode.
//!
//! Sources: the maker's datasheet of the sibling LTC4040 and measurements on LTC4041 boards; every
//! number is a parameter of the board's part file with its own source.
//! Leaves out: inrush through the input switch, burst mode, thermal limits, CAPFLT and SYSGD.

use crate::parts::Board;
use crate::plant::supercap::{Drive, Supercap};
use crate::quantity::Nanos;
use crate::timeline::{CapsCharged, Charger, PowerPath, SupplyEnable, SupplyGood};

/// Comparators count as tripped this close to their threshold \[V\], so that a crossing solved to
/// the nanosecond has happened when its time comes.
const TOLERANCE: f64 = 1e-9;

/// What feeds the board: adapter and cable as one source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Voltage without load \[V\].
    pub voltage: f64,
    /// Resistance \[Ω\].
    pub resistance: f64,
}

/// The electrical solution between two events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// Input voltage \[V\].
    pub vin: f64,
    /// VSYS \[V\]; `None` if nothing feeds it.
    pub vsys: Option<f64>,
    /// What is connected to the capacitors.
    pub drive: Drive,
    /// What the charger does.
    pub charger: Charger,
}

/// The controller's discrete state.
#[derive(Clone, Debug)]
pub struct Ltc4041 {
    part: Board,
    path: PowerPath,
    pfo: SupplyGood,
    tripped_at: Nanos,
    /// When the power-fail comparator's output follows its input.
    flips_at: Option<Nanos>,
    /// CAPGD's comparator, before it is gated.
    charged: CapsCharged,
    /// The charger's headroom comparator.
    headroom: Headroom,
    /// A charger that locked out does not charge again before this.
    charger_rests_until: Nanos,
    /// VSYS while the input was last good, held for the comparator's delay \[V\].
    held_vsys: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Headroom {
    Enough,
    TooLittle,
}

impl Ltc4041 {
    /// A controller that sees `source` and capacitors at `vscap` for the first time, disabled.
    pub fn new(part: Board, source: Source, vscap: f64) -> Self {
        let pfo = if source.voltage >= part.power_fail.0 + part.power_fail_hysteresis.0 {
            SupplyGood::High
        } else {
            SupplyGood::Low
        };
        let charged = if vscap >= part.caps_charged_rising.0 * part.charge_voltage.0 {
            CapsCharged::High
        } else {
            CapsCharged::Low
        };
        Self {
            part,
            path: PowerPath::Off,
            pfo,
            tripped_at: Nanos::ZERO,
            flips_at: None,
            charged,
            headroom: Headroom::Enough,
            charger_rests_until: Nanos::ZERO,
            held_vsys: 0.0,
        }
    }

    /// The constants.
    pub fn part(&self) -> &Board {
        &self.part
    }

    /// Changes the constants during a run.
    pub fn set_part(&mut self, part: Board) {
        self.part = part;
    }

    /// Which way VSYS is fed.
    pub fn path(&self) -> PowerPath {
        self.path
    }

    /// PFO.
    pub fn pfo(&self) -> SupplyGood {
        self.pfo
    }

    /// CAPGD: gated by normal mode.
    pub fn capgd(&self) -> CapsCharged {
        match self.path {
            PowerPath::Normal => self.charged,
            PowerPath::Backup | PowerPath::Off | PowerPath::Collapsed => CapsCharged::Low,
        }
    }

    /// Drives both enables. `vsys` and `vscap` decide whether the boost may start; VSYS rises to
    /// the unloaded input `vin` before the power-fail comparator can see what the load does to it.
    pub fn enable(&mut self, level: SupplyEnable, vin: f64, vsys: f64, vscap: f64) {
        match (level, self.path) {
            (SupplyEnable::Off, _) => self.path = PowerPath::Off,
            (SupplyEnable::On, PowerPath::Off) => match self.pfo {
                SupplyGood::High => {
                    self.path = PowerPath::Normal;
                    self.held_vsys = vin;
                }
                SupplyGood::Low => self.start_boost(vsys, vscap),
            },
            (SupplyEnable::On, PowerPath::Normal | PowerPath::Backup | PowerPath::Collapsed) => {}
        }
    }

    /// Starts the boost unless it is locked out or the capacitors are too low to run it.
    pub fn start_boost(&mut self, vsys: f64, vscap: f64) {
        let lockout = self.part.boost_lockout.0;
        let locked_out = vsys < lockout && vscap < lockout;
        self.path = if locked_out || vscap <= self.part.boost_end.0 {
            PowerPath::Collapsed
        } else {
            PowerPath::Backup
        };
    }

    /// The electrical solution for a source, a load on VSYS \[A\] and the capacitors.
    pub fn solve(&self, source: Source, load: f64, caps: &Supercap) -> OperatingPoint {
        match self.path {
            PowerPath::Off => self.resting(source, None, self.part.quiescent_off.0),
            PowerPath::Collapsed => self.resting(source, None, self.part.quiescent_normal.0),
            PowerPath::Backup => OperatingPoint {
                vin: source.voltage,
                vsys: Some(self.part.backup_voltage.0),
                drive: boost(&self.part, load),
                charger: Charger::Off,
            },
            PowerPath::Normal => self.solve_normal(source, load, caps),
        }
    }

    fn resting(&self, source: Source, vsys: Option<f64>, quiescent: f64) -> OperatingPoint {
        let mcu = if source.voltage > self.part.mcu_dead.0 { 0.0 } else { self.part.mcu_current.0 };
        OperatingPoint {
            vin: source.voltage,
            vsys,
            drive: Drive::Rest { current: quiescent + mcu },
            charger: Charger::Off,
        }
    }

    fn solve_normal(&self, source: Source, load: f64, caps: &Supercap) -> OperatingPoint {
        let loaded = (source.voltage - source.resistance * load).max(0.0);
        let vsys = |vin: f64| Some(vin - self.part.input_switch.0 * load);
        let idle = |charger| OperatingPoint {
            vin: loaded,
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
        OperatingPoint { vin, vsys, drive, charger }
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

    /// Follows the comparators after anything changed. Returns whether the solution changed.
    pub fn compare(&mut self, now: Nanos, point: &OperatingPoint, caps: &Supercap) -> bool {
        let terminal = caps.terminal(point.drive);
        let target = self.part.charge_voltage.0;
        if terminal.voltage >= self.part.caps_charged_rising.0 * target - TOLERANCE {
            self.charged = CapsCharged::High;
        } else if terminal.voltage <= self.part.caps_charged_falling.0 * target + TOLERANCE {
            self.charged = CapsCharged::Low;
        }
        self.compare_input(now, point.vin);
        match self.path {
            PowerPath::Normal => {
                if point.vin >= self.part.power_fail.0
                    && let Some(vsys) = point.vsys
                {
                    self.held_vsys = vsys;
                    return self.compare_headroom(now, vsys - terminal.voltage);
                }
                false
            }
            PowerPath::Backup => {
                let ended = terminal.voltage <= self.part.boost_end.0 + TOLERANCE
                    || caps.time_to_collapse(point.drive) == Some(0.0);
                if ended {
                    self.path = PowerPath::Collapsed;
                }
                ended
            }
            PowerPath::Off | PowerPath::Collapsed => false,
        }
    }

    /// The charger's own current takes headroom away, so locking out can bring it all back at once.
    fn compare_headroom(&mut self, now: Nanos, headroom: f64) -> bool {
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

    fn compare_input(&mut self, now: Nanos, vin: f64) {
        let fall = self.part.power_fail.0;
        let rise = fall + self.part.power_fail_hysteresis.0;
        let wanted = match self.pfo {
            SupplyGood::High if vin < fall => Some(now),
            SupplyGood::Low if vin >= rise => {
                Some(now.max(self.tripped_at.saturating_add(self.part.min_backup)))
            }
            SupplyGood::High | SupplyGood::Low => None,
        };
        self.flips_at = match (self.flips_at, wanted) {
            (pending @ Some(_), Some(_)) => pending,
            (None, Some(at)) => Some(at.saturating_add(self.part.power_fail_delay)),
            (_, None) => None,
        };
    }

    /// When the comparator's output changes, or a charger that locked out may charge again.
    pub fn next(&self, now: Nanos) -> Option<Nanos> {
        let rests = self.headroom == Headroom::TooLittle && self.charger_rests_until > now;
        [self.flips_at, rests.then_some(self.charger_rests_until)].into_iter().flatten().min()
    }

    /// Lets the comparator's output change if it is due.
    pub fn advance(&mut self, now: Nanos, vsys: f64, vscap: f64) {
        if self.flips_at.is_none_or(|at| at > now) {
            return;
        }
        self.flips_at = None;
        match self.pfo {
            SupplyGood::High => {
                self.pfo = SupplyGood::Low;
                self.tripped_at = now;
                if self.path == PowerPath::Normal {
                    self.start_boost(vsys, vscap);
                }
            }
            SupplyGood::Low => {
                self.pfo = SupplyGood::High;
                if self.path != PowerPath::Off {
                    self.path = PowerPath::Normal;
                }
            }
        }
    }

    /// Seconds until the capacitors' voltage changes anything here: a comparator, a charger mode,
    /// the end of the boost.
    pub fn next_crossing(
        &self,
        point: &OperatingPoint,
        source: Source,
        load: f64,
        caps: &Supercap,
    ) -> Option<f64> {
        let target = self.part.charge_voltage.0;
        let fall = |threshold: f64| caps.time_to_fall(point.drive, threshold);
        let rise = |threshold: f64| caps.time_to_rise(point.drive, threshold);
        let charged = match (self.charged, point.drive) {
            (
                CapsCharged::Low,
                Drive::Current { .. } | Drive::Power { .. } | Drive::Voltage { .. },
            ) => rise(self.part.caps_charged_rising.0 * target),
            (CapsCharged::High, Drive::Rest { .. } | Drive::Converter { .. }) => {
                fall(self.part.caps_charged_falling.0 * target)
            }
            (
                CapsCharged::High,
                Drive::Current { .. } | Drive::Power { .. } | Drive::Voltage { .. },
            )
            | (CapsCharged::Low, Drive::Rest { .. } | Drive::Converter { .. }) => None,
        };
        let ends = match self.path {
            PowerPath::Backup => {
                earliest([fall(self.part.boost_end.0), caps.time_to_collapse(point.drive)])
            }
            PowerPath::Normal => self.charger_crossing(point, source, load, caps),
            PowerPath::Off | PowerPath::Collapsed => None,
        };
        earliest([charged, ends])
    }

    fn charger_crossing(
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
                self.charging_vin_crossing(source, load).and_then(rise),
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

/// What the boost takes from the capacitors for a load \[A\] on VSYS.
pub fn boost(part: &Board, load: f64) -> Drive {
    Drive::Converter {
        power: part.backup_voltage.0 * load + part.boost_overhead.0,
        drop: part.boost_drop.0,
        resistance: part.boost_resistance.0,
        current_limit: part.boost_current_limit.0,
    }
}

fn earliest<const N: usize>(times: [Option<f64>; N]) -> Option<f64> {
    times.into_iter().flatten().reduce(f64::min)
}
