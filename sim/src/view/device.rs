//! What is to be told of a device, for a person: only what is out of the ordinary, and then how busy it was.

use std::fmt::Write as _;

use crate::dut::{DeviceReport, Oddity, place};
use crate::quantity::Nanos;

/// Oddities that are told one by one.
const MOST: usize = 12;

/// The device's part of a report; empty if there is nothing to tell.
pub(super) fn text(device: &DeviceReport) -> String {
    let mut out = String::new();
    if !device.is_remarkable() {
        return out;
    }
    let seconds = |time: Nanos| time.in_seconds(3);
    let _ = writeln!(
        out,
        "device: {} instructions, {} s awake, {} s in Sleep, {} s in Stop",
        device.instructions,
        seconds(device.run),
        seconds(device.sleep),
        seconds(device.stop),
    );
    for (cause, count) in &device.resets {
        let _ = writeln!(out, "  reset itself: {cause}, {}", times(*count));
    }
    for oddity in device.oddities.iter().take(MOST) {
        let _ = writeln!(out, "  {}", self::oddity(oddity));
    }
    if device.oddities.len() > MOST {
        let _ = writeln!(out, "  and {} more", device.oddities.len() - MOST);
    }
    out
}

fn oddity(oddity: &Oddity) -> String {
    let bits = match oddity.bits {
        0 => String::new(),
        bits => format!(" (bits {bits:#010x})"),
    };
    let first = place(oddity.first_pc, oddity.symbol.as_deref());
    format!("{}: {}{bits}, {}, first at {first}", oddity.what, oddity.place, times(oddity.count))
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_out_of_the_ordinary_is_told() {
        let mut device = DeviceReport { instructions: 5, ..DeviceReport::default() };
        assert_eq!(text(&device), "");
        device.resets.push(("watchdog", 2));
        device.oddities.push(Oddity {
            what: "reserved bits written".to_owned(),
            place: "RCC_CR".to_owned(),
            bits: 0x80,
            count: 1,
            first_pc: 0x0800_0124,
            symbol: Some("main".to_owned()),
        });
        let told = "device: 5 instructions, 0.000 s awake, 0.000 s in Sleep, 0.000 s in Stop\n  \
                    reset itself: watchdog, 2 times\n  \
                    reserved bits written: RCC_CR (bits 0x00000080), once, first at 0x08000124 in main\n";
        assert_eq!(text(&device), told);
    }
}
