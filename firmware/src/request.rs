//! The Pi's poweroff line (R4, R5): requests told from noise and from whatever a boot does.
//!
//! gpio-poweroff drives the line active 100 ms, inactive 100 ms, active; other set-ups just hold
//! it. Pulses and gaps shorter than the noise time are ignored. After power-on the line means
//! nothing until the Pi can have booted, and then it must be seen inactive first: a line that was
//! always active is a wiring or an old kernel's leftover, not a request.

use crate::config::Config;
use crate::signals::PiRequest;
use crate::supply::Track;
use crate::time::{Instant, Millis};

/// What the Pi said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestEvent {
    /// The line became active, and it is no noise. During a shutdown: "I am down".
    Active,
    /// A full request: held for the qualifying time, or the second activation of the pattern.
    /// It always follows an [`RequestEvent::Active`] or comes in its place.
    Request,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Steady {
    /// Not yet seen inactive since it may mean something.
    Unknown,
    Inactive,
    /// Active since `at`; not yet a request.
    Active {
        at: Instant,
    },
    /// Active, and taken as a request.
    Requested,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestFilter {
    line: Track<PiRequest>,
    steady: Steady,
    armed_at: Instant,
    /// When the latest activation that was not a request began.
    previous: Option<Instant>,
}

impl RequestFilter {
    /// Listens from `armed_at` on. A Pi that was up before the firmware is heard at once.
    pub(crate) const fn new(now: Instant, armed_at: Instant, level: PiRequest) -> Self {
        Self { line: Track::new(now, level), steady: Steady::Unknown, armed_at, previous: None }
    }

    /// The Pi boots, perhaps, from `now` on.
    pub(crate) fn boots(&mut self, config: &Config, now: Instant) {
        *self = Self::new(now, now.after(config.request_arm), self.line.level());
    }

    pub(crate) fn update(
        &mut self,
        config: &Config,
        now: Instant,
        level: PiRequest,
    ) -> Option<RequestEvent> {
        self.line.update(now, level);
        if now < self.armed_at {
            return None;
        }
        let settled = self.line.has_been(config.request_noise, now);
        match (self.steady, self.line.level()) {
            (Steady::Unknown | Steady::Active { .. } | Steady::Requested, PiRequest::Inactive) => {
                if settled {
                    self.steady = Steady::Inactive;
                }
                None
            }
            (Steady::Inactive, PiRequest::Inactive)
            | (Steady::Unknown | Steady::Requested, PiRequest::Active) => None,
            (Steady::Inactive, PiRequest::Active) => {
                if settled {
                    Some(self.activated(config))
                } else {
                    None
                }
            }
            (Steady::Active { at }, PiRequest::Active) => {
                if !now.has_been(config.request_qualify, at) {
                    return None;
                }
                self.steady = Steady::Requested;
                self.previous = None;
                Some(RequestEvent::Request)
            }
        }
    }

    fn activated(&mut self, config: &Config) -> RequestEvent {
        let at = self.line.since();
        let repeated = match self.previous {
            Some(previous) => !at.has_been(config.request_pattern, previous),
            None => false,
        };
        if repeated {
            self.steady = Steady::Requested;
            self.previous = None;
            RequestEvent::Request
        } else {
            self.steady = Steady::Active { at };
            self.previous = Some(at);
            RequestEvent::Active
        }
    }

    pub(crate) fn set_back(&mut self, interval: Millis) {
        self.line.set_back(interval);
        self.armed_at = self.armed_at.set_back(interval);
        if let Steady::Active { at } = &mut self.steady {
            *at = at.set_back(interval);
        }
        if let Some(previous) = &mut self.previous {
            *previous = previous.set_back(interval);
        }
    }

    /// When the filter may have an event although the level does not change.
    pub(crate) fn wake(&self, config: &Config) -> Option<Instant> {
        let at = match (self.steady, self.line.level()) {
            (Steady::Unknown | Steady::Active { .. } | Steady::Requested, PiRequest::Inactive)
            | (Steady::Inactive, PiRequest::Active) => {
                self.line.since().after(config.request_noise)
            }
            (Steady::Active { at }, PiRequest::Active) => at.after(config.request_qualify),
            (Steady::Inactive, PiRequest::Inactive)
            | (Steady::Unknown | Steady::Requested, PiRequest::Active) => return None,
        };
        Some(if at < self.armed_at { self.armed_at } else { at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Runs the filter at every millisecond; `changes` are the instants at which the line toggles.
    fn events(start: PiRequest, changes: &[u32], end: u32) -> Vec<(u32, RequestEvent)> {
        let mut filter = RequestFilter::new(Instant::ZERO, Instant::ZERO, start);
        filter.boots(&Config::DEFAULT, Instant::ZERO);
        let mut level = start;
        let mut seen = Vec::new();
        for ms in 0..=end {
            if changes.contains(&ms) {
                level = match level {
                    PiRequest::Active => PiRequest::Inactive,
                    PiRequest::Inactive => PiRequest::Active,
                };
            }
            if let Some(event) = filter.update(&Config::DEFAULT, Instant::from_millis(ms), level) {
                seen.push((ms, event));
            }
        }
        seen
    }

    #[test]
    fn gpio_poweroff_s_pattern_is_one_request() {
        assert_eq!(
            events(PiRequest::Inactive, &[20_000, 20_100, 20_200, 23_200], 30_000),
            [(20_050, RequestEvent::Active), (20_250, RequestEvent::Request)]
        );
    }

    #[test]
    fn half_a_second_is_a_request() {
        assert_eq!(
            events(PiRequest::Inactive, &[20_000], 30_000),
            [(20_050, RequestEvent::Active), (20_500, RequestEvent::Request)]
        );
    }

    #[test]
    fn noise_and_gaps_shorter_than_fifty_milliseconds_are_nothing() {
        assert_eq!(events(PiRequest::Inactive, &[20_000, 20_049], 30_000), []);
        assert_eq!(
            events(PiRequest::Inactive, &[20_000, 20_300, 20_349], 30_000),
            [(20_050, RequestEvent::Active), (20_500, RequestEvent::Request)]
        );
    }

    #[test]
    fn a_line_that_never_was_inactive_is_no_request() {
        assert_eq!(events(PiRequest::Active, &[], 60_000), []);
        assert_eq!(events(PiRequest::Inactive, &[5_000], 60_000), [], "its boot means nothing");
    }

    #[test]
    fn two_lone_pulses_far_apart_are_no_request() {
        assert_eq!(
            events(PiRequest::Inactive, &[20_000, 20_100, 22_000, 22_100], 30_000),
            [(20_050, RequestEvent::Active), (22_050, RequestEvent::Active)]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_takes_the_last_activation_along() {
        let config = Config::DEFAULT;
        let at = |ms| Instant::from_millis(Instant::LATE.as_millis() + ms - 100_000);
        let mut filter = RequestFilter::new(at(0), at(0), PiRequest::Inactive);
        let mut seen = Vec::new();
        // A pulse, and another one long after: two calls, not the poweroff pattern.
        for (ms, level) in [
            (20_000, PiRequest::Inactive),
            (20_100, PiRequest::Active),
            (20_160, PiRequest::Active),
            (20_200, PiRequest::Inactive),
            (20_300, PiRequest::Inactive),
        ] {
            seen.extend(filter.update(&config, at(ms), level));
        }
        filter.set_back(Instant::SET_BACK);
        for (ms, level) in [(40_000, PiRequest::Active), (40_060, PiRequest::Active)] {
            let now = at(ms).set_back(Instant::SET_BACK);
            seen.extend(filter.update(&config, now, level));
        }
        assert_eq!(seen, [RequestEvent::Active, RequestEvent::Active]);
    }
}
