//! `holdup run`: scenarios on a level, or on two of them.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use super::{BAD_INPUT, ENVIRONMENT, FAILED, Filter, Format, PASSED, load, print, report};
use crate::document::Problems;
use crate::dut::chip::{ChipLevel, INSTRUCTIONS};
use crate::image::{self, Image};
use crate::suite::{self, Compared, Level, Ran, Summary};
use crate::verdict::Status;
use crate::view;

/// What was typed.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Scenario files, and folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Where the firmware runs: `host`, its logic compiled for this machine; `chip`, the release image on
    /// an emulated STM32L011; `chip=PATH`, any ELF, Intel HEX or raw image for that chip. Two levels,
    /// separated by a comma, are compared.
    #[arg(long, value_name = "LEVEL[,LEVEL]", default_value = "host")]
    on: Levels,
    /// Instructions that a program may execute in one run on the chip before it is stopped.
    #[arg(long, value_name = "N", default_value_t = INSTRUCTIONS,
        value_parser = clap::value_parser!(u64).range(1..))]
    instructions: u64,
    /// How to print the results.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Show every scenario in full.
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    filter: Filter,
    /// Threads; 0 is one per core.
    #[arg(long, default_value_t = 0)]
    jobs: usize,
}

/// One level, or two to compare.
#[derive(Clone)]
struct Levels {
    first: LevelName,
    second: Option<LevelName>,
}

/// A level as it is typed.
#[derive(Clone)]
enum LevelName {
    Host,
    Chip,
    ChipWith(PathBuf),
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut names = text.split(',').map(LevelName::from_str);
        let first = names.next().unwrap_or_else(|| LevelName::from_str(""))?;
        let second = names.next().transpose()?;
        match names.next() {
            None => Ok(Self { first, second }),
            Some(_) => Err("at most two levels can be compared".to_owned()),
        }
    }
}

impl FromStr for LevelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "host" => Ok(Self::Host),
            None if text == "chip" => Ok(Self::Chip),
            Some(("chip", path)) if !path.is_empty() => Ok(Self::ChipWith(path.into())),
            Some(_) | None => {
                Err(format!("\"{text}\" is no level; levels are host, chip and chip=PATH"))
            }
        }
    }
}

impl LevelName {
    fn open(&self, instructions: u64) -> Result<Level, Problems> {
        let chip = |name: String, image: &Image| Level::Chip {
            name,
            chip: Box::new(ChipLevel::new(image, instructions)),
        };
        Ok(match self {
            Self::Host => Level::Host,
            Self::Chip => chip("chip".to_owned(), &image::release()),
            Self::ChipWith(path) => chip(format!("chip={}", path.display()), &Image::load(path)?),
        })
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> io::Result<u8> {
    let scenarios = load(&arguments.paths, arguments.filter.filter.as_deref());
    let Levels { first, second } = &arguments.on;
    let open = |name: &LevelName| name.open(arguments.instructions);
    let levels = open(first).and_then(|first| Ok((first, second.as_ref().map(open).transpose()?)));
    let (scenarios, levels) = match (scenarios, levels) {
        (Ok(scenarios), Ok(levels)) => (scenarios, levels),
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => return Ok(report(&problems)),
        (Err(mut problems), Err(more)) => {
            problems.append(more);
            return Ok(report(&problems));
        }
    };
    let ran = match &levels {
        (level, None) => suite::run_all_on(level, scenarios, arguments.jobs)
            .map(|results| on_one_level(arguments, &results)),
        (first, Some(second)) => suite::compare_all([first, second], scenarios, arguments.jobs)
            .map(|results| on_two_levels(arguments, [first.name(), second.name()], &results)),
    };
    ran.unwrap_or_else(|error| {
        let jobs = arguments.jobs;
        tracing::error!("cannot start {jobs} threads: {error}; try a smaller --jobs");
        Ok(ENVIRONMENT)
    })
}

fn on_one_level(arguments: &Arguments, results: &[Ran]) -> io::Result<u8> {
    results.iter().for_each(chat);
    let summary = Summary::of(results);
    match arguments.format {
        Format::Json => print(&view::json::document(results))?,
        Format::Text => print_text(results, arguments.full, &summary)?,
    }
    Ok(code(summary.status()))
}

fn on_two_levels(arguments: &Arguments, levels: [&str; 2], results: &[Compared]) -> io::Result<u8> {
    results.iter().flat_map(|one| &one.runs).for_each(chat);
    match arguments.format {
        Format::Json => print(&view::json::comparison(levels, results))?,
        Format::Text => print_comparison(results, arguments.full)?,
    }
    let worst = |side: usize| code(Summary::of(results.iter().map(|one| &one.runs[side])).status());
    let differs = if results.iter().any(Compared::differs) { FAILED } else { PASSED };
    Ok(worst(0).max(worst(1)).max(differs))
}

fn chat(ran: &Ran) {
    if let Ok((run, _)) = &ran.outcome {
        tracing::debug!("{} on {}: {} kernel events", ran.scenario.name, ran.level, run.steps);
    }
}

const fn code(status: Status) -> u8 {
    match status {
        Status::Passed | Status::Skipped => PASSED,
        Status::Failed => FAILED,
        Status::Invalid => BAD_INPUT,
    }
}

fn print_text(results: &[Ran], full: bool, summary: &Summary) -> io::Result<()> {
    let mut all = String::new();
    if results.len() > 1 {
        all.push_str(&view::thinnest::of_one(results));
    }
    let mut show = |text: &str, status: Status| {
        all.push_str(&painted(text, status.name(), colour(status)));
    };
    for cases in view::cases::by_file(results) {
        let is_everything = cases.len() == results.len();
        if full || (is_everything && cases.len() == 1) {
            let end = if results.len() > 1 { "\n" } else { "" };
            cases.iter().for_each(|ran| show(&(view::text::full(ran) + end), ran.status()));
        } else if is_everything {
            show(&(view::cases::full(cases) + "\n"), summary.status());
        } else if let Some(line) = view::cases::passed(cases) {
            show(&line, Status::Passed);
        } else {
            cases.iter().for_each(|ran| show(&view::text::brief(ran), ran.status()));
        }
    }
    if results.len() > 1 {
        all.push_str(&view::text::summary(summary));
    }
    print(&all)
}

fn print_comparison(results: &[Compared], full: bool) -> io::Result<()> {
    let mut all = String::new();
    if results.len() > 1 {
        all.push_str(&view::thinnest::of_two(results));
    }
    for compared in results {
        if full {
            for ran in &compared.runs {
                all.push_str(&view::text::full(ran));
                all.push('\n');
            }
        }
        let word = view::compare::verdict(compared);
        let colour = match (&compared.comparison, compared.differs()) {
            (Some(_), false) => colour(Status::Passed),
            (Some(_), true) => colour(Status::Failed),
            (None, _) => colour(Status::Invalid),
        };
        all.push_str(&painted(&view::compare::brief(compared), word, colour));
    }
    if results.len() > 1 {
        all.push_str(&view::compare::summary(results));
    }
    print(&all)
}

const fn colour(status: Status) -> &'static str {
    match status {
        Status::Passed => "\u{1b}[32m",
        Status::Failed => "\u{1b}[31m",
        Status::Invalid | Status::Skipped => "\u{1b}[33m",
    }
}

/// Colours the first mention of a word; the stream drops the colours where there is no terminal.
fn painted(text: &str, word: &str, colour: &str) -> String {
    text.replacen(word, &format!("{colour}{word}\u{1b}[0m"), 1)
}
