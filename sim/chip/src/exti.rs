//! EXTI: edges of pins and of peripherals, and who is woken by them.
//!
//! After RM0377, "Extended interrupts and events controller", by way of ST's header. Edges are found
//! without any clock, so in Stop too. A pending bit is set by a chosen edge whether or not the line is
//! masked, as the block diagram draws it (recollection; programs that mask a line clear it anyway).
//! Lines 18 and 23..=29 have no edges: their peripheral's interrupt is the line.

/// Lines with edge detectors.
const EDGE: u32 = 0x007B_FFFF;
/// Lines of pins.
const PINS: u32 = 0xFFFF;
/// Lines without edge detector that wake while a peripheral interrupts, as they are unmasked after
/// reset. The header leaves out 24, 27, 30 and 31 on this die.
const IMR_RESET: u32 = 0x3684_0000;

const IMR: u32 = 0x00;
const EMR: u32 = 0x04;
const RTSR: u32 = 0x08;
const FTSR: u32 = 0x0C;
const SWIER: u32 = 0x10;
const PR: u32 = 0x14;

/// The line of the voltage detector.
pub(crate) const VOLTAGE_DETECTOR: u32 = 16;
/// The line of the RTC's wake-up timer.
pub(crate) const RTC_WAKE_UP: u32 = 20;
/// The line of LPTIM1.
pub(crate) const LOW_POWER_TIMER: u32 = 29;

/// The controller.
#[derive(Clone, Debug)]
pub(crate) struct Exti {
    imr: u32,
    emr: u32,
    rtsr: u32,
    ftsr: u32,
    swier: u32,
    pr: u32,
    /// Levels of all lines.
    levels: u32,
    /// An event (as opposed to an interrupt) came since it was last asked for.
    event: bool,
}

impl Exti {
    pub(crate) const fn new() -> Self {
        Self { imr: IMR_RESET, emr: 0, rtsr: 0, ftsr: 0, swier: 0, pr: 0, levels: 0, event: false }
    }

    /// As after reset; the levels stay what they are.
    pub(crate) const fn reset(&mut self) {
        *self = Self { levels: self.levels, ..Self::new() };
    }

    /// The pins' levels, by line.
    pub(crate) const fn set_pins(&mut self, levels: u16) {
        self.change(self.levels & !PINS | levels as u32);
    }

    /// The level of a line that is not a pin's.
    pub(crate) const fn set_line(&mut self, line: u32, high: bool) {
        let bit = 1 << line;
        self.change(if high { self.levels | bit } else { self.levels & !bit });
    }

    const fn change(&mut self, levels: u32) {
        let rose = levels & !self.levels & self.rtsr;
        let fell = self.levels & !levels & self.ftsr;
        let direct = levels & !self.levels & !EDGE;
        self.levels = levels;
        self.pend((rose | fell) & EDGE, direct);
    }

    const fn pend(&mut self, edges: u32, direct: u32) {
        self.pr |= edges;
        if (edges | direct) & self.emr != 0 {
            self.event = true;
        }
    }

    /// Lines that interrupt: pending edges, unmasked.
    pub(crate) const fn interrupts(&self) -> u32 {
        self.pr & self.imr
    }

    /// Whether a line without edge detector may wake from Stop.
    pub(crate) const fn lets_wake(&self, line: u32) -> bool {
        self.imr & 1 << line != 0
    }

    /// Whether an event came; forgets it.
    pub(crate) const fn take_event(&mut self) -> bool {
        std::mem::replace(&mut self.event, false)
    }

    pub(crate) const fn read(&self, offset: u32) -> u32 {
        match offset {
            IMR => self.imr,
            EMR => self.emr,
            RTSR => self.rtsr,
            FTSR => self.ftsr,
            SWIER => self.swier,
            PR => self.pr,
            _ => 0,
        }
    }

    pub(crate) const fn write(&mut self, offset: u32, value: u32) {
        match offset {
            IMR => self.imr = value,
            EMR => self.emr = value,
            RTSR => self.rtsr = value,
            FTSR => self.ftsr = value,
            SWIER => {
                // A bit acts as it rises, and falls with its pending bit.
                let rose = value & !self.swier;
                self.swier |= value;
                self.pend(rose & EDGE, 0);
            }
            PR => {
                self.pr &= !value;
                self.swier &= !value;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_that_were_asked_for_are_pending() {
        let mut exti = Exti::new();
        exti.write(RTSR, 1 << 1);
        exti.write(FTSR, 1 << 0);
        exti.write(IMR, 0b11);
        exti.set_pins(0b11);
        assert_eq!(exti.interrupts(), 0b10);
        exti.set_pins(0b00);
        assert_eq!(exti.interrupts(), 0b11);
        exti.write(PR, 0b01);
        assert_eq!(exti.interrupts(), 0b10);
        exti.write(IMR, 0b01);
        assert_eq!((exti.interrupts(), exti.read(PR)), (0, 0b10));
    }

    #[test]
    fn software_pends_once_per_rise() {
        let mut exti = Exti::new();
        exti.write(IMR, 1 << 5);
        exti.write(SWIER, 1 << 5);
        assert_eq!(exti.interrupts(), 1 << 5);
        exti.write(PR, 1 << 5);
        assert_eq!((exti.interrupts(), exti.read(SWIER)), (0, 0));
        exti.write(SWIER, 1 << 5);
        assert_eq!(exti.interrupts(), 1 << 5);
    }

    #[test]
    fn events_are_told_once() {
        let mut exti = Exti::new();
        exti.write(EMR, 1 << 3);
        exti.write(RTSR, 1 << 3);
        exti.set_pins(1 << 3);
        assert!(exti.take_event());
        assert!(!exti.take_event());
        exti.write(EMR, 1 << LOW_POWER_TIMER);
        exti.set_line(LOW_POWER_TIMER, true);
        assert!(exti.take_event(), "direct lines make events as they rise");
        assert_eq!(exti.read(PR), 1 << 3, "but nothing pends");
    }

    #[test]
    fn reset_forgets_all_but_levels() {
        let mut exti = Exti::new();
        exti.write(RTSR, 1);
        exti.set_pins(1);
        exti.reset();
        assert_eq!((exti.read(IMR), exti.read(PR)), (0x3684_0000, 0));
        exti.write(RTSR, 1);
        exti.set_pins(1);
        assert_eq!(exti.read(PR), 0, "it was high before");
    }
}
