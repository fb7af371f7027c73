//! Scenarios: what is wired, what happens to it, and what must hold. Validated domain types.
//!
//! Files are read by [`load`] or [`parse`]: the file's own types fit the JSON Schema, these here
//! have been checked for meaning as well. Nothing in this module runs a scenario.

pub mod describe;
mod expect;
mod file;
mod load;
mod names;
mod overrides;
mod recording;
mod resolve;

pub use load::{collect, json_schema, load, load_all, parse, parse_all};
pub use recording::Recording;

pub use crate::document::{Place, Problem, ProblemKind, Problems};
pub use crate::parts::Drift;
pub use crate::timeline::{BoardPin, Pin, PinLevel};

use schemars::JsonSchema;
use serde::Deserialize;

use firmware::config::Config;
use firmware::record::Record;

use crate::parts::{Board, Cable, Caps, Pi, Strip, Supply};
use crate::quantity::{Amps, Joules, Nanos, Volts};
use crate::timeline::{Event, Plug, Quantity};

/// A scenario that was read, checked and is ready to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name and the case: `outage/just_over`, `caps/esr[esr=60 mOhm, start=cold]`.
    pub name: String,
    /// The file's path below the folder that was asked for, without `.json`: `outage/just_over`.
    pub file: String,
    /// The case: each variable and its value's label, in file order; empty if the file has no cases.
    pub case: Vec<(String, String)>,
    /// What the scenario is for.
    pub purpose: String,
    /// The board, overrides applied.
    pub board: Board,
    /// The capacitors, overrides applied.
    pub caps: Caps,
    /// The adapter, overrides applied.
    pub supply: Supply,
    /// The strip, overrides applied.
    pub strip: Strip,
    /// The cable, overrides applied.
    pub cable: Cable,
    /// The Pi, overrides applied.
    pub pi: Pi,
    /// What the Pi's boot and shutdown times are drawn from; `None`: they are the part's.
    pub seed: Option<u32>,
    /// The firmware's configuration, overrides applied.
    pub config: Config,
    /// How things are at time zero.
    pub start: Start,
    /// What happens, in file order.
    pub stimuli: Vec<Stimulus>,
    /// When the run ends.
    pub end: Nanos,
    /// What must hold, in file order.
    pub expectations: Vec<Expectation>,
    /// Invariants that this scenario is allowed to break, and why.
    pub waivers: Vec<Waiver>,
    /// The one level that this scenario is about, and why.
    pub only_on: Option<OnlyOn>,
}

impl Scenario {
    /// Whether it and `other` are two cases of one file.
    #[must_use]
    pub fn is_another_case_of(&self, other: &Self) -> bool {
        !self.case.is_empty() && self.file == other.file && self.case != other.case
    }
}

/// A level on which firmware runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelKind {
    /// Its logic, compiled for this machine.
    Host,
    /// An image on an emulated chip.
    Chip,
}

impl LevelKind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Chip => "chip",
        }
    }
}

/// A scenario that is about one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlyOn {
    /// The level.
    pub level: LevelKind,
    /// Why no other.
    pub reason: String,
}

/// How things are at time zero.
#[derive(Clone, Debug)]
pub struct Start {
    /// What the Pi is doing. `Running` is reached by a warm-up through the real firmware.
    pub pi: StartPi,
    /// Whether the cable is plugged in. With `StartPi::Running` always `In`.
    pub plug: Plug,
    /// Voltage of the capacitors; `None` is fully charged.
    pub caps: Option<Volts>,
    /// What the EEPROM holds.
    pub eeprom: StartEeprom,
}

/// What the Pi is doing at time zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartPi {
    /// It has been running for a minute.
    Running,
    /// It is off: the firmware starts at time zero with what the EEPROM holds.
    Off,
}

/// What the EEPROM holds at time zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartEeprom {
    /// Nothing was ever stored.
    Blank,
    /// One record of this firmware.
    Record(Record),
    /// The queue of the original firmware, its newest entry with this sequence number and state.
    Original {
        /// Sequence number of the newest entry.
        sequence: u32,
        /// State of the newest entry.
        record: Record,
    },
}

/// A point in time, known beforehand or only during the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// At this time.
    At(Nanos),
    /// This long after the `nth` occurrence (from 1) of an event.
    After {
        /// The event.
        event: Event,
        /// Which occurrence, from 1.
        nth: u32,
        /// How long after it.
        plus: Nanos,
    },
}

/// A ramp of the adapter's voltage is made of steps this high \[V\].
pub const RAMP_STEP: f64 = 0.01;

/// Something done to the board, the supply or the Pi.
#[derive(Clone, Debug)]
pub struct Stimulus {
    /// When.
    pub at: When,
    /// What.
    pub act: Act,
    /// Line of the scenario file it stands on, from 1.
    pub line: usize,
}

/// Why the microcontroller was reset, and whether its RAM survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetCause {
    /// The independent watchdog.
    Watchdog,
    /// The NRST pin.
    ResetPin,
    /// Its own supply dipped.
    BrownOut,
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Act {
    /// Pull the cable.
    Unplug,
    /// Plug the cable in.
    Plug,
    /// Switch the mains off at the strip; the adapter goes on as long as its bulk capacitor lasts.
    StripOff,
    /// Switch the mains on.
    StripOn,
    /// The plug bounces: it toggles every `every`, `count` times, and ends where `to` says.
    Bounce {
        /// How it ends.
        to: Plug,
        /// Number of contacts (or gaps) before it settles.
        count: u32,
        /// Length of each contact and of each gap.
        every: Nanos,
    },
    /// The adapter's voltage steps to `to`, and back after `lasting` if given.
    Sag {
        /// The open-circuit voltage it takes.
        to: Volts,
        /// How long; `None` is for good.
        lasting: Option<Nanos>,
    },
    /// The adapter's voltage moves to `to` in steps of 10 mV.
    Ramp {
        /// The open-circuit voltage it reaches.
        to: Volts,
        /// In this time.
        over: Nanos,
    },
    /// Press the button and release it after `lasting`.
    Press {
        /// How long.
        lasting: Nanos,
    },
    /// Press the button and keep it pressed.
    Hold,
    /// Release the button.
    Release,
    /// `poweroff` on the Pi.
    Poweroff,
    /// `reboot` on the Pi.
    Reboot,
    /// The Pi hangs where it is.
    Hang,
    /// The Pi resets by itself and boots, whatever it does.
    Restart,
    /// `shutdown -c` on a Pi whose shutdown has not begun yet.
    CancelShutdown,
    /// The adapter's voltage without load follows a recording.
    Replay(Box<Recording>),
    /// From now on the Pi's shutdown takes this long.
    ShutdownTakes(Nanos),
    /// Something inverts an input of the microcontroller for a while, once or again and again.
    Noise {
        /// The pin.
        pin: Pin,
        /// How long.
        lasting: Nanos,
        /// How often.
        count: u32,
        /// From the beginning of one to the beginning of the next; longer than `lasting` unless `count` is 1.
        every: Nanos,
    },
    /// A pin of the microcontroller is held at a level, whoever drives it.
    Stuck {
        /// The pin.
        pin: BoardPin,
        /// The level.
        level: PinLevel,
        /// How long; `None` is for good.
        lasting: Option<Nanos>,
    },
    /// NRST is pulled low for a while.
    Nrst {
        /// How long.
        lasting: Nanos,
    },
    /// Words of the microcontroller's EEPROM keep what they hold, whatever is written; these and no others.
    EepromFails {
        /// The first word.
        from_word: u8,
        /// The last word, 127 at most.
        to_word: u8,
        /// How long; `None` is for good.
        lasting: Option<Nanos>,
    },
    /// The firmware hangs where it is.
    HangFirmware,
    /// One bit of the microcontroller's RAM turns over.
    FlipRamBit {
        /// The byte, from the start of the RAM.
        byte: u16,
        /// The bit, 0 ..= 7.
        bit: u8,
    },
    /// The microcontroller is reset with its supply present.
    McuReset {
        /// Why.
        cause: ResetCause,
        /// Whether the RAM that is kept over resets survived.
        ram: Ram,
        /// So many instructions later; `None` is at once.
        after_instructions: Option<u32>,
    },
    /// The microcontroller loses its supply in the middle of the `nth` EEPROM word operation from now and gets it back after `lasting`.
    CutDuringWrite {
        /// Which word operation from now, from 1.
        nth: u32,
        /// What the word under way holds afterwards.
        tear: Tear,
        /// How long the microcontroller is without supply.
        lasting: Nanos,
    },
    /// A part's values change from now on.
    Drift(Box<Drift>),
}

impl Act {
    /// Whether it needs a device that executes instructions, has RAM, has registers.
    pub const fn is_for_the_chip_only(&self) -> bool {
        match self {
            Self::HangFirmware
            | Self::FlipRamBit { .. }
            | Self::McuReset { after_instructions: Some(_), .. } => true,
            Self::Unplug
            | Self::Plug
            | Self::StripOff
            | Self::StripOn
            | Self::Bounce { .. }
            | Self::Sag { .. }
            | Self::Ramp { .. }
            | Self::Replay(_)
            | Self::Press { .. }
            | Self::Hold
            | Self::Release
            | Self::Poweroff
            | Self::Reboot
            | Self::Hang
            | Self::Restart
            | Self::CancelShutdown
            | Self::ShutdownTakes(_)
            | Self::Noise { .. }
            | Self::Stuck { .. }
            | Self::Nrst { .. }
            | Self::EepromFails { .. }
            | Self::McuReset { after_instructions: None, .. }
            | Self::CutDuringWrite { .. }
            | Self::Drift(_) => false,
        }
    }
}

impl Scenario {
    /// The board at the beginning and after each drift.
    pub(crate) fn boards(&self) -> Vec<Board> {
        let mut boards = vec![self.board.clone()];
        for stimulus in &self.stimuli {
            if let (Act::Drift(drift), Some(last)) = (&stimulus.act, boards.last().cloned()) {
                boards.push(last.with(&drift.board));
            }
        }
        boards
    }

    /// The largest error that the microcontroller's clock ever has, as a fraction.
    pub(crate) fn clock_error(&self) -> f64 {
        self.boards().iter().map(Board::clock_error).fold(0.0, f64::max)
    }

    /// The only level on which it makes sense, and why: because it says so, or because a stimulus needs a
    /// chip.
    pub fn only_on(&self) -> Option<OnlyOn> {
        let needs_chip = self.stimuli.iter().find(|one| one.act.is_for_the_chip_only());
        self.only_on.clone().or_else(|| {
            let stimulus = needs_chip?;
            let reason = format!("line {}: {}", stimulus.line, describe::act(&stimulus.act));
            Some(OnlyOn { level: LevelKind::Chip, reason })
        })
    }
}

/// Whether RAM that is kept over a reset survived it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ram {
    /// It holds what it held.
    Kept,
    /// It holds nothing.
    Lost,
}

/// What an EEPROM word holds after its write was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tear {
    /// What it held before.
    Old,
    /// Zero: erased and not yet written.
    Erased,
    /// A mix of old and new bits.
    Mixed,
    /// All bits set.
    Ones,
}

/// Something that must hold.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// What.
    pub kind: Expect,
    /// Line of the scenario file it stands on, from 1.
    pub line: usize,
}

/// The kinds of expectation.
#[derive(Clone, Debug)]
pub enum Expect {
    /// `event` happens, for the first time at or after `from`, no earlier than `min` and no later than `max` after it.
    Within {
        /// The event.
        event: Event,
        /// The reference.
        from: When,
        /// Not before this long after the reference.
        min: Nanos,
        /// Not after this long after the reference.
        max: Nanos,
    },
    /// `event` does not happen in the window.
    Never {
        /// The event.
        event: Event,
        /// The window; open ends are the run's.
        window: Window,
    },
    /// `event` happens this many times in the window.
    Count {
        /// The event.
        event: Event,
        /// At least this often.
        min: u32,
        /// At most this often.
        max: u32,
        /// The window; open ends are the run's.
        window: Window,
    },
    /// A subject keeps a value from `from` on for `lasting`.
    Hold {
        /// The subject and its value.
        state: Event,
        /// Since when.
        from: When,
        /// For how long; `None` is until the end.
        lasting: Option<Nanos>,
    },
    /// A quantity stays between limits throughout the window.
    Stay {
        /// The quantity.
        quantity: Quantity,
        /// Never below this.
        min: Option<Magnitude>,
        /// Never above this.
        max: Option<Magnitude>,
        /// The window; open ends are the run's.
        window: Window,
    },
    /// A quantity lies between limits at one instant.
    Value {
        /// The quantity.
        quantity: Quantity,
        /// When.
        at: When,
        /// Not below this.
        min: Option<Magnitude>,
        /// Not above this.
        max: Option<Magnitude>,
    },
    /// How it ends.
    Final {
        /// Subjects and their values at the end.
        states: Vec<Event>,
    },
    /// Hold-up left in the capacitors at an instant, at the load of that instant, down to the floor.
    Margin {
        /// When.
        at: When,
        /// At least this long.
        seconds: Option<Nanos>,
        /// At least this much energy above the floor.
        energy: Option<Joules>,
    },
}

/// A voltage or a current, whichever the quantity is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Magnitude {
    /// For voltages.
    Volts(Volts),
    /// For currents.
    Amps(Amps),
}

/// A stretch of the run; an open end is the run's.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Window {
    /// From here on.
    pub from: Option<When>,
    /// Up to here.
    pub to: Option<When>,
}

/// An invariant that a scenario is allowed to break.
#[derive(Clone, Debug)]
pub struct Waiver {
    /// `O1` … `O10`, as 1 … 10.
    pub invariant: u8,
    /// Why it may.
    pub reason: String,
    /// The level on which it may; `None`: on any.
    pub on: Option<LevelKind>,
    /// Line of the scenario file it stands on, from 1.
    pub line: usize,
}
