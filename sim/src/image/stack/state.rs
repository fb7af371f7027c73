//! What is known before an instruction: how deep the stack is, and what registers hold.
//!
//! A value is kept only where it may reach the stack pointer or the program counter: numbers, places
//! on the stack, what a register held when the function was entered, and the two steps between a jump
//! table and the jump. Where paths meet, what differs is unknown; but the depth must not differ.
//!
//! **Saved registers.** The stack's memory is not modelled, except where the initial value of a
//! register was pushed or stored: that is how a return, and that r4–r11 survive a call, are proven.
//! Assumes that no store through a pointer that is not followed here hits such a slot, which is what
//! the memory safety of the language is for.

use super::decode::{Instruction, Operand, Register, Registers, Width, pc};
use super::error::Problem;
use super::{Code, FRAME_LIMIT};

/// What is known of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    Unknown,
    /// This number.
    Number(u32),
    /// The stack pointer at the function's entry plus this.
    Stack(i32),
    /// What this register held at the function's entry.
    Initial(Register),
    /// This number plus an unknown register: an entry of a table.
    Indexed(u32),
    /// Some entry of the table that begins at this address.
    Entry(u32, Width),
    /// Twice some entry of the table that begins at this address.
    TwiceEntry(u32, Width),
}

impl Value {
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Self::Number(a.wrapping_add(b)),
            (Self::Stack(a), Self::Number(b)) | (Self::Number(b), Self::Stack(a)) => {
                Self::Stack(a.wrapping_add_unsigned(b))
            }
            (Self::Indexed(a), Self::Number(b)) | (Self::Number(b), Self::Indexed(a)) => {
                Self::Indexed(a.wrapping_add(b))
            }
            (value, Self::Number(0)) | (Self::Number(0), value) => value,
            _ => Self::Unknown,
        }
    }

    /// As [`Value::plus`], for a sum of two registers: an unknown one may be an index.
    fn plus_register(self, other: Self) -> Self {
        match (self.plus(other), self, other) {
            (Self::Unknown, _, Self::Number(a)) | (Self::Unknown, Self::Number(a), _) => {
                Self::Indexed(a)
            }
            (sum, ..) => sum,
        }
    }

    fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Stack(a), Self::Stack(b)) => Self::Number(a.wrapping_sub(b) as u32),
            (value, Self::Number(b)) => value.plus(Self::Number(b.wrapping_neg())),
            _ => Self::Unknown,
        }
    }

    fn map(self, f: impl FnOnce(u32) -> u32) -> Self {
        match self {
            Self::Number(number) => Self::Number(f(number)),
            _ => Self::Unknown,
        }
    }
}

/// What is known before an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The stack pointer less its value at the entry; never positive.
    sp: i32,
    /// r0 to r12, and lr at its own index; sp's place is unused.
    registers: [Value; 15],
    /// Where on the stack the initial value of a register lies.
    saved: [Option<i32>; 15],
}

impl State {
    /// At a function's entry.
    pub(super) fn at_entry() -> Self {
        let registers = std::array::from_fn(|n| Value::Initial(Register::new(n as u32)));
        Self { sp: 0, registers, saved: [None; 15] }
    }

    /// Bytes of stack in use since the entry.
    pub(super) const fn depth(&self) -> u32 {
        self.sp.unsigned_abs()
    }

    /// What an instruction at `address` reads from a register.
    pub(super) fn read(&self, register: Register, address: u32) -> Value {
        match register {
            Register::SP => Value::Stack(self.sp),
            Register::PC => Value::Number(pc(address)),
            _ => self.registers[register.index()],
        }
    }

    fn write(&mut self, register: Register, value: Value) -> Result<(), Problem> {
        match (register, value) {
            (Register::SP, Value::Stack(sp)) => self.move_to(sp),
            (Register::SP, _) => Err(Problem::UnknownStackPointer),
            // Every jump is an instruction of its own.
            (Register::PC, _) => Ok(()),
            _ => {
                self.registers[register.index()] = value;
                Ok(())
            }
        }
    }

    /// Moves the stack pointer. What is below it can be overwritten by an exception at any time.
    fn move_to(&mut self, sp: i32) -> Result<(), Problem> {
        if sp > 0 {
            return Err(Problem::AboveEntry { bytes: sp.unsigned_abs() });
        }
        if sp % 4 != 0 {
            return Err(Problem::Unaligned);
        }
        if sp.unsigned_abs() > FRAME_LIMIT {
            return Err(Problem::FrameTooLarge { bytes: sp.unsigned_abs() });
        }
        self.sp = sp;
        for slot in &mut self.saved {
            *slot = slot.filter(|&at| at >= sp);
        }
        Ok(())
    }

    /// What is known of a word on the stack.
    fn word_at(&self, at: i32) -> Value {
        match self.saved.iter().position(|&slot| slot == Some(at)) {
            Some(n) => Value::Initial(Register::new(n as u32)),
            None => Value::Unknown,
        }
    }

    fn store(&mut self, at: i32, width: Width, value: Value) {
        let bytes = i64::from(width.bytes());
        for slot in &mut self.saved {
            let apart = |slot: i32| {
                let distance = i64::from(at) - i64::from(slot);
                distance >= 4 || distance <= -bytes
            };
            *slot = slot.filter(|&slot| apart(slot));
        }
        if let (Value::Initial(register), Width::Word) = (value, width) {
            self.saved[register.index()] = Some(at);
        }
    }

    /// Executes an instruction that is no jump; of a `pop` that is one, the part before the jump.
    pub(super) fn execute(
        &mut self,
        instruction: Instruction,
        address: u32,
        code: &Code<'_>,
    ) -> Result<(), Problem> {
        let sum = |state: &Self, n, operand| match operand {
            Operand::Number(number) => state.read(n, address).plus(Value::Number(number)),
            Operand::Register(m) => state.read(n, address).plus_register(state.read(m, address)),
        };
        let constant =
            |address, width| code.load(address, width).map_or(Value::Unknown, Value::Number);
        match instruction {
            Instruction::Write(registers) => {
                registers.iter().try_for_each(|d| self.write(d, Value::Unknown))
            }
            Instruction::Constant { d, value } => self.write(d, Value::Number(value)),
            Instruction::Add { d, n, operand } => self.write(d, sum(self, n, operand)),
            Instruction::Subtract { d, n, m } => {
                let difference = self.read(n, address).minus(self.read(m, address));
                self.write(d, difference)
            }
            Instruction::Negate { d, m } => {
                self.write(d, self.read(m, address).map(u32::wrapping_neg))
            }
            Instruction::Invert { d, m } => self.write(d, self.read(m, address).map(|m| !m)),
            Instruction::ShiftLeft { d, m, by } => {
                let shifted = match (self.read(m, address), by) {
                    (value, 0) => value,
                    (Value::Entry(table, width), 1) => Value::TwiceEntry(table, width),
                    (value, _) => value.map(|m| m << by),
                };
                self.write(d, shifted)
            }
            Instruction::Literal { d, address } => self.write(d, constant(address, Width::Word)),
            Instruction::Load { d, n, offset, width } => {
                let loaded = match (sum(self, n, offset), width) {
                    (Value::Number(address), _) => constant(address, width),
                    (Value::Stack(at), Width::Word) => self.word_at(at),
                    (Value::Indexed(table), _) => Value::Entry(table, width),
                    _ => Value::Unknown,
                };
                self.write(d, loaded)
            }
            Instruction::Store { m, n, offset, width } => {
                if let Value::Stack(at) = sum(self, n, offset) {
                    self.store(at, width, self.read(m, address));
                }
                Ok(())
            }
            Instruction::Push(registers) => self.push(registers, address),
            Instruction::Pop(registers) => self.pop(registers),
            _ => Ok(()),
        }
    }

    fn push(&mut self, registers: Registers, address: u32) -> Result<(), Problem> {
        self.move_to(self.sp - 4 * registers.count() as i32)?;
        for (at, register) in (self.sp..).step_by(4).zip(registers.iter()) {
            self.store(at, Width::Word, self.read(register, address));
        }
        Ok(())
    }

    fn pop(&mut self, registers: Registers) -> Result<(), Problem> {
        for (at, register) in (self.sp..).step_by(4).zip(registers.iter()) {
            self.write(register, self.word_at(at))?;
        }
        self.move_to(self.sp + 4 * registers.count() as i32)
    }

    /// What a `pop` of `registers` would take for the program counter, which comes last.
    pub(super) fn popped_pc(&self, registers: Registers) -> Value {
        self.word_at(self.sp + 4 * (registers.count() as i32 - 1))
    }

    /// A call was made and came back: r0–r3, r12 and lr are lost, the rest was proven to survive.
    pub(super) fn returned_to(&mut self) {
        for n in [0, 1, 2, 3, 12, 14] {
            self.registers[n] = Value::Unknown;
        }
    }

    /// A far jump has overwritten lr.
    pub(super) fn link_is_lost(&mut self) {
        self.registers[Register::LR.index()] = Value::Unknown;
    }

    /// Whether a return here leaves everything as the caller expects it.
    pub(super) fn may_return(&self) -> Result<(), Problem> {
        if self.sp != 0 {
            return Err(Problem::Unbalanced { bytes: self.depth() });
        }
        let kept =
            |register: &Register| self.registers[register.index()] == Value::Initial(*register);
        match (4..12).map(Register::new).find(|register| !kept(register)) {
            Some(register) => Err(Problem::NotRestored { register }),
            None => Ok(()),
        }
    }

    /// Another path comes to the same place, `target`. Says whether that changed what is known.
    pub(super) fn join(&mut self, other: &Self, target: u32) -> Result<bool, Problem> {
        if self.sp != other.sp {
            let (one, two) = (self.depth(), other.depth());
            return Err(Problem::TwoDepths { target, one, two });
        }
        let before = self.clone();
        for (value, other) in self.registers.iter_mut().zip(&other.registers) {
            if value != other {
                *value = Value::Unknown;
            }
        }
        for (slot, other) in self.saved.iter_mut().zip(&other.saved) {
            if slot != other {
                *slot = None;
            }
        }
        Ok(*self != before)
    }

    /// As [`State::join`], for paths that may not exist: different depths only make all unknown.
    pub(super) fn join_possible(&mut self, other: &Self, target: u32) -> bool {
        let before = self.clone();
        if self.join(other, target).is_err() {
            self.forget();
        }
        *self != before
    }

    /// Nothing is known any more but some depth.
    pub(super) fn forget(&mut self) {
        self.registers = [Value::Unknown; 15];
        self.saved = [None; 15];
    }
}
