//! docs/catalogue.md is true: what it names exists, its evidence is cited where it says, and no purpose
//! cites evidence that is not in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use holdup::scenario;

/// One case of the document.
struct Row {
    case: String,
    /// Issues, commits and sources, without the remark "(read)".
    evidence: Vec<String>,
    /// What stands in backquotes in the last column.
    shown_by: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/catalogue.md")).expect("it is there");
    let tables = text.split("\n\n").filter(|block| block.starts_with("| case |"));
    tables.flat_map(|table| table.lines().skip(2)).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let &[case, _, evidence, shown_by] = cells.as_slice() else {
        panic!("not four columns: {line}");
    };
    let evidence = evidence.split(", ").map(|item| item.trim_end_matches(" (read)").to_owned());
    Row {
        case: case.to_owned(),
        evidence: evidence.filter(|item| item != "none").collect(),
        shown_by: shown_by.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
    }
}

/// The purpose of every scenario, by name.
fn purposes() -> BTreeMap<String, String> {
    let folder = root().join("scenarios");
    let files =
        scenario::collect(std::slice::from_ref(&folder)).unwrap_or_else(|bad| panic!("{bad}"));
    let purpose = |file: &Path| {
        let text = fs::read_to_string(file).expect("it is readable");
        let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        json["purpose"].as_str().expect("a text").to_owned()
    };
    files.into_iter().map(|(file, name)| (name, purpose(&file))).collect()
}

/// Whether `shown` (which may end in `*`) means this scenario.
fn names(shown: &str, scenario: &str) -> bool {
    match shown.strip_suffix('*') {
        Some(start) => scenario.starts_with(start),
        None => scenario == shown,
    }
}

/// Issues (`project#12`) in a text.
fn issues(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "(),;".contains(c))
        .map(|word| word.trim_end_matches(['.', ':', '\'']))
        .filter(|word| {
            word.split_once('#')
                .is_some_and(|(_, number)| number.starts_with(|c: char| c.is_ascii_digit()))
        })
}

#[test]
fn what_is_named_exists() {
    let purposes = purposes();
    for Row { case, shown_by, .. } in rows() {
        for shown in shown_by {
            let exists = match shown.split_once("::") {
                Some((file, test)) => fs::read_to_string(root().join(file))
                    .is_ok_and(|text| text.contains(&format!("fn {test}("))),
                None => purposes.keys().any(|name| names(&shown, name)),
            };
            assert!(exists, "{case}: there is no {shown}");
        }
    }
}

#[test]
fn evidence_is_cited_where_it_is_said_to_be() {
    let purposes = purposes();
    let cites = |row: &Row, item: &str| {
        purposes.iter().any(|(name, purpose)| {
            purpose.contains(item) && row.shown_by.iter().any(|shown| names(shown, name))
        })
    };
    let missing: Vec<_> = rows()
        .iter()
        .flat_map(|row| row.evidence.iter().map(move |item| (row, item)))
        .filter(|(row, item)| !cites(row, item))
        .map(|(row, item)| format!("{}: no purpose of its scenarios cites {item}", row.case))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_issue_that_a_purpose_cites_is_in_the_document() {
    let rows = rows();
    let purposes = purposes();
    let missing: Vec<_> = purposes
        .iter()
        .flat_map(|(name, purpose)| issues(purpose).map(move |issue| (name, issue)))
        .filter(|(name, issue)| {
            !rows.iter().any(|row| {
                row.evidence.iter().any(|item| item == issue)
                    && row.shown_by.iter().any(|shown| names(shown, name))
            })
        })
        .map(|(name, issue)| format!("{name} cites {issue}, which is in no row with it"))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn no_case_stands_twice() {
    let mut seen = std::collections::BTreeSet::new();
    for Row { case, .. } in rows() {
        assert!(seen.insert(case.clone()), "{case} stands twice");
    }
    assert!(seen.len() > 60, "{} cases", seen.len());
}
