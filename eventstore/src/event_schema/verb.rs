//! The verbs `schema check` and `schema write`, for the binary of a program.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::EventSchema;
use super::change::SchemaChange;
use super::file::SchemaFileError;

const USAGE: &str = "usage: schema check [--json] | schema write [--breaking] [--json]";

/// How a verb ended, in the exit codes of the command line `annals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    /// The file cannot be used, or lags behind what holds.
    Failed,
    Usage,
    /// Something breaks.
    Breaks,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    writes: bool,
    with_breaking: bool,
    as_json: bool,
}

impl EventSchema {
    /// Runs a verb on the file and tells what came of it: changes on standard output, everything else on standard error.
    ///
    /// - `check` compares: 0 where nothing changed, 5 where something breaks, 1 where the file has only to be written
    ///   anew, or cannot be read.
    /// - `write` writes the file. Where something breaks it leaves it as it is and ends with 5, unless `--breaking` says
    ///   that this is meant.
    /// - `--json` tells each change as an object on a line of its own.
    ///
    /// Anything else ends with 2.
    pub fn run(
        &self,
        file: impl AsRef<Path>,
        arguments: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> ExitCode {
        let (mut out, mut talk) = (io::stdout().lock(), io::stderr().lock());
        let ended = match asked(arguments) {
            Some(asked) => self.answer(file.as_ref(), &asked, &mut out, &mut talk),
            None => {
                let _ = writeln!(talk, "{USAGE}");
                Ended::Usage
            }
        };
        match ended {
            Ended::Well => ExitCode::SUCCESS,
            Ended::Failed => ExitCode::FAILURE,
            Ended::Usage => ExitCode::from(2),
            Ended::Breaks => ExitCode::from(5),
        }
    }

    /// Who reads no further has seen enough: the verdict stands in the exit code, and what was asked for is done.
    pub(super) fn answer(
        &self,
        file: &Path,
        asked: &Asked,
        out: &mut dyn Write,
        talk: &mut dyn Write,
    ) -> Ended {
        let kept = match Self::read(file) {
            Err(SchemaFileError::Read(_, error))
                if asked.writes && error.kind() == io::ErrorKind::NotFound =>
            {
                Self::new()
            }
            Err(error) => return failed(&error, talk),
            Ok(kept) => kept,
        };
        let changes = self.changes_since(&kept);
        for change in &changes {
            let _ = tell(change, asked.as_json, out);
        }
        let _ = out.flush();
        let breaking = changes.iter().filter(|change| change.breaks).count();
        let path = file.display();
        if breaking > 0 && !(asked.writes && asked.with_breaking) {
            let what =
                if asked.writes { "not written; `--breaking` writes it all the same" } else { "as it was" };
            let _ = writeln!(
                talk,
                "{breaking} of {} changes break the reading of events; {path} is {what}",
                changes.len()
            );
            return Ended::Breaks;
        }
        if asked.writes {
            if let Err(error) = self.write(file) {
                return failed(&error, talk);
            }
            let _ = writeln!(talk, "{path} is written, {} changes", changes.len());
            return Ended::Well;
        }
        if changes.is_empty() {
            let _ = writeln!(talk, "{path} holds the events of this program");
            return Ended::Well;
        }
        let _ = writeln!(talk, "nothing breaks, but {path} lags behind: `schema write` writes it");
        Ended::Failed
    }
}

pub(super) fn asked(arguments: impl IntoIterator<Item = impl AsRef<str>>) -> Option<Asked> {
    let mut arguments = arguments.into_iter();
    let writes = match arguments.next()?.as_ref() {
        "check" => false,
        "write" => true,
        _ => return None,
    };
    let mut asked = Asked { writes, ..Asked::default() };
    for argument in arguments {
        match argument.as_ref() {
            "--json" => asked.as_json = true,
            "--breaking" if writes => asked.with_breaking = true,
            _ => return None,
        }
    }
    Some(asked)
}

fn tell(change: &SchemaChange, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
    if as_json {
        let json = serde_json::to_string(change).map_err(io::Error::other)?;
        return writeln!(out, "{json}");
    }
    writeln!(out, "{change}")
}

fn failed(error: &SchemaFileError, talk: &mut dyn Write) -> Ended {
    let because = error.source().map_or_else(String::new, |source| format!(": {source}"));
    let _ = writeln!(talk, "{error}{because}");
    Ended::Failed
}
