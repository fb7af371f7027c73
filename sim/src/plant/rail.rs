//! The Pi's 5 V rail (VSYS): fed, or a capacitance that the Pi empties.
//!
//! Fed, it has the source's voltage. Unfed, with the Pi's reset voltage `Vr`:
//! ```text
//!   V > Vr:  C dV/dt = −I        the Pi's regulators draw on          V = V0 − I t / C
//!   V ≤ Vr:  C dV/dt = −V / R    the Pi is off, only its bleed is left  V = V0 exp(−t / RC)
//! ```
//! Assumes that the rail rises at once when it is fed (soft start is below 10 ms on this board) and
//! leaves out the inrush into `C` and any back-feed through displays.

use crate::quantity::Nanos;

/// Below this the rail counts as discharged \[V\] (invariant O3).
pub const DOWN: f64 = 0.5;

/// The rail.
#[derive(Clone, Copy, Debug)]
pub enum Rail {
    /// Held by a source.
    Fed,
    /// Left to itself since an instant.
    Falling(Fall),
}

/// A rail that falls.
#[derive(Clone, Copy, Debug)]
pub struct Fall {
    /// Since when.
    pub since: Nanos,
    /// From which voltage \[V\].
    pub from: f64,
    /// Current that the Pi draws until it resets \[A\].
    pub current: f64,
    /// The Pi's reset voltage \[V\].
    pub reset: f64,
    /// Capacitance \[F\].
    pub capacitance: f64,
    /// Bleed resistance \[Ω\].
    pub bleed: f64,
}

impl Fall {
    /// Seconds until the Pi resets; infinite if nothing draws.
    fn seconds_to_reset(&self) -> f64 {
        if self.from <= self.reset {
            0.0
        } else {
            (self.from - self.reset) * self.capacitance / self.current
        }
    }

    /// Voltage at `now` \[V\].
    pub fn voltage(&self, now: Nanos) -> f64 {
        let elapsed = now.saturating_sub(self.since).as_secs_f64();
        let bleeding = elapsed - self.seconds_to_reset();
        if bleeding < 0.0 {
            return self.from - self.current * elapsed / self.capacitance;
        }
        let start = self.from.min(self.reset);
        start * libm::exp(-bleeding / (self.bleed * self.capacitance))
    }

    /// When the voltage falls to `threshold`; at once if it is there already.
    pub fn reaches(&self, threshold: f64) -> Nanos {
        let seconds = if threshold >= self.from {
            0.0
        } else if threshold >= self.reset {
            (self.from - threshold) * self.capacitance / self.current
        } else {
            let start = self.from.min(self.reset);
            self.seconds_to_reset() + self.bleed * self.capacitance * libm::log(start / threshold)
        };
        self.since.saturating_add(Nanos::from_secs_f64_ceil(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_agree_with_the_voltage() {
        let fall = Fall {
            since: Nanos::SECOND,
            from: 4.8,
            current: 0.3,
            reset: 4.0,
            capacitance: 470e-6,
            bleed: 100.0,
        };
        for threshold in [4.63, 4.0, 2.5, 0.5] {
            let at = fall.reaches(threshold);
            assert!((fall.voltage(at) - threshold).abs() < 1e-6, "{threshold} V");
        }
        assert_eq!(fall.reaches(5.0), Nanos::SECOND);
    }
}
