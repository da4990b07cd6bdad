//! The order of versions in the log, where transactions begin in one order and append in another.

use crate::conformance::failure::{CaseResult, ensure_eq};
use crate::conformance::follower::Follower;
use crate::conformance::harness::SqlHarness;
use crate::conformance::transaction::{OpenTransaction, committed};

/// 40: versions rise in the order of the log even where the later writer's transaction began first.
pub async fn versions_rise_although_the_later_writer_began_first<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let early = OpenTransaction::begin_with_id(harness).await?;
    let first = committed(&store, "hot-1", 2).await?;
    follower.ensure_gets(&[&first], "while a transaction is open that has not appended").await?;

    let later = early.append_counted("hot-1", 2).await?;
    follower.ensure_gets(&[], "while its append is not committed").await?;
    early.commit().await?;

    ensure_eq!(later.appended.from_version.get(), 3, "version of the later writer");
    follower.ensure_gets(&[&later], "after its commit").await
}

/// 40: two open transactions that write to one stream stand in the log in the order of its versions.
pub async fn writers_of_one_stream_queue_in_the_order_of_the_log<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let mut version = 0;
    for commits in [true, false, true] {
        let second = OpenTransaction::begin_with_id(harness).await?;
        let (first, held) = OpenTransaction::holding(harness, "hot-1", 2).await?;

        // The second one waits for the stream's row until the first one ends.
        let ended = async { if commits { first.commit().await } else { first.rollback().await } };
        let (queued, ended) = tokio::join!(second.append_counted("hot-1", 1), ended);
        ended?;
        let queued = queued?;
        second.commit().await?;

        version += if commits { 3 } else { 1 };
        ensure_eq!(queued.appended.to_version.get(), version, "version of the second writer");
        let both = [&held, &queued];
        follower.ensure_gets(&both[usize::from(!commits)..], "after both have ended").await?;
    }
    Ok(())
}
