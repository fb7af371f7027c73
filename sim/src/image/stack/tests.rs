//! Hand-assembled images: every idiom, and every reason to refuse.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

const BASE: u32 = 0x0800_0000;
/// Where the code of [`image`] begins, behind the vectors and the handler of faults.
const CODE: u32 = BASE + 0x20;

const BX_LR: u16 = 0x4770;
const HERE: u16 = 0xE7FE; // b .

/// `bl` from `at` to `target`.
fn bl(at: u32, target: u32) -> [u16; 2] {
    let offset = target.wrapping_sub(at + 4);
    let s = offset >> 24 & 1;
    let j = |bit: u32| (offset >> bit & 1) ^ 1 ^ s;
    let first = 0xF000 | s << 10 | offset >> 12 & 0x3FF;
    let second = 0xD000 | j(23) << 13 | j(22) << 11 | offset >> 1 & 0x7FF;
    [first as u16, second as u16]
}

/// The two halves of a word.
fn word(word: u32) -> [u16; 2] {
    [word as u16, (word >> 16) as u16]
}

/// An image: vectors, a handler of faults that loops, and functions one after the other, each on a
/// multiple of four. Reset enters the first.
fn image(functions: &[(&str, &[u16])]) -> (Vec<u8>, Vec<Function>) {
    let function = |name: &str, address, size| Function { name: name.into(), address, size };
    let mut words = vec![0x2000_0800, CODE | 1, BASE + 0x11, BASE + 0x11];
    words.push(u32::from(HERE));
    let mut flash: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let mut symbols = vec![function("fault", BASE + 0x10, 2)];
    flash.resize((CODE - BASE) as usize, 0xFF);
    for (name, code) in functions {
        flash.resize(flash.len().next_multiple_of(4), 0xFF);
        let address = BASE + flash.len() as u32;
        symbols.push(function(name, address | 1, code.len() as u32 * 2));
        flash.extend(code.iter().flat_map(|half| half.to_le_bytes()));
    }
    (flash, symbols)
}

fn try_bound(functions: &[(&str, &[u16])]) -> Result<Bound, StackError> {
    let (flash, symbols) = image(functions);
    bound(BASE, &flash, &symbols, Entries::from_vectors(BASE, &flash)?)
}

/// The thread's bytes in an image of one function.
fn bytes(code: &[u16]) -> u32 {
    try_bound(&[("main", code)]).unwrap().thread.bytes
}

/// Why an image of one function is refused, and where from its beginning.
fn refused(code: &[u16]) -> (u32, Problem) {
    let error = try_bound(&[("main", code)]).unwrap_err();
    assert_eq!(error.function.as_deref(), Some("main"));
    (error.address - CODE, error.problem)
}

#[test]
fn frames() {
    assert_eq!(bytes(&[BX_LR]), 0);
    assert_eq!(bytes(&[HERE]), 0);
    // push {r4, r6, r7, lr}; add r7, sp, #8; sub sp, #8; add sp, #8; pop {r4, r6, r7, pc}
    assert_eq!(bytes(&[0xB5D0, 0xAF02, 0xB082, 0xB002, 0xBDD0]), 24);
    // push {r7, lr}; sub sp, #508; sub sp, #504; mov sp, r7 with add r7, sp, #0; pop {r7, pc}
    assert_eq!(bytes(&[0xB580, 0xAF00, 0xB0FF, 0xB0FE, 0x46BD, 0xBD80]), 8 + 508 + 504);
    // push {r4, r5, r7, lr}; add r7, sp, #8; sub sp, #16; subs r4, r7, #7; subs r4, #1; mov sp, r4;
    // pop {r4, r5, r7, pc}
    assert_eq!(bytes(&[0xB5B0, 0xAF02, 0xB084, 0x1FFC, 0x3C01, 0x46A5, 0xBDB0]), 32);
    // push {r4, lr}; pop {r4}; pop {r1}; bx r1
    assert_eq!(bytes(&[0xB510, 0xBC10, 0xBC02, 0x4708]), 8);
    // mov r2, r8; push {r2}; movs r2, #1; mov r8, r2; pop {r3}; mov r8, r3; bx lr
    assert_eq!(bytes(&[0x4642, 0xB404, 0x2201, 0x4690, 0xBC08, 0x4698, BX_LR]), 4);
}

#[test]
fn frames_from_literals() {
    // push {r6, lr}; ldr r6, =-1024; add sp, r6; ldr r6, =1024; add sp, r6; pop {r6, pc}
    let mut code = vec![0xB540, 0x4E02, 0x44B5, 0x4E02, 0x44B5, 0xBD40];
    code.extend(word(1024u32.wrapping_neg()));
    code.extend(word(1024));
    assert_eq!(bytes(&code), 1032);
    // movs r0, #1; lsls r0, r0, #10; negs r0, r0; add sp, r0; b .
    assert_eq!(bytes(&[0x2001, 0x0280, 0x4240, 0x4485, HERE]), 1024);
    // movs r0, #255; mvns r0, r0; add sp, r0; mov r1, sp; movs r2, #8; subs r1, r1, r2; mov sp, r1
    assert_eq!(bytes(&[0x20FF, 0x43C0, 0x4485, 0x4669, 0x2208, 0x1A89, 0x468D, HERE]), 264);
}

#[test]
fn the_deepest_chain_is_named() {
    let (a, b) = (CODE + 20, CODE + 32);
    // main: push {r7, lr}; bl a; sub sp, #16; bl b; add sp, #16; pop {r7, pc}
    let [a0, a1] = bl(CODE + 2, a);
    let [b0, b1] = bl(CODE + 8, b);
    let main = [0xB580, a0, a1, 0xB084, b0, b1, 0xB004, 0xBD80, 0xFFFF, 0xFFFF];
    // a: sub sp, #20; add sp, #20; bx lr. b: push {r4, lr}; pop {r4, pc}
    let a = [0xB085, 0xB005, BX_LR, 0xFFFF, 0xFFFF];
    let bound = try_bound(&[("main", &main), ("a", &a), ("b", &[0xB510, 0xBD10])]).unwrap();
    let links: Vec<_> =
        bound.thread.links.iter().map(|link| (link.function.as_str(), link.bytes)).collect();
    assert_eq!(links, [("main", 24), ("b", 8)]);
    assert_eq!((bound.thread.bytes, bound.exception_bytes(), bound.total()), (32, 72, 104));
    let frames: Vec<_> = bound.frames.iter().map(|f| (f.own, f.with_calls, f.returns)).collect();
    assert_eq!(frames, [(0, 0, false), (24, 32, true), (20, 20, true), (8, 8, true)]);
}

#[test]
fn what_follows_a_call_that_never_returns_is_no_code() {
    // push {r7, lr}; bl stop; a literal
    let [c0, c1] = bl(CODE + 2, CODE + 12);
    let main = [0xB580, c0, c1, 0xFFFF, 0xFFFF];
    let bound = try_bound(&[("main", &main), ("stop", &[0xB500, HERE])]).unwrap();
    assert_eq!(bound.thread.bytes, 12);
    assert!(bound.frames.iter().all(|frame| !frame.returns));
}

#[test]
fn calls_in_tail_position() {
    // main: push {r4, lr}; pop {r4}; pop {r1}; mov lr, r1; b next. next: sub sp, #8; add sp, #8; bx lr
    let next = [0xB082, 0xB002, BX_LR];
    let main = [0xB510, 0xBC10, 0xBC02, 0x468E, 0xE000, 0xFFFF];
    assert_eq!(try_bound(&[("main", &main), ("next", &next)]).unwrap().thread.bytes, 8);
    // With something on the stack only where nobody returns: push {r4, lr}; b next
    let main = [0xB510, 0xE7FF];
    let error = try_bound(&[("main", &main), ("next", &next)]).unwrap_err();
    assert_eq!(error.problem, Problem::Unbalanced { bytes: 8 });
    assert_eq!(try_bound(&[("main", &main), ("next", &[0xB082, HERE])]).unwrap().thread.bytes, 16);
}

#[test]
fn calls_through_known_registers() {
    // push {r7, lr}; ldr r0, =next; blx r0; pop {r7, pc}
    let next = CODE + 12;
    let [low, high] = word(next | 1);
    let main = [0xB580, 0x4801, 0x4780, 0xBD80, low, high];
    assert_eq!(try_bound(&[("main", &main), ("next", &[0xB401, HERE])]).unwrap().thread.bytes, 12);
    let [low, high] = word(next);
    let main = [0xB580, 0x4801, 0x4780, 0xBD80, low, high];
    let error = try_bound(&[("main", &main), ("next", &[HERE])]).unwrap_err();
    assert_eq!(error.problem, Problem::NotThumb { target: next });
}

#[test]
fn far_jumps_are_no_calls() {
    // push {r7, lr}; bl +0 (to the pop); pop {r7, pc}
    let [c0, c1] = bl(CODE + 2, CODE + 6);
    assert_eq!(bytes(&[0xB580, c0, c1, 0xBD80]), 8);
    // But they overwrite lr: bl +0; bx lr
    let [c0, c1] = bl(CODE, CODE + 4);
    assert_eq!(refused(&[c0, c1, BX_LR]), (4, Problem::Indirect { register: Register::LR }));
}

#[test]
fn jump_tables_of_words() {
    // lsls r2, r0, #2; adr r3, table; ldr r2, [r3, r2]; mov pc, r2; table: a, b, a
    // a: push {r0}; b . b: sub sp, #8; b .
    let a = CODE + 20;
    let mut code = vec![0x0082, 0xA301, 0x589A, 0x4697];
    code.extend([a, a + 4, a].into_iter().flat_map(|target| word(target | 1)));
    code.extend([0xB401, HERE, 0xB082, HERE]);
    assert_eq!(bytes(&code), 8);
    // A word without the Thumb bit is no entry; then what lies behind the table is unknown.
    code[6] &= !1;
    assert!(matches!(refused(&code), (6, Problem::Table { .. })));
}

#[test]
fn jump_tables_of_bytes() {
    // add r0, pc; ldrb r0, [r0, #4]; lsls r0, r0, #1; add pc, r0; table: 1, 3, 1, padding
    // 1: push {r0}; b . 3: sub sp, #8; b .
    let code = [0x4478, 0x7900, 0x0040, 0x4487, 0x0301, 0x0001, 0xB401, HERE, 0xB082, HERE];
    assert_eq!(bytes(&code), 8);
    // The same with halves.
    let code = [0x4478, 0x8880, 0x0040, 0x4487, 0x0001, 0x0003, 0xB401, HERE, 0xB082, HERE];
    assert_eq!(bytes(&code), 8);
}

#[test]
fn jump_tables_among_literals() {
    // b main; early: ldr r1, second; b .
    // main: ldr r0, first; adr r6, table; ldrb r2, [r6, r2]; lsls r2, r2, #1; add pc, r2; first
    let mut code = vec![0xE001, 0x4905, HERE, 0x4802, 0xA602, 0x5CB2, 0x0052, 0x4497];
    code.extend(word(0x2000_0404));
    // table: 6, 6, 5, 6; second, which would pass for entries and is found only through the table
    code.extend([0x0606, 0x0605]);
    code.extend(word(0x0605_0605));
    // 5: b early; 6: sub sp, #8; b .
    code.extend([0xE7F1, 0xB082, HERE]);
    assert_eq!(bytes(&code), 8);
    // Nobody loads the first literal: main begins with nop.
    code[3] = 0xBF00;
    assert!(matches!(refused(&code), (14, Problem::Table { .. })));
}

/// A table whose last entry leads to the only loads of the two words behind it: `table`, then `first`.
fn table_before_literals(table: [u16; 2], first: u32) -> Vec<u16> {
    // b main; early: ldr r1, first; ldr r2, second; b .
    let mut code = vec![0xE002, 0x4904, 0x4A04, HERE];
    // main: adr r3, table; ldrb r1, [r3, r1]; lsls r1, r1, #1; add pc, r1
    code.extend([0xA301, 0x5C59, 0x0049, 0x448F]);
    code.extend(table);
    code.extend(word(first));
    code.extend(word(0xFFFF));
    // 5: b early; 6: sub sp, #8; b .
    code.extend([0xE7F1, 0xB082, HERE]);
    code
}

#[test]
fn jump_tables_before_literals_that_look_like_entries() {
    // As an entry the first literal would lead to the second, which is no instruction.
    assert_eq!(bytes(&table_before_literals([0x0606, 0x0506], 0x0000_0003)), 8);
    // All of its bytes would lead to code.
    assert_eq!(bytes(&table_before_literals([0x0606, 0x0506], 0x0505_0606)), 8);
}

#[test]
fn jump_tables_whose_end_is_unknown() {
    // Only if the word behind the table is an entry is there code that loads it.
    let (at, problem) = refused(&table_before_literals([0x0606, 0x0606], 0x0000_0005));
    let reason = "what lies behind it might be entries or not";
    assert_eq!((at, problem), (14, Problem::Table { table: CODE + 16, reason }));
    // ldr r0, literal; nop; adr r3, table; ldrb r1, [r3, r1]; lsls r1, r1, #1; add pc, r1
    let mut code = vec![0x4803, 0xBF00, 0xA301, 0x5C59, 0x0049, 0x448F];
    // table: 3, 3; alignment, by `mov r8, r8`; literal; 3: sub sp, #8; b .
    code.extend([0x0303, 0x46C0, 0xFFFF, 0xFFFF, 0xB082, HERE]);
    assert_eq!(bytes(&code), 8);
    // In a larger function that may be entries as well.
    code.resize(400, HERE);
    assert_eq!(refused(&code), (10, Problem::Table { table: CODE + 12, reason }));
}

#[test]
fn jump_tables_that_end_each_other() {
    // b main; one: ldr r1, first; b .; two: ldr r2, second; b .; nop
    let mut code = vec![0xE004, 0x4906, HERE, 0x4A0A, HERE, 0xBF00];
    // main: cmp r0, #0; beq other; adr r3, table; ldrb r1, [r3, r1]; lsls r1, r1, #1; add pc, r1
    code.extend([0x2800, 0xD009, 0xA301, 0x5C59, 0x0049, 0x448F]);
    // table: 3, 3, 3, 4; first; 3: b .; 4: b two
    code.extend([0x0303, 0x0403, 0x0303, 0x0303, HERE, 0xE7F0]);
    // other: as main, with the same table; second; 3: b .; 4: sub sp, #8; b one
    code.extend([0xA301, 0x5C59, 0x0049, 0x448F, 0x0303, 0x0403, 0x0303, 0x0303]);
    code.extend([HERE, 0xB082, 0xE7E3]);
    assert_eq!(bytes(&code), 8);
    // 4 of the first is b . Where nobody loads the second, its bytes count as entries.
    code[17] = HERE;
    assert_eq!(bytes(&code), 8);
}

/// Two tables. Read on, the first would lead to its second literal; that would, as code, load the
/// second half of the other table. The last entries lead to `lasts`.
fn table_that_seems_to_cut_another(lasts: [u16; 2]) -> Vec<u16> {
    // b main; one: ldr r1, first; ldr r2, second; b .; two: ldr r2, third; b .
    let mut code = vec![0xE004, 0x4906, 0x4A06, HERE, 0x4A0B, HERE];
    // main: cmp r0, #0; beq other; adr r3, table; ldrb r1, [r3, r1]; lsls r1, r1, #1; add pc, r1
    code.extend([0x2800, 0xD00B, 0xA301, 0x5C59, 0x0049, 0x448F]);
    // table: 5, 5, 5, 6; first: an entry 3; second: ldr r0, [pc, #16]; b .; 5: b .; 6: lasts
    code.extend([0x0505, 0x0605, 3, 0, 0x4804, HERE, HERE, lasts[0]]);
    // other: as main, with a table 5, 5, 5, 5, 5, 5, 5, 6; third; 5: b .; 6: sub sp, #8; lasts
    code.extend([0xA301, 0x5C59, 0x0049, 0x448F, 0x0505, 0x0505, 0x0505, 0x0605]);
    code.extend([0x0505, 0x0505, HERE, 0xB082, lasts[1]]);
    code
}

#[test]
fn jump_tables_that_seem_to_cut_each_other() {
    // b one; b two
    assert_eq!(bytes(&table_that_seems_to_cut_another([0xE7EC, 0xE7E2])), 8);
    // b two; b one: what ends the first table follows from the half of the other that is in question.
    let (at, problem) = refused(&table_that_seems_to_cut_another([0xE7EF, 0xE7DF]));
    let reason = "what lies behind it might be entries or not";
    assert_eq!((at, problem), (22, Problem::Table { table: CODE + 24, reason }));
}

#[test]
fn depths_that_differ() {
    // cmp r0, #0; beq +2 (to bx lr); sub sp, #4; nop; bx lr
    let (at, problem) = refused(&[0x2800, 0xD001, 0xB081, 0xBF00, 0xBF00, BX_LR]);
    let target = CODE + 8;
    assert_eq!((at, problem), (6, Problem::TwoDepths { target, one: 0, two: 4 }));
    // A loop that pushes.
    assert!(matches!(refused(&[0xB401, 0xE7FD]), (2, Problem::TwoDepths { .. })));
}

#[test]
fn what_cannot_be_proven_is_refused() {
    let r = Register::new;
    let cases: &[(&[u16], u32, Problem)] = &[
        // blx r0; bx r0; add pc, r0
        (&[0x4780], 0, Problem::Indirect { register: r(0) }),
        (&[0x4700], 0, Problem::Indirect { register: r(0) }),
        (&[0x4487], 0, Problem::Indirect { register: r(0) }),
        // add sp, #4; pop {r0}; pop {pc}
        (&[0xB001], 0, Problem::AboveEntry { bytes: 4 }),
        (&[0xBC01], 0, Problem::AboveEntry { bytes: 4 }),
        (&[0xBD00], 0, Problem::AboveEntry { bytes: 4 }),
        // push {r0}; pop {pc}
        (&[0xB401, 0xBD00], 2, Problem::ReturnsElsewhere),
        // push {r4, lr}; str r0, [sp, #4] or [sp]; pop {r4, pc}
        (&[0xB510, 0x9001, 0xBD10], 4, Problem::ReturnsElsewhere),
        (&[0xB510, 0x9000, 0xBD10], 4, Problem::NotRestored { register: r(4) }),
        // push {lr}; add sp, #4; sub sp, #4; pop {pc}: an exception may have come in between
        (&[0xB500, 0xB001, 0xB081, 0xBD00], 6, Problem::ReturnsElsewhere),
        // sub sp, #4; bx lr
        (&[0xB081, BX_LR], 2, Problem::Unbalanced { bytes: 4 }),
        // movs r7, #0; bx lr
        (&[0x2700, BX_LR], 2, Problem::NotRestored { register: r(7) }),
        // mov sp, r0
        (&[0x4685], 0, Problem::UnknownStackPointer),
        // movs r0, #2; negs r0, r0; add sp, r0
        (&[0x2002, 0x4240, 0x4485], 4, Problem::Unaligned),
        // movs r0, #1; lsls r0, r0, #24; negs r0, r0; add sp, r0
        (&[0x2001, 0x0600, 0x4240, 0x4485], 6, Problem::FrameTooLarge { bytes: 1 << 24 }),
        // nop; the first half of bl
        (&[0xBF00], 0, Problem::RunsOff),
        (&[0xF000], 0, Problem::RunsOff),
        // b +512
        (&[0xE0FE], 0, Problem::JumpsOut { target: CODE + 512 }),
        // ite eq; cpsie i; svc #0; msr msp, r0
        (&[0xBF0C], 0, Problem::NotAnInstruction { code: 0xBF0C }),
        (&[0xB662], 0, Problem::Unmasked),
        (&[0xDF00], 0, Problem::SupervisorCall),
        (&[0xF380, 0x8808], 0, Problem::SwitchesStack),
        // beq into the middle of mrs r3, primask
        (&[0xD000, 0xF3EF, 0x8310, HERE], 4, Problem::TwoUses),
        // ldr r0, of what is then executed
        (&[0x4800, 0xBF00, 0xBF00, HERE], 4, Problem::TwoUses),
    ];
    for (code, at, problem) in cases {
        assert_eq!(refused(code), (*at, problem.clone()), "{code:04x?}");
    }
}

#[test]
fn recursion_is_named() {
    // main: push {lr}; bl a; pop {pc}. a: push {lr}; bl b; pop {pc}. b: push {lr}; bl a; pop {pc}
    let call = |at, to| {
        let [c0, c1] = bl(at + 2, to);
        [0xB500, c0, c1, 0xBD00]
    };
    let (a, b) = (CODE + 8, CODE + 16);
    let functions = [call(CODE, a), call(a, b), call(b, a)];
    let [main, fa, fb] = &functions;
    let error = try_bound(&[("main", main), ("a", fa), ("b", fb)]).unwrap_err();
    let expected = "0x08000028 in a: recursion, whose depth has no bound: a → b → a";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn symbols_that_do_not_fit() {
    let (flash, symbols) = image(&[("main", &[BX_LR])]);
    let entries = Entries::from_vectors(BASE, &flash).unwrap();
    let problem =
        |symbols: &[Function], entries| bound(BASE, &flash, symbols, entries).unwrap_err().problem;
    assert_eq!(problem(&[], entries), Problem::NoFunction);
    let elsewhere = Entries { hard_fault: CODE + 2, ..entries };
    assert_eq!(problem(&symbols, elsewhere), Problem::NoFunction);
    for size in [0, 3000, u32::MAX] {
        let mut symbols = symbols.clone();
        symbols[1].size = size;
        assert_eq!(problem(&symbols, entries), Problem::BadFunction, "{size}");
    }
    assert_eq!(Entries::from_vectors(BASE, &flash[..15]).unwrap_err().problem, Problem::NoVectors);
}

#[test]
fn errors_name_address_and_function() {
    let error = try_bound(&[("main", &[0x4798])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "0x08000020 in main: indirect call or jump through r3, expected a target that the code tells"
    );
}

/// Instructions that get further than random ones.
const LIKELY: [u16; 16] = [
    0xB580, 0xBD80, 0xB082, 0xB002, 0x4478, 0x7900, 0x0040, 0x4487, 0xA301, 0x589A, 0x4697, 0xD001,
    0xE7F0, 0x4801, 0x4685, 0xF7FF,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_image_makes_it_panic(
        code in prop::collection::vec(
            prop_oneof![any::<u16>(), prop::sample::select(&LIKELY[..])], 1..80,
        ),
        cuts in prop::collection::vec((0u32..80, prop_oneof![0u32..160, any::<u32>()]), 1..6),
        base in prop_oneof![Just(BASE), Just(0), Just(0xDFFF_FFC0), any::<u32>()],
    ) {
        let flash: Vec<u8> = code.iter().flat_map(|half| half.to_le_bytes()).collect();
        let functions: Vec<Function> = cuts.iter().enumerate().map(|(n, &(at, size))| Function {
            name: n.to_string(),
            address: base.wrapping_add(at * 2),
            size,
        }).collect();
        let reset = functions[0].address;
        let entries = Entries { reset, nmi: reset, hard_fault: reset };
        if let Ok(bound) = bound(base, &flash, &functions, entries) {
            let sum: u32 = bound.thread.links.iter().map(|link| link.bytes).sum();
            prop_assert_eq!(sum, bound.thread.bytes);
        }
    }
}
