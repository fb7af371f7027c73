//! The rules R1–R10, R13 and R14: where each state leads in each situation.
//!
//! [`transition`] is a pure function, and every pair of state and situation is written out. It decides
//! the next state and what is to be remembered; times that a new state needs are computed here.
//!
//! A Pi that is wanted on is remembered as `on_unpowered` until it has passed the load test, and again
//! from the moment at which an outage shuts it down. So `on_powered` means that it is up, and a reset
//! that finds nothing but this record may keep feeding it.

use crate::config::Config;
use crate::record::{Intent, Record};
use crate::signals::{Caps, LoadSwitch};
use crate::state::{Powered, State};
use crate::supply::View;
use crate::time::{Instant, Millis};

/// What a transition answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// The button was pressed.
    Press,
    /// The button has been held long enough to force the Pi off.
    Hold,
    /// The Pi's poweroff line became active.
    PiDown,
    /// The Pi asks to be switched off.
    Request,
    /// The supply is as the circumstances say.
    Supply,
    /// The state's own deadline has passed.
    Deadline,
}

impl Situation {
    /// Every situation.
    pub const ALL: [Self; 6] =
        [Self::Press, Self::Hold, Self::PiDown, Self::Request, Self::Supply, Self::Deadline];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Press => "press",
            Self::Hold => "hold",
            Self::PiDown => "pi_down",
            Self::Request => "request",
            Self::Supply => "supply",
            Self::Deadline => "deadline",
        }
    }
}

/// What a transition depends on besides the state and the situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The instant of the step.
    pub now: Instant,
    /// The supply.
    pub supply: View,
    /// Since when it has been good, if it is.
    pub supply_since: Instant,
    /// What is to be remembered.
    pub record: Record,
    /// The Pi, if the state feeds one.
    pub pi: Powered,
    /// The wait that a failed load test costs now.
    pub backoff: Millis,
    /// The earliest start that nobody pressed for.
    pub start_at: Instant,
}

/// Where a transition leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The state.
    pub state: State,
    /// What is to be remembered.
    pub record: Record,
    /// The Pi, if the state feeds one.
    pub pi: Powered,
}

/// The rules: where each state leads in each situation. Pure; every pair is written out.
#[must_use]
pub fn transition(state: &State, situation: Situation, given: &Circumstances<'_>) -> Next {
    let Circumstances { config, now, supply, record, pi, .. } = *given;
    let next = |state, record| Next { state, record, pi };
    let stay = next(*state, record);
    let noted = next(*state, noted(supply, record));
    let cut = |record| next(State::Gap { until: now.after(config.repower_gap) }, record);
    match *state {
        State::Off => match situation {
            // Without supply there is no start, whatever is wanted; the LED answers (R3).
            Situation::Press => match supply {
                View::Settled => start(given, Record::OnUnpowered),
                View::Good => next(*state, Record::OnUnpowered),
                View::Lost | View::Gone => stay,
            },
            Situation::Supply => match supply {
                View::Settled => when_settled(given),
                View::Gone => noted,
                View::Good | View::Lost => stay,
            },
            Situation::Hold | Situation::PiDown | Situation::Request | Situation::Deadline => stay,
        },
        State::Gap { .. } => match situation {
            Situation::Press => match supply {
                View::Settled | View::Good => next(*state, Record::OnUnpowered),
                View::Lost | View::Gone => stay,
            },
            Situation::Supply => noted,
            Situation::Deadline => next(State::Off, record),
            Situation::Hold | Situation::PiDown | Situation::Request => stay,
        },
        State::Backoff { .. } => match situation {
            // The user may insist.
            Situation::Press => match supply {
                View::Settled => start(given, record),
                View::Good | View::Lost | View::Gone => stay,
            },
            Situation::Supply => noted,
            Situation::Deadline => next(State::Off, record),
            Situation::Hold | Situation::PiDown | Situation::Request => stay,
        },
        State::LoadTest { .. } => match situation {
            // Remembered; a cut now would save seconds but let presses toggle the rail at will.
            Situation::Press => next(*state, toggled(record, supply)),
            Situation::Supply => match (supply, record.intent()) {
                (View::Gone, Intent::On) => fail_load_test(given),
                (View::Gone, Intent::Off | Intent::AppShutdown) => cut(record),
                (
                    View::Settled | View::Good | View::Lost,
                    Intent::On | Intent::Off | Intent::AppShutdown,
                ) => stay,
            },
            Situation::Deadline => match (supply, record.intent()) {
                (View::Lost | View::Gone, Intent::On | Intent::Off | Intent::AppShutdown) => stay,
                (View::Settled | View::Good, Intent::On) => next(
                    State::Starting { until: pi.since.after(config.power_good_delay) },
                    Record::OnPowered,
                ),
                (View::Settled | View::Good, Intent::Off | Intent::AppShutdown) => {
                    tell(given, record)
                }
            },
            Situation::Hold | Situation::PiDown | Situation::Request => stay,
        },
        State::Starting { .. } => match situation {
            Situation::Press => tell(given, stored_as(Intent::Off, supply)),
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            Situation::Supply => match supply {
                View::Gone => tell(given, Record::unpowered(record.intent())),
                View::Settled | View::Good | View::Lost => stay,
            },
            // While the supply is away `power_good` stays low: it may be lost for good (R9).
            Situation::Deadline => match supply {
                View::Settled | View::Good => next(on(given), record),
                View::Lost | View::Gone => stay,
            },
            Situation::PiDown | Situation::Request => stay,
        },
        State::On { close_at } => match situation {
            Situation::Press => notice(given, stored_as(Intent::Off, supply)),
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            Situation::Request => notice(given, stored_as(Intent::AppShutdown, supply)),
            Situation::Supply => match supply {
                View::Settled | View::Good => stay,
                View::Lost => {
                    let load_switch =
                        if now < close_at { LoadSwitch::Open } else { LoadSwitch::Closed };
                    next(State::Bridging { load_switch }, record)
                }
                View::Gone => notice(given, Record::unpowered(record.intent())),
            },
            Situation::PiDown | Situation::Deadline => stay,
        },
        State::Bridging { load_switch } => match situation {
            Situation::Press => notice(given, stored_as(Intent::Off, supply)),
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            Situation::Request => notice(given, stored_as(Intent::AppShutdown, supply)),
            Situation::Supply => match (supply, load_switch) {
                (View::Settled | View::Good, LoadSwitch::Closed) => {
                    next(State::On { close_at: now }, record)
                }
                (View::Settled | View::Good, LoadSwitch::Open) => next(on(given), record),
                (View::Lost, LoadSwitch::Closed | LoadSwitch::Open) => stay,
                (View::Gone, LoadSwitch::Closed | LoadSwitch::Open) => {
                    notice(given, Record::unpowered(record.intent()))
                }
            },
            Situation::PiDown | Situation::Deadline => stay,
        },
        State::Notice { .. } => match situation {
            Situation::Press => next(*state, toggled(record, supply)),
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            Situation::Supply => noted,
            Situation::Deadline => tell(given, record),
            Situation::PiDown | Situation::Request => stay,
        },
        State::Shutdown { cut_at } => match situation {
            Situation::Press => next(*state, toggled(record, supply)),
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            // A line that became active is the Pi's word that it is down (R5).
            Situation::PiDown | Situation::Request => {
                let early = now.after(config.ack_margin);
                next(State::Shutdown { cut_at: cut_at.min(early) }, record)
            }
            // Its return does not end the shutdown: the Pi was told (R6).
            Situation::Supply => match fed_again(given) {
                same if same == pi => noted,
                // Once: a supply that comes and goes would else put the cut off until the capacitors
                // are empty, and feed a halted Pi from them.
                again => Next {
                    state: shutdown(given, again),
                    pi: Powered { caps: Caps::Charged, ..again },
                    ..noted
                },
            },
            Situation::Deadline => cut(record),
        },
    }
}

/// Off, with a supply that settled: start what is wanted (R6, R7), note that the supply is back.
fn when_settled(given: &Circumstances<'_>) -> Next {
    let record = match given.record {
        // Reconnected: the intent is on from now.
        Record::AppShutdownUnpowered => Record::OnUnpowered,
        Record::OffUnpowered => Record::OffPowered,
        Record::Undefined
        | Record::OnPowered
        | Record::OnUnpowered
        | Record::OffPowered
        | Record::AppShutdownPowered => given.record,
    };
    match record.intent() {
        Intent::On if given.now >= given.start_at => start(given, record),
        Intent::On | Intent::Off | Intent::AppShutdown => {
            Next { state: State::Off, record, pi: given.pi }
        }
    }
}

fn start(given: &Circumstances<'_>, record: Record) -> Next {
    Next {
        state: State::LoadTest { until: given.now.after(given.config.load_test_window) },
        record,
        pi: Powered { since: given.now, caps: Caps::Unknown },
    }
}

/// The supply did not carry the load (R8). The gap of any cut is kept too.
fn fail_load_test(given: &Circumstances<'_>) -> Next {
    let wait = given.backoff.max(given.config.repower_gap);
    let state = State::Backoff { until: given.now.after(wait) };
    Next { state, record: given.record, pi: given.pi }
}

/// `power_good` is released now; the load switch follows (R7).
const fn on(given: &Circumstances<'_>) -> State {
    State::On { close_at: given.now.after(given.config.load_switch_delay) }
}

/// The loads are shed now; `power_good` follows (R2).
const fn notice(given: &Circumstances<'_>, record: Record) -> Next {
    let low_at = given.now.after(given.config.load_switch_lead);
    Next { state: State::Notice { low_at }, record, pi: given.pi }
}

/// `power_good` is low from now on.
fn tell(given: &Circumstances<'_>, record: Record) -> Next {
    Next { state: shutdown(given, given.pi), record, pi: given.pi }
}

/// A Pi that may still be booting cannot listen yet: what is left of the boot allowance is added
/// before the cut (R9).
fn shutdown(given: &Circumstances<'_>, pi: Powered) -> State {
    let listens = pi.since.after(given.config.boot_allowance).max(given.now);
    State::Shutdown { cut_at: listens.after(given.config.shutdown_timeout) }
}

/// A loss that is still being bridged is none: only an outage makes a record unpowered (R1).
const fn stored_as(intent: Intent, supply: View) -> Record {
    match supply {
        View::Settled | View::Good | View::Lost => Record::powered(intent),
        View::Gone => Record::unpowered(intent),
    }
}

/// What the supply does while the Pi is off or going down: an outage is remembered, and its end
/// after a software shutdown means that the Pi is wanted on again.
const fn noted(supply: View, record: Record) -> Record {
    match (supply, record) {
        (View::Gone, _) => Record::unpowered(record.intent()),
        (View::Settled, Record::AppShutdownUnpowered) => Record::OnUnpowered,
        (View::Settled | View::Good | View::Lost, _) => record,
    }
}

/// The Pi as it is after the supply came back, if it did since the Pi was powered on.
///
/// Without charged capacitors the loss may have killed it, and the LTC4041 feeds it again by itself: it
/// may boot, and gets its whole allowance once more before a cut (R9). If it lives, its word still cuts
/// that short. A return that does not last is none: a Pi that it fed has mounted nothing.
fn fed_again(given: &Circumstances<'_>) -> Powered {
    let pi = given.pi;
    match (given.supply, pi.caps) {
        (View::Settled, Caps::Unknown) => Powered { since: pi.since.max(given.supply_since), ..pi },
        (View::Settled, Caps::Charged)
        | (View::Good | View::Lost | View::Gone, Caps::Charged | Caps::Unknown) => pi,
    }
}

/// A press while a sequence runs turns what comes after it round: on becomes off, off becomes on.
const fn toggled(record: Record, supply: View) -> Record {
    match record.intent() {
        Intent::On => stored_as(Intent::Off, supply),
        Intent::Off | Intent::AppShutdown => Record::OnUnpowered,
    }
}
