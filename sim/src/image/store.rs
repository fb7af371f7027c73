//! Writing a file whole or not at all.
//!
//! The bytes go to a temporary file beside the target, onto the disk, and then take the target's name
//! in one step. Whatever fails, the target is what it was and the temporary file is gone.
//!
//! Assumes that renaming within a folder is atomic, as it is on every system that runs this.
//! Leaves out hard links: other names of an old file keep its old content.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use crate::document::{Problem, ProblemKind, Problems};

/// Temporary names that are tried; more than one is taken only if a run was killed.
const TRIES: u32 = 100;

/// Puts `bytes` in the place of `path`, or makes a file of them there, with the permissions of what
/// was there, else with those of `like`.
pub(super) fn replace(path: &Path, bytes: &[u8], like: &Path) -> Result<(), Problems> {
    let io = |error: &io::Error| Problems::from(Problem::unwritable(path, error));
    let (target, permissions) = match fs::canonicalize(path) {
        // A link stays one; what it points to is written.
        Ok(target) => {
            let metadata = fs::metadata(&target).map_err(|error| io(&error))?;
            if !metadata.is_file() {
                return Err(refused(path, "it is no ordinary file"));
            }
            if metadata.permissions().readonly() {
                return Err(refused(path, "it is write-protected"));
            }
            (target, Some(metadata.permissions()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let permissions = fs::metadata(like).map(|metadata| metadata.permissions());
            (path.to_owned(), permissions.ok())
        }
        Err(error) => return Err(io(&error)),
    };
    let (temporary, file) = create(&target).map_err(|error| io(&error))?;
    fill(file, bytes, permissions).and_then(|()| fs::rename(&temporary, &target)).map_err(|error| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        io(&error)
    })
}

fn refused(path: &Path, why: &str) -> Problems {
    let problem = Problem::bad(format!("cannot write {}: {why}", path.display()));
    Problem { kind: ProblemKind::Io, ..problem }.help("name another file with --output").into()
}

/// A new file beside `target`.
fn create(target: &Path) -> io::Result<(PathBuf, File)> {
    let Some(name) = target.file_name() else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path names no file"));
    };
    let mut last = ErrorKind::AlreadyExists.into();
    for number in 0..TRIES {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{number}", process::id()));
        let temporary = target.with_file_name(hidden);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn fill(mut file: File, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    file.write_all(bytes)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    // Else a power cut after the renaming could leave an empty file.
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty folder of this test's own.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("holdup-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_or_made_and_nothing_is_left_beside_it() {
        let folder = folder("replaced");
        let (old, new) = (folder.join("old.bin"), folder.join("new.bin"));
        fs::write(&old, b"before").unwrap();
        replace(&old, b"after", &old).unwrap();
        replace(&new, b"fresh", &old).unwrap();
        assert_eq!(fs::read(&old).unwrap(), b"after");
        assert_eq!(fs::read(&new).unwrap(), b"fresh");
        assert_eq!(names(&folder), ["new.bin", "old.bin"]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = folder("links");
        let (file, link) = (folder.join("file"), folder.join("link"));
        fs::write(&file, b"before").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o750)).unwrap();
        symlink(&file, &link).unwrap();
        replace(&link, b"after", &link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"after");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o750);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_cannot_be_replaced_stays() {
        let folder = folder("refused");
        let file = folder.join("file");
        fs::write(&file, b"before").unwrap();
        let mut permissions = fs::metadata(&file).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&file, permissions).unwrap();
        for (path, why) in [
            (file.clone(), "it is write-protected"),
            (folder.clone(), "it is no ordinary file"),
            (folder.join("no/such/folder"), "no such file or folder"),
        ] {
            let problems = replace(&path, b"after", &file).unwrap_err();
            assert_eq!(problems.kind(), ProblemKind::Io);
            assert!(problems.render(false).contains(why), "{problems}");
        }
        assert_eq!(fs::read(&file).unwrap(), b"before");
        assert_eq!(names(&folder), ["file"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
