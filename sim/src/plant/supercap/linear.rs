//! The stack on a linear load or source: exponentials.
//!
//! ```text
//!             ┌───────┬───────●──▭▭▭──●───    a current I, or
//!         Il  ⏚   Cf ═╪═      │  ESR          a source of voltage T behind a resistance
//!                     ⏚      ▭▭▭ Rs
//!                             │
//!                        Cs  ═╪═
//!                             ⏚
//! ```
//!
//! With v the fast and s the slow branch,
//!
//! ```text
//! Cf v' = -I - Il - (v - s)/Rs        I a constant, or (v - T)/r
//! Cs s' = (v - s)/Rs
//! ```
//!
//! is linear in (v, s). For a constant current the sum of the charges is a straight line and the
//! difference v - s relaxes with 1/k, k = (1/Cf + 1/Cs)/Rs; for a source there are two exponentials
//! whose rates solve λ² - λ (1/(r Cf) + 1/(Rs Cf) + 1/(Rs Cs)) + 1/(r Cf Rs Cs) = 0. Either way
//!
//! ```text
//! v(t) = v0 + b t + e1 (exp(-k1 t) - 1) + e2 (exp(-k2 t) - 1)
//! ```
//!
//! which has at most one stationary point, so every crossing can be bracketed beforehand.

use super::Supercap;
use crate::plant::ode;

/// What draws the current.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// A constant current out of the capacitor \[A\].
    Current(f64),
    /// A voltage source `target` \[V\] behind `resistance` \[Ω\] in all.
    Source { target: f64, resistance: f64 },
    /// Nothing more comes out of an empty fast branch: it stays where it is.
    Empty,
}

/// `from + slope t + Σ amplitude (exp(-rate t) - 1)`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trajectory {
    from: f64,
    slope: f64,
    amplitude: [f64; 2],
    rate: [f64; 2],
}

/// The trajectories of the fast and of the slow branch.
/// With `leakage` \[A\] as it flows now.
pub(super) fn trajectories(cell: &Supercap, load: Load, leakage: f64) -> (Trajectory, Trajectory) {
    let (v, s) = (cell.voltage, cell.slow_voltage);
    let parameters = &cell.parameters;
    let c = parameters.capacitance;
    let Some(slow) = parameters.slow else {
        let fast = match load {
            Load::Current(current) => {
                Trajectory { from: v, slope: -(current + leakage) / c, ..Trajectory::default() }
            }
            Load::Source { target, resistance } => Trajectory {
                from: v,
                amplitude: [v - (target - leakage * resistance), 0.0],
                rate: [1.0 / (resistance * c), 0.0],
                ..Trajectory::default()
            },
            Load::Empty => Trajectory { from: v, ..Trajectory::default() },
        };
        return (fast, fast);
    };
    let (cs, rs) = (slow.capacitance, slow.resistance);
    match load {
        Load::Current(current) => {
            let total = c + cs;
            let net = current + leakage;
            // The difference v - s ends at -net Rs Cs / (Cf + Cs).
            let excess = (v - s) + net * rs * cs / total;
            let branch = |from, share: f64| Trajectory {
                from,
                slope: -net / total,
                amplitude: [excess * share, 0.0],
                rate: [total / (c * cs * rs), 0.0],
            };
            (branch(v, cs / total), branch(s, -c / total))
        }
        Load::Source { target, resistance } => {
            source(v, s, target - leakage * resistance, [c, cs], [resistance, rs])
        }
        Load::Empty => {
            let fast = Trajectory { from: v, ..Trajectory::default() };
            let slow = Trajectory {
                from: s,
                amplitude: [s - v, 0.0],
                rate: [1.0 / (rs * cs), 0.0],
                ..Trajectory::default()
            };
            (fast, slow)
        }
    }
}

/// Both branches on their way to `end` \[V\], behind a source of resistance `r[0]`.
fn source(v: f64, s: f64, end: f64, c: [f64; 2], r: [f64; 2]) -> (Trajectory, Trajectory) {
    let sum = 1.0 / (r[0] * c[0]) + 1.0 / (r[1] * c[0]) + 1.0 / (r[1] * c[1]);
    let product = 1.0 / (r[0] * c[0] * r[1] * c[1]);
    // The discriminant is positive: (sum of diagonal)² - 4 det of a passive RC network.
    let fast_rate = 0.5 * (sum + (sum * sum - 4.0 * product).max(0.0).sqrt());
    let slow_rate = product / fast_rate;
    let own = 1.0 / (r[1] * c[1]);
    // Eigenvector of rate k: v = (1 - k/own) s. Solve for the two amplitudes of s.
    let (g1, g2) = (1.0 - fast_rate / own, 1.0 - slow_rate / own);
    let (dv, ds) = (v - end, s - end);
    let s1 = (dv - g2 * ds) / (g1 - g2);
    let s2 = ds - s1;
    let branch =
        |from, amplitude| Trajectory { from, slope: 0.0, amplitude, rate: [fast_rate, slow_rate] };
    (branch(v, [g1 * s1, g2 * s2]), branch(s, [s1, s2]))
}

impl Trajectory {
    /// The voltage \[V\] after `time` \[s\].
    pub(super) fn at(&self, time: f64) -> f64 {
        let mut value = self.from + self.slope * time;
        for (amplitude, rate) in self.amplitude.iter().zip(self.rate) {
            if *amplitude != 0.0 {
                value += amplitude * libm::expm1(-rate * time);
            }
        }
        value
    }

    /// The first time \[s\] at which it is at `level` \[V\].
    pub(super) fn time_to(&self, level: f64) -> Option<f64> {
        if !level.is_finite() {
            return None;
        }
        let rise = level - self.from;
        match (self.amplitude[0] != 0.0, self.amplitude[1] != 0.0) {
            (false, false) => {
                let time = rise / self.slope;
                (self.slope != 0.0 && time >= 0.0).then_some(time)
            }
            (true, false) if self.slope == 0.0 => {
                // rise = a (exp(-k t) - 1)
                let part = rise / self.amplitude[0];
                (part > -1.0 && part <= 0.0).then(|| -libm::log1p(part) / self.rate[0])
            }
            _ => {
                let end = self.horizon(level)?;
                let middle = self.stationary().filter(|time| *time < end).unwrap_or(end);
                let event = |time| self.at(time) - level;
                ode::root(event, 0.0, middle).or_else(|| ode::root(event, middle, end))
            }
        }
    }

    /// A time \[s\] after which the level \[V\] is certainly not met; `None` if that is never.
    fn horizon(&self, level: f64) -> Option<f64> {
        let amplitude = self.amplitude[0].abs() + self.amplitude[1].abs();
        let end = self.from - self.amplitude[0] - self.amplitude[1];
        let distance = (level - end).abs();
        if self.slope != 0.0 {
            return Some((distance + amplitude) / self.slope.abs() * (1.0 + 1e-9));
        }
        // Beyond this even the slower exponential is smaller than the distance that is left.
        let slowest =
            if self.amplitude[1] == 0.0 { self.rate[0] } else { self.rate[0].min(self.rate[1]) };
        (distance > 0.0 && amplitude > 0.0)
            .then(|| libm::log(amplitude / distance).max(0.0) / slowest * (1.0 + 1e-9))
    }

    /// The time \[s\] of the only maximum or minimum, if it lies ahead.
    fn stationary(&self) -> Option<f64> {
        let [p1, p2] = [self.amplitude[0] * self.rate[0], self.amplitude[1] * self.rate[1]];
        // b = p1 exp(-k1 t) + p2 exp(-k2 t), where b or p2 is zero.
        let (ratio, rate) = if self.slope == 0.0 {
            (-p1 / p2, self.rate[0] - self.rate[1])
        } else {
            (p1 / self.slope, self.rate[0])
        };
        (ratio > 1.0 && rate > 0.0).then(|| libm::log(ratio) / rate)
    }
}
