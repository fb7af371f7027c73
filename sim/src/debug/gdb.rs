//! GDB's remote protocol: somebody at a debugger runs the chip, with the whole plant around it.
//!
//! The protocol is spoken by `gdbstub`; here is what it means. Simulated time stands still while the
//! chip is halted, so the board around it notices nothing: the watchdog does not bark, the
//! capacitors do not discharge. One connection, on this computer only.
//!
//! Breakpoints compare addresses and change no memory; any number can be set. With breakpoints the chip
//! runs one instruction at a time. A step from a sleeping core ends after the first instruction
//! behind the sleep. Leaves out: watchpoints, writing to flash, EEPROM or peripherals, and `load`.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use gdbstub::arch::{Arch, Registers};
use gdbstub::common::Signal;
use gdbstub::outputln;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{GdbStub, SingleThreadStopReason};
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::singlethread::{
    SingleThreadBase, SingleThreadResume, SingleThreadResumeOps, SingleThreadSingleStep,
    SingleThreadSingleStepOps,
};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, SwBreakpoint, SwBreakpointOps,
};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps};
use gdbstub::target::{Target, TargetError, TargetResult};
use stm32l011::chip::{Chip, Stopped};
use stm32l011::core::Register;
use stm32l011::options::OptionBytes;
use stm32l011::time::Time;
use stm32l011::timing::Oscillators;

use super::observe;
use crate::dut::chip::Runner;
use crate::quantity::Nanos;

/// What is sent to GDB in this order: registers by their numbers in its description.
const REGISTERS: [Register; 21] = {
    let mut all = [Register::Xpsr; 21];
    let mut number = 0;
    while number < 16 {
        all[number] = Register::Core(number as u8);
        number += 1;
    }
    all[17] = Register::Msp;
    all[18] = Register::Psp;
    all[19] = Register::Primask;
    all[20] = Register::Control;
    all
};

/// ARMv6-M.
#[derive(Debug)]
pub(super) enum ArmV6M {}

/// As many words as [`REGISTERS`] has entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words([u32; REGISTERS.len()]);

impl Registers for Words {
    type ProgramCounter = u32;

    fn pc(&self) -> u32 {
        self.0[15]
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        self.0.iter().flat_map(|word| word.to_le_bytes()).for_each(|byte| write_byte(Some(byte)));
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let (words, rest) = bytes.as_chunks();
        if words.len() != self.0.len() || !rest.is_empty() {
            return Err(());
        }
        for (word, bytes) in self.0.iter_mut().zip(words) {
            *word = u32::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

impl Arch for ArmV6M {
    type Usize = u32;
    type Registers = Words;
    type BreakpointKind = usize;
    type RegId = ();

    fn target_description_xml() -> Option<&'static str> {
        Some(include_str!("gdb_target.xml"))
    }
}

/// What the debugger wants the chip to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Step,
    Continue,
}

/// The chip in GDB's hands.
struct Halted {
    chip: Box<Chip>,
    wanted: Wanted,
    /// The instruction at the program counter is executed whatever breakpoint is on it.
    resumed: bool,
    breakpoints: BTreeSet<u32>,
    /// Time zero of the scenario on the chip's clock.
    zero: Nanos,
}

type Machine = GdbStubStateMachine<'static, Halted, TcpStream>;

/// Runs the chip as somebody at a debugger says.
pub(super) struct Gdb {
    listener: TcpListener,
    /// When to halt, since the start of the scenario.
    at: Nanos,
    session: Session,
    halted: Halted,
    /// What is to be told once the plant has seen what the chip did.
    news: Option<SingleThreadStopReason<u32>>,
}

enum Session {
    /// Nobody is there yet.
    Awaited,
    Open(Box<Machine>),
    /// They went away; the scenario runs to its end.
    Over,
}

/// Instructions between two looks whether somebody wants to interrupt.
const PATIENCE: u32 = 4096;
/// Simulated time between two of them where nothing is stepped \[ns\].
const SLICE: u64 = 100_000_000;

impl Gdb {
    /// Listens on a port of this computer; zero is any.
    ///
    /// # Errors
    /// The port is taken or not allowed.
    pub(super) fn listen(port: u16, at: Nanos, zero: Nanos) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, port))?,
            at,
            session: Session::Awaited,
            halted: Halted {
                // In its place while the device has it.
                chip: Box::new(Chip::new(&[], OptionBytes::default(), Oscillators::default())),
                wanted: Wanted::Continue,
                resumed: false,
                breakpoints: BTreeSet::new(),
                zero,
            },
            news: None,
        })
    }

    /// The port it listens on.
    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// The scenario is over.
    pub(super) fn finish(&mut self) {
        self.news = Some(SingleThreadStopReason::Exited(0));
        if let Session::Open(machine) = std::mem::replace(&mut self.session, Session::Over)
            && let GdbStubStateMachine::Running(running) = *machine
        {
            // Whoever has gone away needs no farewell.
            let _ = running.report_stop(&mut self.halted, SingleThreadStopReason::Exited(0));
        }
    }

    /// Answers the debugger until it lets the chip run, and runs it up to `until` then.
    fn serve(&mut self, until: Time) -> Stopped {
        loop {
            match std::mem::replace(&mut self.session, Session::Over) {
                Session::Over => return self.halted.chip.run(until),
                Session::Awaited => self.session = self.accept(),
                Session::Open(machine) => match self.turn(*machine, until) {
                    (session, Some(stopped)) => {
                        self.session = session;
                        return stopped;
                    }
                    (session, None) => self.session = session,
                },
            }
        }
    }

    fn accept(&mut self) -> Session {
        let machine = self.listener.accept().ok().and_then(|(connection, _)| {
            GdbStub::new(connection).run_state_machine(&mut self.halted).ok()
        });
        machine.map_or(Session::Over, |machine| Session::Open(Box::new(machine)))
    }

    /// One byte from the debugger, or one stretch of the chip.
    fn turn(&mut self, machine: Machine, until: Time) -> (Session, Option<Stopped>) {
        let mut stopped = None;
        let next = match machine {
            GdbStubStateMachine::Idle(mut idle) => {
                let mut byte = [0];
                match idle.borrow_conn().read(&mut byte) {
                    Ok(1..) => idle.incoming_data(&mut self.halted, byte[0]).ok(),
                    Ok(0) | Err(_) => None,
                }
            }
            GdbStubStateMachine::Running(mut running) => {
                let (news, state) = match self.news.take() {
                    Some(news) => (Some(news), None),
                    None => self.halted.go(until),
                };
                stopped = state;
                match news {
                    // The plant sees what the chip did before the debugger hears of it.
                    Some(news) if stopped.is_some() => {
                        self.news = Some(news);
                        Some(GdbStubStateMachine::Running(running))
                    }
                    Some(news) => running.report_stop(&mut self.halted, news).ok(),
                    None => match interruption(running.borrow_conn()) {
                        Ok(Some(byte)) => running.incoming_data(&mut self.halted, byte).ok(),
                        Ok(None) => Some(GdbStubStateMachine::Running(running)),
                        Err(_) => None,
                    },
                }
            }
            GdbStubStateMachine::CtrlCInterrupt(interrupted) => {
                let reason = SingleThreadStopReason::Signal(Signal::SIGINT);
                interrupted.interrupt_handled(&mut self.halted, Some(reason)).ok()
            }
            GdbStubStateMachine::Disconnected(_) => None,
        };
        let session = next.map_or(Session::Over, |machine| Session::Open(Box::new(machine)));
        (session, stopped)
    }
}

/// A byte that came although the chip runs.
fn interruption(connection: &mut TcpStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    connection.set_nonblocking(true)?;
    let read = connection.read(&mut byte);
    connection.set_nonblocking(false)?;
    match read {
        Ok(0) => Err(io::ErrorKind::ConnectionAborted.into()),
        Ok(_) => Ok(Some(byte[0])),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

impl Runner for Gdb {
    fn run(&mut self, chip: &mut Chip, until: Time) -> Stopped {
        let halt = Time(self.halted.zero.saturating_add(self.at).0);
        if matches!(self.session, Session::Awaited) && chip.now() < halt {
            let stopped = chip.run(until.min(halt));
            if stopped != Stopped::Until || chip.now() >= until {
                return stopped;
            }
        }
        // GDB's target owns what it works on.
        std::mem::swap(chip, &mut *self.halted.chip);
        let stopped = self.serve(until);
        std::mem::swap(chip, &mut *self.halted.chip);
        stopped
    }
}

impl Halted {
    /// Runs for a while. What is to be told to the debugger, and to the plant.
    fn go(&mut self, until: Time) -> (Option<SingleThreadStopReason<u32>>, Option<Stopped>) {
        let stepping = self.wanted == Wanted::Step || !self.breakpoints.is_empty();
        for _ in 0..PATIENCE {
            let asleep = self.chip.core().asleep().is_some();
            if !self.resumed && !asleep && self.breakpoints.contains(&self.chip.core().pc()) {
                return (Some(SingleThreadStopReason::HwBreak(())), None);
            }
            let pause = until.min(self.chip.now().after(SLICE));
            let (stopped, executed) = if stepping {
                let (stopped, step) = observe::step(&mut self.chip, until);
                (stopped, step.is_some())
            } else {
                (self.chip.run(pause), true)
            };
            if executed {
                self.resumed = false;
            }
            let news = match stopped {
                Stopped::Fault(_) => Some(SingleThreadStopReason::Signal(Signal::SIGSEGV)),
                Stopped::Lockup(_) => Some(SingleThreadStopReason::Signal(Signal::SIGABRT)),
                _ if self.wanted == Wanted::Step && executed => {
                    Some(SingleThreadStopReason::DoneStep)
                }
                _ => None,
            };
            match stopped {
                Stopped::Until if self.chip.now() < until => {}
                stopped => return (news, Some(stopped)),
            }
            if news.is_some() || !stepping {
                return (news, None);
            }
        }
        (None, None)
    }
}

impl Target for Halted {
    type Arch = ArmV6M;
    type Error = &'static str;

    fn base_ops(&mut self) -> BaseOps<'_, ArmV6M, Self::Error> {
        BaseOps::SingleThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadBase for Halted {
    fn read_registers(&mut self, registers: &mut Words) -> TargetResult<(), Self> {
        for (word, register) in registers.0.iter_mut().zip(REGISTERS) {
            *word = self.chip.core().register(register);
        }
        Ok(())
    }

    fn write_registers(&mut self, registers: &Words) -> TargetResult<(), Self> {
        for (word, register) in registers.0.iter().zip(REGISTERS) {
            if self.chip.core().register(register) != *word {
                self.chip.set_register(register, *word);
            }
        }
        Ok(())
    }

    fn read_addrs(&mut self, start: u32, data: &mut [u8]) -> TargetResult<usize, Self> {
        for (index, byte) in data.iter_mut().enumerate() {
            let address = start.wrapping_add(index as u32);
            match self.chip.peek(address & !3) {
                Some(word) => *byte = (word >> (8 * (address & 3))) as u8,
                None if index == 0 => return Err(TargetError::NonFatal),
                None => return Ok(index),
            }
        }
        Ok(data.len())
    }

    fn write_addrs(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        // Flash, EEPROM and peripherals have effects and rules of their own.
        if self.chip.write_ram(start, data) { Ok(()) } else { Err(TargetError::NonFatal) }
    }

    fn support_resume(&mut self) -> Option<SingleThreadResumeOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadResume for Halted {
    // A signal means nothing to a chip.
    fn resume(&mut self, _signal: Option<Signal>) -> Result<(), Self::Error> {
        (self.wanted, self.resumed) = (Wanted::Continue, true);
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<SingleThreadSingleStepOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadSingleStep for Halted {
    fn step(&mut self, _signal: Option<Signal>) -> Result<(), Self::Error> {
        (self.wanted, self.resumed) = (Wanted::Step, true);
        Ok(())
    }
}

impl Breakpoints for Halted {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }
}

impl SwBreakpoint for Halted {
    fn add_sw_breakpoint(&mut self, address: u32, _kind: usize) -> TargetResult<bool, Self> {
        self.breakpoints.insert(address & !1);
        Ok(true)
    }

    fn remove_sw_breakpoint(&mut self, address: u32, _kind: usize) -> TargetResult<bool, Self> {
        Ok(self.breakpoints.remove(&(address & !1)))
    }
}

impl HwBreakpoint for Halted {
    fn add_hw_breakpoint(&mut self, address: u32, kind: usize) -> TargetResult<bool, Self> {
        self.add_sw_breakpoint(address, kind)
    }

    fn remove_hw_breakpoint(&mut self, address: u32, kind: usize) -> TargetResult<bool, Self> {
        self.remove_sw_breakpoint(address, kind)
    }
}

impl MonitorCmd for Halted {
    fn handle_monitor_cmd(
        &mut self,
        command: &[u8],
        mut out: ConsoleOutput<'_>,
    ) -> Result<(), Self::Error> {
        match command {
            b"time" => {
                let now = Nanos(self.chip.now().0);
                let since = now.saturating_sub(self.zero);
                outputln!(out, "{since:.9}, {:?}", self.chip.mode());
            }
            _ => outputln!(out, "the only command is: monitor time"),
        }
        Ok(())
    }
}
