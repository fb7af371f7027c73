//! `holdup debug`: what it shows, what it refuses, and that looking changes nothing; GDB, if it is installed.
//!
//! Whole outputs are in `tests/snapshots/debug__<name>.snap`; they change with the image. Accept
//! changes with `INSTA_UPDATE=always cargo test --test debug`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use holdup::image::release;
use holdup::symbols::Symbols;
use serde_json::Value as Json;

/// A plug pulled for less than the bridging time, at 1 s; it ends at 10 s.
const SCENARIO: &str = "tests/cli/suite/passes.json";

/// No supply and empty capacitors until 1 s; it ends at 4 s.
const START: &str = "tests/debug/start.json";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdup"));
    command.arg("debug").args(arguments).current_dir(root()).env_remove("CLICOLOR_FORCE");
    command
}

/// Exit code, standard output, standard error.
fn debug(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Nothing on standard error, and success.
#[track_caller]
fn looked(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = debug(arguments);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    stdout
}

#[track_caller]
fn json(arguments: &[&str]) -> Json {
    serde_json::from_str(&looked(&[arguments, &["--format", "json"]].concat())).unwrap()
}

/// Nothing on standard output, and bad input.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = debug(arguments);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    stderr
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => root().join("tests/snapshots"),
        prepend_module_to_snapshot => false, omit_expression => true,
    }, {
        insta::assert_snapshot!(format!("debug__{name}"), text);
    });
}

#[test]
fn a_look_shows_program_registers_stack_and_charge() {
    let text = looked(&[
        SCENARIO,
        "--at",
        "0.5 s",
        "--at",
        "3 s",
        "--trace",
        "12",
        "--memory",
        "0x20000000:32",
    ]);
    snapshot("look", &text);
}

#[test]
fn json_tells_the_same_as_numbers() {
    let stops = json(&[SCENARIO, "--at", "3 s", "--at", "0.5 s"]);
    assert_eq!(stops["format"], "holdup-debug");
    assert_eq!(stops["version"], 1);
    let stops = stops["stops"].as_array().unwrap();
    let times: Vec<_> = stops.iter().map(|stop| stop["at_ns"].as_u64().unwrap()).collect();
    assert_eq!(times, [500_000_000, 3_000_000_000]);
    for stop in stops {
        // Every nanosecond is in one mode.
        let used = &stop["used"];
        let time = |mode: &Json| mode["time_ns"].as_u64().unwrap();
        let modes = used["modes"].as_array().unwrap();
        let parts = modes.iter().filter(|mode| mode["mode"] != "programming").map(time);
        assert_eq!(parts.sum::<u64>(), used["supplied_ns"].as_u64().unwrap());
        // Not before the time, and less than an instruction behind it.
        let over = used["supplied_ns"].as_u64().unwrap() - stop["at_ns"].as_u64().unwrap();
        assert!(over < 10_000, "{over} ns");
        // The stack is within what was proven.
        let stack = &stop["stack"];
        assert!(stack["used"].as_u64().unwrap() > 0);
        assert!(stack["used"].as_u64().unwrap() <= stack["bound"].as_u64().unwrap());
    }
    assert_eq!(stops[0].get("used_since"), None);
    let between = stops[1]["used_since"]["supplied_ns"].as_u64().unwrap();
    assert!(between.abs_diff(2_500_000_000) < 20_000, "{between}");
}

#[test]
fn without_a_time_the_end_is_shown() {
    let stops = json(&[SCENARIO]);
    assert_eq!(stops["stops"].as_array().unwrap().len(), 1);
    assert_eq!(stops["stops"][0]["why"], "end");
    assert_eq!(stops["stops"][0]["at_ns"].as_u64().unwrap() / 10_000, 10_000_000_000 / 10_000);
}

#[test]
fn supply_and_reset_are_told_apart() {
    let json = json(&[START, "--at", "0.5 s", "--at", "1.0005 s", "--at", "1.002 s"]);
    let stops = json["stops"].as_array().unwrap();
    let modes: Vec<_> = stops.iter().map(|stop| stop["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["off", "reset", "Run"]);
    assert_eq!(stops[0]["used"]["off_ns"], 500_000_000);
    assert_eq!(stops[0]["used"]["supplied_ns"], 0);
    assert_eq!(stops[1]["until_ns"], 1_001_500_000);
    assert_eq!(stops[2]["used"]["off_ns"], 1_000_000_000);
    assert_eq!(stops[2]["used"]["supplied_ns"], 2_000_000);
    assert!(stops[0].get("program").is_none() && stops[1].get("program").is_none());
}

#[test]
fn looking_changes_nothing() {
    // At the end everything is as it is without having looked before, counters included.
    let plain = json(&[SCENARIO, "--at", "10 s"]);
    let looks = ["--at", "1 s", "--at", "1.0000004 s", "--at", "2.3 s"];
    let last = |json: &Json| {
        let mut stop = json["stops"].as_array().unwrap().last().unwrap().clone();
        let stop = stop.as_object_mut().unwrap();
        stop.remove("used_since");
        stop.remove("before");
        Json::Object(stop.clone())
    };
    let watched = json(&[&[SCENARIO, "--at", "10 s"][..], &looks].concat());
    assert_eq!(last(&plain), last(&watched));
    let traced = json(
        &[&[SCENARIO, "--at", "10 s", "--trace-before", "5", "--trace", "5"][..], &looks].concat(),
    );
    assert_eq!(last(&plain), last(&traced));
}

#[test]
fn traces_before_and_after_join() {
    let trace = |arguments: &[&str], which: &str| -> Vec<Json> {
        let json = json(&[&[SCENARIO, "--at", "1 s"][..], arguments].concat());
        json["stops"][0][which].as_array().unwrap().clone()
    };
    let after = trace(&["--trace", "40"], "after");
    assert_eq!(after.len(), 40);
    let both = ["--trace-before", "10", "--trace", "40"];
    assert_eq!(trace(&both, "after"), after);
    let before = trace(&both, "before");
    assert_eq!(before.len(), 10);
    let times: Vec<_> =
        before.iter().chain(&after).map(|step| step["at_ns"].as_u64().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    assert!(times[9] < 1_000_000_000 && times[10] >= 1_000_000_000, "{times:?}");
}

#[test]
fn an_image_without_symbols_is_shown_by_addresses() {
    let bin = "firmware/image/holdup-firmware.bin";
    let (code, stdout, stderr) = debug(&[SCENARIO, "--image", bin, "--at", "3 s"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("neither symbols nor debug information"), "{stderr}");
    assert!(!stdout.contains("holdup_firmware::"), "{stdout}");
    assert!(stdout.contains("no bound could be proven"), "{stdout}");
    // What it does is the same.
    let elf = looked(&[SCENARIO, "--at", "3 s"]);
    let instructions = |text: &str| {
        text.lines().find(|line| line.contains(" instructions, ")).map(ToOwned::to_owned)
    };
    assert_eq!(instructions(&stdout), instructions(&elf));
}

/// The release image with an undefined instruction in the place of a function's first.
fn faulty(function: &str) -> (PathBuf, u32) {
    let image = release();
    let address = Symbols::of(&image).find(function).first().unwrap().0;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faulty.elf");
    fs::write(&path, image.patched(address, &0xDE00_u16.to_le_bytes()).unwrap().file()).unwrap();
    (path, address)
}

#[test]
fn without_a_time_the_first_fault_is_shown() {
    let (path, address) = faulty("Inputs>::sample");
    let arguments = [START, "--image", path.to_str().unwrap(), "--format", "json"];
    let (code, stdout, stderr) = debug(&arguments);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    let report: Json = serde_json::from_str(&stdout).unwrap();
    let stop = &report["stops"][0];
    assert_eq!(stop["why"], "fault");
    assert_eq!(stop["program"]["at"]["address"], address);
    assert_eq!(stop["program"]["callers"][0]["function"], "holdup_firmware::chip::run");
    // Soon after the supply comes, at 1 s.
    assert_eq!(stop["at_ns"].as_u64().unwrap() / 100_000_000, 10);
    assert_eq!(stop["used"]["off_ns"], 1_000_000_000);
}

#[test]
fn what_cannot_be_looked_into_is_refused() {
    let late = refused(&[SCENARIO, "--at", "10.001 s", "--at", "11 s"]);
    assert!(late.contains("passes ends at 10 s, before 10.001 s"), "{late}");
    assert!(late.contains("before 11 s"), "{late}");
    let folder = refused(&["tests/cli/suite"]);
    assert!(folder.contains("holds 3 scenarios; expected one"), "{folder}");
    let bad = refused(&["tests/cli/bad.json"]);
    assert!(bad.contains("\"25g\""), "{bad}");
    for (arguments, part) in [
        (["--at", "5"], "5"),
        (["--memory", "0x20000000"], "expected an address and a length"),
        (["--memory", "here:4"], "is no 32-bit address"),
        (["--trace", "65537"], "65537"),
        (["--image", "Cargo.toml"], "Cargo.toml"),
    ] {
        let error = refused(&[&[SCENARIO][..], &arguments].concat());
        assert!(error.contains(part), "{error}");
    }
    let (code, _, error) = debug(&["no/such.json"]);
    assert_eq!(code, Some(3), "{error}");
}

#[test]
fn the_documented_output_is_real() {
    for page in [include_str!("../docs/debugging.md"), include_str!("../docs/power-budget.md")] {
        let mut compared = 0;
        for block in page.split("```console\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let (command, output) = block.split_once('\n').unwrap();
            let Some(arguments) = command.strip_prefix("$ holdup debug ") else {
                continue;
            };
            if output.starts_with(['$', '(']) {
                continue;
            }
            let arguments = arguments.split("      #").next().unwrap();
            let arguments: Vec<&str> = arguments.split('"').map(str::trim).collect();
            // Every other piece stood in quotes.
            let arguments: Vec<&str> = arguments
                .iter()
                .enumerate()
                .flat_map(|(n, piece)| {
                    if n % 2 == 1 { vec![*piece] } else { piece.split_whitespace().collect() }
                })
                .collect();
            let text = looked(&arguments);
            let mut rest = text.lines();
            for line in output.lines().filter(|line| *line != "[...]") {
                assert!(rest.any(|real| real == line), "{line:?} is not, or not there, in\n{text}");
            }
            compared += 1;
        }
        assert_eq!(compared, 1);
    }
}

/// A program that waits for GDB; it ends with the test.
struct Served {
    child: Child,
    port: String,
}

impl Served {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(&[&[SCENARIO, "--gdb", "0"][..], arguments].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim_end().rsplit(':').next().unwrap().to_owned();
        assert!(line.starts_with("waiting for GDB: target remote localhost:"), "{line}");
        Self { child, port }
    }

    /// Exit code, once GDB is gone.
    fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The debugger for this chip, if there is one.
fn gdb() -> Option<&'static str> {
    let works = |name: &&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    ["gdb-multiarch", "arm-none-eabi-gdb"].into_iter().find(works)
}

/// What GDB says to these commands.
fn ask(gdb: &str, served: &Served, commands: &[&str]) -> String {
    let mut command = Command::new(gdb);
    command.args(["-nx", "-batch", "-ex", "set pagination off", "-ex", "set confirm off"]);
    let connect = format!("target remote localhost:{}", served.port);
    for line in [connect.as_str()].iter().chain(commands) {
        command.args(["-ex", line]);
    }
    let output = command.arg("firmware/image/holdup-firmware.elf").current_dir(root()).output();
    let output = output.unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn gdb_sets_breakpoints_steps_reads_and_runs_to_the_end() {
    let Some(gdb) = gdb() else {
        println!(
            "skipped: GDB's session, since neither gdb-multiarch nor arm-none-eabi-gdb is here"
        );
        return;
    };
    let image = release();
    let symbols = Symbols::of(&image);
    let sample = symbols.find("Inputs>::sample").first().unwrap().0;

    let served = Served::start(&["--at", "1 s"]);
    let said = ask(
        gdb,
        &served,
        &[
            // The program is in Rust, in which these would be long.
            "set language c",
            "monitor time",
            &format!("break *{sample:#x}"),
            "continue",
            "printf \"at %#x\\n\", $pc",
            "bt",
            "stepi",
            "printf \"at %#x\\n\", $pc",
            "p/x $primask",
            "set var $r3 = 0x1234",
            "p/x $r3",
            "x/2xw 0x08000000",
            "set {int}0x20000700 = 0x55aa",
            "x/xw 0x20000700",
            "monitor nonsense",
            "delete",
            "continue",
        ],
    );
    let expected = [
        format!("at {sample:#x}"),
        " in run () at firmware/src/chip/mod.rs:".to_owned(),
        format!("at {:#x}", sample + 2),
        "$1 = 0x1\n".to_owned(),
        "$2 = 0x1234\n".to_owned(),
        "0x20000800".to_owned(),
        "0x000055aa".to_owned(),
        "exited normally".to_owned(),
    ];
    let mut rest = said.as_str();
    for part in &expected {
        let at = rest.find(part.as_str());
        rest = &rest[at.unwrap_or_else(|| panic!("no {part:?} in\n{said}")) + part.len()..];
    }
    // What the monitor says goes to standard error.
    assert!(said.contains("1.000000000 s, Stop"), "{said}");
    assert!(said.contains("the only command is: monitor time"), "{said}");
    assert_eq!(served.end(), Some(0));
}

#[test]
fn gdb_may_leave_at_any_time() {
    let Some(gdb) = gdb() else {
        println!("skipped: leaving GDB, since neither gdb-multiarch nor arm-none-eabi-gdb is here");
        return;
    };
    for last in ["detach", "kill", "quit"] {
        let served = Served::start(&[]);
        let said = ask(gdb, &served, &["stepi", "info registers pc", last]);
        assert!(said.contains("pc "), "{said}");
        assert_eq!(served.end(), Some(0), "{said}");
    }
}

#[test]
fn a_taken_port_is_the_environments_fault() {
    let first = Served::start(&[]);
    let output = command(&[SCENARIO, "--gdb", &first.port]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains(&format!("cannot listen on port {}", first.port)), "{error}");
    // Somebody who is no debugger does no harm.
    let mut stranger = TcpStream::connect(("127.0.0.1", first.port.parse().unwrap())).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n\x00$#$$}").unwrap();
    // It may have been hung up on already.
    let _ = stranger.shutdown(Shutdown::Write);
    let _ = stranger.read_to_end(&mut Vec::new());
    assert_eq!(first.end(), Some(0));
}
