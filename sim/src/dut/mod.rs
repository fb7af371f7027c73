//! The device under test: whatever runs the firmware, behind one narrow trait.
//!
//! The bench samples the plant's pins, calls [`Dut::run`] when a pin changed or a wake-up is due, and
//! applies the levels that come back. It never looks inside: the same bench drives the logic
//! compiled for the host and, later, the flashed image and a real board.

pub mod eeprom;
pub mod host;

use firmware::record::Record;
use firmware::signals::{InputLevels, LoadSwitch, PowerGood, StatusLed, SupplyEnable};

use crate::quantity::Nanos;
use crate::scenario::{Ram, ResetCause, Tear};

/// The output pins; `None` floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputPins {
    /// PA4.
    pub supply_enable: Option<SupplyEnable>,
    /// PC14.
    pub power_good: Option<PowerGood>,
    /// PC15.
    pub load_switch: Option<LoadSwitch>,
    /// PA9.
    pub status_led: Option<StatusLed>,
}

/// Something worth a line in the timeline that no pin shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A record is complete in the EEPROM.
    Stored(Record),
    /// The armed cut struck: the device lost its supply in the middle of a write.
    WriteCut,
}

/// A device under test. Time never runs backwards between calls.
pub trait Dut {
    /// It gets its supply: a power-on reset.
    fn power_on(&mut self, now: Nanos, inputs: InputLevels);

    /// It loses its supply: all pins float, RAM is gone, a write under way tears.
    fn power_off(&mut self, now: Nanos);

    /// It is reset with its supply present; a write under way tears.
    fn reset(&mut self, now: Nanos, cause: ResetCause, ram: Ram, inputs: InputLevels);

    /// A pin changed or a wake-up is due. May be called at any time.
    fn run(&mut self, now: Nanos, inputs: InputLevels);

    /// The pins as they are now.
    fn outputs(&self) -> OutputPins;

    /// When it wants to run although no pin changes.
    fn wake(&self) -> Option<Nanos>;

    /// What happened since the last call that no pin shows.
    fn take_notes(&mut self) -> Vec<Note>;

    /// Lose the supply in the middle of the `nth` EEPROM operation from now, from 1.
    fn cut_during_write(&mut self, nth: u32, tear: Tear);
}
