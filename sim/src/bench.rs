//! The bench: one plant wired to one device under test, run through one scenario.
//!
//! The only place where the two meet. The order within an instant: what is due in the plant, then the
//! device, then stimuli ([`Rank`]); after each of them plant and device answer each other until
//! neither changes. The outcome is a [`Timeline`] and what else a verdict needs; nothing is judged here.
//!
//! A Pi that is running at time zero got there: the bench plugs the board in, lets the firmware start
//! it, waits a minute and only then begins to record.

mod instant;
mod nets;
mod record;
mod stimuli;
mod stuck;

use firmware::signals::InputLevels;

use nets::Nets;
use stimuli::Follow;
use stuck::Stuck;

use crate::dut::chip::{ChipLevel, Unsuitable};
use crate::dut::host::Host;
use crate::dut::{DeviceReport, Dut, OutputPins, Thresholds};
use crate::kernel::{Key, Queue, Rank};
use crate::parts;
use crate::plant::pi::Drawn;
use crate::plant::supercap::Supercap;
use crate::plant::{Plant, Wiring};
use crate::quantity::Nanos;
use crate::scenario::{Expect, Scenario, StartEeprom, StartPi, Stimulus, When, Window};
use crate::timeline::{Event, Mcu, Moment, Pi as Phase, Plug, Timeline};

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
    /// What is to be told of the device; `None` if it has nothing of the kind.
    pub device: Option<DeviceReport>,
    /// What was drawn of the Pi, boot by boot; a boot before time zero is at time zero.
    pub drawn: Vec<Drawn>,
    /// How long the board had been running at time zero.
    pub warm_up: Nanos,
    /// When the run ended: the scenario's end, or when the device did.
    pub end: Nanos,
    /// Kernel events that were processed, warm-up included.
    pub steps: u64,
}

/// A run that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The image cannot run this scenario.
    Unsuitable(Unsuitable),
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
            Self::Unsuitable(why) => why.fmt(f),
            Self::NeverRunning { phase } => write!(
                f,
                "the Pi was to be running at the start, but with these parts and this firmware it \
                 is {} after {} s of warm-up; begin with \"pi\": \"off\" and plug the board in",
                Event::Pi(*phase).value(),
                WARM_LIMIT.as_secs_f64(),
            ),
            Self::Livelock { at } => {
                write!(f, "plant and firmware never settle at {} s", at.in_seconds(9))
            }
            Self::TooMuch { at } => write!(
                f,
                "more than {MOST_STEPS} events by {} s; let the scenario end earlier, unless it is \
                 the firmware that never rests",
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

/// Runs a scenario on the chip level.
///
/// # Errors
/// See [`RunError`].
pub fn run_on_chip(scenario: &Scenario, level: &ChipLevel) -> Result<Run, RunError> {
    let mut device = level.device(scenario).map_err(RunError::Unsuitable)?;
    run(scenario, &mut device)
}

/// Runs a scenario on a device under test that has no supply yet.
///
/// # Errors
/// See [`RunError`].
pub fn run(scenario: &Scenario, dut: &mut dyn Dut) -> Result<Run, RunError> {
    let mut bench = Bench::new(scenario, dut);
    bench.begin()?;
    let end = bench.zero.saturating_add(scenario.end);
    while !bench.ended
        && let Some((at, happening)) = bench.next(end)
    {
        bench.happen(at, happening)?;
    }
    let end = if bench.ended { bench.queue.now() } else { end };
    bench.instant(end, |_, _| {})?;
    Ok(bench.finish(end))
}

/// What the queue holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Happening {
    Plant,
    Dut,
    /// A net that nobody drives falls to its pull.
    Net,
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
    /// When the device acts by itself; taken once it did.
    dut_due: Option<Nanos>,
    dut_key: Option<Key>,
    /// Time zero of the scenario on the queue's clock.
    zero: Nanos,
    recording: bool,
    inputs: Option<InputLevels>,
    pins: OutputPins,
    nets: Nets,
    /// When a net that nobody drives falls to its pull.
    net_due: Option<Nanos>,
    mcu: Mcu,
    /// The microcontroller's supply is held off by a stimulus, and for how long after the cut.
    write_cut: Option<(usize, Nanos)>,
    mcu_held_off: bool,
    /// The stimulus whose reset waits for its instruction.
    armed_reset: Option<usize>,
    /// How many stimuli pull NRST low.
    nrst_held: u32,
    stuck: Vec<Stuck>,
    /// The supply that the device knows of, and the one it waits for.
    told_supply: Option<u32>,
    watch: Option<Thresholds>,
    /// The device does nothing any more.
    ended: bool,
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
            strip: scenario.strip.clone(),
            cable: scenario.cable.clone(),
            pi: scenario.pi.clone(),
            request_polarity: scenario.config.request_polarity,
            seed: scenario.seed,
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
            dut_key: None,
            zero: Nanos::ZERO,
            recording: false,
            inputs: None,
            pins: OutputPins::default(),
            nets: Nets::default(),
            net_due: None,
            mcu: Mcu::Off,
            write_cut: None,
            mcu_held_off: false,
            armed_reset: None,
            nrst_held: 0,
            stuck: Vec::new(),
            told_supply: None,
            watch: None,
            ended: false,
            watches: Vec::new(),
            counts: Vec::new(),
            journal,
            events: Vec::new(),
            run: Run {
                timeline: Timeline::default(),
                resolved: Vec::new(),
                effects: vec![Effect::NeverDue; scenario.stimuli.len()],
                losses: Vec::new(),
                device: None,
                drawn: Vec::new(),
                warm_up: Nanos::ZERO,
                end: scenario.end,
                steps: 0,
            },
        }
    }

    /// Brings everything to time zero and starts recording.
    fn begin(&mut self) -> Result<(), RunError> {
        self.instant(Nanos::ZERO, |_, _| {})?;
        if self.scenario.start.pi == StartPi::Off {
            self.start_up()?;
        } else {
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

    /// A device that takes time to start has started at time zero.
    fn start_up(&mut self) -> Result<(), RunError> {
        let until = self.dut.start_up();
        if until == Nanos::ZERO {
            return Ok(());
        }
        while !self.ended
            && let Some((at, happening)) = self.next(until)
        {
            self.happen(at, happening)?;
        }
        self.zero = until;
        self.instant(until, |_, _| {})
    }

    /// Whether the device's program has faulted.
    fn went_astray(&self) -> bool {
        self.dut.report().is_some_and(|report| report.fault_count > 0)
    }

    fn warm_up(&mut self) -> Result<(), RunError> {
        let mut until = WARM_LIMIT;
        let mut since = None;
        while let Some((at, happening)) = self.next(until) {
            self.happen(at, happening)?;
            if self.ended {
                self.zero = at;
                return Ok(());
            }
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
            // Then it is not the parts.
            None if self.went_astray() => {
                self.ended = true;
                Ok(())
            }
            None => Err(RunError::NeverRunning { phase: self.plant.pi().phase() }),
        }
    }

    /// What happens next, up to `end`. The device is asked last: it may run ahead to whatever else
    /// comes next, since nothing changes for it before.
    fn next(&mut self, end: Nanos) -> Option<(Nanos, Happening)> {
        if let Some(key) = self.dut_key.take() {
            self.queue.cancel(key);
        }
        let until = self.queue.next_at().map_or(end, |at| at.min(end));
        self.dut_due = self.dut.next(until);
        self.dut_key = self.dut_due.map(|at| self.queue.schedule(at, Rank::Dut, Happening::Dut));
        self.queue.run_until(end)
    }

    fn happen(&mut self, at: Nanos, happening: Happening) -> Result<(), RunError> {
        self.run.steps += 1;
        if self.run.steps > MOST_STEPS && self.went_astray() {
            self.ended = true;
            return Ok(());
        }
        if self.run.steps > MOST_STEPS {
            return Err(RunError::TooMuch { at: at.saturating_sub(self.zero) });
        }
        match happening {
            Happening::Plant => {
                self.plant_due = None;
                self.instant(at, |_, _| {})
            }
            Happening::Dut | Happening::Net => self.instant(at, |_, _| {}),
            Happening::Stimulus(index) => self.instant(at, |bench, at| bench.strike(index, at)),
            Happening::Follow(index, follow) => {
                self.instant(at, |bench, at| bench.follow(index, follow, at))
            }
            Happening::Mark(when) => {
                self.run.resolved.push((when, at.saturating_sub(self.zero)));
                self.instant(at, |_, _| {})?;
                self.note_hold_up();
                Ok(())
            }
        }
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
    }
}

const fn rank(happening: Happening) -> Rank {
    match happening {
        Happening::Plant | Happening::Net => Rank::Plant,
        Happening::Dut => Rank::Dut,
        Happening::Stimulus(_) | Happening::Follow(..) | Happening::Mark(_) => Rank::Stimulus,
    }
}

/// The times that a scenario's expectations name.
pub(crate) fn named_times(scenario: &Scenario) -> Vec<When> {
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
