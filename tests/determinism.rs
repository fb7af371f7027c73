//! Same input, same bytes: twice, and on any number of threads.

use std::path::{Path, PathBuf};

use holdup::dut::chip::{ChipLevel, INSTRUCTIONS};
use holdup::quantity::Nanos;
use holdup::suite::Level;
use holdup::{image, scenario, suite, view};

fn documents(jobs: usize) -> (String, String) {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let scenarios =
        scenario::load_all(&[root], None).unwrap_or_else(|problems| panic!("{problems}"));
    let results = suite::run_all(scenarios, jobs).expect("threads start");
    let text = results.iter().map(view::text::full).collect();
    (text, view::json::document(&results))
}

#[test]
fn every_run_gives_the_same_bytes() {
    let first = documents(1);
    assert!(first == documents(1), "the second run differs from the first");
    assert!(first == documents(7), "seven threads differ from one");
}

/// The chip as well. The few scenarios of weeks are left out: they cost more than they tell here.
#[test]
fn every_run_on_the_chip_gives_the_same_bytes() {
    let chip = ChipLevel::new(&image::release(), INSTRUCTIONS);
    let level = Level::Chip { name: "chip".to_owned(), chip: Box::new(chip) };
    let documents = |jobs| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        let mut scenarios = scenario::load_all(&[root], None).expect("the scenarios are good");
        scenarios.retain(|scenario| scenario.end < Nanos::from_secs(100_000));
        assert!(scenarios.len() > 200);
        let results = suite::run_all_on(&level, scenarios, jobs).expect("threads start");
        let text: String = results.iter().map(view::text::full).collect();
        (text, view::json::document(&results))
    };
    let first = documents(1);
    assert!(first == documents(7), "seven threads differ from one");
}
