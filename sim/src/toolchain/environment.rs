//! What a compiler is started with: everything of this process but what could change its output.
//!
//! `holdup` may itself run under `cargo run`, which leaves its own settings behind for its child, and
//! a user may have settings for other projects. Both would build another image, or none.

use std::ffi::{OsStr, OsString};

use super::Surroundings;

/// Settings of cargo that say where things are and how to reach the network, or that only concern
/// what is shown.
const KEPT: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRY_",
    "CARGO_REGISTRIES_",
    "CARGO_TERM_",
];

/// Everything else that begins like this goes: settings of cargo, of the compiler and of lld, and
/// what a build script is told.
const DROPPED_FAMILIES: [&str; 8] =
    ["CARGO_", "__CARGO_", "RUSTC", "RUSTDOC", "RUST_TARGET_", "LLD_", "LLVM_", "DEP_"];

/// And these. The library paths are those of the compiler that built `holdup`.
const DROPPED: [&str; 13] = [
    "CARGO",
    "RUSTFLAGS",
    "MAKEFLAGS",
    "MFLAGS",
    "OUT_DIR",
    "TARGET",
    "HOST",
    "NUM_JOBS",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "LDEMULATION",
    "LD_RUN_PATH",
];

/// Which compiler is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// One that rustup may stand before: the toolchain that the user chose stays chosen.
    Rustup,
    /// One that rustup knows nothing of.
    Debian,
}

/// The variables for a compiler.
pub(super) fn clean(surroundings: &Surroundings, compiler: For) -> Vec<(OsString, OsString)> {
    surroundings
        .variables
        .iter()
        .filter(|(name, _)| passes(name, compiler))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn passes(name: &OsStr, compiler: For) -> bool {
    let name = name.to_string_lossy();
    if KEPT.iter().any(|kept| name.starts_with(kept)) {
        return true;
    }
    let dropped = DROPPED.contains(&&*name)
        || DROPPED_FAMILIES.iter().any(|family| name.starts_with(family))
        || (name == "RUSTUP_TOOLCHAIN" && compiler == For::Debian);
    !dropped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_change_the_image_is_dropped() {
        for name in [
            "CARGO",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_INCREMENTAL",
            "CARGO_MAKEFLAGS",
            "CARGO_MANIFEST_DIR",
            "CARGO_PKG_VERSION",
            "CARGO_PROFILE_FIRMWARE_LTO",
            "CARGO_TARGET_DIR",
            "CARGO_TARGET_THUMBV6M_NONE_EABI_RUSTFLAGS",
            "CARGO_UNSTABLE_BUILD_STD",
            "LD_LIBRARY_PATH",
            "MAKEFLAGS",
            "RUSTC",
            "RUSTC_BOOTSTRAP",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_WRAPPER",
            "RUSTFLAGS",
            "__CARGO_DEFAULT_LIB_METADATA",
        ] {
            assert!(!passes(OsStr::new(name), For::Rustup), "{name}");
            assert!(!passes(OsStr::new(name), For::Debian), "{name}");
        }
    }

    #[test]
    fn what_says_where_things_are_is_kept() {
        for name in [
            "CARGO_HOME",
            "CARGO_HTTP_PROXY",
            "CARGO_NET_OFFLINE",
            "CARGO_TERM_COLOR",
            "HOME",
            "PATH",
            "RUSTUP_HOME",
            "SSL_CERT_FILE",
            "https_proxy",
        ] {
            assert!(passes(OsStr::new(name), For::Rustup), "{name}");
            assert!(passes(OsStr::new(name), For::Debian), "{name}");
        }
    }

    #[test]
    fn a_chosen_toolchain_is_for_rustup_only() {
        assert!(passes(OsStr::new("RUSTUP_TOOLCHAIN"), For::Rustup));
        assert!(!passes(OsStr::new("RUSTUP_TOOLCHAIN"), For::Debian));
    }
}
