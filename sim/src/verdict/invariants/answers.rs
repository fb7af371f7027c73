//! O10: presses are answered.
//!
//! An answer is a departure from what the LED did before the press: steady, or a pattern that repeats. A press
//! that follows a change too closely is left out, since nobody can tell an answer from what was shown anyway.

use super::Invariants;
use crate::dut::timing::{BLIP, LATENCY, STALL};
use crate::quantity::Nanos;
use crate::timeline::Event;
use crate::verdict::found::Found;
use crate::verdict::{Margin, intent};

/// By then a press is answered \[s\].
const ANSWERED: f64 = 1.0;
/// An LED that has not changed for this long, and is not in the middle of a pattern, is steady.
const STEADY: Nanos = Nanos::from_secs(2);
/// Pulses of the patterns that repeat: a plain blinking, and a warning.
const PULSES: [usize; 2] = [1, 3];
/// How far from its time a change of a pattern may be: a journal write may be in the way.
const JITTER: Nanos = STALL.saturating_add(LATENCY);

/// What the LED did before a press.
enum Looks {
    /// It changes at this time by itself.
    Changes(Nanos),
    /// It does not change by itself.
    Steady,
    /// It has just changed, and nobody can know whether it goes on.
    Unknown,
}

/// What the LED shows after a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    At(Nanos),
    Never,
    /// What an answer would be cannot be told from what is shown anyway.
    Untold,
}

/// What follows after the changes so far, if they go on as they were.
fn looks(changes: &[Nanos], now: Nanos) -> Looks {
    let back = |n: usize| changes.len().checked_sub(n).and_then(|at| changes.get(at)).copied();
    let predicted = PULSES.into_iter().find_map(|pulses| {
        let length = 2 * pulses;
        let period = |n: usize| Some(back(n)?.saturating_sub(back(n + length)?));
        let (last, before) = (period(1)?, period(2));
        let repeats = before.is_none_or(|before| Nanos(last.0.abs_diff(before.0)) <= JITTER);
        let next = back(length)?.saturating_add(last);
        (repeats && now <= next.saturating_add(JITTER)).then_some(next)
    });
    match (predicted, back(1)) {
        (Some(next), _) => Looks::Changes(next),
        (None, Some(last)) if now.saturating_sub(last) < STEADY => Looks::Unknown,
        (None, _) => Looks::Steady,
    }
}

impl Invariants<'_> {
    /// When the LED first departs, after `from`, from what it did before: it changes where it would not have, or
    /// does not where it would.
    fn answer(&self, from: Nanos) -> Answer {
        let changes: Vec<Nanos> = self
            .history
            .events()
            .filter(|(_, event)| matches!(event, Event::StatusLed(_)))
            .map(|(at, _)| at)
            .collect();
        let changes = without_blips(&changes);
        let mut shown = changes.partition_point(|at| *at < from);
        loop {
            let now =
                changes.get(..shown).unwrap_or_default().last().map_or(from, |at| from.max(*at));
            let next = changes.get(shown).copied();
            match looks(changes.get(..shown).unwrap_or_default(), now) {
                Looks::Unknown => return Answer::Untold,
                Looks::Steady => return next.map_or(Answer::Never, Answer::At),
                Looks::Changes(due) => match next {
                    Some(at) if Nanos(at.0.abs_diff(due.0)) <= JITTER => shown += 1,
                    Some(at) if at < due => return Answer::At(at),
                    Some(_) => return Answer::At(due),
                    None if due > self.history.end => return Answer::Never,
                    None => return Answer::At(due),
                },
            }
        }
    }

    pub(super) fn presses_answered(&self) -> Found {
        let debounce = Nanos::from_millis(u64::from(self.scenario.config.debounce.0));
        let mut answers = Vec::new();
        let mut untold = false;
        for (press, counts) in intent::presses(self.scenario, self.history) {
            if counts == intent::Counts::Perhaps {
                continue;
            }
            let from = press.from.saturating_add(debounce);
            let limit = from.saturating_add(Nanos::from_secs_f64(ANSWERED));
            let took = match self.answer(intent::counts_from(self.scenario, press)) {
                Answer::Untold => {
                    untold = true;
                    continue;
                }
                Answer::Never if self.history.end < limit => continue,
                Answer::Never => self.history.end.saturating_sub(from),
                Answer::At(at) => at.saturating_sub(from),
            };
            let took = took.as_secs_f64();
            let detail = format!("answered after {took:.3} s, limit {ANSWERED:.3} s");
            answers.push((Margin::seconds(ANSWERED - took, ANSWERED), press.from, detail));
        }
        let otherwise =
            if untold { "the LED had just changed at each press" } else { "nobody pressed" };
        Found::thinnest(answers, otherwise)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(times: &[u64]) -> Vec<Nanos> {
        times.iter().map(|at| Nanos::from_millis(*at)).collect()
    }

    #[track_caller]
    fn check(changes: &[u64], now: u64, expected: Option<u64>) {
        match (looks(&ms(changes), Nanos::from_millis(now)), expected) {
            (Looks::Changes(at), Some(expected)) => {
                assert_eq!(at, Nanos::from_millis(expected));
            }
            (Looks::Steady, None) => {}
            (Looks::Changes(at), None) => panic!("changes at {at}"),
            (Looks::Steady | Looks::Unknown, _) => panic!("not {expected:?}"),
        }
    }

    #[test]
    fn patterns_go_on() {
        check(&[], 5_000, None);
        check(&[1_000], 5_000, None);
        // 1 Hz.
        check(&[1_000, 1_500, 2_000], 2_100, Some(2_500));
        check(&[1_000, 1_500, 2_000, 2_500], 2_999, Some(3_000));
        // A short blink every 2 s, dark and lit.
        check(&[0, 100, 2_000, 2_100], 3_990, Some(4_000));
        check(&[0, 100, 2_000], 2_050, Some(2_100));
        // Three short blinks every 10 s.
        let warning = [1_000, 1_100, 1_200, 1_300, 1_400, 1_500, 11_000];
        check(&warning, 11_010, Some(11_100));
        // What went on does not any more.
        check(&[1_000, 1_500, 2_000], 9_000, None);
    }

    #[test]
    fn two_short_blinks_are_no_pattern() {
        let answer = ms(&[1_000, 1_100, 1_200, 1_300]);
        assert!(matches!(looks(&answer, Nanos::from_millis(1_900)), Looks::Unknown));
    }
}
