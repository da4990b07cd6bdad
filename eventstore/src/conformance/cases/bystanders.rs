//! Transactions that hold nobody back, and subscribers that begin while others are under way.

use crate::conformance::failure::CaseResult;
use crate::conformance::follower::Follower;
use crate::conformance::harness::SqlHarness;
use crate::conformance::transaction::{OpenTransaction, committed};
use crate::position::GlobalPosition;
use crate::read::LogQuery;
use crate::store::EventStore;

/// 41: an open transaction that writes elsewhere in the same database holds nobody back.
pub async fn an_unrelated_open_transaction_does_not_block<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let unrelated = OpenTransaction::begin_with_id(harness).await?;
    unrelated.execute("create table unrelated (n int); insert into unrelated values (1)").await?;

    for _ in 0..3 {
        let appended = committed(&store, "thing-1", 2).await?;
        follower.ensure_gets(&[&appended], "while an unrelated transaction is open").await?;
    }
    unrelated.rollback().await
}

/// 42: an open transaction that only reads, in any isolation level, holds nobody back.
pub async fn an_open_reader_does_not_block<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let f0 = committed(&store, "thing-1", 1).await?;
    let reader = harness.connect().await?;
    reader.batch_execute("begin isolation level repeatable read").await?;
    let count = format!("select count(*) from {}.events", harness.schema());
    reader.query_one(&count, &[]).await?;

    let f1 = committed(&store, "thing-1", 2).await?;

    follower.ensure_gets(&[&f0, &f1], "while a reader's transaction is open").await?;
    Ok(reader.batch_execute("rollback").await?)
}

/// 43: a subscriber that begins at the end of the log misses nothing that commits after that.
pub async fn beginning_at_the_end_misses_nothing_that_commits_later<H: SqlHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    committed(&store, "fast-1", 2).await?;
    let (slow, held) = OpenTransaction::holding(harness, "slow-1", 2).await?;
    let overtaking = committed(&store, "fast-1", 1).await?;
    let head = store.read_log(LogQuery::after(GlobalPosition::START).limit(0)).await?.head;
    let mut follower = Follower::after(store.clone(), head);

    slow.commit().await?;

    follower.reach(overtaking.appended.to_position).await?;
    follower.ensure_seen(&[held.ids, overtaking.ids].concat(), "behind the head while one was open")
}
