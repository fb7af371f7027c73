//! How much stack a finished image can use: an upper bound, proven from its machine code.
//!
//! The input is what is flashed, and where its functions lie; no debug information, nothing from
//! the compiler. From each entry every path is walked with the depth of the stack and the few values
//! that matter (`stack/state.rs`); calls make a graph without cycles, and the deepest chain through
//! it is the bound. Whatever cannot be proven is an error that names address and function.
//!
//! **What is counted.** The thread, from reset on an empty stack. On top of it, the exceptions that
//! PRIMASK does not hold back: HardFault, and NMI, which preempts even HardFault. Each stacks eight
//! words, and up to four bytes to align them (ARMv6-M ARM DDI 0419, B1.5.6), before its handler runs.
//! A fault within HardFault or NMI is a lockup and stacks nothing.
//!
//! **What is proven on the way.** No instruction unmasks interrupts, makes a supervisor call or
//! switches stacks; every return goes to the caller, with its stack and r4–r11 as they were.
//!
//! **What is assumed.** Interrupts are off from reset until the program masks them (the NVIC's
//! state after reset). The vector table is where the image begins. Flash does not change while the
//! program runs. Stores through unknown pointers hit no saved register. Jump tables are as LLVM
//! makes them, with an index within the table (`stack/table.rs`).
//!
//! **What is left out.** Frames whose size is only known at run time, or that align the stack
//! further than calls do: both are errors. A path that no input takes counts like any other.

mod decode;
mod error;
mod flow;
mod possible;
mod state;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use decode::Register;
pub use error::{Problem, StackError};

use decode::{Instruction, Width};
use flow::{Known, Walk};

/// What an exception stacks: eight words, and up to four bytes to align them to eight.
pub const EXCEPTION_FRAME: u32 = 36;

/// No frame of a chip with ARMv6-M comes near this \[bytes\].
const FRAME_LIMIT: u32 = 1 << 20;

/// From here on nothing is executable (DDI 0419, B3.1).
const SYSTEM: u32 = 0xE000_0000;

/// A function of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, as reports show it.
    pub name: String,
    /// Where it begins; a Thumb bit is ignored.
    pub address: u32,
    /// Its size with its literals and tables \[bytes\].
    pub size: u32,
}

impl Function {
    fn end(&self) -> u32 {
        self.address.saturating_add(self.size)
    }

    fn contains(&self, address: u32) -> bool {
        (self.address..self.end()).contains(&address)
    }
}

/// Where the processor enters the image; Thumb bits are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries {
    /// After a reset.
    pub reset: u32,
    /// Handler of the non-maskable interrupt.
    pub nmi: u32,
    /// Handler of faults.
    pub hard_fault: u32,
}

impl Entries {
    /// The entries in the vector table at the beginning of `flash`, which lies at `base`.
    pub fn from_vectors(base: u32, flash: &[u8]) -> Result<Self, StackError> {
        let vector = |index: usize| {
            let bytes = flash.get(index * 4..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        };
        match (vector(1), vector(2), vector(3)) {
            (Some(reset), Some(nmi), Some(hard_fault)) => Ok(Self { reset, nmi, hard_fault }),
            _ => Err(StackError::outside(base, Problem::NoVectors)),
        }
    }
}

/// The bound and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The thread, from reset.
    pub thread: Chain,
    /// The handler of HardFault, without what the exception stacks.
    pub hard_fault: Chain,
    /// The handler of NMI, without what the exception stacks.
    pub nmi: Chain,
    /// Every function that can be reached, by address.
    pub frames: Vec<Frame>,
}

impl Bound {
    /// What exceptions add to the thread: a fault, preempted by NMI \[bytes\].
    pub fn exception_bytes(&self) -> u32 {
        let handlers = self.hard_fault.bytes.saturating_add(self.nmi.bytes);
        handlers.saturating_add(2 * EXCEPTION_FRAME)
    }

    /// The most stack that is ever in use \[bytes\].
    pub fn total(&self) -> u32 {
        self.thread.bytes.saturating_add(self.exception_bytes())
    }
}

/// A chain of calls that uses the most stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How much: the sum of its links \[bytes\].
    pub bytes: u32,
    /// From the entry to the deepest function.
    pub links: Vec<Link>,
}

/// A function in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub function: String,
    /// Where it begins.
    pub address: u32,
    /// What it has on the stack when it calls the next; of the last, the most it ever has \[bytes\].
    pub bytes: u32,
}

/// What one function uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name.
    pub function: String,
    /// Where it begins.
    pub address: u32,
    /// The most it uses itself \[bytes\].
    pub own: u32,
    /// The most it uses together with what it calls \[bytes\].
    pub with_calls: u32,
    /// Whether it ever returns.
    pub returns: bool,
}

/// The most stack that the image in `flash`, which lies at `base`, can use.
///
/// Of functions at one address the largest counts, and of equally large ones the first.
pub fn bound(
    base: u32,
    flash: &[u8],
    functions: &[Function],
    entries: Entries,
) -> Result<Bound, StackError> {
    let code = Code::new(base, flash, functions);
    let mut known = Known::new();
    let entry = |known: &mut Known, address: u32| {
        let address = address & !1;
        code.explore(address, known)?;
        Ok::<_, StackError>(address)
    };
    let reset = entry(&mut known, entries.reset)?;
    let hard_fault = entry(&mut known, entries.hard_fault)?;
    let nmi = entry(&mut known, entries.nmi)?;

    let deepest = deepest(&known);
    let name = |address| code.functions.get(&address).map_or("", |function| &function.name);
    let frames = known.iter().map(|(&address, summary)| Frame {
        function: name(address).to_owned(),
        address,
        own: summary.frame,
        with_calls: deepest.get(&address).map_or(0, |way| way.bytes),
        returns: summary.returns,
    });
    let chain = |mut address| {
        let mut links = Vec::new();
        let bytes = deepest.get(&address).map_or(0, |way| way.bytes);
        while let Some(way) = deepest.get(&address) {
            links.push(Link { function: name(address).to_owned(), address, bytes: way.held });
            match way.next {
                Some(next) => address = next,
                None => break,
            }
        }
        Chain { bytes, links }
    };
    Ok(Bound {
        thread: chain(reset),
        hard_fault: chain(hard_fault),
        nmi: chain(nmi),
        frames: frames.collect(),
    })
}

/// The deepest way down from a function.
struct Way {
    /// How deep in all.
    bytes: u32,
    /// What the function itself holds on it.
    held: u32,
    /// Whom it calls on it.
    next: Option<u32>,
}

/// The deepest way down from each function of a graph without cycles.
fn deepest(known: &Known) -> BTreeMap<u32, Way> {
    let mut ways: BTreeMap<u32, Way> = BTreeMap::new();
    let mut stack: Vec<u32> = known.keys().copied().collect();
    while let Some(&address) = stack.last() {
        let Some(summary) = known.get(&address).filter(|_| !ways.contains_key(&address)) else {
            stack.pop();
            continue;
        };
        let missing = summary.calls.keys().find(|&callee| !ways.contains_key(callee));
        if let Some(&callee) = missing {
            stack.push(callee);
            continue;
        }
        let mut way = Way { bytes: summary.frame, held: summary.frame, next: None };
        for (&callee, &held) in &summary.calls {
            let bytes = held.saturating_add(ways.get(&callee).map_or(0, |way| way.bytes));
            if bytes > way.bytes {
                way = Way { bytes, held, next: Some(callee) };
            }
        }
        ways.insert(address, way);
    }
    ways
}

/// The image's bytes and functions.
#[derive(Debug)]
struct Code<'a> {
    base: u32,
    flash: &'a [u8],
    functions: BTreeMap<u32, Function>,
}

impl<'a> Code<'a> {
    fn new(base: u32, flash: &'a [u8], functions: &[Function]) -> Self {
        let mut by_address: BTreeMap<u32, Function> = BTreeMap::new();
        for function in functions {
            let function = Function { address: function.address & !1, ..function.clone() };
            let known = by_address.get(&function.address);
            if known.is_none_or(|known| known.size < function.size) {
                by_address.insert(function.address, function);
            }
        }
        Self { base, flash, functions: by_address }
    }

    fn bytes<const N: usize>(&self, address: u32) -> Option<[u8; N]> {
        let offset = address.checked_sub(self.base)? as usize;
        self.flash.get(offset..)?.first_chunk().copied()
    }

    fn half(&self, address: u32) -> Option<u16> {
        self.bytes(address).map(u16::from_le_bytes)
    }

    /// What a load from a known address gives: flash does not change.
    fn load(&self, address: u32, width: Width) -> Option<u32> {
        match width {
            Width::Byte => self.bytes(address).map(|[byte]| u32::from(byte)),
            Width::Half => self.half(address).map(u32::from),
            Width::Word => self.bytes(address).map(u32::from_le_bytes),
        }
    }

    /// The instruction at `address` in `function`, and the address behind it.
    fn fetch(&self, function: &Function, address: u32) -> Result<(Instruction, u32), Problem> {
        let half = |address| {
            let inside = function.contains(address) && address % 2 == 0;
            inside.then(|| self.half(address)).flatten().ok_or(Problem::RunsOff)
        };
        let first = half(address)?;
        let decoded = if decode::is_wide(first) {
            let second = half(address.wrapping_add(2))?;
            decode::wide(first, second, address).map(|i| (i, address.wrapping_add(4)))
        } else {
            decode::narrow(first, address).map(|i| (i, address.wrapping_add(2)))
        };
        decoded.ok_or(Problem::NotAnInstruction { code: first })
    }

    /// Walks the function at `address` and all that it calls, callees first.
    fn explore(&self, address: u32, known: &mut Known) -> Result<(), StackError> {
        let mut walks: Vec<Walk<'_>> = Vec::new();
        let mut wanted = (!known.contains_key(&address)).then_some(address);
        loop {
            if let Some(address) = wanted {
                let function = self.function(address)?;
                let circle = walks.iter().position(|walk| walk.function().address == address);
                if let Some(first) = circle {
                    let names = walks[first..].iter().map(|walk| walk.function());
                    let cycle = names.chain([function]).map(|f| f.name.clone()).collect();
                    let problem = Problem::Recursion { cycle };
                    return Err(StackError::at(address, &function.name, problem));
                }
                walks.push(Walk::new(self, function));
            }
            let Some(walk) = walks.last_mut() else {
                return Ok(());
            };
            wanted = walk.run(known)?;
            if wanted.is_none()
                && let Some(walk) = walks.pop()
            {
                known.insert(walk.function().address, walk.into_summary());
            }
        }
    }

    /// The function that begins at `address`.
    fn function(&self, address: u32) -> Result<&Function, StackError> {
        let Some(function) = self.functions.get(&address) else {
            return Err(StackError::outside(address, Problem::NoFunction));
        };
        let last = function.end().saturating_sub(1);
        let inside = self.load(last, Width::Byte).is_some() && function.end() <= SYSTEM;
        if function.size == 0 || !inside {
            return Err(StackError::at(address, &function.name, Problem::BadFunction));
        }
        Ok(function)
    }
}
