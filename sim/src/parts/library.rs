//! Where parts come from: a scenario's own `parts/` folders first, then what is built in.
//!
//! A part is asked for by name. The `parts/` folders are those beside the scenario file and beside
//! each folder above it, up to the folder that was asked for; the nearest wins, and any of them
//! wins over the part of the same name that is built in. Names cannot lead out of those folders.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::builtin::BUILTIN;
use super::{Stored, file};
use crate::document::{self, Problems, closest, listed};

/// The kinds of part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// [`Board`](super::Board).
    Board,
    /// [`Caps`](super::Caps).
    Caps,
    /// [`Supply`](super::Supply).
    Supply,
    /// [`Strip`](super::Strip).
    Strip,
    /// [`Cable`](super::Cable).
    Cable,
    /// [`Pi`](super::Pi).
    Pi,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Board, Self::Caps, Self::Supply, Self::Strip, Self::Cable, Self::Pi];

    /// Its name in scenarios and part files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Caps => "caps",
            Self::Supply => "supply",
            Self::Strip => "strip",
            Self::Cable => "cable",
            Self::Pi => "pi",
        }
    }

    /// The folder of its part files, below `parts/`.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Board => "boards",
            Self::Caps => "caps",
            Self::Supply => "supplies",
            Self::Strip => "strips",
            Self::Cable => "cables",
            Self::Pi => "pis",
        }
    }
}

/// A part that is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// Its kind.
    pub kind: Kind,
    /// The name by which scenarios ask for it.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub describes: String,
}

/// Every part that is built in, by kind and name.
#[must_use]
pub fn list() -> Vec<PartInfo> {
    BUILTIN
        .iter()
        .map(|&(kind, name, text)| {
            // A part that does not parse is listed all the same; a test keeps that from shipping.
            let file: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
            let describes = file["describes"].as_str().unwrap_or_default().to_owned();
            PartInfo { kind, name, describes }
        })
        .collect()
}

/// Where to look for parts. A part file is read once, however many scenarios and cases name it.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// `parts/` folders, the nearest first.
    folders: Vec<PathBuf>,
    /// The text of each part file that was asked for; nothing where there is none.
    texts: Rc<RefCell<BTreeMap<PathBuf, Option<PartText>>>>,
}

/// The text of a part file, or why it cannot be read.
type PartText = Result<Rc<str>, Problems>;

/// Why there is no such part.
#[derive(Debug)]
pub(crate) enum PartError {
    /// No part has this name.
    Unknown {
        /// How to mend it.
        help: String,
    },
    /// Its file is wrong.
    Bad(Problems),
}

impl Library {
    /// Only what is built in; reads no file.
    #[must_use]
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The `parts/` folders from that of `file` up to `root`, then what is built in.
    ///
    /// If `root` is not above `file` (a file that was asked for by itself), every folder in the
    /// file's path counts.
    #[must_use]
    pub fn around(file: &Path, root: &Path) -> Self {
        Self::default().moved(file, root)
    }

    /// The same around another file; what was read is not read again.
    pub(crate) fn moved(&self, file: &Path, root: &Path) -> Self {
        let mut folders = Vec::new();
        for folder in file.ancestors().skip(1) {
            let parts = folder.join("parts");
            if parts.is_dir() {
                folders.push(parts);
            }
            if folder == root {
                break;
            }
        }
        Self { folders, texts: Rc::clone(&self.texts) }
    }

    /// The part called `name`.
    pub(crate) fn find<P: Stored>(&self, name: &str) -> Result<P, PartError> {
        if is_name(name) {
            for folder in &self.folders {
                let path = folder.join(P::KIND.folder()).join(format!("{name}.json"));
                if let Some(text) = self.text_of(&path) {
                    return text.and_then(|text| read(name, &path, &text)).map_err(PartError::Bad);
                }
            }
            if let Some(part) = P::builtin().get(name) {
                return part.clone().map_err(PartError::Bad);
            }
        }
        Err(PartError::Unknown { help: self.help::<P>(name) })
    }

    fn text_of(&self, path: &Path) -> Option<PartText> {
        if let Some(known) = self.texts.borrow().get(path) {
            return known.clone();
        }
        let text = path.exists().then(|| document::text_of(path).map(Rc::from));
        self.texts.borrow_mut().insert(path.to_owned(), text.clone());
        text
    }

    fn help<P: Stored>(&self, name: &str) -> String {
        let mut known: Vec<String> = P::builtin().keys().map(|&name| name.to_owned()).collect();
        known.extend(
            self.folders.iter().flat_map(|folder| names_in(&folder.join(P::KIND.folder()))),
        );
        known.sort();
        known.dedup();
        let known = || known.iter().map(String::as_str);
        match closest(name, known()) {
            Some(guess) => format!("did you mean \"{guess}\"? known are {}", listed(known())),
            None => format!("known are {}", listed(known())),
        }
    }
}

/// The names of the part files in a folder; none if it cannot be read.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let name = entry.file_name();
        name.to_str()?.strip_suffix(".json").map(str::to_owned)
    });
    names.collect()
}

/// Whether `name` can be the name of a part: letters, digits, `-`, `_` and `.` inside.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(plain)
}

fn read<P: Stored>(name: &str, path: &Path, text: &str) -> Result<P, Problems> {
    let builtin = BUILTIN.iter().find(|part| part.0 == P::KIND && part.1 == name);
    // The shipped folder is usually what is found; it has been parsed already.
    match (builtin, P::builtin().get(name)) {
        (Some((_, _, known)), Some(Ok(part))) if *known == text => Ok(part.clone()),
        _ => file::parse(&path.display().to_string(), text).map(|(part, _)| part),
    }
}

/// Parses the parts of one kind that are built in.
pub(super) fn read_builtin<P: Stored>() -> BTreeMap<&'static str, Result<P, Problems>> {
    let parts = BUILTIN.iter().filter(|part| part.0 == P::KIND);
    parts
        .map(|&(kind, name, text)| {
            let path = format!("scenarios/parts/{}/{name}.json", kind.folder());
            (name, file::parse(&path, text).map(|(part, _)| part))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Board, Cable, Caps, Pi, Strip, Supply};
    use super::*;

    #[track_caller]
    fn check<P: Stored>() {
        for (name, part) in P::builtin() {
            if let Err(problems) = part {
                panic!("{name}: {problems}");
            }
        }
    }

    #[test]
    fn every_builtin_part_loads() {
        check::<Board>();
        check::<Caps>();
        check::<Supply>();
        check::<Strip>();
        check::<Cable>();
        check::<Pi>();
        for part in list() {
            assert!(part.describes.len() > 10, "{part:?}");
        }
    }

    #[test]
    fn every_part_file_is_built_in() {
        let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/parts");
        for kind in Kind::ALL {
            let mut found = names_in(&parts.join(kind.folder()));
            found.sort();
            let listed = list();
            let built_in: Vec<_> =
                listed.iter().filter(|part| part.kind == kind).map(|part| part.name).collect();
            assert_eq!(found, built_in, "{kind:?}: builtin.rs lists them sorted");
        }
    }

    #[test]
    fn names_stay_inside_their_folder() {
        for name in ["../boards/supercap-pi", "", ".hidden", "a/b", "c:\\x", "ü"] {
            let unknown = Library::builtin().find::<Board>(name);
            assert!(matches!(unknown, Err(PartError::Unknown { .. })), "{name}");
        }
    }
}
