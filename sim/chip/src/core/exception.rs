//! Exceptions: entry, return, faults, sleep, and the instructions that have to do with them.
//!
//! Follows the ARMv6-M manual, B1.5. An entry has two parts: the frame is stacked for whatever is pending,
//! then the vector is fetched for what comes first by that time (late arrival). A return that finds
//! something pending starts with the second part (tail-chaining).
//!
//! Cycles: the entry takes the 15 cycles from the interrupt to the first instruction of its handler that
//! the Technical Reference Manual (3.6.1) gives as the worst case. For return and tail-chaining the manual
//! gives no figures; 13 in all (the branch included) and 6 more are assumed.
//!
//! Where the architecture is unpredictable (EXC_RETURN values that do not fit the state), the core faults.

use super::decode::{Mask, System};
use super::nvic::INTERRUPT;
use super::{Core, Debugger, Exit, Sleep};
use crate::bus::{Bus, Width};
use crate::memory::Memory;

/// Exception numbers, as in the IPSR.
pub(super) const NMI: u8 = 2;
const HARD_FAULT: u8 = 3;
pub(super) const SVCALL: u8 = 11;
pub(super) const PENDSV: u8 = 14;
pub(super) const SYSTICK: u8 = 15;

/// Cycles of the two parts of an entry.
const STACKING: u64 = 12;
const VECTOR: u64 = 3;
/// Cycles that a return adds to its branch.
const UNSTACKING: u64 = 11;
/// Cycles from a return to the vector fetch of the exception that follows at once.
const TAIL_CHAINING: u64 = 3;

/// What went wrong. All of these are the HardFault of ARMv6-M.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultCause {
    /// An instruction that does not exist, or UDF.
    Undefined,
    /// A misaligned access.
    Unaligned,
    /// A load or store where nobody answers, or with a width that is not answered.
    Bus,
    /// An instruction fetch where nobody answers.
    Fetch,
    /// An instruction fetch from peripherals or system space.
    ExecuteNever,
    /// An instruction with EPSR.T clear: the branch or vector that led there had bit 0 clear.
    InvalidState,
    /// BKPT without a debugger.
    Breakpoint,
    /// SVC where the priority of SVCall does not suffice, or with PRIMASK set.
    SupervisorCall,
    /// The frame of an exception could not be written.
    Stacking,
    /// The frame of an exception could not be read.
    Unstacking,
    /// The vector of an exception could not be read.
    Vector,
    /// An EXC_RETURN or frame that does not fit the state.
    InvalidReturn,
}

/// A fault, as it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong.
    pub cause: FaultCause,
    /// The instruction, or the one before which an exception failed.
    pub pc: u32,
    /// The address accessed, where there is one.
    pub address: Option<u32>,
    /// The cycle.
    pub cycle: u64,
}

/// An exception entry whose frame is stacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// What the handler finds in the LR.
    exc_return: u32,
}

impl Core {
    /// The exception to take now: the first pending one, if its priority is above that of what executes.
    pub(super) fn preempting(&self) -> Option<u8> {
        let (number, priority) = self.nvic.first_pending()?;
        let executing = self.nvic.active_priority();
        let executing = if self.primask { executing.min(0) } else { executing };
        (priority < executing).then_some(number)
    }

    /// Makes an exception pending.
    pub(super) fn pend(&mut self, number: u8) {
        let before = self.nvic.pending;
        self.nvic.pend(number);
        if self.nvic.pending != before {
            self.signal_pending();
        }
    }

    /// Something has become pending: an event, if SEVONPEND says so.
    pub(super) fn signal_pending(&mut self) {
        self.event |= self.scs.sev_on_pend();
    }

    /// Whether what is pending ends the sleep.
    pub(super) fn wakes(&mut self) -> bool {
        match self.sleeping {
            None => true,
            Some(Sleep::Interrupt) => self.interrupt_wakes(),
            Some(Sleep::Event) => std::mem::take(&mut self.event) || self.preempting().is_some(),
        }
    }

    /// PRIMASK keeps a handler from running but not the core from waking.
    fn interrupt_wakes(&self) -> bool {
        self.nvic
            .first_pending()
            .is_some_and(|(_, priority)| priority < self.nvic.active_priority())
    }

    /// Stacks the frame for the exception that is about to be taken.
    pub(super) fn begin_entry(&mut self, memory: &mut Memory, bus: &mut impl Bus) {
        let exc_return = match (self.in_handler(), self.process_stack) {
            (true, _) => 0xFFFF_FFF1,
            (false, false) => 0xFFFF_FFF9,
            (false, true) => 0xFFFF_FFFD,
        };
        let sp = self.r[13];
        let frame = sp.wrapping_sub(32) & !7;
        let padded = sp & 4;
        let words = [
            self.r[0],
            self.r[1],
            self.r[2],
            self.r[3],
            self.r[12],
            self.r[14],
            self.hot.pc,
            self.xpsr() | padded << 7,
        ];
        self.set_sp(frame);
        let mut at = frame;
        let mut failed = None;
        for word in words {
            // Neither flash nor EEPROM takes a frame: a busy NVM makes no difference.
            if self.write(memory, bus, at, Width::Word, word).is_err() && failed.is_none() {
                failed = Some(at);
            }
            at = at.wrapping_add(4);
        }
        self.hot.cycle += STACKING;
        self.select_stack(false);
        self.entry = Some(Entry { exc_return });
        if failed.is_some() {
            self.raise(FaultCause::Stacking, failed);
        }
    }

    /// Fetches the vector of the exception that comes first now, and goes there.
    pub(super) fn enter(&mut self, entry: Entry, memory: &mut Memory, bus: &mut impl Bus) {
        let Some(number) = self.preempting() else {
            // Nothing executes meanwhile, so nothing can have withdrawn it.
            self.entry = None;
            return;
        };
        let address = self.scs.vector_table().wrapping_add(u32::from(number) * 4);
        let vector = match self.read(memory, bus, address, Width::Word) {
            Ok(vector) => vector,
            Err(super::access::Miss::Stall) => return self.stall(),
            Err(super::access::Miss::Fault) => {
                if number <= HARD_FAULT {
                    self.lock_up(FaultCause::Vector, Some(address));
                } else {
                    self.raise(FaultCause::Vector, Some(address));
                }
                return;
            }
        };
        self.entry = None;
        self.nvic.pending &= !(1 << number);
        self.nvic.active |= 1 << number;
        self.ipsr = number;
        self.r[14] = entry.exc_return;
        self.hot.pc = vector & !1;
        self.thumb = vector & 1 != 0;
        self.event = true;
        self.hot.cycle += VECTOR;
    }

    /// The values that reset takes from the vector table.
    pub(super) fn start(&mut self, memory: &Memory, bus: &mut impl Bus) {
        let sp = self.read(memory, bus, 0, Width::Word);
        let pc = self.read(memory, bus, 4, Width::Word);
        let (Ok(sp), Ok(pc)) = (sp, pc) else {
            return self.lock_up(FaultCause::Vector, Some(0));
        };
        self.set_sp(sp);
        self.hot.pc = pc & !1;
        self.thumb = pc & 1 != 0;
    }

    /// Returns from an exception, or goes on with the next one. The PC is still on the branch.
    #[cold]
    #[inline(never)]
    pub(super) fn exception_return<B: Bus>(
        &mut self,
        memory: &mut Memory,
        bus: &mut B,
        exc_return: u32,
    ) {
        self.hot.deadline = 0;
        let returning = 1u64 << self.ipsr;
        let last = self.nvic.active == returning;
        let (to_thread, process) = match exc_return {
            0xFFFF_FFF1 => (false, false),
            0xFFFF_FFF9 => (true, false),
            0xFFFF_FFFD => (true, true),
            _ => return self.raise(FaultCause::InvalidReturn, Some(exc_return)),
        };
        if self.nvic.active & returning == 0 || to_thread != last {
            return self.raise(FaultCause::InvalidReturn, Some(exc_return));
        }
        self.nvic.active &= !returning;
        self.event = true;
        self.sample(bus);
        if self.preempting().is_some() {
            self.hot.cycle += TAIL_CHAINING;
            self.entry = Some(Entry { exc_return });
            return;
        }
        let frame = if process { self.other_sp } else { self.r[13] };
        let mut words = [0; 8];
        for (n, word) in words.iter_mut().enumerate() {
            let at = frame.wrapping_add(n as u32 * 4);
            match self.read(memory, bus, at, Width::Word) {
                Ok(value) => *word = value,
                Err(_) => return self.fail_return(FaultCause::Unstacking, at, exc_return),
            }
        }
        let [r0, r1, r2, r3, r12, lr, pc, xpsr] = words;
        let number = (xpsr & 0x3F) as u8;
        if (number == 0) != to_thread {
            return self.fail_return(FaultCause::InvalidReturn, exc_return, exc_return);
        }
        self.select_stack(process);
        for (number, value) in [(0, r0), (1, r1), (2, r2), (3, r3), (12, r12), (14, lr)] {
            self.r[number] = value;
        }
        self.set_sp(frame.wrapping_add(32 | (xpsr >> 7 & 4)));
        self.set_flags(xpsr);
        self.thumb = xpsr & 1 << 24 != 0;
        self.ipsr = number;
        self.hot.pc = pc & !1;
        self.hot.cycle += UNSTACKING;
        if to_thread && self.scs.sleep_on_exit() && !self.interrupt_wakes() {
            self.sleep(Sleep::Interrupt);
        }
    }

    /// A return that fails is followed by HardFault, with the frame where it is.
    fn fail_return(&mut self, cause: FaultCause, address: u32, exc_return: u32) {
        self.raise(cause, Some(address));
        self.entry = Some(Entry { exc_return });
    }

    fn sleep(&mut self, sleep: Sleep) {
        self.sleeping = Some(sleep);
        self.exit = Some(Exit::Asleep(self.depth()));
        self.hot.deadline = 0;
    }

    /// HardFault becomes pending for the instruction at the PC, or the core locks up.
    #[cold]
    pub(super) fn raise(&mut self, cause: FaultCause, address: Option<u32>) {
        if self.nvic.active_priority() < 0 {
            return self.lock_up(cause, address);
        }
        let fault = self.fault(cause, address);
        self.nvic.pend(HARD_FAULT);
        self.exit = Some(Exit::Fault(fault));
    }

    fn lock_up(&mut self, cause: FaultCause, address: Option<u32>) {
        let fault = self.fault(cause, address);
        self.locked = Some(fault);
    }

    fn fault(&mut self, cause: FaultCause, address: Option<u32>) -> Fault {
        let fault = Fault { cause, pc: self.hot.pc, address, cycle: self.hot.cycle };
        self.last_fault = Some(fault);
        self.hot.deadline = 0;
        fault
    }

    /// After a branch to an even address: the next instruction faults.
    #[cold]
    pub(super) fn leave_thumb(&mut self) {
        self.thumb = false;
        self.hot.deadline = 0;
    }

    /// The instructions that are rare.
    #[cold]
    #[inline(never)]
    pub(super) fn execute_system(&mut self, system: System) {
        // Anything may change what is to be taken next.
        self.hot.deadline = 0;
        let (cycles, bytes) = match system {
            System::Svc => {
                // What is pending and comes first is no matter: SVCall must be able to preempt.
                let executing = self.nvic.active_priority();
                let executing = if self.primask { executing.min(0) } else { executing };
                if self.nvic.priority(SVCALL) >= executing {
                    return self.raise(FaultCause::SupervisorCall, None);
                }
                self.pend(SVCALL);
                (1, 2)
            }
            System::Bkpt => match self.debugger {
                Debugger::Absent => return self.raise(FaultCause::Breakpoint, None),
                Debugger::Attached => {
                    self.hot.instructions -= 1;
                    self.exit = Some(Exit::Breakpoint);
                    return;
                }
            },
            System::Cps { mask } => {
                self.primask = mask == Mask::Set;
                (1, 2)
            }
            System::Sev => {
                self.event = true;
                (1, 2)
            }
            System::Wfi => {
                if !self.interrupt_wakes() {
                    self.sleep(Sleep::Interrupt);
                }
                (2, 2)
            }
            System::Wfe => {
                if !std::mem::take(&mut self.event) {
                    self.sleep(Sleep::Event);
                }
                (2, 2)
            }
            System::Barrier => (3, 4),
            System::Mrs { d, register } => {
                let value = self.special_register(register);
                match d {
                    13 => self.set_sp(value),
                    15 => {}
                    _ => self.r[d] = value,
                }
                (3, 4)
            }
            System::Msr { n, register } => {
                self.set_special_register(register, self.r[n]);
                (3, 4)
            }
            System::Undefined => return self.raise(FaultCause::Undefined, None),
        };
        self.hot.cycle += cycles;
        self.hot.pc = self.hot.pc.wrapping_add(bytes);
    }

    /// MRS. T reads as zero; registers that do not exist read as zero.
    fn special_register(&self, number: u8) -> u32 {
        let xpsr = self.xpsr();
        match number {
            0 | 2 => xpsr & 0xF000_0000,
            1 | 3 => xpsr & 0xF000_003F,
            5 | 7 => xpsr & 0x3F,
            8 => self.register(super::Register::Msp),
            9 => self.register(super::Register::Psp),
            16 => self.primask.into(),
            20 => self.register(super::Register::Control),
            _ => 0,
        }
    }

    /// MSR. Of the program status only the flags can be written.
    fn set_special_register(&mut self, number: u8, value: u32) {
        match number {
            0..=3 => self.set_flags(value),
            8 => self.set_stack_pointer(false, value),
            9 => self.set_stack_pointer(true, value),
            16 => self.primask = value & 1 != 0,
            20 => self.set_register(super::Register::Control, value),
            _ => {}
        }
    }
}

const _: () = assert!(SYSTICK + 1 == INTERRUPT);
