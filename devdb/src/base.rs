//! The folder of everything that is kept: data, logs, the wheel.
//!
//! Guarantees
//! - a folder in the temporary folder is used only when it is ours and nobody else may write to it.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use crate::{environment::Environment, host::uid, launch::Launch, start_error::StartError};

/// Returns the folders that may hold our servers, the preferred one first.
pub(crate) fn candidates(environment: &Environment) -> Vec<PathBuf> {
    match &environment.folder {
        Some(folder) => vec![absolute(folder)],
        None => cache().into_iter().chain([in_temp()]).collect(),
    }
}

/// Returns those of the candidates that are there and safe to read from.
pub(crate) fn existing(environment: &Environment) -> Vec<PathBuf> {
    let trusted = |folder: &PathBuf| {
        folder.is_dir() && (*folder != in_temp() || unsafe_because(folder, 0o022).is_none())
    };
    candidates(environment).into_iter().filter(trusted).collect()
}

/// Makes and returns the first candidate in which servers can be started.
///
/// # Errors
///
/// [`StartError::Folder`] or [`StartError::UnsafeFolder`] of the last candidate when none can be used.
pub(crate) fn usable(environment: &Environment, launch: &Launch) -> Result<PathBuf, StartError> {
    let mut refusal = None;
    for folder in candidates(environment) {
        match make(&folder).and_then(|()| launch.enter(&folder)) {
            Ok(()) => return Ok(folder),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.expect("there is at least one candidate"))
}

/// Makes a folder if it is missing and checks that it belongs to us or `owner` and is closed to everyone else.
///
/// For a place where others may have been before us, such as the temporary folder.
pub(crate) fn make_private(folder: &Path, owner: u32) -> Result<(), StartError> {
    make_closed(folder)?;
    match unsafe_because_of(folder, 0o077, &[uid(), owner]) {
        Some(reason) => Err(StartError::UnsafeFolder { path: folder.to_owned(), reason }),
        None => Ok(()),
    }
}

/// Makes a folder if it is missing and checks that nobody else may write to it.
///
/// For a place that is ours already. Root may find the folder in the hands of the account that it ran PostgreSQL as.
pub(crate) fn make_guarded(folder: &Path) -> Result<(), StartError> {
    make_closed(folder)?;
    let owner = fs::symlink_metadata(folder).map_or(u32::MAX, |found| found.uid());
    let owner = if uid() == 0 { owner } else { uid() };
    match unsafe_because_of(folder, 0o022, &[owner]) {
        Some(reason) => Err(StartError::UnsafeFolder { path: folder.to_owned(), reason }),
        None => Ok(()),
    }
}

fn make_closed(folder: &Path) -> Result<(), StartError> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(StartError::Folder { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// True when a socket's folder is closed to others and belongs to us or to the owner of the server's folder.
pub(crate) fn is_ours(folder: &Path, home: &Path) -> bool {
    let owner = fs::symlink_metadata(home).map_or(uid(), |home| home.uid());
    unsafe_because_of(folder, 0o077, &[uid(), owner]).is_none()
}

fn make(folder: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::Folder { path: folder.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(failed)?;
    if *folder == in_temp()
        && let Some(reason) = unsafe_because(folder, 0o022)
    {
        return Err(StartError::UnsafeFolder { path: folder.to_owned(), reason });
    }
    // A folder that is there may still be read-only.
    let trial = folder.join(format!(".trial-{}", std::process::id()));
    fs::write(&trial, "").map_err(failed)?;
    let _ = fs::remove_file(&trial);
    Ok(())
}

fn unsafe_because(folder: &Path, mode: u32) -> Option<String> {
    unsafe_because_of(folder, mode, &[uid()])
}

fn unsafe_because_of(folder: &Path, mode: u32, owners: &[u32]) -> Option<String> {
    match fs::symlink_metadata(folder) {
        Err(error) => Some(error.to_string()),
        Ok(found) if !found.is_dir() => Some("it is no folder".to_owned()),
        Ok(found) if !owners.contains(&found.uid()) => Some(format!("it belongs to uid {}", found.uid())),
        Ok(found) if found.mode() & mode != 0 => {
            Some(format!("it is open to others (mode {:o})", found.mode() & 0o777))
        }
        Ok(_) => None,
    }
}

fn cache() -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = |below: &str| set("HOME").map(|home| home.join(below));
    let cache = if cfg!(target_os = "macos") {
        home("Library/Caches")
    } else {
        set("XDG_CACHE_HOME").or_else(|| home(".cache"))
    };
    cache.map(|cache| cache.join("annals"))
}

fn in_temp() -> PathBuf {
    env::temp_dir().join(format!("annals-{}", uid()))
}

fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}
