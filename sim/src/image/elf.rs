//! ELF: what is loaded where, the sections that take memory, the symbols.
//!
//! What is loaded are the `PT_LOAD` segments at their physical addresses, as any flashing tool does it;
//! so initial values of variables count where they lie in flash. Sections only tell how the memory is
//! used. A stripped file has neither sections nor symbols and is as good.
//!
//! The crate `object` reads the tables and checks their bounds; a file that lies about them is an error.
//! Debug information is found here and read elsewhere ([`crate::symbols`]).
//! Leaves out relocation and compressed sections.

use object::LittleEndian;
use object::elf::{self, FileHeader32};
use object::read::StringTable;
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _};

use super::{Contents, Load, Section, Symbol, SymbolKind};
use crate::document::{Problem, Problems};

/// How an ELF file begins.
pub(super) const MAGIC: &[u8] = &elf::ELFMAG;

type Header = FileHeader32<LittleEndian>;

/// What the file says.
pub(super) fn read(name: &str, file: &[u8]) -> Result<Contents, Problems> {
    identify(name, file)?;
    let damaged = |error: object::Error| Problems::from(damaged(name, &error.to_string()));
    let header = Header::parse(file).map_err(damaged)?;
    let sections = header.sections(LittleEndian, file).map_err(damaged)?;
    let mut contents = Contents {
        loads: loads(name, header, file)?,
        // Zero means that there is none.
        entry: Some(header.e_entry.get(LittleEndian)).filter(|entry| *entry != 0),
        ..Contents::default()
    };
    for section in sections.iter() {
        let flags = section.sh_flags(LittleEndian);
        let size = section.sh_size(LittleEndian);
        if flags.contains(elf::SHF_ALLOC) && size > 0 {
            let title = sections.section_name(LittleEndian, section).map_err(damaged)?;
            contents.sections.push(Section {
                name: String::from_utf8_lossy(title).into_owned(),
                address: section.sh_addr(LittleEndian),
                size,
                loaded: section.sh_type(LittleEndian) != elf::SHT_NOBITS,
            });
        }
    }
    let table = sections.symbols(LittleEndian, file, elf::SHT_SYMTAB).map_err(damaged)?;
    for symbol in table.iter() {
        contents.symbols.extend(read_symbol(symbol, table.strings()).map_err(damaged)?);
    }
    contents.symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    Ok(contents)
}

/// The bytes of a section that takes no memory on the chip, if the file has it whole and uncompressed.
pub(super) fn debug_section<'a>(file: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let sections = Header::parse(file).ok()?.sections(LittleEndian, file).ok()?;
    let (_, section) = sections.section_by_name(LittleEndian, name.as_bytes())?;
    let compressed = section.sh_flags(LittleEndian).contains(elf::SHF_COMPRESSED);
    if compressed { None } else { section.data(LittleEndian, file).ok() }
}

/// Refuses what is no linked program for this kind of core, and says what it is.
fn identify(name: &str, file: &[u8]) -> Result<(), Problems> {
    let byte = |at: usize| file.get(at).copied();
    let (Some(class), Some(order), Some(kind), Some(machine)) =
        (byte(4), byte(5), half(file, 16), half(file, 18))
    else {
        return Err(damaged(name, "the header is not complete").into());
    };
    let bits = match class {
        1 => "32-bit",
        2 => "64-bit",
        _ => return Err(damaged(name, &format!("there is no class {class} of files")).into()),
    };
    let endian = match order {
        1 => "little-endian",
        2 => "big-endian",
        _ => return Err(damaged(name, &format!("there is no byte order {order}")).into()),
    };
    if (bits, endian, machine) != ("32-bit", "little-endian", elf::EM_ARM.0) {
        let machine = machine_name(machine);
        let message = format!(
            "{name} is a {bits} {endian} ELF file for {machine}; expected 32-bit little-endian ARM"
        );
        let help = "build the firmware for the chip (thumbv6m-none-eabi), not for this computer";
        return Err(Problem::bad(message).help(help).into());
    }
    let found = match elf::FileType(kind) {
        elf::ET_EXEC => return Ok(()),
        elf::ET_REL => "an object file",
        elf::ET_DYN => "a shared library or a position-independent program",
        elf::ET_CORE => "a core dump",
        _ => "of an unknown type",
    };
    let message = format!("{name} is {found}; expected a linked program");
    Err(Problem::bad(message).help("name the file that the linker wrote").into())
}

/// The half-word at `offset`, in the order that the header names.
fn half(file: &[u8], offset: usize) -> Option<u16> {
    let (bytes, _) = file.get(offset..)?.split_first_chunk()?;
    Some(match file.get(5) {
        Some(2) => u16::from_be_bytes(*bytes),
        Some(_) | None => u16::from_le_bytes(*bytes),
    })
}

/// What people call the machines that they might have built for by mistake.
fn machine_name(machine: u16) -> String {
    let name = match elf::Machine(machine) {
        elf::EM_386 => "x86",
        elf::EM_MIPS => "MIPS",
        elf::EM_PPC | elf::EM_PPC64 => "PowerPC",
        elf::EM_ARM => "ARM",
        elf::EM_X86_64 => "x86-64",
        elf::EM_AVR => "AVR",
        elf::EM_XTENSA => "Xtensa",
        elf::EM_AARCH64 => "64-bit ARM",
        elf::EM_RISCV => "RISC-V",
        other => return format!("machine {}", other.0),
    };
    name.to_owned()
}

fn damaged(name: &str, why: &str) -> Problem {
    Problem::bad(format!("{name} is damaged or cut off: {why}"))
        .help("copy or build the file once more")
}

/// The segments that hold bytes to be loaded; one that holds none only takes room.
fn loads(name: &str, header: &Header, file: &[u8]) -> Result<Vec<Load>, Problems> {
    let segments = header
        .program_headers(LittleEndian, file)
        .map_err(|error| Problems::from(damaged(name, &error.to_string())))?;
    let mut loads = Vec::new();
    let mut problems = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        let size = segment.p_filesz(LittleEndian);
        if segment.p_type(LittleEndian) != elf::PT_LOAD || size == 0 {
            continue;
        }
        if size > segment.p_memsz(LittleEndian) {
            let why = format!("segment {index} holds more bytes than it takes in memory");
            problems.push(damaged(name, &why));
            continue;
        }
        let Ok(bytes) = segment.data(LittleEndian, file) else {
            let why = format!("segment {index} lies behind the end of the file");
            problems.push(damaged(name, &why));
            continue;
        };
        loads.push(Load {
            address: segment.p_paddr(LittleEndian),
            bytes: bytes.to_vec(),
            offset: usize::try_from(segment.p_offset(LittleEndian)).ok(),
            origin: format!("segment {index}"),
        });
    }
    Problems::check(problems)?;
    Ok(loads)
}

/// The symbol, if it is a function or an object that the image has.
fn read_symbol<'a>(
    symbol: &elf::Sym32<LittleEndian>,
    names: StringTable<'a, &'a [u8]>,
) -> object::Result<Option<Symbol>> {
    let (kind, mask) = match symbol.st_type() {
        elf::STT_FUNC => (SymbolKind::Function, !1),
        elf::STT_OBJECT => (SymbolKind::Object, !0),
        _ => return Ok(None),
    };
    if symbol.is_undefined(LittleEndian) {
        return Ok(None);
    }
    let name = symbol.name(LittleEndian, names)?;
    Ok(Some(Symbol {
        name: String::from_utf8_lossy(name).into_owned(),
        address: symbol.st_value(LittleEndian) & mask,
        size: symbol.st_size(LittleEndian),
        kind,
    }))
}
