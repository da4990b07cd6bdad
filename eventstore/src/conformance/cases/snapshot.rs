//! Snapshots: a state and what stands behind it come together, or the stream comes whole.

use serde_json::json;

use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::given::{append, stream, whole_stream};
use crate::conformance::harness::StoreHarness;
use crate::payload::Payload;
use crate::read::ReadError;
use crate::snapshot::{NewSnapshot, SnapshotKind, SnapshotTail};
use crate::snapshot_store::SnapshotStore;
use crate::store::EventStore;
use crate::version::Version;

fn v1() -> SnapshotKind {
    SnapshotKind::new("thing", "v1")
}

fn version(n: u64) -> Version {
    Version::NONE.advance(n)
}

/// A state of a stream that says of which version it is.
fn state(name: &str, kind: SnapshotKind, n: u64) -> CaseResult<NewSnapshot> {
    let state = Payload::encode(&json!({"at": n, "of": name}))?;
    Ok(NewSnapshot { stream: stream(name), kind, version: version(n), state })
}

async fn read<S: SnapshotStore>(store: &S, name: &str, kind: SnapshotKind) -> CaseResult<SnapshotTail> {
    Ok(store.read_from_snapshot(&stream(name), &kind, Version::MAX, 1_000).await?)
}

/// 84: the youngest snapshot comes with exactly what stands behind it; without one the stream comes whole.
pub async fn a_snapshot_and_what_stands_behind_it_come_together<H>(harness: &H) -> CaseResult
where
    H: StoreHarness<Store: SnapshotStore>,
{
    let store = harness.store();
    for name in ["thing-1", "thing-2"] {
        store.append(append(name, 10)).await?;
    }
    let whole = whole_stream(&store, &stream("thing-1")).await?;
    let without = read(&store, "thing-1", v1()).await?;
    ensure_eq!(without.snapshot, None, "a snapshot before any was written");
    ensure_eq!(without.tail.events, whole, "the stream without a snapshot");

    for n in [3, 10, 6] {
        let new = state("thing-1", v1(), n)?;
        ensure!(store.write_snapshot(new.clone(), 9).await?, "the snapshot at {n} is kept");
        let wanted = store.read_from_snapshot(&stream("thing-1"), &v1(), version(n), 1_000).await?;
        let found =
            wanted.snapshot.ok_or_else(|| CaseFailure::new("the snapshot just written is not there"))?;
        ensure_eq!((found.version, &found.state), (new.version, &new.state), "the snapshot at {n}");
        ensure!(found.is_intact(), "the snapshot at {n} is intact");
        ensure_eq!(wanted.tail.events[..], whole[usize::try_from(n)?..], "what stands behind {n}");
    }

    let youngest = read(&store, "thing-1", v1()).await?;
    ensure_eq!(youngest.snapshot.map(|snapshot| snapshot.version), Some(version(10)), "the youngest one");
    ensure_eq!(
        (youngest.tail.events.len(), youngest.tail.version),
        (0, version(10)),
        "what stands behind it"
    );
    let page = store.read_from_snapshot(&stream("thing-1"), &v1(), version(5), 2).await?;
    ensure_eq!(page.tail.events[..], whole[3..5], "a page behind the one at 3");
    let before = store.read_from_snapshot(&stream("thing-1"), &v1(), version(2), 1_000).await?;
    ensure_eq!(before.snapshot, None, "a snapshot that is not younger than version 2");
    ensure_eq!(before.tail.events, whole, "the stream without such a snapshot");
    ensure_eq!(read(&store, "thing-2", v1()).await?.snapshot, None, "a snapshot of another stream");
    let missing = store.read_from_snapshot(&stream("thing-3"), &v1(), Version::MAX, 1_000).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "a missing stream");
    Ok(())
}

/// 84: a snapshot of another kind or shape is passed over, and goes when its shape is pruned.
pub async fn a_snapshot_of_another_kind_or_shape_is_passed_over<H>(harness: &H) -> CaseResult
where
    H: StoreHarness<Store: SnapshotStore>,
{
    let store = harness.store();
    let kinds = [v1(), SnapshotKind::new("thing", "v2"), SnapshotKind::new("other", "v1")];
    for name in ["thing-1", "thing-2"] {
        store.append(append(name, 5)).await?;
        for (n, kind) in (2..).zip(&kinds) {
            store.write_snapshot(state(name, kind.clone(), n)?, 1).await?;
        }
    }

    for (n, kind) in (2..).zip(&kinds) {
        let found = read(&store, "thing-1", kind.clone()).await?;
        ensure_eq!(found.snapshot.map(|snapshot| snapshot.version), Some(version(n)), "the one of {kind}");
    }
    let unknown = read(&store, "thing-1", SnapshotKind::new("thing", "v3")).await?;
    ensure_eq!((unknown.snapshot, unknown.tail.events.len()), (None, 5), "a shape nobody wrote");
    ensure_eq!(store.prune_snapshots(&kinds[1]).await?, 2, "snapshots of the older shape");
    for (n, kind) in (2..).zip(&kinds) {
        let found = read(&store, "thing-2", kind.clone()).await?.snapshot.map(|snapshot| snapshot.version);
        ensure_eq!(found, (n != 2).then_some(version(n)), "the one of {kind} after pruning");
    }
    Ok(())
}

/// 84: as many of the youngest snapshots stay as were asked for; one that the stream does not bear out is not
/// kept.
pub async fn old_snapshots_are_pruned_and_impossible_ones_refused<H>(harness: &H) -> CaseResult
where
    H: StoreHarness<Store: SnapshotStore>,
{
    let store = harness.store();
    store.append(append("thing-1", 9)).await?;
    for n in [0, 10] {
        ensure!(!store.write_snapshot(state("thing-1", v1(), n)?, 5).await?, "kept a snapshot at {n} of 9");
    }
    ensure!(!store.write_snapshot(state("thing-2", v1(), 1)?, 5).await?, "kept one of a missing stream");

    for n in [1, 3, 5, 7] {
        store.write_snapshot(state("thing-1", v1(), n)?, 2).await?;
    }
    let up_to = async |n| -> CaseResult<Option<Version>> {
        let found = store.read_from_snapshot(&stream("thing-1"), &v1(), version(n), 1_000).await?;
        Ok(found.snapshot.map(|snapshot| snapshot.version))
    };
    ensure_eq!(up_to(9).await?, Some(version(7)), "the youngest");
    ensure_eq!(up_to(6).await?, Some(version(5)), "the one before it");
    ensure_eq!(up_to(4).await?, None, "one that was to be pruned");

    let again = NewSnapshot { state: Payload::encode(&"anew")?, ..state("thing-1", v1(), 7)? };
    ensure!(store.write_snapshot(again, 0).await?, "the same version again");
    let found = read(&store, "thing-1", v1())
        .await?
        .snapshot
        .ok_or_else(|| CaseFailure::new("the snapshot written anew is not there"))?;
    ensure_eq!(found.state.as_str(), "\"anew\"", "its state");
    ensure!(found.is_intact(), "it is intact");
    ensure_eq!(up_to(6).await?, None, "an older one where at least one stays");
    Ok(())
}
