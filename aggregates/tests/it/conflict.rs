//! Two writers on one stream: the loser reads what is new and decides again.

use annals_aggregates::{Context, ExecuteError, ExecuteOptions};
use annals_eventstore::{AppendError, MemoryStore};

use crate::jar::{JarCommand, JarRefusal, jars, put_by_another};
use crate::scripted_store::{ScriptedStore, Step};

#[tokio::test]
async fn a_lost_race_is_decided_again_after_reading_only_what_is_new() {
    let store = ScriptedStore::default();
    let jars = jars(&store);
    for _ in 0..100 {
        jars.execute(&1, JarCommand::Put(1), &Context::new()).await.unwrap();
    }
    store.take_events_read();
    store.then([Step::After(put_by_another(1000))]);

    let executed = jars.execute(&1, JarCommand::Take(50), &Context::new()).await.unwrap();

    assert_eq!(store.take_events_read(), 100 + 1);
    assert_eq!(executed.loaded().unwrap().state.coins, 1050);
    assert_eq!(executed.loaded(), Some(&jars.load(&1).await.unwrap()));
}

#[tokio::test]
async fn a_decision_that_lost_is_forgotten_when_the_new_state_refuses() {
    let store = ScriptedStore::default();
    let jars = jars(&store);
    jars.execute(&1, JarCommand::Put(10), &Context::new()).await.unwrap();
    let taken = annals_eventstore::NewEvent::new("coins-taken", &8).unwrap();
    store.then([Step::After(annals_eventstore::Append::to(crate::jar::jar_1(), [taken]))]);

    let refused = jars.execute(&1, JarCommand::Take(5), &Context::new()).await.expect_err("2 are left");

    assert_eq!(refused.refusal(), Some(&JarRefusal::NotEnough { coins: 2, wanted: 5 }));
    assert_eq!(jars.load(&1).await.unwrap().version.get(), 2);
}

#[tokio::test]
async fn a_race_to_begin_a_stream_is_retried_too() {
    let store = ScriptedStore::with([Step::After(put_by_another(1))]);

    let executed = jars(&store).execute(&1, JarCommand::Put(2), &Context::new()).await.unwrap();

    assert_eq!(executed.loaded().unwrap().state.coins, 3);
}

#[tokio::test]
async fn a_transaction_that_met_another_is_tried_again() {
    let met = AppendError::Serialization(crate::jar::jar_1(), "40001".into());
    let store = ScriptedStore::with([Step::Failed(met)]);

    jars(&store).execute(&1, JarCommand::Put(2), &Context::new()).await.unwrap();

    assert_eq!(store.all().await.len(), 1);
}

#[tokio::test]
async fn when_every_attempt_is_lost_the_answer_is_a_conflict_and_nothing_was_written() {
    let store = ScriptedStore::with((0..3).map(|_| Step::After(put_by_another(1))));
    let options = ExecuteOptions { attempts: 3, ..ExecuteOptions::default() };

    let lost = jars(&store).execute_with(&1, JarCommand::Put(100), &Context::new(), options).await;

    let lost = lost.expect_err("others came first three times");
    assert!(matches!(&lost, ExecuteError::Conflict { attempts: 3, source, .. } if source.is_conflict()));
    assert!(lost.is_transient());
    assert_eq!(store.appends(), 3);
    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 3, "only the others' coins are there");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_at_once_each_is_heard_exactly_once() {
    let store = MemoryStore::new();
    let options = ExecuteOptions { attempts: u32::MAX, ..ExecuteOptions::default() };
    let put = |coins| {
        let jars = jars(&store);
        async move { jars.execute_with(&1, JarCommand::Put(coins), &Context::new(), options).await }
    };

    let writers: Vec<_> = (1..=50).map(|coins| tokio::spawn(put(coins))).collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }

    let loaded = jars(&store).load(&1).await.unwrap();
    assert_eq!(loaded.state.coins, (1..=50).sum::<u64>());
    assert_eq!(loaded.version.get(), 50);
}
