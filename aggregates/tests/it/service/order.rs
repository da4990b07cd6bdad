//! The order of the layers, each pair by what would be seen the other way round.

use std::time::Duration;

use annals_aggregates::service::{BreakerOptions, CommandError, CommandServiceOptions, DeadlineError};
use tower::Service;

use super::stub::{Does, Stub, command, nothing_to_do, sent, unreachable};

const LONG: Duration = Duration::from_secs(3600);

fn options() -> CommandServiceOptions {
    CommandServiceOptions {
        concurrent_commands: Some(1),
        deadline: Some(Duration::from_secs(1)),
        breaker: Some(BreakerOptions { failures_in_a_row: 2, open_for: LONG, probes: 1 }),
        ..CommandServiceOptions::default()
    }
}

#[tokio::test]
async fn the_end_comes_before_shedding_so_that_nobody_is_told_to_come_again() {
    let stub = Stub::with([Does::Waits(nothing_to_do())]);
    let service = stub.service(CommandServiceOptions { deadline: Some(LONG), ..options() });
    let under_way = sent(&service);
    stub.until_waiting(1).await;
    let full = service.execute(command()).await;

    let mut ending = Box::pin(service.shut_down());
    tokio::select! {
        biased;
        () = &mut ending => panic!("a command is under way"),
        () = tokio::task::yield_now() => {}
    }
    let refused = service.execute(command()).await;
    stub.let_go(1);
    ending.await;

    assert!(matches!(full, Err(CommandError::Shed(_))), "{full:?}");
    assert!(matches!(refused, Err(CommandError::ShutDown(_))), "{refused:?}");
    under_way.await.unwrap().expect("it was under way");
}

#[tokio::test]
async fn the_breaker_learns_nothing_from_what_is_shed() {
    let stub = Stub::with([Does::Answers(unreachable()), Does::Waits(unreachable())]);
    let service = stub.service(CommandServiceOptions { deadline: Some(LONG), ..options() });
    service.execute(command()).await.expect_err("the log is not reached");
    let under_way = sent(&service);
    stub.until_waiting(1).await;

    for _ in 0..50 {
        let shed = service.execute(command()).await;
        assert!(matches!(shed, Err(CommandError::Shed(_))), "{shed:?}");
    }
    stub.let_go(1);
    under_way.await.unwrap().expect_err("the log is not reached, for the second time in a row");

    let open = service.execute(command()).await;
    assert!(matches!(open, Err(CommandError::Breaker(_))), "{open:?}");
}

#[tokio::test]
async fn where_no_place_is_free_and_the_breaker_is_open_the_answer_is_that_no_place_is_free() {
    let stub = Stub::with([Does::Waits(nothing_to_do()), Does::Answers(unreachable())]);
    let places = CommandServiceOptions { concurrent_commands: Some(2), deadline: Some(LONG), ..options() };
    let failures_in_a_row = 1;
    let breaker = Some(BreakerOptions { failures_in_a_row, open_for: LONG, probes: 1 });
    let service = stub.service(CommandServiceOptions { breaker, ..places });
    let mut kept = service.clone();
    let under_way = sent(&service);
    stub.until_waiting(1).await;
    service.execute(command()).await.expect_err("the log is not reached");

    let open = service.execute(command()).await;
    // A call that was not polled yet has its place already.
    let waits_to_be_polled = kept.call(command());
    let full = service.execute(command()).await;
    drop(waits_to_be_polled);
    stub.let_go(1);

    assert!(matches!(open, Err(CommandError::Breaker(_))), "{open:?}");
    assert!(matches!(full, Err(CommandError::Shed(_))), "{full:?}");
    under_way.await.unwrap().expect("it was under way");
}

#[tokio::test(start_paused = true)]
async fn the_breaker_comes_before_the_deadline_and_sees_those_that_pass() {
    let stub = Stub::with([Does::Hangs, Does::Hangs]);
    let service = stub.service(options());

    for _ in 0..2 {
        let late = service.execute(command()).await;
        let unknown = matches!(late, Err(CommandError::Deadline(DeadlineError::EffectUnknown { .. })));
        assert!(unknown, "{late:?}");
    }

    let open = service.execute(command()).await;
    assert!(matches!(open, Err(CommandError::Breaker(_))), "{open:?}");
}

#[tokio::test(start_paused = true)]
async fn shedding_comes_before_the_deadline_which_frees_the_place() {
    let stub = Stub::with([Does::Hangs]);
    let service = stub.service(options());
    let hanging = sent(&service);
    stub.until_waiting(1).await;
    let shed = service.execute(command()).await;
    assert!(matches!(shed, Err(CommandError::Shed(_))), "{shed:?}");

    let late = hanging.await.unwrap();

    assert!(matches!(late, Err(CommandError::Deadline(_))), "{late:?}");
    service.execute(command()).await.expect("the place is free");
}
