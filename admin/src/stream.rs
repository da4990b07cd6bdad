//! `annals stream`: one stream, or the list of them.

use std::io::Read;
use std::str::FromStr;

use annals_eventstore::{
    Append, Appended, Direction, EventId, EventStore, EventType, ExpectedVersion, IdempotencyKey, Metadata,
    NewEvent, PAGE_EVENTS_DEFAULT, Payload, PostgresStore, SchemaVersion, StreamInfo, StreamListQuery,
    StreamName, StreamQuery, Version,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;

use crate::exit::{Failure, Outcome, append_failure};
use crate::output::{Format, Output};
use crate::target::TargetArgs;

/// The verbs of `annals stream`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Prints the events of a stream, oldest first; exit code 3 when there is no such stream.
    Show(ShowArgs),
    /// Lists streams by name.
    Ls(ListArgs),
    /// Appends one event; exit code 4 when the stream is not as expected.
    Append(Box<AppendArgs>),
}

/// Runs one of the verbs.
pub(crate) async fn run(verb: Verb, target: &TargetArgs) -> Outcome {
    match verb {
        Verb::Show(args) => {
            let store = target.open().await?;
            show(&store, &args).await
        }
        Verb::Ls(args) => {
            let store = target.open().await?;
            list(&store, &args).await
        }
        Verb::Append(args) => append(*args, target).await,
    }
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The stream, such as account-7.
    name: StreamName,
    /// The version to begin at, inclusive [default: the first, or the last with --backward].
    #[arg(long, value_name = "VERSION", value_parser = version)]
    from: Option<Version>,
    /// The most events to print [default: all].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Newest first.
    #[arg(long)]
    backward: bool,
    #[command(flatten)]
    format: Format,
}

async fn show(store: &PostgresStore, args: &ShowArgs) -> Outcome {
    let mut output = Output::new(args.format);
    let mut query = if args.backward { StreamQuery::backward() } else { StreamQuery::forward() };
    query.from = args.from.unwrap_or(query.from);
    let mut left = args.limit.unwrap_or(usize::MAX);
    loop {
        query.limit = left.min(PAGE_EVENTS_DEFAULT);
        let events = store.read_stream(&args.name, query).await?;
        for event in &events {
            output.event(event)?;
        }
        output.flush()?;
        left -= events.len();
        match events.last().and_then(|last| behind(last.version, query.direction)) {
            Some(next) if left > 0 && events.len() == query.limit => query.from = next,
            _ => return Ok(()),
        }
    }
}

/// Returns where the next page begins; nothing behind the first event.
fn behind(version: Version, direction: Direction) -> Option<Version> {
    match direction {
        Direction::Forward => Some(version.next()),
        Direction::Backward => {
            Version::try_from(version.get() - 1).ok().filter(|before| *before != Version::NONE)
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only streams whose names begin so, such as account-.
    #[arg(default_value = "")]
    prefix: String,
    /// The most streams to print [default: all].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct StreamRow<'a> {
    stream: &'a str,
    version: i64,
    first_version: i64,
}

async fn list(store: &PostgresStore, args: &ListArgs) -> Outcome {
    let mut output = Output::new(args.format);
    let mut query = StreamListQuery { prefix: args.prefix.clone(), ..StreamListQuery::default() };
    let mut left = args.limit.unwrap_or(usize::MAX);
    loop {
        query.limit = left.min(PAGE_EVENTS_DEFAULT);
        let streams = store.list_streams(query.clone()).await?;
        for StreamInfo { name, version, first_version } in &streams {
            let row = StreamRow {
                stream: name.as_str(),
                version: version.get(),
                first_version: first_version.get(),
            };
            output.record(&row, || format!("{name}@{version}"))?;
        }
        output.flush()?;
        left -= streams.len();
        match streams.last() {
            Some(last) if left > 0 && streams.len() == query.limit => query.after = Some(last.name.clone()),
            _ => return Ok(()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AppendArgs {
    /// The stream, such as account-7.
    name: StreamName,
    /// The type of the event, such as money-deposited.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: EventType,
    /// The data: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON|@FILE|-")]
    data: Source,
    /// What the stream must look like: any, none, exists, or its version.
    #[arg(long, value_name = "any|none|exists|VERSION", default_value = "any", value_parser = expected)]
    expect: ExpectedVersion,
    /// The id of the event, a UUID [default: a new one].
    #[arg(long, value_name = "UUID")]
    id: Option<Uuid>,
    /// An idempotency key: repeating the command with it stores nothing twice.
    #[arg(long)]
    key: Option<String>,
    /// The metadata, a JSON object: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON|@FILE|-")]
    metadata: Option<Source>,
    /// The version of the shape of the data.
    #[arg(long, value_name = "N", default_value = "1", value_parser = schema_version)]
    schema_version: SchemaVersion,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Receipt {
    from_version: i64,
    to_version: i64,
    from_position: i64,
    to_position: i64,
    already_applied: bool,
}

async fn append(args: AppendArgs, target: &TargetArgs) -> Outcome {
    // Everything is read and checked before the database is asked for.
    let event = event(&args).await?;
    let (stream, expected) = (args.name.clone(), args.expect);
    let has_id = args.id.is_some();
    let mut append = Append::to(args.name, [event]).expecting(expected);
    append.key = args.key.as_deref().map(IdempotencyKey::from);

    let store = target.open().await?;
    let appended = store.append(append).await;
    // Also sends the wake-up.
    store.close().await;
    let appended = appended.map_err(|error| append_failure(error, expected, args.key.as_deref(), has_id))?;

    let mut output = Output::new(args.format);
    output.record(&Receipt::of(&appended), || {
        let again = if appended.already_applied { " (was there already)" } else { "" };
        format!("{stream}@{} at position {}{again}", appended.to_version, appended.to_position)
    })?;
    output.flush()
}

impl Receipt {
    fn of(appended: &Appended) -> Self {
        Self {
            from_version: appended.from_version.get(),
            to_version: appended.to_version.get(),
            from_position: appended.from_position.into(),
            to_position: appended.to_position.into(),
            already_applied: appended.already_applied,
        }
    }
}

async fn event(args: &AppendArgs) -> Result<NewEvent, Failure> {
    if args.data == Source::StandardInput && args.metadata == Some(Source::StandardInput) {
        return Err(Failure::usage("--data and --metadata cannot both be read from standard input"));
    }
    let data = Payload::from_json(args.data.read("--data").await?)?;
    let mut event = NewEvent::of(args.event_type.clone(), data).with_schema_version(args.schema_version);
    if let Some(id) = args.id {
        event = event.with_id(EventId::from(id));
    }
    if let Some(source) = &args.metadata {
        let metadata = Payload::from_json(source.read("--metadata").await?)?;
        if !metadata.as_str().trim_start().starts_with('{') {
            return Err(Failure::usage("--metadata is no JSON object"));
        }
        event = event.with_metadata(Metadata::read(&metadata));
    }
    Ok(event)
}

/// Where JSON comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Given(String),
    File(String),
    StandardInput,
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match (text, text.strip_prefix('@')) {
            ("-", _) => Self::StandardInput,
            (_, Some(path)) => Self::File(path.to_owned()),
            (json, None) => Self::Given(json.to_owned()),
        })
    }
}

impl Source {
    async fn read(&self, option: &str) -> Result<String, Failure> {
        let (place, read) = match self.clone() {
            Self::Given(json) => return Ok(json),
            Self::File(path) => (path.clone(), tokio::task::spawn_blocking(|| std::fs::read_to_string(path))),
            Self::StandardInput => {
                ("standard input".to_owned(), tokio::task::spawn_blocking(read_standard_input))
            }
        };
        let text = read.await.map_err(Failure::failed)?;
        // The line break at the end of a file belongs to the file.
        text.map(|text| text.trim().to_owned())
            .map_err(|error| Failure::usage(format!("{option}: cannot read {place}: {error}")))
    }
}

fn read_standard_input() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn version(text: &str) -> Result<Version, String> {
    let number: i64 = text.parse().map_err(|_| "a version is a whole number".to_owned())?;
    Version::try_from(number).map_err(|error| error.to_string())
}

fn schema_version(text: &str) -> Result<SchemaVersion, String> {
    let number: i32 = text.parse().map_err(|_| "a schema version is a whole number".to_owned())?;
    SchemaVersion::try_from(number).map_err(|error| error.to_string())
}

fn expected(text: &str) -> Result<ExpectedVersion, String> {
    match text {
        "any" => Ok(ExpectedVersion::Any),
        "none" => Ok(ExpectedVersion::NoStream),
        "exists" => Ok(ExpectedVersion::StreamExists),
        number => version(number)
            .map(ExpectedVersion::from)
            .map_err(|_| "expected is any, none, exists, or the version the stream must be at".to_owned()),
    }
}
