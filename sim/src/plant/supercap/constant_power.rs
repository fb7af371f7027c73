//! A capacitor that gives or takes a constant power through a resistance: closed forms.
//!
//! ```text
//!          R      Vx
//!   V ●───▭▭▭────┤├───● W        I = P / W
//!     │    I →        │
//!    ═╪═ C   ⏚ Il   P │          P > 0: a converter discharges
//!     │               │          P < 0: a charger, I flows back into C (Vx = 0)
//!     ⏚               ⏚
//! ```
//!
//! With `W` the voltage at the constant-power port,
//!
//! ```text
//! V  = Vx + W + R P/W
//! W  = (U + sqrt(U² - 4 R P)) / 2,  U = V - Vx                        the root that is stable
//! C dV/dt = -(P/W + Il)
//!      dt = -C (W² - R P) / (W (P + Il W)) dW
//! t  = C [ (W0² φ(x0) - W1² φ(x1)) / P - R ln( W0 (P + Il W1) / (W1 (P + Il W0)) ) ]
//!      x = Il W / P,  φ(x) = (x - ln(1 + x)) / x²
//! ```
//!
//! A capacitance that grows with its voltage, C(V) = C + k V, adds
//!
//! ```text
//! k [ Vx (the above / C) + (W0³ ψ(x0) - W1³ ψ(x1)) / P
//!     + R² ( P/W0 - P/W1 + Il ln( W0 (P + Il W1) / (W1 (P + Il W0)) ) ) ]
//!      ψ(x) = (x²/2 - x + ln(1 + x)) / x³,  1/3 without leakage
//! ```
//!
//! Without leakage φ = 1/2 and this is `C/(2P) (W0² - W1²) - R C ln(W0/W1)`; while charging, `P` is
//! negative and it is `C/(2|P|) (W1² - W0²) + R C ln(W1/W0)`. Both follow from the differential
//! equation by partial fractions; nothing is approximated, leakage included.
//!
//! A discharge ends at `W = sqrt(R P)`, where dt/dW is zero: the maximum power that the resistance
//! lets through. A charge ends, with leakage, at `W = |P|/Il`, after infinite time.

/// Towards the equilibrium of charge and leakage the bracket is halved at worst, bit by bit.
const MOST_STEPS: u32 = 64;

/// The elements around the capacitor.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConstantPower {
    /// P, negative while charging \[W\]. Not zero.
    pub(super) power: f64,
    /// Vx \[V\]; zero while charging.
    pub(super) drop: f64,
    /// R, all of it between the ideal capacitor and the port \[Ω\].
    pub(super) resistance: f64,
    /// C, at 0 V \[F\].
    pub(super) capacitance: f64,
    /// k, what each volt adds to it \[F/V\].
    pub(super) growth: f64,
    /// Il \[A\].
    pub(super) leakage: f64,
    /// sqrt(R P), the port voltage at which a discharge collapses; zero for a charge \[V\].
    pub(super) least: f64,
}

impl ConstantPower {
    /// With these elements; the capacitance does not grow.
    pub(super) fn new(
        power: f64,
        drop: f64,
        resistance: f64,
        capacitance: f64,
        leakage: f64,
    ) -> Self {
        Self {
            power,
            drop,
            resistance,
            capacitance,
            growth: 0.0,
            leakage,
            least: (resistance * power).max(0.0).sqrt(),
        }
    }

    /// The same with a capacitance that grows by `growth` \[F/V\].
    pub(super) fn growing(self, growth: f64) -> Self {
        Self { growth, ..self }
    }

    /// The port voltage W \[V\] at the capacitor voltage `voltage` \[V\]; at a capacitor voltage
    /// below collapse that of maximum transfer, so that the current stays continuous.
    pub(super) fn port(&self, voltage: f64) -> f64 {
        let u = voltage - self.drop;
        if self.power < 0.0 {
            return 0.5 * (u + (u * u - 4.0 * self.resistance * self.power).sqrt());
        }
        // U² - 4 R P as a product: near collapse the difference keeps its digits.
        let critical = 2.0 * self.least;
        0.5 * (u + ((u - critical) * (u + critical)).max(0.0).sqrt())
    }

    /// The current out of the capacitor \[A\] at the port voltage `port` \[V\].
    pub(super) fn current(&self, port: f64) -> f64 {
        // An empty capacitor without resistance would take an infinite charge current.
        self.power / port.max(1e-9)
    }

    /// The capacitor voltage \[V\] at the port voltage `port` \[V\].
    pub(super) fn voltage(&self, port: f64) -> f64 {
        let resistive =
            if self.resistance > 0.0 { self.resistance * self.power / port } else { 0.0 };
        self.drop + port + resistive
    }

    /// Whether the capacitor loses charge at the port voltage `port` \[V\].
    pub(super) fn is_falling(&self, port: f64) -> bool {
        self.net(port) > 0.0
    }

    /// What leaves the capacitor, in terms of power at the port \[W\].
    fn net(&self, port: f64) -> f64 {
        self.power + self.leakage * port
    }

    /// Time \[s\] from the port voltage `from` to `to` \[V\]; negative or NaN if the motion never
    /// leads there.
    pub(super) fn time(&self, from: f64, to: f64) -> f64 {
        let Self { power: p, leakage: l, .. } = *self;
        let (before, after) = (p + l * from, p + l * to);
        // With leakage nothing passes the equilibrium W = |P|/Il.
        if l != 0.0 && ((before < 0.0) != (after < 0.0) || after == 0.0) {
            return f64::NAN;
        }
        let logarithm = match (self.resistance > 0.0, l == 0.0) {
            (false, _) => 0.0,
            (true, true) => libm::log(from / to),
            (true, false) => libm::log(from / to * (after / before)),
        };
        let squares = if l == 0.0 {
            // φ = 1/2; written out because it is the usual case.
            (from - to) * (from + to) / (2.0 * p)
        } else {
            (from * from * phi(l * from / p) - to * to * phi(l * to / p)) / p
        };
        let per_farad = squares - self.resistance * logarithm;
        let constant = self.capacitance * per_farad;
        if self.growth == 0.0 {
            return constant;
        }
        let cubes = if l == 0.0 {
            (from - to) * (from * from + from * to + to * to) / (3.0 * p)
        } else {
            (from * from * from * psi(l * from / p) - to * to * to * psi(l * to / p)) / p
        };
        let ohmic = if self.resistance > 0.0 { p / from - p / to + l * logarithm } else { 0.0 };
        let square = self.resistance * self.resistance;
        constant + self.growth * (self.drop * per_farad + cubes + square * ohmic)
    }

    /// Whether a discharge from the port voltage `from` certainly takes longer than `seconds` to
    /// reach `to`; saves the logarithm of [`time`](Self::time) in the usual case.
    ///
    /// -dt/dW is a concave function of W while discharging with a constant capacitance, so the
    /// trapezoid with the least capacitance on the way is a lower bound.
    pub(super) fn takes_longer(&self, from: f64, to: f64, seconds: f64) -> bool {
        let pace = |w: f64| (w * w - self.resistance * self.power) / (w * self.net(w));
        let least = if self.growth == 0.0 {
            self.capacitance
        } else {
            self.capacitance + self.growth * self.voltage(to).max(0.0)
        };
        let trapezoid = 0.5 * least * (from - to) * (pace(from) + pace(to));
        self.power > 0.0 && trapezoid * (1.0 - 1e-9) > seconds
    }

    /// The port voltage \[V\] that is reached from `from` after `seconds`, which must not lie beyond
    /// collapse.
    ///
    /// Solves `time(from, w) = seconds` by Newton steps that take the second derivative along (each
    /// goes to the zero of the local parabola): the convergence is cubic, and at collapse, where
    /// plain Newton sees a double root, the parabola is the right model. The first step needs no
    /// logarithm. A bracket guards it; no discharge in the tests needs more than six steps.
    pub(super) fn after(&self, from: f64, seconds: f64) -> f64 {
        let (p, l) = (self.power, self.leakage);
        let rp = self.resistance * p;
        let falling = self.is_falling(from);
        let equilibrium = if l > 0.0 { -p / l } else { f64::INFINITY };
        let (low, high) = match (falling, p > 0.0) {
            (true, true) => (self.least, from),
            (true, false) => (equilibrium, from),
            (false, _) => (from, equilibrium),
        };
        let mut w = from;
        let mut left = seconds / self.capacitance;
        for _ in 0..MOST_STEPS {
            let net = p + l * w;
            let below = w * net;
            // N = -dt/dW / C, and its derivative.
            let above = w * w - rp;
            let inverse = 1.0 / below;
            let mut n = above * inverse;
            let mut slope = (2.0 * w - n * (net + l * w)) * inverse;
            if self.growth != 0.0 && w > 0.0 {
                // C(V)/C, and its derivative.
                let relative = self.growth / self.capacitance;
                let factor = 1.0 + relative * self.voltage(w);
                slope = slope * factor + n * relative * (1.0 - rp / (w * w));
                n *= factor;
            }
            let root = (n * n - 2.0 * slope * left).max(0.0).sqrt();
            let step = if below == 0.0 {
                // Charging an empty capacitor without resistance: t = C W² / (2 |P|).
                -(2.0 * left * p.abs()).sqrt()
            } else {
                2.0 * left / (n + if falling { root } else { -root })
            };
            // Not `clamp`: next to the equilibrium rounding may swap the two ends.
            let mut next = (w - step).max(low).min(high);
            if next == equilibrium {
                // Only reached after infinite time.
                next = f64::midpoint(w, equilibrium);
            }
            let moved = (next - w).abs();
            w = next;
            // Cubic convergence: after a step this short, measured by the distance to where the
            // parabola fails, the next one is below rounding.
            let room = if p > 0.0 { w - low } else { w.min((equilibrium - w).abs()) };
            if moved <= 1e-5 * room || moved == 0.0 || w == equilibrium {
                break;
            }
            left = (seconds - self.time(from, w)) / self.capacitance;
            if left.is_nan() {
                break; // as close to the equilibrium as numbers go
            }
        }
        w
    }
}

/// `(x - ln(1 + x)) / x²`, which tends to 1/2 at zero; below -1, the far side of the equilibrium,
/// with `|1 + x|`.
fn phi(x: f64) -> f64 {
    match terms(x) {
        Some(terms) => series(x, 2, terms),
        None => (x - logarithm(x)) / (x * x),
    }
}

/// `(x²/2 - x + ln(1 + x)) / x³`, which tends to 1/3 at zero; below -1 with `|1 + x|`.
fn psi(x: f64) -> f64 {
    match terms(x) {
        Some(terms) => series(x, 3, terms),
        None => (x * (0.5 * x - 1.0) + logarithm(x)) / (x * x * x),
    }
}

fn logarithm(x: f64) -> f64 {
    if x > -1.0 { libm::log1p(x) } else { libm::log(-1.0 - x) }
}

/// How many terms of the series are exact to half an ulp, where it is better than the logarithm.
fn terms(x: f64) -> Option<u32> {
    match x.abs() {
        small if small < 1e-3 => Some(6),
        small if small < 0.1 => Some(16),
        _ => None,
    }
}

/// `1/first - x/(first + 1) + x²/(first + 2) - ...`
fn series(x: f64, first: u32, terms: u32) -> f64 {
    (0..terms).rev().fold(0.0, |sum, k| 1.0 / f64::from(k + first) - x * sum)
}
