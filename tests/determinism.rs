//! Same input, same bytes: twice, and on any number of threads.

use std::path::{Path, PathBuf};

use holdup::{scenario, suite, view};

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
