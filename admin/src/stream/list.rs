//! `annals stream ls`: the streams by name, page by page.

use annals_eventstore::{
    Category, EventStore, PAGE_EVENTS_DEFAULT, PostgresStore, StreamInfo, StreamListQuery,
};
use annals_runner::cli::{Format, Outcome, Output};
use clap::Args;
use serde::Serialize;

/// What `annals stream ls` is told.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only streams whose names begin so, such as account-.
    #[arg(default_value = "")]
    prefix: String,
    /// Only streams of this category: those before whose first - it stands, and the one of its own name.
    #[arg(long, value_name = "NAME", value_parser = |name: &str| Category::new(name))]
    category: Option<Category>,
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

/// Prints the streams.
pub(super) async fn list(store: &PostgresStore, args: &ListArgs) -> Outcome {
    let mut output = Output::new(args.format);
    let mut query = StreamListQuery {
        prefix: args.prefix.clone(),
        category: args.category.clone(),
        ..StreamListQuery::default()
    };
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
