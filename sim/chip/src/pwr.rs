//! PWR: regulator, low-power modes, wake-up flags, the programmable voltage detector.
//!
//! After RM0377, "Power control", by way of ST's header and HAL sources. A wake-up pin raises WUF when it
//! ends Standby, or is enabled while it is high; edges while the core's clock runs or in Stop do not. The regulator's ranges and
//! low-power modes have no effect but their flags: whether the program keeps to what frequency a range
//! allows is not looked at. The detector compares with 1.9 to 3.1 V in steps of 0.2 V, and 0.1 V more on
//! the way up. Left out, and told: the detector's external input, which no pin of the small packages
//! has.

use crate::time::Time;
use crate::timing::Timing;

const CR: u32 = 0x00;
const CSR: u32 = 0x04;

/// CR.
const LPSDSR: u32 = 1;
const PDDS: u32 = 1 << 1;
const CWUF: u32 = 1 << 2;
const CSBF: u32 = 1 << 3;
const PVDE: u32 = 1 << 4;
const PLS: u32 = 0b111 << 5;
const DBP: u32 = 1 << 8;
const ULP: u32 = 1 << 9;
const FWU: u32 = 1 << 10;
const VOS: u32 = 0b11 << 11;
const LPRUN: u32 = 1 << 14;
/// Range 2.
const CR_RESET: u32 = 0b10 << 11;

/// CSR.
const WUF: u32 = 1;
const SBF: u32 = 1 << 1;
const PVDO: u32 = 1 << 2;
const VREFINTRDYF: u32 = 1 << 3;
const VOSF: u32 = 1 << 4;
const REGLPF: u32 = 1 << 5;
const EWUP: u32 = 0b111 << 8;

/// Millivolts between the detector's thresholds.
const HYSTERESIS: u32 = 100;

/// What a deep sleep is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeepSleep {
    Stop,
    Standby,
}

/// The power control.
#[derive(Clone, Debug)]
pub(crate) struct Pwr {
    cr: u32,
    wuf: bool,
    sbf: bool,
    ewup: u32,
    /// The supply is below the detector's threshold.
    pvdo: bool,
    scaling_until: Time,
    reference_from: Time,
}

impl Pwr {
    pub(crate) const fn new() -> Self {
        Self {
            cr: CR_RESET,
            wuf: false,
            sbf: false,
            ewup: 0,
            pvdo: false,
            scaling_until: Time(0),
            reference_from: Time(0),
        }
    }

    /// A system reset: what Standby left is kept.
    pub(crate) const fn reset(&mut self) {
        *self = Self { wuf: self.wuf, sbf: self.sbf, ..Self::new() };
    }

    /// The chip came back from Standby.
    pub(crate) const fn wake_from_standby(&mut self) {
        self.wuf = true;
        self.sbf = true;
    }

    /// Whether the regulator is set to range 3, the lowest.
    pub(crate) const fn in_range_3(&self) -> bool {
        self.cr & VOS == VOS
    }

    pub(crate) const fn deep_sleep(&self) -> DeepSleep {
        if self.cr & PDDS != 0 { DeepSleep::Standby } else { DeepSleep::Stop }
    }

    /// Whether a wake-up flag is up, which ends Standby at once.
    pub(crate) const fn has_wake_up_flag(&self) -> bool {
        self.wuf
    }

    /// The wake-up pins at their levels, as one of them may just have been enabled: one that is high
    /// already is an event.
    pub(crate) const fn look_at_pins(&mut self, before: u32, high: u32) {
        if self.wake_up_pins() & !before & high != 0 {
            self.wuf = true;
        }
    }

    /// The wake-up pins that are enabled: bit 0 is PA0, bit 2 is PA2. The second is not on this die.
    pub(crate) const fn wake_up_pins(&self) -> u32 {
        self.ewup >> 8
    }

    /// Whether the RTC's registers may be written.
    pub(crate) const fn backup_writable(&self) -> bool {
        self.cr & DBP != 0
    }

    /// Stop begins: tells how many nanoseconds longer its end will take.
    pub(crate) const fn reference_delay(&self, timing: &Timing) -> u64 {
        // The reference is off, and the program does not want to run without it.
        if self.cr & (ULP | FWU) == ULP { timing.reference_start } else { 0 }
    }

    /// Stop ends at `now`.
    pub(crate) const fn woken(&mut self, now: Time, timing: &Timing) {
        if self.cr & (ULP | FWU) == ULP | FWU {
            self.reference_from = now.after(timing.reference_start);
        }
    }

    /// Falling and rising threshold of the detector in millivolts, while it is on.
    pub(crate) const fn detector(&self) -> Option<(u32, u32)> {
        let level = (self.cr & PLS) >> 5;
        if self.cr & PVDE == 0 || level == 7 {
            return None;
        }
        let falling = 1_900 + 200 * level;
        Some((falling, falling + HYSTERESIS))
    }

    /// Compares the supply. Tells the detector's output, which is its EXTI line.
    pub(crate) const fn compare(&mut self, millivolts: u32) -> bool {
        self.pvdo = match self.detector() {
            Some((falling, _)) if millivolts < falling => true,
            Some((_, rising)) if millivolts > rising => false,
            Some(_) => self.pvdo,
            None => false,
        };
        self.pvdo
    }

    /// What is at an offset, and until when.
    pub(crate) const fn read(&self, offset: u32, now: Time) -> (u32, Time) {
        match offset {
            CR => (self.cr, Time::NEVER),
            CSR => {
                let mut until = Time::NEVER;
                let mut value = self.ewup;
                if self.wuf {
                    value |= WUF;
                }
                if self.sbf {
                    value |= SBF;
                }
                if self.pvdo {
                    value |= PVDO;
                }
                if self.cr & LPRUN != 0 {
                    value |= REGLPF;
                }
                if self.reference_from.0 > now.0 {
                    until = self.reference_from;
                } else {
                    value |= VREFINTRDYF;
                }
                if self.scaling_until.0 > now.0 {
                    value |= VOSF;
                    if self.scaling_until.0 < until.0 {
                        until = self.scaling_until;
                    }
                }
                (value, until)
            }
            _ => (0, Time::NEVER),
        }
    }

    /// A write. Returns the bits that ask for what is left out.
    pub(crate) const fn write(
        &mut self,
        offset: u32,
        value: u32,
        now: Time,
        timing: &Timing,
    ) -> u32 {
        match offset {
            CR => {
                if value & CWUF != 0 {
                    self.wuf = false;
                }
                if value & CSBF != 0 {
                    self.sbf = false;
                }
                let mut cr = value & !(CWUF | CSBF);
                if cr & VOS == 0 {
                    // There is no such range: the one before stays.
                    cr |= self.cr & VOS;
                }
                if (cr ^ self.cr) & VOS != 0 {
                    self.scaling_until = now.after(timing.voltage_scaling);
                }
                if cr & LPSDSR == 0 {
                    // Low-power run needs the low-power regulator.
                    cr &= !LPRUN;
                }
                self.cr = cr;
                if cr & PVDE != 0 && cr & PLS == PLS { PLS } else { 0 }
            }
            CSR => {
                self.ewup = value & EWUP;
                0
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        power_on_reset: 0,
        reset: 0,
        stop_wake_up: 5_000,
        standby_wake_up: 0,
        reference_start: 3_000_000,
        hsi16_start: 0,
        msi_start: 0,
        pll_lock: 0,
        lsi_start: 0,
        nvm_operation: 0,
        voltage_scaling: 20_000,
    };

    #[test]
    fn the_detector_has_a_hysteresis() {
        let mut pwr = Pwr::new();
        assert!(!pwr.compare(0), "off");
        pwr.write(CR, CR_RESET | PVDE | 2 << 5, Time(0), &TIMING);
        assert_eq!(pwr.detector(), Some((2_300, 2_400)));
        for (millivolts, output) in
            [(2_350, false), (2_299, true), (2_400, true), (2_401, false), (2_300, false)]
        {
            assert_eq!(pwr.compare(millivolts), output, "{millivolts} mV");
        }
        assert_eq!(pwr.write(CR, CR_RESET | PVDE | PLS, Time(0), &TIMING), PLS);
    }

    #[test]
    fn the_range_takes_time_to_change() {
        let mut pwr = Pwr::new();
        pwr.write(CR, 0b01 << 11, Time(100), &TIMING);
        assert_eq!(pwr.read(CSR, Time(100)), (VREFINTRDYF | VOSF, Time(20_100)));
        assert_eq!(pwr.read(CSR, Time(20_100)), (VREFINTRDYF, Time::NEVER));
        pwr.write(CR, 0, Time(30_000), &TIMING);
        assert_eq!(pwr.read(CR, Time(30_000)).0, 0b01 << 11, "range 0 is none");
    }

    #[test]
    fn the_reference_starts_after_stop() {
        let mut pwr = Pwr::new();
        assert_eq!(pwr.reference_delay(&TIMING), 0);
        pwr.write(CR, CR_RESET | ULP, Time(0), &TIMING);
        assert_eq!(pwr.reference_delay(&TIMING), 3_000_000);
        pwr.write(CR, CR_RESET | ULP | FWU, Time(0), &TIMING);
        assert_eq!(pwr.reference_delay(&TIMING), 0);
        pwr.woken(Time(500), &TIMING);
        assert_eq!(pwr.read(CSR, Time(500)), (0, Time(3_000_500)));
    }

    #[test]
    fn flags_of_standby_survive_a_reset_until_cleared() {
        let mut pwr = Pwr::new();
        pwr.wake_from_standby();
        pwr.reset();
        assert_eq!(pwr.read(CSR, Time(0)).0, VREFINTRDYF | WUF | SBF);
        pwr.write(CR, CR_RESET | CWUF | CSBF, Time(0), &TIMING);
        assert_eq!(pwr.read(CSR, Time(0)).0, VREFINTRDYF);
        assert_eq!(pwr.read(CR, Time(0)).0, CR_RESET);
    }
}
