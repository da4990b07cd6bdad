//! Two writers commit in the reverse order of their positions, and a reader misses neither.
//!
//! Each schedule stops the reader's own code at one of its gaps, lets the late writer commit right there, and
//! counts what arrives. The same schedules run against mutants – the reader folded into one statement, the
//! fence left out, the edge of the empty log forgotten – and each mutant loses an event, every time.

mod mutant;
mod schedule;

use annals_devdb::TestResult;

use mutant::Mutant;
use schedule::{Gap, Log, Schedule};

/// How often a mutant has to be caught in a row.
const ROUNDS: usize = 5;

#[tokio::test]
async fn writers_that_commit_in_reverse_order_are_both_delivered_in_order() -> TestResult {
    let mut schedules = 0;
    for log in [Log::Empty, Log::WithEvents] {
        for gap in Gap::ALL {
            let outcome = Schedule { log, gap }.run(None).await?;

            assert_eq!(outcome.delivered, outcome.committed, "{log:?}, late commit {gap:?}");
            schedules += 1;
        }
    }
    println!("fence: {schedules} schedules, nothing lost");
    assert_eq!(schedules, 8);
    Ok(())
}

#[tokio::test]
async fn while_a_lower_position_is_open_nothing_above_it_is_settled() -> TestResult {
    let outcome = Schedule { log: Log::Empty, gap: Gap::AfterReading }.run(None).await?;

    assert_eq!(outcome.settled_while_open, 0, "the log was empty when the open writer drew");
    assert!(outcome.delivered_while_open.is_empty(), "{outcome:?}");
    Ok(())
}

/// The one schedule that finds a mutant, and that it finds it every time.
async fn is_caught_every_time(mutant: Mutant, schedule: Schedule) -> TestResult {
    for round in 1..=ROUNDS {
        let outcome = schedule.run(Some(mutant)).await?;

        assert_ne!(outcome.delivered, outcome.committed, "{mutant:?} was not caught in round {round}");
    }
    println!("fence: {mutant:?} caught {ROUNDS} times of {ROUNDS}");
    Ok(())
}

#[tokio::test]
async fn a_reader_of_one_snapshot_loses_the_late_writer() -> TestResult {
    let schedule = Schedule { log: Log::Empty, gap: Gap::BeforeLastPosition };
    is_caught_every_time(Mutant::OneStatement, schedule).await
}

#[tokio::test]
async fn without_the_fence_the_late_writer_is_lost() -> TestResult {
    let schedule = Schedule { log: Log::Empty, gap: Gap::AfterReading };
    is_caught_every_time(Mutant::NoFence, schedule).await
}

#[tokio::test]
async fn without_the_edge_of_the_empty_log_the_first_writer_is_lost() -> TestResult {
    let schedule = Schedule { log: Log::Empty, gap: Gap::AfterReading };
    is_caught_every_time(Mutant::NoEmptyLogEdge, schedule).await
}
