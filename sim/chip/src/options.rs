//! The option bytes: what the chip is told before it runs anything.
//!
//! Held as the words at 0x1FF8_0000: RDP, USER, WRP01. Each 32-bit word has its value in the lower half
//! and the complement in the upper, which is made on reading. FLASH_OPTR shows the first two side by
//! side. Bits after the vendor's header `stm32l011xx.h`. The factory leaves protection level 0,
//! brown-out reset off, software watchdog, no reset on Stop or Standby.
//!
//! Assumed: the option bytes are valid. Read protection is shown in FLASH_OPTR but not enforced, for
//! nothing but the program itself reads here.

/// The brown-out reset's level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrownOutLevel {
    /// Off: the power-down reset at 1.5 V alone.
    #[default]
    Off,
    /// Level 1: 1.7 V falling.
    Level1,
    /// Level 2: 1.9 V falling.
    Level2,
    /// Level 3: 2.3 V falling.
    Level3,
    /// Level 4: 2.55 V falling.
    Level4,
    /// Level 5: 2.8 V falling.
    Level5,
}

/// Who starts the independent watchdog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchdogStart {
    /// The program, by its key.
    #[default]
    Software,
    /// Every reset.
    Hardware,
}

/// Whether entering a low-power mode resets the chip instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnEntry {
    /// The mode is entered.
    #[default]
    Enter,
    /// The chip is reset.
    Reset,
}

/// The option bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionBytes {
    /// Read protection, 0xAA for level 0.
    pub read_protection: u8,
    /// Brown-out reset.
    pub brown_out: BrownOutLevel,
    /// Watchdog.
    pub watchdog: WatchdogStart,
    /// On entering Stop.
    pub stop: OnEntry,
    /// On entering Standby.
    pub standby: OnEntry,
    /// Write-protected sectors, bit n for the 4 KB from 0x0800_0000 + n * 4096.
    pub write_protection: u16,
}

impl Default for OptionBytes {
    fn default() -> Self {
        Self {
            read_protection: 0xAA,
            brown_out: BrownOutLevel::Off,
            watchdog: WatchdogStart::Software,
            stop: OnEntry::Enter,
            standby: OnEntry::Enter,
            write_protection: 0,
        }
    }
}

/// First address of the option bytes.
pub(crate) const OPTIONS: u32 = 0x1FF8_0000;
/// nBOOT1: boot from system memory if BOOT0 is high.
const N_BOOT1: u16 = 1 << 15;

impl OptionBytes {
    /// The lower halves of the three words.
    const fn halves(&self) -> [u16; 3] {
        let level = match self.brown_out {
            BrownOutLevel::Off => 0x0,
            BrownOutLevel::Level1 => 0x8,
            BrownOutLevel::Level2 => 0x9,
            BrownOutLevel::Level3 => 0xA,
            BrownOutLevel::Level4 => 0xB,
            BrownOutLevel::Level5 => 0xC,
        };
        let watchdog = match self.watchdog {
            WatchdogStart::Software => 1 << 4,
            WatchdogStart::Hardware => 0,
        };
        let stop = match self.stop {
            OnEntry::Enter => 1 << 5,
            OnEntry::Reset => 0,
        };
        let standby = match self.standby {
            OnEntry::Enter => 1 << 6,
            OnEntry::Reset => 0,
        };
        let user = level | watchdog | stop | standby | N_BOOT1;
        [self.read_protection as u16, user, self.write_protection]
    }

    /// The word `index` (0..=2) as it is read at 0x1FF8_0000 + 4 * index.
    pub(crate) fn word(&self, index: usize) -> Option<u32> {
        let half = *self.halves().get(index)?;
        Some(u32::from(half) | u32::from(!half) << 16)
    }

    /// FLASH_OPTR.
    pub(crate) const fn optr(&self) -> u32 {
        let [protection, user, _] = self.halves();
        protection as u32 | (user as u32) << 16
    }

    /// Falling and rising threshold of the supply in millivolts: reset below the first, which is
    /// released above the second.
    ///
    /// The middle of the data sheet's ranges, 0.1 V apart at the levels. Without a level, the power-down
    /// reset; the power-on reset is the same comparator with its hysteresis.
    #[must_use]
    pub const fn reset_thresholds(&self) -> (u32, u32) {
        match self.brown_out {
            BrownOutLevel::Off => (1_500, 1_550),
            BrownOutLevel::Level1 => (1_700, 1_800),
            BrownOutLevel::Level2 => (1_900, 2_000),
            BrownOutLevel::Level3 => (2_300, 2_400),
            BrownOutLevel::Level4 => (2_550, 2_650),
            BrownOutLevel::Level5 => (2_800, 2_900),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factory_s_bytes_read_as_on_the_part() {
        let options = OptionBytes::default();
        assert_eq!(options.optr(), 0x8070_00AA);
        assert_eq!(options.word(0), Some(0xFF55_00AA));
        assert_eq!(options.word(1), Some(0x7F8F_8070));
        assert_eq!(options.word(2), Some(0xFFFF_0000));
        assert_eq!(options.word(3), None);
    }

    #[test]
    fn levels_rise() {
        let levels = [
            BrownOutLevel::Off,
            BrownOutLevel::Level1,
            BrownOutLevel::Level2,
            BrownOutLevel::Level3,
            BrownOutLevel::Level4,
            BrownOutLevel::Level5,
        ];
        let thresholds = levels.map(|brown_out| {
            OptionBytes { brown_out, ..OptionBytes::default() }.reset_thresholds()
        });
        assert!(thresholds.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
        assert!(thresholds.iter().all(|(below, above)| below < above));
    }
}
