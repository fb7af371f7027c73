//! Non-volatile memory: the data EEPROM, and what erases and programs it and the flash.
//!
//! After RM0377, "Flash program memory and data EEPROM", by way of ST's header, HAL sources and
//! quotations of the manual. A store to the EEPROM writes its word: erase and programming, or only the
//! one that is needed (unless FIX is set), each of the same duration. Flash takes whole words where it
//! holds zero, and pages of 128 bytes to erase.
//!
//! - An operation is over as a whole at its end. Cut short, the word under way (all words, of a page) is
//!   what the embedder chooses. One word is one unit of error correction, so a torn byte tears its word.
//! - A wrong key locks until the next reset; no bus fault comes of it (recollection, no text was seen).
//! - A locked or protected write raises WRPERR, one of the wrong size SIZERR, one over flash that is not
//!   zero NOTZEROERR; nothing is written then. EOP is raised at every end.
//! - Words that one instruction stores are written one after the other; code in RAM goes on meanwhile,
//!   where the hardware holds it up until the last one has begun.
//! - Left out, and told: half-page programming, option bytes. Left out: other errors, power-down keys, wear.

use crate::bus::Width;
use crate::memory::{FLASH, value_at};
use crate::options::OptionBytes;
use crate::time::Time;
use crate::timing::Timing;

/// Bytes of EEPROM.
pub const EEPROM_BYTES: usize = 512;
/// Where the EEPROM is.
pub const EEPROM: u32 = 0x0808_0000;
/// Bytes that an erase of flash takes.
const PAGE: u32 = 128;
/// Words that one instruction stores at most: PUSH of eight registers and the LR.
const STORES: usize = 9;

pub(crate) const ACR: u32 = 0x00;
const PECR: u32 = 0x04;
const PEKEYR: u32 = 0x0C;
const PRGKEYR: u32 = 0x10;
const OPTKEYR: u32 = 0x14;
pub(crate) const SR: u32 = 0x18;
const OPTR: u32 = 0x1C;
const WRPROT: u32 = 0x20;

const PE_KEYS: [u32; 2] = [0x89AB_CDEF, 0x0203_0405];
const PRG_KEYS: [u32; 2] = [0x8C9D_AEBF, 0x1314_1516];
const OPT_KEYS: [u32; 2] = [0xFBEA_D9C8, 0x2425_2627];

/// PECR.
const PELOCK: u32 = 1;
const PRGLOCK: u32 = 1 << 1;
const OPTLOCK: u32 = 1 << 2;
const PROG: u32 = 1 << 3;
const DATA: u32 = 1 << 4;
const FIX: u32 = 1 << 8;
const ERASE: u32 = 1 << 9;
const FPRG: u32 = 1 << 10;
const EOPIE: u32 = 1 << 16;
const ERRIE: u32 = 1 << 17;
const OBL_LAUNCH: u32 = 1 << 18;
const LOCKS: u32 = PELOCK | PRGLOCK | OPTLOCK;

/// A lock of PECR, with the keys that open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    /// PELOCK: the EEPROM and PECR itself.
    Pe,
    /// PRGLOCK: the flash.
    Prg,
    /// OPTLOCK: the option bytes.
    Opt,
}

impl Lock {
    /// Its bit of PECR.
    const fn bit(self) -> u32 {
        match self {
            Self::Pe => PELOCK,
            Self::Prg => PRGLOCK,
            Self::Opt => OPTLOCK,
        }
    }
}

/// SR.
const BSY: u32 = 1;
const EOP: u32 = 1 << 1;
const ENDHV: u32 = 1 << 2;
const READY: u32 = 1 << 3;
const WRPERR: u32 = 1 << 8;
const SIZERR: u32 = 1 << 10;
const NOTZEROERR: u32 = 1 << 16;
const ERRORS: u32 = 0x0003_2F00;

/// What a word holds when its writing is cut short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tear {
    /// What was there before.
    #[default]
    Old,
    /// Zero: the erase happened, the programming did not.
    Erased,
    /// Even bits of the new word, odd bits of the old one.
    Mixed,
    /// All ones.
    Ones,
}

impl Tear {
    /// The word that is left.
    #[must_use]
    pub const fn of(self, old: u32, new: u32) -> u32 {
        match self {
            Self::Old => old,
            Self::Erased => 0,
            Self::Mixed => old & 0xAAAA_AAAA | new & 0x5555_5555,
            Self::Ones => u32::MAX,
        }
    }
}

/// An erase or programming under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NvmOperation {
    /// Address of the word; of the first word of a page that is being erased.
    pub address: u32,
    /// Bytes concerned: 4, or 128 for a page.
    pub bytes: u32,
    /// What the (first) word held.
    pub old: u32,
    /// What it is to hold.
    pub new: u32,
    /// When it began.
    pub began: Time,
    /// When it ends: one or two times [`Timing::nvm_operation`] later.
    pub ends: Time,
}

/// A store to memory that cannot just be stored to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) address: u32,
    pub(crate) width: Width,
    pub(crate) value: u32,
}

/// What a request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// The operation runs.
    Running,
    /// A flag tells why not.
    Refused,
    /// It is left out of this model.
    Unmodelled,
}

/// How far a pair of keys has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    None,
    First,
    Wrong,
}

impl Keys {
    /// The next key. Tells whether the pair is complete.
    fn next(&mut self, pair: [u32; 2], key: u32) -> bool {
        let [first, second] = pair;
        match self {
            Self::None if key == first => *self = Self::First,
            Self::First if key == second => {
                *self = Self::None;
                return true;
            }
            Self::None | Self::First | Self::Wrong => *self = Self::Wrong,
        }
        false
    }
}

/// The memory and its interface.
#[derive(Clone, Debug)]
pub(crate) struct Nvm {
    acr: u32,
    pecr: u32,
    pe_keys: Keys,
    prg_keys: Keys,
    opt_keys: Keys,
    /// EOP and errors.
    flags: u32,
    eeprom: Box<[u8; EEPROM_BYTES]>,
    /// Stores that wait, by age; an instruction makes at most as many as there is room for.
    requests: [Option<Request>; STORES],
    operation: Option<NvmOperation>,
    option_load: bool,
    /// Words of EEPROM that keep what they hold, whatever is written: bit n is word n.
    pub(crate) dead_words: u128,
}

/// The word of a memory that holds the byte at an offset.
fn word_at(bytes: &[u8], offset: u32) -> Option<u32> {
    value_at(bytes, offset & !3, Width::Word)
}

impl Nvm {
    pub(crate) fn new() -> Self {
        Self {
            acr: 0,
            pecr: LOCKS,
            pe_keys: Keys::None,
            prg_keys: Keys::None,
            opt_keys: Keys::None,
            flags: 0,
            eeprom: Box::new([0; EEPROM_BYTES]),
            requests: [None; STORES],
            operation: None,
            option_load: false,
            dead_words: 0,
        }
    }

    /// Registers as after reset. The memory is what it is; whoever resets lets an operation tear before.
    pub(crate) fn reset(&mut self) {
        self.acr = 0;
        self.pecr = LOCKS;
        self.pe_keys = Keys::None;
        self.prg_keys = Keys::None;
        self.opt_keys = Keys::None;
        self.flags = 0;
        self.requests = [None; STORES];
        self.operation = None;
        self.option_load = false;
    }

    pub(crate) const fn eeprom(&self) -> &[u8; EEPROM_BYTES] {
        &self.eeprom
    }

    pub(crate) const fn eeprom_mut(&mut self) -> &mut [u8; EEPROM_BYTES] {
        &mut self.eeprom
    }

    /// The word of EEPROM that holds the byte at an offset.
    pub(crate) fn eeprom_word(&self, offset: u32) -> Option<u32> {
        word_at(&self.eeprom[..], offset)
    }

    pub(crate) const fn operation(&self) -> Option<&NvmOperation> {
        self.operation.as_ref()
    }

    /// When the operation under way ends.
    pub(crate) const fn ends(&self) -> Time {
        match &self.operation {
            Some(operation) => operation.ends,
            None => Time::NEVER,
        }
    }

    /// Whether the option bytes are to be loaded, which resets the chip; forgets it.
    pub(crate) const fn take_option_load(&mut self) -> bool {
        std::mem::replace(&mut self.option_load, false)
    }

    /// Takes down a store, which the chip then begins.
    pub(crate) fn store(&mut self, request: Request) {
        if let Some(free) = self.requests.iter_mut().find(|waiting| waiting.is_none()) {
            *free = Some(request);
        }
    }

    /// The oldest store that waits, unless an operation is under way.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        if self.operation.is_some() {
            return None;
        }
        self.requests.rotate_left(1);
        self.requests[STORES - 1].take()
    }

    /// Whether it interrupts.
    pub(crate) const fn interrupts(&self) -> bool {
        let ended = self.flags & EOP != 0 && self.pecr & EOPIE != 0;
        let failed = self.flags & ERRORS != 0 && self.pecr & ERRIE != 0;
        ended || failed
    }

    /// Wait states of the flash.
    pub(crate) const fn wait_states(&self) -> u8 {
        (self.acr & 1) as u8
    }

    /// Begins what a store asks for, or raises a flag.
    pub(crate) fn begin(
        &mut self,
        request: Request,
        flash: &[u8],
        options: &OptionBytes,
        now: Time,
        timing: &Timing,
    ) -> Begun {
        let eeprom = request.address.wrapping_sub(EEPROM);
        let flash_offset = request.address.wrapping_sub(FLASH);
        let planned = if let Some(old) = self.eeprom_word(eeprom) {
            self.plan_eeprom(request, old)
        } else if let Some(old) = word_at(flash, flash_offset) {
            self.plan_flash(request, old, options)
        } else {
            // The option bytes.
            return Begun::Unmodelled;
        };
        match planned {
            Ok(plan) => {
                self.operation = Some(NvmOperation {
                    address: plan.address,
                    bytes: plan.bytes,
                    old: word_at(flash, plan.address.wrapping_sub(FLASH)).unwrap_or(plan.old),
                    new: plan.new,
                    began: now,
                    ends: now.after(timing.nvm_operation.saturating_mul(plan.operations)),
                });
                Begun::Running
            }
            Err(Some(flag)) => {
                self.flags |= flag;
                Begun::Refused
            }
            Err(None) => Begun::Unmodelled,
        }
    }

    /// A store to EEPROM. An error is the flag to raise.
    fn plan_eeprom(&self, request: Request, old: u32) -> Result<Plan, Option<u32>> {
        if self.pecr & PELOCK != 0 {
            return Err(Some(WRPERR));
        }
        let lane = 8 * (request.address & 3);
        let mask = match request.width {
            Width::Byte => 0xFF << lane,
            Width::Half => 0xFFFF << lane,
            Width::Word => u32::MAX,
        };
        let erases = self.pecr & (ERASE | DATA) == ERASE | DATA;
        let new = if erases { 0 } else { old & !mask | request.value << lane & mask };
        let operations = match (old, new) {
            _ if erases => 1,
            _ if self.pecr & FIX != 0 => 2,
            (0, _) | (_, 0) => 1,
            _ => 2,
        };
        Ok(Plan { address: request.address & !3, bytes: 4, old, new, operations })
    }

    /// A store to flash. An error is the flag to raise, or none for what is left out.
    fn plan_flash(
        &self,
        request: Request,
        old: u32,
        options: &OptionBytes,
    ) -> Result<Plan, Option<u32>> {
        let sector = request.address.wrapping_sub(FLASH) >> 12;
        let is_protected = options.write_protection >> (sector & 15) & 1 != 0;
        if self.pecr & (PELOCK | PRGLOCK) != 0 || is_protected {
            return Err(Some(WRPERR));
        }
        if request.width != Width::Word {
            return Err(Some(SIZERR));
        }
        if self.pecr & FPRG != 0 {
            return Err(None);
        }
        if self.pecr & (ERASE | PROG) == ERASE | PROG {
            let address = request.address & !(PAGE - 1);
            return Ok(Plan { address, bytes: PAGE, old, new: 0, operations: 1 });
        }
        if old != 0 {
            return Err(Some(NOTZEROERR));
        }
        Ok(Plan { address: request.address, bytes: 4, old, new: request.value, operations: 1 })
    }

    /// The operation under way is over; tells what it was, for flash is changed by the caller.
    pub(crate) fn finish(&mut self) -> Option<NvmOperation> {
        let operation = self.operation.take()?;
        self.flags |= EOP;
        self.set_eeprom_word(operation.address, operation.new);
        Some(operation)
    }

    /// The operation under way is cut short; tells what it was, for flash is changed by the caller.
    pub(crate) fn tear(&mut self, tear: Tear) -> Option<NvmOperation> {
        let operation = self.operation.take()?;
        self.set_eeprom_word(operation.address, tear.of(operation.old, operation.new));
        Some(operation)
    }

    fn set_eeprom_word(&mut self, address: u32, word: u32) {
        let at = address.wrapping_sub(EEPROM) as usize;
        let is_dead = self.dead_words.checked_shr((at / 4) as u32).unwrap_or(0) & 1 != 0;
        if let Some(bytes) = at.checked_add(4).and_then(|end| self.eeprom.get_mut(at..end))
            && !is_dead
        {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }

    pub(crate) fn read(&self, offset: u32, options: &OptionBytes) -> u32 {
        match offset {
            ACR => self.acr,
            PECR => self.pecr,
            SR if self.operation.is_some() => self.flags | BSY,
            SR => self.flags | ENDHV | READY,
            OPTR => options.optr(),
            WRPROT => options.write_protection.into(),
            _ => 0,
        }
    }

    /// A write of a register. Tells whether it was refused.
    pub(crate) fn write(&mut self, offset: u32, value: u32) -> bool {
        match offset {
            ACR => self.acr = value,
            PECR => return self.write_pecr(value),
            PEKEYR => return self.unlock(Lock::Pe, value),
            PRGKEYR => return self.unlock(Lock::Prg, value),
            OPTKEYR => return self.unlock(Lock::Opt, value),
            SR => self.flags &= !value,
            _ => {}
        }
        false
    }

    fn write_pecr(&mut self, value: u32) -> bool {
        if self.pecr & PELOCK != 0 {
            return value & !OBL_LAUNCH != self.pecr;
        }
        // Locks can be set here and cleared by keys only.
        let mut locks = (self.pecr | value) & LOCKS;
        if value & PELOCK != 0 {
            locks = LOCKS;
        }
        self.option_load = value & OBL_LAUNCH != 0 && self.pecr & OPTLOCK == 0;
        self.pecr = value & !(LOCKS | OBL_LAUNCH) | locks;
        false
    }

    /// A key for a lock. Tells whether it was refused.
    fn unlock(&mut self, lock: Lock, key: u32) -> bool {
        let is_locked = self.pecr & lock.bit() != 0;
        // The other locks want PECR open.
        let waits = lock != Lock::Pe && self.pecr & PELOCK != 0;
        if !is_locked || waits {
            return true;
        }
        let complete = match lock {
            Lock::Pe => self.pe_keys.next(PE_KEYS, key),
            Lock::Prg => self.prg_keys.next(PRG_KEYS, key),
            Lock::Opt => self.opt_keys.next(OPT_KEYS, key),
        };
        if complete {
            self.pecr &= !lock.bit();
        }
        let keys = [self.pe_keys, self.prg_keys, self.opt_keys];
        keys.contains(&Keys::Wrong)
    }
}

/// What a store comes to.
#[derive(Clone, Copy, Debug)]
struct Plan {
    address: u32,
    bytes: u32,
    old: u32,
    new: u32,
    operations: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 3_280_000;
    const OPTIONS: OptionBytes = OptionBytes {
        read_protection: 0xAA,
        brown_out: crate::options::BrownOutLevel::Off,
        watchdog: crate::options::WatchdogStart::Software,
        stop: crate::options::OnEntry::Enter,
        standby: crate::options::OnEntry::Enter,
        write_protection: 0b10,
    };

    fn open() -> Nvm {
        let mut nvm = Nvm::new();
        PE_KEYS.into_iter().for_each(|key| assert!(!nvm.write(PEKEYR, key)));
        assert_eq!(nvm.read(PECR, &OPTIONS), PRGLOCK | OPTLOCK);
        nvm
    }

    /// Stores and tells how long it took, in operations; none if it did not begin.
    fn store(nvm: &mut Nvm, flash: &[u8], address: u32, width: Width, value: u32) -> Option<u64> {
        let request = Request { address, width, value };
        let begun = nvm.begin(request, flash, &OPTIONS, Time(0), &Timing::default());
        let ends = nvm.ends();
        assert_eq!(begun == Begun::Running, nvm.finish().is_some());
        (begun == Begun::Running).then_some(ends.0 / T)
    }

    #[test]
    fn eeprom_takes_only_the_operations_that_it_needs() {
        let mut nvm = open();
        for (value, operations) in [(5, 1), (0x105, 2), (0, 1), (0, 1), (7, 1), (7, 2)] {
            assert_eq!(store(&mut nvm, &[], EEPROM + 8, Width::Word, value), Some(operations));
            assert_eq!(nvm.eeprom_word(8), Some(value));
        }
        assert_eq!(store(&mut nvm, &[], EEPROM + 9, Width::Byte, 0x1AB), Some(2));
        assert_eq!(store(&mut nvm, &[], EEPROM + 10, Width::Half, 0x1234), Some(2));
        assert_eq!(nvm.eeprom_word(9), Some(0x1234_AB07));
        nvm.write(PECR, FIX);
        assert_eq!(store(&mut nvm, &[], EEPROM, Width::Word, 1), Some(2));
        nvm.write(PECR, ERASE | DATA);
        assert_eq!(store(&mut nvm, &[], EEPROM, Width::Word, 9), Some(1));
        assert_eq!(nvm.eeprom_word(0), Some(0));
    }

    #[test]
    fn locked_writes_are_flagged() {
        let mut nvm = Nvm::new();
        assert_eq!(store(&mut nvm, &[], EEPROM, Width::Word, 1), None);
        assert_eq!(nvm.read(SR, &OPTIONS), WRPERR | ENDHV | READY);
        nvm.write(SR, WRPERR);
        assert_eq!(nvm.read(SR, &OPTIONS), ENDHV | READY);
        assert!(nvm.write(PECR, 0), "locked itself");
    }

    #[test]
    fn a_wrong_key_locks_until_reset() {
        let mut nvm = Nvm::new();
        assert!(nvm.write(PEKEYR, 1));
        PE_KEYS.into_iter().for_each(|key| assert!(nvm.write(PEKEYR, key)));
        assert_eq!(nvm.read(PECR, &OPTIONS), LOCKS);
        nvm.reset();
        PE_KEYS.into_iter().for_each(|key| assert!(!nvm.write(PEKEYR, key)));
        nvm.write(PECR, PELOCK);
        assert_eq!(nvm.read(PECR, &OPTIONS), LOCKS, "and can be opened again");
        PE_KEYS.into_iter().for_each(|key| assert!(!nvm.write(PEKEYR, key)));
    }

    #[test]
    fn flash_takes_words_over_zero_and_erases_pages() {
        let mut nvm = open();
        let mut flash = [0; 8192];
        flash[4] = 1;
        assert_eq!(store(&mut nvm, &flash, FLASH, Width::Word, 1), None, "locked");
        PRG_KEYS.into_iter().for_each(|key| assert!(!nvm.write(PRGKEYR, key)));
        nvm.write(SR, ERRORS);
        assert_eq!(store(&mut nvm, &flash, FLASH, Width::Word, 1), Some(1));
        assert_eq!(store(&mut nvm, &flash, FLASH, Width::Half, 1), None);
        assert_eq!(store(&mut nvm, &flash, FLASH + 4, Width::Word, 2), None);
        assert_eq!(nvm.read(SR, &OPTIONS), EOP | SIZERR | NOTZEROERR | ENDHV | READY);
        assert_eq!(store(&mut nvm, &flash, FLASH + 4096, Width::Word, 1), None, "protected");
        nvm.write(PECR, ERASE | PROG);
        let request = Request { address: FLASH + 132, width: Width::Word, value: 0 };
        nvm.begin(request, &flash, &OPTIONS, Time(7), &Timing::default());
        let operation = nvm.tear(Tear::Ones).unwrap();
        assert_eq!((operation.address, operation.bytes), (FLASH + 128, 128));
        nvm.write(PECR, FPRG | PROG);
        assert_eq!(
            nvm.begin(request, &flash, &OPTIONS, Time(7), &Timing::default()),
            Begun::Unmodelled
        );
    }

    #[test]
    fn a_cut_leaves_what_was_chosen() {
        for (tear, word) in [
            (Tear::Old, 0xFFFF_0000),
            (Tear::Erased, 0),
            (Tear::Mixed, 0xAAAA_5555),
            (Tear::Ones, u32::MAX),
        ] {
            let mut nvm = open();
            store(&mut nvm, &[], EEPROM, Width::Word, 0xFFFF_0000);
            let request = Request { address: EEPROM, width: Width::Word, value: 0x0000_FFFF };
            nvm.begin(request, &[], &OPTIONS, Time(0), &Timing::default());
            assert_eq!(nvm.read(SR, &OPTIONS) & BSY, BSY);
            nvm.tear(tear);
            assert_eq!(nvm.eeprom_word(0), Some(word), "{tear:?}");
        }
    }

    #[test]
    fn ends_and_errors_interrupt_if_enabled() {
        let mut nvm = open();
        nvm.write(PECR, EOPIE);
        store(&mut nvm, &[], EEPROM, Width::Word, 1);
        assert!(nvm.interrupts());
        nvm.write(SR, EOP);
        assert!(!nvm.interrupts());
        nvm.write(PECR, ERRIE | PELOCK);
        store(&mut nvm, &[], EEPROM, Width::Word, 1);
        assert!(nvm.interrupts());
    }
}
