//! The end of a service.

use std::future::poll_fn;
use std::time::Duration;

use annals_aggregates::service::{CommandError, CommandService, CommandServiceOptions};
use annals_aggregates::{Executed, HandleOptions, Handles};
use tower::Service;

use super::stub::{Does, Stub, command, nothing_to_do, sent};
use crate::jar::jars;
use crate::scripted_store::ScriptedStore;

#[tokio::test]
async fn shutting_down_waits_for_what_is_under_way_and_lets_nothing_more_in() {
    let stub = Stub::with([Does::Waits(nothing_to_do())]);
    let service = stub.service(CommandServiceOptions::default());
    let under_way = sent(&service);
    stub.until_waiting(1).await;

    let mut ending = Box::pin(service.shut_down());
    tokio::select! {
        biased;
        () = &mut ending => panic!("a command is under way"),
        () = tokio::task::yield_now() => {}
    }
    let refused = service.execute(command()).await.expect_err("nothing begins any more");
    stub.let_go(1);
    ending.await;

    assert!(matches!(refused, CommandError::ShutDown(_)), "{refused:?}");
    assert!(!refused.may_have_effect() && refused.to_string().contains("nothing was written"), "{refused}");
    let answered = under_way.await.expect("its caller did not panic");
    assert!(matches!(answered, Ok(Executed::NothingToDo(_))), "{answered:?}");
    assert_eq!(stub.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_its_caller_keeps_does_not_hold_up_the_end() {
    let mut service = Stub::with([]).service(CommandServiceOptions::default());
    poll_fn(|context| service.poll_ready(context)).await.expect("there are places");
    let mut answered = Box::pin(service.call(command()));
    (&mut answered).await.expect("it is answered");

    // The clock stands until nothing else is to be done.
    let ended = tokio::time::timeout(Duration::from_secs(1), service.shut_down()).await;

    ended.expect("nothing is under way");
    drop(answered);
}

#[tokio::test]
async fn what_was_decided_is_carried_out_though_nobody_waits_for_it_and_what_was_not_is_given_up() {
    let store = ScriptedStore::default();
    let gate = store.gated();
    let handles = Handles::new(jars(&store), HandleOptions::default());
    let service = CommandService::new(handles, CommandServiceOptions::default()).unwrap();
    let decided = sent(&service);
    gate.until_one_arrived().await;
    let in_the_mailbox = sent(&service);
    tokio::task::yield_now().await;
    for gone in [decided, in_the_mailbox] {
        gone.abort();
        let _aborted = gone.await;
    }

    gate.let_through(10);
    service.shut_down().await;

    assert_eq!(jars(&store).load(&1).await.unwrap().state.coins, 1);
    let refused = service.execute(command()).await;
    assert!(matches!(refused, Err(CommandError::ShutDown(_))), "{refused:?}");
}

#[tokio::test]
async fn snapshots_that_are_due_are_written_before_the_end() {
    let store = ScriptedStore::default();
    let jars = jars(&store).with_snapshots(annals_aggregates::SnapshotPolicy::every(1));
    let service = CommandService::new(jars, CommandServiceOptions::default()).unwrap();

    let executed = service.execute(command()).await.unwrap();
    service.shut_down().await;

    assert!(matches!(executed, Executed::Applied { .. }));
    assert_eq!(store.snapshots_written(), 1);
}
