//! The microcontroller's input pins: what drives each, the button, and what disturbs them.

use firmware::signals::Level;

use super::Plant;
use crate::timeline::{Button, CapsCharged, PiRequest, Pin, SupplyGood};

/// What acts on the input pins besides the circuit.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    button: Button,
    /// How many disturbances invert each input pin.
    noise: [u32; 4],
    /// The level at which each input pin is held, whatever drives it.
    stuck: [Option<Level>; 4],
}

impl Inputs {
    /// Nobody presses, nothing disturbs.
    pub(super) const fn new() -> Self {
        Self { button: Button::Released, noise: [0; 4], stuck: [None; 4] }
    }
}

impl Plant {
    /// The level of an input pin of the microcontroller, noise and faults included.
    pub fn input_level(&self, pin: Pin) -> Level {
        self.inputs.stuck[pin as usize].unwrap_or_else(|| self.noisy_level(pin))
    }

    /// The level that an input pin would have if it were not stuck.
    pub fn noisy_level(&self, pin: Pin) -> Level {
        let level = match pin {
            Pin::SupplyGood => match self.ltc4041.pfo() {
                SupplyGood::High => Level::High,
                SupplyGood::Low => Level::Low,
            },
            Pin::Button => match self.inputs.button {
                Button::Pressed => Level::Low,
                Button::Released => Level::High,
            },
            Pin::PiRequest => match self.pi.request(self.now, self.ltc4041.part().request_pull) {
                PiRequest::High => Level::High,
                PiRequest::Low => Level::Low,
            },
            Pin::CapsCharged => match self.ltc4041.capgd() {
                CapsCharged::High => Level::High,
                CapsCharged::Low => Level::Low,
            },
        };
        match (level, self.inputs.noise[pin as usize]) {
            (level, 0) => level,
            (Level::High, _) => Level::Low,
            (Level::Low, _) => Level::High,
        }
    }

    /// Moves the button; says whether that changed anything.
    pub fn set_button(&mut self, button: Button) -> bool {
        self.touched = true;
        std::mem::replace(&mut self.inputs.button, button) != button
    }

    /// Something begins to invert a pin, which stays so until everything that inverts it has ended;
    /// says whether that changed anything.
    pub fn begin_noise(&mut self, pin: Pin) -> bool {
        self.touched = true;
        self.inputs.noise[pin as usize] += 1;
        self.inputs.noise[pin as usize] == 1
    }

    /// One of the things that invert a pin ends.
    pub fn end_noise(&mut self, pin: Pin) {
        self.touched = true;
        self.inputs.noise[pin as usize] = self.inputs.noise[pin as usize].saturating_sub(1);
    }

    /// Holds an input pin at a level, whatever drives it, or lets it go.
    pub fn hold_input(&mut self, pin: Pin, level: Option<Level>) {
        self.touched = true;
        self.inputs.stuck[pin as usize] = level;
    }
}
