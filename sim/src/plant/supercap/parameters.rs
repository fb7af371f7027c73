//! What a stack is made of: a capacitance that may grow with its voltage, and what is in series and parallel.
//!
//! ```text
//! C(V) = dQ/dV = C + k V      Q = C V + k V²/2
//! ```

/// A stack of cells, as seen from its terminals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Capacitance of the stack at 0 V, of the fast branch if there is a slow one \[F\]; above zero.
    pub capacitance: f64,
    /// What each volt across the stack adds to it \[F/V\].
    pub growth: f64,
    /// Equivalent series resistance \[Ω\].
    pub esr: f64,
    /// Leakage current \[A\].
    pub leakage: f64,
    /// The charge that moves deep into the pores.
    pub slow: Option<SlowBranch>,
}

impl Parameters {
    /// The capacitance \[F\] at `voltage` \[V\], which is dQ/dV.
    #[must_use]
    pub fn capacitance_at(&self, voltage: f64) -> f64 {
        self.capacitance + self.growth * voltage
    }

    /// The charge \[C\] at `voltage` \[V\].
    pub(super) fn charge_at(&self, voltage: f64) -> f64 {
        voltage * (self.capacitance + 0.5 * self.growth * voltage)
    }

    /// The voltage \[V\] at `charge` \[C\].
    pub(super) fn voltage_at(&self, charge: f64) -> f64 {
        let square = self.capacitance * self.capacitance + 2.0 * self.growth * charge;
        2.0 * charge / (self.capacitance + square.max(0.0).sqrt())
    }
}

/// A second capacitor behind a resistance, parallel to the fast one inside the ESR.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowBranch {
    /// Its capacitance \[F\]; above zero.
    pub capacitance: f64,
    /// The resistance in front of it \[Ω\]; above zero.
    pub resistance: f64,
}
