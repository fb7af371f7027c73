//! Running many scenarios: each on its own, in parallel, results in the order they were given.
//!
//! Scenarios share nothing, so the number of threads changes nothing but the time it takes.

use rayon::prelude::*;

use crate::bench::{self, Run};
use crate::scenario::Scenario;
use crate::verdict::{self, Status, Verdict};

/// A scenario and what became of it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The scenario.
    pub scenario: Scenario,
    /// The run and its verdict, or why there is none.
    pub outcome: Result<(Run, Verdict), bench::RunError>,
}

impl Ran {
    /// The whole of it. A scenario that could not be run is invalid.
    pub fn status(&self) -> Status {
        self.outcome.as_ref().map_or(Status::Invalid, |(_, verdict)| verdict.status)
    }
}

/// Runs one scenario on the host level and judges it.
pub fn run(scenario: Scenario) -> Ran {
    let outcome = bench::run_on_host(&scenario).map(|run| {
        let verdict = verdict::judge(&scenario, &run);
        (run, verdict)
    });
    Ran { scenario, outcome }
}

/// Runs scenarios on `jobs` threads (0: one per core).
///
/// # Errors
/// The threads could not be started.
pub fn run_all(
    scenarios: Vec<Scenario>,
    jobs: usize,
) -> Result<Vec<Ran>, rayon::ThreadPoolBuildError> {
    if jobs == 1 {
        return Ok(scenarios.into_iter().map(run).collect());
    }
    // More threads than scenarios would only cost.
    let jobs = jobs.min(scenarios.len());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    Ok(pool.install(|| scenarios.into_par_iter().map(run).collect()))
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
}

impl Summary {
    /// Counts.
    pub fn of(results: &[Ran]) -> Self {
        results.iter().fold(Self::default(), |mut sum, ran| {
            match ran.status() {
                Status::Passed => sum.passed += 1,
                Status::Failed => sum.failed += 1,
                Status::Invalid => sum.invalid += 1,
            }
            sum
        })
    }

    /// The whole of it: an invalid scenario outweighs a failed one.
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
