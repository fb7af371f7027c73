//! Clocks: what the core, the timers and the LSI count, to the cycle.

use stm32l011::chip::{Chip, ResetCause, Stopped};
use stm32l011::options::OptionBytes;
use stm32l011::time::{Clock, Frequency, Time};
use stm32l011::timing::Oscillators;

use crate::board::{
    IWDG, LPTIM1, MSI, NVIC_ISER, RCC, START, TIM2, chip, events, marks, nanos, program,
};

/// Marks come every 100 timer ticks of 21 cycles; handlers never run, the core only wakes.
#[test]
fn a_timer_wakes_to_the_cycle() {
    let mut program = program();
    program.write(RCC + 0x38, 1).write(TIM2 + 0x28, 20).write(TIM2 + 0x2C, 99);
    program.write(TIM2 + 0x14, 1).write(TIM2 + 0x10, 0).write(TIM2 + 0x0C, 1);
    program.write(NVIC_ISER, 1 << 15).write(TIM2, 1);
    let again = program.here();
    program.wfi().mark().write(TIM2 + 0x10, 0).write(0xE000_E280, 1 << 15).jump(again);
    let mut chip = chip(&program);
    let marks = marks(&mut chip, Time(100_000_000));
    assert!(marks.len() > 95);
    let clock = Clock { since: START, frequency: Frequency::hertz(MSI) };
    let cycles: Vec<_> = marks.iter().map(|&mark| clock.ticks_at(mark)).collect();
    for pair in cycles.windows(2) {
        assert_eq!(pair[1] - pair[0], 2100);
    }
}

#[test]
fn the_core_s_clock_can_be_switched() {
    for (cfgr, cr, hertz) in [
        (0x01, 0x101, 16_000_000),
        (0x01, 0x109, 4_000_000),
        (0x81, 0x101, 8_000_000),
        (0x80, 0x100, MSI / 2),
        (0x0044_0003, 0x0100_0101, 32_000_000),
    ] {
        let mut program = program();
        // The factors of the PLL first, then oscillators, then the switch.
        program.write(RCC + 0x0C, cfgr & !3).write(RCC, cr);
        if cr & 1 << 24 != 0 {
            program.wait(RCC, 1 << 25, true);
        }
        program.write(RCC + 0x0C, cfgr);
        if cfgr & 3 != 0 {
            program.wait(RCC + 0x0C, 0b1100, true);
        }
        let again = program.here();
        program.mark().nops(99).jump(again);
        let mut chip = chip(&program);
        let marks = marks(&mut chip, START.after(3_000_000));
        let (first, last) = (marks[0], marks[marks.len() - 1]);
        // LDR, LDR, LDR, STR, STR, 99 x NOP, B: 6 + 2 + 99 + 2 cycles.
        let expected = nanos((marks.len() as u64 - 1) * 109, hertz);
        let took = last.since(first);
        assert!(took.abs_diff(expected) <= 1, "{hertz} Hz: {took} for {expected} ns");
    }
}

#[test]
fn the_oscillator_s_error_is_the_core_s() {
    let mut program = program();
    let again = program.here();
    program.mark().nops(89).jump(again);
    let mut chip = chip(&program);
    let exact = marks(&mut chip, START.after(10_000_000)).len();
    chip.set_oscillators(chip.now(), Oscillators { msi_ppm: 20_000, ..Oscillators::default() });
    let began = chip.now();
    let faster = events(&mut chip, began.after(10_000_000)).len() / 2;
    assert_eq!((exact, faster), (212, 216));
}

/// The low-power timer counts the LSI; drift while it runs changes what it counts from then on.
#[test]
fn the_slowest_core_ticks_still() {
    let mut program = program();
    // A 512th of the MSI; then range 0 and the lowest trim, which leaves nothing of it.
    program.write(RCC + 0x0C, 0xF0).write(IWDG, 0xCCCC).write(RCC + 4, 0x8000_0000).halt();
    let oscillators = Oscillators { msi_ppm: -360_001, ..Oscillators::default() };
    let mut chip = Chip::new(&program.image(), OptionBytes::default(), oscillators);
    chip.power_on(Time(0));
    let told = events(&mut chip, Time(3_000_000_000_000));
    assert!(told.iter().any(|(_, told)| *told == Stopped::Reset(ResetCause::Watchdog)));
}

#[test]
fn the_lsi_drifts_under_the_low_power_timer() {
    let mut program = program();
    program.write(RCC + 0x50, 1).write(RCC + 0x4C, 1 << 18).write(RCC + 0x38, 1 << 31);
    program.wait(RCC + 0x50, 2, true);
    program.write(LPTIM1 + 0x08, 0b10).write(LPTIM1 + 0x10, 1).write(LPTIM1 + 0x18, 369);
    program.wait(LPTIM1, 1 << 4, true).write(LPTIM1 + 0x04, 1 << 4);
    program.write(NVIC_ISER, 1 << 13).write(LPTIM1 + 0x10, 0b101);
    let again = program.here();
    program.wfi().mark().write(LPTIM1 + 0x04, 0b10).write(0xE000_E280, 1 << 13).jump(again);
    let mut chip = chip(&program);
    let at_37 = marks(&mut chip, Time(100_000_000));
    for pair in at_37.windows(2) {
        let period = pair[1].since(pair[0]);
        assert!(period.abs_diff(10_000_000) < 1_000, "{period}");
    }
    let slow = Oscillators { lsi: Frequency::hertz(26_000), ..Oscillators::default() };
    chip.set_oscillators(chip.now(), slow);
    let at_26 = events(&mut chip, Time(300_000_000));
    let period = at_26[4].0.since(at_26[2].0);
    assert!(period.abs_diff(nanos(370, 26_000)) < 1_000, "{period}");
    assert!(chip.report().is_empty(), "{:?}", chip.report());
}

/// Polling is exact whatever it polls: the watchdog's flags fall at a tick of the LSI.
#[test]
fn flags_of_the_lsi_s_domain_fall_in_time() {
    let mut program = program();
    program.write(IWDG, 0xCCCC).write(IWDG, 0x5555).write(IWDG + 4, 3);
    program.wait(IWDG + 0x0C, 7, false).mark().halt();
    let mut chip = chip(&program);
    let marks = marks(&mut chip, Time(5_000_000));
    // The LSI starts 200 us after the key, 16 cycles in; the fifth tick is 135 us later.
    let expected = START.0 + nanos(16, MSI) + 200_000 + nanos(5, 37_000);
    let late = marks[0].0 - expected;
    assert!(late < nanos(16, MSI), "{late}");
}

#[test]
fn a_loop_that_waits_for_nothing_takes_no_time_to_run() {
    let mut program = program();
    program.wait(RCC, 1 << 17, true);
    let mut chip = chip(&program);
    // The HSE never comes.
    assert_eq!(chip.run(Time(10_000_000)), Stopped::Pins);
    assert_eq!(chip.run(Time(10_000_000)), Stopped::Until);
    assert_eq!(chip.now(), Time(10_000_000));
}
