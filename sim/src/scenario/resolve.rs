//! From the file's types to the domain's: parts are found, defaults filled in, and everything is
//! checked that a schema cannot say. All problems of a file are collected before any is reported.

use firmware::config::{Config, Polarity};
use firmware::time::Millis;

use super::file::{
    ActFile, ActWith, ActWord, DriftFile, FirmwareOverrides, PartChoice, PartWith, ScenarioFile,
    StartFile, StimulusFile, WaiverFile, WhenFile,
};
use super::overrides::POLARITY;
use super::{Act, Drift, Scenario, Start, StartEeprom, StartPi, Stimulus, Waiver, When};
use crate::document::{Problem, Problems, Source};
use crate::parts::{Board, Cable, Caps, Flaw, Library, Part, PartError, Pi, Stored, Supply};
use crate::quantity::{Nanos, Volts};
use crate::timeline::Plug;

/// More single steps than this are taken for a slip.
const MAX_STEPS: u64 = 10_000;
/// The step of a ramp \[V\].
const RAMP_STEP: f64 = 0.01;
/// More than two cells in series can stand.
const MAX_CAPS: Volts = Volts(5.5);
/// How long `press` presses when nothing is said.
const PRESS: Nanos = Nanos::from_millis(100);

/// What is known while a file is resolved.
pub(super) struct Resolver<'a> {
    pub(super) source: &'a Source<'a>,
    /// When the run ends.
    pub(super) end: Nanos,
    problems: Vec<Problem>,
}

/// The parts of a scenario, overrides applied.
#[derive(Clone)]
struct Wiring {
    board: Board,
    caps: Caps,
    supply: Supply,
    cable: Cable,
    pi: Pi,
}

/// Turns a file of the right shape into a scenario.
pub(super) fn resolve(
    name: &str,
    source: &Source<'_>,
    file: ScenarioFile,
    library: &Library,
) -> Result<Scenario, Problems> {
    let mut resolver = Resolver { source, end: file.until, problems: Vec::new() };
    if file.until == Nanos::ZERO {
        resolver.report("until", "the run takes no time", "expected more than 0 s");
    }
    let wiring = resolver.wiring(&file, library);
    let config = resolver.config(&file.firmware);
    let start = resolver.start(&file.start);
    let stimuli: Vec<Stimulus> = (file.stimuli.into_iter().enumerate())
        .map(|(index, stimulus)| resolver.stimulus(index, stimulus))
        .collect();
    resolver.count_steps(&stimuli, wiring.as_ref());
    if let Some(wiring) = &wiring {
        resolver.drifts(&stimuli, wiring.clone());
    }
    let expectations = (file.expect.into_iter().enumerate())
        .filter_map(|(index, expect)| resolver.expectation(index, expect))
        .collect();
    let waivers = resolver.waivers(file.waive);

    Problems::check(std::mem::take(&mut resolver.problems))?;
    // Without a problem, the wiring is complete.
    let Some(Wiring { board, caps, supply, cable, pi }) = wiring else {
        return Err(Problem::bad("a part is missing").into());
    };
    let purpose = file.purpose.trim().to_owned();
    let (name, end) = (name.to_owned(), file.until);
    Ok(Scenario {
        name,
        purpose,
        board,
        caps,
        supply,
        cable,
        pi,
        config,
        start,
        stimuli,
        end,
        expectations,
        waivers,
    })
}

impl Resolver<'_> {
    /// Reports what is wrong with the value at `pointer`.
    pub(super) fn report(
        &mut self,
        pointer: &str,
        message: impl AsRef<str>,
        label: impl Into<String>,
    ) {
        self.push(self.source.problem(self.source.at(pointer), placed(pointer, message), label));
    }

    /// Reports what is wrong with the value at `pointer`, and how to mend it.
    pub(super) fn report_help(
        &mut self,
        pointer: &str,
        message: impl AsRef<str>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let range = self.source.at(pointer);
        self.push(self.source.problem(range, placed(pointer, message), label).help(help));
    }

    /// Reports what is wrong with the key at `pointer`.
    pub(super) fn report_key(
        &mut self,
        pointer: &str,
        message: impl AsRef<str>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let range = self.source.key_at(pointer);
        self.push(self.source.problem(range, placed(pointer, message), label).help(help));
    }

    fn push(&mut self, problem: Problem) {
        if self.problems.len() <= Problems::MOST {
            self.problems.push(problem);
        }
    }

    fn wiring(&mut self, file: &ScenarioFile, library: &Library) -> Option<Wiring> {
        // All five before the first `?`, so that every unknown part is named.
        let board = self.part("supercap-pi", file.board.as_ref(), library);
        let caps = self.part("25f", file.caps.as_ref(), library);
        let supply = self.part("official-3a", file.supply.as_ref(), library);
        let cable = self.part("good-1m", file.cable.as_ref(), library);
        let pi = self.part("pi-3b-tft", file.pi.as_ref(), library);
        Some(Wiring { board: board?, caps: caps?, supply: supply?, cable: cable?, pi: pi? })
    }

    fn part<P: Stored>(
        &mut self,
        default: &str,
        choice: Option<&PartChoice<P::Override>>,
        library: &Library,
    ) -> Option<P> {
        let key = P::KIND.name();
        let (name, pointer, over) = match choice {
            None => (default, key.to_owned(), None),
            Some(PartChoice::Name(name)) => (name.as_str(), key.to_owned(), None),
            Some(PartChoice::With(PartWith { part, with })) => {
                (part.as_str(), format!("{key}/part"), Some(with))
            }
        };
        let part: P = match library.find(name) {
            Ok(part) => part,
            Err(PartError::Unknown { help }) => {
                let message = format!("no part is called \"{name}\"");
                self.report_help(&pointer, message, format!("expected a {key} part"), help);
                return None;
            }
            Err(PartError::Bad(problems)) => {
                problems.into_list().into_iter().for_each(|problem| self.push(problem));
                return None;
            }
        };
        let Some(over) = over else { return Some(part) };
        let part = part.with(over);
        self.part_flaws(&part.flaws(), &format!("{key}/with"));
        Some(part)
    }

    /// Reports contradictions among values, at whichever of them the file gives below `pointer`.
    fn part_flaws(&mut self, flaws: &[Flaw], pointer: &str) {
        for flaw in flaws {
            let places = [Some(flaw.field), flaw.other];
            let place = (places.into_iter().flatten())
                .map(|field| format!("{pointer}/{field}"))
                .find(|place| self.source.has(place));
            let place = place.unwrap_or_else(|| pointer.to_owned());
            let problem = flaw.at(self.source, &place);
            let message = placed(&place, &problem.message);
            self.push(Problem { message, ..problem });
        }
    }

    fn config(&mut self, overrides: &FirmwareOverrides) -> Config {
        let mut config = Config::DEFAULT;
        for (name, text) in &overrides.0 {
            if name == POLARITY {
                config.request_polarity = match text.as_str() {
                    "active_low" => Polarity::ActiveLow,
                    _ => Polarity::ActiveHigh,
                };
            } else if let (Some(time), Ok(value)) = (config.time_mut(name), Nanos::parse(text)) {
                match millis(value) {
                    Some(millis) => *time = millis,
                    None => self.report(
                        &format!("firmware/{name}"),
                        format!("\"{text}\" does not fit the configuration block"),
                        "expected whole milliseconds, at most 49 days",
                    ),
                }
            }
        }
        if let Some((field, must, other)) = config.problem() {
            self.config_problem(&config, field, must, other);
        }
        config
    }

    fn config_problem(&mut self, config: &Config, field: &str, must: &str, other: &str) {
        let value = |name: &str| {
            let time = config.times().into_iter().find(|time| time.0 == name);
            Nanos::from_millis(time.map_or(0, |time| u64::from(time.2.0))).exact()
        };
        let message =
            format!("`{field}` ({}) must be {must} `{other}` ({})", value(field), value(other));
        let given = [field, other].map(|name| format!("firmware/{name}"));
        let place = given.iter().find(|place| self.source.has(place)).unwrap_or(&given[0]);
        let help = "values that the file does not give keep their defaults";
        self.report_help(place, message, "contradicts the other", help);
    }

    fn start(&mut self, file: &StartFile) -> Start {
        let pi = file.pi.unwrap_or(StartPi::Running);
        let plug = file.plug.map_or(Plug::In, |plug| plug.0);
        if pi == StartPi::Running && plug == Plug::Out {
            self.report_help(
                "start/plug",
                "a running Pi needs its plug in",
                "contradicts `\"pi\": \"running\"`",
                "start with the Pi off, or plug in and add the stimulus \"unplug\"",
            );
        }
        if let Some(caps) = file.caps.filter(|caps| *caps > MAX_CAPS) {
            self.report(
                "start/caps",
                format!("{caps} is more than two cells in series can stand"),
                format!("expected at most {MAX_CAPS}"),
            );
        }
        let eeprom = file.eeprom.map_or(StartEeprom::Blank, StartEeprom::from);
        Start { pi, plug, caps: file.caps, eeprom }
    }

    fn stimulus(&mut self, index: usize, file: StimulusFile) -> Stimulus {
        let pointer = format!("stimuli/{index}");
        let line = self.source.line(&pointer);
        let at = self.when(&file.at, &format!("{pointer}/at"));
        if at == When::At(self.end) {
            self.report(
                &format!("{pointer}/at"),
                "nothing can happen at the very end",
                format!("the run ends at {}", self.end.exact()),
            );
        }
        let act = match file.act {
            ActFile::Word(word) => plain(word),
            ActFile::With(act) => self.act(act, &format!("{pointer}/do")),
        };
        Stimulus { at, act, line }
    }

    fn act(&mut self, act: ActWith, pointer: &str) -> Act {
        match act {
            ActWith::Press { lasting } => {
                self.takes_time(lasting, &format!("{pointer}/press/for"));
                Act::Press { lasting }
            }
            ActWith::Bounce { to, count, every } => {
                let place = format!("{pointer}/bounce/every");
                self.takes_time(every, &place);
                if every.saturating_mul(u64::from(count)) > self.end {
                    let message = format!("{count} times {} is longer than the run", every.exact());
                    self.report(&place, message, format!("the run ends at {}", self.end.exact()));
                }
                Act::Bounce { to: to.0, count, every }
            }
            ActWith::Sag { to, lasting } => {
                if let Some(lasting) = lasting {
                    self.takes_time(lasting, &format!("{pointer}/sag/for"));
                }
                Act::Sag { to, lasting }
            }
            ActWith::Ramp { to, over } => {
                self.takes_time(over, &format!("{pointer}/ramp/over"));
                Act::Ramp { to, over }
            }
            ActWith::ShutdownTakes(time) => Act::ShutdownTakes(time),
            ActWith::Noise { on, lasting } => {
                self.takes_time(lasting, &format!("{pointer}/noise/for"));
                Act::Noise { pin: on, lasting }
            }
            ActWith::Reset { cause, ram } => Act::McuReset { cause, ram },
            ActWith::CutDuringWrite { write, tear, lasting } => {
                self.takes_time(lasting, &format!("{pointer}/cut_during_write/for"));
                Act::CutDuringWrite { nth: write, tear, lasting }
            }
            ActWith::Drift(drift) => Act::Drift(Box::new(drift_of(*drift))),
        }
    }

    /// The point in time at `pointer`, which must lie within the run.
    pub(super) fn when(&mut self, file: &WhenFile, pointer: &str) -> When {
        match *file {
            WhenFile::At(time) => {
                if time > self.end {
                    let message = format!("{} is after the end of the run", time.exact());
                    let label = format!("the run ends at {}", self.end.exact());
                    self.report_help(
                        pointer,
                        message,
                        label,
                        "move it, or let the run end later: `until`",
                    );
                }
                When::At(time)
            }
            WhenFile::After(ref after) => {
                let plus = after.plus.unwrap_or(Nanos::ZERO);
                if plus > self.end {
                    let message = format!("{} is longer than the run", plus.exact());
                    let label = format!("the run ends at {}", self.end.exact());
                    self.report(&format!("{pointer}/plus"), message, label);
                }
                When::After { event: after.after.0, nth: after.occurrence.unwrap_or(1), plus }
            }
        }
    }

    /// Reports a time of zero where zero says nothing.
    pub(super) fn takes_time(&mut self, time: Nanos, pointer: &str) {
        if time == Nanos::ZERO {
            self.report(pointer, "0 s has no effect", "expected more than 0 s");
        }
    }

    /// Stimuli expand into single steps; too many of them are a slip.
    fn count_steps(&mut self, stimuli: &[Stimulus], wiring: Option<&Wiring>) {
        let mut level = wiring.map_or(5.0, |wiring| wiring.supply.voltage.0);
        let mut steps = 0_u64;
        for (index, stimulus) in stimuli.iter().enumerate() {
            steps += match &stimulus.act {
                Act::Bounce { count, .. } => u64::from(*count),
                Act::Ramp { to, .. } => {
                    let distance = (to.0 - level).abs() / RAMP_STEP;
                    level = to.0;
                    distance as u64
                }
                Act::Unplug
                | Act::Plug
                | Act::StripOff
                | Act::StripOn
                | Act::Sag { .. }
                | Act::Press { .. }
                | Act::Hold
                | Act::Release
                | Act::Poweroff
                | Act::Reboot
                | Act::Hang
                | Act::ShutdownTakes(_)
                | Act::Noise { .. }
                | Act::McuReset { .. }
                | Act::CutDuringWrite { .. }
                | Act::Drift(_) => 1,
            };
            if steps > MAX_STEPS {
                let message = format!("more than {MAX_STEPS} steps up to this stimulus");
                let label = "bounces and ramps count each contact and each 10 mV";
                self.report(&format!("stimuli/{index}/do"), message, label);
                return;
            }
        }
    }

    /// Checks the parts as they are after each drift, in file order.
    fn drifts(&mut self, stimuli: &[Stimulus], mut wiring: Wiring) {
        for (index, stimulus) in stimuli.iter().enumerate() {
            if let Act::Drift(drift) = &stimulus.act {
                let pointer = format!("stimuli/{index}/do/drift");
                self.drift(&mut wiring.board, &drift.board, &pointer);
                self.drift(&mut wiring.caps, &drift.caps, &pointer);
                self.drift(&mut wiring.supply, &drift.supply, &pointer);
                self.drift(&mut wiring.cable, &drift.cable, &pointer);
                self.drift(&mut wiring.pi, &drift.pi, &pointer);
            }
        }
    }

    fn drift<P: Part>(&mut self, part: &mut P, over: &P::Override, pointer: &str) {
        let pointer = format!("{pointer}/{}", P::KIND.name());
        if self.source.has(&pointer) {
            *part = part.clone().with(over);
            self.part_flaws(&part.flaws(), &pointer);
        }
    }

    fn waivers(&mut self, files: Vec<WaiverFile>) -> Vec<Waiver> {
        let mut waivers: Vec<Waiver> = Vec::new();
        for (index, file) in files.into_iter().enumerate() {
            let pointer = format!("waive/{index}");
            let invariant = file.invariant.0;
            if let Some(first) = waivers.iter().find(|waiver| waiver.invariant == invariant) {
                let message = format!("O{invariant} is waived already");
                let label = format!("first waived on line {}", first.line);
                self.report(&format!("{pointer}/invariant"), message, label);
            }
            let line = self.source.line(&pointer);
            waivers.push(Waiver { invariant, reason: file.reason.trim().to_owned(), line });
        }
        waivers
    }
}

const fn plain(word: ActWord) -> Act {
    match word {
        ActWord::Unplug => Act::Unplug,
        ActWord::Plug => Act::Plug,
        ActWord::StripOff => Act::StripOff,
        ActWord::StripOn => Act::StripOn,
        ActWord::Press => Act::Press { lasting: PRESS },
        ActWord::Hold => Act::Hold,
        ActWord::Release => Act::Release,
        ActWord::Poweroff => Act::Poweroff,
        ActWord::Reboot => Act::Reboot,
        ActWord::Hang => Act::Hang,
    }
}

fn drift_of(file: DriftFile) -> Drift {
    Drift {
        board: file.board.unwrap_or_default(),
        caps: file.caps.unwrap_or_default(),
        supply: file.supply.unwrap_or_default(),
        cable: file.cable.unwrap_or_default(),
        pi: file.pi.unwrap_or_default(),
    }
}

/// `message` with the place in front, as the shape's problems have it: `stimuli[3].at`.
fn placed(pointer: &str, message: impl AsRef<str>) -> String {
    let mut place = String::new();
    for step in pointer.split('/') {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            place.extend(["[", step, "]"]);
        } else {
            place.extend([if place.is_empty() { "" } else { "." }, step]);
        }
    }
    format!("`{place}`: {}", message.as_ref())
}

/// `time` in the firmware's unit, if it is whole milliseconds and fits.
fn millis(time: Nanos) -> Option<Millis> {
    let millis = u32::try_from(time.as_millis()).ok()?;
    (Nanos::from_millis(u64::from(millis)) == time).then_some(Millis(millis))
}
