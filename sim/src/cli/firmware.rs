//! The commands below `holdup firmware`. No logic, as everywhere in the command line.
//!
//! `configure` has one option for each field of the configuration. They come from the configuration
//! itself, so they are built at run time; the rest is derived as elsewhere.

use std::io;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, Subcommand, ValueHint, value_parser};
use firmware::config::{Config, Polarity};
use firmware::table::{Configuration, Transitions};

use super::{PASSED, firmware_tools, print, report};
use crate::image::configure::{self, Request};
use crate::settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print the state machine's transition table.
    Table,
    /// Print the configuration block with its defaults.
    Config,
    /// Show or change the configuration in a finished image (ELF, Intel HEX or raw binary).
    ///
    /// Without options the image's configuration is printed. With options it is changed in the image,
    /// in place unless --output is given, and what changed is printed. Fields that are not given keep
    /// the image's values.
    Configure(Configure),
    /// Build the image for the chip: the same bytes on every machine.
    Build(firmware_tools::BuildArguments),
    /// Hold an image's flash, RAM and stack against the budgets; fails if one is exceeded.
    Size(firmware_tools::SizeArguments),
    /// Write an image to the chip, with probe-rs, st-flash or openocd.
    Flash(firmware_tools::FlashArguments),
}

/// The arguments of `configure`.
pub(super) struct Configure(Request);

pub(super) fn run(command: Command) -> io::Result<u8> {
    match command {
        Command::Table => print(&Transitions(&Config::DEFAULT).to_string()).map(|()| PASSED),
        Command::Config => print(&Configuration(&Config::DEFAULT).to_string()).map(|()| PASSED),
        Command::Configure(Configure(request)) if request.is_question() => show(&request),
        Command::Configure(Configure(request)) => match configure::configure(&request) {
            Ok(outcome) => print(&outcome.to_string()).map(|()| PASSED),
            Err(problems) => Ok(report(&problems)),
        },
        Command::Build(arguments) => firmware_tools::build(&arguments),
        Command::Size(arguments) => firmware_tools::size(&arguments),
        Command::Flash(arguments) => firmware_tools::flash(&arguments),
    }
}

fn show(request: &Request) -> io::Result<u8> {
    let config = match configure::show(&request.image) {
        Ok(config) => config,
        Err(problems) => return Ok(report(&problems)),
    };
    print(&Configuration(&config).to_string())?;
    Ok(match configure::check(&config) {
        Ok(()) => PASSED,
        Err(problems) => report(&problems),
    })
}

impl Args for Configure {
    fn augment_args(command: clap::Command) -> clap::Command {
        let path = || value_parser!(PathBuf);
        let image = Arg::new("image")
            .required(true)
            .value_name("IMAGE")
            .value_parser(path())
            .value_hint(ValueHint::FilePath)
            .help("The image file");
        let output = Arg::new("output")
            .long("output")
            .value_name("FILE")
            .value_parser(path())
            .value_hint(ValueHint::FilePath)
            .help("Write the changed image here, in the same format, and leave IMAGE as it is");
        let default = Arg::new("default")
            .long("default")
            .action(ArgAction::SetTrue)
            .help("Set every field that is not given to its default");
        command.args([image, output, default]).next_help_heading("Fields").args(fields())
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// An option for each field.
fn fields() -> impl Iterator<Item = Arg> {
    let times = Config::DEFAULT.times().into_iter().map(|(name, about, default)| {
        // As it is typed without quotes.
        let default = settings::nanos(default).exact().replace(' ', "");
        field(name, about.trim(), &default).value_name("TIME")
    });
    let [one, other] = Polarity::ALL.map(Polarity::name);
    let about = format!("{} One of {one}, {other}.", settings::POLARITY_ABOUT);
    let default = Config::DEFAULT.request_polarity.name();
    times.chain([field(settings::POLARITY, &about, default).value_name("POLARITY")])
}

fn field(name: &'static str, about: &str, default: &str) -> Arg {
    Arg::new(name)
        .long(name.replace('_', "-"))
        // So that "-5s" is told what is wrong with it.
        .allow_hyphen_values(true)
        .help(format!("{about} [default: {default}]"))
}

impl FromArgMatches for Configure {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
        let names = fields().map(|field| field.get_id().to_string());
        Ok(Self(Request {
            // Required, so it is there.
            image: path("image").unwrap_or_default(),
            output: path("output"),
            defaults: matches.get_flag("default"),
            changes: names
                .filter_map(|name| Some((name.clone(), matches.get_one::<String>(&name)?.clone())))
                .collect(),
        }))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
