//! The Pi's 5 V rail (VSYS): fed, or a capacitance that the Pi empties.
//!
//! Fed, it has the source's voltage. Unfed, with the bleed `R` and the Pi's reset voltage `Vr`:
//! ```text
//!   V > Vr:  C dV/dt = −I − V/R   the Pi's regulators draw on   V = (V0 + I R) exp(−t / RC) − I R
//!   V ≤ Vr:  C dV/dt = −V / R     the Pi is off                 V = Vr exp(−t / RC)
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
    /// Time constant of the bleed \[s\].
    fn time_constant(&self) -> f64 {
        self.bleed * self.capacitance
    }

    /// Seconds from `high` to `low` \[V\] with `current` \[A\] drawn besides the bleed.
    fn seconds(&self, high: f64, low: f64, current: f64) -> f64 {
        let offset = current * self.bleed;
        if high <= low {
            0.0
        } else {
            self.time_constant() * libm::log((high + offset) / (low + offset))
        }
    }

    /// Voltage at `now` \[V\].
    pub fn voltage(&self, now: Nanos) -> f64 {
        let elapsed = now.saturating_sub(self.since).as_secs_f64();
        let reset_after = self.seconds(self.from, self.reset, self.current);
        if elapsed < reset_after {
            let offset = self.current * self.bleed;
            return (self.from + offset) * libm::exp(-elapsed / self.time_constant()) - offset;
        }
        let start = self.from.min(self.reset);
        start * libm::exp(-(elapsed - reset_after) / self.time_constant())
    }

    /// When the voltage falls to `threshold`; at once if it is there already.
    pub fn reaches(&self, threshold: f64) -> Nanos {
        let seconds = if threshold >= self.reset {
            self.seconds(self.from, threshold, self.current)
        } else {
            let reset_after = self.seconds(self.from, self.reset, self.current);
            reset_after + self.seconds(self.from.min(self.reset), threshold, 0.0)
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
