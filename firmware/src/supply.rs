//! Levels over time: since when an input has been what it is; the supply as the rules see it.

use crate::signals::Supply;
use crate::time::{Instant, Millis};

/// The level of an input as last sampled, and the instant at which it was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Track<Level> {
    level: Level,
    since: Instant,
}

impl<Level: Copy + PartialEq> Track<Level> {
    pub(crate) const fn new(now: Instant, level: Level) -> Self {
        Self { level, since: now }
    }

    pub(crate) fn update(&mut self, now: Instant, level: Level) {
        if self.level != level {
            self.begin(now, level);
        }
    }

    /// Whatever was before counts no more.
    pub(crate) const fn begin(&mut self, now: Instant, level: Level) {
        self.level = level;
        self.since = now;
    }

    pub(crate) const fn level(&self) -> Level {
        self.level
    }

    pub(crate) const fn since(&self) -> Instant {
        self.since
    }

    /// Whether the level has been the same for at least `interval`.
    // Called from eight places; inlined, the image grows by 120 bytes.
    #[inline(never)]
    pub(crate) const fn has_been(&self, interval: Millis, now: Instant) -> bool {
        now.has_been(interval, self.since)
    }

    pub(crate) const fn set_back(&mut self, interval: Millis) {
        self.since = self.since.set_back(interval);
    }
}

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

impl Track<Supply> {
    pub(crate) const fn view(&self, now: Instant, bridge: Millis, settle: Millis) -> View {
        match self.level {
            Supply::Lost if self.has_been(bridge, now) => View::Gone,
            Supply::Lost => View::Lost,
            Supply::Good if self.has_been(settle, now) => View::Settled,
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
