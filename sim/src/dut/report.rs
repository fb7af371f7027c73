//! What is to be told of a device besides what its pins did: faults, oddities, how busy it was.
//!
//! Times are those of the device until [`DeviceReport::since`] makes them the scenario's.

use crate::quantity::Nanos;

/// Why the program went astray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The core took a HardFault.
    HardFault,
    /// The core locked up: a fault in a fault's handler. Nothing but a reset ends that.
    Lockup,
}

impl FaultKind {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardFault => "HardFault",
            Self::Lockup => "lockup",
        }
    }
}

/// A program that went astray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Nanos,
    /// How.
    pub kind: FaultKind,
    /// The instruction.
    pub pc: u32,
    /// The function that it is in, if the image says.
    pub symbol: Option<String>,
    /// What it did, in words.
    pub why: String,
}

/// A device that did nothing any more from some time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Nanos,
    /// The instruction that was next.
    pub pc: u32,
    /// The function that it is in, if the image says.
    pub symbol: Option<String>,
    /// How many instructions it may execute and has executed.
    pub instructions: u64,
}

/// Something that the program did and that the chip, or its model, does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// What was done, in words: `reserved bits written`.
    pub what: String,
    /// To what: a register's name, or an address.
    pub place: String,
    /// The bits concerned, where they can be told; else zero.
    pub bits: u32,
    /// How often.
    pub count: u64,
    /// The instruction that did it first.
    pub first_pc: u32,
    /// The function that it is in, if the image says.
    pub symbol: Option<String>,
}

/// What is to be told of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceReport {
    /// Instructions executed.
    pub instructions: u64,
    /// Time awake, stalls by EEPROM writes included.
    pub run: Nanos,
    /// Time in Sleep mode.
    pub sleep: Nanos,
    /// Time in Stop mode.
    pub stop: Nanos,
    /// Time in Standby mode.
    pub standby: Nanos,
    /// Time in reset or starting up.
    pub reset: Nanos,
    /// Time without supply.
    pub off: Nanos,
    /// Resets that the device made by itself, by cause, in order of their first time.
    pub resets: Vec<(&'static str, u64)>,
    /// Faults, the first ones in full.
    pub faults: Vec<Fault>,
    /// How many faults there were.
    pub fault_count: u64,
    /// What the program did and the chip, or its model, does not do; in a fixed order.
    pub oddities: Vec<Oddity>,
    /// Why it did nothing any more, if it did not.
    pub ended: Option<Ended>,
}

impl DeviceReport {
    /// With times that count from `zero`. What was before is at zero.
    #[must_use]
    pub fn since(mut self, zero: Nanos) -> Self {
        for fault in &mut self.faults {
            fault.at = fault.at.saturating_sub(zero);
        }
        if let Some(ended) = &mut self.ended {
            ended.at = ended.at.saturating_sub(zero);
        }
        self
    }

    /// Whether there is something that a reader should know.
    #[must_use]
    pub fn is_remarkable(&self) -> bool {
        !(self.oddities.is_empty() && self.faults.is_empty() && self.resets.is_empty())
            || self.ended.is_some()
    }
}

/// An instruction's place in words: `0x08000123 in main`.
#[must_use]
pub(crate) fn place(pc: u32, symbol: Option<&str>) -> String {
    symbol.map_or_else(|| format!("{pc:#010x}"), |symbol| format!("{pc:#010x} in {symbol}"))
}
