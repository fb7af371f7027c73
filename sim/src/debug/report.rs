//! What a picture shows, as data: the same for people (`text`) and for programs (JSON).
//!
//! Times are whole nanoseconds since the start of the scenario, charges and currents are in base units,
//! addresses and register values are numbers. Version of the JSON: [`VERSION`].

use serde::Serialize;
use stm32l011::chip::{Chip, Mode, Usage};
use stm32l011::pin::{Pin, PinState, Pull};
use stm32l011::registers::{Access, PERIPHERALS};
use stm32l011::time::Time;

use super::charge::{self, Currents};
use super::cpu::{self, Cpu};
use super::observe::{Picture, Step, Why};
use crate::image::RAM;
use crate::symbols::{Place, Return, Symbols};

/// Version of the JSON. It changes when a reader of the old one could be misled.
pub const VERSION: u32 = 1;

/// Everything that was looked at.
#[derive(Debug, Serialize)]
pub struct Report {
    pub(super) format: &'static str,
    pub(super) version: u32,
    pub(super) scenario: String,
    pub(super) image: String,
    pub(super) stops: Vec<Stop>,
}

/// The chip at one instant.
#[derive(Debug, Serialize)]
pub(super) struct Stop {
    /// `None`: before the scenario began.
    pub(super) at_ns: Option<u64>,
    pub(super) why: &'static str,
    /// What faulted and why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<String>,
    pub(super) mode: &'static str,
    /// When it wakes or goes on if nothing comes from outside.
    pub(super) until_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) program: Option<Program>,
    pub(super) pins: Vec<PinReport>,
    pub(super) registers: Vec<RegisterReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stack: Option<Stack>,
    pub(super) used: Used,
    /// Since the stop before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) used_since: Option<Used>,
    pub(super) findings: Vec<Finding>,
    pub(super) memory: Vec<Memory>,
    pub(super) before: Vec<Instruction>,
    pub(super) after: Vec<Instruction>,
}

/// Where the program is, and the core's registers.
#[derive(Debug, Serialize)]
pub(super) struct Program {
    pub(super) at: Location,
    pub(super) callers: Vec<Caller>,
    pub(super) r: [u32; 16],
    pub(super) xpsr: u32,
    pub(super) flags: String,
    pub(super) exception: String,
    pub(super) msp: u32,
    pub(super) psp: u32,
    pub(super) primask: u32,
    pub(super) control: u32,
}

/// An address in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Location {
    pub(super) address: u32,
    pub(super) function: Option<String>,
    pub(super) offset: Option<u32>,
    /// Innermost first; all but the last are inlined.
    pub(super) frames: Vec<Frame>,
}

/// A function, inlined or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Frame {
    pub(super) function: Option<String>,
    /// Where in it, if the image says.
    #[serde(flatten)]
    pub(super) line: Option<Line>,
}

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) column: Option<u32>,
}

/// Who called or was interrupted.
#[derive(Debug, Serialize)]
pub(super) struct Caller {
    /// `call` or `exception`.
    pub(super) by: &'static str,
    #[serde(flatten)]
    pub(super) at: Location,
}

/// A pin that does something.
#[derive(Debug, Serialize)]
pub(super) struct PinReport {
    pub(super) pin: &'static str,
    pub(super) state: &'static str,
}

/// A register that is not what it is after a power-on reset.
#[derive(Debug, Serialize)]
pub(super) struct RegisterReport {
    pub(super) name: String,
    pub(super) value: u32,
    pub(super) reset: u32,
}

/// How deep the stack was.
#[derive(Debug, Serialize)]
pub(super) struct Stack {
    /// Bytes, the most since the image began to run.
    pub(super) used: u32,
    /// The proven bound, exceptions included.
    pub(super) bound: Option<u32>,
    /// Bytes between the lowest stack pointer and what else is in RAM.
    pub(super) left: u32,
}

/// Where time and charge went.
#[derive(Debug, Serialize)]
pub(super) struct Used {
    pub(super) modes: Vec<ModeUsed>,
    pub(super) supplied_ns: u64,
    pub(super) off_ns: u64,
    pub(super) charge_c: f64,
    pub(super) average_current_a: f64,
    pub(super) instructions: u64,
    pub(super) cycles: u64,
    pub(super) sleeps: u64,
    pub(super) stops: u64,
    pub(super) nvm_operations: u64,
}

/// One mode's part.
#[derive(Debug, Serialize)]
pub(super) struct ModeUsed {
    pub(super) mode: &'static str,
    pub(super) time_ns: u64,
    pub(super) current_a: f64,
    pub(super) charge_c: f64,
}

/// What the program did that the chip, or its model, does not.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) what: String,
    pub(super) register: String,
    pub(super) bits: u32,
    pub(super) count: u64,
    pub(super) first: Location,
}

/// Memory as words.
#[derive(Debug, Serialize)]
pub(super) struct Memory {
    pub(super) address: u32,
    /// `null` where nothing answers.
    pub(super) bytes: Vec<Option<u8>>,
}

/// An instruction that was executed.
#[derive(Debug, Serialize)]
pub(super) struct Instruction {
    pub(super) at_ns: Option<u64>,
    pub(super) at: Location,
    /// One half-word or two.
    pub(super) opcode: Vec<u16>,
    /// Registers that it changed, beside the program counter.
    pub(super) changes: Vec<Change>,
}

/// A register's new value.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) register: &'static str,
    pub(super) value: u32,
    /// Of the status register: its flags or the exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) words: Option<String>,
}

/// What pictures are seen with.
pub(super) struct Lens<'a> {
    pub(super) symbols: &'a Symbols<'a>,
    pub(super) currents: &'a Currents,
    /// Time zero on the chip's clock.
    pub(super) zero: u64,
    /// Initial stack pointer, and the end of what else is in RAM.
    pub(super) stack: (u32, u32),
    pub(super) bound: Option<u32>,
    /// Address and bytes.
    pub(super) memory: &'a [(u32, u32)],
}

impl Lens<'_> {
    /// What a picture shows. `before` is the one taken before it.
    pub(super) fn stop(&self, picture: &Picture, before: Option<&Picture>) -> Stop {
        let (why, fault) = match &picture.why {
            Why::Asked => ("asked", None),
            Why::End => ("end", None),
            Why::Fault(info) => ("fault", Some(info.to_string())),
            Why::Lockup(info) => ("lockup", Some(info.to_string())),
        };
        let mut stop = Stop {
            at_ns: picture.at.map(|at| at.0),
            why,
            fault,
            mode: mode(Mode::Off),
            until_ns: None,
            program: None,
            pins: Vec::new(),
            registers: Vec::new(),
            stack: None,
            used: self.used(&picture.used),
            used_since: before.map(|before| self.used(&charge::since(&picture.used, &before.used))),
            findings: Vec::new(),
            memory: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
        };
        let Some(chip) = &picture.chip else {
            return stop;
        };
        stop.mode = mode(chip.mode());
        stop.until_ns = goes_on(chip).and_then(|at| self.scenario_time(at));
        stop.memory = self.memory.iter().map(|&(at, length)| memory(chip, at, length)).collect();
        stop.findings = self.findings(chip);
        match chip.mode() {
            Mode::Off | Mode::Standby | Mode::Reset => return stop,
            Mode::Run | Mode::Sleep | Mode::Stop | Mode::Lockup => {}
        }
        stop.program = Some(self.program(chip));
        stop.pins = pins(chip);
        stop.registers = registers(chip);
        stop.stack = Some(self.stack(chip));
        let instructions = |steps: &[Step]| -> Vec<Instruction> {
            steps.iter().map(|step| self.instruction(chip, step)).collect()
        };
        stop.before = instructions(&picture.before);
        stop.after = instructions(&picture.after);
        stop
    }

    fn scenario_time(&self, at: Time) -> Option<u64> {
        at.0.checked_sub(self.zero)
    }

    fn program(&self, chip: &Chip) -> Program {
        let cpu = Cpu::of(chip);
        let word = |address: u32| chip.peek(address & !3);
        let callers = self.symbols.callers(&cpu.registers(), word);
        let caller = |caller: &Return| {
            let mut at = location(&self.symbols.place(caller.address()));
            // Looked up within the call, shown as what comes behind it, as in LR.
            let pc = caller.registers().r[cpu::PC];
            at.offset = at.offset.map(|offset| offset + (pc - at.address));
            at.address = pc;
            let by = match caller {
                Return::Call(_) => "call",
                Return::Exception(_) => "exception",
            };
            Caller { by, at }
        };
        Program {
            at: location(&self.symbols.place(asleep_at(chip).unwrap_or(cpu.pc()))),
            callers: callers.iter().map(caller).collect(),
            r: cpu.r,
            xpsr: cpu.xpsr,
            flags: cpu::flags(cpu.xpsr),
            exception: cpu::exception(cpu.exception()),
            msp: cpu.msp,
            psp: cpu.psp,
            primask: cpu.primask,
            control: cpu.control,
        }
    }

    fn stack(&self, chip: &Chip) -> Stack {
        let (top, others) = self.stack;
        // Nothing was pushed yet if the lowest is above the top.
        let lowest = chip.core().lowest_sp().min(top);
        Stack { used: top - lowest, bound: self.bound, left: lowest.saturating_sub(others) }
    }

    fn used(&self, usage: &Usage) -> Used {
        let shares = self.currents.shares(usage);
        let charge = charge::charge(&shares);
        let supplied = charge::supplied(usage);
        let seconds = supplied as f64 / 1e9;
        Used {
            modes: shares
                .iter()
                .map(|share| ModeUsed {
                    mode: share.mode,
                    time_ns: share.time,
                    current_a: rounded(share.current),
                    charge_c: rounded(share.charge()),
                })
                .collect(),
            supplied_ns: supplied,
            off_ns: usage.off,
            charge_c: rounded(charge),
            average_current_a: rounded(if supplied == 0 { 0.0 } else { charge / seconds }),
            instructions: usage.instructions,
            cycles: usage.cycles,
            sleeps: usage.sleeps,
            stops: usage.stops,
            nvm_operations: usage.nvm_operations,
        }
    }

    fn findings(&self, chip: &Chip) -> Vec<Finding> {
        let report = chip.report();
        let finding = |entry: &stm32l011::report::Entry| Finding {
            what: entry.finding.to_string(),
            register: entry.name().to_string(),
            bits: entry.bits,
            count: entry.count,
            first: location(&self.symbols.place(entry.first_pc)),
        };
        report.entries().iter().map(finding).collect()
    }

    fn instruction(&self, chip: &Chip, step: &Step) -> Instruction {
        let pc = step.before.pc();
        let first = half(chip, pc);
        let wide = first.is_some_and(|half| half >= 0xE800);
        let second = if wide { half(chip, pc.wrapping_add(2)) } else { None };
        let values = step.before.r.iter().zip(step.after.r).zip(cpu::NAMES);
        let mut changes: Vec<Change> = values
            .filter(|((before, after), name)| *before != after && *name != "pc")
            .map(|((_, value), register)| Change { register, value, words: None })
            .collect();
        let (before, after) = (step.before, step.after);
        if before.xpsr != after.xpsr {
            let words = if before.exception() == after.exception() {
                cpu::flags(after.xpsr)
            } else {
                cpu::exception(after.exception())
            };
            changes.push(Change { register: "xpsr", value: after.xpsr, words: Some(words) });
        }
        if before.primask != after.primask {
            changes.push(Change { register: "primask", value: after.primask, words: None });
        }
        if before.control != after.control {
            changes.push(Change { register: "control", value: after.control, words: None });
        }
        Instruction {
            at_ns: self.scenario_time(step.at),
            at: location(&self.symbols.place(pc)),
            opcode: first.into_iter().chain(second).collect(),
            changes,
        }
    }
}

/// The WFI or WFE that put the core to sleep; the program counter is behind it already.
fn asleep_at(chip: &Chip) -> Option<u32> {
    const WFE: u16 = 0xBF20;
    const WFI: u16 = 0xBF30;
    chip.core().asleep()?;
    let address = chip.core().pc().checked_sub(2)?;
    half(chip, address).filter(|opcode| matches!(*opcode, WFE | WFI)).map(|_| address)
}

fn half(chip: &Chip, address: u32) -> Option<u16> {
    let word = chip.peek(address & !3)?;
    Some((word >> (8 * (address & 2))) as u16)
}

pub(super) fn location(place: &Place) -> Location {
    Location {
        address: place.address,
        function: place.function().map(ToOwned::to_owned),
        offset: place.offset,
        frames: place
            .frames
            .iter()
            .map(|frame| Frame {
                function: frame.function.clone(),
                line: frame.line.as_ref().map(|line| Line {
                    file: line.file.clone(),
                    line: line.line,
                    column: line.column,
                }),
            })
            .collect(),
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Reset => "reset",
        Mode::Run => "Run",
        Mode::Sleep => "Sleep",
        Mode::Stop => "Stop",
        Mode::Standby => "Standby",
        Mode::Lockup => "lockup",
    }
}

/// When the core goes on if nothing comes from outside.
fn goes_on(chip: &Chip) -> Option<Time> {
    /// Nothing inside the chip takes longer than this; the RTC's alarms do, and are not waited for.
    const LONGEST: u64 = 1_000_000_000_000;
    if let Some(operation) = chip.operation() {
        return Some(operation.ends);
    }
    match chip.mode() {
        Mode::Sleep | Mode::Stop | Mode::Reset => {}
        Mode::Off | Mode::Standby | Mode::Run | Mode::Lockup => return None,
    }
    let mut future = chip.clone();
    let limit = chip.now().after(LONGEST);
    let executed = chip.core().instructions();
    let waiting = |usage: &Usage| usage.sleep + usage.stop + usage.reset;
    future.stop_after(Some(1));
    while future.core().instructions() == executed && future.now() < limit {
        future.run(limit);
    }
    let woke = future.core().instructions() > executed;
    woke.then(|| chip.now().after(waiting(&future.usage()) - waiting(&chip.usage())))
}

fn pins(chip: &Chip) -> Vec<PinReport> {
    let state = |state: PinState| match state {
        PinState::Analog => None,
        PinState::Input(Pull::None) => Some("input"),
        PinState::Input(Pull::Up) => Some("input, pull-up"),
        PinState::Input(Pull::Down) => Some("input, pull-down"),
        PinState::Low => Some("low"),
        PinState::High => Some("high"),
        PinState::Released(_) => Some("open drain, released"),
        PinState::Alternate(_) => Some("alternate function"),
    };
    let report = |pin: Pin| Some(PinReport { pin: pin.name(), state: state(chip.pin(pin))? });
    Pin::ALL.into_iter().filter_map(report).collect()
}

/// The registers that are not what they are after a power-on reset.
fn registers(chip: &Chip) -> Vec<RegisterReport> {
    let all = PERIPHERALS.iter().flat_map(|peripheral| peripheral.registers);
    let readable = all.filter(|register| register.access != Access::WriteOnly);
    readable
        .filter_map(|register| {
            let value = chip.peek(register.address)?;
            (value != register.reset).then(|| RegisterReport {
                name: register.to_string(),
                value,
                reset: register.reset,
            })
        })
        .collect()
}

fn memory(chip: &Chip, address: u32, length: u32) -> Memory {
    let byte = |address: u32| {
        let word = chip.peek(address & !3)?;
        Some((word >> (8 * (address & 3))) as u8)
    };
    let bytes = (0..length).map(|n| address.checked_add(n).and_then(byte)).collect();
    Memory { address, bytes }
}

/// Twelve decimals, never a negative zero: picocoulombs.
fn rounded(value: f64) -> f64 {
    (value * 1e12).round() / 1e12 + 0.0
}

/// Initial stack pointer, and the end of what else is in RAM, of an image.
pub(super) fn stack_of(image: &crate::image::Image) -> (u32, u32) {
    let (_, flash) = image.flash();
    let top = flash.first_chunk().map_or(RAM.end, |bytes| u32::from_le_bytes(*bytes));
    let ends = image.sections().iter().filter(|section| RAM.contains(&section.address));
    let others = ends.map(|section| section.address.saturating_add(section.size)).max();
    (top, others.unwrap_or(RAM.start))
}
