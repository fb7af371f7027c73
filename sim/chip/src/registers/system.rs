//! Clocks, power, flash interface, pins, interrupts, DMA, CRC, debug support, and the core's own registers.
//!
//! Bits of peripherals that the STM32L011 lacks are left out. Reset values that ST's SVD has otherwise:
//! `FLASH_SR` (0x4), `FLASH_OPTR` (before the option bytes are loaded), `PWR_CSR` (VREFINT not ready yet),
//! `EXTI_IMR` (lines that do not exist), `GPIOA_OSPEEDR` (the debug pins' speed), `DBGMCU_IDCODE`, and the
//! bits of absent peripherals in the `SMENR` registers. `RCC_ICSCR` comes with factory calibration on top.

use crate::pin::Port;

use super::{ClockGate, Modelled, Peripheral, Register, block};

// offset NAME kind reset writable fixed
pub(super) static RCC: Peripheral = block! { RCC 0x4002_1000 None;
    0x00 CR        rw 0x0000_0300 0x0135_012b 0x0202_0214
    0x04 ICSCR     rw 0x0000_b000 0xff00_ff00 0x00ff_00ff
    // The 48 MHz oscillator's, which the L011 lacks; ST's start-up code clears a bit of it all the same.
    0x08 CRRCR     ro 0 0 0
    0x0c CFGR      rw 0 0x7ffd_bff3 0x0000_000c
    0x10 CIER      rw 0 0x0000_00bf 0
    0x14 CIFR      ro 0 0 0x0000_00bf
    0x18 CICR      wo 0 0x0000_00bf 0
    0x1c IOPRSTR   rw 0 0x0000_0007 0
    0x20 AHBRSTR   rw 0 0x0000_1101 0
    0x24 APB2RSTR  rw 0 0x0040_1205 0
    0x28 APB1RSTR  rw 0 0x9026_0801 0
    0x2c IOPENR    rw 0 0x0000_0007 0
    0x30 AHBENR    rw 0x0000_0100 0x0000_1101 0
    0x34 APB2ENR   rw 0 0x0040_1285 0
    0x38 APB1ENR   rw 0 0x9026_0801 0
    0x3c IOPSMENR  rw 0x0000_0007 0x0000_0007 0
    0x40 AHBSMENR  rw 0x0000_1301 0x0000_1301 0
    0x44 APB2SMENR rw 0x0040_1205 0x0040_1205 0
    0x48 APB1SMENR rw 0x9026_0801 0x9026_0801 0
    0x4c CCIPR     rw 0 0x000c_3c0c 0
    0x50 CSR       rw 0x0c00_0000 0x008f_3d01 0xfe00_4202
}
.modelled_by(Modelled::Rcc);

pub(super) static PWR: Peripheral = block! { PWR 0x4000_7000 ClockGate::apb1(28);
    0x00 CR  rw 0x0000_1000 0x0001_7fff 0
    0x04 CSR rw 0x0000_0008 0x0000_0700 0x0000_003f
}
.modelled_by(Modelled::Pwr);

pub(super) static FLASH: Peripheral = block! { FLASH 0x4002_2000 ClockGate::ahb(8);
    0x00 ACR     rw 0 0x0000_007b 0
    0x04 PECR    rw 0x0000_0007 0x000f_071f 0
    0x08 PDKEYR  wo 0 0xffff_ffff 0
    0x0c PEKEYR  wo 0 0xffff_ffff 0
    0x10 PRGKEYR wo 0 0xffff_ffff 0
    0x14 OPTKEYR wo 0 0xffff_ffff 0
    0x18 SR      rw 0x0000_000c 0x0003_2f02 0x0000_000d
    0x1c OPTR    ro 0x8070_00aa 0 0x807f_01ff
    0x20 WRPR    ro 0 0 0x0000_ffff
}
.modelled_by(Modelled::Flash);

pub(super) static SYSCFG: Peripheral =
    Peripheral::new("SYSCFG", 0x4001_0000, ClockGate::apb2(0), &SYSCFG_AND_COMPARATORS)
        .modelled_by(Modelled::Syscfg);

/// The comparators lie in the block of the system configuration, between its registers.
const SYSCFG_AND_COMPARATORS: [Register; 9] = {
    const SYSCFG: Peripheral = block! { SYSCFG 0x4001_0000 None;
        0x00 CFGR1   rw 0 0x0000_0003 0x0000_0300
        0x04 CFGR2   rw 0 0x0000_1f01 0
        0x08 EXTICR1 rw 0 0x0000_ffff 0
        0x0c EXTICR2 rw 0 0x0000_ffff 0
        0x10 EXTICR3 rw 0 0x0000_ffff 0
        0x14 EXTICR4 rw 0 0x0000_ffff 0
        0x20 CFGR3   rw 0 0x8000_1331 0x7800_0000
    };
    const COMP1: Peripheral = block! { COMP1 0x4001_0018 None;
        0x00 CSR rw 0 0x8000_9131 0x4000_0000
    };
    const COMP2: Peripheral = block! { COMP2 0x4001_001c None;
        0x00 CSR rw 0 0x8000_b779 0x4000_0000
    };
    [
        SYSCFG.registers[0],
        SYSCFG.registers[1],
        SYSCFG.registers[2],
        SYSCFG.registers[3],
        SYSCFG.registers[4],
        SYSCFG.registers[5],
        COMP1.registers[0],
        COMP2.registers[0],
        SYSCFG.registers[6],
    ]
};

pub(super) static EXTI: Peripheral = block! { EXTI 0x4001_0400 None;
    0x00 IMR   rw 0x3684_0000 0x36ff_ffff 0
    0x04 EMR   rw 0 0x36ff_ffff 0
    0x08 RTSR  rw 0 0x007b_ffff 0
    0x0c FTSR  rw 0 0x007b_ffff 0
    0x10 SWIER rw 0 0x007b_ffff 0
    0x14 PR    rw 0 0x007b_ffff 0
}
.modelled_by(Modelled::Exti);

macro_rules! port {
    ($name:ident $port:ident $base:literal $bit:literal $moder:literal $ospeedr:literal $pupdr:literal) => {
        block! { $name $base ClockGate::iop($bit);
            0x00 MODER   rw $moder 0xffff_ffff 0
            0x04 OTYPER  rw 0 0x0000_ffff 0
            0x08 OSPEEDR rw $ospeedr 0xffff_ffff 0
            0x0c PUPDR   rw $pupdr 0xffff_ffff 0
            0x10 IDR     ro 0 0 0x0000_ffff
            0x14 ODR     rw 0 0x0000_ffff 0
            0x18 BSRR    wo 0 0xffff_ffff 0
            0x1c LCKR    rw 0 0x0001_ffff 0
            0x20 AFRL    rw 0 0xffff_ffff 0
            0x24 AFRH    rw 0 0xffff_ffff 0
            0x28 BRR     wo 0 0x0000_ffff 0
        }
        .modelled_by(Modelled::Gpio(Port::$port))
    };
}

pub(super) static GPIOA: Peripheral =
    port!(GPIOA A 0x5000_0000 0 0xebff_fcff 0x0c00_0000 0x2400_0000);
pub(super) static GPIOB: Peripheral = port!(GPIOB B 0x5000_0400 1 0xffff_ffff 0 0);
pub(super) static GPIOC: Peripheral = port!(GPIOC C 0x5000_0800 2 0xffff_ffff 0 0);

pub(super) static DBGMCU: Peripheral = block! { DBGMCU 0x4001_5800 ClockGate::apb2(22);
    0x00 IDCODE ro 0x1008_0457 0 0xffff_0fff
    0x04 CR     rw 0 0x0000_0007 0
    0x08 APB1FZ rw 0 0x8020_1c01 0
    0x0c APB2FZ rw 0 0x0000_0004 0
};

pub(super) static DMA1: Peripheral = block! { DMA1 0x4002_0000 ClockGate::ahb(0);
    0x00 ISR    ro 0 0 0x000f_ffff
    0x04 IFCR   wo 0 0x000f_ffff 0
    0x08 CCR1   rw 0 0x0000_7fff 0
    0x0c CNDTR1 rw 0 0x0000_ffff 0
    0x10 CPAR1  rw 0 0xffff_ffff 0
    0x14 CMAR1  rw 0 0xffff_ffff 0
    0x1c CCR2   rw 0 0x0000_7fff 0
    0x20 CNDTR2 rw 0 0x0000_ffff 0
    0x24 CPAR2  rw 0 0xffff_ffff 0
    0x28 CMAR2  rw 0 0xffff_ffff 0
    0x30 CCR3   rw 0 0x0000_7fff 0
    0x34 CNDTR3 rw 0 0x0000_ffff 0
    0x38 CPAR3  rw 0 0xffff_ffff 0
    0x3c CMAR3  rw 0 0xffff_ffff 0
    0x44 CCR4   rw 0 0x0000_7fff 0
    0x48 CNDTR4 rw 0 0x0000_ffff 0
    0x4c CPAR4  rw 0 0xffff_ffff 0
    0x50 CMAR4  rw 0 0xffff_ffff 0
    0x58 CCR5   rw 0 0x0000_7fff 0
    0x5c CNDTR5 rw 0 0x0000_ffff 0
    0x60 CPAR5  rw 0 0xffff_ffff 0
    0x64 CMAR5  rw 0 0xffff_ffff 0
    0xa8 CSELR  rw 0 0x000f_ffff 0
};

pub(super) static CRC: Peripheral = block! { CRC 0x4002_3000 ClockGate::ahb(12);
    0x00 DR   rw 0xffff_ffff 0xffff_ffff 0
    0x04 IDR  rw 0 0x0000_00ff 0
    0x08 CR   rw 0 0x0000_00f9 0
    0x10 INIT rw 0xffff_ffff 0xffff_ffff 0
    0x14 POL  rw 0x04c1_1db7 0xffff_ffff 0
};

// The core's own, ARMv6-M Architecture Reference Manual chapter B3.

pub(super) static SYST: Peripheral = block! { SYST 0xe000_e010 None;
    0x00 CSR   rw 0 0x0000_0007 0x0001_0000
    0x04 RVR   rw 0 0x00ff_ffff 0
    0x08 CVR   rw 0 0x00ff_ffff 0
    0x0c CALIB ro 0xc000_0000 0 0xc0ff_ffff
};

pub(super) static NVIC: Peripheral = block! { NVIC 0xe000_e100 None;
    0x000 ISER rw 0 0x3290_beff 0
    0x080 ICER rw 0 0x3290_beff 0
    0x100 ISPR rw 0 0x3290_beff 0
    0x180 ICPR rw 0 0x3290_beff 0
    0x300 IPR0 rw 0 0xc0c0_c0c0 0
    0x304 IPR1 rw 0 0xc0c0_c0c0 0
    0x308 IPR2 rw 0 0xc0c0_c000 0
    0x30c IPR3 rw 0 0xc000_c0c0 0
    0x310 IPR4 ro 0 0 0
    0x314 IPR5 rw 0 0xc000_00c0 0
    0x318 IPR6 rw 0 0x0000_c000 0
    0x31c IPR7 rw 0 0x0000_c0c0 0
};

pub(super) static SCB: Peripheral = block! { SCB 0xe000_ed00 None;
    0x00 CPUID ro 0x410c_c600 0 0xffff_ffff
    0x04 ICSR  rw 0 0x9e00_0000 0x005f_f1ff
    0x08 VTOR  rw 0 0xffff_ff00 0
    0x0c AIRCR rw 0xfa05_0000 0xffff_0006 0x0000_8000
    0x10 SCR   rw 0 0x0000_0016 0
    0x14 CCR   ro 0x0000_0208 0 0x0000_0208
    0x1c SHPR2 rw 0 0xc000_0000 0
    0x20 SHPR3 rw 0 0xc0c0_0000 0
    0x24 SHCSR rw 0 0x0000_8000 0
};
