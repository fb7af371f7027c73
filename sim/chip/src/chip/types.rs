//! What the chip tells its embedder.

use std::fmt;

use crate::core::FaultCause;

/// Why the chip was reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetCause {
    /// The supply came up.
    PowerOn,
    /// The supply fell below the brown-out or power-down threshold.
    BrownOut,
    /// NRST was low.
    Pin,
    /// SYSRESETREQ.
    Software,
    /// The independent watchdog.
    Watchdog,
    /// The window watchdog.
    WindowWatchdog,
    /// Entry of Stop or Standby, where the option bytes say so.
    LowPower,
    /// OBL_LAUNCH.
    OptionLoad,
    /// Wake-up from Standby: no flag but PWR_CSR.SBF and WUF.
    StandbyExit,
}

impl fmt::Display for ResetCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerOn => "power-on reset",
            Self::BrownOut => "brown-out reset",
            Self::Pin => "reset by NRST",
            Self::Software => "reset by software",
            Self::Watchdog => "reset by the independent watchdog",
            Self::WindowWatchdog => "reset by the window watchdog",
            Self::LowPower => "reset on entry of a low-power mode",
            Self::OptionLoad => "reset to load the option bytes",
            Self::StandbyExit => "wake-up from Standby",
        })
    }
}

/// Why [`Chip::run`](super::Chip::run) came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The time asked for has come.
    Until,
    /// A pin's state changed, at [`Chip::now`](super::Chip::now).
    Pins,
    /// An erase or programming of non-volatile memory began:
    /// [`Chip::operation`](super::Chip::operation).
    NvmBegan,
    /// It is over.
    NvmDone,
    /// The chip reset itself, for this cause. Its pins float again.
    Reset(ResetCause),
    /// An instruction faulted; the HardFault handler runs next. Told once each.
    Fault(FaultInfo),
    /// The core has locked up. Nothing but a reset ends that. Told once.
    Lockup(FaultInfo),
    /// The instructions of [`Chip::stop_after`](super::Chip::stop_after) are done.
    Instructions,
    /// A BKPT, while a debugger is attached; the program counter stays on it.
    Breakpoint,
}

/// A fault, and where the program was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultInfo {
    /// What went wrong.
    pub cause: FaultCause,
    /// The instruction that faulted.
    pub pc: u32,
    /// The address that was accessed, where there is one.
    pub address: Option<u32>,
    /// The link register: who called.
    pub lr: u32,
    /// The stack pointer.
    pub sp: u32,
}

impl fmt::Display for FaultInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match self.cause {
            FaultCause::Undefined => "undefined instruction",
            FaultCause::Unaligned => "misaligned access",
            FaultCause::Bus => "access where nothing answers",
            FaultCause::Fetch => "instruction fetch where nothing answers",
            FaultCause::ExecuteNever => "instruction fetch from peripherals",
            FaultCause::InvalidState => "branch to an even address",
            FaultCause::Breakpoint => "breakpoint without a debugger",
            FaultCause::SupervisorCall => "supervisor call that cannot be taken",
            FaultCause::Stacking => "exception frame could not be written",
            FaultCause::Unstacking => "exception frame could not be read",
            FaultCause::Vector => "vector could not be read",
            FaultCause::InvalidReturn => "invalid exception return",
        };
        write!(f, "{cause} at {:#010x}", self.pc)?;
        match self.address {
            Some(address) => write!(f, ", address {address:#010x}"),
            None => Ok(()),
        }
    }
}

/// What the chip is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No supply.
    Off,
    /// In reset, or starting after one.
    Reset,
    /// Running; stalled, if there is an operation and the code is in flash.
    Run,
    /// Sleep mode.
    Sleep,
    /// Stop mode, waking from it included.
    Stop,
    /// Standby mode.
    Standby,
    /// Locked up.
    Lockup,
}

/// Where the time since the chip was made went, in nanoseconds, and what was done in it, in counts.
///
/// All times but `stalled` add up to the time that passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Running, stalls and lockup included \[ns\].
    pub run: u64,
    /// Stalled by an erase or programming; part of `run` \[ns\].
    pub stalled: u64,
    /// In Sleep mode \[ns\].
    pub sleep: u64,
    /// In Stop mode, waking from it included \[ns\].
    pub stop: u64,
    /// In Standby mode \[ns\].
    pub standby: u64,
    /// Supplied but in reset or starting up \[ns\].
    pub reset: u64,
    /// Without supply \[ns\].
    pub off: u64,
    /// Instructions executed \[count\].
    pub instructions: u64,
    /// Cycles of the core's clock, Sleep included \[count\].
    pub cycles: u64,
    /// Entries of Sleep mode \[count\].
    pub sleeps: u64,
    /// Entries of Stop mode \[count\].
    pub stops: u64,
    /// Words of non-volatile memory written, and pages erased \[count\].
    pub nvm_operations: u64,
}

/// What time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    Run,
    Stalled,
    Sleep,
    Stop,
    Standby,
    Reset,
    Off,
}

impl Usage {
    /// Adds some nanoseconds.
    pub(super) const fn spend(&mut self, nanos: u64, on: Spent) {
        match on {
            Spent::Run => self.run += nanos,
            Spent::Stalled => {
                self.run += nanos;
                self.stalled += nanos;
            }
            Spent::Sleep => self.sleep += nanos,
            Spent::Stop => self.stop += nanos,
            Spent::Standby => self.standby += nanos,
            Spent::Reset => self.reset += nanos,
            Spent::Off => self.off += nanos,
        }
    }
}
