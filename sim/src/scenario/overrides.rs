//! Maps whose keys come from the vocabulary: final states, and the firmware's configuration.
//!
//! Their schemas are written out from the list of events and from the configuration block, so
//! they cannot fall behind it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use firmware::config::{Config, Polarity};

use crate::quantity::Nanos;
use crate::settings;
use crate::timeline::Event;

/// Subjects with their values, in file order.
#[derive(Debug, Default)]
pub(super) struct FinalStates(pub(super) Vec<(String, String)>);

/// Names of the configuration block with their values; read one by one.
pub(super) enum FirmwareOverrides {}

impl<'de> Deserialize<'de> for FinalStates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs).map(Self)
    }
}

/// Reads an object of strings without losing its order.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

impl JsonSchema for FinalStates {
    fn schema_name() -> Cow<'static, str> {
        "FinalStates".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        for event in Event::all() {
            let subject = properties
                .entry(event.subject())
                .or_insert_with(|| json!({"type": "string", "enum": []}));
            if let Some(values) = subject["enum"].as_array_mut() {
                values.push(event.value().into());
            }
        }
        json_schema!({
            "type": "object",
            "description": "Subjects and their values at the end of the run.",
            "properties": properties,
            "additionalProperties": false,
            "minProperties": 1,
        })
    }
}

impl JsonSchema for FirmwareOverrides {
    fn schema_name() -> Cow<'static, str> {
        "FirmwareOverrides".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let time = generator.subschema_for::<Nanos>();
        let mut properties = Map::new();
        for (name, about, default) in Config::DEFAULT.times() {
            let mut property = time.clone();
            let default = settings::nanos(default).exact();
            property.insert(
                "description".to_owned(),
                format!("{} Default: {default}.", about.trim()).into(),
            );
            properties.insert(name.to_owned(), Value::from(property));
        }
        let default = Config::DEFAULT.request_polarity.name();
        let polarity = json!({
            "type": "string",
            "enum": Polarity::ALL.map(Polarity::name),
            "description": format!("{} Default: {default}.", settings::POLARITY_ABOUT),
        });
        properties.insert(settings::POLARITY.to_owned(), polarity);
        json_schema!({
            "type": "object",
            "description": "Values of the firmware's configuration block that differ from its defaults.",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}
