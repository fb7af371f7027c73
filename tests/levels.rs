//! `holdup run --on`: levels, their comparison, and images that go astray.
//!
//! Whole outputs are in `tests/snapshots/levels__<name>.snap`. Accept changes with
//! `INSTA_UPDATE=always cargo test --test levels`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use firmware::config::Config;
use holdup::image;
use serde_json::Value as Json;

/// An outage that is bridged.
const PASSES: &str = "tests/cli/suite/passes.json";
const RAM_END: u32 = 0x2000_0800;
const FLASH: u32 = 0x0800_0000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Exit code, standard output, standard error.
fn holdup(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_holdup"))
        .args(arguments)
        .current_dir(root())
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn quiet(arguments: &[&str], code: i32) -> String {
    let (got, out, err) = holdup(arguments);
    assert_eq!((got, err.as_str()), (Some(code), ""), "{out}");
    out
}

#[track_caller]
fn refused(arguments: &[&str], code: i32) -> String {
    let (got, out, err) = holdup(arguments);
    assert_eq!((got, out.as_str()), (Some(code), ""), "{err}");
    err
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => root().join("tests/snapshots"),
        prepend_module_to_snapshot => false, omit_expression => true,
    }, {
        insta::assert_snapshot!(format!("levels__{name}"), text);
    });
}

/// A file in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("levels");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

/// A raw image: 16 vectors, of which the reset's leads to `code` behind them and the fault's where it is told.
fn raw(fault: u32, code: &[u16]) -> Vec<u8> {
    let mut words = [0_u32; 16];
    words[0] = RAM_END;
    words[1] = FLASH + 64 + 1;
    words[3] = fault;
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(code.iter().flat_map(|half| half.to_le_bytes()));
    bytes
}

#[test]
fn the_chip_runs_the_same_scenario() {
    let on_chip = quiet(&["run", PASSES, "--on", "chip"], 0);
    snapshot("on_chip", &on_chip);
    let image = "chip=firmware/image/holdup-firmware";
    for format in ["elf", "hex", "bin"] {
        let level = format!("{image}.{format}");
        let text = quiet(&["run", PASSES, "--on", &level], 0);
        assert_eq!(text.replace(&format!(" on {level}"), " on chip"), on_chip);
    }
}

#[test]
fn two_levels_are_compared() {
    snapshot("compared_one", &quiet(&["run", PASSES, "--on", "host,chip"], 0));
    snapshot("compared_folder", &quiet(&["run", "tests/cli/suite", "--on", "host,chip"], 2));
    let both = "chip=firmware/image/holdup-firmware.bin,chip";
    let same = quiet(&["run", PASSES, "--on", both], 0);
    assert!(same.contains("all at the same times"), "{same}");

    let json = quiet(&["run", PASSES, "--on", "host,chip", "--format", "json"], 0);
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(json["format"], "holdup-compare");
    assert_eq!(json["levels"], serde_json::json!(["host", "chip"]));
    assert_eq!(json["summary"]["agree"], 1);
    let scenario = &json["scenarios"][0];
    assert_eq!(scenario["agrees"], true);
    assert_eq!(scenario["runs"][1]["level"], "chip");
    assert!(scenario["runs"][1]["device"]["instructions"].as_u64().unwrap() > 10_000);
    assert_eq!(scenario["runs"][0]["device"], Json::Null);
    assert_eq!(scenario["runs"][0]["timeline"].as_array().unwrap().len(), 12);
}

/// The release image with another configuration.
fn configured(name: &str, change: impl FnOnce(&mut Config)) -> String {
    let release = image::release();
    let (address, mut config) = image::configure::find(&release).unwrap();
    change(&mut config);
    let words: Vec<u8> =
        config.times().into_iter().flat_map(|(.., time)| time.0.to_le_bytes()).collect();
    file(name, release.patched(address, &words).unwrap().file())
}

#[test]
fn an_image_that_behaves_otherwise_is_told_apart() {
    let image = configured("short_bridge.elf", |config| config.bridge.0 = 500);
    let level = format!("host,chip={image}");
    let (code, out, _) = holdup(&["run", PASSES, "--on", &level]);
    assert_eq!(code, Some(1), "{out}");
    let out = out.replace(&level[5..], "chip=short_bridge.elf");
    snapshot("differs", &out);
}

#[test]
fn neither_warm_up_nor_days_of_quiet_hide_other_behaviour() {
    let differs = |image: &str, scenario: &str, at: &str| {
        let (code, out, _) = holdup(&["run", scenario, "--on", &format!("host,chip={image}")]);
        assert_eq!(code, Some(1), "{out}");
        assert!(out.starts_with("differs ") && out.contains(at), "{out}");
    };
    let settle = configured("long_settle.elf", |config| config.supply_settle.0 = 30_000);
    differs(&settle, "scenarios/outage/three_days.json", "supply_enable on at 259207.000");
    let bridge = configured("long_bridge.elf", |config| config.bridge.0 = 2_020);
    differs(&bridge, "scenarios/outage/one_minute.json", "journal on_unpowered at 7.006");
}

#[test]
fn a_program_that_does_nothing_is_no_fault_of_the_parts() {
    let loops = file("loops.bin", &raw(0, &[0xE7FE]));
    let (code, out, _) = holdup(&["run", PASSES, "--on", &format!("chip={loops}")]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("with these parts and this firmware it is off after 600 s"), "{out}");
}

#[test]
fn scenarios_for_a_chip_are_skipped_by_name_elsewhere() {
    let text = quiet(&["run", "scenarios/chip"], 0);
    assert!(text.contains("skipped memory_flips_before_a_reset"), "{text}");
    assert!(text.contains("chip only: line 6: flip bit 0 of RAM byte 0x003"), "{text}");
    assert!(text.ends_with("8 skipped: chip only\n"), "{text}");
    quiet(&["run", "scenarios/chip", "--on", "chip"], 0);
    let json = quiet(&["run", "scenarios/chip", "--format", "json"], 0);
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(json["summary"]["skipped"], 8);
}

#[test]
fn what_one_level_breaks_is_waived_there_only() {
    let run = |level: &str| {
        let filter = ["--filter", "second_press"];
        quiet(&[&["run", "scenarios/mcu", "--on", level], &filter[..]].concat(), 0)
    };
    let invariant = |text: &str| {
        let line = text.lines().find(|line| line.contains(" O4 ")).map(str::to_owned);
        line.unwrap_or_default()
    };
    let (host, chip) = (invariant(&run("host")), invariant(&run("chip")));
    assert!(host.starts_with("held "), "{host}");
    assert!(chip.starts_with("waived "), "{chip}");
}

#[test]
fn levels_are_named_rightly() {
    for level in ["rig", "chip=", "host=x", "", "host,"] {
        let error = refused(&["run", PASSES, "--on", level], 2);
        assert!(error.contains("levels are host, chip and chip=PATH"), "{level}: {error}");
    }
    let error = refused(&["run", PASSES, "--on", "host,chip,chip"], 2);
    assert!(error.contains("at most two levels"), "{error}");
    refused(&["run", PASSES, "--on", "chip", "--instructions", "0"], 2);
}

#[test]
fn what_is_no_image_for_this_chip_is_refused() {
    let run = |path: &str, code| refused(&["run", PASSES, "--on", &format!("chip={path}")], code);
    assert!(run("no/such.elf", 3).contains("cannot read"));
    assert!(run(&file("empty.bin", b""), 2).contains("is empty"));
    let text = run(&file("text.elf", b"no image at all, just words"), 2);
    assert!(text.contains("stack"), "{text}");
    let mut wrong = image::release().file().to_vec();
    wrong[18] = 0x3E;
    assert!(run(&file("x86.elf", &wrong), 2).contains("ARM"), "another architecture");
    let large = run(&file("large.bin", &vec![0; 20_000]), 2);
    assert!(large.contains("flash"), "{large}");
    let blank = run(&file("blank.bin", &[0; 64]), 2);
    assert!(blank.contains("stack") || blank.contains("vector"), "{blank}");
    // All that is wrong is told at once.
    let both = refused(&["run", "tests/cli/bad.json", "--on", "chip=no/such.elf"], 3);
    assert!(both.contains("25g") && both.contains("no/such.elf"), "{both}");
}

#[test]
fn a_program_that_faults_fails_with_its_place() {
    // A handler that loops; an undefined instruction.
    let handler = FLASH + 64 + 2 + 1;
    let faults = file("faults.bin", &raw(handler, &[0xDE00, 0xE7FE]));
    let text = quiet(&["run", PASSES, "--on", &format!("chip={faults}")], 1);
    assert!(text.contains("HardFault at 0.000 s, at 0x08000040: undefined instruction"), "{text}");
    // No handler: the core locks up.
    let locks = file("locks.bin", &raw(0, &[0xDE00]));
    let text = quiet(&["run", PASSES, "--on", &format!("chip={locks}")], 1);
    assert!(text.contains("lockup at 0.000 s"), "{text}");
    // Our own image, with its first instruction spoiled: it resets itself for ever.
    let image = image::release();
    let reset = image.symbols().iter().find(|symbol| symbol.name == "Reset").unwrap().address;
    let spoiled = image.patched(reset, &[0x00, 0xDE]).unwrap();
    let spoiled = file("spoiled.elf", spoiled.file());
    let text = quiet(&["run", PASSES, "--on", &format!("chip={spoiled}")], 1);
    assert!(text.contains(" in Reset: undefined instruction"), "{text}");
    assert!(text.contains("reset itself: software"), "{text}");
}

#[test]
fn a_program_that_never_rests_is_stopped() {
    let counts = file("counts.bin", &raw(0, &[0x3001, 0xE7FD]));
    let arguments = ["run", PASSES, "--on", &format!("chip={counts}"), "--instructions", "100000"];
    let text = quiet(&arguments, 1);
    assert!(text.contains("stopped at 0.000 s after 100000 instructions, at 0x0800004"), "{text}");
    assert!(text.contains("undecided"), "{text}");
}

#[test]
fn a_configuration_needs_a_block() {
    let idle = file("idle.bin", &raw(0, &[0xBF30, 0xE7FD]));
    let scenario = "scenarios/boot/request_active_low.json";
    let (code, out, _) = holdup(&["run", scenario, "--on", &format!("chip={idle}")]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("sets the firmware's configuration, but"), "{out}");
    assert!(out.contains("no configuration block"), "{out}");
}
