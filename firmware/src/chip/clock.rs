//! Time, and sleeping through it.
//!
//! **Awake and in Sleep mode** TIM2 counts milliseconds of the MSI oscillator: 2 097 152 Hz through 2097
//! is 1 ms less 72 ppm, nothing beside the oscillator's own few percent.
//!
//! **In Stop mode** the MSI stands still. LPTIM1 counts the LSI oscillator, 26 .. 56 kHz, all the time. It
//! runs freely: set up once and never written to again but for its flags, so none of its
//! synchronisation delays, and none of what is told about stopping it, concerns us. It ends every sleep
//! twice a lap of its 16 bits, that is every 0.6 .. 1.3 s, in time for the watchdog, which counts the
//! same oscillator. How long half a lap is, is measured in Sleep mode, from one such end to the next.
//!
//! Stop mode is only for when nothing is due within [`STOP_FROM`]; the last stretch to any deadline, and
//! so all of the bridging time and of the shutdown's, is counted by the MSI (R16).

use cortex_m::asm;
use cortex_m::peripheral::{NVIC, SCB};
use firmware::time::{Instant, Millis};
use stm32l0::stm32l0x1::Interrupt;

use super::{Chip, pins};

/// Stop mode is worth its uncertain clock if nothing is due for this long [ms].
const STOP_FROM: u32 = 30_000;
/// MSI range 5, as after reset, in kHz.
const MSI_KHZ: u16 = 2_097;
/// Half a lap of the low-power timer, as a power of two.
const HALF_LAP: u32 = 15;
/// Half a lap in milliseconds: 585 at 56 kHz, 1260 at 26 kHz. Anything far from it is a dead oscillator.
const PLAUSIBLE: core::ops::Range<u32> = 450..1_600;
/// The longest that TIM2 is asked to wait [ms]; its counter laps after 65.5 s.
const LONGEST: u32 = 60_000;
/// The same [ms] while half a lap is not measured: a timer that does not run does not end a sleep, and the
/// watchdog is to be fed all the same.
const LONGEST_UNMEASURED: u32 = 500;
/// Polls of flags that come within a few cycles of the LSI, and of its start (0.2 ms).
const POLLS: u32 = 2_000;
/// Bit of the core's sleep control register.
const SLEEPDEEP: u32 = 1 << 2;

/// The clock.
pub(super) struct Clock<'a> {
    chip: &'a Chip,
    now: Instant,
    /// TIM2's counter at `now`.
    counter: u16,
    /// When the low-power timer last ended a sleep, if it was in Sleep mode since.
    half_lap_at: Option<Instant>,
    /// Milliseconds of half a lap, once measured.
    half_lap: Option<u32>,
    /// What was left over of a millisecond in Stop mode, in parts of half a lap.
    rest: u32,
}

impl<'a> Clock<'a> {
    /// Starts the timers; time goes on from `now`.
    pub(super) fn start(chip: &'a Chip, now: Instant) -> Self {
        chip.rcc.csr().modify(|_, w| w.lsion().set_bit());
        chip.rcc.ccipr().write(|w| w.lptim1sel().lsi());
        chip.rcc.apb1enr().write(|w| w.tim2en().enabled().lptim1en().enabled().pwren().enabled());
        // As after reset; EEPROM writes want range 2 at least.
        chip.pwr.cr().modify(|_, w| w.vos().v1_5());
        start_milliseconds(chip);
        wait_for(|| chip.rcc.csr().read().lsirdy().bit_is_set());
        start_low_power_timer(chip);
        // SAFETY: enabling an interrupt runs no handler while PRIMASK is set; it only ends a WFI.
        unsafe {
            NVIC::unmask(Interrupt::TIM2);
            NVIC::unmask(Interrupt::LPTIM1);
        }
        Self { chip, now, counter: 0, half_lap_at: None, half_lap: None, rest: 0 }
    }

    /// The time.
    // Inlined, the image grows by 84 bytes.
    #[inline(never)]
    pub(super) fn now(&mut self) -> Instant {
        let counter = self.counter();
        let passed = counter.wrapping_sub(self.counter);
        self.counter = counter;
        self.now = self.now.after(Millis(passed.into()));
        self.now
    }

    /// Sets the clock back; what it told before is to be set back too.
    pub(super) fn set_back(&mut self, interval: Millis) {
        self.now = self.now.set_back(interval);
        self.half_lap_at = None;
    }

    /// Sleeps until `due`, until an input changes, or until the watchdog wants to be fed. What ended the
    /// sleep is forgotten: it means no more than "look".
    pub(super) fn sleep_until(&mut self, due: Option<Instant>) {
        let now = self.now();
        let far = due.map_or(u32::MAX, |due| due.since(now));
        match self.half_lap {
            Some(half_lap) if far >= STOP_FROM => self.stop(half_lap),
            Some(_) => self.doze(far.min(LONGEST) as u16),
            None => self.doze(far.min(LONGEST_UNMEASURED) as u16),
        }
        // The flags first, the core's latches of them last: a flag takes a few cycles to fall.
        self.chip.tim2.sr().write(|w| w.cc1if().clear());
        pins::forget_edges(self.chip);
        NVIC::unpend(Interrupt::TIM2);
        NVIC::unpend(Interrupt::LPTIM1);
    }

    /// Sleep mode, `far` milliseconds at most.
    fn doze(&mut self, far: u16) {
        // Half a lap that ended while the core was busy is noticed too late to measure by.
        if self.take_half_lap() {
            self.half_lap_at = None;
        }
        let due = self.counter.wrapping_add(far);
        self.chip.tim2.ccr1().write(|w| w.ccr().set(due));
        // The counter may have passed it before it was written; then no match ends the sleep.
        if self.counter().wrapping_sub(self.counter) >= far {
            return;
        }
        wait_for_interrupt();
        if self.take_half_lap() {
            let now = self.now();
            if let Some(before) = self.half_lap_at {
                let half_lap = now.since(before);
                self.half_lap = PLAUSIBLE.contains(&half_lap).then_some(half_lap);
            }
            self.half_lap_at = Some(now);
        }
    }

    /// Stop mode, half a lap of the low-power timer at most.
    fn stop(&mut self, half_lap: u32) {
        let before = self.ticks();
        self.now();
        self.chip.pwr.cr().modify(|_, w| w.lpsdsr().low_power_mode().cwuf().set_bit());
        set_sleep_control(SLEEPDEEP);
        wait_for_interrupt();
        set_sleep_control(0);
        // Sleep mode wants the main regulator.
        self.chip.pwr.cr().modify(|_, w| w.lpsdsr().main_mode());
        let ticks = u32::from(self.ticks().wrapping_sub(before));
        // What TIM2 counted since is in the ticks.
        self.counter = self.counter();
        self.take_half_lap();
        let parts = self.rest.wrapping_add(ticks.wrapping_mul(half_lap));
        self.now = self.now.after(Millis(parts >> HALF_LAP));
        self.rest = parts & ((1 << HALF_LAP) - 1);
        self.half_lap_at = None;
    }

    fn counter(&self) -> u16 {
        self.chip.tim2.cnt().read().cnt().bits()
    }

    /// Whether the low-power timer has come round or half round since this was asked last. Clears the
    /// flags that it saw, and no others: one that comes meanwhile is for the next time.
    fn take_half_lap(&self) -> bool {
        const FLAGS: u32 = 0b11;
        let flags = self.chip.lptim.isr().read().bits() & FLAGS;
        // SAFETY: these two have their interrupts on; a one clears.
        unsafe { self.chip.lptim.icr().write_with_zero(|w| w.bits(flags)) };
        flags != 0
    }

    /// The low-power timer's counter. It changes with another clock than ours, so it counts once it
    /// was read twice alike.
    fn ticks(&self) -> u16 {
        let read = || self.chip.lptim.cnt().read().cnt().bits();
        let mut ticks = read();
        for _ in 0..4 {
            let again = read();
            if again == ticks {
                break;
            }
            ticks = again;
        }
        ticks
    }
}

fn start_milliseconds(chip: &Chip) {
    chip.tim2.psc().write(|w| w.psc().set(MSI_KHZ - 1));
    chip.tim2.arr().write(|w| w.arr().set(u16::MAX));
    // The prescaler takes effect at an update.
    chip.tim2.egr().write(|w| w.ug().update());
    chip.tim2.dier().write(|w| w.cc1ie().enabled());
    chip.tim2.cr1().write(|w| w.cen().enabled());
}

fn start_low_power_timer(chip: &Chip) {
    let timer = &chip.lptim;
    // What interrupts is chosen while it is disabled, limits while it is enabled.
    timer.ier().write(|w| w.cmpmie().enabled().arrmie().enabled());
    timer.cr().write(|w| w.enable().enabled());
    timer.arr().write(|w| w.arr().set(u16::MAX));
    wait_for(|| timer.isr().read().arrok().bit_is_set());
    timer.cmp().write(|w| w.cmp().set(0x8000));
    wait_for(|| timer.isr().read().cmpok().bit_is_set());
    timer.cr().write(|w| w.enable().enabled().cntstrt().set_bit());
}

/// Writes the core's sleep control: sleep or stop at the next WFI.
fn set_sleep_control(bits: u32) {
    // SAFETY: nothing else uses this register, and no bit of it concerns memory.
    unsafe { (*SCB::PTR).scr.write(bits) };
}

fn wait_for(is_so: impl Fn() -> bool) {
    let _ = (0..POLLS).any(|_| is_so());
}

fn wait_for_interrupt() {
    // What was written is to have its effect before the clock stops.
    asm::dsb();
    asm::wfi();
}
