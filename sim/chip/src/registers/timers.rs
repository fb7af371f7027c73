//! Timers, real-time clock and watchdogs.
//!
//! Reset values that ST's SVD has otherwise: the real-time clock's, which it gives as 0 throughout, and
//! the timers' auto-reload registers, on which ST's documents differ; a program should write them.
//! Whether a tamper input exists on this package was not to be learnt, so all three keep their bits.

use super::{ClockGate, Modelled, Peripheral, block};

// offset NAME kind reset writable fixed
pub(super) static TIM2: Peripheral = block! { TIM2 0x4000_0000 ClockGate::apb1(0);
    0x00 CR1   rw 0 0x0000_03ff 0
    0x04 CR2   rw 0 0x0000_00f8 0
    0x08 SMCR  rw 0 0x0000_fff7 0
    0x0c DIER  rw 0 0x0000_5f5f 0
    0x10 SR    w0 0 0x0000_1e5f 0
    0x14 EGR   wo 0 0x0000_005f 0
    0x18 CCMR1 rw 0 0x0000_ffff 0
    0x1c CCMR2 rw 0 0x0000_ffff 0
    0x20 CCER  rw 0 0x0000_bbbb 0
    0x24 CNT   rw 0 0x0000_ffff 0
    0x28 PSC   rw 0 0x0000_ffff 0
    0x2c ARR   rw 0x0000_ffff 0x0000_ffff 0
    0x34 CCR1  rw 0 0x0000_ffff 0
    0x38 CCR2  rw 0 0x0000_ffff 0
    0x3c CCR3  rw 0 0x0000_ffff 0
    0x40 CCR4  rw 0 0x0000_ffff 0
    0x48 DCR   rw 0 0x0000_1f1f 0
    0x4c DMAR  rw 0 0x0000_ffff 0
    0x50 OR    rw 0 0x0000_001f 0
}
.modelled_by(Modelled::Tim2);

pub(super) static TIM21: Peripheral = block! { TIM21 0x4001_0800 ClockGate::apb2(2);
    0x00 CR1   rw 0 0x0000_03ff 0
    0x04 CR2   rw 0 0x0000_0070 0
    0x08 SMCR  rw 0 0x0000_fff7 0
    0x0c DIER  rw 0 0x0000_0047 0
    0x10 SR    w0 0 0x0000_0647 0
    0x14 EGR   wo 0 0x0000_0047 0
    0x18 CCMR1 rw 0 0x0000_ffff 0
    0x20 CCER  rw 0 0x0000_00bb 0
    0x24 CNT   rw 0 0x0000_ffff 0
    0x28 PSC   rw 0 0x0000_ffff 0
    0x2c ARR   rw 0x0000_ffff 0x0000_ffff 0
    0x34 CCR1  rw 0 0x0000_ffff 0
    0x38 CCR2  rw 0 0x0000_ffff 0
    0x50 OR    rw 0 0x0000_003f 0
}
.modelled_by(Modelled::Tim21);

pub(super) static LPTIM1: Peripheral = block! { LPTIM1 0x4000_7c00 ClockGate::apb1(31);
    0x00 ISR  ro 0 0 0x0000_007f
    0x04 ICR  wo 0 0x0000_007f 0
    0x08 IER  rw 0 0x0000_007f 0
    0x0c CFGR rw 0 0x01fe_eedf 0
    0x10 CR   rw 0 0x0000_0007 0
    0x14 CMP  rw 0 0x0000_ffff 0
    0x18 ARR  rw 0x0000_0001 0x0000_ffff 0
    0x1c CNT  ro 0 0 0x0000_ffff
}
.modelled_by(Modelled::Lptim1);

pub(super) static RTC: Peripheral = block! { RTC 0x4000_2800 None;
    0x00 TR       rw 0 0x007f_7f7f 0
    0x04 DR       rw 0x0000_2101 0x00ff_ff3f 0
    0x08 CR       rw 0 0x00ff_ff7f 0
    0x0c ISR      w0 0x0000_0007 0x0000_ffa0 0x0001_005f
    0x10 PRER     rw 0x007f_00ff 0x007f_7fff 0
    0x14 WUTR     rw 0x0000_ffff 0x0000_ffff 0
    0x1c ALRMAR   rw 0 0xffff_ffff 0
    0x20 ALRMBR   rw 0 0xffff_ffff 0
    0x24 WPR      wo 0 0x0000_00ff 0
    0x28 SSR      ro 0 0 0x0000_ffff
    0x2c SHIFTR   wo 0 0x8000_7fff 0
    0x30 TSTR     ro 0 0 0x007f_7f7f
    0x34 TSDR     ro 0 0 0x0000_ff3f
    0x38 TSSSR    ro 0 0 0x0000_ffff
    0x3c CALR     rw 0 0x0000_e1ff 0
    0x40 TAMPCR   rw 0 0x01ff_ffff 0
    0x44 ALRMASSR rw 0 0x0f00_7fff 0
    0x48 ALRMBSSR rw 0 0x0f00_7fff 0
    0x4c OR       rw 0 0x0000_0003 0
    0x50 BKP0R    rw 0 0xffff_ffff 0
    0x54 BKP1R    rw 0 0xffff_ffff 0
    0x58 BKP2R    rw 0 0xffff_ffff 0
    0x5c BKP3R    rw 0 0xffff_ffff 0
    0x60 BKP4R    rw 0 0xffff_ffff 0
}
.modelled_by(Modelled::Rtc);

pub(super) static WWDG: Peripheral = block! { WWDG 0x4000_2c00 ClockGate::apb1(11);
    0x00 CR  rw 0x0000_007f 0x0000_00ff 0
    0x04 CFR rw 0x0000_007f 0x0000_03ff 0
    0x08 SR  w0 0 0x0000_0001 0
}
.modelled_by(Modelled::Wwdg);

pub(super) static IWDG: Peripheral = block! { IWDG 0x4000_3000 None;
    0x00 KR   wo 0 0x0000_ffff 0
    0x04 PR   rw 0 0x0000_0007 0
    0x08 RLR  rw 0x0000_0fff 0x0000_0fff 0
    0x0c SR   ro 0 0 0x0000_0007
    0x10 WINR rw 0x0000_0fff 0x0000_0fff 0
}
.modelled_by(Modelled::Iwdg);
