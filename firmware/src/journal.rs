//! The journal: the stored state, safe against a power cut at any point of any write (R12).
//!
//! **Medium.** The STM32L011's data EEPROM: 128 words of 32 bits. The word is the unit of wear and
//! of tearing: power lost during a write leaves *that* word arbitrary and all others alone.
//!
//! **Layout.** Words 1..=32 are the original firmware's queue, read once and never written. From
//! word 34 on lie [`SLOTS`] slots of two words, used in turn:
//! `payload = sequence << 4 | state` and `check = CRC-32(payload)`, written in this order.
//!
//! **Why no cut can invent a state.** A CRC-32 of 32 bits is a bijection, so a check word fits
//! exactly one payload. Torn while the payload is written, the slot keeps its old check: it fits
//! only the old payload, which is an old record with an old sequence number. Torn while the check
//! is written, it fits only if it is the new record. So after any cut the newest valid record is
//! the old or the new one, whatever the torn word holds.
//!
//! **Wear.** Each change writes one slot of 47, so 100 000 cycles of a word are 4.7 million changes.
//! A slot that does not read back is passed over; it costs wear levelling, not function.

use crate::record::Record;
use crate::signals::JournalHealth;

/// Words of the EEPROM.
pub const WORDS: usize = 128;
/// Slots of the journal.
pub const SLOTS: usize = 47;
/// First word of the journal.
const BASE: usize = 34;
/// Slots tried for one record before the journal gives up on it.
const ATTEMPTS: usize = 8;
/// Entries of the original firmware's queue, and its first word.
const ORIGINAL_ENTRIES: usize = 16;
const ORIGINAL_BASE: usize = 1;
/// Sequence numbers have 28 bits and are compared modulo their range.
const SEQUENCE_MASK: u32 = 0x0FFF_FFFF;

const _: () = assert!(BASE + 2 * SLOTS == WORDS, "the slots fill the EEPROM");
const _: () = assert!(ORIGINAL_BASE + 2 * ORIGINAL_ENTRIES < BASE, "the original's queue is kept");

/// A word could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteError;

/// The EEPROM, word by word.
pub trait Eeprom {
    /// The word at `index`, 0 ..= 127.
    fn read(&mut self, index: usize) -> u32;

    /// Erases and writes the word at `index` as needed; returns when it is done (3.3–6.6 ms).
    ///
    /// # Errors
    /// The hardware refused or timed out. Success does not promise that the cell took the value.
    fn write(&mut self, index: usize, value: u32) -> Result<(), WriteError>;
}

/// What became of a record that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Stored {
    /// It was written.
    Written,
    /// It was there already; nothing was written.
    Unchanged,
    /// No slot took it.
    Failed,
}

/// The newest record and where the next one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The newest valid record of our own: its slot, sequence number and state.
    newest: Option<Entry>,
    /// The slot that is tried next.
    next: usize,
    /// The original firmware's state, if it left one.
    original: Option<Record>,
    health: JournalHealth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    slot: usize,
    sequence: u32,
    record: Record,
}

impl Journal {
    /// Reads the EEPROM once.
    #[must_use]
    pub fn open(eeprom: &mut impl Eeprom) -> Self {
        let mut newest: Option<Entry> = None;
        for slot in 0..SLOTS {
            let Some(entry) = read_slot(eeprom, slot) else {
                continue;
            };
            if newest.is_none_or(|best| is_newer(entry.sequence, best.sequence)) {
                newest = Some(entry);
            }
        }
        let next = newest.map_or(0, |entry| after(entry.slot));
        Self { newest, next, original: read_original(eeprom), health: JournalHealth::Working }
    }

    /// What the board remembers: our own newest record, else the original firmware's.
    #[must_use]
    pub fn record(&self) -> Record {
        self.stored().or(self.original).unwrap_or(Record::Undefined)
    }

    /// Our own newest record.
    #[must_use]
    pub fn stored(&self) -> Option<Record> {
        self.newest.map(|entry| entry.record)
    }

    /// Whether the last record that was to be stored was stored.
    #[must_use]
    pub const fn health(&self) -> JournalHealth {
        self.health
    }

    /// Stores `record` unless it is the newest one already.
    pub fn store(&mut self, eeprom: &mut impl Eeprom, record: Record) -> Stored {
        if self.stored() == Some(record) {
            self.health = JournalHealth::Working;
            return Stored::Unchanged;
        }
        let sequence =
            self.newest.map_or(0, |entry| entry.sequence.wrapping_add(1) & SEQUENCE_MASK);
        for _ in 0..ATTEMPTS {
            let slot = self.next;
            self.next = after(slot);
            // The newest record stays until another one is safe.
            if self.newest.is_some_and(|entry| entry.slot == slot) {
                continue;
            }
            let entry = Entry { slot, sequence, record };
            if write_slot(eeprom, entry) {
                self.newest = Some(entry);
                self.health = JournalHealth::Working;
                return Stored::Written;
            }
        }
        self.health = JournalHealth::Failed;
        Stored::Failed
    }
}

fn write_slot(eeprom: &mut impl Eeprom, entry: Entry) -> bool {
    let payload = entry.sequence << 4 | entry.record.number();
    let (first, second) = words(entry.slot);
    eeprom.write(first, payload).is_ok()
        && eeprom.write(second, check(payload)).is_ok()
        && eeprom.read(first) == payload
        && eeprom.read(second) == check(payload)
}

fn read_slot(eeprom: &mut impl Eeprom, slot: usize) -> Option<Entry> {
    let (first, second) = words(slot);
    let payload = eeprom.read(first);
    if eeprom.read(second) != check(payload) {
        return None;
    }
    let record = match Record::from_number(payload & 0xF) {
        Some(Record::Undefined) | None => return None,
        Some(record) => record,
    };
    Some(Entry { slot, sequence: payload >> 4, record })
}

/// The newest entry of the original firmware's queue that can be trusted.
///
/// It wrote the sequence number before the state, and neither with a check. A newest entry without a
/// state was torn, and so was one whose number does not follow that of the slot before it; then the
/// entry before counts. (A state torn into another valid one cannot be told.)
fn read_original(eeprom: &mut impl Eeprom) -> Option<Record> {
    let mut newest: Option<(u32, Record)> = None;
    let (mut previous, mut previous_state) = original_entry(eeprom, ORIGINAL_ENTRIES - 1);
    for entry in 0..ORIGINAL_ENTRIES {
        let (sequence, state) = original_entry(eeprom, entry);
        let first = previous == 0 && previous_state == 0;
        let follows = first || sequence == previous.wrapping_add(1);
        (previous, previous_state) = (sequence, state);
        let record = match Record::from_number(state) {
            Some(Record::Undefined) | None => continue,
            Some(record) => record,
        };
        if follows && newest.is_none_or(|(best, _)| sequence > best) {
            newest = Some((sequence, record));
        }
    }
    newest.map(|(_, record)| record)
}

fn original_entry(eeprom: &mut impl Eeprom, entry: usize) -> (u32, u32) {
    let first = ORIGINAL_BASE.wrapping_add(entry.wrapping_mul(2));
    (eeprom.read(first), eeprom.read(first.wrapping_add(1)))
}

const fn words(slot: usize) -> (usize, usize) {
    let first = BASE.wrapping_add(slot.wrapping_mul(2));
    (first, first.wrapping_add(1))
}

const fn after(slot: usize) -> usize {
    let next = slot.wrapping_add(1);
    if next < SLOTS { next } else { 0 }
}

/// Whether `a` comes after `b`: less than half the range ahead of it.
const fn is_newer(a: u32, b: u32) -> bool {
    let ahead = a.wrapping_sub(b) & SEQUENCE_MASK;
    ahead != 0 && ahead <= SEQUENCE_MASK / 2
}

/// CRC-32 (polynomial 0x04C11DB7, reflected) of the payload's 32 bits. The initial value is such
/// that neither erased (all 0) nor stuck (all 1) words form a record.
#[must_use]
pub const fn check(payload: u32) -> u32 {
    let mut crc = 0x484F_4C44 ^ payload;
    let mut bit = 0u32;
    while bit < 32 {
        let feedback = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
        crc = crc >> 1 ^ feedback;
        bit = bit.wrapping_add(1);
    }
    crc
}

#[cfg(test)]
mod tests;
