//! Margins of every kind of expectation, each on a timeline that is written by hand.

use super::*;
use crate::parts::Library;
use crate::scenario::{self, When};
use crate::timeline::{Entry, Event, Moment, Quantities, Timeline, What};

/// What happens, in milliseconds; `>` is a stimulus.
fn run(events: &[(u64, &str)], end: u64) -> Run {
    let ms = Nanos::from_millis;
    let mut timeline = Timeline {
        initial: [
            "plug in",
            "mcu on",
            "pi running",
            "supply_enable on",
            "power_good released",
            "supply_good high",
            "load_switch closed",
            "rail up",
            "file_system mounted",
        ]
        .map(|event| Event::parse(event).unwrap())
        .to_vec(),
        ..Timeline::default()
    };
    for (at, text) in events {
        let what = match *text {
            ">" => What::Stimulus(0),
            text => What::Event(Event::parse(text).unwrap()),
        };
        timeline.entries.push(Entry { at: ms(*at), moment: 0, what });
    }
    Run {
        timeline,
        resolved: Vec::new(),
        effects: Vec::new(),
        losses: Vec::new(),
        drawn: Vec::new(),
        device: None,
        warm_up: Nanos::ZERO,
        end: ms(end),
        steps: 0,
    }
}

/// The same with values of VSYS \[V\].
fn with_vsys(mut run: Run, values: &[(u64, f64)]) -> Run {
    run.timeline.moments = values
        .iter()
        .map(|(at, vsys)| {
            let values = Quantities { vsys: *vsys, ..Quantities::default() };
            let hold_up = Some(HoldUp { seconds: 12.0, joules: 30.0 });
            Moment { at: Nanos::from_millis(*at), before: values, after: values, hold_up }
        })
        .collect();
    run
}

/// Judges one expectation.
fn judged(expectation: &str, mut run: Run) -> Finding {
    let text = format!(
        r#"{{"schema": 1, "purpose": "A timeline written by hand.", "start": {{"pi": "running"}},
            "until": "100 s", "expect": [{expectation}]}}"#
    );
    let scenario = scenario::parse("hand", "hand.json", &text, &Library::builtin())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let [expectation] = scenario.expectations.as_slice() else { panic!("one expectation") };
    let history = History { timeline: &run.timeline, end: run.end };
    let resolved = crate::bench::named_times(&scenario).into_iter().filter_map(|when| {
        let at = match when {
            When::At(at) => at,
            When::After { event, nth, plus } => {
                history.occurrences(event).nth(nth as usize - 1)?.saturating_add(plus)
            }
        };
        Some((when, at))
    });
    run.resolved = resolved.collect();
    let history = History { timeline: &run.timeline, end: run.end };
    expect::judge(expectation, &scenario, &run, &history)
}

/// Distance and allowance, to the hundredth.
fn margin(finding: &Finding) -> Option<(f64, Option<f64>)> {
    let rounded = |value: f64| (value * 1e2).round() / 1e2;
    let margin = finding.margin?;
    Some((rounded(margin.distance), margin.allowance.map(rounded)))
}

#[track_caller]
fn check(expectation: &str, run: Run, outcome: Outcome, expected: Option<(f64, Option<f64>)>) {
    let finding = judged(expectation, run);
    assert_eq!((finding.outcome, margin(&finding)), (outcome, expected), "{}", finding.detail);
}

const TOLD: [(u64, &str); 4] =
    [(5_000, ">"), (5_000, "plug out"), (7_100, "power_good low"), (30_000, "supply_enable off")];

#[test]
fn within_measures_to_the_nearer_edge_of_its_window() {
    let within = |min: &str, max: &str| {
        format!(
            r#"{{"within": {{"event": "power_good low", "after": "plug out", "min": "{min}", "max": "{max}"}}}}"#
        )
    };
    let run = || run(&TOLD, 100_000);
    check(&within("2 s", "3 s"), run(), Outcome::Held, Some((0.1, Some(1.0))));
    check(&within("0 s", "2.5 s"), run(), Outcome::Held, Some((0.4, Some(2.5))));
    check(&within("2.2 s", "3.2 s"), run(), Outcome::Failed, Some((-0.1, Some(1.0))));
    // Nothing is earlier than its cause.
    let at_once = r#"{"within": {"event": "plug out", "from": "5 s", "max": "1 s"}}"#;
    check(at_once, run(), Outcome::Held, Some((1.0, Some(1.0))));
    let none = r#"{"within": {"event": "pi halted", "after": "plug out", "max": "9 s"}}"#;
    check(none, run(), Outcome::Failed, None);
}

#[test]
fn never_measures_to_the_nearest_occurrence_outside() {
    let never = |window: &str| format!(r#"{{"never": {{"event": "supply_enable off"{window}}}}}"#);
    let run = |more: &[(u64, &str)]| run(&[&TOLD[..], more].concat(), 100_000);
    // 25 s after the stimulus, 1 s after the window.
    check(&never(r#", "to": "29 s""#), run(&[]), Outcome::Held, Some((1.0, Some(24.0))));
    check(&never(r#", "from": "35 s""#), run(&[]), Outcome::Held, Some((5.0, Some(30.0))));
    check(&never(r#", "to": "40 s""#), run(&[]), Outcome::Failed, Some((-10.0, Some(35.0))));
    // It comes of what the scenario did after the window.
    check(&never(r#", "to": "4 s""#), run(&[]), Outcome::Held, None);
    // It is what the window counts from.
    let own = never(r#", "from": {"after": "supply_enable off", "plus": "1 ms"}"#);
    check(&own, run(&[]), Outcome::Held, None);
    check(r#"{"never": {"event": "pi hung"}}"#, run(&[]), Outcome::Held, None);
}

#[test]
fn never_measures_the_voltage_behind_an_event() {
    let low =
        |vsys: f64| with_vsys(run(&TOLD, 100_000), &[(0, 5.0), (6_000, vsys), (100_000, 5.0)]);
    let sagging = r#"{"never": {"event": "rail sagging"}}"#;
    check(sagging, low(4.8), Outcome::Held, Some((0.17, Some(4.63))));
    let dirty = r#"{"never": {"event": "file_system dirty"}}"#;
    check(dirty, low(4.65), Outcome::Held, Some((1.05, Some(3.6))));
    // Beyond the threshold without it: the voltage is not what kept it away.
    check(sagging, low(0.0), Outcome::Held, None);
}

#[test]
fn counts_have_no_relative_margin() {
    let count = |limits: &str| format!(r#"{{"count": {{"event": "plug out", {limits}}}}}"#);
    let run = || run(&TOLD, 100_000);
    check(&count(r#""exactly": 1"#), run(), Outcome::Held, Some((0.0, None)));
    check(&count(r#""at_most": 3"#), run(), Outcome::Held, Some((1.0, None)));
    check(&count(r#""at_least": 3"#), run(), Outcome::Failed, Some((-2.0, None)));
}

#[test]
fn hold_measures_both_ends() {
    let hold = |state: &str, from: &str, lasting: &str| {
        format!(r#"{{"hold": {{"state": "{state}", "from": {from}{lasting}}}}}"#)
    };
    let run = || run(&TOLD, 100_000);
    let low = |from: &str, lasting: &str| hold("power_good low", from, lasting);
    // There 0.9 s before it must be, 2.1 s after what brought it about.
    check(&low(r#""8 s""#, ""), run(), Outcome::Held, Some((0.9, Some(3.0))));
    check(&low(r#""7 s""#, ""), run(), Outcome::Failed, Some((-0.1, Some(2.0))));
    // It begins with what it counts from, or with the run.
    check(&low(r#"{"after": "power_good low"}"#, ""), run(), Outcome::Held, None);
    check(&hold("rail up", r#""1 s""#, ""), run(), Outcome::Held, None);
    // It lasts 1 s longer than it must.
    let on = |lasting: &str| hold("supply_enable on", r#"{"after": "plug out"}"#, lasting);
    check(&on(r#", "for": "24 s""#), run(), Outcome::Held, Some((1.0, Some(24.0))));
    check(&on(r#", "for": "26 s""#), run(), Outcome::Failed, Some((-1.0, Some(26.0))));
}

#[test]
fn quantities_measure_to_a_limit_or_between_two() {
    let stay = |limits: &str| format!(r#"{{"stay": {{"quantity": "vsys", {limits}}}}}"#);
    let run = || with_vsys(run(&TOLD, 100_000), &[(0, 5.0), (6_000, 4.8), (100_000, 5.0)]);
    check(&stay(r#""above": "4.5 V""#), run(), Outcome::Held, Some((0.3, Some(4.5))));
    let both = stay(r#""above": "4.5 V", "below": "5.5 V""#);
    check(&both, run(), Outcome::Held, Some((0.3, Some(1.0))));
    check(&stay(r#""below": "4.9 V""#), run(), Outcome::Failed, Some((-0.1, Some(4.9))));
    let value = r#"{"value": {"quantity": "vsys", "at": "6 s", "below": "5 V"}}"#;
    check(value, run(), Outcome::Held, Some((0.2, Some(5.0))));
}

#[test]
fn the_end_is_measured_from_what_came_last() {
    let run = || run(&TOLD, 31_000);
    let end = r#"{"final": {"plug": "out", "supply_enable": "off"}}"#;
    check(end, run(), Outcome::Held, Some((1.0, Some(26.0))));
    check(r#"{"final": {"rail": "up"}}"#, run(), Outcome::Held, None);
    check(r#"{"final": {"plug": "in"}}"#, run(), Outcome::Failed, None);
}

#[test]
fn energy_is_measured_against_what_is_asked_for() {
    let run = || with_vsys(run(&TOLD, 100_000), &[(0, 5.0), (30_000, 4.8)]);
    let least = |limits: &str| format!(r#"{{"margin": {{"at": "30 s", {limits}}}}}"#);
    check(&least(r#""time": "8 s""#), run(), Outcome::Held, Some((4.0, Some(8.0))));
    check(&least(r#""energy": "40 J""#), run(), Outcome::Failed, Some((-10.0, Some(40.0))));
    // The thinner of both.
    let both = least(r#""time": "8 s", "energy": "24 J""#);
    check(&both, run(), Outcome::Held, Some((6.0, Some(24.0))));
}

/// The margin of an invariant.
#[track_caller]
fn invariant(number: u8, run: &Run) -> (Outcome, Option<(f64, Option<f64>)>) {
    let text = r#"{"schema": 1, "purpose": "A timeline written by hand.",
        "start": {"pi": "running"}, "until": "100 s", "expect": [{"final": {"plug": "in"}}]}"#;
    let scenario = scenario::parse("hand", "hand.json", text, &Library::builtin())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let history = History { timeline: &run.timeline, end: run.end };
    let found = invariants::judge(&scenario, run, &history);
    let finding = &found.iter().find(|found| found.number == number).unwrap().finding;
    (finding.outcome, margin(finding))
}

/// An outage as it should be, and the return of the supply.
const OUTAGE: [(u64, &str); 19] = [
    (5_000, ">"),
    (5_000, "plug out"),
    (5_000, "supply_good low"),
    (7_000, "journal on_unpowered"),
    (7_000, "load_switch open"),
    (7_080, "power_good low"),
    (7_080, "pi shutting_down"),
    (14_000, "file_system clean"),
    (14_000, "pi halted"),
    (20_000, ">"),
    (20_000, "supply_good high"),
    (27_000, "supply_enable off"),
    (27_000, "pi off"),
    (27_500, "rail down"),
    (30_000, "supply_enable on"),
    (30_000, "rail up"),
    (30_000, "pi boot_loader"),
    (32_000, "power_good released"),
    (32_150, "load_switch closed"),
];

#[test]
fn every_invariant_measures() {
    let run = with_vsys(run(&OUTAGE, 100_000), &[(0, 5.0), (6_000, 4.73), (100_000, 5.0)]);
    let held = |distance, allowance| (Outcome::Held, Some((distance, allowance)));
    assert_eq!(invariant(1, &run), held(0.1, Some(4.63)));
    // Halted with supply for 7 s of 50 s.
    assert_eq!(invariant(2, &run), held(43.0, Some(50.0)));
    // Down for 2.5 s of 2 s.
    assert_eq!(invariant(3, &run), held(0.5, Some(2.0)));
    // Cut 7 s after the return, which grants the 46 s anew.
    assert_eq!(invariant(4, &run), held(39.0, Some(46.0)));
    // On for the last 70 s, 10 s after the last stimulus.
    assert_eq!(invariant(5, &run), held(70.0, Some(80.0)));
    assert_eq!(invariant(6, &run), held(1.0, None));
    assert_eq!(invariant(7, &run), held(1.0, None));
    // Not told for 2.08 s of 5 s.
    assert_eq!(invariant(8, &run), held(2.92, Some(5.0)));
    // It closed 0.15 s of 0.2 s after the release, and opened 0.08 s of 0.1 s before the notice.
    assert_eq!(invariant(9, &run), held(0.15, Some(0.2)));
}

#[test]
fn a_press_is_measured_to_its_answer() {
    let press = [
        (5_000, "button pressed"),
        (5_100, "button released"),
        (5_320, "status_led lit"),
        (90_000, "status_led dark"),
    ];
    let (outcome, margin) = invariant(10, &run(&press, 100_000));
    assert_eq!((outcome, margin), (Outcome::Held, Some((0.7, Some(1.0)))));
}

#[test]
fn what_was_impossible_is_foreseen_or_the_scenario_proves_nothing() {
    let waiver = scenario::Waiver { invariant: 1, reason: "no energy".into(), on: None, line: 7 };
    let found = |outcome| InvariantFinding {
        number: 1,
        finding: Finding {
            text: "no unclean cut".to_owned(),
            outcome,
            margin: None,
            at: None,
            detail: "lowest 0 V".to_owned(),
            line: None,
        },
    };
    let judged = |outcome, waiver| {
        let mut found = found(outcome);
        let problem = waive(&mut found, waiver);
        (found.finding.outcome, found.finding.detail, problem.is_some())
    };
    let told = |outcome, detail: &str, invalid| (outcome, detail.to_owned(), invalid);
    assert_eq!(judged(Outcome::Impossible, None), told(Outcome::Impossible, "lowest 0 V", true));
    assert_eq!(
        judged(Outcome::Impossible, Some(&waiver)),
        told(Outcome::Impossible, "lowest 0 V; foreseen: no energy", false)
    );
    assert_eq!(
        judged(Outcome::Failed, Some(&waiver)),
        told(Outcome::Waived, "lowest 0 V; waived: no energy", false)
    );
    assert_eq!(judged(Outcome::Failed, None), told(Outcome::Failed, "lowest 0 V", false));
    assert_eq!(judged(Outcome::Held, Some(&waiver)), told(Outcome::Held, "lowest 0 V", true));
}

#[test]
fn what_nothing_keeps_must_follow_from_levels_and_intent() {
    let press: [(u64, &str); 2] = [(5_000, "button pressed"), (5_100, "button released")];
    let fails = |events: &[(u64, &str)]| invariant(8, &run(events, 100_000)).0;
    assert_eq!(fails(&OUTAGE), Outcome::Held);
    // Lost, and nobody was told.
    assert_eq!(fails(&[(5_000, "supply_good low")]), Outcome::Failed);
    // Wanted on with supply, and off.
    assert_eq!(fails(&[(5_000, "supply_enable off")]), Outcome::Failed);
    // Wanted off, and on.
    assert_eq!(fails(&press), Outcome::Failed);
    assert_eq!(fails(&[press[0], press[1], (6_000, "power_good low")]), Outcome::Failed);
    let off = [press[0], press[1], (6_000, "power_good low"), (26_000, "supply_enable off")];
    assert_eq!(fails(&off), Outcome::Held);
    // On, and the loads stay shed.
    assert_eq!(fails(&[(5_000, "load_switch open")]), Outcome::Failed);
    assert_eq!(fails(&[(5_000, "load_switch open"), (8_000, "load_switch closed")]), Outcome::Held);
}
