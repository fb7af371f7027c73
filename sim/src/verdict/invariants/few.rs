//! O6 and O7: few starts, few records.

use super::Invariants;
use crate::dut::timing::LATENCY;
use crate::quantity::Nanos;
use crate::timeline::{Button, Event, Mcu, Pi as Phase, SupplyEnable, What};
use crate::verdict::Margin;
use crate::verdict::found::{Found, worst};
use crate::verdict::history::Span;

/// So many starts a minute.
const STARTS: i64 = 2;
/// So many records for an event.
const RECORDS: i64 = 2;
const MINUTE: f64 = 60.0;
impl Invariants<'_> {
    pub(super) fn few_starts(&self) -> Found {
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
        let mut most = 0;
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
                most = starts.len().max(most);
                if let [.., first, _, last] = starts.as_slice() {
                    closest.push((*first, *last));
                }
            }
            last_start = span.from;
        }
        // A minute by the board's clock.
        let minute = MINUTE * (1.0 - self.scenario.clock_error()) - LATENCY.as_secs_f64();
        let gaps = closest.into_iter().map(|(first, last)| {
            let apart = last.saturating_sub(first).as_secs_f64();
            let margin = Margin::seconds(apart - minute, minute);
            (margin, last, format!("3 starts within {apart:.3} s, limit {minute:.3} s"))
        });
        match worst(gaps) {
            None => Found {
                margin: Some(Margin::times(STARTS - most as i64)),
                ..Found::held(format!("{} starts", starts.len()))
            },
            Some((margin, at, detail)) => Found::measured(margin, at, detail),
        }
    }

    pub(super) fn few_records(&self) -> Found {
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
        let detail = format!("at most {most} records for one event, limit {RECORDS}");
        Found::measured(Margin::times(RECORDS - most), when, detail)
    }
}
