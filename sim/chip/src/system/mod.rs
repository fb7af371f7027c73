//! Everything on the bus, and the wires between it: clocks to peripherals, peripherals to interrupts.
//!
//! Peripherals count in one of three ways, and so nothing drifts: in cycles of the core's clock
//! (timers), in ticks of an oscillator of their own (watchdog, low-power timer, RTC), or in time
//! (start-up of oscillators, the NVM). What comes next of all of these is one cycle while the core's
//! clock runs ([`System::next_cycle`]), and one time while it does not ([`System::next_time`]).
//!
//! Interrupt lines are levels: a flag and its enable bit. They follow table "List of vectors" of RM0377
//! by way of ST's header.

mod access;

use crate::chip::ResetCause;
use crate::exti::{self, Exti};
use crate::gpio::Gpio;
use crate::iwdg::Watchdog;
use crate::lptim::LowPowerTimer;
use crate::nvm::Nvm;
use crate::options::{OptionBytes, WatchdogStart};
use crate::other::Others;
use crate::pin::{Drive, Pin, PinState, Port};
use crate::pwr::Pwr;
use crate::rcc::{KernelClock, Rcc};
use crate::report::Report;
use crate::rtc::Rtc;
use crate::syscfg::Syscfg;
use crate::tim::Timer;
use crate::time::Time;
use crate::timing::{Oscillators, Timing};
use crate::wwdg::WindowWatchdog;

/// MODER, OSPEEDR and PUPDR of ports A, B and C after reset.
const PORT_RESET: [(u32, u32, u32); 3] =
    [(0xEBFF_FCFF, 0x0C00_0000, 0x2400_0000), (0xFFFF_FFFF, 0, 0), (0xFFFF_FFFF, 0, 0)];

/// Interrupt numbers.
mod irq {
    pub(super) const WWDG: u32 = 0;
    pub(super) const PVD: u32 = 1;
    pub(super) const RTC: u32 = 2;
    pub(super) const FLASH: u32 = 3;
    pub(super) const RCC: u32 = 4;
    pub(super) const EXTI0_1: u32 = 5;
    pub(super) const EXTI2_3: u32 = 6;
    pub(super) const EXTI4_15: u32 = 7;
    pub(super) const ADC_COMP: u32 = 12;
    pub(super) const LPTIM1: u32 = 13;
    pub(super) const TIM2: u32 = 15;
    pub(super) const TIM21: u32 = 20;
}

/// What is on the bus.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) rcc: Rcc,
    pub(crate) pwr: Pwr,
    pub(crate) nvm: Nvm,
    pub(crate) syscfg: Syscfg,
    pub(crate) iwdg: Watchdog,
    pub(crate) exti: Exti,
    gpio: [Gpio; 3],
    tim2: Timer,
    tim21: Timer,
    wwdg: WindowWatchdog,
    lptim: LowPowerTimer,
    rtc: Rtc,
    others: Others,
    pub(crate) options: OptionBytes,
    pub(crate) timing: Timing,
    pub(crate) report: Report,
    /// VDD in millivolts.
    supply: u32,
    /// LPTIM1's clock.
    kernel: KernelClock,
    lines: u32,
    /// The core's clock stands: only what EXTI lets through can wake.
    pub(crate) stopped: bool,
    /// The chip is to be reset.
    reset_request: Option<ResetCause>,
    /// Pins may do something else than when they were looked at.
    pub(crate) pins_changed: bool,
    /// Something was written that concerns more than its peripheral: clocks, memories, resets.
    pub(crate) attention: bool,
    /// The cycle of what comes next, unless something was written since.
    next: Option<u64>,
    /// The instruction that accesses.
    pc: u32,
}

impl System {
    pub(crate) fn new(options: OptionBytes, oscillators: Oscillators) -> Self {
        Self {
            rcc: Rcc::new(oscillators),
            pwr: Pwr::new(),
            nvm: Nvm::new(),
            syscfg: Syscfg::new(),
            iwdg: Watchdog::new(),
            exti: Exti::new(),
            gpio: PORT_RESET.map(|(moder, ospeedr, pupdr)| Gpio::new(moder, ospeedr, pupdr)),
            tim2: Timer::new(4),
            tim21: Timer::new(2),
            wwdg: WindowWatchdog::new(),
            lptim: LowPowerTimer::new(),
            rtc: Rtc::new(),
            others: Others::new(),
            options,
            timing: Timing::default(),
            report: Report::new(),
            supply: 3_300,
            kernel: KernelClock::Apb,
            lines: 0,
            stopped: false,
            reset_request: None,
            pins_changed: false,
            attention: false,
            next: None,
            pc: 0,
        }
    }

    /// A reset at `now`. The core's clock stands afterwards.
    pub(crate) fn reset(&mut self, now: Time, cause: ResetCause) {
        self.rtc.advance(self.rcc.lsi_ticks.ticks_at(now));
        self.rcc.reset(now, cause);
        match cause {
            ResetCause::PowerOn | ResetCause::BrownOut => {
                self.pwr = Pwr::new();
                self.rtc = Rtc::new();
            }
            ResetCause::StandbyExit => {
                self.pwr.reset();
                self.pwr.wake_from_standby();
            }
            ResetCause::Pin
            | ResetCause::Software
            | ResetCause::Watchdog
            | ResetCause::WindowWatchdog
            | ResetCause::LowPower
            | ResetCause::OptionLoad => self.pwr.reset(),
        }
        self.rtc.set_clocked(self.rcc.rtc_runs(), self.rcc.lsi_ticks.ticks_at(now));
        self.nvm.reset();
        self.syscfg = Syscfg::new();
        self.iwdg = Watchdog::new();
        self.compare_supply();
        self.exti.reset();
        for (port, (moder, ospeedr, pupdr)) in self.gpio.iter_mut().zip(PORT_RESET) {
            port.reset(moder, ospeedr, pupdr);
        }
        self.tim2 = Timer::new(4);
        self.tim21 = Timer::new(2);
        self.wwdg = WindowWatchdog::new();
        self.lptim = LowPowerTimer::new();
        self.kernel = KernelClock::Apb;
        self.others.reset();
        self.stopped = false;
        self.reset_request = None;
        self.next = None;
        self.exti.set_pins(self.syscfg.lines(self.levels()));
        self.update();
    }

    /// The reset is over: what the option bytes start, starts.
    pub(crate) fn begin(&mut self, now: Time) {
        match self.options.watchdog {
            WatchdogStart::Hardware => {
                self.rcc.force_lsi(now, &self.timing);
                self.iwdg.start(self.rcc.lsi_ticks.ticks_at(now));
            }
            WatchdogStart::Software => {}
        }
    }

    /// VDD. The detector compares it.
    pub(crate) fn set_supply(&mut self, millivolts: u32) {
        self.supply = millivolts;
        self.compare_supply();
        self.update();
    }

    fn compare_supply(&mut self) {
        let below = self.pwr.compare(self.supply);
        self.exti.set_line(exti::VOLTAGE_DETECTOR, below);
    }

    /// What the outside does to a pin.
    pub(crate) fn set_input(&mut self, pin: Pin, drive: Drive) {
        self.gpio[index(pin.port())].set_outside(pin.number(), drive);
        self.look_for_edges();
    }

    /// Wake-up pins that the outside drives high, whatever the port is set to: bit 0 is PA0, bit 2 is PA2,
    /// as in PWR_CSR.EWUP.
    pub(crate) fn wake_up_pins(&self) -> u32 {
        u32::from(self.gpio[0].driven_high() & 0b101)
    }

    fn levels(&self) -> [u16; 3] {
        [self.gpio[0].levels(), self.gpio[1].levels(), self.gpio[2].levels()]
    }

    fn look_for_edges(&mut self) {
        self.exti.set_pins(self.syscfg.lines(self.levels()));
        self.update();
    }

    /// What a pin does.
    pub(crate) fn pin(&self, pin: Pin) -> PinState {
        self.gpio[index(pin.port())].state(pin.number())
    }

    /// Derives the interrupt lines from what the peripherals say.
    fn update(&mut self) {
        self.exti.set_line(exti::RTC_WAKE_UP, self.rtc.wakes());
        let low_power = self.lptim.interrupts();
        self.exti.set_line(exti::LOW_POWER_TIMER, low_power);
        let low_power = low_power && (!self.stopped || self.exti.lets_wake(exti::LOW_POWER_TIMER));
        let edges = self.exti.interrupts();
        let line = |high: bool, number: u32| u32::from(high) << number;
        self.lines = line(self.wwdg.interrupts(), irq::WWDG)
            | line(edges & 1 << 16 != 0, irq::PVD)
            | line(edges & (1 << 17 | 1 << 19 | 1 << 20) != 0, irq::RTC)
            | line(self.nvm.interrupts(), irq::FLASH)
            | line(self.rcc.interrupts(), irq::RCC)
            | line(edges & 0x0003 != 0, irq::EXTI0_1)
            | line(edges & 0x000C != 0, irq::EXTI2_3)
            | line(edges & 0xFFF0 != 0, irq::EXTI4_15)
            | line(edges & (1 << 21 | 1 << 22) != 0, irq::ADC_COMP)
            | line(low_power, irq::LPTIM1)
            | line(self.tim2.interrupts(), irq::TIM2)
            | line(self.tim21.interrupts(), irq::TIM21);
    }

    /// Flags of the NVM may have changed.
    pub(crate) fn memory_changed(&mut self) {
        self.next = None;
        self.update();
    }

    /// Stop begins at `now`.
    pub(crate) fn enter_stop(&mut self, now: Time) {
        self.rcc.enter_stop(now, &self.timing);
        self.set_stopped(true);
    }

    /// Standby begins at `now`: only the RTC and the watchdog go on. The reset that ends it does the
    /// rest.
    pub(crate) fn enter_standby(&mut self, now: Time) {
        self.rcc.enter_stop(now, &self.timing);
        self.lptim = LowPowerTimer::new();
        for port in &mut self.gpio {
            port.reset(0xFFFF_FFFF, 0, 0);
        }
        self.set_stopped(true);
    }

    /// Stop begins or ends.
    fn set_stopped(&mut self, stopped: bool) {
        self.stopped = stopped;
        self.next = None;
        self.update();
    }

    /// Why the chip is to be reset; forgets it.
    pub(crate) const fn take_reset_request(&mut self) -> Option<ResetCause> {
        self.reset_request.take()
    }

    /// The tick of LPTIM1's clock.
    const fn kernel_tick(&self, cycle: u64, now: Time) -> u64 {
        match self.kernel {
            KernelClock::Apb => cycle / self.rcc.apb_divider(1),
            KernelClock::Lsi => self.rcc.lsi_ticks.ticks_at(now),
            KernelClock::Hsi16 => self.rcc.hsi16_ticks.ticks_at(now),
            KernelClock::Lse => 0,
        }
    }

    /// When a tick of LPTIM1's clock comes; never, for the APB's, whose cycle [`Self::kernel_cycle`]
    /// tells.
    const fn kernel_time(&self, tick: u64) -> Time {
        match self.kernel {
            KernelClock::Apb | KernelClock::Lse => Time::NEVER,
            KernelClock::Lsi => self.rcc.lsi_ticks.time_of(tick),
            KernelClock::Hsi16 => self.rcc.hsi16_ticks.time_of(tick),
        }
    }

    /// The core cycle at which a tick of LPTIM1's clock is seen.
    const fn kernel_cycle(&self, tick: u64) -> u64 {
        match self.kernel {
            KernelClock::Apb => tick.saturating_mul(self.rcc.apb_divider(1)),
            KernelClock::Lsi | KernelClock::Hsi16 | KernelClock::Lse => {
                self.cycle_at(self.kernel_time(tick))
            }
        }
    }

    /// The first cycle at or after a time; never, if there is none.
    const fn cycle_at(&self, time: Time) -> u64 {
        if time.0 == Time::NEVER.0 { u64::MAX } else { self.rcc.core.first_from(time) }
    }

    /// The time of a cycle.
    pub(crate) const fn time_of(&self, cycle: u64) -> Time {
        self.rcc.core.time_of(cycle)
    }

    /// When something next happens by itself that needs no core clock: an oscillator, the NVM, the
    /// watchdog, the low-power timer, the RTC.
    pub(crate) fn next_time(&self) -> Time {
        let lsi = &self.rcc.lsi_ticks;
        let ticks = self.iwdg.bites_at().min(self.iwdg.next_arrival()).min(self.rtc.next_wake_up());
        [
            self.rcc.next_event(),
            self.nvm.ends(),
            if ticks == u64::MAX { Time::NEVER } else { lsi.time_of(ticks) },
            match self.lptim.next_interrupt() {
                u64::MAX => Time::NEVER,
                tick => self.kernel_time(tick),
            },
        ]
        .into_iter()
        .min()
        .unwrap_or(Time::NEVER)
    }

    /// The cycle at which something next happens by itself. Everything has advanced to the present.
    pub(crate) fn next_cycle(&mut self) -> u64 {
        if let Some(next) = self.next {
            return next;
        }
        let mut next = self.cycle_at(self.next_time());
        next = next.min(self.tim2.next_interrupt()).min(self.tim21.next_interrupt());
        next = next.min(self.wwdg.next_event());
        match (self.kernel, self.lptim.next_interrupt()) {
            (_, u64::MAX) => {}
            (KernelClock::Apb, tick) => next = next.min(self.kernel_cycle(tick)),
            (KernelClock::Lsi | KernelClock::Hsi16 | KernelClock::Lse, _) => {}
        }
        self.next = Some(next);
        next
    }

    /// Lets happen what happens by this cycle and time.
    pub(crate) fn advance(&mut self, cycle: u64, now: Time) {
        self.rcc.advance(now);
        self.tim2.advance(cycle);
        self.tim21.advance(cycle);
        self.lptim.advance(self.kernel_tick(cycle, now));
        let lsi = self.rcc.lsi_ticks.ticks_at(now);
        self.rtc.advance(lsi);
        self.iwdg.advance(lsi);
        if lsi >= self.iwdg.bites_at() {
            self.reset_request = Some(ResetCause::Watchdog);
        }
        self.wwdg.advance(cycle);
        if cycle >= self.wwdg.bites_at() {
            self.reset_request = Some(ResetCause::WindowWatchdog);
        }
        self.next = None;
        self.update();
    }

    /// The oscillators are others from `now` on.
    pub(crate) fn set_oscillators(&mut self, now: Time, oscillators: Oscillators) {
        self.rcc.set_oscillators(now, oscillators);
        self.next = None;
    }

    /// Stop ends at `now`.
    pub(crate) fn leave_stop(&mut self, now: Time, cycle: u64) {
        self.rcc.leave_stop(now, cycle, &self.timing);
        self.pwr.woken(now, &self.timing);
        self.set_stopped(false);
    }

    /// Whether the RTC ends Standby.
    pub(crate) const fn rtc_wakes(&self) -> bool {
        self.rtc.wakes()
    }
}

const fn index(port: Port) -> usize {
    match port {
        Port::A => 0,
        Port::B => 1,
        Port::C => 2,
    }
}
