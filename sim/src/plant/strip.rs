//! The mains at the adapter: a socket behind a switch, and what an open switch still lets through.
//!
//! ```text
//!   both poles closed:   the rectifier holds the bulk capacitor at the peak, √2 Vrms
//!   switched off:        i = f Cs (2 √2 Vrms − Vb)
//! ```
//!
//! A strip that opens only one pole leaves the other one live, and the interference-suppression
//! (Y) capacitor Cs closes the circuit: each period it carries `Cs (2 √2 Vrms − Vb)` into the bulk
//! capacitor. A switch that opens both poles has no such path: Cs = 0. Assumes an ideal bridge rectifier
//! and Cs much smaller than the bulk capacitor. Leaves out the ripple, and the inrush at switching on.

use crate::parts;

/// The switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Closed.
    On,
    /// Open, in as many poles as it opens.
    Off,
}

/// What feeds the bulk capacitor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feed {
    /// The rectified mains holds it at this voltage \[V\].
    Mains(f64),
    /// A voltage \[V\] behind a conductance \[S\], 0 S if there is nothing.
    Leak {
        /// \[V\]
        voltage: f64,
        /// \[S\]
        conductance: f64,
    },
}

/// A switched socket.
#[derive(Clone, Debug)]
pub struct Strip {
    part: parts::Strip,
    switch: Switch,
}

impl Strip {
    /// A strip with its switch on or off.
    pub fn new(part: parts::Strip, switch: Switch) -> Self {
        Self { part, switch }
    }

    /// Changes the constants during a run.
    pub fn set_part(&mut self, part: parts::Strip) {
        self.part = part;
    }

    /// Moves the switch; says whether that changed anything.
    pub fn set_switch(&mut self, switch: Switch) -> bool {
        std::mem::replace(&mut self.switch, switch) != switch
    }

    /// What feeds the bulk capacitor.
    pub fn feed(&self) -> Feed {
        let peak = core::f64::consts::SQRT_2 * self.part.mains_voltage.0;
        match self.switch {
            Switch::On => Feed::Mains(peak),
            Switch::Off => Feed::Leak {
                voltage: 2.0 * peak,
                conductance: self.part.mains_frequency.0 * self.part.y_capacitance.0,
            },
        }
    }
}
