//! What a device under test may take, whatever its firmware decides: every constant with its reason.
//!
//! The host level takes less of each; verdict and comparison allow what the chip takes.

use crate::quantity::Nanos;
use crate::scenario::Scenario;

/// The firmware wakes at least every half lap of its low-power timer.
const HALF_LAP_TICKS: f64 = 32_768.0;

/// What two readings of a clock in whole milliseconds may take from a time.
pub const READING: Nanos = Nanos::MILLISECOND;
/// A step of the firmware, at 2 MHz; it does not see what lasts shorter.
pub const STEP: Nanos = Nanos::MILLISECOND;
/// From a pin to what is made of it: 5 us out of Stop mode, a step, and a time that is rounded to whole
/// milliseconds at its beginning and at its end.
pub const LATENCY: Nanos = Nanos::from_millis(3);
/// From the supply or the end of a reset to the first step: 1.5 ms until the first instruction, the sum over
/// the image, the journal and the start of the LSI, 20 ms in all.
pub const START: Nanos = Nanos::from_millis(25);
/// A journal write keeps the firmware from looking for this long at most.
pub const STALL: Nanos = Nanos::from_millis(14);
/// What a chip in reset takes until it drives its pins again, at the most.
pub const BLIP: Nanos = Nanos::MILLISECOND;

/// What a reset may cost: the time since the last step, which a device that counts anew does not know of. No
/// sleep is longer than half a lap of the low-power timer.
pub fn lost_in_reset(scenario: &Scenario) -> Nanos {
    let boards = scenario.boards();
    let slowest = boards.iter().map(|board| board.lsi_frequency.0).fold(f64::INFINITY, f64::min);
    Nanos::from_secs_f64_ceil(HALF_LAP_TICKS / slowest * (1.0 + scenario.clock_error()))
}
