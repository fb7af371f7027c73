//! Skipping polling loops against executing them: nothing may differ, to the cycle.
//!
//! Random programs wait in many ways: for a flag, for a counter, for a variable that a handler changes,
//! with and without a time-out, with calls and with stores in the loop, on SysTick. Between waits they
//! write to the bus, where the cycle of every write is kept.

use proptest::prelude::*;
use stm32l011::core::{Core, Exit, Register, Skipping};
use stm32l011::memory::{Memory, RAM};

use crate::assembler::{
    ACKNOWLEDGE, Assembler, COUNTER, DEVICES, Devices, FLAG, PLAIN, READ_CLEARS,
};

const SYSTICK: u32 = 0xE000_E010;
const CYCLES: u64 = 150_000;

/// A way of waiting.
#[derive(Clone, Debug)]
enum Wait {
    /// Until the flag is set (1) or clear (0).
    Flag { set: u16 },
    /// The same, but for so many turns at most.
    FlagWithTimeout { set: u16, turns: u16 },
    /// Until the counter is another than at the start.
    Counter,
    /// Until a variable in RAM that handlers count up is another.
    Variable,
    /// Until the flag is set, with a call and a store in each turn.
    FlagInFunction,
    /// The flag again, toggling a variable: every second turn is the same.
    FlagToggling,
    /// Until SysTick's COUNTFLAG.
    CountFlag,
    /// Until SysTick's counter is below this many sixteenths of its range.
    SysTickBelow { sixteenths: u32 },
    /// Until a register that counts its reads is a multiple of 64.
    ReadClears,
    /// So many turns of nothing.
    Delay { turns: u16 },
    /// The variable again, masked: interrupts are pending, WFI is not used.
    MaskedFlag,
    /// With a write to the core's own registers in each turn.
    ClearingPending,
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        (0..2u16).prop_map(|set| Wait::Flag { set }),
        (0..2u16, 1..200u16).prop_map(|(set, turns)| Wait::FlagWithTimeout { set, turns }),
        Just(Wait::Counter),
        Just(Wait::Variable),
        Just(Wait::FlagInFunction),
        Just(Wait::FlagToggling),
        Just(Wait::CountFlag),
        (1..15u32).prop_map(|sixteenths| Wait::SysTickBelow { sixteenths }),
        Just(Wait::ReadClears),
        (1..250u16).prop_map(|turns| Wait::Delay { turns }),
        Just(Wait::MaskedFlag),
        Just(Wait::ClearingPending),
    ]
}

/// A program and the world it runs in.
#[derive(Clone, Debug)]
struct Case {
    waits: Vec<Wait>,
    divider: u64,
    flag_period: u64,
    reload: u32,
    /// ENABLE, TICKINT, CLKSOURCE.
    systick: u32,
    /// When interrupt 3 rises, each time after so many cycles.
    interrupts: Vec<u64>,
    /// Where the embedder splits the time besides.
    splits: Vec<u64>,
    wait_states: u8,
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec(wait(), 1..6),
        prop_oneof![1..50u64, 50..20_000u64],
        prop_oneof![20..200u64, 200..40_000u64],
        10..60_000u32,
        prop_oneof![Just(1u32), Just(3), Just(5), Just(7), Just(0)],
        prop::collection::vec(1..60_000u64, 0..4),
        prop::collection::vec(1..20_000u64, 1..6),
        0..2u8,
    )
        .prop_map(
            |(waits, divider, flag_period, reload, systick, interrupts, splits, wait_states)| {
                Case {
                    waits,
                    divider,
                    flag_period,
                    reload,
                    systick,
                    interrupts,
                    splits,
                    wait_states,
                }
            },
        )
}

/// r6: the devices, r7: the variable, r5: SysTick.
fn program(case: &Case) -> Vec<u8> {
    let mut a = Assembler::new(RAM + 0x800);
    a.load(6, DEVICES).load(7, RAM + 0x10).load(5, SYSTICK);
    a.load(0, case.reload).code(&[0x6068]); // str r0, [r5, #4]
    a.load(0, case.systick).code(&[0x6028]); // str r0, [r5]
    a.load(0, 0xE000_E100).code(&[0x2108, 0x6001]); // NVIC_ISER = 1 << 3
    let start = a.here();
    for (n, wait) in case.waits.iter().enumerate() {
        assemble(&mut a, wait, case.reload);
        // movs r0, #n; str r0, [r6, #PLAIN]
        a.code(&[0x2000 | n as u16, 0x60F0]);
    }
    a.jump_back(start);
    a.pool();
    // SysTick counts the variable up.
    a.vector(15);
    a.code(&[0x6838, 0x3001, 0x6038, 0x4770]); // ldr r0, [r7]; adds r0, #1; str r0, [r7]; bx lr
    // Interrupt 3 too, by more, and ends its request.
    a.vector(16 + 3);
    a.code(&[0x6838, 0x3010, 0x6038]);
    a.code(&[0x2008, 0x6130, 0x4770]); // movs r0, #8; str r0, [r6, #ACKNOWLEDGE]; bx lr
    a.image()
}

const EQ: u16 = 0;
const NE: u16 = 1;

fn assemble(a: &mut Assembler, wait: &Wait, reload: u32) {
    assert_eq!((COUNTER, FLAG, READ_CLEARS, PLAIN, ACKNOWLEDGE), (0, 4, 8, 12, 16));
    match *wait {
        Wait::Flag { set } => {
            let turn = a.here();
            // ldr r0, [r6, #FLAG]; cmp r0, #set; bne
            a.code(&[0x6870, 0x2800 | set]).branch_back(NE, turn);
        }
        Wait::FlagWithTimeout { set, turns } => {
            a.code(&[0x2100 | turns]);
            let turn = a.here();
            // ldr r0, [r6, #FLAG]; cmp r0, #set; beq over; subs r1, #1; bne turn
            a.code(&[0x6870, 0x2800 | set, 0xD001, 0x3901]).branch_back(NE, turn);
        }
        Wait::Counter => {
            a.code(&[0x6831]); // ldr r1, [r6]
            let turn = a.here();
            a.code(&[0x6830, 0x4288]).branch_back(EQ, turn); // ldr r0, [r6]; cmp r0, r1
        }
        Wait::Variable => {
            a.code(&[0x6839, 0x2200]); // ldr r1, [r7]; movs r2, #0
            let turn = a.here();
            // Gives up after many turns: nothing may ever count it up. The time-out counts slowly:
            // ldr r0, [r7]; cmp r0, r1; bne over; ldr r0, [r6, #FLAG]; cmp r0, #1; bne turn
            a.code(&[0x6838, 0x4288, 0xD102, 0x6870, 0x2801]).branch_back(NE, turn);
        }
        Wait::FlagInFunction => {
            // b over; function: push {r4, lr}; str r4, [r7, #16]; ldr r0, [r6, #FLAG]; pop {r4, pc}
            a.code(&[0xE003]);
            a.code(&[0xB510, 0x613C, 0x6870, 0xBD10]);
            let turn = a.here();
            // bl function (5 half-words back); cmp r0, #1; bne turn
            a.code(&[0xF7FF, 0xFFFA, 0x2801]).branch_back(NE, turn);
        }
        Wait::FlagToggling => {
            let turn = a.here();
            // ldr r1, [r7, #4]; movs r2, #1; eors r1, r2; str r1, [r7, #4]; the flag as above
            a.code(&[0x6879, 0x2201, 0x4051, 0x6079, 0x6870, 0x2801]).branch_back(NE, turn);
        }
        Wait::CountFlag => {
            a.code(&[0x2100]);
            let turn = a.here();
            // ldr r0, [r5]; lsrs r0, #17 (COUNTFLAG into C); bcs over; the flag as an escape
            a.code(&[0x6828, 0x0C40, 0xD202, 0x6870, 0x2801]).branch_back(NE, turn);
        }
        Wait::SysTickBelow { sixteenths } => {
            a.load(1, (u64::from(reload) * u64::from(sixteenths) / 16) as u32);
            let turn = a.here();
            // ldr r0, [r5, #8]; cmp r0, r1; bcc over; the flag as an escape
            a.code(&[0x68A8, 0x4288, 0xD302, 0x6870, 0x2801]).branch_back(NE, turn);
        }
        Wait::ReadClears => {
            let turn = a.here();
            // ldr r0, [r6, #8]; lsls r0, #26; bne
            a.code(&[0x68B0, 0x0680]).branch_back(NE, turn);
        }
        Wait::Delay { turns } => {
            a.code(&[0x2100 | turns]);
            let turn = a.here();
            a.code(&[0x3901]).branch_back(NE, turn);
        }
        Wait::MaskedFlag => {
            a.code(&[0xB672]);
            let turn = a.here();
            a.code(&[0x6870, 0x2801]).branch_back(NE, turn);
            a.code(&[0xB662]);
        }
        Wait::ClearingPending => {
            a.load(2, 0xE000_E280);
            a.code(&[0x2301]);
            let turn = a.here();
            // str r3, [r2] (NVIC_ICPR); the flag as above
            a.code(&[0x6013, 0x6870, 0x2801]).branch_back(NE, turn);
        }
    }
}

/// Everything that the world can see of a run.
#[derive(PartialEq, Debug)]
struct Outcome {
    written: Vec<(u64, u32, u32)>,
    exits: Vec<(u64, u64, Exit)>,
    registers: Vec<u32>,
    ram: Vec<u8>,
    systick: [Option<u32>; 2],
    pending: Option<u32>,
}

fn run(case: &Case, skipping: Skipping) -> (Outcome, u64) {
    let mut memory = Memory::new(&program(case));
    let mut bus =
        Devices { divider: case.divider, flag_period: case.flag_period, ..Devices::new() };
    let mut core = Core::new();
    core.set_skipping(skipping);
    core.set_wait_states(case.wait_states);
    core.reset(&mut memory, &mut bus);
    let mut rises = Vec::new();
    let mut at = 0;
    for &after in &case.interrupts {
        at += after;
        rises.push(at);
    }
    let mut exits = Vec::new();
    let mut splits = case.splits.iter().cycle();
    let mut split = 0;
    while core.cycle() < CYCLES {
        if core.cycle() >= split {
            split = core.cycle() + splits.next().copied().unwrap_or(CYCLES);
        }
        if rises.first().is_some_and(|&rise| rise <= core.cycle()) {
            rises.remove(0);
            bus.lines |= 1 << 3;
        }
        let until = rises.iter().copied().chain([split, CYCLES]).min().unwrap_or(CYCLES);
        let exit = core.run(&mut memory, &mut bus, until);
        exits.push((core.cycle(), core.instructions(), exit));
    }
    let registers = (0..16).map(Register::Core).chain([Register::Xpsr]).map(|r| core.register(r));
    let outcome = Outcome {
        written: bus.written,
        exits,
        registers: registers.collect(),
        ram: memory.ram.to_vec(),
        systick: [core.peek(SYSTICK), core.peek(SYSTICK + 8)],
        pending: core.peek(0xE000_ED04),
    };
    (outcome, core.skipped())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn skipping_changes_nothing(case in case()) {
        let (executed, none) = run(&case, Skipping::Off);
        let (skipped, _) = run(&case, Skipping::On);
        prop_assert_eq!(none, 0);
        prop_assert_eq!(executed, skipped);
    }
}

/// So many of the cycles are skipped.
#[track_caller]
fn check_skipped(wait: Wait, at_least: u64) {
    let case = Case {
        waits: vec![wait],
        divider: 10_000,
        flag_period: 20_000,
        reload: 30_000,
        systick: 7,
        interrupts: vec![5_000],
        splits: vec![CYCLES],
        wait_states: 0,
    };
    let (executed, _) = run(&case, Skipping::Off);
    let (skipped, cycles) = run(&case, Skipping::On);
    assert_eq!(executed, skipped, "{:?}", case.waits);
    assert!(cycles >= at_least, "{:?}: {cycles} cycles skipped", case.waits);
    assert!(at_least > 0 || cycles == 0, "{:?}: {cycles} cycles skipped", case.waits);
}

#[test]
fn waiting_is_skipped_and_counting_is_not() {
    let most = CYCLES * 9 / 10;
    check_skipped(Wait::Counter, most);
    check_skipped(Wait::Variable, CYCLES / 4);
    check_skipped(Wait::FlagInFunction, CYCLES / 4);
    check_skipped(Wait::FlagToggling, CYCLES / 4);
    check_skipped(Wait::CountFlag, CYCLES / 4);
    check_skipped(Wait::MaskedFlag, CYCLES / 4);
    // The count changes all the time, or reading changes it, or something is written.
    check_skipped(Wait::SysTickBelow { sixteenths: 1 }, 0);
    check_skipped(Wait::ReadClears, 0);
    check_skipped(Wait::Delay { turns: 200 }, 0);
    check_skipped(Wait::ClearingPending, 0);
}
