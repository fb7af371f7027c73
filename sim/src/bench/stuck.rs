//! Pins that are stuck at a level: inputs in the plant, outputs between device and plant.
//!
//! The latest fault of a pin holds it. A fault takes effect once the pin would have another level
//! without it.

use firmware::signals::{Level, LoadSwitch, PowerGood, StatusLed, SupplyEnable};

use super::nets::look_alike;
use super::{Bench, Effect};
use crate::dut::OutputPins;
use crate::scenario::{BoardPin, Pin, PinLevel};

/// A pin that is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stuck {
    /// The stimulus that holds it.
    by: usize,
    pin: BoardPin,
    level: PinLevel,
}

/// The same pin as an input of the microcontroller, if it is one.
const fn input(pin: BoardPin) -> Option<Pin> {
    match pin {
        BoardPin::SupplyGood => Some(Pin::SupplyGood),
        BoardPin::Button => Some(Pin::Button),
        BoardPin::PiRequest => Some(Pin::PiRequest),
        BoardPin::CapsCharged => Some(Pin::CapsCharged),
        BoardPin::SupplyEnable
        | BoardPin::PowerGood
        | BoardPin::LoadSwitch
        | BoardPin::StatusLed => None,
    }
}

const fn level(level: PinLevel) -> Level {
    match level {
        PinLevel::High => Level::High,
        PinLevel::Low => Level::Low,
    }
}

impl Bench<'_> {
    /// A pin gets stuck.
    pub(super) fn stick(&mut self, by: usize, pin: BoardPin, level: PinLevel) {
        self.stuck.push(Stuck { by, pin, level });
        self.hold_input(pin);
    }

    /// What held a pin lets it go.
    pub(super) fn unstick(&mut self, by: usize) {
        let Some(index) = self.stuck.iter().position(|stuck| stuck.by == by) else {
            return;
        };
        let stuck = self.stuck.remove(index);
        self.hold_input(stuck.pin);
    }

    fn hold_input(&mut self, pin: BoardPin) {
        if let Some(input) = input(pin) {
            let last = self.stuck.iter().rev().find(|stuck| stuck.pin == pin);
            self.plant.hold_input(input, last.map(|stuck| level(stuck.level)));
        }
    }

    /// Notes which faults of inputs take effect.
    pub(super) fn note_stuck_inputs(&mut self) {
        for index in 0..self.stuck.len() {
            let Stuck { by, pin, level } = self.stuck[index];
            if let Some(input) = input(pin)
                && self.plant.noisy_level(input) != self::level(level)
            {
                self.run.effects[by] = Effect::Took;
            }
        }
    }

    /// The outputs as the board sees them.
    pub(super) fn stuck_outputs(&mut self, wanted: OutputPins) -> OutputPins {
        let mut pins = wanted;
        for index in 0..self.stuck.len() {
            let Stuck { by, pin, level } = self.stuck[index];
            let before = pins;
            match (pin, level) {
                (BoardPin::SupplyEnable, PinLevel::High) => {
                    pins.supply_enable = Some(SupplyEnable::Off);
                }
                (BoardPin::SupplyEnable, PinLevel::Low) => {
                    pins.supply_enable = Some(SupplyEnable::On);
                }
                (BoardPin::PowerGood, PinLevel::High) => {
                    pins.power_good = Some(PowerGood::Released);
                }
                (BoardPin::PowerGood, PinLevel::Low) => pins.power_good = Some(PowerGood::Low),
                (BoardPin::LoadSwitch, PinLevel::High) => {
                    pins.load_switch = Some(LoadSwitch::Closed);
                }
                (BoardPin::LoadSwitch, PinLevel::Low) => pins.load_switch = Some(LoadSwitch::Open),
                (BoardPin::StatusLed, PinLevel::High) => pins.status_led = Some(StatusLed::Dark),
                (BoardPin::StatusLed, PinLevel::Low) => pins.status_led = Some(StatusLed::Lit),
                (
                    BoardPin::SupplyGood
                    | BoardPin::Button
                    | BoardPin::PiRequest
                    | BoardPin::CapsCharged,
                    PinLevel::High | PinLevel::Low,
                ) => {}
            }
            if !look_alike(before, pins) {
                self.run.effects[by] = Effect::Took;
            }
        }
        pins
    }
}
