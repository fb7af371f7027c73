//! What the board is doing: the states of the machine, with their deadlines.
//!
//! ```text
//!            supply settled, intent on                  window over
//!   ┌─── Off ───────────────────────────▶ LoadTest ────────────────▶ Starting
//!   │     ▲ ▲                                │ supply lost              │ power_good_delay
//!   │     │ └───────── Backoff ◀─────────────┘                          ▼
//!   │     │                                              supply lost   On ◀──┐
//!   │    Gap ◀── Shutdown ◀── Notice ◀── Bridging ◀────────────────────┘     │
//!   │             cut at its       outage, button, request     │  supply back │
//!   │             deadline                                     └──────────────┘
//!   └─ button (settled supply): as "intent on"
//! ```
//!
//! A state holds what only it needs, deadlines as absolute instants; what is known of a fed Pi outlives
//! its states and stands beside them ([`Powered`]). Which state follows which is the business of
//! [`rules`](crate::rules); who drives them is [`machine`](crate::machine).

use crate::signals::{Caps, LoadSwitch};
use crate::time::{Instant, Millis};

/// A Pi that is fed, or the last one that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Powered {
    /// When its supply was enabled.
    pub since: Instant,
    /// Whether the capacitors were seen charged since then (R10).
    pub caps: Caps,
}

/// What the board is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The Pi is off. It starts when the record wants it and the supply has settled.
    Off,
    /// The Pi was just cut off; its rail must fall and stay down.
    Gap {
        /// End of the gap.
        until: Instant,
    },
    /// The supply could not carry the load; the next attempt waits.
    Backoff {
        /// End of the wait.
        until: Instant,
    },
    /// The Pi is fed and runs its boot loader: losing the supply now costs nothing (R8).
    LoadTest {
        /// End of the window.
        until: Instant,
    },
    /// The Pi boots; `power_good` is still low.
    Starting {
        /// When `power_good` is due to be released.
        until: Instant,
    },
    /// The Pi runs on the supply.
    On {
        /// When the load switch closes.
        close_at: Instant,
    },
    /// The Pi runs on the capacitors and has not been told.
    Bridging {
        /// What the load switch was when the supply went.
        load_switch: LoadSwitch,
    },
    /// The loads are shed; the Pi is told in a moment.
    Notice {
        /// When `power_good` goes low.
        low_at: Instant,
    },
    /// The Pi was told and shuts down.
    Shutdown {
        /// When its supply is cut.
        cut_at: Instant,
    },
}

impl State {
    /// Its name in logs and tables.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Gap { .. } => "gap",
            Self::Backoff { .. } => "backoff",
            Self::LoadTest { .. } => "load_test",
            Self::Starting { .. } => "starting",
            Self::On { .. } => "on",
            Self::Bridging { .. } => "bridging",
            Self::Notice { .. } => "notice",
            Self::Shutdown { .. } => "shutdown",
        }
    }

    /// Whether the Pi is fed.
    pub(crate) const fn feeds(&self) -> bool {
        match self {
            Self::Off | Self::Gap { .. } | Self::Backoff { .. } => false,
            Self::LoadTest { .. }
            | Self::Starting { .. }
            | Self::On { .. }
            | Self::Bridging { .. }
            | Self::Notice { .. }
            | Self::Shutdown { .. } => true,
        }
    }

    /// The state's own deadline.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::Off | Self::On { .. } | Self::Bridging { .. } => None,
            Self::Gap { until }
            | Self::Backoff { until }
            | Self::LoadTest { until }
            | Self::Starting { until } => Some(until),
            Self::Notice { low_at } => Some(low_at),
            Self::Shutdown { cut_at } => Some(cut_at),
        }
    }

    /// The clock is set back by `interval`.
    pub(crate) fn set_back(&mut self, interval: Millis) {
        match self {
            Self::Off | Self::Bridging { .. } => {}
            Self::Gap { until: at }
            | Self::Backoff { until: at }
            | Self::LoadTest { until: at }
            | Self::Starting { until: at }
            | Self::On { close_at: at }
            | Self::Notice { low_at: at }
            | Self::Shutdown { cut_at: at } => *at = at.set_back(interval),
        }
    }
}
