//! Questions about a timeline: who was in which state when, what a quantity's extremes were.

use crate::quantity::Nanos;
use crate::timeline::{Event, Quantities, Quantity, Timeline, What};

/// A stretch of time; the end is the first instant that no longer belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Nanos,
    pub(super) to: Nanos,
    /// It began before the recording did.
    pub(super) from_before: bool,
    /// It lasts until the run's end.
    pub(super) to_end: bool,
}

impl Span {
    pub(super) fn length(&self) -> Nanos {
        self.to.saturating_sub(self.from)
    }
}

/// An extreme value and when it was reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extreme {
    pub(super) value: f64,
    pub(super) at: Nanos,
}

pub(super) struct History<'a> {
    pub(super) timeline: &'a Timeline,
    pub(super) end: Nanos,
}

impl<'a> History<'a> {
    pub(super) fn events(&self) -> impl Iterator<Item = (Nanos, Event)> + use<'a> {
        self.timeline.entries.iter().filter_map(|entry| match entry.what {
            What::Event(event) => Some((entry.at, event)),
            What::Stimulus(_) => None,
        })
    }

    pub(super) fn occurrences(&self, event: Event) -> impl Iterator<Item = Nanos> + use<'a> {
        self.events().filter(move |(_, e)| *e == event).map(|(at, _)| at)
    }

    /// When the scenario did something, in order.
    fn stimuli(&self) -> impl Iterator<Item = Nanos> + use<'a> {
        self.timeline.entries.iter().filter_map(|entry| match entry.what {
            What::Stimulus(_) => Some(entry.at),
            What::Event(_) => None,
        })
    }

    /// The time that the scenario gave something which happened at `at` and must be on one side of `limit`
    /// \[s\]: from the last stimulus before both, or from time zero, to the limit.
    pub(super) fn given(&self, at: Nanos, limit: Nanos) -> f64 {
        let earlier = at.min(limit);
        let last = self.stimuli().take_while(|at| *at <= earlier).last().unwrap_or(Nanos::ZERO);
        limit.saturating_sub(last).as_secs_f64()
    }

    /// Whether the scenario did something after `limit`, no later than `at`: what happens then comes of
    /// that, and did not nearly happen before the limit.
    pub(super) fn is_prompted(&self, limit: Nanos, at: Nanos) -> bool {
        self.stimuli().any(|stimulus| limit < stimulus && stimulus <= at)
    }

    /// The value of `like`'s subject once everything at `at` was done.
    pub(super) fn state_at(&self, like: Event, at: Nanos) -> Option<Event> {
        let subject = like.subject();
        let initial = self.timeline.initial.iter().copied().find(|e| e.subject() == subject);
        let last = self
            .events()
            .take_while(|(t, _)| *t <= at)
            .filter(|(_, e)| e.subject() == subject)
            .last()
            .map(|(_, e)| e);
        last.or(initial)
    }

    /// The stretches in which `state` held.
    pub(super) fn spans(&self, state: Event) -> Vec<Span> {
        let subject = state.subject();
        let holds = self.timeline.initial.contains(&state);
        let mut open = holds.then_some((Nanos::ZERO, true));
        let mut spans = Vec::new();
        for (at, event) in self.events().filter(|(_, e)| e.subject() == subject) {
            match (open, event == state) {
                (None, true) => open = Some((at, false)),
                (Some((from, from_before)), false) => {
                    spans.push(Span { from, to: at, from_before, to_end: false });
                    open = None;
                }
                (Some(_), true) | (None, false) => {}
            }
        }
        if let Some((from, from_before)) = open {
            spans.push(Span { from, to: self.end, from_before, to_end: true });
        }
        spans
    }

    /// Lowest and highest value of `quantity` in `from ..= to`. At the edges the values inside
    /// count: after the first instant, before the last.
    pub(super) fn extremes(&self, quantity: Quantity, from: Nanos, to: Nanos) -> [Extreme; 2] {
        let mut low = Extreme { value: f64::INFINITY, at: from };
        let mut high = Extreme { value: f64::NEG_INFINITY, at: from };
        let mut see = |at: Nanos, values: &Quantities| {
            let value = values.get(quantity);
            if value < low.value {
                low = Extreme { value, at };
            }
            if value > high.value {
                high = Extreme { value, at };
            }
        };
        for moment in &self.timeline.moments {
            if from < moment.at && moment.at <= to {
                see(moment.at, &moment.before);
            }
            if from <= moment.at && (moment.at < to || from == to && moment.at == to) {
                see(moment.at, &moment.after);
            }
        }
        [low, high]
    }
}
