//! The register map of the STM32L011 as data: names, addresses, reset values, and which bits exist.
//!
//! Follows ST's header `stm32l011xx.h` for what exists on this chip, and the reset values of ST's SVD
//! file for the STM32L0x1 family where no better source corrects them; `tests/registers/` holds both
//! against two independent register crates and names every difference with its reason. Pins that the
//! package lacks still have their bits, since the ports of the die have them.
//! Left out: the firewall, which nobody describes for this chip; option bytes and factory values,
//! which are memory; the debug unit's own registers inside the core.

mod analog_and_serial;
mod system;
mod timers;

use core::fmt;

use crate::pin::Port;

/// How a program may use a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Writing does nothing.
    ReadOnly,
    /// Reading gives zero.
    WriteOnly,
    /// Both.
    ReadWrite,
    /// Reading, and clearing flags by zeros; ones do nothing, and so programs write them everywhere.
    ClearByZero,
}

/// One register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// The peripheral, as ST names it: `RCC`.
    pub peripheral: &'static str,
    /// The register within it: `CR`.
    pub name: &'static str,
    /// Its address, a multiple of four.
    pub address: u32,
    /// Its value after a power-on reset with factory option bytes.
    pub reset: u32,
    /// The bits at which a write does something: that keep it, or that act or clear when written.
    pub writable: u32,
    /// The bits that exist on this chip. Programs should write the others with what they read.
    pub defined: u32,
    /// Whether it can be read and written at all.
    pub access: Access,
}

impl Register {
    /// The bits of `value` that this chip lacks and that a program should not write as ones.
    #[must_use]
    pub const fn reserved(&self, value: u32) -> u32 {
        match self.access {
            Access::ReadOnly | Access::WriteOnly | Access::ReadWrite => value & !self.defined,
            Access::ClearByZero => 0,
        }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.peripheral, self.name)
    }
}

/// The bit that gives a peripheral its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockGate {
    /// The enable register's offset in the RCC.
    pub offset: u32,
    /// The bit in it.
    pub bit: u8,
}

impl ClockGate {
    const fn new(offset: u32, bit: u8) -> Option<Self> {
        Some(Self { offset, bit })
    }

    /// `RCC_IOPENR`, the ports.
    const fn iop(bit: u8) -> Option<Self> {
        Self::new(0x2c, bit)
    }

    /// `RCC_AHBENR`.
    const fn ahb(bit: u8) -> Option<Self> {
        Self::new(0x30, bit)
    }

    /// `RCC_APB2ENR`.
    const fn apb2(bit: u8) -> Option<Self> {
        Self::new(0x34, bit)
    }

    /// `RCC_APB1ENR`.
    const fn apb1(bit: u8) -> Option<Self> {
        Self::new(0x38, bit)
    }
}

/// The peripherals on the bus that the model has more of than registers that keep what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Modelled {
    Exti,
    Flash,
    Gpio(Port),
    Iwdg,
    Lptim1,
    Pwr,
    Rcc,
    Rtc,
    /// Without the comparators, which lie in its block.
    Syscfg,
    Tim2,
    Tim21,
    Wwdg,
}

/// A peripheral: a block of addresses with one clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peripheral {
    /// ST's name.
    pub name: &'static str,
    /// Where its block begins.
    pub base: u32,
    /// What gives it its clock; nothing if it always has one.
    pub clock: Option<ClockGate>,
    /// What models it; nothing if its registers only keep what is written, or are the core's own.
    pub(crate) modelled: Option<Modelled>,
    /// Its registers, by rising address.
    pub registers: &'static [Register],
    /// For each word of its block, the register's place among them, or [`NONE`].
    places: [u8; WORDS],
}

/// Bytes from one peripheral's base that belong to it.
pub(crate) const BLOCK: u32 = 0x400;
/// Words in that.
const WORDS: usize = BLOCK as usize / 4;
/// The place of what is not there.
const NONE: u8 = u8::MAX;

/// Where each of a block's registers is in its table. Every access of a program goes through here.
const fn places(base: u32, registers: &[Register]) -> [u8; WORDS] {
    let mut places = [NONE; WORDS];
    let mut n = 0;
    while n < registers.len() {
        places[((registers[n].address - base) / 4) as usize] = n as u8;
        n += 1;
    }
    places
}

/// All peripherals, by rising address.
pub static PERIPHERALS: [&Peripheral; 25] = [
    &timers::TIM2,
    &timers::RTC,
    &timers::WWDG,
    &timers::IWDG,
    &analog_and_serial::USART2,
    &analog_and_serial::LPUART1,
    &analog_and_serial::I2C1,
    &system::PWR,
    &timers::LPTIM1,
    &system::SYSCFG,
    &system::EXTI,
    &timers::TIM21,
    &analog_and_serial::ADC,
    &analog_and_serial::SPI1,
    &system::DBGMCU,
    &system::DMA1,
    &system::RCC,
    &system::FLASH,
    &system::CRC,
    &system::GPIOA,
    &system::GPIOB,
    &system::GPIOC,
    &system::SYST,
    &system::NVIC,
    &system::SCB,
];

/// The interrupts that this chip has, bit `n` for interrupt `n`: its vector table.
pub(crate) const INTERRUPTS: u32 = system::NVIC.registers[0].writable;

/// Where the buses' peripherals are: two stretches, of so many blocks.
const STRETCHES: [(u32, u32); 2] = [(0x4000_0000, 0x90), (0x5000_0000, 3)];
/// Blocks in both.
const BLOCKS: usize = 0x93;

/// The number of the block that an address lies in; past all where no bus has peripherals.
const fn block_number(address: u32) -> usize {
    let [(first, blocks), (second, _)] = STRETCHES;
    if address.wrapping_sub(first) < blocks * BLOCK {
        ((address - first) / BLOCK) as usize
    } else {
        (blocks + address.wrapping_sub(second) / BLOCK) as usize
    }
}

/// For each block, its peripheral's place in [`PERIPHERALS`], or [`NONE`].
static BY_BLOCK: [u8; BLOCKS] = {
    let mut by_block = [NONE; BLOCKS];
    let mut n = 0;
    while n < PERIPHERALS.len() {
        let block = block_number(PERIPHERALS[n].base);
        if block < BLOCKS {
            by_block[block] = n as u8;
        }
        n += 1;
    }
    by_block
};

/// Whether an address lies where the buses have peripherals, or could have.
pub(crate) const fn on_bus(address: u32) -> bool {
    block_number(address) < BLOCKS
}

/// The peripheral in whose block an address lies.
#[must_use]
pub fn peripheral(address: u32) -> Option<&'static Peripheral> {
    match BY_BLOCK.get(block_number(address)) {
        Some(&place) => PERIPHERALS.get(usize::from(place)).copied(),
        None => {
            // The core's own, which lie closer together.
            let after = PERIPHERALS.partition_point(|p| p.base <= address);
            let found = *PERIPHERALS.get(after.checked_sub(1)?)?;
            (address - found.base < BLOCK).then_some(found)
        }
    }
}

/// The register that holds the byte at an address.
#[must_use]
pub fn lookup(address: u32) -> Option<&'static Register> {
    peripheral(address)?.lookup(address)
}

impl Peripheral {
    const fn new(
        name: &'static str,
        base: u32,
        clock: Option<ClockGate>,
        registers: &'static [Register],
    ) -> Self {
        Self { name, base, clock, modelled: None, registers, places: places(base, registers) }
    }

    const fn modelled_by(self, model: Modelled) -> Self {
        Self { modelled: Some(model), ..self }
    }

    /// The offset of one of its registers.
    pub(crate) const fn offset(&self, register: &Register) -> u32 {
        register.address - self.base
    }

    /// The register of this peripheral that holds the byte at an address.
    #[must_use]
    pub fn lookup(&self, address: u32) -> Option<&'static Register> {
        let place = self.places.get((address.checked_sub(self.base)? / 4) as usize)?;
        self.registers.get(usize::from(*place))
    }
}

/// A peripheral from a table of its registers, one a line:
///
/// `offset NAME kind reset writable [also defined, though read-only]`
///
/// where the kind is `ro`, `wo`, `rw`, or `w0` for flags that a zero clears.
macro_rules! block {
    ($peripheral:ident $base:literal $clock:expr; $($offset:literal $name:ident $kind:ident $reset:literal $writable:literal $fixed:literal)+) => {
        crate::registers::Peripheral::new(stringify!($peripheral), $base, $clock, {
            const REGISTERS: &[crate::registers::Register] = &[$(crate::registers::Register {
                peripheral: stringify!($peripheral),
                name: stringify!($name),
                address: $base + $offset,
                reset: $reset,
                writable: $writable,
                defined: $writable | $fixed,
                access: crate::registers::access!($kind),
            }),+];
            REGISTERS
        })
    };
}

macro_rules! access {
    (ro) => {
        crate::registers::Access::ReadOnly
    };
    (wo) => {
        crate::registers::Access::WriteOnly
    };
    (rw) => {
        crate::registers::Access::ReadWrite
    };
    (w0) => {
        crate::registers::Access::ClearByZero
    };
}

use {access, block};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_in_order_and_inside_its_block() {
        for pair in PERIPHERALS.windows(2) {
            assert!(pair[0].base < pair[1].base, "{} {}", pair[0].name, pair[1].name);
        }
        for p in PERIPHERALS {
            for pair in p.registers.windows(2) {
                assert!(pair[0].address < pair[1].address, "{} {}", pair[0], pair[1]);
            }
            for r in p.registers {
                assert_eq!(r.address % 4, 0, "{r}");
                assert_eq!(peripheral(r.address).map(|q| q.name), Some(p.name), "{r}");
                assert_eq!(lookup(r.address + 3), Some(r));
                assert!(p.registers.len() < usize::from(NONE));
                assert_eq!(r.reset & !r.defined, 0, "{r} resets to bits that it lacks");
                match r.access {
                    Access::ReadOnly => assert_eq!(r.writable, 0, "{r}"),
                    Access::WriteOnly => assert_eq!((r.reset, r.defined), (0, r.writable), "{r}"),
                    Access::ReadWrite | Access::ClearByZero => assert_ne!(r.writable, 0, "{r}"),
                }
            }
        }
    }

    #[test]
    fn names_are_st_s() {
        let name = |address| lookup(address).map(ToString::to_string);
        assert_eq!(name(0x4002_1000).as_deref(), Some("RCC_CR"));
        assert_eq!(name(0x4001_0019).as_deref(), Some("COMP1_CSR"));
        assert_eq!(name(0x4000_0024).as_deref(), Some("TIM2_CNT"));
        assert_eq!(name(0xe000_ed10).as_deref(), Some("SCB_SCR"));
        assert_eq!(name(0x4002_1054), None, "past the RCC's last register");
        assert_eq!(name(0x5000_1c00), None, "no port H");
        assert_eq!(name(0x2000_0000), None);
        assert_eq!(name(u32::MAX), None);
    }

    #[test]
    fn a_clock_gate_is_a_bit_that_its_register_has() {
        for p in PERIPHERALS {
            let Some(gate) = p.clock else { continue };
            let register = lookup(system::RCC.base + gate.offset).unwrap();
            assert_ne!(register.writable & (1 << gate.bit), 0, "{} in {register}", p.name);
        }
    }

    #[test]
    fn the_interrupts_are_those_of_the_vector_table() {
        let numbers = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 20, 23, 25, 28, 29];
        assert_eq!(INTERRUPTS, numbers.into_iter().fold(0, |bits, n| bits | 1 << n));
    }

    #[test]
    fn reserved_bits_are_those_of_other_chips() {
        let reserved = |address, value| lookup(address).unwrap().reserved(value);
        assert_eq!(reserved(0x4002_1038, 0x1000_0003), 2, "TIM3EN");
        assert_eq!(reserved(0x4002_1038, 0x9026_0801), 0);
        assert_eq!(reserved(0x4000_0010, !1), 0, "clearing TIM2_SR.UIF as everybody does");
    }
}
