//! The rules R13 and R14: what becomes of the machine, and of the Pi, when the chip is reset.

use super::*;

#[test]
fn r13_a_reset_with_a_live_pi_changes_no_level() {
    for at in [100_000, 101_000, 102_050, 110_000, 122_099] {
        let mut board = Board::running();
        board.at(100_000, LOST);
        board.run_until(at);
        let mut machine = board.reset(Cause::Other);
        let outputs = machine.step(&CONFIG, Instant::from_millis(at), board.inputs);
        assert_eq!(outputs.levels, board.outputs.levels, "at {at}");
        assert_eq!(outputs.wake, board.outputs.wake, "at {at}");
    }
}

#[test]
fn r13_a_record_that_the_reset_tore_is_stored_again() {
    let mut board = Board::running();
    board.at(100_000, LOST);
    board.run_until(102_000);
    let stored = board.outputs.store;
    assert_eq!(stored, Some(Record::OnUnpowered));
    // The write was cut short: the journal still holds what was before.
    let mut machine = board.machine;
    assert!(machine.resume(
        &CONFIG,
        Cause::Other,
        Instant::from_millis(102_001),
        Some(Record::OnPowered)
    ));
    let again = machine.step(&CONFIG, Instant::from_millis(102_001), board.inputs);
    assert_eq!(again.store, stored);
    // It was complete: nothing is left to do.
    let mut machine = board.machine;
    assert!(machine.resume(&CONFIG, Cause::Other, Instant::from_millis(102_001), stored));
    assert_eq!(machine.step(&CONFIG, Instant::from_millis(102_001), board.inputs).store, None);
}

#[test]
fn r13_without_its_ram_a_pi_that_was_on_with_the_supply_good_is_kept() {
    let record = Record::OnPowered;
    let mut machine =
        Machine::start(&CONFIG, Cause::Power, Instant::ZERO, QUIET, record, Some(record));
    let levels = machine.step(&CONFIG, Instant::ZERO, QUIET).levels;
    assert_eq!((levels.supply_enable, levels.power_good), (SupplyEnable::On, PowerGood::Released));
}

#[test]
fn r14_capacitors_that_are_not_charged_say_that_nobody_was_fed() {
    let dead = Inputs { caps: Caps::Unknown, ..QUIET };
    let record = Record::OnPowered;
    let mut machine =
        Machine::start(&CONFIG, Cause::Power, Instant::ZERO, dead, record, Some(record));
    for (at, expected) in
        [(0, SupplyEnable::Off), (1_999, SupplyEnable::Off), (2_000, SupplyEnable::On)]
    {
        let outputs = machine.step(&CONFIG, Instant::from_millis(at), dead);
        assert_eq!(outputs.levels.supply_enable, expected, "at {at}");
    }
}

#[test]
fn r13_a_brown_out_is_survived_unless_the_capacitors_died_with_it() {
    // The chip's supply dips alone: its machine goes on.
    let board = Board::running();
    assert_eq!(board.reset(Cause::Power), board.machine);
    // The capacitors run empty in an outage, and the chip's RAM lives longer than they: the Pi is dead.
    let mut board = Board::running();
    board.at(100_000, LOST);
    board.run_until(110_000);
    BACK(&mut board.inputs);
    board.inputs.caps = Caps::Unknown;
    assert_eq!(board.reset(Cause::Power).state(), &State::Off);
}

#[test]
fn r13_a_told_pi_is_not_taken_for_one_that_is_on() {
    // Turned round by a second press, so it is wanted on again; its memory is lost in a reset.
    let mut board = Board::running();
    board.press(100_000, 100);
    board.press(102_000, 100);
    board.run_until(103_000);
    let record = board.machine.record();
    assert_eq!(record, Record::OnUnpowered);
    let now = Instant::from_millis(103_000);
    let mut machine =
        Machine::start(&CONFIG, Cause::Power, now, board.inputs, record, Some(record));
    let levels = machine.step(&CONFIG, now, board.inputs).levels;
    assert_eq!(levels.supply_enable, SupplyEnable::Off);
}

#[test]
fn r14_without_supply_nothing_starts() {
    let lost = Inputs { supply: Supply::Lost, ..QUIET };
    for record in Record::ALL {
        let mut board = Board::power_on(record, lost);
        board.run_until(600_000);
        assert_eq!(board.outputs.levels.supply_enable, SupplyEnable::Off, "{record:?}");
    }
}

#[test]
fn r13_after_the_reset_pin_a_told_pi_may_boot_again_before_the_cut() {
    let mut board = Board::running();
    board.press(100_000, 100);
    board.run_until(105_000);
    board.changes.clear();
    board.machine = board.reset(Cause::Pin);
    board.step();
    let line = |level| move |inputs: &mut Inputs| inputs.pi_request = level;
    // Its boot says nothing; its halt does.
    board.at(107_000, line(PiRequest::Active));
    board.at(112_000, line(PiRequest::Inactive));
    board.at(130_000, line(PiRequest::Active));
    board.run_until(200_000);
    assert_eq!(board.pins(), [(133_050, OFF)]);
    // Nothing but the reset pin lasts, and on the capacitors there is no time to give away.
    for (cause, supply, cut) in [
        (Cause::Pin, Supply::Good, 150_000),
        (Cause::Other, Supply::Good, 122_100),
        (Cause::Pin, Supply::Lost, 122_100),
    ] {
        let mut board = Board::running();
        board.at(100_000, LOST);
        board.at(104_000, |inputs| inputs.supply = supply);
        board.run_until(105_000);
        board.changes.clear();
        board.machine = board.reset(cause);
        board.step();
        board.run_until(160_000);
        assert_eq!(board.pins()[0], (cut, OFF), "{cause:?} {supply:?}");
    }
}

#[test]
fn r13_without_its_ram_but_with_its_supply_the_chip_lets_the_rail_rest() {
    let dead = Inputs { caps: Caps::Unknown, ..QUIET };
    for (cause, record, start) in [
        (Cause::Other, Record::OnPowered, Some(2_500)),
        (Cause::Pin, Record::OnUnpowered, Some(2_500)),
        (Cause::Power, Record::OnPowered, Some(2_000)),
        // It was no reconnection of the supply.
        (Cause::Other, Record::AppShutdownPowered, None),
        (Cause::Power, Record::AppShutdownPowered, Some(2_000)),
    ] {
        let machine = Machine::start(&CONFIG, cause, Instant::ZERO, dead, record, Some(record));
        let mut board = Board { machine, ..Board::power_on(record, dead) };
        board.step();
        board.changes.clear();
        board.run_until(20_000);
        let starts = board.pins().iter().find(|(_, c)| *c == ON).map(|(at, _)| *at);
        assert_eq!(starts, start, "{cause:?} {record:?}");
    }
}
