//! The outside programs that build and flash the firmware: found, called, and told apart.
//!
//! Nothing here prints. What this process was started with is a value, [`Surroundings`], so that a
//! test can make up another machine; programs are looked for in its `PATH` and nowhere else, except
//! Debian's own compiler.

pub mod build;
mod environment;
pub mod flash;
mod remap;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::{env, fs, io};

use crate::document::{Problem, Problems};

/// The chip's target.
pub const TARGET: &str = "thumbv6m-none-eabi";

/// What the firmware's files are called, before the dot.
pub const NAME: &str = "holdup-firmware";

/// Where and with what this process was started.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The current directory, absolute.
    pub directory: PathBuf,
    /// The environment's variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// Where Debian keeps its compiler.
    pub debian: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    ///
    /// # Errors
    /// There is no current directory any more.
    pub fn of_this_process() -> Result<Self, Problems> {
        let directory = env::current_dir().map_err(|error| {
            Problem::environment(format!("there is no current directory: {error}"))
                .help("change to a directory that exists: cd ~")
        })?;
        Ok(Self {
            directory,
            variables: env::vars_os().collect(),
            debian: PathBuf::from("/usr/bin"),
        })
    }

    /// The workspace that holds the firmware: the nearest one at or above the current directory.
    ///
    /// # Errors
    /// There is none.
    pub fn workspace(&self) -> Result<PathBuf, Problems> {
        self.directory.ancestors().find(|folder| holds_firmware(folder)).map_or_else(
            || {
                Err(Problem::environment(format!(
                    "no Holdup workspace at or above {}: expected a Cargo.toml with [workspace] \
                     and firmware/Cargo.toml beside it",
                    self.directory.display()
                ))
                .help("change to the directory of Holdup's source: cd holdup")
                .into())
            },
            |folder| Ok(folder.to_owned()),
        )
    }

    /// The program of this name, from `PATH`.
    fn find(&self, program: &str) -> Option<PathBuf> {
        let path = self.variables.get(OsStr::new("PATH"))?;
        env::split_paths(path)
            .filter(|folder| !folder.as_os_str().is_empty())
            .map(|folder| self.directory.join(folder).join(with_suffix(program)))
            .find(|file| is_program(file))
    }

    /// Debian's program of this name.
    fn find_debian(&self, program: &str) -> Option<PathBuf> {
        Some(self.debian.join(with_suffix(program))).filter(|file| is_program(file))
    }
}

fn with_suffix(program: &str) -> String {
    format!("{program}{}", env::consts::EXE_SUFFIX)
}

fn holds_firmware(folder: &Path) -> bool {
    folder.join("firmware/Cargo.toml").is_file()
        && fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "[workspace]"))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// Runs `command` and gives what it wrote to standard output.
fn ask(command: &mut Command) -> Result<String, Problems> {
    let line = shown_command(command);
    let output = command.stdin(Stdio::null()).output().map_err(|error| no_start(&line, &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = Some(said.trim()).filter(|said| !said.is_empty());
        return Err(Problem::environment(format!("{line} failed ({})", output.status))
            .maybe_help(said.map(|said| format!("it said: {said}")))
            .into());
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Problem::environment(format!("{line} did not answer in UTF-8")).into())
}

/// Runs `command` where the user sees it.
fn watch(command: &mut Command) -> Result<ExitStatus, Problems> {
    command.status().map_err(|error| no_start(&shown_command(command), &error))
}

fn no_start(line: &str, error: &io::Error) -> Problems {
    Problem::environment(format!("cannot start {line}: {error}"))
        .help("check that the program is installed completely: run it by hand with --version")
        .into()
}

fn shown_command(command: &Command) -> String {
    shown(std::iter::once(command.get_program()).chain(command.get_args()))
}

/// A command line as a person would type it.
fn shown<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> String {
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            line.push_str(&word);
        } else {
            let _ = write!(line, "'{}'", word.replace('\'', r"'\''"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed() {
        let words = ["program", "--a=b/c", "two words", "it's", ""];
        assert_eq!(shown(words.map(OsStr::new)), r"program --a=b/c 'two words' 'it'\''s' ''");
    }
}
