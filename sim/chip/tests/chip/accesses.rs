//! Accesses that are not what they should be: who answers, and what is reported.

use stm32l011::chip::Stopped;
use stm32l011::report::Finding;
use stm32l011::time::Time;

use crate::board::{PWR, RCC, TIM2, chip, events, program};

#[test]
fn nobody_answers_where_nothing_is() {
    // The first two are behind the flash that is seen at zero.
    for address in [
        0x0000_4000,
        0x0008_0000,
        0x4000_0800,
        0x4003_0000,
        0x5000_0C00,
        0x0808_0200,
        0x1FF1_0000,
        0x6000_0000,
    ] {
        let mut program = program();
        program.read(address, 2).halt();
        let handler = program.here();
        program.halt().handler(3, handler);
        let mut chip = chip(&program);
        let told = events(&mut chip, Time(3_000_000));
        let Some((_, Stopped::Fault(info))) = told.last() else {
            panic!("{address:#x}: {told:?}");
        };
        assert_eq!(info.address, Some(address));
        let entry = chip.report().entries()[0];
        assert_eq!((entry.finding, entry.address, entry.count), (Finding::Nothing, address, 1));
        assert_eq!(entry.first_pc, info.pc);
        assert_eq!(chip.peek(address), None);
    }
}

#[test]
fn without_its_clock_a_peripheral_is_silent() {
    let mut program = program();
    program.write(TIM2 + 0x2C, 5).read(TIM2 + 0x2C, 4);
    program.write(RCC + 0x38, 1).read(TIM2 + 0x2C, 5);
    program.write(TIM2 + 0x2C, 5).read(TIM2 + 0x2C, 6).halt();
    let mut chip = chip(&program);
    events(&mut chip, Time(3_000_000));
    let register = |n| chip.core().register(stm32l011::core::Register::Core(n));
    assert_eq!([register(4), register(5), register(6)], [0, 0xFFFF, 5]);
    let [entry] = chip.report().entries() else { panic!("{:?}", chip.report()) };
    assert_eq!((entry.finding, entry.count), (Finding::Unclocked, 2));
    assert_eq!(entry.name(), "TIM2_ARR");
}

#[test]
fn what_the_chip_lacks_is_reported_by_name() {
    let mut program = program();
    program.write(RCC + 0x38, 0b11).write(0x4000_4400, 1).write(RCC + 0x38, 1 << 17 | 1);
    program.write(0x4000_4400, 1).read(0x4000_4400, 4).write(RCC + 0x80, 1);
    program.write(TIM2, 0b11 << 5).write(0xE000_E100, 1 << 8 | 1 << 5).halt();
    let mut chip = chip(&program);
    events(&mut chip, Time(3_000_000));
    let told: Vec<_> = chip
        .report()
        .entries()
        .iter()
        .map(|entry| format!("{} {} {:#x}", entry.name(), entry.finding, entry.bits))
        .collect();
    assert_eq!(
        told,
        [
            "USART2_CR1 read, but not modelled 0x0",
            "USART2_CR1 written, but not modelled 0x1",
            "TIM2_CR1 set to a mode that is not modelled 0x60",
            "RCC_APB1ENR written with reserved bits 0x2",
            "NVIC_ISER written with reserved bits 0x100",
            "USART2_CR1 accessed without its clock 0x0",
            "RCC+0x080 accessed, but not a register 0x0",
        ]
    );
    assert_eq!(chip.core().register(stm32l011::core::Register::Core(4)), 1, "remembered");
}

#[test]
fn crystals_are_not_there_and_that_is_told() {
    let mut program = program();
    program.write(RCC, 0x0001_0300).write(RCC + 0x0C, 3 << 24).write(RCC + 0x50, 1 << 8 | 1);
    program.halt();
    let mut chip = chip(&program);
    events(&mut chip, Time(3_000_000));
    let told = chip.report().entries().iter().filter(|e| e.finding == Finding::UnmodelledMode);
    let told: Vec<_> = told.map(|entry| (entry.address - RCC, entry.bits)).collect();
    assert_eq!(told, [(0x00, 1 << 16), (0x0C, 3 << 24), (0x50, 1 << 8)]);
}

#[test]
fn what_is_to_run_on_a_crystal_is_told() {
    let mut program = program();
    // SW = HSE; LPTIM1SEL = LSE, LSI; RTCSEL = LSE, HSE, LSI, each after RTCRST, with PWR_CR.DBP.
    program.write(RCC + 0x0C, 0b10).write(RCC + 0x0C, 0);
    program.write(RCC + 0x4C, 0b11 << 18).write(RCC + 0x4C, 0b01 << 18);
    program.write(RCC + 0x38, 1 << 28).write(PWR, 0x1100);
    for select in [0b01, 0b11, 0b10] {
        program.write(RCC + 0x50, 1 << 19).write(RCC + 0x50, select << 16);
    }
    program.halt();
    let mut chip = chip(&program);
    events(&mut chip, Time(3_000_000));
    let told: Vec<_> = chip
        .report()
        .entries()
        .iter()
        .map(|entry| (entry.finding, entry.address - RCC, entry.bits, entry.count))
        .collect();
    assert_eq!(
        told,
        [
            (Finding::UnmodelledMode, 0x0C, 0b10 | 0b01, 1),
            (Finding::UnmodelledMode, 0x4C, 0b11 << 18, 1),
            (Finding::UnmodelledMode, 0x50, 0b11 << 16, 2),
        ]
    );
}

#[test]
fn a_switch_to_a_clock_that_is_off_is_told() {
    // CR and CFGR: what is on, what SW asks for, and whether that is told.
    for (cr, cfgr, refused) in [
        (0x0300, 0b01, true),
        (0x0301, 0b01, false),
        (0x0301, 0b11, true),
        // It locks yet; without the HSI16, and on the HSE, it never does.
        (0x0100_0301, 0b11, false),
        (0x0100_0300, 0b11, true),
    ] {
        let mut program = program();
        program.write(RCC, cr).write(RCC + 0x0C, cfgr).halt();
        let mut chip = chip(&program);
        events(&mut chip, Time(3_000_000));
        let told: Vec<_> = chip.report().entries().iter().map(|e| (e.finding, e.address)).collect();
        let expected = [(Finding::Refused, RCC + 0x0C)];
        assert_eq!(told, if refused { &expected[..] } else { &[] }, "{cr:#x} {cfgr:#x}");
    }
}

#[test]
fn narrow_accesses_mean_their_lanes() {
    let mut program = program();
    // STRB r1 (0x12) to GPIOA_ODR + 1; STRH to TIM2_ARR; LDRB of TIM2_ARR + 1; STRB to TIM2_PSC.
    program.write(RCC + 0x38, 1);
    program.load(0, 0x5000_0015).load(1, 0x12).op(0x7001);
    program.load(0, TIM2 + 0x2C).load(1, 0x3456).op(0x8001).op(0x7844);
    program.load(0, TIM2 + 0x28).op(0x7001).halt();
    let mut chip = chip(&program);
    events(&mut chip, Time(3_000_000));
    assert_eq!(chip.peek(0x5000_0014), Some(0x1200));
    assert_eq!(chip.core().register(stm32l011::core::Register::Core(4)), 0x34);
    assert_eq!(chip.peek(TIM2 + 0x28), Some(0x5656), "the bridge repeats");
    let [entry] = chip.report().entries() else { panic!("{:?}", chip.report()) };
    assert_eq!((entry.finding, entry.name().as_str()), (Finding::Width, "TIM2_PSC"));
}
