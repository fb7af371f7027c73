//! What a plant is wired from, and the levels that drive it.

use firmware::config::Polarity;

use super::cable::Cable;
use super::ltc4041::Source;
use super::supply::Supply;
use crate::parts;
use crate::timeline::{LoadSwitch, Plug, PowerGood, SupplyEnable};

/// The parts of a plant and how they are at the beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct Wiring {
    /// The board.
    pub board: parts::Board,
    /// The capacitors.
    pub caps: parts::Caps,
    /// The adapter.
    pub supply: parts::Supply,
    /// The strip.
    pub strip: parts::Strip,
    /// The cable.
    pub cable: parts::Cable,
    /// The Pi.
    pub pi: parts::Pi,
    /// The level with which the Pi asks.
    pub request_polarity: Polarity,
    /// What the Pi's times are drawn from, if they are drawn.
    pub seed: Option<u32>,
    /// Whether the cable is plugged in.
    pub plug: Plug,
    /// Voltage of the capacitors \[V\].
    pub vscap: f64,
}

/// The levels that the microcontroller drives; floating pins are already resolved by the pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Driven {
    /// CHGEN and BSTEN.
    pub supply_enable: SupplyEnable,
    /// The line to the Pi.
    pub power_good: PowerGood,
    /// The relay expansion.
    pub load_switch: LoadSwitch,
}

impl Driven {
    /// All pins floating: the board's pulls keep the LTC4041 off and the load switch open.
    pub const FLOATING: Self = Self {
        supply_enable: SupplyEnable::Off,
        power_good: PowerGood::Released,
        load_switch: LoadSwitch::Open,
    };
}

/// Adapter and cable as the board sees them.
pub(super) fn source(supply: &Supply, cable: &Cable) -> Source {
    match cable.plug() {
        Plug::In => Source {
            voltage: supply.state().output,
            resistance: supply.resistance() + cable.resistance(),
            limit: supply.limit(),
        },
        Plug::Out => Source { voltage: 0.0, resistance: 0.0, limit: f64::INFINITY },
    }
}
