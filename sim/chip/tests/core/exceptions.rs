//! Exceptions, sleep and faults, where QEMU cannot say: cycles, SCR, lockup, lines, the busy NVM.

use stm32l011::core::{Core, Debugger, Depth, Exit, Fault, FaultCause, Nvm, Register};
use stm32l011::memory::{AtZero, FLASH, Memory, RAM};

use crate::assembler::{Assembler, DEVICES, Devices};

/// A core with its memory and bus.
struct Machine {
    core: Core,
    memory: Memory,
    bus: Devices,
}

const LINE: u32 = 1 << 3;

impl Machine {
    fn new(assembler: Assembler) -> Self {
        let mut memory = Memory::new(&assembler.image());
        let mut bus = Devices::new();
        let mut core = Core::new();
        core.reset(&mut memory, &mut bus);
        Self { core, memory, bus }
    }

    fn run(&mut self, until: u64) -> Exit {
        self.core.run(&mut self.memory, &mut self.bus, until)
    }

    /// Runs on over writes and faults.
    fn run_through(&mut self, until: u64) -> Exit {
        loop {
            match self.run(until) {
                Exit::Wrote | Exit::Fault(_) => {}
                exit => return exit,
            }
        }
    }

    fn r(&self, number: u8) -> u32 {
        self.core.register(Register::Core(number))
    }

    fn set_r(&mut self, number: u8, value: u32) {
        self.core.set_register(Register::Core(number), value);
    }

    /// A word of RAM.
    fn word(&self, at: usize) -> u32 {
        let bytes = &self.memory.ram[at..at + 4];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

/// Enables interrupt 3, then runs this code, and stays there.
fn with_interrupt(code: &[u16], handler: &[u16]) -> Assembler {
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, 0xE000_E100).code(&[0x2108, 0x6001]);
    a.load(6, DEVICES).load(7, RAM + 0x10);
    a.code(code);
    let end = a.here();
    a.jump_back(end);
    a.pool();
    a.vector(16 + 3);
    a.code(handler);
    a.vector(3);
    // HardFault: counts at r7 + 4, and stays.
    a.code(&[0x6878, 0x3001, 0x6078, 0xE7FE]);
    a
}

/// Counts at r7, ends the request, returns.
const COUNTS: &[u16] = &[0x6838, 0x3001, 0x6038, 0x2008, 0x6130, 0x4770];

#[test]
fn an_interrupt_takes_15_cycles_to_its_handler() {
    let mut m = Machine::new(with_interrupt(&[0xBF00; 64], COUNTS));
    m.run(30);
    let interrupted = m.core.pc();
    m.bus.lines = LINE;
    let before = m.core.cycle();
    // The handler's first instruction is the only one that begins before 16 cycles are over.
    m.run(before + 16);
    assert_eq!(m.core.register(Register::Xpsr) & 0x3F, 19);
    assert_eq!(m.core.cycle(), before + 15 + 2);
    let frame = m.r(13);
    assert_eq!(m.word((frame - RAM) as usize + 24), interrupted);
    assert_eq!(m.r(14), 0xFFFF_FFF9);
    m.run_through(before + 100);
    assert_eq!(m.core.register(Register::Xpsr) & 0x3F, 0);
    assert_eq!(m.word(0x10), 1);
}

#[test]
fn a_line_that_stays_high_interrupts_again_and_a_pulse_is_kept() {
    // The handler does not end the request.
    let mut m = Machine::new(with_interrupt(&[], &[0x6838, 0x3001, 0x6038, 0x4770]));
    m.run(50);
    m.bus.lines = LINE;
    m.run(1000);
    let count = m.word(0x10);
    assert!(count > 20, "{count}");
    m.bus.lines = 0;
    m.run(1100);
    let count = m.word(0x10);
    m.run(2000);
    assert_eq!(m.word(0x10), count);
    // A pulse while PRIMASK is set is taken afterwards, once.
    m.core.set_register(Register::Primask, 1);
    m.bus.lines = LINE;
    m.run(2001);
    m.bus.lines = 0;
    m.run(2100);
    assert_eq!(m.word(0x10), count);
    m.core.set_register(Register::Primask, 0);
    m.run(2200);
    assert_eq!(m.word(0x10), count + 1);
}

#[test]
fn a_more_urgent_interrupt_that_comes_late_is_taken_first() {
    let mut a = Assembler::new(RAM + 0x400);
    // Interrupts 3 and 4 enabled, 3 with the lower priority.
    a.load(0, 0xE000_E100).code(&[0x2118, 0x6001]);
    a.load(0, 0xE000_E400).load(1, 0x8000_0000).code(&[0x6001]);
    a.load(6, DEVICES);
    let end = a.here();
    a.jump_back(end);
    a.pool();
    for (number, mark) in [(19, 0x2003), (20, 0x2004)] {
        a.vector(number);
        a.code(&[mark, 0x60F0, 0x2018, 0x6130, 0x4770]);
    }
    // Up to the vector fetch the one frame serves for both; later there are two.
    for (late, frames) in [(1, 1), (6, 1), (12, 1), (13, 2), (16, 2)] {
        let mut m = Machine::new(a.clone());
        m.run(100);
        let at = m.core.cycle();
        m.bus.lines = 1 << 3;
        m.run(at + late);
        m.bus.lines |= 1 << 4;
        assert_eq!(m.run(at + 60), Exit::Wrote);
        assert_eq!(m.bus.written[0].2, 4, "{late} cycles later");
        assert_eq!(m.r(13), RAM + 0x400 - 32 * frames, "{late} cycles later");
    }
}

#[test]
fn what_is_pending_at_the_return_is_chained() {
    let mut m = Machine::new(with_interrupt(&[], COUNTS));
    m.run(50);
    m.bus.lines = LINE;
    let at = m.core.cycle();
    // In the handler, up to the write that ends the request.
    assert_eq!(m.run(at + 100), Exit::Wrote);
    m.bus.lines = LINE;
    m.core.step(&mut m.memory, &mut m.bus);
    let returned = m.core.cycle();
    let sp = m.r(13);
    m.core.step(&mut m.memory, &mut m.bus);
    // 6 cycles from the return to the first instruction of the next handler, which takes 2.
    assert_eq!(m.core.cycle() - returned, 3 + 2);
    assert_eq!((m.r(13), m.r(14)), (sp, 0xFFFF_FFF9));
}

#[test]
fn sleep_on_exit_sleeps_between_handlers() {
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, 0xE000_E100).code(&[0x2108, 0x6001]);
    a.load(6, DEVICES).load(7, RAM + 0x10);
    a.load(0, 0xE000_ED10).code(&[0x2102, 0x6001]); // SCR = SLEEPONEXIT
    a.code(&[0xBF30, 0x2055, 0xE7FE]); // wfi; movs r0, #0x55; b .
    a.pool();
    a.vector(19);
    a.code(COUNTS);
    let mut m = Machine::new(a);
    assert_eq!(m.run(100), Exit::Asleep(Depth::Sleep));
    for count in 1..=3 {
        assert_eq!(m.core.asleep(), Some(Depth::Sleep));
        m.core.idle_until(count * 1000);
        m.bus.lines = LINE;
        assert_eq!(m.run(count * 1000 + 500), Exit::Wrote);
        assert_eq!(m.run(count * 1000 + 500), Exit::Asleep(Depth::Sleep));
        assert_eq!(u64::from(m.word(0x10)), count);
    }
    assert_ne!(m.r(0), 0x55);
}

#[test]
fn wfi_wakes_with_primask_set_and_wfe_does_not() {
    for (instruction, wakes) in [(0xBF30, true), (0xBF20, false)] {
        // cpsid i; the instruction; movs r5, #1
        let mut m = Machine::new(with_interrupt(&[0xB672, instruction, 0x2501], COUNTS));
        m.set_r(5, 0);
        assert_eq!(m.run(100), Exit::Asleep(Depth::Sleep));
        m.bus.lines = LINE;
        let exit = m.run(200);
        assert_eq!(exit, if wakes { Exit::Until } else { Exit::Asleep(Depth::Sleep) });
        assert_eq!(m.r(5), wakes.into());
        assert_eq!(m.word(0x10), 0, "the handler does not run");
    }
}

#[test]
fn wfe_wakes_by_events() {
    // An event from outside, and SEVONPEND with an interrupt that is not enabled.
    for sev_on_pend in [0u16, 0x10] {
        let mut a = Assembler::new(RAM + 0x400);
        a.load(0, 0xE000_ED10).code(&[0x2100 | sev_on_pend, 0x6001]);
        a.code(&[0xBF20, 0x2501, 0xBF20, 0x2502, 0xE7FE]);
        let mut m = Machine::new(a);
        assert_eq!(m.run(100), Exit::Asleep(Depth::Sleep));
        m.bus.lines = 1 << 9;
        if sev_on_pend == 0 {
            assert_eq!(m.run(200), Exit::Asleep(Depth::Sleep));
            m.core.send_event();
        }
        assert_eq!(m.run(200), Exit::Asleep(Depth::Sleep));
        assert_eq!(m.r(5), 1, "woke once, and the event is used up");
    }
}

#[test]
fn systick_that_becomes_pending_is_an_event_with_sevonpend() {
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, 0xE000_ED10).code(&[0x2110, 0x6001, 0xB672]);
    a.load(0, 0xE000_E010).load(1, 999).code(&[0x6041, 0x2107, 0x6001]);
    a.code(&[0xBF20, 0x2501, 0xBF20, 0x2502, 0xE7FE]);
    let mut m = Machine::new(a);
    assert_eq!(m.run(500), Exit::Asleep(Depth::Sleep));
    m.core.idle_until(u64::MAX);
    assert_eq!(m.run(1_500), Exit::Asleep(Depth::Sleep));
    assert_eq!(m.r(5), 1, "woke, although PRIMASK holds the handler off");
    m.core.idle_until(u64::MAX);
    assert_eq!(m.run(2_500), Exit::Asleep(Depth::Sleep), "pending all the time: no event");
}

#[test]
fn deep_sleep_is_told_and_wfi_with_something_pending_does_not_sleep() {
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, 0xE000_ED10).code(&[0x2104, 0x6001, 0xBF30, 0x2501, 0xE7FE]);
    let mut m = Machine::new(a);
    assert_eq!(m.run(100), Exit::Asleep(Depth::Deep));
    assert_eq!(m.core.asleep(), Some(Depth::Deep));
    let mut m = Machine::new(with_interrupt(&[0xB672, 0xBF30, 0x2501], COUNTS));
    m.bus.lines = LINE;
    m.core.set_register(Register::Primask, 1);
    assert_eq!(m.run(100), Exit::Until);
    assert_eq!(m.r(5), 1);
}

#[test]
fn systick_wakes_at_its_cycle() {
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, 0xE000_E010).load(1, 99_999).code(&[0x6041, 0x2107]); // str r1, [r0, #4]
    a.code(&[0x6001, 0xBF30, 0xE7FD]); // str r1, [r0]; wfi; b wfi
    a.pool();
    a.vector(15);
    a.code(&[0x4770]);
    let mut m = Machine::new(a);
    assert_eq!(m.run(1000), Exit::Asleep(Depth::Sleep));
    // Enabled by the store that begins at cycle 7, the count is 99 999 one cycle later.
    let enabled = 7;
    assert_eq!(m.core.next_event(), enabled + 100_000);
    assert_eq!(m.core.idle_until(50_000), 50_000);
    assert_eq!(m.core.idle_until(u64::MAX), enabled + 100_000);
    m.run(enabled + 100_000 + 14);
    assert_eq!(m.core.register(Register::Xpsr) & 0x3F, 15);
    assert_eq!(m.core.next_event(), enabled + 200_000);
}

/// Runs this code up to its fault.
#[track_caller]
fn fault_of(code: &[u16], registers: &[(u8, u32)]) -> (Fault, Machine) {
    let mut m = Machine::new(with_interrupt(code, COUNTS));
    while m.core.pc() != FLASH + 0xC0 + 10 {
        m.core.step(&mut m.memory, &mut m.bus);
    }
    for &(number, value) in registers {
        m.set_r(number, value);
    }
    loop {
        match m.run(1000) {
            Exit::Fault(fault) => return (fault, m),
            Exit::Wrote => {}
            exit => panic!("{code:x?}: {exit:?}"),
        }
    }
}

#[test]
fn faults_say_what_and_where() {
    use FaultCause as C;
    let here = FLASH + 0xC0 + 10;
    type Row<'a> = (C, &'a [u16], &'a [(u8, u32)], u32, Option<u32>);
    let table: &[Row<'_>] = &[
        (C::Undefined, &[0xDE00], &[], here, None),
        (C::Undefined, &[0xF7F0, 0xA000], &[], here, None),
        (C::Undefined, &[0xBF08], &[], here, None),
        (C::Undefined, &[0xB100], &[], here, None),
        (C::Undefined, &[0xE92D, 0x4010], &[], here, None),
        (C::Unaligned, &[0x6808], &[(1, RAM + 2)], here, Some(RAM + 2)),
        (C::Unaligned, &[0x8808], &[(1, RAM + 1)], here, Some(RAM + 1)),
        (C::Unaligned, &[0xC903], &[(1, RAM + 2)], here, Some(RAM + 2)),
        (C::Unaligned, &[0x6808], &[(1, DEVICES + 2)], here, Some(DEVICES + 2)),
        (C::Bus, &[0x6808], &[(1, 0x6000_0000)], here, Some(0x6000_0000)),
        (C::Bus, &[0x6008], &[(1, RAM + 0x800)], here, Some(RAM + 0x800)),
        (C::Bus, &[0xC90D], &[(1, RAM + 0x7F8)], here, Some(RAM + 0x800)),
        (C::Bus, &[0x7008], &[(1, 0xE000_ED10)], here, Some(0xE000_ED10)),
        (C::Bus, &[0x6808], &[(1, 0xE000_8000)], here, Some(0xE000_8000)),
        (C::Fetch, &[0x4708], &[(1, 0x0900_0001)], 0x0900_0000, Some(0x0900_0000)),
        (C::ExecuteNever, &[0x4708], &[(1, DEVICES + 1)], DEVICES, Some(DEVICES)),
        (C::ExecuteNever, &[0x4708], &[(1, 0xFFFF_FFF9)], 0xFFFF_FFF8, Some(0xFFFF_FFF8)),
        (C::InvalidState, &[0x4708], &[(1, RAM)], RAM, None),
        (C::InvalidState, &[0x4788], &[(1, FLASH)], FLASH, None),
        (C::Breakpoint, &[0xBE00], &[], here, None),
        (C::SupervisorCall, &[0xB672, 0xDF00], &[], here + 2, None),
    ];
    for (cause, code, registers, pc, address) in table {
        let (fault, mut m) = fault_of(code, registers);
        assert_eq!((fault.cause, fault.pc, fault.address), (*cause, *pc, *address), "{code:x?}");
        assert_eq!(m.core.last_fault(), Some(fault));
        // Then the handler, with the frame of this instruction.
        m.run(m.core.cycle() + 16);
        assert_eq!(m.core.register(Register::Xpsr) & 0x3F, 3);
        assert_eq!(m.word((m.r(13) - RAM) as usize + 24), *pc, "{code:x?}");
        m.run(2000);
        assert_eq!(m.word(0x14), 1);
    }
}

#[test]
fn a_fault_in_hard_fault_locks_up() {
    let mut a = Assembler::new(RAM + 0x400);
    a.code(&[0xDE00]);
    a.vector(3);
    a.code(&[0xBF00, 0xDE01]);
    let mut m = Machine::new(a);
    assert!(matches!(m.run(1000), Exit::Fault(Fault { pc: 0x0800_00C0, .. })));
    let Exit::Lockup(fault) = m.run(1000) else { panic!() };
    assert_eq!((fault.cause, fault.pc), (FaultCause::Undefined, FLASH + 0xC4));
    assert_eq!(m.run(2000), Exit::Lockup(fault));
    m.core.reset(&mut m.memory, &mut m.bus);
    assert!(matches!(m.run(3000), Exit::Fault(_)));
}

#[test]
fn a_vector_or_stack_that_is_not_there_faults_or_locks_up() {
    // The vector table in peripherals: the interrupt faults, and so does HardFault.
    let mut m = Machine::new(with_interrupt(&[], COUNTS));
    m.run(50);
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, 0xE000_ED08).load(1, 0x6000_0000).code(&[0x6001, 0xDF00]);
    let mut m2 = Machine::new(a);
    let Exit::Fault(fault) = m2.run(100) else { panic!() };
    assert_eq!((fault.cause, fault.address), (FaultCause::Vector, Some(0x6000_0000 + 11 * 4)));
    let Exit::Lockup(fault) = m2.run(100) else { panic!() };
    assert_eq!((fault.cause, fault.address), (FaultCause::Vector, Some(0x6000_0000 + 3 * 4)));
    // The stack has run out of RAM: the frame goes nowhere; HardFault still runs.
    m.set_r(13, RAM);
    m.bus.lines = LINE;
    let Exit::Fault(fault) = m.run(200) else { panic!() };
    assert_eq!((fault.cause, fault.address), (FaultCause::Stacking, Some(RAM - 32)));
    m.run(m.core.cycle() + 10);
    assert_eq!(m.core.register(Register::Xpsr) & 0x3F, 3);
}

#[test]
fn returns_that_do_not_fit_fault() {
    for value in [0xFFFF_FFF1u32, 0xFFFF_FFE9, 0xF000_0000, 0xFFFF_FFFF] {
        // nop; bx r0, in the handler
        let mut m = Machine::new(with_interrupt(&[], &[0xBF00, 0x4700]));
        m.run(50);
        m.bus.lines = LINE;
        m.run(m.core.cycle() + 16);
        assert_eq!(m.core.register(Register::Xpsr) & 0x3F, 19);
        m.set_r(0, value);
        let Exit::Fault(fault) = m.run(1000) else { panic!("{value:#x}") };
        assert_eq!((fault.cause, fault.address), (FaultCause::InvalidReturn, Some(value)));
    }
}

#[test]
fn a_busy_nvm_stalls_what_needs_it_and_nothing_else() {
    // In flash: the next fetch stalls, and no interrupt is taken meanwhile.
    let mut m = Machine::new(with_interrupt(&[0xBF00; 32], COUNTS));
    m.run(30);
    m.core.set_nvm(Nvm::Busy);
    m.bus.lines = LINE;
    let (cycle, instructions) = (m.core.cycle(), m.core.instructions());
    assert_eq!(m.run(1000), Exit::Stalled);
    assert_eq!(m.run(1000), Exit::Stalled);
    assert_eq!((m.core.cycle(), m.core.instructions()), (cycle + 12, instructions));
    assert_eq!(m.core.idle_until(500), 500);
    m.core.set_nvm(Nvm::Ready);
    assert_eq!(m.run(600), Exit::Wrote);
    assert_eq!(m.word(0x10), 1);

    // In RAM: goes on until it reads flash, once the write is over from the same instruction.
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, RAM + 0x101).code(&[0x4700]);
    let mut m = Machine::new(a);
    // nop; adds r1, #1; ldr r2, [r3]; adds r1, #1; b .
    for (n, half) in [0xBF00u16, 0x3101, 0x681A, 0x3101, 0xE7FE].into_iter().enumerate() {
        m.memory.ram[0x100 + n * 2..0x102 + n * 2].copy_from_slice(&half.to_le_bytes());
    }
    m.core.step(&mut m.memory, &mut m.bus);
    m.core.step(&mut m.memory, &mut m.bus);
    m.core.set_nvm(Nvm::Busy);
    m.set_r(3, FLASH);
    assert_eq!(m.run(1000), Exit::Stalled);
    assert_eq!((m.core.pc(), m.r(1), m.core.instructions()), (RAM + 0x104, 1, 4));
    m.core.set_nvm(Nvm::Ready);
    assert_eq!(m.run(1000), Exit::Until);
    assert_eq!((m.r(1), m.r(2)), (2, RAM + 0x400));
    assert_eq!(m.core.pc(), RAM + 0x108);
}

#[test]
fn code_in_ram_may_change_itself() {
    let mut a = Assembler::new(RAM + 0x400);
    a.load(0, RAM + 0x101).code(&[0x4700]);
    let mut m = Machine::new(a);
    // strh r1, [r2, #4] over the instruction after next; nop; movs r3, #1; b .
    for (n, half) in [0x8091u16, 0xBF00, 0x2301, 0xE7FE].into_iter().enumerate() {
        m.memory.ram[0x100 + n * 2..0x102 + n * 2].copy_from_slice(&half.to_le_bytes());
    }
    m.set_r(1, 0x2307);
    m.set_r(2, RAM + 0x100);
    m.run(100);
    assert_eq!(m.r(3), 7);
}

#[test]
fn the_alias_at_zero_shows_flash_ram_or_the_bus() {
    let mut a = Assembler::new(RAM + 0x400);
    // mov r0, pc; bl over one; movs r1, #0; b .
    a.code(&[0x4678, 0xF000, 0xF801, 0x2100, 0xE7FE]);
    let mut m = Machine::new(a);
    m.set_r(15, 0xC0);
    m.run(100);
    assert_eq!((m.r(0), m.r(14), m.core.pc()), (0xC4, 0xC7, 0xC8));
    m.memory.at_zero = AtZero::Ram;
    m.memory.ram[..8].copy_from_slice(&[0x01, 0x20, 0xFE, 0xE7, 0, 0, 0, 0]);
    m.set_r(15, 0);
    m.run(200);
    assert_eq!((m.r(0), m.core.pc()), (1, 2));
    m.memory.at_zero = AtZero::SystemMemory;
    m.set_r(15, 0);
    let Exit::Fault(fault) = m.run(300) else { panic!() };
    assert_eq!((fault.cause, fault.address), (FaultCause::Fetch, Some(0)));
}

#[test]
fn programming_the_flash_changes_the_code() {
    let mut a = Assembler::new(RAM + 0x400);
    a.code(&[0x2001, 0xE7FD]);
    let mut m = Machine::new(a);
    m.run(10);
    assert_eq!(m.r(0), 1);
    m.memory.program(0xC0, &[2]);
    m.run(20);
    assert_eq!(m.r(0), 2);
    m.memory.program(0x3FFF, &[1, 2, 3]);
    m.memory.program(0x4000, &[1]);
    assert_eq!(m.memory.flash()[0x3FFF], 1);
}

#[test]
fn the_system_control_space() {
    // Address, written, read back, reserved bits.
    let table = [
        (0xE000_ED08, 0x0800_01FF, 0x0800_0100, 0xFF),
        (0xE000_ED10, 0xFFFF_FFFF, 0x16, 0xFFFF_FFE9),
        (0xE000_ED1C, 0xFFFF_FFFF, 0xC000_0000, 0x3FFF_FFFF),
        (0xE000_ED20, 0xFFFF_FFFF, 0xC0C0_0000, 0x3F3F_FFFF),
        (0xE000_E400, 0xFFFF_FFFF, 0xC0C0_C0C0, 0x3F3F_3F3F),
        // Interrupts that the chip lacks: 8, 14, 16 to 19, 30 and 31.
        (0xE000_E40C, 0xFFFF_FFFF, 0xC000_C0C0, 0x3FFF_3F3F),
        (0xE000_E410, 0xFFFF_FFFF, 0, 0xFFFF_FFFF),
        (0xE000_E41C, 0xFFFF_FFFF, 0x0000_C0C0, 0xFFFF_3F3F),
        (0xE000_E100, 0x0000_0008, 0x0000_0008, 0),
        (0xE000_E100, 0x0000_0108, 0x0000_0008, 0x100),
        (0xE000_E200, 0xC000_0108, 0x0000_0008, 0xC000_0100),
        (0xE000_ED00, 0, 0x410C_C600, 0),
        (0xE000_ED14, 0, 0x208, 0),
        (0xE000_ED0C, 0x05FA_0000, 0xFA05_0000, 0),
        (0xE000_E014, 0x0100_0001, 0x0000_0001, 0x0100_0000),
        (0xE000_1000, 1, 0, 1),
    ];
    for (address, written, read, reserved) in table {
        let mut a = Assembler::new(RAM + 0x400);
        a.load(0, address).load(1, written).code(&[0x6001, 0x6802, 0xE7FE]);
        let mut m = Machine::new(a);
        m.run(50);
        assert_eq!(m.r(2), read, "{address:#x}");
        assert_eq!(m.core.peek(address), Some(read), "{address:#x}");
        let expected: Vec<_> = (reserved != 0).then_some((address, reserved)).into_iter().collect();
        assert_eq!(m.bus.reserved, expected);
    }
}

#[test]
fn sysresetreq_needs_the_key() {
    for (value, exit) in [(0x05FA_0004, Exit::ResetRequest), (0x0004, Exit::Until)] {
        let mut a = Assembler::new(RAM + 0x400);
        a.load(0, 0xE000_ED0C).load(1, value).code(&[0x6001, 0xE7FE]);
        let mut m = Machine::new(a);
        assert_eq!(m.run(100), exit);
    }
}

#[test]
fn the_stack_s_low_water_mark() {
    // push {r0-r7, lr}; sub sp, #16; add sp, #16; add sp, #36; b .
    let mut m = Machine::new(with_interrupt(&[0xB5FF, 0xB084, 0xB004, 0xB009], COUNTS));
    m.run(100);
    assert_eq!(m.core.lowest_sp(), RAM + 0x400 - 36 - 16);
    m.core.reset_lowest_sp();
    assert_eq!(m.core.lowest_sp(), RAM + 0x400);
    m.bus.lines = LINE;
    m.run_through(200);
    assert_eq!(m.core.lowest_sp(), RAM + 0x400 - 32);
    assert_eq!(m.core.lowest_process_sp(), u32::MAX);
}

#[test]
fn stepping_and_stopping() {
    let mut a = Assembler::new(RAM + 0x400);
    a.code(&[0x2001, 0x3001, 0xBE00, 0xE7FC]);
    let mut m = Machine::new(a);
    m.core.set_debugger(Debugger::Attached);
    assert_eq!(m.core.step(&mut m.memory, &mut m.bus), Exit::Until);
    assert_eq!((m.r(0), m.core.instructions()), (1, 1));
    assert_eq!(m.run(100), Exit::Breakpoint);
    assert_eq!((m.r(0), m.core.instructions(), m.core.pc()), (2, 2, FLASH + 0xC4));
    m.set_r(15, FLASH + 0xC6);
    m.core.stop_after(Some(2));
    assert_eq!(m.run(100), Exit::Instructions);
    assert_eq!((m.r(0), m.core.instructions()), (3, 4));
    assert_eq!(m.run(100), Exit::Instructions);
    assert_eq!(m.core.step(&mut m.memory, &mut m.bus), Exit::Instructions);
}

#[test]
fn stack_pointers_are_words() {
    let mut m = Machine::new(with_interrupt(&[], COUNTS));
    for register in [Register::Core(13), Register::Msp, Register::Psp] {
        m.core.set_register(register, RAM + 0x203);
        assert_eq!(m.core.register(register), RAM + 0x200);
    }
    // mov sp, r0; mov r1, sp
    let mut a = Assembler::new(RAM + 0x400);
    a.code(&[0x4685, 0x4669, 0xE7FE]);
    let mut m = Machine::new(a);
    m.set_r(0, RAM + 0x107);
    m.run(20);
    assert_eq!(m.r(1), RAM + 0x104);
}
