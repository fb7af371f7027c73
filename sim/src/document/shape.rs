//! The shape of a document: its JSON Schema, generated from the Rust types, and everything in a
//! source that does not fit it.
//!
//! Known of JSON Schema, which is what schemars emits for our types: `$ref` into `$defs`, `type`,
//! `properties`, `required`, `additionalProperties`, `minProperties`, `items`, `minItems`,
//! `maxItems`, `enum`, `const`, `minLength`, `minimum`, `maximum`, `format` (ours: see
//! [`format`](super::format)), and `oneOf`/`anyOf` whose branches differ in JSON type or, for
//! objects, in their single key. Anything else in a schema is ignored here.
//!
//! A missing value is a missing key: `null` is nowhere accepted, in the files or in the schema.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jsonc_parser::ast::{Object, Value as Node};
use jsonc_parser::common::Ranged;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::schema::{
    allow_variables, count, has_format, has_words, keys, refuse_null, type_of, words,
};
use super::source::{head, variable};
use super::{Problem, Problems, Source, closest, format, listed};

/// The shape that documents of one type must have.
#[derive(Debug)]
pub(crate) struct Shape {
    schema: Json,
}

impl Shape {
    /// The shape of the documents that are read into a `T`.
    pub(crate) fn of<T: JsonSchema>() -> Self {
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
        let mut schema = schema.to_value();
        refuse_null(&mut schema);
        Self { schema }
    }

    /// The JSON Schema for editors, which knows that a variable may stand in place of a value.
    pub(crate) fn for_editors(&self) -> Json {
        let mut schema = self.schema.clone();
        allow_variables(&mut schema);
        schema
    }

    /// Everything in `source` that does not fit.
    pub(crate) fn misfits(&self, source: &Source<'_>) -> Vec<Problem> {
        let mut walker =
            Walker { schema: &self.schema, source, place: String::new(), problems: Vec::new() };
        walker.check(source.root(), &self.schema);
        walker.problems
    }
}

struct Walker<'s, 't> {
    schema: &'s Json,
    source: &'s Source<'t>,
    /// Where in the document the walk is, as shown in messages: `stimuli[3].at`.
    place: String,
    problems: Vec<Problem>,
}

impl<'s> Walker<'s, '_> {
    fn check(&mut self, node: &Node<'_>, schema: &'s Json) {
        if self.problems.len() > Problems::MOST {
            return;
        }
        let source = self.source;
        let Some(node) = source.resolved(node) else {
            return self.unknown_variable(node);
        };
        let branches = self.branches(schema);
        if branches.len() > 1 {
            return self.choose(node, &branches);
        }
        let Some(schema) = branches.first() else {
            return;
        };
        match (node, type_of(schema)) {
            (Node::Object(object), "object") => self.object(object, schema),
            (Node::Array(_), "array") => self.list(node, schema),
            (Node::StringLit(text), "string") => self.string(node, &text.value, schema),
            (Node::NumberLit(number), "integer") => self.integer(node, number.value, schema),
            (Node::BooleanLit(_), "boolean") | (_, "") => {}
            _ => self.mismatch(node, &branches),
        }
    }

    /// A variable that stands for nothing. What is wrong where it is named is told there.
    fn unknown_variable(&mut self, node: &Node<'_>) {
        let name = variable(node).unwrap_or_default();
        let known = self.source.variables();
        if known.contains(&name) {
            return;
        }
        let message = format!("no variable is called `{name}`");
        let label = "expected a value, or a variable that `cases` names";
        let problem = self.problem(node, message, label);
        self.problems.push(guess(problem, name, known));
    }

    /// The schema with references followed and choices within choices laid side by side.
    fn branches(&self, schema: &'s Json) -> Vec<&'s Json> {
        let schema = self.resolve(schema);
        let Some(Json::Array(choices)) = schema.get("oneOf").or_else(|| schema.get("anyOf")) else {
            return vec![schema];
        };
        choices.iter().flat_map(|choice| self.branches(choice)).collect()
    }

    fn resolve(&self, mut schema: &'s Json) -> &'s Json {
        while let Some(reference) = schema.get("$ref").and_then(Json::as_str)
            && let Some(name) = reference.strip_prefix("#/$defs/")
            && let Some(target) = self.schema.get("$defs").and_then(|defs| defs.get(name))
        {
            schema = target;
        }
        schema
    }

    /// Checks a value that may take several forms.
    fn choose(&mut self, node: &Node<'_>, branches: &[&'s Json]) {
        let of_type = |wanted: &str| {
            branches.iter().copied().filter(|branch| type_of(branch) == wanted).collect::<Vec<_>>()
        };
        match node {
            Node::StringLit(text) => match &of_type("string")[..] {
                [] => self.mismatch(node, branches),
                strings => self.string_choice(node, &text.value, strings, branches),
            },
            Node::Object(object) => match &of_type("object")[..] {
                [] => self.mismatch(node, branches),
                [only] if of_type("string").iter().all(|branch| !has_words(branch)) => {
                    self.object(object, only);
                }
                objects => self.tagged(object, objects, branches),
            },
            Node::Array(_) | Node::NumberLit(_) | Node::BooleanLit(_) | Node::NullKeyword(_) => {
                self.mismatch(node, branches);
            }
        }
    }

    fn string_choice(
        &mut self,
        node: &Node<'_>,
        text: &str,
        strings: &[&'s Json],
        branches: &[&'s Json],
    ) {
        if let Some(free) = strings.iter().find(|branch| !has_words(branch) || has_format(branch)) {
            return self.string(node, text, free);
        }
        let known: Vec<&str> = strings.iter().flat_map(|branch| words(branch)).collect();
        if known.contains(&text) {
            return;
        }
        let problem =
            self.problem(node, format!("\"{text}\" is not known here"), self.expected(branches));
        let tags: Vec<&str> = branches.iter().flat_map(|branch| keys(branch)).collect();
        self.problems.push(if tags.contains(&text) {
            problem.help(format!("`{text}` needs values: write {{\"{text}\": …}}"))
        } else {
            guess(problem, text, known.into_iter().chain(tags))
        });
    }

    /// Checks an object of which each form has one key of its own.
    fn tagged(&mut self, object: &Object<'_>, objects: &[&'s Json], branches: &[&'s Json]) {
        let start = object.range.start..object.range.start + 1;
        let Some(first) = object.properties.first() else {
            let wanted = self.expected(branches);
            let message = self.message("an empty object");
            self.problems.push(self.source.problem(start, message, wanted));
            return;
        };
        if let Some(second) = object.properties.get(1) {
            let message = self.message(&format!(
                "`{}` and `{}` in one object",
                first.name.as_str(),
                second.name.as_str()
            ));
            let range = second.name.range();
            let problem =
                self.source.problem(range.start..range.end, message, "expected a single key");
            self.problems.push(problem.help("write one object for each"));
        }
        for prop in &object.properties {
            let key = prop.name.as_str();
            let schema = objects.iter().find_map(|branch| branch.get("properties")?.get(key));
            match schema {
                Some(schema) => self.within(&format!(".{key}"), |walker| {
                    walker.check(&prop.value, schema);
                }),
                None => self.unknown_tag(key, prop.name.range().into(), branches),
            }
        }
    }

    fn unknown_tag(&mut self, key: &str, range: Span, branches: &[&'s Json]) {
        let message = self.message(&format!("`{key}` is not known here"));
        let plain: Vec<&str> = branches.iter().flat_map(|branch| words(branch)).collect();
        let tags: Vec<&str> = branches.iter().flat_map(|branch| keys(branch)).collect();
        if plain.contains(&key) {
            let problem = self.source.problem(range.0, message, "takes no values");
            self.problems.push(problem.help(format!("write just \"{key}\"")));
        } else {
            let problem = self.source.problem(range.0, message, self.expected(branches));
            self.problems.push(guess(problem, key, tags.into_iter().chain(plain)));
        }
    }

    fn object(&mut self, object: &Object<'_>, schema: &'s Json) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        self.duplicates(object);
        for prop in &object.properties {
            let key = prop.name.as_str();
            let known = properties.and_then(|properties| properties.get(key));
            match known.or_else(|| others.filter(|others| others.is_object())) {
                Some(schema) => {
                    let dot = if self.place.is_empty() { "" } else { "." };
                    self.within(&format!("{dot}{key}"), |walker| walker.check(&prop.value, schema));
                }
                None if others == Some(&Json::Bool(false)) => {
                    let keys =
                        properties.into_iter().flat_map(|map| map.keys().map(String::as_str));
                    self.unknown_key(key, prop.name.range().into(), keys.collect());
                }
                None => {}
            }
        }
        self.missing(object, schema);
    }

    fn unknown_key(&mut self, key: &str, range: Span, known: Vec<&str>) {
        let message = self.message(&format!("unknown key `{key}`"));
        let problem = self.source.problem(range.0, message, "not known here");
        self.problems.push(guess(problem, key, known.into_iter().filter(|key| *key != "$schema")));
    }

    fn duplicates(&mut self, object: &Object<'_>) {
        // Sorted by key and place, so that a large object costs no more than a sort.
        let mut keys: Vec<(&str, Span)> = object
            .properties
            .iter()
            .map(|prop| (prop.name.as_str(), prop.name.range().into()))
            .collect();
        keys.sort_by_key(|(key, range)| (*key, range.0.start));
        for pair in keys.windows(2).filter(|pair| pair[0].0 == pair[1].0).take(Problems::MOST) {
            let line = self.source.line_of(pair[0].1.0.start);
            let message = self.message(&format!("duplicate key `{}`", pair[1].0));
            let problem = self.source.problem(pair[1].1.0.clone(), message, "given again");
            self.problems
                .push(problem.help(format!("keep one of them; the other is on line {line}")));
        }
    }

    fn missing(&mut self, object: &Object<'_>, schema: &'s Json) {
        let start = object.range.start..object.range.start + 1;
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten();
        for key in required.filter_map(Json::as_str).filter(|key| object.get(key).is_none()) {
            let property = schema.get("properties").and_then(|properties| properties.get(key));
            let wanted = property.map_or_else(String::new, |property| {
                format!(": {}", self.wanted(&self.branches(property)))
            });
            let message = self.message(&format!("`{key}` is missing"));
            let label = format!("expected `{key}` in here{wanted}");
            let about = property
                .and_then(|property| property.get("description"))
                .and_then(Json::as_str)
                .map(|text| format!("`{key}`: {}", text.lines().next().unwrap_or_default()));
            self.problems
                .push(self.source.problem(start.clone(), message, label).maybe_help(about));
        }
        if object.properties.is_empty() && count(schema, "minProperties") > 0 {
            let known = schema.get("properties").and_then(Json::as_object);
            let known =
                known.map(|map| format!("known here: {}", listed(map.keys().map(String::as_str))));
            let message = self.message("an empty object says nothing");
            let label = "expected at least one key";
            let problem = self.source.problem(start, message, label);
            self.problems.push(problem.maybe_help(known));
        }
    }

    fn list(&mut self, node: &Node<'_>, schema: &'s Json) {
        let Node::Array(list) = node else { return };
        let length = list.elements.len() as u64;
        let min = count(schema, "minItems");
        if length < min {
            let message = self.message("the list is empty");
            let label = "expected at least one element";
            let about = schema.get("description").and_then(Json::as_str).map(str::to_owned);
            self.problems.push(self.source.problem(head(node), message, label).maybe_help(about));
        }
        if let Some(max) = schema.get("maxItems").and_then(Json::as_u64)
            && length > max
        {
            let message = self.message(&format!("{length} elements are too many"));
            let label = format!("expected at most {max}");
            self.problems.push(self.source.problem(head(node), message, label));
            return;
        }
        let Some(items) = schema.get("items") else {
            return;
        };
        for (index, element) in list.elements.iter().enumerate() {
            self.within(&format!("[{index}]"), |walker| walker.check(element, items));
        }
    }

    fn string(&mut self, node: &Node<'_>, text: &str, schema: &'s Json) {
        if let Some(name) = schema.get("format").and_then(Json::as_str)
            && format::is_known(name)
        {
            if let Err(complaint) = format::check(name, text) {
                let message = format!("\"{}\" {}", shortened(text), complaint.found);
                let label = format!("expected {}", complaint.expected);
                let problem = self.problem(node, message, label);
                self.problems.push(problem.maybe_help(complaint.mend));
            }
            return;
        }
        let known: Vec<&str> = words(schema).collect();
        if !known.is_empty() && !known.contains(&text) {
            let message = format!("\"{}\" is not known here", shortened(text));
            let problem = self.problem(node, message, self.expected(&[schema]));
            self.problems.push(guess(problem, text, known));
            return;
        }
        let min = count(schema, "minLength");
        if (text.trim().chars().count() as u64) < min {
            let found =
                if text.trim().is_empty() { "the text is empty" } else { "the text is too short" };
            let label = format!("expected at least {min} characters");
            let about = schema.get("description").and_then(Json::as_str).map(str::to_owned);
            let problem = self.problem(node, found, label);
            self.problems.push(problem.maybe_help(about));
        }
    }

    fn integer(&mut self, node: &Node<'_>, number: &str, schema: &'s Json) {
        if let Some(constant) = schema.get("const") {
            if constant.as_u64() != number.parse().ok() {
                let label = format!("expected {constant}");
                let message = format!("{} is not supported", shortened(number));
                self.problems.push(self.problem(node, message, label));
            }
            return;
        }
        let largest = if schema.get("format").is_some_and(|format| format == "uint32") {
            u64::from(u32::MAX)
        } else {
            u64::MAX
        };
        let min = count(schema, "minimum");
        let max = schema.get("maximum").and_then(Json::as_u64).unwrap_or(largest);
        if !number.parse::<u64>().is_ok_and(|value| (min..=max).contains(&value)) {
            let message = format!("{} does not fit", shortened(number));
            let label = format!("expected a whole number from {min} to {max}");
            self.problems.push(self.problem(node, message, label));
        }
    }

    fn mismatch(&mut self, node: &Node<'_>, branches: &[&'s Json]) {
        let message = format!("{} does not belong here", kind(node));
        let is_quantity = branches.iter().any(|branch| has_format(branch));
        let help = match node {
            Node::NumberLit(number) if is_quantity => {
                Some(format!("quantities are strings with a unit, such as \"{} s\"", number.value))
                    .filter(|_| {
                        branches.iter().any(|branch| branch.get("format") == Some(&"time".into()))
                    })
                    .or_else(|| Some("quantities are strings with a unit".to_owned()))
            }
            Node::NullKeyword(_) => Some("leave the key out instead of writing null".to_owned()),
            Node::StringLit(_)
            | Node::NumberLit(_)
            | Node::BooleanLit(_)
            | Node::Object(_)
            | Node::Array(_) => None,
        };
        let problem = self.problem(node, message, self.expected(branches));
        self.problems.push(problem.maybe_help(help));
    }

    fn expected(&self, branches: &[&'s Json]) -> String {
        format!("expected {}", self.wanted(branches))
    }

    /// What is expected of a value that may take any of the `branches`.
    fn wanted(&self, branches: &[&'s Json]) -> String {
        let plain: Vec<&str> = branches
            .iter()
            .filter(|branch| !has_format(branch))
            .flat_map(|branch| words(branch))
            .collect();
        let mut forms: Vec<String> = Vec::new();
        if !plain.is_empty() && plain.len() <= 8 {
            let quoted: Vec<_> = plain.iter().map(|word| format!("\"{word}\"")).collect();
            forms.push(quoted.join(", "));
        } else if !plain.is_empty() {
            forms.push("a known word".to_owned());
        }
        for branch in branches {
            let form = match type_of(branch) {
                "string" => {
                    match branch.get("format").and_then(Json::as_str).and_then(format::expected) {
                        Some(form) => form,
                        None if !has_words(branch) => "a text".to_owned(),
                        None => continue,
                    }
                }
                "object" => "an object { … }".to_owned(),
                "array" => "a list [ … ]".to_owned(),
                "integer" => match branch.get("const") {
                    Some(constant) => constant.to_string(),
                    None => "a whole number".to_owned(),
                },
                "boolean" => "true or false".to_owned(),
                _ => continue,
            };
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        forms.join(" or ")
    }

    fn problem(
        &self,
        node: &Node<'_>,
        message: impl AsRef<str>,
        label: impl Into<String>,
    ) -> Problem {
        self.source.problem(head(node), self.message(message.as_ref()), label)
    }

    /// `text` with the place in front.
    fn message(&self, text: &str) -> String {
        if self.place.is_empty() { text.to_owned() } else { format!("`{}`: {text}", self.place) }
    }

    fn within(&mut self, step: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.place.len();
        // Writing to a String does not fail.
        let _ = write!(self.place, "{}", shortened(step));
        walk(self);
        self.place.truncate(length);
    }
}

/// A range that converts from the parser's own.
struct Span(std::ops::Range<usize>);

impl From<jsonc_parser::common::Range> for Span {
    fn from(range: jsonc_parser::common::Range) -> Self {
        Self(range.start..range.end)
    }
}

/// Adds the nearest known word to a problem, or else all that are known.
fn guess<'a>(problem: Problem, found: &str, known: impl IntoIterator<Item = &'a str>) -> Problem {
    let mut known: Vec<&str> = known.into_iter().collect();
    let mut seen = BTreeSet::new();
    known.retain(|word| seen.insert(*word));
    match closest(found, known.iter().copied()) {
        Some(word) => problem.help(format!("did you mean `{word}`?")),
        None if known.is_empty() => problem,
        None => problem.help(format!("known here: {}", listed(known))),
    }
}

fn kind(node: &Node<'_>) -> &'static str {
    match node {
        Node::StringLit(_) => "a text",
        Node::NumberLit(_) => "a number",
        Node::BooleanLit(_) => "true or false",
        Node::Object(_) => "an object",
        Node::Array(_) => "a list",
        Node::NullKeyword(_) => "null",
    }
}

/// At most 60 characters of `text`.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
