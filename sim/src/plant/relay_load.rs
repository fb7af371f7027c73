//! The loads of the relay expansion: a constant current from VSYS while the load switch is closed.
//!
//! Assumes that they stop at once when shed. Leaves out inrush and inductive kick.

use crate::timeline::LoadSwitch;

/// The loads behind the load switch.
#[derive(Clone, Copy, Debug)]
pub struct RelayLoad {
    /// Current while supplied \[A\].
    pub current: f64,
    /// The switch.
    pub switch: LoadSwitch,
}

impl RelayLoad {
    /// Current drawn from a fed rail \[A\].
    pub fn draw(&self) -> f64 {
        match self.switch {
            LoadSwitch::Closed => self.current,
            LoadSwitch::Open => 0.0,
        }
    }
}
