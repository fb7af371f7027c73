//! The Pi's 5 V rail (VSYS): fed, rising while the input switch closes, or left to itself.
//!
//! **Fed**, it has the source's voltage.
//!
//! **Free**: its capacitance `C` is emptied by what the Pi draws, until the Pi resets, and by the bleed
//! `R`; a display with a supply of its own, or a cable, may feed it from `Vb` through `Rb`, as far as `Vb`:
//! ```text
//!   V > Vb:  C dV/dt = −I − V/R
//!   V ≤ Vb:  C dV/dt = −I − V/R + (Vb − V)/Rb        V = V∞ + (V0 − V∞) exp(−t / τ) either way
//! ```
//! **Rising**: the current through the closing switch grows evenly, so it is largest at the end, and
//! the farther the rail has to rise, the larger. `t` counts from the switch's beginning:
//! ```text
//!   i = g t     C dV/dt = g t − I                     V = V0 + (g (t² − t0²)/2 − I (t − t0)) / C
//! ```
//! The rise ends when the switch has nothing left to drop: `V = Vs − (Rs + Rsw) g t`.
//!
//! A change of what hangs on the rail begins a new piece. Assumes ideal back-feed (a diode without a
//! drop) and that the charge which is missing when a rise ends comes at once (source and switch take
//! some 50 us). Leaves out the bleed during a rise, and a back-feed that helps while the rail is fed.

use crate::parts;
use crate::quantity::Nanos;

/// Below this the rail counts as discharged \[V\] (invariant O3).
pub const DOWN: f64 = 0.5;

/// Voltages count as reached this close \[V\], as crossings are rounded up to the nanosecond.
const TOLERANCE: f64 = 1e-9;

/// The rail.
#[derive(Clone, Copy, Debug)]
pub enum Rail {
    /// Held by a source.
    Fed,
    /// Charged through the closing input switch.
    Rising(Rise),
    /// Left to itself.
    Free(Free),
}

/// What hangs on a rail that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hanging {
    /// Current of the Pi and of its loads \[A\]; none while the Pi is off.
    pub current: f64,
    /// Capacitance \[F\].
    pub capacitance: f64,
    /// Bleed resistance \[Ω\].
    pub bleed: f64,
    /// Voltage of the back-feed \[V\]; zero if there is none.
    pub back_feed_voltage: f64,
    /// Resistance of the back-feed \[Ω\].
    pub back_feed_resistance: f64,
}

impl Hanging {
    /// What a Pi's part says, with the current that is drawn \[A\].
    pub fn on(part: &parts::Pi, current: f64) -> Self {
        Self {
            current,
            capacitance: part.rail_capacitance.0,
            bleed: part.rail_bleed.0,
            back_feed_voltage: part.back_feed_voltage.0,
            back_feed_resistance: part.back_feed_resistance.0,
        }
    }

    /// Where the rail comes to rest \[V\].
    pub fn rests(&self) -> f64 {
        self.tends(0.0).0.max(0.0)
    }

    /// Where a rail at `voltage` tends to \[V\], and its time constant \[s\].
    fn tends(&self, voltage: f64) -> (f64, f64) {
        if voltage > self.back_feed_voltage || self.back_feed_voltage == 0.0 {
            return (-self.current * self.bleed, self.bleed * self.capacitance);
        }
        let conductance = 1.0 / self.bleed + 1.0 / self.back_feed_resistance;
        let current = self.back_feed_voltage / self.back_feed_resistance - self.current;
        (current / conductance, self.capacitance / conductance)
    }
}

/// A rail that nobody holds, since the last change of what hangs on it.
#[derive(Clone, Copy, Debug)]
pub struct Free {
    /// Since when nobody holds it.
    pub unfed: Nanos,
    since: Nanos,
    from: f64,
    hanging: Hanging,
    towards: f64,
    time_constant: f64,
}

impl Free {
    /// A rail that is at `from` \[V\] when it is let go.
    pub fn new(now: Nanos, from: f64, hanging: Hanging) -> Self {
        let (towards, time_constant) = hanging.tends(from);
        Self { unfed: now, since: now, from, hanging, towards, time_constant }
    }

    /// The same rail if something else hangs on it from now on, or its back-feed begins.
    #[must_use]
    pub fn with(self, now: Nanos, hanging: Hanging) -> Self {
        if hanging == self.hanging && hanging.back_feed_voltage == 0.0 {
            return self;
        }
        let voltage = self.voltage(now);
        let feeds = voltage <= self.hanging.back_feed_voltage + TOLERANCE;
        let voltage = if feeds { voltage.min(hanging.back_feed_voltage) } else { voltage };
        if hanging == self.hanging && hanging.tends(voltage) == (self.towards, self.time_constant) {
            return self;
        }
        Self { unfed: self.unfed, ..Self::new(now, voltage, hanging) }
    }

    /// Voltage at `now` \[V\].
    pub fn voltage(&self, now: Nanos) -> f64 {
        let elapsed = now.saturating_sub(self.since).as_secs_f64();
        self.towards + (self.from - self.towards) * libm::exp(-elapsed / self.time_constant)
    }

    /// Whether it is at or below `threshold` \[V\] when it falls, below it when it rises.
    pub fn under(&self, threshold: f64, now: Nanos) -> bool {
        if self.towards < self.from {
            self.voltage(now) <= threshold + TOLERANCE
        } else {
            self.voltage(now) < threshold - TOLERANCE
        }
    }

    /// When it comes by `threshold` \[V\], unless something happens to it before.
    pub fn crosses(&self, threshold: f64) -> Option<Nanos> {
        let ahead = (self.towards < threshold && threshold < self.from)
            || (self.from < threshold && threshold < self.towards);
        let ratio = (self.from - self.towards) / (threshold - self.towards);
        ahead.then(|| after(self.since, self.time_constant * libm::log(ratio)))
    }

    /// When it is at or below `threshold` \[V\], unless something happens to it before.
    pub fn falls_to(&self, threshold: f64) -> Option<Nanos> {
        if self.from <= threshold { Some(self.since) } else { self.crosses(threshold) }
    }

    /// Since when nothing draws from it, if nothing does.
    pub fn unloaded(&self) -> Option<Nanos> {
        (self.hanging.current == 0.0).then_some(self.since)
    }

    /// When its back-feed begins.
    pub fn meets_back_feed(&self) -> Option<Nanos> {
        self.crosses(self.hanging.back_feed_voltage)
    }
}

/// A rail that rises, since the last change of what hangs on it.
#[derive(Clone, Copy, Debug)]
pub struct Rise {
    /// Since when the switch has been closing.
    pub closing: Nanos,
    /// How fast the current through the switch grows \[A/s\].
    pub growth: f64,
    since: Nanos,
    from: f64,
    hanging: Hanging,
}

impl Rise {
    /// A switch that begins to close on a rail at `from` \[V\].
    pub fn new(now: Nanos, from: f64, growth: f64, hanging: Hanging) -> Self {
        Self { closing: now, growth, since: now, from, hanging }
    }

    /// The same rise if something else hangs on the rail from now on.
    #[must_use]
    pub fn with(self, now: Nanos, hanging: Hanging) -> Self {
        if hanging == self.hanging {
            return self;
        }
        Self { since: now, from: self.voltage(now), hanging, ..self }
    }

    /// Current through the switch \[A\].
    pub fn current(&self, now: Nanos) -> f64 {
        self.growth * now.saturating_sub(self.closing).as_secs_f64()
    }

    /// Voltage at `now` \[V\].
    pub fn voltage(&self, now: Nanos) -> f64 {
        let (start, t) = (self.start(), now.saturating_sub(self.closing).as_secs_f64());
        let charge =
            0.5 * self.growth * (t * t - start * start) - self.hanging.current * (t - start);
        (self.from + charge / self.hanging.capacitance).max(0.0)
    }

    /// Whether it is below `threshold` \[V\].
    pub fn under(&self, threshold: f64, now: Nanos) -> bool {
        self.voltage(now) < threshold - TOLERANCE
    }

    /// When it comes by `threshold` \[V\] next after `now`, unless something happens to it before.
    pub fn crosses(&self, threshold: f64, now: Nanos) -> Option<Nanos> {
        self.meets(threshold, 0.0).into_iter().flatten().filter(|at| *at > now).min()
    }

    /// When nothing is left for the switch to drop: the rail meets a source of `voltage` \[V\] behind
    /// `resistance` \[Ω\], switch included.
    pub fn ends(&self, voltage: f64, resistance: f64) -> Option<Nanos> {
        self.meets(voltage, resistance)[1]
    }

    /// Whether nothing is left for the switch to drop.
    pub fn has_ended(&self, voltage: f64, resistance: f64, now: Nanos) -> bool {
        self.voltage(now) >= voltage - resistance * self.current(now) - TOLERANCE
    }

    /// When the current reaches `current` \[A\].
    pub fn carries(&self, current: f64) -> Nanos {
        after(self.closing, current.max(0.0) / self.growth)
    }

    /// Both roots of `V(t) = voltage − resistance·g·t`, the earlier one first.
    fn meets(&self, voltage: f64, resistance: f64) -> [Option<Nanos>; 2] {
        let (start, capacitance) = (self.start(), self.hanging.capacitance);
        let linear = self.hanging.current - capacitance * resistance * self.growth;
        let constant = 0.5 * self.growth * start * start - self.hanging.current * start
            + capacitance * (voltage - self.from);
        let square = linear * linear + 2.0 * self.growth * constant;
        if square < 0.0 {
            return [None, None];
        }
        [-square.sqrt(), square.sqrt()].map(|root| {
            let seconds = (linear + root) / self.growth;
            (seconds >= start).then(|| after(self.closing, seconds))
        })
    }

    /// When the present piece began, after the switch did \[s\].
    fn start(&self) -> f64 {
        self.since.saturating_sub(self.closing).as_secs_f64()
    }
}

fn after(start: Nanos, seconds: f64) -> Nanos {
    start.saturating_add(Nanos::from_secs_f64_ceil(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANGING: Hanging = Hanging {
        current: 0.3,
        capacitance: 470e-6,
        bleed: 100.0,
        back_feed_voltage: 0.0,
        back_feed_resistance: 0.0,
    };

    fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-5, "{got} {want}");
    }

    #[test]
    fn a_falling_rail_meets_its_crossings() {
        let loaded = Free::new(Nanos::SECOND, 4.8, HANGING);
        let Some(reset) = loaded.crosses(4.0) else { panic!("it falls") };
        near(loaded.voltage(reset), 4.0);
        let idle = loaded.with(reset, Hanging { current: 0.0, ..HANGING });
        assert_eq!(idle.unfed, Nanos::SECOND);
        for threshold in [3.9, 2.5, 0.5] {
            let Some(at) = idle.crosses(threshold) else { panic!("{threshold} V") };
            near(idle.voltage(at), threshold);
            assert!(
                idle.under(threshold, at) && !idle.under(threshold, at.saturating_sub(Nanos(100)))
            );
        }
        assert_eq!(idle.crosses(4.5), None);
        assert_eq!(idle.falls_to(4.5), Some(reset));
    }

    #[test]
    fn a_back_feed_holds_what_the_divider_allows() {
        let hanging = Hanging {
            current: 0.0,
            back_feed_voltage: 3.0,
            back_feed_resistance: 100.0,
            ..HANGING
        };
        let above = Free::new(Nanos::ZERO, 4.0, hanging);
        assert_eq!(above.crosses(0.5).map(|at| at > Nanos::from_millis(90)), Some(true));
        let Some(meets) = above.meets_back_feed() else { panic!("it falls") };
        let below = above.with(meets, hanging);
        // Half of 3 V: it never comes down to 0.5 V.
        near(below.voltage(Nanos::SECOND), 1.5);
        assert_eq!(below.crosses(1.4), None);
        assert!(below.crosses(1.6).is_some());
    }

    #[test]
    fn a_rise_meets_its_crossings_and_its_end() {
        let rise = Rise::new(Nanos::SECOND, 1.0, 4000.0, Hanging { current: 0.0, ..HANGING });
        let Some(starts) = rise.crosses(4.2, Nanos::SECOND) else { panic!("it rises") };
        near(rise.voltage(starts), 4.2);
        let loaded = rise.with(starts, HANGING);
        let Some(ends) = loaded.ends(5.0, 0.1) else { panic!("it ends") };
        near(loaded.voltage(ends), 5.0 - 0.1 * loaded.current(ends));
        assert!(loaded.has_ended(5.0, 0.1, ends));
        assert!(!loaded.has_ended(5.0, 0.1, ends.saturating_sub(Nanos::from_micros(1))));
        near(loaded.current(loaded.carries(2.0)), 2.0);
    }

    /// A live Pi pulls the rail down until the switch carries what it draws.
    #[test]
    fn a_loaded_rail_falls_before_it_rises() {
        let rise = Rise::new(Nanos::ZERO, 4.3, 1000.0, Hanging { current: 0.7, ..HANGING });
        let Some(resets) = rise.crosses(4.0, Nanos::ZERO) else { panic!("it falls") };
        near(rise.voltage(resets), 4.0);
        assert!(resets < rise.carries(0.7));
        let Some(back) = rise.crosses(4.0, resets) else { panic!("it comes back") };
        near(rise.voltage(back), 4.0);
    }
}
