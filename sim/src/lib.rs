//! Holdup: a deterministic simulator of a Raspberry Pi supercapacitor UPS board, and the harness
//! that runs scenario files through the board's real firmware.
//!
//! Data flows one way: scenario → bench (plant + device under test) → timeline → verdict → views.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod bench;
pub mod chance;
pub mod cli;
pub mod debug;
pub mod divergence;
pub mod document;
pub mod dut;
pub mod fidelity;
pub mod image;
pub mod kernel;
pub mod load_test;
pub mod parts;
pub mod plant;
pub mod quantity;
pub mod scenario;
mod settings;
pub mod suite;
pub mod symbols;
pub mod timeline;
pub mod toolchain;
pub mod verdict;
pub mod view;
