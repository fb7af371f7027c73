//! Every 50 us of the windows in which an edge could be lost: while a record is written, and between the
//! last look at the levels and the sleep after it.
//!
//! The original firmware clears what is pending after its last look, so an edge in these 13 ms is lost for
//! good. Here a point of the sweep is a scenario, on the host and on the chip, and must pass.

use holdup::dut::chip::{ChipLevel, INSTRUCTIONS};
use holdup::image;
use holdup::parts::Library;
use holdup::scenario::{self, Scenario};
use holdup::suite::{self, Level};
use holdup::verdict::Status;
use holdup::view;

/// Step of a sweep \[us\].
const STEP: usize = 50;

/// Runs a Pi 3B through `rest` for each time from `from` to `to` \[us\], written `$at`.
fn sweep(from: u64, to: u64, rest: &str) {
    let chip = ChipLevel::new(&image::release(), INSTRUCTIONS);
    for level in [Level::Host, Level::Chip { name: "chip".to_owned(), chip: Box::new(chip) }] {
        let scenarios = (from..=to).step_by(STEP).map(|at| scenario(at, rest)).collect();
        for ran in suite::run_all_on(&level, scenarios, 0).expect("threads start") {
            let fine = ran.status() == Status::Passed;
            assert!(fine, "{} on {}\n{}", ran.scenario.name, level.name(), view::text::full(&ran));
        }
    }
}

fn scenario(at: u64, rest: &str) -> Scenario {
    let text = format!(
        r#"{{"schema": 1, "purpose": "A point of a sweep.", "pi": "pi-3b", {}}}"#,
        rest.replace("$at", &format!("{at} us"))
    );
    scenario::parse(&format!("at {at} us"), "sweeps.json", &text, &Library::builtin())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// The outage is decided and written at 7.0 s. Before, the loss was bridged; from then on the Pi was told.
#[test]
fn the_supply_returns_while_an_outage_is_written() {
    let rest = r#"
        "stimuli": [{"at": "5 s", "do": "unplug"}, {"at": "$at", "do": "plug"}],
        "until": "60 s",
        "expect": [
            {"count": {"event": "supply_enable on", "at_most": 1}},
            {"never": {"event": "file_system dirty"}},
            {"final": {"pi": "running", "power_good": "released", "load_switch": "closed", "journal": "on_powered"}}
        ]"#;
    sweep(6_998_000, 7_018_000, rest);
}

/// The start is confirmed and written at 3.0 s. Before, a loss breaks the load test off.
#[test]
fn the_supply_goes_while_a_start_is_written() {
    let rest = r#"
        "start": {"pi": "off", "caps": "4.7 V", "eeprom": {"record": "on_unpowered"}},
        "stimuli": [{"at": "$at", "do": "unplug"}],
        "until": "90 s",
        "expect": [
            {"count": {"event": "supply_enable off", "exactly": 1}},
            {"never": {"event": "file_system dirty"}},
            {"final": {"pi": "off", "journal": "on_unpowered"}}
        ]"#;
    sweep(2_998_000, 3_018_000, rest);
}

/// The press counts, and is written, 20 ms after it.
#[test]
fn the_supply_goes_while_a_press_is_written() {
    let rest = r#"
        "stimuli": [{"at": "5 s", "do": "press"}, {"at": "$at", "do": "unplug"}, {"at": "50 s", "do": "plug"}],
        "until": "70 s",
        "expect": [
            {"count": {"event": "power_good low", "exactly": 1}},
            {"never": {"event": "supply_enable on"}},
            {"final": {"pi": "off", "file_system": "clean", "journal": "off_powered"}}
        ]"#;
    sweep(5_018_000, 5_036_000, rest);
}

/// Whatever is written first, the user's word is the last one.
#[test]
fn the_button_is_pressed_while_an_outage_is_written() {
    let rest = r#"
        "stimuli": [{"at": "5 s", "do": "unplug"}, {"at": "$at", "do": "press"}, {"at": "50 s", "do": "plug"}],
        "until": "70 s",
        "expect": [
            {"count": {"event": "power_good low", "exactly": 1}},
            {"never": {"event": "supply_enable on"}},
            {"final": {"pi": "off", "file_system": "clean", "journal": "off_powered"}}
        ]"#;
    sweep(6_978_000, 7_002_000, rest);
}

/// A Pi that is off, and a press that counts 20 ms after it: on or answered only, but one of the two altogether.
#[test]
fn the_supply_returns_as_a_press_counts() {
    let rest = r#"
        "start": {"pi": "off", "plug": "out", "caps": "4.7 V", "eeprom": {"record": "off_powered"}},
        "stimuli": [{"at": "5 s", "do": "press"}, {"at": "$at", "do": "plug"}],
        "until": "60 s",
        "expect": [
            {"never": {"event": "power_good low", "from": "1 s"}},
            {"never": {"event": "supply_enable off", "from": "1 s"}},
            {"count": {"event": "supply_enable on", "at_most": 1}},
            {"final": {"plug": "in"}}
        ]"#;
    sweep(5_016_000, 5_026_000, rest);
}
