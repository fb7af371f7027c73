//! The adapter behind an open pole against ngspice (`oracle/README.md`).
//!
//! Every file whose header names a Y-capacitor and a bulk capacitor is one of this kind. All parameters
//! are read from the header; every row is compared that is not beside an edge of a pulse, and every
//! crossing of the header's results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use holdup::parts::{Overload, Strip, Supply as Part};
use holdup::plant::supply::{State, Supply};
use holdup::quantity::{Amps, Farads, Hertz, Nanos, Ohms, Ratio, Volts, Watts};

/// The requirement on voltages, relative; of the output, of its full voltage.
const VOLTAGE_LIMIT: f64 = 1e-3;
/// On times: absolute \[s\], and relative.
const TIME_LIMIT: (f64, f64) = (0.1, 1e-3);
/// At the end of each rise of the output ngspice steps over a kink: it takes 0.3 % more energy for the rise than
/// the circuit's equations do, and every pulse comes this much earlier in it \[s\]. Rows are compared with the
/// model within that.
const SHIFT: f64 = 2.5e-3;
/// Rows this close to an edge are left out \[s\], beside that.
const EDGE: f64 = 0.02;

/// The netlist's latch lets the converter run on after Vbmin: ln 2 of its 20 us \[s\].
const LATCH: f64 = 13.863e-6;

/// A column's value in the model.
type Value = fn(&State) -> f64;

/// A reference file.
struct Reference {
    parameters: BTreeMap<String, f64>,
    results: BTreeMap<String, f64>,
    columns: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl Reference {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut reference = Self {
            parameters: BTreeMap::new(),
            results: BTreeMap::new(),
            columns: Vec::new(),
            rows: Vec::new(),
        };
        for line in text.lines() {
            let pair = |prefix| {
                let (name, value) = line.strip_prefix(prefix)?.split_once(" = ")?;
                Some((name.trim().to_owned(), value.trim().parse().ok()?))
            };
            if let Some((name, value)) = pair("# param ") {
                reference.parameters.insert(name, value);
            } else if let Some((name, value)) = pair("# result ") {
                reference.results.insert(name, value);
            } else if line.starts_with('#') {
                continue;
            } else if reference.columns.is_empty() {
                reference.columns = line.split(',').map(|name| name.trim().into()).collect();
            } else {
                reference.rows.push(line.split(',').map(|cell| cell.parse().unwrap()).collect());
            }
        }
        reference
    }

    /// Whether it is about an adapter behind a strip.
    fn is_of_this_kind(&self) -> bool {
        ["Cs", "Cb", "Rst"].iter().all(|name| self.parameters.contains_key(*name))
    }

    fn or(&self, name: &str, default: f64) -> f64 {
        self.parameters.get(name).copied().unwrap_or(default)
    }

    fn supply(&self) -> Supply {
        let get = |name: &str| self.parameters[name];
        let part = Part {
            voltage: Volts(get("Vo")),
            resistance: Ohms(0.0),
            current_limit: Amps(self.or("Iomax", 0.0)),
            overload: Overload::ConstantCurrent,
            short_circuit_current: Amps(0.0),
            retry_time: Nanos::ZERO,
            output_capacitance: Farads(get("Co")),
            output_bleed: Amps(self.or("Iq", 0.0)),
            soft_start: Nanos::ZERO,
            idle_current: Amps(0.0),
            idle_time: Nanos::ZERO,
            bulk_capacitance: Farads(get("Cb")),
            bulk_minimum: Volts(get("Vbmin")),
            efficiency: Ratio(get("eta")),
            no_load_power: Watts(get("Pnl")),
            start_resistance: Ohms(get("Rst")),
            start_current: Amps(get("Ist")),
            start_capacitance: Farads(get("Cc")),
            start_voltage: Volts(get("Von")),
            stop_voltage: Volts(get("Voff")),
        };
        let strip = Strip {
            y_capacitance: Farads(get("Cs")),
            mains_voltage: Volts(get("Vrms")),
            mains_frequency: Hertz(get("f")),
        };
        let mut supply = Supply::ended(part, strip);
        // A load in watts is meant at the output's full voltage; one in amperes is one.
        supply.set_draw(self.or("Pload", 0.0) / get("Vo") + self.or("Iload", 0.0));
        supply
    }
}

/// What the next stop of the converter interrupts on its primary side \[W\], if that comes within an hour.
fn power_at_stop(mut supply: Supply) -> Option<f64> {
    loop {
        let next = supply.next().filter(|at| at.as_secs_f64() < 3600.0)?;
        let (moves, runs) = (supply.moves(), supply.is_on_its_bulk());
        supply.advance(next);
        let output = supply.state().output;
        supply.settle();
        if runs && !supply.is_on_its_bulk() {
            let part = supply.part();
            let carried = supply.draw() + part.output_bleed.0;
            let current = if moves { supply.limit() } else { carried };
            return Some(part.no_load_power.0 + output * current / part.efficiency.0);
        }
    }
}

/// Lets the next stop come as late as the latch does, at the power that it then interrupts.
fn delay_next_stop(supply: &mut Supply, minimum: f64) {
    let mut part = supply.part().clone();
    part.bulk_minimum = Volts(minimum);
    supply.set_part(part.clone());
    if let Some(power) = power_at_stop(supply.clone()) {
        let square = minimum * minimum - 2.0 * power * LATCH / part.bulk_capacitance.0;
        part.bulk_minimum = Volts(square.max(0.0).sqrt());
        supply.set_part(part);
    }
}

/// The adapter as it goes, with the edges of its pulses.
struct Run {
    supply: Supply,
    /// At which the latch is reset \[V\].
    minimum: f64,
    threshold: f64,
    rises: Vec<f64>,
    falls: Vec<f64>,
    /// Starts and ends of the converter and of the pulses.
    edges: Vec<f64>,
    highest: f64,
}

impl Run {
    /// Up to a time, and the state there.
    fn to(&mut self, seconds: f64, now: &mut f64) -> State {
        let until = Nanos::from_secs_f64_ceil(seconds);
        loop {
            let next = self.supply.next().map_or(until, |at| at.min(until));
            let length = next.as_secs_f64() - *now;
            let crossed = self.supply.reaches(self.threshold).filter(|after| *after < length);
            if let Some(after) = crossed {
                let rises = self.supply.state().output < self.threshold;
                let edges = if rises { &mut self.rises } else { &mut self.falls };
                edges.push(*now + after);
            }
            let (before, ran) = (self.supply.moves(), self.supply.is_on_its_bulk());
            self.supply.advance(next);
            self.highest = self.highest.max(self.supply.state().bulk);
            self.supply.settle();
            if ran && !self.supply.is_on_its_bulk() {
                delay_next_stop(&mut self.supply, self.minimum);
            }
            if before != self.supply.moves() {
                self.edges.push(next.as_secs_f64());
            }
            *now = next.as_secs_f64();
            if next == until {
                return self.supply.state();
            }
        }
    }
}

#[track_caller]
fn compare(path: &Path) {
    let reference = Reference::read(path);
    if !reference.is_of_this_kind() {
        return;
    }
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let last = reference.rows.last().unwrap()[0];
    let start = || {
        let minimum = reference.parameters["Vbmin"];
        let mut supply = reference.supply();
        delay_next_stop(&mut supply, minimum);
        Run {
            supply,
            minimum,
            threshold: reference.or("Vpfi", 4.7),
            rises: Vec::new(),
            falls: Vec::new(),
            edges: Vec::new(),
            highest: 0.0,
        }
    };
    let mut whole = start();
    let mut now = 0.0;
    whole.to(last, &mut now);
    let highest = whole.highest;
    // An edge just after the last row counts too.
    whole.to(last + 1.0, &mut now);
    // ngspice may have gone on for less than a row's distance.
    let range = highest * (1.0 - VOLTAGE_LIMIT)..=whole.highest * (1.0 + VOLTAGE_LIMIT);

    for (result, &want) in &reference.results {
        let nth = |edges: &[f64], digits: &str| {
            let nth: usize = digits.parse().unwrap_or(1);
            edges.get(nth - 1).copied().unwrap_or(f64::INFINITY)
        };
        let got = if let Some(digits) = result.strip_prefix("t_on") {
            nth(&whole.rises, digits)
        } else if let Some(digits) = result.strip_prefix("t_off") {
            nth(&whole.falls, digits)
        } else if result == "vb_max" {
            assert!(range.contains(&want), "{name}: {result} is in {range:?}, not {want}");
            continue;
        } else {
            panic!("{name}: what is the result {result}?");
        };
        let limit = TIME_LIMIT.0.min(TIME_LIMIT.1 * want);
        assert!((got - want).abs() <= limit, "{name}: {result} is {got} s, not {want} s");
    }

    let edges: Vec<f64> =
        [&whole.rises, &whole.falls, &whole.edges].into_iter().flatten().copied().collect();
    let column = |name: &str| reference.columns.iter().position(|column| column == name);
    let full = reference.parameters["Vo"];
    let (mut early, mut late) = ((start(), 0.0), (start(), 0.0));
    let mut compared = 0;
    for row in &reference.rows {
        let at = row[0];
        let pulses = whole.rises.iter().filter(|rise| **rise < at).count();
        let shift = SHIFT * pulses as f64;
        let states = [(&mut early, at - shift), (&mut late, at + shift)]
            .map(|((run, now), at)| run.to(at.max(*now), now));
        let margin = EDGE + shift;
        if at < margin || edges.iter().any(|edge| (at - edge).abs() < margin) {
            continue;
        }
        let quantities: [(&str, Value, Option<f64>); 3] = [
            ("v_bulk_V", |state| state.bulk, None),
            ("v_vcc_V", |state| state.control, None),
            ("v_out_V", |state| state.output, Some(full)),
        ];
        for (quantity, value, scale) in quantities {
            if let Some(column) = column(quantity) {
                let want = row[column];
                let limit = VOLTAGE_LIMIT * scale.unwrap_or(want.abs());
                let [a, b] = [value(&states[0]), value(&states[1])];
                let (low, high) = (a.min(b) - limit, a.max(b) + limit);
                assert!(
                    (low..=high).contains(&want),
                    "{name}: {quantity} at {at} s: {a}, not {want}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > reference.rows.len(), "{name}: {compared} values");
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    files
}

#[test]
fn pulses_of_an_open_pole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle");
    let files = files_in(&folder);
    assert!(files.iter().any(|file| file.ends_with("vii1_glitch.csv")));
    files.iter().for_each(|file| compare(file));
}

/// More files of the same kind, wherever they are.
#[test]
fn every_file_of_another_folder() {
    if let Some(folder) = std::env::var_os("HOLDUP_ORACLE_DIR") {
        files_in(Path::new(&folder)).iter().for_each(|file| compare(file));
    }
}
