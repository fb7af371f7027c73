//! The transition table and the configuration, printed from the code itself.
//!
//! Every row is produced by calling [`transition`], so the table cannot disagree with the program.
//! Formatting is used by hosts only; the chip's image links none of it.

use core::fmt;

use crate::config::Config;

use crate::record::{Intent, Record};
use crate::rules::{Circumstances, Situation, transition};
use crate::signals::{Caps, LoadSwitch};
use crate::state::{Powered, State};
use crate::supply::View;
use crate::time::Instant;

/// The transition table as aligned text.
///
/// Rows are a state, a situation and how the supply is; supplies with the same outcome share a row.
/// Columns are what is remembered when the situation arises: the intent, `*_unpowered` where the supply
/// has just come back, `*_powered` elsewhere. A cell is the next state and, if it changes, the record to
/// store; `·` means that nothing happens. All deadlines have passed and every wait is over.
#[derive(Clone, Copy, Debug)]
pub struct Transitions<'a>(pub &'a Config);

/// An instant at which every deadline has passed and everything had time to settle.
const NOW: Instant = Instant::from_millis(3_600_000);
/// An instant before it, further back than any setting.
const BEFORE: Instant = Instant::from_millis(60_000);

const STATES: [State; 9] = [
    State::Off,
    State::Gap { until: NOW },
    State::Backoff { until: NOW },
    State::LoadTest { until: NOW },
    State::Starting { until: NOW },
    State::On { close_at: BEFORE },
    State::Bridging { load_switch: LoadSwitch::Closed },
    State::Notice { low_at: NOW },
    State::Shutdown { cut_at: Instant::from_millis(7_200_000) },
];

const VIEWS: [(View, &str); 4] =
    [(View::Settled, "settled"), (View::Good, "good"), (View::Lost, "lost"), (View::Gone, "gone")];

const INTENTS: [Intent; 3] = [Intent::On, Intent::Off, Intent::AppShutdown];

impl fmt::Display for Transitions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10} {:<9} {:<19} | {:<36} | {:<36} | app shutdown",
            "state", "situation", "supply", "on", "off"
        )?;
        for state in STATES {
            for situation in Situation::ALL {
                self.rows(f, &state, situation)?;
            }
        }
        Ok(())
    }
}

impl Transitions<'_> {
    /// The rows of one state and situation.
    fn rows(&self, f: &mut fmt::Formatter<'_>, state: &State, situation: Situation) -> fmt::Result {
        let outcomes = VIEWS
            .map(|(view, _)| INTENTS.map(|intent| self.outcome(state, situation, view, intent)));
        let mut rows = VIEWS.iter().zip(&outcomes).peekable();
        while let Some(((_, name), cells)) = rows.next() {
            let mut names = Names::default();
            names.push(name);
            while let Some(((_, more), _)) = rows.next_if(|(_, same)| *same == cells) {
                names.push(more);
            }
            write!(f, "{:<10} {:<9} {names:<19}", state.name(), situation.name())?;
            for (cell, width) in cells.iter().zip([36, 36, 0]) {
                write!(f, " | {cell:<width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn outcome(
        &self,
        state: &State,
        situation: Situation,
        supply: View,
        intent: Intent,
    ) -> Outcome {
        let record = match (situation, supply) {
            (Situation::Supply, View::Settled | View::Good) => Record::unpowered(intent),
            _ => Record::powered(intent),
        };
        let given = Circumstances {
            config: self.0,
            now: NOW,
            supply,
            supply_since: BEFORE,
            record,
            pi: Powered { since: BEFORE, caps: Caps::Charged },
            backoff: self.0.load_test_backoff_min,
            start_at: BEFORE,
        };
        let next = transition(state, situation, &given);
        Outcome {
            moved: (next.state != *state).then_some(next.state.name()),
            sooner: next.state != *state && next.state.name() == state.name(),
            stored: (next.record != record).then_some(next.record.name()),
        }
    }
}

/// What a cell shows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Outcome {
    moved: Option<&'static str>,
    sooner: bool,
    stored: Option<&'static str>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sooner = if self.sooner { " sooner" } else { "" };
        match (self.moved, self.stored) {
            (None, None) => pad(f, &["·"]),
            (Some(state), None) => pad(f, &[state, sooner]),
            (None, Some(record)) => pad(f, &["store ", record]),
            (Some(state), Some(record)) => pad(f, &[state, sooner, ", store ", record]),
        }
    }
}

/// Supplies that share a row; all four are "any".
#[derive(Default)]
struct Names {
    list: [&'static str; 4],
    count: usize,
}

impl Names {
    fn push(&mut self, name: &'static str) {
        if let Some(place) = self.list.get_mut(self.count) {
            *place = name;
            self.count = self.count.saturating_add(1);
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list {
            [_, _, _, last] if !last.is_empty() => pad(f, &["any"]),
            [a, b, c, _] if !c.is_empty() => pad(f, &[a, ", ", b, ", ", c]),
            [a, b, _, _] if !b.is_empty() => pad(f, &[a, ", ", b]),
            [a, ..] => pad(f, &[a]),
        }
    }
}

/// Writes pieces and fills up to the width that was asked for.
fn pad(f: &mut fmt::Formatter<'_>, pieces: &[&str]) -> fmt::Result {
    let mut written = 0usize;
    for piece in pieces {
        f.write_str(piece)?;
        written = written.saturating_add(piece.chars().count());
    }
    for _ in written..f.width().unwrap_or(0) {
        f.write_str(" ")?;
    }
    Ok(())
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
        writeln!(f, "{:<22} {}", "request_polarity", self.0.request_polarity.name())
    }
}
