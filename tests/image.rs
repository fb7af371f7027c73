//! `holdup firmware configure`: what it prints, what it writes, what it refuses.
//!
//! Whole outputs are in `tests/snapshots/image__<name>.snap`. Accept changes with
//! `INSTA_UPDATE=always cargo test --test image`.

// Made for the unit tests, which use all of it.
#[allow(dead_code, reason = "shared with the unit tests of the library")]
#[path = "../sim/src/image/sample.rs"]
mod sample;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use firmware::config::{Config, Polarity};
use firmware::time::Millis;
use holdup::image::configure::show;
use holdup::image::{Format, Image};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An empty folder with images in it; the program runs there, so that its output names no place.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let elf = sample::elf(&Config::DEFAULT);
        let image = Image::parse("image.elf", elf.clone()).unwrap();
        fs::write(folder.join("image.elf"), elf).unwrap();
        fs::write(folder.join("image.hex"), image.to_hex()).unwrap();
        fs::write(folder.join("image.bin"), image.to_bin()).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs `holdup firmware configure`: exit code, standard output, standard error.
    fn configure(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_holdup"))
            .args(["firmware", "configure"])
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("CLICOLOR_FORCE")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Nothing on standard error, and success.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.configure(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
        stdout
    }

    /// Nothing on standard output, and this exit code.
    #[track_caller]
    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let (found, stdout, stderr) = self.configure(arguments);
        assert_eq!((found, stdout.as_str()), (Some(code), ""), "{stderr}");
        stderr
    }
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => root().join("tests/snapshots"),
        prepend_module_to_snapshot => false, omit_expression => true,
    }, {
        insta::assert_snapshot!(format!("image__{name}"), text);
    });
}

#[test]
fn without_options_the_configuration_is_shown() {
    let folder = Folder::new("shown");
    let defaults =
        Command::new(env!("CARGO_BIN_EXE_holdup")).args(["firmware", "config"]).output().unwrap();
    for name in ["image.elf", "image.hex", "image.bin"] {
        let before = folder.read(name);
        assert_eq!(folder.done(&[name]).as_bytes(), defaults.stdout);
        assert_eq!(folder.read(name), before);
    }
}

#[test]
fn options_change_the_image_in_place_and_in_its_format() {
    let folder = Folder::new("changed");
    let expected = Config {
        shutdown_timeout: Millis(15_000),
        debounce: Millis(30),
        request_polarity: Polarity::ActiveLow,
        ..Config::DEFAULT
    };
    let change =
        ["--shutdown-timeout", "15s", "--debounce=30 ms", "--request-polarity", "active_low"];
    for (name, format) in
        [("image.elf", Format::Elf), ("image.hex", Format::Hex), ("image.bin", Format::Bin)]
    {
        let text = folder.done(&[&[name][..], &change].concat());
        if format == Format::Elf {
            snapshot("changed", &text);
        }
        assert_eq!(show(&folder.path(name)).unwrap(), expected);
        assert_eq!(Image::load(&folder.path(name)).unwrap().format(), format);
    }
    // Only the block differs: what else is in the file stays, byte for byte.
    assert_eq!(folder.read("image.elf"), sample::elf(&expected));
    assert_eq!(folder.read("image.bin"), sample::bin(&expected));
    assert_eq!(folder.names(), ["image.bin", "image.elf", "image.hex"]);

    let before = folder.read("image.elf");
    let again = folder.done(&[&["image.elf"][..], &change].concat());
    assert_eq!(again, "nothing changed: the image has these values already\n");
    assert_eq!(folder.read("image.elf"), before);

    snapshot("defaults", &folder.done(&["image.elf", "--default", "--bridge", "3 s"]));
    let expected = Config { bridge: Millis(3_000), ..Config::DEFAULT };
    assert_eq!(show(&folder.path("image.elf")).unwrap(), expected);
}

#[test]
fn an_output_leaves_the_image_as_it_is() {
    let folder = Folder::new("output");
    let before = folder.read("image.elf");
    let text = folder.done(&["image.elf", "--bridge", "3 s", "--output", "new.elf"]);
    assert!(text.ends_with("written: new.elf\n"), "{text}");
    assert_eq!(folder.read("image.elf"), before);
    let expected = Config { bridge: Millis(3_000), ..Config::DEFAULT };
    assert_eq!(show(&folder.path("new.elf")).unwrap(), expected);
    // Asked for, so there is one, although nothing changed.
    let text = folder.done(&["image.elf", "--bridge", "2 s", "--output", "new.elf"]);
    assert_eq!(text, "nothing changed: the image has these values already\nwritten: new.elf\n");
    assert_eq!(folder.read("new.elf"), before);
}

#[test]
fn every_bad_value_is_told_and_nothing_is_written() {
    let folder = Folder::new("values");
    let before = folder.read("image.elf");
    let error = folder.refused(
        2,
        &[
            "image.elf",
            "--shutdown-timeout=15",
            "--boot-allowance=0 s",
            "--debounce=1.5 ms",
            "--start-interval=2 h",
            "--request-polarity=low",
            "--uncharged-bridge=5 s",
        ],
    );
    snapshot("bad_values", &error);
    assert_eq!(folder.read("image.elf"), before);
    let usage = folder.refused(2, &["image.elf", "--shutdown-timout", "15 s"]);
    assert!(usage.contains("a similar argument exists: '--shutdown-timeout'"), "{usage}");
}

#[test]
fn bad_images_are_refused_and_so_are_values_for_them() {
    let folder = Folder::new("images");
    let mut foreign = sample::elf(&Config::DEFAULT);
    (foreign[4], foreign[18]) = (2, 62);
    fs::write(folder.path("foreign.elf"), foreign).unwrap();
    let mut other = sample::bin(&Config::DEFAULT);
    other[0xC4] ^= 1;
    fs::write(folder.path("other.bin"), &other).unwrap();
    other[0xC0] = 0;
    fs::write(folder.path("none.bin"), other).unwrap();
    let text = String::from_utf8(folder.read("image.hex")).unwrap();
    fs::write(folder.path("bad.hex"), text.replacen("0020", "0021", 1)).unwrap();
    fs::write(folder.path("notes.txt"), "These are notes, and no image.\n").unwrap();
    let mut all = String::new();
    for name in ["foreign.elf", "other.bin", "none.bin", "bad.hex", "notes.txt"] {
        all += &folder.refused(2, &[name]);
        all.push('\n');
    }
    all += &folder.refused(2, &["foreign.elf", "--bridge=2", "--debounce=0 s"]);
    snapshot("bad_images", &all);
}

#[test]
fn a_configuration_that_contradicts_itself_is_shown_and_refused() {
    let folder = Folder::new("contradicts");
    let config = Config { ack_margin: Millis(30_000), ..Config::DEFAULT };
    fs::write(folder.path("image.elf"), sample::elf(&config)).unwrap();
    let (code, stdout, stderr) = folder.configure(&["image.elf"]);
    assert_eq!(code, Some(2));
    assert!(stdout.contains("ack_margin               30.000 s"), "{stdout}");
    assert!(stderr.contains("`ack_margin` (30 s) must be at most"), "{stderr}");
    folder.refused(2, &["image.elf", "--bridge", "3 s"]);
    folder.done(&["image.elf", "--ack-margin", "3 s"]);
    folder.done(&["image.elf"]);
}

#[test]
fn what_cannot_be_read_or_written_is_the_environments_fault() {
    let folder = Folder::new("environment");
    let error = folder.refused(3, &["missing.elf"]);
    assert_eq!(error, "error: cannot read missing.elf: no such file or folder\n");
    let error = folder.refused(3, &["image.elf", "--bridge=3s", "--output=no/such.elf"]);
    assert_eq!(error, "error: cannot write no/such.elf: no such file or folder\n");
    fs::create_dir(folder.path("folder")).unwrap();
    let error = folder.refused(3, &["image.elf", "--bridge=3s", "--output=folder"]);
    assert!(error.starts_with("error: cannot write folder: it is no ordinary file\n"), "{error}");
    assert_eq!(folder.names(), ["folder", "image.bin", "image.elf", "image.hex"]);
}

#[test]
fn every_field_has_an_option_with_its_default() {
    let folder = Folder::new("help");
    let help = folder.done(&["--help"]);
    snapshot("help", &help);
    for (name, ..) in Config::DEFAULT.times() {
        assert!(help.contains(&format!("--{} <TIME>", name.replace('_', "-"))), "{name}");
    }
}
