//! One server's folder: data, log, lock, record, socket.
//!
//! ```text
//! pg15-test/        closed to other users
//!   data/           the cluster
//!   run/            the socket, unless the path is too long for one
//!   server.log      what the server says
//!   server.json     the record of the server that runs
//!   swept           its time tells when test databases were last swept
//!   lock            held while initializing, starting, stopping
//! ```

use std::{
    env, fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use crate::{
    base,
    host::{hashed, uid},
    launch::Launch,
    profile::Profile,
    start_error::StartError,
};

/// Paths of sockets end at 107 bytes on Linux and at 103 on macOS.
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// The name that the server gives its socket, for the default port.
pub(crate) const SOCKET: &str = ".s.PGSQL.5432";

/// One server's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn at(folder: impl Into<PathBuf>) -> Home {
        Home(folder.into())
    }

    /// The folder of the shared server: one per major version, since no server reads the data of another.
    pub(crate) fn shared(base: &Path, major: u32, profile: Profile) -> Home {
        Home(base.join(format!("pg{major}-{profile}")))
    }

    /// The folders of shared servers of a profile that are there, newest major version first.
    pub(crate) fn all(base: &Path, profile: Profile) -> Vec<Home> {
        let Ok(entries) = fs::read_dir(base) else { return Vec::new() };
        let major =
            |name: &str| name.strip_prefix("pg")?.strip_suffix(&format!("-{profile}"))?.parse::<u32>().ok();
        let mut found: Vec<(u32, Home)> = entries
            .flatten()
            .filter_map(|entry| Some((major(entry.file_name().to_str()?)?, Home(entry.path()))))
            .collect();
        found.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
        found.into_iter().map(|(_, home)| home).collect()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Where `initdb` works until it is done.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.0.join("data.unfinished")
    }

    /// A file whose time tells when test databases were last swept.
    pub(crate) fn swept(&self) -> PathBuf {
        self.0.join("swept")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("server.log")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.0.join("server.json")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Makes the folder, owned by whoever the server will run as.
    pub(crate) fn prepare(&self, launch: &Launch) -> Result<(), StartError> {
        if let Some(parent) = self.0.parent() {
            fs::create_dir_all(parent)
                .map_err(|source| StartError::Folder { path: parent.to_owned(), source })?;
        }
        let (owner, group) = launch.owner();
        base::make_guarded(&self.0)?;
        give(&self.0, owner, group)?;
        launch.enter(&self.0)
    }

    /// Gives everything in the folder to whoever the server will run as, if another owner is found.
    pub(crate) fn hand_over(&self, launch: &Launch) -> Result<(), StartError> {
        let (owner, group) = launch.owner();
        match fs::symlink_metadata(self.data()) {
            Ok(found) if found.uid() != owner => give_all(&self.data(), owner, group),
            _ => Ok(()),
        }
    }

    /// Makes and returns the folder of the socket; a short one in the temporary folder when `run` is too deep.
    pub(crate) fn socket_folder(&self, launch: &Launch) -> Result<PathBuf, StartError> {
        let (owner, group) = launch.owner();
        let name = format!("annals-{}-{}", uid(), hashed(&self.0.display().to_string(), 10));
        let choices = [self.0.join("run"), env::temp_dir().join(&name), Path::new("/tmp").join(&name)];
        let fits = |folder: &&PathBuf| folder.as_os_str().len() + 1 + SOCKET.len() <= SOCKET_PATH_BYTES_MAX;
        let folder = choices.iter().find(fits).expect("a name in /tmp is short enough");
        if *folder == choices[0] {
            // Nobody else may write to the folder above, so whatever is there is ours, of another launch perhaps.
            base::make_guarded(folder)?;
            close(folder)?;
        } else {
            base::make_private(folder, owner)?;
        }
        give(folder, owner, group)?;
        Ok(folder.clone())
    }
}

fn close(folder: &Path) -> Result<(), StartError> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .map_err(|source| StartError::Folder { path: folder.to_owned(), source })
}

fn give_all(path: &Path, owner: u32, group: u32) -> Result<(), StartError> {
    give(path, owner, group)?;
    if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        let entries =
            fs::read_dir(path).map_err(|source| StartError::Folder { path: path.to_owned(), source })?;
        for entry in entries.flatten() {
            give_all(&entry.path(), owner, group)?;
        }
    }
    Ok(())
}

fn give(path: &Path, owner: u32, group: u32) -> Result<(), StartError> {
    let failed = |source| StartError::Folder { path: path.to_owned(), source };
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if found.uid() == owner || found.is_symlink() {
        Ok(())
    } else {
        chown(path, Some(owner), Some(group)).map_err(failed)
    }
}
