//! The observer: runs the chip in the device's place, and takes a picture where somebody wants to look.
//!
//! It changes nothing: what it is told to run it runs, at most in smaller pieces. Pictures are copies of
//! the whole chip, so everything else about them can be asked for later. At an instant at which
//! something happens outside, the picture shows the chip before it.
//!
//! While instructions are recorded the chip runs one instruction at a time; loops that wait are not
//! skipped then, so a program that polls for a long time takes long.

use std::collections::VecDeque;

use stm32l011::chip::{Chip, FaultInfo, Mode, Stopped, Usage};
use stm32l011::time::Time;

use super::cpu::Cpu;
use crate::dut::chip::Runner;
use crate::quantity::Nanos;

/// Why a picture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its time was asked for.
    Asked,
    /// The program faulted here, for the first time.
    Fault(FaultInfo),
    /// The core locked up here, for the first time.
    Lockup(FaultInfo),
    /// The scenario is over.
    End,
}

/// An instruction that was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// When it began, on the chip's clock.
    pub(super) at: Time,
    /// The core before it. The program counter is the instruction's.
    pub(super) before: Cpu,
    /// The core after it.
    pub(super) after: Cpu,
}

/// A picture.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) why: Why,
    /// The time asked for, or that of the chip, since the start of the scenario; `None`: before it.
    pub(super) at: Option<Nanos>,
    /// The chip; `None` without supply.
    pub(super) chip: Option<Box<Chip>>,
    /// What it used since time zero, or since the beginning if that is yet to come.
    pub(super) used: Usage,
    /// Instructions before, oldest first.
    pub(super) before: Vec<Step>,
    /// Instructions after.
    pub(super) after: Vec<Step>,
}

/// What is to be recorded.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    /// Times since the start of the scenario, rising.
    pub(super) at: VecDeque<Nanos>,
    /// Instructions to record before each picture.
    pub(super) before: usize,
    /// Instructions to record after each picture.
    pub(super) after: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Observer {
    orders: Orders,
    /// Time zero of the scenario on the chip's clock.
    zero: Nanos,
    /// What had been used at time zero.
    used_at_zero: Option<Usage>,
    /// How far the chip was when it was last left, and what it had used.
    left: (Time, Usage),
    recent: VecDeque<Step>,
    /// Instructions that the last picture still waits for.
    wanted: usize,
    troubled: bool,
    pub(super) pictures: Vec<Picture>,
}

impl Observer {
    pub(super) fn new(orders: Orders, zero: Nanos) -> Self {
        Self {
            orders,
            zero,
            used_at_zero: None,
            left: (Time(0), Usage::default()),
            recent: VecDeque::new(),
            wanted: 0,
            troubled: false,
            pictures: Vec::new(),
        }
    }

    /// Takes the pictures that are still to be taken, and one of the end if nobody asked for any.
    pub(super) fn finish(&mut self, chip: &Chip) {
        while let Some(at) = self.orders.at.pop_front() {
            let chip = (chip.now() >= self.chip_time(at)).then_some(chip);
            self.take(Why::Asked, Some(at), chip);
        }
        if self.pictures.is_empty() {
            self.take(Why::End, self.scenario_time(chip.now()), Some(chip));
        }
    }

    /// Whether the program faulted.
    pub(super) fn troubled(&self) -> bool {
        self.troubled
    }

    fn chip_time(&self, at: Nanos) -> Time {
        Time(self.zero.saturating_add(at).0)
    }

    fn scenario_time(&self, at: Time) -> Option<Nanos> {
        Nanos(at.0).checked_sub(self.zero)
    }

    /// When it next wants to look.
    fn next(&self) -> Time {
        match self.used_at_zero {
            None => Time(self.zero.0),
            Some(_) => self.orders.at.front().map_or(Time::NEVER, |at| self.chip_time(*at)),
        }
    }

    /// Looks at everything that is due.
    fn look(&mut self, chip: &Chip) {
        while self.next() <= chip.now() {
            // Between the last time and this one nobody ran it: it had no supply.
            let off = self.left.0 <= self.next() && self.next() < chip.now();
            if self.used_at_zero.is_none() {
                let used = if off { self.used_without(Some(Nanos::ZERO)) } else { chip.usage() };
                self.used_at_zero = Some(used);
            } else if let Some(at) = self.orders.at.pop_front() {
                self.take(Why::Asked, Some(at), (!off).then_some(chip));
            }
        }
    }

    fn take(&mut self, why: Why, at: Option<Nanos>, chip: Option<&Chip>) {
        let used = chip.map_or_else(|| self.used_without(at), Chip::usage);
        self.pictures.push(Picture {
            why,
            at,
            used: super::charge::since(&used, &self.used_at_zero.unwrap_or_default()),
            chip: chip.cloned().map(Box::new),
            before: self.recent.iter().copied().collect(),
            after: Vec::new(),
        });
        self.wanted = if chip.is_some() { self.orders.after } else { 0 };
    }

    /// What had been used when it had no supply.
    fn used_without(&self, at: Option<Nanos>) -> Usage {
        let (left, used) = self.left;
        let off = at.map_or(0, |at| self.chip_time(at).since(left));
        Usage { off: used.off.saturating_add(off), ..used }
    }

    fn trouble(&mut self, stopped: Stopped, chip: &Chip) {
        let why = match stopped {
            Stopped::Fault(info) => Why::Fault(info),
            Stopped::Lockup(info) => Why::Lockup(info),
            Stopped::Until
            | Stopped::Pins
            | Stopped::NvmBegan
            | Stopped::NvmDone
            | Stopped::Reset(_)
            | Stopped::Instructions
            | Stopped::Breakpoint => return,
        };
        if !self.troubled {
            self.troubled = true;
            self.take(why, self.scenario_time(chip.now()), Some(chip));
        }
    }

    /// One instruction, recorded.
    fn step(&mut self, chip: &mut Chip, until: Time) -> Stopped {
        let (stopped, step) = step(chip, until);
        if let Some(step) = step {
            if self.wanted > 0
                && let Some(picture) = self.pictures.last_mut()
            {
                picture.after.push(step);
                self.wanted -= 1;
            }
            if self.orders.before > 0 {
                if self.recent.len() == self.orders.before {
                    self.recent.pop_front();
                }
                self.recent.push_back(step);
            }
        }
        stopped
    }
}

impl Runner for Observer {
    fn run(&mut self, chip: &mut Chip, until: Time) -> Stopped {
        self.look(chip);
        let stopped = loop {
            let pause = until.min(self.next());
            let stopped = if self.wanted > 0 || self.orders.before > 0 {
                self.step(chip, pause)
            } else {
                chip.run(pause)
            };
            self.left = (chip.now(), chip.usage());
            self.trouble(stopped, chip);
            self.look(chip);
            match stopped {
                Stopped::Until if chip.now() < until => {}
                stopped => break stopped,
            }
        };
        self.left = (chip.now(), chip.usage());
        stopped
    }
}

/// Runs one instruction, unless `until` or something worth telling comes first. What is left of the
/// instructions that somebody else allowed is left.
pub(super) fn step(chip: &mut Chip, until: Time) -> (Stopped, Option<Step>) {
    let allowed = chip.core().instructions_left();
    if allowed == Some(0) {
        return (chip.run(until), None);
    }
    if chip.mode() == Mode::Reset {
        // Up to the first instruction, for only then its registers are what it finds.
        chip.stop_after(Some(0));
        let stopped = chip.run(until);
        chip.stop_after(allowed);
        if stopped != Stopped::Instructions {
            return (stopped, None);
        }
    }
    let asleep = |usage: Usage| usage.sleep + usage.stop;
    let (mut before, executed) = (Cpu::of(chip), chip.core().instructions());
    let (at, slept, awake) = (chip.now(), asleep(chip.usage()), chip.core().asleep().is_none());
    chip.stop_after(Some(1));
    let stopped = chip.run(until);
    let done = chip.core().instructions() - executed;
    let left = allowed.map(|allowed| allowed.saturating_sub(done));
    chip.stop_after(left);
    // Whoever allowed so many is to hear of it; of our own one they are not.
    let stopped = match stopped {
        Stopped::Instructions if left != Some(0) => Stopped::Until,
        stopped => stopped,
    };
    if done == 0 {
        return (stopped, None);
    }
    let after = Cpu::of(chip);
    // An exception was taken first: its frame is on the stack, and the instruction is its handler's.
    let entered =
        after.exception() != 0 && after.exception() != before.exception() && after.msp < before.msp;
    if entered && let Some(handler) = vector(chip, after.exception()) {
        before.r[super::cpu::PC] = handler;
    }
    // A WFI comes before its sleep, whatever wakes from one behind it.
    let at = if awake { at } else { at.after(asleep(chip.usage()) - slept) };
    (stopped, Some(Step { at, before, after }))
}

/// Where the handler of an exception begins.
fn vector(chip: &Chip, exception: u32) -> Option<u32> {
    /// The vector table's address (ARMv6-M ARM, B3.2.6).
    const VTOR: u32 = 0xE000_ED08;
    let table = chip.peek(VTOR)?;
    Some(chip.peek(table.wrapping_add(exception * 4))? & !1)
}

#[cfg(test)]
mod tests {
    use stm32l011::options::OptionBytes;
    use stm32l011::timing::Oscillators;

    use super::*;

    const RESET: u32 = 0x0800_0080;
    const HANDLER: u32 = 0x0800_00A0;

    /// A program from [`RESET`] on, with every vector leading to a handler of `movs r0, #1; bx lr`.
    fn chip(program: &[u16]) -> Chip {
        let vectors = [0x2000_0800, RESET | 1].into_iter().chain([HANDLER | 1; 30]);
        let mut flash: Vec<u8> = vectors.flat_map(u32::to_le_bytes).collect();
        flash.extend(program.iter().flat_map(|half| half.to_le_bytes()));
        flash.resize((HANDLER - 0x0800_0000) as usize, 0);
        flash.extend([0x2001_u16, 0x4770].into_iter().flat_map(u16::to_le_bytes));
        let mut chip = Chip::new(&flash, OptionBytes::default(), Oscillators::default());
        chip.power_on(Time(0));
        chip
    }

    fn steps(chip: &mut Chip, count: usize) -> Vec<Step> {
        let until = Time(1_000_000_000);
        std::iter::from_fn(|| (chip.now() < until).then(|| step(chip, until).1))
            .flatten()
            .take(count)
            .collect()
    }

    #[test]
    fn a_handlers_first_instruction_is_shown_as_its_own() {
        // svc 0; b .
        let mut chip = chip(&[0xDF00, 0xE7FE]);
        let steps = steps(&mut chip, 4);
        let places: Vec<u32> = steps.iter().map(|step| step.before.pc()).collect();
        assert_eq!(places, [RESET, HANDLER, HANDLER + 2, RESET + 2]);
        assert_eq!(steps[1].after.exception(), 11);
        assert_eq!(steps[2].after.exception(), 0);
        assert!(steps.is_sorted_by(|a, b| a.at < b.at));
    }

    #[test]
    fn sleep_belongs_to_no_instruction() {
        // SysTick in 2^20 cycles, half a second: movs r0, #0xE0; lsls r0, #24; adds r0, #0x10; (r0 = 0xE0000010)
        // movs r1, #1; lsls r1, #20; str r1, [r0, #4]; movs r1, #7; with 0xE000 in its place; wfi; b .
        let program = [
            0x20E0, 0x0600, 0x2100, 0x21E0, 0x0209, 0x3110, 0x1840, 0x2101, 0x0509, 0x6041, 0x2107,
            0x6001, 0xBF30, 0xE7FE,
        ];
        let mut chip = chip(&program);
        let steps = steps(&mut chip, 15);
        let sleeping = steps.iter().position(|step| step.before.pc() == RESET + 24);
        let wake = &steps[sleeping.unwrap() + 1];
        assert_eq!(wake.before.pc(), HANDLER);
        assert_eq!(wake.after.exception(), 15);
        let slept = wake.at.since(steps[sleeping.unwrap()].at);
        assert!((400_000_000..600_000_000).contains(&slept), "{slept} ns");
    }

    #[test]
    fn a_limit_that_somebody_else_set_stays() {
        let mut chip = chip(&[0x3001, 0xE7FD]);
        chip.stop_after(Some(5));
        let mut told = Vec::new();
        while chip.core().instructions() < 5 {
            told.push(step(&mut chip, Time(1_000_000_000)).0);
        }
        assert_eq!(told.last(), Some(&Stopped::Instructions));
        assert!(
            told[..told.len() - 1].iter().all(|stopped| *stopped == Stopped::Until),
            "{told:?}"
        );
    }
}
