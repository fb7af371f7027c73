//! A firmware image: what is loaded into the chip, whatever kind of file it comes in.
//!
//! ELF, Intel HEX and raw binaries are told apart by content. Whatever the format, an [`Image`] fits
//! the chip and starts with a vector table; anything else is an error when it is read. What is wrong is
//! told all at once, as far as one thing can be judged without another.
//!
//! Assumes the STM32L011x4 (`firmware/stm32l011.ld`): 16 KiB of flash, 2 KiB of RAM, flash that reads
//! zero when erased. A raw binary has no addresses and is taken to begin where the flash does.
//! Leaves out the EEPROM and the option bytes: an image that would write them is refused.

mod check;
pub mod configure;
mod elf;
mod hex;
#[cfg(test)]
mod sample;
pub mod size;
pub mod stack;
mod store;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read as _;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use crate::document::{Problem, Problems};

/// The chip's flash.
pub const FLASH: Range<u32> = 0x0800_0000..0x0800_4000;
/// The chip's RAM.
pub const RAM: Range<u32> = 0x2000_0000..0x2000_0800;
/// What erased flash reads, and so what gaps in an image hold.
pub const ERASED: u8 = 0x00;

/// Where a stack may begin: it grows down, so the end of the RAM is one of them.
const STACKS: RangeInclusive<u32> = RAM.start..=RAM.end;

/// The largest file that is read. Debug information makes images some thousand times as large as
/// what is loaded of them.
const MAX_BYTES: u64 = 64 << 20;

/// A kind of image file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 32-bit little-endian ARM ELF, linked.
    Elf,
    /// Intel HEX.
    Hex,
    /// Raw bytes from the start of the flash.
    Bin,
}

impl Format {
    /// The format of a file with this content.
    ///
    /// A raw binary starts with a stack pointer in RAM, which neither of the other signs can be.
    #[must_use]
    pub fn of(file: &[u8]) -> Self {
        if file.starts_with(elf::MAGIC) {
            Self::Elf
        } else if file.trim_ascii_start().starts_with(b":") {
            Self::Hex
        } else {
            Self::Bin
        }
    }
}

/// The image that is checked in, so that nobody needs a cross compiler to have one.
///
/// # Panics
/// Never: a test reads it.
#[must_use]
pub fn release() -> Image {
    const FILE: &[u8] = include_bytes!("../../../firmware/image/holdup-firmware.elf");
    match Image::parse("the release image", FILE.to_vec()) {
        Ok(image) => image,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

/// What a symbol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// Code.
    Function,
    /// Data.
    Object,
}

/// A function or an object of an ELF image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The name, as the linker knows it.
    pub name: String,
    /// Where it starts. A function's Thumb bit is taken off.
    pub address: u32,
    /// Bytes; zero if the assembler did not say.
    pub size: u32,
    /// What it is.
    pub kind: SymbolKind,
}

/// A section of an ELF image that takes memory on the chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Where it is at run time.
    pub address: u32,
    /// Bytes.
    pub size: u32,
    /// Whether the image holds its contents; else it only takes room.
    pub loaded: bool,
}

/// A firmware image that fits the chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    name: String,
    file: Vec<u8>,
    format: Format,
    contents: Contents,
    /// From the start of the flash to the last byte that is loaded.
    flash: Vec<u8>,
    /// The parts of the flash that the file gives, in order, neighbours merged.
    loaded: Vec<Range<u32>>,
}

/// What a file says, before it is held against the chip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Contents {
    loads: Vec<Load>,
    entry: Option<u32>,
    sections: Vec<Section>,
    symbols: Vec<Symbol>,
}

/// Bytes that the file wants to have in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Load {
    address: u32,
    bytes: Vec<u8>,
    /// Where the file holds these bytes as they are.
    offset: Option<usize>,
    /// What of the file this is, for messages.
    origin: String,
}

impl Load {
    /// The address behind the last byte; it may be the end of the address space.
    fn end(&self) -> u64 {
        u64::from(self.address) + self.bytes.len() as u64
    }
}

impl Image {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or is no image for this chip.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let io = |error: std::io::Error| Problems::from(Problem::io(path, &error));
        let name = path.display().to_string();
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(Problem::bad(format!("{name} is a folder, not a file")).into());
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Problem::bad(format!("{name} is larger than 64 MiB")).into());
        }
        Self::parse(&name, bytes)
    }

    /// Reads a file's content; `name` is how messages call the file.
    ///
    /// # Errors
    /// It is no image for this chip.
    pub fn parse(name: &str, file: Vec<u8>) -> Result<Self, Problems> {
        if file.is_empty() {
            return Err(Problem::bad(format!("{name} is empty")).into());
        }
        let format = Format::of(&file);
        let contents = match format {
            Format::Elf => elf::read(name, &file)?,
            Format::Hex => hex::read(name, &file)?,
            Format::Bin => Contents {
                loads: vec![Load {
                    address: FLASH.start,
                    bytes: file.clone(),
                    offset: Some(0),
                    origin: "the file".to_owned(),
                }],
                ..Contents::default()
            },
        };
        let loaded = check::fits(name, format, &contents)?;
        let mut flash = vec![ERASED; loaded.last().map_or(0, |last| offset(last.end))];
        for load in &contents.loads {
            let at = offset(load.address);
            if let Some(place) = flash.get_mut(at..at + load.bytes.len()) {
                place.copy_from_slice(&load.bytes);
            }
        }
        check::vectors(name, format, &loaded, &flash)?;
        Ok(Self { name: name.to_owned(), file, format, contents, flash, loaded })
    }

    /// How messages call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of file it is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The file, byte for byte.
    #[must_use]
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// What is loaded, from the start of the flash on; gaps are [`ERASED`].
    #[must_use]
    pub fn flash(&self) -> (u32, &[u8]) {
        (FLASH.start, &self.flash)
    }

    /// The parts of the flash that the file gives, in order.
    #[must_use]
    pub fn loaded(&self) -> &[Range<u32>] {
        &self.loaded
    }

    /// Where execution starts, if the file says.
    #[must_use]
    pub fn entry(&self) -> Option<u32> {
        self.contents.entry
    }

    /// Functions and objects in order of their addresses; only an ELF file has them.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.contents.symbols
    }

    /// The sections that take memory, in the file's order; only an ELF file has them.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.contents.sections
    }

    /// The bytes of a section of debug information, by its name; only an ELF file has them.
    pub(crate) fn debug_section(&self, name: &str) -> Option<&[u8]> {
        match self.format {
            Format::Elf => elf::debug_section(&self.file, name),
            Format::Hex | Format::Bin => None,
        }
    }

    /// Bytes of flash that the image takes, initial values of variables included, gaps not.
    #[must_use]
    pub fn flash_used(&self) -> u32 {
        self.loaded.iter().map(|part| part.end - part.start).sum()
    }

    /// Bytes of RAM that are spoken for before the stack; only an ELF file tells.
    #[must_use]
    pub fn static_ram(&self) -> Option<u32> {
        let sections = &self.contents.sections;
        let in_ram = sections.iter().filter(|section| RAM.contains(&section.address));
        let sum = in_ram.fold(0_u32, |sum, section| sum.saturating_add(section.size));
        (!sections.is_empty()).then_some(sum)
    }

    /// As a raw binary: the flash from its start to the last byte that is loaded.
    #[must_use]
    pub fn to_bin(&self) -> Vec<u8> {
        self.flash.clone()
    }

    /// As Intel HEX; what is not loaded is left out.
    #[must_use]
    pub fn to_hex(&self) -> String {
        let parts = self.loaded.iter().map(|part| {
            let bytes = self.flash.get(offset(part.start)..offset(part.end));
            (part.start, bytes.unwrap_or_default())
        });
        hex::write(parts, self.contents.entry)
    }

    /// The same image with other bytes at `address`, in the same format. Nothing else in the file of
    /// an ELF or raw image changes; a HEX file is written anew.
    ///
    /// # Errors
    /// Not all of these bytes are loaded by the image, or changing them would change others as well.
    pub fn patched(&self, address: u32, bytes: &[u8]) -> Result<Self, Problems> {
        let mut wanted = self.clone();
        let mut file = self.file.clone();
        for (at, byte) in (u64::from(address)..).zip(bytes) {
            let Some((load, index)) = self.position(at) else {
                let message = format!("{} loads nothing at {at:#010x}", self.name);
                return Err(Problem::bad(message).into());
            };
            if let Some(place) =
                wanted.flash.get_mut(at.saturating_sub(FLASH.start.into()) as usize)
            {
                *place = *byte;
            }
            if let Some(place) = load.offset.and_then(|offset| file.get_mut(offset + index)) {
                *place = *byte;
            }
        }
        let file = match self.format {
            Format::Elf | Format::Bin => file,
            Format::Hex => wanted.to_hex().into_bytes(),
        };
        let patched = Self::parse(&self.name, file)?;
        if patched.flash == wanted.flash && patched.loaded == self.loaded {
            return Ok(patched);
        }
        // Only a contrived ELF file gets here: two segments, or a header, in the same bytes.
        let message = format!("{} uses its bytes for {address:#010x} twice", self.name);
        Err(Problem::bad(message).help("link the image without overlapping segments").into())
    }

    /// What holds the byte at `address`, and the index in it.
    fn position(&self, address: u64) -> Option<(&Load, usize)> {
        let loads = &self.contents.loads;
        let load =
            loads.iter().find(|load| (u64::from(load.address)..load.end()).contains(&address))?;
        Some((load, (address - u64::from(load.address)) as usize))
    }
}

/// Bytes from the start of the flash to `address`, which is in it or at its end.
fn offset(address: u32) -> usize {
    address.saturating_sub(FLASH.start) as usize
}

/// A mangled name as people write it, without the crates' hashes.
pub(crate) fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
