//! The configuration block, at a place in flash where `holdup firmware configure` finds it.

use core::hint::black_box;

use firmware::Config;
use firmware::config::Block;

/// The block. Its section is placed by the linker script, right after the vectors.
#[used]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".config")]
static HOLDUP_CONFIG: Block = Block::DEFAULT;

/// The configuration as it is in flash, which may not be what was compiled.
pub(super) fn config() -> &'static Config {
    // Else the compiler would fold the values it has seen into the code.
    &black_box(&HOLDUP_CONFIG).config
}
