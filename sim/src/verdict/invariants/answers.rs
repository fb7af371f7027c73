//! O10: presses are answered.

use super::Invariants;
use crate::dut::timing::BLIP;
use crate::quantity::Nanos;
use crate::timeline::Event;
use crate::verdict::found::Found;
use crate::verdict::{Margin, intent};

/// By then a press is answered \[s\].
const ANSWERED: f64 = 1.0;
/// An LED that blinks changes more often than this.
const STEADY: Nanos = Nanos::from_secs(2);
const SHORT_BLINK: Nanos = Nanos::from_millis(150);

impl Invariants<'_> {
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

    pub(super) fn presses_answered(&self) -> Found {
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
            answers.push((Margin::seconds(ANSWERED - took, ANSWERED), press.from, detail));
        }
        Found::thinnest(answers, "nobody pressed")
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
