//! The walk through one function: every path from its entry, with the state before each instruction.
//!
//! A worklist runs until nothing changes any more; only reached bytes are taken for code. Whether code
//! follows a call depends on whether the callee ever returns, so callees come first: the walk stops
//! where it needs one that is not known yet and goes on when it is.
//!
//! **Tables grow from below.** No table says how long it is. Of each only those entries are walked
//! that are proven to be entries: at first one. When nothing is left to walk, [`possible`] tells which
//! bytes might yet turn out to be code, literals or tables, whatever the unproven entries are; bytes
//! right behind the proven entries that cannot, are entries too. In the end every table must reach the
//! code, literals or alignment behind it. So only entries are ever followed, and none is missed.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::{self, Instruction, Register, Width};
use super::error::{Problem, StackError};
use super::possible;
use super::state::{State, Value};
use super::table::{self, Jump, Table, Uses};
use super::{Code, Function};

/// What callers need to know of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// The most bytes of stack it uses itself.
    pub(super) frame: u32,
    /// For each function it calls, the most bytes in use at such a call.
    pub(super) calls: BTreeMap<u32, u32>,
    /// Whether it ever returns.
    pub(super) returns: bool,
}

/// The functions that are known so far, by address.
pub(super) type Known = BTreeMap<u32, Summary>;

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    code: &'a Code<'a>,
    function: &'a Function,
    /// The state before each reached instruction.
    states: BTreeMap<u32, State>,
    /// Reached instructions whose state changed since they were executed.
    pending: BTreeSet<u32>,
    /// The words that reached instructions load relative to the program counter.
    literals: BTreeSet<u32>,
    /// The proven part of the tables that reached jumps go through, by jump.
    tables: BTreeMap<u32, (Jump, Table)>,
    summary: Summary,
}

/// Why a step of the walk did not work.
enum Stop {
    /// A function must be walked first.
    Needs(u32),
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl<'a> Walk<'a> {
    /// A walk that begins at the function's entry.
    pub(super) fn new(code: &'a Code<'a>, function: &'a Function) -> Self {
        Self {
            code,
            function,
            states: BTreeMap::from([(function.address, State::at_entry())]),
            pending: BTreeSet::from([function.address]),
            literals: BTreeSet::new(),
            tables: BTreeMap::new(),
            summary: Summary::default(),
        }
    }

    /// The function that is walked.
    pub(super) const fn function(&self) -> &'a Function {
        self.function
    }

    /// What was found, once [`Walk::run`] has nothing left to do.
    pub(super) fn into_summary(self) -> Summary {
        self.summary
    }

    /// Walks on, to the end (none) or to a call of a function that must be walked first (its address).
    pub(super) fn run(&mut self, known: &Known) -> Result<Option<u32>, StackError> {
        loop {
            while let Some(address) = self.pending.pop_first() {
                match self.step(address, known) {
                    Ok(()) => {}
                    Err(Stop::Needs(callee)) => {
                        self.pending.insert(address);
                        return Ok(Some(callee));
                    }
                    Err(Stop::Problem(problem)) => return Err(self.error(address, problem)),
                }
            }
            if !self.grow(known)? {
                return self.check().map(|()| None);
            }
        }
    }

    fn error(&self, address: u32, problem: Problem) -> StackError {
        StackError::at(address, &self.function.name, problem)
    }

    fn step(&mut self, address: u32, known: &Known) -> Result<(), Stop> {
        let (instruction, next) = self.code.fetch(self.function, address)?;
        let Some(mut state) = self.states.get(&address).cloned() else {
            return Ok(());
        };
        match instruction {
            Instruction::Branch(target) => self.jump(target, state, known),
            Instruction::BranchIf(target) => {
                self.jump(target, state.clone(), known)?;
                self.go_on(next, &state)
            }
            Instruction::Call(target)
                if target != self.function.address
                    && self.function.contains(target)
                    && !self.code.functions.contains_key(&target) =>
            {
                // Within a function `bl` is a far jump.
                state.link_is_lost();
                self.go_on(target, &state)
            }
            Instruction::Call(target) => self.call(target, next, state, known),
            Instruction::CallRegister(register) => {
                let target = self.thumb_target(state.read(register, address), register)?;
                self.call(target, next, state, known)
            }
            Instruction::JumpRegister(register) => {
                self.jump_register(register, address, state, known)
            }
            Instruction::JumpRelative(register) => match state.read(register, address) {
                Value::Number(offset) => {
                    let target = decode::pc(address).wrapping_add(offset) & !1;
                    self.jump(target, state, known)
                }
                Value::TwiceEntry(table, width @ (Width::Byte | Width::Half)) => {
                    self.jump_through(Jump { address, table, width }, &state)
                }
                _ => Err(Problem::Indirect { register }.into()),
            },
            Instruction::Pop(registers) if registers.iter().any(|r| r == Register::PC) => {
                let to = state.popped_pc(registers);
                state.execute(instruction, address, self.code)?;
                if to != Value::Initial(Register::LR) {
                    return Err(Problem::ReturnsElsewhere.into());
                }
                self.leave(&state)
            }
            Instruction::Trap => Ok(()),
            Instruction::SupervisorCall => Err(Problem::SupervisorCall.into()),
            Instruction::Unmask => Err(Problem::Unmasked.into()),
            Instruction::SwitchStack => Err(Problem::SwitchesStack.into()),
            _ => {
                if let Instruction::Literal { address, .. } = instruction {
                    self.literals.insert(address);
                }
                state.execute(instruction, address, self.code)?;
                self.summary.frame = self.summary.frame.max(state.depth());
                self.go_on(next, &state)
            }
        }
    }

    /// Control may come to `address`, in this function, with this state.
    fn go_on(&mut self, address: u32, state: &State) -> Result<(), Stop> {
        if !self.function.contains(address) {
            return Err(Problem::RunsOff.into());
        }
        let changed = match self.states.get_mut(&address) {
            Some(known) => known.join(state, address)?,
            None => {
                self.states.insert(address, state.clone());
                true
            }
        };
        if changed {
            self.pending.insert(address);
        }
        Ok(())
    }

    /// A jump: within the function, or to another one that returns in this one's stead.
    fn jump(&mut self, target: u32, state: State, known: &Known) -> Result<(), Stop> {
        if self.function.contains(target) {
            return self.go_on(target, &state);
        }
        if !self.enter(target, &state, known)? {
            return Ok(());
        }
        if state.read(Register::LR, target) != Value::Initial(Register::LR) {
            return Err(Problem::ReturnsElsewhere.into());
        }
        self.leave(&state)
    }

    /// Another function is entered; whether it ever returns.
    fn enter(&mut self, target: u32, state: &State, known: &Known) -> Result<bool, Stop> {
        if !self.code.functions.contains_key(&target) {
            return Err(Problem::JumpsOut { target }.into());
        }
        let callee = known.get(&target).ok_or(Stop::Needs(target))?;
        self.note_call(target, state);
        Ok(callee.returns)
    }

    fn call(
        &mut self,
        target: u32,
        next: u32,
        mut state: State,
        known: &Known,
    ) -> Result<(), Stop> {
        if !self.enter(target, &state, known)? {
            return Ok(());
        }
        state.returned_to();
        self.go_on(next, &state)
    }

    fn jump_register(
        &mut self,
        register: Register,
        address: u32,
        state: State,
        known: &Known,
    ) -> Result<(), Stop> {
        match state.read(register, address) {
            Value::Initial(Register::LR) => self.leave(&state),
            Value::Entry(table, Width::Word) => {
                self.jump_through(Jump { address, table, width: Width::Word }, &state)
            }
            value => {
                let target = self.thumb_target(value, register)?;
                self.jump(target, state, known)
            }
        }
    }

    fn thumb_target(&self, value: Value, register: Register) -> Result<u32, Problem> {
        match value {
            Value::Number(target) if target & 1 == 1 => Ok(target & !1),
            Value::Number(target) => Err(Problem::NotThumb { target }),
            _ => Err(Problem::Indirect { register }),
        }
    }

    fn jump_through(&mut self, jump: Jump, state: &State) -> Result<(), Stop> {
        let known = self.tables.remove(&jump.address).filter(|(known, _)| *known == jump);
        let table = match known {
            Some((_, table)) => table,
            None => table::read(self.code, self.function, jump, &self.uses())?.first(1, jump),
        };
        for &target in &table.targets {
            self.go_on(target, state)?;
        }
        self.tables.insert(jump.address, (jump, table));
        Ok(())
    }

    fn note_call(&mut self, callee: u32, state: &State) {
        let depth = self.summary.calls.entry(callee).or_default();
        *depth = state.depth().max(*depth);
    }

    /// The function returns here.
    fn leave(&mut self, state: &State) -> Result<(), Stop> {
        state.may_return()?;
        self.summary.returns = true;
        Ok(())
    }

    /// What is known of the function's bytes.
    fn uses(&self) -> Uses {
        let mut uses = Uses::default();
        for &address in self.states.keys() {
            uses.add_code(address, self.code);
        }
        self.tables.values().for_each(|(_, table)| uses.add_table(&table.extent));
        self.literals.iter().for_each(|&address| uses.add_literal(address));
        uses
    }

    /// Proves more entries of tables. Says whether there are any, and so there is more to walk.
    fn grow(&mut self, known: &Known) -> Result<bool, StackError> {
        let uses = self.uses();
        let mut longer = Vec::new();
        for (&address, (jump, proven)) in &self.tables {
            let most = table::read(self.code, self.function, *jump, &uses)
                .map_err(|problem| self.error(address, problem))?;
            if most.targets.len() > proven.targets.len() {
                longer.push((*jump, proven.targets.len(), most));
            }
        }
        let Some(&(first, ..)) = longer.first() else {
            return Ok(false);
        };
        let possible = possible::uses(self.code, self.function, known, &uses);
        let mut grown = false;
        for (jump, proven, most) in longer {
            let entries = possible.as_ref().map(|p| p.entries(jump, proven, &most, self.code));
            if let Some(entries) = entries.filter(|&entries| entries > proven) {
                self.tables.insert(jump.address, (jump, most.first(entries, jump)));
                self.pending.insert(jump.address);
                grown = true;
            }
        }
        if grown {
            return Ok(true);
        }
        let reason = "what lies behind it might be entries or not";
        Err(self.error(first.address, Problem::Table { table: first.table, reason }))
    }

    /// Checks that every byte has one use, and that tables leave no gap to what is behind them.
    fn check(&self) -> Result<(), StackError> {
        let uses = self.uses();
        let is_code = |at: &u32| self.states.contains_key(at);
        let mut tables = self.tables.values().map(|(jump, _)| jump.table);
        let twice = self.literals.iter().copied().find(is_code);
        let twice = twice.or_else(|| tables.find(|at| is_code(at) || self.literals.contains(at)));
        if let Some(address) = twice.or_else(|| uses.overlap()) {
            return Err(self.error(address, Problem::TwoUses));
        }
        match self.tables.values().find(|(jump, _)| !uses.fill(*jump, self.function.end())) {
            Some((jump, _)) => {
                let reason = "something unknown lies between it and the code around it";
                Err(self.error(jump.address, Problem::Table { table: jump.table, reason }))
            }
            None => Ok(()),
        }
    }
}
