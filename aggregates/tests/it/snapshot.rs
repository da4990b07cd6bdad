//! Snapshots: a load from one is the full replay, only shorter; nothing waits for one and nothing fails by one.

use std::sync::Arc;
use std::time::Duration;

use annals_aggregates::{Context, Loaded, Repository, SnapshotPolicy};
use annals_eventstore::{NewSnapshot, Payload, SnapshotKind, SnapshotStore, Version};
use tokio::sync::Semaphore;

use crate::jar::{Jar, JarCommand, jar_1, jars};
use crate::scripted_store::{ScriptedStore, SnapshotTrouble, Step};

type Jars = Repository<Jar, ScriptedStore>;

fn snapping(store: &ScriptedStore, policy: SnapshotPolicy<Jar>) -> Jars {
    jars(store).with_snapshots(policy)
}

/// Puts in one coin at a time.
async fn put(jars: &Jars, coins: u64) {
    for _ in 0..coins {
        jars.execute(&1, JarCommand::Put(1), &Context::new()).await.expect("a coin can be put in");
        jars.flush_snapshots().await;
    }
}

/// What a full replay gives.
async fn replayed(store: &ScriptedStore) -> Loaded<Jar> {
    jars(store).load(&1).await.expect("it can be replayed")
}

#[tokio::test]
async fn a_load_reads_the_snapshot_and_what_stands_behind_it_in_one_read() {
    let store = ScriptedStore::default();
    let jars = snapping(&store, SnapshotPolicy::every(10));
    put(&jars, 23).await;
    store.take_reads();
    store.take_events_read();

    let loaded = jars.load(&1).await.unwrap();

    assert_eq!((store.take_reads(), store.take_events_read()), (1, 3));
    assert_eq!(loaded, replayed(&store).await);
    assert_eq!(loaded.state.coins, 23);
}

#[tokio::test]
async fn a_snapshot_and_its_tail_add_up_to_the_full_replay_whatever_the_policy_and_the_page() {
    let mut loads = 0;
    for every in 1..=7 {
        let store = ScriptedStore::default();
        let jars = snapping(&store, SnapshotPolicy::every(every).keeping(3));
        for n in 0..30_u64 {
            let command = if n % 3 == 2 { JarCommand::Take(n) } else { JarCommand::Put(n + 20) };
            jars.execute(&1, command, &Context::new()).await.unwrap();
            jars.flush_snapshots().await;
            for page_events in [1, 4, 1000] {
                let loaded = jars.clone().page_events(page_events).load(&1).await.unwrap();
                assert_eq!(
                    loaded,
                    replayed(&store).await,
                    "every {every}, {n} commands, pages of {page_events}"
                );
                loads += 1;
            }
        }
        let all = replayed(&store).await.version.get();
        for version in (0..=all).map(|version| Version::try_from(version).unwrap()) {
            let from_snapshot = jars.load_at(&1, version).await.unwrap();
            assert_eq!(from_snapshot, crate::jar::jars(&store).load_at(&1, version).await.unwrap());
            loads += 1;
        }
    }
    println!("snapshots: {loads} loads compared with a full replay");
}

#[tokio::test]
async fn a_snapshot_is_due_by_events_by_time_or_by_state() {
    let taken = async |policy| {
        let store = ScriptedStore::default();
        put(&snapping(&store, policy), 12).await;
        store.snapshots_written()
    };

    assert_eq!(taken(SnapshotPolicy::every(5)).await, 2);
    assert_eq!(taken(SnapshotPolicy::every(0)).await, 12);
    assert_eq!(taken(SnapshotPolicy::never()).await, 0);
    assert_eq!(taken(SnapshotPolicy::never().after_replay_of(Duration::ZERO)).await, 12);
    assert_eq!(taken(SnapshotPolicy::never().after_replay_of(Duration::from_secs(3600))).await, 0);
    let full = |jar: &Loaded<Jar>| jar.state.coins == 7;
    assert_eq!(taken(SnapshotPolicy::never().when(full)).await, 1);
}

#[tokio::test]
async fn a_snapshot_of_another_shape_is_passed_over_and_so_is_one_that_lies_about_its_shape() {
    for (shape, state) in [("v0", r#"{"coins":77,"changes":77}"#), ("v1", r#"["no jar"]"#)] {
        let store = ScriptedStore::default();
        put(&jars(&store), 5).await;
        let state = Payload::from_json(state).unwrap();
        let kind = SnapshotKind::new("jar", shape);
        let stored = NewSnapshot { stream: jar_1(), kind, version: Version::NONE.advance(4), state };
        assert!(store.write_snapshot(stored, 1).await.unwrap());

        let loaded = snapping(&store, SnapshotPolicy::never()).load(&1).await.unwrap();

        assert_eq!(loaded, replayed(&store).await, "{shape}");
        assert_eq!(loaded.state.coins, 5);
    }
}

#[tokio::test]
async fn a_damaged_snapshot_is_passed_over_and_replaced() {
    let store = ScriptedStore::default();
    let jars = snapping(&store, SnapshotPolicy::every(5));
    put(&jars, 5).await;
    store.trouble_snapshots(SnapshotTrouble::Damaged);
    store.take_reads();

    let loaded = jars.load(&1).await.unwrap();

    assert_eq!(loaded.state.coins, 5);
    assert_eq!(store.take_reads(), 2, "the snapshot, then the whole stream");
    jars.flush_snapshots().await;
    assert_eq!(store.snapshots_written(), 2, "the state that was replayed is kept in its place");
    assert_eq!(jars.load_at(&1, Version::FIRST).await.unwrap().state.coins, 1);
}

#[tokio::test]
async fn commands_go_on_while_snapshots_fail_or_hang() {
    let store = ScriptedStore::default();
    let jars = snapping(&store, SnapshotPolicy::every(1));
    store.trouble_snapshots(SnapshotTrouble::Unwritable);
    put(&jars, 10).await;
    assert_eq!(store.snapshots_written(), 0);

    let gate = Arc::new(Semaphore::new(0));
    store.trouble_snapshots(SnapshotTrouble::Gate(Arc::clone(&gate)));
    // More than wait for the writer: those that find no room are left out.
    for id in 1..=200 {
        jars.execute(&id, JarCommand::Put(1), &Context::new()).await.unwrap();
        jars.execute(&id, JarCommand::Put(1), &Context::new()).await.unwrap();
    }
    assert_eq!(store.snapshots_written(), 0);
    assert_eq!(replayed(&store).await.state.coins, 12);

    gate.add_permits(1000);
    jars.flush_snapshots().await;
    let written = store.snapshots_written();
    assert!((64..=65).contains(&written), "{written} snapshots were written");
    put(&jars, 1).await;
    store.take_events_read();
    assert_eq!(jars.load(&1).await.unwrap().state.coins, 13);
    assert_eq!(store.take_events_read(), 0, "the next command brought a younger one");
}

#[tokio::test]
async fn no_snapshot_is_taken_of_what_was_not_committed() {
    let store = ScriptedStore::default();
    let jars = snapping(&store, SnapshotPolicy::every(1));
    store.then([Step::Failed(annals_eventstore::AppendError::Unavailable("connection refused".into()))]);
    jars.execute(&1, JarCommand::Put(1), &Context::new()).await.expect_err("the log is down");
    jars.execute(&1, JarCommand::Take(1), &Context::new()).await.expect_err("it is empty");

    jars.flush_snapshots().await;

    assert_eq!(store.snapshots_written(), 0);
}
