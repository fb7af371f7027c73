//! Non-volatile memory: operations take their time, stall who needs the flash, and tear when they are
//! cut.

use stm32l011::chip::{Chip, ResetCause, Stopped};
use stm32l011::core::Register;
use stm32l011::nvm::Tear;
use stm32l011::pin::Pin;
use stm32l011::report::Finding;
use stm32l011::time::Time;

use crate::asm::Program;
use crate::board::{EEPROM, FLASH, NVIC_ISER, PWR, RCC, START, chip, events, marks, program};

const OPERATION: u64 = 3_280_000;
const PECR: u32 = FLASH + 0x04;
const SR: u32 = FLASH + 0x18;

fn unlocked() -> Program {
    let mut program = program();
    program.write(FLASH + 0x0C, 0x89AB_CDEF).write(FLASH + 0x0C, 0x0203_0405);
    program
}

fn word(chip: &Chip, address: u32) -> Option<u32> {
    chip.peek(address)
}

#[test]
fn a_write_stalls_the_code_in_flash() {
    let mut program = unlocked();
    program.write(EEPROM + 4, 5).mark().write(EEPROM + 4, 6).mark().halt();
    let mut chip = chip(&program);
    let told = events(&mut chip, Time(20_000_000));
    let kinds: Vec<_> = told.iter().map(|(_, told)| *told).collect();
    use Stopped::{NvmBegan, NvmDone, Pins};
    assert_eq!(kinds, [Pins, NvmBegan, NvmDone, Pins, Pins, NvmBegan, NvmDone, Pins, Pins]);
    // One operation where the word was zero, two where it was not.
    assert_eq!(told[2].0.since(told[1].0).div_ceil(1_000), OPERATION / 1_000 + 1);
    assert_eq!(told[6].0.since(told[5].0).div_ceil(1_000), 2 * OPERATION / 1_000 + 1);
    // Nothing runs meanwhile: seven cycles later the mark comes.
    assert!(told[3].0.since(told[2].0) < 3_400);
    assert_eq!(word(&chip, EEPROM + 4), Some(6));
    let usage = chip.usage();
    assert_eq!((usage.nvm_operations, usage.stalled / 1_000), (2, 3 * OPERATION / 1_000));
}

#[test]
fn a_dead_word_takes_its_time_and_keeps_what_it_holds() {
    let mut program = unlocked();
    program.write(EEPROM + 4, 5).write(EEPROM + 8, 6).halt();
    let mut chip = chip(&program);
    chip.set_dead_words(1 << 1);
    events(&mut chip, Time(20_000_000));
    assert_eq!((word(&chip, EEPROM + 4), word(&chip, EEPROM + 8)), (Some(0), Some(6)));
    assert_eq!(chip.usage().nvm_operations, 2);
}

#[test]
fn writing_in_the_lowest_voltage_range_is_doubtful() {
    for range in 1..=3 {
        let mut program = unlocked();
        program.write(RCC + 0x38, 1 << 28).write(PWR, range << 11);
        program.write(EEPROM + 4, 5).write(EEPROM + 8, 5);
        // Refused, and so not written in any range.
        program.write(PECR, 1).write(EEPROM + 12, 5).halt();
        let mut chip = chip(&program);
        events(&mut chip, Time(20_000_000));
        assert_eq!((word(&chip, EEPROM + 4), word(&chip, EEPROM + 8)), (Some(5), Some(5)));
        let told = chip.report().entries().iter().filter(|e| e.finding == Finding::LowestRange);
        let told: Vec<_> = told.map(|entry| (entry.address, entry.count)).collect();
        let doubtful = [(EEPROM + 4, 1), (EEPROM + 8, 1)];
        assert_eq!(told, if range == 3 { &doubtful[..] } else { &[] });
    }
}

#[test]
fn what_runs_is_told_while_it_runs() {
    let mut program = unlocked();
    program.write(EEPROM + 8, 0x0000_FFFF).halt();
    let mut chip = chip(&program);
    chip.set_eeprom(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]);
    while chip.run(Time(20_000_000)) != Stopped::NvmBegan {}
    let operation = chip.operation().unwrap();
    assert_eq!((operation.address, operation.bytes), (EEPROM + 8, 4));
    assert_eq!((operation.old, operation.new), (0xFFFF_0000, 0x0000_FFFF));
    assert_eq!(operation.began, chip.now());
    assert_eq!(operation.ends, chip.now().after(2 * OPERATION));
    let midway = chip.now().after(OPERATION);
    assert_eq!(chip.run(midway), Stopped::Until);
    assert_eq!(chip.now(), midway, "to the nanosecond, although the core stalls");
    assert_eq!(word(&chip, EEPROM + 8), Some(0xFFFF_0000), "not before its end");
    for (tear, expected) in [
        (Tear::Old, 0xFFFF_0000),
        (Tear::Erased, 0),
        (Tear::Mixed, 0xAAAA_5555),
        (Tear::Ones, 0xFFFF_FFFF),
    ] {
        let mut off = chip.clone();
        off.power_off(midway, tear);
        assert_eq!(word(&off, EEPROM + 8), Some(expected), "{tear:?}");
        assert_eq!(off.operation(), None);
        let mut reset = chip.clone();
        reset.set_tear(tear);
        reset.reset(midway, ResetCause::Pin);
        assert_eq!(word(&reset, EEPROM + 8), Some(expected), "{tear:?}");
    }
    assert_eq!(chip.run(Time(20_000_000)), Stopped::NvmDone);
    assert_eq!(word(&chip, EEPROM + 8), Some(0x0000_FFFF));
}

#[test]
fn code_in_ram_runs_on() {
    let mut program = unlocked();
    // R4: EEPROM, R5: SR, R6: count. STR r1, [r4]; loop: ADDS r6, #1; LDR r2, [r5]; LSLS r2, #31;
    // BMI loop; BX r3.
    program.write(0x2000_0000, 0x3601_6021).write(0x2000_0004, 0x07D2_682A);
    program.write(0x2000_0008, 0x4718_D4FB);
    program.load(4, EEPROM).load(5, SR).op(0x2600).load(1, 9).load(2, 0x2000_0001);
    // MOV r3, pc points two instructions on; one more is skipped, and the bit for Thumb added.
    program.op(0x467B).op(0x3303).op(0x4710).mark().halt();
    let mut chip = chip(&program);
    let told = events(&mut chip, Time(20_000_000));
    assert_eq!(told.last().map(|(_, told)| *told), Some(Stopped::Pins), "{told:?}");
    let turns = chip.core().register(Register::Core(6));
    // Seven cycles a turn, 476.8 ns each, for 3.28 ms.
    assert!((950..1_150).contains(&turns), "{turns}");
    assert_eq!(chip.usage().stalled, 0);
}

#[test]
fn an_instruction_may_write_several_words() {
    let mut program = unlocked();
    // STMIA r4!, {r0-r2}
    program.load(4, EEPROM).load(0, 5).load(1, 6).load(2, 7).op(0xC407).mark().halt();
    let mut chip = chip(&program);
    let told = events(&mut chip, Time(40_000_000));
    let kinds: Vec<_> = told.iter().map(|(_, told)| *told).collect();
    use Stopped::{NvmBegan, NvmDone, Pins};
    let one = [NvmBegan, NvmDone];
    assert_eq!(kinds, [&[Pins], &one[..], &one[..], &one[..], &[Pins, Pins]].concat());
    assert_eq!([0, 4, 8].map(|at| word(&chip, EEPROM + at)), [5, 6, 7].map(Some));
    // One after the other, the core stalled all the time.
    assert_eq!(told[2].0, told[3].0);
    assert_eq!(told[6].0.since(told[1].0).div_ceil(10_000), 3 * OPERATION / 10_000 + 1);
    assert_eq!(chip.usage().stalled.div_ceil(10_000), 3 * OPERATION / 10_000 + 1);
}

#[test]
fn what_was_written_before_a_fault_takes_effect() {
    let mut program = unlocked();
    // STMIA r4!, {r0, r1}: the second word is beyond the memory.
    program.load(4, EEPROM + 508).load(0, 5).load(1, 6).op(0xC403).halt();
    let handler = program.here();
    program.halt().handler(3, handler);
    let mut chip = chip(&program);
    events(&mut chip, Time(20_000_000));
    assert_eq!(word(&chip, EEPROM + 508), Some(5));
}

#[test]
fn interrupts_wait_for_the_flash() {
    let mut program = unlocked();
    program.op(0xB662);
    program.write(0x4001_0408, 1).write(0x4001_0400, 1).write(NVIC_ISER, 1 << 5);
    program.write(0x5000_0000, 0xEBFF_FDFC).write(EEPROM, 1).halt();
    let handler = program.here();
    program.mark().halt().handler(16 + 5, handler);
    let mut chip = chip(&program);
    chip.set_input(Time(0), Pin::PA0, stm32l011::pin::Drive::Low);
    while chip.run(Time(20_000_000)) != Stopped::NvmBegan {}
    let ends = chip.operation().unwrap().ends;
    let edge = chip.now().after(1_000_000);
    assert_eq!(chip.run(edge), Stopped::Until);
    chip.set_input(edge, Pin::PA0, stm32l011::pin::Drive::High);
    assert_eq!(chip.run(Time(20_000_000)), Stopped::NvmDone);
    assert_eq!(chip.run(Time(20_000_000)), Stopped::Pins);
    // Entry (15 cycles) and the mark (7).
    assert!(chip.now().since(ends) < 12_000);
}

#[test]
fn the_end_interrupts() {
    let mut program = unlocked();
    program.write(PECR, 0b110 | 1 << 16).write(NVIC_ISER, 1 << 3).write(EEPROM, 1);
    program.wfi().mark().halt();
    let mut chip = chip(&program);
    let told = events(&mut chip, Time(20_000_000));
    assert_eq!(told[3].1, Stopped::Pins);
    assert_eq!(chip.peek(SR), Some(0b1110));
}

#[test]
fn locked_writes_are_refused_and_reported() {
    let mut program = program();
    program.write(EEPROM, 1).write(0x0800_3000, 1).read(SR, 4).mark().halt();
    let mut chip = chip(&program);
    assert_eq!(marks(&mut chip, Time(20_000_000)).len(), 1);
    assert_eq!(chip.core().register(Register::Core(4)), 0x10C);
    let refused = |address| {
        chip.report()
            .entries()
            .iter()
            .any(|entry| (entry.finding, entry.address) == (Finding::Refused, address))
    };
    assert!(refused(EEPROM) && refused(0x0800_3000));
    assert!(chip.now() > START);
}

#[test]
fn flash_is_programmed_and_runs() {
    let mut program = unlocked();
    program.write(FLASH + 0x10, 0x8C9D_AEBF).write(FLASH + 0x10, 0x1314_1516);
    // BX lr; NOP.
    program.write(0x0800_3000, 0xBF00_4770).load(2, 0x0800_3001).op(0x4790).mark();
    program.write(PECR, 0b100 | 1 << 3 | 1 << 9).write(0x0800_3004, 0).mark().halt();
    let mut chip = chip(&program);
    let told = events(&mut chip, Time(20_000_000));
    let began = told.iter().filter(|(_, told)| *told == Stopped::NvmBegan).count();
    let pins = told.iter().filter(|(_, told)| *told == Stopped::Pins).count();
    assert_eq!((began, pins, told.len()), (2, 5, 9), "{told:?}");
    assert_eq!(word(&chip, 0x0800_3000), Some(0), "erased again");
}
