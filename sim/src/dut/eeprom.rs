//! The STM32L011's data EEPROM: 128 words that take time to write and tear when power goes.
//!
//! A write stalls the core until it is done (single bank). Erasing is automatic: old ≠ 0 and
//! new ≠ 0 cost two operations, anything else one. A word whose write is cut short is arbitrary, all
//! others are safe; what it becomes is the scenario's choice.

use firmware::journal::{self, WORDS, WriteError};
use firmware::record::Record;

use crate::quantity::Nanos;
use crate::scenario::{StartEeprom, Tear};

/// A write and what it replaced.
#[derive(Clone, Copy, Debug)]
struct Operation {
    index: usize,
    old: u32,
    new: u32,
    duration: Nanos,
}

/// The EEPROM.
#[derive(Clone, Debug)]
pub struct Eeprom {
    words: [u32; WORDS],
    operation_time: Nanos,
    /// The writes since the last [`Eeprom::complete`], in order.
    pending: Vec<Operation>,
    /// The words that keep what they hold, whatever is written: bit n is word n.
    dead_words: u128,
}

impl journal::Eeprom for Eeprom {
    fn read(&mut self, index: usize) -> u32 {
        self.words[index]
    }

    fn write(&mut self, index: usize, value: u32) -> Result<(), WriteError> {
        let old = self.words[index];
        let operations = if old != 0 && value != 0 { 2 } else { 1 };
        let duration = self.operation_time.saturating_mul(operations);
        let new = if self.dead_words >> index & 1 != 0 { old } else { value };
        self.words[index] = new;
        self.pending.push(Operation { index, old, new, duration });
        Ok(())
    }
}

impl Eeprom {
    /// An EEPROM with contents; `operation_time` is one erase or one write of a word.
    pub fn new(contents: StartEeprom, operation_time: Nanos) -> Self {
        let words = [0; WORDS];
        let mut eeprom = Self { words, operation_time, pending: Vec::new(), dead_words: 0 };
        match contents {
            StartEeprom::Blank | StartEeprom::Record(Record::Undefined) => {}
            StartEeprom::Record(record) => {
                let mut journal = journal::Journal::open(&mut eeprom);
                let _ = journal.store(&mut eeprom, record);
                eeprom.complete();
            }
            StartEeprom::Original { sequence, record } => {
                eeprom.fill_original(sequence, record);
            }
        }
        eeprom
    }

    /// The words, as they are when the pending writes are done.
    pub fn words(&self) -> &[u32; WORDS] {
        &self.words
    }

    /// Changes the time of one erase or one write of a word, for writes to come.
    pub fn set_operation_time(&mut self, operation_time: Nanos) {
        self.operation_time = operation_time;
    }

    /// From now on these words keep what they hold, whatever is written; no error tells of it.
    pub fn set_dead_words(&mut self, words: u128) {
        self.dead_words = words;
    }

    /// The queue of the original firmware: 16 entries of {sequence, state}, the oldest overwritten.
    fn fill_original(&mut self, newest: u32, record: Record) {
        for back in (0..16u32).rev() {
            let Some(sequence) = newest.checked_sub(back) else {
                continue;
            };
            let first = 1 + 2 * (sequence % 16) as usize;
            let state = if back == 0 { record } else { Record::OnPowered };
            self.words[first] = sequence;
            self.words[first + 1] = state.number();
        }
    }

    /// Time that the pending writes take altogether.
    pub fn pending_time(&self) -> Nanos {
        self.pending.iter().fold(Nanos::ZERO, |sum, write| sum.saturating_add(write.duration))
    }

    /// The number of pending writes.
    pub fn pending_writes(&self) -> u32 {
        self.pending.len() as u32
    }

    /// The middle of the `nth` pending write, from 1, counted from the first one's start.
    pub fn middle_of(&self, nth: u32) -> Option<Nanos> {
        let index = nth.checked_sub(1)? as usize;
        let write = self.pending.get(index)?;
        let before =
            self.pending[..index].iter().fold(Nanos::ZERO, |sum, w| sum.saturating_add(w.duration));
        Some(before.saturating_add(Nanos(write.duration.0 / 2)))
    }

    /// The pending writes are done.
    pub fn complete(&mut self) {
        self.pending.clear();
    }

    /// Power went `after` the first pending write began: what was not written is as before, the
    /// word under way becomes what `tear` says.
    pub fn tear(&mut self, after: Nanos, tear: Tear) {
        let mut started = Nanos::ZERO;
        let mut undone: Vec<(Operation, bool)> = Vec::new();
        for write in self.pending.drain(..) {
            let done = started.saturating_add(write.duration);
            if done > after {
                undone.push((write, started <= after));
            }
            started = done;
        }
        for (write, under_way) in undone.into_iter().rev() {
            let torn = match tear {
                Tear::Old => write.old,
                Tear::Erased => 0,
                Tear::Mixed => (write.old & 0xAAAA_AAAA) | (write.new & 0x5555_5555),
                Tear::Ones => u32::MAX,
            };
            self.words[write.index] = if under_way { torn } else { write.old };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware::journal::{Eeprom as _, Journal, Stored};

    fn blank() -> Eeprom {
        Eeprom::new(StartEeprom::Blank, Nanos(3_280_000))
    }

    #[test]
    fn a_dead_word_keeps_what_it_holds_and_the_journal_passes_its_slot_over() {
        let mut eeprom = blank();
        eeprom.set_dead_words(0b1111 << 34);
        let mut journal = Journal::open(&mut eeprom);
        assert_eq!(journal.store(&mut eeprom, Record::OffPowered), Stored::Written);
        assert_eq!(eeprom.words()[34..38], [0; 4]);
        assert_eq!(Journal::open(&mut eeprom).stored(), Some(Record::OffPowered));
        eeprom.set_dead_words(u128::MAX);
        assert_eq!(journal.store(&mut eeprom, Record::OnPowered), Stored::Failed);
        assert_eq!(Journal::open(&mut eeprom).stored(), Some(Record::OffPowered));
    }

    #[test]
    fn a_write_over_something_costs_two_operations() {
        let mut eeprom = blank();
        assert_eq!(eeprom.write(40, 5), Ok(()));
        assert_eq!(eeprom.pending_time(), Nanos(3_280_000));
        assert_eq!(eeprom.write(40, 6), Ok(()));
        assert_eq!(eeprom.pending_time(), Nanos(3 * 3_280_000));
    }

    #[test]
    fn only_the_word_under_way_tears() {
        let mut eeprom = blank();
        for (index, value) in [(40, 7), (41, 8), (42, 9)] {
            assert_eq!(eeprom.write(index, value), Ok(()));
        }
        let middle = eeprom.middle_of(2).unwrap();
        eeprom.tear(middle, Tear::Ones);
        assert_eq!([40, 41, 42].map(|index| eeprom.read(index)), [7, u32::MAX, 0]);
    }

    #[test]
    fn the_original_s_queue_is_what_its_firmware_leaves() {
        let original = StartEeprom::Original { sequence: 41, record: Record::OffPowered };
        let mut eeprom = Eeprom::new(original, Nanos(1));
        assert_eq!(Journal::open(&mut eeprom).record(), Record::OffPowered);
        assert_eq!(Journal::open(&mut eeprom).stored(), None);
    }
}
