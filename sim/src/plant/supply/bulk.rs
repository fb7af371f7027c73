//! The adapter's primary side without mains: bulk capacitor, start-up network, and what empties them.
//!
//! With a leak of conductance `g` from a voltage `E` (see `strip`):
//! ```text
//!   starting:  Cb Vb' = g (E − Vb) − (Vb − Vc)/Rst
//!              Cc Vc' = (Vb − Vc)/Rst − Ist            linear; Vc stays at 0 rather than turn negative
//!   running:   Cb Vb' = g (E − Vb) − P/Vb              constant power
//! ```
//! Starting, both voltages are sums of two exponentials. Running,
//! ```text
//!   h(V) = V² − E V + P/g        t = −(Cb/g) ∫ V/h dV        g = 0:  Vb² = V0² − 2 P t/Cb
//! ```
//! has a closed form in three shapes, for two roots of `h`, and for none; its inverse is a bracketed root.

use crate::plant::ode;

/// Below this a controller's supply counts as empty \[V\].
const EMPTY: f64 = 1e-9;
/// Nobody waits longer \[s\].
const FOREVER: f64 = 1e10;

/// A bulk capacitor and the leak that feeds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bulk {
    /// \[F\]
    pub(super) capacitance: f64,
    /// \[V\]
    pub(super) leak_voltage: f64,
    /// \[S\]
    pub(super) leak_conductance: f64,
}

impl Bulk {
    /// Current into it at a voltage \[A\].
    pub(super) fn leak(&self, voltage: f64) -> f64 {
        self.leak_conductance * (self.leak_voltage - voltage)
    }

    /// Its voltage after `seconds` of a constant power \[W\] out of it.
    pub(super) fn after(&self, voltage: f64, power: f64, seconds: f64) -> f64 {
        if self.leak_conductance == 0.0 {
            let square = voltage * voltage - 2.0 * power * seconds / self.capacitance;
            return square.max(0.0).sqrt();
        }
        if seconds <= 0.0 {
            return voltage;
        }
        let roots = self.roots(power);
        let (from, to) = match roots.rests() {
            Some((_, high)) if voltage > high => (high, voltage),
            Some((low, high)) if voltage > low => (voltage, high),
            Some(_) | None => (0.0, voltage),
        };
        let late = |end: f64| self.seconds(&roots, voltage, end) - seconds;
        // Without a root it empties before that.
        ode::root(late, from, to).unwrap_or(0.0)
    }

    /// When its voltage has fallen to `end` under a constant power \[W\]; seconds.
    pub(super) fn falls_to(&self, voltage: f64, power: f64, end: f64) -> Option<f64> {
        if voltage <= end {
            return Some(0.0);
        }
        if self.leak_conductance == 0.0 {
            let energy = 0.5 * self.capacitance * (voltage * voltage - end * end);
            return (power > 0.0).then(|| energy / power);
        }
        let roots = self.roots(power);
        let stays = roots.rests().is_some_and(|(low, high)| voltage >= low && high >= end);
        (!stays).then(|| self.seconds(&roots, voltage, end))
    }

    /// Seconds from one voltage to another without a voltage of rest between them.
    fn seconds(&self, roots: &Roots, from: f64, to: f64) -> f64 {
        -self.capacitance / self.leak_conductance * roots.integral(from, to)
    }

    /// The factors of `h`.
    fn roots(&self, power: f64) -> Roots {
        let sum = self.leak_voltage;
        let product = power / self.leak_conductance;
        let discriminant = sum * sum - 4.0 * product;
        // So close to a double root the difference is below everything else here.
        let spread = discriminant.abs().max(1e-12 * sum * sum).sqrt();
        if discriminant > 0.0 {
            let high = 0.5 * (sum + spread);
            Roots::Two { low: product / high, high }
        } else {
            Roots::None { sum, product, spread }
        }
    }
}

/// The factors of `V² − sum V + product`.
enum Roots {
    Two { low: f64, high: f64 },
    None { sum: f64, product: f64, spread: f64 },
}

impl Roots {
    /// The voltages at which feed and load balance: the lower one is left, the upper one reached.
    fn rests(&self) -> Option<(f64, f64)> {
        match *self {
            Self::Two { low, high } => Some((low, high)),
            Self::None { .. } => None,
        }
    }

    /// `∫ V/h dV`.
    fn integral(&self, from: f64, to: f64) -> f64 {
        match *self {
            Self::Two { low, high } => {
                let log = |root: f64| libm::log(((to - root) / (from - root)).abs());
                (high * log(high) - low * log(low)) / (high - low)
            }
            Self::None { sum, product, spread } => {
                let h = |v: f64| v * v - sum * v + product;
                let angle = |v: f64| libm::atan((2.0 * v - sum) / spread);
                let growth = (to - from) * (to + from - sum) / h(from);
                0.5 * libm::log1p(growth) + sum / spread * (angle(to) - angle(from))
            }
        }
    }
}

/// The start-up network: a resistor from the bulk capacitor to the controller's supply capacitor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct StartUp {
    /// \[Ω\]
    pub(super) resistance: f64,
    /// What the controller draws before it starts \[A\].
    pub(super) current: f64,
    /// \[F\]
    pub(super) capacitance: f64,
}

/// Bulk capacitor and controller's supply \[V\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Voltages {
    pub(super) bulk: f64,
    pub(super) control: f64,
}

/// One of the ways in which the voltages move while the adapter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Starting {
    /// The bulk capacitor is held; the controller's supply approaches a voltage at a rate \[1/s\].
    Held { bulk: f64, rest: f64, rate: f64 },
    /// The controller's supply is empty, its capacitor out of play.
    Empty { rest: f64, rate: f64 },
    /// Two capacitors: `x = y1 (1, s1) + y2 (1, s2)` with `y' = λ y + β`.
    Both { rates: [f64; 2], slants: [f64; 2], pushes: [f64; 2] },
}

impl StartUp {
    /// How the voltages move from `at` on while the mains holds the bulk capacitor.
    pub(super) fn held(&self, bulk: f64) -> Starting {
        let rate = -1.0 / (self.resistance * self.capacitance);
        Starting::Held { bulk, rest: bulk - self.current * self.resistance, rate }
    }

    /// How the voltages move from `at` on without mains.
    pub(super) fn left(&self, bulk: &Bulk, at: Voltages) -> Starting {
        let through = 1.0 / self.resistance;
        let leak = bulk.leak_conductance;
        if at.control <= EMPTY && at.bulk <= self.lifts_at() {
            let out = leak + through;
            return Starting::Empty {
                rest: leak * bulk.leak_voltage / out,
                rate: -out / bulk.capacitance,
            };
        }
        // Vb' = a Vb + b Vc + p,  Vc' = c Vb − c Vc − q
        let (a, b) = (-(leak + through) / bulk.capacitance, through / bulk.capacitance);
        let c = through / self.capacitance;
        let spread = (0.25 * (a + c) * (a + c) + b * c).sqrt();
        let fast = 0.5 * (a - c) - spread;
        // The product of both is the determinant.
        let slow = leak * through / (bulk.capacitance * self.capacitance) / fast;
        let rates = [fast, slow];
        let slants = rates.map(|rate| (rate - a) / b);
        let p = leak * bulk.leak_voltage / bulk.capacitance;
        let q = -self.current / self.capacitance;
        Starting::Both { rates, slants, pushes: split(slants, p, q) }
    }

    /// The bulk voltage above which the resistor carries more than the controller draws \[V\].
    pub(super) fn lifts_at(&self) -> f64 {
        self.current * self.resistance
    }
}

/// The coordinates of a pair of voltages along both ways.
fn split(slants: [f64; 2], bulk: f64, control: f64) -> [f64; 2] {
    let second = (control - slants[0] * bulk) / (slants[1] - slants[0]);
    [bulk - second, second]
}

/// `(exp(rate t) − 1)/rate`, which is `t` without a rate.
fn growth(rate: f64, seconds: f64) -> f64 {
    if rate == 0.0 { seconds } else { libm::expm1(rate * seconds) / rate }
}

impl Starting {
    /// The voltages after `seconds`.
    pub(super) fn after(&self, at: Voltages, seconds: f64) -> Voltages {
        match *self {
            Self::Held { bulk, rest, rate } => Voltages {
                bulk,
                control: (rest + (at.control - rest) * libm::exp(rate * seconds)).max(0.0),
            },
            Self::Empty { rest, rate } => {
                Voltages { bulk: rest + (at.bulk - rest) * libm::exp(rate * seconds), control: 0.0 }
            }
            Self::Both { rates, slants, pushes } => {
                let from = split(slants, at.bulk, at.control);
                let mut to = Voltages { bulk: 0.0, control: 0.0 };
                for way in 0..2 {
                    let y = from[way]
                        + (rates[way] * from[way] + pushes[way]) * growth(rates[way], seconds);
                    to.bulk += y;
                    to.control += slants[way] * y;
                }
                Voltages { bulk: to.bulk.max(0.0), control: to.control.max(0.0) }
            }
        }
    }

    /// When the controller's supply reaches `start`, or something else begins; seconds.
    pub(super) fn next(&self, at: Voltages, start: f64, lifts_at: f64) -> Option<f64> {
        let approach = |from: f64, to: f64, rest: f64, rate: f64| {
            (rest > to).then(|| (libm::log((rest - to) / (rest - from)) / rate).max(0.0))
        };
        match *self {
            Self::Held { rest, rate, .. } => approach(at.control, start, rest, rate),
            Self::Empty { rest, rate } => approach(at.bulk, lifts_at, rest, rate),
            Self::Both { .. } => {
                let control = |seconds: f64| self.unclamped_control(at, seconds);
                let turn = self.turn(at);
                let empties = crossing(control, turn);
                let starts = crossing(|t| start - control(t), turn);
                [empties, starts].into_iter().flatten().reduce(f64::min)
            }
        }
    }

    fn unclamped_control(&self, at: Voltages, seconds: f64) -> f64 {
        let Self::Both { rates, slants, pushes } = *self else {
            return at.control;
        };
        let from = split(slants, at.bulk, at.control);
        let way = |way: usize| {
            let speed = rates[way] * from[way] + pushes[way];
            slants[way] * (from[way] + speed * growth(rates[way], seconds))
        };
        way(0) + way(1)
    }

    /// When the controller's supply turns round, which it does at most once; seconds.
    fn turn(&self, at: Voltages) -> Option<f64> {
        let Self::Both { rates, slants, pushes } = *self else {
            return None;
        };
        let from = split(slants, at.bulk, at.control);
        let speed = |way: usize| slants[way] * (rates[way] * from[way] + pushes[way]);
        let ratio = -speed(0) / speed(1);
        let turn = (ratio > 0.0).then(|| libm::log(ratio) / (rates[1] - rates[0]))?;
        (turn > 0.0).then_some(turn)
    }
}

/// The first time at which `left` falls to zero \[s\]; it turns round at `turn` at most. At zero now counts
/// only if it falls on.
fn crossing(left: impl Fn(f64) -> f64, turn: Option<f64>) -> Option<f64> {
    if let Some(turn) = turn
        && left(turn) <= 0.0
    {
        return ode::root(&left, 0.0, turn);
    }
    let from = turn.unwrap_or(0.0);
    let mut to = 1.0_f64.max(2.0 * from);
    while left(to) > 0.0 {
        to *= 2.0;
        if to > FOREVER {
            return None;
        }
    }
    ode::root(&left, from, to)
}
