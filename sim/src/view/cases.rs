//! The cases of one file as aligned text: what is the same in all of them once, the rest by case.
//!
//! A file's cases are many runs that differ little, so their timelines are left out; a single case is
//! shown in full when it is asked for by its name.

use std::fmt::Write as _;

use super::text;
use crate::document::{self, Labels};
use crate::suite::{Ran, Summary};
use crate::verdict::{Finding, Status};

/// Columns are aligned as far as some cases take no more than this to name.
const WIDEST: usize = 60;

/// The results file by file; a file without cases has one.
pub fn by_file(results: &[Ran]) -> impl Iterator<Item = &[Ran]> {
    results.chunk_by(|one, next| one.scenario.is_another_case_of(&next.scenario))
}

/// One line about a file of which several cases were run, if all of them passed.
pub fn passed(cases: &[Ran]) -> Option<String> {
    let [first, _, ..] = cases else { return None };
    if !cases.iter().all(|ran| ran.status() == Status::Passed) {
        return None;
    }
    let least = cases.iter().filter_map(|ran| Some((ran, text::least_energy(ran)?)));
    let least =
        least.min_by(|(_, one), (_, other)| one.hold_up.seconds.total_cmp(&other.hold_up.seconds));
    let told = least.map_or_else(String::new, |(ran, margin)| {
        format!("; {} at least, in {}", text::spare(margin), case(ran))
    });
    let (name, count) = (&first.scenario.file, cases.len());
    Some(format!("{:<8}{name:<43} {count} cases{told}\n", Status::Passed.name()))
}

/// Everything about the cases of a file but their timelines: purpose, what became of each, and every finding.
pub fn full(cases: &[Ran]) -> String {
    let Some(first) = cases.first() else { return String::new() };
    let status = Summary::of(cases).status().name();
    let what = format!("{status}, {} cases", cases.len());
    let mut out = text::head(&first.scenario.file, first, &what);
    let width = cases.iter().map(|ran| case(ran).chars().count()).max().unwrap_or(0);
    let _ = writeln!(out, "\n{:<8}case", "outcome");
    for ran in cases {
        let told = match &ran.outcome {
            Ok(_) => text::least_energy(ran).map(text::spare).unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        let line = format!("{:<8}{:<width$}  {told}", ran.status().name(), case(ran));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let _ = writeln!(out, "\n{}", text::VERDICT_HEADER);
    for group in groups(cases) {
        out.push_str(&group.text(cases));
    }
    for ran in cases.iter().filter(|ran| matches!(ran.status(), Status::Failed | Status::Invalid)) {
        out.push('\n');
        out.push_str(&text::brief(ran));
    }
    out
}

/// The case as it stands in the name.
fn case(ran: &Ran) -> &str {
    ran.scenario.name.strip_prefix(ran.scenario.file.as_str()).unwrap_or_default()
}

/// What became of one expectation or invariant.
struct Group<'r> {
    place: String,
    /// Which of the place: several expectations may stand on one line.
    nth: usize,
    /// Each finding once, and the cases that share it.
    rows: Vec<(&'r Finding, Vec<&'r Labels>)>,
}

fn groups(cases: &[Ran]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for ran in cases {
        let Ok((_, verdict)) = &ran.outcome else { continue };
        let mut seen: Vec<String> = Vec::new();
        for (place, finding) in text::findings(verdict) {
            let nth = seen.iter().filter(|seen| **seen == place).count();
            seen.push(place.clone());
            let known = groups.iter().position(|group| group.place == place && group.nth == nth);
            let index = known.unwrap_or_else(|| {
                groups.push(Group { place, nth, rows: Vec::new() });
                groups.len() - 1
            });
            groups[index].add(finding, &ran.scenario.case);
        }
    }
    groups
}

impl<'r> Group<'r> {
    /// Findings that are shown alike are one.
    fn add(&mut self, finding: &'r Finding, case: &'r Labels) {
        let shown = |one: &Finding| text::row_of(one, &format!("{}: {}", one.text, one.detail));
        match self.rows.iter_mut().find(|(known, _)| shown(known) == shown(finding)) {
            Some((_, cases)) => cases.push(case),
            None => self.rows.push((finding, vec![case])),
        }
    }

    /// A row for each finding, with the cases that share it.
    fn text(&self, all: &[Ran]) -> String {
        let all: Vec<&Labels> = all.iter().map(|ran| &ran.scenario.case[..]).collect();
        let most = self.rows.iter().map(|(_, cases)| cases.len()).max();
        let in_words = |(_, some): &(_, Vec<&Labels>)| match document::which(some, &all) {
            _ if some.len() == all.len() => String::new(),
            Some(which) => which,
            None if Some(some.len()) == most => "otherwise".to_owned(),
            None => some.iter().map(|case| document::one(case)).collect::<Vec<_>>().join(" "),
        };
        let which: Vec<String> = self.rows.iter().map(in_words).collect();
        let width = which.iter().map(|which| which.chars().count()).max().unwrap_or(0);
        // One that is very long would only push the others apart.
        let width = width.min(WIDEST);
        let row = |((finding, _), which): (&(&Finding, _), &String)| {
            let which = if width == 0 { String::new() } else { format!(" {which:<width$}") };
            let (place, what, detail) = (&self.place, &finding.text, &finding.detail);
            text::row_of(finding, &format!("{place:<8}{which} {what}: {detail}"))
        };
        self.rows.iter().zip(&which).map(row).collect()
    }
}
