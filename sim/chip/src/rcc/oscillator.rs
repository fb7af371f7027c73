//! An oscillator as the RCC sees it: off, starting, ready.
//!
//! After RM0377, "Reset and clock control". How fast it ticks is not its business.

use crate::time::Time;

/// An oscillator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oscillator {
    Off,
    Starting(Time),
    Ready,
}

impl Oscillator {
    /// Switches it; one that was off is ready at `ready_at`, which may be never.
    pub(super) const fn switch(&mut self, on: bool, ready_at: Time) {
        *self = match (*self, on) {
            (_, false) => Self::Off,
            (Self::Off, true) => Self::Starting(ready_at),
            (Self::Starting(at), true) => Self::Starting(at),
            (Self::Ready, true) => Self::Ready,
        };
    }

    /// Whether it becomes ready by `now`, not having been so before.
    pub(super) const fn becomes_ready(&mut self, now: Time) -> bool {
        match *self {
            Self::Starting(at) if at.0 <= now.0 => {
                *self = Self::Ready;
                true
            }
            Self::Starting(_) | Self::Off | Self::Ready => false,
        }
    }

    /// When it becomes ready, if it is going to.
    pub(super) const fn ready_at(&self) -> Time {
        match self {
            Self::Starting(at) => *at,
            Self::Off | Self::Ready => Time::NEVER,
        }
    }

    /// A bit that flags that it is ready.
    pub(super) const fn flag(&self, bit: u32) -> u32 {
        match self {
            Self::Ready => bit,
            Self::Off | Self::Starting(_) => 0,
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    pub(super) const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}
