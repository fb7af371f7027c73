//! Registers of peripherals that the chip has and this model does not.
//!
//! ADC, comparators, CRC, DBGMCU, DMA1, I2C1, LPUART1, SPI1, USART2. They read as after reset, or as
//! written; nothing happens, and the report tells of it.

use crate::registers::{Access, BLOCK, Register};

/// Values that were written, at most; those of further registers are forgotten.
const WRITTEN: usize = 64;

/// The registers.
#[derive(Clone, Debug)]
pub(crate) struct Others {
    /// Address and value, by rising address.
    written: Vec<(u32, u32)>,
}

impl Others {
    pub(crate) fn new() -> Self {
        Self { written: Vec::with_capacity(WRITTEN) }
    }

    pub(crate) fn reset(&mut self) {
        self.written.clear();
    }

    /// The registers of the peripheral whose block begins here are as after reset.
    pub(crate) fn reset_block(&mut self, base: u32) {
        self.written.retain(|(address, _)| address.wrapping_sub(base) >= BLOCK);
    }

    pub(crate) fn read(&self, register: &Register) -> u32 {
        match self.written.binary_search_by_key(&register.address, |(address, _)| *address) {
            Ok(at) => self.written.get(at).map_or(0, |(_, value)| *value),
            Err(_) => register.reset,
        }
    }

    pub(crate) fn write(&mut self, register: &Register, value: u32) {
        match register.access {
            Access::ReadWrite => {}
            Access::ReadOnly | Access::WriteOnly | Access::ClearByZero => return,
        }
        match self.written.binary_search_by_key(&register.address, |(address, _)| *address) {
            Ok(at) => self.written[at].1 = value,
            Err(at) if self.written.len() < WRITTEN => {
                self.written.insert(at, (register.address, value));
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::lookup;

    #[test]
    fn they_read_as_reset_or_written() {
        let mut others = Others::new();
        let (cr1, isr) = (lookup(0x4000_4400).unwrap(), lookup(0x4000_441C).unwrap());
        assert_eq!((others.read(cr1), others.read(isr)), (0, 0xC0));
        others.write(cr1, 5);
        others.write(isr, 5);
        assert_eq!((others.read(cr1), others.read(isr)), (5, 0xC0));
        others.reset_block(0x4000_4400);
        assert_eq!(others.read(cr1), 0);
    }
}
