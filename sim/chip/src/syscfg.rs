//! SYSCFG: which port an edge line looks at, and what is mapped at address zero.
//!
//! After RM0377, "System configuration controller", by way of ST's header. The reference (CFGR3) counts
//! as ready as soon as it is enabled. The comparators, which lie in the same block, are not modelled.

use crate::memory::AtZero;

const CFGR1: u32 = 0x00;
const CFGR2: u32 = 0x04;
const EXTICR1: u32 = 0x08;
const EXTICR4: u32 = 0x14;
const CFGR3: u32 = 0x20;

/// EN_VREFINT and VREFINT_RDYF, of CFGR3.
const EN_VREFINT: u32 = 1;
const VREFINT_RDYF: u32 = 1 << 30;

/// The controller.
#[derive(Clone, Debug)]
pub(crate) struct Syscfg {
    cfgr1: u32,
    cfgr2: u32,
    cfgr3: u32,
    exticr: [u32; 4],
}

impl Syscfg {
    pub(crate) const fn new() -> Self {
        Self { cfgr1: 0, cfgr2: 0, cfgr3: 0, exticr: [0; 4] }
    }

    /// What is visible at address zero. The value 2 is reserved and taken for the flash.
    pub(crate) const fn at_zero(&self) -> AtZero {
        match self.cfgr1 & 0b11 {
            0 | 2 => AtZero::Flash,
            1 => AtZero::SystemMemory,
            3.. => AtZero::Ram,
        }
    }

    /// Levels of the sixteen lines, given those of ports A, B and C. A line that looks at a port which
    /// is not there is low.
    pub(crate) fn lines(&self, ports: [u16; 3]) -> u16 {
        if self.exticr == [0; 4] {
            return ports[0];
        }
        let mut lines = 0;
        for line in 0..16 {
            let port = self.exticr[line / 4] >> (4 * (line % 4)) & 0xF;
            lines |= ports.get(port as usize).copied().unwrap_or(0) & 1 << line;
        }
        lines
    }

    pub(crate) const fn read(&self, offset: u32) -> u32 {
        match offset {
            CFGR1 => self.cfgr1,
            CFGR2 => self.cfgr2,
            EXTICR1..=EXTICR4 => self.exticr[(offset - EXTICR1) as usize / 4],
            CFGR3 if self.cfgr3 & EN_VREFINT != 0 => self.cfgr3 | VREFINT_RDYF,
            CFGR3 => self.cfgr3,
            _ => 0,
        }
    }

    pub(crate) const fn write(&mut self, offset: u32, value: u32) {
        match offset {
            CFGR1 => self.cfgr1 = value,
            CFGR2 => self.cfgr2 = value,
            EXTICR1..=EXTICR4 => self.exticr[(offset - EXTICR1) as usize / 4] = value,
            CFGR3 => self.cfgr3 = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_looks_at_its_port() {
        let mut syscfg = Syscfg::new();
        let ports = [0x00FF, 0x0202, 0xC000];
        assert_eq!(syscfg.lines(ports), 0x00FF);
        syscfg.write(EXTICR4, 0x2200);
        assert_eq!(syscfg.lines(ports), 0xC0FF);
        syscfg.write(EXTICR1, 0x0010);
        assert_eq!(syscfg.lines(ports), 0xC0FF);
        syscfg.write(EXTICR1, 0x0001);
        assert_eq!(syscfg.lines(ports), 0xC0FE, "port B, 0 is low");
        syscfg.write(EXTICR1, 0x0055);
        assert_eq!(syscfg.lines(ports), 0xC0FC, "no such port");
    }

    #[test]
    fn the_reference_is_ready_when_it_is_on() {
        let mut syscfg = Syscfg::new();
        assert_eq!(syscfg.read(CFGR3), 0);
        syscfg.write(CFGR3, 1);
        assert_eq!(syscfg.read(CFGR3), 1 | 1 << 30);
        assert_eq!(syscfg.at_zero(), AtZero::Flash);
        syscfg.write(CFGR1, 3);
        assert_eq!(syscfg.at_zero(), AtZero::Ram);
    }
}
