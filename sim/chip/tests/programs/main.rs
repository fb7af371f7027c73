//! Programs in C, built here and run on the chip: what they do on pins and in memory, and when.
//!
//! They are written as others write programs for this chip, not as our firmware is: flags polled against
//! a tick, read-modify-write of everything, handlers that block, the C library, code in RAM, and programs
//! that go wrong. Needs `arm-none-eabi-gcc` with newlib. Without it every test is skipped under its name, and
//! fails instead where `HOLDUP_REQUIRE_ORACLES=1` says that nothing may be skipped.
//!
//! Times are held against what follows from the program and the clock: the MSI of 2 097 152 Hz, the LSI
//! of 37 kHz.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

mod board;

use board::{Board, LSI, MSI};
use stm32l011::chip::ResetCause;
use stm32l011::core::FaultCause;
use stm32l011::pin::PinState;

/// A program as it is flashed.
struct Image {
    flash: Vec<u8>,
    symbols: BTreeMap<String, u32>,
}

/// Runs a tool to its end and gives what it printed.
fn tool(name: &str, arguments: &[&str]) -> Result<String, Failed> {
    let output = Command::new(format!("arm-none-eabi-{name}")).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Builds a program. `case` is the value of `CASE`, for those that have several.
fn build(name: &str, level: &str, case: Option<u32>) -> Result<Image, Failed> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let case = case.unwrap_or(0);
    let stem = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{level}-{case}"));
    let path = |base: &Path, ending: &str| base.with_extension(ending).display().to_string();
    let (elf, binary) = (path(&stem, "elf"), path(&stem, "bin"));
    tool(
        "gcc",
        &[
            "-mcpu=cortex-m0plus",
            "-mthumb",
            &format!("-{level}"),
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-ffunction-sections",
            "-fdata-sections",
            "-fno-math-errno",
            "-specs=nano.specs",
            "-specs=nosys.specs",
            "-nostartfiles",
            "-Wl,--gc-sections",
            &format!("-Wl,-T,{}", path(&sources.join("chip"), "ld")),
            &format!("-DCASE={case}"),
            "-o",
            &elf,
            &path(&sources.join(name), "c"),
            &path(&sources.join("start"), "c"),
            "-lm",
        ],
    )?;
    tool("objcopy", &["-O", "binary", &elf, &binary])?;
    let symbols = tool("nm", &[&elf])?
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = u32::from_str_radix(words.next()?, 16).ok()?;
            Some((words.nth(1)?.to_owned(), address & !1))
        })
        .collect();
    Ok(Image { flash: std::fs::read(binary)?, symbols })
}

/// What runs a program, built at an optimisation level, and looks at what it did.
type Check = fn(&str) -> Result<(), Failed>;

/// The optimisation levels that every program is built with.
const LEVELS: [&str; 2] = ["O2", "Os"];

/// A value in a range, both ends included, or a failure that says what it is.
fn within(what: &str, value: f64, low: f64, high: f64) -> Result<(), Failed> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(format!("{what} is {value}, expected {low} to {high}").into())
}

/// Two values that must be the same.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failed> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found:x?}, expected {expected:x?}").into())
}

/// Nothing in the chip's report, and no fault.
fn clean(board: &Board) -> Result<(), Failed> {
    let findings = board.chip.report().entries().to_vec();
    same("findings", findings, Vec::new())?;
    same("faults", board.faults.clone(), Vec::new())?;
    same("lockup", board.lockup, None)
}

/// Vendor style: flags polled with time-outs, a 20 s wait in a handler, EEPROM, Stop.
fn hal_style(level: &str) -> Result<(), Failed> {
    let image = build("hal_style", level, None)?;
    let mut board = Board::new(&image.flash);
    board.run(3.0);
    same("steps", board.result(0), 4)?;
    // 50 ticks of 16 000 cycles, and of 2097, in timer ticks of 2097: the first may be a partial one.
    within("ticks under HSI16", f64::from(board.result(2)), 380.0, 382.0)?;
    within("ticks under MSI", f64::from(board.result(3)), 49.0, 51.0)?;
    let tick = 2097.0 / MSI;
    let highs = board.highs();
    same("marks", highs.len(), 2)?;
    within("HAL_Delay(10)", highs[0] / tick, 10.0, 11.1)?;
    within("delay_ms(100)", highs[1] / tick, 99.0, 100.1)?;
    let low = board.marks[2].0.since(board.marks[1].0) as f64 / 1e9;
    within("delay_ms(1000)", low / tick, 999.0, 1000.1)?;
    // Each word is cleared first, as the vendor's code does, though it is clear already.
    let eeprom = board.chip.eeprom();
    same("EEPROM", [0, 4].map(|at| board::word(eeprom, at)), [0x1234_5678, 0xcafe_0000])?;

    let asleep = board.chip.usage().stop;
    board.press(3.0);
    board.press(10.0);
    board.run(25.0);
    board.press(40.0);
    board.run(64.0);
    same("errors", board.result(1), 0)?;
    same("events handled, one lost", board.result(4), 2)?;
    same("clock after Stop", board.result(6), 0)?;
    let highs = board.highs();
    same("marks", highs.len(), 4)?;
    for wait in &highs[2..] {
        within("20 s in the handler, in timer ticks", wait / tick, 19_999.0, 20_000.03)?;
    }
    let pressed = board.marks[4].0.0 as f64 / 1e9;
    within("from the edge to the handler [s]", pressed - 3.0, 5e-6, 1e-3)?;
    let eeprom = board.chip.eeprom();
    let records = [8, 12, 16, 20].map(|at| board::word(eeprom, at));
    same("records", records, [1, 0x5a00_0000, 2, 0x5a00_0001])?;
    let stopped = (board.chip.usage().stop - asleep) as f64 / 1e9;
    within("in Stop after 3 s [s]", stopped, 64.0 - 3.0 - 40.0 - 0.1, 64.0 - 3.0 - 40.0)?;
    clean(&board)
}

/// Nesting by hand, then five sources at once.
fn interrupts(level: &str) -> Result<(), Failed> {
    let image = build("interrupts", level, None)?;
    let mut board = Board::new(&image.flash);
    for n in 0..10 {
        board.press(0.1 + 0.05 * f64::from(n) * 2.0 - 0.05);
    }
    board.run(2.0);
    same("done", board.result(6), 1)?;
    let log: String = board.chip.ram()[32..]
        .iter()
        .map_while(|&byte| (byte != 0).then_some(char::from(byte)))
        .collect();
    same("order", log.as_str(), "<PTML-EelmtSTML-EelmtS>V.")?;
    same("control", board.result(5), 0)?;
    let counts = [0, 1, 2, 3, 4].map(|n| f64::from(board.result(n)));
    within("TIM2", counts[0], 99.0, 100.0)?;
    within("TIM21", counts[1], 999.0, 1000.0)?;
    within("LPTIM1", counts[2], 99.0, 100.0)?;
    within("EXTI", counts[3], 9.0, 10.0)?;
    within("SysTick", counts[4], 1000.0, 1000.0)?;
    within("nesting", f64::from(board.result(7)), 2.0, 4.0)?;
    let highs = board.highs();
    same("marks", highs.len(), 1)?;
    within("1000 ticks, in cycles", highs[0] * MSI, 1000.0 * 2097.0, 1000.0 * 2097.0 + 300.0)?;
    clean(&board)
}

/// The watchdog bites in Run and in Stop, and causes of resets can be told.
fn watchdog(level: &str) -> Result<(), Failed> {
    let image = build("watchdog", level, None)?;
    let mut board = Board::new(&image.flash);
    board.run(5.0);
    let causes: Vec<_> = board.resets.iter().map(|(_, cause)| *cause).collect();
    same("resets", causes, vec![ResetCause::Watchdog, ResetCause::Software, ResetCause::Watchdog])?;
    same("boots", board.result(1), 4)?;
    let flags = [2, 3, 4, 5].map(|n| board.result(n) & 0xfe00_0000);
    // A reset from inside pulls NRST low too.
    same("causes", flags, [0x0c00_0000, 0x2400_0000, 0x1400_0000, 0x2400_0000])?;
    let cleared = [8, 9, 10, 11].map(|n| board.result(n) & 0xfe00_0000);
    same("causes after RMVF", cleared, [0; 4])?;
    // From the last feeding to the bite: 1156 ticks of 32 LSI cycles, the first one partly gone.
    let highs: Vec<_> = board.marks.iter().filter(|(_, mark)| *mark == PinState::High).collect();
    for (mark, reset) in [(highs[0], board.resets[0]), (highs[1], board.resets[2])] {
        let waited = reset.0.since(mark.0) as f64 / 1e9;
        within("watchdog [LSI cycles / 32]", waited * LSI / 32.0, 1154.9, 1156.1)?;
    }
    clean(&board)
}

/// Flash and EEPROM under program control, code in RAM going on meanwhile.
fn flash(level: &str) -> Result<(), Failed> {
    let image = build("flash", level, None)?;
    let mut board = Board::new(&image.flash);
    board.run(1.0);
    same("errors", board.result(1), 0)?;
    same("steps", board.result(0), 4)?;
    // 3.28 ms each; a loop takes eight cycles or somewhat more.
    for (what, loops) in [("page erase", board.result(2)), ("word", board.result(3))] {
        within(what, f64::from(loops), 3.28e-3 * MSI / 20.0, 3.28e-3 * MSI / 7.9)?;
    }
    let loops = board.result(2) + board.result(3) + board.result(9);
    same("pin changes by code in RAM", board.highs().len(), loops as usize)?;
    let stall = 3.28e-3 * MSI / 16.0;
    within("stall for a word [timer ticks]", f64::from(board.result(4)), stall, stall + 6.0)?;
    same("write to locked EEPROM", board.result(5) & 0x3_2f00, 0x100)?;
    same("locked again", board.result(6) & 1, 1)?;
    let served = 3.28e-3 * MSI / 210.0;
    within("ticks in an erase", f64::from(board.result(7)), served - 1.0, served + 2.0)?;
    within("ticks after a stall", f64::from(board.result(8)), 1.0, 2.0)?;
    let eeprom = board.chip.eeprom();
    let words = [0, 4, 8, 0x100].map(|at| board::word(eeprom, at));
    same("EEPROM", words, [0x1122_aa44, 0xbeef_0000, 0, 0])?;
    let page = [0x3f80, 0x3ffc].map(|at| board::word(board.chip.flash(), at));
    same("page", page, [0xdead_beef, 0x0102_0304])?;
    same("faults", board.faults.clone(), Vec::new())
}

/// Ten wake-ups from Stop by the real-time clock.
fn rtc(level: &str) -> Result<(), Failed> {
    let image = build("rtc", level, None)?;
    let mut board = Board::new(&image.flash);
    board.run(10.5);
    same("wake-ups", board.result(0), 10)?;
    same("marks", board.marks.len(), 10)?;
    let period = 2312.0 * 16.0 / LSI;
    for pair in board.marks.windows(2) {
        let between = pair[1].0.since(pair[0].0) as f64 / 1e9;
        within("period [s]", between, period - 1e-5, period + 1e-5)?;
    }
    within("in Stop [s]", board.chip.usage().stop as f64 / 1e9, 10.49, 10.5)?;
    clean(&board)
}

/// A wait by polling alone takes what the timer takes, to a few cycles.
fn busy(level: &str) -> Result<(), Failed> {
    let image = build("busy", level, None)?;
    let mut board = Board::new(&image.flash);
    board.run(21.0);
    let highs = board.highs();
    same("marks", highs.len(), 1)?;
    let cycles = 20_000.0 * 2097.0;
    within("20 000 timer ticks, in cycles", highs[0] * MSI, cycles, cycles + 30.0)?;
    within("run [s]", board.chip.usage().run as f64 / 1e9, highs[0], highs[0] + 0.01)?;
    clean(&board)
}

/// Two tasks on the process stack, switched by PendSV; then handlers alone.
fn tasks(level: &str) -> Result<(), Failed> {
    let image = build("tasks", level, None)?;
    let mut board = Board::new(&image.flash);
    board.run(2.0);
    let tick = 2097.0 / MSI;
    same("errors", board.result(2), 0)?;
    same("switches", board.result(3), 1000)?;
    same("CONTROL in tasks", board.result(4), 2)?;
    let rounds = [board.result(0), board.result(1)];
    within("rounds of the first", f64::from(rounds[0]), 50.0, 500.0)?;
    within("rounds of the second", f64::from(rounds[1]), 50.0, 500.0)?;
    same("yields", board.result(5), rounds[0] / 16)?;
    same("waits", board.result(6), rounds[1] / 4)?;
    same("marks", board.marks.len(), 1)?;
    let end = board.marks[0].0.0 as f64 / 1e9 / tick;
    let ticks = f64::from(1000 - board.result(5));
    within("ticks to the last switch", end, ticks, ticks + 20.0)?;
    let (served, asleep) = (board.result(7), board.chip.usage().sleep);
    board.run(3.0);
    same("rounds under SLEEPONEXIT", [board.result(0), board.result(1)], rounds)?;
    within("ticks served", f64::from(board.result(7) - served), 1000.0, 1001.0)?;
    within("asleep [s]", (board.chip.usage().sleep - asleep) as f64 / 1e9, 0.95, 1.0)?;
    clean(&board)
}

/// The checksum of `arithmetic.c`.
fn fold(sum: u32, value: u64) -> u32 {
    (sum.rotate_left(7) ^ value as u32).rotate_left(7) ^ (value >> 32) as u32
}

/// Integers, doubles, sorting and text as the compiler and the C library make them.
fn arithmetic(level: &str) -> Result<(), Failed> {
    let image = build("arithmetic", level, None)?;
    let mut board = Board::new(&image.flash);
    board.run(5.0);
    same("steps", board.result(0), 4)?;

    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    let mut sum = 0;
    for n in 0..200_u32 {
        let a = u64::from(next()) << 32 | u64::from(next());
        let b = u64::from(next() >> 7) << (n % 32) | 1;
        let (c, d) = (next() as i32, (next() >> 20) as i32 - 2048);
        sum = fold(sum, a / b);
        sum = fold(sum, a % b);
        sum = fold(sum, a.wrapping_mul(b));
        sum = fold(sum, ((a as i64) >> (n % 64)) as u64);
        sum = fold(sum, u64::from(c.checked_div(d).unwrap_or(0) as u32));
        sum = fold(sum, u64::from(c.checked_rem(d).unwrap_or(0) as u32));
    }
    same("integers", board.result(1), sum)?;

    sum = 0;
    for _ in 0..50 {
        let x = f64::from(next() as i32) / 65_536.0;
        let y = f64::from(next()) / 3.0 + 1.0;
        for value in [x + y, x - y, x * y, x / y, y.sqrt()] {
            sum = fold(sum, value.to_bits());
        }
        sum = fold(sum, u64::from(x as i32 as u32));
        sum = fold(sum, u64::from(x < y));
    }
    same("doubles", board.result(2), sum)?;

    let mut numbers: Vec<i32> = (0..40).map(|_| next() as i32).collect();
    numbers.sort_unstable();
    sum = numbers.iter().fold(0, |sum, &number| fold(sum, u64::from(number as u32)));
    same("sorted", board.result(3), sum)?;

    let text: Vec<u8> =
        board.chip.ram()[16..].iter().copied().take_while(|&byte| byte != 0).collect();
    same("text", String::from_utf8_lossy(&text).as_ref(), "-12345 4000000000 0000beef text x%")?;
    clean(&board)
}

/// One instruction at a time, nothing skipped, a program does the same to the cycle.
fn stepwise(name: &str) -> Result<(), Failed> {
    let image = build(name, "O2", None)?;
    let run = |at_a_time| {
        let mut board = Board::new(&image.flash);
        board.at_a_time = at_a_time;
        board.press(0.4);
        board.run(1.2);
        board
    };
    let (whole, stepped) = (run(None), run(Some(1)));
    let usage = [&whole, &stepped].map(|board| {
        let usage = board.chip.usage();
        (usage.instructions, usage.cycles, usage.run, usage.sleep, usage.stop, usage.nvm_operations)
    });
    same("usage", usage[0], usage[1])?;
    within("instructions", usage[0].0 as f64, 300.0, 3e6)?;
    same("marks", &whole.marks, &stepped.marks)?;
    same("resets", &whole.resets, &stepped.resets)?;
    same("operations", &whole.operations, &stepped.operations)?;
    same("RAM", whole.chip.ram(), stepped.chip.ram())?;
    same("EEPROM", whole.chip.eeprom(), stepped.chip.eeprom())?;
    same("flash", whole.chip.flash(), stepped.chip.flash())?;
    same("findings", whole.chip.report().entries(), stepped.chip.report().entries())
}

/// Where a fault must be told.
#[derive(Clone, Copy)]
enum Where {
    /// At a label.
    Label(&'static str),
    /// At an address.
    Address(u32),
}

/// What must become of a program that goes wrong.
enum Outcome {
    /// Takes a fault, and its handler runs.
    Fault(FaultCause, Where),
    /// Faults, and the fault's frame cannot be stacked either; the handler runs without one.
    FaultWithoutFrame(FaultCause, Where),
    /// Goes on for ever, as the chip does too.
    Loops,
    /// Locks up.
    Lockup(FaultCause, Where),
    /// Sleeps for ever.
    Sleeps,
}

/// The cases of `bad.c`.
const BAD: [(&str, u32, Outcome); 9] = [
    ("jump to nowhere", 1, Outcome::Fault(FaultCause::Fetch, Where::Address(0x3000_0000))),
    ("read of nothing", 2, Outcome::Fault(FaultCause::Bus, Where::Label("wrong"))),
    ("unaligned read", 3, Outcome::Fault(FaultCause::Unaligned, Where::Label("wrong"))),
    ("undefined instruction", 4, Outcome::Fault(FaultCause::Undefined, Where::Label("wrong"))),
    (
        "branch out of Thumb state",
        5,
        Outcome::Fault(FaultCause::InvalidState, Where::Label("main")),
    ),
    ("endless loop", 6, Outcome::Loops),
    ("stack overflow", 7, Outcome::FaultWithoutFrame(FaultCause::Bus, Where::Label("wrong"))),
    ("fault in a fault's handler", 8, Outcome::Lockup(FaultCause::Bus, Where::Label("worse"))),
    ("sleep without end", 9, Outcome::Sleeps),
];

/// A program that goes wrong does so where and as it must.
fn bad(case: u32, outcome: &Outcome) -> Result<(), Failed> {
    let image = build("bad", "O2", Some(case))?;
    let mut board = Board::new(&image.flash);
    board.run(10.0);
    let usage = board.chip.usage();
    let at = |place: &Where| match place {
        Where::Label(label) => image.symbols[*label],
        Where::Address(address) => *address,
    };
    let faults: Vec<_> = board.faults.iter().map(|fault| (fault.cause, fault.pc)).collect();
    let lockup = board.lockup.map(|fault| (fault.cause, fault.pc));
    match outcome {
        Outcome::Fault(cause, place) => {
            same("faults", faults, vec![(*cause, at(place))])?;
            same("lockup", lockup, None)?;
            same("handler ran", board.result(0), 0xf_a017)
        }
        Outcome::FaultWithoutFrame(cause, place) => {
            let pc = at(place);
            same("faults", faults, vec![(*cause, pc), (FaultCause::Stacking, pc)])?;
            same("lockup", lockup, None)?;
            same("handler ran", board.result(0), 0xf_a017)
        }
        Outcome::Loops => {
            same("faults", faults, Vec::new())?;
            within("run [s]", usage.run as f64 / 1e9, 9.99, 10.0)
        }
        Outcome::Lockup(cause, place) => {
            same("faults", faults, vec![(FaultCause::Bus, at(&Where::Label("wrong")))])?;
            same("lockup", lockup, Some((*cause, at(place))))
        }
        Outcome::Sleeps => {
            same("faults", faults, Vec::new())?;
            within("asleep [s]", usage.sleep as f64 / 1e9, 9.99, 10.0)
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let available = tool("gcc", &["--version"]).is_ok();
    let required = std::env::var_os("HOLDUP_REQUIRE_ORACLES").is_some_and(|value| value == "1");
    let programs: [(&str, Check); 8] = [
        ("hal_style", hal_style),
        ("interrupts", interrupts),
        ("watchdog", watchdog),
        ("flash", flash),
        ("rtc", rtc),
        ("busy", busy),
        ("tasks", tasks),
        ("arithmetic", arithmetic),
    ];
    let mut trials = Vec::new();
    for (name, run) in programs {
        for level in LEVELS {
            trials.push(Trial::test(format!("{name} -{level}"), move || run(level)));
        }
    }
    for (name, _) in programs {
        trials.push(Trial::test(format!("{name} stepwise"), move || stepwise(name)));
    }
    for (name, case, outcome) in BAD {
        trials.push(Trial::test(format!("bad: {name}"), move || bad(case, &outcome)));
    }
    if !available && !required {
        trials = trials.into_iter().map(|trial| trial.with_ignored_flag(true)).collect();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
