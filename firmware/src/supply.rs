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
            *self = Self::new(now, level);
        }
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

/// The supply over time. A return that lasts no longer than noise does not end a loss: a supply that
/// collapses under its load comes back for a moment whenever it is relieved, and each of its losses alone
/// would be bridged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SupplyTrack {
    line: Track<Supply>,
    /// When the loss began, if it is lost.
    lost_at: Instant,
}

impl SupplyTrack {
    pub(crate) const fn new(now: Instant, level: Supply) -> Self {
        Self { line: Track::new(now, level), lost_at: now }
    }

    pub(crate) fn update(&mut self, now: Instant, level: Supply, noise: Millis) {
        if self.line.level() == Supply::Good && self.line.has_been(noise, now) {
            self.lost_at = now;
        }
        self.line.update(now, level);
    }

    pub(crate) const fn level(&self) -> Supply {
        self.line.level()
    }

    /// Since when it has been good, if it is.
    pub(crate) const fn since(&self) -> Instant {
        self.line.since()
    }

    pub(crate) const fn view(&self, now: Instant, bridge: Millis, settle: Millis) -> View {
        match self.line.level() {
            Supply::Lost if now.has_been(bridge, self.lost_at) => View::Gone,
            Supply::Lost => View::Lost,
            Supply::Good if self.line.has_been(settle, now) => View::Settled,
            Supply::Good => View::Good,
        }
    }

    /// When the view changes by itself.
    pub(crate) const fn changes_at(&self, bridge: Millis, settle: Millis) -> Instant {
        match self.line.level() {
            Supply::Lost => self.lost_at.after(bridge),
            Supply::Good => self.line.since().after(settle),
        }
    }

    pub(crate) const fn set_back(&mut self, interval: Millis) {
        self.line.set_back(interval);
        self.lost_at = self.lost_at.set_back(interval);
    }
}
