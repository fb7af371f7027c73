//! The firmware's program.
//!
//! On a host it prints what the firmware's types know, the transition table and the configuration,
//! so that documents are made from the code. The program for the STM32L011 is not here yet.

fn main() {
    print!("{}", firmware::table::Transitions(&firmware::Config::DEFAULT));
    println!();
    print!("{}", firmware::table::Configuration(&firmware::Config::DEFAULT));
}
