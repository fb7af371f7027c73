//! The host level: the firmware's logic compiled for this machine, driven as the chip drives it.
//!
//! Read it beside the chip's main loop: wake, sample, step, store, apply, sleep. Storing stalls the
//! core, so the levels of a step that stores are applied when the write is done, and pins that change
//! meanwhile are seen after it. Nothing here decides anything.
//!
//! Assumes an exact clock in whole milliseconds from the power-on, and no time between a pin's change
//! and the step it wakes. Leaves out the clock's error and the start-up time of the chip.

use firmware::config::Config;
use firmware::journal::Journal;
use firmware::machine::{Cause, Machine, Outputs};
use firmware::signals::{InputLevels, Inputs};
use firmware::time::Instant;

use super::eeprom::Eeprom;
use super::{DeviceReport, Dut, Injected, Injection, Note, Nrst, OutputPins, Thresholds};
use crate::parts::Board;
use crate::quantity::Nanos;
use crate::scenario::{Ram, ResetCause, StartEeprom, Tear};

/// The firmware on this machine.
#[derive(Debug)]
pub struct Host {
    config: Config,
    eeprom: Eeprom,
    running: Option<Running>,
    outputs: OutputPins,
    notes: Vec<Note>,
    armed: Option<(u32, Tear)>,
    held: Option<Held>,
}

/// What waits for the reset pin to be let go.
#[derive(Debug)]
enum Held {
    /// Without supply.
    Dead,
    /// With supply, and a machine if RAM holds one: it and when the chip's clock was at zero.
    Supplied(Option<(Machine, Nanos)>),
}

/// What exists while the chip has its supply.
#[derive(Debug)]
struct Running {
    machine: Machine,
    journal: Journal,
    /// When the chip's clock was at zero.
    epoch: Nanos,
    wake: Option<Nanos>,
    storing: Option<Storing>,
}

/// A write that stalls the core.
#[derive(Debug)]
struct Storing {
    began: Nanos,
    done: Nanos,
    then: Outputs,
    /// When the armed cut strikes, and what it leaves.
    cut: Option<(Nanos, Tear)>,
}

impl Host {
    /// A chip without supply, with this configuration and EEPROM.
    pub fn new(config: Config, contents: StartEeprom, eeprom_operation: Nanos) -> Self {
        Self {
            config,
            eeprom: Eeprom::new(contents, eeprom_operation),
            running: None,
            outputs: OutputPins::default(),
            notes: Vec::new(),
            armed: None,
            held: None,
        }
    }

    fn start(
        &mut self,
        mut epoch: Nanos,
        now: Nanos,
        inputs: InputLevels,
        cause: Cause,
        mut survivor: Option<Machine>,
    ) {
        let instant = instant(&mut epoch, survivor.as_mut(), now);
        let journal = Journal::open(&mut self.eeprom);
        let stored = journal.stored();
        let sample = Inputs::sample(inputs, self.config.request_polarity, journal.health());
        let machine = survivor
            .and_then(|mut machine| {
                machine.resume(&self.config, cause, instant, stored).then_some(machine)
            })
            .unwrap_or_else(|| {
                Machine::start(&self.config, cause, instant, sample, journal.record(), stored)
            });
        self.running = Some(Running { machine, journal, epoch, wake: None, storing: None });
        self.run(now, inputs);
    }

    /// Power or reset struck: a write under way tears. Returns the machine as the RAM holds it.
    fn stop(&mut self, now: Nanos, tear: Tear) -> Option<(Machine, Nanos)> {
        let running = self.running.take()?;
        if let Some(storing) = &running.storing {
            self.eeprom.tear(now.saturating_sub(storing.began), tear);
        }
        Some((running.machine, running.epoch))
    }
}

impl Dut for Host {
    fn start_up(&self) -> Nanos {
        Nanos::ZERO
    }

    fn power_on(&mut self, now: Nanos, inputs: InputLevels) {
        match &mut self.held {
            Some(held) => *held = Held::Supplied(None),
            None => self.start(now, now, inputs, Cause::Power, None),
        }
    }

    fn power_off(&mut self, now: Nanos) {
        let _ = self.stop(now, Tear::Erased);
        self.outputs = OutputPins::default();
        if let Some(held) = &mut self.held {
            *held = Held::Dead;
        }
    }

    fn reset(&mut self, now: Nanos, cause: ResetCause, ram: Ram, inputs: InputLevels) {
        let Some((machine, epoch)) = self.stop(now, Tear::Erased) else {
            return;
        };
        // The chip's flags tell a brown-out from a reset, but not from a power-on.
        let cause = match cause {
            ResetCause::BrownOut => Cause::Power,
            ResetCause::Watchdog => Cause::Other,
            ResetCause::ResetPin => Cause::Pin,
        };
        match ram {
            Ram::Kept => self.start(epoch, now, inputs, cause, Some(machine)),
            Ram::Lost => self.start(now, now, inputs, cause, None),
        }
    }

    fn run(&mut self, now: Nanos, inputs: InputLevels) {
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some(storing) = &running.storing {
            if let Some((at, tear)) = storing.cut
                && at <= now
            {
                let _ = self.stop(now, tear);
                self.outputs = OutputPins::default();
                self.notes.push(Note::WriteCut);
                return;
            }
            if now < storing.done {
                return;
            }
            let then = storing.then;
            running.storing = None;
            self.eeprom.complete();
            if let Some(record) = running.journal.stored().filter(|r| then.store == Some(*r)) {
                self.notes.push(Note::Stored(record));
            }
            self.outputs = pins(then);
        }

        let sample = Inputs::sample(inputs, self.config.request_polarity, running.journal.health());
        let instant = instant(&mut running.epoch, Some(&mut running.machine), now);
        let outputs = running.machine.step(&self.config, instant, sample);
        if let Some(record) = outputs.store {
            let _ = running.journal.store(&mut self.eeprom, record);
        }
        running.wake = outputs.wake.map(|wake| nanos(running.epoch, wake.at));
        let writes = self.eeprom.pending_writes();
        if writes == 0 {
            self.outputs = pins(outputs);
            return;
        }
        let cut = self.armed.take_if(|(nth, _)| *nth <= writes).and_then(|(nth, tear)| {
            self.eeprom.middle_of(nth).map(|at| (now.saturating_add(at), tear))
        });
        if let Some((nth, _)) = &mut self.armed {
            *nth -= writes;
        }
        let done = now.saturating_add(self.eeprom.pending_time());
        running.storing = Some(Storing { began: now, done, then: outputs, cut });
    }

    fn outputs(&self) -> OutputPins {
        self.outputs
    }

    fn next(&mut self, until: Nanos) -> Option<Nanos> {
        let running = self.running.as_ref()?;
        let wake = match &running.storing {
            Some(storing) => Some(storing.cut.map_or(storing.done, |(at, _)| at)),
            None => running.wake,
        };
        wake.filter(|at| *at <= until)
    }

    fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    fn cut_during_write(&mut self, nth: u32, tear: Tear) {
        self.armed = Some((nth, tear));
    }

    fn hold_reset(&mut self, now: Nanos, nrst: Nrst, inputs: InputLevels) {
        match nrst {
            Nrst::Low if self.held.is_none() => {
                let survivor = self.stop(now, Tear::Erased);
                self.outputs = OutputPins::default();
                self.held = Some(survivor.map_or(Held::Dead, |kept| Held::Supplied(Some(kept))));
            }
            Nrst::Low => {}
            Nrst::High => match self.held.take() {
                Some(Held::Supplied(Some((machine, epoch)))) => {
                    self.start(epoch, now, inputs, Cause::Pin, Some(machine));
                }
                Some(Held::Supplied(None)) => self.start(now, now, inputs, Cause::Power, None),
                Some(Held::Dead) | None => {}
            },
        }
    }

    fn set_board(&mut self, _: Nanos, board: &Board) {
        self.eeprom.set_operation_time(board.eeprom_operation);
    }

    fn inject(&mut self, _: Nanos, fault: Injection) -> Injected {
        match fault {
            Injection::DeadWords(words) => {
                self.eeprom.set_dead_words(words);
                Injected::Done
            }
            Injection::FlipRamBit { .. } | Injection::Hang | Injection::ResetAfter { .. } => {
                Injected::Impossible
            }
        }
    }

    fn supply_watch(&self) -> Option<Thresholds> {
        None
    }

    fn set_supply(&mut self, _: Nanos, _: u32) {}

    fn report(&self) -> Option<DeviceReport> {
        None
    }
}

fn pins(outputs: Outputs) -> OutputPins {
    OutputPins {
        supply_enable: Some(outputs.levels.supply_enable),
        power_good: Some(outputs.levels.power_good),
        load_switch: Some(outputs.levels.load_switch),
        status_led: Some(outputs.levels.status_led),
    }
}

/// The chip's clock, rounded down to whole milliseconds. It is set back before it gets late.
fn instant(epoch: &mut Nanos, mut machine: Option<&mut Machine>, now: Nanos) -> Instant {
    let back = Nanos::from_millis(u64::from(Instant::SET_BACK.0));
    loop {
        let millis = u32::try_from(now.saturating_sub(*epoch).as_millis());
        match millis.map(Instant::from_millis) {
            Ok(instant) if instant < Instant::LATE => return instant,
            Ok(_) | Err(_) => {
                *epoch = epoch.saturating_add(back);
                if let Some(machine) = &mut machine {
                    machine.set_back(Instant::SET_BACK);
                }
            }
        }
    }
}

fn nanos(epoch: Nanos, at: Instant) -> Nanos {
    epoch.saturating_add(Nanos::from_millis(u64::from(at.as_millis())))
}
