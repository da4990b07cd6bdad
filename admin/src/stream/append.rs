//! `annals stream append`: one event, checked before the database is asked for.

use annals_eventstore::{
    Append, Appended, EventId, EventStore, EventType, ExpectedVersion, IdempotencyKey, Metadata, NewEvent,
    Payload, SchemaVersion, StreamName,
};
use annals_runner::cli::{Failure, Format, Outcome, Output};
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::append_failure::append_failure;
use super::argument::{expected, schema_version};
use super::source::Source;
use crate::target::TargetArgs;

/// What `annals stream append` is told.
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

/// Appends the event and prints the receipt.
pub(super) async fn append(args: AppendArgs, target: &TargetArgs) -> Outcome {
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
