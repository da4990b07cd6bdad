//! The rows of parked events and of requests, as the owner of one slot reads and writes them.

use std::collections::HashMap;
use std::sync::Arc;

use annals_eventstore::postgres::Consumer;
use annals_eventstore::{EventId, GlobalPosition, Partition, RecordedEvent};
use tokio_postgres::{Error, Row, Transaction};
use uuid::Uuid;

use crate::statements::Statements;

/// The rows of one slot.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) statements: Arc<Statements>,
    pub(crate) consumer: Consumer,
    pub(crate) partition: Partition,
}

/// An event that is to be parked.
#[derive(Debug)]
pub(super) struct Park {
    pub(super) key: String,
    pub(super) event: RecordedEvent,
    /// Why it could not be applied; nothing where it only waits behind another.
    pub(super) reason: Option<String>,
    pub(super) attempts: i32,
}

/// Something that an operator asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: i64,
    pub(super) verb: String,
    pub(super) key: String,
    pub(super) reason: String,
    pub(super) asked_by: String,
    /// The event of the key that was parked first when it was asked.
    pub(super) about: Option<GlobalPosition>,
}

/// An event that is to be skipped.
#[derive(Debug, Clone)]
pub(super) struct Skip {
    pub(super) request: i64,
    pub(super) reason: String,
    pub(super) asked_by: String,
}

impl Rows {
    fn partition(&self) -> i32 {
        i32::from(self.partition.0)
    }

    /// Counts the parked events by key.
    pub(super) async fn keys(&self, transaction: &Transaction<'_>) -> Result<HashMap<String, usize>, Error> {
        let Consumer { name, version } = &self.consumer;
        let rows =
            self.statements.parked_keys.query(transaction, &[name, version, &self.partition()]).await?;
        let mut keys = HashMap::new();
        for row in &rows {
            *keys.entry(row.try_get(0)?).or_default() += 1;
        }
        Ok(keys)
    }

    /// Parks events.
    pub(super) async fn park(&self, transaction: &Transaction<'_>, parked: &[Park]) -> Result<(), Error> {
        let keys: Vec<&str> = parked.iter().map(|park| park.key.as_str()).collect();
        let positions: Vec<i64> = parked.iter().map(|park| park.event.position.into()).collect();
        let ids: Vec<Uuid> = parked.iter().map(|park| park.event.id.as_uuid()).collect();
        let streams: Vec<&str> = parked.iter().map(|park| park.event.stream.as_str()).collect();
        let types: Vec<&str> = parked.iter().map(|park| park.event.event_type.as_str()).collect();
        let reasons: Vec<Option<&str>> = parked.iter().map(|park| park.reason.as_deref()).collect();
        let attempts: Vec<i32> = parked.iter().map(|park| park.attempts).collect();
        let Consumer { name, version } = &self.consumer;
        self.statements
            .park_events
            .query(
                transaction,
                &[
                    name,
                    version,
                    &self.partition(),
                    &keys,
                    &positions,
                    &ids,
                    &streams,
                    &types,
                    &reasons,
                    &attempts,
                ],
            )
            .await?;
        Ok(())
    }

    /// Lists the first parked events of a key.
    pub(super) async fn of_key(
        &self,
        transaction: &Transaction<'_>,
        key: &str,
        limit: i32,
    ) -> Result<Vec<(GlobalPosition, EventId)>, Error> {
        let Consumer { name, version } = &self.consumer;
        let of_key = &self.statements.parked_of_key;
        let rows = of_key.query(transaction, &[name, version, &self.partition(), &key, &limit]).await?;
        let event = |row: &Row| {
            let position = GlobalPosition::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
            Ok((position, EventId::from(row.try_get::<_, Uuid>(1)?)))
        };
        rows.iter().map(event).collect()
    }

    /// Takes an event off the parked ones.
    pub(super) async fn unpark(
        &self,
        transaction: &Transaction<'_>,
        at: GlobalPosition,
    ) -> Result<(), Error> {
        let Consumer { name, version } = &self.consumer;
        self.statements.unpark_event.query(transaction, &[name, version, &i64::from(at)]).await.map(drop)
    }

    /// Notes that a parked event could not be applied this time either.
    pub(super) async fn failed_again(
        &self,
        transaction: &Transaction<'_>,
        at: GlobalPosition,
        why: &str,
    ) -> Result<(), Error> {
        let Consumer { name, version } = &self.consumer;
        let again = &self.statements.parked_again;
        again.query(transaction, &[name, version, &i64::from(at), &why]).await.map(drop)
    }

    /// Takes the oldest request that is not done.
    pub(super) async fn next_request(&self, transaction: &Transaction<'_>) -> Result<Option<Request>, Error> {
        let Consumer { name, version } = &self.consumer;
        let rows =
            self.statements.next_request.query(transaction, &[name, version, &self.partition()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Request {
            id: row.try_get("control_id")?,
            verb: row.try_get("verb")?,
            key: row.try_get("key")?,
            reason: row.try_get("reason")?,
            asked_by: row.try_get("asked_by")?,
            about: row
                .try_get::<_, Option<i64>>("position")?
                .and_then(|at| GlobalPosition::try_from(at).ok()),
        }))
    }

    /// Notes what came of a request.
    pub(super) async fn done(
        &self,
        transaction: &Transaction<'_>,
        request: &Request,
        outcome: &str,
    ) -> Result<(), Error> {
        self.statements.request_done.query(transaction, &[&request.id, &outcome]).await.map(drop)
    }

    /// Lists the events that are to be skipped when they are met.
    pub(super) async fn skips(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<HashMap<GlobalPosition, Skip>, Error> {
        let Consumer { name, version } = &self.consumer;
        let rows = self.statements.open_skips.query(transaction, &[name, version]).await?;
        let skip = |row: &Row| {
            let position = GlobalPosition::try_from(row.try_get::<_, i64>("position")?).unwrap_or_default();
            let (request, reason) = (row.try_get("control_id")?, row.try_get("reason")?);
            Ok((position, Skip { request, reason, asked_by: row.try_get("asked_by")? }))
        };
        rows.iter().map(skip).collect()
    }

    /// Notes that an event was skipped as it was asked for.
    pub(super) async fn skipped(
        &self,
        transaction: &Transaction<'_>,
        at: GlobalPosition,
        skip: &Skip,
    ) -> Result<(), Error> {
        self.statements.request_done.query(transaction, &[&skip.request, &"done"]).await?;
        self.audit(transaction, "skip", &at.to_string(), &skip.reason, Some(&skip.asked_by)).await
    }

    /// Notes that the event of a request is discarded, and that the others of its key are to be applied yet.
    pub(super) async fn becomes_retry(
        &self,
        transaction: &Transaction<'_>,
        request: &Request,
    ) -> Result<(), Error> {
        self.statements.request_becomes_retry.query(transaction, &[&request.id]).await.map(drop)
    }

    /// Writes down what was done, for whom and why.
    pub(super) async fn audit(
        &self,
        transaction: &Transaction<'_>,
        verb: &str,
        subject: &str,
        reason: &str,
        by: Option<&str>,
    ) -> Result<(), Error> {
        let Consumer { name, version } = &self.consumer;
        let note = &self.statements.note_audit;
        note.query(transaction, &[name, version, &verb, &subject, &reason, &by]).await.map(drop)
    }
}
