//! Whether the supply is trusted with a start, as far as a user was promised: after a start that it did not
//! carry through the load test the next one may wait, and so it may after three in a row that ended in an
//! outage before the supply had carried the Pi for `load_test_forgive`. One that could not even charge the
//! capacitors counts twice.

use firmware::config::Config;

use crate::quantity::Nanos;
use crate::timeline::{CapsCharged, Event, SupplyEnable, SupplyGood};

/// Starts in a row that may end soon before the next one waits.
const BORNE: u32 = 3;

/// How long the next start may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trusted {
    /// As after any start.
    Yes,
    /// As long as the longest back-off.
    No,
}

/// What the supply did to the starts so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    window: Nanos,
    forgive: Nanos,
    fed_since: Option<Nanos>,
    good_since: Nanos,
    /// Starts in a row that a loss met soon; of the last one whether it counts already, and what.
    short_lived: u32,
    counted: bool,
    weight: u32,
    last_was_an_attempt: bool,
}

impl Trust {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            window: Nanos::from_millis(config.load_test_window.0.into()),
            forgive: Nanos::from_millis(config.load_test_forgive.0.into()),
            fed_since: None,
            good_since: Nanos::ZERO,
            short_lived: 0,
            counted: true,
            weight: 1,
            last_was_an_attempt: false,
        }
    }

    pub(super) fn follow(&mut self, at: Nanos, event: Event) {
        if event == Event::SupplyEnable(SupplyEnable::On) {
            self.fed_since = Some(at);
            self.counted = false;
            self.weight = 2;
        } else if event == Event::CapsCharged(CapsCharged::High) {
            self.weight = 1;
        } else if event == Event::SupplyGood(SupplyGood::High) {
            self.good_since = at;
        }
        let Some(since) = self.fed_since else { return };
        if event == Event::SupplyEnable(SupplyEnable::Off) {
            self.last_was_an_attempt = at.saturating_sub(since) <= self.window;
            self.fed_since = None;
        } else if event == Event::SupplyGood(SupplyGood::Low) {
            if at.saturating_sub(since.max(self.good_since)) >= self.forgive {
                // The end of one that lived long counts for nothing but its empty capacitors.
                self.short_lived = self.weight - 1;
                self.counted = true;
            } else if !std::mem::replace(&mut self.counted, true) {
                self.short_lived += self.weight;
            }
        }
    }

    pub(super) const fn state(&self) -> Trusted {
        if self.last_was_an_attempt || self.short_lived >= BORNE {
            Trusted::No
        } else {
            Trusted::Yes
        }
    }
}
