//! The whole chip: core, memories, peripherals, supply and clocks.
//!
//! Whoever embeds it drives pins and supply between calls of [`Chip::run`], at [`Chip::now`], and is
//! told by what `run` returns when a pin changed, the chip reset itself, or non-volatile memory is being
//! written. Within `run` the outside is constant, so sleeping and waiting are skipped to the next event,
//! exactly.
//!
//! An instruction that begins before the time asked for is executed whole. What it does a little later
//! than that is told by the next `run`, at its own time; pins show it then. So time never runs backwards
//! for anybody.
//!
//! Supply: below the reset threshold the chip is held in reset, whatever it was doing. RAM survives
//! that; only [`Chip::power_off`] and Standby make it garbage. Resets from inside let a word under way
//! tear as [`Chip::set_tear`] says.
//!
//! Standby leaves pins analog, ends by a rising edge of an enabled wake-up pin (PA0, PA2), by the RTC's
//! wake-up timer, the watchdog or NRST, and is a reset then.
//!
//! Boot: BOOT0 is taken as low, so the flash is at address zero after every reset.

mod run;
mod types;

use crate::bus::Width;
use crate::core::{Core, Debugger, Depth, Nvm, Register, Skipping};
use crate::memory::{AtZero, FLASH, Memory, RAM, value_at};
use crate::nvm::{EEPROM_BYTES, NvmOperation, Tear};
use crate::options::OptionBytes;
use crate::pin::{Drive, Pin, PinState};
use crate::report::Report;
use crate::system::System;
use crate::time::Time;
use crate::timing::{Oscillators, Timing};
use types::Spent;
pub use types::{FaultInfo, Mode, ResetCause, Stopped, Usage};

/// What the chip as a whole is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No supply.
    Off,
    /// NRST or the supply holds it in reset.
    Held,
    /// The first instruction comes at this time.
    Starting(Time),
    /// The core's clock runs.
    Running,
    /// Stop mode.
    Stopped,
    /// Stop mode ends at this time.
    Waking(Time),
    /// Standby mode.
    Standby,
}

/// An STM32L011.
#[derive(Clone, Debug)]
pub struct Chip {
    core: Core,
    memory: Memory,
    system: System,
    state: State,
    now: Time,
    /// How far the core has run, where that is beyond `now`, and what it did: nothing else happens
    /// before.
    ahead: (Time, Spent),
    /// What is to be told, and when it was.
    pending: Option<(Time, Stopped)>,
    /// The pins as they were told.
    pins: [PinState; Pin::ALL.len()],
    usage: Usage,
    tear: Tear,
    supplied: bool,
    nrst_low: bool,
    /// The supply is below the threshold of the brown-out or power-down reset.
    browned_out: bool,
    /// Nothing starts before, since the supply came up.
    power_on_until: Time,
    /// VDD in millivolts.
    supply: u32,
    lockup_told: bool,
    /// Whether the program hangs.
    hung: bool,
    /// The core waits for the NVM.
    stalled: bool,
}

impl Chip {
    /// A chip without supply. `flash` begins at 0x0800_0000; what is beyond it reads as erased, zero,
    /// and what of it is beyond the flash is left out. EEPROM is erased.
    #[must_use]
    pub fn new(flash: &[u8], options: OptionBytes, oscillators: Oscillators) -> Self {
        let mut chip = Self {
            core: Core::new(),
            memory: Memory::new(flash),
            system: System::new(options, oscillators),
            state: State::Off,
            now: Time(0),
            ahead: (Time(0), Spent::Off),
            pending: None,
            pins: [PinState::Analog; Pin::ALL.len()],
            usage: Usage::default(),
            tear: Tear::Old,
            supplied: false,
            nrst_low: false,
            browned_out: false,
            power_on_until: Time(0),
            supply: 3_300,
            lockup_told: false,
            hung: false,
            stalled: false,
        };
        chip.lose_ram();
        chip
    }

    /// Changes the times that belong to the part. Takes effect for what begins afterwards.
    pub fn set_timing(&mut self, timing: Timing) {
        self.system.timing = timing;
    }

    /// How words being written tear in [`Chip::reset`] and in resets that the chip makes by itself.
    pub fn set_tear(&mut self, tear: Tear) {
        self.tear = tear;
    }

    /// Whether BKPT is for a debugger, or a fault.
    pub fn set_debugger(&mut self, debugger: Debugger) {
        self.core.set_debugger(debugger);
    }

    /// Whether polling loops are skipped; it makes no difference but in time of computing.
    pub fn set_skipping(&mut self, skipping: Skipping) {
        self.core.set_skipping(skipping);
    }

    /// The supply comes up: power-on reset. Code runs after [`Timing::power_on_reset`].
    pub fn power_on(&mut self, now: Time) {
        self.pass(now);
        self.supplied = true;
        let (_, above) = self.system.options.reset_thresholds();
        self.browned_out = self.supply < above;
        self.enter_reset(now, ResetCause::PowerOn, self.tear);
    }

    /// The supply is gone. Pins float, RAM becomes a fixed garbage, a word being written tears.
    pub fn power_off(&mut self, now: Time, tear: Tear) {
        self.pass(now);
        self.supplied = false;
        self.enter_reset(now, ResetCause::PowerOn, tear);
        self.lose_ram();
    }

    /// Resets it at once, whatever it is doing; nothing comes of it without supply.
    pub fn reset(&mut self, now: Time, cause: ResetCause) {
        self.pass(now);
        if self.supplied {
            self.enter_reset(now, cause, self.tear);
        }
    }

    /// Holds NRST low, or lets it go: pins float and nothing runs meanwhile.
    pub fn hold_reset(&mut self, now: Time, held: bool) {
        self.pass(now);
        if held == self.nrst_low {
            return;
        }
        self.nrst_low = held;
        if !self.supplied {
            return;
        }
        if held {
            self.enter_reset(now, ResetCause::Pin, self.tear);
        } else {
            self.leave_reset(now, self.system.timing.reset);
        }
    }

    /// Sets VDD in millivolts, for the brown-out reset and the voltage detector.
    pub fn set_supply(&mut self, now: Time, millivolts: u32) {
        self.pass(now);
        self.supply = millivolts;
        let (below, above) = self.system.options.reset_thresholds();
        self.system.set_supply(millivolts);
        if !self.supplied {
            return;
        }
        if millivolts < below && !self.browned_out {
            self.browned_out = true;
            self.enter_reset(now, ResetCause::BrownOut, self.tear);
        } else if millivolts >= above && self.browned_out {
            self.browned_out = false;
            self.power_on_until = now.after(self.system.timing.power_on_reset);
            self.leave_reset(now, self.system.timing.reset);
        }
    }

    /// The chip wants to hear of the supply when it becomes less than or equal to the first, or greater
    /// than or equal to the second, in millivolts. Changes with what the program sets up, and with every
    /// [`Chip::set_supply`].
    #[must_use]
    pub fn supply_watch(&self) -> (Option<u32>, Option<u32>) {
        let (reset_below, reset_above) = self.system.options.reset_thresholds();
        let reset = if self.browned_out {
            (None, Some(reset_above))
        } else {
            (Some(reset_below.saturating_sub(1)), None)
        };
        let detector = match self.system.pwr.detector() {
            // One millivolt beyond the threshold, for only that changes the detector.
            Some((below, above)) => (Some(below.saturating_sub(1)), Some(above + 1)),
            None => (None, None),
        };
        let lower = |mv: &u32| *mv < self.supply;
        let higher = |mv: &u32| *mv > self.supply;
        let below = [reset.0, detector.0].into_iter().flatten().filter(lower).max();
        let above = [reset.1, detector.1].into_iter().flatten().filter(higher).min();
        (below, above)
    }

    /// Changes the oscillators from `now` on; ticks already counted stay.
    pub fn set_oscillators(&mut self, now: Time, oscillators: Oscillators) {
        self.pass(now);
        self.system.set_oscillators(now, oscillators);
    }

    /// The oscillators as they are.
    #[must_use]
    pub const fn oscillators(&self) -> &Oscillators {
        self.system.rcc.oscillators()
    }

    /// What the outside does to a pin from `now` on. The chip has been run to `now` before.
    pub fn set_input(&mut self, now: Time, pin: Pin, drive: Drive) {
        self.pass(now);
        let before = self.system.wake_up_pins();
        self.system.set_input(pin, drive);
        self.send_events();
        let rose = self.system.wake_up_pins() & !before;
        if self.state == State::Standby && rose & self.system.pwr.wake_up_pins() != 0 {
            self.enter_reset(now, ResetCause::StandbyExit, self.tear);
        }
    }

    /// How far it has run.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// What it is doing.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.state {
            State::Off => Mode::Off,
            State::Held | State::Starting(_) => Mode::Reset,
            State::Stopped | State::Waking(_) => Mode::Stop,
            State::Standby => Mode::Standby,
            State::Running if self.lockup_told => Mode::Lockup,
            State::Running => match self.core.asleep() {
                Some(Depth::Sleep | Depth::Deep) => Mode::Sleep,
                None => Mode::Run,
            },
        }
    }

    /// What a pin does.
    #[must_use]
    pub const fn pin(&self, pin: Pin) -> PinState {
        self.pins[pin.index()]
    }

    /// The core: registers, cycles, instructions, the lowest stack pointer.
    #[must_use]
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// Sets a register of the core, as a debugger does.
    pub fn set_register(&mut self, register: Register, value: u32) {
        self.core.set_register(register, value);
    }

    /// Forgets how low the stack pointers were.
    pub fn reset_lowest_sp(&mut self) {
        self.core.reset_lowest_sp();
    }

    /// The RAM, from 0x2000_0000.
    #[must_use]
    pub fn ram(&self) -> &[u8] {
        &self.memory.ram[..]
    }

    /// The flash, from 0x0800_0000.
    #[must_use]
    pub fn flash(&self) -> &[u8] {
        &self.memory.flash()[..]
    }

    /// The data EEPROM, from 0x0808_0000: 512 bytes.
    #[must_use]
    pub const fn eeprom(&self) -> &[u8] {
        self.system.nvm.eeprom().as_slice()
    }

    /// Fills the EEPROM from its beginning; what is beyond `bytes` becomes zero.
    pub fn set_eeprom(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(EEPROM_BYTES);
        let eeprom = self.system.nvm.eeprom_mut();
        eeprom.fill(0);
        eeprom[..length].copy_from_slice(&bytes[..length]);
    }

    /// Writes RAM from an address on, as a debugger does. Tells whether all of it is RAM; if not,
    /// nothing is written.
    pub fn write_ram(&mut self, address: u32, bytes: &[u8]) -> bool {
        let at = address.wrapping_sub(RAM) as usize;
        match at.checked_add(bytes.len()).and_then(|end| self.memory.ram.get_mut(at..end)) {
            Some(ram) => {
                ram.copy_from_slice(bytes);
                true
            }
            None => false,
        }
    }

    /// Turns over one bit (0..=7) of the byte of RAM at an address. Tells whether there is such a bit.
    pub fn flip_ram_bit(&mut self, address: u32, bit: u8) -> bool {
        match (self.memory.ram.get_mut(address.wrapping_sub(RAM) as usize), bit) {
            (Some(byte), 0..=7) => {
                *byte ^= 1 << bit;
                true
            }
            (Some(_) | None, _) => false,
        }
    }

    /// Words of EEPROM that keep what they hold, whatever is written: bit n is word n. Nothing tells the
    /// program but reading them.
    pub fn set_dead_words(&mut self, words: u128) {
        self.system.nvm.dead_words = words;
    }

    /// The program hangs where it is, as in a loop that does nothing, until a reset.
    pub fn hang(&mut self) {
        self.hung = true;
    }

    /// Fills the RAM with a fixed pattern without meaning, as without supply.
    pub fn lose_ram(&mut self) {
        let mut state: u32 = 0x9E37_79B9;
        for byte in self.memory.ram.iter_mut() {
            // Xorshift: no byte tells anything of the next.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = state as u8;
        }
    }

    /// The word of non-volatile memory that is being written.
    #[must_use]
    pub fn operation(&self) -> Option<NvmOperation> {
        self.system.nvm.operation().copied()
    }

    /// Lets [`Chip::run`] stop when so many more instructions are done; `None` for never.
    pub fn stop_after(&mut self, instructions: Option<u64>) {
        self.core.stop_after(instructions);
    }

    /// Where the time went.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage { instructions: self.core.instructions(), cycles: self.core.cycle(), ..self.usage }
    }

    /// What the program did that this model, or the chip, does not.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.system.report
    }

    /// A debugger's read of the word at an address (a multiple of four), without side effects and
    /// whether or not a clock is off; `None` where nothing is.
    #[must_use]
    pub fn peek(&self, address: u32) -> Option<u32> {
        let address = self.memory.at_zero.resolve(address);
        if address >> 28 == 0xE {
            return self.core.peek(address);
        }
        value_at(self.ram(), address.wrapping_sub(RAM), Width::Word)
            .or_else(|| value_at(self.flash(), address.wrapping_sub(FLASH), Width::Word))
            .or_else(|| self.system.memory_word(address))
            .or_else(|| self.system.peek_register(address, self.core.cycle(), self.now))
    }

    /// Time passes up to `to`, in what it is doing.
    fn pass(&mut self, to: Time) {
        let on = self.doing();
        self.spend(to, on);
    }

    /// What it is doing.
    fn doing(&self) -> Spent {
        match self.state {
            State::Off => Spent::Off,
            State::Held | State::Starting(_) => Spent::Reset,
            State::Stopped | State::Waking(_) => Spent::Stop,
            State::Standby => Spent::Standby,
            State::Running => self.running(),
        }
    }

    /// What the core does while its clock runs.
    fn running(&self) -> Spent {
        match (self.core.asleep(), self.stalled) {
            (Some(Depth::Sleep | Depth::Deep), _) => Spent::Sleep,
            (None, true) => Spent::Stalled,
            (None, false) => Spent::Run,
        }
    }

    fn spend(&mut self, to: Time, on: Spent) {
        let (ahead, before) = self.ahead;
        for (to, on) in [(ahead.min(to), before), (to, on)] {
            self.usage.spend(to.since(self.now), on);
            self.now = self.now.max(to);
        }
    }

    /// A reset: everything is as after one, and stays so while something holds it.
    fn enter_reset(&mut self, now: Time, cause: ResetCause, tear: Tear) {
        // What has not begun by now never does.
        if self.operation().is_some_and(|operation| operation.began > now) {
            self.tear_operation(Tear::Old);
        }
        self.tear_operation(tear);
        self.pending = None;
        self.ahead = (now, Spent::Off);
        self.lockup_told = false;
        self.hung = false;
        self.stalled = false;
        self.memory.at_zero = AtZero::Flash;
        self.core.set_nvm(Nvm::Ready);
        self.core.set_wait_states(0);
        self.system.reset(now, cause);
        self.publish_pins();
        self.state = if self.supplied { State::Held } else { State::Off };
        let timing = &self.system.timing;
        let after = match cause {
            ResetCause::PowerOn | ResetCause::BrownOut => {
                self.power_on_until = now.after(timing.power_on_reset);
                0
            }
            ResetCause::StandbyExit => timing.standby_wake_up,
            ResetCause::Pin
            | ResetCause::Software
            | ResetCause::Watchdog
            | ResetCause::WindowWatchdog
            | ResetCause::LowPower
            | ResetCause::OptionLoad => timing.reset,
        };
        self.leave_reset(now, after);
    }

    /// Starts some time after `now`, unless something still holds it in reset.
    fn leave_reset(&mut self, now: Time, after: u64) {
        if self.supplied && !self.nrst_low && !self.browned_out {
            self.state = State::Starting(now.after(after).max(self.power_on_until));
        }
    }

    /// The operation under way, if there is one, is cut short.
    fn tear_operation(&mut self, tear: Tear) {
        if let Some(operation) = self.system.nvm.tear(tear) {
            self.program(&operation, |old, new| tear.of(old, new));
        }
    }

    /// Changes the flash that an operation concerns, word by word. EEPROM is the interface's own.
    fn program(&mut self, operation: &NvmOperation, word: impl Fn(u32, u32) -> u32) {
        let begin = operation.address.wrapping_sub(FLASH);
        for offset in (begin..begin.saturating_add(operation.bytes)).step_by(4) {
            let Some(old) = value_at(self.flash(), offset, Width::Word) else { return };
            self.memory.program(offset as usize, &word(old, operation.new).to_le_bytes());
        }
    }

    /// The pins are told as they are now.
    fn publish_pins(&mut self) {
        self.pins = Pin::ALL.map(|pin| self.system.pin(pin));
        self.system.pins_changed = false;
    }

    /// Events of EXTI reach the core.
    fn send_events(&mut self) {
        if self.system.exti.take_event() {
            self.core.send_event();
        }
    }
}
