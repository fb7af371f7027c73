//! The bench: one plant wired to one device under test, run through one scenario.
//!
//! The only place where the two meet. The order within an instant: what is due in the plant, then the
//! device, then stimuli ([`Rank`]); after each of them plant and device answer each other until
//! neither changes. The outcome is a [`Timeline`] and what else a verdict needs; nothing is judged here.
//!
//! A Pi that is running at time zero got there: the bench plugs the board in, lets the firmware start
//! it, waits a minute and only then begins to record.

mod stimuli;

use firmware::signals::{InputLevels, StatusLed};

use stimuli::Follow;

use crate::dut::host::Host;
use crate::dut::{Dut, Note, OutputPins};
use crate::kernel::{Key, Queue, Rank};
use crate::parts;
use crate::plant::supercap::Supercap;
use crate::plant::{Driven, Plant, Wiring};
use crate::quantity::Nanos;
use crate::scenario::{Expect, Pin, Scenario, StartEeprom, StartPi, Stimulus, When, Window};
use crate::timeline::{
    self, Entry, Event, Mcu, Moment, Pi as Phase, Plug, SupplyEnable, SupplyGood, Timeline, What,
};

/// How long the Pi has been running at time zero.
const WARM: Nanos = Nanos::from_secs(60);
/// A Pi that does not run after this long will not.
const WARM_LIMIT: Nanos = Nanos::from_secs(600);
/// A run is at most this many kernel events long.
const MOST_STEPS: u64 = 1_000_000;
/// Plant and device answer each other at most this often at one instant.
const ROUNDS: u32 = 64;
/// What became of a stimulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Its time never came.
    NeverDue,
    /// It struck and changed nothing.
    Nothing,
    /// It changed something.
    Took,
}

/// The state of things when the supply was lost, or took the microcontroller with it: what a perfect
/// firmware would have had.
#[derive(Clone, Debug)]
pub struct Loss {
    /// When.
    pub at: Nanos,
    /// The capacitors.
    pub caps: Supercap,
    /// The board, as it had drifted until then.
    pub board: parts::Board,
    /// The Pi, as it had drifted until then.
    pub pi: parts::Pi,
    /// What the Pi was doing.
    pub phase: Phase,
    /// When that would have ended by itself.
    pub phase_ends: Option<Nanos>,
}

/// A run, complete.
#[derive(Clone, Debug)]
pub struct Run {
    /// What happened.
    pub timeline: Timeline,
    /// The times that expectations name, as far as they came.
    pub resolved: Vec<(When, Nanos)>,
    /// What became of each stimulus.
    pub effects: Vec<Effect>,
    /// Every loss of the supply.
    pub losses: Vec<Loss>,
    /// Kernel events that were processed, warm-up included.
    pub steps: u64,
}

/// A run that could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The Pi was to be running at time zero and never got there.
    NeverRunning {
        /// What it was doing instead.
        phase: Phase,
    },
    /// Plant and device kept answering each other at one instant: a defect of the model.
    Livelock {
        /// When, since the beginning of the scenario.
        at: Nanos,
    },
    /// More happens than a run may hold.
    TooMuch {
        /// How far it got, since the beginning of the scenario.
        at: Nanos,
    },
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NeverRunning { phase } => write!(
                f,
                "the Pi was to be running at the start, but with these parts it is {} after {} s of \
                 warm-up; begin with \"pi\": \"off\" and plug the board in",
                Event::Pi(*phase).value(),
                WARM_LIMIT.as_secs_f64(),
            ),
            Self::Livelock { at } => {
                write!(f, "plant and firmware never settle at {} s", at.in_seconds(9))
            }
            Self::TooMuch { at } => write!(
                f,
                "more than {MOST_STEPS} events by {} s; let the scenario end earlier",
                at.in_seconds(3)
            ),
        }
    }
}

impl std::error::Error for RunError {}

/// Runs a scenario on the host level.
///
/// # Errors
/// See [`RunError`].
pub fn run_on_host(scenario: &Scenario) -> Result<Run, RunError> {
    let operation = scenario.board.eeprom_operation;
    let mut host = Host::new(scenario.config, scenario.start.eeprom, operation);
    run(scenario, &mut host)
}

/// Runs a scenario on a device under test that has no supply yet.
///
/// # Errors
/// See [`RunError`].
pub fn run(scenario: &Scenario, dut: &mut dyn Dut) -> Result<Run, RunError> {
    let mut bench = Bench::new(scenario, dut);
    bench.begin()?;
    let end = bench.zero.saturating_add(scenario.end);
    while let Some((at, happening)) = bench.queue.run_until(end) {
        bench.happen(at, happening)?;
    }
    bench.instant(end, |_, _| {})?;
    Ok(bench.finish())
}

/// What the queue holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Happening {
    Plant,
    Dut,
    Stimulus(usize),
    /// A later part of a stimulus.
    Follow(usize, Follow),
    /// A time that an expectation names.
    Mark(When),
}

/// Something that waits for the `nth` occurrence of an event.
#[derive(Clone, Copy, Debug)]
struct Watch {
    event: Event,
    nth: u32,
    plus: Nanos,
    then: Happening,
}

struct Bench<'a> {
    scenario: &'a Scenario,
    dut: &'a mut dyn Dut,
    plant: Plant,
    queue: Queue<Happening>,
    plant_due: Option<(Nanos, Key)>,
    dut_due: Option<(Nanos, Key)>,
    /// Time zero of the scenario on the queue's clock.
    zero: Nanos,
    recording: bool,
    inputs: Option<InputLevels>,
    pins: OutputPins,
    mcu: Mcu,
    /// The microcontroller's supply is held off by a stimulus, and for how long after the cut.
    write_cut: Option<(usize, Nanos)>,
    mcu_held_off: bool,
    watches: Vec<Watch>,
    /// How often each watched event has happened.
    counts: Vec<(Event, u32)>,
    journal: Option<Event>,
    events: Vec<Event>,
    run: Run,
}

impl<'a> Bench<'a> {
    fn new(scenario: &'a Scenario, dut: &'a mut dyn Dut) -> Self {
        let start = &scenario.start;
        let plug = match start.pi {
            StartPi::Running => Plug::In,
            StartPi::Off => start.plug,
        };
        let full = scenario.board.charge_voltage;
        let plant = Plant::new(Wiring {
            board: scenario.board.clone(),
            caps: scenario.caps.clone(),
            supply: scenario.supply.clone(),
            cable: scenario.cable.clone(),
            pi: scenario.pi.clone(),
            request_polarity: scenario.config.request_polarity,
            plug,
            vscap: start.caps.unwrap_or(full).0,
        });
        let journal = match start.eeprom {
            StartEeprom::Record(record) => Some(Event::Journal(record)),
            StartEeprom::Blank | StartEeprom::Original { .. } => None,
        };
        Self {
            scenario,
            dut,
            plant,
            queue: Queue::default(),
            plant_due: None,
            dut_due: None,
            zero: Nanos::ZERO,
            recording: false,
            inputs: None,
            pins: OutputPins::default(),
            mcu: Mcu::Off,
            write_cut: None,
            mcu_held_off: false,
            watches: Vec::new(),
            counts: Vec::new(),
            journal,
            events: Vec::new(),
            run: Run {
                timeline: Timeline::default(),
                resolved: Vec::new(),
                effects: vec![Effect::NeverDue; scenario.stimuli.len()],
                losses: Vec::new(),
                steps: 0,
            },
        }
    }

    /// Brings everything to time zero and starts recording.
    fn begin(&mut self) -> Result<(), RunError> {
        self.instant(Nanos::ZERO, |_, _| {})?;
        if self.scenario.start.pi == StartPi::Running {
            self.warm_up()?;
            if let Some(volts) = self.scenario.start.caps {
                self.instant(self.zero, |bench, _| {
                    bench.plant.set_vscap(volts.0);
                    bench.inputs = None;
                })?;
            }
        }
        self.recording = true;
        self.run.timeline.initial = self.states();
        let quantities = self.plant.quantities();
        self.run.timeline.moments.push(Moment {
            at: Nanos::ZERO,
            before: quantities,
            after: quantities,
            hold_up: Some(self.plant.hold_up()),
        });
        for index in 0..self.scenario.stimuli.len() {
            let Stimulus { at, .. } = self.scenario.stimuli[index];
            self.arrange(at, Happening::Stimulus(index));
        }
        for when in named_times(self.scenario) {
            self.arrange(when, Happening::Mark(when));
        }
        Ok(())
    }

    fn warm_up(&mut self) -> Result<(), RunError> {
        let mut until = WARM_LIMIT;
        let mut since = None;
        while let Some((at, happening)) = self.queue.run_until(until) {
            self.happen(at, happening)?;
            if self.plant.pi().phase() != Phase::Running {
                since = None;
                until = WARM_LIMIT;
            } else if since.is_none() {
                // Whole milliseconds: the firmware's clock and the scenario's then share their grid.
                let whole = Nanos::from_millis(at.as_millis() + 1);
                since = Some(at);
                until = whole.saturating_add(WARM);
            }
        }
        self.zero = until;
        match since {
            Some(_) => self.instant(until, |_, _| {}),
            None => Err(RunError::NeverRunning { phase: self.plant.pi().phase() }),
        }
    }

    fn states(&self) -> Vec<Event> {
        let mut states = self.plant.states();
        let driven = driven(self.pins);
        states.push(Event::SupplyEnable(driven.supply_enable));
        states.push(Event::PowerGood(driven.power_good));
        states.push(Event::LoadSwitch(driven.load_switch));
        states.push(Event::StatusLed(self.pins.status_led.unwrap_or(StatusLed::Dark)));
        states.extend(self.journal);
        states
    }

    fn happen(&mut self, at: Nanos, happening: Happening) -> Result<(), RunError> {
        self.run.steps += 1;
        if self.run.steps > MOST_STEPS {
            return Err(RunError::TooMuch { at: at.saturating_sub(self.zero) });
        }
        match happening {
            Happening::Plant => {
                self.plant_due = None;
                self.instant(at, |_, _| {})
            }
            Happening::Dut => {
                self.dut_due = None;
                self.instant(at, |_, _| {})
            }
            Happening::Stimulus(index) => self.instant(at, |bench, at| bench.strike(index, at)),
            Happening::Follow(index, follow) => {
                self.instant(at, |bench, _| bench.follow(index, follow))
            }
            Happening::Mark(when) => {
                self.run.resolved.push((when, at.saturating_sub(self.zero)));
                self.instant(at, |_, _| {})?;
                self.note_hold_up();
                Ok(())
            }
        }
    }

    /// One instant: move the plant to it, do something, let plant and device answer each other.
    fn instant(
        &mut self,
        at: Nanos,
        action: impl FnOnce(&mut Self, Nanos),
    ) -> Result<(), RunError> {
        self.plant.advance(at);
        let before = self.plant.quantities();
        if self.recording {
            self.open_moment(at, before);
        }
        action(self, at);
        self.settle(at)?;
        if self.recording
            && let Some(moment) = self.run.timeline.moments.last_mut()
        {
            moment.after = self.plant.quantities();
        }
        self.reschedule();
        Ok(())
    }

    fn open_moment(&mut self, at: Nanos, before: timeline::Quantities) {
        let at = at.saturating_sub(self.zero);
        let moments = &mut self.run.timeline.moments;
        if moments.last().is_none_or(|last| last.at != at) {
            moments.push(Moment { at, before, after: before, hold_up: None });
        }
    }

    fn settle(&mut self, at: Nanos) -> Result<(), RunError> {
        let livelock = RunError::Livelock { at: at.saturating_sub(self.zero) };
        for _ in 0..ROUNDS {
            let mut events = std::mem::take(&mut self.events);
            self.plant.settle(&mut events).map_err(|_| livelock)?;
            let ran = self.run_dut(at, &mut events);
            let drove = self.apply_pins(&mut events);
            let changed = ran || drove || !events.is_empty();
            for event in events.drain(..) {
                self.note(at, event);
            }
            self.events = events;
            if !changed {
                return Ok(());
            }
        }
        Err(livelock)
    }

    /// Lets the device see what it must see. Says whether it ran.
    fn run_dut(&mut self, at: Nanos, events: &mut Vec<Event>) -> bool {
        let levels = InputLevels {
            supply_good: self.plant.input_level(Pin::SupplyGood),
            button: self.plant.input_level(Pin::Button),
            pi_request: self.plant.input_level(Pin::PiRequest),
            caps_charged: self.plant.input_level(Pin::CapsCharged),
        };
        let supplied = if self.mcu_held_off { Mcu::Off } else { self.plant.mcu() };
        let ran = match (self.mcu, supplied) {
            (Mcu::Off, Mcu::On | Mcu::Reset) => {
                self.mcu = Mcu::On;
                self.dut.power_on(at, levels);
                true
            }
            (Mcu::On | Mcu::Reset, Mcu::Off) => {
                self.mcu = Mcu::Off;
                self.dut.power_off(at);
                true
            }
            (Mcu::Off, Mcu::Off) => false,
            (Mcu::On | Mcu::Reset, Mcu::On | Mcu::Reset) => {
                let due = self.dut.wake().is_some_and(|wake| wake <= at);
                let changed = self.inputs != Some(levels);
                if due || changed {
                    self.dut.run(at, levels);
                }
                due || changed
            }
        };
        self.inputs = Some(levels);
        for note in self.dut.take_notes() {
            match note {
                Note::Stored(record) => {
                    self.journal = Some(Event::Journal(record));
                    events.push(Event::Journal(record));
                }
                Note::WriteCut => self.write_was_cut(at, events),
            }
        }
        ran
    }

    fn write_was_cut(&mut self, at: Nanos, events: &mut Vec<Event>) {
        let Some((index, lasting)) = self.write_cut.take() else {
            return;
        };
        self.run.effects[index] = Effect::Took;
        self.mcu = Mcu::Off;
        self.mcu_held_off = true;
        events.push(Event::Mcu(Mcu::Off));
        let back = Happening::Follow(index, Follow::McuSupplyBack);
        self.queue.schedule(at.saturating_add(lasting), Rank::Stimulus, back);
    }

    /// Applies the device's pins to the plant. Says whether they changed.
    fn apply_pins(&mut self, events: &mut Vec<Event>) -> bool {
        let pins = self.dut.outputs();
        if pins == self.pins {
            return false;
        }
        let before = std::mem::replace(&mut self.pins, pins);
        let driven = driven(pins);
        if driven.supply_enable == SupplyEnable::Off
            && self::driven(before).supply_enable == SupplyEnable::On
        {
            self.note_hold_up();
        }
        self.plant.drive(driven, events);
        let led = |pins: OutputPins| pins.status_led.unwrap_or(StatusLed::Dark);
        if led(before) != led(pins) {
            events.push(Event::StatusLed(led(pins)));
        }
        true
    }

    fn note_hold_up(&mut self) {
        let hold_up = self.plant.hold_up();
        if self.recording
            && let Some(moment) = self.run.timeline.moments.last_mut()
            && moment.hold_up.is_none()
        {
            moment.hold_up = Some(hold_up);
        }
    }

    fn note(&mut self, at: Nanos, event: Event) {
        if !self.recording {
            return;
        }
        self.enter(at, What::Event(event));
        match event {
            Event::SupplyGood(SupplyGood::Low) | Event::Mcu(Mcu::Off) => {
                self.run.losses.push(Loss {
                    at: at.saturating_sub(self.zero),
                    caps: *self.plant.caps(),
                    board: self.plant.board().clone(),
                    pi: self.plant.pi().part().clone(),
                    phase: self.plant.pi().phase(),
                    phase_ends: self
                        .plant
                        .pi()
                        .phase_ends()
                        .map(|ends| ends.saturating_sub(self.zero)),
                })
            }
            Event::Pi(Phase::Halted) => self.note_hold_up(),
            _ => {}
        }
        let Some((_, count)) = self.counts.iter_mut().find(|(counted, _)| *counted == event) else {
            return;
        };
        *count += 1;
        for watch in &self.watches {
            if watch.event == event && watch.nth == *count {
                let rank = rank(watch.then);
                self.queue.schedule(at.saturating_add(watch.plus), rank, watch.then);
            }
        }
    }

    fn enter(&mut self, at: Nanos, what: What) {
        let timeline = &mut self.run.timeline;
        let moment = timeline.moments.len().saturating_sub(1);
        timeline.entries.push(Entry { at: at.saturating_sub(self.zero), moment, what });
    }

    /// Schedules something at a time that is known, or for when its event happens.
    fn arrange(&mut self, when: When, then: Happening) {
        match when {
            When::At(at) => {
                self.queue.schedule(self.zero.saturating_add(at), rank(then), then);
            }
            When::After { event, nth, plus } => {
                if !self.counts.iter().any(|(counted, _)| *counted == event) {
                    self.counts.push((event, 0));
                }
                self.watches.push(Watch { event, nth, plus, then });
            }
        }
    }

    fn reschedule(&mut self) {
        let plant = self.plant.next();
        if self.plant_due.map(|(at, _)| at) != plant {
            if let Some((_, key)) = self.plant_due.take() {
                self.queue.cancel(key);
            }
            self.plant_due =
                plant.map(|at| (at, self.queue.schedule(at, Rank::Plant, Happening::Plant)));
        }
        let dut = self.dut.wake();
        if self.dut_due.map(|(at, _)| at) != dut {
            if let Some((_, key)) = self.dut_due.take() {
                self.queue.cancel(key);
            }
            self.dut_due = dut.map(|at| (at, self.queue.schedule(at, Rank::Dut, Happening::Dut)));
        }
    }

    fn finish(mut self) -> Run {
        self.note_hold_up();
        self.run
    }
}

const fn rank(happening: Happening) -> Rank {
    match happening {
        Happening::Plant => Rank::Plant,
        Happening::Dut => Rank::Dut,
        Happening::Stimulus(_) | Happening::Follow(..) | Happening::Mark(_) => Rank::Stimulus,
    }
}

/// Floating pins, resolved by the board's pulls.
fn driven(pins: OutputPins) -> Driven {
    let floating = Driven::FLOATING;
    Driven {
        supply_enable: pins.supply_enable.unwrap_or(floating.supply_enable),
        power_good: pins.power_good.unwrap_or(floating.power_good),
        load_switch: pins.load_switch.unwrap_or(floating.load_switch),
    }
}

/// The times that a scenario's expectations name.
fn named_times(scenario: &Scenario) -> Vec<When> {
    let mut times: Vec<When> = Vec::new();
    let mut add = |when: Option<When>| {
        if let Some(when) = when
            && !times.contains(&when)
        {
            times.push(when);
        }
    };
    for expectation in &scenario.expectations {
        match &expectation.kind {
            Expect::Within { from, .. } | Expect::Hold { from, .. } => add(Some(*from)),
            Expect::Never { window: Window { from, to }, .. }
            | Expect::Count { window: Window { from, to }, .. }
            | Expect::Stay { window: Window { from, to }, .. } => {
                add(*from);
                add(*to);
            }
            Expect::Value { at, .. } | Expect::Margin { at, .. } => add(Some(*at)),
            Expect::Final { .. } => {}
        }
    }
    times
}
