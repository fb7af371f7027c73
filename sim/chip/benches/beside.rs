//! How fast the core is beside other emulators of it, in one run on one machine; and how fast the whole chip
//! waits.
//!
//! `cargo bench -p stm32l011 --bench beside`. One busy program (`busy.c`) is built with arm-none-eabi-gcc and
//! run to its end here, in unicorn and in qemu-system-arm, in turn and several times; the medians are
//! printed, in instructions a second, with their ratio to ours. The number of instructions is
//! counted here; the others only say how long they took. unicorn and qemu translate to machine code and
//! count no cycles; this core interprets and counts every one. qemu's time includes its start.
//!
//! Then a program that polls a timer for 20 s (`tests/programs/busy.c`) runs on the whole chip, with the polling
//! executed and with it skipped.
//!
//! What is not installed is left out by name.
#![expect(clippy::disallowed_types, reason = "a benchmark times what it runs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use stm32l011::bus::{Bus, BusFault, Read, Width};
use stm32l011::chip::Chip;
use stm32l011::core::{Core, Exit, Skipping};
use stm32l011::memory::Memory;
use stm32l011::options::OptionBytes;
use stm32l011::time::Time;
use stm32l011::timing::Oscillators;

/// How often each is run.
const TURNS: usize = 7;

/// No peripheral at all.
struct Nothing;

impl Bus for Nothing {
    fn read(&mut self, _: u32, _: Width, _: u64) -> Result<Read, BusFault> {
        Err(BusFault)
    }

    fn write(&mut self, _: u32, _: Width, _: u32, _: u64) -> Result<(), BusFault> {
        Err(BusFault)
    }

    fn lines(&self) -> u32 {
        0
    }
}

/// What one run of the program took.
struct Run {
    seconds: f64,
    result: u32,
}

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("beside");
    if let Err(why) = std::fs::create_dir_all(&folder) {
        println!("cannot create {}: {why}", folder.display());
        return;
    }
    let (Some(ours), Some(theirs)) =
        (build(&folder, "chip", "0x08000000", &[]), build(&folder, "qemu", "0", &["-DQEMU"]))
    else {
        println!("left out: arm-none-eabi-gcc does not build busy.c");
        return;
    };
    let symbols = symbols(&ours);
    let address = |name: &str| symbols.iter().find(|(symbol, _)| symbol == name).map(|(_, at)| *at);
    let (Some(done), Some(result)) = (address("done"), address("result")) else {
        println!("left out: the program has no symbols");
        return;
    };
    let raw = ours.with_extension("bin");
    run(Command::new("arm-none-eabi-objcopy").args(["-O", "binary"]).arg(&ours).arg(&raw));
    let Ok(image) = std::fs::read(&raw) else {
        println!("left out: no raw image");
        return;
    };

    let mut instructions = 0;
    let mut here = Vec::new();
    let mut unicorn = Vec::new();
    let mut qemu = Vec::new();
    for _ in 0..TURNS {
        let (run, count) = run_here(&image, done, result);
        instructions = count;
        here.push(run);
        unicorn.extend(run_unicorn(&raw, done, result));
        qemu.extend(run_qemu(&theirs));
    }
    let expected = here.first().map_or(0, |run| run.result);
    println!("{instructions} instructions, result {expected:#010x}, median of {TURNS} runs");
    let ours = median(&here);
    for (name, runs) in [("stm32l011", &here), ("unicorn", &unicorn), ("qemu-system-arm", &qemu)] {
        let seconds = median(runs);
        if runs.is_empty() {
            println!("{name:<16} left out: not installed");
            continue;
        }
        let agrees = runs.iter().all(|run| run.result == expected || run.result == 0);
        println!(
            "{name:<16} {:>8.1} M instructions/s {:>8.3} s {:>6.2} x ours{}",
            instructions as f64 / seconds / 1e6,
            seconds,
            ours / seconds,
            if agrees { "" } else { "  WRONG RESULT" },
        );
    }
    wait(&folder);
}

/// A program that waits busily, on the whole chip.
fn wait(folder: &Path) {
    const WAIT: Time = Time(20_000_000_000);
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let elf = folder.join("wait.elf");
    let raw = folder.join("wait.bin");
    let built = run(Command::new("arm-none-eabi-gcc")
        .args(["-mcpu=cortex-m0plus", "-mthumb", "-O2", "-std=c11", "-nostartfiles"])
        .args(["-specs=nano.specs", "-specs=nosys.specs", "-T"])
        .arg(programs.join("chip.ld"))
        .args([programs.join("start.c"), programs.join("busy.c")])
        .arg("-o")
        .arg(&elf));
    run(Command::new("arm-none-eabi-objcopy").args(["-O", "binary"]).arg(&elf).arg(&raw));
    let (Some(_), Ok(image)) = (built, std::fs::read(&raw)) else {
        println!("left out: arm-none-eabi-gcc does not build busy.c with newlib");
        return;
    };
    for (name, skipping) in [("executed", Skipping::Off), ("skipped", Skipping::On)] {
        let mut instructions = 0;
        let mut runs = Vec::new();
        for _ in 0..TURNS {
            let mut chip = Chip::new(&image, OptionBytes::default(), Oscillators::default());
            chip.set_skipping(skipping);
            let begin = Instant::now();
            chip.power_on(Time(0));
            while chip.now() < WAIT {
                chip.run(WAIT);
            }
            runs.push(Run { seconds: begin.elapsed().as_secs_f64(), result: 0 });
            instructions = chip.usage().instructions;
        }
        let seconds = median(&runs);
        println!(
            "20 s of polling, {name}: {:.4} s, {:.0} x real time ({instructions} instructions)",
            seconds,
            WAIT.0 as f64 / 1e9 / seconds
        );
    }
}

fn median(runs: &[Run]) -> f64 {
    let mut seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}

fn run(command: &mut Command) -> Option<Output> {
    command.output().ok().filter(|output| output.status.success())
}

fn build(folder: &Path, name: &str, origin: &str, more: &[&str]) -> Option<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let elf = folder.join(name).with_extension("elf");
    run(Command::new("arm-none-eabi-gcc")
        .args(["-mcpu=cortex-m0plus", "-mthumb", "-O2", "-ffreestanding", "-nostdlib"])
        .args(more)
        .arg(sources.join("busy.c"))
        .arg("-T")
        .arg(sources.join("busy.ld"))
        .arg(format!("-Wl,--defsym=flash_origin={origin}"))
        .arg("-o")
        .arg(&elf))?;
    Some(elf)
}

fn symbols(elf: &Path) -> Vec<(String, u32)> {
    let listing = run(Command::new("arm-none-eabi-nm").arg(elf));
    let text = listing.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u32::from_str_radix(words.next()?, 16).ok()?;
        Some((words.nth(1)?.to_owned(), address))
    };
    text.unwrap_or_default().lines().filter_map(entry).collect()
}

fn run_here(image: &[u8], done: u32, result: u32) -> (Run, u64) {
    let mut memory = Memory::new(image);
    let mut core = Core::new();
    core.reset(&mut memory, &mut Nothing);
    // It ends in a loop that a skipping core would pass at once.
    let begin = Instant::now();
    while core.pc() & !1 != done {
        let until = core.cycle() + 1_000_000;
        if core.run(&mut memory, &mut Nothing, until) != Exit::Until {
            break;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let offset = result.wrapping_sub(stm32l011::memory::RAM) as usize;
    let word = memory.ram.get(offset..offset + 4).and_then(|word| word.try_into().ok());
    let result = word.map_or(0, u32::from_le_bytes);
    (Run { seconds, result }, core.instructions())
}

fn run_unicorn(raw: &Path, done: u32, result: u32) -> Option<Run> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/busy_unicorn.py");
    let output = ["python3", "/usr/bin/python3"].into_iter().find_map(|python| {
        run(Command::new(python)
            .arg(&script)
            .arg(raw)
            .arg(done.to_string())
            .arg(result.to_string()))
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace();
    Some(Run { seconds: words.next()?.parse().ok()?, result: words.next()?.parse().ok()? })
}

/// qemu tells no result; its program only has to end well.
fn run_qemu(elf: &Path) -> Option<Run> {
    let begin = Instant::now();
    run(Command::new("qemu-system-arm")
        .args(["-M", "microbit", "-nographic", "-semihosting", "-kernel"])
        .arg(elf))?;
    Some(Run { seconds: begin.elapsed().as_secs_f64(), result: 0 })
}
