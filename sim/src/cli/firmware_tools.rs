//! `holdup firmware build`, `size` and `flash`: what was typed, handed to the library.

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FAILED, PASSED, print, report};
use crate::image::size::{Report, Size};
use crate::image::{self, Image};
use crate::toolchain::build::{self, Built, Provenance};
use crate::toolchain::{Surroundings, flash};

#[derive(Args)]
pub(super) struct BuildArguments {
    /// Where to write the image's files [default: target/firmware of the workspace].
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Whose compiler to use [default: rustup's if it has the target, else Debian's].
    #[arg(long, value_enum)]
    route: Option<Route>,
}

#[derive(Args)]
pub(super) struct SizeArguments {
    /// The image, an ELF file [default: the one that is checked in].
    image: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct FlashArguments {
    /// The image, an ELF file [default: the one that is checked in].
    image: Option<PathBuf>,
    /// The tool to use [default: the first of these that is installed].
    #[arg(long, value_enum)]
    tool: Option<Tool>,
    /// Print the command lines, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Route {
    /// A compiler with the target: rustup target add thumbv6m-none-eabi.
    Rustup,
    /// Debian's: apt-get install rustc-web cargo-web rust-web-src lld.
    Debian,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tool {
    /// probe-rs.
    ProbeRs,
    /// st-flash of stlink-tools.
    StFlash,
    /// openocd with an ST-Link.
    Openocd,
}

/// Builds the image and says what it depends on.
pub(super) fn build(arguments: &BuildArguments) -> io::Result<u8> {
    let route = arguments.route.map(|route| match route {
        Route::Rustup => build::Route::Rustup,
        Route::Debian => build::Route::Debian,
    });
    let built = Surroundings::of_this_process().and_then(|surroundings| {
        let plan = build::plan(&surroundings, route)?;
        let Provenance { route, compiler, linker, .. } = plan.provenance();
        tracing::info!("building on the {} route: {compiler}, {linker}", route.name());
        plan.run(arguments.output.as_deref())
    });
    match built {
        Ok(built) => {
            for folder in &built.left {
                tracing::warn!(
                    "the image names {}: elsewhere the same source gives other bytes",
                    folder.display()
                );
            }
            print(&summary(&built)).map(|()| PASSED)
        }
        Err(problems) => Ok(report(&problems)),
    }
}

fn summary(built: &Built) -> String {
    let files: String = built.files.iter().map(|file| format!("{}\n", file.display())).collect();
    format!("{files}{}", built.provenance)
}

/// Holds an image against its budgets.
pub(super) fn size(arguments: &SizeArguments) -> io::Result<u8> {
    let release = image::release();
    let image = match &arguments.image {
        Some(path) => Image::load(path),
        None => Ok(release.clone()),
    };
    let sizes = image.and_then(|image| Ok((Size::of(&image)?, Size::of(&release)?)));
    match sizes {
        Ok((size, release)) => {
            let fits = size.fits();
            print(&Report { size, release }.to_string())?;
            Ok(if fits { PASSED } else { FAILED })
        }
        Err(problems) => Ok(report(&problems)),
    }
}

/// Hands the image to a flashing tool, or says how.
pub(super) fn flash(arguments: &FlashArguments) -> io::Result<u8> {
    let tool = arguments.tool.map(|tool| match tool {
        Tool::ProbeRs => flash::Tool::ProbeRs,
        Tool::StFlash => flash::Tool::StFlash,
        Tool::Openocd => flash::Tool::Openocd,
    });
    let planned = Surroundings::of_this_process().and_then(|surroundings| {
        Ok((flash::plan(&surroundings, arguments.image.as_deref(), tool)?, surroundings))
    });
    let (plan, surroundings) = match planned {
        Ok(planned) => planned,
        Err(problems) => return Ok(report(&problems)),
    };
    print(&plan.to_string())?;
    if arguments.dry_run {
        return Ok(PASSED);
    }
    match plan.run(&surroundings) {
        Ok(()) => print(&format!("{} is on the chip\n", plan.file.display())).map(|()| PASSED),
        Err(problems) => Ok(report(&problems)),
    }
}
