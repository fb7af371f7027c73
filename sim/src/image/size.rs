//! What an image takes of the chip, held against the firmware's limits (R18), and beside the image that
//! is checked in.
//!
//! Flash and static RAM are read off the file. The stack is a bound proven from the machine code
//! ([`stack`]), exceptions included. An image whose code could panic fails, whatever its
//! size: functions of `core::panicking` and of formatting are looked for by name.
//!
//! Only an ELF file tells all this. Leaves out time and current.

use std::fmt::{self, Write as _};

use super::stack::{self, Bound, Chain, Entries, Function};
use super::{Image, SymbolKind, readable};
use crate::document::{Problem, Problems};

/// A limit of R18.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What it limits.
    pub what: &'static str,
    /// Bytes.
    pub limit: u32,
}

/// Flash of the smaller part, STM32L011x3.
pub const FLASH: Budget = Budget { what: "flash", limit: 8_192 };
/// RAM that is spoken for before the stack.
pub const STATIC_RAM: Budget = Budget { what: "static RAM", limit: 512 };
/// The stack, exceptions included.
pub const STACK: Budget = Budget { what: "stack", limit: 512 };

/// Parts of names that only functions have which a panic or its message needs.
const PANIC: [&str; 4] = ["core::panicking", "core::fmt", "rust_begin_unwind", "unwrap_failed"];

/// What one image takes.
#[derive(Clone, Debug)]
pub struct Size {
    /// Bytes of flash.
    pub flash: u32,
    /// Bytes of RAM before the stack.
    pub static_ram: u32,
    /// The stack's bound and where it comes from.
    pub stack: Bound,
    /// Sections that take memory: name, bytes.
    pub sections: Vec<(String, u32)>,
    /// Functions that only a panic needs.
    pub panics: Vec<String>,
}

impl Size {
    /// Measures an ELF image.
    ///
    /// # Errors
    /// It is in another format, or its stack cannot be bounded.
    pub fn of(image: &Image) -> Result<Self, Problems> {
        let Some(static_ram) = image.static_ram() else {
            let message = format!("{} does not tell its sizes: expected an ELF file", image.name());
            return Err(Problem::bad(message).help("name the .elf beside it").into());
        };
        let functions: Vec<Function> = image
            .symbols()
            .iter()
            .filter(|symbol| symbol.kind == SymbolKind::Function)
            .map(|symbol| Function {
                name: readable(&symbol.name),
                address: symbol.address,
                size: symbol.size,
            })
            .collect();
        let (base, flash) = image.flash();
        let stack = Entries::from_vectors(base, flash)
            .and_then(|entries| stack::bound(base, flash, &functions, entries))
            .map_err(|error| {
                Problem::bad(format!("{}: the stack has no bound: {error}", image.name()))
                    .help("recursion, calls through pointers and frames of unknown size have none")
                    .help("is it an image of this firmware, with its symbols?")
            })?;
        let is_panic = |name: &&String| PANIC.iter().any(|part| name.contains(part));
        Ok(Self {
            flash: image.flash_used(),
            static_ram,
            stack,
            sections: image
                .sections()
                .iter()
                .filter(|section| section.size > 0)
                .map(|section| (section.name.clone(), section.size))
                .collect(),
            panics: functions.iter().map(|f| &f.name).filter(is_panic).cloned().collect(),
        })
    }

    fn rows(&self) -> [(Budget, u32); 3] {
        [(FLASH, self.flash), (STATIC_RAM, self.static_ram), (STACK, self.stack.total())]
    }

    /// Whether everything is within its budget and nothing can panic.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.panics.is_empty() && self.rows().iter().all(|(budget, used)| *used <= budget.limit)
    }
}

/// A size as text, beside that of the image that is checked in.
#[derive(Clone, Debug)]
pub struct Report {
    /// The image that is asked about.
    pub size: Size,
    /// The one that is checked in.
    pub release: Size,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12} {:>8} {:>10} {:>8} {:>10}",
            "", "used [B]", "budget [B]", "left [B]", "change [B]"
        )?;
        for ((budget, used), (_, before)) in self.size.rows().into_iter().zip(self.release.rows()) {
            let left = i64::from(budget.limit) - i64::from(used);
            let change = i64::from(used) - i64::from(before);
            let over = if left < 0 { "  over budget" } else { "" };
            writeln!(
                f,
                "{:<12} {used:>8} {:>10} {left:>8} {change:>+10}{over}",
                budget.what, budget.limit
            )?;
        }
        writeln!(f, "change: against the image that is checked in")?;
        f.write_str("\nsections [B]   ")?;
        for (index, (name, bytes)) in self.size.sections.iter().enumerate() {
            write!(f, "{}{name} {bytes}", if index > 0 { ", " } else { "" })?;
        }
        let bound = &self.size.stack;
        writeln!(f, "\nthread [B]     {}", chain(&bound.thread))?;
        let exceptions = bound.exception_bytes();
        writeln!(f, "exceptions [B] {exceptions}: a fault, and an NMI within it")?;
        match self.size.panics.as_slice() {
            [] => writeln!(f, "panic code     none"),
            some => writeln!(f, "panic code     {}", some.join(", ")),
        }
    }
}

fn chain(chain: &Chain) -> String {
    let mut text = format!("{}:", chain.bytes);
    for (index, link) in chain.links.iter().enumerate() {
        let arrow = if index > 0 { " >" } else { "" };
        let _ = write!(text, "{arrow} {} {}", link.function, link.bytes);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::release;

    #[test]
    fn the_release_image_keeps_its_limits() {
        let size = Size::of(&release()).unwrap();
        assert!(size.fits(), "{}", Report { release: size.clone(), size });
        // Growth is to be noticed: `docs/chip.md` accounts for what it is above the original's 6428 bytes.
        assert!(size.flash <= 6_720, "{}", size.flash);
    }

    #[test]
    fn what_is_over_budget_is_told() {
        let release = Size::of(&release()).unwrap();
        let size = Size {
            flash: FLASH.limit + 1,
            panics: vec!["core::panicking::panic".to_owned()],
            ..release.clone()
        };
        assert!(!size.fits());
        let text = Report { size, release }.to_string();
        assert!(text.contains("over budget") && text.contains("core::panicking::panic"), "{text}");
    }
}
