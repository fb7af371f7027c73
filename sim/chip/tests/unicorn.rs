//! Random programs against unicorn: every register, flag and byte of RAM after each of them.
//!
//! The programs hold every kind of instruction but those that wait or trap (WFI, WFE, SVC, BKPT), with
//! loops, calls, jumps through registers and the stack, undefined encodings, and accesses that fault.
//! They run from flash, from its alias at zero and from RAM. How many instructions are compared:
//! `STM32L011_UNICORN_INSTRUCTIONS` (1 200 000 unless set), with the seed `STM32L011_UNICORN_SEED` (1).
//!
//! Unicorn is GPL and stays outside: a Python script (`run_unicorn.py`) drives it in a process of its own.
//! Without a Python that has the module the test is reported as ignored; `HOLDUP_REQUIRE_ORACLES=1`
//! makes that a failure. Not compared: cycles, which unicorn does not count; registers that a multiple
//! transfer was to load when it faulted, which the architecture leaves unknown; programs that overwrite
//! themselves in RAM, since unicorn may go on with what it has translated; programs that set the two bits
//! of a stack pointer which are always zero, since unicorn keeps them.

mod oracle;
mod thumb;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use libtest_mimic::Failed;
use stm32l011::bus::{Bus, BusFault, Read, Width};
use stm32l011::core::{Core, Exit, FaultCause, Register};
use stm32l011::memory::{FLASH, Memory, RAM, RAM_BYTES};
use thumb::{Generator, Program, is_left_out, loaded};

/// Unicorn maps whole pages: the RAM there has as much again, which here is behind the bus.
struct MoreRam(Box<[u8; RAM_BYTES]>);

impl MoreRam {
    fn slice(&mut self, address: u32, width: Width) -> Result<&mut [u8], BusFault> {
        let length = match width {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        };
        let at = address.wrapping_sub(RAM + RAM_BYTES as u32) as usize;
        self.0.get_mut(at..at.saturating_add(length)).ok_or(BusFault)
    }
}

impl Bus for MoreRam {
    fn read(&mut self, address: u32, width: Width, _cycle: u64) -> Result<Read, BusFault> {
        let bytes = self.slice(address, width)?;
        Ok(Read::steady(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte))))
    }

    fn write(
        &mut self,
        address: u32,
        width: Width,
        value: u32,
        _cycle: u64,
    ) -> Result<(), BusFault> {
        let bytes = self.slice(address, width)?;
        bytes.copy_from_slice(&value.to_le_bytes()[..bytes.len()]);
        Ok(())
    }

    fn lines(&self) -> u32 {
        0
    }
}

/// The words of a core's state, in the script's order.
const NAMES: [&str; 21] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr",
    "pc", "flags", "msp", "psp", "control", "primask",
];

fn state(core: &Core) -> [u32; 21] {
    let mut words = [0; 21];
    for (number, word) in words.iter_mut().enumerate().take(16) {
        *word = core.register(Register::Core(number as u8));
    }
    words[16] = core.register(Register::Xpsr) & 0xF000_0000;
    words[17] = core.register(Register::Msp);
    words[18] = core.register(Register::Psp);
    words[19] = core.register(Register::Control);
    words[20] = core.register(Register::Primask);
    words
}

/// The script, running.
struct Unicorn {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// What it answers.
struct Answer {
    failed: bool,
    state: [u32; 21],
    ram: Vec<u8>,
}

impl Unicorn {
    /// Starts the script with the first interpreter that has the module.
    fn start() -> Result<Self, String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/run_unicorn.py");
        let mut tried = Vec::new();
        for python in ["python3", "/usr/bin/python3"] {
            let started = Command::new(python)
                .arg(script)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut child) = started else {
                tried.push(format!("{python} does not start"));
                continue;
            };
            let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
                continue;
            };
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            if stdout.read_line(&mut line).is_ok() && line.starts_with("unicorn") {
                return Ok(Self { child, stdin, stdout });
            }
            tried.push(format!("{python} has no unicorn"));
            // It is gone already, or about to go: its stdin closes here.
            drop(stdin);
            _ = child.wait();
        }
        Err(tried.join(", "))
    }

    fn run(&mut self, program: &Program, count: u32) -> std::io::Result<Answer> {
        let mut request = Vec::new();
        let code: Vec<u8> = program.code.iter().flat_map(|half| half.to_le_bytes()).collect();
        let words = [program.address, code.len() as u32];
        request.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        request.extend(&code);
        let words = program.registers.iter().chain([&program.address, &count]);
        request.extend(words.flat_map(|word| word.to_le_bytes()));
        self.stdin.write_all(&request)?;
        self.stdin.flush()?;
        let mut words = [0; 22 * 4];
        self.stdout.read_exact(&mut words)?;
        let mut words = words.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let failed = words.next() == Some(1);
        let mut state = [0; 21];
        state.iter_mut().zip(words).for_each(|(to, from)| *to = from);
        state[16] &= 0xF000_0000;
        let mut ram = vec![0; 2 * RAM_BYTES];
        self.stdout.read_exact(&mut ram)?;
        Ok(Answer { failed, state, ram })
    }
}

impl Drop for Unicorn {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Counts for the report, and to see that nothing is left out too often.
#[derive(Default, Debug)]
struct Tally {
    programs: u64,
    instructions: u64,
    faults: u64,
    multiple_faults: u64,
    overwritten: u64,
    unaligned: u64,
}

fn number(name: &str, default: u64) -> Result<u64, Failed> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| format!("{name} is not a number: {text}").into()),
        Err(_) => Ok(default),
    }
}

/// The half-word at an address, as far as it is in memory.
fn half_at(memory: &Memory, more: &MoreRam, address: u32) -> Option<u16> {
    let at = |base: u32| address.wrapping_sub(base) as usize;
    let find = |bytes: &[u8], at: usize| Some([*bytes.get(at)?, *bytes.get(at + 1)?]);
    let bytes = find(memory.flash(), at(FLASH))
        .or_else(|| find(memory.flash(), at(0)))
        .or_else(|| find(&memory.ram[..], at(RAM)))
        .or_else(|| find(&more.0[..], at(RAM + RAM_BYTES as u32)))?;
    Some(u16::from_le_bytes(bytes))
}

/// Whether the instruction at the PC is not compared. Outside the program that is whatever can be fetched:
/// data change, and unicorn may know them from an earlier visit.
fn left_out(program: &Program, memory: &Memory, more: &MoreRam, core: &Core) -> bool {
    let pc = core.pc();
    let thumb = core.register(Register::Xpsr) & 1 << 24 != 0;
    let Some(first) = half_at(memory, more, pc).filter(|_| thumb) else { return false };
    let second = half_at(memory, more, pc.wrapping_add(2)).unwrap_or(0);
    let inside = pc.wrapping_sub(program.address) < program.code.len() as u32 * 2;
    // MSR with bit 27: unicorn keeps the flag Q there, which ARMv6-M does not have.
    let q = first & 0xFFF0 == 0xF380
        && core.register(Register::Core(first as u8 & 15)) & 1 << 27 != 0
        && second & 0xFF < 4;
    !inside || q || is_left_out(first, second)
}

/// Puts a program and its registers into the core.
fn load(core: &mut Core, memory: &mut Memory, more: &mut MoreRam, program: &Program) {
    let code: Vec<u8> = program.code.iter().flat_map(|half| half.to_le_bytes()).collect();
    if program.address >= RAM {
        let at = (program.address - RAM) as usize;
        memory.ram[at..at + code.len()].copy_from_slice(&code);
    } else {
        memory.program((program.address % FLASH) as usize, &code);
    }
    core.reset(memory, more);
    for (number, &value) in program.registers.iter().enumerate().take(13) {
        core.set_register(Register::Core(number as u8), value);
    }
    core.set_register(Register::Msp, program.registers[13]);
    core.set_register(Register::Psp, program.registers[14]);
    core.set_register(Register::Core(14), program.registers[15]);
    core.set_register(Register::Xpsr, program.registers[16] | 1 << 24);
    core.set_register(Register::Core(15), program.address);
}

/// Compares until the instructions are spent.
fn compare(mut unicorn: Unicorn) -> Result<Tally, Failed> {
    let budget = number("STM32L011_UNICORN_INSTRUCTIONS", 1_200_000)?;
    let mut generator = Generator::new(number("STM32L011_UNICORN_SEED", 1)?);
    let mut memory = Memory::new(&[]);
    let mut more = MoreRam(Box::new([0; RAM_BYTES]));
    let mut core = Core::new();
    let mut tally = Tally::default();
    while tally.instructions < budget {
        let program = generator.program();
        let before = (memory.ram.clone(), more.0.clone());
        load(&mut core, &mut memory, &mut more, &program);
        let begin = core.instructions();
        let limit = generator.below(192) + 64;
        let mut fault = None;
        // One by one, to stop before whatever is not compared.
        while core.instructions() - begin < u64::from(limit)
            && !left_out(&program, &memory, &more, &core)
        {
            match core.step(&mut memory, &mut more) {
                Exit::Until | Exit::Wrote => {}
                Exit::Fault(found) => {
                    fault = Some(found);
                    break;
                }
                other => return Err(format!("{other:?} in {program}").into()),
            }
        }
        let count = core.instructions() - begin;
        // An instruction that could not be fetched is not counted here.
        let fetched = !matches!(
            fault.map(|fault| fault.cause),
            Some(FaultCause::Fetch | FaultCause::ExecuteNever | FaultCause::InvalidState)
        );
        let allowed = count + u64::from(!fetched);
        let mine = state(&core);
        let ram: Vec<u8> = memory.ram.iter().chain(more.0.iter()).copied().collect();
        tally.programs += 1;
        tally.instructions += count;

        // The same in one go: the loop must do what single steps do.
        let after = (memory.ram.clone(), more.0.clone());
        (memory.ram, more.0) = before;
        load(&mut core, &mut memory, &mut more, &program);
        core.stop_after(Some(allowed));
        let exit = loop {
            match core.run(&mut memory, &mut more, u64::MAX) {
                Exit::Wrote => {}
                exit => break exit,
            }
        };
        core.stop_after(None);
        let expected = fault.map_or(Exit::Instructions, |fault| match exit {
            Exit::Fault(found) if (found.cause, found.pc) == (fault.cause, fault.pc) => exit,
            _ => Exit::Fault(fault),
        });
        if exit != expected
            || state(&core) != mine
            || (&memory.ram, &more.0) != (&after.0, &after.1)
        {
            return Err(
                format!("running is not stepping: {exit:?}, {expected:?}\n{program}").into()
            );
        }

        let answer = unicorn.run(&program, allowed as u32).map_err(|e| e.to_string())?;
        let unaligned = [13, 17, 18].iter().any(|&n| answer.state[n] & 3 != 0);
        let overwritten = generator.overwritten(&program, &ram);
        if unaligned || overwritten {
            tally.unaligned += u64::from(unaligned);
            tally.overwritten += u64::from(overwritten);
            memory.ram.copy_from_slice(&answer.ram[..RAM_BYTES]);
            more.0.copy_from_slice(&answer.ram[RAM_BYTES..]);
            continue;
        }
        tally.faults += u64::from(fault.is_some());
        let unknown = match fault {
            Some(_) => half_at(&memory, &more, core.pc()).map_or(0, loaded),
            None => 0,
        };
        tally.multiple_faults += u64::from(unknown != 0);
        let mut differences = String::new();
        if answer.failed != fault.is_some() {
            differences += &format!("fault: {fault:?}, unicorn: {}\n", answer.failed);
        }
        for n in 0..NAMES.len() {
            if unknown >> n & 1 == 0 && mine[n] != answer.state[n] {
                let name = NAMES[n];
                differences += &format!("{name}: {:#x}, unicorn {:#x}\n", mine[n], answer.state[n]);
            }
        }
        for (at, (here, there)) in ram.iter().zip(&answer.ram).enumerate() {
            if here != there {
                differences += &format!("RAM + {at:#x}: {here:#x}, unicorn {there:#x}\n");
            }
        }
        if !differences.is_empty() {
            return Err(format!("{differences}after {count} instructions of\n{program}").into());
        }
    }
    // What is left out must stay the exception.
    let left_out = tally.overwritten + tally.unaligned + tally.multiple_faults;
    if left_out * 20 > tally.programs {
        return Err(format!("too much is not compared: {tally:?}").into());
    }
    Ok(tally)
}

fn main() -> ExitCode {
    oracle::run("random_programs_agree_with_unicorn", Unicorn::start(), |unicorn| {
        let tally = compare(unicorn)?;
        println!("{tally:?}");
        Ok(())
    })
}
