//! All 65 536 half-words against the encoding tables of the ARMv6-M manual (A5.2), written as masks.

use stm32l011::core::decode::{Instruction, System, decode, is_wide};

/// Bits that are looked at, what they must be, and the name of the decoded instruction. The first row
/// that fits counts; what fits none is undefined.
const ENCODINGS: &[(u16, u16, &str)] = &[
    (0xFFC0, 0x0000, "MovRegisterFlags"),
    (0xF800, 0x0000, "LslImmediate"),
    (0xF800, 0x0800, "LsrImmediate"),
    (0xF800, 0x1000, "AsrImmediate"),
    (0xFE00, 0x1800, "AddRegister"),
    (0xFE00, 0x1A00, "SubRegister"),
    (0xFE00, 0x1C00, "AddImmediate"),
    (0xFE00, 0x1E00, "SubImmediate"),
    (0xF800, 0x2000, "MovImmediate"),
    (0xF800, 0x2800, "CmpImmediate"),
    (0xF800, 0x3000, "AddImmediate"),
    (0xF800, 0x3800, "SubImmediate"),
    (0xFFC0, 0x4000, "And"),
    (0xFFC0, 0x4040, "Eor"),
    (0xFFC0, 0x4080, "LslRegister"),
    (0xFFC0, 0x40C0, "LsrRegister"),
    (0xFFC0, 0x4100, "AsrRegister"),
    (0xFFC0, 0x4140, "Adc"),
    (0xFFC0, 0x4180, "Sbc"),
    (0xFFC0, 0x41C0, "RorRegister"),
    (0xFFC0, 0x4200, "Tst"),
    (0xFFC0, 0x4240, "Rsb"),
    (0xFFC0, 0x4280, "CmpRegister"),
    (0xFFC0, 0x42C0, "Cmn"),
    (0xFFC0, 0x4300, "Orr"),
    (0xFFC0, 0x4340, "Mul"),
    (0xFFC0, 0x4380, "Bic"),
    (0xFFC0, 0x43C0, "Mvn"),
    // With the SP or the PC as destination, or the PC as operand, the forms are the special ones.
    (0xFF87, 0x4485, "AddHighSpecial"),
    (0xFF87, 0x4487, "AddHighSpecial"),
    (0xFF78, 0x4478, "AddHighSpecial"),
    (0xFF00, 0x4400, "AddHigh"),
    (0xFF00, 0x4500, "CmpHigh"),
    (0xFF87, 0x4685, "MovHighSpecial"),
    (0xFF87, 0x4687, "MovHighSpecial"),
    (0xFF78, 0x4678, "MovHighSpecial"),
    (0xFF00, 0x4600, "MovHigh"),
    (0xFF80, 0x4700, "Bx"),
    (0xFF80, 0x4780, "Blx"),
    (0xF800, 0x4800, "LdrLiteral"),
    (0xFE00, 0x5000, "StrRegister"),
    (0xFE00, 0x5200, "StrhRegister"),
    (0xFE00, 0x5400, "StrbRegister"),
    (0xFE00, 0x5600, "LdrsbRegister"),
    (0xFE00, 0x5800, "LdrRegister"),
    (0xFE00, 0x5A00, "LdrhRegister"),
    (0xFE00, 0x5C00, "LdrbRegister"),
    (0xFE00, 0x5E00, "LdrshRegister"),
    (0xF800, 0x6000, "StrImmediate"),
    (0xF800, 0x6800, "LdrImmediate"),
    (0xF800, 0x7000, "StrbImmediate"),
    (0xF800, 0x7800, "LdrbImmediate"),
    (0xF800, 0x8000, "StrhImmediate"),
    (0xF800, 0x8800, "LdrhImmediate"),
    (0xF800, 0x9000, "StrImmediate"),
    (0xF800, 0x9800, "LdrImmediate"),
    (0xF800, 0xA000, "Adr"),
    (0xF800, 0xA800, "AddSpRegister"),
    (0xFF80, 0xB000, "AddSp"),
    (0xFF80, 0xB080, "SubSp"),
    (0xFFC0, 0xB200, "Sxth"),
    (0xFFC0, 0xB240, "Sxtb"),
    (0xFFC0, 0xB280, "Uxth"),
    (0xFFC0, 0xB2C0, "Uxtb"),
    (0xFE00, 0xB400, "Push"),
    (0xFFE0, 0xB660, "System"),
    (0xFFC0, 0xBA00, "Rev"),
    (0xFFC0, 0xBA40, "Rev16"),
    (0xFFC0, 0xBAC0, "Revsh"),
    (0xFF00, 0xBC00, "Pop"),
    (0xFF00, 0xBD00, "PopPc"),
    (0xFF00, 0xBE00, "System"),
    (0xFFFF, 0xBF20, "System"),
    (0xFFFF, 0xBF30, "System"),
    (0xFFFF, 0xBF40, "System"),
    (0xFF0F, 0xBF00, "Nop"),
    (0xF800, 0xC000, "Stm"),
    (0xF800, 0xC800, "Ldm"),
    (0xFF00, 0xD000, "Beq"),
    (0xFF00, 0xD100, "Bne"),
    (0xFF00, 0xD200, "Bcs"),
    (0xFF00, 0xD300, "Bcc"),
    (0xFF00, 0xD400, "Bmi"),
    (0xFF00, 0xD500, "Bpl"),
    (0xFF00, 0xD600, "Bvs"),
    (0xFF00, 0xD700, "Bvc"),
    (0xFF00, 0xD800, "Bhi"),
    (0xFF00, 0xD900, "Bls"),
    (0xFF00, 0xDA00, "Bge"),
    (0xFF00, 0xDB00, "Blt"),
    (0xFF00, 0xDC00, "Bgt"),
    (0xFF00, 0xDD00, "Ble"),
    (0xFF00, 0xDF00, "System"),
    (0xF800, 0xE000, "B"),
];

/// The name of a variant.
fn name(instruction: Instruction) -> String {
    let text = format!("{instruction:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

#[test]
fn every_half_word() {
    let undefined = Instruction::System(System::Undefined);
    for first in 0..0xE800u16 {
        let found = decode(first, 0xBF00);
        assert!(!is_wide(first), "{first:#06x}");
        match ENCODINGS.iter().find(|(mask, value, _)| first & mask == *value) {
            Some((_, _, expected)) => {
                assert_eq!(name(found), *expected, "{first:#06x}");
                assert_ne!(found, undefined, "{first:#06x}");
            }
            None => assert_eq!(found, undefined, "{first:#06x}"),
        }
    }
    for first in 0xE800..=0xFFFFu16 {
        assert!(is_wide(first), "{first:#06x}");
    }
}

#[test]
fn every_second_half_word_of_what_may_be_wide() {
    // Whatever the second half is, these do not exist.
    for first in (0xE800..0xF000u16).chain(0xF800..=0xFFFF).step_by(37) {
        for second in (0..=0xFFFFu16).step_by(251) {
            assert_eq!(decode(first, second), Instruction::System(System::Undefined));
        }
    }
    for second in 0..=0xFFFFu16 {
        let bl = second & 0xD000 == 0xD000;
        for first in [0xF000u16, 0xF380, 0xF3BF, 0xF3EF, 0xF7F0, 0xF123] {
            let found = decode(first, second);
            let expected = match (first, second) {
                _ if bl => "Bl",
                (0xF380 | 0xF3EF, _) if second & 0xD000 == 0x8000 => "System",
                (0xF3BF, _) if second & 0xD000 == 0x8000 => "System",
                _ => "Undefined",
            };
            let undefined = found == Instruction::System(System::Undefined);
            match expected {
                "Undefined" => assert!(undefined, "{first:#06x} {second:#06x}: {found:?}"),
                _ => assert_eq!(name(found), expected, "{first:#06x} {second:#06x}"),
            }
            let barrier = matches!(second >> 4 & 15, 4..=6);
            if expected == "System" {
                assert_eq!(undefined, first == 0xF3BF && !barrier, "{first:#06x} {second:#06x}");
            }
        }
    }
}
