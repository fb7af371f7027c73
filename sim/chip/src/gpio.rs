//! GPIO ports A, B and C.
//!
//! After RM0377, "General-purpose I/Os", by way of ST's header and HAL sources. All bits of a port have
//! their registers, as on the die; pins that no small package bonds float.
//!
//! - The chip's own driver wins over whatever the outside does.
//! - A pin that nobody drives and nothing pulls keeps its last level: a charge that does not leak.
//! - IDR shows the net at once, outputs included; the two cycles of the synchroniser are left out.
//!   Analog pins read as zero, and edges are looked for in what IDR would show.
//! - Slew rates and alternate functions are kept and have no effect; a pin in alternate mode is not
//!   driven.

use crate::pin::{Drive, PinState, Pull};

const MODER: u32 = 0x00;
const OTYPER: u32 = 0x04;
const OSPEEDR: u32 = 0x08;
const PUPDR: u32 = 0x0C;
const IDR: u32 = 0x10;
const ODR: u32 = 0x14;
const BSRR: u32 = 0x18;
const LCKR: u32 = 0x1C;
const AFRL: u32 = 0x20;
const AFRH: u32 = 0x24;
const BRR: u32 = 0x28;

/// LCKK: the bit of the lock's key sequence.
const LOCK_KEY: u32 = 1 << 16;

/// How far the lock's sequence has come: three writes, with, without and with the key, and a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    Open,
    First(u16),
    Second(u16),
    Third(u16),
    Locked(u16),
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// What the pins do may have changed.
    pub(crate) pins: bool,
    /// Something locked was to change.
    pub(crate) refused: bool,
}

/// One port.
#[derive(Clone, Debug)]
pub(crate) struct Gpio {
    moder: u32,
    otyper: u16,
    ospeedr: u32,
    pupdr: u32,
    odr: u16,
    afr: [u32; 2],
    lock: Lock,
    /// Pins that the outside drives high or low.
    outside_high: u16,
    outside_low: u16,
    /// The nets' levels, analog pins included.
    net: u16,
    /// Pins by mode, derived from MODER and PUPDR.
    input: u16,
    output: u16,
    analog: u16,
    pull_up: u16,
    pull_down: u16,
}

/// The even bits of a word, moved together.
const fn even_bits(word: u32) -> u16 {
    let mut x = word & 0x5555_5555;
    x = (x | x >> 1) & 0x3333_3333;
    x = (x | x >> 2) & 0x0F0F_0F0F;
    x = (x | x >> 4) & 0x00FF_00FF;
    (x | x >> 8) as u16
}

/// Each bit of a half-word, doubled.
const fn doubled(bits: u16) -> u32 {
    let mut x = bits as u32;
    x = (x | x << 8) & 0x00FF_00FF;
    x = (x | x << 4) & 0x0F0F_0F0F;
    x = (x | x << 2) & 0x3333_3333;
    x = (x | x << 1) & 0x5555_5555;
    x | x << 1
}

impl Gpio {
    /// A port after reset, with nothing driven from outside.
    pub(crate) fn new(moder: u32, ospeedr: u32, pupdr: u32) -> Self {
        let mut port = Self {
            moder,
            otyper: 0,
            ospeedr,
            pupdr,
            odr: 0,
            afr: [0; 2],
            lock: Lock::Open,
            outside_high: 0,
            outside_low: 0,
            net: 0,
            input: 0,
            output: 0,
            analog: 0,
            pull_up: 0,
            pull_down: 0,
        };
        port.settle();
        port
    }

    /// Its registers as after reset; the outside and the nets stay.
    pub(crate) fn reset(&mut self, moder: u32, ospeedr: u32, pupdr: u32) {
        let (outside_high, outside_low, net) = (self.outside_high, self.outside_low, self.net);
        *self = Self { outside_high, outside_low, net, ..Self::new(moder, ospeedr, pupdr) };
        self.settle();
    }

    /// What the outside does to a pin.
    pub(crate) fn set_outside(&mut self, number: u8, drive: Drive) {
        let bit = 1 << (number & 15);
        self.outside_high &= !bit;
        self.outside_low &= !bit;
        match drive {
            Drive::High => self.outside_high |= bit,
            Drive::Low => self.outside_low |= bit,
            Drive::Floating => {}
        }
        self.settle();
    }

    /// Pins that the outside drives high.
    pub(crate) const fn driven_high(&self) -> u16 {
        self.outside_high
    }

    /// Derives modes and levels from what the registers and the outside say.
    fn settle(&mut self) {
        let (low, high) = (even_bits(self.moder), even_bits(self.moder >> 1));
        self.input = !low & !high;
        self.output = low & !high;
        self.analog = low & high;
        let (up, down) = (even_bits(self.pupdr), even_bits(self.pupdr >> 1));
        self.pull_up = up & !down & !self.analog;
        self.pull_down = down & !up & !self.analog;
        let drives_high = self.output & !self.otyper & self.odr;
        let drives_low = self.output & !self.odr;
        let left_alone = (self.pull_up | self.net) & !self.pull_down;
        let undriven = self.outside_high | !self.outside_low & left_alone;
        self.net = drives_high | !drives_low & undriven;
    }

    /// What IDR shows.
    pub(crate) const fn levels(&self) -> u16 {
        self.net & !self.analog
    }

    /// What a pin does.
    pub(crate) const fn state(&self, number: u8) -> PinState {
        let bit = 1 << (number & 15);
        let pull = if self.pull_up & bit != 0 {
            Pull::Up
        } else if self.pull_down & bit != 0 {
            Pull::Down
        } else {
            Pull::None
        };
        if self.analog & bit != 0 {
            PinState::Analog
        } else if self.input & bit != 0 {
            PinState::Input(pull)
        } else if self.output & bit == 0 {
            PinState::Alternate(pull)
        } else if self.odr & bit == 0 {
            PinState::Low
        } else if self.otyper & bit == 0 {
            PinState::High
        } else {
            PinState::Released(pull)
        }
    }

    /// What is at an offset, without effects.
    pub(crate) fn peek(&self, offset: u32) -> u32 {
        match offset {
            MODER => self.moder,
            OTYPER => self.otyper.into(),
            OSPEEDR => self.ospeedr,
            PUPDR => self.pupdr,
            IDR => self.levels().into(),
            ODR => self.odr.into(),
            LCKR => match self.lock {
                Lock::Open => 0,
                Lock::First(pins) | Lock::Third(pins) => u32::from(pins) | LOCK_KEY,
                Lock::Second(pins) => pins.into(),
                Lock::Locked(pins) => u32::from(pins) | LOCK_KEY,
            },
            AFRL => self.afr[0],
            AFRH => self.afr[1],
            // BSRR and BRR are written only.
            _ => 0,
        }
    }

    /// A read. That of LCKR ends its sequence.
    pub(crate) fn read(&mut self, offset: u32) -> u32 {
        if offset == LCKR
            && let Lock::Third(pins) = self.lock
        {
            self.lock = Lock::Locked(pins);
        }
        self.peek(offset)
    }

    /// A write.
    pub(crate) fn write(&mut self, offset: u32, value: u32) -> Change {
        let before = (self.moder, self.otyper, self.pupdr, self.odr);
        let locked = match self.lock {
            Lock::Locked(pins) => pins,
            Lock::Open | Lock::First(_) | Lock::Second(_) | Lock::Third(_) => 0,
        };
        let keep2 = doubled(locked);
        let keep4 = [doubled_twice(locked as u8), doubled_twice((locked >> 8) as u8)];
        let mut refused = false;
        let mut kept = |old: u32, keep: u32| {
            refused |= (old ^ value) & keep != 0;
            old & keep | value & !keep
        };
        match offset {
            MODER => self.moder = kept(self.moder, keep2),
            OTYPER => self.otyper = kept(self.otyper.into(), locked.into()) as u16,
            OSPEEDR => self.ospeedr = kept(self.ospeedr, keep2),
            PUPDR => self.pupdr = kept(self.pupdr, keep2),
            ODR => self.odr = value as u16,
            BSRR => self.odr = self.odr & !((value >> 16) as u16) | value as u16,
            LCKR => self.lock_step(value),
            AFRL => self.afr[0] = kept(self.afr[0], keep4[0]),
            AFRH => self.afr[1] = kept(self.afr[1], keep4[1]),
            BRR => self.odr &= !(value as u16),
            // IDR is read only.
            _ => {}
        }
        let changed = before != (self.moder, self.otyper, self.pupdr, self.odr);
        if changed {
            self.settle();
        }
        Change { pins: changed, refused }
    }

    fn lock_step(&mut self, value: u32) {
        let pins = value as u16;
        let key = value & LOCK_KEY != 0;
        self.lock = match self.lock {
            Lock::Locked(pins) => Lock::Locked(pins),
            Lock::First(first) if first == pins && !key => Lock::Second(pins),
            Lock::Second(first) if first == pins && key => Lock::Third(pins),
            Lock::Open | Lock::First(_) | Lock::Second(_) | Lock::Third(_) => {
                if key {
                    Lock::First(pins)
                } else {
                    Lock::Open
                }
            }
        };
    }
}

/// Each bit of a byte, four times.
const fn doubled_twice(bits: u8) -> u32 {
    let pairs = doubled(bits as u16) as u16;
    doubled(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port() -> Gpio {
        Gpio::new(0xEBFF_FCFF, 0x0C00_0000, 0x2400_0000)
    }

    #[test]
    fn after_reset_only_pin_4_listens() {
        let mut port = port();
        assert_eq!(port.state(4), PinState::Input(Pull::None));
        assert_eq!(port.state(13), PinState::Alternate(Pull::Up));
        assert_eq!(port.state(14), PinState::Alternate(Pull::Down));
        assert_eq!(port.state(0), PinState::Analog);
        port.set_outside(0, Drive::High);
        port.set_outside(4, Drive::High);
        assert_eq!(port.read(IDR) & 0x11, 0x10, "analog reads as zero");
        port.write(MODER, 0xEBFF_FCFC);
        assert_eq!(port.read(IDR) & 0x11, 0x11);
    }

    #[test]
    fn outputs_follow_odr_and_win() {
        let mut port = port();
        port.write(MODER, 0xEBFF_FDFF);
        assert_eq!(port.state(4), PinState::Low);
        port.set_outside(4, Drive::High);
        assert_eq!(port.read(IDR) & 0x10, 0);
        port.write(BSRR, 0x10);
        assert_eq!(port.state(4), PinState::High);
        port.write(BSRR, 0x0010_0010);
        assert_eq!(port.read(ODR), 0x10, "setting wins");
        port.write(BRR, 0x10);
        assert_eq!(port.read(ODR), 0);
    }

    #[test]
    fn an_open_drain_that_is_high_shows_the_outside() {
        let mut port = port();
        port.write(OTYPER, 0x10);
        port.write(BSRR, 0x10);
        port.write(MODER, 0xEBFF_FDFF);
        assert_eq!(port.state(4), PinState::Released(Pull::None));
        for (drive, level) in [(Drive::High, 0x10), (Drive::Floating, 0x10), (Drive::Low, 0)] {
            port.set_outside(4, drive);
            assert_eq!(port.read(IDR) & 0x10, level, "{drive:?}");
        }
        port.write(PUPDR, 0x2400_0100);
        assert_eq!(port.state(4), PinState::Released(Pull::Up));
        port.set_outside(4, Drive::Floating);
        assert_eq!(port.read(IDR) & 0x10, 0x10);
        port.write(ODR, 0);
        assert_eq!(port.state(4), PinState::Low);
    }

    #[test]
    fn the_lock_takes_its_whole_sequence() {
        let mut port = port();
        for value in [0x1_0010, 0x0_0010, 0x1_0010] {
            port.write(LCKR, value);
        }
        assert!(!port.write(OTYPER, 0).refused, "not before it is read");
        assert_eq!(port.read(LCKR), 0x1_0010);
        assert!(port.write(MODER, 0xEBFF_FDFF).refused);
        assert_eq!(port.state(4), PinState::Input(Pull::None));
        assert!(port.write(AFRL, 0x0001_0001).refused);
        assert_eq!(port.read(AFRL), 1);
        port.write(BSRR, 0x10);
        assert_eq!(port.read(ODR), 0x10, "levels are never locked");
        port.reset(0xEBFF_FCFF, 0, 0);
        assert!(!port.write(MODER, 0xEBFF_FDFF).refused);
    }
}
