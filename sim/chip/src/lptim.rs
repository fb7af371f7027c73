//! LPTIM1: the 16-bit timer that counts its own clock, in Stop too.
//!
//! After RM0377, "Low-power timer", by way of ST's header and HAL sources and the same block's chapter
//! for other families (RM0367, RM0453). Everything counts in ticks of the kernel clock that CCIPR
//! chooses; whoever asks says which tick it is.
//!
//! Modelled: prescaler, single and continuous counting, ARR and CMP with preload, all flags, interrupts.
//! What is written to ARR or CMP arrives three kernel ticks later, as the manual of a newer family says
//! of its register, and is told by ARROK or CMPOK; the counter starts two ticks after it is told to
//! (recollection). Left out, and told: external clock and triggers, encoder, time-out mode, the output.

use crate::late::{Late, Written};

const ISR: u32 = 0x00;
const ICR: u32 = 0x04;
const IER: u32 = 0x08;
const CFGR: u32 = 0x0C;
const CR: u32 = 0x10;
const CMP: u32 = 0x14;
const ARR: u32 = 0x18;
const CNT: u32 = 0x1C;

/// ISR: compare match, auto-reload match, both registers' arrivals.
const CMPM: u32 = 1;
const ARRM: u32 = 1 << 1;
const CMPOK: u32 = 1 << 3;
const ARROK: u32 = 1 << 4;

/// CR.
const ENABLE: u32 = 1;
const SNGSTRT: u32 = 1 << 1;
const CNTSTRT: u32 = 1 << 2;

/// CFGR.
const PRELOAD: u32 = 1 << 22;
/// CKSEL, TRIGEN, TIMOUT, COUNTMODE, ENC.
const UNMODELLED: u32 = 1 | 0b11 << 17 | 1 << 19 | 1 << 23 | 1 << 24;

/// Kernel ticks until a written value arrives.
const SYNCHRONISATION: u64 = 3;
/// Kernel ticks until the counter starts.
const START: u64 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    No,
    Once,
    On,
}

/// A limit of the counter: its value arrives late, and may then wait for the end of a period.
#[derive(Clone, Copy, Debug)]
struct Limit {
    late: Late,
    /// What the counter is compared with.
    active: u32,
    /// What has arrived waits for the end of the period.
    waits: bool,
}

impl Limit {
    const fn new(value: u32) -> Self {
        Self { late: Late::new(value), active: value, waits: false }
    }

    const fn write(&mut self, value: u32, tick: u64) {
        self.late.write(value, tick.saturating_add(SYNCHRONISATION));
    }

    /// Whether it arrives by `tick`.
    const fn arrive(&mut self, tick: u64, at_once: bool) -> bool {
        let arrived = self.late.arrive(tick).is_some();
        if arrived {
            self.waits = !at_once;
            if at_once {
                self.active = self.late.active;
            }
        }
        arrived
    }

    const fn period_ends(&mut self) {
        if self.waits {
            self.active = self.late.active;
            self.waits = false;
        }
    }

    /// The clock that is at `tick` now was another one, which was at `before`.
    const fn change_clock(&mut self, before: u64, tick: u64) {
        if let Some(at) = self.late.arrives {
            self.late.arrives = Some(tick.saturating_add(at.saturating_sub(before)));
        }
    }
}

/// The timer.
#[derive(Clone, Debug)]
pub(crate) struct LowPowerTimer {
    isr: u32,
    ier: u32,
    cfgr: u32,
    enabled: bool,
    counting: Counting,
    cmp: Limit,
    arr: Limit,
    count: u32,
    /// The kernel tick at which the counter became that; may lie ahead as it starts.
    anchor: u64,
}

impl LowPowerTimer {
    pub(crate) const fn new() -> Self {
        Self {
            isr: 0,
            ier: 0,
            cfgr: 0,
            enabled: false,
            counting: Counting::No,
            cmp: Limit::new(0),
            arr: Limit::new(1),
            count: 0,
            anchor: 0,
        }
    }

    /// Kernel ticks in a tick of the counter.
    const fn period(&self) -> u64 {
        1 << (self.cfgr >> 9 & 0b111)
    }

    const fn runs(&self) -> bool {
        !matches!(self.counting, Counting::No)
    }

    /// The kernel clock was changed for another, which is at `tick` now; the old one was at `before`.
    pub(crate) const fn change_clock(&mut self, before: u64, tick: u64) {
        self.advance(before);
        self.anchor = tick.wrapping_add(self.anchor.wrapping_sub(before));
        self.cmp.change_clock(before, tick);
        self.arr.change_clock(before, tick);
        if self.anchor > tick {
            // A rest of a tick of the old clock means nothing to the new one.
            self.anchor = tick;
        }
    }

    /// Counter ticks until it next becomes `value`; at least one.
    const fn ticks_to(&self, value: u32) -> u64 {
        if value > self.count {
            (value - self.count) as u64
        } else {
            self.ticks_to_wrap() + value as u64
        }
    }

    const fn ticks_to_wrap(&self) -> u64 {
        if self.count <= self.arr.active {
            (self.arr.active - self.count) as u64 + 1
        } else {
            // ARR was lowered below the counter.
            0x1_0000 - self.count as u64
        }
    }

    /// Counts up to a kernel tick, registers being what they are.
    const fn count_to(&mut self, tick: u64) {
        while self.runs() {
            let ticks = tick.saturating_sub(self.anchor) / self.period();
            if ticks == 0 {
                return;
            }
            let to_wrap = self.ticks_to_wrap();
            let step = if ticks < to_wrap { ticks } else { to_wrap };
            if self.ticks_to(self.cmp.active) <= step && self.cmp.active <= self.arr.active {
                self.isr |= CMPM;
            }
            if self.ticks_to(self.arr.active) <= step {
                self.isr |= ARRM;
            }
            self.anchor += step * self.period();
            if step < to_wrap {
                self.count += step as u32;
                return;
            }
            self.count = 0;
            self.cmp.period_ends();
            self.arr.period_ends();
            match self.counting {
                Counting::Once => self.counting = Counting::No,
                Counting::On => {
                    // Laps are alike now, and the last whole one sets all flags.
                    let lap = (self.arr.active as u64 + 1) * self.period();
                    let laps = tick.saturating_sub(self.anchor) / lap;
                    self.anchor += laps.saturating_sub(1) * lap;
                }
                Counting::No => {}
            }
        }
    }

    /// Counts up to a kernel tick.
    pub(crate) const fn advance(&mut self, tick: u64) {
        loop {
            let cmp = match self.cmp.late.arrives {
                Some(at) => at,
                None => u64::MAX,
            };
            let arr = match self.arr.late.arrives {
                Some(at) => at,
                None => u64::MAX,
            };
            let next = if cmp < arr { cmp } else { arr };
            if next > tick || next == u64::MAX {
                self.count_to(tick);
                return;
            }
            self.count_to(next);
            let at_once = self.cfgr & PRELOAD == 0 || !self.runs();
            if self.cmp.arrive(next, at_once) {
                self.isr |= CMPOK;
            }
            if self.arr.arrive(next, at_once) {
                self.isr |= ARROK;
            }
        }
    }

    /// Whether it interrupts, as far as it has advanced.
    pub(crate) const fn interrupts(&self) -> bool {
        self.isr & self.ier != 0
    }

    /// The next kernel tick at which one of `flags` may rise; it has advanced to the present.
    fn next_of(&self, flags: u32) -> u64 {
        // Whatever arrives changes what the counter will match.
        let arrives = self.cmp.late.arrives.into_iter().chain(self.arr.late.arrives).min();
        let mut next = arrives.unwrap_or(u64::MAX);
        if self.runs() {
            let mut ticks = u64::MAX;
            if flags & CMPM != 0 && self.cmp.active <= self.arr.active {
                ticks = self.ticks_to(self.cmp.active);
            }
            if flags & ARRM != 0 {
                ticks = ticks.min(self.ticks_to(self.arr.active));
            }
            if self.cmp.waits || self.arr.waits {
                ticks = ticks.min(self.ticks_to_wrap());
            }
            next = next.min(self.anchor.saturating_add(ticks.saturating_mul(self.period())));
        }
        next
    }

    /// The next kernel tick at which something happens that may make it interrupt.
    pub(crate) fn next_interrupt(&self) -> u64 {
        let flags = self.ier & !self.isr;
        if flags == 0 { u64::MAX } else { self.next_of(flags) }
    }

    /// What is at an offset, and until which kernel tick; it has advanced to the present.
    pub(crate) fn read(&self, offset: u32) -> (u32, u64) {
        match offset {
            ISR => (self.isr, self.next_of(!self.isr)),
            IER => (self.ier, u64::MAX),
            CFGR => (self.cfgr, u64::MAX),
            // The start bits clear themselves.
            CR => (self.enabled.into(), u64::MAX),
            CMP => (self.cmp.late.written, u64::MAX),
            ARR => (self.arr.late.written, u64::MAX),
            CNT if self.runs() => {
                (self.count, self.anchor.saturating_add(self.period()).min(self.next_of(0)))
            }
            CNT => (self.count, u64::MAX),
            _ => (0, u64::MAX),
        }
    }

    /// A write at a kernel tick, to which it has advanced.
    pub(crate) fn write(&mut self, offset: u32, value: u32, tick: u64) -> Written {
        let accepted = Written::default();
        match offset {
            ICR => self.isr &= !value,
            CR => return self.control(value, tick),
            // Interrupts and configuration are for a timer that is off; writing what is there is harmless.
            IER if self.enabled => return Written { refused: value != self.ier, ..accepted },
            IER => self.ier = value,
            CFGR if self.enabled => return Written { refused: value != self.cfgr, ..accepted },
            CFGR => {
                self.cfgr = value;
                return Written { unmodelled: value & UNMODELLED, ..accepted };
            }
            // Limits are for one that is on.
            CMP | ARR if !self.enabled => return Written { refused: true, ..accepted },
            CMP => self.cmp.write(value, tick),
            ARR => self.arr.write(value, tick),
            // ISR and CNT are read only.
            _ => {}
        }
        accepted
    }

    fn control(&mut self, value: u32, tick: u64) -> Written {
        let was_enabled = self.enabled;
        self.enabled = value & ENABLE != 0;
        if !self.enabled {
            self.counting = Counting::No;
            self.count = 0;
            let starts = value & (SNGSTRT | CNTSTRT) != 0;
            return Written { refused: starts, ..Written::default() };
        }
        let start = if value & CNTSTRT != 0 {
            Counting::On
        } else if value & SNGSTRT != 0 {
            Counting::Once
        } else {
            return Written::default();
        };
        if !was_enabled {
            // It has to be enabled before it can be started.
            return Written { refused: true, ..Written::default() };
        }
        if !self.runs() {
            self.anchor = tick.saturating_add(START);
        }
        self.counting = start;
        Written::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that runs from tick 12 on.
    fn running(arr: u32, cmp: u32, cfgr: u32) -> LowPowerTimer {
        let mut timer = LowPowerTimer::new();
        timer.write(IER, 0b11, 0);
        timer.write(CFGR, cfgr, 0);
        timer.write(CR, ENABLE, 0);
        timer.write(ARR, arr, 0);
        timer.write(CMP, cmp, 2);
        timer.advance(10);
        assert_eq!(timer.read(ISR).0, ARROK | CMPOK);
        timer.write(ICR, ARROK | CMPOK, 10);
        timer.write(CR, ENABLE | CNTSTRT, 10);
        timer
    }

    #[test]
    fn values_arrive_late() {
        let mut timer = LowPowerTimer::new();
        assert!(timer.write(ARR, 9, 0).refused, "not while it is off");
        timer.write(CR, ENABLE, 0);
        timer.write(ARR, 9, 5);
        assert_eq!(timer.read(ISR), (0, 8));
        timer.advance(7);
        assert_eq!(timer.read(ISR).0, 0);
        timer.advance(8);
        assert_eq!(timer.read(ISR).0, ARROK);
        assert!(timer.write(IER, 1, 8).refused, "not while it is on");
        assert!(timer.write(CFGR, PRELOAD, 8).refused);
    }

    #[test]
    fn matches_come_to_the_tick() {
        let mut timer = running(9, 4, 0);
        assert_eq!(timer.next_interrupt(), 16);
        timer.advance(15);
        assert!(!timer.interrupts());
        assert_eq!(timer.read(CNT), (3, 16));
        timer.advance(16);
        assert_eq!(timer.read(ISR), (CMPM, 21));
        timer.write(ICR, CMPM, 16);
        assert_eq!(timer.next_interrupt(), 21);
        timer.advance(21);
        assert_eq!(timer.read(ISR).0, ARRM);
        timer.advance(22);
        assert_eq!(timer.read(CNT).0, 0);
        timer.advance(12 + 10 * 1_000_000 + 5);
        assert_eq!((timer.read(CNT).0, timer.read(ISR).0), (5, ARRM | CMPM));
    }

    #[test]
    fn the_prescaler_divides() {
        let mut timer = running(9, 4, 3 << 9);
        timer.advance(12 + 8 * 4 - 1);
        assert!(!timer.interrupts());
        timer.advance(12 + 8 * 4);
        assert!(timer.interrupts());
    }

    #[test]
    fn once_stops_by_itself() {
        let mut timer = LowPowerTimer::new();
        timer.write(CR, ENABLE, 0);
        timer.write(ARR, 9, 0);
        timer.advance(10);
        timer.write(CR, ENABLE | SNGSTRT, 10);
        timer.advance(1_000);
        assert_eq!((timer.read(CNT).0, timer.read(ISR).0 & ARRM), (0, ARRM));
        assert_eq!(timer.read(CNT).1, u64::MAX);
    }

    #[test]
    fn preloaded_values_wait_for_the_end_of_the_period() {
        let mut timer = running(9, 4, PRELOAD);
        timer.write(ARR, 99, 12);
        timer.advance(16);
        assert_eq!(timer.read(ISR).0 & ARROK, ARROK);
        timer.advance(22);
        assert_eq!(timer.read(CNT).0, 0);
        timer.advance(12 + 10 + 99);
        assert_eq!(timer.read(CNT).0, 99);
    }

    #[test]
    fn what_has_not_arrived_waits_for_the_period_after() {
        let mut timer = running(9, 4, PRELOAD);
        timer.write(ARR, 99, 12);
        timer.advance(20);
        timer.write(ARR, 49, 20);
        timer.advance(12 + 10 + 99);
        assert_eq!(timer.read(CNT).0, 99);
        timer.advance(12 + 10 + 100 + 50);
        assert_eq!(timer.read(CNT).0, 0);
    }

    #[test]
    fn start_needs_a_timer_that_is_on() {
        let mut timer = LowPowerTimer::new();
        assert!(timer.write(CR, ENABLE | CNTSTRT, 0).refused);
        timer.advance(100);
        assert_eq!(timer.read(CNT).0, 0);
        assert_eq!(timer.write(CFGR, 1, 0).unmodelled, 0, "refused, so not looked at");
    }

    #[test]
    fn another_clock_goes_on_from_the_same_count() {
        let mut timer = running(0xFFFF, 0x8000, 0);
        timer.advance(112);
        timer.change_clock(112, 5_000_000);
        timer.advance(5_000_000 + 50);
        assert_eq!(timer.read(CNT).0, 150);
    }
}
