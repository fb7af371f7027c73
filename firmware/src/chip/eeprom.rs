//! The data EEPROM: 128 words at 0x0808_0000.
//!
//! A write is a plain store of a word while the block is unlocked; erasing is automatic where it is
//! needed (FIX and ERASE stay clear). The flash has one bank, so the core stalls at its next fetch
//! until the operation is over: 3.3 ms typically, 3.9 ms at most, twice that for a word that holds
//! something. Timers, the watchdog and the pins' edge detectors go on; what changed meanwhile is seen
//! by the next step.
//!
//! Voltage range 2 holds from reset on, so the open question whether range 3 may write never arises.
//! Every wait is bounded; whoever loses power in a write loses that word alone.

use core::ptr;

use firmware::journal::{self, WORDS, WriteError};

use super::Chip;

const BASE: *mut u32 = 0x0808_0000 as *mut u32;
const KEYS: [u32; 2] = [0x89AB_CDEF, 0x0203_0405];

/// Polls of the busy flag. One takes at least 8 cycles, 3.8 us; all of them four times the longest
/// operation, should the core not have stalled.
const POLLS: u32 = 8_000;

/// The EEPROM.
pub(super) struct Eeprom<'a> {
    chip: &'a Chip,
}

impl<'a> Eeprom<'a> {
    pub(super) const fn new(chip: &'a Chip) -> Self {
        Self { chip }
    }

    fn is_idle(&self) -> bool {
        (0..POLLS).any(|_| self.chip.flash.sr().read().bsy().bit_is_clear())
    }

    /// Flags of an operation long past would condemn this one. A one clears.
    fn clear_flags(&self) {
        self.chip.flash.sr().write(|w| {
            w.eop().set_bit().wrperr().set_bit().pgaerr().set_bit().sizerr().set_bit();
            w.optverr().set_bit().rderr().set_bit().notzeroerr().set_bit().fwwerr().set_bit()
        });
    }

    fn unlock(&self) -> bool {
        if self.chip.flash.pecr().read().pelock().bit_is_set() {
            for key in KEYS {
                self.chip.flash.pekeyr().write(|w| w.pekeyr().set(key));
            }
        }
        self.chip.flash.pecr().read().pelock().bit_is_clear()
    }

    fn lock(&self) {
        self.chip.flash.pecr().modify(|_, w| w.pelock().set_bit());
    }

    fn is_in_order(&self) -> bool {
        let status = self.chip.flash.sr().read();
        status.wrperr().bit_is_clear()
            && status.pgaerr().bit_is_clear()
            && status.sizerr().bit_is_clear()
            && status.notzeroerr().bit_is_clear()
            && status.fwwerr().bit_is_clear()
    }
}

/// The address of a word; indices wrap rather than leave the EEPROM.
fn word(index: usize) -> *mut u32 {
    BASE.wrapping_add(index % WORDS)
}

impl journal::Eeprom for Eeprom<'_> {
    fn read(&mut self, index: usize) -> u32 {
        // SAFETY: the EEPROM is always readable, and `word` stays within it.
        unsafe { ptr::read_volatile(word(index)) }
    }

    fn write(&mut self, index: usize, value: u32) -> Result<(), WriteError> {
        if !self.is_idle() {
            return Err(WriteError);
        }
        self.clear_flags();
        if !self.unlock() {
            return Err(WriteError);
        }
        // SAFETY: `word` stays within the EEPROM; while it is unlocked a store is a write.
        unsafe { ptr::write_volatile(word(index), value) };
        let done = self.is_idle() && self.is_in_order();
        self.lock();
        if done { Ok(()) } else { Err(WriteError) }
    }
}
