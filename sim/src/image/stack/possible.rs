//! What the bytes of a function might turn out to be, while its tables are only known in part.
//!
//! Every table is taken for as long as it can be ([`table::read`]), and all that follows from it is
//! walked: more than any input takes, never less. Depths do not matter here. Paths that exist are
//! proven elsewhere, so a path ends where one that exists would be an error; but where a jump could
//! lead anywhere, nothing can be told.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::{self, Instruction, Register, Width};
use super::flow::Known;
use super::state::{State, Value};
use super::table::{self, Jump, Uses};
use super::{Code, Function};

/// All code, literals and tables that `function` may have, given the uses that it does have; none if a
/// jump could lead anywhere.
pub(super) fn uses(
    code: &Code<'_>,
    function: &Function,
    known: &Known,
    proven: &Uses,
) -> Option<Uses> {
    let mut walk = Walk {
        code,
        function,
        known,
        proven,
        states: BTreeMap::new(),
        pending: BTreeSet::new(),
        uses: Uses::default(),
    };
    walk.go_on(function.address, &State::at_entry());
    while let Some(address) = walk.pending.pop_first() {
        walk.step(address)?;
    }
    Some(walk.uses)
}

/// A walk over all that is possible.
struct Walk<'a> {
    code: &'a Code<'a>,
    function: &'a Function,
    known: &'a Known,
    proven: &'a Uses,
    states: BTreeMap<u32, State>,
    pending: BTreeSet<u32>,
    uses: Uses,
}

impl Walk<'_> {
    /// One instruction; none if it is a jump to anywhere.
    fn step(&mut self, address: u32) -> Option<()> {
        let Some(mut state) = self.states.get(&address).cloned() else {
            return Some(());
        };
        let Ok((instruction, next)) = self.code.fetch(self.function, address) else {
            return Some(());
        };
        self.uses.add_code(address, self.code);
        match instruction {
            Instruction::Branch(target) => self.go_on(target, &state),
            Instruction::BranchIf(target) => {
                self.go_on(target, &state);
                self.go_on(next, &state);
            }
            Instruction::Call(target) => {
                // Within a function `bl` is a far jump, which keeps more; too little is no harm.
                state.returned_to();
                self.go_on(target, &state);
                if self.known.get(&target).is_none_or(|callee| callee.returns) {
                    self.go_on(next, &state);
                }
            }
            Instruction::CallRegister(_) => {
                state.returned_to();
                self.go_on(next, &state);
            }
            Instruction::JumpRegister(register) => match state.read(register, address) {
                Value::Initial(Register::LR) => {}
                Value::Number(target) => self.go_on(target & !1, &state),
                Value::Entry(table, width @ Width::Word) => {
                    self.jump_through(Jump { address, table, width }, &state);
                }
                _ => return None,
            },
            Instruction::JumpRelative(register) => match state.read(register, address) {
                Value::Number(offset) => {
                    self.go_on(decode::pc(address).wrapping_add(offset) & !1, &state);
                }
                Value::TwiceEntry(table, width @ (Width::Byte | Width::Half)) => {
                    self.jump_through(Jump { address, table, width }, &state);
                }
                _ => return None,
            },
            Instruction::Pop(registers) if registers.iter().any(|r| r == Register::PC) => {}
            Instruction::Trap
            | Instruction::SupervisorCall
            | Instruction::Unmask
            | Instruction::SwitchStack => {}
            _ => {
                if let Instruction::Literal { address, .. } = instruction {
                    self.uses.add_literal(address);
                }
                if state.execute(instruction, address, self.code).is_err() {
                    state.forget();
                }
                self.go_on(next, &state);
            }
        }
        Some(())
    }

    /// Control may come to `address`; if that is outside, the function is left or there is no such path.
    fn go_on(&mut self, address: u32, state: &State) {
        if !self.function.contains(address) || !self.proven.allow_code(address) {
            return;
        }
        let changed = match self.states.get_mut(&address) {
            Some(known) => known.join_possible(state, address),
            None => {
                self.states.insert(address, state.clone());
                true
            }
        };
        if changed {
            self.pending.insert(address);
        }
    }

    fn jump_through(&mut self, jump: Jump, state: &State) {
        self.uses.add_table(&(jump.table..jump.table.saturating_add(1)));
        if let Ok(table) = table::read(self.code, self.function, jump, self.proven) {
            table.targets.iter().for_each(|&target| self.go_on(target, state));
        }
    }
}
