//! Images for tests, made byte by byte and without the library under test.
//!
//! The ELF file is laid out like the firmware's: vectors and configuration in one segment, code in
//! another, here also initial values of variables and RAM that is only reserved.

use firmware::config::{Block, Config};

/// Where the configuration block of these images is.
pub(crate) const BLOCK: u32 = 0x0800_00C0;
/// What is loaded: vectors, block, code, and the initial values behind the code.
pub(crate) const LOADED: usize = CODE + 0x84 + DATA.len();

const CODE: usize = 0xC0 + 4 * Block::WORDS;
const DATA: [u8; 6] = *b"values";

/// A segment: where it runs, where it is loaded, how much of it is in the file.
struct Segment {
    run_at: u32,
    load_at: u32,
    bytes: Vec<u8>,
    size: u32,
}

/// The words of a block with this configuration.
pub(crate) fn block(config: &Config) -> Vec<u8> {
    let times = config.times().into_iter().map(|(.., time)| time.0);
    let words = [Block::MAGIC, Block::LAYOUT].into_iter().chain(times);
    words.chain([config.request_polarity as u32]).flat_map(u32::to_le_bytes).collect()
}

/// A raw image with this configuration.
pub(crate) fn bin(config: &Config) -> Vec<u8> {
    segments(config).iter().flat_map(|segment| segment.bytes.clone()).collect()
}

fn segments(config: &Config) -> [Segment; 4] {
    let code_at = 0x0800_0000 + CODE as u32;
    let words = [0x2000_0800, code_at | 1].into_iter().chain([0; 46]);
    let mut head: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    head.extend(block(config));
    let code: Vec<u8> = (0..0x84_u8).map(|n| n.wrapping_mul(37).wrapping_add(1)).collect();
    let loaded = |load_at: u32, run_at: u32, bytes: Vec<u8>| Segment {
        run_at,
        load_at,
        size: bytes.len() as u32,
        bytes,
    };
    [
        loaded(0x0800_0000, 0x0800_0000, head),
        loaded(code_at, code_at, code),
        loaded(code_at + 0x84, 0x2000_0000, DATA.to_vec()),
        Segment { run_at: 0x2000_0008, load_at: 0x2000_0008, bytes: Vec::new(), size: 0x40 },
    ]
}

/// An ELF image with this configuration, with sections and symbols.
pub(crate) fn elf(config: &Config) -> Vec<u8> {
    const HEADER: usize = 52;
    let segments = segments(config);
    let code = segments[1].run_at;
    let mut file = vec![0; HEADER + 32 * segments.len()];

    let mut names = Strings::default();
    let mut sections: Vec<[u32; 10]> = vec![[0; 10]];
    for (index, (segment, name)) in
        segments.iter().zip([".config", ".text", ".data", ".uninit"]).enumerate()
    {
        let offset = file.len() as u32;
        file.extend(&segment.bytes);
        // PT_LOAD, readable and writable.
        let header = [
            1,
            offset,
            segment.run_at,
            segment.load_at,
            segment.bytes.len() as u32,
            segment.size,
            6,
            4,
        ];
        put(&mut file, HEADER + 32 * index, &header);
        // PROGBITS or NOBITS, ALLOC.
        let kind = if segment.bytes.is_empty() { 8 } else { 1 };
        let name = names.add(name);
        sections.push([name, kind, 2, segment.run_at, offset, segment.size, 0, 0, 4, 0]);
    }

    let mut strings = Strings::default();
    let mut symbols = vec![0; 16];
    // A function (2) with its Thumb bit, an object (1), a mapping symbol (0), something undefined.
    for (name, value, size, kind, section) in [
        ("Reset", code | 1, 0x84, 2, 2_u16),
        ("HOLDUP_CONFIG", BLOCK, 4 * Block::WORDS as u32, 1, 1),
        ("$t", code, 0, 0, 2),
        ("missing", 0, 0, 2, 0),
    ] {
        symbols.extend([strings.add(name), value, size].into_iter().flat_map(u32::to_le_bytes));
        symbols.extend([0x10 | kind, 0]);
        symbols.extend(section.to_le_bytes());
    }
    let tables = [
        (".symtab", 2, symbols, [6, 1, 4, 16]),
        (".strtab", 3, strings.0, [0, 0, 1, 0]),
        (".shstrtab", 3, Vec::new(), [0, 0, 1, 0]),
    ];
    for (name, kind, bytes, rest) in tables {
        let name = names.add(name);
        let bytes = if bytes.is_empty() { names.0.clone() } else { bytes };
        let (offset, size) = (file.len() as u32, bytes.len() as u32);
        let [link, info, align, entry] = rest;
        sections.push([name, kind, 0, 0, offset, size, link, info, align, entry]);
        file.extend(bytes);
    }

    let (table, count) = (file.len() as u32, sections.len() as u16);
    file.extend(sections.iter().flatten().copied().flat_map(u32::to_le_bytes));
    file[..16].copy_from_slice(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0");
    // Executable, ARM; then version, entry, tables, flags; then sizes and counts.
    put(&mut file, 16, &[2 | 40 << 16, 1, code | 1, HEADER as u32, table, 0x0500_0200]);
    let halves = [HEADER as u16, 32, segments.len() as u16, 40, count, count - 1];
    for (index, half) in halves.into_iter().enumerate() {
        file[40 + 2 * index..][..2].copy_from_slice(&half.to_le_bytes());
    }
    file
}

/// Writes words over what is at `offset`.
pub(crate) fn put(file: &mut [u8], offset: usize, words: &[u32]) {
    for (place, word) in file[offset..].chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

/// A string table.
struct Strings(Vec<u8>);

impl Default for Strings {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Strings {
    /// The offset of a new string.
    fn add(&mut self, text: &str) -> u32 {
        let offset = self.0.len() as u32;
        self.0.extend(text.as_bytes());
        self.0.push(0);
        offset
    }
}
