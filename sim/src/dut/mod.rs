//! The device under test: whatever runs the firmware, behind one narrow trait.
//!
//! The bench samples the plant's pins, calls [`Dut::run`] when a pin changed or the device is due, and
//! applies the levels that come back. It never looks inside: the same bench drives the logic
//! compiled for the host, the flashed image on an emulated chip and, later, a real board.
//!
//! **Time.** The bench is ahead of nobody: it asks [`Dut::next`], with the time up to which nothing
//! outside can change, and the device runs ahead as far as that and no further than its own next
//! deed. So both sides see every change of the other in its order, however long the stretches are.

pub mod chip;
pub mod eeprom;
pub mod host;
mod report;
pub mod timing;

pub(crate) use report::place;
pub use report::{DeviceReport, Ended, Fault, FaultKind, Oddity};

use firmware::record::Record;
use firmware::signals::{InputLevels, LoadSwitch, PowerGood, StatusLed, SupplyEnable};

use crate::parts::Board;
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
    /// The device reset itself.
    Reset,
    /// The armed reset struck.
    ResetStruck,
    /// The device will do nothing any more: [`Dut::report`] says why.
    Ended,
}

/// The reset pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nrst {
    /// Pulled low: the device is held in reset, its pins float.
    Low,
    /// Let go.
    High,
}

/// A fault in the device itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// One bit of its RAM turns over.
    FlipRamBit {
        /// The byte, from the start of the RAM.
        byte: u16,
        /// The bit, 0 ..= 7.
        bit: u8,
    },
    /// The words of its EEPROM that keep what they hold, whatever is written: bit n is word n.
    DeadWords(u128),
    /// Its program hangs where it is.
    Hang,
    /// It is reset after so many more instructions.
    ResetAfter {
        /// How many, from 1.
        instructions: u32,
        /// Why.
        cause: ResetCause,
        /// Whether RAM survives.
        ram: Ram,
    },
}

/// What became of an [`Injection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// It is done.
    Done,
    /// It waits; a note tells when it struck.
    Armed,
    /// This device has nothing that it could be done to, or no supply.
    Impossible,
}

/// The supply voltages at which a device wants to be told \[mV\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Falling to this.
    pub below: Option<u32>,
    /// Rising to this.
    pub above: Option<u32>,
}

/// A device under test. Time never runs backwards between calls.
pub trait Dut {
    /// How long it takes from its supply to its first answer; a run in which it has supply at the start
    /// begins that much later.
    fn start_up(&self) -> Nanos;

    /// It gets its supply: a power-on reset.
    fn power_on(&mut self, now: Nanos, inputs: InputLevels);

    /// It loses its supply: all pins float, RAM is gone, a write under way tears.
    fn power_off(&mut self, now: Nanos);

    /// It is reset with its supply present; a write under way tears.
    fn reset(&mut self, now: Nanos, cause: ResetCause, ram: Ram, inputs: InputLevels);

    /// A pin changed, or what [`Dut::next`] told is due. May be called at any time.
    fn run(&mut self, now: Nanos, inputs: InputLevels);

    /// The pins as they are now.
    fn outputs(&self) -> OutputPins;

    /// When it next does something by itself that shows: a pin, a note. The device may run ahead to
    /// `until`, for its inputs and its supply stay as they are before; what it finds on the way it keeps
    /// to itself until [`Dut::run`] is called at the time told here. `None`: nothing up to `until`.
    fn next(&mut self, until: Nanos) -> Option<Nanos>;

    /// What happened since the last call that no pin shows.
    fn take_notes(&mut self) -> Vec<Note>;

    /// Lose the supply in the middle of the `nth` EEPROM operation from now, from 1.
    fn cut_during_write(&mut self, nth: u32, tear: Tear);

    /// The reset pin moves. While it is low nothing runs, whatever else is done.
    fn hold_reset(&mut self, now: Nanos, nrst: Nrst, inputs: InputLevels);

    /// The constants of the device changed: its oscillators, its memory's times.
    fn set_board(&mut self, now: Nanos, board: &Board);

    /// A fault strikes it.
    fn inject(&mut self, now: Nanos, fault: Injection) -> Injected;

    /// When it wants to hear of its supply, besides having it and losing it; `None` is never.
    fn supply_watch(&self) -> Option<Thresholds>;

    /// Its supply is at so many millivolts; told before it gets it, and where [`Dut::supply_watch`] asks.
    fn set_supply(&mut self, now: Nanos, millivolts: u32);

    /// What is to be told of it besides what it did, times since the beginning of the run; `None` for a
    /// device that has nothing of the kind.
    fn report(&self) -> Option<DeviceReport>;
}
