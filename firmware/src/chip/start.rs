//! Vectors, the reset handler, faults.
//!
//! ARMv6-M: the core takes its stack pointer and the reset handler from the first two words of flash.
//! A fault or an exception that nobody asked for resets the chip: the outputs take up what they were
//! ([`pins::restore`]) and the machine goes on where it was.

use core::panic::PanicInfo;

use cortex_m::asm;
use cortex_m::peripheral::SCB;
use firmware::machine::Cause;

use super::{Chip, kept, pins, run, watchdog};

unsafe extern "C" {
    /// End of RAM (linker script).
    static _stack_start: u32;
    /// Nobody defines it: an image that can panic does not link.
    safe fn this_image_can_panic() -> !;
}

/// An entry of the vector table.
#[repr(C)]
union Vector {
    stack: *const u32,
    handler: extern "C" fn() -> !,
}

// SAFETY: the table is constant.
unsafe impl Sync for Vector {}

/// The exceptions. Interrupts have no entries: with PRIMASK set none is ever taken, and of these only
/// reset, NMI and hard fault.
#[used]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vectors")]
static VECTORS: [Vector; 16] = {
    let mut table = [const { Vector { handler: fault } }; 16];
    // SAFETY: only the address is taken.
    table[0] = Vector { stack: &raw const _stack_start };
    table[1] = Vector { handler: Reset };
    table
};

/// Entered with the registers of the chip at their reset values; RAM is as the reset left it.
///
/// The outputs come first: a Pi that is fed waits for its supply.
#[unsafe(no_mangle)]
extern "C" fn Reset() -> ! {
    // SAFETY: the only place; nothing runs beside it.
    let chip = unsafe { &Chip::steal() };
    let flags = chip.rcc.csr().read();
    // Whatever resets the chip pulls NRST, so its flag stands beside that of any other cause.
    let cause = match flags.bits() >> FLAGS {
        pin if pin == PIN => Cause::Pin,
        _ if flags.porrstf().bit_is_set() => Cause::Power,
        _ => Cause::Other,
    };
    pins::restore(chip, cause, kept::ports());
    watchdog::start(chip);
    chip.rcc.csr().modify(|_, w| w.rmvf().set_bit());
    run(chip, cause)
}

/// The reset flags begin at this bit of RCC_CSR.
const FLAGS: u32 = 24;
/// Of these, PINRSTF.
const PIN: u32 = 1 << 2;

/// SYSRESETREQ with the key of AIRCR.
const RESET_REQUEST: u32 = 0x05FA_0004;

/// Anything that must not happen.
extern "C" fn fault() -> ! {
    asm::dsb();
    // SAFETY: the register that resets the chip; the key must go with it.
    unsafe { (*SCB::PTR).aircr.write(RESET_REQUEST) };
    // The reset takes a few cycles. Should it not come, the watchdog does.
    loop {
        asm::nop();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    this_image_can_panic()
}
