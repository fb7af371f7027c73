//! Thumb decoding: what one instruction does to the control flow, the stack pointer and the values
//! that may end up in either.
//!
//! Follows the ARMv6-M Architecture Reference Manual (DDI 0419), chapters A5 and A6: all 16-bit
//! encodings, and the 32-bit ones that ARMv6-M has (`BL`, `MSR`, `MRS`, barriers, `UDF.W`). Everything
//! else, and what the manual calls UNPREDICTABLE in the fields used here, is not an instruction.
//! Leaves out what the analysis has no use for: flags, the memory that is written, arithmetic whose
//! result is never an address.

use std::fmt;

/// One of the sixteen core registers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Register(u8);

impl Register {
    /// The stack pointer.
    pub(super) const SP: Self = Self(13);
    /// The link register.
    pub(super) const LR: Self = Self(14);
    /// The program counter.
    pub(super) const PC: Self = Self(15);

    /// The register whose number is in the low four bits of `field`.
    pub(super) const fn new(field: u32) -> Self {
        Self((field & 15) as u8)
    }

    /// Its number, 0 to 15.
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            13 => f.write_str("sp"),
            14 => f.write_str("lr"),
            15 => f.write_str("pc"),
            number => write!(f, "r{number}"),
        }
    }
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of registers, bit n for register n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registers(pub(super) u16);

impl Registers {
    /// The set of one register.
    pub(super) const fn one(register: Register) -> Self {
        Self(1 << register.index())
    }

    /// The members, by number.
    pub(super) fn iter(self) -> impl Iterator<Item = Register> {
        (0..16).filter(move |n| self.0 >> n & 1 != 0).map(Register::new)
    }

    /// The number of members.
    pub(super) const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// How much is loaded or stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
}

impl Width {
    /// Size in bytes.
    pub(super) const fn bytes(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
        }
    }
}

/// The second operand of an addition or of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// A number; subtraction is addition modulo 2³².
    Number(u32),
    /// A register.
    Register(Register),
}

/// What an instruction does, as far as it matters. `d` is the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// Nothing that is tracked.
    Other,
    /// Writes registers, with values that are not tracked.
    Write(Registers),
    /// `d = value`.
    Constant { d: Register, value: u32 },
    /// `d = n + operand`. Moves are additions of zero.
    Add { d: Register, n: Register, operand: Operand },
    /// `d = n − m`.
    Subtract { d: Register, n: Register, m: Register },
    /// `d = −m`.
    Negate { d: Register, m: Register },
    /// `d = !m`.
    Invert { d: Register, m: Register },
    /// `d = m << by`.
    ShiftLeft { d: Register, m: Register, by: u32 },
    /// `d = memory[address]`: a word of a literal pool.
    Literal { d: Register, address: u32 },
    /// `d = memory[n + offset]`, zero-extended.
    Load { d: Register, n: Register, offset: Operand, width: Width },
    /// `memory[n + offset] = m`.
    Store { m: Register, n: Register, offset: Operand, width: Width },
    /// Pushes registers.
    Push(Registers),
    /// Pops registers; with the program counter among them it is also a jump.
    Pop(Registers),
    /// Goes on at the target.
    Branch(u32),
    /// Goes on at the target, or behind.
    BranchIf(u32),
    /// Calls the target.
    Call(u32),
    /// `blx m`.
    CallRegister(Register),
    /// `bx m`, or `mov pc, m`, which differ only in faults.
    JumpRegister(Register),
    /// `add pc, m`.
    JumpRelative(Register),
    /// Never goes on: a permanently undefined instruction.
    Trap,
    /// Takes the SVCall exception.
    SupervisorCall,
    /// Lets interrupts happen: `cpsie i`, or a write of PRIMASK.
    Unmask,
    /// Writes MSP, PSP or CONTROL: changes which memory is the stack.
    SwitchStack,
}

use Instruction as I;

/// Whether a halfword is the first of two.
pub(super) const fn is_wide(first: u16) -> bool {
    first >> 11 > 0b11100
}

/// What the program counter reads as.
pub(super) const fn pc(address: u32) -> u32 {
    address.wrapping_add(4)
}

const fn field(code: u16, low: u32, bits: u32) -> u32 {
    (code as u32 >> low) & ((1 << bits) - 1)
}

/// Three bits of a register's number, from bit `low` on.
const fn low_register(code: u16, low: u32) -> Register {
    Register::new(field(code, low, 3))
}

/// Sign-extends the low `bits`.
const fn signed(value: u32, bits: u32) -> u32 {
    let unused = 32 - bits;
    ((value << unused) as i32 >> unused) as u32
}

/// The 16-bit instruction at `address`; none if ARMv6-M has no such instruction.
pub(super) fn narrow(code: u16, address: u32) -> Option<Instruction> {
    let (d, n, m) = (low_register(code, 0), low_register(code, 3), low_register(code, 6));
    let d8 = low_register(code, 8);
    let imm5 = field(code, 6, 5);
    let imm8 = field(code, 0, 8);
    let aligned_pc = pc(address) & !3;
    Some(match code >> 11 {
        0b00000 => I::ShiftLeft { d, m: n, by: imm5 },
        0b00001 | 0b00010 => I::Write(Registers::one(d)),
        0b00011 => match field(code, 9, 2) {
            0 => I::Add { d, n, operand: Operand::Register(m) },
            1 => I::Subtract { d, n, m },
            2 => I::Add { d, n, operand: Operand::Number(field(code, 6, 3)) },
            _ => I::Add { d, n, operand: Operand::Number(field(code, 6, 3).wrapping_neg()) },
        },
        0b00100 => I::Constant { d: d8, value: imm8 },
        0b00101 => I::Other,
        0b00110 => I::Add { d: d8, n: d8, operand: Operand::Number(imm8) },
        0b00111 => I::Add { d: d8, n: d8, operand: Operand::Number(imm8.wrapping_neg()) },
        0b01000 if field(code, 10, 1) == 0 => match field(code, 6, 4) {
            0b1000 | 0b1010 | 0b1011 => I::Other,
            0b1001 => I::Negate { d, m: n },
            0b1111 => I::Invert { d, m: n },
            _ => I::Write(Registers::one(d)),
        },
        0b01000 => return any_register(code),
        0b01001 => I::Literal { d: d8, address: aligned_pc.wrapping_add(imm8 * 4) },
        0b01010 | 0b01011 => {
            let offset = Operand::Register(m);
            match field(code, 9, 3) {
                0 => I::Store { m: d, n, offset, width: Width::Word },
                1 => I::Store { m: d, n, offset, width: Width::Half },
                2 => I::Store { m: d, n, offset, width: Width::Byte },
                4 => I::Load { d, n, offset, width: Width::Word },
                5 => I::Load { d, n, offset, width: Width::Half },
                6 => I::Load { d, n, offset, width: Width::Byte },
                _ => I::Write(Registers::one(d)),
            }
        }
        0b01100..=0b10001 => {
            let width = match code >> 12 {
                0b0110 => Width::Word,
                0b0111 => Width::Byte,
                _ => Width::Half,
            };
            let offset = Operand::Number(imm5 * width.bytes());
            match field(code, 11, 1) {
                0 => I::Store { m: d, n, offset, width },
                _ => I::Load { d, n, offset, width },
            }
        }
        0b10010 => I::Store {
            m: d8,
            n: Register::SP,
            offset: Operand::Number(imm8 * 4),
            width: Width::Word,
        },
        0b10011 => I::Load {
            d: d8,
            n: Register::SP,
            offset: Operand::Number(imm8 * 4),
            width: Width::Word,
        },
        0b10100 => I::Constant { d: d8, value: aligned_pc.wrapping_add(imm8 * 4) },
        0b10101 => I::Add { d: d8, n: Register::SP, operand: Operand::Number(imm8 * 4) },
        0b10110 | 0b10111 => return miscellaneous(code),
        0b11000 => I::Write(Registers::one(d8)),
        0b11001 => I::Write(Registers(imm8 as u16 | Registers::one(d8).0)),
        0b11010 | 0b11011 => match field(code, 8, 4) {
            0b1110 => I::Trap,
            0b1111 => I::SupervisorCall,
            _ => I::BranchIf(pc(address).wrapping_add(signed(imm8, 8) << 1)),
        },
        0b11100 => I::Branch(pc(address).wrapping_add(signed(field(code, 0, 11), 11) << 1)),
        _ => return None,
    })
}

/// `add`, `cmp`, `mov`, `bx` and `blx`, which name all sixteen registers.
fn any_register(code: u16) -> Option<Instruction> {
    let d = Register::new(field(code, 0, 3) | field(code, 7, 1) << 3);
    let m = Register::new(field(code, 3, 4));
    let jump = code & 7 == 0 && m != Register::PC;
    Some(match field(code, 7, 3) {
        0b000 | 0b001 if d == Register::PC => {
            return (m != Register::PC).then_some(I::JumpRelative(m));
        }
        0b000 | 0b001 => I::Add { d, n: d, operand: Operand::Register(m) },
        0b010 | 0b011 => I::Other,
        0b100 | 0b101 if d == Register::PC => I::JumpRegister(m),
        0b100 | 0b101 => I::Add { d, n: m, operand: Operand::Number(0) },
        0b110 if jump => I::JumpRegister(m),
        0b111 if jump => I::CallRegister(m),
        _ => return None,
    })
}

/// Stack adjustment, extension, `push`, `pop`, `cps`, `rev`, `bkpt` and hints.
fn miscellaneous(code: u16) -> Option<Instruction> {
    let adjust = |operand| I::Add { d: Register::SP, n: Register::SP, operand };
    let by = field(code, 0, 7) * 4;
    let list = |extra: Register| {
        let extra = if field(code, 8, 1) != 0 { Registers::one(extra).0 } else { 0 };
        let registers = Registers(code & 0xFF | extra);
        (registers.count() != 0).then_some(registers)
    };
    Some(match field(code, 6, 6) {
        0b000_000 | 0b000_001 => adjust(Operand::Number(by)),
        0b000_010 | 0b000_011 => adjust(Operand::Number(by.wrapping_neg())),
        0b001_000..=0b001_011 => I::Write(Registers::one(low_register(code, 0))),
        0b010_000..=0b010_111 => I::Push(list(Register::LR)?),
        0b011_001 if code == 0xB662 => I::Unmask,
        0b011_001 if code == 0xB672 => I::Other,
        0b101_000 | 0b101_001 | 0b101_011 => I::Write(Registers::one(low_register(code, 0))),
        0b110_000..=0b110_111 => I::Pop(list(Register::PC)?),
        0b111_000..=0b111_011 => I::Other,
        0b111_100..=0b111_111 if code & 15 == 0 => I::Other,
        _ => return None,
    })
}

/// The 32-bit instruction at `address`; none if ARMv6-M has no such instruction.
pub(super) fn wide(first: u16, second: u16, address: u32) -> Option<Instruction> {
    if first >> 11 != 0b11110 || second >> 15 != 1 {
        return None;
    }
    if second & 0xD000 == 0xD000 {
        return Some(I::Call(call_target(first, second, address)));
    }
    let special = second & 0xFF;
    Some(match (first, second) {
        (0xF380..=0xF38F, 0x8800..=0x88FF) if is_core_register(first) => match special {
            0..=3 => I::Other,
            8 | 9 | 20 => I::SwitchStack,
            16 => I::Unmask,
            _ => return None,
        },
        (0xF3EF, 0x8000..=0x8FFF) if is_core_register(second >> 8) => {
            I::Write(Registers::one(Register::new(u32::from(second >> 8))))
        }
        (0xF3BF, 0x8F40..=0x8F6F) => I::Other,
        (0xF7F0..=0xF7FF, 0xA000..=0xAFFF) => I::Trap,
        _ => return None,
    })
}

/// Neither the stack pointer nor the program counter.
const fn is_core_register(field: u16) -> bool {
    !matches!(field & 15, 13 | 15)
}

/// The target of `bl`: S:I1:I2:imm10:imm11:0, where I = NOT (J XOR S).
const fn call_target(first: u16, second: u16, address: u32) -> u32 {
    let s = field(first, 10, 1);
    let i1 = 1 ^ field(second, 13, 1) ^ s;
    let i2 = 1 ^ field(second, 11, 1) ^ s;
    let offset =
        s << 24 | i1 << 23 | i2 << 22 | field(first, 0, 10) << 12 | field(second, 0, 11) << 1;
    pc(address).wrapping_add(signed(offset, 25))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u32 = 0x0800_0100;

    fn r(number: u32) -> Register {
        Register::new(number)
    }

    #[test]
    fn what_moves_the_stack_pointer() {
        let sp = Register::SP;
        let number = |n: i32| Operand::Number(n as u32);
        for (code, expected) in [
            (0xB580, I::Push(Registers(0x4080))),
            (0xBDF0, I::Pop(Registers(0x80F0))),
            (0xB0D0, I::Add { d: sp, n: sp, operand: number(-320) }),
            (0xB009, I::Add { d: sp, n: sp, operand: number(36) }),
            (0xAF03, I::Add { d: r(7), n: sp, operand: number(12) }),
            (0x44A5, I::Add { d: sp, n: sp, operand: Operand::Register(r(4)) }),
            (0x46A5, I::Add { d: sp, n: r(4), operand: number(0) }),
            (0x466C, I::Add { d: r(4), n: sp, operand: number(0) }),
            (0x1FFC, I::Add { d: r(4), n: r(7), operand: number(-7) }),
            (0x3C05, I::Add { d: r(4), n: r(4), operand: number(-5) }),
        ] {
            assert_eq!(narrow(code, AT), Some(expected), "{code:#06x}");
        }
    }

    #[test]
    fn where_it_goes_on() {
        for (code, expected) in [
            (0xE7FE, I::Branch(AT)),
            (0xD0F3, I::BranchIf(AT - 22)),
            (0xD824, I::BranchIf(AT + 76)),
            (0x4770, I::JumpRegister(Register::LR)),
            (0x46A7, I::JumpRegister(r(4))),
            (0x4487, I::JumpRelative(r(0))),
            (0x4798, I::CallRegister(r(3))),
            (0xDEFE, I::Trap),
            (0xDF00, I::SupervisorCall),
            (0xBE00, I::Other),
            (0xBF30, I::Other),
        ] {
            assert_eq!(narrow(code, AT), Some(expected), "{code:#06x}");
        }
        // From a real image: 8000130: f000 fc88 bl 8000a44, 8001434: f7ff fd14 bl 8000e60.
        assert_eq!(wide(0xF000, 0xFC88, 0x0800_0130), Some(I::Call(0x0800_0A44)));
        assert_eq!(wide(0xF7FF, 0xFD14, 0x0800_1434), Some(I::Call(0x0800_0E60)));
    }

    #[test]
    fn special_registers() {
        assert_eq!(wide(0xF380, 0x8808, AT), Some(I::SwitchStack), "msr msp, r0");
        assert_eq!(wide(0xF380, 0x8810, AT), Some(I::Unmask), "msr primask, r0");
        assert_eq!(wide(0xF3EF, 0x8310, AT), Some(I::Write(Registers(8))), "mrs r3, primask");
        assert_eq!(wide(0xF3BF, 0x8F4F, AT), Some(I::Other), "dsb");
        assert_eq!(wide(0xF7F0, 0xA000, AT), Some(I::Trap), "udf.w");
        assert_eq!(narrow(0xB662, AT), Some(I::Unmask), "cpsie i");
        assert_eq!(narrow(0xB672, AT), Some(I::Other), "cpsid i");
    }

    #[test]
    fn what_armv6_m_does_not_have() {
        for code in [0xB400, 0xBC00, 0xBF08, 0xB100, 0xB661, 0x4778, 0x44FF, 0xBA80] {
            assert_eq!(narrow(code, AT), None, "{code:#06x}");
        }
        assert_eq!(wide(0xE92D, 0x4FF0, AT), None, "push.w");
        assert_eq!(wide(0xF000, 0xB800, AT), None, "b.w");
        assert_eq!(wide(0xF000, 0xE800, AT), None, "blx");
    }

    #[test]
    fn addresses_count_from_the_aligned_program_counter() {
        let load = |address| Some(I::Literal { d: r(0), address });
        assert_eq!(narrow(0x480C, 0x0800_0128), load(0x0800_015C));
        assert_eq!(narrow(0x480C, 0x0800_012A), load(0x0800_015C));
        assert_eq!(narrow(0xA501, 0x0800_1476), Some(I::Constant { d: r(5), value: 0x0800_147C }));
    }
}
