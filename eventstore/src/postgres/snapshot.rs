//! Snapshots in PostgreSQL: read with the tail behind them in one statement, written in one.

use tokio_postgres::{Error, Row};

use super::fault::{is_unavailable, read_error, unsent_read};
use super::json::JsonText;
use super::send::Parameters;
use super::session::Session;
use super::tail::{rows_max, tail};
use crate::payload::Payload;
use crate::read::ReadError;
use crate::snapshot::{
    NewSnapshot, SnapshotError, SnapshotKind, SnapshotTail, StoredSnapshot, snapshot_hash,
};
use crate::stream::StreamName;
use crate::version::Version;

/// Where the columns of the snapshot begin, behind those of the stream and of the event.
const SNAPSHOT: usize = 12;

/// Reads the youngest snapshot and the page behind it.
pub(super) async fn read_from_snapshot(
    session: &Session,
    stream: &StreamName,
    kind: &SnapshotKind,
    up_to: Version,
    limit: usize,
) -> Result<SnapshotTail, ReadError> {
    let client = session.client().await.map_err(unsent_read)?;
    let SnapshotKind { name, shape } = kind;
    let parameters: &Parameters<'_> = &[&stream.as_str(), name, shape, &up_to.get(), &rows_max(limit)];
    let rows = session.manner.query(&client, &session.statements.read_from_snapshot, parameters).await;
    let rows = rows.map_err(read_error)?;
    let mut tail = tail(stream, &rows, &session.coding)?;
    // The row of the stream comes with them, and nothing but their order by version is promised.
    tail.events.sort_unstable_by_key(|event| event.version);
    let snapshots = rows.iter().map(snapshot).filter_map(Result::transpose);
    let snapshot = snapshots.collect::<Result<Vec<_>, _>>().map_err(read_error)?.pop();
    let snapshot = snapshot.map(|stored| session.coding.open_snapshot(stream, kind, stored));
    Ok(SnapshotTail { snapshot, tail })
}

/// Keeps a snapshot and prunes older ones.
pub(super) async fn write_snapshot(
    session: &Session,
    new: NewSnapshot,
    keep: u32,
) -> Result<bool, SnapshotError> {
    let new = session.coding.seal_snapshot(new)?;
    let client = session.client().await.map_err(|error| SnapshotError::Unavailable(error.into()))?;
    let keep = i32::try_from(keep.max(1)).unwrap_or(i32::MAX);
    let parameters: &Parameters<'_> = &[
        &new.stream.as_str(),
        &new.kind.name,
        &new.kind.shape,
        &new.version.get(),
        &JsonText(new.state.as_str()),
        &snapshot_hash(new.version, &new.state),
        &keep,
    ];
    let rows = session.manner.query(&client, &session.statements.write_snapshot, parameters).await;
    rows.and_then(|rows| the_only(&rows).try_get(0)).map_err(snapshot_error)
}

/// Removes snapshots of other shapes.
pub(super) async fn prune_snapshots(session: &Session, kind: &SnapshotKind) -> Result<u64, SnapshotError> {
    let client = session.client().await.map_err(|error| SnapshotError::Unavailable(error.into()))?;
    let parameters: &Parameters<'_> = &[&kind.name, &kind.shape];
    let rows = session.manner.query(&client, &session.statements.prune_snapshots, parameters).await;
    let pruned: i64 = rows.and_then(|rows| the_only(&rows).try_get(0)).map_err(snapshot_error)?;
    Ok(u64::try_from(pruned).unwrap_or_default())
}

fn the_only(rows: &[Row]) -> &Row {
    rows.first().expect("a query without a table gives a row")
}

fn snapshot(row: &Row) -> Result<Option<StoredSnapshot>, Error> {
    let Some(version) = row.try_get::<_, Option<i64>>(SNAPSHOT)? else { return Ok(None) };
    Ok(Some(StoredSnapshot {
        version: Version::try_from(version).unwrap_or_default(),
        state: Payload::recorded(row.try_get::<_, JsonText<'_>>(SNAPSHOT + 1)?.0),
        hash: row.try_get(SNAPSHOT + 2)?,
        taken_at: row.try_get(SNAPSHOT + 3)?,
    }))
}

fn snapshot_error(error: Error) -> SnapshotError {
    match error.code() {
        Some(code) if !is_unavailable(code) => SnapshotError::Storage(error.into()),
        _ => SnapshotError::Unavailable(error.into()),
    }
}
