//! What a program did that the chip does not do, or this model does not.
//!
//! One entry for each kind of finding and register, ordered so, with a count and the first instruction
//! that did it. Registers have ST's names ([`registers`]).

use std::fmt;

use crate::registers;

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A register of a peripheral that is not modelled was read: its reset value, or what was written.
    UnmodelledRead,
    /// A register of a peripheral that is not modelled was written: remembered, without effect.
    UnmodelledWrite,
    /// A mode of a modelled peripheral that is not modelled was asked for.
    UnmodelledMode,
    /// Bits that the chip lacks were written as ones.
    ReservedBits,
    /// A peripheral was accessed while its clock was off: reads as zero, writes are lost.
    Unclocked,
    /// A register was accessed in a width that it does not take.
    Width,
    /// EEPROM or flash was written in voltage range 3. No statement of ST's was found that allows it or
    /// forbids it: done here, and doubtful.
    LowestRange,
    /// Something was written that was locked, read-only or not writable in this state.
    Refused,
    /// A peripheral has no register at this address: reads as zero, writes are lost.
    NoRegister,
    /// Nothing is at the address: a bus fault.
    Nothing,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnmodelledRead => "read, but not modelled",
            Self::UnmodelledWrite => "written, but not modelled",
            Self::UnmodelledMode => "set to a mode that is not modelled",
            Self::ReservedBits => "written with reserved bits",
            Self::Unclocked => "accessed without its clock",
            Self::Width => "accessed in a width that it does not take",
            Self::LowestRange => "written in voltage range 3, which is doubtful",
            Self::Refused => "written where it cannot be",
            Self::NoRegister => "accessed, but not a register",
            Self::Nothing => "accessed, but nothing is there",
        })
    }
}

/// One kind of finding at one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub finding: Finding,
    /// The address.
    pub address: u32,
    /// The bits concerned, of all times together, where they can be told; else zero.
    pub bits: u32,
    /// How often. Turns of a polling loop that the core skipped are not counted.
    pub count: u64,
    /// The instruction that did it first.
    pub first_pc: u32,
}

impl Entry {
    /// The register's name, `RCC_CR`; the address in hexadecimal if there is no register.
    #[must_use]
    pub fn name(&self) -> String {
        match registers::lookup(self.address) {
            Some(register) => register.to_string(),
            None => match registers::peripheral(self.address) {
                Some(peripheral) => {
                    format!("{}+{:#05x}", peripheral.name, self.address - peripheral.base)
                }
                None => format!("{:#010x}", self.address),
            },
        }
    }
}

/// Entries kept at most.
const ENTRIES: usize = 256;

/// All findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ordered by finding and address.
    entries: Vec<Entry>,
    dropped: u64,
}

impl Report {
    pub(crate) fn new() -> Self {
        // Room for all, so that nothing is allocated while the core runs.
        Self { entries: Vec::with_capacity(ENTRIES), dropped: 0 }
    }

    /// The findings, by kind and address.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Findings that found no room among the first 256 kinds and addresses.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Notes one.
    #[cold]
    pub(crate) fn note(&mut self, finding: Finding, address: u32, bits: u32, pc: u32) {
        let key = (finding, address);
        match self.entries.binary_search_by_key(&key, |entry| (entry.finding, entry.address)) {
            Ok(at) => {
                let entry = &mut self.entries[at];
                entry.bits |= bits;
                entry.count += 1;
            }
            Err(at) if self.entries.len() < ENTRIES => {
                let entry = Entry { finding, address, bits, count: 1, first_pc: pc };
                self.entries.insert(at, entry);
            }
            Err(_) => self.dropped += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_add_up_in_order() {
        let mut report = Report::new();
        assert!(report.is_empty());
        report.note(Finding::Unclocked, 0x4000_0024, 0, 7);
        report.note(Finding::ReservedBits, 0x4002_1038, 2, 8);
        report.note(Finding::ReservedBits, 0x4002_1038, 4, 9);
        let lines: Vec<_> = report
            .entries()
            .iter()
            .map(|e| format!("{} {} {:#x} {} {}", e.name(), e.finding, e.bits, e.count, e.first_pc))
            .collect();
        assert_eq!(
            lines,
            [
                "RCC_APB1ENR written with reserved bits 0x6 2 8",
                "TIM2_CNT accessed without its clock 0x0 1 7",
            ]
        );
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut report = Report::new();
        (0..1_000).for_each(|n| report.note(Finding::Nothing, n, 0, 0));
        assert_eq!((report.entries().len(), report.dropped()), (256, 744));
    }
}
