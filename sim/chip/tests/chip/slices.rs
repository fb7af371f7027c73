//! It does not matter how the embedder slices time, nor whether it looks at a clone.

use stm32l011::chip::{Chip, Stopped, Usage};
use stm32l011::core::{Register, Skipping};
use stm32l011::options::OptionBytes;
use stm32l011::pin::{Drive, Pin, PinState};
use stm32l011::time::Time;
use stm32l011::timing::Oscillators;

use crate::board::{AIRCR, chip, events, program};
use crate::firmware::IMAGE;

/// A pseudo-random number generator, for slices of time.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// What the outside does at some milliseconds.
fn drive(chip: &mut Chip, ms: u64) {
    let now = Time(ms * 1_000_000);
    match ms {
        0 => {
            chip.set_input(now, Pin::PA0, Drive::High);
            chip.set_input(now, Pin::PA1, Drive::High);
            chip.set_input(now, Pin::PA7, Drive::High);
            chip.set_input(now, Pin::PA10, Drive::Low);
            chip.power_on(now);
        }
        700 => chip.set_input(now, Pin::PA1, Drive::Low),
        1_500 => chip.set_input(now, Pin::PA0, Drive::Low),
        1_900 => chip.set_input(now, Pin::PA1, Drive::High),
        _ => {}
    }
}

/// All that can be seen of a run.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    told: Vec<(Time, Stopped, [PinState; Pin::ALL.len()])>,
    registers: Vec<u32>,
    usage: Usage,
    ram: Vec<u8>,
}

/// The firmware's image through an outage and a pressed button, in slices as long as `slice` says.
fn run(skipping: Skipping, mut slice: impl FnMut() -> u64) -> Seen {
    let mut chip = Chip::new(IMAGE, OptionBytes::default(), Oscillators::default());
    chip.set_skipping(skipping);
    let mut told = Vec::new();
    for pair in [0, 700, 1_500, 1_900, 9_000].windows(2) {
        drive(&mut chip, pair[0]);
        let end = Time(pair[1] * 1_000_000);
        let mut until = chip.now();
        while chip.now() < end {
            until = until.after(slice()).min(end);
            while let event @ (Stopped::Pins | Stopped::NvmBegan | Stopped::NvmDone) =
                chip.run(until)
            {
                told.push((chip.now(), event, Pin::ALL.map(|pin| chip.pin(pin))));
            }
        }
    }
    let mut usage = chip.usage();
    // To which of the two the cycle belongs in which a slice ends, is a question of slices.
    (usage.run, usage.sleep) = (0, usage.run + usage.sleep);
    Seen {
        told,
        registers: (0..16).map(|n| chip.core().register(Register::Core(n))).collect(),
        usage,
        ram: chip.ram().to_vec(),
    }
}

#[test]
fn slices_make_no_difference() {
    let whole = run(Skipping::On, || u64::MAX / 2);
    assert!(whole.told.len() > 10, "{}", whole.told.len());
    for (seed, longest) in [(1, 3_000), (2, 100_000), (3, 30_000_000)] {
        let mut state = seed;
        let sliced = run(Skipping::On, || 1 + next(&mut state) % longest);
        assert_eq!(whole, sliced, "slices up to {longest} ns");
    }
}

#[test]
fn slices_that_cut_an_instruction_count_its_time_once() {
    let mut program = program();
    program.write(0xE000_E014, 99).write(0xE000_E010, 7).load(4, 0);
    // Sleeps 20 times, then resets itself: WFI; STR r2, [r3, #4], which is ICSR.PENDSTCLR;
    // ADDS r4, #1; CMP r4, #20; BNE.
    program.load(3, 0xE000_ED00).load(2, 1 << 25);
    let again = program.here();
    program.wfi().op(0x605A).op(0x3401).op(0x2C14);
    program.branch(0xD100, again).write(AIRCR, 0x05FA_0004).halt();
    let usage = |slice: u64| {
        let mut chip = chip(&program);
        let end = Time(60_000_000);
        while chip.now() < end {
            let until = chip.now().after(slice).min(end);
            while chip.run(until) != Stopped::Until {}
        }
        chip.usage()
    };
    let whole = usage(u64::MAX / 2);
    assert!(whole.sleep > 0 && whole.sleeps > 1_000 && whole.reset > 1_500_000, "{whole:?}");
    for slice in [1_000, 777, 300] {
        assert_eq!(usage(slice), whole, "slices of {slice} ns");
    }
}

#[test]
fn skipping_makes_no_difference_to_the_firmware() {
    assert_eq!(run(Skipping::On, || u64::MAX / 2), run(Skipping::Off, || u64::MAX / 2));
}

#[test]
fn a_clone_goes_the_same_way() {
    let mut one = Chip::new(IMAGE, OptionBytes::default(), Oscillators::default());
    drive(&mut one, 0);
    events(&mut one, Time(10_000_000));
    let mut other = one.clone();
    let (a, b) = (events(&mut one, Time(900_000_000)), events(&mut other, Time(900_000_000)));
    assert_eq!((a, one.usage()), (b, other.usage()));
}
