//! A report for people.

use std::fmt;

use super::cpu;
use super::report::{
    Caller, Change, Finding, Frame, Instruction, Line, Location, Memory, PinReport, Program,
    RegisterReport, Report, Stack, Stop, Used,
};
use crate::quantity::{Amps, Nanos};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.scenario, self.image)?;
        self.stops.iter().try_for_each(|stop| write!(f, "\n{stop}"))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at_ns.map_or_else(|| "before 0 s".to_owned(), seconds);
        write!(f, "== {at}: {}", doing(self.mode))?;
        match (self.mode, self.until_ns) {
            ("Run", Some(until)) => {
                write!(f, ", stalled until {} by a write to EEPROM or flash", seconds(until))?;
            }
            (_, Some(until)) => write!(f, " until {} if no pin changes", seconds(until))?,
            (_, None) => {}
        }
        match (self.why, &self.fault) {
            (_, Some(fault)) => writeln!(f, " ({}: {fault})", self.why)?,
            ("end", None) => writeln!(f, " (the end)")?,
            (_, None) => writeln!(f)?,
        }
        instructions(f, "instructions before", &self.before)?;
        if let Some(program) = &self.program {
            write!(f, "{program}")?;
        }
        list(f, "pins", &self.pins)?;
        list(
            f,
            "peripheral registers that are not as after power-on (reset value)",
            &self.registers,
        )?;
        if let Some(stack) = &self.stack {
            write!(f, "{stack}")?;
        }
        for memory in &self.memory {
            write!(f, "{memory}")?;
        }
        usage(f, "time and charge since 0 s", &self.used)?;
        if let Some(used) = &self.used_since {
            usage(f, "time and charge since the stop before", used)?;
        }
        list(f, "what the program did that the chip, or its model, does not", &self.findings)?;
        instructions(f, "instructions after", &self.after)
    }
}

fn seconds(at: u64) -> String {
    format!("{:.6}", Nanos(at))
}

fn doing(mode: &str) -> String {
    match mode {
        "off" => "without supply".to_owned(),
        "reset" => "in reset".to_owned(),
        "Run" => "awake".to_owned(),
        "lockup" => "locked up".to_owned(),
        mode => format!("asleep in {mode}"),
    }
}

/// A heading and a line for each, or nothing.
fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, title: &str, items: &[T]) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}")?;
    items.iter().try_for_each(|item| writeln!(f, "  {item}"))
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program")?;
        writeln!(f, "  at {}", self.at)?;
        frames(f, &self.at.frames)?;
        for Caller { by, at } in &self.callers {
            let how = if *by == "call" { "called by" } else { "interrupted" };
            writeln!(f, "  {how} {at}")?;
            frames(f, &at.frames)?;
        }
        f.write_str("core")?;
        for (number, (name, value)) in cpu::NAMES.iter().zip(self.r).enumerate() {
            let start = if number % 4 == 0 { "\n " } else { "" };
            write!(f, "{start} {name:<3} {value:#010x}")?;
        }
        let masked = if self.primask & 1 == 0 { "" } else { ", interrupts masked" };
        let Self { xpsr, flags, exception, primask, control, msp, psp, .. } = self;
        writeln!(f, "\n  xpsr {xpsr:#010x} ({flags}, {exception})  primask {primask}{masked}")?;
        writeln!(f, "  control {control}  msp {msp:#010x}  psp {psp:#010x}")
    }
}

/// `0x08000a4 function+0x12`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.address)?;
        match (&self.function, self.offset) {
            (Some(function), Some(offset)) => write!(f, " {function}+{offset:#x}"),
            (Some(function), None) => write!(f, " {function}"),
            (None, _) => Ok(()),
        }
    }
}

/// Files and lines, innermost first; who was inlined by name.
fn frames(f: &mut fmt::Formatter<'_>, frames: &[Frame]) -> fmt::Result {
    for (index, frame) in frames.iter().enumerate() {
        let last = index + 1 == frames.len();
        match (&frame.line, &frame.function) {
            (Some(line), Some(function)) if !last => {
                writeln!(f, "     {line} in {function}, inlined")?
            }
            (Some(line), _) => writeln!(f, "     {line}")?,
            (None, Some(function)) if !last => writeln!(f, "     in {function}, inlined")?,
            (None, _) => {}
        }
    }
    Ok(())
}

impl fmt::Display for PinReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<5} {}", self.pin, self.state)
    }
}

impl fmt::Display for RegisterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16} {:#010x} ({:#010x})", self.name, self.value, self.reset)
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stack\n  {} bytes at most so far, {} left", self.used, self.left)?;
        match self.bound {
            Some(bound) => writeln!(f, "; proven bound {bound} bytes (holdup firmware size)"),
            None => writeln!(f, "; no bound could be proven (holdup firmware size)"),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "memory")?;
        for (line, bytes) in self.bytes.chunks(16).enumerate() {
            write!(f, "  {:#010x} ", u64::from(self.address) + 16 * line as u64)?;
            for byte in bytes {
                match byte {
                    Some(byte) => write!(f, " {byte:02x}")?,
                    None => f.write_str(" --")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn usage(f: &mut fmt::Formatter<'_>, title: &str, used: &Used) -> fmt::Result {
    writeln!(f, "{title}")?;
    for mode in used.modes.iter().filter(|mode| mode.time_ns > 0) {
        // Programming is a part of Run.
        let name = if mode.mode == "programming" { "+ write" } else { mode.mode };
        writeln!(
            f,
            "  {name:<8} {:>16}  x {:>9} = {:>12}",
            seconds(mode.time_ns),
            Amps(mode.current_a).to_string(),
            coulombs(mode.charge_c),
        )?;
    }
    if used.off_ns > 0 {
        writeln!(f, "  off      {:>16}", seconds(used.off_ns))?;
    }
    if used.supplied_ns == 0 {
        return Ok(());
    }
    writeln!(
        f,
        "  {:<8} {:>16}  x {:>9} = {:>12} = {:.6} uAh",
        "in all",
        seconds(used.supplied_ns),
        Amps(used.average_current_a).to_string(),
        coulombs(used.charge_c),
        used.charge_c / 3600.0 * 1e6,
    )?;
    write!(f, "  {} instructions, {} cycles of the core clock", used.instructions, used.cycles)?;
    writeln!(f, "; Sleep {} times, Stop {} times", used.sleeps, used.stops)?;
    writeln!(f, "  {} words of EEPROM or flash written", used.nvm_operations)?;
    let wake_ups = used.sleeps + used.stops;
    let awake = used.modes.iter().find(|mode| mode.mode == "Run").map_or(0, |mode| mode.time_ns);
    if wake_ups > 0 {
        let [time, instructions] = [awake, used.instructions].map(|all| all / wake_ups);
        let each = Nanos(time / 1000 * 1000).exact();
        writeln!(f, "  awake {each} and {instructions} instructions per wake-up")?;
    }
    Ok(())
}

/// Microcoulombs up to thousands of them, then millicoulombs.
fn coulombs(charge: f64) -> String {
    if charge < 1e-3 {
        format!("{:.3} uC", charge * 1e6)
    } else {
        format!("{:.4} mC", charge * 1e3)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.register, self.what)?;
        if self.bits != 0 {
            write!(f, ", bits {:#010x}", self.bits)?;
        }
        let times =
            if self.count == 1 { "once".to_owned() } else { format!("{} times", self.count) };
        write!(f, ", {times}, first at {}", self.first)
    }
}

fn instructions(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    instructions: &[Instruction],
) -> fmt::Result {
    if instructions.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}")?;
    let mut place: Option<&[Frame]> = None;
    for instruction in instructions {
        let here = instruction.at.frames.as_slice();
        if place != Some(here) {
            writeln!(f, "  {}", source(here))?;
            place = Some(here);
        }
        writeln!(f, "    {instruction}")?;
    }
    Ok(())
}

/// The lines of a function and of what is inlined in it, innermost last; without folders, for there are
/// many of them.
fn source(frames: &[Frame]) -> String {
    let short = |line: &Line| {
        let file = line.file.rsplit('/').next().unwrap_or_default();
        format!("{file}:{}", line.line)
    };
    let lines: Vec<String> =
        frames.iter().rev().filter_map(|frame| frame.line.as_ref()).map(short).collect();
    if lines.is_empty() { "?".to_owned() } else { lines.join(" > ") }
}

/// `file:line:column`, as compilers and editors write it.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at_ns.map_or_else(|| "before".to_owned(), |at| Nanos(at).in_seconds(6));
        let opcode: String = self.opcode.iter().map(|half| format!("{half:04x} ")).collect();
        write!(f, "{at:>11}  {opcode:<10} {}", self.at)?;
        for (index, Change { register, value, words }) in self.changes.iter().enumerate() {
            let space = if index == 0 { "  " } else { " " };
            match words {
                Some(words) => write!(f, "{space}{register}={words}")?,
                None => write!(f, "{space}{register}={value:#x}")?,
            }
        }
        Ok(())
    }
}
