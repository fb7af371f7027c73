//! The general registers, by number.

use std::fmt;
use std::ops::{Index, IndexMut};

/// R0 to R12, the SP in use, the LR, and a place that POP uses on the way to the PC.
///
/// There is room for any `u8`, though only the first sixteen are ever used: a register number out of a
/// decoded instruction then needs neither a check nor a mask.
#[derive(Clone)]
pub(super) struct Registers([u32; 256]);

impl Registers {
    pub(super) const fn new() -> Self {
        Self([0; 256])
    }

    /// Those that exist.
    pub(super) fn all(&self) -> [u32; 16] {
        std::array::from_fn(|number| self.0[number])
    }
}

impl Index<u8> for Registers {
    type Output = u32;

    #[inline(always)]
    fn index(&self, number: u8) -> &u32 {
        &self.0[usize::from(number)]
    }
}

impl IndexMut<u8> for Registers {
    #[inline(always)]
    fn index_mut(&mut self, number: u8) -> &mut u32 {
        &mut self.0[usize::from(number)]
    }
}

impl fmt::Debug for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x?}", self.all())
    }
}
