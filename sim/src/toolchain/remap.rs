//! No path of this machine in the image: what stands where is given a name that is the same
//! everywhere.
//!
//! The compiler writes paths into debug information and panic messages: of the workspace, of each
//! dependency, of its own library. It may know a directory by the name it was given and by the one
//! the operating system gives (Debian's library source is a link), so both are replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::document::{Problem, Problems};

/// A directory of this machine and the name that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remap {
    pub(super) from: PathBuf,
    pub(super) to: String,
}

/// What is replaced. The compiler applies the last one that fits, so inner directories come last.
#[derive(Debug, Default)]
pub(super) struct Remaps {
    list: Vec<Remap>,
}

impl Remaps {
    /// Replaces `from`, under each of its names.
    pub(super) fn add(&mut self, from: &Path, to: &str) {
        let real = fs::canonicalize(from).ok().filter(|real| real != from);
        for from in [Some(from.to_owned()), real].into_iter().flatten() {
            self.list.push(Remap { from, to: to.to_owned() });
        }
    }

    /// The compiler's flags.
    pub(super) fn flags(&self) -> impl Iterator<Item = OsString> {
        self.list.iter().map(|remap| {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(&remap.from);
            flag.push("=");
            flag.push(&remap.to);
            flag
        })
    }

    /// The names that stand for directories, each once, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.list.iter().map(|remap| remap.to.clone()).collect();
        names.dedup();
        names
    }

    /// The directories that an image names all the same.
    pub(super) fn left_in(&self, image: &[u8]) -> Vec<PathBuf> {
        let named = |from: &Path| {
            let from = from.as_os_str().as_encoded_bytes();
            from.len() > 1 && image.windows(from.len()).any(|window| window == from)
        };
        // A name that only begins a name of ours is not one of this machine.
        let ours = |from: &Path| self.list.iter().any(|remap| Path::new(&remap.to) == from);
        self.list
            .iter()
            .map(|remap| remap.from.clone())
            .filter(|from| !ours(from) && named(from))
            .collect()
    }
}

/// A package that the firmware is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) folder: PathBuf,
    pub(super) name: String,
}

/// What `cargo metadata` says, as far as it matters.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct MetadataPackage {
    id: String,
    name: String,
    version: String,
    /// None for a package of the workspace.
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// None for a normal dependency.
    kind: Option<String>,
}

/// The packages outside of the workspace that the package `firmware` is built from, from the output
/// of `cargo metadata`.
pub(super) fn dependencies(metadata: &str) -> Result<Vec<Package>, Problems> {
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|error| {
        Problem::environment(format!("cannot make sense of what cargo metadata says: {error}"))
            .help("Holdup needs cargo 1.88 or newer: rustup update")
    })?;
    let nodes: BTreeMap<_, _> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let first =
        metadata.packages.iter().find(|found| found.source.is_none() && found.name == "firmware");
    let mut open: Vec<_> = first.iter().map(|package| package.id.as_str()).collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        if reached.insert(id)
            && let Some(node) = nodes.get(id)
        {
            let built = |dependency: &&Dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
            };
            open.extend(node.deps.iter().filter(built).map(|dependency| dependency.pkg.as_str()));
        }
    }
    let mut packages: Vec<_> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some() && reached.contains(package.id.as_str()))
        .filter_map(|package| {
            let folder = package.manifest_path.parent()?.to_owned();
            Some(Package { folder, name: format!("{}-{}", package.name, package.version) })
        })
        .collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_firmware_is_built_from() {
        let metadata = r#"{
            "packages": [
                {"id": "f", "name": "firmware", "version": "0.1.0", "source": null, "manifest_path": "/w/firmware/Cargo.toml"},
                {"id": "s", "name": "holdup", "version": "0.1.0", "source": null, "manifest_path": "/w/sim/Cargo.toml"},
                {"id": "b", "name": "chip", "version": "2.0.0", "source": "r", "manifest_path": "/r/chip-2.0.0/Cargo.toml"},
                {"id": "a", "name": "bits", "version": "1.0.0", "source": "r", "manifest_path": "/r/bits-1.0.0/Cargo.toml"},
                {"id": "t", "name": "test", "version": "1.0.0", "source": "r", "manifest_path": "/r/test-1.0.0/Cargo.toml"},
                {"id": "c", "name": "clap", "version": "4.0.0", "source": "r", "manifest_path": "/r/clap-4.0.0/Cargo.toml"}
            ],
            "resolve": {"nodes": [
                {"id": "f", "deps": [
                    {"pkg": "b", "dep_kinds": [{"kind": null}]},
                    {"pkg": "t", "dep_kinds": [{"kind": "dev"}]}
                ]},
                {"id": "b", "deps": [{"pkg": "a", "dep_kinds": [{"kind": "build"}, {"kind": "dev"}]}]},
                {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": null}]}]},
                {"id": "s", "deps": [{"pkg": "c", "dep_kinds": [{"kind": null}]}]},
                {"id": "t", "deps": []}, {"id": "c", "deps": []}
            ]}
        }"#;
        let packages = dependencies(metadata).unwrap();
        let expected = [("/r/bits-1.0.0", "bits-1.0.0"), ("/r/chip-2.0.0", "chip-2.0.0")]
            .map(|(folder, name)| Package { folder: folder.into(), name: name.into() });
        assert_eq!(packages, expected);
        assert!(dependencies("{}").unwrap_err().to_string().contains("cargo 1.88"));
    }

    #[test]
    fn an_image_that_still_names_a_directory_is_noticed() {
        let mut remaps = Remaps::default();
        remaps.add(Path::new("/nowhere/source"), "holdup");
        remaps.add(Path::new("/nowhere/registry"), "chip-1.0.0");
        assert_eq!(remaps.names(), ["holdup", "chip-1.0.0"]);
        assert!(remaps.left_in(b"\x7fELF holdup/src/main.rs").is_empty());
        let image = b"\x7fELF /nowhere/source/src/main.rs";
        assert_eq!(remaps.left_in(image), [PathBuf::from("/nowhere/source")]);
    }
}
