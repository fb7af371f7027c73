//! The program itself: what it prints where, and its exit codes.
//!
//! Fixtures are in `tests/cli`; whole outputs are in `tests/snapshots/cli__<name>.snap`. Accept
//! changes with `INSTA_UPDATE=always cargo test --test cli`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

/// What the program said.
#[derive(Debug, PartialEq, Eq)]
struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Output {
    /// Nothing on standard error, and this exit code.
    #[track_caller]
    fn quiet(self, code: i32) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(code), ""), "{}", self.stdout);
        self.stdout
    }

    /// Nothing on standard output, and this exit code.
    #[track_caller]
    fn refused(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        self.stderr
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdup"));
    command.args(arguments).current_dir(root()).env_remove("CLICOLOR_FORCE");
    command
}

fn holdup(arguments: &[&str]) -> Output {
    let output = command(arguments).output().unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder for files that cannot be checked in.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => root().join("tests/snapshots"),
        prepend_module_to_snapshot => false, omit_expression => true,
    }, {
        insta::assert_snapshot!(format!("cli__{name}"), text);
    });
}

#[test]
fn check_tells_every_problem() {
    let checked = holdup(&["check", "tests/cli/suite"]).quiet(0);
    assert_eq!(checked, "3 scenarios, no problems\n");
    let problems = holdup(&["check", "tests/cli/bad.json"]).refused(2);
    snapshot("check_bad", &problems);
    let reference = fs::read_to_string(root().join("docs/scenario-format.md")).unwrap();
    assert!(reference.contains(&problems), "docs/scenario-format.md shows these problems");
}

#[test]
fn one_scenario_is_shown_in_full() {
    let text = holdup(&["run", "tests/cli/suite/passes.json"]).quiet(0);
    snapshot("run_one", &text);
    let full = holdup(&["run", "--full", "tests/cli/suite"]).quiet(2);
    assert!(full.contains(&text), "{full}");
}

#[test]
fn a_folder_is_shown_briefly_and_its_worst_scenario_decides() {
    snapshot("run_folder", &holdup(&["run", "tests/cli/suite"]).quiet(2));
    holdup(&["run", "tests/cli/suite", "--filter", "pass"]).quiet(0);
    holdup(&["run", "tests/cli/suite/passes.json", "tests/cli/suite/fails.json"]).quiet(1);
}

#[test]
fn json_is_versioned_and_tells_the_same() {
    let text = holdup(&["run", "tests/cli/suite", "--format", "json"]).quiet(2);
    let json: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(json["format"], "holdup-run");
    assert_eq!(json["version"], 1);
    let statuses: Vec<_> =
        json["scenarios"].as_array().unwrap().iter().map(|s| &s["status"]).collect();
    assert_eq!(statuses, ["failed", "passed", "invalid"]);
    assert_eq!(
        json["summary"],
        serde_json::json!({"passed": 1, "failed": 1, "invalid": 1, "skipped": 0})
    );
}

#[test]
fn cases_are_scenarios_of_their_own() {
    let file = "tests/cli/cases.json";
    assert_eq!(holdup(&["check", file]).quiet(0), "4 scenarios in 1 file, no problems\n");
    snapshot("cases_list", &holdup(&["list", file]).quiet(0));
    snapshot("cases_alone", &holdup(&["run", file]).quiet(1));
    let folder = holdup(&["run", file, "tests/cli/suite/passes.json"]).quiet(1);
    snapshot("cases_among_others", &folder);
    // All that passed is one line, and one case alone is a scenario like any other.
    let passed = holdup(&["run", "tests/good/cases.json", "tests/good/smallest.json"]).quiet(0);
    snapshot("cases_that_passed", &passed);
    let one = holdup(&["run", file, "--filter", "bridge=short, gap=1 s"]).quiet(0);
    assert!(one.starts_with("cases[bridge=short, gap=1 s]: passed\n"), "{one}");
    assert!(one.contains("time [s]"), "{one}");
    let full = holdup(&["run", file, "--full"]).quiet(1);
    assert!(full.contains(&one), "{full}");
    let none = holdup(&["list", file, "--filter", "bridge=long, gap=9 s"]).refused(2);
    assert!(none.starts_with("error: no scenario's name contains"), "{none}");
}

#[test]
fn cases_in_json() {
    let arguments = ["run", "tests/cli/cases.json", "--format", "json", "--filter", "long"];
    let json: Json = serde_json::from_str(&holdup(&arguments).quiet(0)).unwrap();
    assert_eq!(json["summary"]["passed"], 2);
    let last = &json["scenarios"][1];
    assert_eq!(last["name"], "cases[bridge=long, gap=3 s]");
    assert_eq!(last["file"], "cases");
    assert_eq!(last["case"], serde_json::json!({"bridge": "long", "gap": "3 s"}));
}

#[test]
fn one_bad_file_keeps_everything_from_running() {
    let error = holdup(&["run", "tests/cli/suite", "tests/cli/bad.json"]).refused(2);
    assert!(error.contains("no part is called \"25g\""), "{error}");
}

#[test]
fn what_cannot_be_read_is_the_environments_fault() {
    let error = holdup(&["run", "no/such.json", "tests/cli/bad.json"]).refused(3);
    assert!(
        error.starts_with("error: cannot read no/such.json: no such file or folder\n"),
        "{error}"
    );
    assert!(error.contains("\"25g\""), "the other file's problems are told as well: {error}");

    let locked = scratch("locked").join("locked.json");
    let _ = fs::remove_file(&locked);
    fs::copy(root().join("tests/good/smallest.json"), &locked).unwrap();
    lock(&locked);
    if fs::read(&locked).is_ok() {
        println!("skipped: a file that may not be read, since this user may read everything");
        return;
    }
    let error = holdup(&["check", locked.to_str().unwrap()]).refused(3);
    assert!(error.contains("permission denied"), "{error}");
}

#[cfg(unix)]
fn lock(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
}

#[cfg(not(unix))]
fn lock(_: &Path) {}

#[test]
fn content_that_is_no_scenario_is_bad_input() {
    let folder = scratch("content");
    let latin = folder.join("latin.json");
    fs::write(&latin, b"{\"purpose\": \"caf\xe9\"}").unwrap();
    let error = holdup(&["check", latin.to_str().unwrap()]).refused(2);
    assert!(error.contains("is not UTF-8 text: line 1, column 17"), "{error}");

    // A folder in place of a file is searched for scenarios.
    let empty = folder.join("folder.json");
    fs::create_dir_all(&empty).unwrap();
    let error = holdup(&["run", empty.to_str().unwrap()]).refused(2);
    assert!(error.starts_with("error: no scenario in "), "{error}");
}

#[test]
fn list_shows_names_and_purposes() {
    snapshot("list", &holdup(&["list", "tests/cli/suite", "tests/cli/suite"]).quiet(0));
    let none = holdup(&["list", "tests/cli/suite", "--filter", "elephant"]).refused(2);
    assert!(none.starts_with("error: no scenario's name contains \"elephant\"\n"), "{none}");
}

#[test]
fn the_program_describes_itself() {
    let schema = fs::read_to_string(root().join("scenarios/schema.json")).unwrap();
    assert_eq!(holdup(&["schema"]).quiet(0), schema);
    snapshot("parts", &holdup(&["parts"]).quiet(0));
    snapshot("firmware_table", &holdup(&["firmware", "table"]).quiet(0));
    snapshot("firmware_config", &holdup(&["firmware", "config"]).quiet(0));
    let usage = holdup(&["run", "--fast", "tests/good"]).refused(2);
    assert!(usage.contains("unexpected argument '--fast'"), "{usage}");
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    // A reader that stops reading is no error, and the verdict stands.
    for (arguments, code) in [
        (&["run", "tests/cli/suite", "--full"][..], 2),
        (&["schema"], 0),
        (&["firmware", "table"], 0),
    ] {
        let piped = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = piped.unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
    // Bad input stays bad although nobody hears of it.
    let mut child =
        command(&["check", "tests/cli/bad.json"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for format in ["text", "json"] {
        let run = |jobs| {
            holdup(&["run", "tests/cli/suite", "tests/good", "--format", format, "--jobs", jobs])
        };
        let one = run("1");
        assert_eq!(one, run("4"));
        assert_eq!(one, run("0"));
        // More threads than can be started, were each of them wanted.
        assert_eq!(one, run("1000000"));
    }
}

#[test]
fn colours_are_for_terminals() {
    for arguments in [
        &["run", "tests/cli/suite"][..],
        &["run", "-vvv", "tests/cli/suite/fails.json"],
        &["check", "tests/cli/bad.json"],
        &["run", "--help"],
    ] {
        let Output { stdout, stderr, .. } = holdup(arguments);
        assert!(!(stdout + &stderr).contains('\u{1b}'), "{arguments:?}");
    }
}

#[test]
fn chatter_goes_to_standard_error() {
    let arguments = ["run", "tests/cli/suite/passes.json"];
    let silent = holdup(&arguments);
    let verbose = holdup(&[&arguments[..], &["-vv"]].concat());
    assert_eq!((silent.code, silent.stdout), (verbose.code, verbose.stdout));
    assert!(verbose.stderr.contains("INFO read 1 scenario"), "{}", verbose.stderr);
    assert!(verbose.stderr.contains("kernel events"), "{}", verbose.stderr);
}

#[test]
fn the_documented_output_is_real() {
    let page = include_str!("../docs/output.md");
    let shown = holdup(&["run", "tests/cli/suite/passes.json"]).stdout;
    assert!(page.contains(&shown), "docs/output.md does not show:\n{shown}");
}
