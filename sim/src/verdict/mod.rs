//! The verdict: expectations, invariants and energy margins, judged from the timeline alone.
//!
//! Every finding says how far it was from failing, in its own unit; a failure says when, what was
//! found and what the limit was. A scenario with a stimulus that never took effect proves nothing: it
//! is invalid, not passed. Nothing here looks into the firmware.

mod device;
mod energy;
mod expect;
mod found;
mod history;
mod intent;
mod invariants;
mod margin;
mod threshold;
mod trust;

use crate::bench::{Effect, Run};
use crate::quantity::Nanos;
use crate::scenario::{Scenario, Waiver};
use crate::timeline::HoldUp;
use history::History;

pub use invariants::{RULES, Rule};
pub use margin::{Margin, Unit};

/// What became of something that was to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It held.
    Held,
    /// It did not.
    Failed,
    /// It did not, and the scenario says why it may.
    Waived,
    /// It did not, and no firmware could have helped: the energy was not there.
    Impossible,
    /// The run ended before it could be told.
    Undecided,
}

impl Outcome {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Waived => "waived",
            Self::Impossible => "impossible",
            Self::Undecided => "undecided",
        }
    }
}

/// One thing that was to hold, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was to hold.
    pub text: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How far from failing.
    pub margin: Option<Margin>,
    /// When it was decided or came closest to failing.
    pub at: Option<Nanos>,
    /// What was found, against which limit; or why it is waived.
    pub detail: String,
    /// Line of the scenario file, for expectations and waivers.
    pub line: Option<usize>,
}

/// An invariant's finding.
#[derive(Clone, Debug, PartialEq)]
pub struct InvariantFinding {
    /// `O1` … `O10`, as 1 … 10.
    pub number: u8,
    /// The finding.
    pub finding: Finding,
}

/// Hold-up to spare at an instant that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnergyMargin {
    /// Which.
    pub what: EnergyInstant,
    /// When.
    pub at: Nanos,
    /// What was left.
    pub hold_up: HoldUp,
    /// What the capacitors had given since the loss of the supply \[J\]; `None` while it was there.
    pub used: Option<f64>,
}

impl EnergyMargin {
    /// What was left, against what was used; `None` if nothing was.
    #[must_use]
    pub fn margin(&self) -> Option<Margin> {
        Some(Margin::joules(self.hold_up.joules, self.used?))
    }
}

/// The instants at which energy margins are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnergyInstant {
    /// The Pi halted.
    Halted,
    /// The board cut its supply.
    Cut,
}

impl EnergyInstant {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Halted => "pi halted",
            Self::Cut => "supply cut",
        }
    }
}

/// The whole of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything held.
    Passed,
    /// Something did not.
    Failed,
    /// A stimulus never took effect: the run proves nothing.
    Invalid,
    /// It was not run: this level cannot do what it asks for.
    Skipped,
}

impl Status {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Skipped => "skipped",
        }
    }
}

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The whole of it.
    pub status: Status,
    /// What makes the scenario invalid.
    pub invalid: Vec<String>,
    /// The scenario's expectations, in file order.
    pub expectations: Vec<Finding>,
    /// The invariants O1 … O10.
    pub invariants: Vec<InvariantFinding>,
    /// Hold-up to spare where it matters.
    pub energy: Vec<EnergyMargin>,
    /// What went wrong in the device itself: its program went astray or did not end.
    pub device: Vec<Finding>,
}

/// Judges a run.
pub fn judge(scenario: &Scenario, run: &Run) -> Verdict {
    let history = History { timeline: &run.timeline, end: run.end };
    let device = device::judge(run);
    let mut expectations: Vec<Finding> = scenario
        .expectations
        .iter()
        .map(|expectation| expect::judge(expectation, scenario, run, &history))
        .collect();
    let mut invariants = invariants::judge(scenario, run, &history);
    let mut invalid = without_effect(scenario, run);
    for found in &mut invariants {
        let waiver = scenario.waivers.iter().find(|waiver| waiver.invariant == found.number);
        invalid.extend(waive(found, waiver));
    }
    if run.end < scenario.end {
        // What came of the rest nobody knows.
        let findings = invariants.iter_mut().map(|found| &mut found.finding);
        for finding in expectations.iter_mut().chain(findings) {
            finding.outcome = Outcome::Undecided;
            finding.detail = format!("the run ended at {} s", run.end.in_seconds(3));
            finding.margin = None;
        }
        invalid.clear();
    }
    let failed = expectations
        .iter()
        .chain(invariants.iter().map(|found| &found.finding))
        .any(|finding| finding.outcome == Outcome::Failed);
    // A program that went astray explains whatever else is wrong.
    let status = if !device.is_empty() {
        Status::Failed
    } else if !invalid.is_empty() {
        Status::Invalid
    } else if failed {
        Status::Failed
    } else {
        Status::Passed
    };
    Verdict { status, invalid, expectations, invariants, energy: energy::margins(run), device }
}

/// Takes a waiver into account; says what is wrong with it, or with its absence.
fn waive(found: &mut InvariantFinding, waiver: Option<&Waiver>) -> Option<String> {
    let InvariantFinding { number, finding } = found;
    match (finding.outcome, waiver) {
        (Outcome::Failed, Some(waiver)) => {
            finding.line = Some(waiver.line);
            finding.outcome = Outcome::Waived;
            finding.detail = format!("{}; waived: {}", finding.detail, waiver.reason);
            None
        }
        (Outcome::Impossible, Some(waiver)) => {
            finding.line = Some(waiver.line);
            finding.detail = format!("{}; foreseen: {}", finding.detail, waiver.reason);
            None
        }
        (outcome @ (Outcome::Held | Outcome::Waived | Outcome::Undecided), Some(waiver)) => {
            finding.line = Some(waiver.line);
            Some(format!(
                "line {}: O{number} is waived but {}; remove the waiver",
                waiver.line,
                outcome.name(),
            ))
        }
        (Outcome::Impossible, None) => Some(format!(
            "O{number} is impossible, {}; if that is what it shows, say so: \"waive\": \
             [{{\"invariant\": \"O{number}\", \"reason\": …}}]",
            finding.detail,
        )),
        (Outcome::Held | Outcome::Failed | Outcome::Waived | Outcome::Undecided, None) => None,
    }
}

fn without_effect(scenario: &Scenario, run: &Run) -> Vec<String> {
    let mut problems = Vec::new();
    for (stimulus, effect) in scenario.stimuli.iter().zip(&run.effects) {
        let why = match effect {
            Effect::Took => continue,
            Effect::Nothing => "changed nothing",
            Effect::NeverDue => "was never due: what it waits for did not happen",
        };
        problems.push(format!(
            "line {}: stimulus {} {why}",
            stimulus.line,
            crate::scenario::describe::act(&stimulus.act)
        ));
    }
    problems
}

#[cfg(test)]
mod tests;
