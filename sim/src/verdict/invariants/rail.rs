//! O1 and O3: the Pi's rail holds while it must, and goes down where a start is to be one.

use super::Invariants;
use crate::plant::rail::{DOWN, Hanging};
use crate::quantity::Nanos;
use crate::scenario::Act;
use crate::timeline::{
    Event, FileSystem, Mcu, Pi as Phase, PowerPath, Quantity, Rail, SupplyEnable, What,
};
use crate::verdict::found::{Found, worst};
use crate::verdict::history::Span;
use crate::verdict::{Margin, Outcome, energy, intent};

/// The rail is down this long before it rises again \[s\].
const POWER_CYCLE: f64 = 2.0;
/// What a rail may take from the enable to the start of the Pi.
const RISE: Nanos = Nanos::from_millis(50);

impl Invariants<'_> {
    pub(super) fn no_unclean_cut(&self) -> Found {
        let limit = self.scenario.pi.under_voltage.0;
        let mounted = self.history.spans(Event::FileSystem(FileSystem::Mounted));
        let lows = mounted.iter().map(|span| {
            let [low, _] = self.history.extremes(Quantity::Vsys, span.from, span.to);
            let detail = format!("lowest {:.3} V, limit {limit:.3} V", low.value);
            (Margin::volts(low.value - limit, limit), low.at, detail)
        });
        let Some((margin, at, detail)) = worst(lows) else {
            return Found::held("the file system was never mounted");
        };
        let mut found = Found::measured(margin, at, detail);
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
        let takes = self.shutdown_times(loss.at);
        energy::shortfall(loss, way, Nanos::from_millis(reaction), &takes)
    }

    /// From when on a shutdown takes how long, by stimuli after `since`.
    fn shutdown_times(&self, since: Nanos) -> Vec<(Nanos, Nanos)> {
        let entries = &self.history.timeline.entries;
        let later = entries.iter().skip_while(|entry| entry.at < since);
        let takes = later.filter_map(|entry| {
            let What::Stimulus(index) = entry.what else { return None };
            let Act::ShutdownTakes(time) = &self.scenario.stimuli.get(index)?.act else {
                return None;
            };
            Some((entry.at, *time))
        });
        takes.collect()
    }

    pub(super) fn power_cycle(&self) -> Found {
        let down = self.history.spans(Event::Rail(Rail::Down));
        let off = self.history.spans(Event::Pi(Phase::Off));
        let restarts = off.iter().filter(|span| !span.from_before && !span.to_end);
        let gaps = restarts.map(|restart| {
            // A rail that rises slowly has left the ground before the Pi starts.
            let gap = down.iter().rfind(|span| span.to <= restart.to && span.to > restart.from);
            let length = gap.map_or(0.0, |span| span.length().as_secs_f64());
            let detail =
                format!("rail below {DOWN:.1} V for {length:.3} s, limit {POWER_CYCLE:.3} s");
            let margin = Margin::seconds(length - POWER_CYCLE, POWER_CYCLE);
            (*restart, (margin, restart.to, detail))
        });
        let (knowing, unknowing): (Vec<_>, Vec<_>) =
            gaps.partition(|(restart, _)| self.started_knowingly(*restart));
        let measured = |list: Vec<(Span, _)>| worst(list.into_iter().map(|(_, measured)| measured));
        let rests = Hanging::on(&self.scenario.pi, 0.0).rests();
        match (measured(knowing), measured(unknowing)) {
            (Some((margin, at, detail)), _) if !margin.is_kept() && rests > DOWN => Found {
                outcome: Outcome::Impossible,
                ..Found::measured(
                    margin,
                    at,
                    format!("{detail}; fed from elsewhere, it never falls below {rests:.3} V"),
                )
            },
            (Some((margin, at, detail)), _) if !margin.is_kept() => {
                Found::measured(margin, at, detail)
            }
            (_, Some((margin, at, detail))) if !margin.is_kept() => Found {
                outcome: Outcome::Impossible,
                ..Found::measured(margin, at, format!("{detail}; no firmware was there to wait"))
            },
            (Some((margin, at, detail)), _) | (None, Some((margin, at, detail))) => {
                Found::measured(margin, at, detail)
            }
            (None, None) => Found::held("no restart"),
        }
    }

    /// Whether the end of a stretch without power is the doing of a firmware that knows when it began:
    /// not of the LTC4041 alone, and not after the microcontroller died with the rail.
    fn started_knowingly(&self, off: Span) -> bool {
        let since = off.from.saturating_sub(Nanos::from_millis(10));
        let rising = off.to.saturating_sub(RISE);
        let enabled = self
            .history
            .occurrences(Event::SupplyEnable(SupplyEnable::On))
            .any(|on| rising <= on && on <= off.to);
        let revived =
            self.history.occurrences(Event::Mcu(Mcu::On)).any(|on| since <= on && on <= off.to);
        enabled && !revived
    }
}
