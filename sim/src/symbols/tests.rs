//! The release image's own debug information, whole, damaged and without.

use super::*;
use crate::image::{Format, release};

/// `file`, without folders.
fn short(line: &Line) -> &str {
    line.file.rsplit('/').next().unwrap()
}

fn function<'a>(symbols: &'a Symbols<'_>, name: &str) -> &'a Function {
    symbols.functions.0.iter().find(|function| function.name == name).unwrap()
}

#[test]
fn every_function_begins_in_a_source_file_of_its_own_module() {
    let image = release();
    let symbols = Symbols::of(&image);
    assert_eq!(symbols.known(), Known::Lines);
    assert!(symbols.functions.0.len() > 20);
    for function in &symbols.functions.0 {
        let place = symbols.place(function.address);
        assert_eq!(place.function(), Some(function.name.as_str()));
        assert_eq!(place.to_string(), format!("{}+0x0", function.name));
        let line = place.frames.last().unwrap().line.as_ref().unwrap();
        assert!(line.file.starts_with("holdup/"), "{line}");
        // The Thumb bit, as in a vector or a return address, changes nothing.
        assert_eq!(symbols.place(function.address | 1).frames, place.frames);
    }
    let main = symbols.place(function(&symbols, "holdup_firmware::chip::run").address);
    let line = main.frames.last().unwrap().line.as_ref().unwrap();
    assert!(line.to_string().starts_with("holdup/firmware/src/chip/mod.rs:"), "{line}");
}

#[test]
fn names_are_known_within_functions_only() {
    let functions = Functions::of(&release());
    let first = &functions.0[0];
    assert_eq!(functions.name(first.address + 2), Some(first.name.as_str()));
    assert_eq!((functions.name(0), functions.name(0x0800_3FF0)), (None, None));
    let hashed = functions.0.iter().find(|function| function.name.contains("17h"));
    assert!(hashed.is_none(), "{hashed:?}");
}

#[test]
fn what_was_inlined_is_told_innermost_first() {
    let image = release();
    let symbols = Symbols::of(&image);
    let run = function(&symbols, "holdup_firmware::chip::run");
    let places: Vec<Place> =
        (run.address..run.end).step_by(2).map(|address| symbols.place(address)).collect();
    let deepest = places.iter().max_by_key(|place| place.frames.len()).unwrap();
    assert!(deepest.frames.len() > 4, "{deepest:?}");
    for place in &places {
        assert_eq!(place.function(), Some("holdup_firmware::chip::run"));
    }
    // The journal is read in `run`, whatever was inlined on the way.
    let opening = places.iter().find(|place| {
        place.frames.iter().any(|frame| {
            frame.function.as_deref().is_some_and(|name| name.starts_with("open<"))
                && frame.line.as_ref().is_some_and(|line| short(line) == "journal.rs")
        })
    });
    assert!(opening.is_some());
}

#[test]
fn what_is_no_code_has_no_function() {
    let image = release();
    let symbols = Symbols::of(&image);
    let (start, flash) = image.flash();
    for address in [0, start, start + flash.len() as u32, 0x2000_0000, u32::MAX] {
        let place = symbols.place(address);
        assert_eq!(place.frames, [Frame { function: None, line: None }]);
        assert_eq!(place.to_string(), format!("{:#010x}", address & !1));
    }
}

#[test]
fn a_function_is_found_by_its_name_or_the_end_of_it() {
    let image = release();
    let symbols = Symbols::of(&image);
    let run = function(&symbols, "holdup_firmware::chip::run").address;
    for name in ["holdup_firmware::chip::run", "chip::run"] {
        assert_eq!(symbols.find(name), [(run, "holdup_firmware::chip::run")]);
    }
    for name in ["ip::run", "", "nothing"] {
        assert_eq!(symbols.find(name), []);
    }
}

/// The release image with the name of a section of its table spoilt, so that nobody finds it.
fn without(sections: &[&str]) -> Image {
    let mut file = release().file().to_vec();
    for section in sections {
        let name = format!("\0{section}\0").into_bytes();
        let at = file.windows(name.len()).rposition(|bytes| bytes == name).unwrap();
        file[at + 2] = b'x';
    }
    Image::parse("spoilt", file).unwrap()
}

#[test]
fn without_lines_there_are_names_and_without_those_addresses() {
    let image = without(&[".debug_line"]);
    let symbols = Symbols::of(&image);
    assert_eq!(symbols.known(), Known::Names);
    let run = function(&symbols, "holdup_firmware::chip::run").address;
    let place = symbols.place(run + 4);
    assert_eq!(place.to_string(), "holdup_firmware::chip::run+0x4");
    assert_eq!(place.line(), None);

    for bytes in [release().to_bin(), release().to_hex().into_bytes()] {
        let image = Image::parse("bare", bytes).unwrap();
        assert_ne!(image.format(), Format::Elf);
        let symbols = Symbols::of(&image);
        assert_eq!(symbols.known(), Known::Nothing);
        assert_eq!(symbols.place(run + 4).to_string(), format!("{:#010x}", run + 4));
    }
}

/// A program counter somewhere in the release image, with a stack full of it.
fn somewhere(address: u32) -> Registers {
    let mut r = [address; 16];
    r[13] = 0x2000_0700;
    Registers { r, psp: 0 }
}

#[test]
fn damage_is_as_good_as_nothing() {
    let clean = release();
    let (start, flash) = clean.flash();
    let addresses: Vec<u32> =
        (start..start + flash.len() as u32).step_by(flash.len() / 16).collect();
    let file = clean.file();
    let debug = file.windows(12).position(|bytes| bytes == b"clang LLVM (").unwrap();
    // Every 97th byte behind what is loaded, in turn: abbreviations, trees, names, lines, frames.
    for at in (0x19d0..file.len()).step_by(97) {
        assert!(debug > 0x19d0);
        for value in [0x00, 0x7F, 0xFF] {
            let mut spoilt = file.to_vec();
            spoilt[at] = value;
            // What is no image any more is refused elsewhere.
            let Ok(image) = Image::parse("spoilt", spoilt) else {
                continue;
            };
            let symbols = Symbols::of(&image);
            for &address in &addresses {
                let place = symbols.place(address);
                assert!(!place.frames.is_empty());
                let _ = symbols.callers(&somewhere(address), |at| Some(at ^ address));
            }
        }
    }
}
