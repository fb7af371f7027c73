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

use firmware::machine::Outputs;
use firmware::signals::{Inputs, Supply};
use firmware::time::{Instant, Millis};
use firmware::{Config, Machine};

use super::pins::Ports;

#[repr(C)]
struct Memory {
    ports: [u32; 3],
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

/// The third word is the sum of the other two and one of these: which, is what the supply was.
const WITH_SUPPLY: u32 = 0x5AC3_3CA5;
const WITHOUT_SUPPLY: u32 = 0xC35A_A53C;

/// What the ports were told last, if the RAM still holds it.
// Inlined: the Pi waits for its supply while this runs.
#[inline(always)]
pub(super) fn ports() -> Option<KeptPorts> {
    // SAFETY: any word is a u32, and nothing else runs.
    let [a, c, sum] = unsafe { (&raw const MEMORY).cast::<[u32; 3]>().read_volatile() };
    let supply = match sum.wrapping_sub(a).wrapping_sub(c) {
        WITH_SUPPLY => Supply::Good,
        WITHOUT_SUPPLY => Supply::Lost,
        _ => return None,
    };
    Some(KeptPorts { ports: Ports { a, c }, supply })
}

/// Keeps what the ports were told, for the next reset.
pub(super) fn keep_ports(kept: KeptPorts) {
    let Ports { a, c } = kept.ports;
    let supply = match kept.supply {
        Supply::Good => WITH_SUPPLY,
        Supply::Lost => WITHOUT_SUPPLY,
    };
    let words = [a, c, supply.wrapping_add(a).wrapping_add(c)];
    // SAFETY: the words are ours, and nothing else runs.
    unsafe { (&raw mut MEMORY).cast::<[u32; 3]>().write_volatile(words) };
}

/// The machine in its two places.
pub(super) struct Kept {
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
        let mut kept = Self { seed, current: 0, survived: false };
        let whole = [0, 1].map(|place| kept.sum(place) == kept.read_sum(place));
        kept.survived = whole[0] || whole[1];
        kept.current = match whole {
            // SAFETY: both are whole.
            [true, true] => unsafe {
                let ahead = (*place(1)).serial.wrapping_sub((*place(0)).serial);
                usize::from(ahead == 1)
            },
            [false, true] => 1,
            [true, false] | [false, false] => 0,
        };
        kept
    }

    /// The machine that survived the reset, to be changed by [`Kept::step`] at the latest.
    pub(super) fn survivor(&mut self) -> Option<&mut Machine> {
        // SAFETY: it is whole, and nothing else refers to a place between calls.
        self.survived.then(|| unsafe { &mut (*place(self.current)).machine })
    }

    /// When it was put here, by its own clock; zero if none survived.
    pub(super) fn now(&self) -> Instant {
        // SAFETY: it is whole.
        if self.survived { unsafe { (*place(self.current)).now } } else { Instant::ZERO }
    }

    /// Puts a new machine in place of what there was.
    pub(super) fn put(&mut self, machine: Machine) {
        // SAFETY: nothing refers to a place between calls.
        unsafe { (&raw mut (*place(self.current ^ 1)).machine).write(machine) };
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

    /// The other place, with the machine as it is.
    fn copy(&mut self) -> &'static mut Place {
        let (from, to) = (place(self.current), place(self.current ^ 1));
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
        unsafe { (&raw mut (*place(self.current)).sum).write_volatile(sum) };
    }

    fn read_sum(&self, which: usize) -> u32 {
        // SAFETY: any word is a u32.
        unsafe { (&raw const (*place(which)).sum).read_volatile() }
    }

    fn sum(&self, which: usize) -> u32 {
        let begin = place(which).cast::<u32>();
        let end = begin.wrapping_add(WORDS);
        // SAFETY: the words after the first one lie in the place.
        unsafe { sum(begin.wrapping_add(1), end, self.seed) }
    }
}

const fn place(which: usize) -> *mut Place {
    // SAFETY: only an address; `which` is 0 or 1.
    unsafe {
        (&raw mut (*(&raw mut MEMORY).cast::<Memory>()).places).cast::<Place>().add(which & 1)
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
