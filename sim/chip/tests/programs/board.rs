//! A chip with its pins pulled up, and a record of what it did.

use stm32l011::chip::{Chip, FaultInfo, ResetCause, Stopped};
use stm32l011::options::OptionBytes;
use stm32l011::pin::{Drive, Pin, PinState};
use stm32l011::time::Time;
use stm32l011::timing::Oscillators;

/// The MSI as it comes out of reset [Hz].
pub(crate) const MSI: f64 = 2_097_152.0;
/// The low-speed oscillator [Hz].
pub(crate) const LSI: f64 = 37_000.0;

/// A chip that runs, and what it did.
pub(crate) struct Board {
    /// The chip.
    pub(crate) chip: Chip,
    /// Changes of PA4, the pin by which programs mark moments.
    pub(crate) marks: Vec<(Time, PinState)>,
    /// Resets that the chip made.
    pub(crate) resets: Vec<(Time, ResetCause)>,
    /// Faults taken.
    pub(crate) faults: Vec<FaultInfo>,
    /// The fault that locked the core up.
    pub(crate) lockup: Option<FaultInfo>,
    /// Instructions after which to look again; none, to let the chip skip what it can.
    pub(crate) at_a_time: Option<u64>,
    /// Operations on non-volatile memory: address, what was there, what is to be there, nanoseconds.
    pub(crate) operations: Vec<(u32, u32, u32, u64)>,
}

impl Board {
    /// Powered on at 0.
    pub(crate) fn new(flash: &[u8]) -> Self {
        let mut chip = Chip::new(flash, OptionBytes::default(), Oscillators::default());
        chip.power_on(Time(0));
        for pin in [Pin::PA0, Pin::PA1] {
            chip.set_input(Time(0), pin, Drive::High);
        }
        Self {
            chip,
            marks: Vec::new(),
            resets: Vec::new(),
            faults: Vec::new(),
            lockup: None,
            at_a_time: None,
            operations: Vec::new(),
        }
    }

    /// Runs to a time in seconds, or to lockup.
    pub(crate) fn run(&mut self, seconds: f64) {
        let until = Time((seconds * 1e9) as u64);
        loop {
            self.chip.stop_after(self.at_a_time);
            let stopped = self.chip.run(until);
            let now = self.chip.now();
            let mark = self.chip.pin(Pin::PA4);
            if self.marks.last().map_or(PinState::Low, |(_, last)| *last) != mark
                && matches!(mark, PinState::Low | PinState::High)
            {
                self.marks.push((now, mark));
            }
            match stopped {
                Stopped::Until => return,
                Stopped::Reset(cause) => self.resets.push((now, cause)),
                Stopped::Fault(fault) => self.faults.push(fault),
                Stopped::Lockup(fault) => {
                    self.lockup = Some(fault);
                    return;
                }
                Stopped::NvmBegan => {
                    let operation = self.chip.operation().unwrap();
                    let nanos = operation.ends.since(operation.began);
                    self.operations.push((operation.address, operation.old, operation.new, nanos));
                }
                Stopped::Pins | Stopped::NvmDone | Stopped::Instructions | Stopped::Breakpoint => {}
            }
        }
    }

    /// PA0 low for a tenth of a second from a time in seconds on, which must not have passed.
    pub(crate) fn press(&mut self, seconds: f64) {
        for (at, drive) in [(seconds, Drive::Low), (seconds + 0.1, Drive::High)] {
            self.run(at);
            self.chip.set_input(self.chip.now(), Pin::PA0, drive);
        }
    }

    /// A word of what the program tells.
    pub(crate) fn result(&self, index: usize) -> u32 {
        word(self.chip.ram(), 4 * index)
    }

    /// How long the mark was high [s], each time.
    pub(crate) fn highs(&self) -> Vec<f64> {
        let marks = &self.marks;
        let spans = marks.windows(2).filter(|pair| pair[0].1 == PinState::High);
        spans.map(|pair| pair[1].0.since(pair[0].0) as f64 / 1e9).collect()
    }
}

/// The word at an offset.
pub(crate) fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}
