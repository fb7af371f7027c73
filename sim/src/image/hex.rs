//! Intel HEX, read strictly and written plainly.
//!
//! A record is `:LLAAAATT<data>CC`: length, address, type, data, and a checksum that makes the sum of
//! all bytes zero. Types: 00 data, 01 end, 02 and 04 the upper part of the address (in steps of 16 and
//! of 65536), 03 and 05 where execution starts.
//!
//! Every line must be a record, the last one the end; every bad line is told with its number.
//! Written are data records of 16 bytes, with type 04 before each new 64 KiB and type 05 if the start
//! of execution is known. A start in the old form (03) has no meaning for this core and is left out.

use std::fmt::Write as _;
use std::ops::Range;

use super::{Contents, Load};
use crate::document::{Place, Problem, ProblemKind, Problems};

/// Bytes of data in a record that is written.
const ROW: usize = 16;
/// Digits of the longest record: length, address, type, 255 bytes, checksum.
const LONGEST: usize = 2 * (1 + 2 + 1 + 255 + 1);

/// A line of the file.
#[derive(Clone, Copy)]
struct Line<'a> {
    name: &'a str,
    number: usize,
    offset: usize,
    text: &'a [u8],
}

/// A record whose length and checksum are right.
struct Record {
    address: u16,
    kind: u8,
    data: Vec<u8>,
}

/// What the upper part of the address is, and so how the lower one is added.
#[derive(Clone, Copy)]
enum Base {
    /// Records of type 04, or none: addresses are 32 bits wide.
    Linear(u32),
    /// A record of type 02: an address does not leave its 64 KiB.
    Segment(u32),
}

/// What the file says.
pub(super) fn read(name: &str, file: &[u8]) -> Result<Contents, Problems> {
    let mut contents = Contents::default();
    let mut problems = Vec::new();
    let mut base = Base::Linear(0);
    let mut runs: Vec<Run> = Vec::new();
    let mut ended = false;
    let mut rest = Vec::new();
    for line in lines(name, file) {
        if problems.len() > Problems::MOST {
            break;
        }
        if ended {
            rest.push(line);
            continue;
        }
        let record = match line.record() {
            Ok(record) => record,
            Err(found) => {
                problems.extend(found.into_list());
                continue;
            }
        };
        match (record.kind, record.data.as_slice()) {
            (0, data) => match base.address(record.address, data.len()) {
                Some(address) => add(&mut runs, line.number, address, data),
                None => {
                    problems.push(line.whole("the data wraps round", "expected an end before it"))
                }
            },
            (1, []) => ended = true,
            (2, &[high, low]) => {
                base = Base::Segment(u32::from(u16::from_be_bytes([high, low])) << 4);
            }
            (3, [_, _, _, _]) => {}
            (4, &[high, low]) => {
                base = Base::Linear(u32::from(u16::from_be_bytes([high, low])) << 16);
            }
            (5, &[a, b, c, d]) => contents.entry = Some(u32::from_be_bytes([a, b, c, d])),
            (1..=5, data) => problems.push(line.whole(
                format!("data of length {} in a record of this type", data.len()),
                format!("expected a length of {}", [0, 2, 4, 2, 4][usize::from(record.kind) - 1]),
            )),
            (_, _) => {
                problems.push(line.problem(7..9, "an unknown type of record", "expected 00 to 05"))
            }
        }
    }
    if let [first, ..] = rest.as_slice() {
        problems.push(first.whole("a record follows the end", "expected nothing more"));
    }
    if !ended && problems.len() <= Problems::MOST {
        let message = format!("{name} is cut off: its last record is not the end (:00000001FF)");
        problems.push(Problem::bad(message).help("copy or build the file once more"));
    }
    Problems::check(problems)?;
    contents.loads = runs.into_iter().map(Run::load).collect();
    Ok(contents)
}

/// Records whose data follow one another.
struct Run {
    address: u32,
    bytes: Vec<u8>,
    first: usize,
    last: usize,
}

impl Run {
    fn load(self) -> Load {
        let origin = if self.first == self.last {
            format!("line {}", self.first)
        } else {
            format!("lines {} to {}", self.first, self.last)
        };
        Load { address: self.address, bytes: self.bytes, offset: None, origin }
    }
}

fn add(runs: &mut Vec<Run>, line: usize, address: u32, data: &[u8]) {
    match runs.last_mut() {
        Some(run) if u64::from(run.address) + run.bytes.len() as u64 == u64::from(address) => {
            run.bytes.extend_from_slice(data);
            run.last = line;
        }
        Some(_) | None => {
            runs.push(Run { address, bytes: data.to_vec(), first: line, last: line });
        }
    }
}

impl Base {
    /// The address of a record's first byte, if its last one has an address too.
    fn address(self, low: u16, length: usize) -> Option<u32> {
        let (base, room) = match self {
            Self::Linear(base) => (base, (1_u64 << 32) - u64::from(base)),
            Self::Segment(base) => (base, 1 << 16),
        };
        let fits = u64::from(low) + length as u64 <= room;
        fits.then(|| base.checked_add(u32::from(low))).flatten()
    }
}

/// The lines that are not blank.
fn lines<'a>(name: &'a str, file: &'a [u8]) -> impl Iterator<Item = Line<'a>> {
    let mut offset = 0;
    file.split(|byte| *byte == b'\n').enumerate().filter_map(move |(index, text)| {
        let start = offset;
        offset += text.len() + 1;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let blank = text.trim_ascii().is_empty();
        (!blank).then_some(Line { name, number: index + 1, offset: start, text })
    })
}

impl Line<'_> {
    fn record(self) -> Result<Record, Problems> {
        let Some(digits) = self.text.strip_prefix(b":") else {
            let found = "a line that is no record";
            return Err(self.problem(0..1, found, "expected `:`").into());
        };
        if let Some(at) = digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
            let found = "a character that is no hexadecimal digit";
            return Err(self.problem(1 + at..2 + at, found, "expected 0 to 9 or A to F").into());
        }
        let bytes: Vec<u8> = digits.chunks_exact(2).filter_map(byte_of).collect();
        let [length, high, low, kind, data @ .., sum] = bytes.as_slice() else {
            return Err(self
                .whole("a record that is too short", "expected 11 characters or more")
                .into());
        };
        let expected = 1 + 2 * (5 + usize::from(*length));
        if self.text.len() != expected {
            let found = format!("a record of {} characters", self.text.len());
            return Err(self.whole(found, format!("its length says {expected}")).into());
        }
        let total = bytes.iter().fold(0_u8, |total, byte| total.wrapping_add(*byte));
        if total != 0 {
            let end = self.text.len();
            let label = format!("expected {:02X}", sum.wrapping_sub(total));
            return Err(self.problem(end - 2..end, "a wrong checksum", label).into());
        }
        let address = u16::from_be_bytes([*high, *low]);
        Ok(Record { address, kind: *kind, data: data.to_vec() })
    }

    /// A problem of the whole line.
    fn whole(self, message: impl Into<String>, label: impl Into<String>) -> Problem {
        self.problem(0..self.text.len(), message, label)
    }

    /// A problem of some characters of the line.
    fn problem(
        self,
        marked: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Problem {
        // Whatever stands in the line, the excerpt is short and its columns are those of the line.
        let shown = self.text.iter().take(1 + LONGEST);
        let excerpt: String = shown
            .map(
                |byte| {
                    if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' }
                },
            )
            .collect();
        let end = marked.end.min(excerpt.len());
        let start = marked.start.min(end);
        let message = format!("line {}: {}", self.number, message.into());
        Problem {
            kind: ProblemKind::BadInput,
            message,
            place: Some(Place {
                path: self.name.to_owned(),
                offset: self.offset + start,
                line: self.number,
                column: start + 1,
                excerpt,
                marked: start..end,
                label: label.into(),
            }),
            helps: Vec::new(),
        }
    }
}

/// The byte that two digits write.
fn byte_of(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The file for these parts, which are in order of their addresses.
pub(super) fn write<'a>(
    parts: impl Iterator<Item = (u32, &'a [u8])>,
    entry: Option<u32>,
) -> String {
    let mut text = String::new();
    let mut upper = 0;
    for (start, bytes) in parts {
        let mut address = start;
        let mut rest = bytes;
        while !rest.is_empty() {
            // Rows end where a dump's rows do, and so never cross a border of 64 KiB.
            let room = ROW - address as usize % ROW;
            let (row, more) = rest.split_at(room.min(rest.len()));
            if address >> 16 != upper {
                upper = address >> 16;
                push(&mut text, 0, 4, &(upper as u16).to_be_bytes());
            }
            push(&mut text, address as u16, 0, row);
            address = address.wrapping_add(row.len() as u32);
            rest = more;
        }
    }
    if let Some(entry) = entry {
        push(&mut text, 0, 5, &entry.to_be_bytes());
    }
    push(&mut text, 0, 1, &[]);
    text
}

fn push(text: &mut String, address: u16, kind: u8, data: &[u8]) {
    let [high, low] = address.to_be_bytes();
    // At most ROW bytes.
    let head = [data.len() as u8, high, low, kind];
    let bytes = head.iter().chain(data);
    let sum = bytes.clone().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    text.push(':');
    for byte in bytes.chain([&sum]) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\n');
}
