//! The map of the load test: which pulses of an adapter behind an open pole a Pi would survive, for how long a
//! window, and which real supplies pass.
//!
//! Every figure is computed when the page is printed, by running the real firmware against the whole board. A pulse
//! is as long as VIN stays good after the firmware has enabled the supply; with a window longer than that the Pi is
//! cut before its file system is mounted, with a shorter one it boots on the capacitors.

use std::fmt::Write as _;

use firmware::config::Config;
use firmware::time::Millis;
use rayon::prelude::*;

use crate::bench;
use crate::parts::{self, Kind, Library};
use crate::quantity::{Farads, Nanos, Ohms};
use crate::scenario::{self, Scenario};
use crate::timeline::{Event, Pi, Quantity, SupplyEnable, SupplyGood, What};

/// Y-capacitors \[nF\].
const Y_CAPACITORS: [f64; 8] = [0.1, 0.3, 0.5, 1.0, 2.2, 3.3, 4.7, 10.0];
/// Bulk capacitors \[uF\].
const BULK_CAPACITORS: [f64; 6] = [4.7, 10.0, 22.0, 47.0, 100.0, 220.0];
/// Start-up resistors \[MOhm\].
const START_RESISTORS: [f64; 3] = [1.0, 2.0, 4.0];
/// The lightest load, the default one, the heaviest.
const PIS: [&str; 3] = ["pi-zero-2w", "pi-3b-tft", "pi-5"];
/// Windows \[ms\]; the last is the longest that a configuration may have.
const WINDOWS: [u32; 6] = [50, 200, 500, 1_000, 1_500, 2_000];
/// Longest waits between two attempts \[s\].
const WAITS: [u32; 4] = [30, 60, 300, 3_600];

/// What came of a strip that stays off.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// Starts that the load test let begin.
    attempts: usize,
    /// The longest of them with VIN good \[s\].
    longest: f64,
    /// The Pi got beyond the load test.
    booted: bool,
    /// What the capacitors gave \[J\].
    spent: f64,
}

/// The page, in Markdown.
pub fn page() -> String {
    let mut out = String::from(
        "# The load test: pulses and supplies\n\n\
         Made by `holdup load-test`; do not edit. Every figure is a run of the firmware on the whole board.\n\n\
         Behind a strip that opens one pole only, the Y-capacitor feeds the adapter's bulk capacitor, and the \
         adapter\nstarts now and then (`sim/src/plant/supply.rs`). Without a load such a pulse lasts seconds and \
         passes the 2 s for which\na supply must be good; under a load it lasts as long as the bulk capacitor \
         does. So the firmware loads the supply and\nwaits: a loss within `load_test_window` is no supply, and \
         the next attempt waits from `load_test_backoff_min` up to\n`load_test_backoff_max`. A Pi that survives \
         the window is booted, on the capacitors once the pulse ends.\n",
    );
    pulses(&mut out);
    waits(&mut out);
    supplies(&mut out);
    out
}

fn scenario(text: &str) -> Scenario {
    scenario::parse("load-test", "load-test.json", text, &Library::builtin())
        .unwrap_or_else(|problems| unreachable!("a scenario of our own: {problems}"))
}

/// A strip that is switched off while the Pi is off and wanted on.
fn behind_an_open_pole(pi: &str, minutes: u32) -> Scenario {
    scenario(&format!(
        r#"{{"schema": 1, "purpose": "A strip that opens one pole stays off.", "strip": "one-pole", "pi": "{pi}",
            "start": {{"pi": "off", "plug": "out", "eeprom": {{"record": "on_unpowered"}}}},
            "stimuli": [{{"at": "1 s", "do": "strip_off"}}, {{"at": "10 min", "do": "plug"}}],
            "until": "{} min", "expect": [{{"never": {{"event": "pi booting"}}}}]}}"#,
        10 + minutes
    ))
}

fn outcome(scenario: &Scenario) -> Option<Outcome> {
    let run = bench::run_on_host(scenario).ok()?;
    let mut outcome = Outcome { attempts: 0, longest: 0.0, booted: false, spent: 0.0 };
    let mut since: Option<Nanos> = None;
    for entry in &run.timeline.entries {
        match entry.what {
            What::Event(Event::SupplyEnable(SupplyEnable::On)) => {
                outcome.attempts += 1;
                since = Some(entry.at);
            }
            What::Event(
                Event::SupplyGood(SupplyGood::Low) | Event::SupplyEnable(SupplyEnable::Off),
            ) => {
                let length = since.take().map(|since| entry.at.saturating_sub(since));
                outcome.longest = outcome.longest.max(length.map_or(0.0, Nanos::as_secs_f64));
            }
            What::Event(Event::Pi(Pi::Booting)) => outcome.booted = true,
            What::Event(_) | What::Stimulus(_) => {}
        }
    }
    if let Some(since) = since {
        outcome.longest = run.end.saturating_sub(since).as_secs_f64();
    }
    let moments = &run.timeline.moments;
    let volts = moments.last()?.after.get(Quantity::Vscap);
    let full = moments.first()?.after.get(Quantity::Vscap);
    outcome.spent = 0.5 * scenario.caps.capacitance.0 * (full * full - volts * volts);
    Some(outcome)
}

/// The worst over the start-up resistors: a larger one starts later, with more in the bulk capacitor.
fn worst(pi: &str, nanofarads: f64, microfarads: f64) -> f64 {
    let lengths = START_RESISTORS.iter().filter_map(|megohms| {
        let mut scenario = behind_an_open_pole(pi, 20);
        scenario.strip.y_capacitance = Farads(nanofarads * 1e-9);
        scenario.supply.bulk_capacitance = Farads(microfarads * 1e-6);
        scenario.supply.start_resistance = Ohms(megohms * 1e6);
        scenario.config.load_test_window = Millis(2_000);
        outcome(&scenario).map(|outcome| outcome.longest)
    });
    lengths.fold(0.0, f64::max)
}

/// A point of the map: Pi, Y-capacitor, bulk capacitor, longest loaded pulse \[s\].
struct Point {
    pi: &'static str,
    nanofarads: f64,
    microfarads: f64,
    longest: f64,
}

impl Point {
    /// Whether small adapters have such capacitors: the Y-capacitor is bounded by the leakage current that a touched
    /// appliance may have, the bulk capacitor by size.
    fn is_common(&self) -> bool {
        self.nanofarads <= 4.7 && self.microfarads <= 47.0
    }
}

fn map() -> Vec<Point> {
    let grid: Vec<_> = PIS
        .iter()
        .flat_map(|&pi| Y_CAPACITORS.map(|y| (pi, y)))
        .flat_map(|(pi, y)| BULK_CAPACITORS.map(|bulk| (pi, y, bulk)))
        .collect();
    let point = |&(pi, nanofarads, microfarads): &(&'static str, f64, f64)| {
        let longest = worst(pi, nanofarads, microfarads);
        Point { pi, nanofarads, microfarads, longest }
    };
    grid.par_iter().map(point).collect()
}

/// A length in words that fit a table.
fn length(seconds: f64) -> String {
    if seconds <= 0.0 {
        "none".to_owned()
    } else if seconds < 0.05e-3 {
        "< 0.1 ms".to_owned()
    } else if seconds < 0.0995 {
        format!("{:.1} ms", 1e3 * seconds)
    } else {
        format!("{seconds:.2} s")
    }
}

fn pulses(out: &mut String) {
    let points = map();
    out.push_str(
        "\n## The longest loaded pulse\n\n\
         The board is plugged in when the strip has been off for ten minutes, and left for twenty; the worst of \
         start-up\nresistors of 1, 2 and 4 MOhm; other values as in `official-3a`. \"none\": VIN is never good for \
         2 s. The capacitors\nin the columns are bulk capacitors, those in the rows Y-capacitors.\n",
    );
    for pi in PIS {
        let _ = write!(out, "\n`{pi}`:\n\n| |");
        for microfarads in BULK_CAPACITORS {
            let _ = write!(out, " {microfarads} uF |");
        }
        let _ = writeln!(out, "\n|---|{}", "---|".repeat(BULK_CAPACITORS.len()));
        for nanofarads in Y_CAPACITORS {
            let _ = write!(out, "| {nanofarads} nF |");
            let row =
                points.iter().filter(|point| point.pi == pi && point.nanofarads == nanofarads);
            for point in row {
                let _ = write!(out, " {} |", length(point.longest));
            }
            out.push('\n');
        }
    }
    windows(out, &points);
}

fn windows(out: &mut String, points: &[Point]) {
    let common: Vec<_> = points.iter().filter(|point| point.is_common()).collect();
    out.push_str(
        "\n## The window\n\n\
         How many of these a Pi survives and would be booted. \"Common\" are those with at most 4.7 nF and 47 uF: a \
         larger\nY-capacitor exceeds the leakage current that a small appliance may have (0.25 mA: 3.5 nF at 230 \
         V).\n\n| window | survived, of all | survived, of the common |\n|---|---|---|\n",
    );
    for window in WINDOWS {
        let seconds = f64::from(window) / 1e3;
        let survived = |point: &&Point| point.longest >= seconds;
        let _ = writeln!(
            out,
            "| {} | {} of {} | {} of {} |",
            length(seconds),
            points.iter().filter(survived).count(),
            points.len(),
            common.iter().filter(|point| survived(point)).count(),
            common.len()
        );
    }
    let default = f64::from(Config::DEFAULT.load_test_window.0) / 1e3;
    let caught = common.iter().map(|point| point.longest).filter(|longest| *longest < default);
    let _ = writeln!(
        out,
        "\nThe default window is {default:.1} s. The longest common pulse that it catches lasts {}. From 4.7 nF on the \
         leak carries\nthe unloaded adapter for good, its bulk capacitor fills, and how long a pulse lasts is how much \
         that holds. The common\nones that the default window lets through:\n",
        length(caught.fold(0.0, f64::max))
    );
    for point in common.iter().filter(|point| point.longest >= default) {
        let Point { pi, nanofarads, microfarads, longest } = point;
        let _ = writeln!(out, "- `{pi}`, {nanofarads} nF, {microfarads} uF: {}", length(*longest));
    }
    out.push_str(
        "\nA longer window than 2 s would cut a Pi whose file system is mounted, which is worse than what it prevents: \
         after the\nwindow a loss is an outage like any other, bridged, told, and ended by a clean shutdown as far as \
         the capacitors last.\nThe model leaves out what limits the bulk capacitor's voltage above the mains' peak, so the \
         rows of 4.7 nF and more\nare the worst case.\n",
    );
}

fn waits(out: &mut String) {
    out.push_str(
        "\n## The back-off\n\n\
         An hour behind a strip that stays off, default Pi and window. Each attempt lets the board feed the Pi from \
         its\ncapacitors for the few milliseconds that it takes to believe the loss.\n\n\
         | Y and bulk capacitor | longest wait | attempts | from the capacitors | longest pulse | booted |\n\
         |---|---|---|---|---|---|\n",
    );
    for (nanofarads, microfarads) in [(3.3, 22.0), (4.7, 47.0), (10.0, 220.0)] {
        for wait in WAITS {
            let mut scenario = behind_an_open_pole("pi-3b-tft", 60);
            scenario.strip.y_capacitance = Farads(nanofarads * 1e-9);
            scenario.supply.bulk_capacitance = Farads(microfarads * 1e-6);
            scenario.config.load_test_backoff_max = Millis(wait * 1_000);
            let Some(outcome) = outcome(&scenario) else { continue };
            let _ = writeln!(
                out,
                "| {nanofarads} nF, {microfarads} uF | {wait} s | {} | {:.2} J | {} | {} |",
                outcome.attempts,
                outcome.spent,
                length(outcome.longest),
                if outcome.booted { "yes" } else { "no" }
            );
        }
    }
}

fn supplies(out: &mut String) {
    out.push_str(
        "\n## Real supplies\n\n\
         The board is plugged in with the Pi off and wanted on, from full capacitors. Time until the Pi runs, if it \
         still\ndoes so after five minutes without a loss of the supply in between; else \"no\", with the number of \
         starts and of\nlosses. A start that passes the load test and is lost later was enough for the boot loader and \
         not for what came\nafter.\n\n| supply and cable |",
    );
    for pi in PIS {
        let _ = write!(out, " `{pi}` |");
    }
    let _ = writeln!(out, "\n|---|{}", "---|".repeat(PIS.len()));
    let names = |kind: Kind| {
        parts::list().into_iter().filter(move |part| part.kind == kind).map(|part| part.name)
    };
    for supply in names(Kind::Supply) {
        for cable in names(Kind::Cable) {
            let _ = write!(out, "| `{supply}`, `{cable}` |");
            for pi in PIS {
                let _ = write!(out, " {} |", accepted(supply, cable, pi));
            }
            out.push('\n');
        }
    }
}

/// What the board makes of a supply, in words.
fn accepted(supply: &str, cable: &str, pi: &str) -> String {
    let scenario = scenario(&format!(
        r#"{{"schema": 1, "purpose": "A supply is plugged in.", "supply": "{supply}", "cable": "{cable}", "pi": "{pi}",
            "start": {{"pi": "off", "plug": "out", "eeprom": {{"record": "on_unpowered"}}}},
            "stimuli": [{{"at": "1 s", "do": "plug"}}], "until": "300 s",
            "expect": [{{"never": {{"event": "pi booting"}}}}]}}"#
    ));
    let Ok(run) = bench::run_on_host(&scenario) else { return "no run".to_owned() };
    let (mut attempts, mut losses, mut running) = (0, 0, None);
    for entry in &run.timeline.entries {
        match entry.what {
            What::Event(Event::SupplyEnable(SupplyEnable::On)) => attempts += 1,
            What::Event(Event::SupplyGood(SupplyGood::Low)) => losses += 1,
            What::Event(Event::Pi(Pi::Running)) => running = Some(entry.at),
            What::Event(Event::Pi(_)) => running = None,
            What::Event(_) | What::Stimulus(_) => {}
        }
    }
    match running {
        Some(at) if losses == 0 => format!("{:.0} s", at.as_secs_f64() - 1.0),
        Some(_) => format!("runs, losses: {losses}"),
        None => format!("no, starts: {attempts}, losses: {losses}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(nanofarads: f64, microfarads: f64) -> Outcome {
        let mut scenario = behind_an_open_pole("pi-3b-tft", 10);
        scenario.strip.y_capacitance = Farads(nanofarads * 1e-9);
        scenario.supply.bulk_capacitance = Farads(microfarads * 1e-6);
        outcome(&scenario).expect("it runs")
    }

    #[test]
    fn what_outlasts_the_window_boots_and_what_does_not_is_caught() {
        let caught = with(3.3, 22.0);
        assert!(caught.attempts > 3 && !caught.booted && caught.longest < 2e-3, "{caught:?}");
        assert!(caught.spent < 5.0, "{caught:?}");
        let passed = with(10.0, 220.0);
        assert!(passed.booted && passed.longest > 1.0, "{passed:?}");
        assert!(passed.spent > 50.0, "a boot and a shutdown on the capacitors: {passed:?}");
        let never = with(0.3, 22.0);
        assert_eq!((never.attempts, never.booted), (0, false), "{never:?}");
    }
}
