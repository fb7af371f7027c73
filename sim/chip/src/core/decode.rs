//! Instructions of ARMv6-M, decoded once.
//!
//! Follows the encodings of the ARMv6-M Architecture Reference Manual (ARM DDI 0419), chapter A5: every
//! 16-bit Thumb instruction of that architecture and the 32-bit BL, DMB, DSB, ISB, MRS, MSR and UDF.W.
//! Whatever is not in that list is [`System::Undefined`]. Encodings which the architecture calls
//! unpredictable are decoded as their neighbours are (a reserved "should be zero" bit is ignored).
//!
//! Operands are as near to use as they can be without knowing the address: offsets are scaled, and those
//! of branches and literals already contain what the program counter reads ahead. Absolute
//! addresses are never stored, since the same flash is seen at two of them.

/// A decoded instruction: what to do and to which registers.
///
/// `d`, `n`, `m` and `t` are register numbers as in the manual, `list` has a bit for
/// each register and `count` says how many.
/// Eight bytes, so that the decoded flash stays small and one load fetches an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names and operands are the manual's")]
pub enum Instruction {
    // Shifts and moves. Amounts of LSR and ASR are 1 to 32, of LSL 1 to 31.
    MovRegisterFlags { d: u8, m: u8 },
    LslImmediate { d: u8, m: u8, amount: u8 },
    LsrImmediate { d: u8, m: u8, amount: u8 },
    AsrImmediate { d: u8, m: u8, amount: u8 },
    MovImmediate { d: u8, value: u8 },
    // Sums.
    AddRegister { d: u8, n: u8, m: u8 },
    SubRegister { d: u8, n: u8, m: u8 },
    AddImmediate { d: u8, n: u8, value: u8 },
    SubImmediate { d: u8, n: u8, value: u8 },
    CmpImmediate { n: u8, value: u8 },
    // Data processing; the destination is the first operand.
    And { d: u8, m: u8 },
    Eor { d: u8, m: u8 },
    LslRegister { d: u8, m: u8 },
    LsrRegister { d: u8, m: u8 },
    AsrRegister { d: u8, m: u8 },
    Adc { d: u8, m: u8 },
    Sbc { d: u8, m: u8 },
    RorRegister { d: u8, m: u8 },
    Tst { n: u8, m: u8 },
    Rsb { d: u8, n: u8 },
    CmpRegister { n: u8, m: u8 },
    Cmn { n: u8, m: u8 },
    Orr { d: u8, m: u8 },
    Mul { d: u8, m: u8 },
    Bic { d: u8, m: u8 },
    Mvn { d: u8, m: u8 },
    // High registers. The plain forms have neither the SP nor the PC as destination, nor the PC as operand.
    AddHigh { d: u8, m: u8 },
    MovHigh { d: u8, m: u8 },
    AddHighSpecial { d: u8, m: u8 },
    MovHighSpecial { d: u8, m: u8 },
    CmpHigh { n: u8, m: u8 },
    Bx { m: u8 },
    Blx { m: u8 },
    // Loads and stores.
    LdrLiteral { t: u8, offset: u16 },
    StrRegister { t: u8, n: u8, m: u8 },
    StrhRegister { t: u8, n: u8, m: u8 },
    StrbRegister { t: u8, n: u8, m: u8 },
    LdrsbRegister { t: u8, n: u8, m: u8 },
    LdrRegister { t: u8, n: u8, m: u8 },
    LdrhRegister { t: u8, n: u8, m: u8 },
    LdrbRegister { t: u8, n: u8, m: u8 },
    LdrshRegister { t: u8, n: u8, m: u8 },
    StrImmediate { t: u8, n: u8, offset: u16 },
    LdrImmediate { t: u8, n: u8, offset: u16 },
    StrbImmediate { t: u8, n: u8, offset: u16 },
    LdrbImmediate { t: u8, n: u8, offset: u16 },
    StrhImmediate { t: u8, n: u8, offset: u16 },
    LdrhImmediate { t: u8, n: u8, offset: u16 },
    Stm { n: u8, count: u8, list: u16 },
    Ldm { n: u8, count: u8, list: u16 },
    Push { count: u8, list: u16 },
    Pop { count: u8, list: u16 },
    PopPc { count: u8, list: u16 },
    // Addresses.
    Adr { d: u8, offset: u16 },
    AddSpRegister { d: u8, offset: u16 },
    AddSp { offset: u16 },
    SubSp { offset: u16 },
    // Extension and byte order.
    Sxth { d: u8, m: u8 },
    Sxtb { d: u8, m: u8 },
    Uxth { d: u8, m: u8 },
    Uxtb { d: u8, m: u8 },
    Rev { d: u8, m: u8 },
    Rev16 { d: u8, m: u8 },
    Revsh { d: u8, m: u8 },
    // Branches; offsets count from the next instruction, that of BL from itself.
    Beq { offset: i16 },
    Bne { offset: i16 },
    Bcs { offset: i16 },
    Bcc { offset: i16 },
    Bmi { offset: i16 },
    Bpl { offset: i16 },
    Bvs { offset: i16 },
    Bvc { offset: i16 },
    Bhi { offset: i16 },
    Bls { offset: i16 },
    Bge { offset: i16 },
    Blt { offset: i16 },
    Bgt { offset: i16 },
    Ble { offset: i16 },
    B { offset: i16 },
    Bl { offset: i32 },
    Nop,
    // What needs the whole core.
    System(System),
}

/// The instructions that have to do with exceptions, sleep and special registers, and those that fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names and operands are the manual's")]
pub enum System {
    Svc,
    Bkpt,
    Cps { mask: Mask },
    Sev,
    Wfe,
    Wfi,
    // DMB, DSB, ISB.
    Barrier,
    Mrs { d: u8, register: u8 },
    Msr { n: u8, register: u8 },
    // UDF, and everything that is not an instruction.
    Undefined,
}

/// What CPS does to PRIMASK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// CPSIE: interrupts are taken.
    Clear,
    /// CPSID: interrupts are held off.
    Set,
}

/// Whether a half-word is the first of a 32-bit instruction.
#[must_use]
pub const fn is_wide(first: u16) -> bool {
    first >> 11 >= 0b11101
}

/// Decodes the instruction that starts with `first`. `second` is the half-word after it and is looked at
/// only if [`is_wide`]`(first)`.
#[must_use]
pub const fn decode(first: u16, second: u16) -> Instruction {
    use Instruction as I;
    let r0 = (first & 7) as u8;
    let r3 = ((first >> 3) & 7) as u8;
    let r6 = ((first >> 6) & 7) as u8;
    let r8 = ((first >> 8) & 7) as u8;
    let imm5 = ((first >> 6) & 31) as u8;
    let imm8 = (first & 0xFF) as u8;
    let count = imm8.count_ones() as u8;
    match first >> 11 {
        0b00000 if imm5 == 0 => I::MovRegisterFlags { d: r0, m: r3 },
        0b00000 => I::LslImmediate { d: r0, m: r3, amount: imm5 },
        0b00001 => I::LsrImmediate { d: r0, m: r3, amount: if imm5 == 0 { 32 } else { imm5 } },
        0b00010 => I::AsrImmediate { d: r0, m: r3, amount: if imm5 == 0 { 32 } else { imm5 } },
        0b00011 => match (first >> 9) & 3 {
            0 => I::AddRegister { d: r0, n: r3, m: r6 },
            1 => I::SubRegister { d: r0, n: r3, m: r6 },
            2 => I::AddImmediate { d: r0, n: r3, value: r6 },
            _ => I::SubImmediate { d: r0, n: r3, value: r6 },
        },
        0b00100 => I::MovImmediate { d: r8, value: imm8 },
        0b00101 => I::CmpImmediate { n: r8, value: imm8 },
        0b00110 => I::AddImmediate { d: r8, n: r8, value: imm8 },
        0b00111 => I::SubImmediate { d: r8, n: r8, value: imm8 },
        0b01000 if first & 0x0400 == 0 => data_processing(first),
        0b01000 => high_registers(first),
        0b01001 => I::LdrLiteral { t: r8, offset: imm8 as u16 * 4 + 4 },
        0b01010 | 0b01011 => match (first >> 9) & 7 {
            0 => I::StrRegister { t: r0, n: r3, m: r6 },
            1 => I::StrhRegister { t: r0, n: r3, m: r6 },
            2 => I::StrbRegister { t: r0, n: r3, m: r6 },
            3 => I::LdrsbRegister { t: r0, n: r3, m: r6 },
            4 => I::LdrRegister { t: r0, n: r3, m: r6 },
            5 => I::LdrhRegister { t: r0, n: r3, m: r6 },
            6 => I::LdrbRegister { t: r0, n: r3, m: r6 },
            _ => I::LdrshRegister { t: r0, n: r3, m: r6 },
        },
        0b01100 => I::StrImmediate { t: r0, n: r3, offset: imm5 as u16 * 4 },
        0b01101 => I::LdrImmediate { t: r0, n: r3, offset: imm5 as u16 * 4 },
        0b01110 => I::StrbImmediate { t: r0, n: r3, offset: imm5 as u16 },
        0b01111 => I::LdrbImmediate { t: r0, n: r3, offset: imm5 as u16 },
        0b10000 => I::StrhImmediate { t: r0, n: r3, offset: imm5 as u16 * 2 },
        0b10001 => I::LdrhImmediate { t: r0, n: r3, offset: imm5 as u16 * 2 },
        0b10010 => I::StrImmediate { t: r8, n: 13, offset: imm8 as u16 * 4 },
        0b10011 => I::LdrImmediate { t: r8, n: 13, offset: imm8 as u16 * 4 },
        0b10100 => I::Adr { d: r8, offset: imm8 as u16 * 4 + 4 },
        0b10101 => I::AddSpRegister { d: r8, offset: imm8 as u16 * 4 },
        0b10110 | 0b10111 => miscellaneous(first),
        0b11000 => I::Stm { n: r8, count, list: imm8 as u16 },
        0b11001 => I::Ldm { n: r8, count, list: imm8 as u16 },
        0b11010 | 0b11011 => conditional(first),
        // Eleven bits of signed half-words: shifted up to the sign, and back to bytes.
        0b11100 => I::B { offset: (((first << 5) as i16) >> 4) + 2 },
        _ => wide(first, second),
    }
}

/// AND to MVN: two low registers.
const fn data_processing(first: u16) -> Instruction {
    use Instruction as I;
    let d = (first & 7) as u8;
    let m = ((first >> 3) & 7) as u8;
    match (first >> 6) & 15 {
        0 => I::And { d, m },
        1 => I::Eor { d, m },
        2 => I::LslRegister { d, m },
        3 => I::LsrRegister { d, m },
        4 => I::AsrRegister { d, m },
        5 => I::Adc { d, m },
        6 => I::Sbc { d, m },
        7 => I::RorRegister { d, m },
        8 => I::Tst { n: d, m },
        9 => I::Rsb { d, n: m },
        10 => I::CmpRegister { n: d, m },
        11 => I::Cmn { n: d, m },
        12 => I::Orr { d, m },
        13 => I::Mul { d, m },
        14 => I::Bic { d, m },
        _ => I::Mvn { d, m },
    }
}

/// ADD, CMP, MOV with any registers, BX and BLX.
const fn high_registers(first: u16) -> Instruction {
    use Instruction as I;
    let d = ((first & 7) | ((first >> 4) & 8)) as u8;
    let m = ((first >> 3) & 15) as u8;
    let special = d == 13 || d == 15 || m == 15;
    match (first >> 8) & 3 {
        0 if special => I::AddHighSpecial { d, m },
        0 => I::AddHigh { d, m },
        1 => I::CmpHigh { n: d, m },
        2 if special => I::MovHighSpecial { d, m },
        2 => I::MovHigh { d, m },
        _ if first & 0x80 == 0 => I::Bx { m },
        _ => I::Blx { m },
    }
}

/// Everything that starts with 1011.
const fn miscellaneous(first: u16) -> Instruction {
    use Instruction as I;
    use System as S;
    let d = (first & 7) as u8;
    let m = ((first >> 3) & 7) as u8;
    let list = first & 0xFF;
    let count = list.count_ones() as u8;
    match (first >> 6) & 0x3F {
        0b000000 | 0b000001 => I::AddSp { offset: (first & 0x7F) * 4 },
        0b000010 | 0b000011 => I::SubSp { offset: (first & 0x7F) * 4 },
        0b001000 => I::Sxth { d, m },
        0b001001 => I::Sxtb { d, m },
        0b001010 => I::Uxth { d, m },
        0b001011 => I::Uxtb { d, m },
        0b010000..=0b010011 => I::Push { count, list },
        0b010100..=0b010111 => I::Push { count: count + 1, list: list | 1 << 14 },
        0b011001 if first & 0x20 != 0 => {
            I::System(S::Cps { mask: if first & 0x10 == 0 { Mask::Clear } else { Mask::Set } })
        }
        0b101000 => I::Rev { d, m },
        0b101001 => I::Rev16 { d, m },
        0b101011 => I::Revsh { d, m },
        0b110000..=0b110011 => I::Pop { count, list },
        0b110100..=0b110111 => I::PopPc { count: count + 1, list: list | 1 << 15 },
        0b111000..=0b111011 => I::System(S::Bkpt),
        0b111100..=0b111111 => hint(first),
        _ => I::System(S::Undefined),
    }
}

/// NOP and its relatives. Hints that are not allocated do nothing; with a mask they would be IT, which
/// this architecture does not have.
const fn hint(first: u16) -> Instruction {
    use Instruction as I;
    use System as S;
    if first & 15 != 0 {
        return I::System(S::Undefined);
    }
    match (first >> 4) & 15 {
        2 => I::System(S::Wfe),
        3 => I::System(S::Wfi),
        4 => I::System(S::Sev),
        // NOP, YIELD, and the rest of the hint space.
        _ => I::Nop,
    }
}

/// Conditional branches, UDF and SVC.
const fn conditional(first: u16) -> Instruction {
    use Instruction as I;
    use System as S;
    let offset = (first as u8 as i8) as i16 * 2 + 2;
    match (first >> 8) & 15 {
        0 => I::Beq { offset },
        1 => I::Bne { offset },
        2 => I::Bcs { offset },
        3 => I::Bcc { offset },
        4 => I::Bmi { offset },
        5 => I::Bpl { offset },
        6 => I::Bvs { offset },
        7 => I::Bvc { offset },
        8 => I::Bhi { offset },
        9 => I::Bls { offset },
        10 => I::Bge { offset },
        11 => I::Blt { offset },
        12 => I::Bgt { offset },
        13 => I::Ble { offset },
        14 => I::System(S::Undefined),
        _ => I::System(S::Svc),
    }
}

/// The 32-bit instructions.
const fn wide(first: u16, second: u16) -> Instruction {
    use Instruction as I;
    use System as S;
    if first >> 11 != 0b11110 || second & 0x8000 == 0 {
        return I::System(S::Undefined);
    }
    match (second >> 12) & 7 {
        0b101 | 0b111 => {
            let sign = (first >> 10) & 1;
            let i1 = !(((second >> 13) & 1) ^ sign) & 1;
            let i2 = !(((second >> 11) & 1) ^ sign) & 1;
            let bits = (sign as u32) << 24
                | (i1 as u32) << 23
                | (i2 as u32) << 22
                | (first as u32 & 0x3FF) << 12
                | (second as u32 & 0x7FF) << 1;
            I::Bl { offset: (((bits << 7) as i32) >> 7) + 4 }
        }
        0b000 | 0b010 => match (first >> 4) & 0x7F {
            0b0111000 | 0b0111001 => {
                I::System(S::Msr { n: (first & 15) as u8, register: second as u8 })
            }
            0b0111011 if matches!((second >> 4) & 15, 4..=6) => I::System(S::Barrier),
            0b0111110 | 0b0111111 => {
                I::System(S::Mrs { d: ((second >> 8) & 15) as u8, register: second as u8 })
            }
            _ => I::System(S::Undefined),
        },
        _ => I::System(S::Undefined),
    }
}
