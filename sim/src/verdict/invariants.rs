//! The invariants O1 … O10: what must hold in every run, whatever the scenario is about.
//!
//! Each is a function of the timeline: pins, rail, Pi and journal as seen from outside. Where a limit
//! is a configured time it is taken from the scenario's configuration.

mod answers;
mod few;
mod levels;
mod rail;
mod told;

use crate::bench::Run;
use crate::dut::timing::BLIP;
use crate::quantity::Nanos;
use crate::scenario::Scenario;
use crate::timeline::Event;

use super::history::{History, Span};
use super::{Finding, InvariantFinding, intent};

/// An invariant: its number, its short name, and the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `O1` … `O10`, as 1 … 10.
    pub number: u8,
    /// A few words for tables.
    pub name: &'static str,
    /// The rule itself.
    pub rule: &'static str,
}

/// Every invariant.
pub const RULES: [Rule; 10] = [
    Rule {
        number: 1,
        name: "no unclean cut",
        rule: "the rail holds while the file system is mounted",
    },
    Rule {
        number: 2,
        name: "no limbo",
        rule: "the Pi is never left halted with rail and supply on",
    },
    Rule {
        number: 3,
        name: "a restart is a power cycle",
        rule: "the rail is below 0.5 V for 2 s before it rises again",
    },
    Rule {
        number: 4,
        name: "a told Pi is cut",
        rule: "once power_good was low for 100 ms it stays low until the cut, and the cut comes",
    },
    Rule {
        number: 5,
        name: "the last intent decides",
        rule: "the last user intent decides the end state, also after total energy loss",
    },
    Rule {
        number: 6,
        name: "few starts",
        rule: "at most 2 starts a minute that nobody pressed for",
    },
    Rule { number: 7, name: "few records", rule: "at most 2 journal records per event" },
    Rule {
        number: 8,
        name: "levels decide",
        rule: "5 s after the last change the board is where the levels and the intent put it, or waits as the rules say",
    },
    Rule {
        number: 9,
        name: "load switch first",
        rule: "the load switch is open before power_good goes low and closes after its release",
    },
    Rule {
        number: 10,
        name: "presses are answered",
        rule: "every press gets a visible answer within 1 s",
    },
];

/// Judges all ten.
pub(super) fn judge(
    scenario: &Scenario,
    run: &Run,
    history: &History<'_>,
) -> Vec<InvariantFinding> {
    let invariants = Invariants { scenario, run, history };
    let found = [
        invariants.no_unclean_cut(),
        invariants.no_limbo(),
        invariants.power_cycle(),
        invariants.told_is_cut(),
        intent::judge(scenario, history),
        invariants.few_starts(),
        invariants.few_records(),
        invariants.levels_decide(),
        invariants.load_switch_order(),
        invariants.presses_answered(),
    ];
    RULES
        .into_iter()
        .zip(found)
        .map(|(Rule { number, name, .. }, found)| InvariantFinding {
            number,
            finding: Finding {
                text: name.to_owned(),
                outcome: found.outcome,
                margin: found.margin,
                at: found.at,
                detail: found.detail,
                line: None,
            },
        })
        .collect()
}

struct Invariants<'a> {
    scenario: &'a Scenario,
    run: &'a Run,
    history: &'a History<'a>,
}

impl Invariants<'_> {
    /// So many milliseconds by the board's clock, at the longest \[s\].
    fn by_its_clock(&self, millis: u32) -> f64 {
        f64::from(millis) / 1e3 * (1.0 + self.scenario.clock_error())
    }

    /// Whether `state` held just before `at`.
    fn was(&self, state: Event, at: Nanos) -> bool {
        self.history
            .spans(state)
            .iter()
            .any(|span| span.from < at && at <= span.to || span.from_before && span.from == at)
    }
}

/// Stretches with no more than a blip between them, as one.
fn joined(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.from.saturating_sub(last.to) <= BLIP => {
                (last.to, last.to_end) = (span.to, span.to_end);
            }
            Some(_) | None => joined.push(span),
        }
    }
    joined
}

/// What two stretches share; `None` if nothing.
fn overlap(a: Span, b: Span) -> Option<Span> {
    let (from, to) = (a.from.max(b.from), a.to.min(b.to));
    (from < to).then_some(Span {
        from,
        to,
        from_before: a.from_before && b.from_before,
        to_end: a.to_end && b.to_end,
    })
}
