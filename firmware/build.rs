//! Tells the linker where the chip's memory is. On a host there is nothing to do.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let Ok(root) = env::var("CARGO_MANIFEST_DIR") else {
        panic!("cargo did not say where the package is");
    };
    println!("cargo::rerun-if-changed=stm32l011.ld");
    println!("cargo::rustc-link-arg-bins=-T{root}/stm32l011.ld");
    // Sections are not aligned to pages: that would cost flash.
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
