//! What the process was told: `DATABASE_URL`, `ANNALS_PG`, `ANNALS_DEVDB_DIR`.

use std::{env, path::PathBuf};

use crate::database_url::DatabaseUrl;

/// What decides which server is used; by default read from the environment of the process.
///
/// # Examples
///
/// ```
/// # use annals_devdb::{BinariesChoice, Environment};
/// let environment = Environment { folder: Some("/tmp/elsewhere".into()), ..Environment::default() };
/// assert_eq!(environment.choice, BinariesChoice::Auto);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Environment {
    /// `DATABASE_URL`: use this server, without TLS, and start none. Default: none.
    pub database_url: Option<DatabaseUrl>,
    /// `ANNALS_PG`: which programs a server is started from. Default: whatever there is.
    pub choice: BinariesChoice,
    /// `ANNALS_DEVDB_DIR`: where data, logs and the wheel are kept.
    /// Default: the user's cache folder, else a folder of the user in the temporary folder.
    pub folder: Option<PathBuf>,
}

impl Environment {
    /// Reads the three variables; an empty one counts as unset.
    pub fn read() -> Environment {
        Environment {
            database_url: variable("DATABASE_URL").map(DatabaseUrl::new),
            choice: variable("ANNALS_PG")
                .map_or(BinariesChoice::Auto, |text| BinariesChoice::from_text(&text)),
            folder: variable("ANNALS_DEVDB_DIR").map(PathBuf::from),
        }
    }
}

/// Which PostgreSQL programs a server is started from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum BinariesChoice {
    /// Installed ones, else the wheel.
    #[default]
    Auto,
    /// Installed ones only.
    Installed,
    /// The wheel only.
    Wheel,
    /// Those in this folder only.
    Folder(PathBuf),
}

impl BinariesChoice {
    /// Reads the value of `ANNALS_PG`: `auto`, `installed`, `wheel`, or a path.
    pub fn from_text(text: &str) -> BinariesChoice {
        match text {
            "" | "auto" => BinariesChoice::Auto,
            "installed" => BinariesChoice::Installed,
            "wheel" => BinariesChoice::Wheel,
            path => BinariesChoice::Folder(path.into()),
        }
    }

    /// The text under which a running server remembers that it serves this choice.
    pub(crate) fn key(&self) -> String {
        match self {
            BinariesChoice::Auto => "auto".to_owned(),
            BinariesChoice::Installed => "installed".to_owned(),
            BinariesChoice::Wheel => "wheel".to_owned(),
            BinariesChoice::Folder(path) => path.display().to_string(),
        }
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
