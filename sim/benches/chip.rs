//! How fast the chip level is: one outage of 60 s, and the suite, on one core.
//!
//! `cargo bench --bench chip`. The figures in `docs/benchmarks.md` come from here.

use std::path::Path;

use divan::Bencher;
use holdup::dut::chip::{ChipLevel, INSTRUCTIONS};
use holdup::parts::Library;
use holdup::quantity::Nanos;
use holdup::scenario::{self, Scenario};
use holdup::suite::{self, Level};
use holdup::{bench, image};

fn main() {
    divan::main();
}

fn level() -> ChipLevel {
    ChipLevel::new(&image::release(), INSTRUCTIONS)
}

fn outage(pi: &str) -> Scenario {
    let text = format!(
        r#"{{"schema": 1, "purpose": "An outage of a minute.", "start": {{"pi": "{pi}"}},
            "stimuli": [{{"at": "1 s", "do": "unplug"}}], "until": "61 s",
            "expect": [{{"final": {{"pi": "off"}}}}]}}"#
    );
    scenario::parse("outage", "outage.json", &text, &Library::builtin())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// Those that last less than a day and more.
fn suite_of_scenarios(longest: Nanos) -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut scenarios =
        scenario::load_all(&[root], None).unwrap_or_else(|problems| panic!("{problems}"));
    scenarios.retain(|scenario| scenario.end <= longest);
    scenarios
}

/// Made ready once for all scenarios.
#[divan::bench]
fn prepare_image() -> ChipLevel {
    level()
}

/// Warm-up of the Pi included: 143 s of the chip's time.
#[divan::bench]
fn outage_60_s(bencher: Bencher<'_, '_>) {
    let (level, scenario) = (level(), outage("running"));
    bencher.bench(|| bench::run_on_chip(&scenario, &level));
}

/// All but the scenarios of days and weeks.
#[divan::bench(sample_count = 3)]
fn suite_on_one_core(bencher: Bencher<'_, '_>) {
    let level = Level::Chip { name: "chip".to_owned(), chip: Box::new(level()) };
    bencher
        .with_inputs(|| suite_of_scenarios(Nanos::from_secs(86_400)))
        .bench_values(|scenarios| suite::run_all_on(&level, scenarios, 1));
}

/// All of it, the hundred days too.
#[divan::bench(sample_count = 1)]
fn whole_suite_on_one_core(bencher: Bencher<'_, '_>) {
    let level = Level::Chip { name: "chip".to_owned(), chip: Box::new(level()) };
    bencher
        .with_inputs(|| suite_of_scenarios(Nanos(u64::MAX)))
        .bench_values(|scenarios| suite::run_all_on(&level, scenarios, 1));
}
