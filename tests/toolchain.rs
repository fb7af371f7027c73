//! Building and flashing, on made-up machines: shell scripts stand for the compilers and the tools.
//!
//! A script notes what it was started with in `<name>.args` and `<name>.env` beside it, so no cross
//! toolchain and no probe is needed. Real builds are what `.ci/run` is for.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

use holdup::image;
use holdup::toolchain::build::{self, Built, Route};
use holdup::toolchain::flash::{self, Tool};
use holdup::toolchain::{Surroundings, TARGET};

/// One at a time: a script that was just written cannot be started while another thread forks.
static ONE: Mutex<()> = Mutex::new(());

const RUSTC: &str = r#"
case "$*" in
    "--print sysroot") echo "$here/sysroot" ;;
    "-vV") printf 'rustc 1.99.0 (made up)\ncommit-hash: c0ffee\nhost: here\nLLVM version: 99.1\n' ;;
    "--print target-libdir --target thumbv6m-none-eabi") echo "$here/libdir" ;;
    *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"#;

const CARGO: &str = r#"
if [ "$1" = metadata ]; then
    mv "$here/cargo.args" "$here/metadata.args"
    cat <<END
{"packages": [
    {"id": "f", "name": "firmware", "version": "0.1.0", "source": null, "manifest_path": "/w/Cargo.toml"},
    {"id": "c", "name": "chip", "version": "1.2.3", "source": "r", "manifest_path": "/registry of/chip/Cargo.toml"}
], "resolve": {"nodes": [{"id": "f", "deps": [{"pkg": "c", "dep_kinds": [{"kind": null}]}]}]}}
END
    exit
fi
[ ! -e "$here/fails" ] || { echo "error: no" >&2; exit 101; }
for folder; do :; done
mkdir -p "$folder/thumbv6m-none-eabi/firmware"
{ cat "$here/../image"; printf ' made of %s' "$(cat "$here/content" 2>/dev/null)"; } \
    >"$folder/thumbv6m-none-eabi/firmware/holdup-firmware"
"#;

const LINKER: &str = "echo 'LLD 99.0'; echo more";

/// A machine of its own, with a workspace on it.
struct Machine {
    folder: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    _one: MutexGuard<'static, ()>,
}

impl Machine {
    fn new(name: &str) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("toolchain").join(name);
        let _ = fs::remove_dir_all(&folder);
        for inner in ["bin", "debian", "holdup/firmware"] {
            fs::create_dir_all(folder.join(inner)).unwrap();
        }
        fs::write(folder.join("holdup/Cargo.toml"), "[workspace]\n").unwrap();
        fs::write(folder.join("holdup/firmware/Cargo.toml"), "[package]\n").unwrap();
        fs::write(folder.join("image"), image::release().file()).unwrap();
        let variables = [("PATH".into(), folder.join("bin").into())].into();
        Self { folder, variables, _one: one }
    }

    /// With a program that notes how it was started, then does this.
    fn with(self, program: &str, body: &str) -> Self {
        let (_, name) = program.rsplit_once('/').unwrap();
        let file = self.folder.join(program);
        let script = format!(
            "#!/bin/sh\nhere=${{0%/*}}\n/usr/bin/env >\"$here/{name}.env\"\n\
             echo \"$*\" >>\"$here/{name}.args\"\nPATH=/usr/bin:/bin\n{body}\n"
        );
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn with_file(self, name: &str, content: &str) -> Self {
        let file = self.folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    fn with_rustup(self) -> Self {
        self.with("bin/rustc", RUSTC)
            .with("bin/cargo", CARGO)
            .with_file("bin/libdir/libcore-0123.rlib", "")
    }

    fn with_debian(self) -> Self {
        self.with("debian/rustc", RUSTC)
            .with("debian/cargo", CARGO)
            .with_file("debian/sysroot/lib/rustlib/src/rust/library/core/Cargo.toml", "")
    }

    fn with_image(self) -> Self {
        fs::copy(self.folder.join("image"), self.folder.join("holdup/image.elf")).unwrap();
        self
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            directory: self.folder.join("holdup"),
            variables: self.variables.clone(),
            debian: self.folder.join("debian"),
        }
    }

    fn build(&self, route: Option<Route>) -> Built {
        self.try_build(route).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn try_build(&self, route: Option<Route>) -> Result<Built, String> {
        let plan = build::plan(&self.surroundings(), route);
        plan.and_then(|plan| plan.run(None)).map_err(|problems| self.told(&problems.to_string()))
    }

    fn flash_plan(&self, tool: Option<Tool>) -> Result<flash::Plan, String> {
        flash::plan(&self.surroundings(), Some(Path::new("image.elf")), tool)
            .map_err(|problems| self.told(&problems.to_string()))
    }

    /// The program itself.
    fn holdup(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_holdup"))
            .args(arguments)
            .current_dir(self.folder.join("holdup"))
            .env_clear()
            .envs(&self.variables)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| self.told(&String::from_utf8(bytes).unwrap());
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// The same on every machine.
    fn told(&self, text: &str) -> String {
        text.replace(self.folder.to_str().unwrap(), "/machine")
    }

    fn read(&self, name: &str) -> String {
        self.told(&fs::read_to_string(self.folder.join(name)).unwrap())
    }

    /// What a program was started with.
    fn variable_of(&self, program: &str, name: &str) -> Option<String> {
        let all = self.read(&format!("{program}.env"));
        let found = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned)
    }
}

#[test]
fn a_toolchain_with_the_target_comes_first() {
    let machine = Machine::new("first").with_rustup().with_debian().with("bin/ld.lld", LINKER);
    let built = machine.build(None);
    assert_eq!(built.provenance.route, Route::Rustup);
    assert_eq!(built.provenance.compiler, "rustc 1.99.0 (made up)");
    assert_eq!(built.provenance.commit, "c0ffee");
    assert_eq!(built.provenance.llvm, "99.1");
    assert_eq!(built.provenance.linker, "LLD 99.0");
    assert_eq!(built.left, [] as [&Path; 0]);
    let expected = format!(
        "build --locked --target {TARGET} --profile firmware -p firmware --bin holdup-firmware \
         --target-dir /machine/holdup/target/firmware-rustup\n"
    );
    assert_eq!(machine.read("bin/cargo.args"), expected);
    assert_eq!(machine.variable_of("bin/cargo", "RUSTC"), None);
    assert_eq!(machine.variable_of("bin/cargo", "RUSTC_BOOTSTRAP"), None);

    let written = machine.folder.join("holdup/target/firmware/holdup-firmware.elf");
    let forms = ["elf", "bin", "hex", "txt"].map(|form| written.with_extension(form));
    assert_eq!(built.files, forms);
    let provenance = fs::read_to_string(&forms[3]).unwrap();
    assert!(provenance.contains("compiler  rustc 1.99.0 (made up)\n"), "{provenance}");
    assert_eq!(fs::read(&written).unwrap(), built.elf);
}

#[test]
fn without_the_target_core_is_built_from_debians_source() {
    let machine = Machine::new("second")
        .with_debian()
        .with("bin/rustc", RUSTC)
        .with("bin/cargo", CARGO)
        .with("bin/ld.lld", LINKER);
    let built = machine.build(None);
    assert_eq!(built.provenance.route, Route::Debian);
    let expected = format!(
        "build --locked -Zbuild-std=core --target {TARGET} --profile firmware -p firmware \
         --bin holdup-firmware --target-dir /machine/holdup/target/firmware-debian\n"
    );
    assert_eq!(machine.read("debian/cargo.args"), expected);
    let of_cargo = |name: &str| machine.variable_of("debian/cargo", name);
    assert_eq!(of_cargo("RUSTC").as_deref(), Some("/machine/debian/rustc"));
    assert_eq!(of_cargo("RUSTC_BOOTSTRAP").as_deref(), Some("1"));
    let linker = of_cargo("CARGO_TARGET_THUMBV6M_NONE_EABI_LINKER");
    assert_eq!(linker.as_deref(), Some("/machine/bin/ld.lld"));
}

#[test]
fn a_route_can_be_demanded() {
    let machine = Machine::new("demand").with_rustup().with_debian().with("bin/ld.lld", LINKER);
    assert_eq!(machine.build(Some(Route::Debian)).provenance.route, Route::Debian);
    assert_eq!(machine.build(Some(Route::Rustup)).provenance.route, Route::Rustup);
}

#[test]
fn the_compiler_sees_no_setting_of_anybody_else() {
    let dropped = [
        ("CARGO", "/elsewhere/cargo"),
        ("CARGO_BUILD_RUSTFLAGS", "-Copt-level=0"),
        ("CARGO_MANIFEST_DIR", "/elsewhere"),
        ("CARGO_PROFILE_FIRMWARE_DEBUG", "0"),
        ("CARGO_TARGET_DIR", "/elsewhere/target"),
        ("LD_LIBRARY_PATH", "/elsewhere/lib"),
        ("MAKEFLAGS", "-j"),
        ("RUSTFLAGS", "-Copt-level=0"),
        ("RUSTC_WRAPPER", "false"),
    ];
    let kept =
        [("CARGO_HOME", "/home/of/cargo"), ("https_proxy", "http://proxy"), ("HOME", "/home/of")];
    let mut machine = Machine::new("clean")
        .with_rustup()
        .with_debian()
        .with("bin/ld.lld", LINKER)
        .with_variable("RUSTUP_TOOLCHAIN", "stable")
        .with_variable("RUSTC", "false");
    for (name, value) in dropped.iter().chain(&kept) {
        machine = machine.with_variable(name, value);
    }
    for (route, place) in [(Route::Rustup, "bin"), (Route::Debian, "debian")] {
        machine.build(Some(route));
        for program in ["cargo", "rustc"] {
            let program = format!("{place}/{program}");
            for (name, _) in dropped {
                assert_eq!(machine.variable_of(&program, name), None, "{program} {name}");
            }
            for (name, value) in kept {
                assert_eq!(machine.variable_of(&program, name).as_deref(), Some(value), "{name}");
            }
        }
    }
    let toolchain = |program| machine.variable_of(program, "RUSTUP_TOOLCHAIN");
    assert_eq!(toolchain("bin/cargo").as_deref(), Some("stable"));
    assert_eq!(toolchain("debian/cargo"), None);
}

#[test]
fn every_directory_gets_a_name() {
    let machine = Machine::new("names").with_debian().with("bin/ld.lld", LINKER);
    machine.build(None);
    let flags = machine.variable_of("debian/cargo", "CARGO_ENCODED_RUSTFLAGS").unwrap();
    let flags: Vec<_> = flags.split('\u{1f}').collect();
    let expected = [
        "--remap-path-prefix=/machine/holdup=holdup",
        "--remap-path-prefix=/machine/holdup/target/firmware-debian=target",
        "--remap-path-prefix=/machine/debian/sysroot/lib/rustlib/src/rust=rust",
        "--remap-path-prefix=/registry of/chip=chip-1.2.3",
    ];
    assert_eq!(flags, expected);
    assert_eq!(
        machine.read("debian/metadata.args"),
        format!("metadata --format-version 1 --locked --filter-platform {TARGET}\n")
    );
}

#[test]
fn a_directory_that_is_named_all_the_same_is_told() {
    let machine = Machine::new("named").with_rustup().with("bin/ld.lld", LINKER);
    let root = machine.folder.join("holdup");
    let machine = machine.with_file("bin/content", root.to_str().unwrap());
    assert_eq!(machine.build(None).left, [root]);
    let (code, output, errors) = machine.holdup(&["firmware", "build", "--route", "rustup"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("the image names /machine/holdup"), "{errors}");
    assert!(
        output.starts_with("/machine/holdup/target/firmware/holdup-firmware.elf\n"),
        "{output}"
    );
    assert!(output.contains("\nlinker    LLD 99.0\n"), "{output}");
}

#[test]
fn both_ways_are_named_where_neither_goes() {
    let machine = Machine::new("neither").with("bin/rustc", RUSTC).with("bin/cargo", CARGO);
    assert_eq!(
        machine.try_build(None).unwrap_err(),
        "error: cannot build for thumbv6m-none-eabi: expected a compiler that has, or can build, its \
         core library\n\
         \x20|\n\
         \x20= help: rustup: rustc 1.99.0 (made up) has no core library for thumbv6m-none-eabi; to mend \
         it: rustup target add thumbv6m-none-eabi\n\
         \x20= help: debian: there is no rustc in /machine/debian; to mend it: apt-get install rustc-web \
         cargo-web rust-web-src lld\n"
    );
    let machine = machine.with_debian();
    fs::remove_dir_all(machine.folder.join("debian/sysroot")).unwrap();
    let error = machine.try_build(Some(Route::Debian)).unwrap_err();
    let source = "/machine/debian/sysroot/lib/rustlib/src/rust/library/core";
    assert!(error.contains(&format!("there is no source of core in {source}")), "{error}");
    assert!(!error.contains("rustup target add"), "{error}");
}

#[test]
fn a_linker_is_needed_and_one_that_is_there_is_found() {
    let machine = Machine::new("linker").with_debian();
    let error = machine.try_build(None).unwrap_err();
    assert!(error.contains("no linker for thumbv6m-none-eabi"), "{error}");
    assert!(error.contains("apt-get install lld"), "{error}");

    let linker = |machine: &Machine| {
        machine.build(None);
        machine.variable_of("debian/cargo", "CARGO_TARGET_THUMBV6M_NONE_EABI_LINKER").unwrap()
    };
    let machine = machine.with("bin/arm-none-eabi-ld", LINKER);
    assert_eq!(linker(&machine), "/machine/bin/arm-none-eabi-ld");
    let rust_lld = "bin/sysroot/lib/rustlib/here/bin/rust-lld";
    let machine = machine.with("bin/rustc", RUSTC).with_file(rust_lld, "").with(rust_lld, LINKER);
    assert_eq!(linker(&machine), format!("/machine/{rust_lld}"));
    let machine = machine.with("bin/ld.lld", LINKER);
    assert_eq!(linker(&machine), "/machine/bin/ld.lld");
}

#[test]
fn a_build_that_fails_is_the_environments_fault() {
    let machine = Machine::new("fails").with_rustup().with("bin/ld.lld", LINKER);
    let machine = machine.with_file("bin/fails", "");
    let (code, output, errors) = machine.holdup(&["firmware", "build", "--route", "rustup"]);
    assert_eq!((code, output.as_str()), (Some(3), ""), "{errors}");
    assert!(errors.starts_with("error: no\n"), "what cargo says is seen: {errors}");
    assert!(errors.contains("cargo could not build the firmware (exit status: 101)"), "{errors}");
}

#[test]
fn elsewhere_nothing_is_built() {
    let mut surroundings = Machine::new("elsewhere").surroundings();
    surroundings.directory = PathBuf::from("/");
    let error = build::plan(&surroundings, None).unwrap_err().to_string();
    assert!(error.starts_with("error: no Holdup workspace at or above /: expected"), "{error}");
}

#[test]
fn the_first_flashing_tool_that_is_there_is_used() {
    let machine = Machine::new("tools").with_image().with("bin/openocd", "");
    assert_eq!(machine.flash_plan(None).unwrap().tool, Tool::Openocd);
    let machine = machine.with("bin/st-flash", r#"cp "$4" "$here/got""#);
    let plan = machine.flash_plan(None).unwrap();
    plan.run(&machine.surroundings()).unwrap();
    assert_eq!(fs::read(machine.folder.join("bin/got")).unwrap(), image::release().to_bin());
    assert!(!plan.file.exists(), "what was made for the tool is gone");
    let machine = machine.with("bin/probe-rs", "");
    assert_eq!(machine.flash_plan(Some(Tool::StFlash)).unwrap().tool, Tool::StFlash);

    let plan = machine.flash_plan(None).unwrap();
    plan.run(&machine.surroundings()).unwrap();
    assert_eq!(
        machine.read("bin/probe-rs.args"),
        "download --chip STM32L011D4Px --connect-under-reset --verify image.elf\n\
         reset --chip STM32L011D4Px --connect-under-reset\n"
    );
}

#[test]
fn a_dry_run_only_tells() {
    let machine = Machine::new("dry").with_image().with("bin/probe-rs", "exit 1");
    let flash = ["firmware", "flash", "image.elf", "--dry-run"];
    let (code, output, errors) = machine.holdup(&flash);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(output, machine.flash_plan(None).unwrap().to_string());
    assert!(!machine.folder.join("bin/probe-rs.args").exists());
}

#[test]
fn a_tool_that_fails_is_explained() {
    let machine = Machine::new("probe").with_image();
    let machine = machine.with("bin/probe-rs", "echo 'no probe' >&2; exit 1");
    let (code, _, errors) = machine.holdup(&["firmware", "flash", "image.elf"]);
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.starts_with("no probe\nerror: probe-rs could not write the chip"), "{errors}");
    for hint in ["plugged in", "udev", "SWDIO, SWCLK, GND and NRST", "supplied"] {
        assert!(errors.contains(hint), "{errors}");
    }
    assert_eq!(machine.read("bin/probe-rs.args").lines().count(), 1, "no reset after a failure");
}

#[test]
fn what_flashing_lacks_is_told() {
    let machine = Machine::new("lacks");
    let (code, _, errors) = machine.holdup(&["firmware", "flash", "no.elf", "--tool", "openocd"]);
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("cannot read /machine/holdup/no.elf: no such file"), "{errors}");

    let machine = machine.with_image();
    let error = machine.flash_plan(None).unwrap_err();
    let expected = "error: no flashing tool: expected probe-rs, st-flash, openocd on the PATH\n";
    assert!(error.starts_with(expected), "{error}");
    for package in ["probe-rs-tools", "apt-get install stlink-tools", "apt-get install openocd"] {
        assert!(error.contains(package), "{error}");
    }
    // Asked for by name a tool can be planned with; it is missed when it is to run.
    let flash = ["firmware", "flash", "image.elf", "--tool", "openocd"];
    let (code, output, errors) = machine.holdup(&flash);
    assert_eq!(code, Some(3), "{errors}");
    assert!(output.starts_with("openocd -f interface/stlink.cfg"), "{output}");
    assert!(errors.contains("expected openocd on") && !errors.contains("stlink"), "{errors}");
}

#[test]
fn what_is_no_image_is_refused() {
    let machine = Machine::new("refused").with("bin/probe-rs", "");
    for (content, why) in [
        ("text", "vector table"),
        ("\x7fELF\x01\x01..........\x02\x00\x3e\x00", "x86-64"),
        ("", "empty"),
        (":00000001FF\n", "vector table"),
    ] {
        let file = machine.folder.join("holdup/image.elf");
        fs::write(file, content).unwrap();
        let (code, output, errors) = machine.holdup(&["firmware", "flash", "image.elf"]);
        assert_eq!((code, output.as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains(why), "{errors}");
    }
}
