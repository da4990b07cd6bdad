//! Nothing is skipped, whatever the order of steps.
//!
//! Sessions take their steps one at a time, in every order there is: writers lock a stream's row, read the last
//! position drawn, leave their mark, draw, insert, and commit or roll back; the reader asks for the last
//! position, for the marks, for the rows. They run the real functions, which stop at the gates that a test
//! plants where their source says `gap`. See docs/why-nothing-is-skipped.md.
//!
//! The same is played with logs that have one thing wrong. Each is found out by a schedule that has a name,
//! every time.
//!
//! The short profile plays one schedule of each class, and of three writers an even sample of those classes.
//! `ANNALS_SCHEDULES=full` plays every schedule of two writers, every class of three, and more casts of three:
//! hours instead of a minute.

mod cast;
mod gates;
mod mutant;
mod outcome;
mod schedule;
mod session;
mod stage;

use std::time::Instant;

use annals_devdb::{TestFailure, TestResult};

use cast::{Before, Cast, Log, Writer};
use mutant::Mutant;
use outcome::Fault;
use schedule::{Schedule, count, every_schedule, one_schedule_of_each_class};
use stage::Stage;

/// How often a mutant has to be caught in a row.
const ROUNDS: usize = 5;

/// How many classes of three writers the short profile plays, spread evenly over all of them.
const SAMPLE: usize = 120;

fn is_full() -> bool {
    std::env::var("ANNALS_SCHEDULES").is_ok_and(|profile| profile == "full")
}

/// Plays casts, schedule by schedule, and says how many.
async fn plays_without_fault(what: &str, casts: Vec<Cast>, each_one: bool) -> TestResult {
    plays_some(what, casts, each_one, usize::MAX).await
}

/// The same, of at most so many schedules of each cast.
async fn plays_some(what: &str, casts: Vec<Cast>, each_one: bool, at_most: usize) -> TestResult {
    let began = Instant::now();
    let (mut played, mut stand_for) = (0, 0);
    for cast in casts {
        let mut stage = Stage::set(&cast, None).await?;
        let schedules = if each_one { every_schedule(&cast) } else { one_schedule_of_each_class(&cast) };
        for schedule in schedules.iter().step_by(schedules.len().div_ceil(at_most).max(1)) {
            let outcome = stage.play(schedule).await?;

            let faults = outcome.faults();
            assert!(faults.is_empty(), "{faults:?} in {schedule:?} of {cast:?}: {outcome:?}");
            played += 1;
        }
        stand_for += count(&cast);
    }
    println!("fence, {what}: {played} schedules stand for {stand_for}, {:.1?}", began.elapsed());
    assert!(played > 0 && stand_for >= played);
    Ok(())
}

fn at_both_logs(writers: &[Writer], reads: usize) -> Vec<Cast> {
    [Log::Empty, Log::WithEvents].map(|log| Cast::new(log, writers, reads)).to_vec()
}

fn with_every_ending(casts: &[Cast]) -> Vec<Cast> {
    casts.iter().flat_map(Cast::with_every_ending).collect()
}

#[tokio::test]
async fn one_writer_is_delivered_once_and_in_order_in_each_single_schedule() -> TestResult {
    let casts = with_every_ending(&at_both_logs(&[Writer::to(1)], 1));
    plays_without_fault("one writer", casts, true).await
}

#[tokio::test]
async fn two_writers_to_two_streams_are_delivered_once_and_in_order_in_every_schedule() -> TestResult {
    two_writers("two streams", [Writer::to(1), Writer::to(2)]).await
}

#[tokio::test]
async fn two_writers_to_one_stream_are_delivered_once_and_in_order_in_every_schedule() -> TestResult {
    two_writers("one stream", [Writer::to(1), Writer::to(1)]).await
}

/// Every ending, and a reader that comes a second time.
async fn two_writers(what: &str, writers: [Writer; 2]) -> TestResult {
    plays_without_fault(what, with_every_ending(&at_both_logs(&writers, 1)), is_full()).await?;
    let twice = format!("{what}, read twice");
    plays_without_fault(&twice, vec![Cast::new(Log::Empty, writers, 2)], false).await
}

#[tokio::test]
async fn three_writers_to_three_streams_are_delivered_once_and_in_order_in_every_schedule() -> TestResult {
    three_writers("three streams", [Writer::to(1), Writer::to(2), Writer::to(3)]).await
}

#[tokio::test]
async fn three_writers_to_two_streams_are_delivered_once_and_in_order_in_every_schedule() -> TestResult {
    three_writers("two streams for three", [Writer::to(1), Writer::to(1), Writer::to(2)]).await
}

#[tokio::test]
async fn three_writers_to_one_stream_are_delivered_once_and_in_order_in_every_schedule() -> TestResult {
    three_writers("one stream for three", [Writer::to(1), Writer::to(1), Writer::to(1)]).await
}

/// Who appends one event alone takes the same steps, in one statement.
#[tokio::test]
async fn writers_of_one_event_are_delivered_once_and_in_order_in_every_schedule() -> TestResult {
    let [first, second] = [Writer::to(1).of_one_event(), Writer::to(2).of_one_event()];
    two_writers("one event each, two streams", [first, second]).await?;
    two_writers("one event each, one stream", [first, first]).await?;
    let fresh = Cast::new(Log::Empty, [Writer::to(1), Writer::to(2)].map(Writer::of_a_first_event), 1);
    plays_without_fault("a first event each", with_every_ending(&[fresh]), is_full()).await?;
    let beside_another = with_every_ending(&at_both_logs(&[first, Writer::to(2)], 1));
    plays_without_fault("one event beside a whole append", beside_another, is_full()).await
}

async fn three_writers(what: &str, writers: [Writer; 3]) -> TestResult {
    let casts = vec![Cast::new(Log::WithEvents, writers, 1)];
    if is_full() {
        return plays_without_fault(what, with_every_ending(&casts), false).await;
    }
    plays_some(&format!("{what}, a sample"), casts, false, SAMPLE).await
}

#[tokio::test]
async fn whatever_a_writer_did_before_it_is_delivered_once_and_in_order_in_every_schedule() -> TestResult {
    for before in [
        Before::SettingLeftBehind,
        Before::SettingWithoutMeaning,
        Before::AppendToAnotherLog,
        Before::AppendToAnotherStream,
        Before::SavepointRolledBack,
    ] {
        let writer = Writer::to(1).after(before);
        let calls = [writer, writer.of_one_event()];
        let casts = calls.map(|writer| Cast::new(Log::Empty, [writer, Writer::to(2)], 1)).to_vec();
        plays_without_fault(&format!("{before:?}"), casts, is_full()).await?;
    }
    Ok(())
}

/// The late writer draws first and commits last; the early one and the whole read come in between.
const EARLY_COMES_BEFORE_LATE: &str = "aaaaa bbbbbb rrr a";
/// The late writer draws first, and commits when the reader knows the last position and not yet the marks.
const COMMIT_BETWEEN_LAST_POSITION_AND_MARKS: &str = "aaaaa bbbbbb r a rr";
/// The first writer of all has drawn and not committed when the reader comes.
const FIRST_POSITION_IS_OPEN: &str = "aaaaa rrr a";
/// The reader comes before anybody.
const READ_BEFORE_ANYTHING: &str = "rrr aaaaaa";
/// The only writer rolls back before the reader comes.
const READ_AFTER_A_ROLLBACK: &str = "aaaaaa rrr";
/// The first to draw is the last to lock. A writer that draws before it locks has one step more.
const FIRST_TO_DRAW_LOCKS_LAST: &str = "aaaa bbbbbbb aaa rrr";

/// The schedule finds a mutant, every time.
async fn is_caught(mutant: Mutant, cast: Cast, text: &str, fault: Fault) -> TestResult {
    let schedule = Schedule::named(&cast, text);
    let mut stage = Stage::set(&cast, Some(mutant)).await?;
    for round in 1..=ROUNDS {
        let outcome = stage.play(&schedule).await?;

        assert!(outcome.faults().contains(&fault), "{mutant:?} in round {round}: {outcome:?}");
    }
    println!("fence: {mutant:?} caught by {text:?}, {ROUNDS} times of {ROUNDS}");
    Ok(())
}

/// What finds the mutant is not found in the sound log.
async fn is_caught_alone(mutant: Mutant, cast: Cast, text: &str) -> Result<(), TestFailure> {
    is_caught_alone_by(mutant, cast, text, Fault::DeliveredIsNotCommitted).await
}

async fn is_caught_alone_by(mutant: Mutant, cast: Cast, text: &str, fault: Fault) -> Result<(), TestFailure> {
    let outcome = Stage::set(&cast, None).await?.play(&Schedule::named(&cast, text)).await?;
    assert_eq!(outcome.faults(), [], "{outcome:?}");
    is_caught(mutant, cast, text, fault).await
}

#[tokio::test]
async fn without_the_fence_the_late_writer_is_lost() -> TestResult {
    for writers in [[Writer::to(1), Writer::to(2)], [Writer::to(1), Writer::to(2)].map(Writer::of_one_event)]
    {
        for cast in at_both_logs(&writers, 1) {
            is_caught_alone(Mutant::NoFence, cast, EARLY_COMES_BEFORE_LATE).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_reader_in_one_statement_loses_who_commits_meanwhile() -> TestResult {
    for cast in at_both_logs(&[Writer::to(1), Writer::to(2)], 1) {
        is_caught_alone(Mutant::OneStatement, cast, COMMIT_BETWEEN_LAST_POSITION_AND_MARKS).await?;
    }
    Ok(())
}

#[tokio::test]
async fn positions_drawn_before_the_row_lock_make_versions_fall() -> TestResult {
    for cast in at_both_logs(&[Writer::to(1), Writer::to(1)], 1) {
        let fault = Fault::VersionFallsWithPosition;
        is_caught(Mutant::RowLockAfterFence, cast, FIRST_TO_DRAW_LOCKS_LAST, fault).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_fence_without_the_edge_of_the_empty_log_is_clear_at_a_position_that_is_open() -> TestResult {
    for writer in [Writer::to(1), Writer::to(1).of_a_first_event()] {
        let cast = Cast::new(Log::Empty, [writer], 1);
        is_caught_alone_by(
            Mutant::NoEmptyLogEdgeInFence,
            cast,
            FIRST_POSITION_IS_OPEN,
            Fault::ClearAboveAnOpenPosition,
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_reader_without_the_edge_of_the_empty_log_is_clear_at_a_position_to_be_drawn() -> TestResult {
    let cast = Cast::new(Log::Empty, [Writer::to(1)], 1);
    is_caught_alone_by(
        Mutant::NoEmptyLogEdgeInHead,
        cast,
        READ_BEFORE_ANYTHING,
        Fault::ClearAboveAnOpenPosition,
    )
    .await
}

#[tokio::test]
async fn a_reader_that_settles_where_no_event_stands_is_found_out_after_a_rollback() -> TestResult {
    for cast in at_both_logs(&[Writer::to(1).rolling_back()], 1) {
        let fault = Fault::SettledWhereNothingIs;
        is_caught_alone_by(Mutant::SettlesWhereNothingIs, cast, READ_AFTER_A_ROLLBACK, fault).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_setting_believed_for_any_transaction_loses_the_writer_that_found_it() -> TestResult {
    let writers = [Writer::to(1).after(Before::SettingLeftBehind), Writer::to(2)];
    for cast in at_both_logs(&writers, 1) {
        is_caught_alone(Mutant::TransactionNotChecked, cast, EARLY_COMES_BEFORE_LATE).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_setting_believed_for_any_log_loses_the_second_log_of_a_transaction() -> TestResult {
    let writers = [Writer::to(1).after(Before::AppendToAnotherLog), Writer::to(2)];
    for cast in at_both_logs(&writers, 1) {
        is_caught_alone(Mutant::LogNotChecked, cast, EARLY_COMES_BEFORE_LATE).await?;
    }
    Ok(())
}
