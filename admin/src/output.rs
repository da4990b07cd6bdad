//! Data on standard output: lines for people, or one JSON object a line.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use annals_eventstore::{Payload, RecordedEvent};
use chrono::SecondsFormat;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::exit::{Failure, Outcome};

/// How a reading verb writes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Format {
    /// Print one JSON object a line, with the column names of the SQL functions.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Standard output, buffered; [`Output::flush`] before anything is waited for.
#[derive(Debug)]
pub(crate) struct Output {
    writer: BufWriter<Stdout>,
    json: bool,
    colours: bool,
}

/// Says something to the person at the terminal; a closed standard error is no reason to fail.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(io::stderr(), "annals: {text}");
}

/// Tells whether to colour what goes to a terminal (<https://no-color.org>).
pub(crate) fn colours(is_terminal: bool) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !no_color && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Waits until nobody reads standard output any more; for ever where that cannot be known.
///
/// Without it `annals events tail -f | head` would wait for one event more than it prints.
#[cfg(target_os = "linux")]
pub(crate) async fn reader_left() {
    use tokio::io::Interest;
    use tokio::net::unix::pipe;

    // Opened anew: what is set for this handle does not change the one that is written to. Only pipes are taken.
    let opened = pipe::OpenOptions::new().open_sender("/proc/self/fd/1");
    let Ok(pipe) = opened else { return std::future::pending().await };
    loop {
        match pipe.ready(Interest::ERROR).await {
            Ok(ready) if ready.is_error() || ready.is_write_closed() => return,
            Ok(_) => {}
            Err(_) => return std::future::pending().await,
        }
    }
}

/// Waits for ever: only Linux tells.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn reader_left() {
    std::future::pending().await
}

impl Output {
    /// Writes as the format asks.
    pub(crate) fn new(format: Format) -> Self {
        let stdout = io::stdout();
        let colours = colours(stdout.is_terminal());
        Self { writer: BufWriter::new(stdout), json: format.json, colours }
    }

    /// Writes text.
    pub(crate) fn plain() -> Self {
        Self::new(Format { json: false })
    }

    /// Writes a text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Outcome {
        self.writer.write_all(text.as_bytes()).map_err(Failure::writing)
    }

    /// Writes one record: as JSON, or as the line that `line` makes of it.
    pub(crate) fn record(&mut self, record: &impl Serialize, line: impl FnOnce() -> String) -> Outcome {
        let line = if self.json { as_json(record)? } else { line() };
        writeln!(self.writer, "{line}").map_err(Failure::writing)
    }

    /// Writes one event.
    pub(crate) fn event(&mut self, event: &RecordedEvent) -> Outcome {
        let colours = self.colours;
        self.record(&EventRow::of(event), || event_line(event, colours))
    }

    /// Writes a list: as JSON, or as a table with a row for each record.
    pub(crate) fn list<T: Serialize>(
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
    pub(crate) fn flush(&mut self) -> Outcome {
        self.writer.flush().map_err(Failure::writing)
    }
}

fn as_json(record: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(record).map_err(Failure::failed)
}

/// An event with the column names of `annals.read_all`.
#[derive(Debug, Serialize)]
struct EventRow<'a> {
    position: i64,
    stream: &'a str,
    version: i64,
    event_id: String,
    event_type: &'a str,
    schema_version: i32,
    data: Box<RawValue>,
    metadata: Option<Box<RawValue>>,
    recorded_at: String,
}

impl<'a> EventRow<'a> {
    fn of(event: &'a RecordedEvent) -> Self {
        Self {
            position: event.position.into(),
            stream: event.stream.as_str(),
            version: event.version.get(),
            event_id: event.id.to_string(),
            event_type: event.event_type.as_str(),
            schema_version: event.schema_version.get(),
            data: verbatim(&event.data),
            metadata: event.raw_metadata.as_ref().map(verbatim),
            recorded_at: event.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }
}

/// JSON as it is stored, except that it stays on one line.
fn verbatim(payload: &Payload) -> Box<RawValue> {
    RawValue::from_string(on_one_line(payload)).expect("what the log holds is JSON")
}

/// A line break in JSON can only stand between its parts, where a blank means the same.
fn on_one_line(payload: &Payload) -> String {
    payload.as_str().replace(['\n', '\r'], " ")
}

fn event_line(event: &RecordedEvent, colours: bool) -> String {
    let paint = |code: &str, text: String| if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text };
    let place = format!("{}@{}", event.stream, event.version);
    format!(
        "{:>8}  {place:<20}  {}  {}  {}",
        i64::from(event.position),
        paint("1", format!("{:<20}", event.event_type)),
        paint("2", event.recorded_at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        on_one_line(&event.data),
    )
}
