//! Ordinary differential equations where no closed form exists: Dormand-Prince 5(4).
//!
//! ```text
//! y' = f(t, y),  y in R^N
//!
//!    y_n ──k1..k7──> y_{n+1}            5th order, advances
//!              └───> y_{n+1} - ŷ_{n+1}  embedded 4th order, gives the error and the next step
//!              └───> y(t_n + θ h)       4th-order dense output, finds where an event lies
//! ```
//!
//! The pair is that of Dormand and Prince (J. Comput. Appl. Math. 6 (1980) 19-26, RK5(4)7M); step
//! control and dense output follow Hairer, Nørsett and Wanner, *Solving Ordinary Differential
//! Equations I*, 2nd ed., II.4 to II.6. The last stage of a step is the first of the next one, so an
//! accepted step costs six evaluations.
//!
//! It keeps its state in arrays of fixed size, never allocates, and takes its powers from `libm`:
//! the same steps on every host. It assumes a problem that is not stiff and a scale of time in
//! which [`MINIMUM_STEP`] is negligible: at a point where `f` has a kink or a vertical tangent the
//! step shrinks no further than that. There is no step-size limit from above other than the
//! caller's, and events are seen only as a change of sign between the two ends of a step.

/// The shortest step \[s\]: it is accepted whatever its error estimate, so no right-hand side can
/// stall the integration.
pub const MINIMUM_STEP: f64 = 1e-12;

/// What a step may be wrong by: in each component `absolute + relative * |y|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// In the unit of the state.
    pub absolute: f64,
    /// Without unit.
    pub relative: f64,
}

/// An initial value problem on its way.
#[derive(Clone, Copy, Debug)]
pub struct DormandPrince<const N: usize> {
    time: f64,
    state: [f64; N],
    /// `f(time, state)`: the last stage of the step before.
    slope: [f64; N],
    /// The step to try next \[s\].
    proposal: f64,
    tolerance: Tolerance,
}

// Nodes and weights of RK5(4)7M. The row of the seventh stage is also the 5th-order solution.
const C: [f64; 7] = [0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];
const A2: [f64; 1] = [1.0 / 5.0];
const A3: [f64; 2] = [3.0 / 40.0, 9.0 / 40.0];
const A4: [f64; 3] = [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0];
const A5: [f64; 4] = [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0];
const A6: [f64; 5] =
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0];
const A7: [f64; 6] =
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0];
/// 5th-order minus embedded 4th-order weights.
const E: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339_200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];
/// The extra term of the dense output (II.6).
const D: [f64; 7] = [
    -12_715_105_075.0 / 11_282_082_432.0,
    0.0,
    87_487_479_700.0 / 32_700_410_799.0,
    -10_690_763_975.0 / 1_880_347_072.0,
    701_980_252_875.0 / 199_316_789_632.0,
    -1_453_857_185.0 / 822_651_844.0,
    69_997_945.0 / 29_380_423.0,
];

impl<const N: usize> DormandPrince<N> {
    /// Starts at `state` at `time` \[s\].
    pub fn new(
        derivative: &impl Fn(f64, &[f64; N]) -> [f64; N],
        time: f64,
        state: [f64; N],
        tolerance: Tolerance,
    ) -> Self {
        let slope = derivative(time, &state);
        let mut size = 0.0_f64;
        let mut speed = 0.0_f64;
        for i in 0..N {
            let scale = tolerance.absolute + tolerance.relative * state[i].abs();
            size = size.max((state[i] / scale).abs());
            speed = speed.max((slope[i] / scale).abs());
        }
        // The first guess of II.4: as far as moves the state by a hundredth of itself.
        let proposal = if size > 1e-5 && speed > 1e-5 { 0.01 * size / speed } else { 1e-6 };
        Self { time, state, slope, proposal, tolerance }
    }

    /// How far the integration has come \[s\].
    #[must_use]
    pub fn time(&self) -> f64 {
        self.time
    }

    /// The state there.
    #[must_use]
    pub fn state(&self) -> [f64; N] {
        self.state
    }

    /// The derivative of the state there.
    #[must_use]
    pub fn slope(&self) -> [f64; N] {
        self.slope
    }

    /// Takes one step, as long as the tolerance allows and not past `limit` \[s\].
    ///
    /// `derivative` must be the one that [`new`](Self::new) was given.
    pub fn step(
        &mut self,
        derivative: &impl Fn(f64, &[f64; N]) -> [f64; N],
        limit: f64,
    ) -> Segment<N> {
        loop {
            let left = limit - self.time;
            let last = self.proposal >= left;
            let h = if last { left } else { self.proposal };
            let stages = self.stages(derivative, h);
            let next = combine(&self.state, h, &A7, &stages);
            let error = self.error(&next, h, &stages);
            // A step that was cut short at the limit says little about the one after it.
            let factor = (0.9 * libm::pow(error.max(1e-10), -0.2)).clamp(0.2, 5.0);
            if error <= 1.0 || h <= MINIMUM_STEP {
                let segment = Segment::new(self.time, h, &self.state, &next, &stages);
                self.time = if last { limit } else { self.time + h };
                self.state = next;
                self.slope = stages[6];
                let grown = h * factor;
                self.proposal = if factor < 1.0 { grown } else { grown.max(self.proposal) };
                self.proposal = self.proposal.max(MINIMUM_STEP);
                return segment;
            }
            self.proposal = (h * factor.min(0.9)).max(MINIMUM_STEP);
        }
    }

    fn stages(&self, derivative: &impl Fn(f64, &[f64; N]) -> [f64; N], h: f64) -> [[f64; N]; 7] {
        let mut k = [self.slope; 7];
        let rows: [&[f64]; 6] = [&A2, &A3, &A4, &A5, &A6, &A7];
        for (stage, row) in (1..7).zip(rows) {
            let state = combine(&self.state, h, row, &k);
            k[stage] = derivative(self.time + C[stage] * h, &state);
        }
        k
    }

    /// The error estimate, root mean square over the components, in units of the tolerance.
    fn error(&self, next: &[f64; N], h: f64, stages: &[[f64; N]; 7]) -> f64 {
        let mut sum = 0.0;
        for (i, (from, to)) in self.state.iter().zip(next).enumerate() {
            let scale =
                self.tolerance.absolute + self.tolerance.relative * from.abs().max(to.abs());
            let error = h * weighted(&E, stages, i) / scale;
            sum += error * error;
        }
        let error = (sum / N as f64).sqrt();
        // A stage outside the domain of `f` must look like a step that is too long.
        if error.is_nan() { f64::INFINITY } else { error }
    }
}

/// `y + h Σ w_j k_j`.
fn combine<const N: usize>(y: &[f64; N], h: f64, weights: &[f64], k: &[[f64; N]; 7]) -> [f64; N] {
    let mut sum = *y;
    for (i, component) in sum.iter_mut().enumerate() {
        *component += h * weighted(weights, k, i);
    }
    sum
}

fn weighted<const N: usize>(weights: &[f64], k: &[[f64; N]; 7], i: usize) -> f64 {
    weights.iter().zip(k).map(|(w, k)| w * k[i]).sum()
}

/// One accepted step, with the polynomial that gives every state inside it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<const N: usize> {
    start: f64,
    length: f64,
    coefficients: [[f64; N]; 5],
}

impl<const N: usize> Segment<N> {
    fn new(
        start: f64,
        length: f64,
        from: &[f64; N],
        to: &[f64; N],
        stages: &[[f64; N]; 7],
    ) -> Self {
        let mut coefficients = [[0.0; N]; 5];
        for i in 0..N {
            let rise = to[i] - from[i];
            let bend = length * stages[0][i] - rise;
            coefficients[0][i] = from[i];
            coefficients[1][i] = rise;
            coefficients[2][i] = bend;
            coefficients[3][i] = rise - length * stages[6][i] - bend;
            coefficients[4][i] = length * weighted(&D, stages, i);
        }
        Self { start, length, coefficients }
    }

    /// The state at `time` \[s\], which must lie inside the step.
    #[must_use]
    pub fn at(&self, time: f64) -> [f64; N] {
        let theta = if self.length > 0.0 { (time - self.start) / self.length } else { 0.0 };
        let rest = 1.0 - theta;
        let [r1, r2, r3, r4, r5] = &self.coefficients;
        let mut state = [0.0; N];
        for (i, value) in state.iter_mut().enumerate() {
            *value = r1[i] + theta * (r2[i] + rest * (r3[i] + theta * (r4[i] + rest * r5[i])));
        }
        state
    }

    /// The time \[s\] at which `event` changes its sign within the step; `None` if its sign is the
    /// same at both ends.
    pub fn root(&self, event: impl Fn(&[f64; N]) -> f64) -> Option<f64> {
        root(|time| event(&self.at(time)), self.start, self.start + self.length)
    }
}

/// A zero of `f` between `from` and `to`, to the last bit or two; `None` if `f` has the same sign
/// at both ends.
///
/// Chandrupatla's method (Adv. Eng. Software 28 (1997) 145-149): inverse quadratic interpolation
/// where it is safe, bisection elsewhere. The bracket never opens again.
pub fn root(f: impl Fn(f64) -> f64, from: f64, to: f64) -> Option<f64> {
    let (mut b, mut a) = (from, to);
    let (mut fb, mut fa) = (f(b), f(a));
    if fb == 0.0 {
        return Some(b);
    }
    if fa == 0.0 {
        return Some(a);
    }
    if !(fa * fb).is_sign_negative() {
        return None;
    }
    let mut t = 0.5;
    // Bisection alone would need at most about 1100 halvings; interpolation takes around ten.
    for _ in 0..1100 {
        let x = a + t * (b - a);
        let fx = f(x);
        let (c, fc);
        if fx.is_sign_negative() == fa.is_sign_negative() {
            (c, fc) = (a, fa);
        } else {
            (c, fc) = (b, fb);
            (b, fb) = (a, fa);
        }
        (a, fa) = (x, fx);
        let best = if fa.abs() < fb.abs() { a } else { b };
        let tolerance = f64::EPSILON * best.abs() + f64::MIN_POSITIVE;
        let least = tolerance / (b - a).abs();
        if fa == 0.0 || least > 0.5 {
            return Some(if fa == 0.0 { a } else { best });
        }
        let xi = (a - b) / (c - b);
        let phi = (fa - fb) / (fc - fb);
        t = if phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi {
            fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        } else {
            0.5
        };
        t = t.clamp(least, 1.0 - least);
    }
    Some(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIGHT: Tolerance = Tolerance { absolute: 1e-12, relative: 1e-12 };

    fn oscillator(_: f64, y: &[f64; 2]) -> [f64; 2] {
        [y[1], -y[0]]
    }

    #[test]
    fn oscillator_returns_after_a_period() {
        let period = core::f64::consts::TAU;
        let mut solver = DormandPrince::new(&oscillator, 0.0, [1.0, 0.0], TIGHT);
        while solver.time() < period {
            let _ = solver.step(&oscillator, period);
        }
        let [x, v] = solver.state();
        assert!((x - 1.0).abs() < 1e-10 && v.abs() < 1e-10, "{x} {v}");
    }

    #[test]
    fn dense_output_meets_both_ends_and_the_solution_between() {
        let mut solver = DormandPrince::new(&oscillator, 0.0, [1.0, 0.0], TIGHT);
        for _ in 0..50 {
            let (from, before) = (solver.time(), solver.state());
            let segment = solver.step(&oscillator, 10.0);
            let (to, after) = (solver.time(), solver.state());
            for i in 0..2 {
                assert!((segment.at(from)[i] - before[i]).abs() < 1e-15);
                assert!((segment.at(to)[i] - after[i]).abs() < 1e-15);
            }
            let middle = f64::midpoint(from, to);
            assert!((segment.at(middle)[0] - libm::cos(middle)).abs() < 1e-10);
        }
    }

    #[test]
    fn event_is_where_the_solution_crosses() {
        let mut solver = DormandPrince::new(&oscillator, 0.0, [1.0, 0.0], TIGHT);
        let crossing = loop {
            let segment = solver.step(&oscillator, 10.0);
            if let Some(time) = segment.root(|y| y[0]) {
                break time;
            }
        };
        assert!((crossing - core::f64::consts::FRAC_PI_2).abs() < 1e-10);
    }

    #[test]
    fn fifth_order() {
        // One step over h and over h/2 from the same point: the local errors differ by about 2^6.
        let error = |h: f64| {
            let loose = Tolerance { absolute: 1e3, relative: 0.0 };
            let mut solver = DormandPrince::new(&oscillator, 0.0, [1.0, 0.0], loose);
            solver.proposal = h;
            let _ = solver.step(&oscillator, h);
            (solver.state()[0] - libm::cos(h)).abs() + (solver.state()[1] + libm::sin(h)).abs()
        };
        let ratio = error(0.4) / error(0.2);
        assert!((50.0..80.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn root_is_found_to_the_last_bit() {
        let x = root(|x| x * x - 2.0, 0.0, 1e6).unwrap();
        assert!((x - core::f64::consts::SQRT_2).abs() < 1e-15);
        assert_eq!(root(|x| x * x + 1.0, -1.0, 1.0), None);
        // A tiny root in a huge bracket.
        let x = root(|x| x - 1e-12, 0.0, 1e12).unwrap();
        assert!((x - 1e-12).abs() < 1e-26);
    }
}
