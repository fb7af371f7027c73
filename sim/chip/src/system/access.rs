//! Reads and writes on the bus: who answers, whether it has its clock, which bits it has.
//!
//! The APB's bridges do narrow writes to the whole register, with the value repeated in all lanes
//! (RM0377, "Bus matrix"); the AHB's and the ports' registers take narrow writes as such.

use super::System;
use crate::bus::{Bus, BusFault, Read, Width};
use crate::chip::ResetCause;
use crate::iwdg::Effect;
use crate::lptim::LowPowerTimer;
use crate::memory::{self, FLASH, FLASH_BYTES};
use crate::nvm::{self, EEPROM, EEPROM_BYTES, Request};
use crate::options::OPTIONS;
use crate::rcc;
use crate::registers::{self, Access, Modelled, Peripheral, Register};
use crate::report::Finding;
use crate::syscfg::Syscfg;
use crate::time::Time;

/// COMP1_CSR and COMP2_CSR, in SYSCFG's block.
const COMPARATORS: std::ops::RangeInclusive<u32> = 0x18..=0x1F;
/// Where the AHB's peripherals begin; below are the APB's.
const AHB: u32 = 0x4002_0000;
/// The system memory: a boot loader that is not there and reads as zero.
const SYSTEM_MEMORY: std::ops::Range<u32> =
    memory::SYSTEM_MEMORY..memory::SYSTEM_MEMORY + memory::SYSTEM_MEMORY_BYTES as u32;
/// Option bytes and what the factory wrote.
const INFORMATION: std::ops::Range<u32> = OPTIONS..OPTIONS + 0x80;
/// The unique identity, of no real part.
const IDENTITY: [(u32, u32); 3] = [(0x50, 0x0000_0001), (0x54, 0x0000_0011), (0x64, 0x0000_0457)];
/// Calibration of the voltage reference: 1.224 V of 3.0 V in 4095 steps.
const REFERENCE: (u32, u32) = (0x78, 1_671);
/// Kilobytes of flash.
const FLASH_SIZE: (u32, u32) = (0x7C, 16);

/// Who reads a register.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// The program, at the time of the core's cycle. Reading has its effects.
    Program,
    /// Somebody who only looks, at a time: the core's clock may stand.
    Debugger(Time),
}

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
        if registers::on_bus(address) {
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
        if registers::on_bus(address) {
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
        if let Some((value, steady_until)) =
            self.value(peripheral, register, cycle, Reader::Program)
        {
            return Ok(Read { value, steady_until });
        }
        self.note(Finding::UnmodelledRead, register.address, 0);
        Ok(Read::steady(self.others.read(register)))
    }

    /// A register's value, clocked or not, without effects.
    pub(crate) fn peek_register(&self, address: u32, cycle: u64, now: Time) -> Option<u32> {
        let register = registers::lookup(address)?;
        let peripheral = registers::peripheral(address)?;
        match self.clone().value(peripheral, register, cycle, Reader::Debugger(now)) {
            Some((value, _)) => Some(value),
            None => Some(self.others.read(register)),
        }
    }

    /// The value of a register and the cycle until which it stays that; none if it is not modelled.
    fn value(
        &mut self,
        peripheral: &Peripheral,
        register: &Register,
        cycle: u64,
        reader: Reader,
    ) -> Option<(u32, u64)> {
        let offset = peripheral.offset(register);
        let steady = |value| Some((value, u64::MAX));
        match peripheral.modelled? {
            Modelled::Gpio(port) => {
                let port = &mut self.gpio[super::index(port)];
                steady(match reader {
                    Reader::Program => port.read(offset),
                    Reader::Debugger(_) => port.peek(offset),
                })
            }
            Modelled::Tim2 => {
                self.tim2.advance(cycle);
                Some(self.tim2.read(offset))
            }
            Modelled::Tim21 => {
                self.tim21.advance(cycle);
                Some(self.tim21.read(offset))
            }
            Modelled::Wwdg => {
                self.wwdg.advance(cycle);
                Some(self.wwdg.read(offset, cycle))
            }
            Modelled::Exti => steady(self.exti.read(offset)),
            Modelled::Syscfg if COMPARATORS.contains(&offset) => None,
            Modelled::Syscfg => steady(self.syscfg.read(offset)),
            Modelled::Flash => {
                let until = self.cycle_at(self.nvm.ends());
                Some((self.nvm.read(offset, &self.options), until))
            }
            Modelled::Pwr => {
                let (value, until) = self.pwr.read(offset, self.time_for(reader, cycle));
                Some((value, self.cycle_at(until)))
            }
            Modelled::Rcc => {
                let until = self.cycle_at(self.rcc.next_event());
                Some((self.rcc.read(offset), until))
            }
            Modelled::Lptim1 => {
                self.lptim.advance(self.kernel_tick(cycle, self.time_for(reader, cycle)));
                let (value, until) = self.lptim.read(offset);
                let until = if until == u64::MAX { until } else { self.kernel_cycle(until) };
                Some((value, until))
            }
            Modelled::Iwdg => {
                self.iwdg.advance(self.rcc.lsi_ticks.ticks_at(self.time_for(reader, cycle)));
                let (value, until) = self.iwdg.read(offset);
                Some((value, self.cycle_of_lsi(until)))
            }
            Modelled::Rtc => {
                self.rtc.advance(self.rcc.lsi_ticks.ticks_at(self.time_for(reader, cycle)));
                let (value, until) = self.rtc.read(offset);
                Some((value, self.cycle_of_lsi(until)))
            }
        }
    }

    const fn time_for(&self, reader: Reader, cycle: u64) -> Time {
        match reader {
            Reader::Program => self.time_of(cycle),
            Reader::Debugger(now) => now,
        }
    }

    /// The cycle at which a tick of the LSI is seen; never, for one that never comes.
    const fn cycle_of_lsi(&self, tick: u64) -> u64 {
        match tick {
            u64::MAX => u64::MAX,
            tick => self.cycle_at(self.rcc.lsi_ticks.time_of(tick)),
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
        let value = self.widened(peripheral, register, address, width, value, cycle);
        // What a bridge repeats beyond the lanes that are meant is not the program's.
        let reserved = register.reserved(value) & lane_mask(address, width);
        if reserved != 0 {
            self.note(Finding::ReservedBits, register.address, reserved);
        }
        if register.access == Access::ReadOnly {
            // Writing back what is there is not worth telling: ST's start-up code does so to RCC_CRRCR.
            if (value ^ self.present(peripheral, register, cycle)) & lane_mask(address, width) != 0
            {
                self.note(Finding::Refused, register.address, 0);
            }
            return Ok(());
        }
        let value = value & register.writable;
        let offset = peripheral.offset(register);
        match peripheral.modelled {
            Some(Modelled::Gpio(port)) => {
                let written = self.gpio[super::index(port)].write(offset, value);
                if written.refused {
                    self.note(Finding::Refused, register.address, 0);
                }
                if !written.pins {
                    return Ok(());
                }
                self.pins_changed = true;
                self.exti.set_pins(self.syscfg.lines(self.levels()));
            }
            Some(Modelled::Exti) => self.exti.write(offset, value),
            Some(modelled) => {
                self.next = None;
                self.write_timed(modelled, register, offset, value, cycle);
            }
            None => self.write_other(register, value),
        }
        self.update();
        Ok(())
    }

    /// What a register holds, brought up to the present.
    fn present(&mut self, peripheral: &Peripheral, register: &Register, cycle: u64) -> u32 {
        let looks = Reader::Debugger(self.time_of(cycle));
        match self.value(peripheral, register, cycle, looks) {
            Some((value, _)) => value,
            None => self.others.read(register),
        }
    }

    /// The word that a narrow write comes to.
    fn widened(
        &mut self,
        peripheral: &Peripheral,
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
        let is_flags =
            peripheral.modelled == Some(Modelled::Flash) && peripheral.offset(register) == nvm::SR;
        match register.access {
            Access::ReadWrite if !is_flags => {
                self.present(peripheral, register, cycle) & !mask | lanes & mask
            }
            Access::ReadWrite | Access::ReadOnly | Access::WriteOnly | Access::ClearByZero => {
                lanes & mask
            }
        }
    }

    /// A write to a peripheral that may change what comes next.
    fn write_timed(
        &mut self,
        modelled: Modelled,
        register: &Register,
        offset: u32,
        value: u32,
        cycle: u64,
    ) {
        let now = self.time_of(cycle);
        let mut unmodelled = 0;
        let mut refused = false;
        match modelled {
            // Those that change nothing but at once have been written already.
            Modelled::Gpio(_) | Modelled::Exti => {}
            Modelled::Tim2 => {
                self.tim2.advance(cycle);
                unmodelled = self.tim2.write(offset, value, cycle);
            }
            Modelled::Tim21 => {
                self.tim21.advance(cycle);
                unmodelled = self.tim21.write(offset, value, cycle);
            }
            Modelled::Wwdg => {
                self.wwdg.advance(cycle);
                if self.wwdg.write(offset, value, cycle) {
                    self.request_reset(ResetCause::WindowWatchdog);
                }
            }
            Modelled::Syscfg if COMPARATORS.contains(&offset) => self.write_other(register, value),
            Modelled::Syscfg => {
                self.attention = true;
                self.syscfg.write(offset, value);
                self.exti.set_pins(self.syscfg.lines(self.levels()));
            }
            Modelled::Flash => {
                self.attention = true;
                refused = self.nvm.write(offset, value);
            }
            Modelled::Pwr => {
                let enabled = self.pwr.wake_up_pins();
                unmodelled = self.pwr.write(offset, value, now, &self.timing);
                self.pwr.look_at_pins(enabled, self.wake_up_pins());
                self.compare_supply();
            }
            Modelled::Rcc => {
                self.attention = true;
                unmodelled = rcc::unmodelled(offset, value);
                refused = self.write_rcc(register, offset, value, cycle, now);
            }
            Modelled::Lptim1 => {
                let tick = self.kernel_tick(cycle, now);
                self.lptim.advance(tick);
                let written = self.lptim.write(offset, value, tick);
                (unmodelled, refused) = (written.unmodelled, written.refused);
            }
            Modelled::Iwdg => {
                let tick = self.rcc.lsi_ticks.ticks_at(now);
                self.iwdg.advance(tick);
                match self.iwdg.write(offset, value, tick) {
                    Effect::Taken => {}
                    Effect::Refused => refused = true,
                    Effect::Started => self.rcc.force_lsi(now, &self.timing),
                    Effect::Bites => self.request_reset(ResetCause::Watchdog),
                }
            }
            Modelled::Rtc => {
                let tick = self.rcc.lsi_ticks.ticks_at(now);
                self.rtc.advance(tick);
                let written = self.rtc.write(offset, value, tick, self.pwr.backup_writable());
                (unmodelled, refused) = (written.unmodelled, written.refused);
            }
        }
        if unmodelled != 0 {
            self.note(Finding::UnmodelledMode, register.address, unmodelled);
        }
        if refused {
            self.note(Finding::Refused, register.address, 0);
        }
    }

    /// A write to a register that only keeps what is written.
    fn write_other(&mut self, register: &Register, value: u32) {
        self.note(Finding::UnmodelledWrite, register.address, value);
        self.others.write(register, value);
    }

    fn request_reset(&mut self, cause: ResetCause) {
        self.reset_request = Some(cause);
        self.attention = true;
    }

    /// A write to the RCC, and what hangs on its clocks. Tells whether something was refused.
    fn write_rcc(
        &mut self,
        register: &Register,
        offset: u32,
        value: u32,
        cycle: u64,
        now: Time,
    ) -> bool {
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
                let shut = register.reset & !value;
                if shut != 0 {
                    self.note(Finding::UnmodelledMode, register.address, shut);
                }
            }
            rcc::IOPRSTR..=rcc::APB1RSTR => self.reset_peripherals(register, offset, value),
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
    fn reset_peripherals(&mut self, register: &Register, offset: u32, bits: u32) {
        let enables = offset - rcc::IOPRSTR + rcc::IOPENR;
        for peripheral in registers::PERIPHERALS {
            let Some(gate) = peripheral.clock else { continue };
            // Reset and enable bits have the same places.
            if gate.offset != enables || bits >> gate.bit & 1 == 0 {
                continue;
            }
            match peripheral.modelled {
                // Resetting the memory interface is left out.
                Some(Modelled::Flash) => {
                    self.note(Finding::UnmodelledMode, register.address, 1 << gate.bit);
                }
                Some(modelled) => self.reset_modelled(modelled),
                None => {}
            }
            self.others.reset_block(peripheral.base);
        }
    }

    fn reset_modelled(&mut self, modelled: Modelled) {
        match modelled {
            Modelled::Gpio(port) => {
                let port = super::index(port);
                let (moder, ospeedr, pupdr) = super::PORT_RESET[port];
                self.gpio[port].reset(moder, ospeedr, pupdr);
                self.pins_changed = true;
                self.exti.set_pins(self.syscfg.lines(self.levels()));
            }
            Modelled::Tim2 => self.tim2.reset(),
            Modelled::Tim21 => self.tim21.reset(),
            Modelled::Wwdg => self.wwdg.reset(),
            Modelled::Lptim1 => self.lptim = LowPowerTimer::new(),
            Modelled::Pwr => {
                self.pwr.reset();
                self.compare_supply();
            }
            Modelled::Syscfg => {
                self.syscfg = Syscfg::new();
                self.exti.set_pins(self.syscfg.lines(self.levels()));
            }
            // No bit resets these.
            Modelled::Exti | Modelled::Flash | Modelled::Iwdg | Modelled::Rcc | Modelled::Rtc => {}
        }
    }
}
