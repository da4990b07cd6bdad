//! The rows of leases and checkpoints do what the transitions say that the model check goes through, for every small
//! row there is.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{CheckpointError, Consumer, HeldLease, Leases};
use annals_eventstore::{Cursor, Fence, GlobalPosition, Lease, LeaseEpoch, Partition, RunnerId};
use chrono::{DateTime, Utc};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::TestDb;

const TERM: Duration = Duration::from_secs(60);

fn consumer() -> Consumer {
    Consumer { name: "balances".to_owned(), version: 1 }
}

fn runner(n: u128) -> RunnerId {
    RunnerId(Uuid::from_u128(n))
}

/// Sets the lease: its owner, its epoch, and for how many seconds it lasts from now.
async fn set_lease(client: &Client, owner: Option<RunnerId>, epoch: i64, seconds: i32) -> TestResult {
    let sql = "update annals.leases
               set owner = $1, epoch = $2, lease_until = clock_timestamp() + make_interval(secs => $3::integer)";
    client.execute(sql, &[&owner.map(|owner| owner.0), &epoch, &seconds]).await?;
    Ok(())
}

async fn set_checkpoint(client: &Client, epoch: i64, position: i64) -> TestResult {
    client.execute("update annals.checkpoints set epoch = $1, position = $2", &[&epoch, &position]).await?;
    Ok(())
}

async fn lease(client: &Client) -> Result<(Lease, DateTime<Utc>), TestFailure> {
    let sql = "select owner, epoch, lease_until, clock_timestamp() from annals.leases";
    let row = client.query_one(sql, &[]).await?;
    let owner = row.get::<_, Option<Uuid>>(0).map(RunnerId);
    Ok((Lease { owner, epoch: LeaseEpoch(row.get(1)), until: row.get(2) }, row.get(3)))
}

async fn checkpoint(client: &Client) -> Result<Fence, TestFailure> {
    let row = client.query_one("select epoch, position from annals.checkpoints", &[]).await?;
    let position = GlobalPosition::try_from(row.get::<_, i64>(1))?;
    Ok(Fence { epoch: LeaseEpoch(row.get(0)), position })
}

/// Compares leases but for the few milliseconds between two looks at the clock.
fn agrees(written: Lease, expected: Lease) -> bool {
    let apart = (written.until - expected.until).abs();
    (written.owner, written.epoch) == (expected.owner, expected.epoch)
        && apart < chrono::TimeDelta::seconds(20)
}

async fn one_slot(db: &TestDb) -> Result<(Leases, Client), TestFailure> {
    let store = db.store();
    let leases = Leases::of(&store, store.pool().clone());
    assert_eq!(leases.register(&consumer(), 1, None).await?.len(), 1);
    leases.take(&consumer(), Partition(0), runner(9), TERM).await?.expect("it is free");
    Ok((leases, db.connect().await?))
}

#[tokio::test]
async fn leases_are_taken_renewed_and_given_back_as_their_transitions_say() -> TestResult {
    let db = TestDb::fresh().await?;
    let (leases, client) = one_slot(&db).await?;
    let (mut compared, mut changed) = (0, 0);

    for owner in [None, Some(runner(1)), Some(runner(2))] {
        for epoch in [1, 2] {
            for seconds in [-30, 30] {
                for step in ["take", "renew", "release"] {
                    set_lease(&client, owner, epoch, seconds).await?;
                    set_checkpoint(&client, epoch, 7).await?;
                    let ((before, now), fence) = (lease(&client).await?, checkpoint(&client).await?);
                    let (by, held) = (runner(1), LeaseEpoch(epoch));
                    let expected = match step {
                        "take" => before.take(now, by, fence.claim().epoch, TERM),
                        "renew" => before.renew(now, by, held, TERM),
                        _ => before.release(by, held),
                    };
                    match step {
                        "take" => {
                            let taken = leases.take(&consumer(), Partition(0), by, TERM).await?;
                            assert_eq!(taken.is_some(), expected.is_some());
                        }
                        "renew" => {
                            assert_eq!(leases.renew(by, TERM).await?.len(), usize::from(expected.is_some()));
                        }
                        _ => {
                            let held =
                                HeldLease { consumer: consumer(), partition: Partition(0), epoch: held };
                            leases.release(by, &[held]).await?;
                        }
                    }
                    let (after, _) = lease(&client).await?;
                    let claims = step == "take" && expected.is_some();
                    let fenced = if claims { fence.claim() } else { fence };
                    let told = format!("{step} of {before:?}: {after:?}, expected {expected:?}");
                    assert!(agrees(after, expected.unwrap_or(before)), "{told}");
                    assert_eq!(checkpoint(&client).await?, fenced, "{told}");
                    compared += 1;
                    changed += usize::from(expected.is_some());
                }
            }
        }
    }

    println!("{compared} rows compared, {changed} of them changed");
    assert_eq!((compared, changed), (36, 16));
    Ok(())
}

#[tokio::test]
async fn a_checkpoint_moves_in_the_table_if_and_only_if_its_transition_moves_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let (leases, client) = one_slot(&db).await?;
    set_lease(&client, None, 1, 0).await?;
    let mut held = leases.take(&consumer(), Partition(0), runner(1), TERM).await?.expect("it is free");
    let (mut connection, mut compared, mut moved) = (db.connect().await?, 0, 0);

    let owned = held.epoch().0;
    for epoch in [owned - 1, owned, owned + 1] {
        for stands_at in 0..3 {
            for known in 0..3 {
                for to in 1..4 {
                    set_checkpoint(&client, owned, known).await?;
                    held.reload(db.store().pool()).await?;
                    set_checkpoint(&client, epoch, stands_at).await?;
                    let row = checkpoint(&client).await?;
                    let to = GlobalPosition::try_from(to)?;
                    let known = Fence { epoch: held.epoch(), position: held.checkpoint().position };
                    let expected = row.advance(known, to);

                    let transaction = connection.transaction().await?;
                    let advanced = held.advance(&transaction, Cursor { position: to, event_id: None }).await;
                    transaction.commit().await?;

                    match (expected, &advanced) {
                        (Some(_), Ok(checkpoint)) => assert_eq!(checkpoint.position, to),
                        (None, Err(CheckpointError::TakenOver { .. })) => {}
                        other => panic!("{row:?} for {known:?}: {other:?}"),
                    }
                    assert_eq!(checkpoint(&client).await?, expected.unwrap_or(row));
                    compared += 1;
                    moved += usize::from(expected.is_some());
                }
            }
        }
    }

    println!("{compared} rows compared, {moved} of them moved");
    assert_eq!((compared, moved), (81, 9));
    Ok(())
}

#[tokio::test]
async fn of_two_who_want_a_slot_at_once_one_gets_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let leases = Leases::of(&store, store.pool().clone());
    leases.register(&consumer(), 16, None).await?;

    let (wanted, mut taken, mut refused) = (consumer(), 0, 0);
    for partition in (0..16).map(Partition) {
        let wants = |n| leases.take(&wanted, partition, runner(n), TERM);
        let (one, two, three) = tokio::join!(wants(1), wants(2), wants(3));
        let won = [one?, two?, three?].into_iter().flatten().count();
        assert_eq!(won, 1, "{partition:?}");
        (taken, refused) = (taken + won, refused + 3 - won);
    }

    println!("{taken} slots taken, {refused} attempts refused");
    assert_eq!((taken, refused), (16, 32));
    Ok(())
}
