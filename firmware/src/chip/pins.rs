//! The pins: sampled together, driven together, watched for edges.
//!
//! Which pin is which signal stands in [`firmware::signals`]. PA13 and PA14 stay with the debugger;
//! pins that carry nothing stay analog, as after reset, and leak least so. PA10 is pulled down where
//! active is high, so that a line that is not connected asks for nothing; where active is low it is left
//! alone, for a pull-up would feed a Pi that is off.

use cortex_m::peripheral::NVIC;
use firmware::config::Polarity;
use firmware::machine::Cause;
use firmware::signals::{
    InputLevels, Level, Levels, LoadSwitch, PowerGood, StatusLed, Supply, SupplyEnable,
};
use stm32l0::stm32l0x1::Interrupt;

use super::Chip;
use super::kept::{self, KeptPorts};

/// The EXTI lines of the inputs: each has the number of its pin.
const EDGES: u32 = 1 << 0 | 1 << 1 | 1 << 7 | 1 << 10;
/// The EXTI line of LPTIM1.
const LOW_POWER_TIMER: u32 = 1 << 29;

/// The levels of the output pins: bit n is that of pin n, on port A for PA4 and PA9, on port C for PC14
/// and PC15. Open drains that are high float.
#[derive(Clone, Copy)]
pub(super) struct Ports(pub(super) u32);

impl Ports {
    const A: u32 = 1 << 4 | 1 << 9;
    const C: u32 = 1 << 14 | 1 << 15;
    /// The bits that mean something.
    pub(super) const BITS: u32 = Self::A | Self::C;

    const NOTHING_FED: Self = Self::of(Levels {
        supply_enable: SupplyEnable::Off,
        power_good: PowerGood::Low,
        load_switch: LoadSwitch::Open,
        status_led: StatusLed::Dark,
    });

    /// The loads wait until it is known whether they are wanted.
    const FED: Self = Self::of(Levels {
        supply_enable: SupplyEnable::On,
        power_good: PowerGood::Released,
        load_switch: LoadSwitch::Open,
        status_led: StatusLed::Dark,
    });

    const fn of(levels: Levels) -> Self {
        let supply_enable = match levels.supply_enable.level() {
            Level::High => 1 << 4,
            Level::Low => 0,
        };
        let status_led = match levels.status_led {
            StatusLed::Dark => 1 << 9,
            StatusLed::Lit => 0,
        };
        let power_good = match levels.power_good {
            PowerGood::Released => 1 << 14,
            PowerGood::Low => 0,
        };
        let load_switch = match levels.load_switch {
            LoadSwitch::Closed => 1 << 15,
            LoadSwitch::Open => 0,
        };
        Self(supply_enable | status_led | power_good | load_switch)
    }

    /// Sets the outputs of port A, PA4 among them; all at one instant.
    fn drive_a(self, chip: &Chip) {
        // SAFETY: any value may be written; these concern the outputs alone.
        unsafe { chip.gpioa.bsrr().write(|w| w.bits(self.bsrr(Self::A))) };
    }

    /// Sets the outputs of port C, at one instant.
    fn drive_c(self, chip: &Chip) {
        // SAFETY: any value may be written; these concern the outputs alone.
        unsafe { chip.gpioc.bsrr().write(|w| w.bits(self.bsrr(Self::C))) };
    }

    /// What is written to BSRR: a one in the lower half sets its pin, in the upper half resets it.
    const fn bsrr(self, pins: u32) -> u32 {
        self.0 & pins | (!self.0 & pins) << 16
    }
}

/// Drives the outputs for the first time after a reset, PA4 within 50 us of its vector.
///
/// They become what they were. After a power-on that found the supply lost before, memory is void: the
/// capacitors ran empty. Without memory `caps_charged` tells: it is high only while the LTC4041 is
/// enabled. [`Machine::resume`](firmware::Machine::resume) and
/// [`Machine::start`](firmware::Machine::start) judge alike, 20 ms later and with the record in hand.
pub(super) fn restore(chip: &Chip, cause: Cause, kept: Option<KeptPorts>) {
    chip.rcc.iopenr().write(|w| w.iopaen().enabled().iopcen().enabled());
    // A port answers two cycles after its clock was enabled.
    let _ = chip.rcc.iopenr().read();
    let believed = match (kept, cause) {
        (Some(KeptPorts { supply: Supply::Lost, .. }), Cause::Power) => {
            kept::forget();
            None
        }
        (Some(kept), Cause::Power | Cause::Pin | Cause::Other) => Some(kept.ports),
        (None, Cause::Power | Cause::Pin | Cause::Other) => None,
    };
    let ports = if let Some(ports) = believed {
        ports
    } else {
        listen(chip);
        // What was analog until now is sampled afresh by the second read.
        let _ = chip.gpioa.idr().read();
        let now = chip.gpioa.idr().read();
        let somebody_is_fed = now.id1().bit_is_set() && now.id7().bit_is_set();
        if somebody_is_fed { Ports::FED } else { Ports::NOTHING_FED }
    };
    // PA4 before all. Levels come first, so that no output glitches when it begins to drive.
    ports.drive_a(chip);
    chip.gpioa.moder().write(|w| w.mode4().output());
    chip.gpioa.otyper().write(|w| w.ot9().open_drain());
    chip.gpioa.moder().modify(|_, w| w.mode9().output());
    ports.drive_c(chip);
    chip.gpioc.otyper().write(|w| w.ot14().open_drain());
    chip.gpioc.moder().write(|w| w.mode14().output().mode15().output());
}

/// Makes the inputs inputs: after reset they are analog. PA4 is one and stays so until it is driven.
fn listen(chip: &Chip) {
    chip.gpioa
        .moder()
        .modify(|_, w| w.mode0().input().mode1().input().mode7().input().mode10().input());
}

/// Watches the inputs: any edge of any of them ends a sleep.
pub(super) fn set_up(chip: &Chip, polarity: Polarity) {
    listen(chip);
    chip.gpioa.pupdr().write(|w| match polarity {
        Polarity::ActiveHigh => w.pupd0().pull_up().pupd10().pull_down(),
        Polarity::ActiveLow => w.pupd0().pull_up(),
    });
    // After reset all lines look at port A, where all inputs are: SYSCFG may stay off.
    // SAFETY: lines that have a pin, and line 29, the low-power timer; all others stay off.
    unsafe {
        chip.exti.rtsr().write_with_zero(|w| w.bits(EDGES));
        chip.exti.ftsr().write_with_zero(|w| w.bits(EDGES));
        chip.exti.imr().write_with_zero(|w| w.bits(EDGES | LOW_POWER_TIMER));
    }
    // SAFETY: enabling an interrupt runs no handler while PRIMASK is set; it only ends a WFI.
    unsafe {
        NVIC::unmask(Interrupt::EXTI0_1);
        NVIC::unmask(Interrupt::EXTI4_15);
    }
}

/// Forgets the edges so far. The levels that they led to are sampled afterwards.
pub(super) fn forget_edges(chip: &Chip) {
    // SAFETY: a one clears.
    unsafe { chip.exti.pr().write_with_zero(|w| w.bits(EDGES)) };
    NVIC::unpend(Interrupt::EXTI0_1);
    NVIC::unpend(Interrupt::EXTI4_15);
}

/// The inputs at one instant.
pub(super) fn levels(chip: &Chip) -> InputLevels {
    let port = chip.gpioa.idr().read();
    let level = |high: bool| if high { Level::High } else { Level::Low };
    InputLevels {
        supply_good: level(port.id1().bit()),
        button: level(port.id0().bit()),
        pi_request: level(port.id10().bit()),
        caps_charged: level(port.id7().bit()),
    }
}

/// Drives the outputs and remembers them for the next reset. `supply` is the level they answer to.
pub(super) fn apply(chip: &Chip, levels: Levels, supply: Supply) {
    let ports = Ports::of(levels);
    // In this order: a reset in between would else undo a cut.
    kept::keep_ports(KeptPorts { ports, supply });
    ports.drive_a(chip);
    ports.drive_c(chip);
}
