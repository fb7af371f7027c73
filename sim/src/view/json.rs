//! Runs as JSON: versioned, documented in `docs/output.md`.
//!
//! Times are whole nanoseconds since the start of the scenario; values are in base units, rounded to
//! nine decimals, so that the bytes do not hang on the last bit of a float.

use serde::Serialize;

use crate::quantity::Nanos;
use crate::scenario::describe;
use crate::suite::{Ran, Summary};
use crate::timeline::{Quantities, What};
use crate::verdict::{Finding, Verdict};

/// Version of the format. It changes when a reader of the old one could be misled.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    summary: Totals,
    scenarios: Vec<ScenarioReport<'a>>,
}

#[derive(Serialize)]
struct Totals {
    passed: usize,
    failed: usize,
    invalid: usize,
}

#[derive(Serialize)]
struct ScenarioReport<'a> {
    name: &'a str,
    purpose: &'a str,
    status: &'static str,
    end_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    initial: Vec<State>,
    timeline: Vec<EntryReport>,
    invalid: Vec<String>,
    expectations: Vec<FindingReport>,
    invariants: Vec<FindingReport>,
    energy: Vec<EnergyReport>,
}

#[derive(Serialize)]
struct State {
    subject: &'static str,
    value: &'static str,
}

#[derive(Serialize)]
struct EntryReport {
    at_ns: u64,
    subject: &'static str,
    value: String,
    #[serde(flatten)]
    quantities: QuantitiesReport,
}

#[derive(Serialize)]
struct QuantitiesReport {
    vin_v: f64,
    vsys_v: f64,
    vscap_v: f64,
    load_current_a: f64,
    caps_current_a: f64,
}

#[derive(Serialize)]
struct FindingReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    invariant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    text: String,
    outcome: &'static str,
    margin: Option<f64>,
    margin_unit: Option<&'static str>,
    at_ns: Option<u64>,
    detail: String,
}

#[derive(Serialize)]
struct EnergyReport {
    what: &'static str,
    at_ns: u64,
    /// `null` is for ever: nothing draws.
    seconds: Option<f64>,
    joules: f64,
}

/// All results as one document, ending in a newline.
pub fn document(results: &[Ran]) -> String {
    let Summary { passed, failed, invalid } = Summary::of(results);
    let document = Document {
        format: "holdup-run",
        version: VERSION,
        summary: Totals { passed, failed, invalid },
        scenarios: results.iter().map(scenario).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn scenario(ran: &Ran) -> ScenarioReport<'_> {
    let mut report = ScenarioReport {
        name: &ran.scenario.name,
        purpose: &ran.scenario.purpose,
        status: ran.status().name(),
        end_ns: ran.scenario.end.0,
        error: ran.outcome.as_ref().err().map(ToString::to_string),
        initial: Vec::new(),
        timeline: Vec::new(),
        invalid: Vec::new(),
        expectations: Vec::new(),
        invariants: Vec::new(),
        energy: Vec::new(),
    };
    let Ok((run, verdict)) = &ran.outcome else {
        return report;
    };
    report.initial = run
        .timeline
        .initial
        .iter()
        .map(|event| State { subject: event.subject(), value: event.value() })
        .collect();
    report.timeline = entries(ran, run);
    fill_verdict(&mut report, verdict);
    report
}

fn entries(ran: &Ran, run: &crate::bench::Run) -> Vec<EntryReport> {
    let timeline = &run.timeline;
    let entry = |entry: &crate::timeline::Entry| {
        let (subject, value) = match entry.what {
            What::Event(event) => (event.subject(), event.value().to_owned()),
            What::Stimulus(index) => {
                let act = ran.scenario.stimuli.get(index).map(|s| describe::act(&s.act));
                ("stimulus", act.unwrap_or_default())
            }
        };
        let after = timeline.moments.get(entry.moment).map(|m| m.after).unwrap_or_default();
        EntryReport { at_ns: entry.at.0, subject, value, quantities: quantities(&after) }
    };
    timeline.entries.iter().map(entry).collect()
}

fn fill_verdict(report: &mut ScenarioReport<'_>, verdict: &Verdict) {
    report.invalid = verdict.invalid.clone();
    report.expectations = verdict.expectations.iter().map(|f| finding(f, None)).collect();
    report.invariants = verdict
        .invariants
        .iter()
        .map(|found| finding(&found.finding, Some(format!("O{}", found.number))))
        .collect();
    report.energy = verdict
        .energy
        .iter()
        .map(|margin| EnergyReport {
            what: margin.what.name(),
            at_ns: margin.at.0,
            seconds: finite(margin.hold_up.seconds),
            joules: rounded(margin.hold_up.joules),
        })
        .collect();
}

fn finding(finding: &Finding, invariant: Option<String>) -> FindingReport {
    FindingReport {
        invariant,
        line: finding.line,
        text: finding.text.clone(),
        outcome: finding.outcome.name(),
        margin: finding.margin.and_then(|margin| finite(margin.value())),
        margin_unit: finding.margin.map(|margin| margin.unit()),
        at_ns: finding.at.map(|Nanos(at)| at),
        detail: finding.detail.clone(),
    }
}

fn quantities(quantities: &Quantities) -> QuantitiesReport {
    QuantitiesReport {
        vin_v: rounded(quantities.vin),
        vsys_v: rounded(quantities.vsys),
        vscap_v: rounded(quantities.vscap),
        load_current_a: rounded(quantities.load_current),
        caps_current_a: rounded(quantities.caps_current),
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then(|| rounded(value))
}

/// Nine decimals, never a negative zero.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9 + 0.0
}
