//! `holdup debug`: what was typed, handed to the library.

use std::io;
use std::path::{Path, PathBuf};

use clap::builder::RangedI64ValueParser;
use clap::{Args, value_parser};

use super::{FAILED, Format, PASSED, print, report};
use crate::debug::{self, Currents, Request};
use crate::document::listed;
use crate::image::{self, Image};
use crate::quantity::{Amps, Nanos};
use crate::scenario::{self, Problem, Problems, Scenario};

#[derive(Args)]
pub(super) struct Arguments {
    /// The scenario file.
    scenario: PathBuf,
    /// Of a file with cases: the one whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// The image to run, ELF, Intel HEX or raw [default: the one that is checked in].
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// When to look, since the start of the scenario, as in "5.2 s"; repeat for several times
    /// [default: at the first fault, else at the end].
    #[arg(long, value_name = "TIME", value_parser = Nanos::parse)]
    at: Vec<Nanos>,
    /// Show the next so many instructions at each time.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = instructions())]
    trace: u32,
    /// Show so many instructions before each time; the whole run takes longer.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = instructions())]
    trace_before: u32,
    /// Show memory: an address and how many bytes, as in 0x20000000:64; repeat for several places.
    #[arg(long, value_name = "ADDRESS:LENGTH", value_parser = debug::memory_range)]
    memory: Vec<(u32, u32)>,
    /// How to print what is found.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Wait for GDB on this port of this computer instead, 0 for any, and halt at the time of --at,
    /// else at the start of the scenario.
    #[arg(long, value_name = "PORT", conflicts_with_all = ["trace", "trace_before", "memory", "format"])]
    gdb: Option<u16>,
    #[command(flatten)]
    currents: CurrentArguments,
}

/// What the chip draws in each mode. Where the defaults come from: docs/power-budget.md.
#[derive(Args)]
#[command(next_help_heading = "Currents, for the charge")]
struct CurrentArguments {
    /// Run at 2.1 MHz.
    #[arg(long, value_name = "CURRENT", value_parser = Amps::parse, default_value_t = Amps(Currents::default().run))]
    run_current: Amps,
    /// Erasing or programming EEPROM or flash, on top of Run.
    #[arg(long, value_name = "CURRENT", value_parser = Amps::parse, default_value_t = Amps(Currents::default().programming))]
    programming_current: Amps,
    /// Sleep at 2.1 MHz.
    #[arg(long, value_name = "CURRENT", value_parser = Amps::parse, default_value_t = Amps(Currents::default().sleep))]
    sleep_current: Amps,
    /// Stop, with the LSI and the voltage reference on.
    #[arg(long, value_name = "CURRENT", value_parser = Amps::parse, default_value_t = Amps(Currents::default().stop))]
    stop_current: Amps,
    /// Standby.
    #[arg(long, value_name = "CURRENT", value_parser = Amps::parse, default_value_t = Amps(Currents::default().standby))]
    standby_current: Amps,
}

/// How many instructions may be shown.
fn instructions() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(..=i64::from(debug::MOST))
}

pub(super) fn run(arguments: Arguments) -> io::Result<u8> {
    let (scenario, image) = match load(&arguments) {
        Ok(both) => both,
        Err(problems) => return Ok(report(&problems)),
    };
    match arguments.gdb {
        Some(port) => serve(&scenario, &image, &arguments, port),
        None => look(&scenario, &image, arguments),
    }
}

fn load(arguments: &Arguments) -> Result<(Scenario, Image), Problems> {
    let paths = std::slice::from_ref(&arguments.scenario);
    let mut scenarios = scenario::load_all(paths, arguments.filter.as_deref())?;
    let image = match &arguments.image {
        Some(path) => Image::load(path)?,
        None => image::release(),
    };
    match &scenarios[..] {
        [_] => Ok((scenarios.remove(0), image)),
        several => Err(too_many(&arguments.scenario, several)),
    }
}

fn too_many(path: &Path, scenarios: &[Scenario]) -> Problems {
    let (path, count) = (path.display(), scenarios.len());
    let message = format!("{path} holds {count} scenarios; expected one to look into");
    let cases: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    let is_file = scenarios.windows(2).all(|pair| pair[0].is_another_case_of(&pair[1]));
    let help = if is_file {
        format!("choose a case with --filter: {}", listed(cases))
    } else {
        "name the scenario's file".to_owned()
    };
    Problem::bad(message).help(help).into()
}

fn look(scenario: &Scenario, image: &Image, arguments: Arguments) -> io::Result<u8> {
    let CurrentArguments {
        run_current,
        programming_current,
        sleep_current,
        stop_current,
        standby_current,
    } = arguments.currents;
    let request = Request {
        at: arguments.at,
        trace: arguments.trace as usize,
        trace_before: arguments.trace_before as usize,
        memory: arguments.memory,
        currents: Currents {
            run: run_current.0,
            programming: programming_current.0,
            sleep: sleep_current.0,
            stop: stop_current.0,
            standby: standby_current.0,
        },
    };
    let looked = match debug::look(scenario, image, &request) {
        Ok(looked) => looked,
        Err(problems) => return Ok(report(&problems)),
    };
    if let Some(hint) = looked.hint() {
        tracing::warn!("{hint}");
    }
    match arguments.format {
        Format::Text => print(&looked.to_string())?,
        Format::Json => print(&looked.to_json())?,
    }
    Ok(if looked.went_astray() { FAILED } else { PASSED })
}

fn serve(scenario: &Scenario, image: &Image, arguments: &Arguments, port: u16) -> io::Result<u8> {
    let served = debug::serve(scenario, image, &arguments.at, port, |port| {
        // Whoever starts GDB reads this, a person or a script.
        print(&format!("waiting for GDB: target remote localhost:{port}\n"))
    });
    Ok(match served {
        Ok(()) => PASSED,
        Err(problems) => report(&problems),
    })
}
