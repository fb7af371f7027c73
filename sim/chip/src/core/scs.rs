//! The registers of the core itself: SysTick, NVIC, system control block.
//!
//! Follows the ARMv6-M manual, B3.2 to B3.4, with the values of the STM32L011 (r0p0, 2 bits of priority,
//! vector table aligned to 256 bytes). Only word accesses are defined by the architecture; here others
//! fault. Interrupts that the chip lacks read as zero and cannot be enabled, pended or given a priority.
//! Registers that do not exist in the system control space, and all of DWT, BPU, the ROM table and
//! debug, read as zero and ignore writes.

use super::exception::{NMI, PENDSV, SVCALL, SYSTICK};
use super::nvic::{INTERRUPT, PRIORITY_BITS};
use super::{Core, Exit, systick};
use crate::bus::Width;
use crate::registers::{self, INTERRUPTS};

const CSR: u32 = 0xE000_E010;
const RVR: u32 = 0xE000_E014;
const CVR: u32 = 0xE000_E018;
const CALIB: u32 = 0xE000_E01C;
const ISER: u32 = 0xE000_E100;
const ICER: u32 = 0xE000_E180;
const ISPR: u32 = 0xE000_E200;
const ICPR: u32 = 0xE000_E280;
const IPR: u32 = 0xE000_E400;
const IPR_END: u32 = 0xE000_E41C;
const CPUID: u32 = 0xE000_ED00;
const ICSR: u32 = 0xE000_ED04;
const VTOR: u32 = 0xE000_ED08;
const AIRCR: u32 = 0xE000_ED0C;
const SCR: u32 = 0xE000_ED10;
const CCR: u32 = 0xE000_ED14;
const SHPR2: u32 = 0xE000_ED1C;
const SHPR3: u32 = 0xE000_ED20;
const SHCSR: u32 = 0xE000_ED24;

/// Cortex-M0+ r0p0.
const CPUID_VALUE: u32 = 0x410C_C600;
/// CALIB: no reference frequency is known, and no calibration.
const CALIB_VALUE: u32 = 1 << 31 | 1 << 30;
/// CCR: unaligned accesses trap, stacks are aligned to 8 bytes. Fixed.
const CCR_VALUE: u32 = 1 << 9 | 1 << 3;
/// VTOR: the bits there are.
const VTOR_BITS: u32 = 0xFFFF_FF00;
/// AIRCR: what must be written into the upper half, and what is read there.
const VECTKEY: u32 = 0x05FA;
const VECTKEYSTAT: u32 = 0xFA05_0000;
const SYSRESETREQ: u32 = 1 << 2;
const SLEEPONEXIT: u32 = 1 << 1;
const SLEEPDEEP: u32 = 1 << 2;
const SEVONPEND: u32 = 1 << 4;
/// The priority fields of SHPR2 (SVCall) and SHPR3 (PendSV, SysTick).
const SHPR2_BITS: u32 = PRIORITY_BITS << 24;
const SHPR3_BITS: u32 = PRIORITY_BITS << 24 | PRIORITY_BITS << 16;

/// The system control block's own registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scs {
    vtor: u32,
    scr: u32,
}

impl Scs {
    pub(super) const fn new() -> Self {
        Self { vtor: 0, scr: 0 }
    }

    pub(super) const fn vector_table(&self) -> u32 {
        self.vtor
    }

    pub(super) const fn sleep_deep(&self) -> bool {
        self.scr & SLEEPDEEP != 0
    }

    pub(super) const fn sleep_on_exit(&self) -> bool {
        self.scr & SLEEPONEXIT != 0
    }

    pub(super) const fn sev_on_pend(&self) -> bool {
        self.scr & SEVONPEND != 0
    }
}

/// The bits of a written value that the register at an address does not have.
pub(super) fn reserved_bits(address: u32, value: u32) -> u32 {
    match address {
        // Any value clears CVR; ones in all of ICER and ICPR are how programs clear what there is.
        CVR | ICER | ICPR => 0,
        _ => registers::lookup(address).map_or(value, |register| register.reserved(value)),
    }
}

impl Core {
    /// The value of a register, without the effects of reading; `None` if nobody answers there.
    pub(super) fn scs_value(&self, systick: &systick::SysTick, address: u32) -> Option<u32> {
        let interrupts = |bits: u64| (bits >> INTERRUPT) as u32;
        Some(match address {
            CSR => systick.control(),
            RVR => systick.reload(),
            CVR => systick.value(),
            CALIB => CALIB_VALUE,
            ISER | ICER => self.nvic.enabled,
            ISPR | ICPR => interrupts(self.nvic.pending),
            IPR..=IPR_END if address.is_multiple_of(4) => {
                self.nvic.priorities(INTERRUPT + (address - IPR) as u8)
            }
            CPUID => CPUID_VALUE,
            ICSR => {
                let pending =
                    |number: u8, bit: u32| ((self.nvic.pending >> number) as u32 & 1) << bit;
                let first = self.nvic.first_pending().map_or(0, |(number, _)| u32::from(number));
                let any = u32::from(interrupts(self.nvic.pending) != 0);
                pending(NMI, 31)
                    | pending(PENDSV, 28)
                    | pending(SYSTICK, 26)
                    | any << 22
                    | first << 12
                    | u32::from(self.ipsr)
            }
            VTOR => self.scs.vtor,
            AIRCR => VECTKEYSTAT,
            SCR => self.scs.scr,
            CCR => CCR_VALUE,
            SHPR2 => self.nvic.priorities(SVCALL - 3) & SHPR2_BITS,
            SHPR3 => self.nvic.priorities(PENDSV - 2) & SHPR3_BITS,
            SHCSR => ((self.nvic.pending >> SVCALL) as u32 & 1) << 15,
            // The rest of the system control space, DWT and BPU, and the ROM table.
            0xE000_E000..=0xE000_EFFF | 0xE000_1000..=0xE000_2FFF | 0xE00F_F000..=0xE00F_FFFF => 0,
            _ => return None,
        })
    }

    /// Reads one of the core's registers; `None` if nobody answers.
    pub(super) fn scs_read(&mut self, address: u32, width: Width) -> Option<u32> {
        if width != Width::Word {
            return None;
        }
        self.advance_systick();
        let value = self.scs_value(&self.systick, address);
        match address {
            CSR => {
                if self.systick.count_flag() {
                    self.skip.spoil();
                }
                self.systick.clear_count_flag();
                self.skip.read(self.systick.next_zero());
            }
            CVR => self.skip.read(self.systick.next_count()),
            // The others change only by writes, exceptions and interrupt lines.
            _ => {}
        }
        value
    }

    /// Writes one of the core's registers; `None` if nobody answers.
    pub(super) fn scs_write(&mut self, address: u32, width: Width, value: u32) -> Option<()> {
        if width != Width::Word || self.scs_value(&self.systick, address).is_none() {
            return None;
        }
        // Whatever is written may change what comes next.
        self.hot.deadline = 0;
        self.skip.spoil();
        self.advance_systick();
        let lines = self.nvic.lines();
        match address {
            CSR => self.systick.set_control(value),
            RVR => self.systick.set_reload(value),
            CVR => self.systick.clear_value(),
            ISER => self.nvic.enabled |= value & INTERRUPTS,
            ICER => self.nvic.enabled &= !value,
            ISPR => {
                let before = self.nvic.pending;
                self.nvic.pending |= u64::from(value & INTERRUPTS) << INTERRUPT;
                if self.nvic.pending != before {
                    self.signal_pending();
                }
            }
            ICPR => {
                self.nvic.pending &= !(u64::from(value) << INTERRUPT);
                // A line that is high makes it pending again.
                self.nvic.sample(lines);
            }
            IPR..=IPR_END => {
                let first = address - IPR;
                // The chip lacks some of the interrupts.
                let fields = registers::lookup(address).map_or(0, |register| register.writable);
                self.nvic.set_priorities(INTERRUPT + first as u8, value, fields);
            }
            ICSR => self.write_icsr(value),
            VTOR => self.scs.vtor = value & VTOR_BITS,
            AIRCR if value >> 16 == VECTKEY && value & SYSRESETREQ != 0 => {
                self.exit = Some(Exit::ResetRequest);
            }
            SCR => self.scs.scr = value & (SLEEPONEXIT | SLEEPDEEP | SEVONPEND),
            SHPR2 => self.nvic.set_priorities(SVCALL - 3, value, SHPR2_BITS),
            SHPR3 => self.nvic.set_priorities(PENDSV - 2, value, SHPR3_BITS),
            // AIRCR without its key or request. Read-only: CPUID, CCR, CALIB, SHCSR (a debugger's), and what does not exist.
            _ => {}
        }
        Some(())
    }

    fn write_icsr(&mut self, value: u32) {
        if value & 1 << 27 != 0 {
            self.nvic.pending &= !(1 << PENDSV);
        }
        if value & 1 << 25 != 0 {
            self.nvic.pending &= !(1 << SYSTICK);
        }
        for (bit, number) in [(31, NMI), (28, PENDSV), (26, SYSTICK)] {
            if value >> bit & 1 != 0 {
                self.pend(number);
            }
        }
    }
}
