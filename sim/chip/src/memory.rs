//! Flash and RAM as the core sees them.
//!
//! The flash is held decoded as well as in bytes, so it can be changed through [`Memory`] only. It is
//! visible at its own address and, after a reset that boots from it, at zero (RM0377, "Memory map" and
//! "Boot configuration"). Both memories answer at once; wait states and an NVM that is busy are the
//! core's business.

use crate::bus::Width;
use crate::core::decode::{Instruction, decode};

/// Bytes of flash.
pub const FLASH_BYTES: usize = 16 << 10;
/// Bytes of RAM.
pub const RAM_BYTES: usize = 2 << 10;
/// Where the flash is.
pub const FLASH: u32 = 0x0800_0000;
/// Where the RAM is.
pub const RAM: u32 = 0x2000_0000;
/// Where the system memory (the boot loader) is. It is the bus that answers there.
pub const SYSTEM_MEMORY: u32 = 0x1FF0_0000;
/// Bytes of system memory.
pub const SYSTEM_MEMORY_BYTES: usize = 4 << 10;

/// What is visible at address zero (SYSCFG_CFGR1.MEM_MODE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtZero {
    /// The flash.
    #[default]
    Flash,
    /// The system memory, through the bus.
    SystemMemory,
    /// The RAM.
    Ram,
}

impl AtZero {
    /// The address that is meant: what is seen at zero is somewhere else. Beyond the end of what is seen
    /// there, nothing is.
    #[must_use]
    pub const fn resolve(self, address: u32) -> u32 {
        let (base, bytes) = match self {
            Self::Flash => (FLASH, FLASH_BYTES),
            Self::SystemMemory => (SYSTEM_MEMORY, SYSTEM_MEMORY_BYTES),
            Self::Ram => (RAM, RAM_BYTES),
        };
        if (address as usize) < bytes { base + address } else { address }
    }
}

/// The value of this width at an offset of a memory, little-endian; none if it is not all inside.
pub(crate) fn value_at(bytes: &[u8], offset: u32, width: Width) -> Option<u32> {
    let at = offset as usize;
    let bytes = bytes.get(at..at.checked_add(width.bytes() as usize)?)?;
    Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte)))
}

/// The memories that the core reads without the bus.
#[derive(Clone, Debug)]
pub struct Memory {
    flash: Box<[u8; FLASH_BYTES]>,
    /// The RAM's bytes.
    pub ram: Box<[u8; RAM_BYTES]>,
    /// What is visible at address zero.
    pub at_zero: AtZero,
    /// One entry for each half-word of flash.
    pub(crate) code: std::sync::Arc<[Instruction; FLASH_BYTES / 2]>,
}

impl Memory {
    /// Flash with this content from its start, erased (zero) beyond; what does not fit is left out. RAM
    /// is zero.
    #[must_use]
    pub fn new(image: &[u8]) -> Self {
        let mut memory = Self {
            flash: Box::new([0; FLASH_BYTES]),
            ram: Box::new([0; RAM_BYTES]),
            at_zero: AtZero::Flash,
            code: std::sync::Arc::new([decode(0, 0); FLASH_BYTES / 2]),
        };
        memory.program(0, image);
        memory
    }

    /// The flash's bytes.
    #[must_use]
    pub fn flash(&self) -> &[u8; FLASH_BYTES] {
        &self.flash
    }

    /// Changes the flash's bytes from this offset on, and decodes them. What lies beyond its end is left
    /// out.
    pub fn program(&mut self, offset: usize, bytes: &[u8]) {
        let length = bytes.len().min(FLASH_BYTES.saturating_sub(offset));
        if length == 0 {
            return;
        }
        self.flash[offset..offset + length].copy_from_slice(&bytes[..length]);
        // A wide instruction may begin one half-word before.
        for index in (offset / 2).saturating_sub(1)..(offset + length).div_ceil(2) {
            let at = index * 2;
            let first = u16::from_le_bytes([self.flash[at], self.flash[at + 1]]);
            // Past the end there is nothing, and zero completes no wide instruction.
            let second = match self.flash.get(at + 2..at + 4) {
                Some(bytes) => u16::from_le_bytes([bytes[0], bytes[1]]),
                None => 0,
            };
            std::sync::Arc::make_mut(&mut self.code)[index] = decode(first, second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_zero_a_memory_is_seen_up_to_its_end() {
        for (at_zero, base, bytes) in [
            (AtZero::Flash, FLASH, 0x4000),
            (AtZero::SystemMemory, SYSTEM_MEMORY, 0x1000),
            (AtZero::Ram, RAM, 0x800),
        ] {
            assert_eq!(at_zero.resolve(0), base);
            assert_eq!(at_zero.resolve(bytes - 1), base + bytes - 1);
            assert_eq!(at_zero.resolve(bytes), bytes);
            assert_eq!(at_zero.resolve(FLASH + 4), FLASH + 4);
        }
    }
}
