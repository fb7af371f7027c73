//! Running many scenarios: each on its own, in parallel, results in the order they were given.
//!
//! Scenarios share nothing but the image, which is prepared once, so the number of threads changes
//! nothing but the time it takes.

pub mod thinnest;

use rayon::prelude::*;

use crate::bench::{self, Run};
use crate::divergence::{self, Comparison, Tolerance};
use crate::dut::chip::ChipLevel;
use crate::scenario::{LevelKind, OnlyOn, Scenario};
use crate::verdict::{self, Status, Verdict};

/// Where the firmware runs.
#[derive(Clone, Debug)]
pub enum Level {
    /// Its logic, compiled for this machine.
    Host,
    /// An image, on an emulated chip.
    Chip {
        /// How results call the level: `chip`, or `chip=` and the image's path.
        name: String,
        /// The image, ready to run.
        chip: Box<ChipLevel>,
    },
}

impl Level {
    /// How results call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::Chip { name, .. } => name,
        }
    }

    /// Which one it is.
    #[must_use]
    pub const fn kind(&self) -> LevelKind {
        match self {
            Self::Host => LevelKind::Host,
            Self::Chip { .. } => LevelKind::Chip,
        }
    }
}

/// Why there is no run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRun {
    /// It is about another level.
    OtherLevel(OnlyOn),
    /// It could not be made.
    Error(bench::RunError),
}

impl std::fmt::Display for NotRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherLevel(OnlyOn { level, reason }) => {
                write!(f, "{} only: {reason}", level.name())
            }
            Self::Error(error) => error.fmt(f),
        }
    }
}

/// A scenario and what became of it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The scenario.
    pub scenario: Scenario,
    /// The level's name.
    pub level: String,
    /// The run and its verdict, or why there is none.
    pub outcome: Result<(Run, Verdict), NotRun>,
}

impl Ran {
    /// The whole of it. A scenario that could not be run is invalid.
    pub fn status(&self) -> Status {
        match &self.outcome {
            Ok((_, verdict)) => verdict.status,
            Err(NotRun::OtherLevel(_)) => Status::Skipped,
            Err(NotRun::Error(_)) => Status::Invalid,
        }
    }
}

/// Runs one scenario on the host level and judges it.
pub fn run(scenario: Scenario) -> Ran {
    run_on(&Level::Host, scenario)
}

/// Runs one scenario on a level and judges it.
pub fn run_on(level: &Level, mut scenario: Scenario) -> Ran {
    scenario.waivers.retain(|waiver| waiver.on.is_none_or(|on| on == level.kind()));
    let run = match (level, scenario.only_on()) {
        (_, Some(only)) if only.level != level.kind() => Err(NotRun::OtherLevel(only)),
        (Level::Host, _) => bench::run_on_host(&scenario).map_err(NotRun::Error),
        (Level::Chip { chip, .. }, _) => bench::run_on_chip(&scenario, chip).map_err(NotRun::Error),
    };
    let outcome = run.map(|run| {
        let verdict = verdict::judge(&scenario, &run);
        (run, verdict)
    });
    Ran { scenario, level: level.name().to_owned(), outcome }
}

/// Runs scenarios on the host level, on `jobs` threads (0: one per core).
///
/// # Errors
/// The threads could not be started.
pub fn run_all(
    scenarios: Vec<Scenario>,
    jobs: usize,
) -> Result<Vec<Ran>, rayon::ThreadPoolBuildError> {
    run_all_on(&Level::Host, scenarios, jobs)
}

/// Runs scenarios on a level, on `jobs` threads (0: one per core).
///
/// # Errors
/// The threads could not be started.
pub fn run_all_on(
    level: &Level,
    scenarios: Vec<Scenario>,
    jobs: usize,
) -> Result<Vec<Ran>, rayon::ThreadPoolBuildError> {
    each(scenarios, jobs, |scenario| run_on(level, scenario))
}

/// A scenario on two levels.
#[derive(Clone, Debug)]
pub struct Compared {
    /// What became of it on the first level and on the second.
    pub runs: [Ran; 2],
    /// Where the two differ; `None` unless both ran.
    pub comparison: Option<Comparison>,
}

impl Compared {
    /// Whether the runs differ by more than their clocks explain.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.comparison.as_ref().is_some_and(|comparison| comparison.divergence.is_some())
    }
}

/// Runs one scenario on two levels and compares.
pub fn compare_on(levels: [&Level; 2], scenario: Scenario) -> Compared {
    let runs = levels.map(|level| run_on(level, scenario.clone()));
    let comparison = match &runs {
        [Ran { outcome: Ok((first, _)), .. }, Ran { outcome: Ok((second, _)), .. }] => {
            let tolerance = Tolerance::of(&scenario, first.warm_up.max(second.warm_up));
            let end = first.end.min(second.end);
            Some(divergence::compare(&first.timeline, &second.timeline, end, &tolerance))
        }
        _ => None,
    };
    Compared { runs, comparison }
}

/// Runs scenarios on two levels, on `jobs` threads (0: one per core), and compares.
///
/// # Errors
/// The threads could not be started.
pub fn compare_all(
    levels: [&Level; 2],
    scenarios: Vec<Scenario>,
    jobs: usize,
) -> Result<Vec<Compared>, rayon::ThreadPoolBuildError> {
    each(scenarios, jobs, |scenario| compare_on(levels, scenario))
}

fn each<T: Send>(
    scenarios: Vec<Scenario>,
    jobs: usize,
    what: impl Fn(Scenario) -> T + Sync + Send,
) -> Result<Vec<T>, rayon::ThreadPoolBuildError> {
    if jobs == 1 {
        return Ok(scenarios.into_iter().map(what).collect());
    }
    // More threads than scenarios would only cost.
    let jobs = jobs.min(scenarios.len());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    Ok(pool.install(|| scenarios.into_par_iter().map(what).collect()))
}

/// How many scenarios ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Everything held.
    pub passed: usize,
    /// Something did not.
    pub failed: usize,
    /// It proves nothing.
    pub invalid: usize,
    /// It is about the chip level, and this is another.
    pub chip_only: usize,
    /// It is about the host level, and this is another.
    pub host_only: usize,
    /// How many files they come from: a file with cases holds several.
    pub files: usize,
}

impl Summary {
    /// Counts.
    pub fn of<'a>(results: impl IntoIterator<Item = &'a Ran>) -> Self {
        let mut last: Option<&Scenario> = None;
        results.into_iter().fold(Self::default(), |mut sum, ran| {
            let scenario = &ran.scenario;
            sum.files += usize::from(!last.is_some_and(|last| last.is_another_case_of(scenario)));
            last = Some(scenario);
            match ran.status() {
                Status::Passed => sum.passed += 1,
                Status::Failed => sum.failed += 1,
                Status::Invalid => sum.invalid += 1,
                Status::Skipped => match ran.scenario.only_on().map(|only| only.level) {
                    Some(LevelKind::Host) => sum.host_only += 1,
                    Some(LevelKind::Chip) | None => sum.chip_only += 1,
                },
            }
            sum
        })
    }

    /// The whole of it: an invalid scenario outweighs a failed one, a skipped one weighs nothing.
    pub const fn status(&self) -> Status {
        if self.invalid > 0 {
            Status::Invalid
        } else if self.failed > 0 {
            Status::Failed
        } else {
            Status::Passed
        }
    }
}
