//! Transactions that commit late: what a reader sees while they are open, and that it misses nothing.
//!
//! Positions are drawn before a commit, so a lower one can become visible after a higher one. Each case
//! holds such transactions open, step by step, and lets a follower read at every step.

use crate::append::Appended;
use crate::conformance::failure::{CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::Follower;
use crate::conformance::given::{append, ids_of, log_up_to, recorded_ids_of, stream};
use crate::conformance::harness::SqlHarness;
use crate::conformance::order::ensure_log_order;
use crate::conformance::transaction::{Held, OpenTransaction};
use crate::event::EventId;
use crate::position::GlobalPosition;
use crate::read::{LogQuery, ReadError, StreamQuery};
use crate::store::EventStore;

/// Appends so many events through the store: a transaction that is over when this returns.
async fn fast<S: EventStore>(store: &S, name: &str, events: usize) -> CaseResult<Held> {
    let request = append(name, events);
    let ids = ids_of(&request.events);
    Ok(Held { appended: store.append(request).await?, ids })
}

/// Lets a follower read, and fails unless it gets exactly these events.
async fn ensure_look<S: EventStore>(
    follower: &mut Follower<S>,
    promised: &[&Held],
    told: &str,
) -> CaseResult {
    let new = follower.look().await?;
    let promised: Vec<EventId> = promised.iter().flat_map(|held| held.ids.iter().copied()).collect();
    ensure_eq!(recorded_ids_of(&new), promised, "events delivered {told}");
    ensure_log_order(&follower.seen)
}

/// Fails when a cursor has passed events that are not visible yet.
fn ensure_not_passed<S: EventStore>(follower: &Follower<S>, held: &Appended) -> CaseResult {
    let (cursor, open) = (follower.cursor(), held.from_position);
    ensure!(cursor < open, "the cursor is at {cursor}, beyond position {open} of an open transaction");
    Ok(())
}

/// 17: what a caller's own transaction appends is invisible before its commit, and gone on rollback.
pub async fn an_append_in_an_open_transaction_is_invisible<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let name = stream("slow-1");
    for commits in [false, true] {
        let (slow, held) = OpenTransaction::holding(harness, "slow-1", 2).await?;

        let missing = store.read_stream(&name, StreamQuery::forward()).await;
        ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream before the commit");
        let log = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
        ensure_eq!(log.events, [], "the log before the commit");
        let backward = store.read_log(LogQuery::before(GlobalPosition::END)).await?;
        ensure_eq!(backward.events, [], "the log backward before the commit");

        if commits {
            slow.commit().await?;
            ensure_eq!(
                recorded_ids_of(&log_up_to(&store, held.appended.to_position).await?),
                held.ids,
                "log"
            );
        } else {
            slow.rollback().await?;
            let missing = store.stream_info(&name).await;
            ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream after the rollback");
        }
    }
    Ok(())
}

/// 34: a slow transaction that drew its positions before a fast one is not skipped: the fast one waits for
/// it, in a log that was empty as in one that was not.
pub async fn a_slow_transaction_is_not_skipped<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    for round in 0..3 {
        let (slow, held) = OpenTransaction::holding(harness, "slow-1", 1).await?;
        let overtaking = fast(&store, &format!("fast-{round}"), 1).await?;
        ensure_look(&mut follower, &[], "while the slow transaction is open").await?;
        ensure_not_passed(&follower, &held.appended)?;

        slow.commit().await?;

        ensure_look(&mut follower, &[&held, &overtaking], "after the slow commit").await?;
    }
    Ok(())
}

/// 34: the log read backward shows nothing that a reader going forward would not see yet.
pub async fn reading_backward_shows_settled_events_only<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let before = fast(&store, "fast-1", 1).await?;
    let (slow, held) = OpenTransaction::holding(harness, "slow-1", 1).await?;
    let overtaking = fast(&store, "fast-1", 1).await?;

    let query = LogQuery::before(GlobalPosition::END);
    let page = store.read_log(query).await?;
    ensure_eq!(recorded_ids_of(&page.events), before.ids, "log backward while a transaction is open");
    let head = page.head;
    ensure!(head < held.appended.from_position, "head {head} lies beyond an open transaction");

    slow.commit().await?;

    let promised: Vec<_> = [overtaking, held, before].into_iter().flat_map(|held| held.ids).collect();
    let page = store.read_log(query).await?;
    ensure_eq!(recorded_ids_of(&page.events), promised, "log backward after the commit");
    Ok(())
}

/// 35: with several slow transactions, a reader gets what lies before the first open one, whichever of
/// them commits first.
pub async fn several_slow_transactions_are_not_skipped<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let f0 = fast(&store, "fast-1", 1).await?;
    let (slow_a, a) = OpenTransaction::holding(harness, "slow-a", 1).await?;
    let f1 = fast(&store, "fast-1", 1).await?;
    let (slow_b, b) = OpenTransaction::holding(harness, "slow-b", 1).await?;
    let f2 = fast(&store, "fast-1", 1).await?;
    let (slow_c, c) = OpenTransaction::holding(harness, "slow-c", 1).await?;
    let f3 = fast(&store, "fast-1", 1).await?;
    ensure_look(&mut follower, &[&f0], "while all three are open").await?;
    ensure_not_passed(&follower, &a.appended)?;

    slow_b.commit().await?;
    ensure_look(&mut follower, &[], "after the second one's commit").await?;
    ensure_not_passed(&follower, &a.appended)?;

    slow_a.commit().await?;
    ensure_look(&mut follower, &[&a, &f1, &b, &f2], "after the first one's commit").await?;
    ensure_not_passed(&follower, &c.appended)?;

    slow_c.commit().await?;
    ensure_look(&mut follower, &[&c, &f3], "after the third one's commit").await
}

/// 36: a slow transaction of many events and many appends is not skipped in any of its parts.
pub async fn a_slow_transaction_of_many_events_is_not_skipped<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let (slow, first) = OpenTransaction::holding(harness, "slow-1", 3).await?;
    let f1 = fast(&store, "fast-1", 2).await?;
    let second = slow.append_counted("slow-2", 2).await?;
    let f2 = fast(&store, "fast-1", 2).await?;
    let third = slow.append_counted("slow-1", 3).await?;
    let f3 = fast(&store, "fast-1", 1).await?;
    ensure_look(&mut follower, &[], "while the slow transaction is open").await?;
    ensure_not_passed(&follower, &first.appended)?;

    slow.commit().await?;

    let all = [&first, &f1, &second, &f2, &third, &f3];
    ensure_look(&mut follower, &all, "after the slow commit").await
}

/// 37: positions that are rolled back hold nobody back afterwards, at the start of the log or later.
pub async fn rolled_back_positions_do_not_block<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    for round in 0..3 {
        let (slow, held) = OpenTransaction::holding(harness, "slow-1", 2).await?;
        let overtaking = fast(&store, "fast-1", 1).await?;
        ensure_look(&mut follower, &[], "while the transaction is open").await?;
        ensure_not_passed(&follower, &held.appended)?;

        slow.rollback().await?;

        ensure_look(&mut follower, &[&overtaking], &format!("after rollback {round}")).await?;
    }
    Ok(())
}

/// 37: what a transaction rolled back to a savepoint holds nobody back, though the transaction goes on; what
/// it appends after that does.
pub async fn a_rolled_back_savepoint_does_not_block<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let slow = OpenTransaction::begin(harness).await?;
    slow.execute("savepoint before").await?;
    slow.append_counted("slow-1", 2).await?;
    let f1 = fast(&store, "fast-1", 1).await?;
    ensure_look(&mut follower, &[], "before the savepoint is rolled back").await?;

    slow.execute("rollback to savepoint before").await?;
    ensure_look(&mut follower, &[&f1], "after the savepoint was rolled back").await?;

    let held = slow.append_counted("slow-1", 2).await?;
    let f2 = fast(&store, "fast-1", 1).await?;
    ensure_look(&mut follower, &[], "after the transaction appended again").await?;
    ensure_not_passed(&follower, &held.appended)?;

    slow.commit().await?;
    ensure_eq!(held.appended.from_version.get(), 1, "version after the rollback to the savepoint");
    ensure_look(&mut follower, &[&held, &f2], "after the commit").await
}

/// 38: all events of one transaction come on one page, whatever was committed between them, and once.
pub async fn events_of_one_transaction_are_delivered_together<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let slow = OpenTransaction::begin(harness).await?;
    let mut promised = Vec::new();
    for round in 0..5 {
        let held = slow.append_counted(&format!("slow-{}", round % 2), 2).await?;
        let overtaking = fast(&store, "fast-1", 1).await?;
        promised.extend([held.ids, overtaking.ids].concat());
        ensure_look(&mut follower, &[], "while the transaction is open").await?;
    }

    slow.commit().await?;

    let page = follower.page().await?;
    ensure_eq!(recorded_ids_of(&page), promised, "the first page after the commit");
    ensure_look(&mut follower, &[], "once everything was delivered").await
}

/// 40: versions rise in the order of the log even where the later writer's transaction began first.
pub async fn versions_rise_although_the_later_writer_began_first<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let early = OpenTransaction::begin_with_id(harness).await?;
    let first = fast(&store, "hot-1", 2).await?;
    ensure_look(&mut follower, &[&first], "while a transaction is open that has not appended").await?;

    let later = early.append_counted("hot-1", 2).await?;
    ensure_look(&mut follower, &[], "while its append is not committed").await?;
    early.commit().await?;

    ensure_eq!(later.appended.from_version.get(), 3, "version of the later writer");
    ensure_look(&mut follower, &[&later], "after its commit").await
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
        ensure_look(&mut follower, &both[usize::from(!commits)..], "after both have ended").await?;
    }
    Ok(())
}

/// 41: an open transaction that writes elsewhere in the same database holds nobody back.
pub async fn an_unrelated_open_transaction_does_not_block<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let unrelated = OpenTransaction::begin_with_id(harness).await?;
    unrelated.execute("create table unrelated (n int); insert into unrelated values (1)").await?;

    for _ in 0..3 {
        let appended = fast(&store, "thing-1", 2).await?;
        ensure_look(&mut follower, &[&appended], "while an unrelated transaction is open").await?;
    }
    unrelated.rollback().await
}

/// 42: an open transaction that only reads, in any isolation level, holds nobody back.
pub async fn an_open_reader_does_not_block<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let f0 = fast(&store, "thing-1", 1).await?;
    let reader = harness.connect().await?;
    reader.batch_execute("begin isolation level repeatable read").await?;
    let count = format!("select count(*) from {}.events", harness.schema());
    reader.query_one(&count, &[]).await?;

    let f1 = fast(&store, "thing-1", 2).await?;

    ensure_look(&mut follower, &[&f0, &f1], "while a reader's transaction is open").await?;
    Ok(reader.batch_execute("rollback").await?)
}

/// 43: a subscriber that begins at the end of the log misses nothing that commits after that.
pub async fn beginning_at_the_end_misses_nothing_that_commits_later<H: SqlHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    fast(&store, "fast-1", 2).await?;
    let (slow, held) = OpenTransaction::holding(harness, "slow-1", 2).await?;
    let overtaking = fast(&store, "fast-1", 1).await?;
    let head = store.read_log(LogQuery::after(GlobalPosition::START).limit(0)).await?.head;
    let mut follower = Follower::after(store.clone(), head);

    slow.commit().await?;

    follower.reach(overtaking.appended.to_position).await?;
    follower.ensure_seen(&[held.ids, overtaking.ids].concat(), "behind the head while one was open")
}
