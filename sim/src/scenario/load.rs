//! Finding and reading scenario files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::Scenario;
use super::file::ScenarioFile;
use super::resolve::resolve;
use crate::document::{self, Document, Problem, Problems, Shape, Source, Told};
use crate::parts::Library;

/// The name of the schema, which may lie among the scenarios and is none.
const SCHEMA_FILE: &str = "schema.json";

/// The shape of a scenario file.
static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<ScenarioFile>);

/// Reads the scenario at `path`, or every case of it; `root` is the folder or file that was asked for.
///
/// # Errors
/// Every problem of the file and of the parts that it names.
pub fn load(path: &Path, root: &Path) -> Result<Vec<Scenario>, Problems> {
    let text = document::text_of(path)?;
    let library = Library::around(path, root);
    parse_all(&name_below(path, root), &path.display().to_string(), &text, &library)
}

/// Reads the one scenario in `text`; `path` is how messages name the file. Does no I/O, except that
/// `parts` may read part files.
///
/// # Errors
/// Every problem of the text and of the parts that it names; or it has several cases.
pub fn parse(name: &str, path: &str, text: &str, parts: &Library) -> Result<Scenario, Problems> {
    let mut scenarios = parse_all(name, path, text, parts)?;
    match (scenarios.pop(), scenarios.len()) {
        (Some(scenario), 0) => Ok(scenario),
        (_, others) => {
            let message = format!("{path} has {} cases; expected one scenario", others + 1);
            Err(Problem::bad(message).into())
        }
    }
}

/// Reads the scenario in `text`, or every case of it, as [`parse`] does.
///
/// # Errors
/// Every problem of the text and of the parts that it names.
pub fn parse_all(
    name: &str,
    path: &str,
    text: &str,
    parts: &Library,
) -> Result<Vec<Scenario>, Problems> {
    parse_some(name, path, text, parts, |_| true)
}

/// Reads those cases of `text` whose names are wanted.
fn parse_some(
    name: &str,
    path: &str,
    text: &str,
    parts: &Library,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Scenario>, Problems> {
    let source = Source::parse(path, text)?;
    let (mut cases, problems) = document::cases(&source);
    cases.retain(|case| is_wanted(&format!("{name}{case}")));
    let mut scenarios = Vec::with_capacity(cases.len());
    let mut told = Told::new(path, &cases, problems);
    for case in &cases {
        let document = Document::of(source.in_case(case), &SHAPE);
        match document.and_then(|document| resolve(name, case, document, parts)) {
            Ok(scenario) => scenarios.push(scenario),
            Err(problems) => told.add(case, problems),
        }
        if told.is_enough() {
            break;
        }
    }
    told.check()?;
    Ok(scenarios)
}

/// The scenario files among `paths` and in the folders among them, however deep, each with its
/// name; sorted, and none twice. Passed over in folders: `parts/` folders, `schema.json`, and
/// whatever is not `.json`.
///
/// # Errors
/// Paths that cannot be read, and folders without a single scenario.
pub fn collect(paths: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, Problems> {
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    for path in paths {
        let mut files = Vec::new();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                walk(path, &mut files, &mut problems);
                if files.is_empty() && problems.is_empty() {
                    let problem = Problem::bad(format!("no scenario in {}", path.display()));
                    problems
                        .push(problem.help("scenarios are .json files outside of `parts` folders"));
                }
            }
            Ok(_) => files.push(path.clone()),
            Err(error) => problems.push(Problem::io(path, &error)),
        }
        for file in files {
            let name = name_below(&file, path);
            found.entry(file).or_insert(name);
        }
    }
    if paths.is_empty() {
        problems.push(Problem::bad("no scenario was named").help("name a file or a folder"));
    }
    Problems::check(problems)?;
    Ok(found.into_iter().collect())
}

/// Reads every scenario among `paths` whose name, with its case, contains `filter`; each file once.
///
/// # Errors
/// Every problem of every path and file; nothing is returned unless all of them are good.
pub fn load_all(paths: &[PathBuf], filter: Option<&str>) -> Result<Vec<Scenario>, Problems> {
    let mut scenarios = Vec::new();
    let mut problems = Problems::default();
    let mut seen = BTreeSet::new();
    let parts = Library::builtin();
    for root in paths {
        let found = collect(std::slice::from_ref(root)).unwrap_or_else(|more| {
            problems.append(more);
            Vec::new()
        });
        for (file, name) in found {
            if !seen.insert(file.clone()) {
                continue;
            }
            match load_some(&file, root, &name, filter, &parts) {
                Ok(cases) => scenarios.extend(cases),
                Err(more) => problems.append(more),
            }
        }
    }
    if problems.count() > 0 {
        return Err(problems);
    }
    if scenarios.is_empty() {
        let name = filter.unwrap_or_default();
        let problem = Problem::bad(format!("no scenario's name contains {name:?}"));
        return Err(problem.help("`holdup list` shows the names").into());
    }
    Ok(scenarios)
}

/// Reads those cases of a file whose names contain `filter`. A file that is not wanted and has no cases is
/// passed over, whatever is wrong with it.
fn load_some(
    path: &Path,
    root: &Path,
    name: &str,
    filter: Option<&str>,
    parts: &Library,
) -> Result<Vec<Scenario>, Problems> {
    let filter = filter.filter(|text| !name.contains(text));
    let is_wanted = |name: &str| filter.is_none_or(|text| name.contains(text));
    let text = document::text_of(path);
    let text = match (filter, text) {
        (Some(_), Ok(text)) if !document::may_have_cases(&text) => return Ok(Vec::new()),
        (Some(_), Err(_)) => return Ok(Vec::new()),
        (_, text) => text?,
    };
    let library = parts.moved(path, root);
    parse_some(name, &path.display().to_string(), &text, &library, is_wanted)
}

/// The JSON Schema of scenario files, for editors; the same text every time.
#[must_use]
pub fn json_schema() -> String {
    // A tree of plain JSON always prints.
    let mut text = serde_json::to_string_pretty(&SHAPE.for_editors()).unwrap_or_default();
    text.push('\n');
    text
}

/// Collects the scenario files below a folder. Links to folders are not followed.
fn walk(folder: &Path, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return problems.push(Problem::io(folder, &error)),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if entry.file_name() != "parts" {
                walk(&path, files, problems);
            }
        } else if path.extension().is_some_and(|extension| extension == "json")
            && entry.file_name() != SCHEMA_FILE
        {
            files.push(path);
        }
    }
}

/// A file's path below `root` without its extension, with `/` on every system; of the root itself
/// the stem.
fn name_below(path: &Path, root: &Path) -> String {
    let below = match path.strip_prefix(root) {
        Ok(below) if !below.as_os_str().is_empty() => below,
        Ok(_) | Err(_) => path.file_name().map_or(path, Path::new),
    };
    let below = below.with_extension("");
    let steps: Vec<_> = below.iter().map(|step| step.to_string_lossy()).collect();
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::{Act, Expect, Magnitude, StartEeprom, StartPi, When};
    use super::*;
    use crate::quantity::{Amps, Nanos, Volts};

    #[track_caller]
    fn good(name: &str, text: &str) -> Scenario {
        match parse(name, name, text, &Library::builtin()) {
            Ok(scenario) => scenario,
            Err(problems) => panic!("{problems}"),
        }
    }

    #[test]
    fn defaults_are_filled_in() {
        let scenario = good("smallest", include_str!("../../../tests/good/smallest.json"));
        assert_eq!(scenario.caps.capacitance.0, 16.5);
        assert_eq!(scenario.pi.running_current, Amps(1.0));
        assert_eq!(scenario.start.pi, StartPi::Running);
        assert_eq!(scenario.start.eeprom, StartEeprom::Blank);
        assert_eq!(scenario.config, firmware::config::Config::DEFAULT);
        assert!(scenario.stimuli.is_empty());
        assert_eq!(scenario.expectations[0].line, 1);
    }

    #[test]
    fn what_is_written_arrives() {
        let scenario = good("everything", include_str!("../../../tests/good/everything.json"));
        assert_eq!(scenario.board.charge_voltage, Volts(4.6));
        assert_eq!(scenario.config.shutdown_timeout.0, 15_000);
        assert_eq!(scenario.end, Nanos::from_secs(60));
        let second = &scenario.stimuli[1];
        assert_eq!(second.line, 14);
        assert!(matches!(second.act, Act::Press { lasting } if lasting == Nanos::from_millis(50)));
        assert!(matches!(second.at, When::After { nth: 2, plus, .. } if plus.as_millis() == 100));
        let Expect::Stay { min, max: None, .. } = scenario.expectations[3].kind else {
            panic!("{:?}", scenario.expectations[3]);
        };
        assert_eq!(min, Some(Magnitude::Amps(Amps(-1.1))));
        assert_eq!(scenario.waivers[0].invariant, 1);
    }

    #[test]
    fn names_are_paths_below_the_root() {
        let name = |path: &str, root: &str| name_below(Path::new(path), Path::new(root));
        assert_eq!(name("scenarios/outage/long.json", "scenarios"), "outage/long");
        assert_eq!(name("scenarios/outage/long.json", "scenarios/outage/long.json"), "long");
        assert_eq!(name("long.json", "elsewhere"), "long");
    }
}
