//! While the log cannot be reached commands are turned away, and nothing else turns them away.
//!
//! The breaker goes by the system's clock, which no test can turn: its times are short or long here, and which state it
//! came into is read off its metric.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use annals_aggregates::service::{
    BreakerError, BreakerOptions, CommandError, CommandService, CommandServiceOptions,
};
use metrics_util::debugging::DebuggingRecorder;
use tokio::time::Instant;
use tower::Service;

use super::recorded::Recorded;
use super::stub::{
    Answer, Does, Stub, busy, command, in_conflict, malformed, nothing_to_do, refused, sent, unknown,
    unreachable,
};
use crate::jar::{Jar, JarRefusal};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(5);

fn breaking(failures_in_a_row: usize, open_for: Duration, probes: usize) -> CommandServiceOptions {
    let breaker = Some(BreakerOptions { failures_in_a_row, open_for, probes });
    CommandServiceOptions { breaker, ..CommandServiceOptions::default() }
}

fn answers(answer: fn() -> Answer, times: usize) -> impl Iterator<Item = Does> {
    (0..times).map(move |_| Does::Answers(answer()))
}

/// Sends so many commands; returns how many were turned away by the breaker.
async fn turned_away(service: &CommandService<Jar>, commands: usize) -> usize {
    let mut turned_away = 0;
    for _ in 0..commands {
        let answer = service.execute(command()).await;
        turned_away += usize::from(matches!(answer, Err(CommandError::Breaker(_))));
    }
    turned_away
}

fn open(answer: Result<impl std::fmt::Debug, CommandError<JarRefusal>>) -> BreakerError {
    match answer {
        Err(CommandError::Breaker(open)) => open,
        other => panic!("the breaker is not open: {other:?}"),
    }
}

/// How often the breaker came into its states: open, half open, closed.
fn changes(recorded: &mut Recorded) -> [f64; 3] {
    recorded.take();
    let changes = "annals_command_breaker_changes_total";
    ["open", "half_open", "closed"]
        .map(|state| recorded.of(&format!("{changes}{{category=jar,state={state}}}")))
}

/// Opens the breaker, and waits until it lets probes through.
async fn half_opened(service: &CommandService<Jar>, stub: &Stub) {
    stub.then(answers(unreachable, 1));
    service.execute(command()).await.expect_err("the log is not reached");
    tokio::time::sleep(SHORT).await;
}

#[tokio::test]
async fn a_hundred_refusals_conflicts_and_errors_do_not_open_it() {
    for answer in [refused, in_conflict, malformed, busy, nothing_to_do] {
        let stub = Stub::with(answers(answer, 100));

        let away = turned_away(&stub.service(breaking(1, LONG, 1)), 100).await;

        assert_eq!((away, stub.calls()), (0, 100), "{:?}", answer());
    }
}

#[tokio::test]
async fn it_opens_when_the_log_was_not_reached_so_many_times_in_a_row_and_says_when_to_come_again() {
    for answer in [unreachable, unknown] {
        let stub = Stub::with(answers(answer, 3));
        let service = stub.service(breaking(3, LONG, 1));
        assert_eq!(turned_away(&service, 3).await, 0);

        let told = service.execute(command()).await.expect_err("the log was not reached");

        assert!(!told.may_have_effect() && told.is_transient());
        assert!(told.to_string().contains("nothing was written"), "{told}");
        let again = told.retry_after().expect("it is known");
        assert!(again <= LONG && again > LONG / 2, "{again:?}");
        assert_eq!(stub.calls(), 3, "it reached nobody");
        open(Err::<(), _>(told));
    }
}

#[tokio::test]
async fn one_answer_in_between_begins_the_count_anew() {
    let stub = Stub::with([]);
    let service = stub.service(breaking(3, LONG, 1));
    for _ in 0..10 {
        stub.then(answers(unreachable, 2).chain(answers(refused, 1)));
    }

    assert_eq!(turned_away(&service, 30).await, 0);
}

#[tokio::test]
async fn what_says_nothing_about_the_log_does_not_begin_the_count_anew() {
    let stub = Stub::with(answers(unreachable, 1).chain(answers(busy, 50)).chain(answers(unreachable, 1)));
    let service = stub.service(breaking(2, LONG, 1));

    assert_eq!(turned_away(&service, 53).await, 1, "the last one");
}

#[tokio::test(start_paused = true)]
async fn deadlines_that_pass_open_it_for_a_log_that_fell_silent_looks_like_that() {
    let stub = Stub::with([Does::NeverBegins, Does::NeverBegins, Does::Hangs, Does::Hangs]);
    let service = stub.service(breaking(2, LONG, 1));

    assert_eq!(turned_away(&service, 5).await, 1, "those that did not begin say nothing");
    open(service.execute(command()).await);
}

#[tokio::test(start_paused = true)]
async fn deadlines_of_callers_in_a_hurry_do_not_open_it() {
    let stub = Stub::with((0..20).map(|_| Does::Hangs));
    let service = stub.service(breaking(2, LONG, 1));

    for _ in 0..20 {
        let hurried = command().by(Instant::now() + Duration::from_millis(10));
        let late = service.execute(hurried).await.expect_err("it hangs");
        assert!(matches!(late, CommandError::Deadline(_)) && late.may_have_effect(), "{late:?}");
    }

    service.execute(command()).await.expect("the log is well");
}

#[tokio::test]
async fn half_open_it_lets_no_more_than_the_configured_number_through() {
    let stub = Stub::with([]);
    let service = stub.service(breaking(1, SHORT, 3));
    half_opened(&service, &stub).await;
    stub.then((0..3).map(|_| Does::Waits(nothing_to_do())));

    let probes: Vec<_> = (0..64).map(|_| sent(&service)).collect();
    stub.until_waiting(3).await;
    let mut away = 0;
    while away < 61 {
        away = probes.iter().filter(|probe| probe.is_finished()).count();
        tokio::task::yield_now().await;
    }
    assert_eq!(stub.calls(), 1 + 3, "one that opened it, and three probes");
    stub.let_go(3);
    let mut answered = 0;
    for probe in probes {
        match probe.await.unwrap() {
            Ok(_) => answered += 1,
            turned_away => drop(open(turned_away)),
        }
    }

    assert_eq!(answered, 3);
    assert_eq!(turned_away(&service, 50).await, 0, "it is closed again");
}

#[tokio::test]
async fn a_probe_that_is_refused_by_the_domain_closes_it_and_one_that_fails_opens_it_again() {
    let recorder = DebuggingRecorder::new();
    let _here = metrics::set_default_local_recorder(&recorder);
    let mut recorded = Recorded::by(&recorder);
    let stub = Stub::with([]);
    let service = stub.service(breaking(1, SHORT, 1));
    half_opened(&service, &stub).await;
    stub.then(answers(unreachable, 1));

    let failed = service.execute(command()).await;
    assert_eq!(changes(&mut recorded), [2.0, 1.0, 0.0]);
    tokio::time::sleep(SHORT).await;
    stub.then(answers(refused, 1));
    let probed = service.execute(command()).await.expect_err("the domain says no");

    assert!(matches!(failed, Err(CommandError::Handle(_))), "{failed:?}");
    assert!(probed.refusal().is_some(), "{probed:?}");
    assert_eq!(changes(&mut recorded), [2.0, 2.0, 1.0]);
    assert_eq!(turned_away(&service, 50).await, 0, "it is closed again");
}

#[tokio::test]
async fn a_probe_that_says_nothing_or_is_given_up_leaves_its_place_to_another() {
    let recorder = DebuggingRecorder::new();
    let _here = metrics::set_default_local_recorder(&recorder);
    let mut recorded = Recorded::by(&recorder);
    let stub = Stub::with([]);
    let service = stub.service(breaking(1, SHORT, 1));
    half_opened(&service, &stub).await;
    stub.then(answers(busy, 1).chain([Does::Hangs]));

    let said_nothing = service.execute(command()).await;
    let given_up = sent(&service);
    stub.until_waiting(1).await;
    let while_it_is_out = service.execute(command()).await;
    given_up.abort();
    let _aborted = given_up.await;
    let still = changes(&mut recorded);
    service.execute(command()).await.expect("the third probe is answered");

    assert!(matches!(said_nothing, Err(CommandError::Handle(_))), "{said_nothing:?}");
    open(while_it_is_out);
    assert_eq!(still, [1.0, 1.0, 0.0], "neither has opened or closed it");
    assert_eq!(changes(&mut recorded), [1.0, 1.0, 1.0]);
}

#[tokio::test]
async fn a_command_from_before_the_last_change_does_not_change_it_again() {
    let recorder = DebuggingRecorder::new();
    let _here = metrics::set_default_local_recorder(&recorder);
    let stub = Stub::with([Does::Waits(unreachable())]);
    let service = stub.service(breaking(1, SHORT, 1));
    let early = sent(&service);
    stub.until_waiting(1).await;
    half_opened(&service, &stub).await;
    service.execute(command()).await.expect("the probe is answered");

    stub.let_go(1);
    let late = early.await.unwrap();

    assert!(matches!(late, Err(CommandError::Handle(_))), "it has its answer nonetheless: {late:?}");
    assert_eq!(changes(&mut Recorded::by(&recorder)), [1.0, 1.0, 1.0], "it is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_open_breaker_is_always_ready_and_nobody_is_told_anything_else() {
    let stub = Stub::with(answers(unreachable, 1));
    let service = stub.service(breaking(1, LONG, 1));
    service.execute(command()).await.expect_err("the log is not reached");

    let callers = (0..8).map(|_| {
        let mut service = service.clone();
        tokio::spawn(async move {
            for _ in 0..500 {
                let is_ready = poll_fn(|context| Poll::Ready(service.poll_ready(context).is_ready())).await;
                assert!(is_ready, "there are places enough");
                open(service.call(command()).await);
            }
        })
    });

    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("the breaker turned everybody away");
    }
}

#[tokio::test]
async fn an_answer_of_a_probe_that_its_caller_keeps_takes_no_place_of_another() {
    let stub = Stub::with([]);
    let mut service = stub.service(breaking(1, SHORT, 1));
    half_opened(&service, &stub).await;
    stub.then(answers(busy, 1));
    poll_fn(|context| service.poll_ready(context)).await.expect("there are places");
    let mut said_nothing = Box::pin(service.call(command()));
    (&mut said_nothing).await.expect_err("no room in the mailbox");

    service.execute(command()).await.expect("the second probe is answered");
    drop(said_nothing);
}

#[tokio::test]
async fn breakers_of_one_category_are_counted_together_while_they_turn_commands_away() {
    let recorder = DebuggingRecorder::new();
    let _here = metrics::set_default_local_recorder(&recorder);
    let stub = Stub::with([]);
    let [open_still, closed_again, gone] =
        [LONG, SHORT, LONG].map(|open_for| stub.service(breaking(1, open_for, 1)));

    for service in [&open_still, &closed_again, &gone] {
        half_opened(service, &stub).await;
    }
    closed_again.execute(command()).await.expect("the probe is answered");
    drop(gone);

    let mut told = Recorded::by(&recorder);
    told.take();
    assert_eq!(told.of("annals_command_breaker_open{category=jar}"), 1.0, "{:#?}", told.series());
}
