//! Constant power from a stack with a slow branch: no closed form, so it is integrated.
//!
//! ```text
//! Cf v' = -P/W(v) - Il - (v - s)/Rs
//! Cs s' = (v - s)/Rs
//! ```
//!
//! Dormand-Prince 5(4) carries (v, s) and finds the crossings by its dense output. Two things keep
//! the number of steps small:
//!
//! - Once v - s has settled at -(I + Il) Rs Cs/(Cf + Cs) and the current changes little within the
//!   time constant, the slow branch is *slaved*: both branches together are one capacitor Cf + Cs
//!   behind the additional resistance Rs (Cs/(Cf + Cs))², and the closed form takes over. It does so
//!   only where the difference is below [`SLAVED`], so a light load over weeks, or a slow branch
//!   that is hardly there (a stiff problem), needs no more steps than a short discharge.
//!   A capacitance that grows with the voltage is integrated to the end.
//! - At collapse, where the current has a vertical tangent, the right-hand side goes on with the
//!   current of maximum transfer, which is continuous.

use super::constant_power::ConstantPower;
use super::{Crossing, SlowBranch, Supercap};
use crate::plant::ode::{DormandPrince, Tolerance};

/// Agreement \[V\], relative above 1 V, that lets the closed form of the slaved slow branch take over.
const SLAVED: f64 = 1e-10;

/// Of each step, on voltages of a few volts.
const TOLERANCE: Tolerance = Tolerance { absolute: 1e-11, relative: 1e-11 };

/// A discharge takes some dozens of steps. This many mean parameters out of all proportion, such as a
/// leakage that alone empties the stack in minutes against a charge of nanowatts: the crossing is
/// given up, and the state stays where it has come to.
const MOST_STEPS: u32 = 20_000;

/// How a stretch ended.
pub(super) enum End {
    /// At the level, after this time \[s\].
    Crossed(f64),
    /// The time is over, or the level will never be met.
    Over,
    /// After this time \[s\] the other method has to go on.
    Handover(f64),
}

/// Advances `cell` by `seconds`, or to `until`; returns the time \[s\] of the crossing.
pub(super) fn run(
    cell: &mut Supercap,
    slow: SlowBranch,
    core: &ConstantPower,
    until: Crossing,
    seconds: f64,
) -> Option<f64> {
    let outflow = |v: f64| core.current(core.port(v)) + core.leakage;
    let slaved = |cell: &Supercap| Slaved::of(cell, slow, core).is_some();
    let mut elapsed = match integrate(cell, slow, outflow, until, seconds, slaved) {
        End::Crossed(time) => return Some(time),
        End::Over => return None,
        End::Handover(time) => time,
    };
    if let Some(slaved) = Slaved::of(cell, slow, core) {
        elapsed += match slaved.run(cell, core, until, seconds - elapsed) {
            End::Crossed(time) => return Some(elapsed + time),
            End::Over => return None,
            End::Handover(time) => time,
        };
    }
    // What comes after the slaved stretch is closer to collapse: not slaved again.
    match integrate(cell, slow, outflow, until, seconds - elapsed, |_| false) {
        End::Crossed(time) => Some(elapsed + time),
        End::Over | End::Handover(_) => None,
    }
}

/// Integrates until the slow branch has `settled`, or to the end, with `outflow` the current \[A\] that
/// leaves the fast branch other than into the slow one, leakage included, at its voltage \[V\].
pub(super) fn integrate(
    cell: &mut Supercap,
    slow: SlowBranch,
    outflow: impl Fn(f64) -> f64,
    until: Crossing,
    seconds: f64,
    settled: impl Fn(&Supercap) -> bool,
) -> End {
    let parameters = cell.parameters;
    let derivative = |_: f64, &[v, s]: &[f64; 2]| {
        let across = (v - s) / slow.resistance;
        [-(outflow(v) + across) / parameters.capacitance_at(v), across / slow.capacitance]
    };
    let start = [cell.voltage, cell.slow_voltage];
    let mut solver = DormandPrince::new(&derivative, 0.0, start, TOLERANCE);
    for _ in 0..MOST_STEPS {
        if solver.time() >= seconds {
            return End::Over;
        }
        if settled(cell) {
            return End::Handover(solver.time());
        }
        if until.is_rising() && solver.slope()[0] < 0.0 && seconds == f64::INFINITY {
            return End::Over; // past its maximum
        }
        let segment = solver.step(&derivative, seconds);
        [cell.voltage, cell.slow_voltage] = solver.state();
        if until.is_crossed(cell.voltage) {
            let level = until.level();
            let time = segment.root(|y| y[0] - level).unwrap_or_else(|| solver.time());
            cell.voltage = level;
            cell.slow_voltage = segment.at(time)[1];
            return End::Crossed(time);
        }
    }
    End::Over
}

/// Both branches as one capacitor.
struct Slaved {
    reduced: ConstantPower,
    /// Cs / (Cf + Cs).
    share: f64,
    /// Rs Cs / (Cf + Cs): the difference of the branches per current \[Ω\].
    spread: f64,
    /// Port voltage now \[V\].
    from: f64,
    /// Port voltage \[V\] down to which a discharge stays slaved.
    deepest: f64,
}

impl Slaved {
    /// `None` while the slow branch has a will of its own.
    fn of(cell: &Supercap, slow: SlowBranch, core: &ConstantPower) -> Option<Self> {
        if core.growth != 0.0 {
            return None; // its share then depends on the voltage
        }
        let (v, s) = (cell.voltage, cell.slow_voltage);
        let total = core.capacitance + slow.capacitance;
        let share = slow.capacitance / total;
        let spread = slow.resistance * share;
        let net = core.current(core.port(v)) + core.leakage;
        if share * (v - s + net * spread).abs() > SLAVED * v.abs().max(1.0) {
            return None;
        }
        let extra = spread * share;
        let reduced = ConstantPower::new(
            core.power,
            core.drop + extra * core.leakage,
            core.resistance + extra,
            total,
            core.leakage,
        );
        let from = reduced.port(v + share * (s - v));
        // The next term of the expansion is extra |dI/dt| / k, with
        // |dI/dt| = P (P + Il W) / (W (W² - R P) C) and k = 1 / (spread Cf).
        let power = core.power.abs();
        let bound = extra * power * (power + core.leakage * from) * spread * core.capacitance
            / (total * SLAVED);
        let least = reduced.least;
        let deepest = if core.power > 0.0 { (least * least + bound / least).sqrt() } else { 0.0 };
        let settled = if core.power > 0.0 {
            from > deepest
        } else {
            from * (from * from + reduced.resistance * power) >= bound
        };
        settled.then_some(Self { reduced, share, spread, from, deepest })
    }

    fn run(&self, cell: &mut Supercap, core: &ConstantPower, until: Crossing, seconds: f64) -> End {
        let goal = core.port(until.level());
        let stop = goal.max(self.deepest);
        let time = self.reduced.time(self.from, stop);
        let towards = self.reduced.is_falling(self.from) != until.is_rising();
        if towards && time >= 0.0 && time <= seconds {
            self.place(cell, stop);
            return if stop == goal {
                cell.voltage = until.level();
                End::Crossed(time)
            } else {
                End::Handover(time)
            };
        }
        if seconds < f64::INFINITY {
            self.place(cell, self.reduced.after(self.from, seconds));
        }
        End::Over
    }

    fn place(&self, cell: &mut Supercap, port: f64) {
        let net = self.reduced.current(port) + self.reduced.leakage;
        let mean = self.reduced.voltage(port);
        let difference = -net * self.spread;
        cell.voltage = mean + self.share * difference;
        cell.slow_voltage = mean - (1.0 - self.share) * difference;
    }
}
