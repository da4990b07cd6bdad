//! Makes a data folder, with `initdb` unless told otherwise.
//!
//! Guarantees
//! - the folder appears complete or not at all: a killed program leaves only a folder that the next one removes.

use std::{fs, path::Path};

use crate::{
    binaries::Binaries, home::Home, launch::Launch, probe::USER, profile::Profile, start_error::StartError,
};

/// Lines of output shown when it fails.
const LINES_MAX: usize = 20;

/// Makes the data folder of a home if it has none. The caller holds the home's lock.
///
/// # Errors
///
/// [`StartError::Initdb`] with what the program printed.
pub(crate) fn initialize(
    home: &Home,
    binaries: &Binaries,
    profile: Profile,
    launch: &Launch,
) -> Result<(), StartError> {
    initialized(home, |draft| {
        let program = binaries.folder().join("initdb");
        let mut initdb = launch.command(&program);
        initdb.arg("-D").arg(draft).args([
            "-E",
            "UTF8",
            "--locale=C",
            "-A",
            "trust",
            "-U",
            USER,
            "--no-instructions",
        ]);
        if profile == Profile::Test {
            initdb.arg("--no-sync");
        }
        let output = initdb.output().map_err(|source| StartError::Program { program, source })?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let output = last_lines(&String::from_utf8_lossy(&said), LINES_MAX);
        Err(StartError::Initdb { folder: home.folder().to_owned(), output })
    })
}

/// Lets a program fill the data folder of a home if it has none. The caller holds the home's lock.
///
/// # Errors
///
/// What the program says, or [`StartError::Folder`].
pub(crate) fn initialized(
    home: &Home,
    fill: impl FnOnce(&Path) -> Result<(), StartError>,
) -> Result<(), StartError> {
    if home.data().join("PG_VERSION").is_file() {
        return Ok(());
    }
    // Under the lock nobody else is working here: whatever is found was left by a process that died.
    let draft = home.unfinished();
    remove(&draft)?;
    remove(&home.data())?;
    if let Err(error) = fill(&draft) {
        remove(&draft)?;
        return Err(error);
    }
    fs::rename(&draft, home.data()).map_err(|source| StartError::Folder { path: home.data(), source })
}

/// Removes the data folder. The caller holds the home's lock and has stopped the server.
pub(crate) fn discard(home: &Home) -> Result<(), StartError> {
    remove(&home.data())
}

/// Returns the last lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn remove(folder: &Path) -> Result<(), StartError> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StartError::Folder { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}
