//! One instant: what is due in the plant and in the device, and their answers to each other.

use firmware::signals::{InputLevels, StatusLed};

use super::{Bench, Effect, Happening, ROUNDS, RunError};
use crate::bench::stimuli::Follow;
use crate::dut::{Note, OutputPins, Thresholds};
use crate::kernel::Rank;
use crate::plant::{Driven, SupplyWatch, Watched};
use crate::quantity::Nanos;
use crate::scenario::Pin;
use crate::timeline::{Event, Mcu, SupplyEnable};

impl Bench<'_> {
    /// One instant: move the plant to it, do something, let plant and device answer each other.
    pub(super) fn instant(
        &mut self,
        at: Nanos,
        action: impl FnOnce(&mut Self, Nanos),
    ) -> Result<(), RunError> {
        self.plant.advance(at);
        let before = self.plant.quantities();
        if self.recording {
            self.open_moment(at, before);
        }
        action(self, at);
        self.settle(at)?;
        if self.recording
            && let Some(moment) = self.run.timeline.moments.last_mut()
        {
            moment.after = self.plant.quantities();
        }
        self.reschedule();
        Ok(())
    }

    pub(super) fn settle(&mut self, at: Nanos) -> Result<(), RunError> {
        let livelock = RunError::Livelock { at: at.saturating_sub(self.zero) };
        for _ in 0..ROUNDS {
            let mut events = std::mem::take(&mut self.events);
            self.plant.settle(&mut events).map_err(|_| livelock.clone())?;
            if self.mcu_held_off {
                // What its supply would do shows when it is no longer held off.
                events.retain(|event| !matches!(event, Event::Mcu(_)));
            }
            self.note_stuck_inputs();
            let ran = self.run_dut(at, &mut events);
            let watches = self.watch_supply();
            let drove = self.apply_pins(at, &mut events);
            let changed = ran || watches || drove || !events.is_empty();
            for event in events.drain(..) {
                self.note(at, event);
            }
            self.events = events;
            if !changed {
                return Ok(());
            }
        }
        Err(livelock)
    }

    /// Lets the device see what it must see. Says whether it ran.
    pub(super) fn run_dut(&mut self, at: Nanos, events: &mut Vec<Event>) -> bool {
        let levels = InputLevels {
            supply_good: self.plant.input_level(Pin::SupplyGood),
            button: self.plant.input_level(Pin::Button),
            pi_request: self.plant.input_level(Pin::PiRequest),
            caps_charged: self.plant.input_level(Pin::CapsCharged),
        };
        let supplied = if self.mcu_held_off { Mcu::Off } else { self.plant.mcu() };
        let ran = match (self.mcu, supplied) {
            (Mcu::Off, Mcu::On | Mcu::Reset) => {
                self.mcu = Mcu::On;
                let (volts, _) = self.plant.mcu_supply();
                self.tell_supply(at, millivolts(volts));
                self.dut.power_on(at, levels);
                true
            }
            (Mcu::On | Mcu::Reset, Mcu::Off) => {
                self.mcu = Mcu::Off;
                self.dut.power_off(at);
                true
            }
            (Mcu::Off, Mcu::Off) => false,
            (Mcu::On | Mcu::Reset, Mcu::On | Mcu::Reset) => {
                let due = self.dut_due.take_if(|due| *due <= at).is_some();
                let changed = self.inputs != Some(levels);
                let supply = self.watched_supply();
                if let Some(supply) = supply {
                    self.tell_supply(at, supply);
                }
                if due || changed || supply.is_some() {
                    self.dut.run(at, levels);
                }
                due || changed || supply.is_some()
            }
        };
        self.inputs = Some(levels);
        for note in self.dut.take_notes() {
            match note {
                Note::Stored(record) => {
                    self.journal = Some(Event::Journal(record));
                    events.push(Event::Journal(record));
                }
                Note::WriteCut => self.write_was_cut(at, events),
                Note::Reset => events.push(Event::Mcu(Mcu::Reset)),
                Note::ResetStruck => {
                    events.push(Event::Mcu(Mcu::Reset));
                    if let Some(index) = self.armed_reset.take() {
                        self.run.effects[index] = Effect::Took;
                    }
                }
                Note::Ended => self.ended = true,
            }
        }
        ran
    }

    /// The supply, if it has reached a voltage that the device waits for and has not been told \[mV\].
    fn watched_supply(&self) -> Option<u32> {
        let Thresholds { below, above } = self.watch?;
        let (volts, watched) = self.plant.mcu_supply();
        // Rounding must not keep a supply that is at a threshold from it.
        let supply = match watched {
            Watched::Between => return None,
            Watched::Fallen => millivolts(volts).min(below.unwrap_or(u32::MAX)),
            Watched::Risen => millivolts(volts).max(above.unwrap_or(0)),
        };
        (self.told_supply != Some(supply)).then_some(supply)
    }

    fn tell_supply(&mut self, at: Nanos, supply: u32) {
        self.told_supply = Some(supply);
        self.dut.set_supply(at, supply);
    }

    /// Passes on which voltages the device waits for. Says whether they are others than before.
    fn watch_supply(&mut self) -> bool {
        let watch = self.dut.supply_watch();
        if self.watch == watch {
            return false;
        }
        self.watch = watch;
        let volts = |millivolts: Option<u32>| millivolts.map(|mv| f64::from(mv) / 1e3);
        let volts =
            |Thresholds { below, above }| SupplyWatch { below: volts(below), above: volts(above) };
        self.plant.watch_mcu_supply(watch.map(volts));
        true
    }

    pub(super) fn write_was_cut(&mut self, at: Nanos, events: &mut Vec<Event>) {
        let Some((index, lasting)) = self.write_cut.take() else {
            return;
        };
        self.run.effects[index] = Effect::Took;
        self.mcu = Mcu::Off;
        self.mcu_held_off = true;
        events.push(Event::Mcu(Mcu::Off));
        let back = Happening::Follow(index, Follow::McuSupplyBack);
        self.queue.schedule(at.saturating_add(lasting), Rank::Stimulus, back);
    }

    /// The device's pins as the nets show them.
    fn on_nets(&mut self, at: Nanos, pins: OutputPins) -> OutputPins {
        if self.mcu == Mcu::Off {
            self.nets.drop_all();
            return pins;
        }
        let (seen, ends) = self.nets.see(at, pins, self.plant.board().float_hold);
        if ends != self.net_due {
            self.net_due = ends;
            // One that was scheduled before comes as well, and finds nothing to do.
            if let Some(ends) = ends {
                self.queue.schedule(ends, Rank::Plant, Happening::Net);
            }
        }
        seen
    }

    /// Applies the device's pins to the plant. Says whether they changed.
    pub(super) fn apply_pins(&mut self, at: Nanos, events: &mut Vec<Event>) -> bool {
        let pins = self.dut.outputs();
        let pins = self.on_nets(at, pins);
        let pins = self.stuck_outputs(pins);
        if pins == self.pins {
            return false;
        }
        let before = std::mem::replace(&mut self.pins, pins);
        let driven = driven(pins);
        if driven.supply_enable == SupplyEnable::Off
            && self::driven(before).supply_enable == SupplyEnable::On
        {
            self.note_hold_up();
        }
        self.plant.drive(driven, events);
        let led = |pins: OutputPins| pins.status_led.unwrap_or(StatusLed::Dark);
        if led(before) != led(pins) {
            events.push(Event::StatusLed(led(pins)));
        }
        true
    }
}

/// Floating pins, resolved by the board's pulls.
pub(super) fn driven(pins: OutputPins) -> Driven {
    let floating = Driven::FLOATING;
    Driven {
        supply_enable: pins.supply_enable.unwrap_or(floating.supply_enable),
        power_good: pins.power_good.unwrap_or(floating.power_good),
        load_switch: pins.load_switch.unwrap_or(floating.load_switch),
    }
}

/// To the nearest millivolt.
fn millivolts(volts: f64) -> u32 {
    (volts * 1e3).round() as u32
}
