//! TIM2 and TIM21: 16-bit counters with prescaler, auto-reload and compare channels.
//!
//! After RM0377, "General-purpose timers", by way of ST's header and HAL sources. Everything counts in
//! core clock cycles, so the timers stand still when the core's clock does, and their ticks are exact.
//! They stand still too while the RCC gates their clock.
//!
//! Modelled: counting up and down, prescaler and its preload, auto-reload with and without preload,
//! compare flags with and without preload, one-pulse mode, UDIS, URS, software events, interrupts. An
//! enabled counter starts at once; the part takes one cycle more. A counter beyond its auto-reload value
//! runs to 65 535 first, and that counts as an overflow (recollection). A compare value beyond it
//! matches at the overflow. Left out, and told: centre-aligned modes, slave modes, captures, outputs,
//! DMA.

/// CR1.CEN.
const CEN: u32 = 1;
const UDIS: u32 = 1 << 1;
const URS: u32 = 1 << 2;
const OPM: u32 = 1 << 3;
const DIR: u32 = 1 << 4;
const CMS: u32 = 0b11 << 5;
const ARPE: u32 = 1 << 7;

const CR1: u32 = 0x00;
const CR2: u32 = 0x04;
const SMCR: u32 = 0x08;
const DIER: u32 = 0x0C;
const SR: u32 = 0x10;
const EGR: u32 = 0x14;
const CCMR1: u32 = 0x18;
const CCMR2: u32 = 0x1C;
const CCER: u32 = 0x20;
const CNT: u32 = 0x24;
const PSC: u32 = 0x28;
const ARR: u32 = 0x2C;
const CCR1: u32 = 0x34;
const CCR4: u32 = 0x40;
const DCR: u32 = 0x48;
const DMAR: u32 = 0x4C;
const OR: u32 = 0x50;

/// Slave mode and external clock, of SMCR.
const SLAVE: u32 = 1 << 14 | 0b111;
/// DMA requests, of DIER.
const DMA: u32 = 0x5F00;
/// Interrupts, of DIER: update, compare, trigger.
const INTERRUPTS: u32 = 0x5F;
/// Values of a 16-bit counter.
const SPAN: u64 = 1 << 16;

/// A timer.
#[derive(Clone, Debug)]
pub(crate) struct Timer {
    /// Compare channels: 4 or 2.
    channels: usize,
    cr1: u32,
    cr2: u32,
    smcr: u32,
    dier: u32,
    sr: u32,
    ccmr: [u32; 2],
    ccer: u32,
    psc: u32,
    arr: u32,
    ccr: [u32; 4],
    dcr: u32,
    or: u32,
    /// The values that count, once an update has taken them over.
    active_psc: u32,
    active_arr: u32,
    active_ccr: [u32; 4],
    /// Core cycles in a cycle of the timer's clock.
    divider: u64,
    /// The RCC lets the clock through.
    clocked: bool,
    /// It counts.
    counts: bool,
    /// The counter, and the cycle at which it became that, while it counts.
    count: u32,
    anchor: u64,
    /// Cycles of the next tick that are over, while it does not.
    phase: u64,
}

impl Timer {
    pub(crate) const fn new(channels: usize) -> Self {
        Self {
            channels,
            cr1: 0,
            cr2: 0,
            smcr: 0,
            dier: 0,
            sr: 0,
            ccmr: [0; 2],
            ccer: 0,
            psc: 0,
            arr: 0xFFFF,
            ccr: [0; 4],
            dcr: 0,
            or: 0,
            active_psc: 0,
            active_arr: 0xFFFF,
            active_ccr: [0; 4],
            divider: 1,
            clocked: false,
            counts: false,
            count: 0,
            anchor: 0,
            phase: 0,
        }
    }

    /// As after reset; its clock stays what it is.
    pub(crate) const fn reset(&mut self) {
        let (divider, clocked) = (self.divider, self.clocked);
        *self = Self { divider, clocked, ..Self::new(self.channels) };
    }

    /// The RCC lets its clock through from `cycle` on, or no longer.
    pub(crate) fn set_clocked(&mut self, clocked: bool, cycle: u64) {
        if clocked != self.clocked {
            self.advance(cycle);
            self.clocked = clocked;
            self.settle(cycle);
        }
    }

    /// Core cycles in a cycle of the timer's clock, from `cycle` on.
    pub(crate) fn set_divider(&mut self, divider: u64, cycle: u64) {
        if divider != self.divider {
            self.advance(cycle);
            self.divider = divider;
            // What was over of a tick is not carried over.
            self.phase = 0;
            if self.counts {
                self.anchor = cycle;
            }
        }
    }

    /// Starts or stops counting, if something changed that decides it.
    const fn settle(&mut self, cycle: u64) {
        // A null auto-reload value blocks the counter.
        let counts = self.clocked && self.cr1 & CEN != 0 && self.active_arr != 0;
        match (self.counts, counts) {
            (false, true) => self.anchor = cycle.saturating_sub(self.phase),
            (true, false) => self.phase = cycle.saturating_sub(self.anchor),
            (false, false) | (true, true) => {}
        }
        self.counts = counts;
    }

    /// Core cycles in a tick of the counter.
    const fn period(&self) -> u64 {
        self.divider * (self.active_psc as u64 + 1)
    }

    const fn counts_down(&self) -> bool {
        self.cr1 & DIR != 0
    }

    /// Ticks to the next overflow or underflow; at least one.
    const fn ticks_to_update(&self) -> u64 {
        if self.counts_down() {
            self.count as u64 + 1
        } else if self.count <= self.active_arr {
            (self.active_arr - self.count) as u64 + 1
        } else {
            SPAN - self.count as u64
        }
    }

    /// Ticks until the counter next becomes what a channel compares with; at least one.
    const fn ticks_to_match(&self, channel: usize) -> u64 {
        let value = self.active_ccr[channel] as u64;
        let (count, arr) = (self.count as u64, self.active_arr as u64);
        if value > arr {
            self.ticks_to_update()
        } else if self.counts_down() {
            if value < count { count - value } else { count + 1 + (arr - value) }
        } else if value > count {
            value - count
        } else {
            self.ticks_to_update() + value
        }
    }

    /// Whether a channel compares, as opposed to captures.
    const fn compares(&self, channel: usize) -> bool {
        let selection = self.ccmr[channel / 2] >> (8 * (channel % 2)) & 0b11;
        selection == 0
    }

    /// Moves the counter on by at most the ticks to its update.
    fn sweep(&mut self, ticks: u64) {
        let updates = ticks >= self.ticks_to_update();
        for channel in 0..self.channels {
            if self.compares(channel) && self.ticks_to_match(channel) <= ticks {
                self.sr |= 2 << channel;
            }
        }
        self.count = match (updates, self.counts_down()) {
            (true, true) => self.active_arr,
            (true, false) => 0,
            (false, true) => self.count.saturating_sub(ticks as u32),
            (false, false) => self.count.saturating_add(ticks as u32),
        };
        self.anchor += ticks * self.period();
    }

    /// Takes over what was preloaded.
    const fn load(&mut self) {
        self.active_psc = self.psc;
        self.active_arr = self.arr;
        self.active_ccr = self.ccr;
    }

    /// An overflow or underflow.
    const fn update(&mut self) {
        if self.cr1 & UDIS != 0 {
            return;
        }
        self.load();
        self.sr |= 1;
        if self.cr1 & OPM != 0 {
            self.cr1 &= !CEN;
        }
        self.settle(self.anchor);
    }

    /// Counts up to `cycle`.
    pub(crate) fn advance(&mut self, cycle: u64) {
        while self.counts {
            let ticks = cycle.saturating_sub(self.anchor) / self.period();
            if ticks == 0 {
                return;
            }
            let to_update = self.ticks_to_update();
            if ticks < to_update {
                self.sweep(ticks);
                return;
            }
            self.sweep(to_update);
            self.update();
            // Nothing is preloaded now: all laps are alike, and the last whole one sets all flags.
            let lap = (u64::from(self.active_arr) + 1) * self.period();
            if self.counts {
                let laps = cycle.saturating_sub(self.anchor) / lap;
                self.anchor += laps.saturating_sub(1) * lap;
            }
        }
    }

    /// Whether it interrupts, as far as it has advanced.
    pub(crate) const fn interrupts(&self) -> bool {
        self.sr & self.dier & INTERRUPTS != 0
    }

    /// The next cycle at which one of `flags` may rise; it has advanced to the present.
    fn next_of(&self, flags: u32) -> u64 {
        if !self.counts || flags & 0x1F == 0 {
            return u64::MAX;
        }
        let mut ticks = u64::MAX;
        let preloaded = self.psc != self.active_psc
            || self.arr != self.active_arr
            || self.ccr != self.active_ccr;
        if flags & 1 != 0 || preloaded {
            // What is taken over there changes all that follows.
            ticks = self.ticks_to_update();
        }
        for channel in 0..self.channels {
            if flags & 2 << channel != 0 && self.compares(channel) {
                ticks = ticks.min(self.ticks_to_match(channel));
            }
        }
        self.cycle_in(ticks)
    }

    const fn cycle_in(&self, ticks: u64) -> u64 {
        self.anchor.saturating_add(ticks.saturating_mul(self.period()))
    }

    /// The next cycle at which it begins to interrupt; it has advanced to the present.
    pub(crate) fn next_interrupt(&self) -> u64 {
        self.next_of(self.dier & !self.sr)
    }

    /// What is at an offset, and until which cycle; it has advanced to the present.
    pub(crate) fn read(&self, offset: u32) -> (u32, u64) {
        match offset {
            CR1 if self.counts && self.cr1 & OPM != 0 => (self.cr1, self.next_of(1)),
            CR1 => (self.cr1, u64::MAX),
            CR2 => (self.cr2, u64::MAX),
            SMCR => (self.smcr, u64::MAX),
            DIER => (self.dier, u64::MAX),
            SR => (self.sr, self.next_of(!self.sr)),
            CCMR1 => (self.ccmr[0], u64::MAX),
            CCMR2 => (self.ccmr[1], u64::MAX),
            CCER => (self.ccer, u64::MAX),
            CNT if self.counts => (self.count, self.cycle_in(1)),
            CNT => (self.count, u64::MAX),
            PSC => (self.psc, u64::MAX),
            ARR => (self.arr, u64::MAX),
            CCR1..=CCR4 => (self.ccr[(offset - CCR1) as usize / 4], u64::MAX),
            DCR => (self.dcr, u64::MAX),
            OR => (self.or, u64::MAX),
            _ => (0, u64::MAX),
        }
    }

    /// A write at `cycle`, to which it has advanced. Returns the bits that ask for what is left out.
    pub(crate) fn write(&mut self, offset: u32, value: u32, cycle: u64) -> u32 {
        match offset {
            CR1 => {
                self.enable(value, cycle);
                value & CMS
            }
            CR2 => {
                self.cr2 = value;
                0
            }
            SMCR => {
                self.smcr = value;
                value & SLAVE
            }
            DIER => {
                self.dier = value;
                value & DMA
            }
            SR => {
                self.sr &= value;
                0
            }
            EGR => {
                self.generate(value, cycle);
                0
            }
            CCMR1 | CCMR2 => {
                self.ccmr[(offset - CCMR1) as usize / 4] = value;
                value & 0x0303
            }
            CCER => {
                self.ccer = value;
                value & 0x1111
            }
            CNT => {
                self.count = value;
                0
            }
            PSC => {
                self.psc = value;
                0
            }
            ARR => {
                self.arr = value;
                if self.cr1 & ARPE == 0 {
                    self.active_arr = value;
                    self.settle(cycle);
                }
                0
            }
            CCR1..=CCR4 => {
                let channel = (offset - CCR1) as usize / 4;
                self.ccr[channel] = value;
                let preload = self.ccmr[channel / 2] >> (8 * (channel % 2)) & 1 << 3;
                if preload == 0 {
                    self.active_ccr[channel] = value;
                }
                0
            }
            DCR => {
                self.dcr = value;
                value
            }
            DMAR => value,
            OR => {
                self.or = value;
                0
            }
            _ => 0,
        }
    }

    const fn enable(&mut self, cr1: u32, cycle: u64) {
        self.cr1 = cr1;
        if cr1 & ARPE == 0 {
            self.active_arr = self.arr;
        }
        self.settle(cycle);
    }

    fn generate(&mut self, events: u32, cycle: u64) {
        if events & 1 != 0 {
            self.count = if self.counts_down() { self.arr } else { 0 };
            if self.cr1 & UDIS == 0 {
                self.load();
                if self.cr1 & URS == 0 {
                    self.sr |= 1;
                }
            }
            (self.anchor, self.phase) = (cycle, 0);
            self.settle(cycle);
        }
        for channel in 0..self.channels {
            self.sr |= events & 2 << channel;
        }
        self.sr |= events & 1 << 6;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(psc: u32, arr: u32) -> Timer {
        let mut timer = Timer::new(4);
        timer.set_clocked(true, 0);
        timer.write(PSC, psc, 0);
        timer.write(ARR, arr, 0);
        timer.write(EGR, 1, 0);
        timer.write(SR, 0, 0);
        timer.write(CR1, CEN, 100);
        timer
    }

    fn count_at(timer: &mut Timer, cycle: u64) -> u32 {
        timer.advance(cycle);
        timer.read(CNT).0
    }

    #[test]
    fn it_counts_prescaled_and_wraps() {
        let mut timer = running(9, 4);
        assert_eq!(count_at(&mut timer, 109), 0);
        assert_eq!(timer.read(CNT), (0, 110));
        assert_eq!(count_at(&mut timer, 110), 1);
        assert_eq!(count_at(&mut timer, 149), 4);
        assert_eq!(timer.read(SR).0 & 1, 0);
        assert_eq!(count_at(&mut timer, 150), 0);
        assert_eq!(timer.read(SR).0 & 1, 1);
        assert_eq!(count_at(&mut timer, 150 + 50 * 1_000_000_007 + 30), 3);
    }

    #[test]
    fn the_prescaler_waits_for_an_update() {
        let mut timer = running(0, 9);
        timer.write(PSC, 99, 100);
        assert_eq!(count_at(&mut timer, 109), 9);
        assert_eq!(count_at(&mut timer, 110), 0);
        assert_eq!(count_at(&mut timer, 209), 0);
        assert_eq!(count_at(&mut timer, 210), 1);
    }

    #[test]
    fn compares_interrupt_to_the_cycle() {
        let mut timer = running(1, 0xFFFF);
        timer.write(DIER, 0b10, 100);
        timer.write(CCR1, 7, 100);
        assert_eq!(timer.next_interrupt(), 114);
        timer.advance(113);
        assert!(!timer.interrupts());
        assert_eq!(timer.read(SR).1, 114);
        timer.advance(114);
        assert!(timer.interrupts());
        assert_eq!(timer.next_interrupt(), u64::MAX);
        timer.write(SR, !0b10, 114);
        assert_eq!(timer.next_interrupt(), 114 + 2 * 65_536, "one lap on");
        timer.write(CCR1, 3, 114);
        assert_eq!(timer.next_interrupt(), 100 + 2 * (65_536 + 3), "passed already");
    }

    #[test]
    fn down_is_the_mirror() {
        let mut timer = Timer::new(2);
        timer.set_clocked(true, 0);
        timer.write(ARR, 9, 0);
        timer.write(CR1, DIR, 0);
        timer.write(EGR, 1, 0);
        timer.write(SR, 0, 0);
        timer.write(CCR1, 4, 0);
        timer.write(CR1, DIR | CEN, 0);
        assert_eq!(count_at(&mut timer, 4), 5);
        assert_eq!(timer.read(SR), (0, 5));
        assert_eq!(count_at(&mut timer, 5), 4);
        assert_eq!(timer.read(SR), (0b10, 9), "channel 2 compares with zero");
        assert_eq!(count_at(&mut timer, 10), 9);
        assert_eq!(timer.read(SR).0 & 1, 1);
    }

    #[test]
    fn one_pulse_stops() {
        let mut timer = running(0, 9);
        timer.write(CR1, CEN | OPM, 100);
        timer.advance(5_000);
        assert_eq!((timer.read(CR1).0, timer.read(CNT).0, timer.read(SR).0 & 1), (OPM, 0, 1));
        assert_eq!(timer.next_interrupt(), u64::MAX);
    }

    #[test]
    fn update_events_can_be_disabled_or_kept_quiet() {
        let mut timer = running(0, 9);
        timer.write(CR1, CEN | UDIS, 100);
        timer.advance(115);
        assert_eq!((timer.read(CNT).0, timer.read(SR).0 & 1), (5, 0));
        timer.write(CR1, CEN | URS, 115);
        timer.write(EGR, 1, 115);
        assert_eq!((timer.read(CNT).0, timer.read(SR).0 & 1), (0, 0));
    }

    #[test]
    fn auto_reload_preload_waits() {
        let mut timer = running(0, 9);
        timer.write(CR1, CEN | ARPE, 100);
        timer.write(ARR, 4, 100);
        assert_eq!(count_at(&mut timer, 109), 9);
        assert_eq!(count_at(&mut timer, 114), 4);
        assert_eq!(count_at(&mut timer, 115), 0);
    }

    #[test]
    fn a_stop_keeps_the_phase() {
        let mut timer = running(9, 0xFFFF);
        timer.advance(115);
        timer.write(CR1, 0, 115);
        assert_eq!(count_at(&mut timer, 500), 1);
        timer.write(CR1, CEN, 1_000);
        assert_eq!(count_at(&mut timer, 1_004), 1);
        assert_eq!(count_at(&mut timer, 1_005), 2);
    }

    #[test]
    fn without_its_clock_it_stands() {
        let mut timer = running(9, 0xFFFF);
        timer.set_clocked(false, 115);
        assert_eq!(count_at(&mut timer, 500), 1);
        timer.set_clocked(true, 1_000);
        assert_eq!(timer.read(CNT), (1, 1_005));
    }

    #[test]
    fn a_null_auto_reload_value_blocks() {
        let mut timer = running(0, 9);
        timer.advance(105);
        timer.write(ARR, 0, 105);
        assert_eq!(count_at(&mut timer, 500), 5);
        timer.write(CR1, 0, 600);
        timer.write(CR1, CEN, 700);
        timer.write(ARR, 9, 1_000);
        assert_eq!(timer.read(CNT), (5, 1_001));
    }

    #[test]
    fn an_interrupt_after_an_update_knows_what_the_update_loads() {
        let mut timer = running(99, 9);
        timer.write(DIER, 0b10, 100);
        timer.write(CCR1, 5, 100);
        timer.advance(800);
        timer.write(SR, 0, 800);
        timer.write(PSC, 0, 800);
        // The last lap of 100 cycles a tick ends at 1100, and the match is five cycles on.
        assert_eq!(timer.next_interrupt(), 1_100);
        timer.advance(1_100);
        assert!(!timer.interrupts());
        assert_eq!(timer.next_interrupt(), 1_105);
    }

    #[test]
    fn all_laps_at_once_equal_one_by_one() {
        for arr in [1, 6, 99] {
            let (mut at_once, mut step) = (running(2, arr), running(2, arr));
            for timer in [&mut at_once, &mut step] {
                timer.write(CCR1, 5, 100);
                timer.write(CR1, CEN, 100);
            }
            at_once.advance(12_345);
            (100..=12_345).for_each(|cycle| step.advance(cycle));
            assert_eq!(at_once.read(CNT), step.read(CNT));
            assert_eq!(at_once.read(SR), step.read(SR));
        }
    }

    #[test]
    fn what_is_left_out_is_told() {
        let mut timer = Timer::new(4);
        assert_eq!(timer.write(CR1, CMS | CEN, 0), CMS);
        assert_eq!(timer.write(SMCR, 0b111, 0), 0b111);
        assert_eq!(timer.write(CCER, 1, 0), 1);
        assert_eq!(timer.write(DIER, 0x0101, 0), 0x0100);
    }
}
