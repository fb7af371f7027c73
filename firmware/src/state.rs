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
//! A state holds what only it needs, deadlines as absolute instants. Which state follows which is
//! the business of [`rules`](crate::rules); who drives them is [`machine`](crate::machine).

use crate::signals::{Caps, LoadSwitch};
use crate::time::Instant;

/// A Pi that is fed.
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
        /// The Pi.
        pi: Powered,
        /// End of the window.
        until: Instant,
    },
    /// The Pi boots; `power_good` is still low.
    Starting {
        /// The Pi.
        pi: Powered,
        /// When `power_good` is due to be released.
        until: Instant,
    },
    /// The Pi runs on the supply.
    On {
        /// The Pi.
        pi: Powered,
        /// When the load switch closes.
        close_at: Instant,
    },
    /// The Pi runs on the capacitors and has not been told.
    Bridging {
        /// The Pi.
        pi: Powered,
        /// What the load switch was when the supply went.
        load_switch: LoadSwitch,
    },
    /// The loads are shed; the Pi is told in a moment.
    Notice {
        /// The Pi.
        pi: Powered,
        /// When `power_good` goes low.
        low_at: Instant,
    },
    /// The Pi was told and shuts down.
    Shutdown {
        /// The Pi.
        pi: Powered,
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

    /// The Pi, if it is fed.
    pub(crate) const fn powered(&self) -> Option<&Powered> {
        match self {
            Self::Off | Self::Gap { .. } | Self::Backoff { .. } => None,
            Self::LoadTest { pi, .. }
            | Self::Starting { pi, .. }
            | Self::On { pi, .. }
            | Self::Bridging { pi, .. }
            | Self::Notice { pi, .. }
            | Self::Shutdown { pi, .. } => Some(pi),
        }
    }

    pub(crate) fn powered_mut(&mut self) -> Option<&mut Powered> {
        match self {
            Self::Off | Self::Gap { .. } | Self::Backoff { .. } => None,
            Self::LoadTest { pi, .. }
            | Self::Starting { pi, .. }
            | Self::On { pi, .. }
            | Self::Bridging { pi, .. }
            | Self::Notice { pi, .. }
            | Self::Shutdown { pi, .. } => Some(pi),
        }
    }

    /// The state's own deadline.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::Off | Self::On { .. } | Self::Bridging { .. } => None,
            Self::Gap { until }
            | Self::Backoff { until }
            | Self::LoadTest { until, .. }
            | Self::Starting { until, .. } => Some(until),
            Self::Notice { low_at, .. } => Some(low_at),
            Self::Shutdown { cut_at, .. } => Some(cut_at),
        }
    }
}
