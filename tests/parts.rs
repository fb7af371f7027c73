//! Every combination of built-in adapters, cables and Pis runs to its end, and so does every set of
//! capacitors: no part leads the plant astray.
//!
//! Not that all of it works well: a phone charger does not carry a Pi 5. What must hold is that the
//! circuit settles, that the run ends, and that every value is finite and in its range.

use holdup::parts::{Kind, Library, list};
use holdup::scenario::{self, Scenario};
use holdup::suite;
use holdup::timeline::Quantity;

/// A cold start, an outage and its end, with these parts and capacitors at `volts`.
fn scenario(caps: &str, supply: &str, cable: &str, pi: &str, volts: &str) -> Scenario {
    let text = format!(
        r#"{{"schema": 1, "purpose": "A combination of parts.", "caps": "{caps}", "supply": "{supply}",
            "cable": "{cable}", "pi": "{pi}", "start": {{"pi": "off", "caps": "{volts}"}},
            "stimuli": [{{"at": "100 s", "do": "unplug"}}, {{"at": "130 s", "do": "plug"}}],
            "until": "300 s", "expect": [{{"final": {{"plug": "in"}}}}]}}"#
    );
    let name = format!("{caps} {supply} {cable} {pi} {volts}");
    scenario::parse(&name, "parts.json", &text, &Library::builtin())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn names(kind: Kind) -> Vec<&'static str> {
    list().into_iter().filter(|part| part.kind == kind).map(|part| part.name).collect()
}

#[test]
fn every_combination_runs_to_its_end() {
    let mut scenarios = Vec::new();
    for pi in names(Kind::Pi) {
        for supply in names(Kind::Supply) {
            for cable in names(Kind::Cable) {
                for volts in ["0 V", "3 V", "4.5 V"] {
                    scenarios.push(scenario("25f", supply, cable, pi, volts));
                }
            }
        }
        for caps in names(Kind::Caps) {
            scenarios.push(scenario(caps, "official-3a", "official", pi, "4.5 V"));
        }
    }
    assert!(scenarios.len() > 500, "{} combinations", scenarios.len());
    for ran in suite::run_all(scenarios, 0).expect("threads start") {
        let name = &ran.scenario.name;
        let (run, _) = ran.outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        for moment in &run.timeline.moments {
            for quantity in Quantity::ALL {
                for value in [moment.before.get(quantity), moment.after.get(quantity)] {
                    let sane = (-10.0..=10.0).contains(&value);
                    assert!(sane, "{name}: {} is {value} at {}", quantity.name(), moment.at);
                }
            }
        }
    }
}
