//! So many at once and no more.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use annals_aggregates::service::{
    CommandError, CommandService, CommandServiceOptions, DeadlineError, ShedError, WhenFull,
};
use tokio::time::Instant;
use tower::Service;

use super::stub::{Does, Stub, command, nothing_to_do, sent};
use crate::jar::Jar;

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

/// Whether it is ready at this moment.
async fn is_ready(service: &mut CommandService<Jar>) -> bool {
    poll_fn(|context| Poll::Ready(service.poll_ready(context).is_ready())).await
}

#[tokio::test]
async fn a_clone_that_was_turned_away_and_is_idle_takes_no_place_from_others() {
    for when_full in [WhenFull::Shed, WhenFull::Wait] {
        let stub = Stub::with([Does::Waits(nothing_to_do())]);
        let mut a = stub.service(limited(1, when_full));
        let mut b = a.clone();
        assert!(is_ready(&mut a).await);
        let under_way = tokio::spawn(a.call(command()));
        stub.until_waiting(1).await;

        if is_ready(&mut b).await {
            let shed = b.call(command()).await;
            assert!(matches!(shed, Err(CommandError::Shed(_))), "{shed:?}");
            let _ready_to_turn_away = is_ready(&mut b).await;
        }
        stub.let_go(1);
        under_way.await.unwrap().expect("it had a place");

        assert!(is_ready(&mut a).await, "{when_full:?}: nothing is under way");
        a.call(command()).await.expect("nothing is under way");
        drop(b);
    }
}

#[tokio::test]
async fn a_readiness_that_is_not_used_takes_no_place_from_others() {
    let stub = Stub::with([]);
    let mut a = stub.service(limited(1, WhenFull::Wait));
    let mut idle = a.clone();
    assert!(is_ready(&mut idle).await);

    assert!(is_ready(&mut a).await, "nothing is under way");
    a.call(command()).await.expect("nothing is under way");
    drop(idle);
}

#[tokio::test]
async fn of_two_that_are_ready_for_one_place_the_second_waits_for_its_turn() {
    let stub = Stub::with([Does::Waits(nothing_to_do())]);
    let mut a = stub.service(limited(1, WhenFull::Wait));
    let mut b = a.clone();
    assert!(is_ready(&mut a).await && is_ready(&mut b).await);

    let (first, second) = (tokio::spawn(a.call(command())), tokio::spawn(b.call(command())));
    stub.until_waiting(1).await;
    assert_eq!(stub.calls(), 1);
    stub.let_go(1);

    first.await.unwrap().expect("it had a place");
    second.await.unwrap().expect("it had the place afterwards");
}

#[tokio::test]
async fn a_thousand_callers_pass_through_one_place_and_none_is_left_asleep() {
    let stub = Stub::with([]);
    let service = stub.service(limited(1, WhenFull::Wait));
    let callers: Vec<_> = (0..1000).map(|_| sent(&service)).collect();

    for one in callers {
        one.await.unwrap().expect("it had its turn");
    }

    assert_eq!(stub.calls(), 1000);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_place_waits_until_its_deadline_or_the_services_limit() {
    let second = Duration::from_secs(1);
    let stub = Stub::with([Does::Hangs, Does::Hangs]);
    let options = CommandServiceOptions { deadline: Some(second), ..limited(1, WhenFull::Wait) };
    let service = stub.service(options);
    let (begun, first) = (Instant::now(), sent(&service));
    stub.until_waiting(1).await;
    tokio::time::advance(second / 2).await;
    let second_in_turn = sent(&service);
    tokio::task::yield_now().await;
    let third_in_turn = sent(&service);
    tokio::task::yield_now().await;

    let hurried = service.execute(command().by(begun + second * 3 / 4)).await;
    assert_eq!(begun.elapsed(), second * 3 / 4);
    let third_in_turn = third_in_turn.await.unwrap();
    assert_eq!(begun.elapsed(), second * 3 / 2);

    for waited in [hurried, third_in_turn] {
        let not_begun = matches!(waited, Err(CommandError::Deadline(DeadlineError::NotBegun { .. })));
        assert!(not_begun, "{waited:?}");
    }
    assert_eq!(stub.calls(), 2);
    first.await.unwrap().expect_err("it hangs");
    second_in_turn.await.unwrap().expect_err("it hangs");
}

#[tokio::test(start_paused = true)]
async fn whoever_found_it_not_ready_is_woken_by_a_place_though_another_went_away() {
    let stub = Stub::with([Does::Waits(nothing_to_do())]);
    let service = stub.service(limited(1, WhenFull::Wait));
    let under_way = sent(&service);
    stub.until_waiting(1).await;
    let asleep = || {
        let mut one = service.clone();
        tokio::spawn(async move { poll_fn(|context| one.poll_ready(context)).await.is_ok() })
    };
    let (gone, woken) = (asleep(), asleep());
    tokio::task::yield_now().await;
    gone.abort();
    gone.await.expect_err("it went away");

    stub.let_go(1);

    under_way.await.unwrap().expect("it had a place");
    let woken = tokio::time::timeout(Duration::from_secs(1), woken).await;
    assert!(woken.expect("it sleeps on").unwrap());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_place_is_told_that_the_service_is_shut_down() {
    let stub = Stub::with([Does::Waits(nothing_to_do())]);
    let service = stub.service(limited(1, WhenFull::Wait));
    let under_way = sent(&service);
    stub.until_waiting(1).await;
    let waiting = sent(&service);
    let mut not_ready = service.clone();
    let not_ready = tokio::spawn(async move {
        poll_fn(|context| not_ready.poll_ready(context)).await.expect("it is ready to refuse");
        not_ready.call(command()).await
    });
    tokio::task::yield_now().await;

    let ending = tokio::spawn(async move { service.shut_down().await });
    for told in [waiting.await, not_ready.await] {
        assert!(matches!(told, Ok(Err(CommandError::ShutDown(_)))), "{told:?}");
    }
    stub.let_go(1);
    ending.await.unwrap();

    under_way.await.unwrap().expect("it was under way");
    assert_eq!(stub.calls(), 1);
}
