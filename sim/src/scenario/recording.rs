//! A recorded voltage: a table of times and voltages, played as steps.
//!
//! ```text
//! # comment
//! time [ms],voltage [V]
//! 0,0
//! 1.3,4.7
//! ```
//! Between two rows the voltage moves in a straight line, in equal steps of at most [`RAMP_STEP`]; two rows of the
//! same time are a step. Times count from the stimulus and the voltage of the last row stays.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use super::resolve::Resolver;
use super::{Act, RAMP_STEP};
use crate::document::{self, Bare, Problem, ProblemKind, Problems};
use crate::parts::MAX_LOW_VOLTAGE;
use crate::quantity::{Nanos, QuantityError, Volts};

/// More steps than this are taken for a slip.
const MOST_STEPS: usize = 10_000;

/// A recorded voltage, ready to be played.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The file as the scenario names it.
    pub file: String,
    /// Each new voltage and when it is taken, since the stimulus; never empty.
    pub steps: Vec<(Nanos, Volts)>,
}

impl Resolver<'_> {
    /// The recording that `file` names.
    pub(super) fn replay(&mut self, file: &str, pointer: &str) -> Option<Act> {
        let Some(path) = beside(self.document.source().path(), file) else {
            let help =
                "recordings lie beside the scenario or in folders there: \"recordings/pulse.csv\"";
            let message = format!("\"{file}\" is not below the scenario's folder");
            self.report_help(pointer, message, "expected a relative path", help);
            return None;
        };
        match read(&path, file) {
            Ok(recording) => Some(Act::Replay(Box::new(recording))),
            Err(problems) => {
                for problem in problems.into_list() {
                    match problem.kind {
                        ProblemKind::Io => {
                            self.report(
                                pointer,
                                &problem.message,
                                "expected a file that can be read",
                            );
                        }
                        ProblemKind::BadInput => self.document.report(problem),
                    }
                }
                None
            }
        }
    }

    /// Reports a voltage that no adapter of the board's kind gives.
    pub(super) fn low_voltage(&mut self, voltage: Volts, pointer: &str) {
        if voltage > MAX_LOW_VOLTAGE {
            let message = format!("{voltage} is more than an adapter of the board's kind gives");
            self.report(pointer, message, format!("expected at most {MAX_LOW_VOLTAGE}"));
        }
    }
}

/// Where the file called `name` beside the scenario at `scenario` is, if that is a path below its folder.
pub(super) fn beside(scenario: &str, name: &str) -> Option<PathBuf> {
    let below = Path::new(name);
    let plain = below.components().all(|step| matches!(step, Component::Normal(_)));
    (plain && !name.is_empty())
        .then(|| Path::new(scenario).parent().map_or(below.to_owned(), |folder| folder.join(below)))
}

/// Reads the recording at `path`, which the scenario calls `file`.
pub(super) fn read(path: &Path, file: &str) -> Result<Recording, Problems> {
    let text = document::text_of(path)?;
    parse(&path.display().to_string(), file, &text)
}

/// A cell and where it stands.
#[derive(Clone)]
struct Cell<'a> {
    text: &'a str,
    range: Range<usize>,
}

fn parse(path: &str, file: &str, text: &str) -> Result<Recording, Problems> {
    let bare = Bare::new(path, text);
    let mut problems = Vec::new();
    let mut units: Option<[&str; 2]> = None;
    let mut rows: Vec<(Nanos, Volts)> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let cells = cells(line, range.start);
        let [time, voltage] = &cells[..] else {
            let message = format!("columns in {file}: {}", cells.len());
            problems.push(bare.problem(range, message, "expected two: time and voltage"));
            continue;
        };
        let Some([time_unit, voltage_unit]) = units else {
            let named = [named(time, "time"), named(voltage, "voltage")];
            let [Some(time), Some(voltage)] = named else {
                let label = "expected a header such as `time [s],voltage [V]`";
                problems.push(bare.problem(range, format!("{file} has no header"), label));
                break;
            };
            units = Some([time, voltage]);
            continue;
        };
        let mut note = |cell: &Cell<'_>, error: QuantityError| {
            let message = format!("\"{}\" {}", cell.text, error.found);
            let problem =
                bare.problem(cell.range.clone(), message, format!("expected {}", error.expected));
            problems.push(problem.maybe_help(error.mend));
        };
        let at = Nanos::parse(&format!("{} {time_unit}", time.text));
        let volts = Volts::parse(&format!("{} {voltage_unit}", voltage.text));
        let at = at.map_err(|error| note(time, error)).ok();
        let volts = volts.map_err(|error| note(voltage, error)).ok();
        if let (Some(at), Some(before)) = (at, rows.last())
            && at < before.0
        {
            let message = format!("{} comes before the row above", at.exact());
            let label = format!("expected at least {}", before.0.exact());
            problems.push(bare.problem(time.range.clone(), message, label));
        }
        if let Some(volts) = volts.filter(|volts| *volts > MAX_LOW_VOLTAGE) {
            let message = format!("{volts} is more than an adapter of the board's kind gives");
            let label = format!("expected at most {MAX_LOW_VOLTAGE}");
            problems.push(bare.problem(voltage.range.clone(), message, label));
        }
        rows.extend(at.zip(volts));
    }
    if problems.is_empty() && rows.is_empty() {
        problems.push(
            Problem::bad(format!("{path} has no rows"))
                .help("the header is followed by a row at least"),
        );
    }
    let steps = steps(&rows);
    if steps.len() > MOST_STEPS {
        let message = format!("{path} takes {} steps, more than {MOST_STEPS}", steps.len());
        problems.push(Problem::bad(message).help("each row counts, and each 10 mV between two"));
    }
    Problems::check(problems)?;
    Ok(Recording { file: file.to_owned(), steps })
}

/// The cells of a line that begins at `start`.
fn cells(line: &str, start: usize) -> Vec<Cell<'_>> {
    let mut at = start;
    let cells = line.trim_end().split(',').map(|cell| {
        let text = cell.trim();
        let from = at + (cell.len() - cell.trim_start().len());
        at += cell.len() + 1;
        Cell { text, range: from..from + text.len() }
    });
    cells.collect()
}

/// The unit of a column with this name: `time [ms]`.
fn named<'a>(cell: &Cell<'a>, name: &str) -> Option<&'a str> {
    let unit = cell.text.strip_prefix(name)?.trim().strip_prefix('[')?.strip_suffix(']')?;
    Some(unit.trim())
}

/// Every row, and what lies between two of them.
fn steps(rows: &[(Nanos, Volts)]) -> Vec<(Nanos, Volts)> {
    let mut steps: Vec<(Nanos, Volts)> = Vec::new();
    for &(at, volts) in rows {
        if let Some(&(since, from)) = steps.last()
            && at > since
        {
            let count = ((volts.0 - from.0).abs() / RAMP_STEP).ceil().max(1.0) as u64;
            let span = u128::from(at.saturating_sub(since).0);
            for step in 1..count.min(2 * MOST_STEPS as u64) {
                let share = step as f64 / count as f64;
                let after = span * u128::from(step) / u128::from(count);
                let at = since.saturating_add(Nanos(after as u64));
                steps.push((at, Volts(from.0 + (volts.0 - from.0) * share)));
            }
        }
        steps.push((at, volts));
        if steps.len() > 2 * MOST_STEPS {
            break;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn bad(text: &str) -> String {
        parse("pulse.csv", "pulse.csv", text).expect_err("it is wrong").render(false)
    }

    #[test]
    fn rows_are_joined_by_steps_of_ten_millivolts() {
        let text = "# a pulse\ntime [ms], voltage [V]\n0,0\n10,0.05\n10,5.1\n\n20,5.1\n";
        let recording = parse("pulse.csv", "pulse.csv", text).expect("it is good");
        let steps = recording.steps;
        assert_eq!(steps[0], (Nanos::ZERO, Volts(0.0)));
        assert_eq!(steps[1].0, Nanos::from_millis(2));
        assert!((steps[1].1.0 - 0.01).abs() < 1e-12);
        let times: Vec<u64> = steps.iter().map(|step| step.0.as_millis()).collect();
        assert_eq!(times, [0, 2, 4, 6, 8, 10, 10, 20]);
        assert_eq!(steps[6].1, Volts(5.1));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, says) in [
            ("0,0\n", 1, "no header"),
            ("time [s],voltage [V]\n1\n", 2, "columns in pulse.csv: 1"),
            ("time [s],voltage [V]\n1,x\n", 2, "does not start with a number"),
            ("time [s],voltage [A]\n1,1\n", 2, "is a current"),
            ("time [s],voltage [V]\n2,1\n1,1\n", 3, "comes before the row above"),
            ("time [s],voltage [V]\n\n1,100\n", 3, "more than"),
        ] {
            let told = bad(text);
            assert!(told.contains(says) && told.contains(&format!("pulse.csv:{line}")), "{told}");
        }
        assert!(bad("time [s],voltage [V]\n").contains("no rows"));
        let long: String = (0..6000).map(|n| format!("{n},{}\n", n % 2)).collect();
        assert!(bad(&format!("time [s],voltage [V]\n{long}")).contains("steps"));
        // All at once.
        let told = bad("time [s],voltage [V]\nx,1\n1,y\n");
        assert!(told.contains("pulse.csv:2") && told.contains("pulse.csv:3"), "{told}");
    }

    #[test]
    fn recordings_lie_below_their_scenario() {
        assert_eq!(beside("a/b.json", "c/d.csv"), Some("a/c/d.csv".into()));
        for outside in ["../x.csv", "/x.csv", "a/../x.csv", ""] {
            assert_eq!(beside("a/b.json", outside), None, "{outside}");
        }
    }
}
