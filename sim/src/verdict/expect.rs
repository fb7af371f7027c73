//! A scenario's expectations, judged.

use crate::bench::Run;
use crate::quantity::Nanos;
use crate::scenario::{Expect, Expectation, Magnitude, When, Window, describe};
use crate::timeline::{Event, Quantity};

use super::history::History;
use super::{Finding, Margin, Outcome};

/// A finding in the making: what was found, without the expectation's own words.
struct Found {
    outcome: Outcome,
    margin: Option<Margin>,
    at: Option<Nanos>,
    detail: String,
}

impl Found {
    fn new(held: bool, margin: Option<Margin>, at: Option<Nanos>, detail: String) -> Self {
        let outcome = if held { Outcome::Held } else { Outcome::Failed };
        Self { outcome, margin, at, detail }
    }

    fn failed(detail: String) -> Self {
        Self::new(false, None, None, detail)
    }
}

pub(super) fn judge(expectation: &Expectation, run: &Run, history: &History<'_>) -> Finding {
    let found = find(&expectation.kind, run, history).unwrap_or_else(|missing| {
        Found::failed(format!("{} never came", describe::when(&missing)))
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

/// `Err` is a time that the expectation names and that never came.
fn find(kind: &Expect, run: &Run, history: &History<'_>) -> Result<Found, When> {
    let time = |when: &When| {
        run.resolved.iter().find(|(named, _)| named == when).map(|(_, at)| *at).ok_or(*when)
    };
    let edges = |window: &Window| -> Result<(Nanos, Nanos), When> {
        let from = window.from.as_ref().map_or(Ok(Nanos::ZERO), time)?;
        let to = window.to.as_ref().map_or(Ok(history.end), time)?;
        Ok((from, to))
    };
    Ok(match kind {
        Expect::Within { event, from, min, max } => {
            within(*event, time(from)?, *min, *max, history)
        }
        Expect::Never { event, window } => {
            let (from, to) = edges(window)?;
            never(*event, from, to, history)
        }
        Expect::Count { event, min, max, window } => {
            let (from, to) = edges(window)?;
            count(*event, (*min, *max), from, to, history)
        }
        Expect::Hold { state, from, lasting } => {
            let from = time(from)?;
            hold(*state, from, *lasting, history)
        }
        Expect::Stay { quantity, min, max, window } => {
            let (from, to) = edges(window)?;
            stay(*quantity, (*min, *max), from, to, history)
        }
        Expect::Value { quantity, at, min, max } => {
            let at = time(at)?;
            stay(*quantity, (*min, *max), at, at, history)
        }
        Expect::Final { states } => final_states(states, history),
        Expect::Margin { at, seconds, energy } => {
            let at = time(at)?;
            margin(at, *seconds, energy.map(|joules| joules.0), run)
        }
    })
}

fn seconds_between(from: Nanos, to: Nanos) -> f64 {
    if to >= from {
        to.saturating_sub(from).as_secs_f64()
    } else {
        -from.saturating_sub(to).as_secs_f64()
    }
}

fn within(event: Event, from: Nanos, min: Nanos, max: Nanos, history: &History<'_>) -> Found {
    let Some(at) = history.occurrences(event).find(|at| *at >= from) else {
        let limit = from.saturating_add(max);
        return Found::new(
            false,
            None,
            Some(limit.min(history.end)),
            format!("{event} did not happen after {}", from),
        );
    };
    let elapsed = at.saturating_sub(from);
    let margin = seconds_between(elapsed, max).min(seconds_between(min, elapsed));
    let detail = format!("after {}, limits {} .. {}", elapsed, min, max);
    Found::new(margin >= 0.0, Some(Margin::Seconds(margin)), Some(at), detail)
}

fn never(event: Event, from: Nanos, to: Nanos, history: &History<'_>) -> Found {
    let window = format!("{} .. {}", from, to);
    if let Some(at) = history.occurrences(event).find(|at| (from..=to).contains(at)) {
        let detail = format!("{event} at {}, within {window}", at);
        return Found::new(false, None, Some(at), detail);
    }
    // How far outside the window it happened, if it did.
    let nearest = history
        .occurrences(event)
        .map(|at| seconds_between(to, at).max(seconds_between(at, from)))
        .reduce(f64::min);
    Found::new(true, nearest.map(Margin::Seconds), None, format!("not in {window}"))
}

fn count(
    event: Event,
    (min, max): (u32, u32),
    from: Nanos,
    to: Nanos,
    history: &History<'_>,
) -> Found {
    let times: Vec<Nanos> =
        history.occurrences(event).filter(|at| (from..=to).contains(at)).collect();
    let n = times.len() as i64;
    let margin = (n - i64::from(min)).min(i64::from(max) - n);
    let excess = times.get(max as usize).or(times.last()).copied();
    let detail = if max == u32::MAX {
        format!("{n} times, limit {min}")
    } else {
        format!("{n} times, limits {min} .. {max}")
    };
    Found::new(margin >= 0, Some(Margin::Count(margin)), excess, detail)
}

fn hold(state: Event, from: Nanos, lasting: Option<Nanos>, history: &History<'_>) -> Found {
    let to = lasting.map_or(history.end, |lasting| from.saturating_add(lasting));
    let span = history
        .spans(state)
        .into_iter()
        .find(|span| span.from <= from && (from < span.to || span.to_end));
    let Some(span) = span else {
        let is = history.state_at(state, from).map_or("unknown", Event::value);
        let detail = format!("it is {is} at {}", from);
        return Found::new(false, None, Some(from), detail);
    };
    if span.to_end && to > history.end {
        let detail = format!("the run ends at {}, too early to tell", history.end);
        return Found::new(false, None, Some(history.end), detail);
    }
    if span.to_end {
        return Found::new(true, None, None, format!("until the end, {}", history.end));
    }
    let margin = seconds_between(to, span.to);
    let detail = format!("until {}, needed until {}", span.to, to);
    Found::new(margin >= 0.0, Some(Margin::Seconds(margin)), Some(span.to), detail)
}

const fn base(magnitude: Magnitude) -> f64 {
    match magnitude {
        Magnitude::Volts(volts) => volts.0,
        Magnitude::Amps(amps) => amps.0,
    }
}

fn stay(
    quantity: Quantity,
    (min, max): (Option<Magnitude>, Option<Magnitude>),
    from: Nanos,
    to: Nanos,
    history: &History<'_>,
) -> Found {
    let [low, high] = history.extremes(quantity, from, to);
    let unit = quantity.unit();
    let below = min.map(|limit| (low.value - base(limit), low, base(limit), "lowest"));
    let above = max.map(|limit| (base(limit) - high.value, high, base(limit), "highest"));
    let closest = [below, above].into_iter().flatten().reduce(|a, b| if b.0 < a.0 { b } else { a });
    let Some((margin, extreme, limit, which)) = closest else {
        return Found::failed("no limit is given".to_owned());
    };
    let margin = if unit == "A" { Margin::Amps(margin) } else { Margin::Volts(margin) };
    let detail =
        format!("{which} {:.3} {unit} at {}, limit {limit:.3} {unit}", extreme.value, extreme.at);
    Found::new(margin.value() >= 0.0, Some(margin), Some(extreme.at), detail)
}

fn final_states(states: &[Event], history: &History<'_>) -> Found {
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
    if wrong.is_empty() {
        Found::new(true, None, None, "as expected".to_owned())
    } else {
        Found::new(false, None, Some(history.end), wrong.join("; "))
    }
}

fn margin(at: Nanos, seconds: Option<Nanos>, energy: Option<f64>, run: &Run) -> Found {
    let moment = run.timeline.moments.iter().find(|moment| moment.at == at);
    let Some(hold_up) = moment.and_then(|moment| moment.hold_up) else {
        return Found::failed(format!("no energy was noted at {}", at));
    };
    let time = seconds.map(|least| hold_up.seconds - least.as_secs_f64());
    let joules = energy.map(|least| hold_up.joules - least);
    let held = time.is_none_or(|m| m >= 0.0) && joules.is_none_or(|m| m >= 0.0);
    let margin = match (time, joules) {
        (Some(time), Some(joules)) if joules < 0.0 && time >= 0.0 => Some(Margin::Joules(joules)),
        (Some(time), _) => Some(Margin::Seconds(time)),
        (None, joules) => joules.map(Margin::Joules),
    };
    let detail = format!("{:.3} s and {:.3} J left at {}", hold_up.seconds, hold_up.joules, at);
    Found::new(held, margin, Some(at), detail)
}
