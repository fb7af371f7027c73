//! What the loop keeps at hand: the state that every instruction changes, flags and plain memory.
//!
//! Flags are kept as what they come from, and worked out by those who ask (ARMv6-M manual, A2.3.2).

/// The state that every instruction changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hot {
    /// The address of the instruction under way or next.
    pub(super) pc: u32,
    /// The flags N and Z: N is the sign, Z is set if the low word is zero. Usually the last result,
    /// sign-extended; both at once are `i64::MIN`.
    pub(super) nz: i64,
    /// The flag C.
    pub(super) c: bool,
    /// Bit 31 is the flag V.
    pub(super) v: u32,
    /// Cycles since the core was made.
    pub(super) cycle: u64,
    /// The loop ends before an instruction that would begin at this cycle or later.
    pub(super) deadline: u64,
    /// Instructions since the core was made.
    pub(super) instructions: u64,
    /// The flash word that was fetched last: its two half-words cost one access. Kept only where there
    /// are wait states.
    pub(super) fetched: u32,
}

impl Hot {
    /// Sets N and Z from a result.
    #[inline(always)]
    pub(super) fn nz(&mut self, value: u32) {
        self.nz = i64::from(value as i32);
    }

    /// `a + b + carry`, with all flags.
    #[inline(always)]
    pub(super) fn add(&mut self, a: u32, b: u32, carry: bool) -> u32 {
        let (sum, c1) = a.overflowing_add(b);
        let (sum, c2) = sum.overflowing_add(u32::from(carry));
        self.c = c1 | c2;
        self.v = (a ^ sum) & (b ^ sum);
        self.nz(sum);
        sum
    }

    /// `a - b`, with all flags; C means that nothing was borrowed.
    #[inline(always)]
    pub(super) fn sub(&mut self, a: u32, b: u32) -> u32 {
        let difference = a.wrapping_sub(b);
        self.c = a >= b;
        self.v = (a ^ b) & (a ^ difference);
        self.nz(difference);
        difference
    }

    #[inline(always)]
    pub(super) const fn negative(&self) -> bool {
        self.nz < 0
    }

    #[inline(always)]
    pub(super) const fn zero(&self) -> bool {
        self.nz as u32 == 0
    }

    #[inline(always)]
    pub(super) const fn overflow(&self) -> bool {
        self.v >> 31 != 0
    }

    #[inline(always)]
    pub(super) fn branch(&mut self, taken: bool, offset: i16) {
        // The caller adds the 2 bytes and the cycle that every branch has.
        if taken {
            self.pc = self.pc.wrapping_add(offset as u32);
            self.cycle += 1;
        }
    }
}

/// The index of an aligned word in a memory: misaligned addresses and those outside give a large number.
#[inline(always)]
pub(super) fn word_index(address: u32, base: u32) -> usize {
    address.wrapping_sub(base).rotate_right(2) as usize
}

/// The same for half-words.
#[inline(always)]
pub(super) fn half_index(address: u32, base: u32) -> usize {
    address.wrapping_sub(base).rotate_right(1) as usize
}

#[inline(always)]
pub(super) fn word_at<const N: usize>(bytes: &[u8; N], index: usize) -> Option<u32> {
    if index >= N / 4 {
        return None;
    }
    let at = index * 4;
    Some(u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}

#[inline(always)]
pub(super) fn half_at<const N: usize>(bytes: &[u8; N], index: usize) -> Option<u32> {
    if index >= N / 2 {
        return None;
    }
    let at = index * 2;
    Some(u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])))
}
