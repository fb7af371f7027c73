//! Strings with a meaning of their own: the `format`s of the schema, and what to say when a text
//! is not one.

use crate::quantity::{Amps, Dimension, QuantityError, Volts};
use crate::timeline::Event;

use super::{closest, listed};

/// The format of an event, `power_good low`.
pub(crate) const EVENT: &str = "event";
/// The format of a voltage or a current, which may be negative.
pub(crate) const MAGNITUDE: &str = "magnitude";

/// Why a text is not what its format asks for.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    /// What was found, to follow the quoted text.
    pub(super) found: String,
    /// What was expected.
    pub(super) expected: String,
    /// How to mend it.
    pub(super) mend: Option<String>,
}

/// Checks `text` against a `format`; formats that are not ours are not checked.
pub(super) fn check(format: &str, text: &str) -> Result<(), Complaint> {
    match dimension(format) {
        Some(Dimension::Duration) => Dimension::Duration.check(text).map_err(|error| {
            let mend = Event::parse(text)
                .map(|_| format!("to wait for an event, write {{\"after\": \"{text}\"}}"));
            let complaint = Complaint::from(error);
            Complaint { mend: mend.or(complaint.mend), ..complaint }
        }),
        Some(dimension) => dimension.check(text).map_err(Complaint::from),
        None if format == EVENT => event(text),
        None if format == MAGNITUDE => magnitude(text),
        None => Ok(()),
    }
}

/// Whether `format` is one of ours.
pub(super) fn is_known(format: &str) -> bool {
    format == EVENT || format == MAGNITUDE || dimension(format).is_some()
}

/// What a format asks for, in words.
pub(super) fn expected(format: &str) -> Option<String> {
    let complaint = match format {
        EVENT => return Some("an event such as \"power_good low\"".to_owned()),
        MAGNITUDE => return Some("a voltage or a current such as \"4.7 V\"".to_owned()),
        other => dimension(other)?.check("").err()?,
    };
    Some(complaint.expected)
}

fn dimension(format: &str) -> Option<Dimension> {
    Dimension::ALL.into_iter().find(|dimension| dimension.format() == format)
}

impl From<QuantityError> for Complaint {
    fn from(error: QuantityError) -> Self {
        Self { found: error.found, expected: error.expected, mend: error.mend }
    }
}

fn magnitude(text: &str) -> Result<(), Complaint> {
    match Amps::parse_signed(text) {
        Err(error) if Volts::parse(text).is_err() => {
            let expected = expected(MAGNITUDE).unwrap_or_default();
            Err(Complaint { expected, found: error.found, mend: None })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn event(text: &str) -> Result<(), Complaint> {
    if Event::parse(text).is_some() {
        return Ok(());
    }
    let all: Vec<(&str, &str)> =
        Event::all().into_iter().map(|event| (event.subject(), event.value())).collect();
    let named: Vec<String> =
        all.iter().map(|(subject, value)| format!("{subject} {value}")).collect();
    let expected = "a subject and its new value, such as \"power_good low\"".to_owned();
    let complaint = |found: String, mend| Complaint { found, expected, mend };

    let (subject, value) = text.split_once(' ').unwrap_or((text, ""));
    let values: Vec<&str> =
        all.iter().filter(|known| known.0 == subject).map(|known| known.1).collect();
    if values.is_empty() {
        let nearest = closest(text, named.iter().map(String::as_str));
        let subject = closest(subject, all.iter().map(|known| known.0));
        let mend = match (nearest, subject) {
            (Some(event), _) => format!("did you mean \"{event}\"?"),
            (None, Some(subject)) => {
                let values =
                    listed(all.iter().filter(|known| known.0 == subject).map(|known| known.1));
                format!("did you mean \"{subject}\"? its values are {values}")
            }
            (None, None) => {
                let mut subjects: Vec<&str> = all.iter().map(|known| known.0).collect();
                subjects.dedup();
                format!("subjects are {}", listed(subjects))
            }
        };
        return Err(complaint("is not an event".to_owned(), Some(mend)));
    }
    let known = listed(values.iter().copied());
    let mend = closest(value, values).map_or_else(
        || format!("values of `{subject}` are {known}"),
        |value| format!("did you mean \"{subject} {value}\"? values of `{subject}` are {known}"),
    );
    let found = if value.is_empty() {
        "names no value".to_owned()
    } else {
        format!("is not an event: `{subject}` is never that")
    };
    Err(complaint(found, Some(mend)))
}
