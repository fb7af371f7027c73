//! The pins of the die and what they do, seen from outside.
//!
//! After the pin-out of the STM32L011 data sheet: these sixteen are bonded in some package. The
//! 14-pin package leaves out PA2, PA3, PA5, PA6 and PB1. PC14 and PC15 are pins of port C like any
//! other while the low-speed crystal oscillator is off, and it never starts here.
//!
//! Left out: voltages and currents. A pin drives, pulls or floats; a pull's resistance is the
//! embedder's business.

/// A pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pin {
    /// Port A, 0: also the clock input, which is not modelled.
    PA0,
    /// Port A, 1.
    PA1,
    /// Port A, 2.
    PA2,
    /// Port A, 3.
    PA3,
    /// Port A, 4: the only one that is an input after reset.
    PA4,
    /// Port A, 5.
    PA5,
    /// Port A, 6.
    PA6,
    /// Port A, 7.
    PA7,
    /// Port A, 9.
    PA9,
    /// Port A, 10.
    PA10,
    /// Port A, 13: SWDIO after reset.
    PA13,
    /// Port A, 14: SWCLK after reset.
    PA14,
    /// Port B, 1.
    PB1,
    /// Port B, 9: also BOOT0, which is taken as low at every reset.
    PB9,
    /// Port C, 14.
    PC14,
    /// Port C, 15.
    PC15,
}

/// A port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// GPIOA.
    A,
    /// GPIOB.
    B,
    /// GPIOC.
    C,
}

impl Pin {
    /// All pins.
    pub const ALL: [Self; 16] = [
        Self::PA0,
        Self::PA1,
        Self::PA2,
        Self::PA3,
        Self::PA4,
        Self::PA5,
        Self::PA6,
        Self::PA7,
        Self::PA9,
        Self::PA10,
        Self::PA13,
        Self::PA14,
        Self::PB1,
        Self::PB9,
        Self::PC14,
        Self::PC15,
    ];

    /// The port it belongs to.
    #[must_use]
    pub const fn port(self) -> Port {
        match self {
            Self::PA0
            | Self::PA1
            | Self::PA2
            | Self::PA3
            | Self::PA4
            | Self::PA5
            | Self::PA6
            | Self::PA7
            | Self::PA9
            | Self::PA10
            | Self::PA13
            | Self::PA14 => Port::A,
            Self::PB1 | Self::PB9 => Port::B,
            Self::PC14 | Self::PC15 => Port::C,
        }
    }

    /// Its number on the port, 0..=15.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::PA0 => 0,
            Self::PA1 | Self::PB1 => 1,
            Self::PA2 => 2,
            Self::PA3 => 3,
            Self::PA4 => 4,
            Self::PA5 => 5,
            Self::PA6 => 6,
            Self::PA7 => 7,
            Self::PA9 | Self::PB9 => 9,
            Self::PA10 => 10,
            Self::PA13 => 13,
            Self::PA14 | Self::PC14 => 14,
            Self::PC15 => 15,
        }
    }

    /// Its name as in the data sheet.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PA0 => "PA0",
            Self::PA1 => "PA1",
            Self::PA2 => "PA2",
            Self::PA3 => "PA3",
            Self::PA4 => "PA4",
            Self::PA5 => "PA5",
            Self::PA6 => "PA6",
            Self::PA7 => "PA7",
            Self::PA9 => "PA9",
            Self::PA10 => "PA10",
            Self::PA13 => "PA13",
            Self::PA14 => "PA14",
            Self::PB1 => "PB1",
            Self::PB9 => "PB9",
            Self::PC14 => "PC14",
            Self::PC15 => "PC15",
        }
    }

    /// Its place in [`Pin::ALL`].
    #[must_use]
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// What the outside does to a pin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drive {
    /// Pulls or drives it low.
    Low,
    /// Pulls or drives it high.
    High,
    /// Leaves it alone.
    #[default]
    Floating,
}

/// The internal pull resistor of a pin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// None.
    #[default]
    None,
    /// To the supply, 45 kilohms nominally.
    Up,
    /// To ground, 45 kilohms nominally.
    Down,
}

/// What a pin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinState {
    /// Nothing: analog, in reset, or without supply.
    Analog,
    /// Listens.
    Input(Pull),
    /// Driven low, by a push-pull or an open-drain output.
    Low,
    /// Driven high.
    High,
    /// An open-drain output that is high: not driven.
    Released(Pull),
    /// Belongs to a peripheral that is not modelled, or to the debug port: not driven.
    Alternate(Pull),
}

impl PinState {
    /// What the chip's output stage does to the net, pulls aside.
    #[must_use]
    pub const fn drive(self) -> Drive {
        match self {
            Self::Low => Drive::Low,
            Self::High => Drive::High,
            Self::Analog | Self::Input(_) | Self::Released(_) | Self::Alternate(_) => {
                Drive::Floating
            }
        }
    }

    /// The pull resistor that is on the net.
    #[must_use]
    pub const fn pull(self) -> Pull {
        match self {
            Self::Input(pull) | Self::Released(pull) | Self::Alternate(pull) => pull,
            // A pull beside a driver changes nothing.
            Self::Analog | Self::Low | Self::High => Pull::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_where_its_name_says() {
        for (index, pin) in Pin::ALL.into_iter().enumerate() {
            assert_eq!(pin.index(), index);
            let port = match pin.port() {
                Port::A => 'A',
                Port::B => 'B',
                Port::C => 'C',
            };
            assert_eq!(pin.name(), format!("P{port}{}", pin.number()));
        }
    }
}
