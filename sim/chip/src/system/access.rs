//! Reads and writes on the bus: who answers, whether it has its clock, which bits it has.
//!
//! The APB's bridges do narrow writes to the whole register, with the value repeated in all lanes
//! (RM0377, "Bus matrix"); the AHB's and the ports' registers take narrow writes as such.

use super::System;
use crate::bus::{Bus, BusFault, Read, Width};
use crate::chip::ResetCause;
use crate::iwdg::Written;
use crate::memory::{FLASH, FLASH_BYTES};
use crate::nvm::{EEPROM, EEPROM_BYTES, Request};
use crate::options::OPTIONS;
use crate::rcc;
use crate::registers::{self, Access, Peripheral, Register};
use crate::report::Finding;
use crate::time::Time;

const TIM2: u32 = 0x4000_0000;
const RTC: u32 = 0x4000_2800;
const WWDG: u32 = 0x4000_2C00;
const IWDG: u32 = 0x4000_3000;
const PWR: u32 = 0x4000_7000;
const LPTIM1: u32 = 0x4000_7C00;
const SYSCFG: u32 = 0x4001_0000;
const EXTI: u32 = 0x4001_0400;
const TIM21: u32 = 0x4001_0800;
const RCC: u32 = 0x4002_1000;
const FLASH_REGISTERS: u32 = 0x4002_2000;
const GPIOA: u32 = 0x5000_0000;
const GPIOB: u32 = 0x5000_0400;
const GPIOC: u32 = 0x5000_0800;

/// COMP1_CSR and COMP2_CSR, in SYSCFG's block.
const COMPARATORS: std::ops::RangeInclusive<u32> = 0x18..=0x1F;
/// Where the AHB's peripherals begin; below are the APB's.
const AHB: u32 = 0x4002_0000;
/// The system memory: a boot loader that is not there and reads as zero.
const SYSTEM_MEMORY: std::ops::Range<u32> = 0x1FF0_0000..0x1FF0_1000;
/// Option bytes and what the factory wrote.
const INFORMATION: std::ops::Range<u32> = OPTIONS..OPTIONS + 0x80;
/// The unique identity, of no real part.
const IDENTITY: [(u32, u32); 3] = [(0x50, 0x0000_0001), (0x54, 0x0000_0011), (0x64, 0x0000_0457)];
/// Calibration of the voltage reference: 1.224 V of 3.0 V in 4095 steps.
const REFERENCE: (u32, u32) = (0x78, 1_671);
/// Kilobytes of flash.
const FLASH_SIZE: (u32, u32) = (0x7C, 16);

/// The part of a word that an access means.
const fn lane(word: u32, address: u32, width: Width) -> u32 {
    let shifted = word >> (8 * (address & 3));
    match width {
        Width::Byte => shifted & 0xFF,
        Width::Half => shifted & 0xFFFF,
        Width::Word => word,
    }
}

/// The bits of a word that an access means.
const fn lane_mask(address: u32, width: Width) -> u32 {
    match width {
        Width::Byte => 0xFF << (8 * (address & 3)),
        Width::Half => 0xFFFF << (8 * (address & 2)),
        Width::Word => u32::MAX,
    }
}

impl Bus for System {
    fn accessed_from(&mut self, pc: u32) {
        self.pc = pc;
    }

    fn read(&mut self, address: u32, width: Width, cycle: u64) -> Result<Read, BusFault> {
        if let GPIOA..0x5000_0C00 | TIM2..0x4002_4000 = address {
            let read = self.read_register(address, cycle)?;
            return Ok(Read { value: lane(read.value, address, width), ..read });
        }
        match self.memory_word(address) {
            Some(word) => Ok(Read::steady(lane(word, address, width))),
            None => Err(self.nothing(address)),
        }
    }

    fn write(
        &mut self,
        address: u32,
        width: Width,
        value: u32,
        cycle: u64,
    ) -> Result<(), BusFault> {
        if let GPIOA..0x5000_0C00 | TIM2..0x4002_4000 = address {
            return self.write_register(address, width, value, cycle);
        }
        let in_flash = address.wrapping_sub(FLASH) < FLASH_BYTES as u32;
        let in_eeprom = address.wrapping_sub(EEPROM) < EEPROM_BYTES as u32;
        if in_flash || in_eeprom || INFORMATION.contains(&address) {
            self.nvm.store(Request { address, width, value });
            self.attention = true;
            return Ok(());
        }
        if SYSTEM_MEMORY.contains(&address) {
            self.note(Finding::Refused, address, 0);
            return Ok(());
        }
        Err(self.nothing(address))
    }

    fn reserved_bits(&mut self, address: u32, bits: u32) {
        self.note(Finding::ReservedBits, address, bits);
    }

    fn lines(&self) -> u32 {
        self.lines
    }
}

impl System {
    pub(crate) fn note(&mut self, finding: Finding, address: u32, bits: u32) {
        self.report.note(finding, address, bits, self.pc);
    }

    #[cold]
    fn nothing(&mut self, address: u32) -> BusFault {
        self.note(Finding::Nothing, address, 0);
        BusFault
    }

    /// The word of memory beside flash and RAM that holds the byte at an address.
    pub(crate) fn memory_word(&self, address: u32) -> Option<u32> {
        if let Some(word) = self.nvm.eeprom_word(address.wrapping_sub(EEPROM)) {
            return Some(word);
        }
        if SYSTEM_MEMORY.contains(&address) {
            return Some(0);
        }
        if !INFORMATION.contains(&address) {
            return None;
        }
        let offset = (address - OPTIONS) & !3;
        if let Some(word) = self.options.word(offset as usize / 4) {
            return Some(word);
        }
        let known = IDENTITY.iter().chain([&REFERENCE, &FLASH_SIZE]);
        Some(known.into_iter().find(|(at, _)| *at == offset).map_or(0, |(_, word)| *word))
    }

    /// The register at an address, if its peripheral has its clock. What is wrong is noted.
    fn find(
        &mut self,
        address: u32,
    ) -> Result<Option<(&'static Peripheral, &'static Register)>, BusFault> {
        let Some(peripheral) = registers::peripheral(address) else {
            return Err(self.nothing(address));
        };
        if let Some(gate) = peripheral.clock
            && !self.rcc.is_enabled(gate.offset, gate.bit)
        {
            self.note(Finding::Unclocked, address & !3, 0);
            return Ok(None);
        }
        match peripheral.lookup(address) {
            Some(register) => Ok(Some((peripheral, register))),
            None => {
                self.note(Finding::NoRegister, address & !3, 0);
                Ok(None)
            }
        }
    }

    fn read_register(&mut self, address: u32, cycle: u64) -> Result<Read, BusFault> {
        let Some((peripheral, register)) = self.find(address)? else {
            return Ok(Read::steady(0));
        };
        let offset = register.address - peripheral.base;
        if let Some((value, steady_until)) = self.value(peripheral.base, offset, cycle, None) {
            return Ok(Read { value, steady_until });
        }
        self.note(Finding::UnmodelledRead, register.address, 0);
        Ok(Read::steady(self.others.read(register)))
    }

    /// A register's value, clocked or not, without effects.
    pub(crate) fn peek_register(&self, address: u32, cycle: u64, now: Time) -> Option<u32> {
        let register = registers::lookup(address)?;
        let base = registers::peripheral(address)?.base;
        let mut copy = self.clone();
        match copy.value(base, register.address - base, cycle, Some(now)) {
            Some((value, _)) => Some(value),
            None => Some(self.others.read(register)),
        }
    }

    /// The value of a register and the cycle until which it stays that; none if it is not modelled.
    /// A debugger tells the time, for the core's clock may stand, and has no effect.
    fn value(
        &mut self,
        base: u32,
        offset: u32,
        cycle: u64,
        debugger: Option<Time>,
    ) -> Option<(u32, u64)> {
        let steady = |value| Some((value, u64::MAX));
        match base {
            GPIOA | GPIOB | GPIOC => {
                let port = &mut self.gpio[(base - GPIOA) as usize >> 10];
                steady(match debugger {
                    None => port.read(offset),
                    Some(_) => port.peek(offset),
                })
            }
            TIM2 => {
                self.tim2.advance(cycle);
                Some(self.tim2.read(offset))
            }
            TIM21 => {
                self.tim21.advance(cycle);
                Some(self.tim21.read(offset))
            }
            WWDG => {
                self.wwdg.advance(cycle);
                Some(self.wwdg.read(offset, cycle))
            }
            EXTI => steady(self.exti.read(offset)),
            SYSCFG if COMPARATORS.contains(&offset) => None,
            SYSCFG => steady(self.syscfg.read(offset)),
            FLASH_REGISTERS => {
                let until = self.cycle_at(self.nvm.ends());
                Some((self.nvm.read(offset, &self.options), until))
            }
            PWR => {
                let (value, until) =
                    self.pwr.read(offset, debugger.unwrap_or_else(|| self.time_of(cycle)));
                Some((value, self.cycle_at(until)))
            }
            RCC => {
                let until = self.cycle_at(self.rcc.next_event());
                Some((self.rcc.read(offset), until))
            }
            LPTIM1 => {
                let tick = self.kernel_tick(cycle, debugger.unwrap_or_else(|| self.time_of(cycle)));
                self.lptim.advance(tick);
                let (value, until) = self.lptim.read(offset);
                let until = if until == u64::MAX { until } else { self.kernel_cycle(until) };
                Some((value, until))
            }
            IWDG | RTC => {
                let lsi =
                    self.rcc.lsi_ticks.ticks_at(debugger.unwrap_or_else(|| self.time_of(cycle)));
                let (value, until) = if base == IWDG {
                    self.iwdg.advance(lsi);
                    self.iwdg.read(offset)
                } else {
                    self.rtc.advance(lsi);
                    self.rtc.read(offset)
                };
                let until = match until {
                    u64::MAX => u64::MAX,
                    tick => self.cycle_at(self.rcc.lsi_ticks.time_of(tick)),
                };
                Some((value, until))
            }
            _ => None,
        }
    }

    fn write_register(
        &mut self,
        address: u32,
        width: Width,
        value: u32,
        cycle: u64,
    ) -> Result<(), BusFault> {
        let Some((peripheral, register)) = self.find(address)? else {
            return Ok(());
        };
        let (base, offset) = (peripheral.base, register.address - peripheral.base);
        let value = self.widened(register, address, width, value, cycle);
        // What a bridge repeats beyond the lanes that are meant is not the program's.
        let reserved = register.reserved(value) & lane_mask(address, width);
        if reserved != 0 {
            self.note(Finding::ReservedBits, register.address, reserved);
        }
        if register.access == Access::ReadOnly {
            // Writing back what is there is not worth telling: ST's start-up code does so to RCC_CRRCR.
            if (value ^ self.present(register, base, cycle)) & lane_mask(address, width) != 0 {
                self.note(Finding::Refused, register.address, 0);
            }
            return Ok(());
        }
        let value = value & register.writable;
        match base {
            GPIOA | GPIOB | GPIOC => {
                let port = &mut self.gpio[(base - GPIOA) as usize >> 10];
                let written = port.write(offset, value);
                if written.refused {
                    self.note(Finding::Refused, register.address, 0);
                }
                if !written.changed {
                    return Ok(());
                }
                self.pins_changed = true;
                self.exti.set_pins(self.syscfg.lines(self.levels()));
            }
            EXTI => self.exti.write(offset, value),
            _ => {
                self.next = None;
                self.write_timed(base, offset, register, value, cycle);
            }
        }
        self.update();
        Ok(())
    }

    /// What a register holds, brought up to the present.
    fn present(&mut self, register: &Register, base: u32, cycle: u64) -> u32 {
        match self.value(base, register.address - base, cycle, Some(self.time_of(cycle))) {
            Some((value, _)) => value,
            None => self.others.read(register),
        }
    }

    /// The word that a narrow write comes to.
    fn widened(
        &mut self,
        register: &Register,
        address: u32,
        width: Width,
        value: u32,
        cycle: u64,
    ) -> u32 {
        let mask = lane_mask(address, width);
        let lanes = match width {
            Width::Word => return value,
            Width::Half => (value & 0xFFFF) * 0x0001_0001,
            Width::Byte => (value & 0xFF) * 0x0101_0101,
        };
        if register.address < AHB {
            let repeats_into = register.writable & !mask;
            if repeats_into != 0 {
                self.note(Finding::Width, register.address, repeats_into);
            }
            return lanes;
        }
        // Flags that a one clears are not written back.
        let is_flags = register.address == FLASH_REGISTERS + 0x18;
        match register.access {
            Access::ReadWrite if !is_flags => {
                let base = registers::peripheral(register.address).map_or(0, |p| p.base);
                self.present(register, base, cycle) & !mask | lanes & mask
            }
            Access::ReadWrite | Access::ReadOnly | Access::WriteOnly | Access::ClearByZero => {
                lanes & mask
            }
        }
    }

    /// A write to a peripheral that may change what comes next.
    fn write_timed(
        &mut self,
        base: u32,
        offset: u32,
        register: &'static Register,
        value: u32,
        cycle: u64,
    ) {
        let now = self.time_of(cycle);
        let mut unmodelled = 0;
        let mut refused = false;
        match base {
            TIM2 => {
                self.tim2.advance(cycle);
                unmodelled = self.tim2.write(offset, value, cycle);
            }
            TIM21 => {
                self.tim21.advance(cycle);
                unmodelled = self.tim21.write(offset, value, cycle);
            }
            WWDG => {
                self.wwdg.advance(cycle);
                if self.wwdg.write(offset, value, cycle) {
                    self.request_reset(ResetCause::WindowWatchdog);
                }
            }
            SYSCFG if !COMPARATORS.contains(&offset) => {
                self.attention = true;
                self.syscfg.write(offset, value);
                self.exti.set_pins(self.syscfg.lines(self.levels()));
            }
            FLASH_REGISTERS => {
                self.attention = true;
                refused = self.nvm.write(offset, value);
            }
            PWR => {
                unmodelled = self.pwr.write(offset, value, now, &self.timing);
                self.compare_supply();
            }
            RCC => {
                self.attention = true;
                unmodelled = rcc::unmodelled(offset, value);
                refused = self.write_rcc(offset, value, cycle, now);
            }
            LPTIM1 => {
                let tick = self.kernel_tick(cycle, now);
                self.lptim.advance(tick);
                let written = self.lptim.write(offset, value, tick);
                (unmodelled, refused) = (written.unmodelled, written.refused);
            }
            IWDG => {
                let tick = self.rcc.lsi_ticks.ticks_at(now);
                self.iwdg.advance(tick);
                match self.iwdg.write(offset, value, tick) {
                    Written::Taken => {}
                    Written::Refused => refused = true,
                    Written::Started => self.rcc.force_lsi(now, &self.timing),
                    Written::Bites => self.request_reset(ResetCause::Watchdog),
                }
            }
            RTC => {
                let tick = self.rcc.lsi_ticks.ticks_at(now);
                self.rtc.advance(tick);
                let written = self.rtc.write(offset, value, tick, self.pwr.backup_writable());
                (unmodelled, refused) = (written.unmodelled, written.refused);
            }
            _ => {
                self.note(Finding::UnmodelledWrite, register.address, value);
                self.others.write(register, value);
            }
        }
        if unmodelled != 0 {
            self.note(Finding::UnmodelledMode, register.address, unmodelled);
        }
        if refused {
            self.note(Finding::Refused, register.address, 0);
        }
    }

    fn request_reset(&mut self, cause: ResetCause) {
        self.reset_request = Some(cause);
        self.attention = true;
    }

    /// A write to the RCC, and what hangs on its clocks. Tells whether something was refused.
    fn write_rcc(&mut self, offset: u32, value: u32, cycle: u64, now: Time) -> bool {
        self.advance(cycle, now);
        let kernel_before = self.kernel_tick(cycle, now);
        let backup = self.pwr.backup_writable();
        let refused = self.rcc.write(offset, value, now, &self.timing, backup);
        match offset {
            rcc::CFGR => {
                self.tim2.set_divider(self.rcc.timer_divider(1), cycle);
                self.tim21.set_divider(self.rcc.timer_divider(2), cycle);
                self.wwdg.set_divider(self.rcc.apb_divider(1), cycle);
            }
            rcc::IOPENR..=rcc::APB1ENR => self.clock_timers(cycle),
            rcc::CCIPR => self.kernel = self.rcc.kernel_clock(),
            rcc::CSR => {
                if value & rcc::RTCRST != 0 && backup {
                    self.rtc.reset();
                }
                self.rtc.set_clocked(self.rcc.rtc_runs(), self.rcc.lsi_ticks.ticks_at(now));
            }
            rcc::IOPSMENR..=rcc::APB1SMENR => {
                // The gates in Sleep are all open, whatever is written.
                let register = registers::lookup(RCC + offset);
                let shut = register.map_or(0, |register| register.reset & !value);
                if shut != 0 {
                    self.note(Finding::UnmodelledMode, RCC + offset, shut);
                }
            }
            rcc::IOPRSTR..=rcc::APB1RSTR => self.reset_peripherals(offset, value),
            _ => {}
        }
        let kernel = self.kernel_tick(cycle, now);
        if kernel != kernel_before {
            self.lptim.change_clock(kernel_before, kernel);
        }
        refused != 0
    }

    /// The timers have their clocks or not.
    fn clock_timers(&mut self, cycle: u64) {
        self.tim2.set_clocked(self.rcc.is_enabled(rcc::APB1ENR, 0), cycle);
        self.tim21.set_clocked(self.rcc.is_enabled(rcc::APB2ENR, 2), cycle);
    }

    /// Resets the peripherals whose bits are set in a reset register.
    fn reset_peripherals(&mut self, offset: u32, bits: u32) {
        let enables = offset - rcc::IOPRSTR + 0x2C;
        for peripheral in registers::PERIPHERALS {
            let Some(gate) = peripheral.clock else { continue };
            // Reset and enable bits have the same places.
            if gate.offset == enables && bits >> gate.bit & 1 != 0 {
                self.reset_peripheral(peripheral.base);
            }
        }
    }

    fn reset_peripheral(&mut self, base: u32) {
        match base {
            GPIOA | GPIOB | GPIOC => {
                let port = (base - GPIOA) as usize >> 10;
                let (moder, ospeedr, pupdr) = super::PORT_RESET[port];
                self.gpio[port].reset(moder, ospeedr, pupdr);
                self.pins_changed = true;
                self.exti.set_pins(self.syscfg.lines(self.levels()));
            }
            TIM2 => self.tim2.reset(),
            TIM21 => self.tim21.reset(),
            WWDG => self.wwdg.reset(),
            LPTIM1 => self.lptim = crate::lptim::LowPowerTimer::new(),
            PWR => {
                self.pwr.reset();
                self.compare_supply();
            }
            SYSCFG => {
                self.syscfg = crate::syscfg::Syscfg::new();
                self.exti.set_pins(self.syscfg.lines(self.levels()));
                self.others.reset_block(base, base + 0x400);
            }
            // Resetting the memory interface is left out.
            FLASH_REGISTERS => self.note(Finding::UnmodelledMode, RCC + 0x20, 1 << 8),
            _ => self.others.reset_block(base, base + 0x400),
        }
    }
}
