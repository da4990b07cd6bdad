//! The record of a server that runs, so that the next process finds it without running a program.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{home::Home, host, version::PostgresVersion};

/// What is remembered of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The folder of its programs.
    pub(crate) folder: PathBuf,
    pub(crate) version: PostgresVersion,
    /// The folder of its socket.
    pub(crate) socket: PathBuf,
    /// The choices of programs that led to this server.
    pub(crate) choices: Vec<String>,
    /// The boot in which it was started.
    pub(crate) boot: String,
}

impl Record {
    pub(crate) fn new(folder: PathBuf, version: PostgresVersion, socket: PathBuf, choice: String) -> Record {
        Record { folder, version, socket, choices: vec![choice], boot: host::boot().to_owned() }
    }

    /// Reads the record; `None` when there is none, or none that can be read.
    pub(crate) fn read(home: &Home) -> Option<Record> {
        let value: Value = serde_json::from_slice(&fs::read(home.record()).ok()?).ok()?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let choices =
            value["choices"].as_array()?.iter().filter_map(|choice| choice.as_str().map(str::to_owned));
        Some(Record {
            folder: text("folder")?.into(),
            version: text("version")?.parse().ok()?,
            socket: text("socket")?.into(),
            choices: choices.collect(),
            boot: text("boot")?,
        })
    }

    /// Writes the record in one step, so that nobody reads half of it. Losing it costs a slower next start.
    pub(crate) fn write(&self, home: &Home) {
        let value = json!({
            "folder": self.folder.display().to_string(),
            "version": self.version.to_string(),
            "socket": self.socket.display().to_string(),
            "choices": self.choices,
            "boot": self.boot,
        });
        let draft = home.record().with_extension(format!("json.{}", std::process::id()));
        if fs::write(&draft, format!("{value:#}\n")).is_ok() {
            let _ = fs::rename(&draft, home.record());
        }
    }
}
