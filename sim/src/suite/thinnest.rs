//! The thinnest margins of many runs: where the next change will hurt first.
//!
//! Only what held is listed, by relative margin; what failed is told elsewhere. A finding of a file stands in the
//! list once, with the thinnest of its cases and levels.

use std::cmp::Ordering;

use super::Ran;
use crate::quantity::Nanos;
use crate::verdict::{EnergyInstant, Finding, Margin, Outcome, Verdict};

/// So many are listed.
pub const LISTED: usize = 10;

/// Where a finding stands in its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An expectation, by its line in the file.
    Line(usize),
    /// `O1` … `O10`, as 1 … 10.
    Invariant(u8),
    /// The energy left when the Pi halted; which halt, from 0.
    Energy(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Invariant(number) => write!(f, "O{number}"),
            Self::Energy(_) => write!(f, "energy"),
        }
    }
}

/// A margin that is thin.
#[derive(Clone, Debug)]
pub struct Thin<'a> {
    /// The distance as a multiple of its allowance.
    pub relative: f64,
    /// The margin.
    pub margin: Margin,
    /// Whose it is.
    pub ran: &'a Ran,
    /// Which finding.
    pub place: Place,
    /// What was to hold.
    pub text: &'a str,
    /// When it came closest to failing.
    pub at: Option<Nanos>,
}

impl Thin<'_> {
    fn name(&self) -> &str {
        &self.ran.scenario.name
    }

    /// The file of the scenario.
    fn file(&self) -> &str {
        &self.ran.scenario.file
    }

    /// The relative margin as reports show it, in steps of 0.01 %: the order does not hang on the last bits.
    fn shown(&self) -> f64 {
        (self.relative * 1e4).round()
    }

    fn order(&self, other: &Self) -> Ordering {
        self.shown()
            .total_cmp(&other.shown())
            .then_with(|| self.name().cmp(other.name()))
            .then_with(|| self.place.cmp(&other.place))
    }
}

/// The thinnest margins, the thinnest first; of equal ones by name, then as they stand in the verdict.
#[must_use]
pub fn thinnest<'a>(results: impl IntoIterator<Item = &'a Ran>) -> Vec<Thin<'a>> {
    let mut all: Vec<Thin<'a>> = results.into_iter().flat_map(of_run).collect();
    all.sort_by(Thin::order);
    let mut listed: Vec<Thin<'a>> = Vec::with_capacity(LISTED);
    for thin in all {
        let known =
            listed.iter().any(|other| (other.file(), other.place) == (thin.file(), thin.place));
        if !known {
            listed.push(thin);
        }
        if listed.len() == LISTED {
            break;
        }
    }
    listed
}

fn of_run(ran: &Ran) -> Vec<Thin<'_>> {
    match &ran.outcome {
        Ok((_, verdict)) => of_verdict(ran, verdict),
        Err(_) => Vec::new(),
    }
}

fn of_verdict<'a>(ran: &'a Ran, verdict: &'a Verdict) -> Vec<Thin<'a>> {
    let expectations = verdict
        .expectations
        .iter()
        .map(|finding| (Place::Line(finding.line.unwrap_or_default()), finding));
    let invariants =
        verdict.invariants.iter().map(|found| (Place::Invariant(found.number), &found.finding));
    let held = |(_, finding): &(Place, &Finding)| finding.outcome == Outcome::Held;
    let findings = expectations.chain(invariants).filter(held).filter_map(|(place, finding)| {
        let margin = finding.margin?;
        let relative = margin.relative()?;
        Some(Thin { relative, margin, ran, place, text: &finding.text, at: finding.at })
    });
    // What is left at a cut is of no use to anybody: the Pi is off, or was told in time or not.
    let halts = verdict.energy.iter().filter(|energy| energy.what == EnergyInstant::Halted);
    let energy = halts.enumerate().filter_map(|(index, energy)| {
        let margin = energy.margin()?;
        let relative = margin.relative()?;
        let text = "energy left when the Pi halted";
        Some(Thin { relative, margin, ran, place: Place::Energy(index), text, at: Some(energy.at) })
    });
    findings.chain(energy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench;
    use crate::parts::Library;
    use crate::scenario;
    use crate::verdict::Status;

    fn finding(line: usize, outcome: Outcome, margin: Option<Margin>) -> Finding {
        let text = format!("finding {line}");
        Finding { text, outcome, margin, at: None, detail: String::new(), line: Some(line) }
    }

    /// A run of nothing with these findings.
    fn ran(name: &str, expectations: Vec<Finding>) -> Ran {
        let text = r#"{"schema": 1, "purpose": "Nothing happens, for a list of margins.",
            "start": {"pi": "off"}, "until": "1 s", "expect": [{"final": {"pi": "off"}}]}"#;
        let mut scenario = scenario::parse(name, "nothing.json", text, &Library::builtin())
            .unwrap_or_else(|problems| panic!("{problems}"));
        scenario.file = name.split('[').next().unwrap_or_default().to_owned();
        let run = bench::run_on_host(&scenario).unwrap();
        let verdict = Verdict {
            status: Status::Passed,
            invalid: Vec::new(),
            expectations,
            invariants: Vec::new(),
            energy: Vec::new(),
            device: Vec::new(),
        };
        Ran { scenario, level: "host".to_owned(), outcome: Ok((run, verdict)) }
    }

    fn names(runs: &[Ran]) -> Vec<(String, usize)> {
        let place = |place| match place {
            Place::Line(line) => line,
            Place::Invariant(_) | Place::Energy(_) => 0,
        };
        thinnest(runs).iter().map(|thin| (thin.name().to_owned(), place(thin.place))).collect()
    }

    #[test]
    fn volts_and_seconds_rank_by_their_allowance_and_equal_ones_by_name() {
        let runs = [
            ran("b", vec![finding(1, Outcome::Held, Some(Margin::seconds(0.01, 0.02)))]),
            ran("c", vec![finding(1, Outcome::Held, Some(Margin::volts(1.0, 4.0)))]),
            ran(
                "a",
                vec![
                    finding(2, Outcome::Held, Some(Margin::joules(5.0, 10.0))),
                    finding(1, Outcome::Held, Some(Margin::seconds(1.0, 2.0))),
                ],
            ),
        ];
        let expected = [("c", 1), ("a", 1), ("a", 2), ("b", 1)];
        assert_eq!(names(&runs), expected.map(|(name, line)| (name.to_owned(), line)));
    }

    #[test]
    fn only_what_held_and_has_a_relative_margin_is_listed() {
        let thin = Some(Margin::seconds(0.0, 1.0));
        let runs = [ran(
            "a",
            vec![
                finding(1, Outcome::Waived, thin),
                finding(2, Outcome::Impossible, thin),
                finding(3, Outcome::Undecided, thin),
                finding(4, Outcome::Failed, Some(Margin::seconds(-1.0, 1.0))),
                finding(5, Outcome::Held, Some(Margin::times(0))),
                finding(6, Outcome::Held, None),
                finding(7, Outcome::Held, thin),
            ],
        )];
        assert_eq!(names(&runs), [("a".to_owned(), 7)]);
    }

    #[test]
    fn a_finding_of_a_file_stands_with_its_thinnest_case_and_ten_are_listed() {
        let case = |name: &str, distance: f64| {
            let wide =
                |line| finding(line, Outcome::Held, Some(Margin::seconds(line as f64, 10.0)));
            let mut findings = vec![finding(1, Outcome::Held, Some(Margin::volts(distance, 1.0)))];
            findings.extend((2..20).map(wide));
            ran(name, findings)
        };
        let listed = names(&[case("s[y=1 nF]", 0.02), case("s[y=3 nF]", 0.01)]);
        assert_eq!(listed.len(), LISTED);
        assert_eq!(listed[0], ("s[y=3 nF]".to_owned(), 1));
        assert_eq!(listed[1], ("s[y=1 nF]".to_owned(), 2));
    }
}
