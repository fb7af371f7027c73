//! A small assembler for the tests, and a bus to run its programs with.
//!
//! Instructions are given by their encodings, with the mnemonic beside; what needs arithmetic (branches,
//! literals) has a method. The vector table is 48 words, as on the chip.

use stm32l011::bus::{Bus, BusFault, Read, Width};
use stm32l011::memory::FLASH;

/// Words in the vector table.
pub(crate) const VECTORS: usize = 48;

/// A program under construction: vector table, then code, then literals.
#[derive(Clone)]
pub(crate) struct Assembler {
    halves: Vec<u16>,
    literals: Vec<(usize, u32)>,
}

/// A place in the program.
#[derive(Clone, Copy)]
pub(crate) struct Label(usize);

impl Assembler {
    /// With this stack pointer; the program starts behind the table.
    pub(crate) fn new(sp: u32) -> Self {
        let mut assembler = Self { halves: vec![0; VECTORS * 2], literals: Vec::new() };
        assembler.word(0, sp);
        assembler.vector(1);
        assembler
    }

    fn word(&mut self, index: usize, value: u32) {
        self.halves[index * 2] = value as u16;
        self.halves[index * 2 + 1] = (value >> 16) as u16;
    }

    /// The exception with this number starts here.
    pub(crate) fn vector(&mut self, number: usize) {
        self.word(number, self.address() | 1);
    }

    /// The address of what comes next.
    pub(crate) fn address(&self) -> u32 {
        FLASH + self.halves.len() as u32 * 2
    }

    pub(crate) fn here(&self) -> Label {
        Label(self.halves.len())
    }

    /// Instructions, encoded.
    pub(crate) fn code(&mut self, halves: &[u16]) -> &mut Self {
        self.halves.extend(halves);
        self
    }

    /// LDR Rt, =value.
    pub(crate) fn load(&mut self, t: u16, value: u32) -> &mut Self {
        self.literals.push((self.halves.len(), value));
        self.halves.push(0x4800 | t << 8);
        self
    }

    /// B<condition> back to a label.
    pub(crate) fn branch_back(&mut self, condition: u16, to: Label) -> &mut Self {
        let offset = to.0 as i32 - self.halves.len() as i32 - 2;
        self.halves.push(0xD000 | condition << 8 | offset as u16 & 0xFF);
        self
    }

    /// B back to a label.
    pub(crate) fn jump_back(&mut self, to: Label) -> &mut Self {
        let offset = to.0 as i32 - self.halves.len() as i32 - 2;
        self.halves.push(0xE000 | offset as u16 & 0x7FF);
        self
    }

    /// The image, with the literals so far behind the code that uses them.
    pub(crate) fn image(mut self) -> Vec<u8> {
        self.pool();
        self.halves.iter().flat_map(|half| half.to_le_bytes()).collect()
    }

    /// Puts the literals here: within 1 KB of their loads, and where nothing runs into them.
    pub(crate) fn pool(&mut self) -> &mut Self {
        if !self.halves.len().is_multiple_of(2) {
            self.halves.push(0xBF00);
        }
        for (at, value) in std::mem::take(&mut self.literals) {
            let offset = (self.halves.len() - (at & !1) - 2) / 2;
            assert!(offset < 256, "the literal is too far away");
            self.halves[at] |= offset as u16;
            self.halves.extend([value as u16, (value >> 16) as u16]);
        }
        self
    }
}

/// Where the registers of [`Devices`] are.
pub(crate) const DEVICES: u32 = 0x4000_0000;
/// Offsets: a counter, a flag, a register that reading changes, a register that keeps what is written
/// (in the single-cycle port too), and the one that ends an interrupt.
pub(crate) const COUNTER: u32 = 0x00;
pub(crate) const FLAG: u32 = 0x04;
pub(crate) const READ_CLEARS: u32 = 0x08;
pub(crate) const PLAIN: u32 = 0x0C;
pub(crate) const ACKNOWLEDGE: u32 = 0x10;
/// The same register as PLAIN, in the I/O port.
pub(crate) const PORT: u32 = 0x5000_0000;

/// A bus with a few devices whose behaviour is a function of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Devices {
    /// Cycles in one count of the counter; zero: it stands still.
    pub(crate) divider: u64,
    /// The flag is set from this cycle on, for so many cycles, and so on with this period; zero: never.
    pub(crate) flag_period: u64,
    pub(crate) lines: u32,
    pub(crate) plain: u32,
    pub(crate) unread: u32,
    /// Everything that was written: cycle, address, value.
    pub(crate) written: Vec<(u64, u32, u32)>,
    /// Everything that was read: cycle and address.
    pub(crate) read: Vec<(u64, u32)>,
    pub(crate) log_reads: bool,
    /// The core's registers whose reserved bits were written, and the bits.
    pub(crate) reserved: Vec<(u32, u32)>,
}

impl Devices {
    /// With nothing going on.
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

impl Bus for Devices {
    fn read(&mut self, address: u32, width: Width, cycle: u64) -> Result<Read, BusFault> {
        if self.log_reads {
            self.read.push((cycle, address));
        }
        if width != Width::Word {
            return Err(BusFault);
        }
        let next = |period: u64| (cycle / period + 1) * period;
        Ok(match address.wrapping_sub(DEVICES) {
            COUNTER if self.divider == 0 => Read::steady(0),
            COUNTER => {
                Read { value: (cycle / self.divider) as u32, steady_until: next(self.divider) }
            }
            FLAG if self.flag_period == 0 => Read::steady(0),
            // Set in every second period.
            FLAG => Read {
                value: ((cycle / self.flag_period) & 1) as u32,
                steady_until: next(self.flag_period),
            },
            READ_CLEARS => {
                self.unread = self.unread.wrapping_add(1);
                Read { value: self.unread & 0xFF, steady_until: 0 }
            }
            PLAIN => Read::steady(self.plain),
            _ if address == PORT => Read::steady(self.plain),
            _ => return Err(BusFault),
        })
    }

    fn write(
        &mut self,
        address: u32,
        _width: Width,
        value: u32,
        cycle: u64,
    ) -> Result<(), BusFault> {
        match address.wrapping_sub(DEVICES) {
            PLAIN => self.plain = value,
            ACKNOWLEDGE => self.lines &= !value,
            _ if address == PORT => self.plain = value,
            _ => return Err(BusFault),
        }
        self.written.push((cycle, address, value));
        Ok(())
    }

    fn reserved_bits(&mut self, address: u32, bits: u32) {
        self.reserved.push((address, bits));
    }

    fn lines(&self) -> u32 {
        self.lines
    }
}
