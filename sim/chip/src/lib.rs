//! An STM32L011 in software: the Cortex-M0+ core, its memories and the chip's peripherals.
//!
//! It runs the very image that is flashed. Whoever embeds it drives the input pins and the supply,
//! asks it to run up to a time, and reads what the output pins do. It knows nothing of any board.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod bus;
pub mod chip;
pub mod core;
mod exti;
mod gpio;
mod iwdg;
mod late;
mod lptim;
pub mod memory;
pub mod nvm;
pub mod options;
mod other;
pub mod pin;
mod pwr;
mod rcc;
pub mod registers;
pub mod report;
mod rtc;
mod syscfg;
mod system;
mod ticker;
mod tim;
pub mod time;
pub mod timing;
mod wwdg;
