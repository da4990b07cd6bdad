//! Data on standard output: lines for people, or one JSON object a line.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::exit::{Failure, Outcome};

/// How a reading verb writes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Format {
    /// Print one JSON object a line, with the column names of the SQL functions.
    #[arg(long)]
    pub json: bool,
}

/// Standard output, buffered; [`Output::flush`] before anything is waited for.
#[derive(Debug)]
pub struct Output {
    writer: BufWriter<Stdout>,
    json: bool,
    colours: bool,
}

/// Says something to the person at the terminal, in the name of the program; a closed standard error is no reason to
/// fail.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}: {text}", program());
}

/// The name that the program was started by.
fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    Path::new(&path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Tells whether to colour what goes to a terminal (<https://no-color.org>).
pub(super) fn colours(is_terminal: bool) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !no_color && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Output {
    /// Writes as the format asks.
    pub fn new(format: Format) -> Self {
        let stdout = io::stdout();
        let colours = colours(stdout.is_terminal());
        Self { writer: BufWriter::new(stdout), json: format.json, colours }
    }

    /// Writes text.
    pub fn plain() -> Self {
        Self::new(Format { json: false })
    }

    /// Writes a text as it is.
    ///
    /// # Errors
    ///
    /// That it could not be written; a reader that left is no failure.
    pub fn text(&mut self, text: &str) -> Outcome {
        self.writer.write_all(text.as_bytes()).map_err(Failure::writing)
    }

    /// Writes one record: as JSON, or as the line that `line` makes of it.
    ///
    /// # Errors
    ///
    /// That it could not be written; a reader that left is no failure.
    pub fn record(&mut self, record: &impl Serialize, line: impl FnOnce() -> String) -> Outcome {
        let line = if self.json { as_json(record)? } else { line() };
        writeln!(self.writer, "{line}").map_err(Failure::writing)
    }

    /// Tells whether what is written may be coloured.
    pub fn colours(&self) -> bool {
        self.colours
    }

    /// Writes a list: as JSON, or as a table with a row for each record.
    ///
    /// # Errors
    ///
    /// That it could not be written; a reader that left is no failure.
    pub fn list<T: Serialize>(
        &mut self,
        header: &[&str],
        records: &[T],
        row: impl Fn(&T) -> Vec<String>,
    ) -> Outcome {
        if self.json {
            return records.iter().try_for_each(|record| self.record(record, String::new));
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header.to_vec());
        let arrangement = match self.writer.get_ref().is_terminal() {
            true => ContentArrangement::Dynamic,
            false => ContentArrangement::Disabled,
        };
        table.set_content_arrangement(arrangement);
        for record in records {
            table.add_row(row(record));
        }
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        for line in table.lines() {
            writeln!(self.writer, "{}", line.trim_end()).map_err(Failure::writing)?;
        }
        Ok(())
    }

    /// Hands everything to the reader.
    ///
    /// # Errors
    ///
    /// That it could not be written; a reader that left is no failure.
    pub fn flush(&mut self) -> Outcome {
        self.writer.flush().map_err(Failure::writing)
    }
}

fn as_json(record: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(record).map_err(Failure::failed)
}
