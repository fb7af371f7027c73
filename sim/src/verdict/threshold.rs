//! Events that a voltage brings about: how far it stayed from doing so.

use super::Margin;
use super::history::{Extreme, History, Span};
use crate::plant::rail::DOWN;
use crate::quantity::Nanos;
use crate::scenario::Scenario;
use crate::timeline::{CapsCharged, Event, FileSystem, Pi as Phase, Quantity, Rail, SupplyGood};

/// The crossing that brings an event about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Crossing {
    /// It falls to this \[V\].
    Falls(Quantity, f64),
    /// It rises to this \[V\].
    Rises(Quantity, f64),
}

/// The crossing behind an event; of thresholds that drift, the nearest.
fn crossing(event: Event, scenario: &Scenario) -> Option<Crossing> {
    let boards = scenario.boards();
    let highest = |of: fn(&crate::parts::Board) -> f64| boards.iter().map(of).fold(0.0, f64::max);
    let lowest =
        |of: fn(&crate::parts::Board) -> f64| boards.iter().map(of).fold(f64::INFINITY, f64::min);
    match event {
        Event::Rail(Rail::Sagging) => {
            Some(Crossing::Falls(Quantity::Vsys, scenario.pi.under_voltage.0))
        }
        Event::Rail(Rail::Down) => Some(Crossing::Falls(Quantity::Vsys, DOWN)),
        Event::Pi(Phase::Off) | Event::FileSystem(FileSystem::Dirty) => {
            Some(Crossing::Falls(Quantity::Vsys, scenario.pi.reset_voltage.0))
        }
        Event::SupplyGood(SupplyGood::Low) => {
            Some(Crossing::Falls(Quantity::Vin, highest(|board| board.power_fail.0)))
        }
        Event::SupplyGood(SupplyGood::High) => {
            let rises =
                |board: &crate::parts::Board| board.power_fail.0 + board.power_fail_hysteresis.0;
            Some(Crossing::Rises(Quantity::Vin, lowest(rises)))
        }
        Event::CapsCharged(CapsCharged::High) => {
            let rises =
                |board: &crate::parts::Board| board.caps_charged_rising.0 * board.charge_voltage.0;
            Some(Crossing::Rises(Quantity::Vscap, lowest(rises)))
        }
        Event::Plug(_)
        | Event::CapsCharged(CapsCharged::Low)
        | Event::Button(_)
        | Event::PiRequest(_)
        | Event::SupplyEnable(_)
        | Event::PowerGood(_)
        | Event::LoadSwitch(_)
        | Event::StatusLed(_)
        | Event::PowerPath(_)
        | Event::Charger(_)
        | Event::Rail(Rail::Up)
        | Event::Pi(
            Phase::BootLoader
            | Phase::Booting
            | Phase::Running
            | Phase::ShuttingDown
            | Phase::Halted
            | Phase::Hung,
        )
        | Event::FileSystem(FileSystem::Mounted | FileSystem::Clean)
        | Event::Mcu(_)
        | Event::Journal(_) => None,
    }
}

/// How far the voltage behind `event` stayed from its threshold in `from ..= to`, and when it came closest.
/// `None` if no voltage is behind it, or if it was beyond the threshold without that event: then something
/// else kept it from happening.
pub(super) fn distance(
    event: Event,
    (from, to): (Nanos, Nanos),
    scenario: &Scenario,
    history: &History<'_>,
) -> Option<(Margin, Extreme)> {
    let crossing = crossing(event, scenario)?;
    // A file system gets dirty only while it is mounted.
    let spans = if matches!(event, Event::FileSystem(_)) {
        history.spans(Event::FileSystem(FileSystem::Mounted))
    } else {
        vec![Span { from, to, from_before: false, to_end: false }]
    };
    let inside = spans.iter().filter(|span| span.from <= to && from <= span.to);
    let measured = inside.map(|span| {
        let (from, to) = (span.from.max(from), span.to.min(to));
        match crossing {
            Crossing::Falls(quantity, threshold) => {
                let [low, _] = history.extremes(quantity, from, to);
                (Margin::volts(low.value - threshold, threshold), low)
            }
            Crossing::Rises(quantity, threshold) => {
                let [_, high] = history.extremes(quantity, from, to);
                (Margin::volts(threshold - high.value, threshold), high)
            }
        }
    });
    let closest = measured.reduce(|a, b| if b.0.is_thinner_than(&a.0) { b } else { a })?;
    (closest.0.is_kept() && closest.0.distance.is_finite()).then_some(closest)
}
