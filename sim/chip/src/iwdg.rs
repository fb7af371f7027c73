//! IWDG: the independent watchdog.
//!
//! After RM0377, "Independent watchdog", by way of ST's header and HAL sources. It counts ticks of the
//! LSI, in Stop and Standby too; nothing but a reset stops it. The time-out is (RLR + 1) x 4 x 2^PR
//! ticks, as the manual's tables have it.
//!
//! Assumed (recollection): written values arrive five LSI ticks later, told by PVU, RVU and WVU, and
//! while such a flag is up a further write of that register is lost; a reload starts a whole time-out at
//! the LSI tick that is under way; a change of the prescaler keeps the count. Left out: freezing by the
//! debugger.

use crate::late::Late;

/// Ticks until a written value arrives.
const SYNCHRONISATION: u64 = 5;

const KR: u32 = 0x00;
const PR: u32 = 0x04;
const RLR: u32 = 0x08;
const SR: u32 = 0x0C;
const WINR: u32 = 0x10;

const RELOAD: u32 = 0xAAAA;
const UNLOCK: u32 = 0x5555;
const START: u32 = 0xCCCC;

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It took effect, or will.
    Taken,
    /// The watchdog was locked, or busy with the value before.
    Refused,
    /// The watchdog started; it wants the LSI.
    Started,
    /// It was fed too early: it resets the chip.
    Bites,
}

/// The watchdog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watchdog {
    started: bool,
    unlocked: bool,
    pr: Late,
    rlr: Late,
    winr: Late,
    /// The counter, and the LSI tick at which it became that.
    count: u32,
    anchor: u64,
}

impl Watchdog {
    /// After reset: stopped.
    pub(crate) const fn new() -> Self {
        Self {
            started: false,
            unlocked: false,
            pr: Late::new(0),
            rlr: Late::new(0xFFF),
            winr: Late::new(0xFFF),
            count: 0xFFF,
            anchor: 0,
        }
    }

    /// Starts it.
    pub(crate) const fn start(&mut self, tick: u64) {
        if !self.started {
            self.started = true;
            self.reload(tick);
        }
    }

    const fn reload(&mut self, tick: u64) {
        self.count = self.rlr.active;
        self.anchor = tick;
    }

    /// LSI ticks in a tick of the counter. The prescaler's last two settings are alike.
    const fn period(&self) -> u64 {
        let pr = if self.pr.active > 6 { 6 } else { self.pr.active };
        4 << pr
    }

    /// The counter at a tick.
    const fn count_at(&self, tick: u64) -> u32 {
        let passed = tick.saturating_sub(self.anchor) / self.period();
        if passed >= self.count as u64 { 0 } else { self.count - passed as u32 }
    }

    /// The LSI tick at which it resets the chip; it has advanced to the present.
    pub(crate) const fn bites_at(&self) -> u64 {
        if self.started {
            self.anchor.saturating_add((self.count as u64 + 1) * self.period())
        } else {
            u64::MAX
        }
    }

    /// The next LSI tick at which a written value arrives.
    pub(crate) fn next_arrival(&self) -> u64 {
        let all = [self.pr.arrives, self.rlr.arrives, self.winr.arrives];
        all.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// Lets arrive what arrives by `tick`.
    pub(crate) const fn advance(&mut self, tick: u64) {
        let before = *self;
        if let Some(at) = self.pr.arrive(tick) {
            let old = before.period();
            self.count = before.count_at(at);
            self.anchor += at.saturating_sub(self.anchor) / old * old;
        }
        self.rlr.arrive(tick);
        if self.winr.arrive(tick).is_some() && self.started {
            // Writing the window reloads the counter.
            self.reload(tick);
        }
    }

    /// What is at an offset, and until which LSI tick; it has advanced to the present.
    pub(crate) fn read(&self, offset: u32) -> (u32, u64) {
        match offset {
            PR => (self.pr.written, u64::MAX),
            RLR => (self.rlr.written, u64::MAX),
            SR => {
                let flag = |late: &Late, bit: u32| if late.arrives.is_some() { bit } else { 0 };
                let flags = flag(&self.pr, 1) | flag(&self.rlr, 2) | flag(&self.winr, 4);
                (flags, self.next_arrival())
            }
            WINR => (self.winr.written, u64::MAX),
            _ => (0, u64::MAX),
        }
    }

    /// A write at an LSI tick, to which it has advanced.
    pub(crate) const fn write(&mut self, offset: u32, value: u32, tick: u64) -> Effect {
        if offset == KR {
            return self.key(value, tick);
        }
        let late = match offset {
            PR => &mut self.pr,
            RLR => &mut self.rlr,
            WINR => &mut self.winr,
            // SR is read only.
            _ => return Effect::Refused,
        };
        if !self.unlocked || late.arrives.is_some() {
            return Effect::Refused;
        }
        late.write(value, tick.saturating_add(SYNCHRONISATION));
        Effect::Taken
    }

    const fn key(&mut self, key: u32, tick: u64) -> Effect {
        self.unlocked = key == UNLOCK;
        match key {
            START if !self.started => {
                self.start(tick);
                Effect::Started
            }
            RELOAD if self.started => {
                if self.count_at(tick) > self.winr.active {
                    return Effect::Bites;
                }
                self.reload(tick);
                Effect::Taken
            }
            _ => Effect::Taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_bites_after_its_time_out() {
        let mut dog = Watchdog::new();
        assert_eq!(dog.bites_at(), u64::MAX);
        assert_eq!(dog.write(KR, START, 100), Effect::Started);
        assert_eq!(dog.bites_at(), 100 + 4096 * 4);
        dog.write(KR, RELOAD, 1_000);
        assert_eq!(dog.bites_at(), 1_000 + 4096 * 4);
    }

    #[test]
    fn values_need_the_key_and_arrive_late() {
        let mut dog = Watchdog::new();
        dog.write(KR, START, 0);
        assert_eq!(dog.write(PR, 3, 0), Effect::Refused);
        dog.write(KR, UNLOCK, 0);
        assert_eq!(dog.write(PR, 3, 0), Effect::Taken);
        assert_eq!(dog.write(PR, 4, 1), Effect::Refused, "busy");
        assert_eq!(dog.write(RLR, 99, 1), Effect::Taken);
        assert_eq!(dog.read(SR), (0b11, 5));
        dog.advance(5);
        assert_eq!(dog.read(SR), (0b10, 6));
        dog.advance(6);
        assert_eq!(dog.read(SR), (0, u64::MAX));
        dog.write(KR, RELOAD, 10);
        assert_eq!(dog.bites_at(), 10 + 100 * 32);
        assert_eq!(dog.write(PR, 0, 11), Effect::Refused, "any other key locks");
    }

    #[test]
    fn a_new_prescaler_keeps_the_count() {
        let mut dog = Watchdog::new();
        dog.write(KR, START, 0);
        dog.write(KR, UNLOCK, 401);
        dog.write(PR, 1, 401);
        dog.advance(500);
        // At tick 406 the count was 4095 - 101, since tick 404.
        assert_eq!(dog.bites_at(), 404 + (4095 - 101 + 1) * 8);
    }

    #[test]
    fn feeding_before_the_window_bites() {
        let mut dog = Watchdog::new();
        dog.write(KR, START, 0);
        dog.write(KR, UNLOCK, 0);
        dog.write(WINR, 0x800, 0);
        dog.advance(5);
        assert_eq!(dog.bites_at(), 5 + 4096 * 4, "the window's arrival reloads");
        assert_eq!(dog.write(KR, RELOAD, 100), Effect::Bites);
        assert_eq!(dog.write(KR, RELOAD, 5 + 4 * 0x7FF), Effect::Taken);
    }
}
