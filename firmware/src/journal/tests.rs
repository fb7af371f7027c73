//! The journal against a model: cuts at every word write with every kind of tear, worn cells,
//! migration, wear.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::vec::Vec;

/// An EEPROM that can lose power in the middle of a write and has cells that no longer change.
#[derive(Clone)]
struct Memory {
    words: [u32; WORDS],
    cycles: [u32; WORDS],
    stuck: Vec<usize>,
    /// Writes that still complete, then what the torn word becomes.
    cut: Option<(u32, Tear)>,
    dead: bool,
}

#[derive(Clone, Copy, Debug)]
enum Tear {
    Old,
    Erased,
    Ones,
    New,
    /// Some bits old, some new.
    Mixed(u32),
    Anything(u32),
}

impl Memory {
    fn blank() -> Self {
        Self { words: [0; WORDS], cycles: [0; WORDS], stuck: Vec::new(), cut: None, dead: false }
    }

    fn powered_again(mut self) -> Self {
        self.dead = false;
        self.cut = None;
        self
    }
}

impl Eeprom for Memory {
    fn read(&mut self, index: usize) -> u32 {
        self.words[index]
    }

    fn write(&mut self, index: usize, value: u32) -> Result<(), WriteError> {
        assert!(index >= BASE, "the original's queue is never written");
        if self.dead {
            return Err(WriteError);
        }
        let word = &mut self.words[index];
        if let Some((left, tear)) = &mut self.cut {
            if *left == 0 {
                *word = match *tear {
                    Tear::Old => *word,
                    Tear::Erased => 0,
                    Tear::Ones => u32::MAX,
                    Tear::New => value,
                    Tear::Mixed(mask) => (*word & mask) | (value & !mask),
                    Tear::Anything(garbage) => garbage,
                };
                self.dead = true;
                return Err(WriteError);
            }
            *left -= 1;
        }
        self.cycles[index] += 1;
        if !self.stuck.contains(&index) {
            *word = value;
        }
        Ok(())
    }
}

fn record() -> impl Strategy<Value = Record> {
    prop::sample::select(&Record::ALL[1..])
}

fn tear() -> impl Strategy<Value = Tear> {
    prop_oneof![
        Just(Tear::Old),
        Just(Tear::Erased),
        Just(Tear::Ones),
        Just(Tear::New),
        any::<u32>().prop_map(Tear::Mixed),
        any::<u32>().prop_map(Tear::Anything),
    ]
}

#[test]
fn neither_erased_nor_stuck_words_are_a_record() {
    assert_ne!(check(0), 0);
    assert_ne!(check(u32::MAX), u32::MAX);
    assert_ne!(check(0), u32::MAX);
    let mut blank = Memory::blank();
    assert_eq!(Journal::open(&mut blank).record(), Record::Undefined);
    let mut ones = Memory { words: [u32::MAX; WORDS], ..Memory::blank() };
    assert_eq!(Journal::open(&mut ones).record(), Record::Undefined);
}

#[test]
fn an_unchanged_record_is_not_written() {
    let mut memory = Memory::blank();
    let mut journal = Journal::open(&mut memory);
    assert_eq!(journal.store(&mut memory, Record::OnPowered), Stored::Written);
    let cycles = memory.cycles;
    assert_eq!(journal.store(&mut memory, Record::OnPowered), Stored::Unchanged);
    assert_eq!(Journal::open(&mut memory).store(&mut memory, Record::OnPowered), Stored::Unchanged);
    assert_eq!(memory.cycles, cycles);
}

#[test]
fn a_million_changes_stay_within_the_endurance_of_every_word() {
    let mut memory = Memory::blank();
    let mut journal = Journal::open(&mut memory);
    for n in 0..1_000_000u32 {
        let record = if n % 2 == 0 { Record::OnPowered } else { Record::OnUnpowered };
        assert_eq!(journal.store(&mut memory, record), Stored::Written);
    }
    let worst = *memory.cycles.iter().max().unwrap();
    assert!(worst <= 100_000, "{worst} cycles");
    assert_eq!(worst, 1_000_000_u32.div_ceil(SLOTS as u32));
}

/// Fills one entry of the original's queue.
fn original(memory: &mut Memory, entry: usize, sequence: u32, state: u32) {
    let word = ORIGINAL_BASE + 2 * entry;
    memory.words[word] = sequence;
    memory.words[word + 1] = state;
}

#[test]
fn the_original_s_state_is_migrated_once() {
    let mut memory = Memory::blank();
    for sequence in 100..119 {
        original(&mut memory, sequence % 16, sequence as u32, 1);
    }
    original(&mut memory, 119 % 16, 119, 6);
    let mut journal = Journal::open(&mut memory);
    assert_eq!((journal.record(), journal.stored()), (Record::OffUnpowered, None));
    assert_eq!(journal.store(&mut memory, Record::OffUnpowered), Stored::Written);
    original(&mut memory, 120 % 16, 120, 1);
    assert_eq!(Journal::open(&mut memory).record(), Record::OffUnpowered);
}

#[test]
fn a_torn_entry_of_the_original_is_passed_over() {
    let mut memory = Memory::blank();
    original(&mut memory, 0, 41, 2);
    original(&mut memory, 1, 42, 0);
    assert_eq!(Journal::open(&mut memory).record(), Record::OffPowered, "no state yet");
    original(&mut memory, 1, 0xFFFF_0000, 1);
    assert_eq!(Journal::open(&mut memory).record(), Record::OffPowered, "the number was torn");
}

#[test]
fn sequence_numbers_wrap() {
    let mut memory = Memory::blank();
    for (slot, sequence) in [(0, SEQUENCE_MASK - 1), (1, SEQUENCE_MASK), (2, 0), (3, 1)] {
        let record = if sequence == 1 { Record::OffPowered } else { Record::OnPowered };
        assert!(write_slot(&mut memory, Entry { slot, sequence, record }));
    }
    let journal = Journal::open(&mut memory);
    assert_eq!((journal.record(), journal.next), (Record::OffPowered, 4));
}

#[test]
fn when_no_slot_takes_it_the_newest_record_stays_and_the_journal_says_so() {
    let mut memory = Memory::blank();
    let mut journal = Journal::open(&mut memory);
    assert_eq!(journal.store(&mut memory, Record::OnPowered), Stored::Written);
    memory.stuck = (BASE..WORDS).collect();
    for _ in 0..100 {
        assert_eq!(journal.store(&mut memory, Record::OffPowered), Stored::Failed);
        assert_eq!(journal.health(), JournalHealth::Failed);
    }
    assert_eq!(Journal::open(&mut memory).record(), Record::OnPowered);
    memory.stuck.clear();
    assert_eq!(journal.store(&mut memory, Record::OffPowered), Stored::Written);
    assert_eq!(journal.health(), JournalHealth::Working);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever came before, wherever the cut falls and whatever the torn word becomes: the old
    /// state or the new one. And the journal goes on from there.
    #[test]
    fn a_cut_yields_the_old_or_the_new_state(
        history in prop::collection::vec(record(), 0..120),
        stuck in prop::collection::vec(BASE..WORDS, 0..6),
        new in record(),
        cut_at in 0u32..4,
        tear in tear(),
        later in record(),
    ) {
        let mut memory = Memory { stuck, ..Memory::blank() };
        let mut journal = Journal::open(&mut memory);
        for record in history {
            let _ = journal.store(&mut memory, record);
        }
        let old = journal.record();
        memory.cut = Some((cut_at, tear));
        let outcome = journal.store(&mut memory, new);
        let was_cut = memory.dead;
        let mut memory = memory.powered_again();
        let mut journal = Journal::open(&mut memory);
        let found = journal.record();
        prop_assert!(found == old || found == new, "{found:?}, neither {old:?} nor {new:?}");
        if !was_cut && outcome != Stored::Failed {
            prop_assert_eq!(found, new);
        }
        prop_assert_ne!(journal.store(&mut memory, later), Stored::Failed);
        prop_assert_eq!(Journal::open(&mut memory).record(), later);
    }

    /// Every tear of every write of a long history, one after the other.
    #[test]
    fn cuts_in_a_row_never_invent_a_state(
        writes in prop::collection::vec((record(), 0u32..3, tear()), 1..200),
    ) {
        let mut memory = Memory::blank();
        let mut expected = Record::Undefined;
        for (new, cut_at, tear) in writes {
            let mut journal = Journal::open(&mut memory);
            prop_assert_eq!(journal.record(), expected);
            memory.cut = Some((cut_at, tear));
            let _ = journal.store(&mut memory, new);
            memory = memory.powered_again();
            let found = Journal::open(&mut memory).record();
            prop_assert!(found == expected || found == new);
            expected = found;
        }
    }
}
