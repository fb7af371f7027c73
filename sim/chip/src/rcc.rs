//! RCC: oscillators, the system clock, clock gates, reset flags.
//!
//! After RM0377, "Reset and clock control", by way of ST's header and HAL sources. Oscillators take
//! their time to start; a switch of the system clock waits for its source and then happens at once.
//!
//! - MSI: 65 536 Hz x 2^range, HSI16: 16 MHz or a quarter of it, PLL on the HSI16, LSI. The crystals
//!   (HSE, LSE) are taken as not fitted: they can be switched on and never become ready.
//! - A trim step moves the HSI16 by 0.4 %, the MSI by 0.5 % (recollection); the factory's calibration
//!   reads as zero.
//! - A clock gate shuts the registers off at the next access, and stops TIM2 and TIM21; other
//!   peripherals go on inside. A reset bit acts as it rises, and does not hold in reset. The gates in
//!   Sleep (the xxSMENR registers) are kept and have no effect, which is told.
//! - MCO and the clock security systems are left out, which is told as the crystals and what is to run on
//!   them are; limits of frequency are left out. SW set to a clock that is off is told as refused; the
//!   switch comes when that clock does.

mod oscillator;

use crate::chip::ResetCause;
use crate::ticker::Ticker;
use crate::time::{Frequency, Time};
use crate::timing::{Oscillators, Timing};
use oscillator::Oscillator;

pub(crate) const CR: u32 = 0x00;
pub(crate) const ICSCR: u32 = 0x04;
pub(crate) const CFGR: u32 = 0x0C;
const CIER: u32 = 0x10;
const CIFR: u32 = 0x14;
const CICR: u32 = 0x18;
pub(crate) const IOPRSTR: u32 = 0x1C;
pub(crate) const APB1RSTR: u32 = 0x28;
pub(crate) const IOPENR: u32 = 0x2C;
pub(crate) const APB2ENR: u32 = 0x34;
pub(crate) const APB1ENR: u32 = 0x38;
pub(crate) const IOPSMENR: u32 = 0x3C;
pub(crate) const APB1SMENR: u32 = 0x48;
pub(crate) const CCIPR: u32 = 0x4C;
pub(crate) const CSR: u32 = 0x50;

/// CR.
const HSI16ON: u32 = 1;
const HSI16KERON: u32 = 1 << 1;
const HSI16RDY: u32 = 1 << 2;
const HSI16DIVEN: u32 = 1 << 3;
const HSI16DIVF: u32 = 1 << 4;
const HSI16OUTEN: u32 = 1 << 5;
const MSION: u32 = 1 << 8;
const MSIRDY: u32 = 1 << 9;
const HSEON: u32 = 1 << 16;
const HSERDY: u32 = 1 << 17;
const HSEBYP: u32 = 1 << 18;
const PLLON: u32 = 1 << 24;
const PLLRDY: u32 = 1 << 25;
/// The bits of CR that flag something.
const CR_FLAGS: u32 = HSI16RDY | HSI16DIVF | MSIRDY | HSERDY | PLLRDY;

/// CFGR.
const SW: u32 = 0b11;
const SWS: u32 = 0b11 << 2;
const STOPWUCK: u32 = 1 << 15;
const PLLSRC: u32 = 1 << 16;
const PLLMUL: u32 = 0xF << 18;
const PLLDIV: u32 = 0b11 << 22;
const MCOSEL: u32 = 0xF << 24;
/// What the PLL makes of what, fixed while it is on.
const PLL_FACTORS: u32 = PLLSRC | PLLMUL | PLLDIV;

/// CSR.
const LSION: u32 = 1;
const LSIRDY: u32 = 1 << 1;
const LSEON: u32 = 1 << 8;
const LSEBYP: u32 = 1 << 10;
const LSEDRV: u32 = 0b11 << 11;
const CSSLSEON: u32 = 1 << 13;
const CSSLSED: u32 = 1 << 14;
const RTCSEL: u32 = 0b11 << 16;
const RTCEN: u32 = 1 << 18;
/// RTCRST.
pub(crate) const RTCRST: u32 = 1 << 19;
const RMVF: u32 = 1 << 23;
/// The bits that belong to the RTC's domain.
const BACKUP: u32 = LSEON | LSEBYP | LSEDRV | CSSLSEON | CSSLSED | RTCSEL | RTCEN | RTCRST;
/// Reset flags. The lowest is the firewall's, which is left out.
const FWRSTF: u32 = 1 << 24;
const OBLRSTF: u32 = 1 << 25;
const PINRSTF: u32 = 1 << 26;
const PORRSTF: u32 = 1 << 27;
const SFTRSTF: u32 = 1 << 28;
const IWDGRSTF: u32 = 1 << 29;
const WWDGRSTF: u32 = 1 << 30;
const LPWRRSTF: u32 = 1 << 31;
const RESET_FLAGS: u32 =
    FWRSTF | OBLRSTF | PINRSTF | PORRSTF | SFTRSTF | IWDGRSTF | WWDGRSTF | LPWRRSTF;

/// ICSCR: what the factory calibrated, which programs cannot write.
const HSI16CAL: u32 = 0xFF;
const MSICAL: u32 = 0xFF << 16;

/// CCIPR.
const LPTIM1SEL: u32 = 0b11 << 18;

/// RTCSEL: the LSI.
const RTC_ON_LSI: u32 = 0b10 << 16;

/// Bits of CIER, CIFR and CICR.
const LSI_READY: u32 = 1;
const HSI16_READY: u32 = 1 << 2;
const PLL_READY: u32 = 1 << 4;
const MSI_READY: u32 = 1 << 5;

/// What the core's clock is made of: the values of SW.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Msi = 0,
    Hsi16 = 1,
    Hse = 2,
    Pll = 3,
}

impl Source {
    /// What SW asks for.
    const fn wanted(cfgr: u32) -> Self {
        match cfgr & SW {
            0 => Self::Msi,
            1 => Self::Hsi16,
            2 => Self::Hse,
            3.. => Self::Pll,
        }
    }
}

/// Where LPTIM1's ticks come from: the values of LPTIM1SEL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelClock {
    Apb,
    Lsi,
    Hsi16,
    /// The crystal, which is not there.
    Lse,
}

impl KernelClock {
    /// What LPTIM1SEL asks for.
    const fn chosen(ccipr: u32) -> Self {
        match (ccipr & LPTIM1SEL) >> 18 {
            0 => Self::Apb,
            1 => Self::Lsi,
            2 => Self::Hsi16,
            3.. => Self::Lse,
        }
    }
}

/// The clock control.
#[derive(Clone, Debug)]
pub(crate) struct Rcc {
    oscillators: Oscillators,
    cr: u32,
    icscr: u32,
    cfgr: u32,
    cier: u32,
    cifr: u32,
    /// IOPRSTR to APB1RSTR, IOPENR to APB1ENR, IOPSMENR to APB1SMENR.
    resets: [u32; 4],
    enables: [u32; 4],
    sleep_enables: [u32; 4],
    ccipr: u32,
    csr: u32,
    msi: Oscillator,
    hsi16: Oscillator,
    pll: Oscillator,
    lsi: Oscillator,
    /// The watchdog wants the LSI.
    lsi_forced: bool,
    source: Source,
    /// Ticks of the core's clock, of the LSI, of the HSI16.
    pub(crate) core: Ticker,
    pub(crate) lsi_ticks: Ticker,
    pub(crate) hsi16_ticks: Ticker,
}

impl Rcc {
    pub(crate) const fn new(oscillators: Oscillators) -> Self {
        Self {
            oscillators: ticking(oscillators),
            cr: MSION,
            icscr: 0xB000,
            cfgr: 0,
            cier: 0,
            cifr: 0,
            resets: [0; 4],
            enables: [0, 0x100, 0, 0],
            sleep_enables: [0x7, 0x1301, 0x0040_1205, 0x9026_0801],
            ccipr: 0,
            csr: 0,
            msi: Oscillator::Ready,
            hsi16: Oscillator::Off,
            pll: Oscillator::Off,
            lsi: Oscillator::Off,
            lsi_forced: false,
            source: Source::Msi,
            core: Ticker::new(),
            lsi_ticks: Ticker::new(),
            hsi16_ticks: Ticker::new(),
        }
    }

    /// A system reset at `now`. The core's clock stands until [`Rcc::start_core`].
    pub(crate) fn reset(&mut self, now: Time, cause: ResetCause) {
        self.core.stop(now);
        self.lsi_ticks.stop(now);
        self.hsi16_ticks.stop(now);
        // Resets from inside pull NRST low too.
        let flags = match cause {
            ResetCause::PowerOn | ResetCause::BrownOut => PORRSTF | PINRSTF,
            ResetCause::Pin => PINRSTF,
            ResetCause::Software => SFTRSTF | PINRSTF,
            ResetCause::Watchdog => IWDGRSTF | PINRSTF,
            ResetCause::WindowWatchdog => WWDGRSTF | PINRSTF,
            ResetCause::LowPower => LPWRRSTF | PINRSTF,
            ResetCause::OptionLoad => OBLRSTF | PINRSTF,
            ResetCause::StandbyExit => 0,
        };
        let kept = match cause {
            ResetCause::PowerOn | ResetCause::BrownOut => 0,
            ResetCause::Pin
            | ResetCause::Software
            | ResetCause::Watchdog
            | ResetCause::WindowWatchdog
            | ResetCause::LowPower
            | ResetCause::OptionLoad
            | ResetCause::StandbyExit => self.csr & (RESET_FLAGS | BACKUP),
        };
        let (core, lsi_ticks, hsi16_ticks) = (self.core, self.lsi_ticks, self.hsi16_ticks);
        *self = Self { core, lsi_ticks, hsi16_ticks, ..Self::new(self.oscillators) };
        self.csr = kept | flags;
    }

    /// The core's clock runs from `at` on, and its count goes on from `cycle`.
    pub(crate) fn start_core(&mut self, at: Time, cycle: u64) {
        self.core = Ticker::from(cycle);
        self.core.start(at, self.core_frequency());
    }

    /// The oscillators are others from `now` on.
    pub(crate) fn set_oscillators(&mut self, now: Time, oscillators: Oscillators) {
        self.oscillators = ticking(oscillators);
        self.retune(now);
        self.lsi_ticks.retune(now, self.oscillators.lsi);
    }

    pub(crate) const fn oscillators(&self) -> &Oscillators {
        &self.oscillators
    }

    /// Sets the tickers to what the registers say, phases kept.
    fn retune(&mut self, now: Time) {
        if self.core.is_running() {
            self.core.retune(now, self.core_frequency());
        }
        if self.hsi16_ticks.is_running() {
            self.hsi16_ticks.retune(now, self.hsi16_frequency());
        }
    }

    const fn msi_frequency(&self) -> Frequency {
        let range = match self.icscr >> 13 & 0b111 {
            // Reserved, and taken for the fastest.
            7 => 6,
            range => range,
        };
        let steps = (self.icscr >> 24) as u8 as i8;
        off_by(65_536_000 << range, self.oscillators.msi_ppm, 5_000 * steps as i32)
    }

    const fn hsi16_frequency(&self) -> Frequency {
        let steps = (self.icscr >> 8 & 0x1F) as i32 - 0x10;
        let nominal = if self.cr & HSI16DIVEN != 0 { 4_000_000_000 } else { 16_000_000_000 };
        off_by(nominal, self.oscillators.hsi16_ppm, 4_000 * steps)
    }

    fn core_frequency(&self) -> Frequency {
        let source = match self.source {
            Source::Msi | Source::Hse => self.msi_frequency(),
            Source::Hsi16 => self.hsi16_frequency(),
            Source::Pll => {
                let times =
                    [3, 4, 6, 8, 12, 16, 24, 32, 48][(self.cfgr >> 18 & 0xF).min(8) as usize];
                let by = u64::from(self.cfgr >> 22 & 0b11) + 1;
                Frequency(self.hsi16_frequency().0 * times / by)
            }
        };
        let shift = match self.cfgr >> 4 & 0xF {
            hpre @ 8..=11 => hpre - 7,
            hpre @ 12..=15 => hpre - 6,
            // 0 to 7: not divided.
            _ => 0,
        };
        // A clock that does not tick would never reach anything.
        Frequency(source.divided(1 << shift).0.max(1))
    }

    /// Core cycles in a cycle of the APB clock: 1 is the first, with TIM2, LPTIM1 and PWR; 2 is the
    /// second, with TIM21.
    pub(crate) const fn apb_divider(&self, bus: u32) -> u64 {
        match self.cfgr >> (5 + 3 * bus) & 0b111 {
            0..=3 => 1,
            ppre => 1 << (ppre - 3),
        }
    }

    /// Core cycles in a cycle of a timer's clock: twice the APB's, where that is divided.
    pub(crate) const fn timer_divider(&self, bus: u32) -> u64 {
        self.apb_divider(bus).div_ceil(2)
    }

    pub(crate) const fn kernel_clock(&self) -> KernelClock {
        KernelClock::chosen(self.ccipr)
    }

    /// Whether the RTC has its clock, which is the LSI or none.
    pub(crate) const fn rtc_runs(&self) -> bool {
        self.csr & (RTCSEL | RTCEN) == RTC_ON_LSI | RTCEN
    }

    /// Whether the bit at `bit` of an enable register (its offset) is set.
    pub(crate) const fn is_enabled(&self, offset: u32, bit: u8) -> bool {
        self.enables[((offset.saturating_sub(IOPENR) / 4) & 3) as usize] & 1 << bit != 0
    }

    /// The watchdog has started: the LSI cannot be stopped.
    pub(crate) fn force_lsi(&mut self, now: Time, timing: &Timing) {
        self.lsi_forced = true;
        self.switch_lsi(now, timing);
    }

    fn switch_lsi(&mut self, now: Time, timing: &Timing) {
        let was_on = self.lsi.is_on();
        let on = self.csr & LSION != 0 || self.lsi_forced;
        let ready_at = now.after(timing.lsi_start);
        self.lsi.switch(on, ready_at);
        match (was_on, on) {
            (false, true) => self.lsi_ticks.start(ready_at, self.oscillators.lsi),
            (true, false) => self.lsi_ticks.stop(now),
            (true, true) | (false, false) => {}
        }
    }

    fn switch_hsi16(&mut self, now: Time, timing: &Timing) {
        let was_on = self.hsi16.is_on();
        let on = self.cr & (HSI16ON | HSI16KERON) != 0;
        let ready_at = now.after(timing.hsi16_start);
        self.hsi16.switch(on, ready_at);
        match (was_on, on) {
            (false, true) => self.hsi16_ticks.start(ready_at, self.hsi16_frequency()),
            (true, false) => self.hsi16_ticks.stop(now),
            (true, true) | (false, false) => {}
        }
    }

    /// Stop begins: the core's clock and its oscillators stand.
    pub(crate) fn enter_stop(&mut self, now: Time, timing: &Timing) {
        self.core.stop(now);
        self.lsi_ticks.rebase(now);
        self.msi = Oscillator::Off;
        self.pll = Oscillator::Off;
        self.cr &= !(HSI16ON | PLLON | MSION);
        self.switch_hsi16(now, timing);
    }

    /// Stop ends: the core runs from `now` on, from the oscillator that STOPWUCK chooses.
    pub(crate) fn leave_stop(&mut self, now: Time, cycle: u64, timing: &Timing) {
        if self.cfgr & STOPWUCK != 0 {
            self.cr |= HSI16ON;
            self.switch_hsi16(now, timing);
            self.hsi16 = Oscillator::Ready;
            self.source = Source::Hsi16;
        } else {
            self.cr |= MSION;
            self.msi = Oscillator::Ready;
            self.source = Source::Msi;
        }
        self.cfgr = self.cfgr & !SW | self.source as u32;
        self.start_core(now, cycle);
    }

    /// Lets happen what happens by `now`: oscillators become ready, the system clock switches.
    pub(crate) fn advance(&mut self, now: Time) {
        let mut ready = 0;
        if self.msi.becomes_ready(now) {
            ready |= MSI_READY;
        }
        if self.hsi16.becomes_ready(now) {
            ready |= HSI16_READY;
        }
        if self.pll.becomes_ready(now) {
            ready |= PLL_READY;
        }
        if self.lsi.becomes_ready(now) {
            ready |= LSI_READY;
        }
        // The flags are raised for enabled interrupts only.
        self.cifr |= ready & self.cier;
        if ready & !LSI_READY != 0 {
            self.switch_source(now);
        }
    }

    /// Takes the source that SW asks for, if it is ready.
    fn switch_source(&mut self, now: Time) {
        let wanted = Source::wanted(self.cfgr);
        let is_ready = match wanted {
            Source::Msi => self.msi.is_ready(),
            Source::Hsi16 => self.hsi16.is_ready(),
            Source::Hse => false,
            Source::Pll => self.pll.is_ready(),
        };
        if wanted != self.source && is_ready {
            self.source = wanted;
            self.core.start(now, self.core_frequency());
        }
    }

    /// Whether a switch to this source would wait for what has not been switched on, or never locks.
    fn waits_in_vain(&self, source: Source) -> bool {
        match source {
            Source::Msi => !self.msi.is_on(),
            Source::Hsi16 => !self.hsi16.is_on(),
            // Told as what is left out.
            Source::Hse => false,
            Source::Pll => !self.pll.is_on() || self.pll == Oscillator::Starting(Time::NEVER),
        }
    }

    /// When something of its own happens next.
    pub(crate) fn next_event(&self) -> Time {
        let all = [self.msi, self.hsi16, self.pll, self.lsi];
        all.iter().map(Oscillator::ready_at).min().unwrap_or(Time::NEVER)
    }

    /// Whether it interrupts.
    pub(crate) const fn interrupts(&self) -> bool {
        self.cifr & self.cier != 0
    }

    /// What is at an offset; it has advanced to the present. Flags change by [`Rcc::next_event`].
    pub(crate) const fn read(&self, offset: u32) -> u32 {
        match offset {
            CR => {
                let divided = if self.cr & HSI16DIVEN != 0 { HSI16DIVF } else { 0 };
                self.cr
                    | self.msi.flag(MSIRDY)
                    | self.hsi16.flag(HSI16RDY | divided)
                    | self.pll.flag(PLLRDY)
            }
            ICSCR => self.icscr,
            CFGR => self.cfgr | (self.source as u32) << 2,
            CIER => self.cier,
            CIFR => self.cifr,
            IOPRSTR..=APB1RSTR => self.resets[((offset - IOPRSTR) / 4) as usize],
            IOPENR..=APB1ENR => self.enables[((offset - IOPENR) / 4) as usize],
            IOPSMENR..=APB1SMENR => self.sleep_enables[((offset - IOPSMENR) / 4) as usize],
            CCIPR => self.ccipr,
            CSR => self.csr | self.lsi.flag(LSIRDY),
            _ => 0,
        }
    }

    /// A write at `now`, to which it has advanced. `backup` tells whether the RTC's bits may be written.
    /// Returns the bits that were refused.
    pub(crate) fn write(
        &mut self,
        offset: u32,
        value: u32,
        now: Time,
        timing: &Timing,
        backup: bool,
    ) -> u32 {
        match offset {
            CR => return self.write_cr(value, now, timing),
            ICSCR => {
                self.icscr = self.icscr & (HSI16CAL | MSICAL) | value;
                self.retune(now);
            }
            CFGR => {
                let keep = if self.pll.is_on() { PLL_FACTORS } else { 0 };
                let old = self.core_frequency();
                let mut refused = (self.cfgr ^ value) & keep;
                if self.waits_in_vain(Source::wanted(value)) {
                    refused |= SW;
                }
                self.cfgr = self.cfgr & keep | value & !keep & !SWS;
                self.switch_source(now);
                if self.core_frequency() != old && self.core.is_running() {
                    self.core.start(now, self.core_frequency());
                }
                return refused;
            }
            CIER => self.cier = value,
            CICR => self.cifr &= !value,
            IOPRSTR..=APB1RSTR => self.resets[((offset - IOPRSTR) / 4) as usize] = value,
            IOPENR..=APB1ENR => self.enables[((offset - IOPENR) / 4) as usize] = value,
            IOPSMENR..=APB1SMENR => self.sleep_enables[((offset - IOPSMENR) / 4) as usize] = value,
            CCIPR => self.ccipr = value,
            CSR => return self.write_csr(value, now, timing, backup),
            _ => {}
        }
        0
    }

    fn write_cr(&mut self, value: u32, now: Time, timing: &Timing) -> u32 {
        // What the system clock is made of cannot be switched off.
        let needed = match self.source {
            Source::Msi | Source::Hse => MSION,
            Source::Hsi16 => HSI16ON,
            Source::Pll => PLLON | HSI16ON,
        };
        self.cr = value & !CR_FLAGS | needed;
        self.msi.switch(self.cr & MSION != 0, now.after(timing.msi_start));
        self.switch_hsi16(now, timing);
        // The PLL locks on the HSI16; the HSE never comes.
        let feeds = self.hsi16.is_on() && self.cfgr & PLLSRC == 0;
        if self.pll == Oscillator::Starting(Time::NEVER) {
            self.pll = Oscillator::Off;
        }
        let locked = if feeds { now.after(timing.pll_lock) } else { Time::NEVER };
        self.pll.switch(self.cr & PLLON != 0, locked);
        self.retune(now);
        needed & !value
    }

    fn write_csr(&mut self, value: u32, now: Time, timing: &Timing, backup: bool) -> u32 {
        let mut refused = 0;
        let mut kept = self.csr & (BACKUP | RESET_FLAGS);
        if backup {
            kept = kept & RESET_FLAGS | value & BACKUP;
            // The RTC's clock is chosen once; only RTCRST undoes it.
            let chosen = self.csr & RTCSEL;
            if chosen != 0 && value & RTCRST == 0 {
                refused = (value ^ chosen) & RTCSEL;
                kept = kept & !RTCSEL | chosen;
            }
            if value & RTCRST != 0 {
                kept &= !(RTCSEL | RTCEN);
            }
        } else {
            refused = (self.csr ^ value) & BACKUP;
        }
        if value & RMVF != 0 {
            kept &= !RESET_FLAGS;
        }
        // RMVF is read back as it was written by ST's HAL; it clears itself here.
        self.csr = kept | value & LSION;
        self.switch_lsi(now, timing);
        refused
    }
}

/// The bits of a write that ask for a crystal or for something to run on it, its security system or an
/// output of a clock.
pub(crate) const fn unmodelled(offset: u32, value: u32) -> u32 {
    match offset {
        CR => value & (HSI16OUTEN | HSEON | HSEBYP),
        CFGR => {
            let hse = if matches!(Source::wanted(value), Source::Hse) { SW } else { 0 };
            value & MCOSEL | hse
        }
        CSR => {
            let select = if value & RTCSEL == RTC_ON_LSI { 0 } else { value & RTCSEL };
            value & (LSEON | LSEBYP | CSSLSEON) | select
        }
        CCIPR if matches!(KernelClock::chosen(value), KernelClock::Lse) => LPTIM1SEL,
        _ => 0,
    }
}

/// An LSI that does not tick would never reach anything: it ticks once in 1000 s at least.
const fn ticking(oscillators: Oscillators) -> Oscillators {
    match oscillators.lsi {
        Frequency(0) => Oscillators { lsi: Frequency(1), ..oscillators },
        Frequency(1..) => oscillators,
    }
}

/// A nominal frequency in millihertz, off by parts per million.
const fn off_by(nominal: u64, ppm: i32, more: i32) -> Frequency {
    let parts = 1_000_000 + ppm as i64 + more as i64;
    // A clock that does not tick would never reach anything.
    let parts = if parts < 1 { 1 } else { parts as u64 };
    Frequency((nominal as u128 * parts as u128 / 1_000_000) as u64)
}

#[cfg(test)]
mod tests;
