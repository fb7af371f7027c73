//! The independent watchdog: resets the chip unless it is fed.
//!
//! It counts the LSI oscillator (26 .. 56 kHz), which also runs in Stop mode, and cannot be stopped.
//! 4096 x 32 cycles of it are 2.34 s, 3.54 s or 5.04 s at the fastest, the typical and the slowest
//! oscillator. The wake-ups that feed it count the same oscillator ([`clock`](super::clock)), four to
//! a time-out, so its spread cancels.

use super::Chip;

/// Polls until the prescaler and the reload value have reached the watchdog's own clock domain: five
/// cycles of the LSI and its start-up, 0.4 ms at most. Longer than that, and what was there before is
/// the shortest time-out of all: 4096 x 4 cycles.
const POLLS: u32 = 1_000;

/// Starts it. What was written before survives no reset.
pub(super) fn start(chip: &Chip) {
    chip.iwdg.kr().write(|w| w.key().start());
    chip.iwdg.kr().write(|w| w.key().unlock());
    chip.iwdg.pr().write(|w| w.pr().divide_by32());
    chip.iwdg.rlr().write(|w| w.rl().set(0xFFF));
    for _ in 0..POLLS {
        let status = chip.iwdg.sr().read();
        if status.pvu().bit_is_clear() && status.rvu().bit_is_clear() {
            break;
        }
    }
    feed(chip);
}

/// Gives it another time-out.
pub(super) fn feed(chip: &Chip) {
    chip.iwdg.kr().write(|w| w.key().feed());
}
