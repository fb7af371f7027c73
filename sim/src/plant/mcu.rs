//! The microcontroller's supply: a regulator behind the better of VIN and VSCAP.
//!
//! ```text
//!   VIN  ──▶|──┬──[ regulator ]── VDD = min(mcu_regulator, max(VIN, VSCAP) − mcu_dropout)
//!   VSCAP ─▶|──┘
//! ```
//!
//! Whether the microcontroller lives is decided before the regulator, by `mcu_start` and `mcu_dead`,
//! on every level alike. VDD is for those who look at it more closely: a brown-out reset, a voltage
//! detector. The voltages that they wait for are crossings, solved like all others.
//!
//! Assumes ideal diodes and no capacitance at VDD, so a dip of VIN is one of VDD. Leaves out the slow
//! movement of VIN while the charger yields: the charger is off long before VIN is so low that VDD
//! leaves regulation. When VIN moves with the adapter's output is `vin`'s to say.

use crate::parts::Board;
use crate::plant::supercap::{Drive, Supercap};
use crate::timeline::Mcu;

/// Thresholds count as reached this close \[V\].
const TOLERANCE: f64 = 1e-9;

/// The voltages at which a device wants to hear of its supply \[V\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SupplyWatch {
    /// Falling to this.
    pub below: Option<f64>,
    /// Rising to this.
    pub above: Option<f64>,
}

/// Where the supply is among the voltages that a device waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// It has fallen to the lower one.
    Fallen,
    /// Between them.
    Between,
    /// It has risen to the upper one.
    Risen,
}

/// The microcontroller as the board supplies it.
#[derive(Clone, Debug)]
pub(super) struct McuSupply {
    state: Mcu,
    watch: Option<SupplyWatch>,
}

impl McuSupply {
    /// As it is when `best`, the better of VIN and VSCAP \[V\], appears.
    pub(super) fn new(board: &Board, best: f64) -> Self {
        let state = if best >= board.mcu_start.0 { Mcu::On } else { Mcu::Off };
        Self { state, watch: None }
    }

    /// Whether it has its supply.
    pub(super) const fn state(&self) -> Mcu {
        self.state
    }

    /// Lets it start or die.
    pub(super) fn follow(&mut self, board: &Board, best: f64) {
        match self.state {
            Mcu::On | Mcu::Reset if best <= board.mcu_dead.0 + TOLERANCE => self.state = Mcu::Off,
            Mcu::Off if best >= board.mcu_start.0 - TOLERANCE => self.state = Mcu::On,
            Mcu::On | Mcu::Off | Mcu::Reset => {}
        }
    }

    /// Changes the voltages that are waited for; says whether that changed anything.
    pub(super) fn set_watch(&mut self, watch: Option<SupplyWatch>) -> bool {
        std::mem::replace(&mut self.watch, watch) != watch
    }

    /// Where VDD \[V\] is among the voltages that are waited for.
    pub(super) fn watched(&self, vdd: f64) -> Watched {
        match self.watch {
            Some(SupplyWatch { below: Some(below), .. }) if vdd <= below + TOLERANCE => {
                Watched::Fallen
            }
            Some(SupplyWatch { above: Some(above), .. }) if vdd >= above - TOLERANCE => {
                Watched::Risen
            }
            Some(_) | None => Watched::Between,
        }
    }

    /// The voltages of the better of VIN and VSCAP that matter here \[V\].
    pub(super) fn thresholds(&self, board: &Board) -> [Option<f64>; 4] {
        let watch = self.watch.unwrap_or(SupplyWatch { below: None, above: None });
        let before = |vdd: f64| vdd + board.mcu_dropout.0;
        let watched = [watch.below, watch.above].map(|vdd| vdd.map(before));
        [Some(board.mcu_dead.0), Some(board.mcu_start.0), watched[0], watched[1]]
    }

    /// Seconds until the capacitors' voltage matters here.
    pub(super) fn next_crossing(
        &self,
        board: &Board,
        vin: f64,
        drive: Drive,
        caps: &Supercap,
    ) -> Option<f64> {
        if self.state == Mcu::Off {
            return None;
        }
        // VIN moves in steps, and those are settled when they come.
        let fall =
            |threshold: f64| (vin <= threshold).then(|| caps.time_to_fall(drive, threshold))?;
        let dies = fall(board.mcu_dead.0);
        let Some(SupplyWatch { below, above }) = self.watch else {
            return dies;
        };
        let vdd = vdd(board, vin.max(caps.terminal(drive).voltage));
        // What has been reached was told; only what lies ahead is a crossing.
        let falls = below
            .filter(|below| *below < board.mcu_regulator.0 && vdd > below + TOLERANCE)
            .and_then(|below| fall(below + board.mcu_dropout.0));
        let rises = above
            .filter(|above| *above <= board.mcu_regulator.0 && vdd < above - TOLERANCE)
            .and_then(|above| caps.time_to_rise(drive, above + board.mcu_dropout.0));
        [dies, falls, rises].into_iter().flatten().reduce(f64::min)
    }
}

/// VDD behind the better of VIN and VSCAP \[V\].
pub(super) fn vdd(board: &Board, best: f64) -> f64 {
    board.mcu_regulator.0.min(best - board.mcu_dropout.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::{Board, Library};
    use crate::plant::supercap::Parameters;

    fn board() -> Board {
        match Library::builtin().find("supercap-pi") {
            Ok(board) => board,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn caps(voltage: f64) -> Supercap {
        let parameters =
            Parameters { capacitance: 10.0, growth: 0.0, esr: 0.0, leakage: 0.0, slow: None };
        Supercap::new(parameters, voltage)
    }

    #[test]
    fn the_regulator_holds_until_the_dropout() {
        let board = board();
        assert_eq!(vdd(&board, 5.0), 3.3);
        assert_eq!(vdd(&board, 3.5), 3.3);
        assert!((vdd(&board, 2.0) - 1.8).abs() < 1e-12);
        assert_eq!(vdd(&board, 0.1), 0.0);
    }

    #[test]
    fn thresholds_ahead_are_crossings_and_those_behind_are_not() {
        let board = board();
        let mut supply = McuSupply::new(&board, 4.0);
        let drive = Drive::Rest { current: 1.0 };
        // 10 F and 1 A: a tenth of a volt a second. It dies at 1.9 V.
        let near = |got: Option<f64>, want: f64| {
            assert!(got.is_some_and(|got| (got - want).abs() < 1e-6), "{got:?} {want}");
        };
        near(supply.next_crossing(&board, 0.0, drive, &caps(4.0)), 21.0);
        assert!(supply.set_watch(Some(SupplyWatch { below: Some(2.4), above: Some(2.9) })));
        near(supply.next_crossing(&board, 0.0, drive, &caps(4.0)), 14.0);
        assert_eq!(supply.watched(vdd(&board, 2.6)), Watched::Fallen);
        near(supply.next_crossing(&board, 0.0, drive, &caps(2.6)), 7.0);
        let charge = Drive::Current { current: 1.0 };
        near(supply.next_crossing(&board, 0.0, charge, &caps(2.6)), 5.0);
        assert_eq!(supply.watched(vdd(&board, 3.1)), Watched::Risen);
        // VIN holds it up: neither does it die.
        assert_eq!(supply.next_crossing(&board, 3.0, drive, &caps(2.0)), None);
    }
}
