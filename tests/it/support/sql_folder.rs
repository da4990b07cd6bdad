//! The folder of a projection in SQL, for one test.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io};

use annals_projections::SqlProjection;
use annals_projections::sql_projection::FolderError;

/// Files in a folder that goes with the test.
pub(crate) struct SqlFolder(PathBuf);

impl SqlFolder {
    /// Makes a projection `rows` with the table `rows (number bigint, said text)` and one statement, for events of type
    /// `happened`.
    pub(crate) fn with(happened: &str) -> io::Result<Self> {
        Self::of(&[
            ("projection.toml", "name = \"rows\"\nversion = 1\n[events]\nhappened = \"happened.sql\"\n"),
            ("setup.sql", "create table if not exists rows (number bigint, said text);\n"),
            ("happened.sql", happened),
        ])
    }

    /// Makes a folder of files.
    pub(crate) fn of(files: &[(&str, &str)]) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("annals-sql-folder-{}-{nth}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let made = Self(folder);
        files.iter().try_for_each(|(name, text)| made.write(name, text))?;
        Ok(made)
    }

    /// Writes a file, over one that was there.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        fs::write(self.0.join(name), text)
    }

    /// Loads the projection.
    pub(crate) fn load(&self) -> Result<SqlProjection, FolderError> {
        SqlProjection::load(&self.0)
    }

    /// Shows an error without the path of the folder.
    pub(crate) fn told(&self, error: &dyn std::error::Error) -> String {
        error.to_string().replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for SqlFolder {
    fn drop(&mut self) {
        // A folder that stays behind harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}
