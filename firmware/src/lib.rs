//! The logic of the supercapacitor UPS board, free of hardware.
//!
//! Sans-I/O: a driver samples the pins, calls [`Machine::step`], stores what it is asked to
//! store, applies the outputs and sleeps until the wake-up it was given or until a pin changes.
//! There are two such drivers, the program for the STM32L011 and the simulator's host level.
//! Read side by side they look the same, because every decision is made here.
//!
//! The layers, bottom up; each knows only those before it:
//! [`time`] → [`config`], [`record`], [`signals`] → `button`, `request`, [`supply`] (filters) →
//! [`state`] → [`rules`] → [`machine`] (the step) → [`table`] (the rules, printed); [`journal`] stands
//! beside them.
//!
//! What is deliberately absent: a clock, a pin, an allocator, a float, a panic, an `unsafe`.
#![no_std]
#![forbid(unsafe_code)]
// Every (state, situation) pair is written out: a new variant must be looked at everywhere.
#![deny(clippy::wildcard_enum_match_arm)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[cfg(test)]
extern crate std;

mod button;
pub mod config;
pub mod journal;
mod led;
pub mod machine;
pub mod record;
mod request;
pub mod rules;
pub mod signals;
pub mod state;
pub mod supply;
pub mod table;
pub mod time;

pub use config::Config;
pub use journal::Journal;
pub use machine::Machine;
pub use record::Record;
