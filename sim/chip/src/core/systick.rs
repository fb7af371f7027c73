//! SysTick, the 24-bit timer of the core.
//!
//! Follows the ARMv6-M manual, B3.3. The count is not stepped: it is worked out from the cycle of its last
//! known value, so a timer that nobody looks at costs nothing. With CLKSOURCE = 0 it counts every eighth
//! cycle of the core's clock (STM32L0: HCLK/8), on the cycles that are multiples of eight. It stops when
//! the core's clock does: whoever stops the clock does not let the cycles pass.
//!
//! CALIB reads as no reference and no calibration: on this chip its value is not documented.

/// CSR: the counter counts.
const ENABLE: u32 = 1;
/// CSR: reaching zero makes the exception pending.
const TICKINT: u32 = 1 << 1;
/// CSR: counts the core's clock and not an eighth of it.
const CLKSOURCE: u32 = 1 << 2;
/// CSR: the count has reached zero since this was last read.
const COUNTFLAG: u32 = 1 << 16;
/// RVR and CVR: the bits there are.
const COUNT: u32 = 0x00FF_FFFF;
/// CSR: the bits that can be written.
const CONTROL: u32 = ENABLE | TICKINT | CLKSOURCE;

/// The timer's registers, as they are at one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SysTick {
    control: u32,
    count_flag: bool,
    reload: u32,
    value: u32,
    /// The cycle at which `value` holds.
    at: u64,
}

impl SysTick {
    /// As reset leaves it. The architecture leaves RVR and CVR unknown; here they are zero.
    pub(super) const fn new() -> Self {
        Self { control: 0, count_flag: false, reload: 0, value: 0, at: 0 }
    }

    /// Core cycles in one count.
    const fn divider(&self) -> u64 {
        if self.control & CLKSOURCE != 0 { 1 } else { 8 }
    }

    /// Counts up to `cycle`. Whether the exception becomes pending.
    pub(super) fn advance(&mut self, cycle: u64) -> bool {
        let counts = cycle / self.divider() - self.at / self.divider();
        self.at = cycle;
        if self.control & ENABLE == 0 || counts == 0 {
            return false;
        }
        let to_zero = u64::from(self.value);
        if counts < to_zero {
            self.value -= counts as u32;
            return false;
        }
        let mut reached = to_zero > 0;
        let after = counts - to_zero;
        self.value = 0;
        if after > 0 && self.reload > 0 {
            let period = u64::from(self.reload) + 1;
            reached |= after >= period;
            let left = (period - after % period) % period;
            self.value = left as u32;
        }
        self.count_flag |= reached;
        reached && self.control & TICKINT != 0
    }

    /// The cycle, after that of the last [`Self::advance`], at which the count next reaches zero.
    pub(super) fn next_zero(&self) -> u64 {
        let counts = match (self.control & ENABLE != 0, self.value, self.reload) {
            (true, 0, 1..) => u64::from(self.reload) + 1,
            (true, 1.., _) => u64::from(self.value),
            (false, _, _) | (true, 0, 0) => return u64::MAX,
        };
        (self.at / self.divider() + counts) * self.divider()
    }

    /// The cycle at which the exception next becomes pending.
    pub(super) fn next_event(&self) -> u64 {
        if self.control & TICKINT != 0 { self.next_zero() } else { u64::MAX }
    }

    /// The cycle at which the count next changes.
    pub(super) fn next_count(&self) -> u64 {
        if self.next_zero() == u64::MAX {
            return u64::MAX;
        }
        (self.at / self.divider() + 1) * self.divider()
    }

    /// CSR, without the effect that reading has.
    pub(super) fn control(&self) -> u32 {
        self.control | if self.count_flag { COUNTFLAG } else { 0 }
    }

    /// What reading CSR does besides.
    pub(super) fn clear_count_flag(&mut self) {
        self.count_flag = false;
    }

    /// RVR.
    pub(super) fn reload(&self) -> u32 {
        self.reload
    }

    /// CVR.
    pub(super) fn value(&self) -> u32 {
        self.value
    }

    /// Writes CSR, at the cycle of the last [`Self::advance`].
    pub(super) fn set_control(&mut self, value: u32) {
        self.control = value & CONTROL;
    }

    /// Writes RVR: counts from the next reload on.
    pub(super) fn set_reload(&mut self, value: u32) {
        self.reload = value & COUNT;
    }

    /// Writes CVR: whatever is written clears it and COUNTFLAG, and the exception does not become pending.
    pub(super) fn clear_value(&mut self) {
        self.value = 0;
        self.count_flag = false;
    }

    /// Whether the count has reached zero since CSR was last read.
    pub(super) fn count_flag(&self) -> bool {
        self.count_flag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The timer as the manual tells it, count by count.
    struct Model {
        control: u32,
        flag: bool,
        reload: u32,
        value: u32,
    }

    impl Model {
        /// One count; whether the exception becomes pending.
        fn count(&mut self) -> bool {
            if self.value == 0 {
                self.value = self.reload;
                return false;
            }
            self.value -= 1;
            let zero = self.value == 0;
            self.flag |= zero;
            zero && self.control & TICKINT != 0
        }
    }

    #[test]
    fn counting_at_once_is_counting_one_by_one() {
        let mut random = 1u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % limit
        };
        let mut timer = SysTick::new();
        let mut model = Model { control: 0, flag: false, reload: 0, value: 0 };
        let (mut cycle, mut pended) = (0, 0);
        for _ in 0..20_000 {
            let to = cycle + below(40);
            let mut expected = false;
            let mut next = None;
            for at in cycle + 1..=to {
                let counts = model.control & CLKSOURCE != 0 || at % 8 == 0;
                if model.control & ENABLE != 0 && counts && model.count() {
                    next = next.or(Some(at));
                    expected = true;
                }
            }
            // The event is known beforehand.
            let event = timer.next_event();
            assert_eq!(event <= to, next.is_some());
            assert!(next.is_none_or(|at| at == event));
            assert_eq!(timer.advance(to), expected);
            assert_eq!((timer.value(), timer.count_flag()), (model.value, model.flag));
            pended += u32::from(expected);
            cycle = to;
            match below(24) {
                0 => {
                    model.control = below(8) as u32;
                    timer.set_control(model.control);
                }
                1 | 2 => {
                    model.reload = below(12) as u32;
                    timer.set_reload(model.reload);
                }
                3 => {
                    (model.value, model.flag) = (0, false);
                    timer.clear_value();
                }
                4 => {
                    model.flag = false;
                    timer.clear_count_flag();
                }
                _ => {}
            }
        }
        assert!(pended > 1000, "{pended}");
    }
}
