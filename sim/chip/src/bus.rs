//! The seam between the core and everything on the bus that is neither flash nor RAM.
//!
//! The core hands every access outside flash, RAM and its own private registers to a [`Bus`], with the
//! cycle at which it happens. Peripherals answer at once; what takes time is their own business.

/// The width of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
}

impl Width {
    /// Bytes of an access.
    pub(crate) const fn bytes(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
        }
    }
}

/// Nobody answers at this address, or not to this kind of access: the core takes a HardFault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusFault;

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The value, in the low bits.
    pub value: u32,
    /// The first cycle at which reading again may give another value, as far as nothing is written and
    /// no input changes meanwhile. Zero if reading changed something, so that a loop which reads
    /// this must not be skipped.
    pub steady_until: u64,
}

impl Read {
    /// A value that only a write or an input can change.
    #[must_use]
    pub const fn steady(value: u32) -> Self {
        Self { value, steady_until: u64::MAX }
    }
}

/// Peripherals, EEPROM, system memory, option bytes.
///
/// Addresses are those of the devices: what the program accesses through the alias at zero arrives here
/// with the address of the memory that is seen there. Reads of flash and RAM never arrive, nor anything in
/// the core's private space (0xE000_0000 to 0xE00F_FFFF).
pub trait Bus {
    /// Tells which instruction makes the access that follows; for an exception's frame, the one that
    /// was interrupted.
    fn accessed_from(&mut self, pc: u32) {
        let _ = pc;
    }

    /// Reads at an aligned address. Instructions outside flash and RAM are fetched by it too, as
    /// half-words.
    ///
    /// Turns of a polling loop that the core skips do not arrive: whoever counts reads counts fewer.
    ///
    /// # Errors
    /// Nobody answers.
    fn read(&mut self, address: u32, width: Width, cycle: u64) -> Result<Read, BusFault>;

    /// Writes to an aligned address. Also gets the writes to flash. After it the core leaves its run
    /// loop, so that the embedder can see what changed.
    ///
    /// # Errors
    /// Nobody answers.
    fn write(&mut self, address: u32, width: Width, value: u32, cycle: u64)
    -> Result<(), BusFault>;

    /// Tells that ones were written to bits which a register of the core's own does not have.
    fn reserved_bits(&mut self, address: u32, bits: u32) {
        let _ = (address, bits);
    }

    /// The interrupt lines that are high, bit `n` for interrupt `n`. Asked at the start of each run and
    /// after every access; whoever raises a line by itself asks the core to stop at that cycle.
    fn lines(&self) -> u32;
}
