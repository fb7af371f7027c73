//! Small questions to a JSON Schema, and the one change that is made to it.

use serde_json::Value as Json;

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
