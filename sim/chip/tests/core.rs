//! The core from outside: decoding, cycles, exceptions and sleep, and that skipping changes nothing.

mod assembler;
#[path = "core/cycles.rs"]
mod cycles;
#[path = "core/decoding.rs"]
mod decoding;
#[path = "core/exceptions.rs"]
mod exceptions;
#[path = "core/skipping.rs"]
mod skipping;
