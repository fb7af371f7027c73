//! Words of the vocabulary as they stand in files: events, quantities, records, invariants.
//!
//! The words themselves live with their types; here each becomes a string in the file with the
//! list of all of them in the schema, so that editors complete it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use firmware::record::Record;

use crate::document::EVENT;
use crate::timeline::{Event, Plug, Quantity};

/// How many invariants there are.
const INVARIANTS: u8 = 10;

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident($inner:ty), all: $all:expr, text: $text:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct $name(pub(super) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let all: Vec<$inner> = $all;
                let found = all.into_iter().find(|&one| $text(one) == text);
                found.map(Self).ok_or_else(|| de::Error::custom("an unknown word"))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let all: Vec<$inner> = $all;
                let words: Vec<String> = all.into_iter().map(|one| $text(one).to_string()).collect();
                json_schema!({
                    "type": "string",
                    "description": concat!($($doc),+).trim(),
                    "enum": words,
                })
            }
        }
    )+};
}

names! {
    /// A quantity that has a value at every instant.
    QuantityName(Quantity), all: Quantity::ALL.to_vec(), text: Quantity::name;
    /// Whether the cable is plugged in.
    PlugName(Plug), all: vec![Plug::In, Plug::Out], text: |plug| Event::Plug(plug).value();
    /// A stored state.
    RecordName(Record), all: Record::ALL.to_vec(), text: Record::name;
    /// An invariant that every run checks.
    InvariantName(u8), all: (1..=INVARIANTS).collect(), text: |number| format!("O{number}");
}

/// An event: a subject and the value it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventName(pub(super) Event);

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Event::parse(&text).map(Self).ok_or_else(|| de::Error::custom("an unknown event"))
    }
}

impl JsonSchema for EventName {
    fn schema_name() -> Cow<'static, str> {
        "EventName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<String> = Event::all().iter().map(Event::to_string).collect();
        json_schema!({
            "type": "string",
            "format": EVENT,
            "description": "An event: a subject and the value it takes.",
            "enum": words,
        })
    }
}
