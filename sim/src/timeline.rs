//! What happened: events and quantities, the vocabulary that scenarios, runs and verdicts share.

use firmware::record::Record;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::quantity::Nanos;

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $kind:tt $subject:ident $name:literal { $($(#[doc = $vdoc:literal])+ $value:ident $vname:literal,)+ })+) => {
        $(events!(@type $kind $(#[doc = $doc])+ $subject { $($(#[doc = $vdoc])+ $value,)+ });)+

        /// Something that happened at one instant: a subject took a value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[doc = $doc])+ $subject($subject),)+
            /// A state was stored in the journal.
            Journal(Record),
        }

        impl Event {
            /// Every event that has a name, in the order of the documentation.
            pub fn all() -> Vec<Event> {
                let mut all = vec![$($(Event::$subject($subject::$value),)+)+];
                all.extend(Record::ALL.map(Event::Journal));
                all
            }

            /// The thing that changed, as written in scenarios and timelines.
            pub const fn subject(self) -> &'static str {
                match self {
                    $(Event::$subject(_) => $name,)+
                    Event::Journal(_) => "journal",
                }
            }

            /// What it changed to, as written in scenarios and timelines.
            pub const fn value(self) -> &'static str {
                match self {
                    $($(Event::$subject($subject::$value) => $vname,)+)+
                    Event::Journal(record) => record.name(),
                }
            }
        }
    };
    (@type new $(#[doc = $doc:literal])+ $subject:ident { $($(#[doc = $vdoc:literal])+ $value:ident,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $subject { $($(#[doc = $vdoc])+ $value,)+ }
    };
    // The firmware has the type already.
    (@type firmware $(#[doc = $doc:literal])+ $subject:ident { $($rest:tt)+ }) => {
        pub use firmware::signals::$subject;
    };
}

events! {
    /// The plug of the supply's cable.
    new Plug "plug" {
        /// Connected.
        In "in",
        /// Pulled.
        Out "out",
    }
    /// PFO of the LTC4041 as the firmware reads it.
    new SupplyGood "supply_good" {
        /// The input supply is good.
        High "high",
        /// Power fail.
        Low "low",
    }
    /// CAPGD of the LTC4041 as the firmware reads it.
    new CapsCharged "caps_charged" {
        /// At least 92.5 % of the target, and not in backup.
        High "high",
        /// Not charged, or in backup whatever the charge.
        Low "low",
    }
    /// The board's button.
    firmware Button "button" {
        /// Pressed: the pin is low.
        Pressed "pressed",
        /// Released: the pin is high.
        Released "released",
    }
    /// The Pi's poweroff line at the firmware's pin.
    new PiRequest "pi_request" {
        /// High.
        High "high",
        /// Low.
        Low "low",
    }
    /// CHGEN and BSTEN of the LTC4041, through one pin.
    firmware SupplyEnable "supply_enable" {
        /// The Pi is supplied.
        On "on",
        /// The Pi is cut off, and nothing charges.
        Off "off",
    }
    /// The line that tells the Pi to shut down.
    firmware PowerGood "power_good" {
        /// Released: power is good.
        Released "released",
        /// Low: please shut down.
        Low "low",
    }
    /// The switch of the relay expansion.
    firmware LoadSwitch "load_switch" {
        /// Its loads are supplied.
        Closed "closed",
        /// Its loads are shed.
        Open "open",
    }
    /// The status LED.
    firmware StatusLed "status_led" {
        /// Lit.
        Lit "lit",
        /// Dark.
        Dark "dark",
    }
    /// Which way the LTC4041 feeds VSYS.
    new PowerPath "power_path" {
        /// From VIN through the input switch.
        Normal "normal",
        /// From the capacitors through the boost.
        Backup "backup",
        /// Not at all: both enables are off.
        Off "off",
        /// In backup, but the boost cannot hold VSYS.
        Collapsed "collapsed",
    }
    /// The charger of the LTC4041.
    new Charger "charger" {
        /// Not charging.
        Off "off",
        /// At the programmed current.
        ConstantCurrent "constant_current",
        /// Yielding to the load within the input current limit.
        InputLimited "input_limited",
        /// Holding the target voltage.
        ConstantVoltage "constant_voltage",
        /// Locked out: VSYS is too close to the capacitors' voltage.
        LockedOut "locked_out",
    }
    /// The 5 V rail of the Pi (VSYS) against the voltages that matter.
    new Rail "rail" {
        /// Fed and above the under-voltage threshold.
        Up "up",
        /// Fallen below the under-voltage threshold.
        Sagging "sagging",
        /// Below 0.5 V: discharged.
        Down "down",
    }
    /// What the Raspberry Pi is doing.
    new Pi "pi" {
        /// Without power.
        Off "off",
        /// Running its boot loader; nothing is mounted.
        BootLoader "boot_loader",
        /// Booting: the file system is mounted, nobody listens to `power_good` yet.
        Booting "booting",
        /// Up and listening.
        Running "running",
        /// Shutting down.
        ShuttingDown "shutting_down",
        /// Halted: the file system is unmounted, the power may be cut.
        Halted "halted",
        /// Hung: it draws current and answers nothing.
        Hung "hung",
    }
    /// The Pi's file system.
    new FileSystem "file_system" {
        /// Mounted read-write: a cut would be unclean.
        Mounted "mounted",
        /// Unmounted.
        Clean "clean",
        /// The power went, or the Pi reset, while it was mounted.
        Dirty "dirty",
    }
    /// The microcontroller.
    new Mcu "mcu" {
        /// It got its supply and started.
        On "on",
        /// It lost its supply.
        Off "off",
        /// It was reset with its supply present.
        Reset "reset",
    }
}

impl Event {
    /// The event written as `"subject value"`, for example `power_good low`.
    pub fn parse(text: &str) -> Option<Event> {
        Event::all()
            .into_iter()
            .find(|event| text.split_once(' ') == Some((event.subject(), event.value())))
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.subject(), self.value())
    }
}

/// An input pin of the microcontroller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    /// `supply_good`.
    SupplyGood,
    /// `button`.
    Button,
    /// `pi_request`.
    PiRequest,
    /// `caps_charged`.
    CapsCharged,
}

/// A pin of the microcontroller that the board uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoardPin {
    /// PA1, an input: high is good.
    SupplyGood,
    /// PA0, an input: low is pressed.
    Button,
    /// PA10, an input.
    PiRequest,
    /// PA7, an input: high is charged.
    CapsCharged,
    /// PA4, an output: high is off.
    SupplyEnable,
    /// PC14, an open-drain output: low asks for a shutdown.
    PowerGood,
    /// PC15, an output: high is closed.
    LoadSwitch,
    /// PA9, an open-drain output: low is lit.
    StatusLed,
}

impl BoardPin {
    /// Its name in scenarios and timelines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SupplyGood => "supply_good",
            Self::Button => "button",
            Self::PiRequest => "pi_request",
            Self::CapsCharged => "caps_charged",
            Self::SupplyEnable => "supply_enable",
            Self::PowerGood => "power_good",
            Self::LoadSwitch => "load_switch",
            Self::StatusLed => "status_led",
        }
    }
}

impl From<Pin> for BoardPin {
    fn from(pin: Pin) -> Self {
        match pin {
            Pin::SupplyGood => Self::SupplyGood,
            Pin::Button => Self::Button,
            Pin::PiRequest => Self::PiRequest,
            Pin::CapsCharged => Self::CapsCharged,
        }
    }
}

/// The level at which a pin is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PinLevel {
    /// Near the supply.
    High,
    /// Near ground.
    Low,
}

/// Something that has a value at every instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// The board's input voltage, after the cable \[V\].
    Vin,
    /// The Pi's 5 V rail \[V\].
    Vsys,
    /// The capacitors' terminal voltage \[V\].
    Vscap,
    /// Current into the Pi and the relay loads \[A\].
    LoadCurrent,
    /// Current out of the capacitors \[A\]; negative while they charge.
    CapsCurrent,
    /// Voltage across the capacitor cell that has more of it \[V\].
    CellVoltage,
    /// How far that is below the cell's rating at its temperature \[V\]; negative above it.
    CellHeadroom,
}

impl Quantity {
    /// Every quantity, in the order of the columns.
    pub const ALL: [Self; 7] = [
        Self::Vin,
        Self::Vsys,
        Self::Vscap,
        Self::LoadCurrent,
        Self::CapsCurrent,
        Self::CellVoltage,
        Self::CellHeadroom,
    ];

    /// Its name in scenarios and timelines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vin => "vin",
            Self::Vsys => "vsys",
            Self::Vscap => "vscap",
            Self::LoadCurrent => "load_current",
            Self::CapsCurrent => "caps_current",
            Self::CellVoltage => "cell_voltage",
            Self::CellHeadroom => "cell_headroom",
        }
    }

    /// Its unit.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Vin | Self::Vsys | Self::Vscap | Self::CellVoltage | Self::CellHeadroom => "V",
            Self::LoadCurrent | Self::CapsCurrent => "A",
        }
    }
}

/// The value of every quantity at one instant, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Quantities {
    /// \[V\]
    pub vin: f64,
    /// \[V\]
    pub vsys: f64,
    /// \[V\]
    pub vscap: f64,
    /// \[A\]
    pub load_current: f64,
    /// \[A\]
    pub caps_current: f64,
    /// \[V\]
    pub cell_voltage: f64,
    /// \[V\]
    pub cell_headroom: f64,
}

impl Quantities {
    /// The value of one of them.
    pub const fn get(&self, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::Vin => self.vin,
            Quantity::Vsys => self.vsys,
            Quantity::Vscap => self.vscap,
            Quantity::LoadCurrent => self.load_current,
            Quantity::CapsCurrent => self.caps_current,
            Quantity::CellVoltage => self.cell_voltage,
            Quantity::CellHeadroom => self.cell_headroom,
        }
    }
}

/// An instant at which something changed. Between two of them every quantity is monotone (the lower
/// bound of `cell_voltage` aside, while the other cell becomes the higher one), so the values before and
/// after bound all values in between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Nanos,
    /// Values as the instant was reached.
    pub before: Quantities,
    /// Values when everything due at it was done.
    pub after: Quantities,
    /// Hold-up left: before a cut at this instant, else after it. Only where somebody asks: at a
    /// halt, at a cut, and at times that expectations name.
    pub hold_up: Option<HoldUp>,
}

/// Hold-up left in the capacitors at the load of an instant, as if the input were gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldUp {
    /// Until the terminals reach the hold-up floor \[s\]; infinite without load.
    pub seconds: f64,
    /// Energy above the floor \[J\].
    pub joules: f64,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Nanos,
    /// Index of its moment.
    pub moment: usize,
    /// What.
    pub what: What,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// A subject took a value.
    Event(Event),
    /// A stimulus of the scenario struck; its index there.
    Stimulus(usize),
}

/// Everything that happened in a run, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Every subject's value at time zero.
    pub initial: Vec<Event>,
    /// The instants at which something changed; the first is time zero, the last the end.
    pub moments: Vec<Moment>,
    /// What happened.
    pub entries: Vec<Entry>,
}
