//! What is visible of the plant's discrete state: a change of it is an event.

use firmware::signals::Level;

use super::Plant;
use super::cable::Cable;
use super::ltc4041::{Ltc4041, OperatingPoint};
use super::mcu::McuSupply;
use super::pi::Pi;
use super::rail::{self, Rail};
use crate::quantity::Nanos;
use crate::timeline::{
    Button, CapsCharged, Charger, Event, Mcu, PiRequest, Pin, Plug, PowerPath, Rail as RailState,
    SupplyGood,
};

/// What is visible of the plant's discrete state; a change of it is an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visible {
    plug: Plug,
    power_path: PowerPath,
    charger: Charger,
    supply_good: SupplyGood,
    caps_charged: CapsCharged,
    button: Button,
    pi_request: PiRequest,
    rail: RailState,
    mcu: Mcu,
}

impl Visible {
    /// Before anything happened: nothing is pressed, no input disturbed, the rail down.
    pub(super) fn at_the_start(
        cable: &Cable,
        ltc4041: &Ltc4041,
        point: &OperatingPoint,
        pi: &Pi,
        mcu: &McuSupply,
    ) -> Self {
        Self {
            plug: cable.plug(),
            power_path: ltc4041.path(),
            charger: point.charger,
            supply_good: ltc4041.pfo(),
            caps_charged: ltc4041.capgd(),
            button: Button::Released,
            pi_request: pi.request(Nanos::ZERO, ltc4041.part().request_pull),
            rail: RailState::Down,
            mcu: mcu.state(),
        }
    }
}

impl Plant {
    /// Tells what changed since the last time.
    pub(super) fn publish(&mut self, events: &mut Vec<Event>) {
        let visible = Visible {
            plug: self.cable.plug(),
            power_path: self.ltc4041.path(),
            charger: self.point.charger,
            supply_good: match self.input_level(Pin::SupplyGood) {
                Level::High => SupplyGood::High,
                Level::Low => SupplyGood::Low,
            },
            caps_charged: match self.input_level(Pin::CapsCharged) {
                Level::High => CapsCharged::High,
                Level::Low => CapsCharged::Low,
            },
            button: match self.input_level(Pin::Button) {
                Level::High => Button::Released,
                Level::Low => Button::Pressed,
            },
            pi_request: match self.input_level(Pin::PiRequest) {
                Level::High => PiRequest::High,
                Level::Low => PiRequest::Low,
            },
            rail: self.rail_state(),
            mcu: self.mcu.state(),
        };
        let before = std::mem::replace(&mut self.visible, visible);
        let mut note = |changed: bool, event: Event| {
            if changed {
                events.push(event);
            }
        };
        note(before.plug != visible.plug, Event::Plug(visible.plug));
        note(before.supply_good != visible.supply_good, Event::SupplyGood(visible.supply_good));
        note(before.power_path != visible.power_path, Event::PowerPath(visible.power_path));
        note(before.charger != visible.charger, Event::Charger(visible.charger));
        note(before.caps_charged != visible.caps_charged, Event::CapsCharged(visible.caps_charged));
        note(before.rail != visible.rail, Event::Rail(visible.rail));
        note(before.button != visible.button, Event::Button(visible.button));
        note(before.pi_request != visible.pi_request, Event::PiRequest(visible.pi_request));
        note(before.mcu != visible.mcu, Event::Mcu(visible.mcu));
    }

    pub(super) fn rail_state(&self) -> RailState {
        let under_voltage = self.pi.part().under_voltage.0;
        let under = |threshold: f64| match self.rail {
            Rail::Fed => self.vsys() < threshold,
            Rail::Rising(rise) => rise.under(threshold, self.now),
            Rail::Free(free) => free.under(threshold, self.now),
        };
        match (under(under_voltage), self.rail) {
            (false, _) => RailState::Up,
            (true, Rail::Fed) => RailState::Sagging,
            (true, Rail::Rising(_) | Rail::Free(_)) if under(rail::DOWN) => RailState::Down,
            (true, Rail::Rising(_) | Rail::Free(_)) => RailState::Sagging,
        }
    }

    /// Everything's present state as events, for the beginning of a timeline.
    pub fn states(&self) -> Vec<Event> {
        let visible = self.visible;
        vec![
            Event::Plug(visible.plug),
            Event::SupplyGood(visible.supply_good),
            Event::PowerPath(visible.power_path),
            Event::Charger(visible.charger),
            Event::CapsCharged(visible.caps_charged),
            Event::Rail(visible.rail),
            Event::Button(visible.button),
            Event::PiRequest(visible.pi_request),
            Event::Mcu(visible.mcu),
            Event::Pi(self.pi.phase()),
            Event::FileSystem(self.pi.file_system()),
        ]
    }
}
