//! Reading a quantity: which units there are, what range is sane, and what to say otherwise.

use std::fmt;

use super::number::{Decimal, NotWhole, NumberError};

/// What a quantity measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// In volts.
    Voltage,
    /// In amperes.
    Current,
    /// In farads.
    Capacitance,
    /// In ohms.
    Resistance,
    /// In watts.
    Power,
    /// In joules.
    Energy,
    /// In units of time.
    Duration,
    /// A fraction of one.
    Ratio,
    /// In hertz.
    Frequency,
    /// How far something is from its nominal value, as a fraction of it; may be negative.
    Deviation,
    /// In degrees Celsius; may be negative.
    Temperature,
    /// How many times as much.
    Factor,
}

/// Why a text is not the quantity that was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantityError {
    /// What was found, to follow the quoted text: `is a current`.
    pub found: String,
    /// What was expected, with an example.
    pub expected: String,
    /// How to mend it, where that can be guessed.
    pub mend: Option<String>,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; expected {}", self.found, self.expected)?;
        self.mend.as_ref().map_or(Ok(()), |mend| write!(f, " ({mend})"))
    }
}

impl std::error::Error for QuantityError {}

/// The smallest capacitance that is not zero.
const SMALLEST_CAPACITANCE: f64 = 1e-12;
/// The longest duration: ten years of 365.25 days.
const LONGEST: u64 = 315_576_000_000_000_000;

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 12] = [
        Self::Voltage,
        Self::Current,
        Self::Capacitance,
        Self::Resistance,
        Self::Power,
        Self::Energy,
        Self::Duration,
        Self::Ratio,
        Self::Frequency,
        Self::Deviation,
        Self::Temperature,
        Self::Factor,
    ];

    /// The name of this dimension as a `format` in a JSON Schema.
    #[must_use]
    pub const fn format(self) -> &'static str {
        match self {
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::Capacitance => "capacitance",
            Self::Resistance => "resistance",
            Self::Power => "power",
            Self::Energy => "energy",
            // "duration" is taken by JSON Schema: ISO 8601, which this is not.
            Self::Duration => "time",
            Self::Ratio => "ratio",
            Self::Frequency => "frequency",
            Self::Deviation => "deviation",
            Self::Temperature => "temperature",
            Self::Factor => "factor",
        }
    }

    /// Its name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Ratio => "fraction",
            Self::Energy => "amount of energy",
            Self::Voltage
            | Self::Current
            | Self::Capacitance
            | Self::Resistance
            | Self::Power
            | Self::Frequency
            | Self::Deviation
            | Self::Temperature
            | Self::Factor => self.format(),
        }
    }

    /// A text that reads well.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Voltage => "4.7 V",
            Self::Current => "300 mA",
            Self::Capacitance => "25 F",
            Self::Resistance => "60 mOhm",
            Self::Power => "4.8 W",
            Self::Energy => "48 J",
            Self::Duration => "2.05 s",
            Self::Ratio => "92.5 %",
            Self::Frequency => "37 kHz",
            Self::Deviation => "-1.5 %",
            Self::Temperature => "25 degC",
            Self::Factor => "2.5",
        }
    }

    /// Smallest and largest sane value, in the base unit.
    const fn range(self) -> (f64, f64) {
        match self {
            Self::Voltage => (0.0, 1e3),
            Self::Current => (0.0, 100.0),
            Self::Capacitance => (0.0, 1e5),
            Self::Resistance => (0.0, 1e8),
            Self::Power => (0.0, 1e4),
            Self::Energy => (0.0, 1e9),
            Self::Duration => (0.0, LONGEST as f64 / 1e9),
            Self::Ratio => (0.0, 1.0),
            Self::Frequency => (1.0, 1e8),
            Self::Deviation => (-0.5, 0.5),
            Self::Temperature => (-55.0, 125.0),
            Self::Factor => (0.0, 1e3),
        }
    }

    const fn range_text(self) -> &'static str {
        match self {
            Self::Voltage => "0 V to 1 kV",
            Self::Current => "0 A to 100 A",
            Self::Capacitance => "0 F, or 1 pF to 100 kF",
            Self::Resistance => "0 Ohm to 100 MOhm",
            Self::Power => "0 W to 10 kW",
            Self::Energy => "0 J to 1 GJ",
            Self::Duration => "0 s to 10 years",
            Self::Ratio => "0 % to 100 %",
            Self::Frequency => "1 Hz to 100 MHz",
            Self::Deviation => "-50 % to 50 %",
            Self::Temperature => "-55 degC to 125 degC",
            Self::Factor => "0 to 1000",
        }
    }

    /// Whether a value may be negative.
    const fn is_signed(self) -> bool {
        matches!(self, Self::Deviation | Self::Temperature)
    }

    /// Whether a value needs no unit.
    const fn is_bare(self) -> bool {
        matches!(self, Self::Ratio | Self::Deviation | Self::Factor)
    }

    const fn article(self) -> &'static str {
        if matches!(self, Self::Energy) { "an" } else { "a" }
    }

    /// The symbols of this dimension's units, the usual one first, each with a decimal exponent.
    const fn units(self) -> &'static [(&'static str, i32)] {
        match self {
            Self::Voltage => &[("V", 0), ("mV", -3), ("uV", -6), ("kV", 3)],
            Self::Current => &[("A", 0), ("mA", -3), ("uA", -6), ("nA", -9), ("kA", 3)],
            Self::Capacitance => {
                &[("F", 0), ("mF", -3), ("uF", -6), ("nF", -9), ("pF", -12), ("kF", 3)]
            }
            Self::Resistance => &[
                ("Ohm", 0),
                ("Ω", 0),
                ("mOhm", -3),
                ("mΩ", -3),
                ("uOhm", -6),
                ("uΩ", -6),
                ("kOhm", 3),
                ("kΩ", 3),
                ("MOhm", 6),
                ("MΩ", 6),
            ],
            Self::Power => &[("W", 0), ("mW", -3), ("uW", -6), ("kW", 3)],
            Self::Energy => &[("J", 0), ("mJ", -3), ("uJ", -6), ("kJ", 3), ("MJ", 6)],
            // Exponents are of no use for time; see `TIME_UNITS`.
            Self::Duration => {
                &[("s", 0), ("ms", 0), ("us", 0), ("ns", 0), ("min", 0), ("h", 0), ("days", 0)]
            }
            Self::Ratio => &[("%", -2)],
            Self::Frequency => &[("kHz", 3), ("Hz", 0), ("MHz", 6)],
            Self::Deviation => &[("%", -2), ("ppm", -6)],
            Self::Temperature => &[("degC", 0), ("°C", 0)],
            Self::Factor => &[("times", 0)],
        }
    }

    /// Whether `text` is such a quantity.
    ///
    /// # Errors
    /// Says what was found, what was expected, and how to mend it.
    pub fn check(self, text: &str) -> Result<(), QuantityError> {
        if matches!(self, Self::Duration) {
            duration(text).map(drop)
        } else {
            value(self, text).map(drop)
        }
    }

    fn error(self, found: impl Into<String>, mend: Option<String>) -> QuantityError {
        let expected = format!("{} {} such as \"{}\"", self.article(), self.name(), self.example());
        QuantityError { found: found.into(), expected, mend }
    }

    fn number_error(self, text: &str, error: NumberError) -> QuantityError {
        match error {
            NumberError::Missing => self.error(
                if text.is_empty() { "is empty" } else { "does not start with a number" },
                None,
            ),
            NumberError::Negative => {
                self.error("is negative", Some(format!("the range is {}", self.range_text())))
            }
            NumberError::NotFinite => self.error("is not a finite number", None),
            NumberError::Comma => self.error(
                "has a decimal comma",
                Some(format!("write \"{}\"", text.replace(',', "."))),
            ),
            NumberError::BarePoint => self.error(
                "lacks digits beside its decimal point",
                Some("write 0.5, not .5".to_owned()),
            ),
            NumberError::Exponent => self.error(
                "has an exponent",
                Some("write a plain number and a prefixed unit, such as mV or uF".to_owned()),
            ),
        }
    }

    /// What is wrong with `unit`, which is none of this dimension's.
    fn unit_error(self, number: &str, unit: &str) -> QuantityError {
        let write = |unit: &str| Some(format!("write \"{number} {unit}\""));
        if unit.is_empty() {
            let usual = self.units()[0].0;
            return self.error("has no unit", write(usual));
        }
        if let Some(other) = Self::ALL.into_iter().find(|other| other.exponent(unit).is_some()) {
            return self.error(format!("is {} {}", other.article(), other.name()), None);
        }
        let mend = self.guess(unit).map_or_else(
            || {
                let units: Vec<_> = self.units().iter().map(|unit| unit.0).collect();
                Some(format!("units of {} are {}", self.name(), units.join(", ")))
            },
            |unit| Some(format!("did you mean \"{number} {unit}\"?")),
        );
        self.error(format!("has an unknown unit, \"{}\"", shortened(unit)), mend)
    }

    /// The decimal exponent of `unit` if it is one of this dimension's.
    fn exponent(self, unit: &str) -> Option<i32> {
        let unit = spelled(unit);
        if matches!(self, Self::Duration) {
            return time_unit(&unit).map(|_| 0);
        }
        self.units().iter().find(|(symbol, _)| *symbol == unit).map(|(_, exponent)| *exponent)
    }

    /// The unit that was probably meant.
    fn guess(self, unit: &str) -> Option<&'static str> {
        const WORDS: [(&str, &str); 14] = [
            ("volt", "V"),
            ("millivolt", "mV"),
            ("amp", "A"),
            ("ampere", "A"),
            ("milliamp", "mA"),
            ("farad", "F"),
            ("ohm", "Ohm"),
            ("watt", "W"),
            ("joule", "J"),
            ("sec", "s"),
            ("second", "s"),
            ("percent", "%"),
            ("celsius", "degC"),
            ("c", "degC"),
        ];
        const TIMES: [(&str, &str); 7] = [
            ("minute", "min"),
            ("hour", "h"),
            ("hr", "h"),
            ("msec", "ms"),
            ("millisecond", "ms"),
            ("usec", "us"),
            ("microsecond", "us"),
        ];
        let lower = unit.to_lowercase();
        let singular = lower.strip_suffix('s').unwrap_or(&lower);
        let word = WORDS.iter().chain(&TIMES).find(|(word, _)| *word == lower || *word == singular);
        let symbol = word.map_or(lower.as_str(), |(_, symbol)| symbol);
        self.units()
            .iter()
            .map(|(symbol, _)| *symbol)
            .find(|known| known.eq_ignore_ascii_case(symbol))
    }
}

/// The value of `text` in the base unit of `dimension`, which is not time.
pub(super) fn value(dimension: Dimension, text: &str) -> Result<f64, QuantityError> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix(['-', '−']) {
        Some(magnitude) if dimension.is_signed() => (-1.0, magnitude.trim_start()),
        Some(_) | None => (1.0, text),
    };
    let (number, unit) =
        Decimal::split(text).map_err(|error| dimension.number_error(text, error))?;
    let exponent = match dimension.exponent(unit) {
        Some(exponent) => exponent,
        None if unit.is_empty() && dimension.is_bare() => 0,
        None => return Err(dimension.unit_error(number_text(text, unit), unit)),
    };
    let value = sign * number.scaled(exponent);
    let (min, max) = dimension.range();
    let too_small =
        dimension == Dimension::Capacitance && value > 0.0 && value < SMALLEST_CAPACITANCE;
    if value < min || value > max || too_small {
        let mend = if dimension == Dimension::Ratio && unit.is_empty() {
            format!("did you mean \"{text} %\"?")
        } else {
            format!("the range is {}", dimension.range_text())
        };
        return Err(dimension.error("is out of range", Some(mend)));
    }
    Ok(value)
}

/// The nanoseconds of `text`.
pub(super) fn duration(text: &str) -> Result<u64, QuantityError> {
    let time = Dimension::Duration;
    let text = text.trim();
    let (number, unit) = Decimal::split(text).map_err(|error| time.number_error(text, error))?;
    let Some(nanos) = time_unit(&spelled(unit)) else {
        return Err(time.unit_error(number_text(text, unit), unit));
    };
    match number.times(nanos) {
        Some(Ok(nanos)) if nanos <= LONGEST => Ok(nanos),
        Some(Err(NotWhole)) => Err(time
            .error("is finer than a nanosecond", Some("times are whole nanoseconds".to_owned()))),
        Some(Ok(_)) | None => {
            Err(time.error("is out of range", Some(format!("the range is {}", time.range_text()))))
        }
    }
}

/// Nanoseconds in a unit of time.
fn time_unit(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "day" | "days" => 86_400_000_000_000,
        _ => return None,
    })
}

/// `unit` with both characters for micro as `u`, and the ohm sign as omega.
fn spelled(unit: &str) -> String {
    unit.replace(['µ', 'μ'], "u").replace('\u{2126}', "Ω")
}

/// The number in front of `unit`, as written.
fn number_text<'a>(text: &'a str, unit: &str) -> &'a str {
    text.strip_suffix(unit).unwrap_or(text).trim_end()
}

/// At most 20 characters of `text`.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(20).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dimension: Dimension, text: &str, message: &str) {
        assert_eq!(dimension.check(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn errors_name_what_was_found_what_was_expected_and_the_mend() {
        use Dimension::{Capacitance, Current, Duration, Energy, Ratio, Resistance, Voltage};
        check(Voltage, "4.7 A", "is a current; expected a voltage such as \"4.7 V\"");
        check(
            Voltage,
            "4.7",
            "has no unit; expected a voltage such as \"4.7 V\" (write \"4.7 V\")",
        );
        check(
            Voltage,
            "4,7 V",
            "has a decimal comma; expected a voltage such as \"4.7 V\" (write \"4.7 V\")",
        );
        check(
            Voltage,
            "1001 V",
            "is out of range; expected a voltage such as \"4.7 V\" (the range is 0 V to 1 kV)",
        );
        check(
            Duration,
            "5 Seconds",
            "has an unknown unit, \"Seconds\"; expected a duration such as \"2.05 s\" (did you mean \"5 s\"?)",
        );
        check(
            Current,
            "300 MA",
            "has an unknown unit, \"MA\"; expected a current such as \"300 mA\" (did you mean \"300 mA\"?)",
        );
        check(
            Resistance,
            "5 qux",
            "has an unknown unit, \"qux\"; expected a resistance such as \"60 mOhm\" (units of resistance are Ohm, Ω, mOhm, mΩ, uOhm, uΩ, kOhm, kΩ, MOhm, MΩ)",
        );
        check(Energy, "", "is empty; expected an amount of energy such as \"48 J\"");
        check(
            Capacitance,
            "0.1 pF",
            "is out of range; expected a capacitance such as \"25 F\" (the range is 0 F, or 1 pF to 100 kF)",
        );
        check(
            Duration,
            "0.5 ns",
            "is finer than a nanosecond; expected a duration such as \"2.05 s\" (times are whole nanoseconds)",
        );
        check(
            Duration,
            "3653 days",
            "is out of range; expected a duration such as \"2.05 s\" (the range is 0 s to 10 years)",
        );
        check(
            Ratio,
            "92.5",
            "is out of range; expected a fraction such as \"92.5 %\" (did you mean \"92.5 %\"?)",
        );
        check(
            Dimension::Deviation,
            "-60 %",
            "is out of range; expected a deviation such as \"-1.5 %\" (the range is -50 % to 50 %)",
        );
        check(
            Dimension::Frequency,
            "37",
            "has no unit; expected a frequency such as \"37 kHz\" (write \"37 kHz\")",
        );
        check(
            Dimension::Temperature,
            "-60 degC",
            "is out of range; expected a temperature such as \"25 degC\" (the range is -55 degC to 125 degC)",
        );
        check(
            Dimension::Temperature,
            "60 C",
            "has an unknown unit, \"C\"; expected a temperature such as \"25 degC\" (did you mean \"60 degC\"?)",
        );
        check(Voltage, "infinity", "is not a finite number; expected a voltage such as \"4.7 V\"");
    }
}
