//! The pins of the microcontroller, by meaning.
//!
//! This is the only place that knows which level means what (board schematic; BOOT0, SWD and
//! NRST carry no signal of ours). After a reset all pins float until driven, so a driver applies
//! `supply_enable` first.
//!
//! | signal | pin | electrical |
//! |---|---|---|
//! | `supply_good` (PFO) | PA1 in, no pull | high = input supply good |
//! | `button` | PA0 in, pull-up | low = pressed |
//! | `pi_request` | PA10 in | active level is configuration |
//! | `caps_charged` (CAPGD) | PA7 in | high = charged; low in backup whatever the charge |
//! | `supply_enable` | PA4 push-pull | low = on |
//! | `power_good` | PC14 open drain | released = good |
//! | `load_switch` | PC15 push-pull | high = closed |
//! | `status_led` | PA9 open drain | low = lit |

use crate::config::Polarity;
use crate::time::Instant;

/// The level of a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Near ground.
    Low,
    /// Near the supply.
    High,
}

/// The input supply, as the LTC4041's power-fail comparator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Above the threshold.
    Good,
    /// Below it, or the LTC4041 still ignores its return (T_min-backup).
    Lost,
}

/// The button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// Down.
    Pressed,
    /// Up.
    Released,
}

/// The Pi's poweroff line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PiRequest {
    /// The Pi asks to be switched off, or says that it is down.
    Active,
    /// It does not.
    Inactive,
}

/// The capacitors, as far as the LTC4041 tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caps {
    /// At 92.5 % of their target or more.
    Charged,
    /// Less, or in backup, when the LTC4041 says nothing.
    Unknown,
}

/// Whether the journal could store the last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalHealth {
    /// It could, or was not asked to.
    Working,
    /// It could not: the state lives in RAM alone.
    Failed,
}

/// What the machine is told: levels sampled at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// The input supply.
    pub supply: Supply,
    /// The button.
    pub button: Button,
    /// The Pi's poweroff line.
    pub pi_request: PiRequest,
    /// The capacitors.
    pub caps: Caps,
    /// The journal.
    pub journal: JournalHealth,
}

/// The levels of the input pins, for [`Inputs::sample`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputLevels {
    /// PA1.
    pub supply_good: Level,
    /// PA0.
    pub button: Level,
    /// PA10.
    pub pi_request: Level,
    /// PA7.
    pub caps_charged: Level,
}

impl Inputs {
    /// The meaning of the pins' levels.
    #[must_use]
    pub const fn sample(levels: InputLevels, polarity: Polarity, journal: JournalHealth) -> Self {
        Self {
            supply: match levels.supply_good {
                Level::High => Supply::Good,
                Level::Low => Supply::Lost,
            },
            button: match levels.button {
                Level::Low => Button::Pressed,
                Level::High => Button::Released,
            },
            pi_request: match (levels.pi_request, polarity) {
                (Level::High, Polarity::ActiveHigh) | (Level::Low, Polarity::ActiveLow) => {
                    PiRequest::Active
                }
                (Level::Low, Polarity::ActiveHigh) | (Level::High, Polarity::ActiveLow) => {
                    PiRequest::Inactive
                }
            },
            caps: match levels.caps_charged {
                Level::High => Caps::Charged,
                Level::Low => Caps::Unknown,
            },
            journal,
        }
    }
}

/// CHGEN and BSTEN of the LTC4041, through one pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupplyEnable {
    /// The Pi is supplied.
    On,
    /// The Pi is cut off even with the input present, and nothing charges.
    Off,
}

impl SupplyEnable {
    /// The level of PA4.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::On => Level::Low,
            Self::Off => Level::High,
        }
    }
}

/// The line that tells the Pi to shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerGood {
    /// Power is good. PC14 floats.
    Released,
    /// Please shut down. PC14 pulls low.
    Low,
}

/// The switch of the relay expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadSwitch {
    /// Its loads are supplied. PC15 is high.
    Closed,
    /// Its loads are shed. PC15 is low.
    Open,
}

/// The status LED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusLed {
    /// PA9 pulls low.
    Lit,
    /// PA9 floats.
    Dark,
}

impl StatusLed {
    /// The other one.
    #[must_use]
    pub const fn inverted(self) -> Self {
        match self {
            Self::Lit => Self::Dark,
            Self::Dark => Self::Lit,
        }
    }
}

/// The levels wanted on the output pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// PA4. Applied first.
    pub supply_enable: SupplyEnable,
    /// PC14.
    pub power_good: PowerGood,
    /// PC15.
    pub load_switch: LoadSwitch,
    /// PA9.
    pub status_led: StatusLed,
}

/// Why the machine wants to be called again although no pin changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    /// The state's own deadline: the cut, the end of a gap, of a back-off, of a window.
    Deadline,
    /// The supply will have been lost for the bridging time, or good for the settling time.
    Supply,
    /// The load switch closes.
    LoadSwitch,
    /// The button will have been steady, or held, for long enough.
    Button,
    /// The poweroff line will have been steady for long enough.
    PiRequest,
    /// The next start is allowed.
    StartInterval,
    /// The supply is looked at again within the load-test window.
    LoadTest,
    /// The LED changes.
    Led,
    /// A record that could not be stored is tried again.
    Journal,
}

/// The next wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// When; always later than the step that asked for it.
    pub at: Instant,
    /// Why.
    pub reason: WakeReason,
}
