//! Runs as JSON: versioned, documented in `docs/output.md`.
//!
//! Times are whole nanoseconds since the start of the scenario; values are in base units, rounded to
//! nine decimals, so that the bytes do not hang on the last bit of a float.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::divergence::{Divergence, Shift};
use crate::dut::DeviceReport;
use crate::quantity::Nanos;
use crate::scenario::describe;
use crate::suite::thinnest::{Place, Thin, thinnest};
use crate::suite::{Compared, NotRun, Ran, Summary};
use crate::timeline::{Quantities, What};
use crate::verdict::{Finding, Verdict};

/// Version of the format. It changes when a reader of the old one could be misled.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    summary: Totals,
    thinnest: Vec<ThinReport<'a>>,
    scenarios: Vec<ScenarioReport<'a>>,
}

#[derive(Serialize)]
struct Totals {
    passed: usize,
    failed: usize,
    invalid: usize,
    skipped: usize,
}

#[derive(Serialize)]
struct ScenarioReport<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    case: BTreeMap<&'a str, &'a str>,
    purpose: &'a str,
    level: &'a str,
    status: &'static str,
    end_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    drawn: Vec<DrawnReport>,
    initial: Vec<State>,
    timeline: Vec<EntryReport>,
    invalid: Vec<String>,
    expectations: Vec<FindingReport>,
    invariants: Vec<FindingReport>,
    energy: Vec<EnergyReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceObject<'a>>,
}

#[derive(Serialize)]
struct DeviceObject<'a> {
    findings: Vec<FindingReport>,
    instructions: u64,
    run_ns: u64,
    sleep_ns: u64,
    stop_ns: u64,
    standby_ns: u64,
    reset_ns: u64,
    off_ns: u64,
    resets: Vec<ResetObject>,
    fault_count: u64,
    faults: Vec<FaultObject<'a>>,
    oddities: Vec<OddityObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndedObject<'a>>,
}

#[derive(Serialize)]
struct ResetObject {
    cause: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct FaultObject<'a> {
    at_ns: u64,
    kind: &'static str,
    pc: String,
    symbol: Option<&'a str>,
    why: &'a str,
}

#[derive(Serialize)]
struct OddityObject<'a> {
    what: &'a str,
    place: &'a str,
    bits: String,
    count: u64,
    first_pc: String,
    symbol: Option<&'a str>,
}

#[derive(Serialize)]
struct EndedObject<'a> {
    at_ns: u64,
    pc: String,
    symbol: Option<&'a str>,
    instructions: u64,
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
struct DrawnReport {
    at_ns: u64,
    boot_ns: u64,
    /// `null` is for ever.
    shutdown_ns: Option<u64>,
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
    relative: Option<f64>,
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
    used_joules: Option<f64>,
    relative: Option<f64>,
}

/// A margin among the thinnest.
#[derive(Serialize)]
struct ThinReport<'a> {
    scenario: &'a str,
    level: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invariant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    text: &'a str,
    margin: f64,
    margin_unit: &'static str,
    relative: f64,
    at_ns: Option<u64>,
}

fn thin<'a>(thin: &Thin<'a>) -> ThinReport<'a> {
    let (invariant, line) = match thin.place {
        Place::Line(line) => (None, Some(line)),
        Place::Invariant(_) => (Some(thin.place.to_string()), None),
        Place::Energy(_) => (None, None),
    };
    ThinReport {
        scenario: &thin.ran.scenario.name,
        level: &thin.ran.level,
        invariant,
        line,
        text: thin.text,
        margin: rounded(thin.margin.distance),
        margin_unit: thin.margin.unit.symbol(),
        relative: rounded(thin.relative),
        at_ns: thin.at.map(|Nanos(at)| at),
    }
}

/// All results as one document, ending in a newline.
pub fn document(results: &[Ran]) -> String {
    printed(&Document {
        format: "holdup-run",
        version: VERSION,
        summary: Totals::of(results),
        thinnest: thinnest(results).iter().map(thin).collect(),
        scenarios: results.iter().map(scenario).collect(),
    })
}

fn printed(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

impl Totals {
    fn of<'a>(results: impl IntoIterator<Item = &'a Ran>) -> Self {
        let Summary { passed, failed, invalid, chip_only, host_only, files: _ } =
            Summary::of(results);
        Self { passed, failed, invalid, skipped: chip_only + host_only }
    }
}

#[derive(Serialize)]
struct ComparisonDocument<'a> {
    format: &'static str,
    version: u32,
    levels: Vec<&'a str>,
    summary: ComparisonTotals,
    thinnest: Vec<ThinReport<'a>>,
    scenarios: Vec<ComparisonReport<'a>>,
}

#[derive(Serialize)]
struct ComparisonTotals {
    agree: usize,
    differ: usize,
    not_compared: usize,
    runs: [Totals; 2],
}

#[derive(Serialize)]
struct ComparisonReport<'a> {
    name: &'a str,
    /// `null` if they could not be compared.
    agrees: Option<bool>,
    matched: Option<usize>,
    largest: Option<ShiftReport>,
    divergence: Option<DivergenceReport>,
    runs: [ScenarioReport<'a>; 2],
}

#[derive(Serialize)]
struct ShiftReport {
    /// Indices into the runs' timelines.
    records: [Option<usize>; 2],
    offset_ns: i64,
    moved_ns: u64,
    limit_ns: u64,
}

#[derive(Serialize)]
struct DivergenceReport {
    kind: &'static str,
    records: [Option<usize>; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    shift: Option<ShiftReport>,
}

impl From<Shift> for ShiftReport {
    fn from(shift: Shift) -> Self {
        Self {
            records: [Some(shift.first), Some(shift.second)],
            offset_ns: shift.offset,
            moved_ns: shift.moved.0,
            limit_ns: shift.limit.0,
        }
    }
}

impl From<Divergence> for DivergenceReport {
    fn from(divergence: Divergence) -> Self {
        let (kind, records, shift) = match divergence {
            Divergence::Initial { .. } => ("initial", [None, None], None),
            Divergence::Value { first, second } => ("value", [Some(first), Some(second)], None),
            Divergence::OnlyFirst { first, .. } => ("only_first", [Some(first), None], None),
            Divergence::OnlySecond { second, .. } => ("only_second", [None, Some(second)], None),
            Divergence::Time(shift) => {
                ("time", [Some(shift.first), Some(shift.second)], Some(shift.into()))
            }
        };
        Self { kind, records, shift }
    }
}

/// Runs on two levels as one document, ending in a newline.
pub fn comparison(levels: [&str; 2], results: &[Compared]) -> String {
    let differ = results.iter().filter(|one| one.differs()).count();
    let not_compared = results.iter().filter(|one| one.comparison.is_none()).count();
    let reports = results.iter().map(|one| {
        let comparison = one.comparison.as_ref();
        let [first, second] = &one.runs;
        ComparisonReport {
            name: &first.scenario.name,
            agrees: comparison.map(|comparison| comparison.divergence.is_none()),
            matched: comparison.map(|comparison| comparison.matched),
            largest: comparison.and_then(|comparison| comparison.largest).map(ShiftReport::from),
            divergence: comparison
                .and_then(|comparison| comparison.divergence)
                .map(DivergenceReport::from),
            runs: [scenario(first), scenario(second)],
        }
    });
    printed(&ComparisonDocument {
        format: "holdup-compare",
        version: VERSION,
        levels: levels.to_vec(),
        summary: ComparisonTotals {
            agree: results.len() - differ - not_compared,
            differ,
            not_compared,
            runs: [0, 1].map(|side| Totals::of(results.iter().map(|one| &one.runs[side]))),
        },
        thinnest: thinnest(results.iter().flat_map(|one| &one.runs)).iter().map(thin).collect(),
        scenarios: reports.collect(),
    })
}

fn scenario(ran: &Ran) -> ScenarioReport<'_> {
    let mut report = ScenarioReport {
        name: &ran.scenario.name,
        file: (!ran.scenario.case.is_empty()).then_some(ran.scenario.file.as_str()),
        case: ran
            .scenario
            .case
            .iter()
            .map(|(name, label)| (name.as_str(), label.as_str()))
            .collect(),
        purpose: &ran.scenario.purpose,
        level: &ran.level,
        status: ran.status().name(),
        end_ns: ran.scenario.end.0,
        skipped: None,
        error: None,
        drawn: Vec::new(),
        initial: Vec::new(),
        timeline: Vec::new(),
        invalid: Vec::new(),
        expectations: Vec::new(),
        invariants: Vec::new(),
        energy: Vec::new(),
        device: None,
    };
    let (run, verdict) = match &ran.outcome {
        Ok(outcome) => outcome,
        Err(why @ NotRun::OtherLevel(_)) => {
            report.skipped = Some(why.to_string());
            return report;
        }
        Err(NotRun::Error(error)) => {
            report.error = Some(error.to_string());
            return report;
        }
    };
    let drawn = run.drawn.iter().map(|one| DrawnReport {
        at_ns: one.at.0,
        boot_ns: one.boot.0,
        shutdown_ns: (one.shutdown < Nanos::MAX).then_some(one.shutdown.0),
    });
    report.drawn = drawn.collect();
    report.initial = run
        .timeline
        .initial
        .iter()
        .map(|event| State { subject: event.subject(), value: event.value() })
        .collect();
    report.timeline = entries(ran, run);
    fill_verdict(&mut report, verdict);
    report.device = run.device.as_ref().map(|report| device(report, verdict));
    report
}

fn device<'a>(report: &'a DeviceReport, verdict: &Verdict) -> DeviceObject<'a> {
    let address = |pc: u32| format!("{pc:#010x}");
    DeviceObject {
        findings: verdict.device.iter().map(|f| finding(f, None)).collect(),
        instructions: report.instructions,
        run_ns: report.run.0,
        sleep_ns: report.sleep.0,
        stop_ns: report.stop.0,
        standby_ns: report.standby.0,
        reset_ns: report.reset.0,
        off_ns: report.off.0,
        resets: report.resets.iter().map(|&(cause, count)| ResetObject { cause, count }).collect(),
        fault_count: report.fault_count,
        faults: report
            .faults
            .iter()
            .map(|fault| FaultObject {
                at_ns: fault.at.0,
                kind: fault.kind.name(),
                pc: address(fault.pc),
                symbol: fault.symbol.as_deref(),
                why: &fault.why,
            })
            .collect(),
        oddities: report
            .oddities
            .iter()
            .map(|oddity| OddityObject {
                what: &oddity.what,
                place: &oddity.place,
                bits: address(oddity.bits),
                count: oddity.count,
                first_pc: address(oddity.first_pc),
                symbol: oddity.symbol.as_deref(),
            })
            .collect(),
        ended: report.ended.as_ref().map(|ended| EndedObject {
            at_ns: ended.at.0,
            pc: address(ended.pc),
            symbol: ended.symbol.as_deref(),
            instructions: ended.instructions,
        }),
    }
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
            used_joules: margin.used.map(rounded),
            relative: margin.margin().and_then(|margin| finite(margin.relative()?)),
        })
        .collect();
}

fn finding(finding: &Finding, invariant: Option<String>) -> FindingReport {
    FindingReport {
        invariant,
        line: finding.line,
        text: finding.text.clone(),
        outcome: finding.outcome.name(),
        margin: finding.margin.and_then(|margin| finite(margin.distance)),
        margin_unit: finding.margin.map(|margin| margin.unit.symbol()),
        relative: finding.margin.and_then(|margin| finite(margin.relative()?)),
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
