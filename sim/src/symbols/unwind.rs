//! From a function to its caller: call frame information, and the exception's frame on the stack.
//!
//! `.debug_frame` says for each instruction where the caller's registers are (DWARF 5, section 6.4), so
//! this is exact wherever a compiler wrote it, and ends where none did: in assembly, or in a raw image.
//! An exception's frame is laid out by the core (ARMv6-M ARM, B1.5.6). Assumes that a register the
//! table does not mention is still what it was. Leaves out rules that are DWARF expressions; no
//! compiler writes them for this core.

use gimli::{CfaRule, DebugFrame, Register, RegisterRule, UnwindContext, UnwindSection as _};

use super::Symbols;

const SP: usize = 13;
const LR: usize = 14;
const PC: usize = 15;

/// The values that a return to the thread or to another handler begins with: EXC_RETURN.
const EXC_RETURN: u32 = 0xFFFF_FFE0;
/// EXC_RETURN's bit for a frame on the process stack.
const PROCESS_STACK: u32 = 1 << 2;
/// Words that the core pushes when it takes an exception, in this order.
const EXCEPTION_FRAME: [usize; 7] = [0, 1, 2, 3, 12, LR, PC];
/// In the stacked xPSR: a word was left out to align the stack.
const ALIGNED: u32 = 1 << 9;

/// R0 to R15 of one function on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// R0 to R12, SP, LR, PC. The PC is an instruction's address, without a Thumb bit.
    pub r: [u32; 16],
    /// The process stack pointer.
    pub psp: u32,
}

/// How a function was entered, and so what the PC of the next one means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Called: the PC is behind the call.
    Call(Registers),
    /// Interrupted by an exception: the PC is the instruction that was to come next.
    Exception(Registers),
}

impl Return {
    /// The caller's registers.
    #[must_use]
    pub fn registers(&self) -> Registers {
        match self {
            Self::Call(registers) | Self::Exception(registers) => *registers,
        }
    }

    /// The address to look up: within the call, not behind it.
    #[must_use]
    pub fn address(&self) -> u32 {
        match self {
            Self::Call(registers) => registers.r[PC].wrapping_sub(1),
            Self::Exception(registers) => registers.r[PC],
        }
    }
}

impl Symbols<'_> {
    /// Who called, if the image tells how to know. `word` reads a word of memory.
    pub fn caller(
        &self,
        function: &Registers,
        address: u32,
        word: impl Fn(u32) -> Option<u32>,
    ) -> Option<Return> {
        let mut context = UnwindContext::new();
        let bases = Default::default();
        let row = self
            .frames
            .as_ref()?
            .unwind_info_for_address(
                &bases,
                &mut context,
                (address & !1).into(),
                DebugFrame::cie_from_offset,
            )
            .ok()?;
        let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
            return None;
        };
        let base = function.r.get(usize::from(register.0))?;
        let frame = base.wrapping_add_signed(i32::try_from(*offset).ok()?);
        let mut caller = *function;
        for (number, value) in caller.r.iter_mut().enumerate().take(PC) {
            let rule = row.register(Register(u16::try_from(number).ok()?));
            match rule {
                Some(RegisterRule::Offset(offset)) => {
                    *value = word(frame.wrapping_add_signed(i32::try_from(offset).ok()?))?;
                }
                Some(RegisterRule::Register(other)) => {
                    *value = *function.r.get(usize::from(other.0))?;
                }
                // Not said, or said to be the same.
                Some(RegisterRule::SameValue | RegisterRule::Undefined) | None => {}
                Some(_) => return None,
            }
        }
        caller.r[SP] = frame;
        let lr = caller.r[LR];
        // What comes out of reset in LR is no place to return to.
        if lr == u32::MAX || lr == 0 {
            return None;
        }
        if lr >= EXC_RETURN {
            return interrupted(caller, lr, word);
        }
        caller.r[PC] = lr & !1;
        // A function that calls nothing and stands in its own caller's place would never end.
        (caller.r[PC] != function.r[PC] || caller.r[SP] != function.r[SP])
            .then_some(Return::Call(caller))
    }

    /// The callers of a function, innermost first.
    pub fn callers(&self, function: &Registers, word: impl Fn(u32) -> Option<u32>) -> Vec<Return> {
        let mut callers: Vec<Return> = Vec::new();
        let mut next = self.caller(function, function.r[PC], &word);
        while let Some(caller) = next {
            callers.push(caller);
            // The RAM has no room for more.
            if callers.len() >= MOST_CALLERS {
                break;
            }
            next = self.caller(&caller.registers(), caller.address(), &word);
        }
        callers
    }
}

/// More callers than words of RAM are damage.
const MOST_CALLERS: usize = 512;

/// What was interrupted, from the frame that the core pushed.
fn interrupted(
    handler: Registers,
    exc_return: u32,
    word: impl Fn(u32) -> Option<u32>,
) -> Option<Return> {
    let process = exc_return & PROCESS_STACK != 0;
    let at = if process { handler.psp } else { handler.r[SP] };
    let mut registers = handler;
    let mut address = at;
    for number in EXCEPTION_FRAME {
        registers.r[number] = word(address)?;
        address = address.wrapping_add(4);
    }
    let xpsr = word(address)?;
    address = address.wrapping_add(4);
    if xpsr & ALIGNED != 0 {
        address = address.wrapping_add(4);
    }
    registers.r[SP] = address;
    registers.r[PC] &= !1;
    if process {
        registers.psp = address;
    }
    Some(Return::Exception(registers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Image, release};

    /// Memory as pairs of address and word.
    fn memory(words: &[(u32, u32)]) -> impl Fn(u32) -> Option<u32> {
        |address| words.iter().find(|(at, _)| *at == address).map(|(_, word)| *word)
    }

    fn at(symbols: &Symbols<'_>, name: &str, offset: u32) -> u32 {
        symbols.find(name).first().unwrap().0 + offset
    }

    fn registers(pc: u32, sp: u32, lr: u32) -> Registers {
        let mut r = [0; 16];
        (r[7], r[SP], r[LR], r[PC]) = (sp + 8, sp, lr, pc);
        Registers { r, psp: 0 }
    }

    #[test]
    fn a_caller_is_found_before_and_after_the_prologue() {
        let image: Image = release();
        let symbols = Symbols::of(&image);
        let reset = at(&symbols, "Reset", 0);
        let start = at(&symbols, "watchdog::start", 0);
        // `start` was called from Reset + 0x32 and has pushed nothing yet.
        let lr = (reset + 0x36) | 1;
        let before = registers(start, 0x2000_07F0, lr);
        let caller = symbols.caller(&before, start, memory(&[])).unwrap();
        assert_eq!(caller.registers().r[PC], reset + 0x36);
        assert_eq!(caller.registers().r[SP], 0x2000_07F0);
        assert_eq!(symbols.place(caller.address()).function(), Some("Reset"));

        // Reset has pushed r5, r6, r7 and what came out of reset in LR: nobody called it.
        let stack = memory(&[
            (0x2000_07F0, 0),
            (0x2000_07F4, 0),
            (0x2000_07F8, 0),
            (0x2000_07FC, u32::MAX),
        ]);
        let callers = symbols.callers(&before, stack);
        assert_eq!(callers, [caller]);
    }

    #[test]
    fn an_interrupted_function_is_the_handlers_caller() {
        let image = release();
        let symbols = Symbols::of(&image);
        let start = at(&symbols, "watchdog::start", 0);
        let pc = at(&symbols, "chip::run", 0x20);
        let handler = registers(start, 0x2000_0400, 0xFFFF_FFF9);
        let mut frame = vec![];
        for (n, value) in [10, 11, 12, 13, 22, 33, pc, 0x0100_0000].into_iter().enumerate() {
            frame.push((0x2000_0400 + 4 * n as u32, value));
        }
        let Some(Return::Exception(found)) = symbols.caller(&handler, start, memory(&frame)) else {
            panic!("no exception");
        };
        assert_eq!(found.r[..4], [10, 11, 12, 13]);
        assert_eq!((found.r[12], found.r[LR], found.r[PC]), (22, 33, pc));
        assert_eq!(found.r[SP], 0x2000_0420);
        // With a word left out to align it.
        frame[7].1 |= ALIGNED;
        let found = symbols.caller(&handler, start, memory(&frame)).unwrap().registers();
        assert_eq!(found.r[SP], 0x2000_0424);
        // On the other stack.
        let handler = Registers { psp: 0x2000_0400, ..registers(start, 0x2000_0700, 0xFFFF_FFFD) };
        let found = symbols.caller(&handler, start, memory(&frame)).unwrap().registers();
        assert_eq!((found.r[PC], found.psp), (pc, 0x2000_0424));
        // A stack that nobody can read.
        assert_eq!(symbols.caller(&handler, start, memory(&[])), None);
    }
}
