//! The STM32L011: the hardware under the machine.
//!
//! [`run`] is the twin of the simulator's host level: wake, sample, step, store, apply, sleep. Nothing
//! here decides anything about the board; edges only wake.
//!
//! **No interrupt is ever taken.** PRIMASK stays set from the first instruction of [`run`] on; an
//! interrupt that is enabled and pending still ends a `WFI`. So there is one thread of control, no
//! shared state, and the stack's depth is that of one call chain.
//!
//! **Nothing is initialised.** There is no `.data` and no `.bss`; the only static is the RAM that is
//! meant to survive a reset ([`kept`]).
//!
//! Clock: MSI range 5, 2.097 MHz, voltage range 2, both as after reset; zero wait states.

mod block;
mod clock;
mod eeprom;
mod kept;
mod pins;
mod start;
mod watchdog;

use cortex_m::interrupt;
use firmware::machine::{Cause, Machine};
use firmware::signals::Inputs;
use firmware::time::Instant;
use firmware::{Config, Journal};

use stm32l0::stm32l0x1::{EXTI, FLASH, GPIOA, GPIOC, IWDG, LPTIM, PWR, RCC, TIM2};

use clock::Clock;
use eeprom::Eeprom;
use kept::Kept;

/// The peripherals that are used; whatever is not here stays as it is after reset.
struct Chip {
    exti: EXTI,
    flash: FLASH,
    gpioa: GPIOA,
    gpioc: GPIOC,
    iwdg: IWDG,
    lptim: LPTIM,
    pwr: PWR,
    rcc: RCC,
    tim2: TIM2,
}

impl Chip {
    /// The peripherals, without bookkeeping: that would need a static.
    ///
    /// # Safety
    /// Called once.
    unsafe fn steal() -> Self {
        // SAFETY: the caller has no other.
        unsafe {
            Self {
                exti: EXTI::steal(),
                flash: FLASH::steal(),
                gpioa: GPIOA::steal(),
                gpioc: GPIOC::steal(),
                iwdg: IWDG::steal(),
                lptim: LPTIM::steal(),
                pwr: PWR::steal(),
                rcc: RCC::steal(),
                tim2: TIM2::steal(),
            }
        }
    }
}

/// Runs the board. The outputs are already what they were before the reset ([`pins::restore`]).
fn run(chip: &Chip, cause: Cause) -> ! {
    interrupt::disable();
    let config: &Config = block::config();
    let mut eeprom = Eeprom::new(chip);
    let mut journal = Journal::open(&mut eeprom);
    pins::set_up(chip, config.request_polarity);
    let mut kept = Kept::open();
    let mut clock = Clock::start(chip, kept.now());

    let stored = journal.stored();
    let now = clock.now();
    if !kept.resume(config, cause, now, stored) {
        let sample = Inputs::sample(pins::levels(chip), config.request_polarity, journal.health());
        kept.put(now, Machine::start(config, cause, now, sample, journal.record(), stored));
    }

    loop {
        let now = clock.now();
        let sample = Inputs::sample(pins::levels(chip), config.request_polarity, journal.health());
        let outputs = kept.step(config, now, sample);
        if let Some(record) = outputs.store {
            let _ = journal.store(&mut eeprom, record);
        }
        pins::apply(chip, outputs.levels, sample.supply);
        watchdog::feed(chip);
        clock.sleep_until(outputs.wake.map(|wake| wake.at));
        if clock.now() >= Instant::LATE {
            clock.set_back(Instant::SET_BACK);
            kept.set_back(Instant::SET_BACK);
        }
    }
}
