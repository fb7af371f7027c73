//! O2, O4 and O9: what the Pi and the load switch are told, and when.

use super::{Invariants, joined, overlap};
use crate::dut::timing::BLIP;
use crate::parts::Overlay;
use crate::quantity::Nanos;
use crate::timeline::{Event, LoadSwitch, Mcu, Pi as Phase, PowerGood, SupplyEnable, SupplyGood};
use crate::verdict::Margin;
use crate::verdict::found::Found;
use crate::verdict::history::Span;

/// A line that is low this long has been heard.
const HEARD: Nanos = Nanos::from_millis(100);
/// Slack for the journal's writes and the plant's own delays \[s\].
pub(super) const SLACK: f64 = 1.0;

impl Invariants<'_> {
    pub(super) fn no_limbo(&self) -> Found {
        let config = &self.scenario.config;
        let limit = f64::from(config.shutdown_timeout.0 + config.boot_allowance.0) / 1e3 + 5.0;
        let good = self.history.spans(Event::SupplyGood(SupplyGood::High));
        let halted = self.history.spans(Event::Pi(Phase::Halted));
        let pairs = halted.iter().flat_map(|h| good.iter().filter_map(|g| overlap(*h, *g)));
        let silent = |both: &Span| self.went_silently(both.from);
        let waits = pairs.filter(|both| !silent(both)).map(|both| {
            let length = both.length().as_secs_f64();
            let detail = format!("halted with supply for {length:.3} s, limit {limit:.3} s");
            (Margin::seconds(limit - length, limit), both.from, detail)
        });
        Found::thinnest(waits, "the Pi was never left halted with the supply good")
    }

    /// The Pi halted without having been told, and has no line to say so: nobody can know.
    fn went_silently(&self, at: Nanos) -> bool {
        self.scenario.pi.poweroff_overlay == Overlay::Absent
            && self.was(Event::PowerGood(PowerGood::Released), at)
    }

    pub(super) fn told_is_cut(&self) -> Found {
        let config = &self.scenario.config;
        let allowed =
            self.by_its_clock(config.boot_allowance.0 + config.shutdown_timeout.0) + SLACK;
        let mut waits = Vec::new();
        for span in joined(self.history.spans(Event::PowerGood(PowerGood::Low))) {
            // Low since the start of the Pi: that is no notice.
            let fed = Event::SupplyEnable(SupplyEnable::On);
            let heard = self.was(fed, span.from) && self.was(fed, span.from.saturating_sub(BLIP));
            if span.from_before || !heard || span.length() < HEARD {
                continue;
            }
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
            // The supply's return grants the allowance anew (R9).
            let waited =
                |to: Nanos| to.saturating_sub(self.returned(Span { to, ..span })).as_secs_f64();
            match cut {
                Some(cut) if cut <= span.to || span.to_end => {
                    let waited = waited(cut);
                    let detail =
                        format!("cut {waited:.3} s after it was told, limit {allowed:.3} s");
                    waits.push((Margin::seconds(allowed - waited, allowed), cut, detail));
                }
                Some(_) => {
                    return Found::failed(span.to, "the notice was withdrawn before the cut");
                }
                None if !span.to_end => {
                    return Found::failed(span.to, "the notice was withdrawn and no cut came");
                }
                None if waited(span.to) <= allowed => {
                    return Found::undecided("the run ends before the cut is due");
                }
                None => {
                    let detail = format!("told at {}, never cut", span.from);
                    return Found::failed(span.from, detail);
                }
            }
        }
        Found::thinnest(waits, "the Pi was never told")
    }

    /// When the supply last came back within a stretch, or the microcontroller after a reset (R13); its
    /// beginning if neither did.
    fn returned(&self, span: Span) -> Nanos {
        let back = self.history.events().filter(|(_, event)| {
            matches!(event, Event::SupplyGood(SupplyGood::High) | Event::Mcu(Mcu::On | Mcu::Reset))
        });
        let back = back.map(|(at, _)| at).filter(|at| span.from < *at && *at <= span.to);
        back.last().unwrap_or(span.from)
    }

    pub(super) fn load_switch_order(&self) -> Found {
        let config = &self.scenario.config;
        let open = self.history.spans(Event::LoadSwitch(LoadSwitch::Open));
        let released = self.history.spans(Event::PowerGood(PowerGood::Released));
        let around = |spans: &[Span], at: Nanos| {
            spans.iter().find(|span| span.from <= at && (at < span.to || span.to_end)).copied()
        };
        let seconds = |span: Span, at: Nanos| at.saturating_sub(span.from).as_secs_f64();
        let mut leads = Vec::new();
        for at in self.history.occurrences(Event::PowerGood(PowerGood::Low)) {
            if !self.was(Event::SupplyEnable(SupplyEnable::On), at) {
                continue;
            }
            let Some(span) = around(&open, at) else {
                return Found::failed(at, "power_good went low with the load switch closed");
            };
            if !span.from_before {
                let lead = seconds(span, at);
                let margin = Margin::seconds(lead, f64::from(config.load_switch_lead.0) / 1e3);
                leads.push((margin, at, format!("open {lead:.3} s before power_good went low")));
            }
        }
        for at in self.history.occurrences(Event::LoadSwitch(LoadSwitch::Closed)) {
            let Some(span) = around(&released, at) else {
                return Found::failed(at, "the load switch closed with power_good low");
            };
            if !span.from_before {
                let delay = seconds(span, at);
                let margin = Margin::seconds(delay, f64::from(config.load_switch_delay.0) / 1e3);
                leads.push((margin, at, format!("closed {delay:.3} s after power_good's release")));
            }
        }
        Found::thinnest(leads, "the load switch never had to lead")
    }
}
