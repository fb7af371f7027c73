//! Jump tables, as LLVM makes them for ARMv6-M.
//!
//! ```text
//!   lsls r1, r0, #2      index                    ; word table
//!   adr  r2, table
//!   ldr  r1, [r2, r1]
//!   mov  pc, r1
//! table:                 words, each a target with its Thumb bit
//!
//!   add  r0, pc          index (halves: doubled)  ; byte or half table, here or with `adr`
//!   ldrb r0, [r0, #4]
//!   lsls r0, r0, #1
//!   add  pc, r0
//! table:                 bytes or halves, each half the distance from `add pc` plus four
//! ```
//!
//! Often no comparison guards the index (the source's type does), so the number of entries is read
//! off the image. Assumes that no byte is both an entry and something else, that every entry leads to
//! code of the same function, and that nothing but alignment lies behind a table without being used.
//! Then a table has ended at the latest where an entry makes no sense, at the first of its own targets
//! behind its beginning, and where the function has a literal or an instruction ([`read`]). Which of
//! these entries are entries is proven by the walk (`stack/flow.rs`). That what was proven is the whole
//! table is checked afterwards: between the jump and the next instruction there is nothing but the
//! table, other tables, literals that the function loads, and alignment ([`Uses::fill`]).

use std::collections::BTreeMap;
use std::ops::Range;

use super::decode::{self, Width, pc};
use super::error::Problem;
use super::{Code, Function};

/// A jump through a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Jump {
    /// Where the jump lies.
    pub(super) address: u32,
    /// Where the table begins.
    pub(super) table: u32,
    /// The size of an entry.
    pub(super) width: Width,
}

/// A jump table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Where it lies, without alignment.
    pub(super) extent: Range<u32>,
    /// Where it leads, in order.
    pub(super) targets: Vec<u32>,
}

/// What bytes of a function are used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    /// Where each use ends, and whether it is code, by where it begins.
    extents: BTreeMap<u32, (u32, bool)>,
}

impl Uses {
    /// An instruction.
    pub(super) fn add_code(&mut self, address: u32, code: &Code<'_>) {
        let wide = code.half(address).is_some_and(decode::is_wide);
        self.extents.insert(address, (address.saturating_add(if wide { 4 } else { 2 }), true));
    }

    /// A word that is loaded relative to the program counter.
    pub(super) fn add_literal(&mut self, address: u32) {
        self.extents.insert(address, (address.saturating_add(4), false));
    }

    /// A table, or the part of it that is known.
    pub(super) fn add_table(&mut self, extent: &Range<u32>) {
        let use_of = self.extents.entry(extent.start).or_insert((extent.end, false));
        use_of.0 = use_of.0.max(extent.end);
    }

    /// The first use that begins within another one.
    pub(super) fn overlap(&self) -> Option<u32> {
        let mut pairs = self.extents.values().zip(self.extents.keys().skip(1));
        pairs.find(|((end, _), next)| end > next).map(|(_, &next)| next)
    }

    /// Whether nothing but tables, literals and alignment lies between the jump and the next
    /// instruction, or `end`.
    pub(super) fn fill(&self, jump: Jump, end: u32) -> bool {
        let mut at = jump.address.saturating_add(2);
        loop {
            let aligned = [at, at.next_multiple_of(2), at.next_multiple_of(4)];
            if aligned[..2].contains(&end) {
                return at > jump.table;
            }
            match aligned.iter().find_map(|at| self.extents.get(at)) {
                Some((_, true)) => return at > jump.table,
                Some(&(next, false)) => at = next,
                None => return false,
            }
        }
    }

    /// Whether an instruction may begin at `address`.
    pub(super) fn allow_code(&self, address: u32) -> bool {
        let mut before = self.extents.range(..=address).rev().take(2);
        before.all(|(&start, &(end, code))| end <= address || start == address && code)
    }

    /// Where the first use behind `address` begins.
    fn next(&self, address: u32) -> Option<u32> {
        self.extents.range(address.saturating_add(1)..).next().map(|(&start, _)| start)
    }

    /// Whether any use has bytes in `range`; none is longer than four.
    fn touch(&self, range: Range<u32>) -> bool {
        let mut uses = self.extents.range(range.start.saturating_sub(3)..range.end);
        uses.any(|(_, &(end, _))| end > range.start)
    }

    /// How many of the entries of `most` are entries for sure, where the first `proven` are and these
    /// uses are all that are possible: what is used for nothing else, unless it may be alignment.
    pub(super) fn entries(
        &self,
        jump: Jump,
        proven: usize,
        most: &Table,
        code: &Code<'_>,
    ) -> usize {
        let extent = |n: usize| {
            let start = jump.table.saturating_add(n as u32 * jump.width.bytes());
            start..start.saturating_add(jump.width.bytes())
        };
        let alignment = |at: u32| {
            at % 4 == 2
                && code.half(at).is_some_and(|half| NOPS.contains(&half))
                && self.touch(at + 2..at + 3)
        };
        let sure = |&n: &usize| !self.touch(extent(n)) && !alignment(extent(n).start);
        (proven..most.targets.len()).take_while(sure).last().map_or(proven, |n| n + 1)
    }
}

/// What fills code up to a multiple of four.
const NOPS: [u16; 2] = [0x46C0, 0xBF00];

/// The most that the table of `jump` can be, given what is known of the function.
pub(super) fn read(
    code: &Code<'_>,
    function: &Function,
    jump: Jump,
    uses: &Uses,
) -> Result<Table, Problem> {
    let Jump { address, table, width } = jump;
    let behind = address.wrapping_add(2);
    if !(behind..function.end()).contains(&table) {
        return Err(Problem::Table { table, reason: "expected it behind the jump" });
    }
    let mut limit = uses.next(table).unwrap_or(function.end());
    let mut targets = Vec::new();
    let mut end = table;
    while let next = end + width.bytes()
        && next <= limit
    {
        let target = match (code.load(end, width), width) {
            (Some(entry), Width::Word) if entry & 1 == 1 => entry & !1,
            (Some(entry), Width::Byte | Width::Half) => pc(address).wrapping_add(entry * 2),
            _ => break,
        };
        let code_there = function.contains(target) && uses.allow_code(target);
        if !code_there || (behind..next).contains(&target) {
            break;
        }
        if target > table {
            limit = limit.min(target);
        }
        targets.push(target);
        end = next;
    }
    if targets.is_empty() {
        return Err(Problem::Table { table, reason: "its first entry leads to no code" });
    }
    Ok(Table { extent: table..end, targets })
}

impl Table {
    /// Its first `entries`.
    pub(super) fn first(mut self, entries: usize, jump: Jump) -> Self {
        self.targets.truncate(entries);
        let bytes = self.targets.len() as u32 * jump.width.bytes();
        self.extent.end = self.extent.start.saturating_add(bytes);
        self
    }
}
