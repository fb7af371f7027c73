//! Which function an instruction belongs to, for reports.

use crate::image::{Image, SymbolKind};

/// The functions of an image, by rising address.
#[derive(Debug, Default)]
pub(super) struct Symbols(Vec<Function>);

#[derive(Debug)]
struct Function {
    address: u32,
    /// Bytes; up to the next function if the assembler did not say.
    size: u32,
    name: String,
}

impl Symbols {
    /// Those of `image`; only an ELF file has them.
    pub(super) fn of(image: &Image) -> Self {
        let functions = image.symbols().iter().filter(|symbol| symbol.kind == SymbolKind::Function);
        Self(
            functions
                .map(|symbol| Function {
                    address: symbol.address,
                    size: symbol.size,
                    name: format!("{:#}", rustc_demangle::demangle(&symbol.name)),
                })
                .collect(),
        )
    }

    /// The function in which the instruction at `pc` lies.
    pub(super) fn name(&self, pc: u32) -> Option<String> {
        let after = self.0.partition_point(|function| function.address <= pc);
        let function = self.0.get(after.checked_sub(1)?)?;
        let inside = function.size == 0 || pc - function.address < function.size;
        inside.then(|| function.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image;

    #[test]
    fn functions_are_named_without_hashes() {
        let symbols = Symbols::of(&image::release());
        let reset =
            image::release().symbols().iter().find(|s| s.name == "Reset").map(|s| s.address);
        let reset = reset.expect("the image has a reset handler");
        assert_eq!(symbols.name(reset).as_deref(), Some("Reset"));
        assert_eq!(symbols.name(reset + 2).as_deref(), Some("Reset"));
        assert_eq!(symbols.name(0x0800_3FF0), None);
        assert_eq!(symbols.name(0), None);
        let hashed = symbols.0.iter().find(|function| function.name.contains("17h"));
        assert!(hashed.is_none(), "{hashed:?}");
    }
}
