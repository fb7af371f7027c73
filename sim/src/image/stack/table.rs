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
//! off the image. Assumes that no byte is both an entry and something else, and that every entry leads
//! to code of the same function. Then a table has ended where an entry makes no sense, at the first of
//! its own targets behind its beginning, and where the function has a literal or an instruction
//! (`bounds`). That what was found is the whole table is checked afterwards, when the function is
//! walked: between the jump and the next instruction there is nothing but the table, literals that
//! the function loads, and alignment ([`Table::fills`]).

use std::collections::BTreeSet;
use std::ops::Range;

use super::decode::{Width, pc};
use super::error::Problem;
use super::{Code, Function};

/// A jump table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Where it lies, without alignment.
    pub(super) extent: Range<u32>,
    /// Where it leads, in order.
    pub(super) targets: Vec<u32>,
}

/// Reads the table that begins at `table`, for the jump at `jump`.
pub(super) fn read(
    code: &Code<'_>,
    function: &Function,
    jump: u32,
    table: u32,
    width: Width,
    bounds: &BTreeSet<u32>,
) -> Result<Table, Problem> {
    let behind = jump.wrapping_add(2);
    if !(behind..function.end()).contains(&table) {
        return Err(Problem::Table { table, reason: "expected it behind the jump" });
    }
    let mut limit = bounds.range(table..).next().map_or(function.end(), |&bound| bound);
    let mut targets = Vec::new();
    let mut end = table;
    while let next = end + width.bytes()
        && next <= limit
    {
        let target = match (code.load(end, width), width) {
            (Some(entry), Width::Word) if entry & 1 == 1 => entry & !1,
            (Some(entry), Width::Byte | Width::Half) => pc(jump).wrapping_add(entry * 2),
            _ => break,
        };
        if !function.contains(target) || (behind..next).contains(&target) {
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
    /// Whether nothing but the table, literals and alignment lies between the jump that goes through
    /// it and the next instruction, at `code`.
    pub(super) fn fills(&self, jump: u32, code: u32, literals: &BTreeSet<u32>) -> bool {
        only_literals(jump.wrapping_add(2)..self.extent.start, literals)
            && only_literals(self.extent.end..code, literals)
    }
}

fn only_literals(range: Range<u32>, literals: &BTreeSet<u32>) -> bool {
    let mut at = range.start.next_multiple_of(2);
    if at < range.end {
        at = at.next_multiple_of(4);
    }
    while at < range.end && literals.contains(&at) {
        at += 4;
    }
    at == range.end
}
