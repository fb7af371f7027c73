//! Resets, the supply, faults, and that it does not matter how the embedder slices time.

use stm32l011::chip::{Chip, Mode, ResetCause, Stopped};
use stm32l011::core::FaultCause;
use stm32l011::options::{BrownOutLevel, OptionBytes, WatchdogStart};
use stm32l011::pin::{Pin, PinState};
use stm32l011::time::Time;
use stm32l011::timing::Oscillators;

use crate::asm::Program;
use crate::board::{
    AIRCR, EXTI, IWDG, NVIC_ISER, PWR, RCC, START, chip, chip_with, events, marks, nanos, program,
};

/// The causes in the upper byte of RCC_CSR.
fn causes(chip: &Chip) -> Option<u32> {
    chip.peek(RCC + 0x50).map(|csr| csr >> 24)
}

#[test]
fn power_on_takes_its_time_and_pins_float() {
    let mut program = program();
    program.mark().halt();
    let mut chip = chip(&program);
    assert_eq!(chip.mode(), Mode::Reset);
    assert_eq!(chip.pin(Pin::PA4), PinState::Input(stm32l011::pin::Pull::None));
    assert_eq!(chip.run(START), Stopped::Until);
    assert_eq!(chip.core().instructions(), 0);
    assert_eq!(marks(&mut chip, Time(2_000_000)).len(), 1);
    assert_eq!(causes(&chip), Some(0x0C));
    chip.power_off(Time(2_000_000), stm32l011::nvm::Tear::Old);
    assert_eq!(chip.mode(), Mode::Off);
    assert_eq!(chip.run(Time(3_000_000)), Stopped::Until);
    let usage = chip.usage();
    assert_eq!((usage.reset, usage.run, usage.off), (1_500_000, 500_000, 1_000_000));
}

#[test]
fn software_resets_itself() {
    let mut program = program();
    program.write(0x2000_0000, 0xCAFE_F00D).write(AIRCR, 0x05FA_0004).halt();
    let mut chip = chip(&program);
    assert_eq!(chip.run(Time(9_000_000)), Stopped::Pins);
    assert_eq!(chip.pin(Pin::PA4), PinState::Low);
    assert_eq!(chip.run(Time(9_000_000)), Stopped::Reset(ResetCause::Software));
    let at = chip.now();
    assert_eq!(chip.pin(Pin::PA4), PinState::Input(stm32l011::pin::Pull::None));
    assert_eq!(chip.peek(0x2000_0000), Some(0xCAFE_F00D), "RAM stays");
    assert_eq!(chip.run(Time(9_000_000)), Stopped::Pins);
    // 13 cycles to the first output: CPSID, two writes.
    assert_eq!(chip.now(), at.after(20_000).after(nanos(12, 2_097_152)));
    assert_eq!(causes(&chip), Some(0x1C));
}

#[test]
fn nrst_holds() {
    let mut program = program();
    program.halt();
    let mut chip = chip(&program);
    events(&mut chip, Time(2_000_000));
    chip.hold_reset(Time(2_000_000), true);
    assert_eq!(events(&mut chip, Time(50_000_000)), []);
    assert_eq!(chip.mode(), Mode::Reset);
    chip.hold_reset(Time(50_000_000), false);
    assert_eq!(events(&mut chip, Time(51_000_000)).len(), 1);
    assert_eq!(causes(&chip), Some(0x0C));
}

#[test]
fn a_brown_out_resets_and_keeps_the_ram() {
    let mut program = program();
    program.write(RCC + 0x50, 1 << 23).write(0x2000_0000, 77).halt();
    let options = OptionBytes { brown_out: BrownOutLevel::Level4, ..OptionBytes::default() };
    let mut chip = chip_with(&program, options);
    events(&mut chip, Time(2_000_000));
    assert_eq!((causes(&chip), chip.supply_watch()), (Some(0), (Some(2_549), None)));
    chip.set_supply(Time(2_000_000), 2_550);
    assert_eq!(chip.mode(), Mode::Run, "at the threshold");
    chip.set_supply(Time(2_000_000), 2_549);
    assert_eq!((chip.mode(), chip.supply_watch()), (Mode::Reset, (None, Some(2_650))));
    assert_eq!(events(&mut chip, Time(10_000_000)), []);
    chip.set_supply(Time(10_000_000), 2_650);
    assert_eq!(events(&mut chip, Time(11_500_000)), [], "starting");
    assert_eq!(causes(&chip), Some(0x0C));
    assert_eq!(chip.peek(0x2000_0000), Some(77));
    assert_eq!(events(&mut chip, Time(12_000_000)).len(), 1);
}

#[test]
fn the_voltage_detector_interrupts() {
    let mut program = program();
    program.write(RCC + 0x38, 1 << 28).write(PWR, 0x1000 | 1 << 4 | 3 << 5);
    program.write(EXTI + 0x08, 1 << 16).write(EXTI, 1 << 16).write(NVIC_ISER, 1 << 1);
    program.wfi().mark().halt();
    let mut chip = chip(&program);
    assert_eq!(marks(&mut chip, Time(3_000_000)), []);
    assert_eq!(chip.supply_watch(), (Some(2_499), None));
    chip.set_supply(Time(3_000_000), 2_499);
    assert_eq!(chip.supply_watch(), (Some(1_499), Some(2_601)));
    assert_eq!(marks(&mut chip, Time(4_000_000)).len(), 1);
    assert_eq!(chip.peek(PWR + 4), Some(0b1100));
    chip.set_supply(Time(4_000_000), 2_601);
    assert_eq!(chip.peek(PWR + 4), Some(0b1000));
}

#[test]
fn the_voltage_detector_s_line_falls_with_a_reset() {
    let mut program = program();
    // What the line was before the reset is no edge after it.
    program.write(EXTI + 0x0C, 1 << 16).write(RCC + 0x38, 1 << 28);
    program.write(PWR, 0x1000).write(PWR, 0x1000 | 1 << 4 | 3 << 5).halt();
    let mut chip = chip(&program);
    events(&mut chip, Time(3_000_000));
    chip.set_supply(Time(3_000_000), 2_400);
    chip.hold_reset(Time(3_000_000), true);
    chip.hold_reset(Time(4_000_000), false);
    events(&mut chip, Time(5_000_000));
    assert_eq!(chip.peek(EXTI + 0x14), Some(0));
}

#[test]
fn nrst_does_not_shorten_the_power_on_reset() {
    let mut program = program();
    program.mark().halt();
    let mut chip = chip(&program);
    chip.hold_reset(Time(100_000), true);
    chip.hold_reset(Time(200_000), false);
    assert!(marks(&mut chip, Time(10_000_000)).first().is_some_and(|first| *first > START));
}

#[test]
fn a_watchdog_in_hardware_needs_no_key() {
    let mut program = program();
    program.halt();
    let options = OptionBytes { watchdog: WatchdogStart::Hardware, ..OptionBytes::default() };
    let mut chip = chip_with(&program, options);
    let told = events(&mut chip, START.after(500_000_000));
    let expected = START.after(200_000 + nanos(4096 * 4, 37_000));
    assert_eq!(told[1].1, Stopped::Reset(ResetCause::Watchdog));
    assert!(told[1].0.since(expected) < 1_000, "{told:?}");
}

#[test]
fn feeding_keeps_the_watchdog_off() {
    let mut program = program();
    program.write(IWDG, 0xCCCC);
    let again = program.here();
    program.write(IWDG, 0xAAAA).jump(again);
    let mut chip = chip(&program);
    assert_eq!(events(&mut chip, Time(3_000_000_000)).len(), 1);
}

#[test]
fn a_program_that_hangs_feeds_nothing_until_the_watchdog_bites() {
    let mut program = program();
    program.write(IWDG, 0xCCCC);
    let again = program.here();
    program.write(IWDG, 0xAAAA).jump(again);
    let mut chip = chip(&program);
    events(&mut chip, Time(100_000_000));
    chip.hang();
    let told = events(&mut chip, Time(2_000_000_000));
    let timeout = nanos(4096 * 4, 37_000);
    assert_eq!(told.len(), 2, "once: then it feeds again: {told:?}");
    assert_eq!(told[0].1, Stopped::Reset(ResetCause::Watchdog));
    assert!(told[0].0.since(Time(100_000_000)).abs_diff(timeout) < 1_000_000, "{told:?}");
}

#[test]
fn the_window_watchdog_bites() {
    let mut program = program();
    program.write(RCC + 0x38, 1 << 11).write(0x4000_2C00, 0xFF).halt();
    let mut chip = chip(&program);
    let told = events(&mut chip, START.after(130_000_000));
    assert_eq!(told[1].1, Stopped::Reset(ResetCause::WindowWatchdog));
    let expected = START.after(nanos(64 * 4096 + 22, 2_097_152));
    assert!(told[1].0.0.abs_diff(expected.0) < 3_000, "{told:?}");
    assert_eq!(causes(&chip), Some(0x4C));
}

#[test]
fn faults_and_lockups_are_told_once() {
    let mut program = program();
    program.op(0xDE00).halt();
    let handler = program.here();
    program.op(0xDE01).handler(3, handler);
    let mut chip = chip(&program);
    let told = events(&mut chip, Time(9_000_000));
    let [_, (_, Stopped::Fault(fault)), (_, Stopped::Lockup(lockup))] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((fault.cause, lockup.cause), (FaultCause::Undefined, FaultCause::Undefined));
    assert_eq!(lockup.pc, Program::address(handler));
    assert_eq!(fault.sp, 0x2000_0800);
    assert_eq!(fault.to_string(), format!("undefined instruction at {:#010x}", fault.pc));
    assert_eq!(chip.mode(), Mode::Lockup);
    chip.reset(Time(9_000_000), ResetCause::Pin);
    assert_eq!(chip.mode(), Mode::Reset);
    assert_eq!(events(&mut chip, Time(10_000_000)).len(), 3);
}

#[test]
fn instructions_can_be_counted_off() {
    let mut program = program();
    program.halt();
    let mut chip = chip(&program);
    chip.stop_after(Some(3));
    assert_eq!(chip.run(Time(9_000_000)), Stopped::Instructions);
    assert_eq!((chip.core().instructions(), chip.core().cycle()), (3, 5));
    assert_eq!(chip.now(), START.after(nanos(5, 2_097_152)));
    chip.stop_after(Some(1));
    assert_eq!(chip.run(Time(9_000_000)), Stopped::Instructions);
    chip.stop_after(None);
    assert_eq!(chip.run(Time(9_000_000)), Stopped::Pins);
}

#[test]
fn ram_bits_can_be_flipped_where_there_is_ram() {
    let mut chip = Chip::new(&[], OptionBytes::default(), Oscillators::default());
    let before = chip.peek(0x2000_07FC).unwrap();
    assert!(chip.flip_ram_bit(0x2000_07FF, 7));
    assert_eq!(chip.peek(0x2000_07FC), Some(before ^ 1 << 31));
    assert!(!chip.flip_ram_bit(0x2000_0800, 0));
    assert!(!chip.flip_ram_bit(0x2000_0000, 8));
    assert!(chip.write_ram(0x2000_07FE, &[1, 2]));
    assert!(!chip.write_ram(0x2000_07FE, &[1, 2, 3]));
    assert!(!chip.write_ram(0x1FFF_FFFF, &[1, 2, 3]));
}

#[test]
fn strange_oscillators_and_times_end_nothing() {
    use stm32l011::time::Frequency;
    use stm32l011::timing::{Oscillators, Timing};
    let mut program = program();
    program.write(IWDG, 0xCCCC).halt();
    for ppm in [i32::MIN, -1_000_000, 0, i32::MAX] {
        for lsi in [0, 1, u64::MAX] {
            let oscillators = Oscillators { msi_ppm: ppm, hsi16_ppm: ppm, lsi: Frequency(lsi) };
            let mut chip = Chip::new(&program.image(), OptionBytes::default(), oscillators);
            chip.set_timing(Timing { reset: u64::MAX, ..Timing::default() });
            chip.power_on(Time(0));
            while chip.run(Time(10_000_000)) != Stopped::Until {}
            assert_eq!(chip.now(), Time(10_000_000));
        }
    }
}

#[test]
fn time_can_run_to_its_end() {
    let mut program = program();
    program.wfi().halt();
    let mut chip = chip(&program);
    assert_eq!(chip.run(Time::NEVER), Stopped::Pins);
    assert_eq!(chip.run(Time::NEVER), Stopped::Until);
    assert_eq!(chip.run(Time::NEVER), Stopped::Until);
}
