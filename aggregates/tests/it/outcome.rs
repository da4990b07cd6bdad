//! What comes of a command when nobody interferes.

use annals_aggregates::{Context, ExecuteError, Executed, Fault};
use annals_eventstore::{CorrelationId, EventId};

use crate::jar::{JarCommand, JarEvent, JarRefusal, jars};
use crate::scripted_store::ScriptedStore;

#[tokio::test]
async fn an_accepted_command_answers_with_its_events_and_the_state_after_them() {
    let store = ScriptedStore::default();
    let jars = jars(&store);
    jars.execute(&1, JarCommand::Put(3), &Context::new()).await.unwrap();

    let executed = jars.execute(&1, JarCommand::Empty, &Context::new()).await.unwrap();

    assert_eq!(executed.events(), [JarEvent::Taken(1), JarEvent::Taken(1), JarEvent::Taken(1)]);
    assert_eq!(executed.loaded(), Some(&jars.load(&1).await.unwrap()));
    assert_eq!(executed.loaded().unwrap().version.get(), 4);
    assert_eq!(executed.position(), store.all().await.last().map(|event| event.position));
}

#[tokio::test]
async fn a_refusal_appends_nothing() {
    let store = ScriptedStore::default();

    let refused =
        jars(&store).execute(&1, JarCommand::Take(5), &Context::new()).await.expect_err("it is empty");

    assert_eq!(refused.refusal(), Some(&JarRefusal::NotEnough { coins: 0, wanted: 5 }));
    assert_eq!(refused.to_string(), "5 coins wanted, 0 in the jar");
    assert!(!refused.is_transient());
    assert_eq!(store.appends(), 0);
}

#[tokio::test]
async fn nothing_to_do_appends_nothing_and_shows_the_state() {
    let store = ScriptedStore::default();
    let jars = jars(&store);
    jars.execute(&1, JarCommand::Put(3), &Context::new()).await.unwrap();

    let executed = jars.execute(&1, JarCommand::Put(0), &Context::new()).await.unwrap();

    assert!(matches!(&executed, Executed::NothingToDo(loaded) if loaded.state.coins == 3));
    assert_eq!(executed.position(), None);
    assert_eq!(store.appends(), 1);
}

#[tokio::test]
async fn the_context_reaches_the_decision_and_the_metadata() {
    let store = ScriptedStore::default();
    let cause = EventId::new();
    let context = Context::fixed("2026-12-24T18:00:00Z".parse().unwrap())
        .correlated(CorrelationId::new("order-7"))
        .caused_by(cause)
        .acting_for("teller");

    let executed = jars(&store).execute(&1, JarCommand::Stamp, &context).await.unwrap();

    let at = "2026-12-24T18:00:00+00:00".to_owned();
    let id = "00000000-0000-0000-0000-000000000001".to_owned();
    assert_eq!(executed.events(), [JarEvent::Stamped { at, id }]);
    assert_eq!(store.all().await[0].metadata(), *context.metadata());
    assert_eq!(context.metadata().causation_id, Some(cause.into()));
}

#[tokio::test]
async fn a_context_that_follows_an_event_carries_its_conversation_on() {
    let store = ScriptedStore::default();
    let context = Context::new().correlated(CorrelationId::new("order-7"));
    jars(&store).execute(&1, JarCommand::Put(1), &context).await.unwrap();
    jars(&store).execute(&2, JarCommand::Put(1), &Context::new()).await.unwrap();
    let causes = store.all().await;

    let [in_a_conversation, on_its_own] = [0, 1].map(|index: usize| Context::following(&causes[index]));

    assert_eq!(in_a_conversation.metadata().correlation_id, Some(CorrelationId::new("order-7")));
    assert_eq!(in_a_conversation.metadata().causation_id, Some(causes[0].id.into()));
    assert_eq!(on_its_own.metadata().correlation_id, Some(causes[1].id.into()));
}

#[tokio::test]
async fn a_fault_of_the_log_is_a_fault_and_tells_whether_it_passes() {
    let down = || annals_eventstore::AppendError::Unavailable("connection refused".into());
    let store = ScriptedStore::with([crate::scripted_store::Step::Failed(down())]);
    let jars = jars(&store);

    let fault = jars.execute(&1, JarCommand::Put(1), &Context::new()).await.expect_err("the log is down");

    assert!(matches!(fault, ExecuteError::Fault(Fault::Append(_))));
    assert!(fault.is_transient());
    assert_eq!(fault.to_string(), "events could not be appended, nothing was written");
    assert_eq!(store.appends(), 1, "waiting for a log that is down is left to the caller");
}
