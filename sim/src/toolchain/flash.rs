//! Writing an image to the chip, with whichever flashing tool is installed.
//!
//! **Connect under reset.** Between events the firmware sleeps in Stop mode, where the core's clock
//! stands still and the debug port does not answer. So a tool must hold NRST low while it connects
//! and halt the core before the first instruction; without that it finds the chip by chance only. NRST
//! must therefore be wired, besides SWDIO, SWCLK and GND, and the board must be supplied: an ST-Link
//! does not feed it.
//!
//! openocd sets the debug bits that keep clocks running in Stop mode, and they survive a reset: until
//! the chip's supply has been off once it draws more current than it should.
//!
//! `STM32L011D4Px` is the board's chip, 16 KiB of flash. Every tool verifies what it wrote. The
//! data EEPROM, and with it the journal, is left alone.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{NAME, Surroundings, shown, watch};
use crate::document::{Problem, Problems};
use crate::image::{self, Format, Image};

const CHIP: &str = "STM32L011D4Px";
const FLASH_START: &str = "0x08000000";

/// A flashing tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// probe-rs, for most probes.
    ProbeRs,
    /// st-flash of stlink-tools, for an ST-Link.
    StFlash,
    /// openocd, here for an ST-Link.
    Openocd,
}

impl Tool {
    /// In the order of preference.
    pub const ALL: [Self; 3] = [Self::ProbeRs, Self::StFlash, Self::Openocd];

    /// The program's name.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::ProbeRs => "probe-rs",
            Self::StFlash => "st-flash",
            Self::Openocd => "openocd",
        }
    }

    fn how_to_install(self) -> &'static str {
        match self {
            Self::ProbeRs => "cargo install --locked probe-rs-tools",
            Self::StFlash => "apt-get install stlink-tools",
            Self::Openocd => "apt-get install openocd",
        }
    }

    /// The command lines that write `image` and start it, without the program's name.
    fn lines(self, image: &Path) -> Vec<Vec<OsString>> {
        let image = image.as_os_str().to_owned();
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        match self {
            Self::ProbeRs => {
                let mut download =
                    words(&["download", "--chip", CHIP, "--connect-under-reset", "--verify"]);
                download.push(image);
                vec![download, words(&["reset", "--chip", CHIP, "--connect-under-reset"])]
            }
            Self::StFlash => {
                // It verifies by itself.
                let mut write = words(&["--connect-under-reset", "--reset", "write"]);
                write.extend([image, FLASH_START.into()]);
                vec![write]
            }
            Self::Openocd => {
                let mut program = OsString::from("program {");
                program.push(image);
                program.push("} verify reset exit");
                let mut all = words(&["-f", "interface/stlink.cfg", "-f", "target/stm32l0.cfg"]);
                all.extend(words(&[
                    "-c",
                    "reset_config srst_only srst_nogate connect_assert_srst",
                ]));
                all.extend(["-c".into(), program]);
                vec![all]
            }
        }
    }
}

/// Flashing that could begin: the image and a tool were found.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tool.
    pub tool: Tool,
    /// The file that it is handed.
    pub file: PathBuf,
    /// What that file is to hold, where it is made for this and removed afterwards.
    made: Option<Vec<u8>>,
    /// The tool's program, if it is installed.
    program: Option<PathBuf>,
}

/// Finds the image, by default the one that is checked in, and the tool, by default the first that
/// is installed.
///
/// A tool that is asked for by name need not be installed to be planned with.
///
/// # Errors
/// The image is missing or is none for this chip, or there is no tool.
pub fn plan(
    surroundings: &Surroundings,
    image: Option<&Path>,
    tool: Option<Tool>,
) -> Result<Plan, Problems> {
    let (tool, program) = find(surroundings, tool)?;
    let (image, given) = match image {
        None => {
            let release = image::release();
            let file = checked_in(surroundings, &release);
            (release, file)
        }
        Some(path) => (Image::load(&surroundings.directory.join(path))?, Some(path.to_owned())),
    };
    let (file, made) = match (tool, given, image.format()) {
        (Tool::ProbeRs | Tool::Openocd, Some(path), Format::Elf) => (path, None),
        (Tool::ProbeRs | Tool::Openocd, None, Format::Elf) => {
            (temporary("elf"), Some(image.file().to_vec()))
        }
        // st-flash wants the plain bytes; of an image in another format no tool gets more.
        (Tool::StFlash, _, _) => (temporary("bin"), Some(image.to_bin())),
        (Tool::ProbeRs | Tool::Openocd, _, Format::Hex | Format::Bin) => {
            let message = format!("{}: {} is handed an ELF file", image.name(), tool.program());
            return Err(Problem::bad(message)
                .help("name the .elf beside it, or use --tool st-flash")
                .into());
        }
    };
    Ok(Plan { tool, file, made, program })
}

/// The file of the release image, where there is a workspace and it is the one of this program.
fn checked_in(surroundings: &Surroundings, release: &Image) -> Option<PathBuf> {
    let folder = surroundings.workspace().ok()?.join("firmware/image");
    let file = folder.join(NAME).with_extension("elf");
    fs::read(&file).is_ok_and(|bytes| bytes == release.file()).then_some(file)
}

/// A file of this process's own.
fn temporary(extension: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{NAME}-{}.{extension}", std::process::id()))
}

fn find(
    surroundings: &Surroundings,
    wanted: Option<Tool>,
) -> Result<(Tool, Option<PathBuf>), Problems> {
    if let Some(tool) = wanted {
        return Ok((tool, surroundings.find(tool.program())));
    }
    Tool::ALL
        .into_iter()
        .find_map(|tool| Some((tool, Some(surroundings.find(tool.program())?))))
        .ok_or_else(|| missing(&Tool::ALL))
}

fn missing(tools: &[Tool]) -> Problems {
    let names: Vec<_> = tools.iter().map(|tool| tool.program()).collect();
    let message = format!("no flashing tool: expected {} on the PATH", names.join(", "));
    let problem = tools.iter().fold(Problem::environment(message), |problem, tool| {
        problem.help(format!("{}: {}", tool.program(), tool.how_to_install()))
    });
    problem.into()
}

impl Plan {
    /// Writes the image and starts it. The tool's own messages go where this process's go.
    ///
    /// # Errors
    /// The tool failed.
    pub fn run(&self, surroundings: &Surroundings) -> Result<(), Problems> {
        let Some(program) = &self.program else {
            return Err(missing(&[self.tool]));
        };
        let Some(bytes) = &self.made else {
            return self.call(program, surroundings);
        };
        let unwritable = |error| Problem::unwritable(&self.file, &error);
        // Nobody else's file of that name is written to.
        let mut file = File::create_new(&self.file).map_err(unwritable)?;
        let flashed = match file.write_all(bytes) {
            Ok(()) => self.call(program, surroundings),
            Err(error) => Err(unwritable(error).into()),
        };
        // What matters has been told.
        let _ = fs::remove_file(&self.file);
        flashed
    }

    fn call(&self, program: &Path, surroundings: &Surroundings) -> Result<(), Problems> {
        for line in self.tool.lines(&self.file) {
            let mut command = Command::new(program);
            command.args(line).current_dir(&surroundings.directory).stdin(Stdio::null());
            command.env_clear().envs(&surroundings.variables);
            let status = watch(&mut command)?;
            if !status.success() {
                let name = self.tool.program();
                return Err(Problem::environment(format!(
                    "{name} could not write the chip ({status}); it says why above"
                ))
                .help("is the ST-Link plugged in: lsusb shows 0483:")
                .help(
                    "may this user use it: apt-get install stlink-tools brings udev rules, then plug \
                     it in anew; or try once as root",
                )
                .help("is it wired: SWDIO, SWCLK, GND and NRST, which wakes the sleeping chip")
                .help("is the board supplied: an ST-Link does not feed it")
                .into());
            }
        }
        Ok(())
    }
}

/// The command lines, as a person would type them.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.tool.lines(&self.file) {
            let program = OsString::from(self.tool.program());
            let words = std::iter::once(&program).chain(&line).map(OsString::as_os_str);
            writeln!(f, "{}", shown(words))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(tool: Tool, image: &str) -> String {
        Plan { tool, file: image.into(), made: None, program: None }.to_string()
    }

    #[test]
    fn every_tool_connects_under_reset() {
        assert_eq!(
            lines(Tool::ProbeRs, "a.elf"),
            "probe-rs download --chip STM32L011D4Px --connect-under-reset --verify a.elf\n\
             probe-rs reset --chip STM32L011D4Px --connect-under-reset\n"
        );
        assert_eq!(
            lines(Tool::StFlash, "a.bin"),
            "st-flash --connect-under-reset --reset write a.bin 0x08000000\n"
        );
        assert_eq!(
            lines(Tool::Openocd, "my images/a.elf"),
            "openocd -f interface/stlink.cfg -f target/stm32l0.cfg \
             -c 'reset_config srst_only srst_nogate connect_assert_srst' \
             -c 'program {my images/a.elf} verify reset exit'\n"
        );
    }
}
