//! Random Thumb programs for the comparison with unicorn.
//!
//! Encodings are built here from the architecture's tables, not with the decoder that is under test.
//! Addresses come from a pool of literals, so that most accesses meet memory; some are meant to miss.

use std::fmt;

use stm32l011::memory::{FLASH, RAM};

/// Half-words of code, the literals not counted.
const CODE: usize = 96;
/// Words of literals after the code.
const LITERALS: usize = 16;
/// How many of them are addresses in RAM.
const DATA: usize = 12;
/// Where code in RAM lies: above what stores are aimed at.
const RAM_CODE: u32 = RAM + 0x600;

/// A program and the registers it starts with.
pub(crate) struct Program {
    /// Where it lies and starts.
    pub(crate) address: u32,
    /// Its half-words.
    pub(crate) code: Vec<u16>,
    /// r0-r12, MSP, PSP, LR, flags.
    pub(crate) registers: [u32; 17],
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "registers {:x?}", self.registers)?;
        for (n, half) in self.code.iter().enumerate() {
            writeln!(f, "{:#010x}: {half:04x}", self.address + n as u32 * 2)?;
        }
        Ok(())
    }
}

/// Makes programs from a seed.
pub(crate) struct Generator {
    state: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ self.state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }

    fn half(&mut self, limit: u32) -> u16 {
        self.below(limit) as u16
    }

    fn low(&mut self) -> u16 {
        self.half(8)
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// A value for a register: small, at an edge, an address in RAM, or anything.
    fn value(&mut self) -> u32 {
        match self.below(6) {
            0 => self.below(64),
            1 => [0, 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX][self.below(5) as usize],
            2 | 3 => RAM + self.below(0x180) * 4,
            4 => self.next() as u32 & 0xFF,
            _ => self.next() as u32,
        }
    }

    /// The next program.
    pub(crate) fn program(&mut self) -> Program {
        let address = match self.below(4) {
            0 => self.below(0xF00) * 4,
            1 => RAM_CODE,
            _ => FLASH + self.below(0xF00) * 4,
        };
        let mut registers = [0; 17];
        for register in &mut registers[..13] {
            *register = self.value();
        }
        registers[13] = RAM + 0x100 + self.below(0x100) * 4;
        registers[14] = RAM + 0x100 + self.below(0x100) * 4;
        registers[15] = (address + self.below(CODE as u32) * 2) | 1;
        registers[16] = self.below(16) << 28;
        let mut code = Vec::with_capacity(CODE + 2 * LITERALS);
        while code.len() < CODE {
            self.instruction(&mut code);
        }
        code.truncate(CODE);
        if is_left_out(code[0], code[1]) {
            code[0] = 0xBF00;
        }
        // The end is a loop, so that programs do not run into their literals.
        code[CODE - 1] = 0xE7FE;
        for n in 0..LITERALS {
            let literal = match self.below(4) {
                _ if n < DATA => RAM + self.below(0x160) * 4,
                0 => (address + self.below(CODE as u32) * 2) | 1,
                1 => self.value(),
                2 => FLASH + self.below(0x1000) * 4,
                _ => self.below(0x1000) * 4,
            };
            code.extend([literal as u16, (literal >> 16) as u16]);
        }
        Program { address, code, registers }
    }

    /// LDR of a literal into a register, mostly an address in RAM.
    fn literal(&mut self, code: &mut Vec<u16>, t: u16) {
        let here = code.len() & !1;
        let first = (CODE - here - 2) / 2;
        let choice = if self.one_in(16) { LITERALS } else { DATA };
        let n = first as u32 + self.below(choice as u32);
        code.push(0x4800 | t << 8 | n.min(255) as u16);
    }

    /// One instruction, with what prepares it.
    fn instruction(&mut self, code: &mut Vec<u16>) {
        if code.len() + 8 >= CODE {
            code.push(0xBF00);
            return;
        }
        let (d, n, m) = (self.low(), self.low(), self.low());
        match self.below(36) {
            // Shifts, sums, moves: everything below 0x4000 is one.
            0..=8 => code.push(self.half(0x4000)),
            // Data processing.
            9..=13 => code.push(0x4000 | self.half(0x400)),
            // ADD, CMP, MOV with high registers; neither SP nor PC as destination.
            14 | 15 => {
                let d = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14][self.below(14) as usize];
                let op = self.half(3);
                let m = self.half(16);
                code.push(0x4400 | op << 8 | (d & 8) << 4 | m << 3 | d & 7);
            }
            // Extension, byte order.
            16 => {
                let op = [0xB200, 0xB240, 0xB280, 0xB2C0, 0xBA00, 0xBA40, 0xBAC0]
                    [self.below(7) as usize];
                code.push(op | m << 3 | d);
            }
            // ADR, ADD Rd, SP.
            17 => code.push(0xA000 | self.half(0x1000)),
            // A literal.
            18 => self.literal(code, d),
            // Load or store with an offset in the instruction.
            19 | 20 => {
                self.literal(code, n);
                let op = [0x6000, 0x6800, 0x7000, 0x7800, 0x8000, 0x8800][self.below(6) as usize];
                code.push(op | self.half(32) << 6 | n << 3 | d);
            }
            // Load or store with an offset in a register; now and then not aligned.
            21..=23 => {
                self.literal(code, n);
                let align = if self.one_in(12) { 1 } else { 4 };
                if m != n {
                    code.push(0x2000 | m << 8 | (self.half(256) / align * align));
                }
                code.push(0x5000 | self.half(8) << 9 | m << 6 | n << 3 | d);
            }
            // Stack-relative.
            24 => code.push(0x9000 | self.half(2) << 11 | d << 8 | self.half(64)),
            25 => code.push(0xB000 | self.half(2) << 7 | self.half(16)),
            // PUSH and POP, in about equal numbers.
            26 => code.push(0xB400 | self.half(2) << 8 | (self.half(255) + 1)),
            27 => code.push(0xBC00 | (self.half(255) + 1)),
            // STM and LDM.
            28 => {
                self.literal(code, n);
                code.push(0xC000 | self.half(2) << 11 | n << 8 | (self.half(255) + 1));
            }
            // Conditional branches, forward and back.
            29 | 30 => {
                let offset = self.below(16) as i32 - 6;
                code.push(0xD000 | self.half(14) << 8 | offset as u16 & 0xFF);
            }
            31 => {
                let offset = self.target(code.len());
                code.push(0xE000 | offset as u16 & 0x7FF);
            }
            32 => self.jump(code, d),
            33 => self.call_or_system(code, d),
            34 => self.low_odds(code),
            // Anything at all that is compared.
            _ => {
                let (first, second) = (self.next() as u16, self.next() as u16);
                code.push(if is_left_out(first, second) { 0xBF00 } else { first });
                if first >> 11 >= 0b11101 {
                    code.push(second);
                }
            }
        }
    }

    /// An offset in half-words to somewhere in the code, from the instruction at `here`.
    fn target(&mut self, here: usize) -> i32 {
        self.below(CODE as u32) as i32 - here as i32 - 2
    }

    /// A jump through a register or the stack.
    fn jump(&mut self, code: &mut Vec<u16>, d: u16) {
        let address_of = |g: &mut Self, code: &mut Vec<u16>| {
            // ADR gives a place ahead: even, so one more makes it Thumb.
            let room = (CODE - code.len() - 4) as u32 / 2;
            code.push(0xA000 | d << 8 | g.half(room.clamp(1, 200)));
            code.push(0x3001 | d << 8);
        };
        address_of(self, code);
        match self.below(6) {
            0 => code.push(0x4700 | d << 3),
            1 => code.push(0x4780 | d << 3),
            2 => code.push(0x4687 | d << 3),
            3 => {
                code.push(0xB400 | 1 << d);
                code.push(0xBD00);
            }
            4 => {
                // The register that holds the target goes last, where the PC is taken from.
                let list = self.half(1 << d);
                code.push(0xB400 | 1 << d | list);
                code.push(0xBD00 | list);
            }
            // ADD PC, Rm: a small even number forward.
            _ => {
                code.push(0x2000 | d << 8 | (self.half(12) * 2));
                code.push(0x4487 | d << 3);
            }
        }
    }

    /// BL, MRS, MSR, barriers, CPS, hints.
    fn call_or_system(&mut self, code: &mut Vec<u16>, d: u16) {
        match self.below(6) {
            0 | 1 => {
                let offset = self.target(code.len()) as u32;
                let sign = offset >> 31;
                let j1 = !(offset >> 22 ^ sign) & 1;
                let j2 = !(offset >> 21 ^ sign) & 1;
                code.push(0xF000 | (sign << 10) as u16 | (offset >> 11 & 0x3FF) as u16);
                code.push(0xD000 | (j1 << 13 | j2 << 11) as u16 | (offset & 0x7FF) as u16);
            }
            2 => {
                let register = [0, 1, 2, 3, 5, 6, 7, 8, 9, 16, 20][self.below(11) as usize];
                code.extend([0xF3EF, 0x8000 | d << 8 | register]);
            }
            3 => {
                // Flags and PRIMASK; PSP gets a place in RAM. CONTROL seldom, see below.
                let register = [0, 1, 2, 3, 16][self.below(5) as usize];
                code.extend([0xF380 | d, 0x8800 | register]);
            }
            4 => code.extend([0xF3BF, 0x8F40 | self.half(3) << 4 | 15]),
            _ => code.push([0xB662, 0xB672, 0xBF00, 0xBF40][self.below(4) as usize]),
        }
    }

    /// What would end most programs if it came as often as the rest.
    fn low_odds(&mut self, code: &mut Vec<u16>) {
        let d = self.low();
        match self.below(12) {
            // UDF, both forms.
            0 => code.push(0xDE00 | self.half(256)),
            1 => code.extend([0xF7F0 | self.half(16), 0xA000 | self.half(0x1000)]),
            // A register added to the stack pointer. Here and below only multiples of four: unicorn keeps
            // the two bits of stack pointers that are not there.
            2 => {
                code.push(0x2000 | d << 8 | (self.half(16) * 4));
                code.push(0x4485 | d << 3);
            }
            3 | 4 => {
                // MOV Rd, SP; SUB Rd, #8; MOV SP, Rd.
                code.extend([0x4668 | d, 0x3800 | d << 8 | (self.half(4) * 4), 0x4685 | d << 3]);
            }
            // CONTROL: the other stack.
            5 | 6 => {
                code.push(0x2000 | d << 8 | self.half(2) << 1);
                code.extend([0xF380 | d, 0x8814, 0xF3BF, 0x8F6F]);
            }
            // MSP or PSP, from the SP.
            7 | 8 => {
                let register = 8 + self.half(2);
                code.extend([
                    0x4668 | d,
                    0x3800 | d << 8 | (self.half(16) * 4),
                    0xF380 | d,
                    0x8800 | register,
                ]);
            }
            // MOV PC from whatever a register holds.
            9 => code.push(0x4687 | d << 3),
            // ADD and MOV to r8-r12.
            _ => code.push(0x4400 | self.half(2) << 9 | 0x80 | self.half(15) << 3 | self.half(5)),
        }
    }

    /// Whether this code has changed, in RAM.
    pub(crate) fn overwritten(&self, program: &Program, ram: &[u8]) -> bool {
        program.address >= RAM && {
            let at = (program.address - RAM) as usize;
            let code = program.code.iter().flat_map(|half| half.to_le_bytes());
            !code.eq(ram[at..at + program.code.len() * 2].iter().copied())
        }
    }
}

/// Instructions that are not compared, whose first half-word this is: SVC, BKPT, WFE, WFI; and what unicorn
/// does otherwise: YIELD, which stops it; IT, CBZ, CBNZ and SETEND, which it executes though ARMv6-M does not have
/// them; BX, BLX, CPS, MSR, MRS and barriers with other bits than there should be,
/// and empty register lists, which are unpredictable.
pub(crate) fn is_left_out(first: u16, second: u16) -> bool {
    const REGISTERS: [u16; 11] = [0, 1, 2, 3, 5, 6, 7, 8, 9, 16, 20];
    let canonical = match first {
        0xF380..=0xF38F => second & 0xFF00 == 0x8800 && REGISTERS.contains(&(second & 0xFF)),
        0xF3EF => second & 0xF000 == 0x8000 && REGISTERS.contains(&(second & 0xFF)),
        0xF3BF => matches!(second, 0x8F4F | 0x8F5F | 0x8F6F),
        _ => first & 0xFF80 != 0xF380,
    };
    !canonical
        || matches!(first >> 8, 0xDF | 0xBE)
        || matches!(first, 0xBF10 | 0xBF20 | 0xBF30)
        || (first >> 8 == 0xBF && first & 15 != 0)
        || first & 0xF500 == 0xB100
        || first & 0xFFE0 == 0xB640
        || first & 0xF0FF == 0xC000
        || first & 0xF7FF == 0xB400
        || (first & 0xFFE0 == 0xB660 && first & 15 != 2)
        || (first >> 8 == 0x47 && first & 7 != 0)
}

/// The registers that a multiple transfer loads; none for other instructions.
pub(crate) fn loaded(half: u16) -> u32 {
    match half >> 8 {
        // LDM, POP.
        0xC8..=0xCF | 0xBC | 0xBD => u32::from(half & 0xFF),
        _ => 0,
    }
}
