//! The fidelity page: what the board's author claims and measured, beside what the model gives.
//!
//! Every figure is computed when the page is printed: the run times from the capacitor and converter
//! models alone, the shutdowns by running the real firmware against the whole board. No formula is
//! tuned to a claim; where claims contradict each other the page says so.

use std::fmt::Write as _;

use crate::bench;
use crate::parts::Library;
use crate::plant::ltc4041;
use crate::plant::supercap::{Drive, Parameters, Supercap};
use crate::scenario::{self, Scenario};
use crate::timeline::{Event, Quantity, SupplyEnable, What};

/// A claim about how long a load runs from full capacitors.
struct RunTime {
    current: f64,
    claimed: f64,
}

const RUN_TIMES: [RunTime; 2] =
    [RunTime { current: 0.5, claimed: 60.0 }, RunTime { current: 1.0, claimed: 25.0 }];

/// A measured shutdown from 4.6 V with 35 F.
struct Shutdown {
    pi: &'static str,
    what: &'static str,
    claimed: f64,
}

const SHUTDOWNS: [Shutdown; 2] = [
    Shutdown {
        pi: "pi-3b-tft",
        what: "Pi 3B with display, 35 F, 4.6 V before: voltage at the cut",
        claimed: 4.0,
    },
    Shutdown {
        pi: "pi-4b-tft",
        what: "Pi 4B 8 GB with display, 35 F, 4.6 V before: voltage at the cut",
        claimed: 3.7,
    },
];

/// The page, in Markdown.
pub fn page() -> String {
    let mut out = String::from(
        "# Fidelity: claims and model\n\n\
         Made by `holdup fidelity`; do not edit. The claims are those of the board's author. \"Model\" is \
         the\ndefault part: 0.66 of the label for the stack of two cells. The other columns read the label \
         as\nthe whole stack's capacitance, and as one of two cells in series; \"fits at\" is the fraction \
         of the\nlabel at which the model meets the claim.\n\n\
         | claim | claimed | model | label | label / 2 | fits at |\n\
         |---|---|---|---|---|---|\n",
    );
    for claim in &RUN_TIMES {
        for start in [None, Some(4.8)] {
            let seconds = |fraction: f64| run_time(fraction * 25.0, claim.current, start);
            let [model, label, half] = readings("25f", 25.0).map(seconds);
            let from = start.map_or("full (4.70 V)".to_owned(), |v| format!("{v:.2} V"));
            let _ = writeln!(
                out,
                "| {:.1} A from 25 F, {from} to 2.5 V | {:.0} s | {model:.1} s | {label:.1} s | \
                 {half:.1} s | {:.2} |",
                claim.current,
                claim.claimed,
                fit(seconds, claim.claimed)
            );
        }
    }
    for claim in &SHUTDOWNS {
        let volts = |fraction: f64| shutdown(claim.pi, fraction * 35.0);
        let [model, label, half] = readings("35f", 35.0).map(volts);
        let _ = writeln!(
            out,
            "| {} | {:.1} V | {model:.3} V | {label:.3} V | {half:.3} V | {:.2} |",
            claim.what,
            claim.claimed,
            fit(volts, claim.claimed)
        );
    }
    charging(&mut out);
    conflicts(&mut out);
    out
}

/// The fractions of the label that the columns show: the default part's, the whole, one of two.
fn readings(part: &str, label: f64) -> [f64; 3] {
    [board(part).caps.capacitance.0 / label, 1.0, 0.5]
}

/// The fraction of the label at which `model`, rising in it, gives `claimed`.
fn fit(model: impl Fn(f64) -> f64, claimed: f64) -> f64 {
    let (mut low, mut high) = (0.2, 2.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if model(middle) < claimed { low = middle } else { high = middle }
    }
    low
}

fn scenario(text: &str) -> Scenario {
    scenario::parse("fidelity", "fidelity.json", text, &Library::builtin())
        .unwrap_or_else(|problems| unreachable!("a scenario of our own: {problems}"))
}

fn board(caps: &str) -> Scenario {
    scenario(&format!(
        r#"{{"schema": 1, "purpose": "A board on its own.", "caps": "{caps}", "until": "1 s",
            "expect": [{{"never": {{"event": "pi off"}}}}]}}"#
    ))
}

/// Seconds from `start` \[V\], or from full, down to the hold-up floor, from `farads`.
fn run_time(farads: f64, current: f64, start: Option<f64>) -> f64 {
    let scenario = board("25f");
    let start = start.unwrap_or(scenario.board.charge_voltage.0);
    let parameters = Parameters { capacitance: farads, ..parameters(&scenario) };
    let caps = Supercap::new(parameters, start);
    let board = &scenario.board;
    let drive = ltc4041::boost(board, current);
    caps.time_to_terminal(drive, board.hold_up_floor.0).unwrap_or(f64::INFINITY)
}

/// Without leakage: the claims are about minutes.
fn parameters(scenario: &Scenario) -> Parameters {
    Parameters {
        capacitance: scenario.caps.capacitance.0,
        growth: 0.0,
        esr: scenario.caps.esr.0,
        leakage: 0.0,
        slow: None,
    }
}

/// The capacitors' voltage when the supply is cut, with the real firmware on the whole board. The Pi
/// has no poweroff line in the measurement, so the firmware waits its full 20 s.
fn shutdown(pi: &str, farads: f64) -> f64 {
    let mut scenario = scenario(&format!(
        r#"{{"schema": 1, "purpose": "The measured shutdown of the board's page.",
            "board": {{"part": "supercap-pi", "with": {{"charge_voltage": "4.6 V"}}}},
            "caps": "35f", "pi": {{"part": "{pi}", "with": {{"poweroff_overlay": "absent"}}}},
            "stimuli": [{{"at": "1 s", "do": "unplug"}}], "until": "60 s",
            "expect": [{{"never": {{"event": "pi running"}}}}]}}"#
    ));
    scenario.caps.capacitance.0 = farads;
    let Ok(run) = bench::run_on_host(&scenario) else { return f64::NAN };
    let cut = Event::SupplyEnable(SupplyEnable::Off);
    let entry = run.timeline.entries.iter().find(|entry| entry.what == What::Event(cut));
    entry
        .and_then(|entry| run.timeline.moments.get(entry.moment))
        .map_or(f64::NAN, |moment| moment.before.get(Quantity::Vscap))
}

/// Seconds of constant-current charging at 1 A, and with a load of 2.5 A within the 3 A limit.
fn charging(out: &mut String) {
    out.push_str(
        "\nCharging to 4.70 V, without the constant-voltage tail:\n\n\
         | stack | from 0 V | from 2.5 V | from 2.5 V with a load of 2.5 A |\n|---|---|---|---|\n",
    );
    for caps in ["25f", "35f"] {
        let scenario = board(caps);
        let time = |start: f64, drive: Drive| {
            let empty = Supercap::new(parameters(&scenario), start);
            empty.time_to_terminal(drive, scenario.board.charge_voltage.0).unwrap_or(f64::NAN)
        };
        let full = Drive::Current { current: scenario.board.charge_current.0 };
        let spare = scenario.board.input_limit.0 - 2.5;
        let limited = Drive::Power { power: scenario.board.charge_efficiency.0 * 5.0 * spare };
        let _ = writeln!(
            out,
            "| {caps}, {:.1} F | {:.1} s | {:.1} s | {:.1} s |",
            scenario.caps.capacitance.0,
            time(0.0, full),
            time(2.5, full),
            time(2.5, limited)
        );
    }
}

fn conflicts(out: &mut String) {
    out.push_str(
        "\n## What does not fit together\n\n\
         - The claims above fit at different fractions of the label (last column). No single reading of \"25 F\" and \"35 F\" meets all of them; the default, \
         0.66, is closest to\n  the one measurement whose load is stated (Pi 3B). The two run times are \
         called theoretical by their author.\n\
         - The load of the Pi 4B measurement is not stated; 1.2 A for 4 s, then 0.5 A, is inferred.\n\
         - \"Approximately 25 s\" and \"20 s\" until the cut are both stated; 20.0 s is the default.\n\
         - The Pi is said to pull its GPIO low to ask for the cut; the original firmware acts on a rising \
         edge,\n  as gpio-poweroff drives it. Active high is the default; `request_polarity` turns it \
         round.\n\
         - Measured rows start at 4.6 V, the charge voltage is given as 4.7 V; 4.70 V is the default.\n\
         - The measurements were made with the original firmware, whose cut comes 22.2 s after the loss \
         (2.0 s, two\n  delays of 0.1 s, 20.0 s); here it is 22.1 s, and 3 s after the Pi's own word where \
         it gives one.\n",
    );
}
