//! The scenario file as it is written: the types that its JSON Schema is generated from.
//!
//! Doc comments here become the schema's descriptions, which editors show and which some
//! diagnostics quote. A document is held against the schema before anything of it is deserialized,
//! so `untagged` enums are harmless here: nobody ever reads serde's message for one. Some types are
//! the schema only, since their fields are read one by one.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use firmware::record::Record;

use super::names::{EventName, InvariantName, PlugName, QuantityName, RecordName};
use super::{BoardPin, LevelKind, Pin, PinLevel, Ram, ResetCause, StartPi, Tear};
use crate::document::{MAGNITUDE, Variables};
use crate::parts::{
    BoardOverride, CableOverride, CapsOverride, PiOverride, SchemaVersion, StripOverride,
    SupplyOverride,
};
use crate::quantity::{Joules, Nanos, Volts};

pub(super) use super::overrides::{FinalStates, FirmwareOverrides};

/// A scenario: what is wired, what happens to it, and what must hold.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Holdup scenario")]
#[expect(dead_code, reason = "its fields are read one by one")]
pub(super) struct ScenarioFile {
    /// The schema that an editor completes with.
    #[serde(rename = "$schema")]
    pub(super) link: Option<String>,
    /// The version of the file format.
    pub(super) schema: SchemaVersion,
    /// What the scenario is for, in a sentence of at least ten characters.
    #[schemars(length(min = 10))]
    pub(super) purpose: String,
    /// Variables and their values; the file is run once for each combination.
    pub(super) cases: Option<Variables>,
    /// The board; `supercap-pi` unless given.
    pub(super) board: Option<PartChoice<BoardOverride>>,
    /// The capacitors; `25f` unless given.
    pub(super) caps: Option<PartChoice<CapsOverride>>,
    /// The adapter; `official-3a` unless given.
    pub(super) supply: Option<PartChoice<SupplyOverride>>,
    /// The switched socket that the adapter is in; `both-poles` unless given.
    pub(super) strip: Option<PartChoice<StripOverride>>,
    /// The cable; `good-1m` unless given.
    pub(super) cable: Option<PartChoice<CableOverride>>,
    /// The Pi; `pi-3b-tft` unless given.
    pub(super) pi: Option<PartChoice<PiOverride>>,
    /// A number from which the Pi's boot and shutdown times are drawn; they are the part's unless given.
    pub(super) seed: Option<u32>,
    /// Values of the firmware's configuration block that differ from its defaults.
    pub(super) firmware: Option<FirmwareOverrides>,
    /// How things are at time zero.
    pub(super) start: Option<StartFile>,
    /// What happens.
    #[schemars(length(max = 10_000))]
    pub(super) stimuli: Option<Vec<StimulusFile>>,
    /// When the run ends.
    pub(super) until: Nanos,
    /// What must hold; a scenario that checks nothing is refused.
    #[schemars(length(min = 1, max = 10_000))]
    pub(super) expect: Vec<ExpectFile>,
    /// Invariants that this scenario is allowed to break.
    pub(super) waive: Option<Vec<WaiverFile>>,
    /// The one level that this scenario is about; any unless given.
    pub(super) only_on: Option<OnlyOnFile>,
}

/// The one level that a scenario is about.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one")]
pub(super) struct OnlyOnFile {
    /// The level.
    pub(super) level: LevelKind,
    /// Why no other, in at least ten characters.
    #[schemars(length(min = 10))]
    pub(super) reason: String,
}

/// A part by its name, or with values of the scenario's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum PartChoice<O> {
    /// The part's name.
    Name(String),
    /// The part's name, and values that replace its own.
    With(PartWith<O>),
}

/// A part with values of the scenario's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartWith<O> {
    /// The part's name.
    pub(super) part: String,
    /// Values that replace its own.
    pub(super) with: O,
}

/// How things are at time zero.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one")]
pub(super) struct StartFile {
    /// What the Pi is doing; `running` unless given.
    pub(super) pi: Option<StartPi>,
    /// Whether the cable is plugged in; `in` unless given.
    pub(super) plug: Option<PlugName>,
    /// Voltage of the capacitors; fully charged unless given.
    pub(super) caps: Option<Volts>,
    /// What the EEPROM holds; `blank` unless given.
    pub(super) eeprom: Option<EepromFile>,
}

/// What the EEPROM holds at time zero.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EepromFile {
    /// Nothing was ever stored.
    Blank,
    /// One record of this firmware.
    Record(RecordName),
    /// The queue of the original firmware.
    Original(OriginalFile),
}

/// The queue of the original firmware.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OriginalFile {
    /// Sequence number of the newest entry.
    pub(super) sequence: u32,
    /// State of the newest entry.
    pub(super) record: RecordName,
}

/// A point in time: a duration since the start, or an event and how long after it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum WhenFile {
    /// Since the start.
    At(Nanos),
    /// Relative to an event.
    After(AfterFile),
}

/// A point in time relative to an event.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AfterFile {
    /// The event.
    pub(super) after: EventName,
    /// How long after it; at once unless given.
    pub(super) plus: Option<Nanos>,
    /// Which occurrence of it, from 1; the first unless given.
    #[schemars(range(min = 1))]
    pub(super) occurrence: Option<u32>,
}

/// Something that is done.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one")]
pub(super) struct StimulusFile {
    /// When.
    pub(super) at: WhenFile,
    /// What.
    #[serde(rename = "do")]
    pub(super) act: ActFile,
}

/// What is done: a word, or a word with values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ActFile {
    /// A word.
    Word(ActWord),
    /// A word with values.
    With(ActWith),
}

/// What is done, where nothing more needs to be said.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActWord {
    /// Pull the cable.
    Unplug,
    /// Plug the cable in.
    Plug,
    /// Switch the mains off at the strip; the adapter goes on as long as its bulk capacitor lasts.
    StripOff,
    /// Switch the mains on.
    StripOn,
    /// Press the button for 100 ms.
    Press,
    /// Press the button and keep it pressed.
    Hold,
    /// Release the button.
    Release,
    /// `poweroff` on the Pi.
    Poweroff,
    /// `reboot` on the Pi.
    Reboot,
    /// The Pi hangs where it is, as in a kernel panic.
    Hang,
    /// The Pi resets by itself and boots, whatever it does: its watchdog, or the end of a panic.
    Restart,
    /// `shutdown -c` on the Pi, before its shutdown begins.
    CancelShutdown,
    /// The firmware hangs where it is; chip level only.
    HangFirmware,
}

/// What is done, with values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ActWith {
    /// Press the button for a while.
    Press {
        /// How long.
        #[serde(rename = "for")]
        lasting: Nanos,
    },
    /// The plug bounces before it settles.
    Bounce {
        /// How it ends.
        to: PlugName,
        /// Number of contacts and gaps before it settles.
        #[schemars(range(min = 1, max = 10_000))]
        count: u32,
        /// Length of each contact and of each gap.
        every: Nanos,
    },
    /// The adapter's voltage steps to another one.
    Sag {
        /// The voltage without load that it takes.
        to: Volts,
        /// How long; for good unless given.
        #[serde(rename = "for")]
        lasting: Option<Nanos>,
    },
    /// The adapter's voltage moves to another one in steps of 10 mV.
    Ramp {
        /// The voltage without load that it reaches.
        to: Volts,
        /// In this time.
        over: Nanos,
    },
    /// The adapter's voltage follows a recording.
    Replay {
        /// A table of times and voltages, `time [s],voltage [V]`; below the scenario's folder.
        file: String,
    },
    /// From now on the Pi's shutdown takes this long.
    ShutdownTakes(Nanos),
    /// Something inverts an input of the microcontroller for a while.
    Noise {
        /// The pin.
        on: Pin,
        /// How long.
        #[serde(rename = "for")]
        lasting: Nanos,
        /// How often; once unless given.
        #[schemars(range(min = 1, max = 10_000))]
        count: Option<u32>,
        /// From the beginning of one to the beginning of the next; needed if there are more than one.
        every: Option<Nanos>,
    },
    /// A pin of the microcontroller is held at a level, whoever drives it.
    Stuck {
        /// The pin.
        pin: BoardPin,
        /// The level.
        level: PinLevel,
        /// How long; for good unless given.
        #[serde(rename = "for")]
        lasting: Option<Nanos>,
    },
    /// The microcontroller's reset pin is pulled low.
    Nrst {
        /// How long.
        #[serde(rename = "for")]
        lasting: Nanos,
    },
    /// Words of the microcontroller's EEPROM keep what they hold, whatever is written; these and no others.
    EepromFails {
        /// The first word.
        #[schemars(range(max = 127))]
        from_word: u8,
        /// The last word.
        #[schemars(range(max = 127))]
        to_word: u8,
        /// How long; for good unless given.
        #[serde(rename = "for")]
        lasting: Option<Nanos>,
    },
    /// One bit of the microcontroller's RAM turns over; chip level only.
    FlipRamBit {
        /// The byte, from the start of the RAM.
        #[schemars(range(max = 2047))]
        byte: u16,
        /// The bit.
        #[schemars(range(max = 7))]
        bit: u8,
    },
    /// The microcontroller is reset with its supply present.
    Reset {
        /// Why.
        cause: ResetCause,
        /// Whether the RAM that is kept over resets survives.
        ram: Ram,
        /// So many instructions later, chip level only; at once unless given.
        #[schemars(range(min = 1))]
        after_instructions: Option<u32>,
    },
    /// The microcontroller loses its supply in the middle of an EEPROM write.
    CutDuringWrite {
        /// Which word operation from now, from 1.
        #[schemars(range(min = 1))]
        write: u32,
        /// What the word holds afterwards.
        tear: Tear,
        /// How long the microcontroller is without supply.
        #[serde(rename = "for")]
        lasting: Nanos,
    },
    /// Values of parts change from now on.
    Drift(Box<DriftFile>),
}

/// Values of parts that change from now on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(super) struct DriftFile {
    /// Of the board.
    pub(super) board: Option<BoardOverride>,
    /// Of the capacitors.
    pub(super) caps: Option<CapsOverride>,
    /// Of the adapter.
    pub(super) supply: Option<SupplyOverride>,
    /// Of the strip.
    pub(super) strip: Option<StripOverride>,
    /// Of the cable.
    pub(super) cable: Option<CableOverride>,
    /// Of the Pi.
    pub(super) pi: Option<PiOverride>,
}

/// Something that must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ExpectFile {
    /// An event happens within a time after an event (`after`) or a time (`from`).
    Within {
        /// The event.
        event: EventName,
        /// The event that the time counts from, in its first occurrence.
        after: Option<EventName>,
        /// The time that the time counts from, instead of `after`.
        from: Option<WhenFile>,
        /// Not before this long after it; 0 s unless given.
        min: Option<Nanos>,
        /// Not after this long after it.
        max: Nanos,
    },
    /// An event does not happen.
    Never {
        /// The event.
        event: EventName,
        /// From here on; from the start unless given.
        from: Option<WhenFile>,
        /// Up to here; to the end unless given.
        to: Option<WhenFile>,
    },
    /// An event happens a number of times.
    Count {
        /// The event.
        event: EventName,
        /// This often, instead of `at_least` and `at_most`.
        exactly: Option<u32>,
        /// At least this often.
        at_least: Option<u32>,
        /// At most this often.
        at_most: Option<u32>,
        /// From here on; from the start unless given.
        from: Option<WhenFile>,
        /// Up to here; to the end unless given.
        to: Option<WhenFile>,
    },
    /// A subject keeps a value.
    Hold {
        /// The subject and its value.
        state: EventName,
        /// Since when; from the start unless given.
        from: Option<WhenFile>,
        /// For how long; to the end unless given.
        #[serde(rename = "for")]
        lasting: Option<Nanos>,
    },
    /// A quantity stays between limits.
    Stay {
        /// The quantity.
        quantity: QuantityName,
        /// Never below this.
        above: Option<MagnitudeText>,
        /// Never above this.
        below: Option<MagnitudeText>,
        /// From here on; from the start unless given.
        from: Option<WhenFile>,
        /// Up to here; to the end unless given.
        to: Option<WhenFile>,
    },
    /// A quantity lies between limits at one instant.
    Value {
        /// The quantity.
        quantity: QuantityName,
        /// When.
        at: WhenFile,
        /// Not below this.
        above: Option<MagnitudeText>,
        /// Not above this.
        below: Option<MagnitudeText>,
    },
    /// How it ends: subjects and their last values.
    Final(FinalStates),
    /// Hold-up that is left in the capacitors at an instant, at the load of that instant.
    Margin {
        /// When.
        at: WhenFile,
        /// At least this long.
        time: Option<Nanos>,
        /// At least this much energy.
        energy: Option<Joules>,
    },
}

/// A voltage or a current, whichever the quantity is.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct MagnitudeText(pub(super) String);

impl JsonSchema for MagnitudeText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Magnitude".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": MAGNITUDE,
            "description": "A voltage or a current, whichever the quantity is.",
            "examples": ["4.7 V", "-300 mA"],
        })
    }
}

/// An invariant that this scenario is allowed to break.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one")]
pub(super) struct WaiverFile {
    /// The invariant.
    pub(super) invariant: InvariantName,
    /// Why it may be broken, in at least ten characters.
    #[schemars(length(min = 10))]
    pub(super) reason: String,
    /// The level on which it may; any unless given.
    pub(super) on: Option<LevelKind>,
}

impl From<EepromFile> for super::StartEeprom {
    fn from(file: EepromFile) -> Self {
        match file {
            EepromFile::Blank => Self::Blank,
            EepromFile::Record(record) => Self::Record(record.0),
            EepromFile::Original(OriginalFile { sequence, record }) => {
                let record: Record = record.0;
                Self::Original { sequence, record }
            }
        }
    }
}
