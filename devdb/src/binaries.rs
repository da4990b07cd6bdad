//! A folder of PostgreSQL programs.
//!
//! Guarantees
//! - a folder counts only with both `postgres` and `initdb` in it, of version 15 or later.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::version::PostgresVersion;

/// A folder of PostgreSQL programs and their version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: PostgresVersion,
}

impl Binaries {
    pub(crate) fn new(folder: PathBuf, version: PostgresVersion) -> Binaries {
        Binaries { folder, version }
    }

    /// Returns the folder, as in `/usr/lib/postgresql/15/bin`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the version of the programs.
    pub fn version(&self) -> PostgresVersion {
        self.version
    }

    /// Returns the path of a program in the folder, such as `psql` or `pg_dump`, if it is there.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.folder.join(name);
        path.is_file().then_some(path)
    }

    /// Looks into a folder.
    ///
    /// # Errors
    ///
    /// Says why the programs in it cannot be used.
    pub(crate) fn inspect(folder: &Path) -> Result<Binaries, String> {
        for name in ["postgres", "initdb"] {
            if !folder.join(name).is_file() {
                return Err(format!("no {name} in it"));
            }
        }
        let mut postgres = Command::new(folder.join("postgres"));
        let output =
            postgres.arg("--version").stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!(
                "postgres --version failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        let version: PostgresVersion = String::from_utf8_lossy(&output.stdout).parse()?;
        if !version.is_supported() {
            return Err(format!("version {version} is older than {}", PostgresVersion::OLDEST_MAJOR));
        }
        Ok(Binaries { folder: folder.to_owned(), version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_programs_says_which_one_is_missing() {
        let reason = Binaries::inspect(Path::new("/nowhere")).expect_err("nothing is there");
        assert_eq!(reason, "no postgres in it");
    }
}
