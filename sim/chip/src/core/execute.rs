//! The loop that executes instructions.
//!
//! What changes with every instruction (program counter, flags, cycles) is copied into [`Hot`], which the
//! compiler keeps in machine registers; RAM and flash are read in line. Whatever else an instruction
//! needs is a cold call: the hot state goes back into the core, the core does it, the hot state is
//! fetched again. A cold call that wants the loop to end sets the deadline to zero, so that one compare
//! per instruction serves for everything: time, events, faults, sleep.
//!
//! Cycles are those of the Cortex-M0+ Technical Reference Manual (ARM DDI 0484), table 3-1, with the
//! single-cycle multiplier and zero wait states; the slow form of the loop adds wait states. An access
//! happens at the cycle at which its instruction begins, the n-th transfer of a multiple n cycles later.
//!
//! Register numbers come from decoding and are below 16; masking them tells the compiler.

use super::Core;
use super::decode::{Instruction, decode, is_wide};
use super::hot::{Hot, half_at, half_index, word_at, word_index};
use crate::bus::{Bus, Width};
use crate::memory::{FLASH, FLASH_BYTES, Memory, RAM, RAM_BYTES};

/// Runs a method of the core from the loop: with the hot state in its place, which it may change.
macro_rules! cold {
    ($core:ident, $hot:ident, $call:expr) => {{
        $core.hot = *$hot;
        let result = $call;
        *$hot = $core.hot;
        result
    }};
}

impl Core {
    /// Executes from flash seen at `BASE`, until the deadline or until the program leaves it. Without
    /// `QUICK` data in flash are left to the cold path and wait states are charged.
    #[inline(never)]
    pub(super) fn run_flash<B: Bus, const QUICK: bool, const BASE: u32>(
        &mut self,
        memory: &mut Memory,
        bus: &mut B,
    ) {
        let code = std::sync::Arc::clone(&memory.code);
        let mut hot = self.hot;
        while hot.cycle < hot.deadline {
            let index = (hot.pc.wrapping_sub(BASE) >> 1) as usize;
            let Some(instruction) = code.get(index) else { break };
            if !QUICK && hot.pc | 3 != hot.fetched {
                hot.fetched = hot.pc | 3;
                hot.cycle += self.wait_states();
            }
            self.execute::<B, QUICK>(instruction, &mut hot, memory, bus);
        }
        self.hot = hot;
    }

    /// Executes from RAM seen at `base`, decoding each time, since the program may write there.
    #[inline(never)]
    pub(super) fn run_ram<B: Bus>(&mut self, memory: &mut Memory, bus: &mut B, base: u32) {
        let mut hot = self.hot;
        while hot.cycle < hot.deadline {
            let index = half_index(hot.pc, base);
            let Some(first) = half_at(&memory.ram, index) else { break };
            let second = half_at(&memory.ram, index + 1).unwrap_or(0);
            let instruction = decode(first as u16, second as u16);
            self.execute::<B, false>(&instruction, &mut hot, memory, bus);
        }
        self.hot = hot;
    }

    /// Executes one instruction that lies neither in flash nor in RAM: it is read from the bus.
    #[cold]
    #[inline(never)]
    pub(super) fn run_bus<B: Bus>(&mut self, memory: &mut Memory, bus: &mut B) {
        let Some(first) = self.fetch(memory, bus, self.hot.pc) else { return };
        let second = if is_wide(first) {
            let Some(second) = self.fetch(memory, bus, self.hot.pc.wrapping_add(2)) else { return };
            second
        } else {
            0
        };
        let mut hot = self.hot;
        self.execute::<B, false>(&decode(first, second), &mut hot, memory, bus);
        self.hot = hot;
    }

    #[inline(always)]
    fn reg(&self, number: u8) -> u32 {
        self.r[number]
    }

    #[inline(always)]
    fn set(&mut self, number: u8, value: u32) {
        self.r[number] = value;
    }

    #[inline(always)]
    fn load<B: Bus, const QUICK: bool>(
        &mut self,
        hot: &mut Hot,
        memory: &mut Memory,
        bus: &mut B,
        address: u32,
        width: Width,
    ) -> Option<u32> {
        let found = match width {
            Width::Word => word_at(&memory.ram, word_index(address, RAM)),
            Width::Half => half_at(&memory.ram, half_index(address, RAM)),
            Width::Byte => {
                memory.ram.get(address.wrapping_sub(RAM) as usize).map(|&byte| u32::from(byte))
            }
        };
        let found = match found {
            None if QUICK => match width {
                Width::Word => word_at(memory.flash(), word_index(address, FLASH)),
                Width::Half => half_at(memory.flash(), half_index(address, FLASH)),
                Width::Byte => memory
                    .flash()
                    .get(address.wrapping_sub(FLASH) as usize)
                    .map(|&byte| u32::from(byte)),
            },
            found => found,
        };
        match found {
            Some(value) => {
                hot.cycle += 2;
                Some(value)
            }
            None => cold!(self, hot, self.load_slowly(memory, bus, address, width)),
        }
    }

    /// Stores; `None` if the instruction did not happen.
    #[inline(always)]
    fn store<B: Bus>(
        &mut self,
        hot: &mut Hot,
        memory: &mut Memory,
        bus: &mut B,
        address: u32,
        width: Width,
        value: u32,
    ) -> Option<()> {
        match width {
            Width::Word => {
                let index = word_index(address, RAM);
                if index < RAM_BYTES / 4 {
                    memory.ram[index * 4..index * 4 + 4].copy_from_slice(&value.to_le_bytes());
                    hot.cycle += 2;
                    return Some(());
                }
            }
            Width::Half => {
                let index = half_index(address, RAM);
                if index < RAM_BYTES / 2 {
                    memory.ram[index * 2..index * 2 + 2]
                        .copy_from_slice(&(value as u16).to_le_bytes());
                    hot.cycle += 2;
                    return Some(());
                }
            }
            Width::Byte => {
                if let Some(byte) = memory.ram.get_mut(address.wrapping_sub(RAM) as usize) {
                    *byte = value as u8;
                    hot.cycle += 2;
                    return Some(());
                }
            }
        }
        cold!(self, hot, self.store_slowly(memory, bus, address, width, value))
    }

    /// LDM and POP: registers from ascending words. `None` if the instruction did not happen.
    #[inline(always)]
    fn load_multiple<B: Bus>(
        &mut self,
        hot: &mut Hot,
        memory: &mut Memory,
        bus: &mut B,
        address: u32,
        (count, list): (u8, u16),
    ) -> Option<()> {
        let first = word_index(address, RAM);
        if first + usize::from(count) > RAM_BYTES / 4 {
            return cold!(self, hot, self.load_multiple_slowly(memory, bus, address, list));
        }
        let mut rest = list;
        let mut index = first;
        while rest != 0 {
            let value = word_at(&memory.ram, index).unwrap_or(0);
            self.set(rest.trailing_zeros() as u8, value);
            rest &= rest - 1;
            index += 1;
        }
        hot.cycle += 1 + u64::from(count);
        Some(())
    }

    /// STM and PUSH: registers to ascending words. `None` if the instruction did not happen.
    #[inline(always)]
    fn store_multiple<B: Bus>(
        &mut self,
        hot: &mut Hot,
        memory: &mut Memory,
        bus: &mut B,
        address: u32,
        (count, list): (u8, u16),
    ) -> Option<()> {
        let first = word_index(address, RAM);
        if first + usize::from(count) > RAM_BYTES / 4 {
            return cold!(self, hot, self.store_multiple_slowly(memory, bus, address, list));
        }
        let mut rest = list;
        let mut index = first;
        while rest != 0 && index < RAM_BYTES / 4 {
            let value = self.reg(rest.trailing_zeros() as u8);
            memory.ram[index * 4..index * 4 + 4].copy_from_slice(&value.to_le_bytes());
            rest &= rest - 1;
            index += 1;
        }
        hot.cycle += 1 + u64::from(count);
        Some(())
    }

    /// Executes one instruction. Arms that go straight on end the match; those that branch, fault or
    /// stall return.
    #[inline(always)]
    #[expect(clippy::too_many_lines, reason = "one match is one jump")]
    fn execute<B: Bus, const QUICK: bool>(
        &mut self,
        instruction: &Instruction,
        hot: &mut Hot,
        memory: &mut Memory,
        bus: &mut B,
    ) {
        use Instruction as I;

        /// A load of this width, whose value goes through the expression into the register.
        macro_rules! load {
            ($width:ident, $t:expr, $address:expr, $value:ident => $extended:expr) => {{
                let address = $address;
                let width = Width::$width;
                let Some($value) = self.load::<B, QUICK>(hot, memory, bus, address, width) else {
                    return;
                };
                self.set($t, $extended);
            }};
        }
        macro_rules! store {
            ($width:ident, $t:expr, $address:expr) => {{
                let (address, value) = ($address, self.reg($t));
                let width = Width::$width;
                if self.store(hot, memory, bus, address, width, value).is_none() {
                    return;
                }
            }};
        }
        /// Data processing: the value goes into the register and, if asked, into N and Z.
        macro_rules! set {
            ($d:expr, $value:expr) => {{
                let value = $value;
                self.set($d, value);
                hot.cycle += 1;
            }};
            (nz $d:expr, $value:expr) => {{
                let value = $value;
                self.set($d, value);
                hot.nz(value);
                hot.cycle += 1;
            }};
        }
        macro_rules! branch {
            ($taken:expr, $offset:expr) => {{
                let taken = $taken;
                hot.branch(taken, $offset);
                hot.cycle += 1;
            }};
        }

        hot.instructions += 1;
        match *instruction {
            I::MovRegisterFlags { d, m } => set!(nz d, self.reg(m)),
            I::LslImmediate { d, m, amount } => {
                let value = self.reg(m);
                hot.c = (value >> ((32 - u32::from(amount)) & 31)) & 1 != 0;
                set!(nz d, value << (amount & 31));
            }
            I::LsrImmediate { d, m, amount } => {
                let before = self.reg(m) >> ((amount - 1) & 31);
                hot.c = before & 1 != 0;
                set!(nz d, before >> 1);
            }
            I::AsrImmediate { d, m, amount } => {
                let before = self.reg(m) as i32 >> ((amount - 1) & 31);
                hot.c = before & 1 != 0;
                set!(nz d, (before >> 1) as u32);
            }
            I::MovImmediate { d, value } => set!(nz d, u32::from(value)),
            I::AddRegister { d, n, m } => set!(d, hot.add(self.reg(n), self.reg(m), false)),
            I::SubRegister { d, n, m } => set!(d, hot.sub(self.reg(n), self.reg(m))),
            I::AddImmediate { d, n, value } => set!(d, hot.add(self.reg(n), value.into(), false)),
            I::SubImmediate { d, n, value } => set!(d, hot.sub(self.reg(n), value.into())),
            I::CmpImmediate { n, value } => {
                hot.sub(self.reg(n), value.into());
                hot.cycle += 1;
            }
            I::And { d, m } => set!(nz d, self.reg(d) & self.reg(m)),
            I::Eor { d, m } => set!(nz d, self.reg(d) ^ self.reg(m)),
            I::LslRegister { d, m } => {
                let (value, amount) = (self.reg(d), self.reg(m) & 0xFF);
                if amount != 0 {
                    // In 64 bits the last bit shifted out stays in sight; 33 shows all that is left.
                    let wide = u64::from(value) << amount.min(33);
                    hot.c = wide >> 32 & 1 != 0;
                    set!(nz d, wide as u32);
                } else {
                    set!(nz d, value);
                }
            }
            I::LsrRegister { d, m } => {
                let (value, amount) = (self.reg(d), self.reg(m) & 0xFF);
                if amount != 0 {
                    let before = u64::from(value) >> (amount - 1).min(32);
                    hot.c = before & 1 != 0;
                    set!(nz d, (before >> 1) as u32);
                } else {
                    set!(nz d, value);
                }
            }
            I::AsrRegister { d, m } => {
                let (value, amount) = (self.reg(d), self.reg(m) & 0xFF);
                if amount != 0 {
                    let before = value as i32 >> (amount - 1).min(31);
                    hot.c = before & 1 != 0;
                    set!(nz d, (before >> 1) as u32);
                } else {
                    set!(nz d, value);
                }
            }
            I::Adc { d, m } => set!(d, hot.add(self.reg(d), self.reg(m), hot.c)),
            I::Sbc { d, m } => set!(d, hot.add(self.reg(d), !self.reg(m), hot.c)),
            I::RorRegister { d, m } => {
                let (value, amount) = (self.reg(d), self.reg(m) & 0xFF);
                let rotated = value.rotate_right(amount & 31);
                if amount != 0 {
                    hot.c = rotated >> 31 != 0;
                }
                set!(nz d, rotated);
            }
            I::Tst { n, m } => {
                hot.nz(self.reg(n) & self.reg(m));
                hot.cycle += 1;
            }
            I::Rsb { d, n } => set!(d, hot.sub(0, self.reg(n))),
            I::CmpRegister { n, m } => {
                hot.sub(self.reg(n), self.reg(m));
                hot.cycle += 1;
            }
            I::Cmn { n, m } => {
                hot.add(self.reg(n), self.reg(m), false);
                hot.cycle += 1;
            }
            I::Orr { d, m } => set!(nz d, self.reg(d) | self.reg(m)),
            I::Mul { d, m } => set!(nz d, self.reg(d).wrapping_mul(self.reg(m))),
            I::Bic { d, m } => set!(nz d, self.reg(d) & !self.reg(m)),
            I::Mvn { d, m } => set!(nz d, !self.reg(m)),

            I::AddHigh { d, m } => set!(d, self.reg(d).wrapping_add(self.reg(m))),
            I::MovHigh { d, m } => set!(d, self.reg(m)),
            I::AddHighSpecial { d, m } => {
                let value = self.reg_or_pc(d, hot.pc).wrapping_add(self.reg_or_pc(m, hot.pc));
                if self.set_special(hot, d, value) {
                    return;
                }
            }
            I::MovHighSpecial { d, m } => {
                let value = self.reg_or_pc(m, hot.pc);
                if self.set_special(hot, d, value) {
                    return;
                }
            }
            I::CmpHigh { n, m } => {
                hot.sub(self.reg_or_pc(n, hot.pc), self.reg_or_pc(m, hot.pc));
                hot.cycle += 1;
            }
            I::Bx { m } => {
                let target = self.reg_or_pc(m, hot.pc);
                hot.cycle += 2;
                return self.interwork(hot, memory, bus, target);
            }
            I::Blx { m } => {
                let target = self.reg_or_pc(m, hot.pc);
                self.set(14, hot.pc.wrapping_add(2) | 1);
                hot.cycle += 2;
                hot.pc = target & !1;
                if target & 1 == 0 {
                    cold!(self, hot, self.leave_thumb());
                }
                return;
            }

            I::LdrLiteral { t, offset } => {
                load!(Word, t, (hot.pc & !3).wrapping_add(offset.into()), v => v);
            }
            I::StrRegister { t, n, m } => store!(Word, t, self.reg(n).wrapping_add(self.reg(m))),
            I::StrhRegister { t, n, m } => store!(Half, t, self.reg(n).wrapping_add(self.reg(m))),
            I::StrbRegister { t, n, m } => store!(Byte, t, self.reg(n).wrapping_add(self.reg(m))),
            I::LdrRegister { t, n, m } => {
                load!(Word, t, self.reg(n).wrapping_add(self.reg(m)), v => v);
            }
            I::LdrhRegister { t, n, m } => {
                load!(Half, t, self.reg(n).wrapping_add(self.reg(m)), v => v);
            }
            I::LdrbRegister { t, n, m } => {
                load!(Byte, t, self.reg(n).wrapping_add(self.reg(m)), v => v);
            }
            I::LdrsbRegister { t, n, m } => {
                load!(Byte, t, self.reg(n).wrapping_add(self.reg(m)), v => v as i8 as u32);
            }
            I::LdrshRegister { t, n, m } => {
                load!(Half, t, self.reg(n).wrapping_add(self.reg(m)), v => v as i16 as u32);
            }
            I::StrImmediate { t, n, offset } => {
                store!(Word, t, self.reg(n).wrapping_add(offset.into()));
            }
            I::LdrImmediate { t, n, offset } => {
                load!(Word, t, self.reg(n).wrapping_add(offset.into()), v => v);
            }
            I::StrbImmediate { t, n, offset } => {
                store!(Byte, t, self.reg(n).wrapping_add(offset.into()));
            }
            I::LdrbImmediate { t, n, offset } => {
                load!(Byte, t, self.reg(n).wrapping_add(offset.into()), v => v);
            }
            I::StrhImmediate { t, n, offset } => {
                store!(Half, t, self.reg(n).wrapping_add(offset.into()));
            }
            I::LdrhImmediate { t, n, offset } => {
                load!(Half, t, self.reg(n).wrapping_add(offset.into()), v => v);
            }
            I::Stm { n, count, list } => {
                let address = self.reg(n);
                if self.store_multiple(hot, memory, bus, address, (count, list)).is_none() {
                    return;
                }
                self.set(n, address.wrapping_add(u32::from(count) * 4));
            }
            I::Ldm { n, count, list } => {
                let address = self.reg(n);
                if self.load_multiple(hot, memory, bus, address, (count, list)).is_none() {
                    return;
                }
                // A base that is in the list keeps what was loaded.
                if list >> n & 1 == 0 {
                    self.set(n, address.wrapping_add(u32::from(count) * 4));
                }
            }
            I::Push { count, list } => {
                let address = self.reg(13).wrapping_sub(u32::from(count) * 4);
                if self.store_multiple(hot, memory, bus, address, (count, list)).is_none() {
                    return;
                }
                self.set_sp(address);
            }
            I::Pop { count, list } => {
                let address = self.reg(13);
                if self.load_multiple(hot, memory, bus, address, (count, list)).is_none() {
                    return;
                }
                self.set_sp(address.wrapping_add(u32::from(count) * 4));
            }
            I::PopPc { count, list } => {
                let address = self.reg(13);
                if self.load_multiple(hot, memory, bus, address, (count, list)).is_none() {
                    return;
                }
                self.set_sp(address.wrapping_add(u32::from(count) * 4));
                hot.cycle += 2;
                // The PC is not kept with the other registers: its place takes the target.
                let target = self.reg(15);
                return self.interwork(hot, memory, bus, target);
            }

            I::Adr { d, offset } => set!(d, (hot.pc & !3).wrapping_add(offset.into())),
            I::AddSpRegister { d, offset } => set!(d, self.reg(13).wrapping_add(offset.into())),
            I::AddSp { offset } => {
                self.set_sp(self.reg(13).wrapping_add(offset.into()));
                hot.cycle += 1;
            }
            I::SubSp { offset } => {
                self.set_sp(self.reg(13).wrapping_sub(offset.into()));
                hot.cycle += 1;
            }
            I::Sxth { d, m } => set!(d, self.reg(m) as i16 as u32),
            I::Sxtb { d, m } => set!(d, self.reg(m) as i8 as u32),
            I::Uxth { d, m } => set!(d, self.reg(m) & 0xFFFF),
            I::Uxtb { d, m } => set!(d, self.reg(m) & 0xFF),
            I::Rev { d, m } => set!(d, self.reg(m).swap_bytes()),
            I::Rev16 { d, m } => set!(d, self.reg(m).swap_bytes().rotate_right(16)),
            I::Revsh { d, m } => set!(d, (self.reg(m) as u16).swap_bytes() as i16 as u32),

            I::Beq { offset } => branch!(hot.zero(), offset),
            I::Bne { offset } => branch!(!hot.zero(), offset),
            I::Bcs { offset } => branch!(hot.c, offset),
            I::Bcc { offset } => branch!(!hot.c, offset),
            I::Bmi { offset } => branch!(hot.negative(), offset),
            I::Bpl { offset } => branch!(!hot.negative(), offset),
            I::Bvs { offset } => branch!(hot.overflow(), offset),
            I::Bvc { offset } => branch!(!hot.overflow(), offset),
            I::Bhi { offset } => branch!(hot.c && !hot.zero(), offset),
            I::Bls { offset } => branch!(!hot.c || hot.zero(), offset),
            I::Bge { offset } => branch!(hot.negative() == hot.overflow(), offset),
            I::Blt { offset } => branch!(hot.negative() != hot.overflow(), offset),
            I::Bgt { offset } => branch!(hot.negative() == hot.overflow() && !hot.zero(), offset),
            I::Ble { offset } => branch!(hot.negative() != hot.overflow() || hot.zero(), offset),
            I::B { offset } => branch!(true, offset),
            I::Bl { offset } => {
                self.set(14, hot.pc.wrapping_add(4) | 1);
                hot.pc = hot.pc.wrapping_add(offset as u32);
                hot.cycle += 3;
                return;
            }

            I::Nop => hot.cycle += 1,
            I::System(system) => return cold!(self, hot, self.execute_system(system)),
        }
        hot.pc = hot.pc.wrapping_add(2);
    }

    /// A register as an operand, where it may be the PC.
    #[inline(always)]
    fn reg_or_pc(&self, number: u8, pc: u32) -> u32 {
        if number == 15 { pc.wrapping_add(4) } else { self.reg(number) }
    }

    /// Writes a register that may be the SP or the PC, and counts the cycles. Whether it was a branch.
    #[inline(always)]
    fn set_special(&mut self, hot: &mut Hot, d: u8, value: u32) -> bool {
        match d {
            15 => {
                hot.pc = value & !1;
                hot.cycle += 2;
                return true;
            }
            13 => self.set_sp(value),
            _ => self.set(d, value),
        }
        hot.cycle += 1;
        false
    }

    /// The end of BX and POP: a branch, or the return from an exception.
    #[inline(always)]
    fn interwork<B: Bus>(&mut self, hot: &mut Hot, memory: &mut Memory, bus: &mut B, target: u32) {
        if target >= 0xF000_0000 && self.in_handler() {
            return cold!(self, hot, self.exception_return(memory, bus, target));
        }
        hot.pc = target & !1;
        if target & 1 == 0 {
            cold!(self, hot, self.leave_thumb());
        }
    }

    /// Sets the stack pointer in use, and remembers how low it came.
    #[inline(always)]
    pub(super) fn set_sp(&mut self, value: u32) {
        let value = value & !3;
        self.r[13] = value;
        let lowest = &mut self.lowest_sp[usize::from(self.process_stack)];
        *lowest = (*lowest).min(value);
    }
}

const _: () = assert!(FLASH_BYTES.is_multiple_of(4) && RAM_BYTES.is_multiple_of(4));
const _: () = assert!(size_of::<Instruction>() == 8);
