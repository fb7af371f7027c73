//! The supercapacitor stack: what its terminals do under a load or a charger, solved in closed form.
//!
//! ```text
//!                 ESR      ● V_term
//!        V ●──────▭▭▭──────●─────►  Drive: rest, converter, or one of three ways to charge
//!          │                    I
//!     ┌────┼─────────┐
//!     │    │         ▭ Rs
//!  Il ⏚   ═╪═ C      │
//!     │    │        ═╪═ Cs
//!     └────┴─────────┘
//! ```
//!
//! The state is the voltage of the ideal capacitor, and of the slow branch if there is one (the
//! two-branch model of Zubieta and Bonert, IEEE Trans. Ind. Appl. 36 (2000) 199-205). A boost converter that holds its output draws a constant power: with the loss
//! voltage Vx, the loss resistance Rb and P = output power + fixed loss,
//!
//! ```text
//! U = V - Vx,  R = ESR + Rb,  U I - R I² = P   ⇒   I = 2P / (U + sqrt(U² - 4 R P)),  W = P/I
//! C dV/dt = -(I + Il)
//! t = C/(2P) (W0² - W1²) - R C ln(W0/W1)                                          (Il = 0)
//! ```
//!
//! and a charger that puts in a constant power is its mirror image,
//! `V = W - ESR P/W`, `t = C/(2P) (W1² - W0²) + ESR C ln(W1/W0)` with W = V_term = P/I. Both with
//! leakage, exactly, and how the state at a given time follows: `constant_power`. Constant current
//! and constant voltage are straight lines and exponentials (`linear`); only constant power with a
//! slow branch has to be integrated (`two_branch`).
//!
//! The capacitance may grow with the voltage, C(V) = C + k V = dQ/dV, as that of porous electrodes does
//! (Zubieta and Bonert). Everything above keeps a closed form (`constant_power`, `growing`); with a
//! slow branch as well, all drives are integrated.
//!
//! # Below collapse
//! Where the quadratic has no real root, or the current would exceed the converter's limit, the
//! power is no longer delivered. A converter with a current limit then runs into it: it draws the
//! limit, and what it delivers falls linearly with V; once not even that current flows through R, it
//! is a short circuit (I = U/R). One without a limit stays at maximum transfer (I = U/2R). Below
//! V = Vx nothing flows. All of these are linear. With a slow branch the fast one could recover and
//! the power come back; within one call the model does not go back.
//!
//! # Assumptions
//! Leakage is constant and stops when the capacitor is empty; nothing discharges below 0 V. A source
//! and its resistance are linear: below the capacitor's voltage it would draw current, which a
//! charger does not, so the caller must change the drive. A source without any resistance is given
//! [`LEAST_RESISTANCE`]. Ageing and temperature are other [`Parameters`]. Left out: the third (months-long) branch of the model, dielectric absorption, the
//! balance of the two cells, and every capacitor on the converter's input.

mod constant_power;
mod growing;
mod linear;
mod parameters;
#[cfg(test)]
mod tests;
mod two_branch;

use constant_power::ConstantPower;
use linear::{Load, trajectories};

pub use parameters::{Parameters, SlowBranch};

/// What an ideal voltage source on a capacitor without ESR is given as a resistance \[Ω\].
pub const LEAST_RESISTANCE: f64 = 1e-9;

/// A stack and its charge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Supercap {
    /// What it is made of.
    pub parameters: Parameters,
    /// Voltage of the ideal (fast) capacitor \[V\].
    pub voltage: f64,
    /// Voltage of the slow branch \[V\]; without meaning if there is none.
    pub slow_voltage: f64,
}

/// What is connected to the terminals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drive {
    /// A standing current drawn from the terminals; leakage comes on top.
    Rest {
        /// \[A\]; may be zero.
        current: f64,
    },
    /// Discharge through a converter that delivers a constant power.
    Converter {
        /// Output power and the converter's fixed loss \[W\].
        power: f64,
        /// Loss voltage Vx \[V\].
        drop: f64,
        /// Loss resistance Rb \[Ω\].
        resistance: f64,
        /// Limit of the current drawn \[A\]; `f64::INFINITY` for none.
        current_limit: f64,
    },
    /// Charge at a constant terminal current.
    Current {
        /// \[A\].
        current: f64,
    },
    /// Charge with a constant power at the terminals.
    Power {
        /// \[W\].
        power: f64,
    },
    /// Charge from a voltage source behind a resistance.
    Voltage {
        /// Voltage of the source \[V\].
        target: f64,
        /// Its resistance \[Ω\].
        resistance: f64,
    },
}

/// What a meter at the terminals shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terminal {
    /// \[V\].
    pub voltage: f64,
    /// Out of the capacitor; negative while charging \[A\].
    pub current: f64,
}

impl Supercap {
    /// A stack that has rested at `voltage` \[V\]: the slow branch is at the same voltage.
    #[must_use]
    pub fn new(parameters: Parameters, voltage: f64) -> Self {
        Self { parameters, voltage, slow_voltage: voltage }
    }

    /// Voltage and current at the terminals under `drive`.
    #[must_use]
    pub fn terminal(&self, drive: Drive) -> Terminal {
        let current = self.current(self.leg(drive).mode);
        Terminal { voltage: self.voltage - self.parameters.esr * current, current }
    }

    /// Lets `seconds` go by under `drive`.
    pub fn advance(&mut self, drive: Drive, seconds: f64) {
        let mut left = seconds;
        let mut leg = Some(self.leg(drive));
        while let Some(Leg { index, mode, floor }) = leg {
            if left <= 0.0 {
                return;
            }
            let Some(time) = self.run(mode, Crossing::Falling(floor), left) else {
                return;
            };
            left -= time;
            leg = self.leg_after(drive, index);
        }
    }

    /// Seconds until the terminal voltage under `drive` reaches `threshold` \[V\].
    ///
    /// `Some(0.0)` if it is already there, or beyond it in the direction in which the voltage moves
    /// now; `None` if it never gets there. Past the collapse of a converter the motion goes on as
    /// [above](self#below-collapse).
    #[must_use]
    pub fn time_to_terminal(&self, drive: Drive, threshold: f64) -> Option<f64> {
        let voltage = self.terminal(drive).voltage;
        if voltage == threshold {
            return Some(0.0);
        }
        let first = self.leg(drive);
        let rate = self.rate(first.mode);
        if rate == 0.0 {
            return None;
        }
        if (rate < 0.0) == (voltage < threshold) {
            return Some(0.0);
        }
        let mut cell = *self;
        if rate > 0.0 {
            let level = self.capacitor_voltage(first.mode, threshold);
            return level
                .is_finite()
                .then(|| cell.run(first.mode, Crossing::Rising(level), f64::INFINITY))?;
        }
        let mut elapsed = 0.0;
        let mut leg = Some(first);
        while let Some(Leg { index, mode, floor }) = leg {
            let level = cell.capacitor_voltage(mode, threshold).min(cell.voltage);
            if level >= floor {
                return Some(elapsed + cell.run(mode, Crossing::Falling(level), f64::INFINITY)?);
            }
            elapsed += cell.run(mode, Crossing::Falling(floor), f64::INFINITY)?;
            leg = cell.leg_after(drive, index);
        }
        None
    }

    /// Seconds until the terminal voltage has fallen to `threshold` \[V\]: `Some(0.0)` if it is at or
    /// below it, `None` if it never gets there. A slow branch may lift the terminals first.
    #[must_use]
    pub fn time_to_fall(&self, drive: Drive, threshold: f64) -> Option<f64> {
        if self.terminal(drive).voltage <= threshold {
            return Some(0.0);
        }
        self.time_to_pass(drive, threshold, Crossing::Falling)
    }

    /// Seconds until the terminal voltage has risen to `threshold` \[V\]: `Some(0.0)` if it is at or
    /// above it, `None` if it never gets there. A slow branch may pull the terminals down first.
    #[must_use]
    pub fn time_to_rise(&self, drive: Drive, threshold: f64) -> Option<f64> {
        if self.terminal(drive).voltage >= threshold {
            return Some(0.0);
        }
        self.time_to_pass(drive, threshold, Crossing::Rising)
    }

    fn time_to_pass(
        &self,
        drive: Drive,
        threshold: f64,
        crossing: fn(f64) -> Crossing,
    ) -> Option<f64> {
        let mode = self.leg(drive).mode;
        if (self.rate(mode) > 0.0) == crossing(threshold).is_rising() {
            return self.time_to_terminal(drive, threshold);
        }
        self.parameters.slow?;
        let level = self.capacitor_voltage(mode, threshold);
        let mut cell = *self;
        level.is_finite().then(|| cell.run(mode, crossing(level), f64::INFINITY))?
    }

    /// Seconds until the terminal voltage has fallen to `threshold` \[V\] or the converter collapses,
    /// whichever comes first: one way down instead of two.
    #[must_use]
    pub fn time_to_end(&self, drive: Drive, threshold: f64) -> Option<f64> {
        let Leg { index, mode, floor } = self.leg(drive);
        if index > 0 || !matches!(mode, Mode::Power { power, .. } if power > 0.0) {
            let ends = [self.time_to_fall(drive, threshold), self.time_to_collapse(drive)];
            return ends.into_iter().flatten().reduce(f64::min);
        }
        if self.terminal(drive).voltage <= threshold {
            return Some(0.0);
        }
        let level = self.capacitor_voltage(mode, threshold).min(self.voltage).max(floor);
        let mut cell = *self;
        cell.run(mode, Crossing::Falling(level), f64::INFINITY)
    }

    /// Whether the converter can no longer deliver its power.
    #[must_use]
    pub fn is_collapsed(&self, drive: Drive) -> bool {
        let Leg { index, mode, floor } = self.leg(drive);
        matches!(drive, Drive::Converter { power, .. } if power > 0.0)
            && (index > 0 || self.voltage <= floor && self.rate(mode) <= 0.0)
    }

    /// Seconds until the converter can no longer deliver its power: maximum power transfer at
    /// V = Vx + 2 sqrt(R P), or the current limit at V = Vx + R Ilim + P/Ilim, whichever comes first
    /// (the limit does if P > R Ilim²). `None` for other drives, and for a converter without power.
    #[must_use]
    pub fn time_to_collapse(&self, drive: Drive) -> Option<f64> {
        let Drive::Converter { power, .. } = drive else {
            return None;
        };
        if power <= 0.0 {
            return None;
        }
        let Leg { index, mode, floor } = self.leg(drive);
        if index > 0 {
            return Some(0.0);
        }
        let mut cell = *self;
        cell.run(mode, Crossing::Falling(floor), f64::INFINITY)
    }

    /// Energy \[J\] in the capacitors above the state at which the terminal voltage under `drive`
    /// reaches `floor` \[V\], or at which the converter collapses if that comes before; never
    /// negative.
    ///
    /// The slow branch counts with what it holds above the same capacitor voltage, although not all
    /// of that comes out within a short discharge.
    #[must_use]
    pub fn energy_above(&self, drive: Drive, floor: f64) -> f64 {
        let first = self.leg_at(drive, 0);
        let level = self.capacitor_voltage(first.mode, floor);
        let end = level.max(first.floor);
        let above = |capacitance: f64, voltage: f64| {
            if voltage > end { 0.5 * capacitance * (voltage - end) * (voltage + end) } else { 0.0 }
        };
        let Parameters { capacitance, growth, slow, .. } = self.parameters;
        let slow = slow.map_or(0.0, |slow| above(slow.capacitance, self.slow_voltage));
        let v = self.voltage;
        // ∫ k V² dV
        let grown =
            if v > end { growth * (v - end) * (v * v + v * end + end * end) / 3.0 } else { 0.0 };
        above(capacitance, v) + grown + slow
    }
}

/// How the current depends on the voltage, for a stretch.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// A constant power, negative while charging, behind `drop` and `resistance` outside the
    /// terminals.
    Power { power: f64, drop: f64, resistance: f64 },
    /// A constant current out of the terminals.
    Current(f64),
    /// A source outside the terminals.
    Source { target: f64, resistance: f64 },
    /// Nothing is left to be drawn.
    Empty,
}

/// A stretch of the way down: `mode` holds until the capacitor voltage has fallen to `floor`.
#[derive(Clone, Copy, Debug)]
struct Leg {
    index: usize,
    mode: Mode,
    floor: f64,
}

/// A capacitor voltage \[V\] that ends a run, and the side it is met from.
#[derive(Clone, Copy, Debug)]
enum Crossing {
    Falling(f64),
    Rising(f64),
}

impl Crossing {
    fn level(self) -> f64 {
        match self {
            Self::Falling(level) | Self::Rising(level) => level,
        }
    }

    fn is_rising(self) -> bool {
        matches!(self, Self::Rising(_))
    }

    fn is_crossed(self, voltage: f64) -> bool {
        match self {
            Self::Falling(level) => voltage <= level,
            Self::Rising(level) => voltage >= level,
        }
    }
}

impl Supercap {
    /// The leg that the present voltage belongs to.
    fn leg(&self, drive: Drive) -> Leg {
        let mut leg = self.leg_at(drive, 0);
        while self.voltage < leg.floor {
            leg = self.leg_at(drive, leg.index + 1);
        }
        leg
    }

    fn leg_after(&self, drive: Drive, index: usize) -> Option<Leg> {
        (index < LAST_LEG).then(|| self.leg_at(drive, index + 1))
    }

    /// The legs of the way down, in order: as demanded, current limit, short circuit or maximum
    /// transfer, below the loss voltage, empty. A drive that is no converter has the first and the
    /// last.
    fn leg_at(&self, drive: Drive, index: usize) -> Leg {
        let empty = Leg { index: LAST_LEG, mode: Mode::Empty, floor: f64::NEG_INFINITY };
        if index >= LAST_LEG {
            return empty;
        }
        let simple = |mode| {
            if index == 0 { Leg { index, mode, floor: 0.0 } } else { empty }
        };
        match drive {
            Drive::Rest { current } => simple(Mode::Current(current)),
            Drive::Current { current } => simple(Mode::Current(-current)),
            Drive::Voltage { target, resistance } => simple(Mode::Source { target, resistance }),
            Drive::Power { power } if power > 0.0 => {
                simple(Mode::Power { power: -power, drop: 0.0, resistance: 0.0 })
            }
            Drive::Converter { power, drop, resistance, current_limit } if power > 0.0 => {
                self.converter_leg(power, drop, resistance, current_limit.max(0.0), index)
            }
            Drive::Power { .. } | Drive::Converter { .. } => simple(Mode::Current(0.0)),
        }
    }

    fn converter_leg(
        &self,
        power: f64,
        drop: f64,
        resistance: f64,
        limit: f64,
        index: usize,
    ) -> Leg {
        let esr = self.parameters.esr;
        let all = esr + resistance;
        let limited = limit < f64::INFINITY;
        let (mode, above) = match index {
            0 => {
                let above = if power > all * limit * limit {
                    all * limit + power / limit
                } else {
                    2.0 * (all * power).sqrt()
                };
                let mode = Mode::Power { power, drop, resistance };
                (mode, above)
            }
            1 if limited => (Mode::Current(limit), all * limit),
            1 | 2 => {
                let outside = if limited { resistance } else { all + resistance };
                let mode = Mode::Source { target: drop, resistance: outside };
                (mode, 0.0)
            }
            _ => (Mode::Current(0.0), -drop),
        };
        Leg { index, mode, floor: drop + above }
    }

    /// The current out of the terminals \[A\].
    fn current(&self, mode: Mode) -> f64 {
        match mode {
            Mode::Power { .. } => self
                .constant_power(mode, 0.0)
                .map_or(0.0, |core| core.current(core.port(self.voltage))),
            Mode::Current(current) => current,
            Mode::Source { target, resistance } => {
                (self.voltage - target) / self.in_all(resistance)
            }
            Mode::Empty => 0.0,
        }
    }

    /// The capacitor voltage \[V\] at which the terminal voltage is `threshold` \[V\]; infinite if no
    /// voltage leads there.
    fn capacitor_voltage(&self, mode: Mode, threshold: f64) -> f64 {
        let esr = self.parameters.esr;
        match mode {
            Mode::Power { power, .. } if power < 0.0 => {
                if threshold > 0.0 {
                    threshold + esr * power / threshold
                } else {
                    f64::NEG_INFINITY
                }
            }
            Mode::Power { power, drop, resistance } => {
                // As seen from the terminals only Rb lies in front of the port.
                let u = threshold - drop;
                let square = u * u - 4.0 * resistance * power;
                let port = 0.5 * (u + square.max(0.0).sqrt());
                if u <= 0.0 || square < 0.0 || port * port < (esr + resistance) * power {
                    return f64::NEG_INFINITY; // below collapse
                }
                threshold + esr * power / port
            }
            Mode::Current(current) => threshold + esr * current,
            Mode::Source { target, resistance } => {
                if threshold == target {
                    target
                } else {
                    target + (threshold - target) * (self.in_all(resistance) / resistance)
                }
            }
            Mode::Empty => threshold,
        }
    }

    /// The rate of change of the capacitor voltage \[V/s\].
    fn rate(&self, mode: Mode) -> f64 {
        let rate =
            (self.inflow(mode) - self.leakage(mode)) / self.parameters.capacitance_at(self.voltage);
        if self.voltage <= 0.0 { rate.max(0.0) } else { rate }
    }

    /// Lets `seconds` go by in `mode`, or stops at `until` and returns the time \[s\] that took.
    fn run(&mut self, mode: Mode, until: Crossing, seconds: f64) -> Option<f64> {
        let mut until = until;
        if until.is_crossed(self.voltage) {
            let rate = self.rate(mode);
            if rate == 0.0 || (rate > 0.0) == until.is_rising() {
                return Some(0.0);
            }
            // It starts on the level and leaves it: not a crossing, and there is none to come.
            until = Crossing::Falling(f64::NEG_INFINITY);
            if seconds == f64::INFINITY {
                return None;
            }
        }
        let level = until.level();
        let load = match mode {
            Mode::Power { .. } => return self.run_power(mode, until, seconds),
            Mode::Current(current) => Load::Current(current),
            Mode::Source { target, resistance } => {
                Load::Source { target, resistance: self.in_all(resistance) }
            }
            Mode::Empty => Load::Empty,
        };
        if self.parameters.growth != 0.0 {
            return growing::run(self, load, self.leakage(mode), until, seconds);
        }
        let (fast, slow) = trajectories(self, load, self.leakage(mode));
        match fast.time_to(level).filter(|time| *time <= seconds) {
            Some(time) => {
                self.slow_voltage = slow.at(time);
                self.voltage = level;
                Some(time)
            }
            None => {
                if seconds < f64::INFINITY {
                    (self.voltage, self.slow_voltage) = (fast.at(seconds), slow.at(seconds));
                }
                None
            }
        }
    }

    fn run_power(&mut self, mode: Mode, until: Crossing, seconds: f64) -> Option<f64> {
        let core = self.constant_power(mode, self.leakage(mode))?;
        if let Some(slow) = self.parameters.slow {
            return two_branch::run(self, slow, &core, until, seconds);
        }
        let from = core.port(self.voltage);
        let to = core.port(until.level());
        if core.is_falling(from) != until.is_rising() && !core.takes_longer(from, to, seconds) {
            let time = core.time(from, to);
            if time >= 0.0 && time <= seconds {
                self.voltage = until.level();
                return Some(time);
            }
        }
        if seconds < f64::INFINITY {
            self.voltage = core.voltage(core.after(from, seconds));
        }
        None
    }

    fn constant_power(&self, mode: Mode, leakage: f64) -> Option<ConstantPower> {
        match mode {
            Mode::Power { power, drop, resistance } => {
                let Parameters { capacitance, growth, esr, .. } = self.parameters;
                let core = ConstantPower::new(power, drop, esr + resistance, capacitance, leakage);
                Some(core.growing(growth))
            }
            Mode::Current(_) | Mode::Source { .. } | Mode::Empty => None,
        }
    }

    /// Resistance between a source and the ideal capacitor \[Ω\].
    fn in_all(&self, resistance: f64) -> f64 {
        (self.parameters.esr + resistance).max(LEAST_RESISTANCE)
    }

    /// The current into the fast capacitor, leakage aside \[A\].
    fn inflow(&self, mode: Mode) -> f64 {
        let from_slow = self
            .parameters
            .slow
            .map_or(0.0, |slow| (self.slow_voltage - self.voltage) / slow.resistance);
        from_slow - self.current(mode)
    }

    /// The leakage current that flows \[A\]: of an empty capacitor no more than comes in.
    fn leakage(&self, mode: Mode) -> f64 {
        if self.voltage > 0.0 || self.parameters.leakage == 0.0 {
            self.parameters.leakage
        } else {
            self.parameters.leakage.min(self.inflow(mode).max(0.0))
        }
    }
}

/// Number of the leg in which the fast branch is empty.
const LAST_LEG: usize = 4;
