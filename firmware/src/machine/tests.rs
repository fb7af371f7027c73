//! The rules, one by one, and what must hold under any sequence of inputs.
//!
//! [`Board`] is the smallest driver there is: it steps at every wake-up and, if told so, at every edge.

use std::vec::Vec;

use super::*;
use crate::signals::{Button, PiRequest};

mod random;
mod resets;

const CONFIG: Config = Config::DEFAULT;

/// A level of the outputs that changed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Enable(SupplyEnable),
    PowerGood(PowerGood),
    LoadSwitch(LoadSwitch),
    Led(StatusLed),
    Store(Record),
}

struct Board {
    now: u32,
    machine: Machine,
    inputs: Inputs,
    outputs: Outputs,
    changes: Vec<(u32, Change)>,
}

const QUIET: Inputs = Inputs {
    supply: Supply::Good,
    button: Button::Released,
    pi_request: PiRequest::Inactive,
    caps: Caps::Charged,
    journal: JournalHealth::Working,
};

impl Board {
    fn power_on(record: Record, inputs: Inputs) -> Self {
        Self::power_on_at(0, record, inputs)
    }

    fn power_on_at(now: u32, record: Record, inputs: Inputs) -> Self {
        let start = Instant::from_millis(now);
        // Nothing is enabled yet, so nothing says that the capacitors are charged.
        let dead = Inputs { caps: Caps::Unknown, ..inputs };
        let mut machine = Machine::start(&CONFIG, Cause::Power, start, dead, record, Some(record));
        let outputs = machine.step(&CONFIG, start, inputs);
        Self { now, machine, inputs, outputs, changes: Vec::new() }
    }

    /// On, a minute after its start; the changes until then are forgotten.
    fn running() -> Self {
        let mut board = Self::power_on(Record::OnPowered, QUIET);
        board.run_until(64_000);
        assert_eq!(board.machine.state().name(), "on");
        board.changes.clear();
        board
    }

    fn step(&mut self) {
        let now = Instant::from_millis(self.now);
        let before = self.outputs.levels;
        self.outputs = self.machine.step(&CONFIG, now, self.inputs);
        let after = self.outputs.levels;
        let mut note = |changed: bool, change| {
            if changed {
                self.changes.push((self.now, change));
            }
        };
        if let Some(record) = self.outputs.store {
            note(true, Change::Store(record));
        }
        note(before.supply_enable != after.supply_enable, Change::Enable(after.supply_enable));
        note(before.load_switch != after.load_switch, Change::LoadSwitch(after.load_switch));
        note(before.power_good != after.power_good, Change::PowerGood(after.power_good));
        note(before.status_led != after.status_led, Change::Led(after.status_led));
    }

    /// Steps at every wake-up up to and including `end`.
    fn run_until(&mut self, end: u32) {
        while let Some(wake) = self.outputs.wake {
            assert!(wake.at > Instant::from_millis(self.now), "a wake-up is later than its step");
            if wake.at.as_millis() > end {
                break;
            }
            self.now = wake.at.as_millis();
            self.step();
        }
        self.now = end;
    }

    /// Runs to `at`, changes the inputs, steps.
    fn at(&mut self, at: u32, change: impl FnOnce(&mut Inputs)) {
        self.run_until(at);
        change(&mut self.inputs);
        self.step();
    }

    fn press(&mut self, at: u32, lasting: u32) {
        self.at(at, |inputs| inputs.button = Button::Pressed);
        self.at(at + lasting, |inputs| inputs.button = Button::Released);
    }

    /// A reset that the RAM survives: what becomes of the machine.
    fn reset(&self, cause: Cause) -> Machine {
        let mut machine = self.machine;
        let stored = Some(machine.record());
        let now = Instant::from_millis(self.now);
        if machine.resume(&CONFIG, cause, now, stored) {
            return machine;
        }
        Machine::start(&CONFIG, cause, now, self.inputs, self.machine.record(), stored)
    }

    /// The changes but the LED's.
    fn pins(&self) -> Vec<(u32, Change)> {
        self.changes.iter().copied().filter(|(_, c)| !matches!(c, Change::Led(_))).collect()
    }
}

const LOST: fn(&mut Inputs) = |inputs| {
    inputs.supply = Supply::Lost;
    inputs.caps = Caps::Unknown;
};
const BACK: fn(&mut Inputs) = |inputs| {
    inputs.supply = Supply::Good;
    inputs.caps = Caps::Charged;
};
const OFF: Change = Change::Enable(SupplyEnable::Off);
const ON: Change = Change::Enable(SupplyEnable::On);
const TOLD: Change = Change::PowerGood(PowerGood::Low);
const RELEASED: Change = Change::PowerGood(PowerGood::Released);
const OPEN: Change = Change::LoadSwitch(LoadSwitch::Open);
const CLOSED: Change = Change::LoadSwitch(LoadSwitch::Closed);

#[test]
fn r7_start() {
    let mut board = Board::power_on(Record::OnUnpowered, QUIET);
    board.run_until(10_000);
    let expected = [
        (2_000, ON),
        (3_000, Change::Store(Record::OnPowered)),
        (4_000, RELEASED),
        (4_200, CLOSED),
    ];
    assert_eq!(board.pins(), expected);
}

#[test]
fn r1_each_outage_below_the_bridging_time_shows_nothing() {
    let mut board = Board::running();
    for n in 0..5 {
        board.at(100_000 + n * 2_500, LOST);
        board.at(100_000 + n * 2_500 + 1_999, BACK);
    }
    board.run_until(200_000);
    assert_eq!(board.changes, []);
}

#[test]
fn r1_a_return_for_a_moment_does_not_end_a_loss() {
    for (moment, told) in [(0, 102_100), (1, 102_100), (19, 102_100), (20, 103_622)] {
        let mut board = Board::running();
        board.at(100_000, LOST);
        for n in 1..4 {
            board.at(100_000 + n * 501 - 1, BACK);
            board.at(100_000 + n * 501 - 1 + moment, LOST);
        }
        board.run_until(110_000);
        assert!(board.pins().contains(&(told, TOLD)), "{moment}: {:?}", board.pins());
    }
}

#[test]
fn r2_and_r6_an_outage_runs_to_the_cut_and_ends_in_a_start() {
    for back in [102_001, 102_099, 102_100, 110_000, 122_099, 122_100, 123_000] {
        let mut board = Board::running();
        board.at(100_000, LOST);
        board.at(back, BACK);
        board.run_until(150_000);
        let start = (back + 2_000).max(124_600);
        let expected = [
            (102_000, Change::Store(Record::OnUnpowered)),
            (102_000, OPEN),
            (102_100, TOLD),
            (122_100, OFF),
            (start, ON),
            (start + 1_000, Change::Store(Record::OnPowered)),
            (start + 2_000, RELEASED),
            (start + 2_200, CLOSED),
        ];
        assert_eq!(board.pins(), expected, "back at {back}");
    }
}

#[test]
fn r3_the_button_turns_off_and_on() {
    let mut board = Board::running();
    board.press(100_000, 300);
    board.press(150_000, 300);
    board.run_until(200_000);
    let expected = [
        (100_020, Change::Store(Record::OffPowered)),
        (100_020, OPEN),
        (100_120, TOLD),
        (120_120, OFF),
        (150_020, Change::Store(Record::OnUnpowered)),
        (150_020, ON),
        (151_020, Change::Store(Record::OnPowered)),
        (152_020, RELEASED),
        (152_220, CLOSED),
    ];
    assert_eq!(board.pins(), expected);
}

#[test]
fn r3_a_press_in_the_gap_starts_after_it() {
    let mut board = Board::power_on(Record::OnUnpowered, QUIET);
    // Pressed at 5 s, early cut at 24 s at the latest: within the interval between starts.
    board.press(5_000, 100);
    board.at(12_000, |inputs| inputs.pi_request = PiRequest::Active);
    board.run_until(15_060);
    assert_eq!(board.machine.state().name(), "gap");
    board.press(16_000, 100);
    board.run_until(30_000);
    assert!(board.pins().contains(&(17_550, ON)), "{:?}", board.pins());
}

#[test]
fn r3_a_press_while_bridging_ends_off() {
    let mut board = Board::running();
    board.at(100_000, LOST);
    board.press(100_500, 100);
    board.at(101_000, BACK);
    board.run_until(200_000);
    let stored = (100_520, Change::Store(Record::OffPowered));
    assert_eq!(board.pins()[0], stored, "a loss that is being bridged is none");
    assert_eq!(board.machine.record(), Record::OffPowered);
    assert_eq!(board.outputs.levels.supply_enable, SupplyEnable::Off);
}

#[test]
fn r3_holding_cuts_a_hung_pi_and_a_press_that_starts_it_does_not() {
    let mut board = Board::running();
    board.press(100_000, 10_000);
    board.run_until(120_000);
    assert!(board.pins().contains(&(108_000, OFF)));
    assert_eq!(board.machine.record(), Record::OffPowered);
    board.changes.clear();
    board.press(120_000, 10_000);
    board.run_until(200_000);
    assert!(!board.pins().iter().any(|(_, change)| *change == OFF));
}

#[test]
fn r3_without_supply_a_press_is_only_answered() {
    let mut board = Board::power_on(Record::OffUnpowered, Inputs { supply: Supply::Lost, ..QUIET });
    board.press(10_000, 100);
    board.run_until(20_000);
    let (lit, dark) = (Change::Led(StatusLed::Lit), Change::Led(StatusLed::Dark));
    assert_eq!(board.changes, [(10_020, lit), (10_120, dark), (10_220, lit), (10_320, dark)]);
}

#[test]
fn r4_a_software_shutdown_starts_again_only_by_button_or_reconnection() {
    let mut board = Board::running();
    board.at(100_000, |inputs| inputs.pi_request = PiRequest::Active);
    board.at(101_000, |inputs| inputs.pi_request = PiRequest::Inactive);
    board.run_until(200_000);
    let expected = [
        (100_500, Change::Store(Record::AppShutdownPowered)),
        (100_500, OPEN),
        (100_600, TOLD),
        (120_600, OFF),
    ];
    assert_eq!(board.pins(), expected);
    board.at(200_000, LOST);
    board.at(201_000, BACK);
    board.run_until(210_000);
    assert_eq!(board.outputs.levels.supply_enable, SupplyEnable::Off, "a glitch is none");
    board.at(210_000, LOST);
    board.at(213_000, BACK);
    board.run_until(220_000);
    assert!(board.pins().contains(&(215_000, ON)));
}

#[test]
fn r5_the_pi_s_word_cuts_three_seconds_later_and_never_before() {
    let mut board = Board::running();
    board.at(100_000, LOST);
    board.at(106_000, |inputs| inputs.pi_request = PiRequest::Active);
    board.at(106_030, |inputs| inputs.pi_request = PiRequest::Inactive);
    board.at(107_000, |inputs| inputs.pi_request = PiRequest::Active);
    board.run_until(150_000);
    assert!(board.pins().contains(&(110_050, OFF)), "{:?}", board.pins());
}

#[test]
fn r8_a_supply_that_cannot_carry_the_load_is_tried_ever_more_rarely() {
    let mut board = Board::power_on(Record::OnUnpowered, QUIET);
    let mut starts = Vec::new();
    for _ in 0..10 {
        while board.outputs.levels.supply_enable == SupplyEnable::Off {
            let wake = board.outputs.wake.map(|wake| wake.at.as_millis());
            board.run_until(wake.unwrap_or(board.now + 1_000));
        }
        starts.push(board.now);
        board.at(board.now + 5, LOST);
        board.run_until(board.now + 5);
        assert_eq!(board.outputs.levels.supply_enable, SupplyEnable::Off, "cut as soon as sure");
        board.at(board.now + 500, BACK);
    }
    let gaps: Vec<u32> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [5_010, 10_010, 20_010, 40_010, 80_010, 160_010, 300_010, 300_010, 300_010];
    assert_eq!(gaps, expected);
    assert!(!board.changes.iter().any(|(_, change)| matches!(change, Change::Store(_))));
}

#[test]
fn r8_a_fall_inside_the_window_is_seen_without_its_edge() {
    let mut board = Board::power_on(Record::OnUnpowered, QUIET);
    board.run_until(2_300);
    LOST(&mut board.inputs);
    board.run_until(2_405);
    assert_eq!(board.outputs.levels.supply_enable, SupplyEnable::Off);
}

#[test]
fn r8_a_spike_inside_the_window_is_noise() {
    let mut board = Board::power_on(Record::OnUnpowered, QUIET);
    board.at(2_300, LOST);
    board.at(2_304, BACK);
    board.run_until(10_000);
    assert_eq!(board.machine.state().name(), "on");
}

#[test]
fn r10_a_spike_is_no_charge() {
    let mut board = Board::power_on(Record::OnUnpowered, Inputs { caps: Caps::Unknown, ..QUIET });
    board.at(10_000, |inputs| inputs.caps = Caps::Charged);
    board.at(10_001, |inputs| inputs.caps = Caps::Unknown);
    board.run_until(60_000);
    board.changes.clear();
    board.at(60_000, LOST);
    board.run_until(61_000);
    assert_eq!(board.pins()[1..], [(60_200, OPEN), (60_300, TOLD)]);
}

#[test]
fn r9_during_the_boot_the_rest_of_the_allowance_is_added() {
    let mut board = Board::power_on(Record::OnUnpowered, QUIET);
    board.at(6_000, LOST);
    board.run_until(100_000);
    // Enabled at 2 s, so the Pi listens by 27 s at the latest.
    assert!(board.pins().contains(&(8_100, TOLD)));
    assert!(board.pins().contains(&(47_000, OFF)), "{:?}", board.pins());
}

#[test]
fn r9_lost_before_the_release_the_line_stays_low() {
    let mut board = Board::power_on(Record::OnUnpowered, QUIET);
    board.at(3_500, LOST);
    board.run_until(100_000);
    assert!(!board.pins().iter().any(|(_, change)| *change == RELEASED));
    assert!(board.pins().contains(&(47_000, OFF)), "{:?}", board.pins());
}

#[test]
fn r10_uncharged_capacitors_bridge_a_tenth() {
    let mut board = Board::power_on(Record::OnUnpowered, Inputs { caps: Caps::Unknown, ..QUIET });
    board.run_until(60_000);
    board.changes.clear();
    board.at(60_000, LOST);
    board.run_until(61_000);
    assert_eq!(board.pins()[1..], [(60_200, OPEN), (60_300, TOLD)]);
}

#[test]
fn r9_fed_again_after_a_loss_on_empty_capacitors_it_may_boot_anew() {
    let mut board = Board::power_on(Record::OnUnpowered, Inputs { caps: Caps::Unknown, ..QUIET });
    board.run_until(60_000);
    board.changes.clear();
    board.at(60_000, LOST);
    board.at(60_500, |inputs| inputs.supply = Supply::Good);
    board.run_until(200_000);
    assert!(board.pins().contains(&(60_300, TOLD)));
    assert!(board.pins().contains(&(105_500, OFF)), "{:?}", board.pins());
}

#[test]
fn r17_a_failed_journal_blinks_three_times_every_ten_seconds() {
    let mut board = Board::running();
    board.at(70_000, |inputs| inputs.journal = JournalHealth::Failed);
    board.run_until(100_000);
    let dark = board.changes.iter().filter(|(_, c)| *c == Change::Led(StatusLed::Dark)).count();
    assert_eq!(dark, 9);
}

#[test]
fn r12_a_record_that_no_cell_took_is_tried_again_every_minute() {
    let mut board = Board::running();
    board.press(100_000, 100);
    board.at(100_200, |inputs| inputs.journal = JournalHealth::Failed);
    board.run_until(410_000);
    let stores: Vec<u32> =
        board.pins().iter().filter(|(_, c)| matches!(c, Change::Store(_))).map(|c| c.0).collect();
    assert_eq!(stores.len(), 6, "{stores:?}");
    assert!(stores.windows(2).all(|pair| (60_000..70_000).contains(&(pair[1] - pair[0]))));
    board.changes.clear();
    board.at(410_000, |inputs| inputs.journal = JournalHealth::Working);
    board.run_until(600_000);
    assert_eq!(board.pins(), []);
}

/// A board whose Pi was lost `losses` times, each 20 s after its start, and was cut; the supply is away.
fn short_lived_starts(losses: u32) -> Board {
    let mut board = Board::power_on(Record::OnUnpowered, QUIET);
    for _ in 0..losses {
        while board.machine.state().name() != "on" {
            board.run_until(board.now + 1_000);
        }
        board.at(board.now + 20_000, LOST);
        board.run_until(board.now + 100_000);
        BACK(&mut board.inputs);
        board.step();
    }
    LOST(&mut board.inputs);
    board.step();
    board.changes.clear();
    board
}

#[test]
fn r8_a_supply_that_goes_soon_after_each_start_must_stay_longer_before_the_next() {
    for (losses, wait) in [(1, 2_000), (2, 2_000), (3, 40_000), (4, 80_000), (7, 300_000)] {
        let mut board = short_lived_starts(losses);
        let back = board.now + 10_000;
        board.at(back, BACK);
        board.run_until(back + 400_000);
        let starts = board.pins().iter().filter(|(_, c)| *c == ON).count();
        assert!(board.pins().contains(&(back + wait, ON)), "{losses}: {:?}", board.pins());
        assert_eq!(starts, 1);
        // Carried for a minute, it is trusted again.
        board.at(board.now, LOST);
        board.changes.clear();
        let back = board.now + 100_000;
        board.at(back, BACK);
        board.run_until(back + 60_000);
        assert!(board.pins().contains(&(back + 2_000, ON)), "{losses}: {:?}", board.pins());
    }
}

#[test]
fn r8_whoever_waits_for_a_supply_to_stay_blinks_and_may_be_pressed() {
    let mut board = short_lived_starts(3);
    let back = board.now + 10_000;
    board.at(back, BACK);
    board.changes.clear();
    board.run_until(back + 10_000);
    let lit = board.changes.iter().filter(|(_, c)| *c == Change::Led(StatusLed::Lit)).count();
    assert_eq!(lit, 5, "a blink every 2 s: {:?}", board.changes);
    board.press(board.now, 100);
    assert_eq!(board.machine.state().name(), "load_test");
}

#[test]
fn r9_a_return_for_a_moment_does_not_use_up_the_allowance() {
    let mut board = Board::power_on(Record::OnUnpowered, Inputs { caps: Caps::Unknown, ..QUIET });
    board.run_until(60_000);
    board.changes.clear();
    board.at(60_000, |inputs| inputs.supply = Supply::Lost);
    board.at(62_000, |inputs| inputs.supply = Supply::Good);
    board.at(62_003, |inputs| inputs.supply = Supply::Lost);
    board.at(75_000, |inputs| inputs.supply = Supply::Good);
    board.run_until(200_000);
    assert!(board.pins().contains(&(120_000, OFF)), "{:?}", board.pins());
}

#[test]
fn r9_the_allowance_is_granted_anew_once_a_shutdown() {
    let mut board = Board::power_on(Record::OnUnpowered, Inputs { caps: Caps::Unknown, ..QUIET });
    board.run_until(60_000);
    board.changes.clear();
    board.at(60_000, |inputs| inputs.supply = Supply::Lost);
    for n in 0..10 {
        board.at(70_000 + 20_000 * n, |inputs| inputs.supply = Supply::Good);
        board.at(75_000 + 20_000 * n, |inputs| inputs.supply = Supply::Lost);
    }
    assert!(board.pins().contains(&(115_000, OFF)), "{:?}", board.pins());
}

#[test]
fn r4_a_pi_that_is_taken_up_is_heard_at_once() {
    let record = Record::OnPowered;
    let machine = Machine::start(&CONFIG, Cause::Pin, Instant::ZERO, QUIET, record, Some(record));
    let mut board = Board { machine, ..Board::power_on(record, QUIET) };
    board.step();
    board.at(1_000, |inputs| inputs.pi_request = PiRequest::Active);
    board.run_until(2_000);
    assert_eq!(board.machine.record(), Record::AppShutdownPowered);
}
