//! The parts a board is wired from: what each constant means. The values live in part files.
//!
//! A part file under `scenarios/parts/<folder>/<name>.json` gives every value with its unit and its
//! source; the shipped ones are built into the binary. Scenarios name a part and may override
//! single values. Relations that must hold between values are in `check`, where each part is
//! looked at alone: how well parts go together is for the simulation to find out.

mod builtin;
mod check;
mod file;
mod library;

pub use check::Flaw;
pub(crate) use check::MAX_LOW_VOLTAGE;
pub use library::{Kind, Library, PartInfo, list};

pub(crate) use file::SchemaVersion;
pub(crate) use library::PartError;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::document::{Problems, Shape};
use crate::quantity::{
    Amps, Celsius, Deviation, Factor, Farads, Hertz, Nanos, Ohms, Ratio, Volts, Watts,
};

/// A kind of part: a struct of values with units.
pub trait Part: Clone + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Which kind it is.
    const KIND: Kind;
    /// The names of all values, as written in part files.
    const FIELDS: &[&str];
    /// Values that replace those of a named part.
    type Override: Clone + Default + DeserializeOwned + JsonSchema;

    /// This part with the values that `over` gives replaced.
    #[must_use]
    fn with(self, over: &Self::Override) -> Self;

    /// Values that contradict each other.
    fn flaws(&self) -> Vec<Flaw>;
}

/// What the library keeps for each kind of part.
pub(crate) trait Stored: Part {
    /// The parts of this kind that are built in, by name.
    fn builtin() -> &'static BTreeMap<&'static str, Result<Self, Problems>>;
    /// The shape of a part file of this kind.
    fn shape() -> &'static Shape;
}

macro_rules! part {
    ($(#[doc = $pdoc:literal])+ $part:ident, $over:ident, $kind:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)+ }) => {
        $(#[doc = $pdoc])+
        #[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $part { $($(#[doc = $doc])+ pub $field: $type,)+ }

        #[doc = concat!("Values of a scenario's own that replace those of a named `", stringify!($part), "`.")]
        #[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        #[schemars(extend("minProperties" = 1))]
        pub struct $over { $($(#[doc = $doc])+ pub $field: Option<$type>,)+ }

        impl $part {
            /// The names of all values, as written in part files.
            pub const FIELDS: &[&str] = &[$(stringify!($field)),+];

            /// This part with the values that `over` gives replaced.
            #[must_use]
            pub fn with(mut self, over: &$over) -> Self {
                $(if let Some(value) = &over.$field { self.$field = *value; })+
                self
            }
        }

        impl Part for $part {
            const KIND: Kind = Kind::$kind;
            const FIELDS: &[&str] = Self::FIELDS;
            type Override = $over;

            fn with(self, over: &$over) -> Self {
                Self::with(self, over)
            }

            fn flaws(&self) -> Vec<Flaw> {
                self.list_flaws()
            }
        }

        impl Stored for $part {
            fn builtin() -> &'static BTreeMap<&'static str, Result<Self, Problems>> {
                static ALL: LazyLock<BTreeMap<&'static str, Result<$part, Problems>>> =
                    LazyLock::new(library::read_builtin);
                &ALL
            }

            fn shape() -> &'static Shape {
                static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<file::PartFile<$part>>);
                &SHAPE
            }
        }
    };
}

part! {
    /// The board: LTC4041, its programming, and the way the microcontroller is supplied.
    Board, BoardOverride, Board {
        /// Charge current at full scale.
        charge_current: Amps,
        /// Voltage to which the charger takes the capacitors' terminals.
        charge_voltage: Volts,
        /// Output resistance of the charger in constant-voltage mode.
        charge_resistance: Ohms,
        /// Efficiency of the charger.
        charge_efficiency: Ratio,
        /// Total input current above which the charge current yields to the load.
        input_limit: Amps,
        /// The charger locks out when VSYS is less than this above the capacitors.
        headroom_off: Volts,
        /// The charger comes back when VSYS is this far above the capacitors.
        headroom_on: Volts,
        /// VIN at which PFO goes low.
        power_fail: Volts,
        /// VIN must rise this far above `power_fail` for PFO to go high.
        power_fail_hysteresis: Volts,
        /// From VIN crossing the threshold to PFO and the switch-over.
        power_fail_delay: Nanos,
        /// T_min-backup: once tripped, PFO ignores a recovery for this long.
        min_backup: Nanos,
        /// VSYS in backup.
        backup_voltage: Volts,
        /// Loss resistance of the boost converter.
        boost_resistance: Ohms,
        /// Loss voltage of the boost converter.
        boost_drop: Volts,
        /// Fixed loss of the boost converter.
        boost_overhead: Watts,
        /// Average input current at which the boost converter limits.
        boost_current_limit: Amps,
        /// A boost that is not running cannot start while VSCAP and VSYS are both below this.
        boost_lockout: Volts,
        /// From a lock-out of the charger, or a collapse of the boost, to its next start at the earliest.
        restart_delay: Nanos,
        /// From the end of an overload to VSYS being back, if it is still above `boost_lockout`; 0 s: an
        /// overloaded boost stays collapsed until VSYS has fallen to that.
        boost_recovery: Nanos,
        /// Terminal voltage of the capacitors at which a running boost ends.
        boost_end: Volts,
        /// Terminal voltage down to which energy margins are counted.
        hold_up_floor: Volts,
        /// Fraction of `charge_voltage` at which CAPGD goes high.
        caps_charged_rising: Ratio,
        /// Fraction of `charge_voltage` at which CAPGD goes low.
        caps_charged_falling: Ratio,
        /// Resistance of the input switch from VIN to VSYS.
        input_switch: Ohms,
        /// In what time the current through the closing input switch grows by 1 A; 0 s closes it at once.
        input_switch_rise: Nanos,
        /// Resistance from VSYS back to an open input while the boost runs; 0 Ohm leaves it out, and an
        /// open input is at 0 V at once.
        back_feed_resistance: Ohms,
        /// Resistance from VIN to ground, which divides what is fed back.
        input_load: Ohms,
        /// Standing current from the capacitors in normal operation.
        quiescent_normal: Amps,
        /// Standing current from the capacitors while both enables are off.
        quiescent_off: Amps,
        /// Standing current of the microcontroller, drawn from the capacitors without input.
        mcu_current: Amps,
        /// The microcontroller dies when the better of VIN and VSCAP falls to this.
        mcu_dead: Volts,
        /// The microcontroller starts when the better of VIN and VSCAP rises to this.
        mcu_start: Volts,
        /// The microcontroller's supply, while the better of VIN and VSCAP allows it.
        mcu_regulator: Volts,
        /// The microcontroller's supply is at least this far below the better of VIN and VSCAP.
        mcu_dropout: Volts,
        /// Error of the microcontroller's MSI oscillator, which counts while it is awake or in Sleep mode.
        msi_error: Deviation,
        /// Frequency of the microcontroller's LSI oscillator, which counts in Stop mode and for the watchdog.
        lsi_frequency: Hertz,
        /// How long the microcontroller's output nets keep their level while it lets them float.
        float_hold: Nanos,
        /// Time of one EEPROM operation (an erase or a write) of a word.
        eeprom_operation: Nanos,
        /// Current of the loads behind the load switch, drawn from VSYS.
        relay_load: Amps,
        /// What those loads draw besides when the load switch has closed.
        relay_inrush: Amps,
        /// For how long they do.
        relay_inrush_time: Nanos,
        /// The board's own pull at `pi_request`; it is stronger than any of the Pi's.
        request_pull: Pull,
        /// Current with which the LTC4041 makes the capacitors' two cells equal while it charges.
        balancer_current: Amps,
    }
}

/// The firmware takes 2097 ticks of the MSI's 2 097 152 Hz for a millisecond.
const MILLISECOND: f64 = 2_097_000.0 / 2_097_152.0;

impl Board {
    /// How far the firmware's milliseconds may be from true ones while it counts the MSI, as a fraction.
    #[must_use]
    pub fn clock_error(&self) -> f64 {
        (1.0 - MILLISECOND) + self.msi_error.0.abs()
    }
}

/// What is wrong with the two cells of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cells {
    /// Nothing.
    Sound,
    /// The larger one is shorted; the other bears all of the voltage.
    Shorted,
    /// One is open, or a joint of the stack is.
    Open,
    /// There is no stack.
    Missing,
}

part! {
    /// The supercapacitor stack.
    Caps, CapsOverride, Caps {
        /// Capacitance of the stack when it is new, at 25 degC and 0 V.
        capacitance: Farads,
        /// Capacitance that each volt across the stack adds.
        capacitance_per_volt: Farads,
        /// Series resistance of the stack when it is new, at 25 degC.
        esr: Ohms,
        /// Leakage of the stack, up to 25 degC.
        leakage: Amps,
        /// Capacitance of the slow branch; 0 F leaves it out.
        slow_capacitance: Farads,
        /// Resistance through which the slow branch is reached.
        slow_resistance: Ohms,
        /// How far the capacitances are from what is said here.
        tolerance: Deviation,
        /// How old the stack is: 0 is new, 1 the makers' end of life.
        age: Factor,
        /// Part of the capacitances that is left at the end of life.
        end_of_life_capacitance: Ratio,
        /// How many times the series resistance of a new stack it has at the end of life.
        end_of_life_esr: Factor,
        /// Temperature of the stack.
        temperature: Celsius,
        /// The temperature that the values for the cold are given at.
        cold_temperature: Celsius,
        /// Part of the capacitances that is left in the cold.
        cold_capacitance: Ratio,
        /// How many times the series resistance it has in the cold.
        cold_esr: Factor,
        /// The temperature that the leakage for the heat is given at, and above which a cell's rating falls.
        hot_temperature: Celsius,
        /// How many times the leakage it has in the heat.
        hot_leakage: Factor,
        /// Rated voltage of a cell.
        cell_rating: Volts,
        /// The highest temperature that a cell is made for.
        top_temperature: Celsius,
        /// Rated voltage of a cell there.
        top_cell_rating: Volts,
        /// How much more capacitance the larger of the two cells has than the smaller, of which it is a fraction.
        capacitance_mismatch: Ratio,
        /// How much more the larger of the two cells leaks than the smaller.
        leakage_mismatch: Amps,
        /// What is wrong with the cells.
        cells: Cells,
        /// The board's own capacitor at the stack's terminals: what is left without a stack.
        bypass: Farads,
    }
}

/// What an adapter does when it is asked for more than its current limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overload {
    /// It keeps giving its limit.
    ConstantCurrent,
    /// It gives the less, the lower its output has fallen.
    Foldback,
    /// Its output ends, and it tries again after a while.
    Hiccup,
}

part! {
    /// The mains adapter.
    Supply, SupplyOverride, Supply {
        /// Output voltage without load.
        voltage: Volts,
        /// Output resistance.
        resistance: Ohms,
        /// Largest output current; 0 A is no limit.
        current_limit: Amps,
        /// What it does when asked for more.
        overload: Overload,
        /// Output current at 0 V of one that folds back.
        short_circuit_current: Amps,
        /// How long the output of one that hiccups stays off.
        retry_time: Nanos,
        /// Capacitance at the output; 0 F moves at once.
        output_capacitance: Farads,
        /// Current with which the output discharges itself.
        output_bleed: Amps,
        /// The output rises no faster than to its full voltage in this time.
        soft_start: Nanos,
        /// Load current below which the output goes to sleep.
        idle_current: Amps,
        /// How long the load must be below that; 0 s is never.
        idle_time: Nanos,
        /// Bulk capacitor behind the rectifier; 0 F is an output that follows its switch.
        bulk_capacitance: Farads,
        /// Voltage of the bulk capacitor at which the converter ends.
        bulk_minimum: Volts,
        /// Efficiency of the converter.
        efficiency: Ratio,
        /// Power that the running converter takes without load.
        no_load_power: Watts,
        /// Resistor from the bulk capacitor to the controller's supply.
        start_resistance: Ohms,
        /// Current that the controller draws before it starts.
        start_current: Amps,
        /// Capacitor of the controller's supply.
        start_capacitance: Farads,
        /// Voltage of the controller's supply at which the converter starts.
        start_voltage: Volts,
        /// Voltage of the controller's supply when the converter has ended.
        stop_voltage: Volts,
    }
}

part! {
    /// The switched socket that the adapter is in.
    Strip, StripOverride, Strip {
        /// Capacitor from the pole that stays live to the adapter; 0 F is a switch that opens both poles.
        y_capacitance: Farads,
        /// The mains, root mean square.
        mains_voltage: Volts,
        /// Frequency of the mains.
        mains_frequency: Hertz,
    }
}

part! {
    /// The cable from the adapter to the board, there and back.
    Cable, CableOverride, Cable {
        /// Resistance of both conductors and contacts.
        resistance: Ohms,
    }
}

/// What the poweroff line does once gpio-poweroff has waited its time for the cut in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterPoweroffTimeout {
    /// The SoC resets into its boot loader and halts; the pin floats to its pull-down (since 2021).
    Float,
    /// The pin stays active and the CPU spins (older kernels).
    StayActive,
}

/// The GPIO that listens to `power_good`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeGpio {
    /// GPIO3: gpio-shutdown's default. Low also wakes a halted Pi.
    Gpio3,
    /// GPIO22: the board's alternative.
    Gpio22,
}

/// The GPIO that drives the poweroff line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestGpio {
    /// GPIO4, as on boards for cleanshutd.
    Gpio4,
    /// GPIO24: the board's alternative.
    Gpio24,
    /// GPIO26: gpio-poweroff's default.
    Gpio26,
}

impl RequestGpio {
    /// Its pull from power-on until something configures it (BCM2835 ARM Peripherals: GPIO0 to GPIO8 up,
    /// GPIO9 to GPIO27 down).
    #[must_use]
    pub const fn pull_at_reset(self) -> Pull {
        match self {
            Self::Gpio4 => Pull::Up,
            Self::Gpio24 | Self::Gpio26 => Pull::Down,
        }
    }
}

/// A resistor from a line to a supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pull {
    /// To 3.3 V.
    Up,
    /// To ground.
    Down,
    /// There is none.
    None,
}

/// What the operating system does with a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeAnswer {
    /// It shuts down, as systemd-logind does.
    ShutDown,
    /// It opens a dialog, and shuts down on the next notice, as the desktop of Raspberry Pi OS does.
    AskFirst,
}

/// The Pi's own 3.3 V.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rail3v3 {
    /// Present.
    On,
    /// Absent: what is wired to the GPIOs sees dead pins.
    Off,
}

/// Whether a software overlay is configured on the Pi.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlay {
    /// Configured.
    Present,
    /// Not configured.
    Absent,
}

part! {
    /// A Raspberry Pi with what hangs on its rail, as a load and as a peer on the GPIO lines.
    Pi, PiOverride, Pi {
        /// Current at first, from power-on and after a reset.
        boot_rom_current: Amps,
        /// How long that is; 0 s leaves it out.
        boot_rom_time: Nanos,
        /// Current of the boot loader, inrush into the board included.
        boot_loader_current: Amps,
        /// From power-on until the file system is mounted read-write.
        boot_loader_time: Nanos,
        /// Current as the kernel starts.
        boot_peak_current: Amps,
        /// How long that is; 0 s leaves it out.
        boot_peak_time: Nanos,
        /// Current while booting.
        boot_current: Amps,
        /// From power-on until somebody listens to `power_good`.
        boot_time: Nanos,
        /// Spread of `boot_time`, if it is drawn: standard deviation of its logarithm.
        boot_spread: Ratio,
        /// Current while running.
        running_current: Amps,
        /// Current while shutting down.
        shutdown_current: Amps,
        /// From the shutdown's start until the file system is unmounted.
        shutdown_time: Nanos,
        /// Spread of `shutdown_time`, if it is drawn: standard deviation of its logarithm.
        shutdown_spread: Ratio,
        /// How many shutdowns are slow, if they are drawn.
        slow_shutdowns: Ratio,
        /// A slow shutdown takes at least this long.
        slow_shutdown_min: Nanos,
        /// A slow shutdown takes at most this long.
        slow_shutdown_max: Nanos,
        /// How many shutdowns wait for a stop job, if they are drawn.
        stop_jobs: Ratio,
        /// A shutdown with a stop job takes at least this long.
        stop_job_min: Nanos,
        /// A shutdown with a stop job takes at most this long.
        stop_job_max: Nanos,
        /// How many shutdowns never end, if they are drawn.
        endless_shutdowns: Ratio,
        /// Current while gpio-poweroff waits for the cut; a core spins.
        poweroff_current: Amps,
        /// Current while halted and still fed.
        halted_current: Amps,
        /// Current of a display or other load on the rail, whatever the Pi does.
        display_current: Amps,
        /// The under-voltage detector's threshold.
        under_voltage: Volts,
        /// The Pi starts when its rail rises to this.
        start_voltage: Volts,
        /// The Pi resets when its rail falls to this.
        reset_voltage: Volts,
        /// Capacitance on the rail.
        rail_capacitance: Farads,
        /// What discharges the rail once the Pi is off.
        rail_bleed: Ohms,
        /// Voltage from which a display with a supply of its own, or a cable, feeds the rail; 0 V: nothing does.
        back_feed_voltage: Volts,
        /// Resistance through which it does.
        back_feed_resistance: Ohms,
        /// `power_good` must be low for this long to be heard (gpio-shutdown's debounce).
        notice_debounce: Nanos,
        /// The GPIO that listens to `power_good`.
        notice_gpio: NoticeGpio,
        /// What a notice does.
        notice_answer: NoticeAnswer,
        /// From a notice to the beginning of the shutdown (cleanshutd's shutdown_delay).
        notice_delay: Nanos,
        /// The GPIO that drives the poweroff line.
        request_gpio: RequestGpio,
        /// gpio-poweroff: the Pi says when it is down.
        poweroff_overlay: Overlay,
        /// gpio-poweroff's active and inactive pulse.
        poweroff_pulse: Nanos,
        /// gpio-poweroff waits this long for the cut.
        poweroff_timeout: Nanos,
        /// What the poweroff line does after that.
        after_poweroff_timeout: AfterPoweroffTimeout,
        /// The Pi's 3.3 V once it has halted for good.
        halted_3v3: Rail3v3,
        /// How long the Pi's 3.3 V is absent as it reboots.
        reboot_3v3_gap: Nanos,
    }
}

/// Values of parts that change during a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift {
    /// Of the board.
    pub board: BoardOverride,
    /// Of the capacitors.
    pub caps: CapsOverride,
    /// Of the adapter.
    pub supply: SupplyOverride,
    /// Of the strip.
    pub strip: StripOverride,
    /// Of the cable.
    pub cable: CableOverride,
    /// Of the Pi.
    pub pi: PiOverride,
}
