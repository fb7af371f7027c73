//! Memory accesses that are not plain RAM or flash: the cold paths of the loop.
//!
//! Here are the alias at address zero, wait states, the busy NVM, the core's private peripherals, the
//! single-cycle I/O port, everything on the bus, and the faults of accesses.

use super::exception::FaultCause;
use super::scs::reserved_bits;
use super::{Core, Exit, Nvm};
use crate::bus::{Bus, Width};
use crate::memory::{FLASH, Memory, RAM, value_at};

/// Why an access did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// Nobody answers.
    Fault,
    /// The NVM is busy: try again.
    Stall,
}

/// Where the private peripherals of the core are.
const PRIVATE: std::ops::RangeInclusive<u32> = 0xE000_0000..=0xE00F_FFFF;

/// Whether the NVM answers at this address: flash, EEPROM, system memory, option bytes.
const fn in_nvm(address: u32) -> bool {
    matches!(address >> 20, 0x080 | 0x1FF)
}

/// The cycles of a single load or store: the I/O port saves the data phase.
const fn cycles_of(address: u32) -> u64 {
    if matches!(address >> 28, 0x5) { 1 } else { 2 }
}

impl Core {
    /// Reads at an aligned address.
    pub(super) fn read(
        &mut self,
        memory: &Memory,
        bus: &mut impl Bus,
        address: u32,
        width: Width,
    ) -> Result<u32, Miss> {
        if PRIVATE.contains(&address) {
            return self.scs_read(address, width).ok_or(Miss::Fault);
        }
        let address = memory.at_zero.resolve(address);
        if let Some(value) = value_at(&memory.ram[..], address.wrapping_sub(RAM), width) {
            return Ok(value);
        }
        if in_nvm(address) {
            if self.nvm == Nvm::Busy {
                return Err(Miss::Stall);
            }
            self.hot.cycle += self.wait_states();
            if let Some(value) = value_at(memory.flash(), address - FLASH, width) {
                return Ok(value);
            }
        }
        bus.accessed_from(self.hot.pc);
        let read = bus.read(address, width, self.hot.cycle).map_err(|_| Miss::Fault)?;
        self.skip.read(read.steady_until);
        self.sample(bus);
        Ok(read.value)
    }

    /// Writes to an aligned address.
    pub(super) fn write(
        &mut self,
        memory: &mut Memory,
        bus: &mut impl Bus,
        address: u32,
        width: Width,
        value: u32,
    ) -> Result<(), Miss> {
        if PRIVATE.contains(&address) {
            self.scs_write(address, width, value).ok_or(Miss::Fault)?;
            let reserved = reserved_bits(address, value);
            if reserved != 0 {
                bus.accessed_from(self.hot.pc);
                bus.reserved_bits(address, reserved);
            }
            return Ok(());
        }
        let address = memory.at_zero.resolve(address);
        let at = address.wrapping_sub(RAM) as usize;
        let length = width.bytes() as usize;
        if let Some(bytes) = at.checked_add(length).and_then(|end| memory.ram.get_mut(at..end)) {
            bytes.copy_from_slice(&value.to_le_bytes()[..length]);
            return Ok(());
        }
        if in_nvm(address) && self.nvm == Nvm::Busy {
            return Err(Miss::Stall);
        }
        bus.accessed_from(self.hot.pc);
        bus.write(address, width, value, self.hot.cycle).map_err(|_| Miss::Fault)?;
        self.exit = Some(Exit::Wrote);
        self.hot.deadline = 0;
        self.sample(bus);
        Ok(())
    }

    /// Takes the interrupt lines as they are now; the loop ends if one has to be taken.
    pub(super) fn sample(&mut self, bus: &impl Bus) {
        let lines = bus.lines();
        if lines == self.nvic.lines() && lines == 0 {
            return;
        }
        if self.nvic.sample(lines) {
            self.signal_pending();
            self.hot.deadline = 0;
        }
    }

    /// The half-word of an instruction that is read from the bus; `None` after a fault or stall.
    pub(super) fn fetch(
        &mut self,
        memory: &Memory,
        bus: &mut impl Bus,
        address: u32,
    ) -> Option<u16> {
        if matches!(address >> 28, 0x4 | 0x5 | 0xA..) {
            self.raise(FaultCause::ExecuteNever, Some(address));
            return None;
        }
        match self.read(memory, bus, address, Width::Half) {
            Ok(value) => Some(value as u16),
            Err(Miss::Fault) => {
                self.raise(FaultCause::Fetch, Some(address));
                None
            }
            Err(Miss::Stall) => {
                self.stall();
                None
            }
        }
    }

    /// The core waits for the NVM; the instruction begins anew then.
    pub(super) fn stall(&mut self) {
        self.stalled = true;
        self.exit = Some(Exit::Stalled);
        self.hot.deadline = 0;
    }

    /// An access of the instruction under way did not happen, and so neither did the instruction.
    fn missed(&mut self, miss: Miss, address: u32) {
        match miss {
            Miss::Fault => self.raise(FaultCause::Bus, Some(address)),
            Miss::Stall => {
                self.hot.instructions -= 1;
                self.stall();
            }
        }
    }

    /// Whether the address is aligned; if not, the instruction faults.
    fn aligned(&mut self, address: u32, width: Width) -> bool {
        let aligned = address.is_multiple_of(width.bytes());
        if !aligned {
            self.raise(FaultCause::Unaligned, Some(address));
        }
        aligned
    }

    /// A load that was not in line; `None` after a fault or stall.
    #[cold]
    #[inline(never)]
    pub(super) fn load_slowly<B: Bus>(
        &mut self,
        memory: &mut Memory,
        bus: &mut B,
        address: u32,
        width: Width,
    ) -> Option<u32> {
        if !self.aligned(address, width) {
            return None;
        }
        match self.read(memory, bus, address, width) {
            Ok(value) => {
                self.hot.cycle += cycles_of(address);
                Some(value)
            }
            Err(miss) => {
                self.missed(miss, address);
                None
            }
        }
    }

    /// A store that was not in line; `None` after a fault or stall.
    #[cold]
    #[inline(never)]
    pub(super) fn store_slowly<B: Bus>(
        &mut self,
        memory: &mut Memory,
        bus: &mut B,
        address: u32,
        width: Width,
        value: u32,
    ) -> Option<()> {
        if !self.aligned(address, width) {
            return None;
        }
        match self.write(memory, bus, address, width, value) {
            Ok(()) => {
                self.hot.cycle += cycles_of(address);
                Some(())
            }
            Err(miss) => {
                self.missed(miss, address);
                None
            }
        }
    }

    /// Whether a transfer of several words would meet the busy NVM; it then does not begin, so that
    /// beginning anew repeats nothing.
    fn would_stall(&self, memory: &Memory, address: u32, list: u16) -> bool {
        let last = address.wrapping_add((list.count_ones() * 4).saturating_sub(1));
        self.nvm == Nvm::Busy
            && (in_nvm(memory.at_zero.resolve(address)) || in_nvm(memory.at_zero.resolve(last)))
    }

    /// LDM or POP that was not in line; `None` after a fault or stall.
    #[cold]
    #[inline(never)]
    pub(super) fn load_multiple_slowly<B: Bus>(
        &mut self,
        memory: &mut Memory,
        bus: &mut B,
        address: u32,
        list: u16,
    ) -> Option<()> {
        if !self.aligned(address, Width::Word) {
            return None;
        }
        if self.would_stall(memory, address, list) {
            self.missed(Miss::Stall, address);
            return None;
        }
        // What is loaded before a fault is dropped: the handler finds the registers as they were.
        let mut loaded = self.r.all();
        let mut at = address;
        for (number, register) in loaded.iter_mut().enumerate() {
            if list >> number & 1 == 0 {
                continue;
            }
            match self.read(memory, bus, at, Width::Word) {
                Ok(value) => *register = value,
                Err(miss) => {
                    self.missed(miss, at);
                    return None;
                }
            }
            self.hot.cycle += 1;
            at = at.wrapping_add(4);
        }
        for (number, value) in (0..).zip(loaded) {
            self.r[number] = value;
        }
        self.hot.cycle += 1;
        Some(())
    }

    /// STM or PUSH that was not in line; `None` after a fault or stall.
    #[cold]
    #[inline(never)]
    pub(super) fn store_multiple_slowly<B: Bus>(
        &mut self,
        memory: &mut Memory,
        bus: &mut B,
        address: u32,
        list: u16,
    ) -> Option<()> {
        if !self.aligned(address, Width::Word) {
            return None;
        }
        if self.would_stall(memory, address, list) {
            self.missed(Miss::Stall, address);
            return None;
        }
        let mut at = address;
        for number in 0..16 {
            if list >> number & 1 == 0 {
                continue;
            }
            let value = self.r[number];
            if let Err(miss) = self.write(memory, bus, at, Width::Word, value) {
                self.missed(miss, at);
                return None;
            }
            self.hot.cycle += 1;
            at = at.wrapping_add(4);
        }
        self.hot.cycle += 1;
        Some(())
    }
}
