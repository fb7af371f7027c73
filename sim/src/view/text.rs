//! Runs as aligned text: what a person reads, and what snapshots keep.
//!
//! Columns have their unit in the header and three decimals; values stand on the first line of an
//! instant and are those after it. Runs of changes of the LED or the charger are one line, since they
//! tell no more than their beginning and their end.

use std::fmt::Write as _;

use crate::plant::pi::Drawn;
use crate::quantity::{Nanos, decimals};
use crate::scenario::{Scenario, describe};
use crate::suite::{Ran, Summary};
use crate::timeline::{Entry, Event, Moment, Timeline, What};
use crate::verdict::{EnergyMargin, Finding, Margin, Outcome, RULES, Status, Verdict};

/// Changes that follow each other this closely belong together.
const BLINKING: Nanos = Nanos::from_millis(2_000);
/// As many changes make a blinking of the LED, a hiccup of the charger.
const BLINKS: usize = 4;
const HICCUPS: usize = 8;
const CHARGER: &str = "charger";
/// The head of the columns of findings.
pub(super) const VERDICT_HEADER: &str =
    "outcome            margin  relative  expectation or invariant";
/// Entries shown before and after a failure.
const AROUND: usize = 4;

/// Everything about one scenario: purpose, timeline, verdict.
pub fn full(ran: &Ran) -> String {
    let scenario = &ran.scenario;
    let mut out = head(&scenario.name, ran, ran.status().name());
    match &ran.outcome {
        Ok((run, verdict)) => {
            out.push_str(&drawn(&run.drawn));
            out.push('\n');
            out.push_str(&timeline(scenario, &run.timeline));
            out.push('\n');
            out.push_str(&self::verdict(scenario, verdict, &run.timeline));
            if let Some(device) = &run.device {
                out.push_str(&super::device::text(device));
            }
        }
        Err(error) => {
            let _ = writeln!(out, "\n  {error}");
        }
    }
    out
}

/// The times that were drawn of the Pi.
fn drawn(drawn: &[Drawn]) -> String {
    let mut out = String::new();
    for one in drawn {
        let shutdown = match one.shutdown {
            Nanos::MAX => "its shutdown never ends".to_owned(),
            time => format!("its shutdown takes {} s", time.in_seconds(3)),
        };
        let (at, boot) = (one.at.in_seconds(3), one.boot.in_seconds(3));
        let _ = writeln!(out, "  drawn for the boot at {at} s: it takes {boot} s, {shutdown}");
    }
    out
}

/// Name, what became of it, and the purpose.
pub(super) fn head(name: &str, ran: &Ran, what: &str) -> String {
    let level = if ran.level == "host" { String::new() } else { format!(" on {}", ran.level) };
    let mut out = format!("{name}: {what}{level}\n");
    for line in wrapped(&ran.scenario.purpose, 96) {
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// One line about a scenario, and what failed.
pub fn brief(ran: &Ran) -> String {
    let (told, details) = match &ran.outcome {
        Err(error) => (error.to_string(), String::new()),
        Ok((run, verdict)) => {
            let details = match verdict.status {
                Status::Passed | Status::Skipped => String::new(),
                Status::Failed | Status::Invalid => {
                    shortcomings(&ran.scenario, verdict, &run.timeline)
                }
            };
            (least_energy(ran).map(spare).unwrap_or_default(), details)
        }
    };
    let line = format!("{:<8}{:<43} {told}", ran.status().name(), ran.scenario.name);
    format!("{}\n{details}", line.trim_end())
}

/// The last line of a run over several scenarios.
pub fn summary(summary: &Summary) -> String {
    let Summary { passed, failed, invalid, chip_only, host_only, files } = *summary;
    let total = passed + failed + invalid + chip_only + host_only;
    let only = |count: usize, level: &str| match count {
        0 => String::new(),
        count => format!(", {count} skipped: {level} only"),
    };
    let skipped = only(chip_only, "chip") + &only(host_only, "host");
    let files = match files {
        all if all == total => String::new(),
        1 => " in 1 file".to_owned(),
        files => format!(" in {files} files"),
    };
    format!(
        "{total} scenarios{files}: {passed} passed, {failed} failed, {invalid} invalid{skipped}\n"
    )
}

/// The least hold-up at a halt or a cut.
pub(super) fn least_energy(ran: &Ran) -> Option<&EnergyMargin> {
    let (_, verdict) = ran.outcome.as_ref().ok()?;
    verdict.energy.iter().min_by(|a, b| a.hold_up.seconds.total_cmp(&b.hold_up.seconds))
}

/// A hold-up in words.
pub(super) fn spare(margin: &EnergyMargin) -> String {
    format!("{} with {} to spare", margin.what.name(), hold_up(margin))
}

fn hold_up(margin: &EnergyMargin) -> String {
    let seconds = if margin.hold_up.seconds.is_finite() {
        format!("{:.1} s", margin.hold_up.seconds)
    } else {
        "any time".to_owned()
    };
    format!("{seconds} and {:.1} J", margin.hold_up.joules)
}

fn header() -> String {
    format!(
        "{:>12}  {:<50}{:>8}{:>9}{:>10}{:>9}{:>9}\n",
        "time [s]", "event", "VIN [V]", "VSYS [V]", "VSCAP [V]", "load [A]", "caps [A]"
    )
}

/// The whole timeline.
pub fn timeline(scenario: &Scenario, timeline: &Timeline) -> String {
    let mut out = header();
    if let Some(first) = timeline.moments.first() {
        let start = format!("start: {}", initial(timeline));
        out.push_str(&row(Nanos::ZERO, &start, Some(first)));
    }
    let mut shown = 0;
    for line in lines(scenario, timeline) {
        let moment = (line.moment != shown).then(|| timeline.moments.get(line.moment)).flatten();
        shown = line.moment;
        out.push_str(&row(line.at, &line.text, moment));
    }
    if let Some(last) = timeline.moments.last() {
        out.push_str(&row(scenario.end, "end", Some(last)));
    }
    out
}

/// The states at the start that a reader cannot do without.
fn initial(timeline: &Timeline) -> String {
    let told = ["plug", "pi", "journal"];
    let states = timeline.initial.iter().filter(|event| told.contains(&event.subject()));
    states.map(Event::to_string).collect::<Vec<_>>().join(", ")
}

fn row(at: Nanos, text: &str, moment: Option<&Moment>) -> String {
    let mut out = format!("{:>12}  {text:<50}", at.in_seconds(3));
    if let Some(moment) = moment {
        let q = &moment.after;
        for (value, width) in
            [(q.vin, 8), (q.vsys, 9), (q.vscap, 10), (q.load_current, 9), (q.caps_current, 9)]
        {
            let _ = write!(out, "{:>width$}", decimals(value));
        }
    }
    format!("{}\n", out.trim_end())
}

struct Line {
    at: Nanos,
    moment: usize,
    text: String,
}

fn lines(scenario: &Scenario, timeline: &Timeline) -> Vec<Line> {
    let blinks = blinkings(&timeline.entries);
    let mut lines = Vec::new();
    for (index, entry) in timeline.entries.iter().enumerate() {
        let text = match blinks.iter().find(|blink| blink.entries.contains(&index)) {
            Some(blink) if blink.entries.first() == Some(&index) => {
                let verb = if blink.subject == CHARGER { "hiccups" } else { "blinks" };
                let (subject, changes) = (blink.subject, blink.entries.len());
                format!("{subject} {verb} until {}, {changes} changes", blink.until)
            }
            Some(_) => continue,
            None => words(scenario, entry),
        };
        lines.push(Line { at: entry.at, moment: entry.moment, text });
    }
    lines
}

/// What an entry says, in words.
pub(super) fn words(scenario: &Scenario, entry: &Entry) -> String {
    match entry.what {
        What::Event(event) => event.to_string(),
        What::Stimulus(index) => {
            let act = scenario.stimuli.get(index).map(|s| describe::act(&s.act));
            format!("> {}", act.unwrap_or_default())
        }
    }
}

/// Changes of one subject that follow each other closely.
struct Blinking {
    subject: &'static str,
    entries: Vec<usize>,
    until: Nanos,
}

fn blinkings(entries: &[Entry]) -> Vec<Blinking> {
    let mut found: Vec<Blinking> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let What::Event(event @ (Event::StatusLed(_) | Event::Charger(_))) = entry.what else {
            continue;
        };
        let subject = event.subject();
        let same = |last: &&mut Blinking| {
            last.subject == subject && entry.at.saturating_sub(last.until) <= BLINKING
        };
        match found.iter_mut().rev().find(same) {
            Some(last) => {
                last.entries.push(index);
                last.until = entry.at;
            }
            None => found.push(Blinking { subject, entries: vec![index], until: entry.at }),
        }
    }
    found.retain(|blinking| {
        let least = if blinking.subject == CHARGER { HICCUPS } else { BLINKS };
        blinking.entries.len() >= least
    });
    found
}

/// Every finding with its margin.
pub fn verdict(scenario: &Scenario, verdict: &Verdict, timeline: &Timeline) -> String {
    let mut out = format!("{VERDICT_HEADER}\n");
    for (place, finding) in findings(verdict) {
        out.push_str(&finding_row(finding, &place));
    }
    if !verdict.energy.is_empty() {
        out.push('\n');
    }
    for margin in &verdict.energy {
        let _ = writeln!(
            out,
            "{} at {} with {} to spare{}",
            margin.what.name(),
            margin.at,
            hold_up(margin),
            margin.used.map_or(String::new(), |used| format!(", {used:.1} J used"))
        );
    }
    if verdict.status != Status::Passed {
        out.push('\n');
        out.push_str(&shortcomings(scenario, verdict, timeline));
    }
    out
}

fn place(finding: &Finding) -> String {
    finding.line.map_or(String::new(), |line| format!("line {line}"))
}

/// All findings, each with where it comes from.
pub(super) fn findings(verdict: &Verdict) -> impl Iterator<Item = (String, &Finding)> {
    let expectations = verdict.expectations.iter().map(|finding| (place(finding), finding));
    let invariants = verdict.invariants.iter().map(|f| (format!("O{}", f.number), &f.finding));
    let device = verdict.device.iter().map(|finding| ("device".to_owned(), finding));
    expectations.chain(invariants).chain(device)
}

fn finding_row(finding: &Finding, place: &str) -> String {
    row_of(finding, &format!("{place:<8} {}: {}", finding.text, finding.detail))
}

/// A finding's outcome and margin, and what is told beside them.
pub(super) fn row_of(finding: &Finding, told: &str) -> String {
    let margin = finding.margin.map_or(String::new(), |margin: Margin| margin.to_string());
    let relative = finding.margin.map_or(String::new(), |margin: Margin| relative(&margin));
    format!("{:<11}{margin:>14} {relative:>9}  {told}\n", finding.outcome.name())
}

/// A relative margin in per cent; empty if there is none.
pub(super) fn relative(margin: &Margin) -> String {
    margin.relative().map_or(String::new(), |relative| {
        let percent = relative * 100.0;
        let decimals = if percent.abs() < 1000.0 { 2 } else { 0 };
        let text = format!("{percent:.decimals$} %");
        if text == "-0.00 %" { "0.00 %".to_owned() } else { text }
    })
}

/// What failed and what makes the scenario invalid, each with the events around it.
fn shortcomings(scenario: &Scenario, verdict: &Verdict, timeline: &Timeline) -> String {
    let mut out = String::new();
    for problem in &verdict.invalid {
        let _ = writeln!(out, "  invalid: {problem}");
    }
    for (place, finding) in findings(verdict) {
        if finding.outcome != Outcome::Failed {
            continue;
        }
        let margin = finding.margin.map_or(String::new(), |margin| format!(" ({margin})"));
        let _ = writeln!(out, "  failed: {place}: {}{margin}", finding.text);
        if let Some(rule) = RULES.iter().find(|rule| place == format!("O{}", rule.number)) {
            let _ = writeln!(out, "    {}", rule.rule);
        }
        let _ = writeln!(out, "    {}", finding.detail);
        if let Some(at) = finding.at {
            out.push_str(&around(scenario, timeline, at));
        }
    }
    out
}

fn around(scenario: &Scenario, timeline: &Timeline, at: Nanos) -> String {
    let lines = lines(scenario, timeline);
    let centre = lines.partition_point(|line| line.at < at);
    let from = centre.saturating_sub(AROUND);
    let to = (centre + AROUND).min(lines.len());
    let mut out = String::new();
    for line in &lines[from..to] {
        out.push_str("    ");
        out.push_str(&row(line.at, &line.text, timeline.moments.get(line.moment)));
    }
    out
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}
