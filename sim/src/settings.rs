//! The firmware's configuration in words: names, times and polarity as people write them, and what
//! contradicts what.
//!
//! Shared by scenarios, which override fields, and by images, in which they are changed. The fields,
//! their meanings, limits and relations are the firmware's; nothing is listed here again.
//! Leaves out where a value came from: whoever read it reports the problem there.

use firmware::config::{Config, Polarity};
use firmware::time::Millis;

use crate::quantity::Nanos;

/// The name of the polarity among the firmware's times.
pub(crate) const POLARITY: &str = "request_polarity";

/// What the polarity means.
pub(crate) const POLARITY_ABOUT: &str =
    "The level of `pi_request` that asks for the power to be switched off.";

/// The polarity called `name`.
pub(crate) fn polarity(name: &str) -> Option<Polarity> {
    Polarity::ALL.into_iter().find(|polarity| polarity.name() == name)
}

/// The time as a word of the configuration block, if it is a whole number of milliseconds that fits.
pub(crate) fn millis(time: Nanos) -> Option<Millis> {
    let millis = u32::try_from(time.as_millis()).ok()?;
    (Nanos::from_millis(u64::from(millis)) == time).then_some(Millis(millis))
}

/// A word of the configuration block as a time.
pub(crate) fn nanos(time: Millis) -> Nanos {
    Nanos::from_millis(u64::from(time.0))
}

/// Two fields that do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    /// The fields.
    pub(crate) fields: [&'static str; 2],
    /// What must hold between them, with their values.
    pub(crate) message: String,
}

/// Every pair of fields that contradict each other.
pub(crate) fn contradictions(mut config: Config) -> Vec<Contradiction> {
    let mut found = Vec::new();
    while let Some((field, must, other)) = config.problem() {
        let value = |name: &str| {
            let time = config.times().into_iter().find(|time| time.0 == name);
            time.map_or(Nanos::ZERO, |time| nanos(time.2)).exact()
        };
        let message =
            format!("`{field}` ({}) must be {must} `{other}` ({})", value(field), value(other));
        found.push(Contradiction { fields: [field, other], message });
        // The defaults do not contradict each other, so the next one shows.
        for name in [field, other] {
            let mut defaults = Config::DEFAULT;
            if let (Some(time), Some(default)) = (config.time_mut(name), defaults.time_mut(name)) {
                *time = *default;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contradiction_is_found() {
        assert_eq!(contradictions(Config::DEFAULT), []);
        let config =
            Config { uncharged_bridge: Millis(3_000), debounce: Millis(9_000), ..Config::DEFAULT };
        let found = contradictions(config);
        let fields: Vec<_> = found.iter().map(|one| one.fields).collect();
        assert_eq!(fields, [["uncharged_bridge", "bridge"], ["debounce", "forced_off_hold"]]);
        assert_eq!(found[0].message, "`uncharged_bridge` (3 s) must be at most `bridge` (2 s)");
    }

    #[test]
    fn words_are_whole_milliseconds() {
        assert_eq!(millis(Nanos::from_secs(2)), Some(Millis(2_000)));
        assert_eq!(millis(Nanos(1_500_000)), None);
        assert_eq!(millis(Nanos::from_secs(60 * 86_400)), None);
        assert_eq!(polarity("active_low"), Some(Polarity::ActiveLow));
        assert_eq!(polarity("low"), None);
    }
}
