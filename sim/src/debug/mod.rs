//! Looking into a run on the chip level: where the program is, what the core and the peripherals hold, how deep
//! the stack was, what was drawn; or everything by hand, with GDB.
//!
//! A scenario runs as it always does, with the same device on the same bench. Only the call that runs the chip
//! goes through a [`Runner`](crate::dut::chip::Runner), and whoever looks stands there: it sees the chip at any time
//! it likes, the bench and the device know nothing of it. A scenario's time zero comes after its warm-up, which
//! takes as long as the parts need, so that runs twice: first to learn when it is over.
//!
//! Leaves out: disassembly (address, opcode and source line are shown), and going back in time.

mod charge;
mod cpu;
mod gdb;
mod observe;
mod report;
mod text;

use crate::bench::{self, Run};
use crate::document::{Problem, Problems};
use crate::dut::Dut;
use crate::dut::chip::{ChipLevel, INSTRUCTIONS, Unsuitable};
use crate::image::Image;
use crate::image::size::Size;
use crate::quantity::Nanos;
use crate::scenario::Scenario;
use crate::symbols::{Known, Symbols};

pub use charge::Currents;
pub use report::{Report, VERSION};

use gdb::Gdb;
use observe::{Observer, Orders};
use report::Lens;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// When to look, since the start of the scenario; nothing: at the first fault, else at the end.
    pub at: Vec<Nanos>,
    /// How many instructions to show after each time.
    pub trace: usize,
    /// How many instructions to show before each time.
    pub trace_before: usize,
    /// Memory to show: address, bytes.
    pub memory: Vec<(u32, u32)>,
    /// What the chip draws.
    pub currents: Currents,
}

/// The most bytes of memory, and the most instructions, that one look shows.
pub const MOST: u32 = 65_536;

/// Reads `ADDRESS:LENGTH`, each in decimal or, with `0x`, in hexadecimal.
///
/// # Errors
/// Says what is wrong with it.
pub fn memory_range(text: &str) -> Result<(u32, u32), String> {
    let number = |text: &str| {
        let text = text.trim();
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.parse(),
        }
    };
    let (address, length) =
        text.split_once(':').ok_or("expected an address and a length, as in 0x20000000:64")?;
    let address = number(address).map_err(|_| format!("{address:?} is no 32-bit address"))?;
    match number(length) {
        Ok(length @ 1..=MOST) if address.checked_add(length - 1).is_some() => Ok((address, length)),
        Ok(1..=MOST) => Err("it reaches beyond the last address, 0xffffffff".to_owned()),
        Ok(_) => Err(format!("expected a length of 1 to {MOST} bytes")),
        Err(_) => Err(format!("{length:?} is no length in bytes")),
    }
}

/// What was seen.
#[derive(Debug)]
pub struct Looked {
    report: Report,
    known: Known,
    astray: bool,
}

impl std::fmt::Display for Looked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.report.fmt(f)
    }
}

impl Looked {
    /// As a versioned JSON document, ending in a newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.report).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Whether the program faulted.
    #[must_use]
    pub fn went_astray(&self) -> bool {
        self.astray
    }

    /// What the image lacks to tell more.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.known {
            Known::Lines => None,
            Known::Names => Some(
                "the image has no line tables that can be read, so there are functions but no lines: \
                 build it with debug information",
            ),
            Known::Nothing => Some(
                "the image has neither symbols nor debug information, so there are addresses only: \
                 name the .elf that it was made of",
            ),
        }
    }
}

/// Runs a scenario and looks where the request says.
///
/// # Errors
/// A time is behind the scenario's end, or the scenario cannot run on this image.
pub fn look(scenario: &Scenario, image: &Image, request: &Request) -> Result<Looked, Problems> {
    let mut at = within(scenario, &request.at)?;
    at.sort_unstable();
    at.dedup();
    let zero = time_zero(scenario, image)?;
    let orders = Orders { at: at.into(), before: request.trace_before, after: request.trace };
    let mut device = level(image)
        .watched(scenario, Observer::new(orders, zero))
        .map_err(|error| unsuitable(scenario, &error))?;
    run(scenario, &mut device)?;
    let (chip, mut observer) = device.into_parts();
    observer.finish(&chip);

    let symbols = Symbols::of(image);
    let lens = Lens {
        symbols: &symbols,
        currents: &request.currents,
        zero: zero.0,
        stack: report::stack_of(image),
        bound: Size::of(image).ok().map(|size| size.stack.total()),
        memory: &request.memory,
    };
    let mut stops = Vec::new();
    let mut before = None;
    for picture in &observer.pictures {
        stops.push(lens.stop(picture, before));
        before = Some(picture);
    }
    Ok(Looked {
        astray: observer.troubled(),
        known: symbols.known(),
        report: Report {
            format: "holdup-debug",
            version: VERSION,
            scenario: scenario.name.clone(),
            image: image.name().to_owned(),
            stops,
        },
    })
}

/// Runs a scenario under GDB, which is to connect to `port` of this computer; zero is any. It is halted at the
/// first of the times `at`, or at the start. `listening` is told the port before anything waits.
///
/// # Errors
/// The time is behind the scenario's end, the scenario cannot run on this image, or the port cannot be had.
pub fn serve(
    scenario: &Scenario,
    image: &Image,
    at: &[Nanos],
    port: u16,
    listening: impl FnOnce(u16) -> std::io::Result<()>,
) -> Result<(), Problems> {
    let at = within(scenario, at)?.into_iter().min().unwrap_or(Nanos::ZERO);
    let zero = time_zero(scenario, image)?;
    let failed = |error: std::io::Error| {
        Problem::environment(format!("cannot listen on port {port} of this computer: {error}"))
            .help("choose another port, or 0 for any that is free")
    };
    let gdb = Gdb::listen(port, at, zero).map_err(failed)?;
    gdb.port().and_then(listening).map_err(failed)?;
    let mut device =
        level(image).watched(scenario, gdb).map_err(|error| unsuitable(scenario, &error))?;
    run(scenario, &mut device)?;
    let (_, mut gdb) = device.into_parts();
    gdb.finish();
    Ok(())
}

/// The times, unless one is behind the scenario's end.
fn within(scenario: &Scenario, times: &[Nanos]) -> Result<Vec<Nanos>, Problems> {
    let late = times.iter().filter(|at| **at > scenario.end).map(|at| {
        Problem::bad(format!(
            "{} ends at {}, before {}",
            scenario.name,
            scenario.end.exact(),
            at.exact()
        ))
        .help("choose an earlier time, or let the scenario end later")
    });
    Problems::check(late.collect())?;
    Ok(times.to_vec())
}

/// When the scenario begins on the chip's clock.
fn time_zero(scenario: &Scenario, image: &Image) -> Result<Nanos, Problems> {
    let scenario = &Scenario {
        stimuli: Vec::new(),
        end: Nanos::ZERO,
        expectations: Vec::new(),
        ..scenario.clone()
    };
    let mut device = level(image).device(scenario).map_err(|error| unsuitable(scenario, &error))?;
    Ok(run(scenario, &mut device)?.warm_up)
}

fn level(image: &Image) -> ChipLevel {
    ChipLevel::new(image, INSTRUCTIONS)
}

fn unsuitable(scenario: &Scenario, error: &Unsuitable) -> Problems {
    Problem::bad(format!("{} cannot run: {error}", scenario.name)).into()
}

fn run(scenario: &Scenario, device: &mut dyn Dut) -> Result<Run, Problems> {
    bench::run(scenario, device)
        .map_err(|error| Problem::bad(format!("{} cannot run: {error}", scenario.name)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_an_address_and_a_length() {
        for (text, range) in [
            ("0x20000000:64", (0x2000_0000, 64)),
            ("0X08000000:0x10", (0x0800_0000, 16)),
            ("16:1", (16, 1)),
            ("0xfffffffc:4", (0xFFFF_FFFC, 4)),
        ] {
            assert_eq!(memory_range(text), Ok(range));
        }
        for text in
            ["", "12", "x:4", "0x1:0", "0x1:65537", "0x100000000:4", "0xfffffffc:5", "4:-1", ":"]
        {
            assert!(memory_range(text).is_err(), "{text}");
        }
    }
}
