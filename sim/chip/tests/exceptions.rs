//! A C program full of exceptions, on this core and on QEMU: the logs must be the same.
//!
//! `exceptions/program.c` is built with arm-none-eabi-gcc against newlib and run on
//! `qemu-system-arm -M microbit` (a Cortex-M0). Compared is what happens, in which order and in which
//! state; not when. QEMU's M0 has no SCR: SLEEPONEXIT and SEVONPEND are tested in `core/exceptions.rs`.
//! QEMU gives up on lockup, so that is tested there too.

mod oracle;

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::Failed;
use stm32l011::bus::{Bus, BusFault, Read, Width};
use stm32l011::core::{Core, Debugger, Exit, Register};
use stm32l011::memory::{Memory, RAM};

/// Nothing is there.
struct Nothing;

impl Bus for Nothing {
    fn read(&mut self, _address: u32, _width: Width, _cycle: u64) -> Result<Read, BusFault> {
        Err(BusFault)
    }

    fn write(&mut self, _: u32, _: Width, _: u32, _cycle: u64) -> Result<(), BusFault> {
        Err(BusFault)
    }

    fn lines(&self) -> u32 {
        0
    }
}

/// Runs a command to its end; its standard error.
fn output(command: &mut Command) -> Result<Vec<u8>, Failed> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{:?}: {}\n{text}", command.get_program(), output.status).into());
    }
    Ok(output.stderr)
}

fn installed(program: &str) -> Result<(), String> {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("{program} is not installed")),
    }
}

/// Builds the program: the ELF for QEMU, and its bytes.
fn build() -> Result<(PathBuf, Vec<u8>), Failed> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exceptions");
    let elf = PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/exceptions.elf"));
    let binary = elf.with_extension("bin");
    output(
        Command::new("arm-none-eabi-gcc")
            .args(["-mcpu=cortex-m0", "-mthumb", "-masm-syntax-unified", "-Os", "-g"])
            .args(["-ffunction-sections", "-Wall", "-Wextra", "-Werror"])
            .args(["--specs=nano.specs", "--specs=nosys.specs", "-nostartfiles", "-T"])
            .args([format!("{source}/program.ld"), format!("{source}/program.c")])
            .arg("-o")
            .arg(&elf),
    )?;
    output(Command::new("arm-none-eabi-objcopy").args(["-O", "binary"]).arg(&elf).arg(&binary))?;
    Ok((elf, std::fs::read(binary)?))
}

/// The text that the program prints on this core, with semihosting done here.
fn run(image: &[u8]) -> Result<String, Failed> {
    let mut memory = Memory::new(image);
    let mut core = Core::new();
    core.set_debugger(Debugger::Attached);
    core.reset(&mut memory, &mut Nothing);
    let mut text = String::new();
    while core.cycle() < 10_000_000 {
        match core.run(&mut memory, &mut Nothing, u64::MAX) {
            Exit::Breakpoint => {
                let argument = core.register(Register::Core(1));
                match core.register(Register::Core(0)) {
                    // SYS_WRITE0.
                    4 => text.push_str(&string(&memory, argument)),
                    // SYS_EXIT.
                    0x18 => return Ok(text),
                    other => return Err(format!("semihosting operation {other:#x}").into()),
                }
                core.set_register(Register::Core(15), core.pc() + 2);
            }
            Exit::Asleep(_) => {
                let event = core.next_event();
                if event == u64::MAX {
                    return Err(format!("sleeps for ever at {:#x}\n{text}", core.pc()).into());
                }
                core.idle_until(event);
            }
            Exit::Fault(_) | Exit::Wrote => {}
            other => return Err(format!("{other:?} at {:#x}\n{text}", core.pc()).into()),
        }
    }
    Err(format!("does not end\n{text}").into())
}

/// A string of C, in flash (linked at zero) or RAM.
fn string(memory: &Memory, address: u32) -> String {
    let (bytes, at): (&[u8], u32) =
        if address >= RAM { (&memory.ram[..], address - RAM) } else { (memory.flash(), address) };
    let bytes = bytes.get(at as usize..).unwrap_or_default();
    bytes.iter().take_while(|&&byte| byte != 0).map(|&byte| char::from(byte)).collect()
}

fn compare() -> Result<(), Failed> {
    let (elf, image) = build()?;
    let here = run(&image)?;
    let there = output(
        Command::new("timeout")
            .args(["60", "qemu-system-arm", "-M", "microbit", "-nographic", "-semihosting"])
            // One instruction every 64 ns, whatever else this machine does: no tick comes twice.
            .args(["-icount", "shift=6,align=off,sleep=off", "-kernel"])
            .arg(elf),
    )?;
    let there = String::from_utf8_lossy(&there);
    for (number, (here, there)) in here.lines().zip(there.lines()).enumerate() {
        if here != there {
            return Err(format!("log line {}: {here}; QEMU: {there}", number + 1).into());
        }
    }
    if here.lines().count() != there.lines().count() || here.lines().count() < 100 {
        return Err(format!("the logs differ in length:\n{here}\nQEMU:\n{there}").into());
    }
    Ok(())
}

fn main() -> ExitCode {
    let tools = ["arm-none-eabi-gcc", "arm-none-eabi-objcopy", "qemu-system-arm"];
    let tools = tools.into_iter().try_for_each(installed);
    oracle::run("exceptions_are_those_of_qemu", tools, |()| compare())
}
