//! The read models that are measured.

use annals::eventstore::{Batch, HandlerError};
use annals::projections::Projection;

use crate::{SLOTS, STREAMS};

/// Returns the name of a stream.
pub(crate) fn stream(n: usize) -> String {
    format!("account-{}", n % STREAMS)
}

/// Takes every event and does nothing.
pub(crate) struct Nothing;

impl Projection for Nothing {
    const NAME: &'static str = "nothing";
    const PARTITIONS: u16 = SLOTS;
    const TABLES: &'static str = "";

    async fn apply(&mut self, _: Batch<'_>) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// A row for each event, in one statement a batch.
pub(crate) const INSERT: &str = "insert into entries (stream, version, position) select s, v, p from unnest($1::text[], $2::bigint[], $3::bigint[]) as e (s, v, p)";

/// The table.
pub(crate) const TABLES: &str = "create table if not exists entries
    (stream text not null, version bigint not null, position bigint not null, primary key (stream, version))";

/// Keeps a row for each event.
#[derive(Default)]
pub(crate) struct Totals;

impl Projection for Totals {
    const NAME: &'static str = "entries";
    const SCHEMA: Option<&'static str> = Some("reading");
    const PARTITIONS: u16 = SLOTS;
    const TABLES: &'static str = TABLES;

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let streams: Vec<&str> = batch.events.iter().map(|event| event.stream.as_str()).collect();
        let versions: Vec<i64> = batch.events.iter().map(|event| event.version.get()).collect();
        let positions: Vec<i64> = batch.events.iter().map(|event| event.position.into()).collect();
        batch.transaction.execute(INSERT, &[&streams, &versions, &positions]).await?;
        Ok(())
    }
}
