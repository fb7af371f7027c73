//! Which exceptions are pending, active and enabled, and which comes first.
//!
//! Follows the ARMv6-M manual, B1.5.4 and B3.4. Exceptions are numbered as in the IPSR: 2 NMI, 3 HardFault,
//! 11 SVCall, 14 PendSV, 15 SysTick, 16 and up the interrupts. Interrupt lines are levels: while one is
//! high and its handler does not run, it is pending; a rising line makes it pending even then.

/// The number of interrupt 0.
pub(super) const INTERRUPT: u8 = 16;
/// The execution priority of a thread: lower than any.
pub(super) const THREAD: i16 = 256;
/// Exceptions that are always enabled: NMI, HardFault, SVCall, PendSV, SysTick.
const SYSTEM: u64 = 1 << 2 | 1 << 3 | 1 << 11 | 1 << 14 | 1 << 15;
/// The bits of priority there are.
pub(super) const PRIORITY_BITS: u32 = 0xC0;

/// The state of all exceptions, one bit for each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nvic {
    pub(super) pending: u64,
    pub(super) active: u64,
    /// ISER.
    pub(super) enabled: u32,
    /// The lines as last sampled.
    lines: u32,
    /// The configurable priorities, by exception number.
    priority: [u8; 48],
}

impl Nvic {
    pub(super) const fn new() -> Self {
        Self { pending: 0, active: 0, enabled: 0, lines: 0, priority: [0; 48] }
    }

    /// The priority of an exception; lower numbers come first.
    pub(super) fn priority(&self, number: u8) -> i16 {
        match number {
            2 => -2,
            3 => -1,
            _ => self.priority.get(usize::from(number)).copied().unwrap_or(0).into(),
        }
    }

    /// Four priorities as one register, from this exception number on.
    pub(super) fn priorities(&self, first: u8) -> u32 {
        (0..4).rev().fold(0, |word, n| {
            word << 8 | self.priority.get(usize::from(first + n)).copied().map_or(0, u32::from)
        })
    }

    /// Sets four priorities; `mask` has the bits that exist.
    pub(super) fn set_priorities(&mut self, first: u8, word: u32, mask: u32) {
        for (n, byte) in (word & mask).to_le_bytes().into_iter().enumerate() {
            if let Some(priority) = self.priority.get_mut(usize::from(first) + n) {
                *priority = byte;
            }
        }
    }

    pub(super) fn pend(&mut self, number: u8) {
        self.pending |= 1 << number;
    }

    /// The priority of what is being executed, PRIMASK aside.
    pub(super) fn active_priority(&self) -> i16 {
        let mut lowest = THREAD;
        let mut rest = self.active;
        while rest != 0 {
            lowest = lowest.min(self.priority(rest.trailing_zeros() as u8));
            rest &= rest - 1;
        }
        lowest
    }

    /// The pending and enabled exception that comes first: the lowest priority value, then the lowest
    /// number.
    pub(super) fn first_pending(&self) -> Option<(u8, i16)> {
        let mut rest = self.pending & (SYSTEM | u64::from(self.enabled) << INTERRUPT);
        let mut first: Option<(u8, i16)> = None;
        while rest != 0 {
            let number = rest.trailing_zeros() as u8;
            let priority = self.priority(number);
            if first.is_none_or(|(_, best)| priority < best) {
                first = Some((number, priority));
            }
            rest &= rest - 1;
        }
        first
    }

    /// Takes the interrupt lines as they are. Whether an interrupt has become pending.
    pub(super) fn sample(&mut self, lines: u32) -> bool {
        let rising = lines & !self.lines;
        self.lines = lines;
        let active = (self.active >> INTERRUPT) as u32;
        let pending = u64::from(rising | lines & !active) << INTERRUPT;
        let new = pending & !self.pending != 0;
        self.pending |= pending;
        new
    }

    /// The lines as last sampled.
    pub(super) const fn lines(&self) -> u32 {
        self.lines
    }
}
