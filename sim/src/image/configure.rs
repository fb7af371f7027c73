//! The configuration in a finished image: found, read, changed, written back.
//!
//! The firmware keeps its configuration in one block in flash (`firmware::config::Block`). Two words
//! mark it, so it is found by content, in any format and without symbols. A changed configuration must
//! keep each time within [`Config::limits`] and the relations of [`Config::problem`]; all that is wrong
//! with the image and with the changes is told together, and then nothing is written.
//!
//! Assumes that an image with the same layout word has the same fields in the same order.
//! Leaves out images of other versions: their fields are not known here.

use std::fmt;
use std::path::{Path, PathBuf};

use firmware::config::{Block, Config, Polarity};
use firmware::time::Millis;

use super::check::word;
use super::{Image, offset, store};
use crate::document::{Problem, Problems, closest, listed};
use crate::quantity::Nanos;
use crate::settings::{self, POLARITY};

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The image.
    pub image: PathBuf,
    /// Where the changed image goes; in the place of the old one if nothing is said.
    pub output: Option<PathBuf>,
    /// Whether fields that are not given take their defaults instead of the image's values.
    pub defaults: bool,
    /// Names of fields and their new values, as people write them.
    pub changes: Vec<(String, String)>,
}

impl Request {
    /// Whether it only asks what the image has.
    #[must_use]
    pub fn is_question(&self) -> bool {
        self.changes.is_empty() && !self.defaults && self.output.is_none()
    }
}

/// What was done. Its text lists the fields that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the image had.
    pub before: Config,
    /// What was asked for.
    pub after: Config,
    /// The file that was written, if one was: an image that is as wanted stays as it is.
    pub written: Option<PathBuf>,
}

/// The configuration of an image file.
///
/// # Errors
/// The file cannot be read, is no image, or has no configuration that this version understands.
pub fn show(path: &Path) -> Result<Config, Problems> {
    Ok(find(&Image::load(path)?)?.1)
}

/// Changes the configuration of an image file.
///
/// # Errors
/// The image or the changes are no good, or the file cannot be written. Nothing was changed then.
pub fn configure(request: &Request) -> Result<Outcome, Problems> {
    let found = Image::load(&request.image).and_then(|image| Ok((find(&image)?, image)));
    let base = match &found {
        Ok(((_, config), _)) if !request.defaults => *config,
        // Of an image that is no good the changes are looked at all the same.
        Ok(_) | Err(_) => Config::DEFAULT,
    };
    let (after, misfits, mut problems) = changed(base, &request.changes);
    problems.extend(judged(&after, |name| {
        let is_given = request.changes.iter().any(|(given, _)| given == name);
        (found.is_ok() || request.defaults || is_given) && !misfits.contains(&name)
    }));
    let checked = Problems::check(problems);
    let ((address, before), image) = match (found, checked) {
        (Ok(found), Ok(())) => found,
        (Ok(_), Err(problems)) | (Err(problems), Ok(())) => return Err(problems),
        (Err(mut problems), Err(more)) => {
            problems.append(more);
            return Err(problems);
        }
    };
    let mut outcome = Outcome { before, after, written: None };
    if after != before || request.output.is_some() {
        let patched = image.patched(address, &bytes(&after))?;
        let target = request.output.as_ref().unwrap_or(&request.image);
        store::replace(target, patched.file(), &request.image)?;
        outcome.written = Some(target.clone());
    }
    Ok(outcome)
}

/// Whether every value is within its limits and none contradicts another.
///
/// # Errors
/// Every one that is not or does.
pub fn check(config: &Config) -> Result<(), Problems> {
    Problems::check(judged(config, |_| true))
}

/// Where the fields of the one configuration block of an image are, and what they hold.
///
/// # Errors
/// There is none, one of another version, more than one, or one with a value that means nothing.
pub fn find(image: &Image) -> Result<(u32, Config), Problems> {
    let (base, flash) = image.flash();
    let name = image.name();
    // The start of the flash is aligned, so an aligned offset is an aligned address.
    let marks: Vec<usize> =
        (0..flash.len()).step_by(4).filter(|at| word(flash, *at) == Some(Block::MAGIC)).collect();
    let blocks: Vec<usize> =
        marks.iter().copied().filter(|at| word(flash, at + 4) == Some(Block::LAYOUT)).collect();
    let address = |at: usize| base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
    let at = match (blocks.as_slice(), marks.as_slice()) {
        (&[at], _) => at,
        ([], []) => {
            let problem = Problem::bad(format!("{name}: this image has no configuration block"));
            return Err(problem.help("is it an image of Holdup's firmware?").into());
        }
        ([], &[mark, ..]) => {
            let message = format!(
                "{name}: image of another version of the firmware: the block at {:#010x} has other fields",
                address(mark)
            );
            let help = "use the `holdup` of the version that the image was built from";
            return Err(Problem::bad(message).help(help).into());
        }
        (blocks, _) => {
            let places: Vec<_> =
                blocks.iter().map(|at| format!("{:#010x}", address(*at))).collect();
            let places = places.join(", ");
            let message = format!("{name}: more than one configuration block, at {places}");
            return Err(Problem::bad(message).help("build the image once more").into());
        }
    };
    let fields = address(at).saturating_add(8);
    let end = fields.saturating_add(4 * Config::WORDS as u32);
    let is_whole = |part: &std::ops::Range<u32>| part.start <= address(at) && end <= part.end;
    if !image.loaded().iter().any(is_whole) {
        let message =
            format!("{name}: the configuration block at {:#010x} is cut off", address(at));
        return Err(Problem::bad(message).help("copy or build the file once more").into());
    }
    let words = flash.get(offset(fields)..offset(end)).unwrap_or_default();
    decode(name, words).map(|config| (fields, config))
}

/// The configuration in the words after the marks.
fn decode(name: &str, bytes: &[u8]) -> Result<Config, Problems> {
    let mut config = Config::DEFAULT;
    let mut words = bytes.chunks_exact(4).filter_map(|bytes| word(bytes, 0));
    for (field, ..) in Config::DEFAULT.times() {
        if let (Some(time), Some(word)) = (config.time_mut(field), words.next()) {
            *time = Millis(word);
        }
    }
    let word = words.next().unwrap_or(u32::MAX);
    let Some(polarity) = Polarity::ALL.into_iter().find(|polarity| *polarity as u32 == word) else {
        let expected = Polarity::ALL.map(|one| format!("{} ({})", one as u32, one.name()));
        let expected = expected.join(" or ");
        let message = format!("{name}: `{POLARITY}` is {word:#010x}; expected {expected}");
        return Err(Problem::bad(message).help("build the image once more").into());
    };
    config.request_polarity = polarity;
    Ok(config)
}

/// The fields as they lie in flash.
pub(crate) fn bytes(config: &Config) -> Vec<u8> {
    let times = config.times().into_iter().map(|(.., time)| time.0);
    times.chain([config.request_polarity as u32]).flat_map(u32::to_le_bytes).collect()
}

/// `base` with the changes that can be understood, the names of those that cannot, and why.
fn changed(base: Config, changes: &[(String, String)]) -> (Config, Vec<&str>, Vec<Problem>) {
    let mut config = base;
    let (mut misfits, mut problems) = (Vec::new(), Vec::new());
    for (name, value) in changes {
        if let Err(found) = change(&mut config, name, value) {
            problems.extend(found.into_list());
            misfits.push(name.as_str());
        }
    }
    (config, misfits, problems)
}

/// Sets one field to what `value` says.
fn change(config: &mut Config, name: &str, value: &str) -> Result<(), Problems> {
    if name == POLARITY {
        let names = Polarity::ALL.map(Polarity::name);
        let Some(polarity) = settings::polarity(value) else {
            let guess = closest(value, names).map(|name| format!("did you mean \"{name}\"?"));
            let message = format!("`{name}`: \"{value}\" is none of {}", listed(names));
            return Err(Problem::bad(message).maybe_help(guess).into());
        };
        config.request_polarity = polarity;
        return Ok(());
    }
    let Some(time) = config.time_mut(name) else {
        let times = Config::DEFAULT.times().map(|(name, ..)| name);
        let fields = || times.iter().copied().chain([POLARITY]);
        let help = match closest(name, fields()) {
            Some(field) => format!("did you mean `{field}`?"),
            None => format!("the fields are {}", listed(fields())),
        };
        let problem = Problem::bad(format!("the configuration has no `{name}`"));
        return Err(problem.help(help).into());
    };
    let parsed = Nanos::parse(value)
        .map_err(|error| Problem::bad(format!("`{name}`: \"{value}\" {error}")))?;
    let Some(millis) = settings::millis(parsed) else {
        // What does not fit the word is longer than any limit.
        let problem = match limits(name) {
            Some((least, longest)) if parsed > settings::nanos(longest) => {
                out_of_limits(name, parsed, least, longest)
            }
            Some(_) | None => {
                Problem::bad(format!("`{name}`: \"{value}\" is no whole millisecond"))
                    .help("the firmware counts whole milliseconds")
            }
        };
        return Err(problem.into());
    };
    *time = millis;
    Ok(())
}

/// Every value out of its limits, and every contradiction between fields that are `known`.
fn judged(config: &Config, known: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut outside = Vec::new();
    for (name, _, time) in config.times() {
        if let Some((least, longest)) = limits(name)
            && !(least..=longest).contains(&time)
        {
            problems.push(out_of_limits(name, settings::nanos(time), least, longest));
            outside.push(name);
        }
    }
    for contradiction in settings::contradictions(*config) {
        let is_new = |field: &&str| known(field) && !outside.contains(field);
        if contradiction.fields.iter().all(is_new) {
            let help = "values that are not given stay as they are in the image, or take their \
                        defaults with --default";
            problems.push(Problem::bad(contradiction.message).help(help));
        }
    }
    problems
}

/// The least and the longest value of a time.
fn limits(name: &str) -> Option<(Millis, Millis)> {
    let limits = Config::limits().into_iter().find(|limits| limits.0 == name)?;
    Some((limits.1, limits.2))
}

fn out_of_limits(name: &str, value: Nanos, least: Millis, longest: Millis) -> Problem {
    let about = Config::DEFAULT.times().into_iter().find(|time| time.0 == name);
    let (least, longest) = (settings::nanos(least).exact(), settings::nanos(longest).exact());
    let message = format!("`{name}` is {}; expected {least} to {longest}", value.exact());
    Problem::bad(message).maybe_help(about.map(|(_, about, _)| about.trim().to_owned()))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Millis| format!("{}.{:03} s", time.0 / 1_000, time.0 % 1_000);
        let polarity = |config: &Config| config.request_polarity.name().to_owned();
        let times = self.before.times().into_iter().zip(self.after.times());
        let times = times.map(|((name, _, old), (_, _, new))| (name, time(old), time(new)));
        let mut changes: Vec<_> =
            times.chain([(POLARITY, polarity(&self.before), polarity(&self.after))]).collect();
        changes.retain(|(_, old, new)| old != new);
        // As in the table of the whole configuration, or wider if a value needs it.
        let texts = changes.iter().flat_map(|(_, old, new)| [old, new]);
        let width = texts.map(String::len).max().unwrap_or(0).max(10);
        for (name, old, new) in &changes {
            writeln!(f, "{name:<22} {old:>width$} -> {new:>width$}")?;
        }
        if changes.is_empty() {
            writeln!(f, "nothing changed: the image has these values already")?;
        }
        match &self.written {
            Some(path) => writeln!(f, "written: {}", path.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
