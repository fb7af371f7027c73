//! A scenario's expectations, judged.

use crate::bench::Run;
use crate::quantity::{Nanos, decimals};
use crate::scenario::{Expect, Expectation, Magnitude, Scenario, When, Window, describe};
use crate::timeline::{Event, Quantity};

use super::found::{Found, worst};
use super::history::{History, Span};
use super::margin::between;
use super::{Finding, Margin, Outcome, Unit, threshold};

pub(super) fn judge(
    expectation: &Expectation,
    scenario: &Scenario,
    run: &Run,
    history: &History<'_>,
) -> Finding {
    let found =
        Judge { scenario, run, history }.find(&expectation.kind).unwrap_or_else(|missing| {
            failed(None, None, format!("{} never came", describe::when(&missing)))
        });
    Finding {
        text: describe::expect(&expectation.kind),
        outcome: found.outcome,
        margin: found.margin,
        at: found.at,
        detail: found.detail,
        line: Some(expectation.line),
    }
}

fn failed(margin: Option<Margin>, at: Option<Nanos>, detail: String) -> Found {
    Found { outcome: Outcome::Failed, margin, at, detail }
}

fn held(margin: Option<Margin>, at: Option<Nanos>, detail: String) -> Found {
    Found { outcome: Outcome::Held, margin, at, detail }
}

struct Judge<'a> {
    scenario: &'a Scenario,
    run: &'a Run,
    history: &'a History<'a>,
}

impl Judge<'_> {
    /// `Err` is a time that the expectation names and that never came.
    fn find(&self, kind: &Expect) -> Result<Found, When> {
        Ok(match kind {
            Expect::Within { event, from, min, max } => {
                self.within(*event, self.time(from)?, *min, *max)
            }
            Expect::Never { event, window } => self.never(*event, window, self.edges(window)?),
            Expect::Count { event, min, max, window } => {
                self.count(*event, (*min, *max), self.edges(window)?)
            }
            Expect::Hold { state, from, lasting } => {
                self.hold(*state, from, self.time(from)?, *lasting)
            }
            Expect::Stay { quantity, min, max, window } => {
                self.stay(*quantity, (*min, *max), self.edges(window)?)
            }
            Expect::Value { quantity, at, min, max } => {
                let at = self.time(at)?;
                self.stay(*quantity, (*min, *max), (at, at))
            }
            Expect::Final { states } => self.final_states(states),
            Expect::Margin { at, seconds, energy } => {
                self.margin(self.time(at)?, *seconds, energy.map(|joules| joules.0))
            }
        })
    }

    fn time(&self, when: &When) -> Result<Nanos, When> {
        let resolved = self.run.resolved.iter().find(|(named, _)| named == when);
        resolved.map(|(_, at)| *at).ok_or(*when)
    }

    fn edges(&self, window: &Window) -> Result<(Nanos, Nanos), When> {
        let from = window.from.as_ref().map_or(Ok(Nanos::ZERO), |from| self.time(from))?;
        let to = window.to.as_ref().map_or(Ok(self.history.end), |to| self.time(to))?;
        Ok((from, to))
    }

    /// The occurrence of `event` that `when` counts from: its distance is what the scenario says, and never
    /// anything else.
    fn anchor(&self, event: Event, when: &When) -> Option<Nanos> {
        match when {
            When::After { event: anchor, plus, .. } if *anchor == event => {
                Some(self.time(when).ok()?.saturating_sub(*plus))
            }
            When::After { .. } | When::At(_) => None,
        }
    }

    fn within(&self, event: Event, from: Nanos, min: Nanos, max: Nanos) -> Found {
        let Some(at) = self.history.occurrences(event).find(|at| *at >= from) else {
            let limit = from.saturating_add(max).min(self.history.end);
            return failed(None, Some(limit), format!("{event} did not happen after {from}"));
        };
        let elapsed = at.saturating_sub(from);
        let late = between(elapsed, max);
        // Nothing is earlier than its cause: that is no limit.
        let distance = if min == Nanos::ZERO { late } else { late.min(between(min, elapsed)) };
        let margin = Margin::seconds(distance, between(min, max));
        Found::measured(margin, at, format!("after {elapsed}, limits {min} .. {max}"))
    }

    fn never(&self, event: Event, window: &Window, (from, to): (Nanos, Nanos)) -> Found {
        let shown = format!("{from} .. {to}");
        let history = self.history;
        if let Some(at) = history.occurrences(event).find(|at| (from..=to).contains(at)) {
            let inside = between(from, at).min(between(at, to));
            let margin = Margin::seconds(-inside, history.given(at, to));
            let detail = format!("{event} at {at}, within {shown}");
            return failed(Some(margin), Some(at), detail);
        }
        if let Some((margin, extreme)) =
            threshold::distance(event, (from, to), self.scenario, history)
        {
            let detail =
                format!("not in {shown}, {:.3} V at {} came closest", extreme.value, extreme.at);
            return held(Some(margin), Some(extreme.at), detail);
        }
        // How far outside the window it happened, if it did.
        let anchors = [&window.from, &window.to].map(|edge| self.anchor(event, edge.as_ref()?));
        let others = history
            .occurrences(event)
            .filter(|at| !anchors.contains(&Some(*at)) && !history.is_prompted(to, *at));
        let nearest = worst(others.map(|at| {
            let (distance, limit) =
                if at > to { (between(to, at), to) } else { (between(at, from), from) };
            let margin = Margin::seconds(distance, history.given(at, limit));
            (margin, at, format!("not in {shown}, but at {at}"))
        }));
        match nearest {
            Some((margin, at, detail)) => held(Some(margin), Some(at), detail),
            None => held(None, None, format!("not in {shown}")),
        }
    }

    fn count(&self, event: Event, (min, max): (u32, u32), (from, to): (Nanos, Nanos)) -> Found {
        let times: Vec<Nanos> =
            self.history.occurrences(event).filter(|at| (from..=to).contains(at)).collect();
        let n = times.len() as i64;
        let margin = Margin::times((n - i64::from(min)).min(i64::from(max) - n));
        let excess = times.get(max as usize).or(times.last()).copied();
        let detail = if max == u32::MAX {
            format!("{n} times, limit {min}")
        } else {
            format!("{n} times, limits {min} .. {max}")
        };
        let judged = if margin.is_kept() { held } else { failed };
        judged(Some(margin), excess, detail)
    }

    fn hold(&self, state: Event, when: &When, from: Nanos, lasting: Option<Nanos>) -> Found {
        let history = self.history;
        let to = lasting.map_or(history.end, |lasting| from.saturating_add(lasting));
        let spans = history.spans(state);
        let around = |span: &&Span| span.from <= from && (from < span.to || span.to_end);
        let Some(span) = spans.iter().find(around) else {
            let is = history.state_at(state, from).map_or("unknown", Event::value);
            let late = spans.iter().find(|span| span.from > from).map(|span| {
                Margin::seconds(between(span.from, from), history.given(span.from, from))
            });
            return failed(late, Some(from), format!("it is {is} at {from}"));
        };
        if span.to_end && to > history.end {
            let detail = format!("the run ends at {}, too early to tell", history.end);
            return failed(None, Some(history.end), detail);
        }
        // Since when it is so. What came with the reference, or is it, can be no later.
        let given =
            span.from_before || span.from == from || self.anchor(state, when) == Some(span.from);
        let since = (!given).then(|| {
            let margin = Margin::seconds(between(span.from, from), history.given(span.from, from));
            (margin, span.from, format!("since {}, needed from {from}", span.from))
        });
        let ends = !span.to_end && (span.to < to || !history.is_prompted(to, span.to));
        let until = ends.then(|| {
            let margin = Margin::seconds(between(to, span.to), history.given(span.to, to));
            (margin, span.to, format!("until {}, needed until {to}", span.to))
        });
        match worst([since, until].into_iter().flatten()) {
            Some((margin, at, detail)) => Found::measured(margin, at, detail),
            None if span.to_end => Found::held(format!("until the end, {}", history.end)),
            None => Found::held(format!("until {}, needed until {to}", span.to)),
        }
    }

    fn stay(
        &self,
        quantity: Quantity,
        (min, max): (Option<Magnitude>, Option<Magnitude>),
        (from, to): (Nanos, Nanos),
    ) -> Found {
        let [low, high] = self.history.extremes(quantity, from, to);
        let symbol = quantity.unit();
        let unit = match quantity {
            Quantity::Vin
            | Quantity::Vsys
            | Quantity::Vscap
            | Quantity::CellVoltage
            | Quantity::CellHeadroom => Unit::Volts,
            Quantity::LoadCurrent | Quantity::CapsCurrent => Unit::Amps,
        };
        let (min, max) = (min.map(base), max.map(base));
        let width = min.zip(max).map(|(min, max)| max - min);
        let measure = |distance: f64, limit: f64, extreme: super::history::Extreme, which: &str| {
            let allowance = Some(width.unwrap_or(limit.abs()));
            let (value, at) = (extreme.value, extreme.at);
            let value = decimals(value);
            let detail = format!("{which} {value} {symbol} at {at}, limit {limit:.3} {symbol}");
            (Margin { distance, unit, allowance }, at, detail)
        };
        let below = min.map(|limit| measure(low.value - limit, limit, low, "lowest"));
        let above = max.map(|limit| measure(limit - high.value, limit, high, "highest"));
        match worst([below, above].into_iter().flatten()) {
            Some((margin, at, detail)) => Found::measured(margin, at, detail),
            None => failed(None, None, "no limit is given".to_owned()),
        }
    }

    fn final_states(&self, states: &[Event]) -> Found {
        let history = self.history;
        let wrong: Vec<String> = states
            .iter()
            .filter_map(|wanted| {
                let is = history.state_at(*wanted, history.end);
                (is != Some(*wanted)).then(|| {
                    let is = is.map_or("never reported", Event::value);
                    format!("{} is {is}, not {}", wanted.subject(), wanted.value())
                })
            })
            .collect();
        if !wrong.is_empty() {
            return failed(None, Some(history.end), wrong.join("; "));
        }
        let reached = states.iter().filter_map(|state| {
            let span = history.spans(*state).pop()?;
            (!span.from_before).then_some((span.from, state))
        });
        // The last of them, the first named of those at the same time.
        match reached.reduce(|a, b| if b.0 > a.0 { b } else { a }) {
            None => Found::held("from the beginning"),
            Some((at, state)) => {
                let given = history.given(at, history.end);
                let margin = Margin::seconds(between(at, history.end), given);
                held(Some(margin), Some(at), format!("{state} since {at}"))
            }
        }
    }

    fn margin(&self, at: Nanos, seconds: Option<Nanos>, energy: Option<f64>) -> Found {
        let moment = self.run.timeline.moments.iter().find(|moment| moment.at == at);
        let Some(hold_up) = moment.and_then(|moment| moment.hold_up) else {
            return failed(None, None, format!("no energy was noted at {at}"));
        };
        let detail = format!("{:.3} s and {:.3} J left at {at}", hold_up.seconds, hold_up.joules);
        let time = seconds.map(|least| {
            let least = least.as_secs_f64();
            Margin::seconds(hold_up.seconds - least, least)
        });
        let joules = energy.map(|least| Margin::joules(hold_up.joules - least, least));
        match [time, joules].into_iter().flatten().reduce(Margin::thinner) {
            Some(margin) => Found::measured(margin, at, detail),
            None => failed(None, None, "no limit is given".to_owned()),
        }
    }
}

const fn base(magnitude: Magnitude) -> f64 {
    match magnitude {
        Magnitude::Volts(volts) => volts.0,
        Magnitude::Amps(amps) => amps.0,
    }
}
