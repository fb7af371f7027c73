//! The part file: every value with its unit, and where each number comes from.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::{Flaw, Kind, Part, Stored};
use crate::document::{Document, Problem, Problems, Source, closest, listed};

/// The version of the file format that this build reads.
#[derive(Debug, Deserialize)]
pub(crate) struct SchemaVersion(#[expect(dead_code, reason = "the shape has checked it")] u32);

impl JsonSchema for SchemaVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SchemaVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "const": 1,
            "description": "The version of the file format.",
        })
    }
}

/// A part with its origin.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "its fields are read one by one")]
pub(crate) struct PartFile<T> {
    /// The schema that an editor completes with.
    #[serde(rename = "$schema")]
    link: Option<String>,
    /// The version of the file format.
    schema: SchemaVersion,
    /// The kind of part: `board`, `caps`, `supply`, `strip`, `cable` or `pi`.
    kind: String,
    /// What the part is, in a sentence.
    #[schemars(length(min = 10))]
    pub(super) describes: String,
    /// The values.
    values: T,
    /// For each value, where the number comes from; an assumption says so.
    sources: BTreeMap<String, String>,
}

/// The part in `text`, and what it describes.
pub(super) fn parse<P: Stored>(path: &str, text: &str) -> Result<(P, String), Problems> {
    let mut document = Document::open(path, text, P::shape())?;
    let kind = document.get::<String>("kind").fits();
    let describes = document.get::<String>("describes").fits();
    let values = document.get::<P>("values").fits();
    let sources = document.get::<BTreeMap<String, String>>("sources").fits();

    let mut problems = Vec::new();
    let source = document.source();
    problems.extend(kind.and_then(|kind| wrong_kind(P::KIND, &kind, source)));
    problems.extend(sources.into_iter().flat_map(|sources| source_flaws::<P>(&sources, source)));
    let flaws = values.iter().flat_map(P::flaws);
    problems.extend(flaws.map(|flaw| flaw.at(source, &format!("values/{}", flaw.field))));
    problems.into_iter().for_each(|problem| document.report(problem));
    document.finish()?;
    // Without a problem, nothing is missing.
    values.zip(describes).ok_or_else(|| Problem::bad(format!("{path} is incomplete")).into())
}

fn wrong_kind(wanted: Kind, found: &str, source: &Source<'_>) -> Option<Problem> {
    (found != wanted.name()).then(|| {
        let message = format!("`kind` is \"{}\" in the folder {}", found, wanted.folder());
        let label = format!("expected \"{}\"", wanted.name());
        source.problem(source.at("kind"), message, label)
    })
}

/// Values without a source, and sources without a value.
fn source_flaws<P: Part>(sources: &BTreeMap<String, String>, source: &Source<'_>) -> Vec<Problem> {
    let unsourced = P::FIELDS.iter().filter(|field| !sources.contains_key(**field)).map(|field| {
        let message = format!("`{field}` has no source");
        let label = format!("expected `{field}` among the sources");
        let range = source.key_at(&format!("values/{field}"));
        source
            .problem(range, message, label)
            .help("say where the number comes from, or that it is an assumption")
    });
    let strangers = sources.keys().filter(|key| !P::FIELDS.contains(&key.as_str())).map(|key| {
        let range = source.key_at(&format!("sources/{key}"));
        let guess = closest(key, P::FIELDS.iter().copied());
        let help = guess.map_or_else(
            || format!("values are {}", listed(P::FIELDS.iter().copied())),
            |guess| format!("did you mean `{guess}`?"),
        );
        source
            .problem(range, format!("a source for `{key}`, which is no value"), "not a value")
            .help(help)
    });
    let empty = sources.iter().filter(|(_, text)| text.trim().is_empty()).map(|(key, _)| {
        let range = source.at(&format!("sources/{key}"));
        source.problem(range, format!("the source of `{key}` is empty"), "expected a text")
    });
    unsourced.chain(strangers).chain(empty).collect()
}

impl Flaw {
    /// The problem that this flaw is at `pointer` of a document.
    pub(crate) fn at(&self, source: &Source<'_>, pointer: &str) -> Problem {
        let label = format!("expected {}", self.expected);
        source.problem(source.at(pointer), &self.message, label)
    }
}
