//! Whatever writers do, and whatever is done to them, every committed event is delivered once and in order.
//!
//! Writers hold, roll back, prepare, forge the setting of the fence, load ten thousand events in one
//! transaction; sessions are terminated and killed; strangers keep transactions and locks open from beginning
//! to end. Followers read meanwhile, and what each was given is compared with what the log holds.
//!
//! `ANNALS_STRESS_SECONDS` says how long, 5 by default; `just stress` takes a minute.

mod bystander;
mod follower;
mod ground;
mod tally;
mod trouble;
mod writer;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::Dice;
use bystander::{Bystander, kill_backends, leave_prepared_transaction};
use follower::{Follower, Seen, follow};
use ground::Ground;
use trouble::Trouble;
use writer::{append_at_known_version, make_trouble};

const SECONDS_DEFAULT: u64 = 5;

/// An append while nobody else writes.
const ALONE: &str = r#"select annals.append('alone-1', -2, '[{"type": "noted", "data": {}}]')"#;

fn length() -> Duration {
    let seconds = std::env::var("ANNALS_STRESS_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(SECONDS_DEFAULT))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_writers_do_every_committed_event_is_delivered_once_and_in_order() -> TestResult {
    let ground = Arc::new(Ground::open(length()).await?);
    let client = ground.connect().await?;
    leave_prepared_transaction(&client).await?;
    // No stranger may take the lock that the very first writers need.
    client.batch_execute(&format!("{ALONE}; {ALONE}")).await?;
    drop(client);

    let bystanders: JoinSet<()> =
        Bystander::ALL.into_iter().map(|b| b.stand_by(Arc::clone(&ground))).collect();
    let (end, followers) = send_followers(&ground).await?;
    write_until_the_time_is_over(&ground).await?;
    let client = ground.connect_at_last().await;
    // Whatever else a reader missed, it comes to this one.
    client.batch_execute(ALONE).await?;
    let stored = stored(&client).await?;
    end.send_replace(stored.last().map(|(position, _)| *position));
    let seen = followers.join_all().await;
    // Only now: they were open while the last event was read.
    ground.is_read.send_replace(true);
    bystanders.join_all().await;
    client.batch_execute("rollback prepared 'bystander'").await?;
    drop(client);

    report_and_judge(&ground, &stored, &seen);
    let ground = Arc::into_inner(ground).expect("everybody has gone");
    ground.close().await
}

type Followers = JoinSet<Seen>;

async fn send_followers(
    ground: &Arc<Ground>,
) -> Result<(watch::Sender<Option<i64>>, Followers), TestFailure> {
    let end = watch::Sender::new(None);
    let mut followers = JoinSet::new();
    for follower in Follower::ALL {
        let store = ground.store().await?;
        followers.spawn(follow(follower, Arc::clone(ground), store, end.subscribe()));
    }
    Ok((end, followers))
}

async fn write_until_the_time_is_over(ground: &Arc<Ground>) -> TestResult {
    let seed = u64::from(std::process::id());
    println!("stress: {:?}, seed {seed}", length());
    let mut writers = JoinSet::new();
    for (number, trouble) in (0..).zip(Trouble::ALL) {
        writers.spawn(make_trouble(Arc::clone(ground), trouble, Dice::new(seed + number)));
    }
    let store = ground.store().await?;
    for _ in 0..2 {
        writers.spawn(append_at_known_version(Arc::clone(ground), store.clone(), "contended-1"));
    }
    kill_backends(Arc::clone(ground), length(), Dice::new(seed)).await?;
    writers.join_all().await;
    Ok(())
}

async fn stored(client: &Client) -> Result<Vec<(i64, Uuid)>, TestFailure> {
    let rows = client.query("select position, event_id from annals.events order by position", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn report_and_judge(ground: &Ground, stored: &[(i64, Uuid)], seen: &[Seen]) {
    let committed: HashSet<i64> = stored.iter().map(|(position, _)| *position).collect();
    let (mut delivered, mut lost, mut doubled, mut invented, mut inverted) = (0, 0, 0, 0, 0);
    for (seen, follower) in seen.iter().zip(1..) {
        let once: HashSet<i64> = seen.positions.iter().copied().collect();
        let mut missing: Vec<_> = committed.difference(&once).collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            println!("stress: follower {follower} of {:?} missed {missing:?}", seen.follower);
        }
        delivered += seen.positions.len();
        lost += committed.difference(&once).count();
        invented += once.difference(&committed).count();
        doubled += seen.positions.len() - once.len();
        inverted += seen.inverted;
    }
    println!("stress: committed {} events, delivered {delivered} to {} followers", stored.len(), seen.len());
    println!("stress: lost {lost}, doubled {doubled}, inverted {inverted}, never committed {invented}");
    print!("{}", ground.tally.lines());

    assert_eq!((lost, doubled, inverted, invented), (0, 0, 0, 0));
    assert_eq!(delivered, stored.len() * Follower::ALL.len());
    let ids = stored.iter().map(|(_, id)| *id).collect();
    assert_eq!(
        ground.tally.broken_promises(&ids),
        (0, 0),
        "acknowledged and not stored, withdrawn and stored"
    );
    let troubles = Trouble::ALL.map(Trouble::name).into_iter().chain(Bystander::ALL.map(Bystander::name));
    let others = ["backends killed", "version conflicts", "appends at a known version", "reads that failed"];
    for what in troubles.chain(others) {
        assert!(ground.tally.times(what) > 0, "{what} never happened");
    }
}
