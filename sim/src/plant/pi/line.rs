//! The poweroff line between the Pi and the board: who drives it, and the level that comes of it.
//!
//! A driven pin wins over everything, the board's resistor over the Pi's own of some 50 kΩ, and that one
//! over nothing. The pins of a Pi without 3.3 V are dead: they drive nothing and pull nothing, and what is left
//! of their protection diodes into the empty supply holds a line low that nobody pulls up.
//!
//! Assumes that a board's pull-up is stronger than those diodes' path, which is the worse case: an
//! unpowered Pi then seems to say something. Leaves out analog levels and the time a line takes.

use firmware::config::Polarity;

use crate::parts::Pull;
use crate::timeline::PiRequest;

/// What the Pi does to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PinDrive {
    /// gpio-poweroff drives the level that asks for the cut.
    Active,
    /// gpio-poweroff drives the other level.
    Inactive,
    /// The pin is an input with this pull.
    Input(Pull),
    /// The Pi's 3.3 V is absent.
    Dead,
}

impl PinDrive {
    /// The level at the board, whose own pull is `board`.
    pub(super) const fn level(self, polarity: Polarity, board: Pull) -> PiRequest {
        match (self, polarity) {
            (Self::Active, Polarity::ActiveHigh) | (Self::Inactive, Polarity::ActiveLow) => {
                PiRequest::High
            }
            (Self::Inactive, Polarity::ActiveHigh) | (Self::Active, Polarity::ActiveLow) => {
                PiRequest::Low
            }
            (Self::Input(pi), _) => pulled(board, pi),
            (Self::Dead, _) => pulled(board, Pull::None),
        }
    }
}

/// The level of a line with a strong and a weak pull.
const fn pulled(strong: Pull, weak: Pull) -> PiRequest {
    match (strong, weak) {
        (Pull::Up, _) | (Pull::None, Pull::Up) => PiRequest::High,
        (Pull::Down, _) | (Pull::None, Pull::Down | Pull::None) => PiRequest::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stronger_one_decides() {
        use PiRequest::{High, Low};
        let high = |drive: PinDrive, board| drive.level(Polarity::ActiveHigh, board);
        let low = |drive: PinDrive, board| drive.level(Polarity::ActiveLow, board);
        for board in [Pull::Up, Pull::Down, Pull::None] {
            assert_eq!((high(PinDrive::Active, board), low(PinDrive::Active, board)), (High, Low));
            assert_eq!(
                (high(PinDrive::Inactive, board), low(PinDrive::Inactive, board)),
                (Low, High)
            );
        }
        for (board, pi, level) in [
            (Pull::Up, Pull::Down, High),
            (Pull::Down, Pull::Up, Low),
            (Pull::None, Pull::Up, High),
            (Pull::None, Pull::Down, Low),
        ] {
            assert_eq!(high(PinDrive::Input(pi), board), level, "{board:?} {pi:?}");
        }
        assert_eq!(high(PinDrive::Dead, Pull::None), Low);
        assert_eq!(high(PinDrive::Dead, Pull::Up), High);
    }
}
