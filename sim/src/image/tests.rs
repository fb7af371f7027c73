//! Reading and writing of every format; what is refused, and how it is said; damaged files.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use firmware::Config;
use sample::put;

fn parsed(file: Vec<u8>) -> Image {
    Image::parse("image", file).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The messages, without excerpts and helps.
fn refused(file: Vec<u8>) -> Vec<String> {
    let problems = Image::parse("image", file).expect_err("it is no image");
    problems.iter().map(|problem| problem.message.clone()).collect()
}

fn elf() -> Vec<u8> {
    sample::elf(&Config::DEFAULT)
}

fn bin() -> Vec<u8> {
    sample::bin(&Config::DEFAULT)
}

fn hex() -> String {
    parsed(elf()).to_hex()
}

#[test]
fn an_elf_file_tells_what_is_loaded_and_named() {
    let image = parsed(elf());
    assert_eq!((image.format(), image.name()), (Format::Elf, "image"));
    assert_eq!(image.flash(), (0x0800_0000, &*bin()));
    let whole = 0x0800_0000..0x0800_0000 + sample::LOADED as u32;
    assert_eq!(image.loaded(), std::slice::from_ref(&whole));
    assert_eq!(image.flash_used(), sample::LOADED as u32);
    // The variables with an initial value, and those without.
    assert_eq!(image.static_ram(), Some(6 + 0x40));
    let names: Vec<_> =
        image.sections().iter().map(|one| (one.name.as_str(), one.loaded)).collect();
    assert_eq!(names, [(".config", true), (".text", true), (".data", true), (".uninit", false)]);
    let symbols: Vec<_> = image.symbols().iter().map(|one| (one.name.as_str(), one.kind)).collect();
    assert_eq!(symbols, [("HOLDUP_CONFIG", SymbolKind::Object), ("Reset", SymbolKind::Function)]);
    assert_eq!(image.symbols()[1].address, image.entry().unwrap() & !1);
    assert_eq!(image.symbols()[1].size, 0x84);
}

#[test]
fn every_format_holds_the_same_image() {
    let image = parsed(elf());
    let raw = parsed(image.to_bin());
    assert_eq!((raw.format(), raw.flash()), (Format::Bin, image.flash()));
    assert_eq!((raw.static_ram(), raw.entry()), (None, None));
    let text = parsed(image.to_hex().into_bytes());
    assert_eq!((text.format(), text.flash()), (Format::Hex, image.flash()));
    assert_eq!((text.loaded(), text.entry()), (image.loaded(), image.entry()));
    assert_eq!(text.to_hex().as_bytes(), text.file());
}

#[test]
fn hex_rows_are_sixteen_bytes_and_gaps_stay_gaps() {
    let text = [
        ":020000040800F2",
        ":080000000008002009000008BF",
        ":04000800C046FEE709",
        ":03002E00010203C9\r",
        "",
        ":0400000508000009E6",
        ":00000001FF",
    ]
    .join("\n");
    let image = parsed(text.into_bytes());
    assert_eq!(image.loaded(), [0x0800_0000..0x0800_000C, 0x0800_002E..0x0800_0031]);
    assert_eq!(image.flash_used(), 15);
    assert_eq!(image.flash().1.len(), 0x31);
    assert!(image.flash().1[12..0x2E].iter().all(|byte| *byte == ERASED));
    let written = image.to_hex();
    insta::assert_snapshot!(written, @r#"
    :020000040800F2
    :0C0000000008002009000008C046FEE7D0
    :02002E000102CD
    :0100300003CC
    :0400000508000009E6
    :00000001FF
    "#);
    assert_eq!(parsed(written.into_bytes()).flash(), image.flash());
}

#[test]
fn old_hex_records_are_understood() {
    // The upper address as a segment, lower case, and a start that means nothing here.
    let segments = ":020000020000fc\n:00000001FF\n";
    assert_eq!(
        refused(segments.into()),
        ["image has no vector table: eight bytes or more must be loaded at 0x08000000"]
    );
    let wraps = ":02000002F0000C\n:02FFFF000000 00\n:00000001FF\n".replace(' ', "");
    assert_eq!(refused(wraps.into_bytes()), ["line 2: the data wraps round"]);
    let started = hex().replace(":00000001FF", ":0400000300003800C1\n:00000001FF");
    assert_eq!(parsed(started.into_bytes()).flash(), parsed(elf()).flash());
}

#[test]
fn every_bad_line_of_a_hex_file_is_told() {
    let text = hex();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[1].replace_range(9..11, "AB");
    lines[3] = lines[3].replace("00000000", "0000x000");
    lines[4].truncate(21);
    lines[5] = "; a comment".to_owned();
    lines[6] = ":0000000DF3".to_owned();
    lines[7] = ":01000004FFFC".to_owned();
    lines[8] = ":00".to_owned();
    lines.push(":00000001FF".to_owned());
    let problems = Image::parse("bad.hex", lines.join("\n").into_bytes()).unwrap_err();
    insta::assert_snapshot!(problems.render(false), @r#"
    error: line 2: a wrong checksum
     --> bad.hex:2:42
      |
    2 | :10000000AB0800202501000800000000000000009A
      |                                          ^^ expected EF

    error: line 4: a character that is no hexadecimal digit
     --> bad.hex:4:11
      |
    4 | :100020000x0000000x0000000x0000000x000000D0
      |           ^ expected 0 to 9 or A to F

    error: line 5: a record of 21 characters
     --> bad.hex:5:1
      |
    5 | :10003000000000000000
      | ^^^^^^^^^^^^^^^^^^^^^ its length says 43

    error: line 6: a line that is no record
     --> bad.hex:6:1
      |
    6 | ; a comment
      | ^ expected `:`

    error: line 7: an unknown type of record
     --> bad.hex:7:8
      |
    7 | :0000000DF3
      |        ^^ expected 00 to 05

    error: line 8: data of length 1 in a record of this type
     --> bad.hex:8:1
      |
    8 | :01000004FFFC
      | ^^^^^^^^^^^^^ expected a length of 2

    error: line 9: a record that is too short
     --> bad.hex:9:1
      |
    9 | :00
      | ^^^ expected 11 characters or more

    error: line 31: a record follows the end
      --> bad.hex:31:1
       |
    31 | :00000001FF
       | ^^^^^^^^^^^ expected nothing more
    "#);
}

#[test]
fn a_hex_file_without_its_end_is_cut_off() {
    let text = hex();
    for end in [text.len() - 12, text.len() - 2, 100, 43] {
        let problems = refused(text.as_bytes()[..end].to_vec());
        assert!(problems.iter().any(|problem| problem.contains("is cut off")), "{problems:?}");
    }
}

#[test]
fn hex_data_outside_the_flash_is_told_with_its_lines() {
    let text = hex().replace(
        ":00000001FF",
        ":020000040808EA\n:040000000102030 4F2\n:020000040800F2\n:040000000102 0304F2\n:023FFF000102BD\n:00000001FF",
    );
    let problems = refused(text.replace(' ', "").into_bytes());
    insta::assert_debug_snapshot!(problems, @r#"
    [
        "image: line 31 loads 0x08080000..0x08080004, outside the flash (0x08000000..0x08004000)",
        "image is too large: line 34 ends at 0x08004001, the chip's 16384 bytes of flash end at 0x08004000",
        "image: lines 2 to 28 and line 33 both load 0x08000000",
    ]
    "#);
}

#[test]
fn programs_for_other_machines_are_called_what_they_are() {
    let with = |changes: &[(usize, u8)]| {
        let mut file = elf();
        for (at, byte) in changes {
            file[*at] = *byte;
        }
        refused(file).join("; ")
    };
    let found = [
        with(&[(4, 2), (18, 62)]),
        with(&[(18, 243)]),
        with(&[(5, 2), (18, 0), (19, 40)]),
        with(&[(18, 200), (19, 1)]),
        with(&[(4, 9)]),
        with(&[(16, 1)]),
        with(&[(16, 3)]),
        with(&[(16, 77)]),
        with(&[(6, 9)]),
    ];
    insta::assert_debug_snapshot!(found, @r#"
    [
        "image is a 64-bit little-endian ELF file for x86-64; expected 32-bit little-endian ARM",
        "image is a 32-bit little-endian ELF file for RISC-V; expected 32-bit little-endian ARM",
        "image is a 32-bit big-endian ELF file for ARM; expected 32-bit little-endian ARM",
        "image is a 32-bit little-endian ELF file for machine 456; expected 32-bit little-endian ARM",
        "image is damaged or cut off: there is no class 9 of files",
        "image is an object file; expected a linked program",
        "image is a shared library or a position-independent program; expected a linked program",
        "image is of an unknown type; expected a linked program",
        "image is damaged or cut off: Unsupported ELF header",
    ]
    "#);
}

#[test]
fn segments_must_fit_the_chip_and_each_other() {
    // The physical address of each segment.
    let with = |changes: &[(usize, u32)]| {
        let mut file = elf();
        for (index, address) in changes {
            put(&mut file, 52 + 32 * index + 12, &[*address]);
        }
        refused(file)
    };
    let found = [
        with(&[(1, 0x0808_0000), (2, 0x2000_0000)]),
        with(&[(1, 0x0800_3FF0)]),
        with(&[(2, 0x0800_0004)]),
        with(&[(0, 0x0800_1000)]),
        with(&[(1, 0xFFFF_FFF0)]),
    ];
    insta::assert_debug_snapshot!(found, @r#"
    [
        [
            "image: segment 1 loads 0x08080000..0x08080084, outside the flash (0x08000000..0x08004000)",
            "image: segment 2 loads 0x20000000..0x20000006, outside the flash (0x08000000..0x08004000)",
        ],
        [
            "image is too large: segment 1 ends at 0x08004074, the chip's 16384 bytes of flash end at 0x08004000",
        ],
        [
            "image: segment 0 and segment 2 both load 0x08000004",
        ],
        [
            "image has no vector table: eight bytes or more must be loaded at 0x08000000",
        ],
        [
            "image: segment 1 loads 0xfffffff0..0x100000074, outside the flash (0x08000000..0x08004000)",
        ],
    ]
    "#);
}

#[test]
fn sections_must_fit_the_ram() {
    let mut file = elf();
    let sections = u32::from_le_bytes(*file[32..].first_chunk().unwrap()) as usize;
    put(&mut file, sections + 4 * 40 + 20, &[0x7FC]);
    insta::assert_debug_snapshot!(refused(file), @r#"
    [
        "image needs too much RAM: section .uninit ends at 0x20000804, the chip's 2048 bytes end at 0x20000800",
    ]
    "#);
}

#[test]
fn raw_files_must_begin_with_vectors_and_fit() {
    let mut large = bin();
    large.resize(0x4001, 0);
    let mut off = bin();
    put(&mut off, 0, &[0x2000_0804, 0x0800_3FF1]);
    let mut even = bin();
    put(&mut even, 0, &[0x2000_0000, 0x0800_0100]);
    let found = [
        refused(Vec::new()),
        refused(b"seven!!".to_vec()),
        refused(b"#!/bin/sh\nexit\n".to_vec()),
        refused(large),
        refused(off),
        refused(even),
        refused(bin()[..0xC0].to_vec()),
    ];
    insta::assert_debug_snapshot!(found, @r#"
    [
        [
            "image is empty",
        ],
        [
            "image has no vector table: eight bytes or more must be loaded at 0x08000000",
        ],
        [
            "image has no vector table: its first word is 0x622f2123, expected a stack pointer within 0x20000000..=0x20000800",
            "image has no vector table: its second word is 0x732f6e69, expected the odd address of code in 0x08000000..0x0800000f",
        ],
        [
            "image is too large: the file ends at 0x08004001, the chip's 16384 bytes of flash end at 0x08004000",
        ],
        [
            "image has no vector table: its first word is 0x20000804, expected a stack pointer within 0x20000000..=0x20000800",
            "image has no vector table: its second word is 0x08003ff1, expected the odd address of code in 0x08000000..0x080001ae",
        ],
        [
            "image has no vector table: its second word is 0x08000100, expected the odd address of code in 0x08000000..0x080001ae",
        ],
        [
            "image has no vector table: its second word is 0x08000125, expected the odd address of code in 0x08000000..0x080000c0",
        ],
    ]
    "#);
    let mut full = bin();
    full.resize(0x4000, 0);
    assert_eq!(parsed(full).flash_used(), 0x4000);
}

#[test]
fn a_cut_elf_file_is_damaged() {
    let file = elf();
    for end in [4, 10, 19, 51, 60, 200, 500, file.len() - 1] {
        let problems = refused(file[..end].to_vec());
        assert!(problems.iter().all(|one| one.contains("is damaged or cut off")), "{problems:?}");
    }
}

#[test]
fn patching_changes_these_bytes_and_no_others() {
    let patch = [1, 2, 3, 4];
    let at = 0x0800_0040;
    let before = parsed(elf());
    let after = before.patched(at, &patch).unwrap();
    let differing: Vec<_> =
        (0..before.file().len()).filter(|n| before.file()[*n] != after.file()[*n]).collect();
    let start = 52 + 4 * 32 + 0x40;
    assert_eq!(differing, [start, start + 1, start + 2, start + 3]);
    assert_eq!(after.file().len(), before.file().len());
    assert_eq!((after.symbols(), after.sections()), (before.symbols(), before.sections()));
    for file in [before.to_bin(), before.to_hex().into_bytes()] {
        let other = parsed(file).patched(at, &patch).unwrap();
        assert_eq!((other.flash(), other.loaded()), (after.flash(), after.loaded()));
    }
    let end = 0x0800_0000 + sample::LOADED as u32;
    assert!(before.patched(end - 3, &patch).is_err(), "it ends behind what is loaded");
    assert!(before.patched(0x2000_0000, &patch).is_err());
}

#[test]
fn bytes_that_are_used_twice_are_not_patched() {
    // The code's segment takes its bytes from the vectors' place in the file.
    let mut file = elf();
    put(&mut file, 52 + 32 + 4, &[52 + 4 * 32]);
    let image = parsed(file);
    let problems = image.patched(0x0800_0040, &[1, 2, 3, 4]).unwrap_err();
    assert!(problems.to_string().contains("uses its bytes for 0x08000040 twice"), "{problems}");
}

/// Does everything with a file that might be an image.
fn exercise(file: Vec<u8>) {
    let Ok(image) = Image::parse("image", file) else {
        return;
    };
    let again = parsed(image.to_bin());
    assert_eq!(again.flash(), image.flash());
    assert_eq!(parsed(image.to_hex().into_bytes()).loaded(), image.loaded());
    assert!(image.flash_used() <= 0x4000);
    assert!(image.static_ram().is_none_or(|bytes| bytes < u32::MAX));
    if let Ok((address, _)) = configure::find(&image)
        && let Ok(patched) = image.patched(address, &[1, 2, 3, 4])
    {
        assert_eq!(patched.format(), image.format());
    }
}

#[derive(Clone, Debug)]
enum Damage {
    Byte(prop::sample::Index, u8),
    Word(prop::sample::Index, u32),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let word = prop_oneof![
        any::<u32>(),
        (0_u32..64).prop_map(|n| n),
        (0_u32..64).prop_map(|n| u32::MAX - n),
        (0_u32..0x5000).prop_map(|n| 0x0800_0000 + n),
    ];
    prop_oneof![
        4 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, to)| Damage::Byte(at, to)),
        4 => (any::<prop::sample::Index>(), word).prop_map(|(at, to)| Damage::Word(at, to)),
        1 => any::<prop::sample::Index>().prop_map(Damage::Cut),
        1 => any::<prop::sample::Index>().prop_map(Damage::Repeat),
    ]
}

/// `file` with damage in its first `reach` bytes or its last; headers and tables stand there.
fn damaged(mut file: Vec<u8>, reach: usize, damages: &[(bool, Damage)]) -> Vec<u8> {
    for (head, damage) in damages {
        let reach = reach.min(file.len());
        if reach < 4 {
            break;
        }
        let start = if *head { 0 } else { file.len() - reach };
        match damage {
            Damage::Byte(at, to) => file[start + at.index(reach)] = *to,
            Damage::Word(at, to) => put(&mut file[start + at.index(reach) / 4 * 4..], 0, &[*to]),
            Damage::Cut(at) => file.truncate(start + at.index(reach)),
            Damage::Repeat(at) => file.extend_from_within(start + at.index(reach)..),
        }
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000, rng_seed: RngSeed::Fixed(1), failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_damage_to_an_elf_file_panics(
        reach in prop::sample::select(vec![180, 400, 4_000]),
        damages in prop::collection::vec((any::<bool>(), damage()), 1..6),
    ) {
        exercise(damaged(elf(), reach, &damages));
    }

    #[test]
    fn no_damage_to_a_hex_file_panics(
        reach in prop::sample::select(vec![60, 4_000]),
        damages in prop::collection::vec((any::<bool>(), damage()), 1..6),
    ) {
        exercise(damaged(hex().into_bytes(), reach, &damages));
    }

    #[test]
    fn no_hex_text_panics(text in "(:[0-9A-F]{10,24}\r?\n|:[^\n]{0,20}\n){0,8}") {
        exercise(text.into_bytes());
    }

    #[test]
    fn no_bytes_panic(
        head in prop::sample::select(vec![&b""[..], b":", b"\x7fELF", b"\x7fELF\x01\x01\x01"]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        exercise([head, &rest].concat());
    }

    #[test]
    fn what_is_written_reads_back(
        parts in prop::collection::vec((0_u32..0x100, prop::collection::vec(any::<u8>(), 1..60)), 0..6),
    ) {
        let mut bytes = bin();
        let mut all = vec![(FLASH.start, bytes.clone())];
        for (gap, part) in parts {
            bytes.resize(bytes.len() + 1 + gap as usize, ERASED);
            all.push((FLASH.start + bytes.len() as u32, part.clone()));
            bytes.extend(part);
        }
        let text = super::hex::write(all.iter().map(|(at, part)| (*at, part.as_slice())), None);
        let image = parsed(text.into_bytes());
        prop_assert_eq!(image.flash().1, bytes.as_slice());
        prop_assert_eq!(image.loaded().len(), all.len());
        let raw = parsed(image.to_bin());
        prop_assert_eq!(raw.flash(), image.flash());
    }
}
