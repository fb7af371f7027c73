//! The invariants O1 … O10: what must hold in every run, whatever the scenario is about.
//!
//! Each is a function of the timeline: pins, rail, Pi and journal as seen from outside. Where a limit
//! is a configured time it is taken from the scenario's configuration.

use crate::bench::Run;
use crate::quantity::Nanos;
use crate::scenario::Scenario;
use crate::timeline::{
    Button, Event, FileSystem, LoadSwitch, Mcu, Pi as Phase, PowerGood, PowerPath, Quantity, Rail,
    SupplyEnable, SupplyGood, What,
};

use super::history::{History, Span};
use super::{Finding, InvariantFinding, Margin, Outcome, energy, intent};
use crate::parts::Overlay;

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
        rule: "5 s after the supply went a fed Pi has been told",
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

/// What a chip in reset takes until it drives its pins again, at the most: no Pi notices.
const BLIP: Nanos = Nanos::MILLISECOND;
const POWER_CYCLE: f64 = 2.0;
const HEARD: Nanos = Nanos::from_millis(100);
const TOLD: f64 = 5.0;
const ANSWERED: f64 = 1.0;
const MINUTE: f64 = 60.0;
/// An LED that blinks changes more often than this.
const STEADY: Nanos = Nanos::from_secs(2);
const SHORT_BLINK: Nanos = Nanos::from_millis(150);
/// What two readings of a clock in whole milliseconds, and the step after them, may take \[s\].
const READINGS: f64 = 0.003;
/// Slack for the journal's writes and the plant's own delays \[s\].
const SLACK: f64 = 1.0;

/// What one invariant found: how close it came, and where.
pub(super) struct Found {
    outcome: Outcome,
    margin: Option<Margin>,
    at: Option<Nanos>,
    detail: String,
}

impl Found {
    pub(super) fn held(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Held, margin: None, at: None, detail: detail.into() }
    }

    pub(super) fn undecided(detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Undecided, ..Self::held(detail) }
    }

    pub(super) fn failed(at: Nanos, detail: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, at: Some(at), ..Self::held(detail) }
    }

    fn measured(margin: Margin, at: Nanos, detail: impl Into<String>) -> Self {
        let outcome = if margin.value() >= 0.0 { Outcome::Held } else { Outcome::Failed };
        Self { outcome, margin: Some(margin), at: Some(at), detail: detail.into() }
    }
}

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

/// The worst of several measurements: each a margin, when it was taken and what was found.
fn worst(measured: impl IntoIterator<Item = (f64, Nanos, String)>) -> Option<(f64, Nanos, String)> {
    measured.into_iter().reduce(|a, b| if b.0 < a.0 { b } else { a })
}

impl Invariants<'_> {
    fn no_unclean_cut(&self) -> Found {
        let limit = self.scenario.pi.under_voltage.0;
        let mounted = self.history.spans(Event::FileSystem(FileSystem::Mounted));
        let lows = mounted.iter().map(|span| {
            let [low, _] = self.history.extremes(Quantity::Vsys, span.from, span.to);
            let detail = format!("lowest {:.3} V, limit {limit:.3} V", low.value);
            (low.value - limit, low.at, detail)
        });
        let Some((margin, at, detail)) = worst(lows) else {
            return Found::held("the file system was never mounted");
        };
        let mut found = Found::measured(Margin::Volts(margin), at, detail);
        if found.outcome == Outcome::Failed
            && let Some(short) = self.excuse(at)
        {
            found.outcome = Outcome::Impossible;
            found.detail = format!(
                "{}; told as soon as allowed, the Pi would still have been {:.3} s and {:.3} J short",
                found.detail, short.seconds, short.joules
            );
        }
        found
    }

    /// The shortfall of the best possible firmware, if the capacitors gave out before `at`, or could
    /// not even keep the microcontroller when the supply went.
    fn excuse(&self, at: Nanos) -> Option<energy::Shortfall> {
        let loss = self.run.losses.iter().rfind(|loss| loss.at <= at)?;
        let since = loss.at.saturating_sub(Nanos::MILLISECOND);
        let happened =
            |event| self.history.occurrences(event).any(|then| since <= then && then <= at);
        let died = happened(Event::Mcu(Mcu::Off));
        if !died && !happened(Event::PowerPath(PowerPath::Collapsed)) {
            return None;
        }
        let window = Nanos::from_millis(u64::from(self.scenario.config.load_test_window.0));
        let window = window.saturating_sub(intent::short(self.scenario, window));
        let testing = self
            .history
            .occurrences(Event::SupplyEnable(SupplyEnable::On))
            .any(|on| on <= loss.at && loss.at < on.saturating_add(window));
        let way = if testing && !died { energy::Way::Cut } else { energy::Way::Carry };
        let config = &self.scenario.config;
        let reaction = u64::from(config.uncharged_bridge.0 + config.load_switch_lead.0);
        energy::shortfall(loss, way, Nanos::from_millis(reaction))
    }

    fn no_limbo(&self) -> Found {
        let config = &self.scenario.config;
        let limit = f64::from(config.shutdown_timeout.0 + config.boot_allowance.0) / 1e3 + 5.0;
        let good = self.history.spans(Event::SupplyGood(SupplyGood::High));
        let halted = self.history.spans(Event::Pi(Phase::Halted));
        let pairs = halted.iter().flat_map(|h| good.iter().filter_map(|g| overlap(*h, *g)));
        let silent = |both: &Span| self.went_silently(both.from);
        let waits = pairs.filter(|both| !silent(both)).map(|both| {
            let length = both.length().as_secs_f64();
            let detail = format!("halted with supply for {length:.3} s, limit {limit:.3} s");
            (limit - length, both.from, detail)
        });
        match worst(waits) {
            None => Found::held("the Pi was never left halted with the supply good"),
            Some((margin, at, detail)) => Found::measured(Margin::Seconds(margin), at, detail),
        }
    }

    /// The Pi halted without having been told, and has no line to say so: nobody can know.
    fn went_silently(&self, at: Nanos) -> bool {
        self.scenario.pi.poweroff_overlay == Overlay::Absent
            && self.was(Event::PowerGood(PowerGood::Released), at)
    }

    fn power_cycle(&self) -> Found {
        let down = self.history.spans(Event::Rail(Rail::Down));
        let off = self.history.spans(Event::Pi(Phase::Off));
        let restarts = off.iter().filter(|span| !span.from_before && !span.to_end);
        let gaps = restarts.map(|restart| {
            let gap = down.iter().find(|span| span.to == restart.to && restart.to > restart.from);
            let length = gap.map_or(0.0, |span| span.length().as_secs_f64());
            let detail = format!("rail below 0.5 V for {length:.3} s, limit {POWER_CYCLE:.3} s");
            (*restart, (length - POWER_CYCLE, restart.to, detail))
        });
        let (knowing, unknowing): (Vec<_>, Vec<_>) =
            gaps.partition(|(restart, _)| self.started_knowingly(*restart));
        let measured = |list: Vec<(Span, _)>| worst(list.into_iter().map(|(_, measured)| measured));
        match (measured(knowing), measured(unknowing)) {
            (Some((margin, at, detail)), _) if margin < 0.0 => {
                Found::measured(Margin::Seconds(margin), at, detail)
            }
            (_, Some((margin, at, detail))) if margin < 0.0 => Found {
                outcome: Outcome::Impossible,
                ..Found::measured(
                    Margin::Seconds(margin),
                    at,
                    format!("{detail}; no firmware was there to wait"),
                )
            },
            (Some((margin, at, detail)), _) | (None, Some((margin, at, detail))) => {
                Found::measured(Margin::Seconds(margin), at, detail)
            }
            (None, None) => Found::held("no restart"),
        }
    }

    /// Whether the end of a stretch without power is the doing of a firmware that knows when it began:
    /// not of the LTC4041 alone, and not after the microcontroller died with the rail.
    fn started_knowingly(&self, off: Span) -> bool {
        let since = off.from.saturating_sub(Nanos::from_millis(10));
        let enabled =
            self.history.occurrences(Event::SupplyEnable(SupplyEnable::On)).any(|on| on == off.to);
        let revived =
            self.history.occurrences(Event::Mcu(Mcu::On)).any(|on| since <= on && on <= off.to);
        enabled && !revived
    }

    fn told_is_cut(&self) -> Found {
        let config = &self.scenario.config;
        let allowed = config.boot_allowance.0 + config.shutdown_timeout.0;
        let allowed = Nanos::from_millis(u64::from(allowed)).saturating_add(Nanos::SECOND);
        let mut told = 0;
        for span in joined(self.history.spans(Event::PowerGood(PowerGood::Low))) {
            // Low since the start of the Pi: that is no notice.
            let fed = Event::SupplyEnable(SupplyEnable::On);
            let heard = self.was(fed, span.from) && self.was(fed, span.from.saturating_sub(BLIP));
            if span.from_before || !heard || span.length() < HEARD {
                continue;
            }
            told += 1;
            let cut = self
                .history
                .events()
                .find(|(at, event)| {
                    *at >= span.from
                        && matches!(
                            event,
                            Event::SupplyEnable(SupplyEnable::Off) | Event::Pi(Phase::Off)
                        )
                })
                .map(|(at, _)| at);
            match cut {
                Some(cut) if cut <= span.to || span.to_end => {}
                Some(_) => {
                    return Found::failed(span.to, "the notice was withdrawn before the cut");
                }
                None if !span.to_end => {
                    return Found::failed(span.to, "the notice was withdrawn and no cut came");
                }
                // The supply's return grants the allowance anew (R9).
                None if span.to.saturating_sub(self.returned(span)) <= allowed => {
                    return Found::undecided("the run ends before the cut is due");
                }
                None => {
                    let detail = format!("told at {}, never cut", span.from);
                    return Found::failed(span.from, detail);
                }
            }
        }
        Found::held(match told {
            0 => "the Pi was never told".to_owned(),
            n => format!("told {n} times, cut each time"),
        })
    }

    /// When the supply last came back within a stretch; its beginning if it did not.
    fn returned(&self, span: Span) -> Nanos {
        let back = self.history.occurrences(Event::SupplyGood(SupplyGood::High));
        back.filter(|at| span.from < *at && *at <= span.to).last().unwrap_or(span.from)
    }

    /// Whether `state` held just before `at`.
    fn was(&self, state: Event, at: Nanos) -> bool {
        self.history
            .spans(state)
            .iter()
            .any(|span| span.from < at && at <= span.to || span.from_before && span.from == at)
    }

    fn few_starts(&self) -> Found {
        let config = &self.scenario.config;
        let window = Nanos::from_millis(u64::from(config.load_test_window.0));
        let debounce = Nanos::from_millis(u64::from(config.debounce.0));
        let presses: Vec<Span> = self
            .history
            .spans(Event::Button(Button::Pressed))
            .into_iter()
            .filter(|press| press.length() >= debounce)
            .collect();
        let mut last_start = Nanos::ZERO;
        let mut starts: Vec<Nanos> = Vec::new();
        let mut closest: Vec<(Nanos, Nanos)> = Vec::new();
        let revived: Vec<Nanos> = self.history.occurrences(Event::Mcu(Mcu::On)).collect();
        // Pins that float in a reset for less than it takes the Pi to go off make no start.
        let mut enabled: Vec<Span> = Vec::new();
        for span in self.history.spans(Event::SupplyEnable(SupplyEnable::On)) {
            match enabled.last_mut() {
                Some(last) if !self.was(Event::Pi(Phase::Off), span.from) => {
                    (last.to, last.to_end) = (span.to, span.to_end);
                }
                Some(_) | None => enabled.push(span),
            }
        }
        for span in enabled {
            // An attempt that the load test ended is spaced by its own back-off.
            let attempt = !span.to_end && span.length() <= window;
            let pressed = presses.iter().any(|p| p.to > last_start && p.from <= span.from);
            // A microcontroller that died in between cannot know of starts before.
            if revived.iter().any(|at| last_start < *at && *at <= span.from) {
                starts.clear();
            }
            if !span.from_before && !attempt && !pressed {
                starts.push(span.from);
                if let [.., first, _, last] = starts.as_slice() {
                    closest.push((*first, *last));
                }
            }
            last_start = span.from;
        }
        // A minute by the board's clock.
        let minute = MINUTE * (1.0 - self.scenario.board.clock_error()) - READINGS;
        let gaps = closest.into_iter().map(|(first, last)| {
            let apart = last.saturating_sub(first).as_secs_f64();
            (apart - minute, last, format!("3 starts within {apart:.3} s, limit {minute:.3} s"))
        });
        match worst(gaps) {
            None => Found::held(format!("{} starts", starts.len())),
            Some((margin, at, detail)) => Found::measured(Margin::Seconds(margin), at, detail),
        }
    }

    fn few_records(&self) -> Found {
        let (mut since, mut most, mut when) = (0i64, 0i64, Nanos::ZERO);
        for entry in &self.history.timeline.entries {
            match entry.what {
                What::Event(Event::Journal(_)) => {
                    since += 1;
                    if since > most {
                        (most, when) = (since, entry.at);
                    }
                }
                What::Stimulus(_)
                | What::Event(
                    Event::SupplyGood(_)
                    | Event::Button(_)
                    | Event::PiRequest(_)
                    | Event::Pi(Phase::BootLoader)
                    | Event::Mcu(Mcu::On | Mcu::Reset),
                ) => since = 0,
                What::Event(_) => {}
            }
        }
        let detail = format!("at most {most} records for one event, limit 2");
        Found::measured(Margin::Count(2 - most), when, detail)
    }

    fn levels_decide(&self) -> Found {
        let config = &self.scenario.config;
        let latest = f64::from(config.bridge.0 + config.load_switch_lead.0) / 1e3 + SLACK;
        let limit = TOLD.max(latest);
        let lost = self.history.spans(Event::SupplyGood(SupplyGood::Low));
        let unaware = self.history.spans(Event::PowerGood(PowerGood::Released));
        let fed = self.history.spans(Event::SupplyEnable(SupplyEnable::On));
        let pairs = lost.iter().flat_map(|l| unaware.iter().filter_map(|u| overlap(*l, *u)));
        let both = pairs.flat_map(|p| fed.iter().filter_map(move |f| overlap(p, *f)));
        let waits = both.map(|span| {
            let length = span.length().as_secs_f64();
            let detail = format!("not told for {length:.3} s, limit {limit:.3} s");
            (limit - length, span.from, detail)
        });
        match worst(waits) {
            None => Found::held("the supply was never lost with the Pi on"),
            Some((margin, at, detail)) => Found::measured(Margin::Seconds(margin), at, detail),
        }
    }

    fn load_switch_order(&self) -> Found {
        let open = self.history.spans(Event::LoadSwitch(LoadSwitch::Open));
        let mut leads = Vec::new();
        for at in self.history.occurrences(Event::PowerGood(PowerGood::Low)) {
            if !self.was(Event::SupplyEnable(SupplyEnable::On), at) {
                continue;
            }
            let Some(span) = open.iter().find(|s| s.from <= at && (at < s.to || s.to_end)) else {
                return Found::failed(at, "power_good went low with the load switch closed");
            };
            if !span.from_before {
                let lead = at.saturating_sub(span.from).as_secs_f64();
                leads.push((lead, at, format!("open {lead:.3} s before power_good went low")));
            }
        }
        for at in self.history.occurrences(Event::LoadSwitch(LoadSwitch::Closed)) {
            let released = Event::PowerGood(PowerGood::Released);
            if self.history.state_at(released, at) != Some(released) {
                return Found::failed(at, "the load switch closed with power_good low");
            }
        }
        match worst(leads) {
            None => Found::held("the load switch never had to lead"),
            Some((margin, at, detail)) => Found::measured(Margin::Seconds(margin), at, detail),
        }
    }

    /// When the LED first shows something after `from` that it would not have shown anyway: any change
    /// of an LED that was steady, a short blink of one that blinks already.
    fn answer(&self, from: Nanos) -> Option<Nanos> {
        let changes: Vec<Nanos> = self
            .history
            .events()
            .filter(|(_, event)| matches!(event, Event::StatusLed(_)))
            .map(|(at, _)| at)
            .collect();
        let changes = without_blips(&changes);
        let after = changes.partition_point(|at| *at < from);
        // One change alone is none that goes on.
        let blinking = after
            .checked_sub(2)
            .and_then(|last_but_one| changes.get(last_but_one))
            .is_some_and(|change| from.saturating_sub(*change) <= Nanos::SECOND);
        let later = changes.get(after..).unwrap_or_default();
        if !blinking {
            return later.first().copied();
        }
        let calm = from.saturating_add(Nanos::SECOND);
        if later.first().is_none_or(|next| *next > calm) {
            // The blinking stopped.
            return Some(from);
        }
        // So it does with a change after which nothing changes.
        let limit = from.saturating_add(Nanos::from_secs_f64(ANSWERED));
        let last = |(at, next): (Nanos, Option<Nanos>)| {
            at <= limit && next.unwrap_or(self.history.end) > at.saturating_add(STEADY)
        };
        let next = later.iter().skip(1).map(|at| Some(*at)).chain([None]);
        let stops = later.iter().copied().zip(next).find(|pair| last(*pair)).map(|(at, _)| at);
        let short = |pair: &&[Nanos]| pair[1].saturating_sub(pair[0]) <= SHORT_BLINK;
        let blinks = later.windows(2).find(short).map(|pair| pair[0]);
        [stops, blinks].into_iter().flatten().min()
    }

    fn presses_answered(&self) -> Found {
        let debounce = Nanos::from_millis(u64::from(self.scenario.config.debounce.0));
        let mut answers = Vec::new();
        for (press, counts) in intent::presses(self.scenario, self.history) {
            if counts == intent::Counts::Perhaps {
                continue;
            }
            let blink = self.answer(intent::counts_from(self.scenario, press));
            let from = press.from.saturating_add(debounce);
            let limit = from.saturating_add(Nanos::from_secs_f64(ANSWERED));
            if blink.is_none() && self.history.end < limit {
                continue;
            }
            let took = blink.map_or(f64::INFINITY, |at| at.saturating_sub(from).as_secs_f64());
            let took = took.min(self.history.end.saturating_sub(from).as_secs_f64());
            let detail = format!("answered after {took:.3} s, limit {ANSWERED:.3} s");
            answers.push((ANSWERED - took, press.from, detail));
        }
        match worst(answers) {
            None => Found::held("nobody pressed"),
            Some((margin, at, detail)) => Found::measured(Margin::Seconds(margin), at, detail),
        }
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

/// Changes without those that are undone within a blip.
fn without_blips(changes: &[Nanos]) -> Vec<Nanos> {
    let mut kept: Vec<Nanos> = Vec::new();
    for at in changes {
        match kept.last() {
            Some(last) if at.saturating_sub(*last) <= BLIP => _ = kept.pop(),
            Some(_) | None => kept.push(*at),
        }
    }
    kept
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
