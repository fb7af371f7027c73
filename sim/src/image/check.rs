//! Whether what a file says fits the chip: addresses, sizes, the vector table.
//!
//! The core reads two words at the start of the flash when it starts, the stack pointer and the address
//! of the first instruction, odd because it is Thumb code. An image without them cannot run.
//! Leaves out the other vectors: the firmware takes no interrupt.

use std::ops::Range;

use super::{Contents, FLASH, Format, RAM, STACKS};
use crate::document::{Problem, Problems};

/// The whole of the RAM's part of the address space, whichever chip it is.
const RAM_REGION: Range<u32> = 0x2000_0000..0x4000_0000;

/// The parts of the flash that are loaded, merged and in order, if all of it fits the chip.
pub(super) fn fits(
    name: &str,
    format: Format,
    contents: &Contents,
) -> Result<Vec<Range<u32>>, Problems> {
    let mut problems = Vec::new();
    let mut parts: Vec<(Range<u32>, &str)> = Vec::new();
    let (start, size) = (FLASH.start, FLASH.end - FLASH.start);
    for load in contents.loads.iter().filter(|load| !load.bytes.is_empty()) {
        let (address, end, origin) = (load.address, load.end(), &load.origin);
        if !FLASH.contains(&address) {
            let message = format!(
                "{name}: {origin} loads {address:#010x}..{end:#010x}, outside the flash ({:#010x}..{:#010x})",
                FLASH.start, FLASH.end
            );
            problems.push(Problem::bad(message).help("is this an image for another chip?"));
        } else if end > u64::from(FLASH.end) {
            let message = format!(
                "{name} is too large: {origin} ends at {end:#010x}, the chip's {size} bytes of flash end at {:#010x}",
                FLASH.end
            );
            let guess = match format {
                Format::Bin => format!(
                    "it is neither ELF nor Intel HEX, so it was taken for a raw binary at {start:#010x}"
                ),
                Format::Elf | Format::Hex => "is this an image for another chip?".to_owned(),
            };
            problems.push(Problem::bad(message).help(guess));
        } else {
            // It ends in the flash, so it fits 32 bits.
            parts.push((address..u32::try_from(end).unwrap_or(FLASH.end), origin));
        }
    }
    parts.sort_by_key(|(part, _)| part.start);
    for pair in parts.windows(2) {
        if let [(first, one), (second, other)] = pair
            && second.start < first.end
        {
            let message = format!("{name}: {one} and {other} both load {:#010x}", second.start);
            problems.push(Problem::bad(message).help("each byte of the flash is given once"));
        }
    }
    problems.extend(ram(name, contents));
    Problems::check(problems)?;
    let mut merged: Vec<Range<u32>> = Vec::new();
    for (part, _) in parts {
        match merged.last_mut() {
            Some(last) if last.end == part.start => last.end = part.end,
            Some(_) | None => merged.push(part),
        }
    }
    Ok(merged)
}

/// Sections that do not fit the RAM.
fn ram<'a>(name: &'a str, contents: &'a Contents) -> impl Iterator<Item = Problem> + 'a {
    contents.sections.iter().filter(|section| RAM_REGION.contains(&section.address)).filter_map(
        move |section| {
            let end = u64::from(section.address) + u64::from(section.size);
            (end > u64::from(RAM.end)).then(|| {
                let message = format!(
                    "{name} needs too much RAM: section {} ends at {end:#010x}, the chip's {} bytes end at {:#010x}",
                    section.name,
                    RAM.end - RAM.start,
                    RAM.end
                );
                Problem::bad(message).help("is this an image for another chip?")
            })
        },
    )
}

/// The stack pointer and the first instruction's address, which the core reads from the flash.
pub(super) fn vectors(
    name: &str,
    format: Format,
    loaded: &[Range<u32>],
    flash: &[u8],
) -> Result<(), Problems> {
    let help = |problem: Problem| match format {
        Format::Bin => problem.help(format!(
            "it is neither ELF nor Intel HEX, so it was taken for a raw binary at {:#010x}",
            FLASH.start
        )),
        Format::Elf | Format::Hex => problem,
    };
    let begins =
        loaded.first().is_some_and(|part| part.start == FLASH.start && part.end >= FLASH.start + 8);
    let (Some(stack), Some(reset), true) = (word(flash, 0), word(flash, 4), begins) else {
        let message = format!(
            "{name} has no vector table: eight bytes or more must be loaded at {:#010x}",
            FLASH.start
        );
        return Err(help(Problem::bad(message)).into());
    };
    let mut problems = Vec::new();
    if !STACKS.contains(&stack) {
        problems.push(help(Problem::bad(format!(
            "{name} has no vector table: its first word is {stack:#010x}, expected a stack pointer within {:#010x}..={:#010x}",
            STACKS.start(),
            STACKS.end()
        ))));
    }
    if reset & 1 == 0 || !loaded.iter().any(|part| part.contains(&(reset & !1))) {
        let end = loaded.last().map_or(FLASH.start, |last| last.end);
        problems.push(help(Problem::bad(format!(
            "{name} has no vector table: its second word is {reset:#010x}, expected the odd address of code in {:#010x}..{end:#010x}",
            FLASH.start
        ))));
    }
    Problems::check(problems)
}

/// The word at `offset` in little-endian bytes.
pub(super) fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    let (word, _) = bytes.get(offset..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*word))
}
