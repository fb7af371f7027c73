//! The whole chip, seen from outside: small programs run on it, pins and time are looked at.

mod accesses;
mod asm;
mod board;
mod clocks;
mod firmware;
mod low_power;
mod nvm;

mod resets;
mod skipping;
mod slices;
