//! Folding several streams on demand.

use annals_aggregates::{Aggregate, Context, Folded, fold_streams};
use annals_eventstore::{MemoryStore, StreamName, Version};

use crate::jar::{Jar, JarCommand, jars};

fn streams() -> [StreamName; 3] {
    [1, 2, 3].map(|id| Jar::stream_name(&id).expect("a jar has a stream"))
}

#[tokio::test]
async fn several_streams_are_folded_in_the_order_of_the_log_and_their_versions_told() {
    let store = MemoryStore::new();
    let jars = jars(&store);
    // Jar 3 stays empty; jar 1 is longer than what is read ahead of it.
    for n in 0..1500_u64 {
        jars.execute(&(1 + u32::from(n % 5 == 0)), JarCommand::Put(n), &Context::new()).await.unwrap();
    }

    let folded = fold_streams(&store, streams(), Vec::new(), |positions, event| {
        positions.push(event.position);
        Ok(())
    });
    let Folded { state: positions, versions } = folded.await.unwrap();

    assert_eq!(positions.len(), 1499, "the first command puts nothing in");
    assert!(positions.is_sorted());
    let [one, two, three] = streams();
    let version = |events| Version::NONE.advance(events);
    assert_eq!(versions, [(one, version(1200)), (two, version(299)), (three, version(0))]);
}

#[tokio::test]
async fn an_event_that_cannot_be_taken_ends_the_fold_and_is_named() {
    use annals_eventstore::DecodeError;
    let store = MemoryStore::new();
    jars(&store).execute(&2, JarCommand::Put(1), &Context::new()).await.unwrap();

    let refused =
        fold_streams(&store, streams(), (), |(), event| Err(DecodeError::of(event, "no jar".into())));

    let refused = refused.await.expect_err("it cannot be taken");
    assert_eq!(refused.to_string(), "event 1 of jar-2, \"coins-put\", cannot be read");
}
