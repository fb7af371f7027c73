//! Why no bound could be given: every problem names the address, the function, what was found and
//! what was expected.

use std::fmt;

use super::decode::Register;

/// Why there is no bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackError {
    /// Where.
    pub address: u32,
    /// In which function; none if it is about an address that belongs to none.
    pub function: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// What stands in the way of a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The image has no vector table.
    NoVectors,
    /// An entry of the image, or the target of a call, where no function begins.
    NoFunction,
    /// A function that is not wholly in executable memory of the image, or has no size.
    BadFunction,
    /// Reached, but no instruction of ARMv6-M.
    NotAnInstruction {
        /// The halfword.
        code: u16,
    },
    /// The function goes on behind its end.
    RunsOff,
    /// A jump into the middle of another function, or out of all of them.
    JumpsOut {
        /// Where to.
        target: u32,
    },
    /// A call or jump through a register whose value does not follow from the code.
    Indirect {
        /// The register.
        register: Register,
    },
    /// A call or jump to an address without the Thumb bit.
    NotThumb {
        /// The address.
        target: u32,
    },
    /// A table that a jump goes through and that is none of those a compiler makes.
    Table {
        /// Where the table begins.
        table: u32,
        /// What does not fit.
        reason: &'static str,
    },
    /// Bytes that are reached as an instruction, and as another one or as data.
    TwoUses,
    /// The stack pointer is set to something that is not a known place on the stack.
    UnknownStackPointer,
    /// The stack pointer rises above where it was at the function's entry.
    AboveEntry {
        /// By how much.
        bytes: u32,
    },
    /// The stack pointer is set to an address that is no multiple of four.
    Unaligned,
    /// A frame beyond any memory of such a chip.
    FrameTooLarge {
        /// Its size.
        bytes: u32,
    },
    /// Two paths come to one place with different depths of the stack.
    TwoDepths {
        /// The place.
        target: u32,
        /// The first path's.
        one: u32,
        /// The other path's.
        two: u32,
    },
    /// A return, or a call in tail position, with something left on the stack.
    Unbalanced {
        /// How much.
        bytes: u32,
    },
    /// A return to something else than the caller.
    ReturnsElsewhere,
    /// A return without having restored a register that belongs to the caller.
    NotRestored {
        /// The register.
        register: Register,
    },
    /// Functions that call each other in a circle; the first is named again at the end.
    Recursion {
        /// Their names.
        cycle: Vec<String>,
    },
    /// Interrupts may be taken from here on.
    Unmasked,
    /// A supervisor call.
    SupervisorCall,
    /// The stack is switched.
    SwitchesStack,
}

impl StackError {
    pub(super) fn at(address: u32, function: &str, problem: Problem) -> Self {
        Self { address, function: Some(function.to_owned()), problem }
    }

    pub(super) const fn outside(address: u32, problem: Problem) -> Self {
        Self { address, function: None, problem }
    }
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.address)?;
        if let Some(function) = &self.function {
            write!(f, " in {function}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVectors => {
                f.write_str("the image ends within the first four words of the vector table")
            }
            Self::NoFunction => f.write_str("expected the beginning of a function here"),
            Self::BadFunction => f.write_str(
                "expected a function with a size, wholly in the image's executable memory",
            ),
            Self::NotAnInstruction { code } => {
                write!(f, "{code:#06x} is reached, expected an instruction of ARMv6-M")
            }
            Self::RunsOff => f.write_str("runs off the function's end, expected a return or jump"),
            Self::JumpsOut { target } => {
                write!(f, "jumps to {target:#010x}, expected this function or another's beginning")
            }
            Self::Indirect { register } => write!(
                f,
                "indirect call or jump through {register}, expected a target that the code tells"
            ),
            Self::NotThumb { target } => {
                write!(f, "goes to {target:#010x}, expected an odd address (Thumb)")
            }
            Self::Table { table, reason } => write!(f, "jump table at {table:#010x}: {reason}"),
            Self::TwoUses => {
                f.write_str("these bytes are an instruction, and also another one or data")
            }
            Self::UnknownStackPointer => {
                f.write_str("sets sp to an unknown value, expected a known distance from the entry")
            }
            Self::AboveEntry { bytes } => {
                write!(f, "sp rises {bytes} bytes above its value at the function's entry")
            }
            Self::Unaligned => f.write_str("sets sp to an address that is no multiple of four"),
            Self::FrameTooLarge { bytes } => write!(f, "a frame of {bytes} bytes"),
            Self::TwoDepths { target, one, two } => write!(
                f,
                "comes to {target:#010x} with {two} bytes on the stack, but another path with {one}"
            ),
            Self::Unbalanced { bytes } => {
                write!(f, "returns with {bytes} bytes left on the stack, expected none")
            }
            Self::ReturnsElsewhere => {
                f.write_str("pops pc from a slot that does not hold the return address")
            }
            Self::NotRestored { register } => {
                write!(f, "returns without having restored the caller's {register}")
            }
            Self::Recursion { cycle } => {
                write!(f, "recursion, whose depth has no bound: {}", cycle.join(" → "))
            }
            Self::Unmasked => f.write_str("interrupts may be taken from here on, expected none"),
            Self::SupervisorCall => {
                f.write_str("a supervisor call, expected no exceptions but faults and NMI")
            }
            Self::SwitchesStack => f.write_str("writes MSP, PSP or CONTROL, expected one stack"),
        }
    }
}

impl std::error::Error for StackError {}
