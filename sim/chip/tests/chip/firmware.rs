//! The image of the firmware runs: it boots, drives its pins, sleeps.

use stm32l011::chip::{Chip, Mode, Stopped};
use stm32l011::options::OptionBytes;
use stm32l011::pin::{Drive, Pin, PinState, Pull};
use stm32l011::time::Time;
use stm32l011::timing::Oscillators;

pub(crate) const IMAGE: &[u8] = include_bytes!("../../../../firmware/image/holdup-firmware.bin");

/// On its board, fed, nobody touching anything.
fn chip() -> Chip {
    let mut chip = Chip::new(IMAGE, OptionBytes::default(), Oscillators::default());
    for (pin, drive) in [
        (Pin::PA0, Drive::High),
        (Pin::PA1, Drive::High),
        (Pin::PA7, Drive::Low),
        (Pin::PA10, Drive::Low),
    ] {
        chip.set_input(Time(0), pin, drive);
    }
    chip.power_on(Time(0));
    chip
}

#[test]
fn it_boots_and_sleeps() {
    let mut chip = chip();
    let until = Time(50_000_000);
    let mut first_drive = None;
    loop {
        match chip.run(until) {
            Stopped::Until => break,
            Stopped::Pins => {
                let drives = matches!(chip.pin(Pin::PA4), PinState::Low | PinState::High);
                if drives && first_drive.is_none() {
                    first_drive = Some(chip.core().cycle());
                }
            }
            other => panic!("{other:?} at {:?}", chip.now()),
        }
    }
    // The image's own promise: within 50 us of its reset vector, 104 cycles.
    assert!(first_drive.is_some_and(|cycle| cycle < 104), "{first_drive:?}");
    assert_eq!(chip.mode(), Mode::Sleep);
    assert_eq!(chip.now(), until);
    assert_eq!(chip.pin(Pin::PA0), PinState::Input(Pull::Up));
    assert_eq!(chip.pin(Pin::PA10), PinState::Input(Pull::Down));
    assert!(chip.report().is_empty(), "{:?}", chip.report());
}
