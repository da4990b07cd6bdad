//! So many at once and no more.

use std::future::poll_fn;
use std::task::Poll;

use annals_aggregates::service::{CommandError, CommandServiceOptions, ShedError, WhenFull};
use tower::Service;

use super::stub::{Does, Stub, command, nothing_to_do, sent};

fn limited(limit: usize, when_full: WhenFull) -> CommandServiceOptions {
    CommandServiceOptions { concurrent_commands: Some(limit), when_full, ..CommandServiceOptions::default() }
}

#[tokio::test]
async fn one_more_than_the_limit_is_turned_away_and_says_that_nothing_was_written() {
    let stub = Stub::with([Does::Waits(nothing_to_do()), Does::Waits(nothing_to_do())]);
    let service = stub.service(limited(2, WhenFull::Shed));
    let under_way = [sent(&service), sent(&service)];
    stub.until_waiting(2).await;

    let shed = service.execute(command()).await.expect_err("there is no place");

    assert!(matches!(&shed, CommandError::Shed(ShedError { limit: 2, .. })), "{shed:?}");
    assert!(shed.to_string().contains("nothing was written"), "{shed}");
    assert!(!shed.may_have_effect() && shed.is_transient());
    assert_eq!(stub.calls(), 2, "it reached nobody");
    stub.let_go(2);
    for one in under_way {
        one.await.unwrap().expect("it had a place");
    }
    service.execute(command()).await.expect("there are places again");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_its_place() {
    let stub = Stub::with([Does::Hangs]);
    let service = stub.service(limited(1, WhenFull::Shed));
    let gone = sent(&service);
    stub.until_waiting(1).await;

    gone.abort();
    let _aborted = gone.await;

    service.execute(command()).await.expect("the place is free");
}

#[tokio::test]
async fn where_callers_wait_the_service_is_not_ready_until_there_is_a_place() {
    let stub = Stub::with([Does::Waits(nothing_to_do())]);
    let mut service = stub.service(limited(1, WhenFull::Wait));
    let under_way = sent(&service);
    stub.until_waiting(1).await;

    let is_ready = poll_fn(|context| Poll::Ready(service.poll_ready(context).is_ready())).await;
    assert!(!is_ready, "the only place is taken");
    stub.let_go(1);
    under_way.await.unwrap().expect("it had a place");

    poll_fn(|context| service.poll_ready(context)).await.expect("there is a place");
    service.call(command()).await.expect("it is taken");
    assert_eq!(stub.calls(), 2);
}
