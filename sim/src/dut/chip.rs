//! The chip level: the image that is flashed, on an emulated STM32L011.
//!
//! [`ChipLevel`] is an image made ready once; [`ChipLevel::device`] puts a copy of it, with the
//! scenario's configuration and EEPROM, under test. The firmware is not known here but for two things
//! that lie in memory: its configuration block, if the image has one, and its journal, which is read
//! from the EEPROM whenever a word of it was written, so that records show in the timeline.
//!
//! **Time.** The chip executes whole instructions. A change of a pin at time `t` is seen by the first
//! instruction that begins at `t` or later; a pin that an instruction changes has changed when it is
//! over. So the chip may be up to one instruction, 10 us at the worst, ahead of the bench. What it did
//! in that stretch is told at its own time, after whatever the bench had to do before.
//!
//! **Configuration.** What a scenario does not set stays as the image has it.
//!
//! Leaves out: option bytes (the factory's), the debug port, whatever the chip's model leaves out.

mod pins;
mod tell;

use std::sync::Arc;

use firmware::config::Config;
use firmware::journal::{Journal, WORDS, WriteError};
use firmware::record::Record;
use firmware::signals::InputLevels;
use stm32l011::chip::{self, Chip, Stopped};
use stm32l011::nvm;
use stm32l011::options::OptionBytes;
use stm32l011::time::{Frequency, Time};
use stm32l011::timing::{Oscillators, Timing};

use super::eeprom::Eeprom;
use super::{DeviceReport, Dut, Ended, Injected, Injection, Note, Nrst, OutputPins, Thresholds};
use crate::image::{Image, configure};
use crate::parts::Board;
use crate::quantity::Nanos;
use crate::scenario::{Ram, ResetCause, Scenario, Tear};
use crate::symbols::Functions;
use tell::Told;

/// Instructions that a run may execute unless told otherwise. Our firmware needs 12 thousand million for a
/// hundred days; a program that never sleeps gets two and a half hours.
pub const INSTRUCTIONS: u64 = 20_000_000_000;

/// From the supply to the first step of our firmware: 1.5 ms until the first instruction, then the sum
/// over the image, the journal, the watchdog and the start of the LSI.
const START_UP: Nanos = Nanos::from_millis(18);

/// An image that is ready to run.
#[derive(Clone, Debug)]
pub struct ChipLevel {
    name: String,
    flash: Vec<u8>,
    /// With the image's own configuration.
    chip: Chip,
    symbols: Arc<Functions>,
    /// Where the configuration is in flash, and what it is; else why there is none.
    block: Result<(usize, Config), String>,
    budget: u64,
}

/// A scenario that this image cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsuitable(String);

impl std::fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the scenario sets the firmware's configuration, but {}", self.0)
    }
}

impl std::error::Error for Unsuitable {}

impl ChipLevel {
    /// Makes an image ready; a run may execute `budget` instructions.
    #[must_use]
    pub fn new(image: &Image, budget: u64) -> Self {
        let (base, flash) = image.flash();
        let block = configure::find(image)
            .map(|(address, config)| (address.saturating_sub(base) as usize, config))
            .map_err(|problems| {
                let messages: Vec<_> = problems.iter().map(|one| one.message.clone()).collect();
                messages.join("; ")
            });
        Self {
            name: image.name().to_owned(),
            flash: flash.to_vec(),
            chip: Chip::new(flash, OptionBytes::default(), Oscillators::default()),
            symbols: Arc::new(Functions::of(image)),
            block,
            budget,
        }
    }

    /// How messages call the image.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A chip without supply, with this image and what the scenario says of configuration, EEPROM and
    /// board.
    ///
    /// # Errors
    /// The scenario sets the configuration and the image has none.
    pub fn device(&self, scenario: &Scenario) -> Result<ChipDut, Unsuitable> {
        self.watched(scenario, Unwatched)
    }

    /// The same, with somebody who runs the chip in the device's place.
    ///
    /// # Errors
    /// The scenario sets the configuration and the image has none.
    pub fn watched<R: Runner>(
        &self,
        scenario: &Scenario,
        runner: R,
    ) -> Result<ChipDut<R>, Unsuitable> {
        let mut chip = match self.configured(&scenario.config)? {
            None => self.chip.clone(),
            Some(flash) => Chip::new(&flash, OptionBytes::default(), Oscillators::default()),
        };
        let contents = Eeprom::new(scenario.start.eeprom, scenario.board.eeprom_operation);
        let bytes: Vec<u8> = contents.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        chip.set_eeprom(&bytes);
        chip.set_oscillators(Time(0), oscillators(&scenario.board));
        chip.set_timing(timing(&scenario.board));
        chip.stop_after(Some(self.budget));
        let journal = Journal::open(&mut Words(chip.eeprom()));
        Ok(ChipDut {
            stored: (journal.stored(), journal.record()),
            chip,
            symbols: Arc::clone(&self.symbols),
            budget: self.budget,
            supplied: false,
            shown: OutputPins::default(),
            drives: None,
            due: None,
            later: Vec::new(),
            notes: Vec::new(),
            armed_cut: None,
            cut: None,
            armed_reset: None,
            told: Told::default(),
            ended: None,
            runner,
        })
    }

    /// The flash with what `wanted` sets beside the defaults; `None` if that is nothing new.
    fn configured(&self, wanted: &Config) -> Result<Option<Vec<u8>>, Unsuitable> {
        if *wanted == Config::DEFAULT {
            return Ok(None);
        }
        let (at, own) = self.block.as_ref().map_err(|why| Unsuitable(why.clone()))?;
        let mut config = *own;
        for ((name, _, value), (_, _, default)) in
            wanted.times().into_iter().zip(Config::DEFAULT.times())
        {
            if let Some(time) = config.time_mut(name)
                && value != default
            {
                *time = value;
            }
        }
        if wanted.request_polarity != Config::DEFAULT.request_polarity {
            config.request_polarity = wanted.request_polarity;
        }
        let bytes = configure::bytes(&config);
        let mut flash = self.flash.clone();
        if let Some(place) = flash.get_mut(*at..at + bytes.len()) {
            place.copy_from_slice(&bytes);
        }
        Ok(Some(flash))
    }
}

/// The oscillators of the board's microcontroller.
fn oscillators(board: &Board) -> Oscillators {
    Oscillators {
        msi_ppm: (board.msi_error.0 * 1e6).round() as i32,
        lsi: Frequency((board.lsi_frequency.0 * 1e3).round() as u64),
        ..Oscillators::default()
    }
}

fn timing(board: &Board) -> Timing {
    Timing { nvm_operation: board.eeprom_operation.0, ..Timing::default() }
}

/// The EEPROM's words, to be read only.
struct Words<'a>(&'a [u8]);

impl firmware::journal::Eeprom for Words<'_> {
    fn read(&mut self, index: usize) -> u32 {
        let bytes = self.0.chunks_exact(4).nth(index % WORDS);
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
    }

    fn write(&mut self, _: usize, _: u32) -> Result<(), WriteError> {
        Err(WriteError)
    }
}

/// A reset that waits for its instruction.
#[derive(Clone, Copy, Debug)]
struct ArmedReset {
    /// The number of the instruction after which it comes.
    at: u64,
    cause: ResetCause,
    ram: Ram,
}

/// Who runs the chip: nobody but the device, or a debugger that stands between them.
pub trait Runner {
    /// Does what [`Chip::run`] does, and tells what it tells. In between the chip may be looked at.
    fn run(&mut self, chip: &mut Chip, until: Time) -> Stopped;
}

/// Nobody but the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwatched;

impl Runner for Unwatched {
    fn run(&mut self, chip: &mut Chip, until: Time) -> Stopped {
        chip.run(until)
    }
}

/// A chip under test.
#[derive(Debug)]
pub struct ChipDut<R = Unwatched> {
    chip: Chip,
    symbols: Arc<Functions>,
    budget: u64,
    supplied: bool,
    /// The outputs as the bench knows them.
    shown: OutputPins,
    drives: Option<InputLevels>,
    /// When something happened that the bench does not know yet.
    due: Option<Nanos>,
    /// What it is, besides pins.
    later: Vec<Later>,
    notes: Vec<Note>,
    /// The write that is to be cut: which one from now, and how it tears.
    armed_cut: Option<(u32, Tear)>,
    /// When the cut strikes the write that is under way.
    cut: Option<(Nanos, Tear)>,
    armed_reset: Option<ArmedReset>,
    /// Our own newest record in the EEPROM, and the newest of whatever firmware.
    stored: (Option<Record>, Record),
    told: Told,
    ended: Option<Ended>,
    runner: R,
}

/// Something that happened while the chip ran ahead.
#[derive(Clone, Copy, Debug)]
enum Later {
    Note(Note),
    /// The armed reset's instruction was reached.
    Reset(ArmedReset),
}

impl<R: Runner> ChipDut<R> {
    /// The chip, and who ran it.
    #[must_use]
    pub fn into_parts(self) -> (Chip, R) {
        (self.chip, self.runner)
    }

    /// The chip's time for the bench's: it may be an instruction ahead.
    fn time(&self, now: Nanos) -> Time {
        Time(now.0).max(self.chip.now())
    }

    fn drive(&mut self, now: Nanos, inputs: InputLevels) {
        if self.drives == Some(inputs) {
            return;
        }
        let time = self.time(now);
        let before = self.drives.map(pins::drives);
        for (index, (pin, drive)) in pins::drives(inputs).into_iter().enumerate() {
            if before.is_none_or(|before| before[index].1 != drive) {
                self.chip.set_input(time, pin, drive);
            }
        }
        self.drives = Some(inputs);
    }

    fn pins(&self) -> OutputPins {
        pins::outputs(|pin| self.chip.pin(pin))
    }

    /// Forgets what happened ahead of a reset or of the end of the supply, which come first.
    fn interrupt(&mut self) {
        self.due = None;
        self.later.clear();
        self.cut = None;
        self.shown = self.pins();
    }

    /// What the chip came back with. Says whether the bench must know.
    fn take(&mut self, stopped: Stopped) -> bool {
        let at = Nanos(self.chip.now().0);
        match stopped {
            // No debugger is attached, so a BKPT is a fault.
            Stopped::Until | Stopped::Breakpoint => false,
            Stopped::Pins => self.pins() != self.shown,
            Stopped::NvmBegan => {
                self.write_began();
                false
            }
            Stopped::NvmDone => {
                self.cut = None;
                self.write_done()
            }
            Stopped::Reset(cause) => {
                self.told.reset(cause);
                self.cut = None;
                self.later.push(Later::Note(Note::Reset));
                true
            }
            Stopped::Fault(fault) => {
                self.told.fault(at, super::FaultKind::HardFault, &fault, &self.symbols);
                false
            }
            Stopped::Lockup(fault) => {
                self.told.fault(at, super::FaultKind::Lockup, &fault, &self.symbols);
                false
            }
            Stopped::Instructions => self.counted(at),
        }
    }

    fn write_began(&mut self) {
        let Some((nth, tear)) = self.armed_cut.as_mut() else {
            return;
        };
        *nth = nth.saturating_sub(1);
        if *nth > 0 {
            return;
        }
        if let Some(operation) = self.chip.operation() {
            let middle = operation.began.0.midpoint(operation.ends.0);
            self.cut = Some((Nanos(middle), *tear));
            self.armed_cut = None;
        }
    }

    /// A word was written: perhaps it completes a record.
    fn write_done(&mut self) -> bool {
        let journal = Journal::open(&mut Words(self.chip.eeprom()));
        let before = std::mem::replace(&mut self.stored, (journal.stored(), journal.record()));
        // Our own record first; another firmware's is known by its own queue.
        let new = match self.stored {
            (Some(stored), _) if before.0 != Some(stored) => Some(stored),
            (None, record) if before.1 != record && record != Record::Undefined => Some(record),
            (Some(_) | None, _) => None,
        };
        self.later.extend(new.map(|record| Later::Note(Note::Stored(record))));
        new.is_some()
    }

    /// As many instructions are done as were asked for.
    fn counted(&mut self, at: Nanos) -> bool {
        let instructions = self.chip.usage().instructions;
        if let Some(reset) = self.armed_reset.take_if(|reset| reset.at <= instructions) {
            self.later.push(Later::Reset(reset));
            self.count();
            return true;
        }
        if instructions >= self.budget {
            let pc = self.chip.core().pc();
            let symbol = self.symbols.name(pc).map(str::to_owned);
            self.ended = Some(Ended { at, pc, symbol, instructions });
            self.later.push(Later::Note(Note::Ended));
            return true;
        }
        self.count();
        false
    }

    /// Asks the chip to stop at the next instruction that matters.
    fn count(&mut self) {
        let until = self.armed_reset.map_or(self.budget, |reset| reset.at.min(self.budget));
        let left = until.saturating_sub(self.chip.usage().instructions).max(1);
        self.chip.stop_after(Some(left));
    }

    fn reset_now(&mut self, now: Nanos, cause: ResetCause, ram: Ram) {
        let time = self.time(now);
        self.chip.set_tear(nvm::Tear::Erased);
        self.chip.reset(time, reset_cause(cause));
        match ram {
            Ram::Kept => {}
            Ram::Lost => self.chip.lose_ram(),
        }
    }
}

impl<R: Runner> Dut for ChipDut<R> {
    fn start_up(&self) -> Nanos {
        START_UP
    }

    fn power_on(&mut self, now: Nanos, inputs: InputLevels) {
        self.supplied = true;
        let time = self.time(now);
        self.chip.power_on(time);
        self.drives = None;
        self.drive(now, inputs);
        self.interrupt();
    }

    fn power_off(&mut self, now: Nanos) {
        self.supplied = false;
        let time = self.time(now);
        self.chip.power_off(time, nvm::Tear::Erased);
        self.interrupt();
    }

    fn reset(&mut self, now: Nanos, cause: ResetCause, ram: Ram, inputs: InputLevels) {
        if !self.supplied {
            return;
        }
        self.reset_now(now, cause, ram);
        self.drive(now, inputs);
        self.interrupt();
    }

    fn run(&mut self, now: Nanos, inputs: InputLevels) {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            if let Some((_, tear)) = self.cut.take_if(|(at, _)| *at <= now) {
                let time = self.time(now);
                self.chip.power_off(time, torn(tear));
                self.supplied = false;
                self.interrupt();
                self.notes.push(Note::WriteCut);
                return;
            }
            for later in std::mem::take(&mut self.later) {
                match later {
                    Later::Note(note) => self.notes.push(note),
                    Later::Reset(ArmedReset { cause, ram, .. }) => {
                        self.reset_now(now, cause, ram);
                        self.notes.push(Note::ResetStruck);
                    }
                }
            }
            self.shown = self.pins();
        }
        self.drive(now, inputs);
    }

    fn outputs(&self) -> OutputPins {
        self.shown
    }

    fn next(&mut self, until: Nanos) -> Option<Nanos> {
        while self.due.is_none() {
            if !self.supplied || self.ended.is_some() {
                return None;
            }
            let limit = self.cut.map_or(until, |(at, _)| at.min(until));
            let stopped = self.runner.run(&mut self.chip, Time(limit.0));
            let shows = self.take(stopped);
            let cut = self.cut.map(|(at, _)| at).filter(|at| *at <= until);
            if shows {
                self.due = Some(Nanos(self.chip.now().0));
            } else if stopped == Stopped::Until {
                // The end of the stretch, or the cut in it.
                self.due = cut;
                break;
            }
        }
        self.due.filter(|due| *due <= until)
    }

    fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    fn cut_during_write(&mut self, nth: u32, tear: Tear) {
        self.armed_cut = Some((nth, tear));
        // A write that is under way has begun before.
        self.cut = None;
    }

    fn hold_reset(&mut self, now: Nanos, nrst: Nrst, inputs: InputLevels) {
        let time = self.time(now);
        self.chip.set_tear(nvm::Tear::Erased);
        match nrst {
            Nrst::Low => self.chip.hold_reset(time, true),
            Nrst::High => self.chip.hold_reset(time, false),
        }
        self.drive(now, inputs);
        self.interrupt();
    }

    fn set_board(&mut self, now: Nanos, board: &Board) {
        let time = self.time(now);
        self.chip.set_oscillators(time, oscillators(board));
        self.chip.set_timing(timing(board));
    }

    fn inject(&mut self, _: Nanos, fault: Injection) -> Injected {
        match fault {
            Injection::FlipRamBit { byte, bit } => {
                let address = stm32l011::memory::RAM.saturating_add(byte.into());
                if self.supplied && self.chip.flip_ram_bit(address, bit) {
                    Injected::Done
                } else {
                    Injected::Impossible
                }
            }
            Injection::DeadWords(words) => {
                self.chip.set_dead_words(words);
                Injected::Done
            }
            Injection::Hang => {
                self.chip.hang();
                Injected::Done
            }
            Injection::ResetAfter { instructions, cause, ram } => {
                let at = self.chip.usage().instructions.saturating_add(instructions.into());
                self.armed_reset = Some(ArmedReset { at, cause, ram });
                self.count();
                Injected::Armed
            }
        }
    }

    fn supply_watch(&self) -> Option<Thresholds> {
        let (below, above) = self.chip.supply_watch();
        Some(Thresholds { below, above })
    }

    fn set_supply(&mut self, now: Nanos, millivolts: u32) {
        let time = self.time(now);
        self.chip.set_supply(time, millivolts);
    }

    fn report(&self) -> Option<DeviceReport> {
        Some(self.told.report(&self.chip, &self.symbols, self.ended.as_ref()))
    }
}

const fn reset_cause(cause: ResetCause) -> chip::ResetCause {
    match cause {
        ResetCause::Watchdog => chip::ResetCause::Watchdog,
        ResetCause::ResetPin => chip::ResetCause::Pin,
        ResetCause::BrownOut => chip::ResetCause::BrownOut,
    }
}

const fn torn(tear: Tear) -> nvm::Tear {
    match tear {
        Tear::Old => nvm::Tear::Old,
        Tear::Erased => nvm::Tear::Erased,
        Tear::Mixed => nvm::Tear::Mixed,
        Tear::Ones => nvm::Tear::Ones,
    }
}
