//! What is written down of a run: states, moments, entries, losses.

use firmware::signals::StatusLed;

use super::instant::driven;
use super::{Bench, Loss, Run, rank};
use crate::plant::pi::Drawn;
use crate::quantity::Nanos;
use crate::timeline::{self, Entry, Event, Mcu, Moment, Pi as Phase, SupplyGood, What};

impl Bench<'_> {
    pub(super) fn states(&self) -> Vec<Event> {
        let mut states = self.plant.states();
        let driven = driven(self.pins);
        states.push(Event::SupplyEnable(driven.supply_enable));
        states.push(Event::PowerGood(driven.power_good));
        states.push(Event::LoadSwitch(driven.load_switch));
        states.push(Event::StatusLed(self.pins.status_led.unwrap_or(StatusLed::Dark)));
        states.extend(self.journal);
        states
    }

    pub(super) fn open_moment(&mut self, at: Nanos, before: timeline::Quantities) {
        let at = at.saturating_sub(self.zero);
        let moments = &mut self.run.timeline.moments;
        if moments.last().is_none_or(|last| last.at != at) {
            moments.push(Moment { at, before, after: before, hold_up: None });
        }
    }

    pub(super) fn note_hold_up(&mut self) {
        let hold_up = self.plant.hold_up();
        if self.recording
            && let Some(moment) = self.run.timeline.moments.last_mut()
            && moment.hold_up.is_none()
        {
            moment.hold_up = Some(hold_up);
        }
    }

    pub(super) fn note(&mut self, at: Nanos, event: Event) {
        if !self.recording {
            return;
        }
        self.enter(at, What::Event(event));
        match event {
            Event::SupplyGood(SupplyGood::Low) | Event::Mcu(Mcu::Off) => {
                self.run.losses.push(Loss {
                    at: at.saturating_sub(self.zero),
                    caps: *self.plant.caps(),
                    board: self.plant.board().clone(),
                    pi: self.plant.pi().part().clone(),
                    phase: self.plant.pi().phase(),
                    phase_ends: self
                        .plant
                        .pi()
                        .phase_ends()
                        .map(|ends| ends.saturating_sub(self.zero)),
                })
            }
            Event::Pi(Phase::Halted) => self.note_hold_up(),
            Event::Plug(_)
            | Event::SupplyGood(SupplyGood::High)
            | Event::CapsCharged(_)
            | Event::Button(_)
            | Event::PiRequest(_)
            | Event::SupplyEnable(_)
            | Event::PowerGood(_)
            | Event::LoadSwitch(_)
            | Event::StatusLed(_)
            | Event::PowerPath(_)
            | Event::Charger(_)
            | Event::Rail(_)
            | Event::Pi(
                Phase::Off
                | Phase::BootLoader
                | Phase::Booting
                | Phase::Running
                | Phase::ShuttingDown
                | Phase::Hung,
            )
            | Event::FileSystem(_)
            | Event::Mcu(Mcu::On | Mcu::Reset)
            | Event::Journal(_) => {}
        }
        let Some((_, count)) = self.counts.iter_mut().find(|(counted, _)| *counted == event) else {
            return;
        };
        *count += 1;
        for watch in &self.watches {
            if watch.event == event && watch.nth == *count {
                let rank = rank(watch.then);
                self.queue.schedule(at.saturating_add(watch.plus), rank, watch.then);
            }
        }
    }

    pub(super) fn enter(&mut self, at: Nanos, what: What) {
        let timeline = &mut self.run.timeline;
        let moment = timeline.moments.len().saturating_sub(1);
        timeline.entries.push(Entry { at: at.saturating_sub(self.zero), moment, what });
    }

    pub(super) fn finish(mut self, end: Nanos) -> Run {
        self.note_hold_up();
        self.run.device = self.dut.report().map(|report| report.since(self.zero));
        let drawn = self.plant.pi().drawn().iter();
        let since_zero = |one: &Drawn| Drawn { at: one.at.saturating_sub(self.zero), ..*one };
        self.run.drawn = drawn.map(since_zero).collect();
        self.run.warm_up = self.zero;
        self.run.end = end.saturating_sub(self.zero);
        self.run
    }
}
