//! Skipping of polling loops, exactly.
//!
//! A program that waits for a flag repeats a loop in which nothing changes. Now and then the core notes its
//! whole state (registers, flags, RAM, NVIC, SysTick's registers) and watches a stretch of instructions.
//! If it comes back to the same state, nothing was written to the bus or the core's registers, no exception
//! came between, and every value read is steady until cycle `S` ([`Read::steady_until`]), then each further
//! turn is the same as this one until `S`, and turns that end by then are skipped: only the counts of
//! cycles and instructions grow. SysTick counts by itself, and what it does ends the skipping like `S`.
//! No event moves by a cycle; the only trace is that the bus is not asked again and again.
//!
//! The hot loop knows nothing of this. A probe costs about as much as a few thousand instructions, so after
//! a fruitless one the next comes twice as late; after a fruitful one it comes soon.
//!
//! Loops that count something (a time-out in a register) change their state and are not skipped.
//!
//! [`Read::steady_until`]: crate::bus::Read::steady_until

use super::Core;
use super::nvic::Nvic;
use crate::bus::Bus;
use crate::memory::{Memory, RAM_BYTES};

/// Whether polling loops are skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Skipping {
    /// Every turn is executed.
    Off,
    /// Turns that change nothing are counted only.
    #[default]
    On,
}

/// Instructions watched in one probe: longer loops are not found.
const WATCHED: u64 = 512;
/// Cycles between probes, at least and at most.
const SOON: u64 = 64;
const LATE: u64 = 1 << 19;
/// A probe that skips fewer cycles is not worth its cost.
const WORTH: u64 = 256;

/// What the core remembers between probes.
#[derive(Clone, Debug)]
pub(super) struct Skip {
    pub(super) skipping: Skipping,
    /// The cycle of the next probe, and the cycles to the one after that.
    pub(super) next: u64,
    interval: u64,
    /// What the bus said of the values read in this probe: the earliest end.
    pub(super) steady_until: u64,
    /// Cycles skipped since the core was made.
    skipped: u64,
    /// The RAM at the start of the probe.
    ram: Box<[u8; RAM_BYTES]>,
}

impl Skip {
    pub(super) fn new() -> Self {
        Self {
            skipping: Skipping::On,
            next: 0,
            interval: SOON,
            steady_until: u64::MAX,
            skipped: 0,
            ram: Box::new([0; RAM_BYTES]),
        }
    }

    /// A value was read that cannot change before this cycle; zero if the state has changed by it.
    pub(super) fn read(&mut self, steady_until: u64) {
        self.steady_until = self.steady_until.min(steady_until);
    }

    /// What must not happen in a loop that is skipped has happened.
    pub(super) fn spoil(&mut self) {
        self.steady_until = 0;
    }
}

/// All that a turn could change, the counters and the RAM aside. Settings of the embedder and the system
/// control block cannot change in a probe: writing to the latter spoils it.
#[derive(PartialEq, Eq)]
struct State {
    pc: u32,
    nz: i64,
    c: bool,
    v: u32,
    fetched: u32,
    r: [u32; 16],
    other_sp: u32,
    process_stack: bool,
    ipsr: u8,
    primask: bool,
    event: bool,
    nvic: Nvic,
    count_flag: bool,
}

impl Core {
    /// Sets whether polling loops are skipped; they are unless this says otherwise. It makes no
    /// difference to what the program does, or when.
    pub fn set_skipping(&mut self, skipping: Skipping) {
        self.skip.skipping = skipping;
    }

    /// Cycles that were skipped and not executed, since the core was made.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skip.skipped
    }

    /// Whether it is worth looking for a loop, given the cycle that ends all waiting and the instructions
    /// that may be executed yet.
    pub(super) fn may_probe(&self, limit: u64, instructions: u64) -> bool {
        self.skip.skipping == Skipping::On
            && limit - self.hot.cycle > WORTH
            && instructions > WATCHED
    }

    fn state(&self) -> State {
        State {
            pc: self.hot.pc,
            nz: self.hot.nz,
            c: self.hot.c,
            // The other bits are what the last sum left there.
            v: self.hot.v >> 31,
            fetched: self.hot.fetched,
            r: self.r.all(),
            other_sp: self.other_sp,
            process_stack: self.process_stack,
            ipsr: self.ipsr,
            primask: self.primask,
            event: self.event,
            nvic: self.nvic,
            count_flag: self.systick.count_flag(),
        }
    }

    /// Executes a stretch of instructions, and skips turns of a loop if it is one. Nothing that is due at
    /// `limit` or later happens before.
    #[cold]
    #[inline(never)]
    pub(super) fn probe<B: Bus>(&mut self, memory: &mut Memory, bus: &mut B, limit: u64) {
        let before = self.skip.skipped;
        if let Some(length) = self.find_turn(memory, bus, limit) {
            self.skip_turns(length, limit);
        }
        // A stretch that was cut short by an event says nothing about the loop.
        self.skip.interval = if self.skip.skipped - before >= WORTH {
            SOON
        } else {
            (self.skip.interval * 2).min(LATE)
        };
        self.skip.next = self.hot.cycle + self.skip.interval;
    }

    /// Executes until the state is what it was, or something else happens. Gives the cycles and
    /// instructions of one turn.
    fn find_turn<B: Bus>(
        &mut self,
        memory: &mut Memory,
        bus: &mut B,
        limit: u64,
    ) -> Option<(u64, u64)> {
        let (cycle, instructions) = (self.hot.cycle, self.hot.instructions);
        let state = self.state();
        self.skip.ram.copy_from_slice(&memory.ram[..]);
        self.skip.steady_until = u64::MAX;
        while self.hot.cycle < limit && self.hot.instructions - instructions < WATCHED {
            // One instruction: each takes a cycle at least.
            self.hot.deadline = self.hot.cycle + 1;
            self.run_slice(memory, bus);
            if self.is_interrupted() || self.skip.steady_until <= self.hot.cycle {
                return None;
            }
            if self.hot.pc == state.pc && self.state() == state && self.skip.ram == memory.ram {
                return Some((self.hot.cycle - cycle, self.hot.instructions - instructions));
            }
        }
        None
    }

    /// Whether the loop of instructions must be left now.
    fn is_interrupted(&self) -> bool {
        self.exit.is_some()
            || self.locked.is_some()
            || self.entry.is_some()
            || self.sleeping.is_some()
            || !self.thumb
            || self.preempting().is_some()
    }

    fn skip_turns(&mut self, (cycles, instructions): (u64, u64), limit: u64) {
        // Values are read before their turn ends, so a turn may end when they change.
        let end = limit.min(self.skip.steady_until);
        let allowed = self.stop_at.saturating_sub(self.hot.instructions) / instructions;
        let turns = (end.saturating_sub(self.hot.cycle) / cycles).min(allowed);
        self.hot.cycle += turns * cycles;
        self.hot.instructions += turns * instructions;
        self.skip.skipped += turns * cycles;
    }
}
