//! The core's registers as one value, and in words.
//!
//! Names and flags as in the ARMv6-M Architecture Reference Manual, B1.4.

use stm32l011::chip::Chip;
use stm32l011::core::Register;

use crate::symbols::Registers;

/// Names of R0 to R15 as debuggers write them.
pub(super) const NAMES: [&str; 16] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr",
    "pc",
];
/// Place of the program counter among them.
pub(super) const PC: usize = 15;

/// The core's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpu {
    pub(super) r: [u32; 16],
    pub(super) xpsr: u32,
    pub(super) msp: u32,
    pub(super) psp: u32,
    pub(super) primask: u32,
    pub(super) control: u32,
}

impl Cpu {
    /// Those of a chip.
    pub(super) fn of(chip: &Chip) -> Self {
        let core = chip.core();
        let mut r = [0; 16];
        for (number, value) in (0..).zip(&mut r) {
            *value = core.register(Register::Core(number));
        }
        Self {
            r,
            xpsr: core.register(Register::Xpsr),
            msp: core.register(Register::Msp),
            psp: core.register(Register::Psp),
            primask: core.register(Register::Primask),
            control: core.register(Register::Control),
        }
    }

    /// For looking up callers.
    pub(super) fn registers(&self) -> Registers {
        Registers { r: self.r, psp: self.psp }
    }

    pub(super) fn pc(&self) -> u32 {
        self.r[PC]
    }

    /// The exception that is being handled; zero is none.
    pub(super) fn exception(&self) -> u32 {
        self.xpsr & 0x3F
    }
}

/// The flags as letters, capital if set: `nZCv`.
pub(super) fn flags(xpsr: u32) -> String {
    let flag = |bit: u32, set: char| {
        if xpsr & (1 << bit) == 0 { set.to_ascii_lowercase() } else { set }
    };
    [flag(31, 'N'), flag(30, 'Z'), flag(29, 'C'), flag(28, 'V')].into_iter().collect()
}

/// What an exception number means.
pub(super) fn exception(number: u32) -> String {
    match number {
        0 => "thread".to_owned(),
        2 => "NMI".to_owned(),
        3 => "HardFault".to_owned(),
        11 => "SVCall".to_owned(),
        14 => "PendSV".to_owned(),
        15 => "SysTick".to_owned(),
        16..=47 => format!("interrupt {}", number - 16),
        reserved => format!("exception {reserved}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_exceptions_have_their_names() {
        assert_eq!(flags(0), "nzcv");
        assert_eq!(flags(0x6100_0000), "nZCv");
        assert_eq!(flags(0x9000_0003), "NzcV");
        let names = [0, 2, 3, 11, 14, 15, 16, 47, 7].map(exception);
        assert_eq!(
            names,
            [
                "thread",
                "NMI",
                "HardFault",
                "SVCall",
                "PendSV",
                "SysTick",
                "interrupt 0",
                "interrupt 31",
                "exception 7"
            ]
        );
    }
}
