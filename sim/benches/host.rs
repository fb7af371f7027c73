//! How fast the host level is: one outage of 60 s, and the whole suite, on one core.
//!
//! `cargo bench --bench host`. The figures in `docs/benchmarks.md` come from here.

use std::path::Path;

use divan::Bencher;
use holdup::parts::Library;
use holdup::scenario::{self, Scenario};
use holdup::{bench, suite, view};

fn main() {
    divan::main();
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

fn suite_of_scenarios() -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    scenario::load_all(&[root], None).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Warm-up of the Pi included.
#[divan::bench]
fn outage_60_s(bencher: Bencher<'_, '_>) {
    let scenario = outage("running");
    bencher.bench(|| bench::run_on_host(&scenario));
}

#[divan::bench]
fn outage_60_s_with_verdict(bencher: Bencher<'_, '_>) {
    let scenario = outage("running");
    bencher.bench(|| suite::run(scenario.clone()));
}

#[divan::bench]
fn outage_60_s_as_text(bencher: Bencher<'_, '_>) {
    let ran = suite::run(outage("running"));
    bencher.bench(|| view::text::full(&ran));
}

#[divan::bench]
fn suite_load(bencher: Bencher<'_, '_>) {
    bencher.bench(suite_of_scenarios);
}

#[divan::bench]
fn suite_run_on_one_core(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(suite_of_scenarios).bench_values(|scenarios| suite::run_all(scenarios, 1));
}
