//! The adapter's output capacitor: how its voltage moves between events.
//!
//! ```text
//!   driven below its voltage:  Co E' = Ilim(E) − I − Iq      no faster than the soft start
//!   foldback:                  Ilim(E) = Isc + (Ilim − Isc) E/Vo
//!   left to itself:            Co E' = −I − Iq
//! ```
//! So E stands still, moves in a straight line, or exponentially. The bleed Iq is a constant current that
//! needs [`KNEE`] to flow; below, it is the resistor that meets it there.

/// The bleed is a constant current down to this voltage \[V\].
pub(super) const KNEE: f64 = 0.1;
/// What is left of an exponential tail counts as nothing \[V\].
pub(super) const NOTHING: f64 = 1e-6;

/// How the voltage moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Motion {
    /// Not at all.
    Still,
    /// At a speed \[V/s\], up to a voltage \[V\].
    Line { speed: f64, end: f64 },
    /// `E' = rate (E − rest)`, up to a voltage \[V\].
    Curve { rate: f64, rest: f64, end: f64 },
}

impl Motion {
    /// The voltage after `seconds` from `from` \[V\].
    pub(super) fn after(&self, from: f64, seconds: f64) -> f64 {
        let (to, end) = match *self {
            Self::Still => return from,
            Self::Line { speed, end } => (from + speed * seconds, end),
            Self::Curve { rate, rest, end } => {
                (from + (from - rest) * libm::expm1(rate * seconds), end)
            }
        };
        if end > from { to.min(end) } else { to.max(end) }
    }

    /// When the voltage reaches `level` from `from` \[V\]; seconds.
    pub(super) fn reaches(&self, from: f64, level: f64) -> Option<f64> {
        let (seconds, end) = match *self {
            Self::Still => return None,
            Self::Line { speed, end } => ((level - from) / speed, end),
            Self::Curve { rate, rest, end } => {
                (libm::log((level - rest) / (from - rest)) / rate, end)
            }
        };
        let between = (level - from) * (end - level) >= 0.0 && level != from;
        (between && seconds >= 0.0).then_some(seconds)
    }

    /// When this motion ends; seconds.
    pub(super) fn ends(&self, from: f64) -> Option<f64> {
        match *self {
            Self::Still => None,
            Self::Line { end, .. } | Self::Curve { end, .. } => self.reaches(from, end),
        }
    }

    /// `∫ E dt` over `seconds` from `from` \[V s\].
    pub(super) fn integral(&self, from: f64, seconds: f64) -> f64 {
        match *self {
            Self::Still => from * seconds,
            Self::Line { speed, .. } => (from + 0.5 * speed * seconds) * seconds,
            Self::Curve { rate, rest, .. } => {
                rest * seconds + (from - rest) * libm::expm1(rate * seconds) / rate
            }
        }
    }
}
