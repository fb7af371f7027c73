//! "Did you mean": the known word that is nearest to the one that was found.

/// The candidate that `word` is probably a slip of, if one is near enough.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let length = word.chars().count();
    if length == 0 || length > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = plain(candidate);
        let starts_alike = length >= 3 && (known.starts_with(&word) || word.starts_with(&known));
        let distance = strsim::damerau_levenshtein(&word, &known);
        let near = distance <= length.div_ceil(3) || starts_alike;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Words in a row, each between backticks; a long row is cut.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 30;
    let mut words = words.into_iter().map(|word| format!("`{word}`"));
    let shown: Vec<_> = words.by_ref().take(MOST).collect();
    match words.count() {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let words = ["power_good", "supply_good", "pi_request"];
        assert_eq!(closest("power_gud", words), Some("power_good"));
        assert_eq!(closest("Power-Good", words), Some("power_good"));
        assert_eq!(closest("supply", words), Some("supply_good"));
        assert_eq!(closest("elephant", words), None);
        assert_eq!(closest("", words), None);
    }
}
