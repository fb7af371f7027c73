//! Just enough of an assembler for programs that write registers, wait for bits, sleep and branch.
//!
//! R0 to R3 are scratch; a program may keep things in R4 to R7.

/// Bytes of the vector table: 16 exceptions and 32 interrupts.
const VECTORS: usize = 48 * 4;
const STACK: u32 = 0x2000_0800;
const FLASH: u32 = 0x0800_0000;

/// A place in a program.
#[derive(Clone, Copy)]
pub(crate) struct Label(usize);

/// A program that begins at its reset vector.
pub(crate) struct Program {
    code: Vec<u16>,
    /// Instruction that loads a literal, and the literal.
    literals: Vec<(usize, u32)>,
    handlers: Vec<(usize, Label)>,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { code: Vec::new(), literals: Vec::new(), handlers: Vec::new() }
    }

    /// An instruction as it is.
    pub(crate) fn op(&mut self, half: u16) -> &mut Self {
        self.code.push(half);
        self
    }

    pub(crate) fn here(&self) -> Label {
        Label(self.code.len())
    }

    /// The address of a place.
    pub(crate) fn address(label: Label) -> u32 {
        FLASH + (VECTORS + label.0 * 2) as u32
    }

    /// LDR rd, =value.
    pub(crate) fn load(&mut self, rd: u16, value: u32) -> &mut Self {
        self.literals.push((self.code.len(), value));
        self.op(0x4800 | rd << 8)
    }

    /// Stores a word, through R0 and R1.
    pub(crate) fn write(&mut self, address: u32, value: u32) -> &mut Self {
        self.load(0, address).load(1, value).op(0x6001)
    }

    /// Reads a word into a register, through R0.
    pub(crate) fn read(&mut self, address: u32, rd: u16) -> &mut Self {
        self.load(0, address).op(0x6800 | rd)
    }

    /// Waits until some bits of a word are set, or are not; three instructions a turn.
    pub(crate) fn wait(&mut self, address: u32, bits: u32, set: bool) -> &mut Self {
        self.load(0, address).load(1, bits);
        let again = self.here();
        // LDR r2, [r0]; TST r2, r1; BEQ or BNE.
        self.op(0x6802).op(0x420A);
        self.branch(if set { 0xD000 } else { 0xD100 }, again)
    }

    /// A conditional branch backwards.
    pub(crate) fn branch(&mut self, opcode: u16, to: Label) -> &mut Self {
        let offset = to.0 as i32 - (self.code.len() as i32 + 2);
        self.op(opcode | (offset as u16 & 0xFF))
    }

    /// B to a place before.
    pub(crate) fn jump(&mut self, to: Label) -> &mut Self {
        let offset = to.0 as i32 - (self.code.len() as i32 + 2);
        self.op(0xE000 | (offset as u16 & 0x7FF))
    }

    /// Stays here for ever.
    pub(crate) fn halt(&mut self) -> &mut Self {
        let here = self.here();
        self.jump(here)
    }

    pub(crate) fn wfi(&mut self) -> &mut Self {
        self.op(0xBF30)
    }

    pub(crate) fn wfe(&mut self) -> &mut Self {
        self.op(0xBF20)
    }

    pub(crate) fn nops(&mut self, count: usize) -> &mut Self {
        (0..count).for_each(|_| {
            self.op(0xBF00);
        });
        self
    }

    /// CPSID i: interrupts wake, but no handler runs.
    pub(crate) fn mask(&mut self) -> &mut Self {
        self.op(0xB672)
    }

    /// The handler of an exception (16 and more: interrupts) is at a place.
    pub(crate) fn handler(&mut self, exception: usize, at: Label) -> &mut Self {
        self.handlers.push((exception, at));
        self
    }

    /// The image.
    pub(crate) fn image(&self) -> Vec<u8> {
        let mut code = self.code.clone();
        if !code.len().is_multiple_of(2) {
            code.push(0xBF00);
        }
        let pool = code.len() * 2;
        for (n, &(at, value)) in self.literals.iter().enumerate() {
            let base = (at * 2 + 4) & !3;
            let offset = (pool + n * 4 - base) / 4;
            assert!(offset < 256, "the program is too long for its literals");
            code[at] |= offset as u16;
            code.extend([value as u16, (value >> 16) as u16]);
        }
        let mut vectors = [0_u32; VECTORS / 4];
        vectors[0] = STACK;
        vectors[1] = Self::address(Label(0)) | 1;
        for &(exception, at) in &self.handlers {
            vectors[exception] = Self::address(at) | 1;
        }
        let vectors = vectors.iter().flat_map(|word| word.to_le_bytes());
        vectors.chain(code.iter().flat_map(|half| half.to_le_bytes())).collect()
    }
}
