//! O5: the last user intent decides the end state, also after total energy loss.
//!
//! A reference model of the user-visible contract, read from outside: presses, the Pi's own shutdown,
//! the supply's comings and goings. It knows no states and no deadlines of the firmware, only what a
//! user was promised:
//!
//! - a press turns on what is off (with supply), and turns round what is on or going down;
//! - held, it turns off;
//! - a software shutdown turns off until a press or a reconnection of the supply;
//! - losing the supply changes no intent.
//!
//! Where the promise leaves both answers open (the microcontroller was reset or lost its supply while
//! it was deciding), the finding is undecided until the next clear action.

use firmware::record::Intent;
use firmware::time::Millis;

use crate::dut::timing::{self, LATENCY, READING, STALL, START, STEP};
use crate::quantity::Nanos;
use crate::scenario::{Act, BoardPin, Pin, Scenario, StartEeprom, StartPi};
use crate::timeline::{
    Button, Event, Mcu, Pi as Phase, PiRequest, PowerGood, Rail, SupplyEnable, SupplyGood,
};

use super::Margin;
use super::found::Found;
use super::history::{History, Span};
use super::margin::between;
use super::trust::{Trust, Trusted};

/// A decision is settled, and stored, this long after what caused it.
pub(super) const DECIDING: Nanos = Nanos::SECOND;
/// The Pi's line is not understood earlier than this after the Pi halted: two of its pulses.
const UNDERSTANDING: Nanos = Nanos::from_millis(300);
/// It is understood this long after the halt at the latest.
const UNDERSTOOD: Nanos = Nanos::from_millis(550);
/// How much shorter than it should a time by the board's clock may be.
pub(super) fn short(scenario: &Scenario, time: Nanos) -> Nanos {
    let error = scenario.clock_error();
    READING.saturating_add(Nanos((time.0 as f64 * error).ceil() as u64))
}

/// Whether a press counts for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    Surely,
    /// The microcontroller was reset or started during it: either answer is right.
    Perhaps,
}

/// The presses long enough to count, begun with the microcontroller at work.
pub(super) fn presses(scenario: &Scenario, history: &History<'_>) -> Vec<(Span, Counts)> {
    let debounce = nanos(scenario.config.debounce);
    let starts: Vec<Nanos> = history
        .events()
        .filter(|(_, event)| matches!(event, Event::Mcu(Mcu::On | Mcu::Reset)))
        .map(|(at, _)| at)
        .collect();
    let off = history.spans(Event::Mcu(Mcu::Off));
    groups(&history.spans(Event::Button(Button::Pressed)), debounce)
        .into_iter()
        .filter_map(|group| {
            let steady = group.iter().find(|contact| contact.length() >= debounce).copied();
            let long = |contact: &Span| contact.length().saturating_add(READING) > debounce;
            let (steady, sure) = match steady {
                Some(steady) => (steady, true),
                None => (unbroken(&group).into_iter().find(long)?, false),
            };
            let last = group.last()?;
            let press = Span { to: last.to, to_end: last.to_end, ..steady };
            // The button must have been seen released, and then pressed, without a break.
            let settling = debounce.saturating_add(START);
            let restarted =
                starts.iter().any(|at| *at <= press.to && press.from < at.saturating_add(settling));
            let dead = off.iter().any(|span| span.from <= press.to && press.from <= span.to);
            let unsure = !sure || restarted || dead || is_close_call(&group, debounce);
            let counts = if unsure { Counts::Perhaps } else { Counts::Surely };
            (!press.from_before).then_some((press, counts))
        })
        .collect()
}

/// Contacts with breaks shorter than the debounce time between them belong together.
fn groups(contacts: &[Span], debounce: Nanos) -> Vec<Vec<Span>> {
    let mut groups: Vec<Vec<Span>> = Vec::new();
    for contact in contacts {
        let last = groups.last_mut().filter(|group| {
            group.last().is_some_and(|last| contact.from.saturating_sub(last.to) < debounce)
        });
        match last {
            Some(group) => group.push(*contact),
            None => groups.push(vec![*contact]),
        }
    }
    groups
}

/// The contacts of a group as they are for somebody who misses breaks shorter than a step.
fn unbroken(group: &[Span]) -> Vec<Span> {
    let mut contacts: Vec<Span> = Vec::new();
    for contact in group {
        match contacts.last_mut() {
            Some(last) if contact.from.saturating_sub(last.to) <= STEP => {
                (last.to, last.to_end) = (contact.to, contact.to_end);
            }
            Some(_) | None => contacts.push(*contact),
        }
    }
    contacts
}

/// Whether a contact, or a break after it, lasts about as long as it must: a clock of whole
/// milliseconds and a journal write under way make either answer right.
fn is_close_call(group: &[Span], debounce: Nanos) -> bool {
    let close = |length: Nanos| {
        length.saturating_add(Nanos::MILLISECOND) >= debounce
            && length < debounce.saturating_add(STALL)
    };
    let contacts = group.iter().map(Span::length);
    let breaks = group.windows(2).map(|pair| pair[1].from.saturating_sub(pair[0].to));
    contacts.chain(breaks).any(close)
}

fn nanos(time: Millis) -> Nanos {
    Nanos::from_millis(u64::from(time.0))
}

/// What happens to the intent, in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Press,
    PerhapsPress,
    Hold,
    PiHalted,
    SupplyGone,
    /// A loss about as long as one must be to count.
    SupplyPerhapsGone,
    /// The supply is back; a clock that lost time in a reset may see that only so much later.
    SupplyBack(Nanos),
    McuOn,
    McuOff,
}

pub(super) fn judge(scenario: &Scenario, history: &History<'_>) -> Found {
    if scenario.stimuli.iter().any(|stimulus| disturbs_the_request(&stimulus.act, scenario)) {
        return Found::undecided("noise on pi_request may pass for a request");
    }
    let mut model = Model::new(scenario, history);
    for (at, action) in actions(scenario, history) {
        model.take(at, action);
    }
    model.verdict()
}

/// The intent from each time on, in order; `None` where more than one answer is right.
pub(super) fn over_time(
    scenario: &Scenario,
    history: &History<'_>,
) -> Vec<(Nanos, Option<Intent>)> {
    if scenario.stimuli.iter().any(|stimulus| disturbs_the_request(&stimulus.act, scenario)) {
        return Vec::new();
    }
    let mut model = Model::new(scenario, history);
    let mut intents = vec![(Nanos::ZERO, Some(model.intent))];
    for (at, action) in actions(scenario, history) {
        model.take(at, action);
        intents.push((at, (!model.open).then_some(model.intent)));
    }
    intents
}

fn disturbs_the_request(act: &Act, scenario: &Scenario) -> bool {
    match act {
        Act::Noise { pin: Pin::PiRequest, lasting, .. }
        | Act::Stuck { pin: BoardPin::PiRequest, lasting: Some(lasting), .. } => {
            *lasting >= nanos(scenario.config.request_noise)
        }
        Act::Stuck { pin: BoardPin::PiRequest, lasting: None, .. } => true,
        _ => false,
    }
}

/// A loss of the supply, with the returns in it that are too short to end it.
#[derive(Clone, Copy, Debug)]
struct Loss {
    span: Span,
    /// Whether they surely are.
    is_one: bool,
}

/// The losses, in order.
fn losses(scenario: &Scenario, history: &History<'_>) -> Vec<Loss> {
    let debounce = nanos(scenario.config.debounce);
    let spread = short(scenario, debounce);
    let mut losses: Vec<Loss> = Vec::new();
    for span in history.spans(Event::SupplyGood(SupplyGood::Low)) {
        match losses.last_mut() {
            Some(Loss { span: last, is_one })
                if span.from.saturating_sub(last.to) <= debounce.saturating_add(spread) =>
            {
                *is_one &= span.from.saturating_sub(last.to).saturating_add(spread) <= debounce;
                *last = Span { from: last.from, from_before: last.from_before, ..span };
            }
            Some(_) | None => losses.push(Loss { span, is_one: true }),
        }
    }
    losses
}

/// In order of time.
fn actions(scenario: &Scenario, history: &History<'_>) -> Vec<(Nanos, Action)> {
    let config = &scenario.config;
    let mut actions = Vec::new();
    for (press, counts) in presses(scenario, history) {
        let action = match counts {
            Counts::Surely => Action::Press,
            Counts::Perhaps => Action::PerhapsPress,
        };
        actions.push((counts_from(scenario, press), action));
        if press.length() >= nanos(config.forced_off_hold) {
            actions.push((press.from.saturating_add(nanos(config.forced_off_hold)), Action::Hold));
        }
    }
    let resets: Vec<Nanos> = history.occurrences(Event::Mcu(Mcu::Reset)).collect();
    let lost_in_reset = START.saturating_add(timing::lost_in_reset(scenario));
    let lost = |span: &Span, time: Nanos| {
        let until = span.from.saturating_add(time);
        let resets = resets.iter().filter(|at| span.from <= **at && **at <= until).count();
        lost_in_reset.saturating_mul(resets as u64)
    };
    let bridge = nanos(config.bridge);
    for Loss { span, is_one } in losses(scenario, history) {
        let spread = short(scenario, bridge);
        let surely = bridge.saturating_add(spread).saturating_add(lost(&span, bridge));
        if is_one && span.length() >= surely {
            actions.push((span.from.saturating_add(bridge), Action::SupplyGone));
        } else if span.length().saturating_add(spread) >= bridge {
            actions.push((span.from.saturating_add(bridge), Action::SupplyPerhapsGone));
        }
    }
    let settle = nanos(config.supply_settle);
    for span in history.spans(Event::SupplyGood(SupplyGood::High)) {
        if span.length() >= settle && !span.from_before {
            let late = lost(&span, settle);
            actions.push((span.from.saturating_add(settle), Action::SupplyBack(late)));
        }
    }
    let asks = match config.request_polarity {
        firmware::config::Polarity::ActiveHigh => PiRequest::High,
        firmware::config::Polarity::ActiveLow => PiRequest::Low,
    };
    let asked: Vec<Nanos> = history.occurrences(Event::PiRequest(asks)).collect();
    for (at, event) in history.events() {
        match event {
            Event::Pi(Phase::Halted) if asked.contains(&at) => {
                actions.push((at, Action::PiHalted));
            }
            Event::Mcu(Mcu::On) => actions.push((at, Action::McuOn)),
            Event::Mcu(Mcu::Off) => actions.push((at, Action::McuOff)),
            _ => {}
        }
    }
    actions.sort_by_key(|(at, _)| *at);
    actions
}

/// When a press counts at the earliest, by a clock in whole milliseconds that may be fast.
pub(super) fn counts_from(scenario: &Scenario, press: Span) -> Nanos {
    let debounce = nanos(scenario.config.debounce);
    press.from.saturating_add(debounce.saturating_sub(short(scenario, debounce)))
}

struct Model<'a> {
    scenario: &'a Scenario,
    history: &'a History<'a>,
    intent: Intent,
    /// The supply went since a software shutdown: reconnecting it starts the Pi.
    reconnecting: bool,
    /// So it may have.
    perhaps_reconnecting: bool,
    /// The supply is gone.
    gone: bool,
    /// Until then the firmware may not know of a reconnection.
    late_until: Nanos,
    decided: Nanos,
    /// Both answers are right.
    open: bool,
    /// The board was on when the press that may be held began.
    press_began_on: bool,
    /// That press may not have counted.
    perhaps_pressed: bool,
}

impl<'a> Model<'a> {
    fn new(scenario: &'a Scenario, history: &'a History<'a>) -> Self {
        let record = match (scenario.start.pi, scenario.start.eeprom) {
            (StartPi::Running, _) | (StartPi::Off, StartEeprom::Blank) => Intent::On,
            (StartPi::Off, StartEeprom::Record(record))
            | (StartPi::Off, StartEeprom::Original { record, .. }) => record.intent(),
        };
        // A board that starts at time zero was connected just now.
        let starts = scenario.start.pi == StartPi::Off
            && history.timeline.initial.contains(&Event::Mcu(Mcu::On));
        let record = match record {
            Intent::AppShutdown if starts => Intent::On,
            Intent::On | Intent::Off | Intent::AppShutdown => record,
        };
        Self {
            scenario,
            history,
            intent: record,
            // A start from nothing is a reconnection.
            reconnecting: record == Intent::AppShutdown,
            gone: false,
            perhaps_reconnecting: false,
            late_until: Nanos::ZERO,
            decided: Nanos::ZERO,
            open: false,
            press_began_on: false,
            perhaps_pressed: false,
        }
    }

    fn is(&self, state: Event, at: Nanos) -> bool {
        let just_before = Nanos(at.0.saturating_sub(1));
        self.history.state_at(state, just_before) == Some(state)
    }

    /// When a press that counts from `at` at the earliest has been answered.
    fn by(&self, at: Nanos) -> Nanos {
        let spread = short(self.scenario, nanos(self.scenario.config.debounce));
        let latest = at.saturating_add(spread).saturating_add(spread).saturating_add(LATENCY);
        latest.min(self.history.end)
    }

    fn decide(&mut self, at: Nanos, intent: Intent) {
        self.intent = intent;
        self.decided = at;
        self.open = false;
        self.reconnecting = false;
        self.perhaps_reconnecting = false;
    }

    fn take(&mut self, at: Nanos, action: Action) {
        let fed = self.is(Event::SupplyEnable(SupplyEnable::On), at);
        let good = self.is(Event::SupplyGood(SupplyGood::High), at);
        // Between the halt and the moment at which it can be understood, either order is right.
        let halted_just_now =
            self.intent == Intent::AppShutdown && at.saturating_sub(self.decided) < UNDERSTOOD;
        match action {
            Action::Press | Action::SupplyGone | Action::SupplyPerhapsGone if halted_just_now => {
                self.open = true;
            }
            Action::Press if at < self.late_until => self.take(at, Action::PerhapsPress),
            Action::Press => {
                self.press_began_on = fed;
                self.perhaps_pressed = false;
                if fed {
                    let turned = match self.intent {
                        Intent::On => Intent::Off,
                        Intent::Off | Intent::AppShutdown => Intent::On,
                    };
                    // Turning round what is open leaves it open.
                    let open = self.open;
                    self.decide(at, turned);
                    self.open = open;
                } else if good != self.is(Event::SupplyGood(SupplyGood::High), self.by(at)) {
                    // The supply comes or goes as the press counts.
                    self.open = true;
                } else if good {
                    self.decide(at, Intent::On);
                }
            }
            Action::PerhapsPress => {
                self.press_began_on = fed;
                self.perhaps_pressed = true;
                self.open = true;
            }
            Action::Hold if self.perhaps_pressed => self.open = true,
            Action::Hold if fed && self.press_began_on => self.decide(at, Intent::Off),
            Action::Hold => {}
            Action::PiHalted => {
                // A notice this early was decided before the Pi's line could be understood.
                let understood = at.saturating_add(UNDERSTANDING).min(self.history.end);
                let told = !self.is(Event::PowerGood(PowerGood::Released), understood);
                if fed && !told {
                    self.decide(at, Intent::AppShutdown);
                    // A loss that the firmware has yet to notice follows the shutdown.
                    self.perhaps_reconnecting = self.gone;
                }
            }
            Action::SupplyGone => {
                self.gone = true;
                self.reconnecting |= self.intent == Intent::AppShutdown;
            }
            Action::SupplyPerhapsGone => {
                self.gone = true;
                self.perhaps_reconnecting |= self.intent == Intent::AppShutdown;
            }
            Action::SupplyBack(late) => {
                self.gone = false;
                if self.intent == Intent::AppShutdown
                    && (self.reconnecting || self.perhaps_reconnecting)
                {
                    self.late_until = at.saturating_add(late);
                }
                self.open |= self.intent == Intent::AppShutdown
                    && self.perhaps_reconnecting
                    && !self.reconnecting;
                self.reconnect(at);
            }
            // Without supply it dies too, so its start is a reconnection.
            Action::McuOn => {
                self.reconnecting |= self.intent == Intent::AppShutdown;
                self.reconnect(at);
            }
            Action::McuOff => {
                self.open |= at.saturating_sub(self.decided) < DECIDING && at > self.decided;
            }
        }
    }

    fn reconnect(&mut self, at: Nanos) {
        if self.intent == Intent::AppShutdown && self.reconnecting {
            self.decide(at, Intent::On);
        }
    }

    fn verdict(&self) -> Found {
        let end = self.history.end;
        let quiet = end.saturating_sub(self.decided);
        if self.open {
            return Found::undecided("the microcontroller was reset while it was deciding");
        }
        if quiet < DECIDING {
            return Found::undecided("the run ends before the last intent is settled");
        }
        let wanted = match self.intent {
            Intent::On => "on",
            Intent::Off => "off",
            Intent::AppShutdown => "off until reconnected",
        };
        if self.is(Event::Mcu(Mcu::Off), end) {
            return self.journal(wanted);
        }
        let fed = self.is(Event::SupplyEnable(SupplyEnable::On), end);
        let told = self.is(Event::PowerGood(PowerGood::Low), end);
        match (self.intent, fed) {
            (Intent::Off | Intent::AppShutdown, true) if !told => {
                let detail = format!("wanted {wanted}, but the Pi is on and was not told");
                return Found::failed(end, detail);
            }
            (Intent::On, false) => {
                let waits = self.waits();
                if waits.is_some_and(|margin| !margin.is_kept()) {
                    let detail = format!("wanted {wanted}, the supply is good, but the Pi is off");
                    return Found { margin: waits, ..Found::failed(end, detail) };
                }
                let mut found = self.journal(wanted);
                found.margin = match (found.margin, waits) {
                    (Some(margin), Some(waits)) => Some(margin.thinner(waits)),
                    (margin, _) => margin,
                };
                return found;
            }
            (Intent::On | Intent::Off | Intent::AppShutdown, _) => {}
        }
        self.journal(wanted)
    }

    /// For how long everything that a start needs has been there without one, against the longest wait of the
    /// rules; `None` if something is missing.
    fn waits(&self) -> Option<Margin> {
        let config = &self.scenario.config;
        let mut trust = Trust::new(config);
        self.history.events().for_each(|(at, event)| trust.follow(at, event));
        let wait = match trust.state() {
            Trusted::No => nanos(config.load_test_backoff_max),
            Trusted::Yes => nanos(config.start_interval).max(nanos(config.repower_gap)),
        };
        let wait = wait.saturating_add(nanos(config.supply_settle)).saturating_add(DECIDING);
        let since = |state: Event| {
            self.history.spans(state).last().filter(|span| span.to_end).map(|span| span.length())
        };
        let off = since(Event::SupplyEnable(SupplyEnable::Off))?;
        let good = since(Event::SupplyGood(SupplyGood::High))?;
        let alive = since(Event::Mcu(Mcu::On)).or(since(Event::Mcu(Mcu::Reset)))?;
        let waited = off.min(good).min(alive);
        Some(Margin::seconds(between(waited, wait), wait.as_secs_f64()))
    }

    /// What is stored means what is wanted.
    fn journal(&self, wanted: &str) -> Found {
        let stored = self.history.events().filter_map(|(_, event)| match event {
            Event::Journal(record) => Some(record),
            _ => None,
        });
        let initial = self.history.timeline.initial.iter().find_map(|event| match event {
            Event::Journal(record) => Some(*record),
            _ => None,
        });
        match stored.last().or(initial) {
            Some(record) if record.intent() != self.intent && !self.about_to_start() => {
                let detail = format!("wanted {wanted}, but {} is stored", record.name());
                Found::failed(self.history.end, detail)
            }
            Some(_) | None => {
                Found { margin: Some(self.settled()), ..Found::held(format!("wanted {wanted}")) }
            }
        }
    }

    /// How long before the end the supply and the journal were as they are.
    fn settled(&self) -> Margin {
        let concerns = |event: &Event| matches!(event, Event::SupplyEnable(_) | Event::Journal(_));
        let changes = self.history.events().filter(|(_, event)| concerns(event));
        let last = changes.last().map_or(Nanos::ZERO, |(at, _)| at).max(self.decided);
        let end = self.history.end;
        Margin::seconds(between(last, end), self.history.given(last, end))
    }

    /// A reconnection turns the intent on only when the start is decided.
    fn about_to_start(&self) -> bool {
        self.intent == Intent::On
            && !self.is(Event::SupplyEnable(SupplyEnable::On), self.history.end)
            && !self.is(Event::Rail(Rail::Up), self.history.end)
    }
}
