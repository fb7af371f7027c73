//! Quantities with units: how files say "25 F" and "2.05 s", and how reports say them back.
//!
//! Times are whole nanoseconds ([`Nanos`]) and never pass through floating point on their way in
//! or out, so a file's time is exactly the simulator's. Everything else is an `f64` in the SI base
//! unit, read with one correctly rounded conversion (`"300 mA"` is the `f64` nearest to 0.3).
//!
//! Assumes nothing about who asks: each type only knows its own sane range, which is wide. Whether
//! a value makes sense for a certain part is the part's business.
//! Leaves out compound values (`1 min 30 s`), exponents (`1e-3 F`) and arithmetic between units.

mod nanos;
mod number;
mod read;

pub use nanos::Nanos;
pub use read::{Dimension, QuantityError};

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! quantities {
    ($($(#[doc = $doc:literal])+ $name:ident, $dimension:ident, $symbol:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
        pub struct $name(pub f64);

        impl $name {
            /// Reads a value with its unit.
            ///
            /// # Errors
            /// Says what was found, what was expected, and how to mend it.
            pub fn parse(text: &str) -> Result<Self, QuantityError> {
                read::value(Dimension::$dimension, text).map(Self)
            }
        }

        /// Engineering notation (`4.700 V`, `60.0 mOhm`); with a precision, in the base unit.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match f.precision() {
                    Some(decimals) => f.pad_quantity(&fixed(self.0, decimals, $symbol)),
                    None => f.pad_quantity(&engineering(self.0, $symbol)),
                }
            }
        }

        quantity_serde!($name, $dimension, |this: &$name| format!("{} {}", this.0, $symbol));
    )+};
}

macro_rules! quantity_serde {
    ($name:ident, $dimension:ident, $exact:expr) => {
        impl std::str::FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&$exact(self))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                Dimension::$dimension.schema()
            }
        }
    };
}

quantities! {
    /// A voltage \[V\].
    Volts, Voltage, "V";
    /// A current \[A\].
    Amps, Current, "A";
    /// A capacitance \[F\].
    Farads, Capacitance, "F";
    /// A resistance \[Ohm\].
    Ohms, Resistance, "Ohm";
    /// A power \[W\].
    Watts, Power, "W";
    /// An energy \[J\].
    Joules, Energy, "J";
    /// A frequency \[Hz\].
    Hertz, Frequency, "Hz";
    /// A temperature \[°C\].
    Celsius, Temperature, "degC";
    /// How many times as much, without a unit.
    Factor, Factor, "times";
}

impl Celsius {
    /// The temperature at which data sheets give their values.
    pub const REFERENCE: Self = Self(25.0);
}

/// A fraction, 0 to 1. Written as `"92.5 %"` or `"0.925"`, printed in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Ratio(pub f64);

impl Ratio {
    /// Reads a fraction, in percent or without a unit.
    ///
    /// # Errors
    /// Says what was found, what was expected, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        read::value(Dimension::Ratio, text).map(Self)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad_quantity(&fixed(self.0 * 100.0, f.precision().unwrap_or(1), "%"))
    }
}

/// How far something is from its nominal value, as a fraction of it: `"-1.5 %"`, `"72 ppm"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Deviation(pub f64);

impl Deviation {
    /// Reads a deviation, in percent, in parts per million or without a unit, negative or not.
    ///
    /// # Errors
    /// Says what was found, what was expected, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        read::value(Dimension::Deviation, text).map(Self)
    }
}

/// In percent from 0.1 % up, else in parts per million.
impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.0.abs() >= 1e-3 {
            fixed(self.0 * 100.0, f.precision().unwrap_or(2), "%")
        } else {
            fixed(self.0 * 1e6, f.precision().unwrap_or(0), "ppm")
        };
        f.pad_quantity(&text)
    }
}

quantity_serde!(Deviation, Deviation, |this: &Deviation| this.0.to_string());
quantity_serde!(Ratio, Ratio, |this: &Ratio| this.0.to_string());
quantity_serde!(Nanos, Duration, |this: &Nanos| this.exact());

impl Amps {
    /// Reads a current that may be negative, as the capacitors' current is while they charge.
    ///
    /// # Errors
    /// Says what was found, what was expected, and how to mend it.
    pub fn parse_signed(text: &str) -> Result<Self, QuantityError> {
        match text.trim().strip_prefix('-') {
            Some(magnitude) => Self::parse(magnitude).map(|amps| Self(-amps.0)),
            None => Self::parse(text),
        }
    }
}

/// `value` in the base unit with a fixed number of decimals; never a negative zero.
fn fixed(value: f64, decimals: usize, symbol: &str) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = text.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'));
    format!("{} {symbol}", if is_zero { text.trim_start_matches('-') } else { &text })
}

/// `value` with the prefix that leaves 1 to 3 digits before the point: three decimals from the
/// base unit up, one below it.
fn engineering(value: f64, symbol: &str) -> String {
    const PREFIXES: [(&str, f64, usize); 6] =
        [("p", 1e12, 1), ("n", 1e9, 1), ("u", 1e6, 1), ("m", 1e3, 1), ("", 1.0, 3), ("k", 1e-3, 3)];
    if value.abs() < 5e-14 {
        return fixed(0.0, 3, symbol);
    }
    let first = PREFIXES.into_iter().find_map(|(prefix, factor, decimals)| {
        let text = format!("{:.decimals$}", value * factor);
        let whole = text.trim_start_matches('-').split('.').next().map_or(0, str::len);
        (whole <= 3).then(|| format!("{text} {prefix}{symbol}"))
    });
    first.unwrap_or_else(|| format!("{:.3} M{symbol}", value * 1e-6))
}

/// Padding for texts that are numbers: to the right unless told otherwise, precision ignored.
trait PadQuantity {
    fn pad_quantity(&mut self, text: &str) -> fmt::Result;
}

impl PadQuantity for fmt::Formatter<'_> {
    fn pad_quantity(&mut self, text: &str) -> fmt::Result {
        let missing = self.width().unwrap_or(0).saturating_sub(text.chars().count());
        let (before, after) = match self.align() {
            Some(fmt::Alignment::Left) => (0, missing),
            Some(fmt::Alignment::Center) => (missing / 2, missing - missing / 2),
            Some(fmt::Alignment::Right) | None => (missing, 0),
        };
        write!(self, "{:before$}{text}{:after$}", "", "")
    }
}

impl Dimension {
    /// The JSON Schema of a string that holds such a quantity.
    fn schema(self) -> Schema {
        json_schema!({
            "type": "string",
            "format": self.format(),
            "description": format!("A {} with its unit, such as {}.", self.name(), self.example()),
            "examples": [self.example()],
        })
    }
}

/// A value with three decimals, never a negative zero.
pub(crate) fn decimals(value: f64) -> String {
    let text = format!("{value:.3}");
    if text == "-0.000" { "0.000".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_scale_exactly() {
        assert_eq!(Amps::parse("300 mA"), Ok(Amps(0.3)));
        assert_eq!(Farads::parse("25 F"), Ok(Farads(25.0)));
        assert_eq!(Farads::parse("470 uF"), Ok(Farads(470e-6)));
        assert_eq!(Farads::parse("470 µF"), Ok(Farads(470e-6)));
        assert_eq!(Ohms::parse("60 mOhm"), Ok(Ohms(0.06)));
        assert_eq!(Ohms::parse("60 mΩ"), Ok(Ohms(0.06)));
        assert_eq!(Watts::parse("4.8 W"), Ok(Watts(4.8)));
        assert_eq!(Joules::parse("48J"), Ok(Joules(48.0)));
        assert_eq!(Ratio::parse("92.5 %"), Ok(Ratio(0.925)));
        assert_eq!(Ratio::parse("0.925"), Ok(Ratio(0.925)));
        assert_eq!(Amps::parse_signed("-0.5 A"), Ok(Amps(-0.5)));
        assert_eq!(Hertz::parse("37 kHz"), Ok(Hertz(37e3)));
        assert_eq!(Deviation::parse("-1.5 %"), Ok(Deviation(-0.015)));
        assert_eq!(Deviation::parse("72 ppm"), Ok(Deviation(72e-6)));
        assert_eq!(Celsius::parse("-10 degC"), Ok(Celsius(-10.0)));
        assert_eq!(Celsius::parse("60 °C"), Ok(Celsius(60.0)));
        assert_eq!(Factor::parse("2.5 times"), Ok(Factor(2.5)));
        assert_eq!(Factor::parse("3"), Ok(Factor(3.0)));
    }

    #[test]
    fn printing_is_engineering_with_stable_rounding() {
        for (value, text) in [
            (4.7, "4.700 V"),
            (0.3, "300.0 mV"),
            (0.999_94, "999.9 mV"),
            (0.99999, "1.000 V"),
            (-0.5, "-500.0 mV"),
            (0.0, "0.000 V"),
            (-1e-18, "0.000 V"),
            (45e-6, "45.0 uV"),
            (999.9999, "1.000 kV"),
            (2.5e6, "2.500 MV"),
        ] {
            assert_eq!(Volts(value).to_string(), text);
        }
        assert_eq!(Ohms(0.06).to_string(), "60.0 mOhm");
        assert_eq!(Ratio(0.925).to_string(), "92.5 %");
        assert_eq!(Hertz(37e3).to_string(), "37.000 kHz");
        assert_eq!(Deviation(-0.015).to_string(), "-1.50 %");
        assert_eq!(Deviation(72e-6).to_string(), "72 ppm");
        assert_eq!(format!("{:.2}", Amps(-0.001)), "0.00 A");
        assert_eq!(format!("[{:>9}] [{:<9}]", Volts(4.7), Volts(4.7)), "[  4.700 V] [4.700 V  ]");
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for value in [4.7, 0.3, 45e-6, 1e5, 1.0 / 3.0] {
            let text = serde_json::to_string(&Farads(value)).unwrap();
            assert_eq!(serde_json::from_str::<Farads>(&text).unwrap(), Farads(value), "{text}");
        }
        for value in [0, 1, 500, 1_500, 2_050_000_000, 259_200_000_000_000] {
            let text = serde_json::to_string(&Nanos(value)).unwrap();
            assert_eq!(serde_json::from_str::<Nanos>(&text).unwrap(), Nanos(value), "{text}");
        }
    }
}
