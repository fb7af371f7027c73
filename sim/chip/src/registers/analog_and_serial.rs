//! The converter and the serial interfaces.
//!
//! The serial peripheral interface of this chip has no I2S part, so those registers and flags are left
//! out. The universal one has the bits that ST's header gives it on this chip alone (clock in Stop,
//! completion before the guard time), which register files of the family do not have.

use super::{ClockGate, Peripheral, block};

// offset NAME kind reset writable fixed
pub(super) static ADC: Peripheral = block! { ADC 0x4001_2400 ClockGate::apb2(9);
    0x000 ISR     rw 0 0x0000_089f 0
    0x004 IER     rw 0 0x0000_089f 0
    0x008 CR      rw 0 0x9000_0017 0
    0x00c CFGR1   rw 0 0x7cc1_fdff 0
    0x010 CFGR2   rw 0 0xc000_03fd 0
    0x014 SMPR    rw 0 0x0000_0007 0
    0x020 TR      rw 0x0fff_0000 0x0fff_0fff 0
    0x028 CHSELR  rw 0 0x0006_ffff 0
    0x040 DR      ro 0 0 0x0000_ffff
    0x0b4 CALFACT rw 0 0x0000_007f 0
    0x308 CCR     rw 0 0x02fc_0000 0
};

pub(super) static USART2: Peripheral = block! { USART2 0x4000_4400 ClockGate::apb1(17);
    0x00 CR1  rw 0 0x1fff_ffff 0
    0x04 CR2  rw 0 0xffff_ff70 0
    0x08 CR3  rw 0 0x01fe_ffff 0
    0x0c BRR  rw 0 0x0000_ffff 0
    0x10 GTPR rw 0 0x0000_ffff 0
    0x14 RTOR rw 0 0xffff_ffff 0
    0x18 RQR  wo 0 0x0000_001f 0
    0x1c ISR  ro 0x0000_00c0 0 0x027f_dfff
    0x20 ICR  wo 0 0x0012_1bdf 0
    0x24 RDR  ro 0 0 0x0000_01ff
    0x28 TDR  rw 0 0x0000_01ff 0
};

pub(super) static LPUART1: Peripheral = block! { LPUART1 0x4000_4800 ClockGate::apb1(18);
    0x00 CR1 rw 0 0x13ff_7fff 0
    0x04 CR2 rw 0 0xff0f_b810 0
    0x08 CR3 rw 0 0x00f0_f7c9 0
    0x0c BRR rw 0 0x000f_ffff 0
    0x18 RQR wo 0 0x0000_000e 0
    0x1c ISR ro 0x0000_00c0 0 0x007f_06ff
    0x20 ICR wo 0 0x0012_025f 0
    0x24 RDR ro 0 0 0x0000_01ff
    0x28 TDR rw 0 0x0000_01ff 0
};

pub(super) static I2C1: Peripheral = block! { I2C1 0x4000_5400 ClockGate::apb1(21);
    0x00 CR1      rw 0 0x00ff_dfff 0
    0x04 CR2      rw 0 0x07ff_ffff 0
    0x08 OAR1     rw 0 0x0000_87ff 0
    0x0c OAR2     rw 0 0x0000_87fe 0
    0x10 TIMINGR  rw 0 0xf0ff_ffff 0
    0x14 TIMEOUTR rw 0 0x8fff_9fff 0
    0x18 ISR      rw 0x0000_0001 0x0000_0003 0x00ff_bffc
    0x1c ICR      wo 0 0x0000_3f38 0
    0x20 PECR     ro 0 0 0x0000_00ff
    0x24 RXDR     ro 0 0 0x0000_00ff
    0x28 TXDR     rw 0 0x0000_00ff 0
};

pub(super) static SPI1: Peripheral = block! { SPI1 0x4001_3000 ClockGate::apb2(12);
    0x00 CR1    rw 0 0x0000_ffff 0
    0x04 CR2    rw 0 0x0000_00f7 0
    0x08 SR     w0 0x0000_0002 0x0000_0010 0x0000_01e3
    0x0c DR     rw 0 0x0000_ffff 0
    0x10 CRCPR  rw 0x0000_0007 0x0000_ffff 0
    0x14 RXCRCR ro 0 0 0x0000_ffff
    0x18 TXCRCR ro 0 0 0x0000_ffff
};
