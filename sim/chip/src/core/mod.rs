//! The Cortex-M0+ core: ARMv6-M instructions, exceptions, NVIC, SysTick, and the cycles they take.
//!
//! Follows the ARMv6-M Architecture Reference Manual (ARM DDI 0419) and the Cortex-M0+ Technical Reference
//! Manual (ARM DDI 0484). As in the STM32L011: r0p0, little-endian, VTOR, no MPU, single-cycle multiplier,
//! single-cycle I/O port at 0x5000_0000, 32 interrupts with 2 bits of priority.
//!
//! [`Core::run`] executes up to a cycle, or until the embedder has something to do; the embedder owns
//! time and everything behind the [`Bus`]. The core keeps no reference to memory or bus between calls.
//!
//! What is approximate or left out:
//! - An instruction is not interrupted: LDM and STM finish first, where the hardware abandons and
//!   restarts them. An interrupt may therefore be taken up to 8 cycles late.
//! - The unprivileged level (CONTROL.nPRIV) is left out, as without an MPU nothing enforces it.
//! - One wait state costs one cycle for each 32-bit word of flash fetched or read; prefetch and the
//!   pre-read buffer are left out.
//! - Halting debug, DWT and BPU: read as zero and ignore writes.
//! - NMI does not end a lockup; only a reset does.

mod access;
pub mod decode;
mod exception;
mod execute;
mod hot;
mod nvic;
mod registers;
mod scs;
mod skip;
mod systick;

use crate::bus::Bus;
use crate::memory::{AtZero, FLASH, Memory, RAM, SYSTEM_MEMORY};
use exception::Entry;
pub use exception::{Fault, FaultCause};
use hot::Hot;
use nvic::Nvic;
use registers::Registers;
use scs::Scs;
use skip::Skip;
pub use skip::Skipping;

/// Why [`Core::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The cycle asked for is reached; the core may be asleep ([`Core::asleep`]).
    Until,
    /// Something was written on the bus. The instruction is complete.
    Wrote,
    /// WFI, WFE or SLEEPONEXIT, and nothing that would wake it. Time passes by [`Core::idle_until`].
    Asleep(Depth),
    /// The flash or EEPROM is needed and busy ([`Core::set_nvm`]). The instruction has not begun.
    /// Time passes by [`Core::idle_until`].
    Stalled,
    /// AIRCR.SYSRESETREQ was written. The embedder resets the chip.
    ResetRequest,
    /// An instruction faulted: registers are as it found them, and the HardFault handler runs next. A
    /// multiple store may have written something to the bus before.
    Fault(Fault),
    /// A fault where no handler can run. Only a reset ends it.
    Lockup(Fault),
    /// The instructions allowed by [`Core::stop_after`] are executed.
    Instructions,
    /// BKPT, told only while [`Core::set_debugger`] says so; the program counter stays on it.
    Breakpoint,
}

/// How deep the core sleeps (SCR.SLEEPDEEP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The core's clock runs on: SysTick counts.
    Sleep,
    /// What deep sleep is, the power controller decides.
    Deep,
}

/// Whether flash and EEPROM can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nvm {
    /// They answer.
    #[default]
    Ready,
    /// A write or erase is under way: whoever reads them waits.
    Busy,
}

/// Whether BKPT is for a debugger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Debugger {
    /// None: BKPT faults.
    #[default]
    Absent,
    /// BKPT leaves [`Core::run`].
    Attached,
}

/// A register, as a debugger sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// R0 to R12, the SP in use (13), the LR (14), the PC (15); greater numbers do not exist.
    Core(u8),
    /// The program status register: flags, T, exception number.
    Xpsr,
    /// The main stack pointer.
    Msp,
    /// The process stack pointer.
    Psp,
    /// PRIMASK, bit 0.
    Primask,
    /// CONTROL: SPSEL is bit 1.
    Control,
}

/// The processor core.
#[derive(Clone, Debug)]
pub struct Core {
    hot: Hot,
    r: Registers,
    /// The stack pointer that is not in use.
    other_sp: u32,
    /// CONTROL.SPSEL: the SP in use is the process stack's. Never in a handler.
    process_stack: bool,
    /// The number of the exception being handled, zero in thread mode.
    ipsr: u8,
    primask: bool,
    /// EPSR.T. Cleared by a branch to an even address; the next instruction then faults.
    thumb: bool,
    /// The event register of WFE.
    event: bool,
    sleeping: Option<Sleep>,
    entry: Option<Entry>,
    locked: Option<Fault>,
    /// What the instruction under way wants told.
    exit: Option<Exit>,
    /// The core waits for the NVM and takes no exception meanwhile.
    stalled: bool,
    nvm: Nvm,
    wait_states: u8,
    debugger: Debugger,
    /// The value of `instructions` at which to stop.
    stop_at: u64,
    lowest_sp: [u32; 2],
    nvic: Nvic,
    scs: Scs,
    systick: systick::SysTick,
    skip: Skip,
    last_fault: Option<Fault>,
}

/// What put the core to sleep, since it decides what wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleep {
    /// WFI and SLEEPONEXIT.
    Interrupt,
    /// WFE.
    Event,
}

impl Default for Core {
    fn default() -> Self {
        Self::new()
    }
}

impl Core {
    /// A core that has not been reset yet: call [`Self::reset`] before running it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hot: Hot {
                pc: 0,
                nz: 1,
                c: false,
                v: 0,
                cycle: 0,
                deadline: 0,
                instructions: 0,
                fetched: 0,
            },
            r: Registers::new(),
            other_sp: 0,
            process_stack: false,
            ipsr: 0,
            primask: false,
            thumb: true,
            event: false,
            sleeping: None,
            entry: None,
            locked: None,
            exit: None,
            stalled: false,
            nvm: Nvm::Ready,
            wait_states: 0,
            debugger: Debugger::Absent,
            stop_at: u64::MAX,
            lowest_sp: [u32::MAX; 2],
            nvic: Nvic::new(),
            scs: Scs::new(),
            systick: systick::SysTick::new(),
            skip: Skip::new(),
            last_fault: None,
        }
    }

    /// Resets the core: everything but the counters of cycles and instructions, the stack's low-water
    /// marks, and what the embedder set (wait states, NVM, debugger,
    /// instructions to stop after). Stack pointer and first address come from the vectors at address zero.
    /// General registers, which reset leaves unknown, are zero.
    pub fn reset(&mut self, memory: &mut Memory, bus: &mut impl Bus) {
        let mut fresh = Self::new();
        fresh.hot.cycle = self.hot.cycle;
        fresh.hot.instructions = self.hot.instructions;
        fresh.nvm = self.nvm;
        fresh.wait_states = self.wait_states;
        fresh.debugger = self.debugger;
        fresh.stop_at = self.stop_at;
        fresh.lowest_sp = self.lowest_sp;
        fresh.skip = self.skip.clone();
        fresh.systick.advance(self.hot.cycle);
        *self = fresh;
        self.r[14] = u32::MAX;
        self.start(memory, bus);
    }

    /// Executes instructions that begin before the cycle `until`, exceptions and sleep included, or stops
    /// earlier for one of the reasons of [`Exit`]. The last instruction may end after `until`.
    ///
    /// Interrupt lines are sampled at the start and after every access to the bus, so the embedder asks
    /// to stop where a line may change by itself.
    pub fn run<B: Bus>(&mut self, memory: &mut Memory, bus: &mut B, until: u64) -> Exit {
        self.sample(bus);
        loop {
            if let Some(exit) = self.exit.take() {
                return exit;
            }
            if let Some(fault) = self.locked {
                return Exit::Lockup(fault);
            }
            if self.stalled {
                match self.nvm {
                    Nvm::Busy => return Exit::Stalled,
                    Nvm::Ready => self.stalled = false,
                }
            }
            let allowed = self.stop_at.saturating_sub(self.hot.instructions);
            if allowed == 0 {
                return Exit::Instructions;
            }
            if self.hot.cycle >= until {
                return Exit::Until;
            }
            if self.hot.cycle >= self.systick.next_event() {
                self.advance_systick();
            }
            if let Some(entry) = self.entry {
                self.enter(entry, memory, bus);
                continue;
            }
            if self.sleeping.is_some() {
                if !self.wakes() {
                    return Exit::Asleep(self.depth());
                }
                self.sleeping = None;
            }
            if self.preempting().is_some() {
                self.begin_entry(memory, bus);
                continue;
            }
            if !self.thumb {
                self.raise(FaultCause::InvalidState, None);
                continue;
            }
            // An instruction takes at least one cycle, so this many cannot be too many instructions.
            let limit = until.min(self.systick.next_event());
            if self.may_probe(limit, allowed) && self.hot.cycle >= self.skip.next {
                self.probe(memory, bus, limit);
                continue;
            }
            let probed = if self.may_probe(limit, allowed) { self.skip.next } else { limit };
            let deadline = limit.min(probed).min(self.hot.cycle.saturating_add(allowed));
            self.hot.deadline = deadline;
            self.run_slice(memory, bus);
        }
    }

    /// Executes one instruction, and the exceptions that come before it; otherwise as [`Self::run`].
    /// [`Exit::Until`] says that the instruction is executed and there is nothing more to tell.
    pub fn step(&mut self, memory: &mut Memory, bus: &mut impl Bus) -> Exit {
        let stop_at = self.stop_at;
        if stop_at <= self.hot.instructions {
            return Exit::Instructions;
        }
        self.stop_at = self.hot.instructions + 1;
        let exit = self.run(memory, bus, u64::MAX);
        self.stop_at = stop_at;
        match exit {
            Exit::Instructions => Exit::Until,
            Exit::Until
            | Exit::Wrote
            | Exit::Asleep(_)
            | Exit::Stalled
            | Exit::ResetRequest
            | Exit::Fault(_)
            | Exit::Lockup(_)
            | Exit::Breakpoint => exit,
        }
    }

    /// Executes from wherever the program counter is, up to the deadline or less.
    fn run_slice<B: Bus>(&mut self, memory: &mut Memory, bus: &mut B) {
        let pc = self.hot.pc;
        let (region, base) = match pc >> 20 {
            0x000 => match memory.at_zero {
                AtZero::Flash => (FLASH, 0),
                AtZero::SystemMemory => (SYSTEM_MEMORY, 0),
                AtZero::Ram => (RAM, 0),
            },
            0x080 => (FLASH, FLASH),
            0x200 => (RAM, RAM),
            _ => return self.run_bus(memory, bus),
        };
        let offset = (pc - base) as usize;
        if region == FLASH && offset < memory.flash().len() {
            match (self.nvm, self.wait_states) {
                (Nvm::Busy, _) => self.stall(),
                (Nvm::Ready, 0) if base == FLASH => self.run_flash::<B, true, FLASH>(memory, bus),
                (Nvm::Ready, _) if base == FLASH => self.run_flash::<B, false, FLASH>(memory, bus),
                // The alias is for start-up code: one form of the loop does.
                (Nvm::Ready, _) => self.run_flash::<B, false, 0>(memory, bus),
            }
        } else if region == RAM && offset < memory.ram.len() {
            self.run_ram(memory, bus, base);
        } else {
            self.run_bus(memory, bus);
        }
    }

    /// Lets time pass while the core sleeps or is stalled: up to this cycle, but not beyond
    /// [`Self::next_event`]. Returns the cycle reached. Does nothing else than wait, so a core that is
    /// neither asleep nor stalled would lose the time.
    pub fn idle_until(&mut self, cycle: u64) -> u64 {
        self.hot.cycle = self.hot.cycle.max(cycle.min(self.next_event()));
        if self.hot.cycle >= self.systick.next_event() {
            self.advance_systick();
        }
        self.hot.cycle
    }

    /// Samples the interrupt lines and ends the sleep if something does, without time passing: for Stop
    /// mode, where the clock starts later than what wakes. Tells whether the core is awake.
    pub fn try_wake(&mut self, bus: &impl Bus) -> bool {
        self.sample(bus);
        if self.sleeping.is_some() && self.wakes() {
            self.sleeping = None;
        }
        self.sleeping.is_none()
    }

    /// Ends the sleep, if there is one: what was to be entered is not.
    pub fn refuse_sleep(&mut self) {
        self.sleeping = None;
    }

    /// The cycle at which something next happens in the core by itself (SysTick's exception), if nobody
    /// executes anything until then; `u64::MAX` if nothing does.
    #[must_use]
    pub fn next_event(&self) -> u64 {
        self.systick.next_event().max(self.hot.cycle)
    }

    /// Clock cycles of the core since it was made.
    #[must_use]
    pub const fn cycle(&self) -> u64 {
        self.hot.cycle
    }

    /// Instructions executed since the core was made, faulting ones included.
    #[must_use]
    pub const fn instructions(&self) -> u64 {
        self.hot.instructions
    }

    /// Stops with [`Exit::Instructions`] when this many instructions more are executed; `None`: never.
    pub fn stop_after(&mut self, instructions: Option<u64>) {
        self.stop_at = match instructions {
            Some(count) => self.hot.instructions.saturating_add(count),
            None => u64::MAX,
        };
    }

    /// How many instructions [`Self::stop_after`] still allows; `None`: any number.
    #[must_use]
    pub const fn instructions_left(&self) -> Option<u64> {
        match self.stop_at {
            u64::MAX => None,
            stop_at => Some(stop_at.saturating_sub(self.hot.instructions)),
        }
    }

    /// How the core sleeps, if it does.
    #[must_use]
    pub fn asleep(&self) -> Option<Depth> {
        self.sleeping.map(|_| self.depth())
    }

    /// Whether flash and EEPROM can be read from now on.
    pub fn set_nvm(&mut self, nvm: Nvm) {
        self.nvm = nvm;
    }

    /// Wait states of the flash from now on: 0 or 1 on this chip.
    pub fn set_wait_states(&mut self, wait_states: u8) {
        self.wait_states = wait_states;
    }

    /// Whether BKPT is for a debugger.
    pub fn set_debugger(&mut self, debugger: Debugger) {
        self.debugger = debugger;
    }

    /// Makes the non-maskable interrupt pending.
    pub fn pend_nmi(&mut self) {
        self.pend(exception::NMI);
    }

    /// Sets the event register, as another master's SEV or an event line does; wakes from WFE.
    pub fn send_event(&mut self) {
        self.event = true;
    }

    /// The lowest main stack pointer since [`Self::reset_lowest_sp`].
    #[must_use]
    pub const fn lowest_sp(&self) -> u32 {
        self.lowest_sp[0]
    }

    /// The lowest process stack pointer since [`Self::reset_lowest_sp`]; `u32::MAX` if none was used.
    #[must_use]
    pub const fn lowest_process_sp(&self) -> u32 {
        self.lowest_sp[1]
    }

    /// Forgets how low the stack pointers were.
    pub fn reset_lowest_sp(&mut self) {
        self.lowest_sp = [u32::MAX; 2];
        self.lowest_sp[usize::from(self.process_stack)] = self.r[13];
    }

    /// The last fault since reset.
    #[must_use]
    pub const fn last_fault(&self) -> Option<Fault> {
        self.last_fault
    }

    /// The value of one of the core's own registers (0xE000_0000 to 0xE00F_FFFF), without the effects
    /// of reading; `None` if there is none at this address.
    #[must_use]
    pub fn peek(&self, address: u32) -> Option<u32> {
        let mut systick = self.systick;
        systick.advance(self.hot.cycle);
        self.scs_value(&systick, address)
    }

    /// The value of a register; zero if it does not exist.
    #[must_use]
    pub fn register(&self, register: Register) -> u32 {
        match register {
            Register::Core(15) => self.hot.pc,
            Register::Core(number @ 0..=14) => self.r[number],
            Register::Core(16..) => 0,
            Register::Xpsr => self.xpsr(),
            Register::Msp if self.process_stack => self.other_sp,
            Register::Psp if !self.process_stack => self.other_sp,
            Register::Msp | Register::Psp => self.r[13],
            Register::Primask => self.primask.into(),
            Register::Control => u32::from(self.process_stack) << 1,
        }
    }

    /// Sets a register, for a debugger. Of the PC bit 0 is ignored, of stack pointers bits 0 and 1; of
    /// XPSR only the flags and T can be set; CONTROL cannot be changed in a handler. What does not exist is ignored.
    pub fn set_register(&mut self, register: Register, value: u32) {
        match register {
            Register::Core(13) => self.set_sp(value),
            Register::Core(15) => self.hot.pc = value & !1,
            Register::Core(number @ (0..=12 | 14)) => self.r[number] = value,
            Register::Core(16..) => {}
            Register::Xpsr => {
                self.set_flags(value);
                self.thumb = value & 1 << 24 != 0;
            }
            Register::Msp => self.set_stack_pointer(false, value),
            Register::Psp => self.set_stack_pointer(true, value),
            Register::Primask => self.primask = value & 1 != 0,
            Register::Control => {
                if !self.in_handler() {
                    self.select_stack(value & 2 != 0);
                }
            }
        }
    }

    /// The instruction about to be executed has this address.
    #[must_use]
    pub const fn pc(&self) -> u32 {
        self.hot.pc
    }

    const fn depth(&self) -> Depth {
        if self.scs.sleep_deep() { Depth::Deep } else { Depth::Sleep }
    }

    const fn in_handler(&self) -> bool {
        self.ipsr != 0
    }

    /// Cycles that a word of flash costs on top.
    const fn wait_states(&self) -> u64 {
        self.wait_states as u64
    }

    /// The flags, T and the exception number as one word.
    const fn xpsr(&self) -> u32 {
        (if self.hot.negative() { 1 << 31 } else { 0 })
            | (if self.hot.zero() { 1 << 30 } else { 0 })
            | (if self.hot.c { 1 << 29 } else { 0 })
            | (self.hot.v >> 3 & 1 << 28)
            | (if self.thumb { 1 << 24 } else { 0 })
            | self.ipsr as u32
    }

    fn set_flags(&mut self, xpsr: u32) {
        let nonzero = i64::from(!xpsr >> 30 & 1);
        self.hot.nz = if xpsr >> 31 != 0 { i64::MIN | nonzero } else { nonzero };
        self.hot.c = xpsr & 1 << 29 != 0;
        self.hot.v = xpsr << 3;
    }

    fn set_stack_pointer(&mut self, process: bool, value: u32) {
        if process == self.process_stack {
            self.set_sp(value);
        } else {
            self.other_sp = value & !3;
        }
    }

    fn select_stack(&mut self, process: bool) {
        if process != self.process_stack {
            std::mem::swap(&mut self.r[13u8], &mut self.other_sp);
            self.process_stack = process;
            self.set_sp(self.r[13]);
        }
    }

    fn advance_systick(&mut self) {
        if self.systick.advance(self.hot.cycle) {
            self.pend(exception::SYSTICK);
        }
    }
}
