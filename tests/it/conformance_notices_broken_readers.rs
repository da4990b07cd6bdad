//! The conformance suite fails readers of PostgreSQL that decide wrongly how far the log has settled, and a
//! log that is not guarded.

use annals_eventstore::conformance::cases;

use crate::support::{BrokenReader, Rule, TestDb, UnguardedLog};

/// Fails unless the reader fails each case. That the sound reader passes them, `conformance_postgres` tells.
macro_rules! notices {
    ($($promise:ident: $rule:ident by [$($case:ident),+ $(,)?];)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            $(
                let reader = BrokenReader::by(Rule::$rule).await;
                let broken = cases::$case(&reader).await;
                assert!(broken.is_err(), "{} passes a reader that goes by {}", stringify!($case), stringify!($rule));
            )+
        }
    )+};
}

notices! {
    a_reader_that_goes_by_the_last_position_seen_is_noticed: LAST_SEEN by [
        a_slow_transaction_is_not_skipped,
        several_slow_transactions_are_not_skipped,
        a_slow_transaction_of_many_events_is_not_skipped,
        rolled_back_positions_do_not_block,
        a_rolled_back_savepoint_does_not_block,
        events_of_one_transaction_are_delivered_together,
        beginning_at_the_end_misses_nothing_that_commits_later,
        subscribing_now_misses_nothing_that_commits_later,
    ];
    a_reader_that_waits_for_the_oldest_transaction_is_noticed: OLDEST_TRANSACTION by [
        an_unrelated_open_transaction_does_not_block,
        versions_rise_although_the_later_writer_began_first,
    ];
    a_reader_that_waits_for_everybody_is_noticed: NOBODY_ELSE by [
        an_unrelated_open_transaction_does_not_block,
        an_open_reader_does_not_block,
    ];
    a_reader_that_waits_for_holes_to_be_filled_is_noticed: FIRST_HOLE by [
        rolled_back_positions_do_not_block,
        a_rolled_back_savepoint_does_not_block,
    ];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_its_triggers_is_noticed() {
    let unguarded = UnguardedLog(TestDb::fresh().await.expect("a database for the test"));
    let broken = cases::recorded_events_cannot_be_changed_in_sql(&unguarded).await;
    assert!(broken.is_err(), "events were changed and nobody noticed");
}
