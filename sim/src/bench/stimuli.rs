//! What stimuli do to plant and device, and whether they changed anything.
//!
//! A stimulus strikes at one instant; what it does later (a release, the end of a sag, the contacts
//! of a bounce) are its [`Follow`]s in the queue.

use super::{Bench, Effect, Happening};
use crate::dut::{Injected, Injection, Nrst};
use crate::kernel::Rank;
use crate::plant::strip::Switch;
use crate::quantity::{Nanos, Volts};
use crate::scenario::{Act, Drift, Pin, RAMP_STEP, Ram, ResetCause};
use crate::timeline::{Button, Event, Mcu, Plug, What};

/// The later parts of stimuli.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Follow {
    Plug(Plug),
    SupplyVoltage(Volts),
    ReleaseButton,
    NoiseBegins(Pin),
    NoiseEnds(Pin),
    Unstick,
    ReleaseNrst,
    EepromWorks,
    McuSupplyBack,
}

impl Bench<'_> {
    /// A stimulus strikes.
    pub(super) fn strike(&mut self, index: usize, at: Nanos) {
        self.enter(at, What::Stimulus(index));
        self.run.effects[index] = Effect::Nothing;
        let mut events = std::mem::take(&mut self.events);
        let stimulus = &self.scenario.stimuli[index];
        let took = self.act(index, &stimulus.act, at, &mut events);
        self.events = events;
        if took {
            self.run.effects[index] = Effect::Took;
        }
    }

    fn act(&mut self, index: usize, act: &Act, at: Nanos, events: &mut Vec<Event>) -> bool {
        let mut later = |after: Nanos, follow: Follow| {
            let happening = Happening::Follow(index, follow);
            self.queue.schedule(at.saturating_add(after), Rank::Stimulus, happening);
        };
        match *act {
            Act::Unplug => self.plant.set_plug(Plug::Out),
            Act::Plug => self.plant.set_plug(Plug::In),
            Act::StripOff => self.plant.supply_mut().switch(Switch::Off),
            Act::StripOn => self.plant.supply_mut().switch(Switch::On),
            Act::Bounce { to, count, every } => {
                let other = match to {
                    Plug::In => Plug::Out,
                    Plug::Out => Plug::In,
                };
                for n in 1..count {
                    let plug = if n % 2 == 0 { to } else { other };
                    later(every.saturating_mul(u64::from(n)), Follow::Plug(plug));
                }
                later(every.saturating_mul(u64::from(count)), Follow::Plug(to));
                self.plant.set_plug(to)
            }
            Act::Sag { to, lasting } => {
                let before = self.plant.supply().part().voltage;
                if let Some(lasting) = lasting {
                    later(lasting, Follow::SupplyVoltage(before));
                }
                self.plant.set_supply_voltage(to)
            }
            Act::Ramp { to, over } => {
                let from = self.plant.supply().part().voltage.0;
                let steps = ((to.0 - from).abs() / RAMP_STEP).ceil().max(1.0) as u64;
                for step in 1..=steps {
                    let share = step as f64 / steps as f64;
                    let volts =
                        if step == steps { to } else { Volts(from + (to.0 - from) * share) };
                    let after =
                        Nanos((u128::from(over.0) * u128::from(step) / u128::from(steps)) as u64);
                    later(after, Follow::SupplyVoltage(volts));
                }
                to.0 != from
            }
            Act::Replay(ref recording) => {
                let mut changed = false;
                for &(after, volts) in &recording.steps {
                    if after == Nanos::ZERO {
                        changed |= self.plant.set_supply_voltage(volts);
                    } else {
                        later(after, Follow::SupplyVoltage(volts));
                    }
                }
                changed
            }
            Act::Press { lasting } => {
                later(lasting, Follow::ReleaseButton);
                self.plant.set_button(Button::Pressed)
            }
            Act::Hold => self.plant.set_button(Button::Pressed),
            Act::Release => self.plant.set_button(Button::Released),
            Act::Poweroff => self.plant.pi_mut().poweroff(at, events),
            Act::Reboot => self.plant.pi_mut().reboot(at, events),
            Act::Hang => self.plant.pi_mut().hang(at, events),
            Act::Restart => self.plant.pi_mut().restart(at, events),
            Act::CancelShutdown => self.plant.pi_mut().cancel_shutdown(),
            Act::ShutdownTakes(time) => {
                let mut drift = Drift::default();
                drift.pi.shutdown_time = Some(time);
                self.plant.drift(&drift)
            }
            Act::Noise { pin, lasting, count, every } => {
                for n in 0..u64::from(count) {
                    let begins = every.saturating_mul(n);
                    if n > 0 {
                        later(begins, Follow::NoiseBegins(pin));
                    }
                    later(begins.saturating_add(lasting), Follow::NoiseEnds(pin));
                }
                self.plant.begin_noise(pin)
            }
            Act::Stuck { pin, level, lasting } => {
                if let Some(lasting) = lasting {
                    later(lasting, Follow::Unstick);
                }
                // It takes effect when the pin would have another level.
                self.stick(index, pin, level);
                false
            }
            Act::Nrst { lasting } => {
                later(lasting, Follow::ReleaseNrst);
                self.pull_nrst(at, events)
            }
            Act::EepromFails { from_word, to_word, lasting } => {
                if let Some(lasting) = lasting {
                    later(lasting, Follow::EepromWorks);
                }
                let words = (u128::MAX >> (127 - to_word)) & (u128::MAX << from_word);
                self.dut.inject(at, Injection::DeadWords(words)) == Injected::Done
            }
            Act::HangFirmware => {
                self.mcu != Mcu::Off && self.dut.inject(at, Injection::Hang) == Injected::Done
            }
            Act::FlipRamBit { byte, bit } => {
                self.mcu != Mcu::Off
                    && self.dut.inject(at, Injection::FlipRamBit { byte, bit }) == Injected::Done
            }
            Act::McuReset { cause, ram, after_instructions: None } => {
                self.reset_mcu(at, cause, ram, events)
            }
            Act::McuReset { cause, ram, after_instructions: Some(instructions) } => {
                self.armed_reset = Some(index);
                let fault = Injection::ResetAfter { instructions, cause, ram };
                self.dut.inject(at, fault) == Injected::Done
            }
            Act::CutDuringWrite { nth, tear, lasting } => {
                self.write_cut = Some((index, lasting));
                self.dut.cut_during_write(nth, tear);
                // It takes effect when the write comes.
                false
            }
            Act::Drift(ref drift) => {
                let changed = self.plant.drift(drift);
                self.dut.set_board(at, self.plant.board());
                changed
            }
        }
    }

    fn pull_nrst(&mut self, at: Nanos, events: &mut Vec<Event>) -> bool {
        let Some(levels) = self.inputs else {
            return false;
        };
        self.nrst_held += 1;
        if self.nrst_held > 1 {
            return false;
        }
        self.dut.hold_reset(at, Nrst::Low, levels);
        if self.mcu == Mcu::Off {
            return false;
        }
        events.push(Event::Mcu(Mcu::Reset));
        true
    }

    fn release_nrst(&mut self, at: Nanos) {
        self.nrst_held = self.nrst_held.saturating_sub(1);
        if let Some(levels) = self.inputs
            && self.nrst_held == 0
        {
            self.dut.hold_reset(at, Nrst::High, levels);
        }
    }

    fn reset_mcu(
        &mut self,
        at: Nanos,
        cause: ResetCause,
        ram: Ram,
        events: &mut Vec<Event>,
    ) -> bool {
        let Some(levels) = self.inputs else {
            return false;
        };
        if self.mcu == Mcu::Off {
            return false;
        }
        events.push(Event::Mcu(Mcu::Reset));
        self.dut.reset(at, cause, ram, levels);
        true
    }

    /// A later part of a stimulus.
    pub(super) fn follow(&mut self, index: usize, follow: Follow, at: Nanos) {
        // Contacts and ramps change things as they go; whatever else ends has struck before.
        let changed = match follow {
            Follow::Plug(plug) => self.plant.set_plug(plug),
            Follow::SupplyVoltage(volts) => self.plant.set_supply_voltage(volts),
            Follow::ReleaseButton => {
                self.plant.set_button(Button::Released);
                false
            }
            Follow::NoiseBegins(pin) => {
                self.plant.begin_noise(pin);
                false
            }
            Follow::Unstick => {
                self.unstick(index);
                false
            }
            Follow::ReleaseNrst => {
                self.release_nrst(at);
                false
            }
            Follow::NoiseEnds(pin) => {
                self.plant.end_noise(pin);
                false
            }
            Follow::EepromWorks => {
                self.dut.inject(at, Injection::DeadWords(0));
                false
            }
            Follow::McuSupplyBack => {
                self.mcu_held_off = false;
                // The board's own supply may have gone meanwhile.
                if self.plant.mcu() != Mcu::Off {
                    self.events.push(Event::Mcu(Mcu::On));
                }
                false
            }
        };
        if changed {
            self.run.effects[index] = Effect::Took;
        }
    }
}
