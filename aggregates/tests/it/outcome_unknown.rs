//! Lost answers: the same events are sent again until the log says what became of them.

use annals_aggregates::{Context, ExecuteError, ExecuteOptions, Executed};
use annals_eventstore::AppendError;

use crate::jar::{JarCommand, jar_1, jars, put_by_another};
use crate::scripted_store::{ScriptedStore, Step};

fn down() -> Step {
    Step::Failed(AppendError::Unavailable("connection refused".into()))
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_recognised_when_it_is_sent_again() {
    let store = ScriptedStore::with([Step::StoredAndLost]);

    let executed = jars(&store).execute(&1, JarCommand::Put(5), &Context::new()).await.unwrap();

    assert!(matches!(&executed, Executed::Applied { loaded, .. } if loaded.state.coins == 5));
    assert_eq!(store.appends(), 2);
    assert_eq!(store.all().await.len(), 1);
}

#[tokio::test]
async fn an_append_that_never_arrived_is_stored_by_the_next_send() {
    let store = ScriptedStore::with([Step::Lost]);

    let executed = jars(&store).execute(&1, JarCommand::Put(5), &Context::new()).await.unwrap();

    assert_eq!(executed.loaded().unwrap().state.coins, 5);
    assert_eq!(store.all().await.len(), 1);
}

#[tokio::test]
async fn an_append_that_never_arrived_and_then_lost_the_race_is_decided_again() {
    let store = ScriptedStore::with([Step::Lost, Step::After(put_by_another(1))]);

    let executed = jars(&store).execute(&1, JarCommand::Put(5), &Context::new()).await.unwrap();

    assert_eq!(executed.loaded().unwrap().state.coins, 6);
    assert_eq!(store.all().await.len(), 2);
}

#[tokio::test]
async fn a_log_that_went_down_behind_a_lost_answer_leaves_the_outcome_unknown_and_calls_it_no_failure() {
    let met = Step::Failed(AppendError::Serialization(jar_1(), "40001".into()));
    let store = ScriptedStore::with([Step::StoredAndLost, down(), met, down()]);

    let unknown = jars(&store).execute(&1, JarCommand::Put(5), &Context::new()).await.expect_err("down");

    assert!(matches!(&unknown, ExecuteError::OutcomeUnknown { sends: 4, .. }), "{unknown:?}");
    assert!(!unknown.is_transient(), "without a key the repetition could do it twice");
    assert_eq!(store.appends(), 4);
}

#[tokio::test]
async fn a_failure_for_good_behind_a_lost_answer_says_nothing_about_the_lost_one() {
    let closed = Step::Failed(AppendError::StreamTombstoned(jar_1()));
    let store = ScriptedStore::with([Step::StoredAndLost, closed]);

    let unknown = jars(&store).execute(&1, JarCommand::Put(5), &Context::new()).await.expect_err("closed");

    assert!(matches!(&unknown, ExecuteError::OutcomeUnknown { sends: 2, .. }), "{unknown:?}");
}

#[tokio::test]
async fn under_a_key_a_command_of_unknown_outcome_is_executed_again_with_one_effect() {
    let store = ScriptedStore::with([Step::StoredAndLost, Step::Lost, Step::Lost, Step::Lost]);
    let once = ExecuteOptions::keyed("allowance of May");
    let unknown = jars(&store).execute_with(&1, JarCommand::Put(5), &Context::new(), once).await;
    assert!(matches!(unknown, Err(ExecuteError::OutcomeUnknown { .. })));

    let again = jars(&store).execute_with(&1, JarCommand::Put(5), &Context::new(), once).await.unwrap();

    assert!(matches!(again, Executed::AlreadyApplied(_)));
    assert_eq!(store.all().await.len(), 1);
}
