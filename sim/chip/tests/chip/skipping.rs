//! Programs that poll whatever changes by itself do the same things at the same cycles, skipped or not.

use stm32l011::chip::Usage;
use stm32l011::core::Skipping;
use stm32l011::pin::{Drive, Pin};
use stm32l011::time::{Frequency, Time};
use stm32l011::timing::Oscillators;

use crate::asm::Program;
use crate::board::{FLASH, IWDG, LPTIM1, PWR, RCC, RTC, TIM2, chip, marks, program};

/// The program's marks and the chip's usage, skipping or not; then whether anything was skipped.
fn run(program: &Program, skipping: Skipping) -> (Vec<Time>, Usage, u64) {
    let mut chip = chip(program);
    chip.set_skipping(skipping);
    let mut times = Vec::new();
    for step in 1..=20_u64 {
        let now = Time(step * 17_000_000);
        times.extend(marks(&mut chip, now));
        chip.set_input(now, Pin::PA0, if step % 2 == 0 { Drive::Low } else { Drive::High });
        let lsi = Frequency::hertz(37_000 - 400 * step);
        chip.set_oscillators(now, Oscillators { lsi, ..Oscillators::default() });
    }
    assert!(chip.report().is_empty(), "{:?}", chip.report());
    (times, chip.usage(), chip.core().skipped())
}

#[track_caller]
fn check(program: &Program, least: usize) {
    let (executed, usage, none) = run(program, Skipping::Off);
    let (skipped, same_usage, some) = run(program, Skipping::On);
    assert!(executed.len() >= least, "{} marks", executed.len());
    assert_eq!(executed, skipped);
    assert_eq!(usage, same_usage);
    assert_eq!(none, 0);
    assert!(some > usage.cycles / 4, "{some} of {} cycles were skipped", usage.cycles);
}

/// A program with all clocks that is asked to poll.
fn clocked() -> Program {
    let mut program = program();
    program.write(0x5000_0000, 0xEBFF_FDFC).write(RCC + 0x38, 1 << 31 | 1 << 28 | 1);
    program.write(RCC + 0x50, 1).wait(RCC + 0x50, 2, true).mark();
    program
}

#[test]
fn flags_of_a_timer() {
    let mut program = clocked();
    program.write(TIM2 + 0x28, 99).write(TIM2 + 0x2C, 199).write(TIM2 + 0x34, 70);
    program.write(TIM2 + 0x14, 1).write(TIM2 + 0x10, 0).write(TIM2, 1);
    let again = program.here();
    program.wait(TIM2 + 0x10, 2, true).mark().write(TIM2 + 0x10, !2);
    program.wait(TIM2 + 0x10, 1, true).mark().write(TIM2 + 0x10, !1);
    program.jump(again);
    check(&program, 60);
}

#[test]
fn bits_of_counters() {
    let mut program = clocked();
    program.write(TIM2 + 0x28, 9_999).write(TIM2 + 0x14, 1).write(TIM2, 1);
    program.write(LPTIM1 + 0x0C, 7 << 9).write(LPTIM1 + 0x10, 1).write(LPTIM1 + 0x18, 0xFFFF);
    program.wait(LPTIM1, 1 << 4, true).write(LPTIM1 + 0x10, 0b101);
    let again = program.here();
    program.wait(TIM2 + 0x24, 4, true).mark().wait(TIM2 + 0x24, 4, false).mark();
    program.wait(LPTIM1 + 0x1C, 1, true).mark().wait(LPTIM1 + 0x1C, 1, false).mark();
    program.jump(again);
    check(&program, 12);
}

#[test]
fn flags_of_the_low_power_timer_and_the_watchdog() {
    let mut program = clocked();
    program.write(RCC + 0x4C, 1 << 18).write(LPTIM1 + 0x10, 1).write(LPTIM1 + 0x18, 299);
    program.wait(LPTIM1, 1 << 4, true).mark().write(LPTIM1 + 0x14, 100);
    program.wait(LPTIM1, 1 << 3, true).mark().write(LPTIM1 + 0x10, 0b101);
    program.write(IWDG, 0xCCCC).write(IWDG, 0x5555).write(IWDG + 4, 5);
    program.wait(IWDG + 0x0C, 7, false).mark();
    let again = program.here();
    program.wait(LPTIM1, 1, true).mark().wait(LPTIM1, 2, true).mark();
    program.write(LPTIM1 + 4, 3).write(IWDG, 0xAAAA).jump(again);
    check(&program, 40);
}

#[test]
fn the_rtc() {
    let mut program = clocked();
    program.write(PWR, 0x1100).write(RCC + 0x50, 0x0006_0001);
    program.write(RTC + 0x24, 0xCA).write(RTC + 0x24, 0x53);
    program.write(RTC + 0x0C, 0xA0).wait(RTC + 0x0C, 0x40, true).mark();
    program.write(RTC + 0x10, 0x000F_00FF).write(RTC + 0x0C, 0x20);
    program.wait(RTC + 0x0C, 0x20, true).mark();
    program.write(RTC + 0x14, 99).write(RTC + 0x08, 1 << 10 | 2);
    let again = program.here();
    program.wait(RTC + 0x0C, 0x400, true).mark().write(RTC + 0x0C, 0xA0 - 0x80);
    program.wait(RTC + 0x28, 1 << 4, true).wait(RTC + 0x28, 1 << 4, false).mark();
    program.wait(RTC, 1, true).mark().wait(RTC, 1, false).mark();
    program.jump(again);
    check(&program, 8);
}

#[test]
fn inputs_that_change_between_runs() {
    let mut program = clocked();
    let again = program.here();
    program.wait(0x5000_0010, 1, true).mark().wait(0x5000_0010, 1, false).mark();
    program.jump(again);
    check(&program, 15);
}

#[test]
fn regulator_and_oscillators() {
    let mut program = clocked();
    let again = program.here();
    program.write(PWR, 1 << 11).wait(PWR + 4, 1 << 4, false).mark();
    program.write(PWR, 2 << 11).wait(PWR + 4, 1 << 4, false).mark();
    program.write(RCC + 0x50, 0).write(RCC + 0x50, 1).wait(RCC + 0x50, 2, true).mark();
    program.jump(again);
    check(&program, 1_000);
}

#[test]
fn the_memory_from_code_in_ram() {
    let mut program = program();
    program.write(FLASH + 0x0C, 0x89AB_CDEF).write(FLASH + 0x0C, 0x0203_0405);
    // STR r1, [r4]; again: LDR r2, [r5]; TST r2, r6; BNE again; BX r3. R6 is BSY.
    program.write(0x2000_0000, 0x682A_6021).write(0x2000_0004, 0xD1FC_4232);
    program.write(0x2000_0008, 0x4718_4718);
    program.load(4, 0x0808_0000).load(5, FLASH + 0x18).op(0x2601).load(7, 0x2000_0001);
    let again = program.here();
    program.load(1, 5).op(0x467B).op(0x3303).op(0x4738).mark();
    program.load(1, 0).op(0x467B).op(0x3303).op(0x4738).mark().jump(again);
    let (mut marks, mut cycles) = (Vec::new(), Vec::new());
    for skipping in [Skipping::Off, Skipping::On] {
        let mut chip = chip(&program);
        chip.set_skipping(skipping);
        let told = crate::board::events(&mut chip, Time(100_000_000));
        marks.push(told);
        cycles.push((chip.core().cycle(), chip.core().instructions(), chip.usage()));
    }
    assert!(marks[0].len() > 100, "{}", marks[0].len());
    assert_eq!(marks[0], marks[1]);
    assert_eq!(cycles[0], cycles[1]);
}
