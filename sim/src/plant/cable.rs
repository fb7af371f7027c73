//! The cable between adapter and board: a resistance, there and back, and a plug.
//!
//! `V_board = V_adapter − R·I`. A bad 50 cm cable loses 0.5 V at 1 A. Assumes an ideal contact;
//! a bouncing plug is a series of pluggings. Leaves out inductance.

use crate::parts;
use crate::timeline::Plug;

/// The cable.
#[derive(Clone, Debug)]
pub struct Cable {
    part: parts::Cable,
    plug: Plug,
}

impl Cable {
    /// A cable with its plug in or out.
    pub fn new(part: parts::Cable, plug: Plug) -> Self {
        Self { part, plug }
    }

    /// Resistance \[Ω\].
    pub fn resistance(&self) -> f64 {
        self.part.resistance.0
    }

    /// Changes the constants during a run.
    pub fn set_part(&mut self, part: parts::Cable) {
        self.part = part;
    }

    /// Whether it is plugged in.
    pub fn plug(&self) -> Plug {
        self.plug
    }

    /// Moves the plug; says whether that changed anything.
    pub fn set_plug(&mut self, plug: Plug) -> bool {
        std::mem::replace(&mut self.plug, plug) != plug
    }
}
