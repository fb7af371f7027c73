//! One test per scenario file and level: it passes, its timeline and verdict are as reviewed, and the
//! levels agree.
//!
//! The snapshots under `tests/snapshots/scenarios/` are the reviewed text. There is one for each
//! scenario: the host level's or, where a stimulus needs a chip, the chip level's. After a change that is
//! meant to move them: `INSTA_UPDATE=always cargo test --test scenarios`, then read the diff.

use std::path::Path;
use std::process::ExitCode;
use std::sync::LazyLock;

use holdup::dut::chip::{ChipLevel, INSTRUCTIONS};
use holdup::scenario::{self, LevelKind, Scenario};
use holdup::suite::{self, Level, Ran};
use holdup::verdict::Status;
use holdup::{image, view};
use libtest_mimic::{Arguments, Failed, Trial};

/// The release image, made ready once.
static CHIP: LazyLock<Level> = LazyLock::new(|| Level::Chip {
    name: "chip".to_owned(),
    chip: Box::new(ChipLevel::new(&image::release(), INSTRUCTIONS)),
});

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
    let trials = files.into_iter().flat_map(|(file, name)| {
        let [on_host, on_chip] = [(file.clone(), root.clone()), (file, root.clone())];
        [
            Trial::test(name.clone(), move || reviewed(load(&on_host.0, &on_host.1)?)),
            Trial::test(format!("{name} on both levels"), move || {
                agrees(load(&on_chip.0, &on_chip.1)?)
            }),
        ]
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn load(file: &Path, root: &Path) -> Result<Vec<Scenario>, Failed> {
    Ok(scenario::load(file, root).map_err(|problems| problems.to_string())?)
}

/// All cases pass, and tell what was reviewed.
fn reviewed(scenarios: Vec<Scenario>) -> Result<(), Failed> {
    let run = |scenario: Scenario| match scenario.only_on().map(|only| only.level) {
        None | Some(LevelKind::Host) => suite::run(scenario),
        Some(LevelKind::Chip) => suite::run_on(&CHIP, scenario),
    };
    let results: Vec<Ran> = scenarios.into_iter().map(run).collect();
    let text = match &results[..] {
        [ran] if ran.scenario.case.is_empty() => view::text::full(ran),
        cases => view::cases::full(cases),
    };
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/snapshots/scenarios"),
    );
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let name = results[0].scenario.file.replace('/', "__");
    settings.bind(|| insta::assert_snapshot!(name, text));
    results.iter().try_for_each(passed)
}

fn passed(ran: &Ran) -> Result<(), Failed> {
    match ran.status() {
        Status::Passed => Ok(()),
        Status::Failed | Status::Invalid | Status::Skipped => Err(view::text::full(ran).into()),
    }
}

/// On the chip all cases pass as well, and nothing but the clocks' errors tells the levels apart.
fn agrees(scenarios: Vec<Scenario>) -> Result<(), Failed> {
    // Of one level, the snapshot is all there is.
    let both = scenarios.into_iter().filter(|scenario| scenario.only_on().is_none());
    for scenario in both {
        let compared = suite::compare_on([&Level::Host, &CHIP], scenario);
        passed(&compared.runs[1])?;
        if compared.differs() {
            return Err(view::compare::brief(&compared).into());
        }
    }
    Ok(())
}
