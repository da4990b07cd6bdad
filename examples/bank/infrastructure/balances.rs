//! The balances projection: one row an account, always as far as its checkpoint says.

use std::collections::BTreeMap;

use annals::eventstore::postgres::CheckpointError;
use annals::eventstore::{Batch, Event, EventType, HandlerError, PostgresStore, RecordedEvent, WokenBy};
use annals::projections::Projection;
use tokio::sync::mpsc;

use crate::domain::{AccountEvent, AccountId};

/// Keeps `bank.balances`, and tells of every batch it applied.
#[derive(Debug)]
pub struct Balances {
    applied: mpsc::UnboundedSender<AppliedBatch>,
}

/// One batch, on its way into the table.
#[derive(Debug, Clone, Copy)]
pub struct AppliedBatch {
    pub events: usize,
    pub accounts: usize,
    pub woken_by: WokenBy,
}

impl Balances {
    /// Makes the projection, and the receiver that hears of its batches.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<AppliedBatch>) {
        let (applied, batches) = mpsc::unbounded_channel();
        (Self { applied }, batches)
    }
}

impl Projection for Balances {
    const NAME: &'static str = "bank.balances";

    const TABLES: &'static str = "
        create schema if not exists bank;
        create table if not exists bank.balances (
            account text primary key,
            owner   text not null,
            cents   bigint not null,
            version bigint not null
        )";

    fn wants(event_type: &EventType) -> bool {
        !matches!(event_type.as_str(), "account-closed")
    }

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let changes = changes(batch.events)?;
        let column = |of: fn(&Change) -> i64| changes.values().map(of).collect::<Vec<_>>();
        let accounts: Vec<&str> = changes.keys().copied().collect();
        let owners: Vec<Option<&str>> = changes.values().map(|change| change.owner.as_deref()).collect();

        // One statement for the whole batch: rows that exist are added to.
        let sql = "
            insert into bank.balances as b (account, owner, cents, version)
            select account, coalesce(owner, ''), cents, version
            from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as c (account, owner, cents, version)
            on conflict (account) do update
            set cents = b.cents + excluded.cents, version = excluded.version,
                owner = case when excluded.owner = '' then b.owner else excluded.owner end";
        batch
            .transaction
            .execute(sql, &[&accounts, &owners, &column(|c| c.cents), &column(|c| c.version)])
            .await?;

        let (events, accounts) = (batch.events.len(), changes.len());
        // Nobody may be listening any more; the table is what counts.
        let _ = self.applied.send(AppliedBatch { events, accounts, woken_by: batch.woken_by });
        Ok(())
    }
}

/// What a batch does to one account.
#[derive(Debug, Default)]
struct Change {
    owner: Option<String>,
    cents: i64,
    version: i64,
}

impl Change {
    fn take(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::Opened { owner, .. } => self.owner = Some(owner),
            AccountEvent::Deposited { amount } | AccountEvent::TransferReceived { amount, .. } => {
                self.cents += amount.cents();
            }
            AccountEvent::Withdrawn { amount } | AccountEvent::TransferSent { amount, .. } => {
                self.cents -= amount.cents();
            }
            AccountEvent::Closed => {}
        }
    }
}

/// Sums the events of a batch up by account. Streams that are no accounts are passed over.
fn changes(events: &[RecordedEvent]) -> Result<BTreeMap<&str, Change>, HandlerError> {
    let mut changes: BTreeMap<&str, Change> = BTreeMap::new();
    for recorded in events {
        let Some(account) = recorded.stream.as_str().strip_prefix("account-") else { continue };
        let change = changes.entry(account).or_default();
        change.version = recorded.version.get();
        AccountEvent::decode(recorded)?.into_iter().for_each(|event| change.take(event));
    }
    Ok(changes)
}

/// A row of the table.
#[derive(Debug)]
pub struct Balance {
    pub account: String,
    pub owner: String,
    pub cents: i64,
    pub version: i64,
}

/// Reads the rows of some accounts, by name.
pub async fn balances_of(
    store: &PostgresStore,
    accounts: &[&AccountId],
) -> Result<Vec<Balance>, CheckpointError> {
    let accounts: Vec<String> = accounts.iter().map(ToString::to_string).collect();
    let client = store.pool().get().await?;
    let sql =
        "select account, owner, cents, version from bank.balances where account = any ($1) order by account";
    let rows = client.query(sql, &[&accounts]).await?;
    Ok(rows
        .iter()
        .map(|row| Balance { account: row.get(0), owner: row.get(1), cents: row.get(2), version: row.get(3) })
        .collect())
}

#[cfg(test)]
mod tests;
