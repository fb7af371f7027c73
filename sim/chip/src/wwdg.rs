//! WWDG: the window watchdog.
//!
//! After RM0377, "System window watchdog", by way of ST's header and HAL sources. It counts cycles of
//! the APB clock, and so stands in Stop. Its counter falls every 4096 x 2^WDGTB of them; at 0x40 it
//! warns, below it resets the chip. Only a reset stops it.
//!
//! Assumed: writing the counter begins a whole period (the part's divider runs freely, so its first
//! period may be shorter), and a counter that was not started stands. Left out: freezing by the
//! debugger, and the gate of its clock once it runs.

const CR: u32 = 0x00;
const CFR: u32 = 0x04;
const SR: u32 = 0x08;

/// CR.WDGA, CFR.EWI.
const WDGA: u32 = 1 << 7;
const EWI: u32 = 1 << 9;
/// T and W.
const COUNTER: u32 = 0x7F;
/// The lowest value that does not reset.
const LOWEST: u32 = 0x40;

/// The watchdog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowWatchdog {
    active: bool,
    cfr: u32,
    /// EWIF, and whether this lap has warned.
    flag: bool,
    warned: bool,
    /// The counter, and the core cycle at which it became that.
    count: u32,
    anchor: u64,
    /// Core cycles in a cycle of the APB clock.
    divider: u64,
}

impl WindowWatchdog {
    /// After reset: stopped.
    pub(crate) const fn new() -> Self {
        Self {
            active: false,
            cfr: COUNTER,
            flag: false,
            warned: false,
            count: COUNTER,
            anchor: 0,
            divider: 1,
        }
    }

    /// As after reset; its clock stays what it is.
    pub(crate) const fn reset(&mut self) {
        *self = Self { divider: self.divider, ..Self::new() };
    }

    /// Core cycles in a cycle of the APB clock, from `cycle` on.
    pub(crate) const fn set_divider(&mut self, divider: u64, cycle: u64) {
        self.keep(cycle);
        self.divider = divider;
    }

    /// Core cycles in a tick of the counter.
    const fn period(&self) -> u64 {
        (4096 << (self.cfr >> 7 & 0b11)) * self.divider
    }

    const fn count_at(&self, cycle: u64) -> u32 {
        if !self.active {
            return self.count;
        }
        let passed = cycle.saturating_sub(self.anchor) / self.period();
        if passed >= self.count as u64 { 0 } else { self.count - passed as u32 }
    }

    /// The counter goes on from `cycle` with what it is then; the tick under way begins anew.
    const fn keep(&mut self, cycle: u64) {
        self.count = self.count_at(cycle);
        self.anchor = cycle;
    }

    const fn reaches(&self, value: u32) -> u64 {
        if self.active {
            self.anchor.saturating_add(self.count.saturating_sub(value) as u64 * self.period())
        } else {
            u64::MAX
        }
    }

    /// The cycle at which it resets the chip.
    pub(crate) const fn bites_at(&self) -> u64 {
        self.reaches(LOWEST - 1)
    }

    /// The cycle at which it next does something.
    pub(crate) fn next_event(&self) -> u64 {
        if self.warned { self.bites_at() } else { self.reaches(LOWEST) }
    }

    /// Warns, if it is time.
    pub(crate) const fn advance(&mut self, cycle: u64) {
        if !self.warned && cycle >= self.reaches(LOWEST) {
            self.warned = true;
            self.flag = true;
        }
    }

    /// Whether it interrupts, as far as it has advanced.
    pub(crate) const fn interrupts(&self) -> bool {
        self.flag && self.cfr & EWI != 0
    }

    /// What is at an offset at a cycle, to which it has advanced, and until which cycle.
    pub(crate) fn read(&self, offset: u32, cycle: u64) -> (u32, u64) {
        match offset {
            CR => {
                let count = self.count_at(cycle);
                let active = if self.active { WDGA } else { 0 };
                (active | count, self.reaches(count.saturating_sub(1)))
            }
            CFR => (self.cfr, u64::MAX),
            SR => (self.flag.into(), self.next_event()),
            _ => (0, u64::MAX),
        }
    }

    /// A write at a cycle, to which it has advanced. Tells whether it resets the chip for it.
    pub(crate) const fn write(&mut self, offset: u32, value: u32, cycle: u64) -> bool {
        match offset {
            CR => {
                let early = self.active && self.count_at(cycle) > self.cfr & COUNTER;
                self.active |= value & WDGA != 0;
                self.count = value & COUNTER;
                self.anchor = cycle;
                self.warned = false;
                self.active && (early || self.count < LOWEST)
            }
            CFR => {
                self.keep(cycle);
                // The early warning is switched off by a reset only.
                self.cfr = value | self.cfr & EWI;
                false
            }
            SR => {
                self.flag &= value & 1 != 0;
                false
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_warns_and_bites() {
        let mut dog = WindowWatchdog::new();
        assert_eq!(dog.next_event(), u64::MAX);
        dog.write(CFR, COUNTER | EWI | 1 << 7, 0);
        assert!(!dog.write(CR, WDGA | 0x42, 1_000));
        assert_eq!(dog.read(CR, 1_000), (WDGA | 0x42, 1_000 + 8_192));
        assert_eq!(dog.next_event(), 1_000 + 2 * 8_192);
        dog.advance(1_000 + 2 * 8_192);
        assert!(dog.interrupts());
        assert_eq!(dog.next_event(), 1_000 + 3 * 8_192);
        dog.write(SR, 0, 18_000);
        dog.advance(18_000);
        assert!(!dog.interrupts(), "once a lap");
        assert!(!dog.write(CR, 0x7F, 18_000));
        assert_eq!(dog.read(CR, 18_000).0, WDGA | 0x7F, "it cannot be stopped");
    }

    #[test]
    fn the_window_is_kept() {
        let mut dog = WindowWatchdog::new();
        dog.write(CFR, 0x50, 0);
        dog.write(CR, WDGA | 0x60, 0);
        let mut early = dog;
        assert!(early.write(CR, 0x60, 15 * 4_096));
        assert!(!dog.write(CR, 0x60, 16 * 4_096));
        assert!(dog.write(CR, 0x3F, 32 * 4_096), "below the lowest");
    }
}
