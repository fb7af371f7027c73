//! Small questions to a JSON Schema, and the two changes that are made to it.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::cases::{CASES, FIXED};

/// Takes `null` out of the schema of every optional value, and with it the default that says so.
pub(super) fn refuse_null(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(refuse_null),
        Json::Object(map) => {
            map.retain(|key, value| !(key == "default" && value.is_null()));
            if let Some(Json::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Json::Array(branches)) = map.get_mut("anyOf") {
                branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
                if let [Json::Object(only)] = &branches[..] {
                    let only = only.clone();
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
            map.values_mut().for_each(refuse_null);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Lets a variable stand in place of every value that is no free text anyway. For editors only: here a
/// variable is replaced before its place is looked at.
pub(super) fn allow_variables(schema: &mut Json) {
    let texts: BTreeSet<String> = names(schema, is_text);
    let Some(root) = schema.as_object_mut() else { return };
    if let Some(Json::Object(defs)) = root.get_mut("$defs") {
        defs.values_mut().for_each(|def| allow_within(def, &texts));
        let variable = json!({
            "type": "string",
            "pattern": "^\\$[a-z][a-z0-9_]*$",
            "description": "A variable that `cases` names.",
        });
        defs.insert("Variable".to_owned(), variable);
    }
    if let Some(Json::Object(properties)) = root.get_mut("properties") {
        let is_free = |key: &str| key != CASES && !FIXED.contains(&key);
        for (_, property) in properties.iter_mut().filter(|(key, _)| is_free(key)) {
            allow_within(property, &texts);
            allow(property, &texts);
        }
    }
}

/// The names of the definitions of which something holds.
fn names(schema: &Json, holds: impl Fn(&Json) -> bool) -> BTreeSet<String> {
    let defs = schema.get("$defs").and_then(Json::as_object).into_iter().flatten();
    let defs = defs.filter(|(_, def)| holds(def));
    defs.map(|(name, _)| format!("#/$defs/{name}")).collect()
}

/// Whether an editor takes any text for it.
fn is_text(schema: &Json) -> bool {
    let among = |key: &str| schema.get(key).and_then(Json::as_array).into_iter().flatten();
    (type_of(schema) == "string" && !has_words(schema) && schema.get("minLength").is_none())
        || among("anyOf").chain(among("oneOf")).any(is_text)
}

fn allow_within(schema: &mut Json, texts: &BTreeSet<String>) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(|item| allow_within(item, texts)),
        Json::Object(map) => {
            map.values_mut().for_each(|value| allow_within(value, texts));
            if let Some(Json::Object(properties)) = map.get_mut("properties") {
                properties.values_mut().for_each(|property| allow(property, texts));
            }
            if let Some(items) = map.get_mut("items").filter(|items| items.is_object()) {
                allow(items, texts);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn allow(schema: &mut Json, texts: &BTreeSet<String>) {
    let is_known =
        schema.get("$ref").and_then(Json::as_str).is_some_and(|name| texts.contains(name));
    let Some(map) = schema.as_object_mut().filter(|_| !is_known) else { return };
    if is_text(&Json::Object(map.clone())) {
        return;
    }
    let description = map.remove("description");
    let value = Json::Object(std::mem::take(map));
    map.insert("anyOf".to_owned(), json!([value, {"$ref": "#/$defs/Variable"}]));
    map.extend(description.map(|text| ("description".to_owned(), text)));
}

/// The JSON type that a schema asks for; empty if it says nothing.
pub(super) fn type_of(schema: &Json) -> &str {
    match schema.get("type").and_then(Json::as_str) {
        Some(name) => name,
        None if schema.get("enum").is_some()
            || schema.get("const").is_some_and(Json::is_string) =>
        {
            "string"
        }
        None => "",
    }
}

/// The fixed strings that a schema accepts.
pub(super) fn words(schema: &Json) -> impl Iterator<Item = &str> {
    let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    schema.get("const").into_iter().chain(listed).filter_map(Json::as_str)
}

/// Whether a schema accepts only fixed strings.
pub(super) fn has_words(schema: &Json) -> bool {
    words(schema).next().is_some()
}

/// The keys of an object's schema.
pub(super) fn keys(schema: &Json) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Json::as_object);
    properties.into_iter().flat_map(|map| map.keys().map(String::as_str)).collect()
}

/// Whether a schema asks for a string with a meaning of its own.
pub(super) fn has_format(schema: &Json) -> bool {
    type_of(schema) == "string" && schema.get("format").is_some()
}

/// A number in a schema; zero if it is not there.
pub(super) fn count(schema: &Json, key: &str) -> u64 {
    schema.get(key).and_then(Json::as_u64).unwrap_or(0)
}
