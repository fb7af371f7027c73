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

mod charger;

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
    /// Current beyond which its voltage collapses \[A\]; infinite if there is none.
    pub limit: f64,
}

/// The electrical solution between two events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// Input voltage \[V\].
    pub vin: f64,
    /// Current out of the source \[A\].
    pub input: f64,
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
                vin: source.voltage.max(self.back_fed()),
                input: 0.0,
                vsys: Some(self.part.backup_voltage.0),
                drive: boost(&self.part, load),
                charger: Charger::Off,
            },
            PowerPath::Normal => self.solve_normal(source, load, caps),
        }
    }

    /// While the input switch closes: `current` \[A\] flows into the rail, and nothing charges.
    pub fn closing(&self, source: Source, current: f64) -> OperatingPoint {
        OperatingPoint {
            vin: (source.voltage - source.resistance * current).max(0.0),
            input: current,
            ..self.resting(source, None, self.part.quiescent_normal.0)
        }
    }

    /// With the input open and its switch closed, the rail is all that holds VIN.
    pub fn floating(&self, vsys: f64) -> OperatingPoint {
        let source = Source { voltage: vsys, resistance: 0.0, limit: f64::INFINITY };
        self.resting(source, None, self.part.quiescent_normal.0)
    }

    /// What comes back to an open input through the open input switch while the boost runs \[V\].
    fn back_fed(&self) -> f64 {
        let (series, load) = (self.part.back_feed_resistance.0, self.part.input_load.0);
        if series > 0.0 { self.part.backup_voltage.0 * load / (load + series) } else { 0.0 }
    }

    /// VSYS while the input was last good, held for the comparator's delay \[V\].
    pub fn hold(&mut self, vsys: f64) {
        self.held_vsys = vsys;
    }

    fn resting(&self, source: Source, vsys: Option<f64>, quiescent: f64) -> OperatingPoint {
        let mcu = if source.voltage > self.part.mcu_dead.0 { 0.0 } else { self.part.mcu_current.0 };
        OperatingPoint {
            vin: source.voltage,
            input: 0.0,
            vsys,
            drive: Drive::Rest { current: quiescent + mcu },
            charger: Charger::Off,
        }
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
                    || caps.is_collapsed(point.drive);
                if ended {
                    self.path = PowerPath::Collapsed;
                }
                ended
            }
            PowerPath::Off | PowerPath::Collapsed => false,
        }
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
            PowerPath::Backup => caps.time_to_end(point.drive, self.part.boost_end.0),
            PowerPath::Normal => self.charger_crossing(point, source, load, caps),
            PowerPath::Off | PowerPath::Collapsed => None,
        };
        earliest([charged, ends])
    }
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
