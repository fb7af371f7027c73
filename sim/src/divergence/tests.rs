//! Runs that agree, and every way in which they may not.

use super::*;
use crate::timeline::{CapsCharged, Entry, Plug, PowerGood, StatusLed};

const END: Nanos = Nanos::from_secs(100);
const TOLERANCE: Tolerance = Tolerance {
    epsilon: 1e-3,
    warm_up: Nanos::ZERO,
    lost_in_reset: Nanos::from_millis(900),
    memory: Nanos::from_secs(100),
};

fn unplug() -> What {
    What::Event(Event::Plug(Plug::Out))
}

fn notice() -> What {
    What::Event(Event::PowerGood(PowerGood::Low))
}

fn lit() -> What {
    What::Event(Event::StatusLed(StatusLed::Lit))
}

fn dark() -> What {
    What::Event(Event::StatusLed(StatusLed::Dark))
}

/// A timeline from times in milliseconds.
fn timeline(records: &[(u64, What)]) -> Timeline {
    let entry =
        |(at, what): &(u64, What)| Entry { at: Nanos::from_millis(*at), moment: 0, what: *what };
    Timeline { entries: records.iter().map(entry).collect(), ..Timeline::default() }
}

fn compared(first: &[(u64, What)], second: &[(u64, What)]) -> Comparison {
    compare(&timeline(first), &timeline(second), END, &TOLERANCE)
}

#[test]
fn the_same_is_the_same() {
    let run = [(1_000, unplug()), (3_000, notice())];
    let found = compared(&run, &run);
    assert_eq!((found.matched, found.largest, found.divergence), (2, None, None));
}

#[test]
fn an_offset_is_carried_along_but_not_made_twice() {
    let first = [(50_000, unplug()), (52_000, notice()), (52_500, lit()), (53_000, dark())];
    // 60 ms at 50 s are explained by the clock since the beginning; they stay without growing.
    let second = [(50_060, unplug()), (52_060, notice()), (52_562, lit()), (53_060, dark())];
    let found = compared(&first, &second);
    assert_eq!(found.divergence, None);
    assert_eq!(found.largest.map(|shift| (shift.first, shift.offset)), Some((2, 62_000_000)));
    // 10 ms more within half a second are not.
    let second = [(50_060, unplug()), (52_060, notice()), (52_580, lit()), (53_060, dark())];
    let Some(Divergence::Time(shift)) = compared(&first, &second).divergence else {
        panic!("no divergence");
    };
    assert_eq!((shift.first, shift.second, shift.offset), (2, 2, 80_000_000));
    assert!(shift.moved > shift.limit, "{shift:?}");
}

#[test]
fn other_values_and_missing_records_are_told_at_their_first_time() {
    let first = [(1_000, unplug()), (3_000, notice()), (4_000, lit())];
    let other = [(1_000, unplug()), (3_000, notice()), (4_000, dark())];
    assert_eq!(
        compared(&first, &other).divergence,
        Some(Divergence::Value { first: 2, second: 2 })
    );
    let without = [(1_000, unplug()), (4_000, lit())];
    assert_eq!(
        compared(&first, &without).divergence,
        Some(Divergence::OnlyFirst { first: 1, before: 1 })
    );
    assert_eq!(
        compared(&without, &first).divergence,
        Some(Divergence::OnlySecond { second: 1, before: 1 })
    );
}

#[test]
fn what_may_lie_behind_the_end_is_no_difference() {
    let late = [(99_900, unplug()), (99_999, lit())];
    assert_eq!(compared(&late, &late[..1]).divergence, None);
    assert_eq!(compared(&late[..1], &late).divergence, None);
    let early = [(99_900, unplug()), (99_905, lit()), (99_950, dark())];
    // From the last record on there were only 3 ms, but since the beginning 100 ms may have come.
    assert_eq!(compared(&early, &early[..1]).divergence, None);
    let far = [(10_000, unplug()), (50_000, lit())];
    assert!(compared(&far, &far[..1]).divergence.is_some());
}

#[test]
fn nothing_long_ago_explains_what_the_device_does() {
    let short = Tolerance { memory: Nanos::from_secs(60), ..TOLERANCE };
    let compared = |first: &[(u64, What)], second: &[(u64, What)]| {
        compare(&timeline(first), &timeline(second), END, &short).divergence
    };
    let full = What::Event(Event::CapsCharged(CapsCharged::High));
    // 80 s allow 80 ms, but the firmware counts no more than 60 s.
    let late = compared(
        &[(10_000, unplug()), (90_000, notice())],
        &[(10_000, unplug()), (90_050, notice())],
    );
    assert!(matches!(late, Some(Divergence::Time(_))), "{late:?}");
    let creeping =
        compared(&[(10_000, unplug()), (90_000, full)], &[(10_000, unplug()), (90_050, full)]);
    assert_eq!(creeping, None, "the board takes its time");
    // Nor is its partner to be looked for behind the end.
    let missing = compared(&[(10_000, unplug()), (99_980, notice())], &[(10_000, unplug())]);
    assert!(matches!(missing, Some(Divergence::OnlyFirst { .. })), "{missing:?}");
}

#[test]
fn a_reset_costs_the_time_since_the_last_step() {
    let reset = What::Event(Event::Mcu(Mcu::Reset));
    let first = [(1_000, reset), (1_500, lit())];
    let second = [(1_000, reset), (2_300, lit())];
    assert_eq!(compared(&first, &second).divergence, None);
    let second = [(1_000, reset), (2_700, lit())];
    assert!(compared(&first, &second).divergence.is_some());
}

#[test]
fn states_at_time_zero_are_compared() {
    let first = Timeline { initial: vec![Event::Plug(Plug::In)], ..Timeline::default() };
    let second = Timeline { initial: vec![Event::Plug(Plug::Out)], ..Timeline::default() };
    let found = compare(&first, &second, END, &TOLERANCE).divergence;
    let (one, other) = (Some(Event::Plug(Plug::In)), Some(Event::Plug(Plug::Out)));
    assert_eq!(found, Some(Divergence::Initial { first: one, second: other }));
    let empty = compare(&first, &Timeline::default(), END, &TOLERANCE).divergence;
    assert_eq!(empty, Some(Divergence::Initial { first: one, second: None }));
}

#[test]
fn while_a_device_starts_only_the_last_record_of_a_subject_counts() {
    let reset = What::Event(Event::Mcu(Mcu::Reset));
    let first = [(1_000, reset), (1_200, lit())];
    // Its pins float, then come back as they were.
    let second = [(1_000, reset), (1_001, dark()), (1_002, lit()), (1_017, dark()), (1_200, lit())];
    let mut known = [timeline(&first), timeline(&second)];
    for run in &mut known {
        run.initial = vec![Event::StatusLed(StatusLed::Dark)];
    }
    assert_eq!(compare(&known[0], &known[1], END, &TOLERANCE).divergence, None);
    // One that stays otherwise is a difference.
    let other = [(1_000, reset), (1_001, lit()), (1_500, dark())];
    let other = Timeline { initial: known[0].initial.clone(), ..timeline(&other) };
    assert!(compare(&known[0], &other, END, &TOLERANCE).divergence.is_some());
}

#[test]
fn pins_may_reach_their_state_soon_after_the_beginning() {
    let state = |level| vec![Event::PowerGood(level)];
    let at_once = Timeline { initial: state(PowerGood::Low), ..Timeline::default() };
    let late = Timeline { initial: state(PowerGood::Released), ..timeline(&[(2, notice())]) };
    assert_eq!(compare(&at_once, &late, END, &TOLERANCE).divergence, None);
    assert_eq!(compare(&late, &at_once, END, &TOLERANCE).divergence, None);
    let too_late = Timeline { initial: late.initial.clone(), ..timeline(&[(40, notice())]) };
    assert!(compare(&at_once, &too_late, END, &TOLERANCE).divergence.is_some());
}

#[test]
fn every_reset_costs_time_of_its_own() {
    let reset = What::Event(Event::Mcu(Mcu::Reset));
    // The second one strikes between the two times of the last record.
    let first = [(1_000, unplug()), (1_400, reset), (3_600, lit()), (4_000, reset)];
    let second = [(1_000, unplug()), (1_400, reset), (4_000, reset), (5_000, lit())];
    assert_eq!(compared(&first, &second).divergence, None);
    // One alone cannot cost as much.
    let (first, second) = ([first[0], first[1], first[2]], [second[0], second[1], second[3]]);
    assert!(matches!(compared(&first, &second).divergence, Some(Divergence::Time(_))));
}
