//! Where in the source an address of an image is: function, file and line, what was inlined, who called.
//!
//! From the image's DWARF (versions 2 to 5, read by `gimli` and `addr2line`), and from its symbol
//! table. The symbol table has the last word on a function's name: it tells the crate and the module,
//! which line tables alone do not. Without DWARF its names are all there is, and a raw image has not
//! even those. Damaged debug information is as good as none; it is never an error and never a panic.
//!
//! Assumes a linked image that runs where it was linked. Leaves out compressed and split debug
//! information, variables, and names of C++, which stay mangled.

mod unwind;

use std::fmt;

use addr2line::Context;
use gimli::{DebugFrame, Dwarf, EndianSlice, LittleEndian};

use crate::image::{Image, SymbolKind, readable};

pub use unwind::{Registers, Return};

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// What an image knows about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// Nothing but bytes.
    Nothing,
    /// The functions' names.
    Names,
    /// Files and lines as well.
    Lines,
}

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file, as the compiler was told to call it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, if the compiler says.
    pub column: Option<u32>,
}

/// `file:line:column`, as compilers and editors write it.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// A function that is being executed, inlined or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name as people write it.
    pub function: Option<String>,
    /// Where in it.
    pub line: Option<Line>,
}

/// Where an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address, without a Thumb bit.
    pub address: u32,
    /// Bytes from the start of the function that is not inlined.
    pub offset: Option<u32>,
    /// What is executed, innermost first; all but the last were inlined. Never empty.
    pub frames: Vec<Frame>,
}

impl Place {
    /// The function that the linker knows.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.frames.last()?.function.as_deref()
    }

    /// The innermost line.
    #[must_use]
    pub fn line(&self) -> Option<&Line> {
        self.frames.first()?.line.as_ref()
    }
}

/// `function+0x12`, or the address alone.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.function(), self.offset) {
            (Some(function), Some(offset)) => write!(f, "{function}+{offset:#x}"),
            (Some(function), None) => f.write_str(function),
            (None, _) => write!(f, "{:#010x}", self.address),
        }
    }
}

/// A function of the symbol table.
#[derive(Debug)]
struct Function {
    name: String,
    address: u32,
    /// The address behind it.
    end: u32,
}

/// The functions of an image that have bytes, by rising address: names that need the image no more.
#[derive(Debug, Default)]
pub(crate) struct Functions(Vec<Function>);

/// An image's addresses in words.
pub struct Symbols<'a> {
    context: Option<Context<Reader<'a>>>,
    frames: Option<DebugFrame<Reader<'a>>>,
    functions: Functions,
}

impl fmt::Debug for Symbols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbols").field("known", &self.known()).finish_non_exhaustive()
    }
}

impl<'a> Symbols<'a> {
    /// Those of an image.
    #[must_use]
    pub fn of(image: &'a Image) -> Self {
        let section = |name: &str| {
            EndianSlice::new(image.debug_section(name).unwrap_or_default(), LittleEndian)
        };
        let dwarf = Dwarf::load(|id| Ok::<_, gimli::Error>(section(id.name())));
        let has = |name| image.debug_section(name).is_some_and(|bytes| !bytes.is_empty());
        let context = dwarf
            .ok()
            .filter(|_| has(".debug_info") && has(".debug_line"))
            .and_then(|dwarf| Context::from_dwarf(dwarf).ok());
        let frames = has(".debug_frame").then(|| {
            let mut frames = DebugFrame::from(section(".debug_frame"));
            // Old tables do not say how long their addresses are.
            frames.set_address_size(4);
            frames
        });
        Self { context, frames, functions: Functions::of(image) }
    }

    /// How much there is to tell.
    #[must_use]
    pub fn known(&self) -> Known {
        match (&self.context, self.functions.0.as_slice()) {
            (Some(_), _) => Known::Lines,
            (None, []) => Known::Nothing,
            (None, _) => Known::Names,
        }
    }

    /// Where an address is. An odd one names the instruction that it lies in, as a Thumb bit or a
    /// return address less one make it.
    #[must_use]
    pub fn place(&self, address: u32) -> Place {
        let mut frames = self.lines(address);
        let symbol = self.functions.at(address);
        if let Some(function) = symbol {
            let name = Some(function.name.clone());
            match frames.last_mut() {
                Some(last) => last.function = name,
                None => frames.push(Frame { function: name, line: None }),
            }
        }
        if frames.is_empty() {
            frames.push(Frame { function: None, line: None });
        }
        let address = address & !1;
        Place { address, offset: symbol.map(|function| address - function.address), frames }
    }

    /// Where a function of this name begins: the whole readable name, or its end behind `::`.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<(u32, &str)> {
        let is = |function: &&Function| {
            function.name.strip_suffix(name).is_some_and(|front| {
                front.is_empty() || front.ends_with("::") || front.ends_with('<')
            })
        };
        self.functions.0.iter().filter(is).map(|f| (f.address, f.name.as_str())).collect()
    }

    fn lines(&self, address: u32) -> Vec<Frame> {
        let Some(context) = &self.context else {
            return Vec::new();
        };
        let Ok(mut found) = context.find_frames(address.into()).skip_all_loads() else {
            return Vec::new();
        };
        let mut frames = Vec::new();
        // An inlined function has at least one byte of the function that it is inlined in, so more
        // frames than this are damage.
        while frames.len() < MOST_FRAMES
            && let Ok(Some(frame)) = found.next()
        {
            let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
            let line = frame.location.and_then(|location| {
                // Line zero: the compiler cannot tell which.
                let line = location.line.filter(|line| *line > 0)?;
                let column = location.column.filter(|column| *column > 0);
                Some(Line { file: location.file?.to_owned(), line, column })
            });
            frames.push(Frame { function: name.map(|name| readable(&name)), line });
        }
        frames
    }
}

/// The deepest inlining that is believed.
const MOST_FRAMES: usize = 64;

impl Functions {
    /// Those of an image; only an ELF file has them. One without a size reaches to the next one.
    pub(crate) fn of(image: &Image) -> Self {
        let symbols = image.symbols().iter().filter(|symbol| symbol.kind == SymbolKind::Function);
        let mut functions: Vec<Function> = symbols
            .map(|symbol| Function {
                name: readable(&symbol.name),
                address: symbol.address,
                end: symbol.address.saturating_add(symbol.size),
            })
            .collect();
        // Aliases: the first in the alphabet stands for all.
        functions.dedup_by_key(|function| function.address);
        let (start, flash) = image.flash();
        let mut end = start.saturating_add(flash.len() as u32);
        for function in functions.iter_mut().rev() {
            if function.end == function.address {
                function.end = end.max(function.address);
            }
            end = function.address;
        }
        Self(functions)
    }

    /// The name of the function that an address lies in.
    pub(crate) fn name(&self, address: u32) -> Option<&str> {
        self.at(address).map(|function| function.name.as_str())
    }

    fn at(&self, address: u32) -> Option<&Function> {
        let behind = self.0.partition_point(|function| function.address <= address);
        let function = self.0.get(behind.checked_sub(1)?)?;
        (address < function.end).then_some(function)
    }
}

#[cfg(test)]
mod tests;
