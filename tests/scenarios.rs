//! One test per scenario file: it passes, and its timeline and verdict are as reviewed.
//!
//! The snapshots under `tests/snapshots/scenarios/` are the reviewed text. After a change that is
//! meant to move them: `INSTA_UPDATE=always cargo test --test scenarios`, then read the diff.

use std::path::Path;
use std::process::ExitCode;

use holdup::scenario;
use holdup::suite;
use holdup::verdict::Status;
use holdup::view;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let files = match scenario::collect(std::slice::from_ref(&root)) {
        Ok(files) => files,
        Err(problems) => {
            eprint!("{problems}");
            return ExitCode::FAILURE;
        }
    };
    let trials = files.into_iter().map(|(file, name)| {
        let root = root.clone();
        Trial::test(name, move || check(&file, &root))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn check(file: &Path, root: &Path) -> Result<(), Failed> {
    let scenario = scenario::load(file, root).map_err(|problems| problems.to_string())?;
    let ran = suite::run(scenario);
    let text = view::text::full(&ran);
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/snapshots/scenarios"),
    );
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let name = ran.scenario.name.replace('/', "__");
    settings.bind(|| insta::assert_snapshot!(name, text));
    match ran.status() {
        Status::Passed => Ok(()),
        Status::Failed | Status::Invalid => Err(text.into()),
    }
}
