//! The command line: what was typed, handed to the library, printed. No logic.
//!
//! Results go to standard output, diagnostics to standard error. A reader that stops reading is no
//! error. Exit codes: 0 all hold, 1 an expectation or invariant failed, 2 bad input, 3 environment,
//! 101 a defect of Holdup.

mod debug;
mod firmware;
mod firmware_tools;
mod run;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;

use crate::scenario::{self, ProblemKind, Problems, Scenario};
use crate::{fidelity, load_test, parts};

/// Will this firmware, on this board, bring the Pi down safely, and with how much to spare?
#[derive(Parser)]
#[command(name = "holdup", version, max_term_width = 100)]
struct Arguments {
    /// Say more on standard error; repeat for still more.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenario files through the firmware and judge what happens.
    ///
    /// One scenario is shown in full; several are shown as a line each, with details of what failed.
    /// On two levels the runs are compared.
    Run(run::Arguments),
    /// Read scenario files and report every problem, without running them.
    Check {
        /// Scenario files, and folders of them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// List scenarios and their purposes.
    List {
        /// Scenario files, and folders of them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        filter: Filter,
    },
    /// Print the JSON Schema of scenario files.
    Schema,
    /// List the built-in parts.
    Parts,
    /// Compare the model with what the board's author claims and measured (Markdown).
    Fidelity,
    /// Print which pulses and supplies pass the load test, for which window and back-off (Markdown).
    LoadTest,
    /// Look into a run on the chip level: where the program is, registers, stack, charge; or use GDB.
    ///
    /// Fails if the program faults.
    Debug(Box<debug::Arguments>),
    /// Ask the firmware about itself, and set up its images.
    Firmware {
        #[command(subcommand)]
        command: firmware::Command,
    },
}

#[derive(clap::Args)]
struct Filter {
    /// Only scenarios whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    #[default]
    Text,
    /// For a program; see docs/output.md.
    Json,
}

const PASSED: u8 = 0;
const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
const ENVIRONMENT: u8 = 3;

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log(arguments.verbose);
    let outcome = run(arguments.command).unwrap_or_else(|error| {
        tracing::error!("cannot write the results: {error}");
        ENVIRONMENT
    });
    ExitCode::from(outcome)
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .init();
}

fn run(command: Command) -> io::Result<u8> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check { paths } => match load(&paths, None) {
            Ok(scenarios) => {
                print(&checked(&scenarios))?;
                Ok(PASSED)
            }
            Err(problems) => Ok(report(&problems)),
        },
        Command::List { paths, filter } => match load(&paths, filter.filter.as_deref()) {
            Ok(scenarios) => {
                print(&scenarios.iter().map(list_entry).collect::<String>())?;
                Ok(PASSED)
            }
            Err(problems) => Ok(report(&problems)),
        },
        Command::Schema => print(&scenario::json_schema()).map(|()| PASSED),
        Command::Parts => {
            print(&parts::list().iter().map(part_entry).collect::<String>())?;
            Ok(PASSED)
        }
        Command::Fidelity => print(&fidelity::page()).map(|()| PASSED),
        Command::LoadTest => print(&load_test::page()).map(|()| PASSED),
        Command::Debug(arguments) => debug::run(*arguments),
        Command::Firmware { command } => firmware::run(command),
    }
}

fn checked(scenarios: &[Scenario]) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let total = scenarios.len();
    let further = scenarios.windows(2).filter(|pair| pair[0].is_another_case_of(&pair[1])).count();
    let in_files = match total - further {
        files if files == total => String::new(),
        files => format!(" in {files} file{}", plural(files)),
    };
    format!("{total} scenario{}{in_files}, no problems\n", plural(total))
}

fn list_entry(scenario: &Scenario) -> String {
    format!("{:<43} {}\n", scenario.name, scenario.purpose)
}

fn part_entry(part: &parts::PartInfo) -> String {
    format!("{:<9}{:<16}{}\n", part.kind.name(), part.name, part.describes)
}

/// Reads everything before anything runs.
fn load(paths: &[PathBuf], filter: Option<&str>) -> Result<Vec<Scenario>, Problems> {
    let scenarios = scenario::load_all(paths, filter)?;
    tracing::info!("read {} scenarios", scenarios.len());
    Ok(scenarios)
}

fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        // Whoever read has read enough; the verdict stands.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Problems are the answer to bad input, so they go where diagnostics go. That nobody reads them
/// there changes no exit code.
fn report(problems: &Problems) -> u8 {
    let color = io::stderr().is_terminal();
    let _ = io::stderr().lock().write_all(problems.render(color).as_bytes());
    match problems.kind() {
        ProblemKind::Io => ENVIRONMENT,
        ProblemKind::BadInput => BAD_INPUT,
    }
}
