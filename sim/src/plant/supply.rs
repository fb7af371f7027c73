//! The mains adapter: a voltage behind a resistance, with the energy of its bulk capacitor.
//!
//! ```text
//!   mains ──▶ [hold-up] ──▶ V ──[ R ]──▶ cable
//! ```
//!
//! `V_out = V − R·I`. When the mains is switched off, the output stays for the hold-up time and then
//! ends at once. Assumes that the load does not change the hold-up time. Leaves out current limit
//! and foldback, start-up ramps, negotiation, and what a one-pole power strip does.

use crate::parts;
use crate::quantity::Nanos;

/// The mains socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mains {
    On,
    /// Off; the output ends at the instant, `None` once it has ended.
    Off {
        output_ends: Option<Nanos>,
    },
}

/// The adapter.
#[derive(Clone, Debug)]
pub struct Supply {
    part: parts::Supply,
    mains: Mains,
}

impl Supply {
    /// An adapter in a live socket.
    pub fn new(part: parts::Supply) -> Self {
        Self { part, mains: Mains::On }
    }

    /// Voltage without load \[V\].
    pub fn open_circuit(&self) -> f64 {
        match self.mains {
            Mains::On | Mains::Off { output_ends: Some(_) } => self.part.voltage.0,
            Mains::Off { output_ends: None } => 0.0,
        }
    }

    /// The constants.
    pub fn part(&self) -> &parts::Supply {
        &self.part
    }

    /// Output resistance \[Ω\].
    pub fn resistance(&self) -> f64 {
        self.part.resistance.0
    }

    /// Changes the constants during a run.
    pub fn set_part(&mut self, part: parts::Supply) {
        self.part = part;
    }

    /// Switches the mains on; says whether that changed anything.
    pub fn mains_on(&mut self) -> bool {
        std::mem::replace(&mut self.mains, Mains::On) != Mains::On
    }

    /// Switches the mains off; says whether that changed anything.
    pub fn mains_off(&mut self, now: Nanos) -> bool {
        if self.mains != Mains::On {
            return false;
        }
        self.mains = Mains::Off { output_ends: Some(now.saturating_add(self.part.hold_up)) };
        true
    }

    /// When the output ends by itself.
    pub fn next(&self) -> Option<Nanos> {
        match self.mains {
            Mains::Off { output_ends } => output_ends,
            Mains::On => None,
        }
    }

    /// Lets the output end if it is due.
    pub fn advance(&mut self, now: Nanos) {
        if self.next().is_some_and(|at| at <= now) {
            self.mains = Mains::Off { output_ends: None };
        }
    }
}
