//! Expectations from the file's types to the domain's, and what would make one say nothing.

use super::file::{ExpectFile, FinalStates, MagnitudeText, WhenFile};
use super::names::EventName;
use super::resolve::Resolver;
use super::{Expect, Expectation, Magnitude, When, Window};
use crate::quantity::{Amps, Nanos, QuantityError, Volts};
use crate::timeline::{Event, Quantity};

impl Resolver<'_> {
    pub(super) fn expectation(&mut self, index: usize) -> Option<Expectation> {
        let pointer = format!("expect/{index}");
        let Some(file) = self.document.get(&pointer).fits() else {
            self.times_of_misfit(&pointer);
            return None;
        };
        let line = self.document.source().line(&pointer);
        let at = |kind: &str| format!("{pointer}/{kind}");
        let kind = match file {
            ExpectFile::Within { event, after, from, min, max } => {
                self.within(event, after, from, min.unwrap_or_default(), max, &at("within"))?
            }
            ExpectFile::Never { event, from, to } => {
                let window = self.window(from, to, &at("never"));
                Expect::Never { event: event.0, window }
            }
            ExpectFile::Count { event, exactly, at_least, at_most, from, to } => {
                let window = self.window(from, to, &at("count"));
                let (min, max) = self.count(exactly, at_least, at_most, &at("count"))?;
                Expect::Count { event: event.0, min, max, window }
            }
            ExpectFile::Hold { state, from, lasting } => {
                let from = self.from(from, &at("hold"));
                if let Some(lasting) = lasting {
                    self.fits(from, lasting, &at("hold/for"));
                    self.takes_time(lasting, &at("hold/for"));
                }
                Expect::Hold { state: state.0, from, lasting }
            }
            ExpectFile::Stay { quantity, above, below, from, to } => {
                let window = self.window(from, to, &at("stay"));
                let (min, max) = self.limits(quantity.0, above, below, &at("stay"))?;
                Expect::Stay { quantity: quantity.0, min, max, window }
            }
            ExpectFile::Value { quantity, at: when, above, below } => {
                let when = self.when(&when, &at("value/at"));
                let (min, max) = self.limits(quantity.0, above, below, &at("value"))?;
                Expect::Value { quantity: quantity.0, at: when, min, max }
            }
            ExpectFile::Final(states) => Expect::Final { states: final_states(&states) },
            ExpectFile::Margin { at: when, time, energy } => {
                let when = self.when(&when, &at("margin/at"));
                if time.is_none() && energy.is_none() {
                    self.says_nothing(&at("margin"), "expected `time` or `energy`, or both");
                }
                Expect::Margin { at: when, seconds: time, energy }
            }
        };
        Some(Expectation { kind, line })
    }

    /// Checks the times that an expectation names although something else in it does not fit.
    fn times_of_misfit(&mut self, pointer: &str) {
        for kind in self.document.source().keys(pointer) {
            for key in ["from", "to", "at"] {
                let pointer = format!("{pointer}/{kind}/{key}");
                if let Some(when) = self.document.get(&pointer).fits() {
                    self.when(&when, &pointer);
                }
            }
        }
    }

    fn within(
        &mut self,
        event: EventName,
        after: Option<EventName>,
        from: Option<WhenFile>,
        min: Nanos,
        max: Nanos,
        pointer: &str,
    ) -> Option<Expect> {
        if min > max {
            let message = format!("`min` ({}) is more than `max` ({})", min.exact(), max.exact());
            self.report(
                &format!("{pointer}/min"),
                message,
                format!("expected at most {}", max.exact()),
            );
        }
        let from = match (after, from) {
            (Some(event), None) => When::After { event: event.0, nth: 1, plus: Nanos::ZERO },
            (None, Some(from)) => self.when(&from, &format!("{pointer}/from")),
            (None, None) => {
                let help = "`after` names an event, `from` a time: \"from\": \"0 s\" is the start";
                let label = "expected `after` or `from` in here";
                self.report_key(pointer, "it is not said since when", label, help);
                return None;
            }
            (Some(_), Some(_)) => {
                let help = "an occurrence or a delay goes into `from`: {\"after\": …, \"plus\": …}";
                let message = "`after` and `from` both say since when";
                self.report_key(
                    &format!("{pointer}/from"),
                    message,
                    "expected only one of them",
                    help,
                );
                return None;
            }
        };
        self.fits(from, min, &format!("{pointer}/min"));
        Some(Expect::Within { event: event.0, from, min, max })
    }

    fn count(
        &mut self,
        exactly: Option<u32>,
        at_least: Option<u32>,
        at_most: Option<u32>,
        pointer: &str,
    ) -> Option<(u32, u32)> {
        match (exactly, at_least, at_most) {
            (Some(count), None, None) => Some((count, count)),
            (None, None | Some(0), None) => {
                self.says_nothing(pointer, "expected `exactly`, `at_least` or `at_most`");
                None
            }
            (None, min, max) => {
                let (min, max) = (min.unwrap_or(0), max.unwrap_or(u32::MAX));
                if min > max {
                    let message = format!("`at_least` ({min}) is more than `at_most` ({max})");
                    self.report(
                        &format!("{pointer}/at_least"),
                        message,
                        format!("expected at most {max}"),
                    );
                }
                Some((min, max))
            }
            (Some(_), _, _) => {
                let message = "`exactly` together with another limit";
                let label = "expected `exactly` alone";
                self.report_key(&format!("{pointer}/exactly"), message, label, "keep one of them");
                None
            }
        }
    }

    /// The limits of a quantity, in its own unit.
    fn limits(
        &mut self,
        quantity: Quantity,
        above: Option<MagnitudeText>,
        below: Option<MagnitudeText>,
        pointer: &str,
    ) -> Option<(Option<Magnitude>, Option<Magnitude>)> {
        if above.is_none() && below.is_none() {
            self.says_nothing(pointer, "expected `above` or `below`, or both");
        }
        let mut read = |text: Option<MagnitudeText>, key: &str| match text {
            None => Some(None),
            Some(text) => self.limit(quantity, &text.0, &format!("{pointer}/{key}")).map(Some),
        };
        let (min, max) = (read(above, "above"), read(below, "below"));
        let (min, max) = (min?, max?);
        if let (Some(low), Some(high)) = (min, max)
            && number(low) > number(high)
        {
            let label = format!("expected at most {}", shown(high));
            let message =
                format!("`above` ({}) is more than `below` ({})", shown(low), shown(high));
            self.report(&format!("{pointer}/above"), message, label);
        }
        Some((min, max))
    }

    fn limit(&mut self, quantity: Quantity, text: &str, pointer: &str) -> Option<Magnitude> {
        match read_as(quantity, text) {
            Ok(limit) => Some(limit),
            Err(error) => {
                let message = format!("\"{text}\" {}", error.found);
                let label = format!("`{}`: expected {}", quantity.name(), error.expected);
                match error.mend {
                    Some(mend) => self.report_help(pointer, message, label, mend),
                    None => self.report(pointer, message, label),
                }
                None
            }
        }
    }

    fn from(&mut self, file: Option<WhenFile>, pointer: &str) -> When {
        file.map_or(When::At(Nanos::ZERO), |file| self.when(&file, &format!("{pointer}/from")))
    }

    fn window(&mut self, from: Option<WhenFile>, to: Option<WhenFile>, pointer: &str) -> Window {
        let from = from.map(|from| self.when(&from, &format!("{pointer}/from")));
        let place = format!("{pointer}/to");
        let to = to.map(|to| self.when(&to, &place));
        if let Some(to) = to
            && is_empty(from.unwrap_or(When::At(Nanos::ZERO)), to)
        {
            let help = "`from` comes before `to`; leave one out for the run's start or end";
            self.report_help(&place, "the window is empty", "ends before it starts", help);
        }
        Window { from, to }
    }

    /// Reports a time after `from` that is over only after the run.
    fn fits(&mut self, from: When, time: Nanos, pointer: &str) {
        let (start, since) = match from {
            When::At(start) => (start, format!(" after {}", start.exact())),
            When::After { plus, .. } => (plus, String::new()),
        };
        // A start that is itself too late has been reported.
        if let Some(end) = self.end
            && start <= end
            && start.saturating_add(time) > end
        {
            let message = format!("{}{since} is after the end of the run", time.exact());
            let label = format!("the run ends at {}", end.exact());
            self.report(pointer, message, label);
        }
    }

    fn says_nothing(&mut self, pointer: &str, label: &str) {
        let help = "an expectation that cannot fail is no expectation";
        self.report_key(pointer, "this expectation says nothing", label, help);
    }
}

/// Whether nothing lies between two points, as far as that can be told beforehand.
fn is_empty(from: When, to: When) -> bool {
    match (from, to) {
        (When::At(from), When::At(to)) => from >= to,
        (
            When::After { event: first, nth, plus },
            When::After { event: second, nth: second_nth, plus: second_plus },
        ) => first == second && (nth, plus) >= (second_nth, second_plus) && nth >= second_nth,
        (When::At(_), When::After { .. }) | (When::After { .. }, When::At(_)) => false,
    }
}

fn final_states(file: &FinalStates) -> Vec<Event> {
    // The shape has checked subjects and values.
    let states = file.0.iter();
    states.filter_map(|(subject, value)| Event::parse(&format!("{subject} {value}"))).collect()
}

fn read_as(quantity: Quantity, text: &str) -> Result<Magnitude, QuantityError> {
    match quantity {
        Quantity::Vin
        | Quantity::Vsys
        | Quantity::Vscap
        | Quantity::CellVoltage
        | Quantity::CellHeadroom => Volts::parse(text).map(Magnitude::Volts),
        Quantity::LoadCurrent => Amps::parse(text).map(Magnitude::Amps),
        Quantity::CapsCurrent => Amps::parse_signed(text).map(Magnitude::Amps),
    }
}

const fn number(magnitude: Magnitude) -> f64 {
    match magnitude {
        Magnitude::Volts(volts) => volts.0,
        Magnitude::Amps(amps) => amps.0,
    }
}

fn shown(magnitude: Magnitude) -> String {
    match magnitude {
        Magnitude::Volts(volts) => volts.to_string(),
        Magnitude::Amps(amps) => amps.to_string(),
    }
}
