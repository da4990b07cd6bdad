//! Where a command came from goes into the metadata of its events, and on to the commands they give rise to.

use annals_aggregates::Context;
use annals_eventstore::{CausationId, CorrelationId};

use crate::jar::{JarCommand, jars};
use crate::scripted_store::ScriptedStore;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn correlation_cause_actor_and_trace_reach_every_event_and_are_carried_on() {
    let store = ScriptedStore::default();
    let context = Context::new()
        .correlated(CorrelationId::new("order-7"))
        .caused_by(CausationId::new("command-1"))
        .acting_for("teller")
        .traced(TRACE);
    let jars = jars(&store);
    jars.execute(&1, JarCommand::Put(2), &context).await.unwrap();
    jars.execute(&1, JarCommand::Empty, &context).await.unwrap();
    let events = store.all().await;

    jars.execute(&2, JarCommand::Put(1), &Context::following(&events[0])).await.unwrap();

    assert_eq!(events.len(), 3);
    for event in &events {
        assert_eq!(event.metadata(), *context.metadata());
        assert_eq!(event.metadata().traceparent.as_deref(), Some(TRACE));
    }
    let followed = store.all().await.pop().expect("an event").metadata();
    assert_eq!(followed.correlation_id, Some(CorrelationId::new("order-7")));
    assert_eq!(followed.causation_id, Some(events[0].id.into()));
    assert_eq!(followed.traceparent.as_deref(), Some(TRACE));
}
