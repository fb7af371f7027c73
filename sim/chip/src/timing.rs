//! Times and frequencies that belong to the part and not to the program.
//!
//! Data-sheet figures where a sheet of the same die or a sibling was seen, recollection otherwise; none
//! is a constant of nature, so all are parameters. The defaults are typical values.

use crate::time::Frequency;

/// The oscillators as they are on this specimen, at this temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oscillators {
    /// Error of the MSI in parts per million, whatever its range; above -1 000 000.
    pub msi_ppm: i32,
    /// Error of the HSI16 in parts per million; above -1 000 000.
    pub hsi16_ppm: i32,
    /// The LSI: 26 to 56 kHz, 37 kHz nominally; zero is taken for 1 mHz.
    pub lsi: Frequency,
}

impl Default for Oscillators {
    fn default() -> Self {
        Self { msi_ppm: 0, hsi16_ppm: 0, lsi: Frequency::hertz(37_000) }
    }
}

/// Times in nanoseconds, typical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the supply's rise above the power-on threshold to the first instruction. The data sheets
    /// give 1 to 1.5 ms with and without brown-out reset.
    pub power_on_reset: u64,
    /// From the end of any other reset to the first instruction.
    pub reset: u64,
    /// From the event that ends Stop to the next instruction (front page: 5 us from flash).
    pub stop_wake_up: u64,
    /// From a wake-up pin to the reset that ends Standby (65 us with the reference still on).
    pub standby_wake_up: u64,
    /// Start of the voltage reference, which ends Stop later where it was switched off (3 ms at most).
    pub reference_start: u64,
    /// Start of the HSI16 (3.7 us).
    pub hsi16_start: u64,
    /// Start of the MSI (3.5 us in the higher ranges).
    pub msi_start: u64,
    /// Lock of the PLL (115 us).
    pub pll_lock: u64,
    /// Start of the LSI (200 us at most).
    pub lsi_start: u64,
    /// One erase or one programming of a word or page of flash or EEPROM (3.28 ms; 3.94 ms at most).
    pub nvm_operation: u64,
    /// A change of the regulator's voltage range, while VOSF is high.
    pub voltage_scaling: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            power_on_reset: 1_500_000,
            reset: 20_000,
            stop_wake_up: 5_000,
            standby_wake_up: 65_000,
            reference_start: 2_000_000,
            hsi16_start: 3_700,
            msi_start: 3_500,
            pll_lock: 115_000,
            lsi_start: 200_000,
            nvm_operation: 3_280_000,
            voltage_scaling: 20_000,
        }
    }
}
