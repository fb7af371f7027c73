//! The state machine of the board: rules R1–R10, R13, R14 and R17 in one place.
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
//! - **Levels decide.** [`Machine::step`] may be called at any instant and twice for one; an edge
//!   that was missed is made good by the level at the next call. Nothing here waits.
//! - **Deadlines are absolute** and live in the state that needs them.
//! - **A told Pi goes down.** From `Notice` on, the sequence ends in a cut, whatever returns; the
//!   [`Record`] alone decides what comes after it.
//! - **The intent is stored when it is decided.** A step that changes the record asks for it to be
//!   stored; the driver stores before it applies the outputs.
//! - **Reset with a live Pi** (R13): the driver keeps the machine in RAM that survives resets and
//!   hands it back with [`Start::Resumed`]; a cold start never enables the supply before it settled.

use crate::button::{ButtonEvent, ButtonFilter};
use crate::config::Config;
use crate::record::{Intent, Record};
use crate::request::{RequestEvent, RequestFilter};
use crate::signals::{
    Caps, Inputs, JournalHealth, Levels, LoadSwitch, PowerGood, StatusLed, Supply, SupplyEnable,
    Wake, WakeReason,
};
use crate::supply::{SupplyTrack, View};
use crate::time::{Instant, Millis};

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
    const fn powered(&self) -> Option<&Powered> {
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

    fn powered_mut(&mut self) -> Option<&mut Powered> {
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
    const fn deadline(&self) -> Option<Instant> {
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
    /// What is to be remembered.
    pub record: Record,
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
}

/// How the machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The chip got its supply: nothing is known but the journal.
    PowerOn {
        /// What the board remembers.
        record: Record,
        /// What this firmware's own journal holds of it; `None` if it must be stored anew.
        stored: Option<Record>,
    },
    /// The chip was reset with its supply present, and the RAM that survives resets does not hold
    /// a machine. A Pi that was on, with the supply good, may be alive: it keeps its supply.
    Reset {
        /// What the board remembers.
        record: Record,
        /// What this firmware's own journal holds of it; `None` if it must be stored anew.
        stored: Option<Record>,
    },
    /// The chip was reset, and the machine survived: it goes on where it was.
    Resumed {
        /// The machine as it was.
        machine: Machine,
        /// What this firmware's own journal holds; the reset may have interrupted a write.
        stored: Option<Record>,
    },
}

/// What a step asks of the driver, in this order: store, apply, sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outputs {
    /// A record to store before the levels are applied.
    pub store: Option<Record>,
    /// The levels wanted.
    pub levels: Levels,
    /// When to step again although no pin changes.
    pub wake: Option<Wake>,
}

/// The board's state and memory. `Copy`, so that a driver can keep it over a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    state: State,
    /// When the state was entered; the LED's patterns count from here.
    entered: Instant,
    record: Record,
    stored: Option<Record>,
    supply: SupplyTrack,
    button: ButtonFilter,
    request: RequestFilter,
    backoff: Millis,
    /// The earliest start that nobody pressed for.
    start_at: Instant,
    /// When a press was answered by blinking.
    answered: Option<Instant>,
}

/// Transitions that one step may chain; the longest chain of a late step is
/// Notice → Shutdown → Gap → Off → `LoadTest` → Starting.
const CHAIN: u8 = 6;

impl Machine {
    /// The machine at the chip's start. Call [`Machine::step`] at once for the first outputs.
    #[must_use]
    pub fn start(config: &Config, now: Instant, inputs: Inputs, start: Start) -> Self {
        let fresh = |state, record, stored| Self {
            state,
            entered: now,
            record,
            stored,
            supply: SupplyTrack::new(now, inputs.supply),
            button: ButtonFilter::new(now, inputs.button),
            request: RequestFilter::new(config, now, inputs.pi_request),
            backoff: config.load_test_backoff_min,
            start_at: now,
            answered: None,
        };
        match start {
            // Without supply the chip dies too, so a power-on is a reconnection of the supply.
            Start::PowerOn { record: Record::AppShutdownPowered, stored } => {
                fresh(State::Off, Record::AppShutdownUnpowered, stored)
            }
            Start::PowerOn { record, stored } => fresh(State::Off, record, stored),
            Start::Reset { record, stored } => match (record, inputs.supply) {
                (Record::OnPowered, Supply::Good) => {
                    let pi = Powered { since: now, caps: Caps::Unknown };
                    let close_at = now.after(config.load_switch_delay);
                    fresh(State::On { pi, close_at }, record, stored)
                }
                (Record::OnPowered, Supply::Lost)
                | (
                    Record::Undefined
                    | Record::OffPowered
                    | Record::AppShutdownPowered
                    | Record::AppShutdownUnpowered
                    | Record::OnUnpowered
                    | Record::OffUnpowered,
                    Supply::Good | Supply::Lost,
                ) => fresh(State::Off, record, stored),
            },
            Start::Resumed { machine, stored } => Self { stored, ..machine },
        }
    }

    /// What the board is doing.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What is to be remembered.
    #[must_use]
    pub const fn record(&self) -> Record {
        self.record
    }

    /// Takes the levels of this instant and says what to do.
    ///
    /// May be called at any instant not before the last one, and any number of times for one.
    pub fn step(&mut self, config: &Config, now: Instant, inputs: Inputs) -> Outputs {
        let led_before = self.led(now);
        self.forgive(config, now);
        self.supply.update(now, inputs.supply);
        self.note_caps(inputs.caps);
        match self.button.update(config, now, inputs.button) {
            Some(ButtonEvent::Press) => {
                if self.state.powered().is_none() {
                    self.button.disarm_hold();
                }
                self.take(config, now, inputs, Situation::Press);
                // A press that shows on the LED by itself needs no further answer (R17).
                if self.led(now) == led_before {
                    self.answered = Some(now);
                }
            }
            Some(ButtonEvent::Hold) => self.take(config, now, inputs, Situation::Hold),
            None => {}
        }
        match self.request.update(config, now, inputs.pi_request) {
            Some(RequestEvent::Active) => self.take(config, now, inputs, Situation::PiDown),
            Some(RequestEvent::Request) => self.take(config, now, inputs, Situation::Request),
            None => {}
        }
        for _ in 0..CHAIN {
            let before = self.state;
            self.take(config, now, inputs, Situation::Supply);
            if self.state.deadline().is_some_and(|deadline| now >= deadline) {
                self.take(config, now, inputs, Situation::Deadline);
            }
            if self.state == before {
                break;
            }
        }
        Outputs {
            store: self.unstored(),
            levels: self.levels(now, inputs.journal),
            wake: self.wake(config, now, inputs.journal),
        }
    }

    fn take(&mut self, config: &Config, now: Instant, inputs: Inputs, situation: Situation) {
        let next = transition(&self.state, situation, &self.circumstances(config, now));
        self.record = next.record;
        if core::mem::discriminant(&next.state) != core::mem::discriminant(&self.state) {
            self.entered = now;
            match next.state {
                State::LoadTest { .. } => {
                    self.start_at = now.after(config.start_interval);
                    self.request = RequestFilter::new(config, now, inputs.pi_request);
                }
                State::Backoff { .. } => {
                    let doubled = self.backoff.0.saturating_mul(2);
                    self.backoff = Millis(doubled.min(config.load_test_backoff_max.0));
                    // The back-off alone spaces the attempts of a load test.
                    self.start_at = now;
                }
                State::Off
                | State::Gap { .. }
                | State::Starting { .. }
                | State::On { .. }
                | State::Bridging { .. }
                | State::Notice { .. }
                | State::Shutdown { .. } => {}
            }
        }
        self.state = next.state;
        self.note_caps(inputs.caps);
    }

    fn circumstances<'a>(&self, config: &'a Config, now: Instant) -> Circumstances<'a> {
        Circumstances {
            config,
            now,
            supply: self.supply.view(now, self.bridge(config), config.supply_settle),
            record: self.record,
            backoff: self.backoff,
            start_at: self.start_at,
        }
    }

    /// How long a loss is bridged now (R1, R10).
    const fn bridge(&self, config: &Config) -> Millis {
        match self.state.powered() {
            Some(Powered { caps: Caps::Unknown, .. }) => config.uncharged_bridge,
            Some(Powered { caps: Caps::Charged, .. }) | None => config.bridge,
        }
    }

    fn note_caps(&mut self, caps: Caps) {
        if let (Some(pi), Caps::Charged) = (self.state.powered_mut(), caps) {
            pi.caps = Caps::Charged;
        }
    }

    /// A supply that carried the running Pi for long enough is trusted again (R8).
    fn forgive(&mut self, config: &Config, now: Instant) {
        if let State::On { pi, .. } = self.state {
            let carried_since = pi.since.max(self.supply.since());
            if self.supply.level() == Supply::Good
                && now.has_been(config.load_test_forgive, carried_since)
            {
                self.backoff = config.load_test_backoff_min;
            }
        }
    }

    fn unstored(&mut self) -> Option<Record> {
        if self.record == Record::Undefined || self.stored == Some(self.record) {
            return None;
        }
        self.stored = Some(self.record);
        self.stored
    }

    fn levels(&self, now: Instant, journal: JournalHealth) -> Levels {
        let (supply_enable, power_good, load_switch) = match self.state {
            State::Off | State::Gap { .. } | State::Backoff { .. } => {
                (SupplyEnable::Off, PowerGood::Low, LoadSwitch::Open)
            }
            State::LoadTest { .. } | State::Starting { .. } | State::Shutdown { .. } => {
                (SupplyEnable::On, PowerGood::Low, LoadSwitch::Open)
            }
            State::On { close_at, .. } if now < close_at => {
                (SupplyEnable::On, PowerGood::Released, LoadSwitch::Open)
            }
            State::On { .. } => (SupplyEnable::On, PowerGood::Released, LoadSwitch::Closed),
            State::Bridging { load_switch, .. } => {
                (SupplyEnable::On, PowerGood::Released, load_switch)
            }
            State::Notice { .. } => (SupplyEnable::On, PowerGood::Released, LoadSwitch::Open),
        };
        let mut status_led = self.led(now);
        if self.blips(now, journal) {
            status_led = status_led.inverted();
        }
        Levels { supply_enable, power_good, load_switch, status_led }
    }

    /// The LED without answers and alarms.
    fn led(&self, now: Instant) -> StatusLed {
        let blinks = |pattern: &Pattern| {
            if pattern.is_on(now, self.entered) { StatusLed::Lit } else { StatusLed::Dark }
        };
        match self.state {
            State::Off | State::Gap { .. } => StatusLed::Dark,
            State::LoadTest { .. }
            | State::Starting { .. }
            | State::On { .. }
            | State::Bridging { .. } => StatusLed::Lit,
            State::Notice { .. } => StatusLed::Dark,
            State::Shutdown { .. } => blinks(&SHUTTING_DOWN),
            State::Backoff { .. } => blinks(&BACKING_OFF),
        }
    }

    /// Whether an answer or an alarm inverts the LED now.
    fn blips(&self, now: Instant, journal: JournalHealth) -> bool {
        let answering = self.answered.is_some_and(|at| ANSWER.is_on(now, at));
        answering || (journal == JournalHealth::Failed && JOURNAL_FAILED.is_on(now, self.entered))
    }

    /// The earliest of everything that is still to come.
    fn wake(&self, config: &Config, now: Instant, journal: JournalHealth) -> Option<Wake> {
        let close_at = match self.state {
            State::On { close_at, .. } => Some(close_at),
            State::Off
            | State::Gap { .. }
            | State::Backoff { .. }
            | State::LoadTest { .. }
            | State::Starting { .. }
            | State::Bridging { .. }
            | State::Notice { .. }
            | State::Shutdown { .. } => None,
        };
        let load_test = match self.state {
            State::LoadTest { .. } => Some(now.after(LOAD_TEST_SAMPLE)),
            State::Off
            | State::Gap { .. }
            | State::Backoff { .. }
            | State::Starting { .. }
            | State::On { .. }
            | State::Bridging { .. }
            | State::Notice { .. }
            | State::Shutdown { .. } => None,
        };
        let start = match self.state {
            State::Off if self.record.intent() == Intent::On => Some(self.start_at),
            State::Off
            | State::Gap { .. }
            | State::Backoff { .. }
            | State::LoadTest { .. }
            | State::Starting { .. }
            | State::On { .. }
            | State::Bridging { .. }
            | State::Notice { .. }
            | State::Shutdown { .. } => None,
        };
        let request = match self.state.powered() {
            Some(_) => self.request.wake(config),
            None => None,
        };
        let supply = self.supply.changes_at(self.bridge(config), config.supply_settle);
        [
            (self.state.deadline(), WakeReason::Deadline),
            (Some(supply), WakeReason::Supply),
            (close_at, WakeReason::LoadSwitch),
            (self.button.wake(config), WakeReason::Button),
            (request, WakeReason::PiRequest),
            (start, WakeReason::StartInterval),
            (load_test, WakeReason::LoadTest),
            (self.led_wake(now, journal), WakeReason::Led),
        ]
        .into_iter()
        .filter_map(|(at, reason)| at.map(|at| Wake { at, reason }))
        .filter(|wake| wake.at > now)
        .min_by_key(|wake| wake.at)
    }

    fn led_wake(&self, now: Instant, journal: JournalHealth) -> Option<Instant> {
        let state = match self.state {
            State::Shutdown { .. } => SHUTTING_DOWN.next_change(now, self.entered),
            State::Backoff { .. } => BACKING_OFF.next_change(now, self.entered),
            State::Off
            | State::Gap { .. }
            | State::LoadTest { .. }
            | State::Starting { .. }
            | State::On { .. }
            | State::Bridging { .. }
            | State::Notice { .. } => None,
        };
        let answer = self.answered.and_then(|at| ANSWER.next_change(now, at));
        let alarm = match journal {
            JournalHealth::Failed => JOURNAL_FAILED.next_change(now, self.entered),
            JournalHealth::Working => None,
        };
        [state, answer, alarm].into_iter().flatten().min()
    }
}

/// How often the supply is looked at within the load-test window, should an edge be missed: well
/// below T_min-backup, during which the LTC4041 keeps reporting a loss that is already over.
const LOAD_TEST_SAMPLE: Millis = Millis(100);

/// The rules: where each state leads in each situation. Pure; every pair is written out.
#[must_use]
pub fn transition(state: &State, situation: Situation, given: &Circumstances<'_>) -> Next {
    let Circumstances { config, now, supply, record, .. } = *given;
    let stay = Next { state: *state, record };
    let gone = Next { state: *state, record: Record::unpowered(record.intent()) };
    let cut = |record| Next { state: State::Gap { until: now.after(config.repower_gap) }, record };
    match *state {
        State::Off => match situation {
            // Without supply there is no start, whatever is wanted; the LED answers (R3).
            Situation::Press => match supply {
                View::Settled => start(given, Record::OnPowered),
                View::Good => Next { state: *state, record: Record::OnPowered },
                View::Lost | View::Gone => stay,
            },
            Situation::Supply => match supply {
                View::Settled => when_settled(given),
                View::Gone => gone,
                View::Good | View::Lost => stay,
            },
            Situation::Hold | Situation::PiDown | Situation::Request | Situation::Deadline => stay,
        },
        State::Gap { .. } => match situation {
            Situation::Press => match supply {
                View::Settled | View::Good => Next { state: *state, record: Record::OnPowered },
                View::Lost | View::Gone => stay,
            },
            Situation::Supply => match supply {
                View::Gone => gone,
                View::Settled | View::Good | View::Lost => stay,
            },
            Situation::Deadline => Next { state: State::Off, record },
            Situation::Hold | Situation::PiDown | Situation::Request => stay,
        },
        State::Backoff { .. } => match situation {
            // The user may insist.
            Situation::Press => match supply {
                View::Settled => start(given, record),
                View::Good | View::Lost | View::Gone => stay,
            },
            Situation::Supply => match supply {
                View::Gone => gone,
                View::Settled | View::Good | View::Lost => stay,
            },
            Situation::Deadline => Next { state: State::Off, record },
            Situation::Hold | Situation::PiDown | Situation::Request => stay,
        },
        State::LoadTest { pi, .. } => match situation {
            // Remembered; a cut now would save seconds but let presses toggle the rail at will.
            Situation::Press => Next { state: *state, record: toggled(record, supply) },
            Situation::Supply => match (supply, record.intent()) {
                (View::Lost | View::Gone, Intent::On) => fail_load_test(given),
                (View::Lost | View::Gone, Intent::Off | Intent::AppShutdown) => cut(record),
                (View::Settled | View::Good, Intent::On | Intent::Off | Intent::AppShutdown) => {
                    stay
                }
            },
            Situation::Deadline => match record.intent() {
                Intent::On => Next {
                    state: State::Starting { pi, until: pi.since.after(config.power_good_delay) },
                    record: Record::OnPowered,
                },
                Intent::Off | Intent::AppShutdown => tell(given, pi, record),
            },
            Situation::Hold | Situation::PiDown | Situation::Request => stay,
        },
        State::Starting { pi, .. } => match situation {
            Situation::Press => tell(given, pi, stored_as(Intent::Off, supply)),
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            Situation::Supply => match supply {
                View::Gone => tell(given, pi, Record::unpowered(record.intent())),
                View::Settled | View::Good | View::Lost => stay,
            },
            // While the supply is away `power_good` stays low: it may be lost for good (R9).
            Situation::Deadline => match supply {
                View::Settled | View::Good => Next { state: on(given, pi), record },
                View::Lost | View::Gone => stay,
            },
            Situation::PiDown | Situation::Request => stay,
        },
        State::On { pi, close_at } => match situation {
            Situation::Press => notice(given, pi, stored_as(Intent::Off, supply)),
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            Situation::Request => notice(given, pi, stored_as(Intent::AppShutdown, supply)),
            Situation::Supply => match supply {
                View::Settled | View::Good => stay,
                View::Lost => Next {
                    state: State::Bridging {
                        pi,
                        load_switch: if now < close_at {
                            LoadSwitch::Open
                        } else {
                            LoadSwitch::Closed
                        },
                    },
                    record,
                },
                View::Gone => notice(given, pi, Record::unpowered(record.intent())),
            },
            Situation::PiDown | Situation::Deadline => stay,
        },
        State::Bridging { pi, load_switch } => match situation {
            Situation::Press => notice(given, pi, stored_as(Intent::Off, supply)),
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            Situation::Request => notice(given, pi, stored_as(Intent::AppShutdown, supply)),
            Situation::Supply => match (supply, load_switch) {
                (View::Settled | View::Good, LoadSwitch::Closed) => {
                    Next { state: State::On { pi, close_at: now }, record }
                }
                (View::Settled | View::Good, LoadSwitch::Open) => {
                    Next { state: on(given, pi), record }
                }
                (View::Lost, LoadSwitch::Closed | LoadSwitch::Open) => stay,
                (View::Gone, LoadSwitch::Closed | LoadSwitch::Open) => {
                    notice(given, pi, Record::unpowered(record.intent()))
                }
            },
            Situation::PiDown | Situation::Deadline => stay,
        },
        State::Notice { pi, .. } => match situation {
            Situation::Press => Next { state: *state, record: toggled(record, supply) },
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            Situation::Supply => match supply {
                View::Gone => gone,
                View::Settled | View::Good | View::Lost => stay,
            },
            Situation::Deadline => tell(given, pi, record),
            Situation::PiDown | Situation::Request => stay,
        },
        State::Shutdown { pi, cut_at } => match situation {
            Situation::Press => Next { state: *state, record: toggled(record, supply) },
            Situation::Hold => cut(stored_as(Intent::Off, supply)),
            // A line that became active is the Pi's word that it is down (R5).
            Situation::PiDown | Situation::Request => {
                let early = now.after(config.ack_margin);
                Next { state: State::Shutdown { pi, cut_at: cut_at.min(early) }, record }
            }
            // Its return does not matter: the Pi was told (R6).
            Situation::Supply => match supply {
                View::Gone => gone,
                View::Settled | View::Good | View::Lost => stay,
            },
            Situation::Deadline => cut(record),
        },
    }
}

/// Off, with a supply that settled: start what is wanted (R6, R7), note that the supply is back.
fn when_settled(given: &Circumstances<'_>) -> Next {
    let record = match given.record {
        Record::Undefined | Record::OnPowered | Record::OnUnpowered => given.record,
        // Reconnected: the intent is on from now.
        Record::AppShutdownUnpowered => Record::OnPowered,
        Record::OffPowered | Record::AppShutdownPowered => {
            return Next { state: State::Off, record: given.record };
        }
        Record::OffUnpowered => {
            return Next { state: State::Off, record: Record::OffPowered };
        }
    };
    if given.now < given.start_at {
        return Next { state: State::Off, record };
    }
    start(given, record)
}

fn start(given: &Circumstances<'_>, record: Record) -> Next {
    let pi = Powered { since: given.now, caps: Caps::Unknown };
    let until = given.now.after(given.config.load_test_window);
    Next { state: State::LoadTest { pi, until }, record }
}

/// The supply did not carry the load (R8). The gap of any cut is kept too.
fn fail_load_test(given: &Circumstances<'_>) -> Next {
    let wait = given.backoff.max(given.config.repower_gap);
    Next { state: State::Backoff { until: given.now.after(wait) }, record: given.record }
}

/// `power_good` is released now; the load switch follows (R7).
const fn on(given: &Circumstances<'_>, pi: Powered) -> State {
    State::On { pi, close_at: given.now.after(given.config.load_switch_delay) }
}

/// The loads are shed now; `power_good` follows (R2).
const fn notice(given: &Circumstances<'_>, pi: Powered, record: Record) -> Next {
    let low_at = given.now.after(given.config.load_switch_lead);
    Next { state: State::Notice { pi, low_at }, record }
}

/// `power_good` is low from now on. A Pi that may still be booting cannot listen yet: what is left
/// of the boot allowance is added before the cut (R9).
fn tell(given: &Circumstances<'_>, pi: Powered, record: Record) -> Next {
    let listens = pi.since.after(given.config.boot_allowance).max(given.now);
    let cut_at = listens.after(given.config.shutdown_timeout);
    Next { state: State::Shutdown { pi, cut_at }, record }
}

const fn stored_as(intent: Intent, supply: View) -> Record {
    match supply {
        View::Settled | View::Good => Record::powered(intent),
        View::Lost | View::Gone => Record::unpowered(intent),
    }
}

/// A press while a sequence runs turns what comes after it round: on becomes off, off becomes on.
const fn toggled(record: Record, supply: View) -> Record {
    match record.intent() {
        Intent::On => stored_as(Intent::Off, supply),
        Intent::Off | Intent::AppShutdown => stored_as(Intent::On, supply),
    }
}

/// A blinking pattern: `pulses` pulses of `on` every `spacing`, beginning `lead` after the start
/// of each period. A period of zero happens once.
struct Pattern {
    lead: u32,
    on: u32,
    spacing: u32,
    pulses: u32,
    period: u32,
}

/// 1 Hz, dark first: a lit LED goes dark at once.
const SHUTTING_DOWN: Pattern =
    Pattern { lead: 500, on: 500, spacing: 1_000, pulses: 1, period: 1_000 };
/// A short blink every 2 s.
const BACKING_OFF: Pattern = Pattern { lead: 0, on: 100, spacing: 2_000, pulses: 1, period: 2_000 };
/// Two short blinks.
const ANSWER: Pattern = Pattern { lead: 0, on: 100, spacing: 200, pulses: 2, period: 0 };
/// Three short blinks every 10 s.
const JOURNAL_FAILED: Pattern =
    Pattern { lead: 1_000, on: 100, spacing: 200, pulses: 3, period: 10_000 };

impl Pattern {
    /// Milliseconds into the current period; `None` once a pattern without period is over.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the period is checked for zero, and no sum exceeds a few periods"
    )]
    fn phase(&self, now: Instant, start: Instant) -> Option<u32> {
        // 32 bits divide cheaply on the chip; after 49 days a blink may come out of step once.
        let elapsed = now.since(start) as u32;
        if self.period > 0 {
            Some(elapsed % self.period)
        } else {
            (now.since(start) <= u64::from(self.spacing * self.pulses)).then_some(elapsed)
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "constants of a few seconds")]
    fn is_on(&self, now: Instant, start: Instant) -> bool {
        let Some(phase) = self.phase(now, start) else {
            return false;
        };
        (0..self.pulses).any(|n| {
            let rise = self.lead + n * self.spacing;
            (rise..rise + self.on).contains(&phase)
        })
    }

    #[expect(clippy::arithmetic_side_effects, reason = "constants of a few seconds")]
    fn next_change(&self, now: Instant, start: Instant) -> Option<Instant> {
        let phase = self.phase(now, start)?;
        let edges = (0..self.pulses).flat_map(|n| {
            let rise = self.lead + n * self.spacing;
            [rise, rise + self.on]
        });
        let later = edges.clone().find(|edge| *edge > phase);
        let next = match (later, self.period) {
            (Some(edge), _) => edge,
            (None, 0) => return None,
            (None, period) => period + self.lead,
        };
        Some(now.after(Millis(next - phase)))
    }
}
