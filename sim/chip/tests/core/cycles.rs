//! Cycles of every instruction and of exceptions: the Cortex-M0+ Technical Reference Manual, table 3-1.

use stm32l011::core::{Core, Exit, Register};
use stm32l011::memory::{Memory, RAM};

use crate::assembler::{Assembler, DEVICES, Devices, PORT};

/// Runs one instruction (or two half-words of a wide one) with r0 to r7 as given, and says how long it took.
#[track_caller]
fn cycles_of(halves: &[u16], registers: [u32; 8], wait_states: u8) -> u64 {
    let mut a = Assembler::new(RAM + 0x400);
    a.code(halves).code(&[0xBF00; 8]);
    // On a word, so that a wide instruction is one fetch.
    let mut memory = Memory::new(&a.image());
    let mut bus = Devices::default();
    let mut core = Core::new();
    core.set_wait_states(wait_states);
    core.reset(&mut memory, &mut bus);
    for (number, value) in registers.into_iter().enumerate() {
        core.set_register(Register::Core(number as u8), value);
    }
    // What POP {PC} finds: the program.
    for word in memory.ram[0x400..].chunks_exact_mut(4) {
        word.copy_from_slice(&(core.pc() | 1).to_le_bytes());
    }
    let before = core.cycle();
    let exit = core.step(&mut memory, &mut bus);
    assert!(matches!(exit, Exit::Until | Exit::Wrote), "{halves:x?}: {exit:?}");
    core.cycle() - before
}

/// r0 a number, r1 in RAM, r2 a device, r3 in the I/O port, r4 in flash, r5 code in flash.
const REGISTERS: [u32; 8] =
    [3, RAM + 0x100, DEVICES, PORT, 0x0800_0000, 0x0800_00C1, 0xE000_ED00, 0x0800_00C0];

#[test]
fn instructions() {
    let table: &[(&str, &[u16], u64)] = &[
        ("MOVS Rd, #imm", &[0x2001], 1),
        ("MOVS Rd, Rm", &[0x0008], 1),
        ("MOV Rd, Rm", &[0x4680], 1),
        ("MOV PC, Rm", &[0x46BF], 2),
        ("ADDS Rd, Rn, Rm", &[0x1840], 1),
        ("ADDS Rd, #imm", &[0x3001], 1),
        ("ADD Rd, Rm", &[0x4480], 1),
        ("ADD Rd, SP, #imm", &[0xA801], 1),
        ("ADD SP, #imm", &[0xB001], 1),
        ("SUB SP, #imm", &[0xB081], 1),
        ("ADCS", &[0x4148], 1),
        ("ADR", &[0xA001], 1),
        ("SUBS", &[0x1A40], 1),
        ("SBCS", &[0x4188], 1),
        ("RSBS", &[0x4248], 1),
        ("MULS", &[0x4348], 1),
        ("CMP Rn, Rm", &[0x4288], 1),
        ("CMP Rn, #imm", &[0x2801], 1),
        ("CMN", &[0x42C8], 1),
        ("ANDS", &[0x4008], 1),
        ("EORS", &[0x4048], 1),
        ("ORRS", &[0x4308], 1),
        ("BICS", &[0x4388], 1),
        ("MVNS", &[0x43C8], 1),
        ("TST", &[0x4208], 1),
        ("LSLS #imm", &[0x0048], 1),
        ("LSLS Rs", &[0x4088], 1),
        ("LSRS #imm", &[0x0848], 1),
        ("LSRS Rs", &[0x40C8], 1),
        ("ASRS #imm", &[0x1048], 1),
        ("ASRS Rs", &[0x4108], 1),
        ("RORS", &[0x41C8], 1),
        ("LDR from RAM", &[0x6808], 2),
        ("LDR Rm from RAM", &[0x58C9 & 0xFE3F | 7 << 6], 2),
        ("LDRH from RAM", &[0x8808], 2),
        ("LDRB from RAM", &[0x7808], 2),
        ("LDR from a device", &[0x6810], 2),
        ("LDR from the I/O port", &[0x6818], 1),
        ("LDR from flash", &[0x6820], 2),
        ("LDR literal", &[0x4800], 2),
        ("LDR SP", &[0x9800], 2),
        ("LDR from the system control space", &[0x6830], 2),
        ("STR to RAM", &[0x6008], 2),
        ("STRH to RAM", &[0x8008], 2),
        ("STRB to RAM", &[0x7008], 2),
        ("STR to a device", &[0x60D0], 2),
        ("STR to the I/O port", &[0x6018], 1),
        ("LDM of 1", &[0xC901], 2),
        ("LDM of 4", &[0xC90F], 5),
        ("STM of 1", &[0xC101], 2),
        ("STM of 7", &[0xC1FD], 8),
        ("PUSH of 1", &[0xB401], 2),
        ("PUSH of 4 and LR", &[0xB50F], 6),
        ("POP of 1", &[0xBC01], 2),
        ("POP of 8", &[0xBCFF], 9),
        ("POP of PC", &[0xBD00], 4),
        ("POP of 4 and PC", &[0xBD0F], 8),
        ("B", &[0xE000], 2),
        ("Bcc, taken", &[0xD100], 2),
        ("Bcc, not taken", &[0xD000], 1),
        ("BL", &[0xF000, 0xF802], 3),
        ("BX", &[0x4728], 2),
        ("BLX", &[0x47A8], 2),
        ("SXTH", &[0xB208], 1),
        ("UXTB", &[0xB2C8], 1),
        ("REV", &[0xBA08], 1),
        ("REVSH", &[0xBAC8], 1),
        ("CPSID", &[0xB672], 1),
        ("MRS", &[0xF3EF, 0x8000], 3),
        ("MSR", &[0xF380, 0x8810], 3),
        ("DMB", &[0xF3BF, 0x8F5F], 3),
        ("DSB", &[0xF3BF, 0x8F4F], 3),
        ("ISB", &[0xF3BF, 0x8F6F], 3),
        ("NOP", &[0xBF00], 1),
        ("YIELD", &[0xBF10], 1),
        ("SEV", &[0xBF40], 1),
    ];
    for (name, halves, expected) in table {
        let mut registers = REGISTERS;
        if name.contains("Rm from") {
            registers[7] = 0;
        }
        assert_eq!(cycles_of(halves, registers, 0), *expected, "{name}");
    }
}

#[test]
fn a_wait_state_costs_a_cycle_for_each_word_of_flash() {
    for (name, halves, expected) in [
        ("an instruction", &[0xBF00][..], 2),
        ("a literal besides", &[0x4800], 4),
        ("RAM has none", &[0x6808], 3),
        ("nor has the I/O port", &[0x6818], 2),
    ] {
        assert_eq!(cycles_of(halves, REGISTERS, 1), expected, "{name}");
    }
    // Eight instructions are four words.
    let mut memory = Memory::new(&{
        let mut a = Assembler::new(RAM + 0x400);
        a.code(&[0xBF00; 16]);
        a.image()
    });
    let mut core = Core::new();
    core.set_wait_states(1);
    core.reset(&mut memory, &mut Devices::default());
    core.stop_after(Some(8));
    // The two vectors were read with the wait state too.
    let before = core.cycle();
    assert_eq!(core.run(&mut memory, &mut Devices::default(), 1000), Exit::Instructions);
    assert_eq!(core.cycle() - before, 8 + 4);
}

#[test]
fn a_bus_access_happens_when_its_instruction_begins() {
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, DEVICES).code(&[0xBF00, 0x6801, 0xC803, 0x6801]);
    let start = a.here();
    a.jump_back(start);
    let mut memory = Memory::new(&a.image());
    let mut bus = Devices { log_reads: true, ..Devices::new() };
    let mut core = Core::new();
    core.reset(&mut memory, &mut bus);
    // The literal takes 2 cycles, NOP 1, LDR 2, LDM of two words 3. The LDM loads its own base, so the
    // access after it misses the devices.
    core.run(&mut memory, &mut bus, 8);
    assert_eq!(bus.read[..3], [(3, DEVICES), (5, DEVICES), (6, DEVICES + 4)]);
    assert_eq!(core.cycle(), 8);
}
