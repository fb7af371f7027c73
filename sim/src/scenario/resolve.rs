//! From the file's types to the domain's: parts are found, defaults filled in, and everything is
//! checked that a schema cannot say.
//!
//! The file is read piece by piece: fields at the top, entries of `firmware`, `start` and `waive`, the
//! time and the act of a stimulus, each expectation. A piece that does not fit its schema has been
//! reported; the others are checked all the same, as far as they do not depend on it.

use firmware::config::Config;

use super::file::{
    ActFile, ActWith, ActWord, DriftFile, EepromFile, PartChoice, PartWith, WhenFile,
};
use super::names::{InvariantName, PlugName};
use super::{Act, Drift, OnlyOn, Scenario, Start, StartEeprom, StartPi, Stimulus, Waiver, When};
use crate::document::{Case, Document, Piece, Problem, Problems};
use crate::parts::{Board, Cable, Caps, Flaw, Library, Part, PartError, Pi, Stored, Strip, Supply};
use crate::quantity::{Nanos, Volts};
use crate::settings::{self, Contradiction};
use crate::timeline::Plug;

/// More single steps than this are taken for a slip.
const MAX_STEPS: u64 = 10_000;
/// More than two cells in series can stand.
const MAX_CAPS: Volts = Volts(5.5);
/// How long `press` presses when nothing is said.
const PRESS: Nanos = Nanos::from_millis(100);

/// What is known while a file is resolved.
pub(super) struct Resolver<'a> {
    pub(super) document: Document<'a>,
    /// When the run ends, if that can be told.
    pub(super) end: Option<Nanos>,
}

/// The parts of a scenario, overrides applied, as far as they are good.
#[derive(Clone)]
struct Wiring {
    board: Option<Board>,
    caps: Option<Caps>,
    supply: Option<Supply>,
    strip: Option<Strip>,
    cable: Option<Cable>,
    pi: Option<Pi>,
}

/// Turns a document, or one case of it, into a scenario; `file` is the file's name.
pub(super) fn resolve(
    file: &str,
    case: &Case,
    document: Document<'_>,
    library: &Library,
) -> Result<Scenario, Problems> {
    let mut resolver = Resolver { document, end: None };
    resolver.end = resolver.until();
    let purpose = resolver.document.get::<String>("purpose").fits();
    let wiring = resolver.wiring(library);
    let seed = resolver.document.get("seed").fits();
    let config = resolver.config();
    let start = resolver.start();
    let stimuli = resolver.stimuli(&wiring);
    let expectations = (0..resolver.document.length("expect"))
        .filter_map(|index| resolver.expectation(index))
        .collect();
    let waivers = resolver.waivers();
    let only_on = resolver.only_on();

    let end = resolver.end;
    resolver.document.finish()?;
    // Without a problem, nothing is missing.
    let incomplete = || Problems::from(Problem::bad("the scenario is incomplete"));
    let purpose = purpose.ok_or_else(incomplete)?.trim().to_owned();
    Ok(Scenario {
        name: format!("{file}{case}"),
        file: file.to_owned(),
        case: case.labels.clone(),
        purpose,
        board: wiring.board.ok_or_else(incomplete)?,
        caps: wiring.caps.ok_or_else(incomplete)?,
        supply: wiring.supply.ok_or_else(incomplete)?,
        strip: wiring.strip.ok_or_else(incomplete)?,
        cable: wiring.cable.ok_or_else(incomplete)?,
        pi: wiring.pi.ok_or_else(incomplete)?,
        seed,
        config,
        start,
        stimuli,
        end: end.ok_or_else(incomplete)?,
        expectations,
        waivers,
        only_on,
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
        let source = self.document.source();
        let problem = source.problem(source.at(pointer), placed(pointer, message), label);
        self.document.report(problem);
    }

    /// Reports what is wrong with the value at `pointer`, and how to mend it.
    pub(super) fn report_help(
        &mut self,
        pointer: &str,
        message: impl AsRef<str>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let source = self.document.source();
        let problem = source.problem(source.at(pointer), placed(pointer, message), label);
        self.document.report(problem.help(help));
    }

    /// Reports what is wrong with the key at `pointer`.
    pub(super) fn report_key(
        &mut self,
        pointer: &str,
        message: impl AsRef<str>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let source = self.document.source();
        let problem = source.problem(source.key_at(pointer), placed(pointer, message), label);
        self.document.report(problem.help(help));
    }

    fn until(&mut self) -> Option<Nanos> {
        let end = self.document.get("until").fits()?;
        if end == Nanos::ZERO {
            self.report("until", "the run takes no time", "expected more than 0 s");
        }
        Some(end)
    }

    fn wiring(&mut self, library: &Library) -> Wiring {
        Wiring {
            board: self.part("supercap-pi", library),
            caps: self.part("25f", library),
            supply: self.part("official-3a", library),
            strip: self.part("both-poles", library),
            cable: self.part("good-1m", library),
            pi: self.part("pi-3b-tft", library),
        }
    }

    fn part<P: Stored>(&mut self, default: &str, library: &Library) -> Option<P> {
        let key = P::KIND.name();
        let in_object = format!("{key}/part");
        let (name, pointer, over) = match self.document.get(key) {
            Piece::Absent => (default.to_owned(), key, Piece::Absent),
            Piece::Fits(PartChoice::Name(name)) => (name, key, Piece::Absent),
            Piece::Fits(PartChoice::With(PartWith { part, with })) => {
                (part, in_object.as_str(), Piece::Fits(with))
            }
            // The name may be wrong as well.
            Piece::Misfit => {
                (self.document.get(&in_object).fits()?, in_object.as_str(), Piece::Misfit)
            }
        };
        let part: P = match library.find(&name) {
            Ok(part) => part,
            Err(PartError::Unknown { help }) => {
                let message = format!("no part is called \"{name}\"");
                self.report_help(pointer, message, format!("expected a {key} part"), help);
                return None;
            }
            Err(PartError::Bad(problems)) => {
                problems.into_list().into_iter().for_each(|problem| self.document.report(problem));
                return None;
            }
        };
        match over {
            Piece::Absent => Some(part),
            Piece::Misfit => None,
            Piece::Fits(over) => {
                let part = part.with(&over);
                self.part_flaws(&part.flaws(), &format!("{key}/with"));
                Some(part)
            }
        }
    }

    /// Reports contradictions among values, at whichever of them the file gives below `pointer`.
    fn part_flaws(&mut self, flaws: &[Flaw], pointer: &str) {
        for flaw in flaws {
            let places = [Some(flaw.field), flaw.other];
            let place = (places.into_iter().flatten())
                .map(|field| format!("{pointer}/{field}"))
                .find(|place| self.document.source().has(place));
            let place = place.unwrap_or_else(|| pointer.to_owned());
            let problem = flaw.at(self.document.source(), &place);
            let message = placed(&place, &problem.message);
            self.document.report(Problem { message, ..problem });
        }
    }

    fn config(&mut self) -> Config {
        let mut config = Config::DEFAULT;
        let mut misfits = Vec::new();
        for name in self.document.source().keys("firmware") {
            let pointer = format!("firmware/{name}");
            let Some(text) = self.document.get::<String>(&pointer).fits() else {
                misfits.push(name);
                continue;
            };
            if name == settings::POLARITY {
                // The schema knows no other words.
                config.request_polarity =
                    settings::polarity(&text).unwrap_or(config.request_polarity);
            } else if let (Some(time), Ok(value)) = (config.time_mut(&name), Nanos::parse(&text)) {
                match settings::millis(value) {
                    // What is too short is allowed here, to see what happens.
                    Some(millis) if millis <= Config::LONGEST => *time = millis,
                    Some(_) | None => {
                        let message = format!("\"{text}\" does not fit the configuration block");
                        let label = "expected whole milliseconds, at most an hour";
                        self.report(&pointer, message, label);
                        misfits.push(name);
                    }
                }
            }
        }
        // The values of misfits are not known.
        let known = |field: &&str| !misfits.iter().any(|name| name == field);
        for contradiction in settings::contradictions(config) {
            if contradiction.fields.iter().all(known) {
                self.config_problem(&contradiction);
            }
        }
        config
    }

    fn config_problem(&mut self, contradiction: &Contradiction) {
        let given = contradiction.fields.map(|name| format!("firmware/{name}"));
        let place =
            given.iter().find(|place| self.document.source().has(place)).unwrap_or(&given[0]);
        let help = "values that the file does not give keep their defaults";
        self.report_help(place, &contradiction.message, "contradicts the other", help);
    }

    fn start(&mut self) -> Start {
        let pi = self.document.get("start/pi").or(StartPi::Running);
        let plug = self.document.get("start/plug").or(PlugName(Plug::In)).map(|plug| plug.0);
        let caps: Option<Volts> = self.document.get("start/caps").fits();
        let eeprom = self.document.get("start/eeprom").or(EepromFile::Blank);
        if pi == Some(StartPi::Running) && plug == Some(Plug::Out) {
            self.report_help(
                "start/plug",
                "a running Pi needs its plug in",
                "contradicts `\"pi\": \"running\"`",
                "start with the Pi off, or plug in and add the stimulus \"unplug\"",
            );
        }
        if let Some(caps) = caps.filter(|caps| *caps > MAX_CAPS) {
            self.report(
                "start/caps",
                format!("{caps} is more than two cells in series can stand"),
                format!("expected at most {MAX_CAPS}"),
            );
        }
        Start {
            pi: pi.unwrap_or(StartPi::Running),
            plug: plug.unwrap_or(Plug::In),
            caps,
            eeprom: eeprom.map_or(StartEeprom::Blank, StartEeprom::from),
        }
    }

    fn stimuli(&mut self, wiring: &Wiring) -> Vec<Stimulus> {
        let (times, acts): (Vec<_>, Vec<_>) = (0..self.document.length("stimuli"))
            .map(|index| (self.stimulus_time(index), self.stimulus_act(index)))
            .unzip();
        self.count_steps(&acts, wiring);
        self.drifts(&acts, wiring.clone());
        let stimuli = times.into_iter().zip(acts).enumerate();
        let stimuli = stimuli.filter_map(|(index, (at, act))| {
            let line = self.document.source().line(&format!("stimuli/{index}"));
            Some(Stimulus { at: at?, act: act?, line })
        });
        stimuli.collect()
    }

    fn stimulus_time(&mut self, index: usize) -> Option<When> {
        let pointer = format!("stimuli/{index}/at");
        let file = self.document.get(&pointer).fits()?;
        let at = self.when(&file, &pointer);
        if let Some(end) = self.end
            && at == When::At(end)
        {
            let label = format!("the run ends at {}", end.exact());
            self.report(&pointer, "nothing can happen at the very end", label);
        }
        Some(at)
    }

    fn stimulus_act(&mut self, index: usize) -> Option<Act> {
        let pointer = format!("stimuli/{index}/do");
        Some(match self.document.get(&pointer).fits()? {
            ActFile::Word(word) => plain(word),
            ActFile::With(act) => self.act(act, &pointer)?,
        })
    }

    fn act(&mut self, act: ActWith, pointer: &str) -> Option<Act> {
        Some(match act {
            ActWith::Press { lasting } => {
                self.takes_time(lasting, &format!("{pointer}/press/for"));
                Act::Press { lasting }
            }
            ActWith::Bounce { to, count, every } => {
                let place = format!("{pointer}/bounce/every");
                self.takes_time(every, &place);
                if let Some(end) = self.end
                    && every.saturating_mul(u64::from(count)) > end
                {
                    let message = format!("{count} times {} is longer than the run", every.exact());
                    self.report(&place, message, format!("the run ends at {}", end.exact()));
                }
                Act::Bounce { to: to.0, count, every }
            }
            ActWith::Sag { to, lasting } => {
                if let Some(lasting) = lasting {
                    self.takes_time(lasting, &format!("{pointer}/sag/for"));
                }
                self.low_voltage(to, &format!("{pointer}/sag/to"));
                Act::Sag { to, lasting }
            }
            ActWith::Ramp { to, over } => {
                self.takes_time(over, &format!("{pointer}/ramp/over"));
                self.low_voltage(to, &format!("{pointer}/ramp/to"));
                Act::Ramp { to, over }
            }
            ActWith::Replay { file } => self.replay(&file, &format!("{pointer}/replay/file"))?,
            ActWith::ShutdownTakes(time) => Act::ShutdownTakes(time),
            ActWith::Noise { on, lasting, count, every } => {
                self.takes_time(lasting, &format!("{pointer}/noise/for"));
                let count = count.unwrap_or(1);
                self.noise_repeats(lasting, count, every, &format!("{pointer}/noise"));
                Act::Noise { pin: on, lasting, count, every: every.unwrap_or(Nanos::ZERO) }
            }
            ActWith::Stuck { pin, level, lasting } => {
                if let Some(lasting) = lasting {
                    self.takes_time(lasting, &format!("{pointer}/stuck/for"));
                }
                Act::Stuck { pin, level, lasting }
            }
            ActWith::Nrst { lasting } => {
                self.takes_time(lasting, &format!("{pointer}/nrst/for"));
                Act::Nrst { lasting }
            }
            ActWith::EepromFails { from_word, to_word, lasting } => {
                if to_word < from_word {
                    let message = format!("no word from {from_word} to {to_word}");
                    let label = format!("expected at least {from_word}");
                    self.report(&format!("{pointer}/eeprom_fails/to_word"), message, label);
                }
                if let Some(lasting) = lasting {
                    self.takes_time(lasting, &format!("{pointer}/eeprom_fails/for"));
                }
                Act::EepromFails { from_word, to_word, lasting }
            }
            ActWith::FlipRamBit { byte, bit } => Act::FlipRamBit { byte, bit },
            ActWith::Reset { cause, ram, after_instructions } => {
                Act::McuReset { cause, ram, after_instructions }
            }
            ActWith::CutDuringWrite { write, tear, lasting } => {
                self.takes_time(lasting, &format!("{pointer}/cut_during_write/for"));
                Act::CutDuringWrite { nth: write, tear, lasting }
            }
            ActWith::Drift(drift) => Act::Drift(Box::new(drift_of(*drift))),
        })
    }

    /// Noise that comes more than once has gaps, and ends within the run.
    fn noise_repeats(&mut self, lasting: Nanos, count: u32, every: Option<Nanos>, pointer: &str) {
        let place = format!("{pointer}/every");
        match every {
            None if count > 1 => {
                let message = format!("{count} times without a time from one to the next");
                let help = "add `every`, longer than `for`";
                self.report_help(&format!("{pointer}/count"), message, "expected `every`", help);
            }
            Some(every) if count > 1 && every <= lasting => {
                let message = format!("every {} leaves no gap", every.exact());
                self.report(&place, message, format!("expected more than {}", lasting.exact()));
            }
            Some(every) => {
                if let Some(end) = self.end
                    && every.saturating_mul(u64::from(count)) > end
                {
                    let message = format!("{count} times {} is longer than the run", every.exact());
                    self.report(&place, message, format!("the run ends at {}", end.exact()));
                }
            }
            None => {}
        }
    }

    /// The point in time at `pointer`, which must lie within the run.
    pub(super) fn when(&mut self, file: &WhenFile, pointer: &str) -> When {
        match *file {
            WhenFile::At(time) => {
                if let Some(end) = self.end
                    && time > end
                {
                    let message = format!("{} is after the end of the run", time.exact());
                    let label = format!("the run ends at {}", end.exact());
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
                if let Some(end) = self.end
                    && plus > end
                {
                    let message = format!("{} is longer than the run", plus.exact());
                    let label = format!("the run ends at {}", end.exact());
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
    fn count_steps(&mut self, acts: &[Option<Act>], wiring: &Wiring) {
        let mut level = wiring.supply.as_ref().map(|supply| supply.voltage.0);
        let mut steps = 0_u64;
        for (index, act) in acts.iter().enumerate() {
            let Some(act) = act else {
                level = None;
                continue;
            };
            steps += match act {
                Act::Bounce { count, .. } | Act::Noise { count, .. } => u64::from(*count),
                Act::Replay(recording) => {
                    level = recording.steps.last().map(|last| last.1.0);
                    recording.steps.len() as u64
                }
                Act::Ramp { to, .. } => {
                    let from = level.replace(to.0).unwrap_or(to.0);
                    ((to.0 - from).abs() / super::RAMP_STEP) as u64
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
                | Act::Restart
                | Act::CancelShutdown
                | Act::ShutdownTakes(_)
                | Act::Stuck { .. }
                | Act::Nrst { .. }
                | Act::EepromFails { .. }
                | Act::HangFirmware
                | Act::FlipRamBit { .. }
                | Act::McuReset { .. }
                | Act::CutDuringWrite { .. }
                | Act::Drift(_) => 1,
            };
            if steps > MAX_STEPS {
                let message = format!("more than {MAX_STEPS} steps up to this stimulus");
                let label =
                    "bounces, noise and ramps count each contact, each pulse and each 10 mV";
                self.report(&format!("stimuli/{index}/do"), message, label);
                return;
            }
        }
    }

    /// Checks the parts as they are after each drift, in file order, up to a stimulus that may be
    /// a drift as well.
    fn drifts(&mut self, acts: &[Option<Act>], mut wiring: Wiring) {
        for (index, act) in acts.iter().map_while(Option::as_ref).enumerate() {
            if let Act::Drift(drift) = act {
                let pointer = format!("stimuli/{index}/do/drift");
                self.drift(wiring.board.as_mut(), &drift.board, &pointer);
                self.drift(wiring.caps.as_mut(), &drift.caps, &pointer);
                self.drift(wiring.supply.as_mut(), &drift.supply, &pointer);
                self.drift(wiring.strip.as_mut(), &drift.strip, &pointer);
                self.drift(wiring.cable.as_mut(), &drift.cable, &pointer);
                self.drift(wiring.pi.as_mut(), &drift.pi, &pointer);
            }
        }
    }

    fn drift<P: Part>(&mut self, part: Option<&mut P>, over: &P::Override, pointer: &str) {
        let pointer = format!("{pointer}/{}", P::KIND.name());
        if let Some(part) = part
            && self.document.source().has(&pointer)
        {
            *part = part.clone().with(over);
            self.part_flaws(&part.flaws(), &pointer);
        }
    }

    fn only_on(&mut self) -> Option<OnlyOn> {
        let level = self.document.get("only_on/level").fits();
        let reason = self.document.get::<String>("only_on/reason").fits();
        Some(OnlyOn { level: level?, reason: reason?.trim().to_owned() })
    }

    fn waivers(&mut self) -> Vec<Waiver> {
        let mut waivers: Vec<Waiver> = Vec::new();
        for index in 0..self.document.length("waive") {
            let pointer = format!("waive/{index}");
            let name = self.document.get::<InvariantName>(&format!("{pointer}/invariant")).fits();
            let reason = self.document.get::<String>(&format!("{pointer}/reason")).fits();
            let on = self.document.get(&format!("{pointer}/on")).fits();
            let Some(InvariantName(invariant)) = name else { continue };
            if let Some(first) = waivers.iter().find(|waiver| waiver.invariant == invariant) {
                let message = format!("O{invariant} is waived already");
                let label = format!("first waived on line {}", first.line);
                self.report(&format!("{pointer}/invariant"), message, label);
            }
            let line = self.document.source().line(&pointer);
            let reason = reason.unwrap_or_default().trim().to_owned();
            waivers.push(Waiver { invariant, reason, on, line });
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
        ActWord::Restart => Act::Restart,
        ActWord::CancelShutdown => Act::CancelShutdown,
        ActWord::HangFirmware => Act::HangFirmware,
    }
}

fn drift_of(file: DriftFile) -> Drift {
    Drift {
        board: file.board.unwrap_or_default(),
        caps: file.caps.unwrap_or_default(),
        supply: file.supply.unwrap_or_default(),
        strip: file.strip.unwrap_or_default(),
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
