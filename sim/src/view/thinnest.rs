//! The thinnest margins of many scenarios as a table.

use std::fmt::Write as _;

use super::text;
use crate::suite::thinnest::thinnest;
use crate::suite::{Compared, Ran};

/// A column of names is at least this wide, as in the list below it.
const NAME: usize = 43;

/// Of runs on one level; empty if nothing has a margin.
pub fn of_one(results: &[Ran]) -> String {
    table(results.iter(), |ran| ran.scenario.name.clone())
}

/// Of runs on two levels, each with its level; a finding stands with the thinner of the two.
pub fn of_two(results: &[Compared]) -> String {
    let runs = results.iter().flat_map(|one| &one.runs);
    table(runs, |ran| format!("{} on {}", ran.scenario.name, ran.level))
}

fn table<'a>(runs: impl Iterator<Item = &'a Ran>, name: impl Fn(&Ran) -> String) -> String {
    let list = thinnest(runs);
    if list.is_empty() {
        return String::new();
    }
    let names: Vec<String> = list.iter().map(|thin| name(thin.ran)).collect();
    let width = names.iter().map(|name| name.chars().count()).fold(NAME, usize::max);
    let mut out =
        format!("{:>9}{:>14}  {:<width$} thinnest margins\n", "relative", "margin", "scenario");
    for (thin, name) in list.iter().zip(&names) {
        let _ = writeln!(
            out,
            "{:>9}{:>14}  {name:<width$} {:<8} {}",
            text::relative(&thin.margin),
            thin.margin.to_string(),
            thin.place.to_string(),
            thin.text
        );
    }
    out.push('\n');
    out
}
