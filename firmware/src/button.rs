//! The button: debounced, one event per press, and one more if it is held (R3).
//!
//! A level counts once it was steady for the debounce time. A button that is down when the
//! firmware starts is not a press: it must be seen released first. A release is never an event.

use crate::config::Config;
use crate::signals::Button;
use crate::supply::Track;
use crate::time::{Instant, Millis};

/// What the user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ButtonEvent {
    /// Pressed.
    Press,
    /// Held for the forced-off time, in a press that may force the Pi off.
    Hold,
}

/// Whether holding on will force the Pi off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// It will.
    Armed,
    /// It has, or the press began with the Pi off: the press that starts a Pi does not cut it.
    Spent,
}

/// The debounced button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Steady {
    /// Not yet seen released since the firmware started.
    Unknown,
    Released,
    Pressed {
        at: Instant,
        hold: Hold,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ButtonFilter {
    line: Track<Button>,
    steady: Steady,
}

impl ButtonFilter {
    pub(crate) const fn new(now: Instant, level: Button) -> Self {
        Self { line: Track::new(now, level), steady: Steady::Unknown }
    }

    pub(crate) fn update(
        &mut self,
        config: &Config,
        now: Instant,
        level: Button,
    ) -> Option<ButtonEvent> {
        self.line.update(now, level);
        let settled = self.line.has_been(config.debounce, now);
        match (self.steady, self.line.level()) {
            (Steady::Unknown | Steady::Pressed { .. }, Button::Released) => {
                if settled {
                    self.steady = Steady::Released;
                }
                None
            }
            (Steady::Unknown, Button::Pressed) | (Steady::Released, Button::Released) => None,
            (Steady::Released, Button::Pressed) => {
                if !settled {
                    return None;
                }
                self.steady = Steady::Pressed { at: self.line.since(), hold: Hold::Armed };
                Some(ButtonEvent::Press)
            }
            (Steady::Pressed { hold: Hold::Spent, .. }, Button::Pressed) => None,
            (Steady::Pressed { at, hold: Hold::Armed }, Button::Pressed) => {
                if !now.has_been(config.forced_off_hold, at) {
                    return None;
                }
                self.disarm_hold();
                Some(ButtonEvent::Hold)
            }
        }
    }

    /// This press shall not force anything off, however long it is held.
    pub(crate) fn disarm_hold(&mut self) {
        if let Steady::Pressed { at, hold: Hold::Armed } = self.steady {
            self.steady = Steady::Pressed { at, hold: Hold::Spent };
        }
    }

    pub(crate) const fn set_back(&mut self, interval: Millis) {
        self.line.set_back(interval);
        if let Steady::Pressed { at, .. } = &mut self.steady {
            *at = at.set_back(interval);
        }
    }

    /// When the filter may have an event although the level does not change.
    pub(crate) const fn wake(&self, config: &Config) -> Option<Instant> {
        match (self.steady, self.line.level()) {
            (Steady::Unknown | Steady::Pressed { .. }, Button::Released)
            | (Steady::Released, Button::Pressed) => Some(self.line.since().after(config.debounce)),
            (Steady::Pressed { at, hold: Hold::Armed }, Button::Pressed) => {
                Some(at.after(config.forced_off_hold))
            }
            (Steady::Unknown | Steady::Pressed { hold: Hold::Spent, .. }, Button::Pressed)
            | (Steady::Released, Button::Released) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Runs the filter at every millisecond and returns the events with their times.
    fn events(levels: &[(u32, Button)], end: u32) -> Vec<(u32, ButtonEvent)> {
        let mut filter = ButtonFilter::new(Instant::ZERO, Button::Released);
        let mut level = Button::Released;
        let mut seen = Vec::new();
        for ms in 0..=end {
            if let Some((_, new)) = levels.iter().find(|(at, _)| *at == ms) {
                level = *new;
            }
            if let Some(event) = filter.update(&Config::DEFAULT, Instant::from_millis(ms), level) {
                seen.push((ms, event));
            }
        }
        seen
    }

    #[test]
    fn thirty_bounces_on_both_edges_are_one_press() {
        let mut levels = Vec::new();
        for n in 0..30 {
            let level = if n % 2 == 0 { Button::Pressed } else { Button::Released };
            levels.push((100 + n * 10, level));
            levels.push((1000 + n * 10, level));
        }
        levels.push((400, Button::Pressed));
        levels.push((1300, Button::Released));
        assert_eq!(events(&levels, 3000), [(420, ButtonEvent::Press)]);
    }

    #[test]
    fn a_short_spike_is_nothing_and_a_long_press_is_press_then_hold() {
        let levels = [
            (100, Button::Pressed),
            (119, Button::Released),
            (500, Button::Pressed),
            (9000, Button::Released),
        ];
        assert_eq!(events(&levels, 12_000), [(520, ButtonEvent::Press), (8500, ButtonEvent::Hold)]);
    }

    #[test]
    fn a_button_stuck_down_at_start_is_no_press() {
        let mut filter = ButtonFilter::new(Instant::ZERO, Button::Pressed);
        for ms in 0..20_000 {
            let now = Instant::from_millis(ms);
            assert_eq!(filter.update(&Config::DEFAULT, now, Button::Pressed), None);
        }
        assert_eq!(filter.wake(&Config::DEFAULT), None);
    }
}
