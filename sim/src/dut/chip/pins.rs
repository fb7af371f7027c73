//! The board's nets on the chip's pins: which pin is which signal, and what a level means.
//!
//! Inputs are driven by the board, but for the button: released it leaves PA0 alone, so a program
//! must pull it up. Outputs that the chip does not drive float, and the board's pulls decide: the
//! chip's own, of some 45 kOhm, are taken for weaker. The open drains PC14 and PA9 are released, not
//! floating, while the program holds them high; for the board that is the same.

use firmware::signals::{InputLevels, Level, LoadSwitch, PowerGood, StatusLed, SupplyEnable};
use stm32l011::pin::{Drive, Pin, PinState};

use crate::dut::OutputPins;

/// What the board does to the input pins.
pub(super) fn drives(inputs: InputLevels) -> [(Pin, Drive); 4] {
    let driven = |level: Level| match level {
        Level::High => Drive::High,
        Level::Low => Drive::Low,
    };
    let button = match inputs.button {
        Level::High => Drive::Floating,
        Level::Low => Drive::Low,
    };
    [
        (Pin::PA0, button),
        (Pin::PA1, driven(inputs.supply_good)),
        (Pin::PA7, driven(inputs.caps_charged)),
        (Pin::PA10, driven(inputs.pi_request)),
    ]
}

/// What the chip's outputs mean, from the states of PA4, PC14, PC15 and PA9.
pub(super) fn outputs(state: impl Fn(Pin) -> PinState) -> OutputPins {
    let supply_enable = level(state(Pin::PA4)).map(|level| match level {
        Level::High => SupplyEnable::Off,
        Level::Low => SupplyEnable::On,
    });
    let power_good = open_drain(state(Pin::PC14)).map(|level| match level {
        Level::High => PowerGood::Released,
        Level::Low => PowerGood::Low,
    });
    let load_switch = level(state(Pin::PC15)).map(|level| match level {
        Level::High => LoadSwitch::Closed,
        Level::Low => LoadSwitch::Open,
    });
    let status_led = open_drain(state(Pin::PA9)).map(|level| match level {
        Level::High => StatusLed::Dark,
        Level::Low => StatusLed::Lit,
    });
    OutputPins { supply_enable, power_good, load_switch, status_led }
}

/// The level that a pin is driven to; none if it floats.
fn level(state: PinState) -> Option<Level> {
    match state.drive() {
        Drive::High => Some(Level::High),
        Drive::Low => Some(Level::Low),
        Drive::Floating => None,
    }
}

/// The same, with a released open drain as high: the board pulls these nets up.
fn open_drain(state: PinState) -> Option<Level> {
    match state {
        PinState::Released(_) => Some(Level::High),
        PinState::Analog
        | PinState::Input(_)
        | PinState::Low
        | PinState::High
        | PinState::Alternate(_) => level(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stm32l011::pin::Pull;

    #[test]
    fn polarity_is_the_board_s() {
        let pins = outputs(|pin| match pin {
            Pin::PA4 => PinState::High,
            Pin::PC14 | Pin::PA9 => PinState::Released(Pull::None),
            Pin::PC15 => PinState::Input(Pull::Down),
            _ => PinState::Analog,
        });
        let expected = OutputPins {
            supply_enable: Some(SupplyEnable::Off),
            power_good: Some(PowerGood::Released),
            load_switch: None,
            status_led: Some(StatusLed::Dark),
        };
        assert_eq!(pins, expected);
        assert_eq!(outputs(|_| PinState::Analog), OutputPins::default());
        let low = outputs(|_| PinState::Low);
        assert_eq!(low.supply_enable, Some(SupplyEnable::On));
        assert_eq!(low.power_good, Some(PowerGood::Low));
        assert_eq!(low.status_led, Some(StatusLed::Lit));
    }

    #[test]
    fn a_released_button_leaves_its_pin_alone() {
        let inputs = InputLevels {
            supply_good: Level::High,
            button: Level::High,
            pi_request: Level::Low,
            caps_charged: Level::Low,
        };
        assert_eq!(drives(inputs)[0], (Pin::PA0, Drive::Floating));
        let pressed = InputLevels { button: Level::Low, ..inputs };
        assert_eq!(drives(pressed)[0], (Pin::PA0, Drive::Low));
        assert_eq!(drives(pressed)[1], (Pin::PA1, Drive::High));
    }
}
