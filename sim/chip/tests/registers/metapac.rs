//! Bases, offsets, bits and clock gates against the crate `stm32-metapac`, which has them as data.

use std::collections::BTreeMap;

use stm32_metapac::metadata::ir::{Array, BitOffset, BlockItemInner, IR, RegularBitOffset};
use stm32_metapac::metadata::{METADATA, Peripheral};
use stm32l011::registers::{self, PERIPHERALS};

/// The crate describes register blocks for whole families.
const FAMILY: &str = "of other chips of the family";
/// Both kinds of interface share a block there.
const USART: &str = "the low-power interface lacks these, per ST's header";
/// Bits that ST's header for this very chip has.
const HEADER: &str = "ST's header for this chip has it so";

/// Where the bits differ: those of the table alone, those of the crate alone, and why.
const DIFFERENCES: &[(&str, u32, u32, &str)] = &[
    ("TIM2_CR1", 0, 0x800, FAMILY),
    ("TIM2_CNT", 0, 0x8000_0000, FAMILY),
    ("TIM2_OR", 0, 0xffff_ffe0, "the crate has no fields there"),
    ("TIM21_CR1", 0x70, 0x800, "the crate leaves out direction and alignment, which the SVD has"),
    ("TIM21_CR2", 0, 0x80, "the SVD has no TI1S there"),
    ("TIM21_CNT", 0, 0x8000_0000, FAMILY),
    ("TIM21_OR", 0, 0xffff_ffc0, "the crate has no fields there"),
    ("USART2_CR3", 0x0180_0000, 0, HEADER),
    ("USART2_ISR", 0x0200_0000, 0, HEADER),
    ("USART2_ICR", 0x80, 0, HEADER),
    ("LPUART1_CR1", 0, 0x0c00_8000, USART),
    ("LPUART1_CR2", 0, 0x00f0_4760, USART),
    ("LPUART1_CR3", 0x0080_0000, 0x000e_0836, USART),
    ("LPUART1_BRR", 0xf_0000, 0, "its divider has 20 bits, in the SVD too"),
    ("LPUART1_RQR", 0, 0x11, USART),
    ("LPUART1_ISR", 0, 0xd900, USART),
    ("LPUART1_ICR", 0, 0x1900, USART),
    ("I2C1_CR1", 0x4_0000, 0, "WUPEN, which the SVD has"),
    ("SYSCFG_CFGR1", 0, 0x8, "UFB, for two banks"),
    ("SYSCFG_CFGR2", 0, 0x6000, FAMILY),
    ("SYSCFG_CFGR3", 0x3800_0000, 0x2000, HEADER),
    ("EXTI_IMR", 0, 0xc900_0000, "lines that this chip lacks"),
    ("EXTI_EMR", 0, 0xc900_0000, "lines that this chip lacks"),
    ("EXTI_RTSR", 0, 0xff84_0000, "lines without an edge"),
    ("EXTI_FTSR", 0, 0xff84_0000, "lines without an edge"),
    ("EXTI_SWIER", 0, 0xff84_0000, "lines without an edge"),
    ("EXTI_PR", 0, 0xff84_0000, "lines without an edge"),
    ("ADC_CHSELR", 0, 0x1_0000, FAMILY),
    ("SPI1_SR", 0, 0xc, "no I2S on this chip"),
    ("DBGMCU_APB1FZ", 0, 0x0040_0010, FAMILY),
    ("DBGMCU_APB2FZ", 0, 0x40, FAMILY),
    ("DMA1_ISR", 0, 0xfff0_0000, "five channels on this chip"),
    ("DMA1_IFCR", 0, 0xfff0_0000, "five channels on this chip"),
    ("DMA1_CSELR", 0, 0xfff0_0000, "five channels on this chip"),
    ("RCC_CR", 0, 0x8_0000, FAMILY),
    ("RCC_CIFR", 0, 0x100, FAMILY),
    ("RCC_CICR", 0, 0x100, FAMILY),
    ("RCC_IOPRSTR", 0, 0x98, FAMILY),
    ("RCC_AHBRSTR", 0, 0x0111_0000, FAMILY),
    ("RCC_APB2RSTR", 0, 0x4020, FAMILY),
    ("RCC_APB1RSTR", 0, 0x68d8_4032, FAMILY),
    ("RCC_IOPENR", 0, 0x98, FAMILY),
    ("RCC_AHBENR", 0, 0x0111_0000, FAMILY),
    ("RCC_APB2ENR", 0, 0x4020, FAMILY),
    ("RCC_APB1ENR", 0, 0x68d8_4032, FAMILY),
    ("RCC_IOPSMENR", 0, 0x98, FAMILY),
    ("RCC_AHBSMENR", 0, 0x0111_0000, FAMILY),
    ("RCC_APB2SMENR", 0, 0x4020, FAMILY),
    ("RCC_APB1SMENR", 0, 0x68d8_4032, FAMILY),
    ("RCC_CCIPR", 0, 0x3_0003, FAMILY),
    ("RCC_CSR", 0, 0x0100_0000, "FWRSTF, which ST's header does not have on this chip"),
    ("FLASH_PECR", 0x8_0000, 0x8000, HEADER),
    ("FLASH_SR", 0x2000, 0x4000, "RDERR is bit 13 in ST's header and in the SVD"),
    ("FLASH_OPTR", 0x8070_0000, 0, "the user option bits, which the SVD has"),
    ("FLASH_WRPR", 0, 0xffff_0000, "four sectors of 4 KB; ST's header has 16 bits"),
    ("CRC_IDR", 0, 0xffff_ff00, "8 bits in ST's header and in the SVD"),
];

/// Addresses that only the crate has.
const THEIRS_ALONE: &[(std::ops::Range<u32>, &str)] = &[
    (0x4001_0420..0x4001_0438, "a second bank of lines"),
    (0x4001_301c..0x4001_3024, "no I2S on this chip"),
    (0x4002_006c..0x4002_00a4, "five channels on this chip"),
    (0x4002_2080..0x4002_2084, "WRPROT2, for larger memories"),
];

/// Registers that only the table has.
const OURS_ALONE: &[(&str, &str)] = &[
    ("COMP1_CSR", "the crate has no block for the comparators"),
    ("COMP2_CSR", "the crate has no block for the comparators"),
    ("GPIOA_BRR", "the crate uses the upper half of BSRR"),
    ("GPIOB_BRR", "the crate uses the upper half of BSRR"),
    ("GPIOC_BRR", "the crate uses the upper half of BSRR"),
    ("RCC_CRRCR", "reserved on this chip, named for the start-up code that writes it"),
];

/// The crate's names for blocks, block by block, differ in case and underscores from how it refers to them.
fn same(a: &str, b: &str) -> bool {
    a.replace('_', "").eq_ignore_ascii_case(&b.replace('_', ""))
}

/// Where the elements of an array lie.
fn offsets(array: Option<&Array>) -> Vec<u32> {
    match array {
        None => vec![0],
        Some(Array::Regular(array)) => (0..array.len).map(|n| n * array.stride).collect(),
        Some(Array::Cursed(array)) => array.offsets.to_vec(),
    }
}

/// The bits of a set of fields.
fn fields(ir: &IR, fieldset: &str) -> u32 {
    let set = ir.fieldsets.iter().find(|set| same(set.name, fieldset)).unwrap();
    let mut bits = set.extends.map_or(0, |base| fields(ir, base));
    for field in set.fields {
        let low = match &field.bit_offset {
            BitOffset::Regular(offset) => offset.offset,
            BitOffset::Cursed(offset) => *offset.ranges[0].start(),
        };
        let ones = u32::try_from((1_u64 << field.bit_size) - 1).unwrap();
        for offset in offsets(field.array.as_ref()) {
            bits |= ones << (low + offset);
        }
    }
    bits
}

/// Adds a block's registers: address and bits, joined where several names share an address.
fn collect(ir: &IR, block: &str, base: u32, found: &mut BTreeMap<u32, u32>) {
    let block = ir.blocks.iter().find(|b| same(b.name, block)).unwrap();
    if let Some(extended) = block.extends {
        collect(ir, extended, base, found);
    }
    for item in block.items {
        for offset in offsets(item.array.as_ref()) {
            let address = base + item.byte_offset + offset;
            match &item.inner {
                BlockItemInner::Block(inner) => collect(ir, inner.block, address, found),
                BlockItemInner::Register(register) => {
                    let all = u32::try_from((1_u64 << register.bit_size) - 1).unwrap();
                    let bits = register.fieldset.map_or(all, |set| fields(ir, set));
                    *found.entry(address).or_default() |= bits;
                }
            }
        }
    }
}

/// The peripherals of the table that the crate describes by registers.
fn peripherals() -> impl Iterator<Item = &'static Peripheral> {
    METADATA.peripherals.iter().filter(|p| p.address >= 0x4000_0000 && p.registers.is_some())
}

#[test]
fn addresses_and_bits_are_those_of_the_crate() {
    let mut theirs = BTreeMap::new();
    for p in peripherals() {
        let blocks = p.registers.as_ref().unwrap();
        collect(blocks.ir, blocks.block, u32::try_from(p.address).unwrap(), &mut theirs);
    }
    let mut wrong = Vec::new();
    for (&address, &bits) in &theirs {
        let known = THEIRS_ALONE.iter().any(|(range, _)| range.contains(&address));
        let Some(ours) = registers::lookup(address) else {
            if !known {
                wrong.push(format!("{address:#x} is not in the table"));
            }
            continue;
        };
        if known {
            wrong.push(format!("{ours} is in the table after all"));
        }
        let name = ours.to_string();
        let expected = DIFFERENCES.iter().find(|(differs, ..)| *differs == name);
        let told = expected.map_or((0, 0), |&(_, ours, theirs, _)| (ours, theirs));
        let differ = (ours.defined & !bits, bits & !ours.defined);
        if told != differ || expected.is_some() && differ == (0, 0) {
            wrong.push(format!("{name}: {:#x} alone, the crate {:#x} alone", differ.0, differ.1));
        }
    }
    for r in PERIPHERALS.iter().filter(|p| p.base < 0xe000_0000).flat_map(|p| p.registers) {
        let known = OURS_ALONE.iter().any(|(name, _)| *name == r.to_string());
        if known == theirs.contains_key(&r.address) {
            wrong.push(format!("{r} is in the crate: {}", !known));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn bases_and_clock_gates_are_those_of_the_crate() {
    for theirs in peripherals() {
        let base = u32::try_from(theirs.address).unwrap();
        let ours = registers::peripheral(base).unwrap();
        let name = if theirs.name == "ADC1" { "ADC" } else { theirs.name };
        assert_eq!((ours.name, ours.base), (name, base));
        let theirs = theirs.rcc.as_ref().and_then(|rcc| rcc.enable.as_ref());
        match (name, theirs) {
            // Gates that ST's header has and the crate does not use, for they are on or not needed there.
            ("FLASH" | "DBGMCU", None) => assert!(ours.clock.is_some()),
            (_, None) => assert_eq!(ours.clock, None, "{name}"),
            (_, Some(enable)) => {
                let gate = ours.clock.unwrap();
                let rcc = METADATA.peripherals.iter().find(|p| p.name == "RCC").unwrap();
                let ir = rcc.registers.as_ref().unwrap().ir;
                let block = ir.blocks.iter().find(|b| same(b.name, "RCC")).unwrap();
                let register =
                    block.items.iter().find(|i| i.name.eq_ignore_ascii_case(enable.register));
                assert_eq!(gate.offset, register.unwrap().byte_offset, "{name}");
                let set = ir.fieldsets.iter().find(|set| same(set.name, enable.register)).unwrap();
                let field =
                    set.fields.iter().find(|f| f.name.eq_ignore_ascii_case(enable.field)).unwrap();
                let bit = BitOffset::Regular(RegularBitOffset { offset: u32::from(gate.bit) });
                assert_eq!(field.bit_offset, bit, "{name}");
            }
        }
    }
}
