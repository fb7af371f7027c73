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

/// Thirty days in a drawer, down to 0 V, and started by the plug; the Pi's warm-up included.
fn drawer(caps: &str) -> Scenario {
    let text = format!(
        r#"{{"schema": 1, "purpose": "Thirty days in a drawer.", "caps": {caps},
            "stimuli": [{{"at": "5 s", "do": "unplug"}}, {{"at": "30 days", "do": "plug"}}],
            "until": "2592100 s", "expect": [{{"final": {{"pi": "running"}}}}]}}"#
    );
    scenario::parse("drawer", "drawer.json", &text, &Library::builtin())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

#[divan::bench(args = [
    r#""25f""#,
    r#""25f-slow""#,
    r#"{"part": "25f", "with": {"leakage": "200 uA"}}"#,
    r#"{"part": "25f-slow", "with": {"capacitance_per_volt": "1 F"}}"#,
    r#"{"part": "25f", "with": {"capacitance_mismatch": "20 %", "leakage_mismatch": "20 uA"}}"#,
])]
fn drawer_30_days(bencher: Bencher<'_, '_>, caps: &str) {
    let scenario = drawer(caps);
    bencher.bench(|| bench::run_on_host(&scenario));
}

#[divan::bench]
fn suite_load(bencher: Bencher<'_, '_>) {
    bencher.bench(suite_of_scenarios);
}

#[divan::bench]
fn suite_run_on_one_core(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(suite_of_scenarios).bench_values(|scenarios| suite::run_all(scenarios, 1));
}
