//! Two runs of the same scenarios side by side: where they first differ, and by how much they drift.

use std::fmt::Write as _;

use crate::divergence::{Divergence, Shift};
use crate::quantity::Nanos;
use crate::scenario::Scenario;
use crate::suite::{Compared, NotRun, Ran, Summary};
use crate::timeline::{Entry, Event, Timeline};
use crate::verdict::Status;

use super::text;

/// Records shown before and after a difference, in each run.
const AROUND: usize = 4;

/// One line about a scenario on two levels; where they differ, the records around it.
pub fn brief(compared: &Compared) -> String {
    let [first, second] = &compared.runs;
    let name = &first.scenario.name;
    let mut out = String::new();
    let word = verdict(compared);
    let line = match &compared.comparison {
        None => format!("{word:<8}{name:<43} {}", not_compared(compared)),
        Some(comparison) => {
            let told = match (&comparison.divergence, &comparison.largest) {
                (Some(divergence), _) => what(divergence, compared),
                (None, Some(shift)) => {
                    format!("{} records, {}", comparison.matched, largest(shift, first))
                }
                (None, None) => format!("{} records, all at the same times", comparison.matched),
            };
            format!("{word:<8}{name:<43} {told}")
        }
    };
    let _ = writeln!(out, "{}", line.trim_end());
    if let Some(divergence) = compared.comparison.as_ref().and_then(|c| c.divergence) {
        out.push_str(&contexts(&divergence, compared));
    }
    for ran in [first, second] {
        if matches!(ran.status(), Status::Failed | Status::Invalid) {
            let _ = writeln!(out, "  on {}:", ran.level);
            for line in text::brief(ran).lines() {
                let _ = writeln!(out, "  {line}");
            }
        }
    }
    out
}

/// The last lines over several scenarios.
pub fn summary(results: &[Compared]) -> String {
    let count = |word: &str| results.iter().filter(|one| verdict(one) == word).count();
    let mut out = format!(
        "{} scenarios: {} agree, {} differ",
        results.len(),
        count("agrees"),
        count("differs")
    );
    for word in ["skipped", "invalid"] {
        match count(word) {
            0 => {}
            number => {
                let _ = write!(out, ", {number} {word}");
            }
        }
    }
    out.push('\n');
    let shifts = results.iter().filter_map(|one| {
        let shift = one.comparison.as_ref()?.largest?;
        Some((shift, &one.runs[0]))
    });
    if let Some((shift, ran)) = shifts.max_by_key(|(shift, _)| shift.offset.abs()) {
        let _ = writeln!(out, "{} in {}", largest(&shift, ran), ran.scenario.name);
    }
    for side in 0..2 {
        let runs = || results.iter().map(|one| &one.runs[side]);
        let summary = text::summary(&Summary::of(runs()));
        let level = runs().next().map_or("", |ran| ran.level.as_str());
        let _ = write!(out, "{level}: {summary}");
    }
    out
}

/// The word for the whole of a comparison.
pub fn verdict(compared: &Compared) -> &'static str {
    match &compared.comparison {
        Some(comparison) if comparison.divergence.is_some() => "differs",
        Some(_) => "agrees",
        None if compared.runs.iter().any(|ran| ran.status() == Status::Skipped) => "skipped",
        None => "invalid",
    }
}

fn not_compared(compared: &Compared) -> String {
    let [first, second] = &compared.runs;
    let why = [first, second].into_iter().find_map(|ran| match &ran.outcome {
        Err(why @ NotRun::OtherLevel(_)) => Some(why.to_string()),
        Err(NotRun::Error(_)) | Ok(_) => None,
    });
    why.unwrap_or_default()
}

/// The largest difference in time, and how much of it is new.
fn largest(shift: &Shift, ran: &Ran) -> String {
    let entry =
        ran.outcome.as_ref().ok().and_then(|(run, _)| run.timeline.entries.get(shift.first));
    let place = entry.map_or_else(String::new, |entry| {
        format!(" at {} s, {}", entry.at.in_seconds(3), words(&ran.scenario, entry))
    });
    format!(
        "largest offset {}{place}: {} of {} explained",
        offset(shift.offset),
        millis(shift.moved),
        millis(shift.limit)
    )
}

/// A difference in a line.
fn what(divergence: &Divergence, compared: &Compared) -> String {
    let [one, other] = &compared.runs;
    let level = [one.level.as_str(), other.level.as_str()];
    let words = |side: usize, index: usize| {
        let ran = &compared.runs[side];
        record(ran, index).map_or_else(String::new, |entry| {
            format!("{} at {} s", self::words(&ran.scenario, entry), entry.at.in_seconds(6))
        })
    };
    match *divergence {
        Divergence::Initial { first, second } => {
            let told = |event: Option<Event>| event.map_or("nothing".to_owned(), |e| e.to_string());
            format!("at the start {} {}, {} {}", level[0], told(first), level[1], told(second))
        }
        Divergence::Value { first, second } => {
            format!("{}: {}; {}: {}", level[0], words(0, first), level[1], words(1, second))
        }
        Divergence::OnlyFirst { first, .. } => format!("only {}: {}", level[0], words(0, first)),
        Divergence::OnlySecond { second, .. } => {
            format!("only {}: {}", level[1], words(1, second))
        }
        Divergence::Time(shift) => format!(
            "{}: {} on {}, moved by {}, explained are {}",
            words(0, shift.first),
            offset(shift.offset),
            level[1],
            millis(shift.moved),
            millis(shift.limit)
        ),
    }
}

/// The records around a difference, run by run; its own is marked.
fn contexts(divergence: &Divergence, compared: &Compared) -> String {
    let places = match *divergence {
        Divergence::Initial { .. } => [(0, false), (0, false)],
        Divergence::Value { first, second } => [(first, true), (second, true)],
        Divergence::OnlyFirst { first, before } => [(first, true), (before, false)],
        Divergence::OnlySecond { second, before } => [(before, false), (second, true)],
        Divergence::Time(Shift { first, second, .. }) => [(first, true), (second, true)],
    };
    let mut out = String::new();
    for (ran, (index, is_record)) in compared.runs.iter().zip(places) {
        let Ok((run, _)) = &ran.outcome else { continue };
        let _ = writeln!(out, "  {}:", ran.level);
        out.push_str(&around(&ran.scenario, &run.timeline, index, is_record));
    }
    out
}

fn around(scenario: &Scenario, timeline: &Timeline, index: usize, is_record: bool) -> String {
    let from = index.saturating_sub(AROUND);
    let to = (index + AROUND + usize::from(is_record)).min(timeline.entries.len());
    let mut out = String::new();
    for (at, entry) in timeline.entries.iter().enumerate().take(to).skip(from) {
        let mark = if is_record && at == index { '*' } else { ' ' };
        let _ =
            writeln!(out, "    {mark}{:>14}  {}", entry.at.in_seconds(6), words(scenario, entry));
    }
    out
}

fn record(ran: &Ran, index: usize) -> Option<&Entry> {
    ran.outcome.as_ref().ok()?.0.timeline.entries.get(index)
}

fn words(scenario: &Scenario, entry: &Entry) -> String {
    text::words(scenario, entry)
}

fn offset(nanos: i64) -> String {
    let sign = if nanos < 0 { '-' } else { '+' };
    format!("{sign}{}", millis(Nanos(nanos.unsigned_abs())))
}

/// In milliseconds, to the microsecond.
fn millis(time: Nanos) -> String {
    format!("{:.3} ms", time.0 as f64 / 1e6)
}
