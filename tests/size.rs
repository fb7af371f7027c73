//! `holdup firmware size`, and what the release image must be.
//!
//! The report is in `tests/snapshots/size__release.snap`; it changes with the image. Accept changes with
//! `INSTA_UPDATE=always cargo test --test size`. Nothing here needs a cross compiler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use firmware::Config;
use holdup::image::configure::find;
use holdup::image::{Image, release};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs `holdup firmware size`: exit code, standard output, standard error.
fn size(arguments: &[&Path]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_holdup"))
        .args(["firmware", "size"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_release_image_is_within_its_budgets() {
    let (code, report, errors) = size(&[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("size__release", report);
    });
}

#[test]
fn over_budget_is_a_failure() {
    // The section that survives resets, with another size in its header: address, offset, size.
    let mut elf = release().file().to_vec();
    let used = release().static_ram().unwrap();
    let address = 0x2000_0000_u32.to_le_bytes();
    let size_at = (0..elf.len() - 12)
        .rev()
        .find(|at| {
            elf[*at..].starts_with(&address) && elf[at + 8..].starts_with(&used.to_le_bytes())
        })
        .map(|at| at + 8)
        .unwrap();
    elf[size_at..size_at + 4].copy_from_slice(&600_u32.to_le_bytes());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("over.elf");
    fs::write(&file, elf).unwrap();
    let (code, report, errors) = size(&[&file]);
    assert_eq!(code, Some(1), "{errors}");
    let row = report.lines().find(|line| line.starts_with("static RAM")).unwrap();
    assert!(
        row.contains("600") && row.ends_with(&format!("+{}  over budget", 600 - used)),
        "{row}"
    );
}

#[test]
fn only_an_elf_file_tells_its_sizes() {
    let (code, _, errors) = size(&[&root().join("firmware/image/holdup-firmware.bin")]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("expected an ELF file"), "{errors}");
}

#[test]
fn the_release_image_has_the_default_configuration_in_every_form() {
    for form in ["elf", "hex", "bin"] {
        let path = root().join("firmware/image/holdup-firmware").with_extension(form);
        let image = Image::load(&path).unwrap();
        assert_eq!(find(&image).unwrap().1, Config::DEFAULT, "{form}");
        assert_eq!(image.to_bin(), release().to_bin(), "{form}");
    }
}
