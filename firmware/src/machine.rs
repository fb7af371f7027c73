//! The step: levels in, levels out, for whoever drives the board.
//!
//! - **Levels decide.** [`Machine::step`] may be called at any instant and twice for one; an edge
//!   that was missed is made good by the level at the next call. Nothing here waits.
//! - **Deadlines are absolute** and live in the state that needs them.
//! - **A told Pi goes down.** From `Notice` on, the sequence ends in a cut, whatever returns; the
//!   [`Record`] alone decides what comes after it.
//! - **The intent is stored when it is decided.** A step that changes the record asks for it to be
//!   stored; the driver stores before it applies the outputs.
//! - **Every answer is visible** (R17): a press that the LED does not show by itself is blinked.
//! - **Reset with a live Pi** (R13): the driver keeps the machine in RAM that survives resets and
//!   lets it [`resume`](Machine::resume); a new one never enables the supply before it settled.

use crate::button::{ButtonEvent, ButtonFilter};
use crate::config::Config;
use crate::led::{ANSWER, BACKING_OFF, JOURNAL_FAILED, Look, SHUTTING_DOWN};
use crate::record::{Intent, Record};
use crate::request::{RequestEvent, RequestFilter};
use crate::rules::{Circumstances, Situation, transition};
use crate::signals::{
    Caps, Inputs, JournalHealth, Levels, LoadSwitch, PowerGood, StatusLed, Supply, SupplyEnable,
    Wake, WakeReason,
};
use crate::state::{Powered, State};
use crate::supply::{SupplyTrack, Track};
use crate::time::{Instant, Millis};

/// Why the chip starts, as far as its reset flags tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its supply came or dipped: power-on and brown-out raise the same flag.
    Power,
    /// The reset pin, which may have been held for long: what floated meanwhile may have cut the Pi.
    Pin,
    /// Anything else: the watchdog, a fault. It is over in an instant.
    Other,
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
    caps: Track<Caps>,
    button: ButtonFilter,
    request: RequestFilter,
    /// The Pi; of the past unless the state feeds it.
    pi: Powered,
    backoff: Millis,
    /// Outages since the supply last carried the Pi for long enough, that one's end included. A power-on
    /// ends one.
    outages: u8,
    /// The earliest start that nobody pressed for.
    start_at: Instant,
    /// When a press was answered by blinking.
    answered: Option<Instant>,
    /// What the LED shows since the last step.
    shown: StatusLed,
    /// When a record was last asked to be stored.
    store_at: Instant,
}

/// A record that no cell took is tried again after this long: cells that fail must not keep the chip busy.
const STORE_AGAIN: Millis = Millis(60_000);

/// After three starts in a row that each soon ended in an outage the next one waits; after fewer, if their
/// capacitors were not charged.
const OUTAGES_BORNE: u8 = 3;
/// More are not counted: the longest wait is reached, and nothing is shifted out of it.
const OUTAGES_COUNTED: u8 = 9;

/// Transitions that one step may chain. Deadlines of a new state lie ahead, so it takes times of zero
/// in the configuration to need more than two.
const CHAIN: u8 = 6;

impl Machine {
    /// A new machine, for a chip that starts and has none that survived. Call [`Machine::step`] at once
    /// for the first outputs.
    ///
    /// `record` is what the board remembers; `stored` what this firmware's own journal holds of it,
    /// `None` if it must be stored anew.
    ///
    /// The levels tell whether the chip alone was reset: `caps_charged` is high only while the LTC4041 is
    /// enabled and has its supply, so somebody is being fed. Its flags do not: a brown-out raises the same
    /// one as a power-on. Anything else is no power-on: then who is not fed now may have been fed a moment
    /// ago.
    #[must_use]
    pub fn start(
        config: &Config,
        cause: Cause,
        now: Instant,
        inputs: Inputs,
        record: Record,
        stored: Option<Record>,
    ) -> Self {
        // Whoever was fed is cut now; the rail must fall before it starts again.
        let gap = State::Gap { until: now.after(config.repower_gap) };
        let (state, record) = match (inputs.supply, inputs.caps, cause) {
            (Supply::Good, Caps::Charged, Cause::Power | Cause::Pin | Cause::Other) => match record
            {
                Record::OnPowered => (State::On { close_at: now }, record),
                Record::Undefined
                | Record::OffPowered
                | Record::AppShutdownPowered
                | Record::AppShutdownUnpowered
                | Record::OnUnpowered
                | Record::OffUnpowered => (gap, record),
            },
            (Supply::Lost, Caps::Charged | Caps::Unknown, Cause::Pin | Cause::Other)
            | (Supply::Good, Caps::Unknown, Cause::Pin | Cause::Other) => (gap, record),
            // Without supply the chip dies too, so a power-on is a reconnection of the supply.
            (Supply::Lost, Caps::Charged | Caps::Unknown, Cause::Power)
            | (Supply::Good, Caps::Unknown, Cause::Power) => match record {
                Record::AppShutdownPowered | Record::AppShutdownUnpowered => {
                    (State::Off, Record::OnUnpowered)
                }
                Record::Undefined
                | Record::OnPowered
                | Record::OffPowered
                | Record::OnUnpowered
                | Record::OffUnpowered => (State::Off, record),
            },
        };
        Self {
            state,
            entered: now,
            record,
            stored,
            supply: SupplyTrack::new(now, inputs.supply),
            caps: Track::new(now, inputs.caps),
            button: ButtonFilter::new(now, inputs.button),
            request: RequestFilter::new(now, now, inputs.pi_request),
            pi: Powered { since: now, caps: Caps::Unknown },
            backoff: config.load_test_backoff_min,
            outages: 1,
            start_at: now,
            answered: None,
            shown: StatusLed::Dark,
            store_at: now,
        }
    }

    /// Goes on after a reset that the RAM survived; `stored` is what the journal holds now, for the
    /// reset may have interrupted a write.
    ///
    /// False if what the machine knows is worth nothing: its chip's own supply failed while it was without
    /// the board's. Then the capacitors ran empty, and the Pi went with them; start anew.
    ///
    /// The reset pin, held for long, cuts the Pi and feeds it again: it may boot now. So it gets its boot
    /// allowance anew (R9), and what it says is not believed until it can have booted. If it lives, that
    /// costs time alone; on the capacitors it would cost them, so there all goes on as it was.
    #[must_use]
    pub fn resume(
        &mut self,
        config: &Config,
        cause: Cause,
        now: Instant,
        stored: Option<Record>,
    ) -> bool {
        self.stored = stored;
        match (cause, self.supply.level()) {
            (Cause::Power, Supply::Lost) => return false,
            (Cause::Pin, Supply::Good) => {
                self.pi.since = now;
                if let State::Shutdown { cut_at } = &mut self.state {
                    *cut_at = now.after(config.boot_allowance).after(config.shutdown_timeout);
                    self.request.boots(config, now);
                }
            }
            (Cause::Pin, Supply::Lost)
            | (Cause::Power, Supply::Good)
            | (Cause::Other, Supply::Good | Supply::Lost) => {}
        }
        true
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
        self.forgive(config, now);
        // At a loss `caps_charged` goes with the supply: what it was until now still counts.
        self.note_caps(config, now);
        self.supply.update(now, inputs.supply, config.debounce);
        self.caps.update(now, inputs.caps);
        // A late step may owe two events of one input: a press and its hold, a pulse and its request.
        for _ in 0..2 {
            match self.button.update(config, now, inputs.button) {
                Some(ButtonEvent::Press) => self.press(config, now),
                Some(ButtonEvent::Hold) => self.take(config, now, Situation::Hold),
                None => break,
            }
        }
        for _ in 0..2 {
            match self.request.update(config, now, inputs.pi_request) {
                Some(RequestEvent::Active) => self.take(config, now, Situation::PiDown),
                Some(RequestEvent::Request) => self.take(config, now, Situation::Request),
                None => break,
            }
        }
        for _ in 0..CHAIN {
            let before = self.state;
            self.take(config, now, Situation::Supply);
            if self.state.deadline().is_some_and(|deadline| now >= deadline) {
                self.take(config, now, Situation::Deadline);
            }
            if self.state == before {
                break;
            }
        }
        self.note_caps(config, now);
        let look = self.look(now, inputs.journal);
        self.shown = look.led;
        Outputs {
            store: self.unstored(now, inputs.journal),
            levels: self.levels(now, look.led),
            wake: self.wake(config, now, look.until, inputs.journal),
        }
    }

    fn press(&mut self, config: &Config, now: Instant) {
        let without = self.led(now).led;
        if !self.state.feeds() {
            self.button.disarm_hold();
        }
        // The user may insist, and need not wait for the interval between starts.
        self.outages = 1;
        self.take(config, now, Situation::Press);
        if self.is_wanted() {
            self.start_at = now;
        }
        // A press that shows on the LED by itself needs no further answer (R17).
        let with = self.led(now).led;
        if with == without || with == self.shown {
            self.answered = Some(now);
        }
    }

    fn take(&mut self, config: &Config, now: Instant, situation: Situation) {
        let next = transition(&self.state, situation, &self.circumstances(config, now));
        self.record = next.record;
        self.pi = next.pi;
        if core::mem::discriminant(&next.state) != core::mem::discriminant(&self.state) {
            self.entered = now;
            match next.state {
                State::LoadTest { .. } => {
                    self.start_at = now.after(config.start_interval);
                    self.request.boots(config, now);
                }
                State::Backoff { .. } => {
                    let doubled = self.backoff.0.saturating_mul(2);
                    self.backoff = Millis(doubled.min(config.load_test_backoff_max.0));
                    // The back-off alone spaces the attempts of a load test.
                    self.start_at = now;
                }
                State::Notice { .. } | State::Shutdown { .. } if situation == Situation::Supply => {
                    // On capacitors that this start could not even charge it counts twice.
                    let more = match self.pi.caps {
                        Caps::Unknown => 2,
                        Caps::Charged => 1,
                    };
                    self.outages = self.outages.saturating_add(more).min(OUTAGES_COUNTED);
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
    }

    fn circumstances<'a>(&self, config: &'a Config, now: Instant) -> Circumstances<'a> {
        Circumstances {
            config,
            now,
            supply: self.supply.view(now, self.bridge(config), self.settle(config)),
            supply_since: self.supply.since(),
            record: self.record,
            pi: self.pi,
            backoff: self.backoff,
            start_at: self.start_at,
        }
    }

    /// How long a loss is bridged now (R1). With capacitors that were not yet seen charged there is
    /// no energy to wait with before the Pi is told (R10); during the load test there is nothing to
    /// wait for (R8).
    // Inlined, the image grows by 44 bytes.
    #[inline(never)]
    const fn bridge(&self, config: &Config) -> Millis {
        match self.state {
            State::Starting { .. } | State::On { .. } | State::Bridging { .. } => {
                match self.pi.caps {
                    Caps::Unknown => config.uncharged_bridge,
                    Caps::Charged => config.bridge,
                }
            }
            State::Off
            | State::Gap { .. }
            | State::Backoff { .. }
            | State::Notice { .. }
            | State::Shutdown { .. } => config.bridge,
            State::LoadTest { .. } => config.load_test_confirm,
        }
    }

    /// How long the supply must be good before a start (R7). After some that it did not carry, longer and
    /// longer: each takes from the capacitors what the next one may need.
    fn settle(&self, config: &Config) -> Millis {
        if matches!(self.state, State::Off) && self.is_wary() {
            let wait = config.load_test_backoff_min.0 << self.outages >> 1;
            Millis(wait.min(config.load_test_backoff_max.0))
        } else {
            config.supply_settle
        }
    }

    /// Whether a start waits although the supply has settled.
    const fn is_wary(&self) -> bool {
        self.outages > OUTAGES_BORNE
    }

    fn is_wanted(&self) -> bool {
        self.record.intent() == Intent::On
    }

    fn note_caps(&mut self, config: &Config, now: Instant) {
        // A spike is no charge.
        let steady = self.caps.has_been(config.debounce, now);
        if self.state.feeds() && steady && self.caps.level() == Caps::Charged {
            self.pi.caps = Caps::Charged;
        }
    }

    /// A supply that carried the running Pi for long enough is trusted again (R8).
    fn forgive(&mut self, config: &Config, now: Instant) {
        if let State::On { .. } = self.state {
            let carried_since = self.pi.since.max(self.supply.since());
            if self.supply.level() == Supply::Good
                && now.has_been(config.load_test_forgive, carried_since)
            {
                self.backoff = config.load_test_backoff_min;
                self.outages = 0;
            }
        }
    }

    fn unstored(&mut self, now: Instant, journal: JournalHealth) -> Option<Record> {
        let again = journal == JournalHealth::Failed && now.has_been(STORE_AGAIN, self.store_at);
        if self.record == Record::Undefined || (self.stored == Some(self.record) && !again) {
            return None;
        }
        self.store_at = now;
        self.stored = Some(self.record);
        self.stored
    }

    fn levels(&self, now: Instant, status_led: StatusLed) -> Levels {
        let (supply_enable, power_good, load_switch) = match self.state {
            State::Off | State::Gap { .. } | State::Backoff { .. } => {
                (SupplyEnable::Off, PowerGood::Low, LoadSwitch::Open)
            }
            State::LoadTest { .. } | State::Starting { .. } | State::Shutdown { .. } => {
                (SupplyEnable::On, PowerGood::Low, LoadSwitch::Open)
            }
            State::On { close_at } if now < close_at => {
                (SupplyEnable::On, PowerGood::Released, LoadSwitch::Open)
            }
            State::On { .. } => (SupplyEnable::On, PowerGood::Released, LoadSwitch::Closed),
            State::Bridging { load_switch, .. } => {
                (SupplyEnable::On, PowerGood::Released, load_switch)
            }
            State::Notice { .. } => (SupplyEnable::On, PowerGood::Released, LoadSwitch::Open),
        };
        Levels { supply_enable, power_good, load_switch, status_led }
    }

    /// The LED without answers and alarms.
    fn led(&self, now: Instant) -> Look {
        let pattern = match self.state {
            State::Off if self.is_wary() && self.is_wanted() => &BACKING_OFF,
            State::Off | State::Gap { .. } | State::Notice { .. } => {
                return Look::steady(StatusLed::Dark);
            }
            State::LoadTest { .. }
            | State::Starting { .. }
            | State::On { .. }
            | State::Bridging { .. } => return Look::steady(StatusLed::Lit),
            State::Shutdown { .. } => &SHUTTING_DOWN,
            State::Backoff { .. } => &BACKING_OFF,
        };
        pattern.look(now, self.entered)
    }

    /// The LED. An answer or an alarm inverts it.
    fn look(&self, now: Instant, journal: JournalHealth) -> Look {
        let mut look = self.led(now);
        if let Some(at) = self.answered {
            look = look.under(ANSWER.look(now, at));
        }
        match journal {
            JournalHealth::Failed => look.under(JOURNAL_FAILED.look(now, self.entered)),
            JournalHealth::Working => look,
        }
    }

    /// The earliest of everything that is still to come.
    fn wake(
        &self,
        config: &Config,
        now: Instant,
        led: Option<Instant>,
        journal: JournalHealth,
    ) -> Option<Wake> {
        let mut next = None;
        let mut due = |at, reason| earliest(&mut next, now, at, reason);
        due(self.state.deadline(), WakeReason::Deadline);
        let supply = self.supply.changes_at(self.bridge(config), self.settle(config));
        due(Some(supply), WakeReason::Supply);
        // What a state waits for besides its deadline.
        match self.state {
            State::On { close_at } => due(Some(close_at), WakeReason::LoadSwitch),
            State::LoadTest { .. } => due(Some(now.after(LOAD_TEST_SAMPLE)), WakeReason::LoadTest),
            State::Off if self.is_wanted() => {
                due(Some(self.start_at), WakeReason::StartInterval);
            }
            State::Off
            | State::Gap { .. }
            | State::Backoff { .. }
            | State::Starting { .. }
            | State::Bridging { .. }
            | State::Notice { .. }
            | State::Shutdown { .. } => {}
        }
        due(self.button.wake(config), WakeReason::Button);
        if self.state.feeds() {
            due(self.request.wake(config), WakeReason::PiRequest);
        }
        due(led, WakeReason::Led);
        if journal == JournalHealth::Failed {
            due(Some(self.store_at.after(STORE_AGAIN)), WakeReason::Journal);
        }
        next
    }

    /// The driver sets its clock back by `interval`; so does everything that is remembered. See
    /// [`Instant::LATE`].
    pub fn set_back(&mut self, interval: Millis) {
        self.state.set_back(interval);
        self.supply.set_back(interval);
        self.caps.set_back(interval);
        self.button.set_back(interval);
        self.request.set_back(interval);
        self.pi.since = self.pi.since.set_back(interval);
        self.entered = self.entered.set_back(interval);
        self.start_at = self.start_at.set_back(interval);
        self.answered = self.answered.map(|at| at.set_back(interval));
        self.store_at = self.store_at.set_back(interval);
    }
}

/// Puts a wake-up into `next` if it is later than now and earlier than what is there.
// Called from seven places; inlined, the image grows by 156 bytes.
#[inline(never)]
fn earliest(next: &mut Option<Wake>, now: Instant, at: Option<Instant>, reason: WakeReason) {
    if let Some(at) = at
        && now < at
        && next.is_none_or(|next| at < next.at)
    {
        *next = Some(Wake { at, reason });
    }
}

/// How often the supply is looked at within the load-test window, should an edge be missed: well
/// below T_min-backup, during which the LTC4041 keeps reporting a loss that is already over.
const LOAD_TEST_SAMPLE: Millis = Millis(100);

#[cfg(test)]
mod tests;
