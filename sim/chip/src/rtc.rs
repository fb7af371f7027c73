//! RTC: calendar, wake-up timer, backup registers. Its clock is the LSI or none.
//!
//! After RM0377, "Real-time clock", by way of ST's header and HAL sources. Counts ticks of the LSI, with
//! the core's clock running or not. Resets leave it alone, but they stop the LSI until the program
//! starts it anew (recollection); a power-on reset or RCC_CSR.RTCRST starts it anew.
//!
//! Modelled: prescalers, time and date in 24-hour format up to 2099, initialisation mode, write
//! protection, the wake-up timer with all its clocks, backup registers. Flags that wait for the RTC's
//! clock (INITF, WUTWF, RSF) take two of its ticks (recollection). TR and DR are read as they are at the
//! moment: the shadow registers' lock is left out. Left out, and told: alarms, time stamp, tampers,
//! calibration, shifts, the 12-hour format, daylight saving, outputs.

use crate::late::Written;

const TR: u32 = 0x00;
const DR: u32 = 0x04;
const CR: u32 = 0x08;
const ISR: u32 = 0x0C;
const PRER: u32 = 0x10;
const WUTR: u32 = 0x14;
const WPR: u32 = 0x24;
const SSR: u32 = 0x28;
const BKP0R: u32 = 0x50;
const BKP4R: u32 = 0x60;
const TAMPCR: u32 = 0x40;

/// CR.
const WUCKSEL: u32 = 0b111;
const WUTE: u32 = 1 << 10;
const WUTIE: u32 = 1 << 14;
/// REFCKON, FMT, ALRAE, ALRBE, TSE, ADD1H, SUB1H, OSEL, COE.
const CR_UNMODELLED: u32 =
    1 << 4 | 1 << 6 | 0b11 << 8 | 1 << 11 | 0b11 << 16 | 0b11 << 21 | 1 << 23;

/// ISR.
const ALARMS_WRITABLE: u32 = 0b11;
const WUTWF: u32 = 1 << 2;
const INITS: u32 = 1 << 4;
const RSF: u32 = 1 << 5;
const INITF: u32 = 1 << 6;
const INIT: u32 = 1 << 7;
const WUTF: u32 = 1 << 10;

const KEYS: [u32; 2] = [0xCA, 0x53];
/// Ticks that a flag takes to cross into or out of the RTC's clock domain.
const SYNCHRONISATION: u64 = 2;
const SECONDS_OF_A_DAY: u64 = 86_400;

/// The write protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    Locked,
    FirstKey,
    Open,
}

/// A flag that follows its cause some ticks later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    Down,
    UpFrom(u64),
}

impl Flag {
    const fn is_up(self, tick: u64) -> bool {
        match self {
            Self::Down => false,
            Self::UpFrom(from) => tick >= from,
        }
    }

    /// When it rises, if it is going to.
    const fn rises(self, tick: u64) -> u64 {
        match self {
            Self::UpFrom(from) if from > tick => from,
            Self::UpFrom(_) | Self::Down => u64::MAX,
        }
    }
}

/// Date and time, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calendar {
    /// Days since 2000-01-01.
    day: u64,
    /// 1, Monday, to 7.
    weekday: u64,
    second: u64,
}

/// The clock.
#[derive(Clone, Debug)]
pub(crate) struct Rtc {
    cr: u32,
    prer: u32,
    wutr: u32,
    protection: Protection,
    backup: [u32; 5],
    /// What was written to registers that are left out, by word.
    rest: [u32; 20],
    /// Ticks of the RTC's clock up to `since`, a tick of the LSI, and whether it goes on from there.
    ticks: u64,
    since: u64,
    clocked: bool,
    /// The time at the tick `anchor`, when a second began.
    calendar: Calendar,
    anchor: u64,
    /// INIT is set; INITF.
    init: bool,
    init_flag: Flag,
    synchronised: Flag,
    wake_up_writable: Flag,
    wake_up: bool,
    /// The tick at which the wake-up timer is next through.
    wake_up_at: u64,
    /// The present tick.
    now: u64,
}

/// Days before each month of a year that is not a leap year.
const MONTHS: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Days before a month (0 for January) of a year from 2000 on.
const fn days_before(year: u64, month: usize) -> u64 {
    let leap = year.is_multiple_of(4) && month > 1;
    let month = if month > 11 { 11 } else { month };
    365 * year + year.div_ceil(4) + MONTHS[month] + leap as u64
}

const fn from_bcd(bcd: u32) -> u64 {
    ((bcd >> 4) * 10 + (bcd & 0xF)) as u64
}

const fn to_bcd(number: u64) -> u32 {
    ((number / 10) << 4 | (number % 10)) as u32
}

impl Calendar {
    /// Later by some seconds.
    const fn after(self, seconds: u64) -> Self {
        let total = self.second + seconds;
        let days = total / SECONDS_OF_A_DAY;
        // Years have two digits.
        let day = (self.day + days) % days_before(100, 0);
        let weekday = (self.weekday + 6 + days) % 7 + 1;
        Self { day, weekday, second: total % SECONDS_OF_A_DAY }
    }

    const fn tr(&self) -> u32 {
        let (hours, rest) = (self.second / 3600, self.second % 3600);
        to_bcd(hours) << 16 | to_bcd(rest / 60) << 8 | to_bcd(rest % 60)
    }

    const fn set_tr(&mut self, tr: u32) {
        let (hours, minutes) = (from_bcd(tr >> 16 & 0x3F), from_bcd(tr >> 8 & 0x7F));
        self.second = (hours * 3600 + minutes * 60 + from_bcd(tr & 0x7F)) % SECONDS_OF_A_DAY;
    }

    fn dr(&self) -> u32 {
        let year = (0..100).rev().find(|&year| days_before(year, 0) <= self.day).unwrap_or(0);
        let month = (0..12).rev().find(|&month| days_before(year, month) <= self.day).unwrap_or(0);
        let date = self.day - days_before(year, month) + 1;
        to_bcd(year) << 16
            | (self.weekday as u32) << 13
            | to_bcd(month as u64 + 1) << 8
            | to_bcd(date)
    }

    const fn set_dr(&mut self, dr: u32) {
        let month = from_bcd(dr >> 8 & 0x1F).saturating_sub(1);
        let date = from_bcd(dr & 0x3F).saturating_sub(1);
        self.day = days_before(from_bcd(dr >> 16 & 0xFF), month as usize) + date;
        self.weekday = (dr >> 13 & 0b111) as u64;
    }
}

impl Rtc {
    pub(crate) const fn new() -> Self {
        Self {
            cr: 0,
            prer: 0x007F_00FF,
            wutr: 0xFFFF,
            protection: Protection::Locked,
            backup: [0; 5],
            rest: [0; 20],
            ticks: 0,
            since: 0,
            clocked: false,
            calendar: Calendar { day: 0, weekday: 1, second: 0 },
            anchor: 0,
            init: false,
            init_flag: Flag::Down,
            synchronised: Flag::UpFrom(SYNCHRONISATION),
            wake_up_writable: Flag::UpFrom(0),
            wake_up: false,
            wake_up_at: u64::MAX,
            now: 0,
        }
    }

    /// RTCRST: everything anew.
    pub(crate) const fn reset(&mut self) {
        *self = Self::new();
    }

    /// Gives it its clock or takes it, at a tick of the LSI.
    pub(crate) fn set_clocked(&mut self, clocked: bool, lsi: u64) {
        self.advance(lsi);
        self.ticks = self.now;
        self.since = lsi;
        self.clocked = clocked;
    }

    const fn tick(&self, lsi: u64) -> u64 {
        if self.clocked { self.ticks + lsi.saturating_sub(self.since) } else { self.ticks }
    }

    /// The tick of the LSI at which one of the RTC's ticks comes.
    const fn lsi(&self, tick: u64) -> u64 {
        if self.clocked && tick != u64::MAX {
            (tick.saturating_sub(self.ticks)).saturating_add(self.since)
        } else {
            u64::MAX
        }
    }

    /// Ticks in a period of ck_apre and of ck_spre, the second.
    const fn prescalers(&self) -> (u64, u64) {
        let apre = (self.prer >> 16) as u64 + 1;
        (apre, apre * ((self.prer & 0xFFFF) as u64 + 1))
    }

    /// Seconds since the anchor.
    const fn seconds(&self) -> u64 {
        if self.init { 0 } else { self.now.saturating_sub(self.anchor) / self.prescalers().1 }
    }

    const fn present(&self) -> Calendar {
        self.calendar.after(self.seconds())
    }

    /// Ticks from one end of the wake-up timer to the next.
    const fn wake_up_period(&self) -> u64 {
        let count = self.wutr as u64 + 1;
        match self.cr & WUCKSEL {
            selection @ 0..=3 => count * (16 >> selection),
            4 | 5 => count * self.prescalers().1,
            6.. => (count + 0x1_0000) * self.prescalers().1,
        }
    }

    /// Counts up to a tick of the LSI.
    pub(crate) const fn advance(&mut self, lsi: u64) {
        self.now = self.tick(lsi);
        if self.now >= self.wake_up_at {
            self.wake_up = true;
            let laps = (self.now - self.wake_up_at) / self.wake_up_period() + 1;
            self.wake_up_at += laps * self.wake_up_period();
        }
    }

    /// Whether the wake-up timer interrupts: its EXTI line.
    pub(crate) const fn wakes(&self) -> bool {
        self.wake_up && self.cr & WUTIE != 0
    }

    /// The tick of the LSI at which the wake-up timer next begins to interrupt.
    pub(crate) const fn next_wake_up(&self) -> u64 {
        if self.wake_up || self.cr & WUTIE == 0 { u64::MAX } else { self.lsi(self.wake_up_at) }
    }

    fn isr(&self) -> u32 {
        let bit = |is_up: bool, bit: u32| if is_up { bit } else { 0 };
        ALARMS_WRITABLE
            | bit(self.wake_up_writable.is_up(self.now), WUTWF)
            | bit(self.present().dr() >> 16 != 0, INITS)
            | bit(self.synchronised.is_up(self.now), RSF)
            | bit(self.init_flag.is_up(self.now), INITF)
            | bit(self.init, INIT)
            | bit(self.wake_up, WUTF)
    }

    /// What is at an offset, and until which tick of the LSI; it has advanced to the present.
    pub(crate) fn read(&self, offset: u32) -> (u32, u64) {
        let (apre, second) = self.prescalers();
        let passed = self.now.saturating_sub(self.anchor);
        let ends = |period: u64| {
            if self.init {
                u64::MAX
            } else {
                self.lsi(self.anchor + (passed / period + 1) * period)
            }
        };
        match offset {
            TR => (self.present().tr(), ends(second)),
            DR => (self.present().dr(), ends(second)),
            // Before its first tick there is nothing to count down from.
            SSR if self.now == 0 => (0, self.lsi(1)),
            SSR => {
                let sub_seconds = if self.init { 0 } else { passed % second / apre };
                ((self.prer & 0xFFFF).saturating_sub(sub_seconds as u32), ends(apre))
            }
            CR => (self.cr, u64::MAX),
            ISR => {
                let flags = [self.wake_up_writable, self.synchronised, self.init_flag];
                let rises = flags.map(|flag| flag.rises(self.now)).into_iter().min();
                let next = rises.unwrap_or(u64::MAX).min(self.wake_up_at);
                (self.isr(), self.lsi(next).min(ends(second)))
            }
            PRER => (self.prer, u64::MAX),
            WUTR => (self.wutr, u64::MAX),
            BKP0R..=BKP4R => (self.backup[(offset - BKP0R) as usize / 4], u64::MAX),
            // Registers of what is left out.
            _ => (self.rest.get(offset as usize / 4).copied().unwrap_or(0), u64::MAX),
        }
    }

    /// A write at a tick of the LSI, to which it has advanced. `open` tells whether PWR_CR.DBP is set.
    pub(crate) fn write(&mut self, offset: u32, value: u32, lsi: u64, open: bool) -> Written {
        self.advance(lsi);
        let is_open = self.protection == Protection::Open;
        let refused = match offset {
            _ if !open => true,
            WPR => {
                self.protection = match (self.protection, value) {
                    (Protection::Locked, key) if key == KEYS[0] => Protection::FirstKey,
                    (Protection::FirstKey, key) if key == KEYS[1] => Protection::Open,
                    _ => Protection::Locked,
                };
                false
            }
            BKP0R..=BKP4R => {
                self.backup[(offset - BKP0R) as usize / 4] = value;
                false
            }
            ISR => self.write_isr(value, is_open),
            TAMPCR => false,
            _ if !is_open => true,
            TR => self.initialise(|rtc| rtc.calendar.set_tr(value)),
            DR => self.initialise(|rtc| rtc.calendar.set_dr(value)),
            PRER => self.initialise(|rtc| rtc.prer = value),
            CR => self.write_cr(value),
            WUTR if self.wake_up_writable.is_up(self.now) => {
                self.wutr = value;
                false
            }
            WUTR => true,
            _ => false,
        };
        let unmodelled = match offset {
            TR | DR | ISR | PRER | WUTR | WPR | BKP0R..=BKP4R => 0,
            CR => value & CR_UNMODELLED,
            // Alarms, shift, calibration, tampers, the option register.
            _ => value,
        };
        if refused {
            return Written { unmodelled: 0, refused };
        }
        if let Some(word) = self.rest.get_mut(offset as usize / 4) {
            *word = value;
        }
        Written { unmodelled, refused }
    }

    /// Writes what can be written in the initialisation mode only. Tells whether it was refused.
    fn initialise(&mut self, write: impl FnOnce(&mut Self)) -> bool {
        let is_open = self.init_flag.is_up(self.now);
        if is_open {
            write(self);
        }
        !is_open
    }

    fn write_isr(&mut self, value: u32, is_open: bool) -> bool {
        if value & WUTF == 0 {
            self.wake_up = false;
        }
        if !is_open {
            // The other flags clear without the key, these two do not.
            return value & INIT != 0;
        }
        if value & RSF == 0 {
            self.synchronised = Flag::UpFrom(self.now + SYNCHRONISATION);
        }
        match (self.init, value & INIT != 0) {
            (false, true) => {
                self.calendar = self.present();
                self.init = true;
                self.init_flag = Flag::UpFrom(self.now + SYNCHRONISATION);
                self.synchronised = Flag::Down;
            }
            (true, false) => {
                self.init = false;
                self.init_flag = Flag::Down;
                self.anchor = self.now;
                self.synchronised = Flag::UpFrom(self.now + SYNCHRONISATION);
            }
            (true, true) | (false, false) => {}
        }
        false
    }

    fn write_cr(&mut self, value: u32) -> bool {
        let mut value = value;
        let selects = (self.cr ^ value) & WUCKSEL != 0;
        let refused = selects && !self.wake_up_writable.is_up(self.now);
        if refused {
            value = value & !WUCKSEL | self.cr & WUCKSEL;
        }
        let before = self.cr & WUTE != 0;
        self.cr = value;
        match (before, value & WUTE != 0) {
            (false, true) => {
                self.wake_up_writable = Flag::Down;
                // The second's divider runs on; the other one starts with the timer.
                let second = self.prescalers().1;
                let phase = match value & WUCKSEL {
                    0..=3 => 0,
                    4.. => self.now.saturating_sub(self.anchor) % second,
                };
                self.wake_up_at = (self.now + self.wake_up_period()).saturating_sub(phase);
            }
            (true, false) => {
                self.wake_up_at = u64::MAX;
                self.wake_up_writable = Flag::UpFrom(self.now + SYNCHRONISATION);
            }
            (true, true) | (false, false) => {}
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Rtc {
        let mut rtc = Rtc::new();
        rtc.set_clocked(true, 1_000);
        KEYS.into_iter().for_each(|key| assert!(!rtc.write(WPR, key, 1_000, true).refused));
        rtc
    }

    fn at(rtc: &mut Rtc, offset: u32, lsi: u64) -> u32 {
        rtc.advance(lsi);
        rtc.read(offset).0
    }

    #[test]
    fn reset_values() {
        let rtc = Rtc::new();
        for (offset, value) in [(DR, 0x2101), (ISR, 7), (PRER, 0x007F_00FF), (WUTR, 0xFFFF)] {
            assert_eq!(rtc.read(offset).0, value);
        }
    }

    #[test]
    fn the_calendar_is_set_and_runs() {
        let mut rtc = running();
        assert!(rtc.write(TR, 0, 1_000, true).refused, "not before INITF");
        rtc.write(ISR, INIT | RSF, 1_000, true);
        assert_eq!(at(&mut rtc, ISR, 1_001) & (INIT | INITF), INIT);
        assert_eq!(at(&mut rtc, ISR, 1_002) & (INIT | INITF), INIT | INITF);
        rtc.write(PRER, 0x007C_0127, 1_002, true);
        rtc.write(TR, 0x0023_5958, 1_002, true);
        rtc.write(DR, 0x0024_E228, 1_002, true);
        rtc.write(ISR, 0, 1_002, true);
        // 125 x 296 = 37 000 ticks are a second.
        assert_eq!(at(&mut rtc, TR, 1_002 + 36_999), 0x0023_5958);
        assert_eq!(rtc.read(TR).1, 1_002 + 37_000);
        assert_eq!(at(&mut rtc, SSR, 1_002 + 36_999), 0);
        assert_eq!(at(&mut rtc, TR, 1_002 + 37_000), 0x0023_5959);
        assert_eq!(rtc.read(SSR), (0x127, 1_002 + 37_125));
        assert_eq!(at(&mut rtc, TR, 1_002 + 74_000), 0);
        assert_eq!(rtc.read(DR).0, 0x0024_2229, "leap day, weekday 7 becomes 1");
        assert_eq!(rtc.read(ISR).0 & INITS, INITS);
        let year = 37_000 * SECONDS_OF_A_DAY * 366;
        assert_eq!(at(&mut rtc, DR, 1_002 + 74_000 + year), 0x0025_6301);
    }

    #[test]
    fn writes_need_the_keys_and_the_power_control() {
        let mut rtc = Rtc::new();
        rtc.set_clocked(true, 0);
        assert!(rtc.write(WUTR, 1, 0, true).refused);
        assert!(rtc.write(BKP0R, 1, 0, false).refused);
        assert!(!rtc.write(BKP0R, 1, 0, true).refused);
        assert_eq!(rtc.read(BKP0R).0, 1);
        rtc.write(WPR, KEYS[0], 0, true);
        rtc.write(WPR, 0, 0, true);
        rtc.write(WPR, KEYS[1], 0, true);
        assert!(rtc.write(WUTR, 1, 0, true).refused);
    }

    #[test]
    fn the_wake_up_timer_comes_again_and_again() {
        let mut rtc = running();
        rtc.write(WUTR, 9, 1_000, true);
        rtc.write(CR, WUTE | WUTIE, 1_000, true);
        assert!(rtc.write(WUTR, 5, 1_000, true).refused, "running");
        assert_eq!(rtc.next_wake_up(), 1_000 + 160);
        rtc.advance(1_159);
        assert!(!rtc.wakes());
        rtc.advance(1_160);
        assert!(rtc.wakes());
        rtc.write(ISR, !WUTF & 0xFFA0, 1_200, true);
        assert_eq!(rtc.next_wake_up(), 1_000 + 320);
        rtc.write(CR, 0, 1_200, true);
        assert_eq!(rtc.next_wake_up(), u64::MAX);
        assert_eq!(rtc.read(ISR).0 & WUTWF, 0);
        assert_eq!(at(&mut rtc, ISR, 1_202) & WUTWF, WUTWF);
        rtc.write(CR, 4, 1_202, true);
        rtc.write(CR, 4 | WUTE | WUTIE, 1_202, true);
        // Ten seconds, the first of which began at tick 1000.
        assert_eq!(rtc.next_wake_up(), 1_000 + 10 * 128 * 256);
    }

    #[test]
    fn without_clock_it_stands() {
        let mut rtc = running();
        rtc.write(CR, WUTE | WUTIE, 1_000, true);
        rtc.set_clocked(false, 1_010);
        assert_eq!(rtc.next_wake_up(), u64::MAX);
        rtc.set_clocked(true, 5_000);
        assert_eq!(rtc.next_wake_up(), 5_000 + 0x1_0000 * 16 - 10);
    }

    #[test]
    fn what_is_left_out_is_told() {
        let mut rtc = running();
        assert_eq!(rtc.write(CR, 1 << 8, 1_000, true).unmodelled, 1 << 8);
        assert_eq!(rtc.write(0x1C, 0x8080_8080, 1_000, true).unmodelled, 0x8080_8080);
        assert_eq!(rtc.read(0x1C).0, 0x8080_8080);
    }
}
