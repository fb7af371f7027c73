//! The loads of the relay expansion: a current from VSYS while the load switch is closed, and more of it
//! for a moment after it closed.
//!
//! Assumes that the inrush is a rectangle, and that the loads stop at once when shed. Leaves out inductive
//! kick.

use crate::parts::Board;
use crate::quantity::Nanos;
use crate::timeline::LoadSwitch;

/// The loads behind the load switch.
#[derive(Clone, Copy, Debug)]
pub struct RelayLoad {
    switch: LoadSwitch,
    /// Until when the inrush lasts, if it does.
    inrush_until: Option<Nanos>,
}

impl RelayLoad {
    /// Shed.
    pub const OPEN: Self = Self { switch: LoadSwitch::Open, inrush_until: None };

    /// Moves the switch.
    pub fn set(&mut self, now: Nanos, switch: LoadSwitch, board: &Board) {
        self.switch = switch;
        self.inrush_until = match switch {
            LoadSwitch::Closed if board.relay_inrush_time > Nanos::ZERO => {
                Some(now.saturating_add(board.relay_inrush_time))
            }
            LoadSwitch::Closed | LoadSwitch::Open => None,
        };
    }

    /// When the inrush ends.
    pub fn next(&self) -> Option<Nanos> {
        self.inrush_until
    }

    /// Lets the inrush end if it is due.
    pub fn advance(&mut self, now: Nanos) {
        self.inrush_until.take_if(|until| *until <= now);
    }

    /// Current drawn from a fed rail \[A\].
    pub fn draw(&self, board: &Board) -> f64 {
        match (self.switch, self.inrush_until) {
            (LoadSwitch::Closed, Some(_)) => board.relay_load.0 + board.relay_inrush.0,
            (LoadSwitch::Closed, None) => board.relay_load.0,
            (LoadSwitch::Open, _) => 0.0,
        }
    }
}
