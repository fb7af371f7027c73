//! Sleep, Stop and Standby: what ends them, when, and what is left.

use stm32l011::chip::{Mode, ResetCause, Stopped};
use stm32l011::options::{OnEntry, OptionBytes};
use stm32l011::pin::{Drive, Pin, PinState};
use stm32l011::time::Time;

use crate::asm::Program;
use crate::board::{
    EXTI, FLASH, IWDG, LPTIM1, MSI, NVIC_ISER, PWR, RCC, RTC, SCR, START, TIM2, chip, chip_with,
    events, marks, nanos, program,
};

/// PA0 is an input whose rising edge wakes; Stop is what WFI and WFE enter.
fn stopping() -> Program {
    let mut program = program();
    program.write(0x5000_0000, 0xEBFF_FDFC);
    program.write(EXTI + 0x08, 1).write(EXTI, 1).write(NVIC_ISER, 1 << 5);
    program.write(RCC + 0x38, 1 << 28).write(SCR, 4);
    program
}

#[test]
fn an_edge_ends_stop_after_the_wake_up_time() {
    let mut program = stopping();
    program.wfi().mark().halt();
    let mut chip = chip(&program);
    chip.set_input(Time(0), Pin::PA0, Drive::Low);
    assert_eq!(chip.run(Time(1_000_000_000)), Stopped::Pins);
    assert_eq!(chip.run(Time(1_000_000_000)), Stopped::Pins);
    assert_eq!(chip.run(Time(1_000_000_000)), Stopped::Until);
    assert_eq!(chip.mode(), Mode::Stop);
    let cycles = chip.core().cycle();
    // A pulse much shorter than the wake-up time.
    chip.set_input(Time(1_000_000_000), Pin::PA0, Drive::High);
    assert_eq!(chip.run(Time(1_000_000_100)), Stopped::Until);
    chip.set_input(Time(1_000_000_100), Pin::PA0, Drive::Low);
    assert_eq!(chip.run(Time(1_001_000_000)), Stopped::Pins);
    // Three loads and a store before the pin changes.
    assert_eq!(chip.now(), Time(1_000_005_000 + nanos(7, MSI)));
    assert_eq!(chip.core().cycle(), cycles + 7, "the cycles stood still");
    assert_eq!(chip.peek(EXTI + 0x14), Some(1), "still pending");
    assert!(chip.usage().stop > 998_000_000);
    assert_eq!(chip.usage().stops, 1);
}

#[test]
fn what_is_pending_keeps_stop_from_being_entered() {
    let mut program = stopping();
    program.write(EXTI + 0x10, 1).wfi().mark().halt();
    let mut chip = chip(&program);
    let marks = marks(&mut chip, Time(100_000_000));
    assert_eq!(marks.len(), 1);
    assert_eq!((chip.usage().stops, chip.usage().stop), (0, 0));
}

#[test]
fn an_edge_that_nobody_serves_keeps_stop_from_being_entered() {
    let mut program = stopping();
    program.write(NVIC_ISER + 0x80, u32::MAX).write(EXTI + 0x10, 1).wfi().mark();
    program.write(EXTI + 0x14, 1).wfi().mark().halt();
    let mut chip = chip(&program);
    assert_eq!(marks(&mut chip, Time(100_000_000)).len(), 1);
    assert_eq!(chip.mode(), Mode::Stop, "once the flag is cleared");
    assert_eq!(chip.usage().stops, 1);
}

#[test]
fn what_is_due_while_wfi_executes_keeps_stop_from_being_entered() {
    let mut stops = 0;
    for nops in 20..40 {
        let mut program = stopping();
        program.write(RCC + 0x38, 1 << 28 | 1).write(NVIC_ISER, 1 << 15);
        program.write(TIM2 + 0x2C, 30).write(TIM2 + 0x0C, 1).write(TIM2, 1);
        program.nops(nops).wfi().mark().halt();
        let mut chip = chip(&program);
        let marks = marks(&mut chip, Time(10_000_000));
        let update = chip.peek(TIM2 + 0x10).map(|flags| flags & 1);
        assert_eq!(update, Some(marks.len() as u32), "{nops} NOPs");
        stops += chip.usage().stops;
    }
    assert!((1..20).contains(&stops), "both happen: {stops}");
}

#[test]
fn an_event_ends_stop_without_interrupt() {
    let mut program = program();
    program.write(0x5000_0000, 0xEBFF_FDFC).write(EXTI + 0x08, 1).write(EXTI + 4, 1);
    program.write(RCC + 0x38, 1 << 28).write(SCR, 4).wfe().mark().halt();
    let mut chip = chip(&program);
    chip.set_input(Time(0), Pin::PA0, Drive::Low);
    assert_eq!(marks(&mut chip, Time(10_000_000)), []);
    assert_eq!(chip.mode(), Mode::Stop);
    chip.set_input(Time(10_000_000), Pin::PA0, Drive::High);
    assert_eq!(chip.run(Time(20_000_000)), Stopped::Pins);
    assert!(chip.now() < Time(10_010_000));
}

/// LPTIM1 on the LSI, 370 ticks a period.
fn low_power_timer(program: &mut Program) {
    program.write(RCC + 0x50, 1).write(RCC + 0x4C, 1 << 18).write(RCC + 0x38, 1 << 31 | 1 << 28);
    program.wait(RCC + 0x50, 2, true);
    program.write(LPTIM1 + 0x08, 0b10).write(LPTIM1 + 0x10, 1).write(LPTIM1 + 0x18, 369);
    program.wait(LPTIM1, 1 << 4, true).write(LPTIM1 + 0x04, 1 << 4);
    program.write(NVIC_ISER, 1 << 13).write(LPTIM1 + 0x10, 0b101).write(SCR, 4);
}

#[test]
fn the_low_power_timer_ends_stop_again_and_again() {
    for (line, wakes) in [(1_u32 << 29, true), (0, false)] {
        let mut program = program();
        low_power_timer(&mut program);
        program.write(EXTI, line);
        let again = program.here();
        program.wfi().mark().write(LPTIM1 + 0x04, 0b10).write(0xE000_E280, 1 << 13).jump(again);
        let mut chip = chip(&program);
        let marks = marks(&mut chip, Time(1_000_000_000));
        if !wakes {
            assert_eq!(marks, [], "its line is masked");
            continue;
        }
        assert!(marks.len() > 95);
        for pair in marks.windows(2) {
            // Nothing but the core's own clock, which starts anew every time, adds to the LSI's period.
            assert!(pair[1].since(pair[0]).abs_diff(10_000_000) < 10);
        }
        assert!(chip.usage().stop > 900_000_000);
    }
}

#[test]
fn the_rtc_ends_stop_and_keeps_its_time() {
    let mut program = program();
    program.write(RCC + 0x38, 1 << 28).write(PWR, 0x1100).write(RCC + 0x50, 1);
    program.wait(RCC + 0x50, 2, true).write(RCC + 0x50, 0x0006_0001);
    program.write(RTC + 0x24, 0xCA).write(RTC + 0x24, 0x53).write(RTC + 0x14, 231);
    // LSI / 16, every 232 counts: 3712 ticks, 100.32 ms.
    program.write(RTC + 0x08, 1 << 14 | 1 << 10);
    program.write(EXTI + 0x08, 1 << 20).write(EXTI, 1 << 20).write(NVIC_ISER, 1 << 2);
    program.write(SCR, 4);
    let again = program.here();
    program.wfi().mark().write(RTC + 0x0C, 0).write(EXTI + 0x14, 1 << 20);
    program.write(0xE000_E280, 1 << 2).jump(again);
    let mut chip = chip(&program);
    let marks = marks(&mut chip, Time(1_000_000_000));
    assert_eq!(marks.len(), 9);
    for pair in marks.windows(2) {
        assert!(pair[1].since(pair[0]).abs_diff(nanos(3712, 37_000)) < 10);
    }
    // The calendar's second is 32 768 ticks of the LSI.
    assert_eq!(chip.peek(RTC), Some(1));
    assert!(chip.report().is_empty(), "{:?}", chip.report());
}

#[test]
fn ultra_low_power_waits_for_the_reference() {
    for (cr, wake) in [(0x1000, 5_000), (0x1200, 2_005_000), (0x1600, 5_000)] {
        let mut program = stopping();
        program.write(PWR, cr).wfi().mark().halt();
        let mut chip = chip(&program);
        chip.set_input(Time(0), Pin::PA0, Drive::Low);
        assert_eq!(marks(&mut chip, Time(10_000_000)), []);
        chip.set_input(Time(10_000_000), Pin::PA0, Drive::High);
        assert_eq!(chip.run(Time(20_000_000)), Stopped::Pins);
        assert_eq!(chip.now(), Time(10_000_000 + wake + nanos(7, MSI)));
    }
}

#[test]
fn the_clock_after_stop_is_chosen() {
    let mut program = stopping();
    program.write(RCC + 0x0C, 1 << 15).wfi().mark().halt();
    let mut chip = chip(&program);
    chip.set_input(Time(0), Pin::PA0, Drive::Low);
    assert_eq!(marks(&mut chip, Time(10_000_000)), []);
    chip.set_input(Time(10_000_000), Pin::PA0, Drive::High);
    assert_eq!(chip.run(Time(20_000_000)), Stopped::Pins);
    assert_eq!(chip.now(), Time(10_005_000 + nanos(7, 16_000_000)));
    assert_eq!(chip.peek(RCC + 0x0C), Some(0x8005));
}

#[test]
fn the_watchdog_bites_in_stop() {
    let mut program = stopping();
    program.write(IWDG, 0xCCCC).wfi().halt();
    let mut chip = chip(&program);
    chip.set_input(Time(0), Pin::PA0, Drive::Low);
    let told = events(&mut chip, Time(600_000_000));
    let (time, _) = told[2];
    assert_eq!(told[2].1, Stopped::Reset(ResetCause::Watchdog));
    let time_out = nanos(4096 * 4, 37_000) + 200_000;
    assert!(time.since(START).abs_diff(time_out) < 100_000, "{time:?}");
    // Internal resets pull NRST, and the cause of power-on is still there.
    assert_eq!(chip.peek(RCC + 0x50).map(|csr| csr >> 24), Some(0x2C));
}

#[test]
fn the_option_bytes_can_make_stop_a_reset() {
    let mut program = stopping();
    program.wfi().halt();
    let options = OptionBytes { stop: OnEntry::Reset, ..OptionBytes::default() };
    let mut chip = chip_with(&program, options);
    let told = events(&mut chip, Time(1_600_000));
    assert_eq!(told[2].1, Stopped::Reset(ResetCause::LowPower));
}

#[test]
fn standby_is_left_through_a_reset() {
    let mut program = program();
    program.write(0x2000_0100, 0x1234_5678);
    program.write(RCC + 0x38, 1 << 28).write(PWR + 4, 1 << 8).write(PWR, 0x1002).write(SCR, 4);
    program.read(PWR + 4, 4).write(PWR, 0x1006).wfi().halt();
    let mut chip = chip(&program);
    chip.set_input(Time(0), Pin::PA0, Drive::Low);
    let told = events(&mut chip, Time(10_000_000));
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((chip.mode(), chip.pin(Pin::PA4)), (Mode::Standby, PinState::Analog));
    assert_ne!(chip.peek(0x2000_0100), Some(0x1234_5678));
    chip.set_input(Time(10_000_000), Pin::PA0, Drive::High);
    assert_eq!(chip.mode(), Mode::Reset);
    let told = events(&mut chip, Time(10_100_000));
    assert!(!told.is_empty());
    let register = chip.core().register(stm32l011::core::Register::Core(4));
    assert_eq!(register & 0b11, 0b11, "SBF and WUF");
    assert!(chip.usage().standby > 8_000_000);
}

#[test]
fn a_wake_up_pin_that_is_high_already_keeps_standby_from_lasting() {
    for (pin, drive, flags) in [
        (Pin::PA0, Drive::High, 1),
        (Pin::PA0, Drive::Low, 0),
        (Pin::PA2, Drive::High, 0),
        (Pin::PA1, Drive::High, 0),
    ] {
        let mut program = program();
        program.write(RCC + 0x38, 1 << 28).read(PWR + 4, 4).write(PWR + 4, 1 << 8);
        program.read(PWR + 4, 5).write(PWR, 0x1002).write(SCR, 4).wfi().halt();
        let mut chip = chip(&program);
        chip.set_input(Time(0), pin, drive);
        let left = loop {
            match chip.run(Time(2_000_000)) {
                Stopped::Until => break false,
                Stopped::Reset(ResetCause::StandbyExit) => break true,
                _ => {}
            }
        };
        let register = |n| chip.core().register(stm32l011::core::Register::Core(n)) & 1;
        assert_eq!([register(4), register(5)], [0, flags], "{pin:?} {drive:?}");
        assert_eq!(left, flags != 0);
        assert_eq!(chip.mode() == Mode::Standby, flags == 0);
    }
}

#[test]
fn deep_sleep_waits_for_the_nvm() {
    let mut program = program();
    program.write(RCC + 0x38, 1 << 28).write(SCR, 4);
    program.write(FLASH + 0x0C, 0x89AB_CDEF).write(FLASH + 0x0C, 0x0203_0405);
    // The code that waits is in RAM: STR r1, [r0]; WFI; B.
    program.write(0x2000_0000, 0xBF30_6001).write(0x2000_0004, 0xE7FE_E7FE);
    program.load(0, 0x0808_0000).load(1, 7).load(2, 0x2000_0001).op(0x4710);
    let mut chip = chip(&program);
    let told = events(&mut chip, Time(100_000_000));
    assert_eq!(told[1].1, Stopped::NvmBegan);
    assert_eq!(told[2].1, Stopped::NvmDone);
    assert_eq!(told[2].0.since(told[1].0) / 1000, 3_280);
    assert_eq!(chip.mode(), Mode::Stop);
    assert!(chip.usage().sleep > 3_000_000 && chip.usage().stop > 90_000_000);
}
