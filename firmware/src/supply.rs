//! Levels over time: since when the supply has been good or lost, since when `caps_charged` is high.

use crate::signals::{Caps, Supply};
use crate::time::{Instant, Millis};

/// The supply as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Lost, for less than the bridging time.
    Lost,
    /// Lost for the bridging time or longer: this is an outage.
    Gone,
    /// Good, for less than the settling time.
    Good,
    /// Good without a break for the settling time or longer.
    Settled,
}

/// The level last sampled and the instant at which it was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SupplyTrack {
    level: Supply,
    since: Instant,
}

impl SupplyTrack {
    pub(crate) const fn new(now: Instant, level: Supply) -> Self {
        Self { level, since: now }
    }

    pub(crate) fn update(&mut self, now: Instant, level: Supply) {
        if self.level != level {
            *self = Self::new(now, level);
        }
    }

    pub(crate) const fn since(&self) -> Instant {
        self.since
    }

    pub(crate) const fn level(&self) -> Supply {
        self.level
    }

    pub(crate) const fn view(&self, now: Instant, bridge: Millis, settle: Millis) -> View {
        match self.level {
            Supply::Lost if now.has_been(bridge, self.since) => View::Gone,
            Supply::Lost => View::Lost,
            Supply::Good if now.has_been(settle, self.since) => View::Settled,
            Supply::Good => View::Good,
        }
    }

    /// When the view changes by itself.
    pub(crate) const fn changes_at(&self, bridge: Millis, settle: Millis) -> Instant {
        match self.level {
            Supply::Lost => self.since.after(bridge),
            Supply::Good => self.since.after(settle),
        }
    }
}

/// `caps_charged` as last sampled and the instant at which that level was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CapsTrack {
    level: Caps,
    since: Instant,
}

impl CapsTrack {
    pub(crate) const fn new(now: Instant, level: Caps) -> Self {
        Self { level, since: now }
    }

    pub(crate) fn update(&mut self, now: Instant, level: Caps) {
        if self.level != level {
            *self = Self::new(now, level);
        }
    }

    /// Whether the capacitors have been charged for at least `steady`: a spike is no charge.
    pub(crate) const fn is_charged(&self, now: Instant, steady: Millis) -> bool {
        match self.level {
            Caps::Charged => now.has_been(steady, self.since),
            Caps::Unknown => false,
        }
    }
}
