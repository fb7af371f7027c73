//! Cases: one document that is read several times, each time with other values in place of its
//! variables.
//!
//! `cases` at the top of a document names variables and their values. A string that is `$name` and
//! nothing else, anywhere but in `cases`, is a use of the variable, and the value stands in its
//! place. There is a case for each combination of values, the last variable changing fastest.
//! Values hold no variables in turn, texts are not put together from them, and keys stay as they are.
//!
//! The tree is parsed once; [`Source::in_case`] only says which values are meant. So a problem points
//! at the value in `cases`, and its message names the place that it is used in.

use std::collections::BTreeSet;
use std::fmt;

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::source::{head, holds_variable, span, variable};
use super::{Problem, Problems, Source, shape};

/// The key that names variables and their values.
pub(super) const CASES: &str = "cases";
/// What is the same in every case.
pub(super) const FIXED: [&str; 3] = ["$schema", "schema", "purpose"];
/// The most combinations of one document.
const MOST: usize = 1_000;
/// The longest label \[characters\].
const LONGEST_LABEL: usize = 40;

/// The type of `cases`, as an editor knows it. What it cannot say is checked by [`cases`].
pub(crate) struct Variables;

impl JsonSchema for Variables {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Variables".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Variables and their values; the file is run once for each combination.",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
            "additionalProperties": {
                "description": "A list of texts or numbers, or an object of labels and values of any type.",
                "type": ["array", "object"],
                "items": {"type": ["string", "number", "boolean"]},
                "uniqueItems": true,
                "minItems": 1,
                "minProperties": 1,
            },
        })
    }
}

/// Each variable of a case and its value's label, in file order.
pub(crate) type Labels = [(String, String)];

/// One combination of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Case {
    /// For each variable, in file order, which of its values is meant.
    pub(super) values: Vec<usize>,
    /// Each variable and its value's label.
    pub(crate) labels: Vec<(String, String)>,
}

impl fmt::Display for Case {
    /// What follows a document's name: `[y=1 nF, supply=weak]`, or nothing if there are no cases.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.labels.is_empty() { Ok(()) } else { f.write_str(&one(&self.labels)) }
    }
}

/// A case in words: `[y=1 nF, supply=weak]`.
pub(crate) fn one(labels: &Labels) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, label)| format!("{name}={label}")).collect();
    format!("[{}]", labels.join(", "))
}

/// `some` of the cases in words, by what tells them from `all`: `[y=1 nF or 3 nF]`. Nothing if no choice
/// of labels does.
pub(crate) fn which(some: &[&Labels], all: &[&Labels]) -> Option<String> {
    let (told, known) = (by_variable(some), by_variable(all));
    let is_among = |case: &&&Labels| {
        case.iter().zip(&told).all(|((_, label), (_, labels))| labels.contains(&label.as_str()))
    };
    if all.iter().filter(is_among).count() > some.len() {
        return None;
    }
    let differ = told.iter().zip(&known).filter(|((_, some), (_, all))| some.len() < all.len());
    let words = differ.map(|((name, labels), _)| format!("{name}={}", labels.join(" or ")));
    Some(format!("[{}]", words.collect::<Vec<_>>().join(", ")))
}

/// Each variable and the labels that occur, in order.
fn by_variable<'c>(cases: &[&'c Labels]) -> Vec<(&'c str, Vec<&'c str>)> {
    let mut variables: Vec<(&str, Vec<&str>)> = Vec::new();
    for (index, (name, label)) in cases.iter().flat_map(|case| case.iter().enumerate()) {
        if index == variables.len() {
            variables.push((name, Vec::new()));
        }
        if !variables[index].1.contains(&label.as_str()) {
            variables[index].1.push(label);
        }
    }
    variables
}

/// A variable and the labels of its values.
struct Variable {
    name: String,
    labels: Vec<String>,
}

/// The cases of a document, at least one, and what is wrong with them. If anything is, the one case
/// takes the first value of each variable.
pub(crate) fn cases(source: &Source<'_>) -> (Vec<Case>, Vec<Problem>) {
    let Some(Value::Object(cases)) = source.top(CASES) else {
        // There are none, or the shape complains.
        return (vec![Case::default()], Vec::new());
    };
    let mut problems = Vec::new();
    let used: BTreeSet<&str> = source.uses().map(|(_, name)| name).collect();
    let mut variables = Vec::new();
    for prop in &cases.properties {
        let name = prop.name.as_str();
        let key = prop.name.range();
        let key = key.start..key.end;
        if !is_name(name) {
            let message = format!("`{CASES}`: `{name}` is no name of a variable");
            let label = "expected a lower-case letter, then letters, digits and `_`";
            problems.push(source.problem(key, message, label));
        } else if !used.contains(name) {
            let message = format!("`{CASES}.{name}`: the variable is not used");
            let problem = source.problem(key, message, "every case would be the same");
            problems.push(problem.help(format!("write \"${name}\" where its values belong")));
        }
        let labels = labels(source, name, &prop.value, &mut problems);
        variables.push(Variable { name: name.to_owned(), labels });
    }
    problems.extend(fixed(source));
    problems.extend(too_many(source, &variables));
    if problems.is_empty() {
        (product(&variables), problems)
    } else {
        let values = vec![0; variables.len()];
        (vec![Case { values, labels: Vec::new() }], problems)
    }
}

fn is_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(known)
}

/// Checks the values of a variable and returns their labels.
fn labels(
    source: &Source<'_>,
    name: &str,
    values: &Value<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let place = format!("{CASES}.{name}");
    let mut report = |node: &Value<'_>, message: &str, label: &str, help: &str| {
        let problem = source.problem(head(node), format!("`{place}`: {message}"), label);
        problems.push(problem.help(help));
    };
    let listed: Vec<(Option<String>, &Value<'_>)> = match values {
        Value::Array(list) => list.elements.iter().map(|value| (written(value), value)).collect(),
        Value::Object(object) => labelled(object),
        Value::StringLit(_)
        | Value::NumberLit(_)
        | Value::BooleanLit(_)
        | Value::NullKeyword(_) => {
            let help = "a single value needs no variable: write it where it belongs";
            report(values, "these are no values", "expected a list [ … ] or an object { … }", help);
            return Vec::new();
        }
    };
    if listed.is_empty() {
        report(
            values,
            "there are no values",
            "expected at least one",
            "without any, nothing is run",
        );
    }
    let mut labels: Vec<String> = Vec::new();
    let mut seen: Vec<serde_json::Value> = Vec::new();
    for (label, value) in listed {
        let Some(label) = label else {
            let help = "give each value a label: {\"label\": …}";
            report(value, "a list holds texts and numbers only", "has no label", help);
            continue;
        };
        if holds_variable(value) {
            let help = "write the value itself";
            report(value, "a value holds a variable", "expected no variable in here", help);
        }
        let plain = serde_json::from_str(source.plain(span(value))).unwrap_or_default();
        if labels.contains(&label) {
            let help = "the names of cases would be the same";
            report(value, &format!("the label `{label}` is there already"), "given again", help);
        } else if seen.contains(&plain) {
            let help = "the same case would be run twice";
            report(value, &format!("the value of `{label}` is there already"), "given again", help);
        } else if let Some(wrong) = wrong_label(&label) {
            let help = "labels stand in the names of cases; to give one: {\"label\": …}";
            report(
                value,
                &format!("the label `{}` {wrong}", shape::shortened(&label)),
                "here",
                help,
            );
        }
        labels.push(label);
        seen.push(plain);
    }
    labels
}

/// The text of a scalar.
fn written(value: &Value<'_>) -> Option<String> {
    match value {
        Value::StringLit(text) => Some(text.value.to_string()),
        Value::NumberLit(number) => Some(number.value.to_owned()),
        Value::BooleanLit(truth) => Some(truth.value.to_string()),
        Value::Object(_) | Value::Array(_) | Value::NullKeyword(_) => None,
    }
}

fn labelled<'n, 'a>(object: &'n Object<'a>) -> Vec<(Option<String>, &'n Value<'a>)> {
    let label = |name: &str| Some(name.to_owned());
    object.properties.iter().map(|prop| (label(prop.name.as_str()), &prop.value)).collect()
}

/// What keeps a text from being a label, if anything does.
fn wrong_label(label: &str) -> Option<&'static str> {
    if label.trim().is_empty() || label.trim() != label {
        Some("is empty, or has blanks around it")
    } else if label.contains([',', '[', ']']) || label.chars().any(char::is_control) {
        Some("holds a comma, a bracket or a control character")
    } else if label.chars().count() > LONGEST_LABEL {
        Some("is longer than 40 characters")
    } else {
        None
    }
}

/// Variables where none may stand.
fn fixed(source: &Source<'_>) -> Vec<Problem> {
    let places = FIXED.into_iter().filter_map(|key| Some((key, source.top(key)?)));
    let uses = places.filter(|(_, value)| variable(value).is_some());
    let problem = |(key, value)| {
        let message = format!("`{key}`: no variable can stand here");
        source.problem(head(value), message, "expected what holds in every case")
    };
    uses.map(problem).collect()
}

fn too_many(source: &Source<'_>, variables: &[Variable]) -> Option<Problem> {
    let sizes = variables.iter().map(|variable| variable.labels.len());
    let total = sizes.fold(1_usize, usize::saturating_mul);
    (total > MOST).then(|| {
        let message = format!("`{CASES}`: {total} combinations are too many");
        let range = source.top(CASES).map_or(0..0, head);
        source.problem(range, message, format!("expected at most {MOST}"))
    })
}

/// Every combination, the last variable changing fastest.
fn product(variables: &[Variable]) -> Vec<Case> {
    variables.iter().fold(vec![Case::default()], |cases, variable| {
        let longer = |case: Case| {
            variable.labels.iter().enumerate().map(move |(index, label)| {
                let mut longer = case.clone();
                longer.values.push(index);
                longer.labels.push((variable.name.clone(), label.clone()));
                longer
            })
        };
        cases.into_iter().flat_map(longer).collect()
    })
}

/// Whether a text can have cases; a quick look, before it is parsed.
pub(crate) fn may_have_cases(text: &str) -> bool {
    text.contains("\"cases\"")
}

/// The problems of a document's cases, each once.
pub(crate) struct Told<'c> {
    path: &'c str,
    cases: &'c [Case],
    /// Each with the cases that have it; with none if it is about the cases themselves.
    list: Vec<(Problem, Vec<&'c Labels>)>,
    left_out: usize,
}

impl<'c> Told<'c> {
    /// Begins with what is wrong with the cases themselves.
    pub(crate) fn new(path: &'c str, cases: &'c [Case], problems: Vec<Problem>) -> Self {
        let list = problems.into_iter().map(|problem| (problem, Vec::new())).collect();
        Self { path, cases, list, left_out: 0 }
    }

    /// Adds what is wrong with one of them.
    pub(crate) fn add(&mut self, case: &'c Case, problems: Problems) {
        self.left_out += problems.left_out();
        for problem in problems.into_list() {
            match self.list.iter_mut().find(|(known, _)| *known == problem) {
                Some((_, cases)) => cases.push(&case.labels),
                None => self.list.push((problem, vec![&case.labels])),
            }
        }
    }

    /// Whether more would not be shown.
    pub(crate) fn is_enough(&self) -> bool {
        self.list.len() > Problems::MOST || self.left_out > 0
    }

    /// Fails if anything was wrong. What is wrong with some cases only says with which, unless it stands
    /// in another file.
    pub(crate) fn check(self) -> Result<(), Problems> {
        let all: Vec<&Labels> = self.cases.iter().map(|case| &case.labels[..]).collect();
        let problems = self.list.into_iter().map(|(problem, some)| {
            let is_here = problem.place.as_ref().is_some_and(|place| place.path == self.path);
            let Some(first) = some.first().filter(|_| is_here && some.len() < all.len()) else {
                return problem;
            };
            problem.help(match which(&some, &all) {
                Some(which) => format!("in the case {which}"),
                None => format!("in {} of {} cases, first {}", some.len(), all.len(), one(first)),
            })
        });
        Problems::check(problems.collect()).map_err(|problems| problems.and_more(self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let source = Source::parse("test", text).unwrap_or_else(|problems| panic!("{problems}"));
        let (cases, problems) = cases(&source);
        assert_eq!(problems, []);
        cases.iter().map(Case::to_string).collect()
    }

    #[test]
    fn the_last_variable_changes_fastest() {
        let text =
            r#"{"cases": {"b": [1, 2], "a": {"x": "5 V", "y": {}}}, "p": ["$a", {"q": "$b"}]}"#;
        assert_eq!(names(text), ["[b=1, a=x]", "[b=1, a=y]", "[b=2, a=x]", "[b=2, a=y]"]);
        assert_eq!(names("{}"), [""]);
    }

    #[test]
    fn values_stand_in_place_of_variables() {
        let text =
            r#"{"cases": {"a": {"x": [1, 2], "y": "z"}}, "p": ["$a", {"q": "$a"}, "$a b", "$5"]}"#;
        let source = Source::parse("test", text).unwrap_or_else(|problems| panic!("{problems}"));
        let read = |case: &Case| {
            let source = source.in_case(case);
            let q = source.at("p/1/q");
            (source.substituted(source.at("p")).into_owned(), text[q].to_owned())
        };
        let (cases, _) = cases(&source);
        let read: Vec<(String, String)> = cases.iter().map(read).collect();
        let x = r#"[[1, 2], {"q": [1, 2]}, "$a b", "$5"]"#;
        let y = r#"["z", {"q": "z"}, "$a b", "$5"]"#;
        assert_eq!(read, [(x.into(), "[1, 2]".into()), (y.into(), "\"z\"".into())]);
    }

    #[test]
    fn some_cases_are_told_by_what_they_share() {
        let text = r#"{"cases": {"a": [1, 2, 3], "b": [1, 2]}, "p": ["$a", "$b"]}"#;
        let source = Source::parse("test", text).unwrap_or_else(|problems| panic!("{problems}"));
        let (cases, _) = cases(&source);
        let all: Vec<&Labels> = cases.iter().map(|case| &case.labels[..]).collect();
        let some = |which: &[usize]| {
            super::which(&which.iter().map(|index| all[*index]).collect::<Vec<_>>(), &all)
        };
        assert_eq!(some(&[1]).as_deref(), Some("[a=1, b=2]"));
        assert_eq!(some(&[0, 2, 4]).as_deref(), Some("[b=1]"));
        assert_eq!(some(&[0, 1, 4, 5]).as_deref(), Some("[a=1 or 3]"));
        assert_eq!(some(&[0, 3]), None);
    }
}
