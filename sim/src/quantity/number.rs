//! A plain decimal number in front of a unit, kept as digits so that nothing is rounded early.

/// An unsigned decimal number as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal<'a> {
    /// Digits before the point.
    pub(super) whole: &'a str,
    /// Digits after the point.
    pub(super) fraction: &'a str,
}

/// Why a text does not start with a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    /// There is none.
    Missing,
    /// It is negative.
    Negative,
    /// It says infinity or not-a-number.
    NotFinite,
    /// A comma where the decimal point belongs.
    Comma,
    /// Digits are missing before or after the point.
    BarePoint,
    /// It has an exponent.
    Exponent,
}

impl<'a> Decimal<'a> {
    /// Splits `text` into the number it starts with and the rest, the unit.
    pub(super) fn split(text: &'a str) -> Result<(Self, &'a str), NumberError> {
        if text.starts_with(['-', '−']) {
            return Err(NumberError::Negative);
        }
        let (whole, rest) = digits(text);
        if whole.is_empty() {
            return Err(without_digits(text));
        }
        let (fraction, rest) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(after) => match digits(after) {
                ("", _) => return Err(NumberError::BarePoint),
                split => split,
            },
        };
        if let Some(after) = rest.strip_prefix(',')
            && after.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(NumberError::Comma);
        }
        if let Some(after) = rest.strip_prefix(['e', 'E'])
            && after.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(NumberError::Exponent);
        }
        Ok((Self { whole, fraction }, rest.trim()))
    }

    /// The nearest `f64` to this number times ten to the power of `exponent`.
    pub(super) fn scaled(self, exponent: i32) -> f64 {
        // Only digits and a point are in it, so it parses; a huge one becomes infinite.
        let text = format!("{}.{}e{exponent}", self.whole, self.fraction);
        text.parse().unwrap_or(f64::INFINITY)
    }

    /// This number times `unit`, if that is whole and fits 64 bits. `None` if it is too large.
    pub(super) fn times(self, unit: u64) -> Option<Result<u64, NotWhole>> {
        let fraction = self.fraction.trim_end_matches('0');
        if fraction.len() > 18 {
            return Some(Err(NotWhole));
        }
        let digits = format!("{}{fraction}", self.whole.trim_start_matches('0'));
        let digits = if digits.is_empty() { "0" } else { &digits };
        if digits.len() > 36 {
            return None;
        }
        let scale = (0..fraction.len()).fold(1_u128, |scale, _| scale * 10);
        let product = digits.parse::<u128>().ok()?.checked_mul(u128::from(unit))?;
        if product % scale != 0 {
            return Some(Err(NotWhole));
        }
        u64::try_from(product / scale).ok().map(Ok)
    }
}

/// The product is finer than the unit that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotWhole;

/// The ASCII digits at the start, and the rest.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn without_digits(text: &str) -> NumberError {
    let lower = text.trim_start_matches('+').to_ascii_lowercase();
    if lower.starts_with("inf") || lower.starts_with("nan") || lower.starts_with('∞') {
        NumberError::NotFinite
    } else if text.starts_with('.') && text[1..].starts_with(|c: char| c.is_ascii_digit()) {
        NumberError::BarePoint
    } else {
        NumberError::Missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_number_and_unit() {
        let (number, unit) = Decimal::split("2.05 s").unwrap();
        assert_eq!((number.whole, number.fraction, unit), ("2", "05", "s"));
        assert_eq!(number.times(1_000_000_000), Some(Ok(2_050_000_000)));
        assert_eq!(Decimal::split("1.5ns").unwrap().0.times(1), Some(Err(NotWhole)));
        assert_eq!(Decimal::split(&"9".repeat(99)).unwrap().0.times(1), None);
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, error) in [
            ("", NumberError::Missing),
            ("V", NumberError::Missing),
            ("-1 V", NumberError::Negative),
            ("inf V", NumberError::NotFinite),
            ("4,7 V", NumberError::Comma),
            (".5 V", NumberError::BarePoint),
            ("5. V", NumberError::BarePoint),
            ("1e-3 F", NumberError::Exponent),
        ] {
            assert_eq!(Decimal::split(text).unwrap_err(), error, "{text}");
        }
    }
}
