//! The RAM that survives a reset: the machine, its clock, what the output ports were told.
//!
//! Nothing initialises it, so after power-on it holds anything, and every part is believed only with
//! its check. The machine has two places and is written to the one that is not current; a reset that
//! comes between finds the other one whole.
//!
//! The sum over a place begins with the sum of the whole image, so a machine that another image left,
//! or the same one with another configuration, is not taken up. It runs over the bytes as they lie in
//! memory, padding included, which is why it is done in assembly: no type gives access to padding.

use core::arch::asm;
use core::mem::{MaybeUninit, size_of};

use firmware::machine::{Cause, Outputs};
use firmware::signals::{Inputs, Supply};
use firmware::time::{Instant, Millis};
use firmware::{Config, Machine, Record};

use super::pins::Ports;

#[repr(C)]
struct Memory {
    ports: u32,
    places: [Place; 2],
}

#[repr(C)]
struct Place {
    sum: u32,
    serial: u32,
    now: Instant,
    machine: Machine,
}

/// Words of a place.
const WORDS: usize = size_of::<Place>() / 4;

#[unsafe(link_section = ".uninit")]
static mut MEMORY: MaybeUninit<Memory> = MaybeUninit::uninit();

unsafe extern "C" {
    /// Begin and end of the image (linker script), in whole words.
    static VECTORS: u32;
    static _image_end: u32;
}

/// What the ports were told, and what the supply was then.
#[derive(Clone, Copy)]
pub(super) struct KeptPorts {
    pub(super) ports: Ports,
    pub(super) supply: Supply,
}

/// Bit 0 of the word is the supply, the ports have bits of their own, and all others are these.
const GOOD: u32 = 1;
const FILL: u32 = 0x5AC3_3CA4 & !Ports::BITS;

/// What the ports were told last, if the RAM still holds it. One word, so no reset finds half of it.
// Inlined: the Pi waits for its supply while this runs.
#[inline(always)]
pub(super) fn ports() -> Option<KeptPorts> {
    // SAFETY: any word is a u32, and nothing else runs.
    let word = unsafe { (&raw const MEMORY).cast::<u32>().read_volatile() };
    if word & !(Ports::BITS | GOOD) != FILL {
        return None;
    }
    let supply = if word & GOOD != 0 { Supply::Good } else { Supply::Lost };
    Some(KeptPorts { ports: Ports(word & Ports::BITS), supply })
}

/// Keeps what the ports were told, for the next reset.
pub(super) fn keep_ports(kept: KeptPorts) {
    let supply = match kept.supply {
        Supply::Good => GOOD,
        Supply::Lost => 0,
    };
    // SAFETY: the word is ours, and nothing else runs.
    unsafe { (&raw mut MEMORY).cast::<u32>().write_volatile(FILL | kept.ports.0 | supply) };
}

/// Forgets all: without the ports the machine is not believed either.
pub(super) fn forget() {
    // SAFETY: the word is ours, and nothing else runs.
    unsafe { (&raw mut MEMORY).cast::<u32>().write_volatile(0) };
}

/// The machine in its two places.
pub(super) struct Kept {
    places: *mut Place,
    /// The sum of the image.
    seed: u32,
    /// The place that holds the newest whole machine.
    current: usize,
    survived: bool,
}

impl Kept {
    /// Looks for a machine that survived.
    pub(super) fn open() -> Self {
        let (begin, end) = (&raw const VECTORS, &raw const _image_end);
        // SAFETY: the linker places both in flash, `begin` first, a whole number of words apart.
        let seed = unsafe { sum(begin, end, 0) };
        let mut memory = (&raw mut MEMORY).cast::<Memory>();
        // SAFETY: it does nothing. But the compiler cannot know that, so it can no longer hold that
        // memory which nobody in the program wrote holds nothing.
        unsafe { asm!("/* {0} */", inout(reg) memory, options(nostack)) };
        // SAFETY: only an address.
        let places = unsafe { (&raw mut (*memory).places).cast::<Place>() };
        let mut kept = Self { places, seed, current: 0, survived: false };
        let whole = [0, 1].map(|which| kept.sum(which) == kept.read_sum(which));
        kept.survived = (whole[0] || whole[1]) && ports().is_some();
        kept.current = match whole {
            // SAFETY: both are whole.
            [true, true] => unsafe {
                let serial = |which| (*kept.place(which)).serial;
                usize::from(serial(1).wrapping_sub(serial(0)) == 1)
            },
            [false, true] => 1,
            [true, false] | [false, false] => 0,
        };
        kept
    }

    /// When the machine that survived the reset was put here, by its own clock; zero if none did.
    pub(super) fn now(&self) -> Instant {
        // SAFETY: it is whole.
        if self.survived { unsafe { (*self.place(self.current)).now } } else { Instant::ZERO }
    }

    /// Lets the machine that survived go on, if one did and is worth it; see [`Machine::resume`].
    pub(super) fn resume(
        &mut self,
        config: &Config,
        cause: Cause,
        now: Instant,
        stored: Option<Record>,
    ) -> bool {
        if !self.survived {
            return false;
        }
        let goes_on = self.copy().machine.resume(config, cause, now, stored);
        self.seal();
        goes_on
    }

    /// Puts a new machine in place of what there was.
    pub(super) fn put(&mut self, now: Instant, machine: Machine) {
        let other = self.place(self.current ^ 1);
        // SAFETY: nothing refers to a place between calls.
        unsafe {
            (&raw mut (*other).now).write(now);
            (&raw mut (*other).machine).write(machine);
        }
        self.seal();
        // What the other place holds is another life's; its sum no longer fits.
        self.copy();
    }

    /// Steps the machine.
    pub(super) fn step(&mut self, config: &Config, now: Instant, inputs: Inputs) -> Outputs {
        let next = self.copy();
        next.now = now;
        let outputs = next.machine.step(config, now, inputs);
        self.seal();
        outputs
    }

    /// The clock is set back.
    pub(super) fn set_back(&mut self, interval: Millis) {
        let next = self.copy();
        next.now = next.now.set_back(interval);
        next.machine.set_back(interval);
        self.seal();
    }

    /// The other place, with the machine as it is. The current one stays whole until this one is.
    fn copy(&mut self) -> &mut Place {
        let (from, to) = (self.place(self.current), self.place(self.current ^ 1));
        for word in 0..WORDS {
            // SAFETY: both places are that long; their words may be padding. Volatile, or the compiler
            // would make it a call of its library's memcpy, which is larger than all the rest of this.
            unsafe {
                let word_at = |place: *mut Place| place.cast::<MaybeUninit<u32>>().add(word);
                word_at(to).write_volatile(word_at(from).read_volatile());
            }
        }
        // SAFETY: the current place is whole, so this one is; nothing refers to it between calls.
        let next = unsafe { &mut *to };
        next.serial = next.serial.wrapping_add(1);
        next
    }

    /// Makes the other place whole, and the current one.
    fn seal(&mut self) {
        self.current ^= 1;
        let sum = self.sum(self.current);
        // SAFETY: the sum is ours.
        unsafe { (&raw mut (*self.place(self.current)).sum).write_volatile(sum) };
    }

    fn read_sum(&self, which: usize) -> u32 {
        // SAFETY: any word is a u32.
        unsafe { (&raw const (*self.place(which)).sum).read_volatile() }
    }

    fn sum(&self, which: usize) -> u32 {
        let begin = self.place(which).cast::<u32>();
        let end = begin.wrapping_add(WORDS);
        // SAFETY: the words after the first one lie in the place.
        unsafe { sum(begin.wrapping_add(1), end, self.seed) }
    }

    const fn place(&self, which: usize) -> *mut Place {
        self.places.wrapping_add(which & 1)
    }
}

/// Sums the words from `begin` to before `end`, each addition followed by a rotation.
///
/// # Safety
/// Both are aligned, `begin` lies before `end`, and everything between is readable.
unsafe fn sum(begin: *const u32, end: *const u32, seed: u32) -> u32 {
    let mut sum = seed;
    // SAFETY: it reads what the caller vouches for and writes registers alone.
    unsafe {
        asm!(
            "2:",
            "ldmia {at}!, {{{word}}}",
            "adds {sum}, {sum}, {word}",
            "rors {sum}, {by}",
            "cmp {at}, {end}",
            "bne 2b",
            at = inout(reg) begin => _,
            end = in(reg) end,
            word = out(reg) _,
            by = in(reg) 5,
            sum = inout(reg) sum,
            options(nostack, readonly),
        );
    }
    sum
}
