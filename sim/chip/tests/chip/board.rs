//! What the tests have in common: register addresses, a chip with a program, what it did.

use stm32l011::chip::{Chip, Stopped};
use stm32l011::options::OptionBytes;
use stm32l011::pin::{Pin, PinState};
use stm32l011::time::Time;
use stm32l011::timing::{Oscillators, Timing};

use crate::asm::Program;

pub(crate) const TIM2: u32 = 0x4000_0000;
pub(crate) const RTC: u32 = 0x4000_2800;
pub(crate) const IWDG: u32 = 0x4000_3000;
pub(crate) const PWR: u32 = 0x4000_7000;
pub(crate) const LPTIM1: u32 = 0x4000_7C00;
pub(crate) const EXTI: u32 = 0x4001_0400;
pub(crate) const RCC: u32 = 0x4002_1000;
pub(crate) const FLASH: u32 = 0x4002_2000;
pub(crate) const GPIOA: u32 = 0x5000_0000;
pub(crate) const NVIC_ISER: u32 = 0xE000_E100;
pub(crate) const SCR: u32 = 0xE000_ED10;
pub(crate) const AIRCR: u32 = 0xE000_ED0C;
pub(crate) const EEPROM: u32 = 0x0808_0000;

/// MSI range 5 in hertz, as after reset.
pub(crate) const MSI: u64 = 2_097_152;

/// When the first instruction comes.
pub(crate) const START: Time = Time(1_500_000);

/// A program that has port A's clock, PA4 as an output that is low, and interrupts that only wake.
pub(crate) fn program() -> Program {
    let mut program = Program::new();
    program.mask();
    program.write(RCC + 0x2C, 1);
    program.write(GPIOA, 0xEBFF_FDFF);
    program
}

impl Program {
    /// PA4 goes high, then low: one mark, two changes two cycles apart at least.
    pub(crate) fn mark(&mut self) -> &mut Self {
        self.load(0, GPIOA + 0x18).load(1, 0x10).load(2, 0x0010_0000).op(0x6001).op(0x6002)
    }
}

/// A chip with a program, powered on at time zero.
pub(crate) fn chip(program: &Program) -> Chip {
    chip_with(program, OptionBytes::default())
}

pub(crate) fn chip_with(program: &Program, options: OptionBytes) -> Chip {
    let mut chip = Chip::new(&program.image(), options, Oscillators::default());
    chip.set_timing(Timing::default());
    chip.power_on(Time(0));
    chip
}

/// Everything that is told until a time, and when.
pub(crate) fn events(chip: &mut Chip, until: Time) -> Vec<(Time, Stopped)> {
    let mut events = Vec::new();
    loop {
        match chip.run(until) {
            Stopped::Until => return events,
            told => events.push((chip.now(), told)),
        }
        assert!(events.len() < 100_000, "no end: {:?}", &events[99_990..]);
    }
}

/// When PA4 went high: the program's marks. That anything but pins is told is a surprise.
pub(crate) fn marks(chip: &mut Chip, until: Time) -> Vec<Time> {
    let mut marks = Vec::new();
    loop {
        match chip.run(until) {
            Stopped::Until => return marks,
            Stopped::Pins if chip.pin(Pin::PA4) == PinState::High => marks.push(chip.now()),
            Stopped::Pins => {}
            told => panic!("{told:?} at {:?}", chip.now()),
        }
    }
}

/// Nanoseconds of some cycles of a clock, rounded up.
pub(crate) fn nanos(cycles: u64, hertz: u64) -> u64 {
    (cycles * 1_000_000_000).div_ceil(hertz)
}
