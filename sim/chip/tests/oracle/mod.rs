//! Tests against programs that may not be installed.
//!
//! Without its oracle a test is reported as ignored, with the reason in its name;
//! `HOLDUP_REQUIRE_ORACLES=1`, which CI sets, makes that a failure.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// Runs one test with its oracle, or says why there is none.
pub(crate) fn run<T: Send + 'static>(
    name: &str,
    oracle: Result<T, String>,
    test: impl FnOnce(T) -> Result<(), Failed> + Send + 'static,
) -> ExitCode {
    let required = std::env::var("HOLDUP_REQUIRE_ORACLES").is_ok_and(|value| value == "1");
    let trial = match oracle {
        Ok(oracle) => Trial::test(name, move || test(oracle)),
        Err(reason) if required => Trial::test(name, move || Err(reason.into())),
        Err(reason) => Trial::test(format!("{name} ({reason})"), || Ok(())).with_ignored_flag(true),
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}
