//! Building the firmware's image.
//!
//! Two ways lead to it. With **rustup** the target's core library comes ready-made. With **Debian's**
//! compiler, which has none for this target, core is built from the library's source along with the
//! firmware; cargo wants to be told that it may (`RUSTC_BOOTSTRAP`). With both at hand rustup wins.
//!
//! An image depends on the source, the compiler and the linker, and on nothing else: the compiler is
//! started in a cleaned environment, and paths of this machine are given names of their own. So two
//! people with the same [`Provenance`] hold the same bytes. The two ways differ in their core library
//! and therefore in their images.
//!
//! What remains a user's own is `config.toml` under `CARGO_HOME` (cargo cannot be told to pass over
//! it); flags and the linker set there do not count, profiles do.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fmt, fs};

use super::environment::{self, For};
use super::remap::{self, Remaps};
use super::{NAME, Surroundings, TARGET, ask, watch};
use crate::document::{Problem, Problems};
use crate::image::Image;

/// Where the compiler and the core library come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// rustup's compiler, with the core library ready-made.
    Rustup,
    /// Debian's compiler and its source of the core library.
    Debian,
}

impl Route {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }

    fn compiler(self) -> For {
        match self {
            Self::Rustup => For::Rustup,
            Self::Debian => For::Debian,
        }
    }
}

/// What an image's bytes depend on, besides the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Where the compiler came from.
    pub route: Route,
    /// The compiler's name and version, as it gives them.
    pub compiler: String,
    /// The compiler's commit.
    pub commit: String,
    /// The version of LLVM in the compiler.
    pub llvm: String,
    /// The linker's name and version, as it gives them.
    pub linker: String,
    /// What cargo was asked for.
    pub request: Vec<String>,
    /// The names that stand for directories of the machine.
    pub names: Vec<String>,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("route", self.route.name()),
            ("compiler", &self.compiler),
            ("commit", &self.commit),
            ("LLVM", &self.llvm),
            ("linker", &self.linker),
            ("cargo", &self.request.join(" ")),
        ];
        rows.iter().try_for_each(|(name, value)| writeln!(f, "{name:<9} {value}"))
    }
}

/// A finished image.
#[derive(Clone, Debug)]
pub struct Built {
    /// The files that were written, the ELF first.
    pub files: Vec<PathBuf>,
    /// The ELF's bytes.
    pub elf: Vec<u8>,
    /// What they depend on.
    pub provenance: Provenance,
    /// Directories of this machine that the ELF names all the same; there should be none.
    pub left: Vec<PathBuf>,
}

/// A build that could begin: everything it needs was found.
#[derive(Debug)]
pub struct Plan {
    root: PathBuf,
    cargo: PathBuf,
    linker: PathBuf,
    variables: Vec<(OsString, OsString)>,
    remaps: Remaps,
    provenance: Provenance,
}

/// Finds compiler, core library and linker, on the `wanted` route or on the first that has them.
///
/// # Errors
/// The workspace, or something that the build needs, is missing.
pub fn plan(surroundings: &Surroundings, wanted: Option<Route>) -> Result<Plan, Problems> {
    let root = surroundings.workspace()?;
    let mut missing = Vec::new();
    for route in [Route::Rustup, Route::Debian] {
        if wanted.is_none_or(|wanted| wanted == route) {
            match Compiler::find(surroundings, &root, route) {
                Ok(compiler) => return compiler.plan(surroundings, root),
                Err(why) => missing.push((route, why)),
            }
        }
    }
    let problem = Problem::environment(format!(
        "cannot build for {TARGET}: expected a compiler that has, or can build, its core library"
    ));
    let problem = missing.into_iter().fold(problem, |problem, (route, why)| {
        let mend = match route {
            Route::Rustup => "rustup target add thumbv6m-none-eabi",
            Route::Debian => "apt-get install rustc-web cargo-web rust-web-src lld",
        };
        problem.help(format!("{}: {why}; to mend it: {mend}", route.name()))
    });
    Err(problem.into())
}

impl Plan {
    /// What the image will depend on.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Builds, and writes the image's files to `output`, by default `target/firmware` of the
    /// workspace. What cargo says goes to standard error as it is said.
    ///
    /// # Errors
    /// Cargo failed, or a file cannot be written.
    pub fn run(self, output: Option<&Path>) -> Result<Built, Problems> {
        let status = watch(&mut self.command())?;
        if !status.success() {
            return Err(Problem::environment(format!(
                "cargo could not build the firmware ({status}); it says why above"
            ))
            .help("if the source is at fault, mend it; if a download failed, try again")
            .into());
        }
        let built = self.target_folder().join(TARGET).join("firmware").join(NAME);
        let elf = fs::read(&built).map_err(|error| Problem::io(&built, &error))?;

        let output = output.map_or_else(|| default_output(&self.root), Path::to_owned);
        fs::create_dir_all(&output).map_err(|error| cannot_write(&output, &error))?;
        let write = |extension: &str, bytes: &[u8]| {
            let file = output.join(NAME).with_extension(extension);
            fs::write(&file, bytes).map_err(|error| cannot_write(&file, &error)).map(|()| file)
        };
        // Every form of the image is written here, and only here; the ELF first.
        let image = Image::parse(NAME, elf.clone())?;
        let files = vec![
            write("elf", &elf)?,
            write("bin", &image.to_bin())?,
            write("hex", image.to_hex().as_bytes())?,
            write("txt", self.provenance.to_string().as_bytes())?,
        ];
        let left = self.remaps.left_in(&elf);
        Ok(Built { files, elf, provenance: self.provenance, left })
    }

    fn target_folder(&self) -> PathBuf {
        target_folder(&self.root, self.provenance.route)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command
            .args(&self.provenance.request)
            .arg("--target-dir")
            .arg(self.target_folder())
            .current_dir(&self.root)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("CARGO_TARGET_THUMBV6M_NONE_EABI_LINKER", &self.linker)
            .env("CARGO_ENCODED_RUSTFLAGS", encoded(self.remaps.flags()))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }
}

/// Where the image's files are written unless somebody says otherwise.
fn default_output(root: &Path) -> PathBuf {
    root.join("target/firmware")
}

/// Each route has its own, so that going back and forth builds nothing anew.
fn target_folder(root: &Path, route: Route) -> PathBuf {
    root.join(format!("target/firmware-{}", route.name()))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Problems {
    Problem::environment(format!("cannot write {}: {error}", path.display()))
        .help("name another directory with --output")
        .into()
}

/// The flags in the form that allows spaces in paths.
fn encoded(flags: impl Iterator<Item = OsString>) -> OsString {
    flags.collect::<Vec<_>>().join(OsStr::new("\u{1f}"))
}

/// A compiler that was asked about itself, with what else its route needs.
struct Compiler {
    route: Route,
    root: PathBuf,
    cargo: PathBuf,
    /// What it was and will be started with.
    variables: Vec<(OsString, OsString)>,
    sysroot: PathBuf,
    version: Version,
}

/// What `rustc -vV` says.
struct Version {
    first_line: String,
    commit: String,
    host: String,
    llvm: String,
}

impl Version {
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.unwrap_or("unknown").trim().to_owned()
        };
        Self {
            first_line: text.lines().next().unwrap_or("unknown").trim().to_owned(),
            commit: field("commit-hash"),
            host: field("host"),
            llvm: field("LLVM version"),
        }
    }
}

impl Compiler {
    /// The route's compiler, or what it lacks.
    fn find(surroundings: &Surroundings, root: &Path, route: Route) -> Result<Self, String> {
        let (rustc, cargo) = match route {
            Route::Rustup => (surroundings.find("rustc"), surroundings.find("cargo")),
            Route::Debian => (surroundings.find_debian("rustc"), surroundings.find_debian("cargo")),
        };
        let place = match route {
            Route::Rustup => "on the PATH".to_owned(),
            Route::Debian => format!("in {}", surroundings.debian.display()),
        };
        let rustc = rustc.ok_or_else(|| format!("there is no rustc {place}"))?;
        let cargo = cargo.ok_or_else(|| format!("there is no cargo {place}"))?;

        let mut variables = environment::clean(surroundings, route.compiler());
        if route == Route::Debian {
            variables.push(("RUSTC".into(), rustc.clone().into()));
            variables.push(("RUSTC_BOOTSTRAP".into(), "1".into()));
        }
        let question = |arguments: &[&str]| {
            let mut command = in_workspace(&rustc, root, &variables);
            ask(command.args(arguments)).map_err(|problems| in_short(&problems))
        };
        let sysroot = PathBuf::from(question(&["--print", "sysroot"])?.trim_end());
        let version = Version::parse(&question(&["-vV"])?);
        match route {
            Route::Rustup => {
                let folder = question(&["--print", "target-libdir", "--target", TARGET])?;
                if !holds_core(Path::new(folder.trim_end())) {
                    let version = &version.first_line;
                    return Err(format!("{version} has no core library for {TARGET}"));
                }
            }
            Route::Debian => {
                let core = library_source(&sysroot).join("library/core");
                if !core.is_dir() {
                    return Err(format!("there is no source of core in {}", core.display()));
                }
            }
        }
        Ok(Self { route, root: root.to_owned(), cargo, variables, sysroot, version })
    }

    fn plan(self, surroundings: &Surroundings, root: PathBuf) -> Result<Plan, Problems> {
        let linker = self.linker(surroundings)?;
        let remaps = self.remaps()?;
        let build_core = match self.route {
            Route::Rustup => None,
            Route::Debian => Some("-Zbuild-std=core"),
        };
        let request = ["build", "--locked"]
            .into_iter()
            .chain(build_core)
            .chain(["--target", TARGET, "--profile", "firmware", "-p", "firmware", "--bin", NAME])
            .map(str::to_owned)
            .collect();
        let provenance = Provenance {
            route: self.route,
            compiler: self.version.first_line,
            commit: self.version.commit,
            llvm: self.version.llvm,
            linker: linker.version,
            request,
            names: remaps.names(),
        };
        Ok(Plan {
            root,
            cargo: self.cargo,
            linker: linker.program,
            variables: self.variables,
            remaps,
            provenance,
        })
    }

    /// Names for everything that the compiler may see.
    fn remaps(&self) -> Result<Remaps, Problems> {
        let mut command = in_workspace(&self.cargo, &self.root, &self.variables);
        command.args(["metadata", "--format-version", "1", "--locked"]);
        // Fetching may take a while; what cargo says about it is for the user.
        command.args(["--filter-platform", TARGET]).stderr(Stdio::inherit());
        let packages = remap::dependencies(&ask(&mut command)?)?;

        let mut remaps = Remaps::default();
        remaps.add(&self.root, "holdup");
        remaps.add(&target_folder(&self.root, self.route), "target");
        // A ready-made library names its source like this.
        let library = match self.route {
            Route::Rustup => format!("/rustc/{}", self.version.commit),
            Route::Debian => "rust".to_owned(),
        };
        remaps.add(&library_source(&self.sysroot), &library);
        for package in packages {
            remaps.add(&package.folder, &package.name);
        }
        Ok(remaps)
    }

    fn linker(&self, surroundings: &Surroundings) -> Result<Linker, Problems> {
        let of_sysroot = |sysroot: &Path, host: &str| {
            let file = sysroot.join(format!("lib/rustlib/{host}/bin/rust-lld"));
            Some(file.with_extension(std::env::consts::EXE_EXTENSION)).filter(|file| file.is_file())
        };
        let own = of_sysroot(&self.sysroot, &self.version.host);
        let lld = surroundings.find("ld.lld");
        let candidates = match self.route {
            Route::Rustup => [own, lld],
            Route::Debian => {
                // Not Debian's: that of the rustup that may stand beside it.
                let rustups = surroundings.find("rustc").and_then(|rustc| {
                    let variables = environment::clean(surroundings, For::Rustup);
                    let mut command = in_workspace(&rustc, &self.root, &variables);
                    let sysroot = ask(command.args(["--print", "sysroot"])).ok()?;
                    of_sysroot(Path::new(sysroot.trim_end()), &self.version.host)
                });
                [lld, own.or(rustups)]
            }
        };
        let gnu = surroundings.find("arm-none-eabi-ld");
        let program = candidates.into_iter().flatten().next().or(gnu).ok_or_else(|| {
            Problem::environment(format!(
                "no linker for {TARGET}: expected ld.lld or arm-none-eabi-ld on the PATH, or rustup's \
                 rust-lld"
            ))
            .help("on Debian: apt-get install lld")
        })?;
        let mut command = in_workspace(&program, &self.root, &self.variables);
        if program.file_stem().is_some_and(|name| name == "rust-lld") {
            command.args(["-flavor", "gnu"]);
        }
        let version = ask(command.arg("--version"))?;
        let version = version.lines().next().unwrap_or("unknown").trim().to_owned();
        Ok(Linker { program, version })
    }
}

struct Linker {
    program: PathBuf,
    version: String,
}

fn in_workspace(program: &Path, root: &Path, variables: &[(OsString, OsString)]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).env_clear();
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

/// Problems as a part of a sentence.
fn in_short(problems: &Problems) -> String {
    let told =
        problems.iter().flat_map(|problem| [&problem.message].into_iter().chain(&problem.helps));
    told.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn library_source(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib/src/rust")
}

fn holds_core(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}
