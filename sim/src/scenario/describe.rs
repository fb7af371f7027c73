//! Stimuli, times and expectations in words, for timelines and reports.

use super::{Act, BoardPin, Expect, Magnitude, PinLevel, Ram, ResetCause, Tear, When, Window};
use crate::quantity::Nanos;
use crate::timeline::{Event, Plug};

/// A stimulus.
pub fn act(act: &Act) -> String {
    match act {
        Act::Unplug => "unplug".into(),
        Act::Plug => "plug".into(),
        Act::StripOff => "strip_off".into(),
        Act::StripOn => "strip_on".into(),
        Act::Bounce { to, count, every } => {
            let to = match to {
                Plug::In => "in",
                Plug::Out => "out",
            };
            format!("bounce {count} times every {} and end {to}", every.exact())
        }
        Act::Sag { to, lasting: Some(lasting) } => {
            format!("sag to {to} for {}", lasting.exact())
        }
        Act::Sag { to, lasting: None } => format!("sag to {to}"),
        Act::Ramp { to, over } => format!("ramp to {to} over {}", over.exact()),
        Act::Replay(recording) => format!("replay {}", recording.file),
        Act::Press { lasting } => format!("press for {}", lasting.exact()),
        Act::Hold => "hold".into(),
        Act::Release => "release".into(),
        Act::Poweroff => "poweroff".into(),
        Act::Reboot => "reboot".into(),
        Act::Hang => "hang".into(),
        Act::Restart => "restart".into(),
        Act::CancelShutdown => "cancel_shutdown".into(),
        Act::ShutdownTakes(time) => format!("shutdown_takes {}", time.exact()),
        Act::Noise { pin, lasting, count, every } => {
            let again = match count {
                1 => String::new(),
                count => format!(", {count} times every {}", every.exact()),
            };
            format!("noise on {} for {}{again}", BoardPin::from(*pin).name(), lasting.exact())
        }
        Act::Stuck { pin, level, lasting } => {
            let level = match level {
                PinLevel::High => "high",
                PinLevel::Low => "low",
            };
            let lasting = lasting.map_or(String::new(), |time| format!(" for {}", time.exact()));
            format!("{} stuck {level}{lasting}", pin.name())
        }
        Act::Nrst { lasting } => format!("nrst low for {}", lasting.exact()),
        Act::EepromFails { from_word, to_word, lasting } => {
            let lasting = lasting.map_or(String::new(), |time| format!(" for {}", time.exact()));
            format!("EEPROM words {from_word} to {to_word} fail{lasting}")
        }
        Act::HangFirmware => "the firmware hangs".into(),
        Act::FlipRamBit { byte, bit } => format!("flip bit {bit} of RAM byte {byte:#05x}"),
        Act::McuReset { cause, ram, after_instructions } => {
            let cause = match cause {
                ResetCause::Watchdog => "watchdog",
                ResetCause::ResetPin => "reset_pin",
                ResetCause::BrownOut => "brown_out",
            };
            let ram = match ram {
                Ram::Kept => "kept",
                Ram::Lost => "lost",
            };
            let later = after_instructions
                .map_or(String::new(), |count| format!(", after {count} instructions"));
            format!("reset by {cause}, ram {ram}{later}")
        }
        Act::CutDuringWrite { nth, tear, lasting } => {
            let tear = match tear {
                Tear::Old => "old",
                Tear::Erased => "erased",
                Tear::Mixed => "mixed",
                Tear::Ones => "ones",
            };
            format!("cut_during_write {nth}, tear {tear}, for {}", lasting.exact())
        }
        Act::Drift(_) => "drift".into(),
    }
}

/// A time.
pub fn when(when: &When) -> String {
    match when {
        When::At(at) => at.exact(),
        When::After { event, nth, plus } => {
            let nth = match nth {
                1 => String::new(),
                n => format!(" (occurrence {n})"),
            };
            if *plus == Nanos::ZERO {
                format!("{event}{nth}")
            } else {
                format!("{event}{nth} + {}", plus.exact())
            }
        }
    }
}

fn window(window: &Window) -> String {
    match (&window.from, &window.to) {
        (None, None) => String::new(),
        (Some(from), None) => format!(" from {} on", when(from)),
        (None, Some(to)) => format!(" up to {}", when(to)),
        (Some(from), Some(to)) => format!(" from {} to {}", when(from), when(to)),
    }
}

fn magnitude(magnitude: &Magnitude) -> String {
    match magnitude {
        Magnitude::Volts(volts) => volts.to_string(),
        Magnitude::Amps(amps) => amps.to_string(),
    }
}

fn limits(min: Option<&Magnitude>, max: Option<&Magnitude>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("between {} and {}", magnitude(min), magnitude(max)),
        (Some(min), None) => format!("above {}", magnitude(min)),
        (None, Some(max)) => format!("below {}", magnitude(max)),
        (None, None) => "anywhere".into(),
    }
}

/// An expectation.
pub fn expect(expect: &Expect) -> String {
    match expect {
        Expect::Within { event, from, min, max } => {
            format!("{event} within {} .. {} of {}", min.exact(), max.exact(), when(from))
        }
        Expect::Never { event, window: w } => format!("never {event}{}", window(w)),
        Expect::Count { event, min, max, window: w } => {
            let times = match (min, max) {
                (min, max) if min == max => format!("{min} times"),
                (min, &u32::MAX) => format!("at least {min} times"),
                (0, max) => format!("at most {max} times"),
                (min, max) => format!("{min} to {max} times"),
            };
            format!("{event} {times}{}", window(w))
        }
        Expect::Hold { state, from, lasting } => {
            let lasting = lasting.map_or("to the end".into(), |l| format!("for {}", l.exact()));
            format!("{state} from {} {lasting}", when(from))
        }
        Expect::Stay { quantity, min, max, window: w } => {
            format!("{} stays {}{}", quantity.name(), limits(min.as_ref(), max.as_ref()), window(w))
        }
        Expect::Value { quantity, at, min, max } => {
            format!("{} {} at {}", quantity.name(), limits(min.as_ref(), max.as_ref()), when(at))
        }
        Expect::Final { states } => {
            let states: Vec<String> = states.iter().map(Event::to_string).collect();
            format!("at the end {}", states.join(", "))
        }
        Expect::Margin { at, seconds, energy } => {
            let limits: Vec<String> = [seconds.map(|s| s.exact()), energy.map(|j| j.to_string())]
                .into_iter()
                .flatten()
                .collect();
            format!("at least {} to spare at {}", limits.join(" and "), when(at))
        }
    }
}
