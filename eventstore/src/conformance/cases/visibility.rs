//! Transactions that commit late: what a reader sees while they are open, and that it misses nothing.
//!
//! Positions are drawn before a commit, so a lower one can become visible after a higher one. Each case
//! holds such transactions open, step by step, and lets a follower read at every step.

use std::collections::HashSet;

use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::{Follower, log_up_to};
use crate::conformance::given::{recorded_ids_of, stream, within};
use crate::conformance::harness::SqlHarness;
use crate::conformance::order::ensure_log_order;
use crate::conformance::transaction::{OpenTransaction, committed};
use crate::position::GlobalPosition;
use crate::read::{LogQuery, ReadError, StreamQuery};
use crate::store::EventStore;

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
        let overtaking = committed(&store, &format!("fast-{round}"), 1).await?;
        follower.ensure_gets(&[], "while the slow transaction is open").await?;
        follower.ensure_before(&held)?;

        slow.commit().await?;

        follower.ensure_gets(&[&held, &overtaking], "after the slow commit").await?;
    }
    Ok(())
}

/// 34: the log read backward shows nothing that a reader going forward would not see yet.
pub async fn reading_backward_shows_settled_events_only<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let before = committed(&store, "fast-1", 1).await?;
    let (slow, held) = OpenTransaction::holding(harness, "slow-1", 1).await?;
    let overtaking = committed(&store, "fast-1", 1).await?;

    let query = LogQuery::before(GlobalPosition::END);
    let page = store.read_log(query.clone()).await?;
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
    let f0 = committed(&store, "fast-1", 1).await?;
    let (slow_a, a) = OpenTransaction::holding(harness, "slow-a", 1).await?;
    let f1 = committed(&store, "fast-1", 1).await?;
    let (slow_b, b) = OpenTransaction::holding(harness, "slow-b", 1).await?;
    let f2 = committed(&store, "fast-1", 1).await?;
    let (slow_c, c) = OpenTransaction::holding(harness, "slow-c", 1).await?;
    let f3 = committed(&store, "fast-1", 1).await?;
    follower.ensure_gets(&[&f0], "while all three are open").await?;
    follower.ensure_before(&a)?;

    slow_b.commit().await?;
    follower.ensure_gets(&[], "after the second one's commit").await?;
    follower.ensure_before(&a)?;

    slow_a.commit().await?;
    follower.ensure_gets(&[&a, &f1, &b, &f2], "after the first one's commit").await?;
    follower.ensure_before(&c)?;

    slow_c.commit().await?;
    follower.ensure_gets(&[&c, &f3], "after the third one's commit").await
}

/// 36: a slow transaction of many events and many appends is not skipped in any of its parts.
pub async fn a_slow_transaction_of_many_events_is_not_skipped<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let (slow, first) = OpenTransaction::holding(harness, "slow-1", 3).await?;
    let f1 = committed(&store, "fast-1", 2).await?;
    let second = slow.append_counted("slow-2", 2).await?;
    let f2 = committed(&store, "fast-1", 2).await?;
    let third = slow.append_counted("slow-1", 3).await?;
    let f3 = committed(&store, "fast-1", 1).await?;
    follower.ensure_gets(&[], "while the slow transaction is open").await?;
    follower.ensure_before(&first)?;

    slow.commit().await?;

    let all = [&first, &f1, &second, &f2, &third, &f3];
    follower.ensure_gets(&all, "after the slow commit").await
}

/// 37: positions that are rolled back hold nobody back afterwards, at the start of the log or later.
pub async fn rolled_back_positions_do_not_block<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    for round in 0..3 {
        let (slow, held) = OpenTransaction::holding(harness, "slow-1", 2).await?;
        let overtaking = committed(&store, "fast-1", 1).await?;
        follower.ensure_gets(&[], "while the transaction is open").await?;
        follower.ensure_before(&held)?;

        slow.rollback().await?;

        follower.ensure_gets(&[&overtaking], &format!("after rollback {round}")).await?;
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
    let f1 = committed(&store, "fast-1", 1).await?;
    follower.ensure_gets(&[], "before the savepoint is rolled back").await?;

    slow.execute("rollback to savepoint before").await?;
    follower.ensure_gets(&[&f1], "after the savepoint was rolled back").await?;

    let held = slow.append_counted("slow-1", 2).await?;
    let f2 = committed(&store, "fast-1", 1).await?;
    follower.ensure_gets(&[], "after the transaction appended again").await?;
    follower.ensure_before(&held)?;

    slow.commit().await?;
    ensure_eq!(held.appended.from_version.get(), 1, "version after the rollback to the savepoint");
    follower.ensure_gets(&[&held, &f2], "after the commit").await
}

/// 38: all events of one transaction come on one page, whatever was committed between them, and once.
pub async fn events_of_one_transaction_are_delivered_together<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let slow = OpenTransaction::begin(harness).await?;
    let mut promised = Vec::new();
    for round in 0..5 {
        let held = slow.append_counted(&format!("slow-{}", round % 2), 2).await?;
        let overtaking = committed(&store, "fast-1", 1).await?;
        promised.extend([held.ids, overtaking.ids].concat());
        follower.ensure_gets(&[], "while the transaction is open").await?;
    }

    slow.commit().await?;

    let page = follower.page().await?;
    ensure_eq!(recorded_ids_of(&page), promised, "the first page after the commit");
    follower.ensure_gets(&[], "once everything was delivered").await
}

/// 38: a transaction that has another's open positions among its own is delivered up to those, and the rest of
/// it behind them: in order and once.
pub async fn overlapping_transactions_are_delivered_in_order_and_once<H: SqlHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone());
    let (first, a1) = OpenTransaction::holding(harness, "slow-1", 2).await?;
    let (second, b) = OpenTransaction::holding(harness, "slow-2", 1).await?;
    let a2 = first.append_counted("slow-1", 2).await?;
    follower.ensure_gets(&[], "while both are open").await?;

    first.commit().await?;
    follower.ensure_gets(&[&a1], "before the positions of the one that is open").await?;
    follower.ensure_before(&b)?;

    second.commit().await?;
    follower.ensure_gets(&[&b, &a2], "after both commits").await
}

/// 38: an append that has another's open position among its own is delivered whole once both are committed, in
/// order and once, wherever the pages ended.
pub async fn an_append_with_others_positions_inside_is_delivered_whole<H: SqlHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let mut follower = Follower::of(store.clone()).page_events(1_000_000);
    let witness = harness.connect().await?;
    let last_drawn = format!("select last_value from {}.events_position_seq", harness.schema());
    for round in 1..=50 {
        let large = OpenTransaction::begin(harness).await?;
        let before: i64 = witness.query_one(&last_drawn, &[]).await?.get(0);
        // The other one appends as soon as the large one was seen to draw positions.
        let small = async {
            while witness.query_one(&last_drawn, &[]).await?.get::<_, i64>(0) < before + 2 {}
            OpenTransaction::holding(harness, &format!("small-{round}"), 1).await
        };
        let large_append = large.append_counted("large-1", 20_000);
        let (held, small) = tokio::join!(large_append, within(small, "the large append draws positions"));
        let (held, (small, inside)) = (held?, small?);
        let before = follower.seen.len();
        large.commit().await?;
        follower.look().await?;
        follower.ensure_before(&inside)?;

        small.commit().await?;
        follower.look().await?;
        let new: HashSet<_> = follower.seen[before..].iter().map(|event| event.id).collect();
        ensure_eq!(follower.seen.len() - before, 20_001, "events delivered after both commits");
        ensure!(
            held.ids.iter().chain(&inside.ids).all(|id| new.contains(id)),
            "an event was never delivered"
        );
        ensure_log_order(&follower.seen)?;
        let at = inside.appended.from_position;
        if held.appended.from_position < at && at < held.appended.to_position {
            return Ok(());
        }
    }
    Err(CaseFailure::new("no append ever drew its position inside of another".to_owned()))
}
