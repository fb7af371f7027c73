//! The table's reset values against what the emulated chip has after power-on.

use stm32l011::chip::Chip;
use stm32l011::options::OptionBytes;
use stm32l011::registers::{Access, PERIPHERALS};
use stm32l011::time::Time;
use stm32l011::timing::Oscillators;

/// Where the chip shows something else: its value, and why.
const DIFFERENCES: &[(&str, u32, &str)] =
    &[("GPIOA_IDR", 0x2000, "PA13, SWDIO after reset, is pulled up")];

#[test]
fn the_chip_comes_out_of_reset_as_the_table_says() {
    let mut chip = Chip::new(&[], OptionBytes::default(), Oscillators::default());
    chip.power_on(Time(0));
    let mut wrong = Vec::new();
    for r in PERIPHERALS.iter().flat_map(|p| p.registers) {
        let found = chip.peek(r.address);
        let expected = match r.access {
            // Reading these gives nothing.
            Access::WriteOnly => 0,
            Access::ReadOnly | Access::ReadWrite | Access::ClearByZero => r.reset,
        };
        let name = r.to_string();
        let told = DIFFERENCES.iter().find(|(differs, ..)| *differs == name);
        if found != Some(told.map_or(expected, |(_, shown, _)| *shown)) {
            wrong.push(format!("{name}: {found:x?}, expected {expected:#x}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
