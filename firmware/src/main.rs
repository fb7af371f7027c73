//! The firmware's program.
//!
//! On the STM32L011 it is what is flashed: see `chip`. On a host it prints what the firmware's types
//! know, the transition table and the configuration, so that documents are made from the code.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod chip;

#[cfg(not(target_os = "none"))]
fn main() {
    print!("{}", firmware::table::Transitions(&firmware::Config::DEFAULT));
    println!();
    print!("{}", firmware::table::Configuration(&firmware::Config::DEFAULT));
}
