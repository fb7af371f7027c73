//! What the clock control does, seen from its registers and tickers.

use super::*;

const NOW: Time = Time(1_000_000);

fn rcc() -> (Rcc, Timing) {
    let mut rcc = Rcc::new(Oscillators::default());
    rcc.reset(Time(0), ResetCause::PowerOn);
    rcc.start_core(NOW, 0);
    (rcc, Timing::default())
}

#[test]
fn reset_values() {
    let (rcc, _) = rcc();
    assert_eq!(rcc.read(CR), 0x300);
    assert_eq!(rcc.read(ICSCR), 0xB000);
    assert_eq!(rcc.read(CFGR), 0);
    assert_eq!(rcc.read(CSR), 0x0C00_0000);
    assert_eq!(rcc.read(0x30), 0x100);
    assert_eq!(rcc.core_frequency(), Frequency::hertz(2_097_152));
}

#[test]
fn ranges_and_errors_of_the_msi() {
    let (mut rcc, timing) = rcc();
    for range in 0..7 {
        rcc.write(ICSCR, range << 13 | 0x1000, NOW, &timing, false);
        assert_eq!(rcc.core_frequency(), Frequency::hertz(65_536 << range));
    }
    rcc.set_oscillators(NOW, Oscillators { msi_ppm: -10_000, ..Oscillators::default() });
    assert_eq!(rcc.core_frequency(), Frequency(4_152_360_960));
    rcc.write(ICSCR, 0xFF00_A000 | 0x1000, NOW, &timing, false);
    assert!(rcc.core_frequency() < Frequency(2_097_152_000 / 1000 * 986));
}

#[test]
fn a_switch_waits_for_its_source() {
    let (mut rcc, timing) = rcc();
    rcc.write(CR, MSION | HSI16ON, NOW, &timing, false);
    rcc.write(CFGR, 1, NOW, &timing, false);
    assert_eq!(rcc.read(CFGR), 1, "asked for, not yet");
    assert_eq!(rcc.next_event(), NOW.after(timing.hsi16_start));
    let then = rcc.next_event();
    rcc.advance(then);
    assert_eq!(rcc.read(CFGR), 0b0101);
    assert_eq!(rcc.read(CR), MSION | MSIRDY | HSI16ON | HSI16RDY);
    let cycles = rcc.core.ticks_at(then);
    assert_eq!(rcc.core.ticks_at(then.after(1_000_000)), cycles + 16_000);
    assert_eq!(rcc.write(CR, MSION, then, &timing, false), HSI16ON, "in use");
    assert_eq!(rcc.read(CR) & HSI16ON, HSI16ON);
    rcc.write(CR, MSION | HSI16ON | HSI16DIVEN, then, &timing, false);
    assert_eq!(rcc.core_frequency(), Frequency::hertz(4_000_000));
}

#[test]
fn prescalers() {
    let (mut rcc, timing) = rcc();
    for (hpre, by) in [(0, 1), (7, 1), (8, 2), (11, 16), (12, 64), (15, 512)] {
        rcc.write(CFGR, hpre << 4, NOW, &timing, false);
        assert_eq!(rcc.core_frequency(), Frequency::hertz(2_097_152).divided(by));
    }
    for (ppre, apb, timer) in [(0, 1, 1), (3, 1, 1), (4, 2, 1), (5, 4, 2), (7, 16, 8)] {
        rcc.write(CFGR, ppre << 8, NOW, &timing, false);
        assert_eq!((rcc.apb_divider(1), rcc.timer_divider(1)), (apb, timer));
        assert_eq!(rcc.apb_divider(2), 1);
        rcc.write(CFGR, ppre << 11, NOW, &timing, false);
        assert_eq!((rcc.apb_divider(2), rcc.apb_divider(1)), (apb, 1));
    }
}

#[test]
fn the_pll_multiplies() {
    let (mut rcc, timing) = rcc();
    rcc.write(CFGR, 1 << 18 | 1 << 22, NOW, &timing, false);
    rcc.write(CR, MSION | HSI16ON | PLLON, NOW, &timing, false);
    let then = NOW.after(timing.pll_lock);
    rcc.advance(then);
    rcc.write(CFGR, 1 << 18 | 1 << 22 | 3, then, &timing, false);
    assert_eq!(rcc.core_frequency(), Frequency::hertz(32_000_000));
}

#[test]
fn crystals_never_come() {
    let (mut rcc, timing) = rcc();
    rcc.write(CR, MSION | 1 << 16, NOW, &timing, false);
    rcc.write(CSR, 1 << 8, NOW, &timing, true);
    rcc.write(CFGR, 2, NOW, &timing, false);
    rcc.advance(Time(u64::MAX - 1));
    assert_eq!(rcc.read(CR) & 1 << 17, 0);
    assert_eq!(rcc.read(CSR) & 1 << 9, 0);
    assert_eq!(rcc.read(CFGR), 2);
}

#[test]
fn the_lsi_starts_and_interrupts() {
    let (mut rcc, timing) = rcc();
    rcc.write(CIER, LSI_READY, NOW, &timing, false);
    rcc.write(CSR, LSION, NOW, &timing, false);
    assert_eq!(rcc.read(CSR) & LSIRDY, 0);
    let ready = NOW.after(timing.lsi_start);
    rcc.advance(ready);
    assert_eq!(rcc.read(CSR) & LSIRDY, LSIRDY);
    assert!(rcc.interrupts());
    rcc.write(CICR, LSI_READY, ready, &timing, false);
    assert!(!rcc.interrupts());
    assert_eq!(rcc.lsi_ticks.ticks_at(ready.after(1_000_000_000)), 37_000);
    rcc.force_lsi(ready, &timing);
    rcc.write(CSR, 0, ready, &timing, false);
    assert_eq!(rcc.read(CSR) & (LSION | LSIRDY), LSIRDY, "the watchdog keeps it");
}

#[test]
fn reset_flags_add_up_until_removed() {
    let (mut rcc, timing) = rcc();
    rcc.write(CSR, RMVF, NOW, &timing, false);
    assert_eq!(rcc.read(CSR), 0);
    rcc.reset(NOW, ResetCause::Watchdog);
    rcc.reset(NOW, ResetCause::Software);
    assert_eq!(rcc.read(CSR), IWDGRSTF | SFTRSTF | PINRSTF);
    rcc.reset(NOW, ResetCause::BrownOut);
    assert_eq!(rcc.read(CSR), PORRSTF | PINRSTF);
}

#[test]
fn the_rtc_s_bits_are_guarded_and_survive() {
    let (mut rcc, timing) = rcc();
    let lsi = 0b10 << 16 | RTCEN;
    assert_eq!(rcc.write(CSR, lsi, NOW, &timing, false), lsi);
    assert!(!rcc.rtc_runs());
    assert_eq!(rcc.write(CSR, lsi, NOW, &timing, true), 0);
    assert!(rcc.rtc_runs());
    assert_ne!(rcc.write(CSR, 0b01 << 16 | RTCEN, NOW, &timing, true), 0);
    assert!(rcc.rtc_runs(), "chosen once");
    rcc.reset(NOW, ResetCause::Pin);
    assert!(rcc.rtc_runs());
    rcc.write(CSR, RTCRST, NOW, &timing, true);
    assert!(!rcc.rtc_runs());
}

#[test]
fn stop_keeps_the_range() {
    let (mut rcc, timing) = rcc();
    rcc.write(ICSCR, 3 << 13 | 0x1000, NOW, &timing, false);
    rcc.enter_stop(NOW, &timing);
    let cycles = rcc.core.ticks_at(NOW);
    let later = NOW.after(1_000_000_000);
    assert_eq!(rcc.core.ticks_at(later), cycles);
    rcc.leave_stop(later, cycles, &timing);
    assert_eq!(rcc.core_frequency(), Frequency::hertz(524_288));
    assert_eq!(rcc.core.ticks_at(later), cycles);
    rcc.write(CFGR, STOPWUCK, later, &timing, false);
    rcc.enter_stop(later, &timing);
    rcc.leave_stop(later, cycles, &timing);
    assert_eq!(rcc.read(CFGR), STOPWUCK | 0b0101);
    assert_eq!(rcc.core_frequency(), Frequency::hertz(16_000_000));
}
