//! The transition table and the configuration, printed from the code itself.
//!
//! Every row is produced by calling [`transition`], so the table cannot disagree with the program.
//! Formatting is used by hosts only; the chip's image links none of it.

use core::fmt;

use crate::config::{Config, Polarity};

use crate::record::Record;
use crate::rules::{Circumstances, Situation, transition};
use crate::signals::{Caps, LoadSwitch};
use crate::state::{Powered, State};
use crate::supply::View;
use crate::time::Instant;

/// The transition table as aligned text.
///
/// One row per state, supply and situation; one column per intent. A cell holds the next state and,
/// if it changes, the record to store; `·` means that nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct Transitions<'a>(pub &'a Config);

/// An instant at which every deadline has passed and everything had time to settle.
const NOW: Instant = Instant::from_millis(3_600_000);
/// An instant before it, further back than any setting.
const BEFORE: Instant = Instant::from_millis(60_000);

const STATES: [State; 9] = {
    let pi = Powered { since: BEFORE, caps: Caps::Charged };
    [
        State::Off,
        State::Gap { until: NOW },
        State::Backoff { until: NOW },
        State::LoadTest { pi, until: NOW },
        State::Starting { pi, until: NOW },
        State::On { pi, close_at: BEFORE },
        State::Bridging { pi, load_switch: LoadSwitch::Closed },
        State::Notice { pi, low_at: NOW },
        State::Shutdown { pi, cut_at: Instant::from_millis(7_200_000) },
    ]
};

const VIEWS: [(View, &str); 4] =
    [(View::Settled, "settled"), (View::Good, "good"), (View::Lost, "lost"), (View::Gone, "gone")];

impl fmt::Display for Transitions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:<9} {:<8} | {:<34} | {:<34} | intent: app shutdown",
            "state", "situation", "supply", "intent: on", "intent: off"
        )?;
        for state in STATES {
            for situation in Situation::ALL {
                for (view, supply) in VIEWS {
                    self.row(f, &state, situation, view, supply)?;
                }
            }
        }
        Ok(())
    }
}

impl Transitions<'_> {
    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        state: &State,
        situation: Situation,
        supply: View,
        supply_name: &str,
    ) -> fmt::Result {
        write!(f, "{:<10} {:<9} {:<8}", state.name(), situation.name(), supply_name)?;
        for (intent, width) in [
            ([Record::OnPowered, Record::OnUnpowered], 34),
            ([Record::OffPowered, Record::OffUnpowered], 34),
            ([Record::AppShutdownPowered, Record::AppShutdownUnpowered], 0),
        ] {
            let [powered, unpowered] = intent;
            // Off after an outage is the case in which the record of a returned supply matters.
            let record = match supply {
                View::Settled if *state == State::Off => unpowered,
                View::Settled | View::Good | View::Lost | View::Gone => powered,
            };
            let given = Circumstances {
                config: self.0,
                now: NOW,
                supply,
                record,
                backoff: self.0.load_test_backoff_min,
                start_at: BEFORE,
            };
            let next = transition(state, situation, &given);
            let cell = Cell { from: state, record, next: next.state, stored: next.record };
            write!(f, " | {cell:<width$}")?;
        }
        writeln!(f)
    }
}

struct Cell<'a> {
    from: &'a State,
    record: Record,
    next: State,
    stored: Record,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = 0usize;
        let mut put = |f: &mut fmt::Formatter<'_>, text: &str| {
            written = written.saturating_add(text.chars().count());
            f.write_str(text)
        };
        let moved = self.next != *self.from;
        let stored = self.stored != self.record;
        if moved {
            put(f, self.next.name())?;
            if self.next.name() == self.from.name() {
                put(f, " (sooner)")?;
            }
        }
        if stored {
            put(f, if moved { ", " } else { "" })?;
            put(f, "store ")?;
            put(f, self.stored.name())?;
        }
        if !moved && !stored {
            put(f, "·")?;
        }
        for _ in written..f.width().unwrap_or(0) {
            f.write_str(" ")?;
        }
        Ok(())
    }
}

/// The configuration block as aligned text: field, value, meaning.
#[derive(Clone, Copy, Debug)]
pub struct Configuration<'a>(pub &'a Config);

impl fmt::Display for Configuration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, meaning, value) in self.0.times() {
            let (seconds, millis) = (value.0.wrapping_div(1_000), value.0.wrapping_rem(1_000));
            writeln!(f, "{name:<22} {seconds:>4}.{millis:03} s  {}", meaning.trim())?;
        }
        let polarity = match self.0.request_polarity {
            Polarity::ActiveHigh => "active_high",
            Polarity::ActiveLow => "active_low",
        };
        writeln!(f, "{:<22} {polarity}", "request_polarity")
    }
}
