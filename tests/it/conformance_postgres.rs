//! The store in PostgreSQL keeps every promise.

use annals_eventstore::PostgresStore;
use annals_eventstore::conformance::{CaseResult, SqlHarness, StoreHarness, conformance_suite};
use tokio_postgres::Client;

use crate::support::TestDb;

impl StoreHarness for TestDb {
    type Store = PostgresStore;
    type Operator = PostgresStore;

    fn store(&self) -> PostgresStore {
        TestDb::store(self)
    }

    fn operator(&self) -> PostgresStore {
        TestDb::store(self)
    }

    async fn require_unique_event_ids(&self) -> CaseResult {
        let owner = TestDb::connect(self).await?;
        owner.execute("select annals.require_unique_event_ids()", &[]).await?;
        Ok(())
    }
}

impl SqlHarness for TestDb {
    async fn connect(&self) -> CaseResult<Client> {
        Ok(TestDb::connect(self).await?)
    }

    fn schema(&self) -> &str {
        TestDb::schema(self)
    }
}

/// The table of every store in PostgreSQL, whatever stands before it.
macro_rules! suite_of_postgres {
    ($($harness:tt)*) => { conformance_suite! {
    $($harness)*
    cells: {
        1 the_first_event_of_a_new_stream_has_version_one,
        2 events_of_one_append_get_consecutive_versions,
        3 separate_appends_continue_the_versions,
        4 streams_written_in_turn_count_their_own_versions,
        5 expecting_no_stream_is_refused_by_an_existing_one,
        5 expecting_version_zero_is_expecting_no_stream,
        6 expecting_a_stream_is_refused_by_a_missing_one,
        7 a_wrong_exact_version_is_refused_with_the_actual_one,
        8 appends_at_any_version_all_succeed,
        9 of_many_writers_at_one_version_exactly_one_wins,
        10 a_race_to_create_a_stream_ends_cleanly,
        10 streams_created_at_once_all_come_to_be,
        11 an_append_without_events_does_nothing,
        12 the_same_event_id_twice_in_one_append_is_refused,
        12 a_known_event_id_is_refused_where_ids_are_unique,
        13 identical_appends_sent_at_once_are_stored_once,
        13 appends_under_one_key_sent_at_once_are_stored_once,
        13 a_repetition_by_its_ids_returns_the_first_receipt,
        13 events_that_are_only_partly_the_same_are_a_conflict,
        13 a_key_recognises_a_repetition_in_every_mode,
        13 a_key_used_for_something_else_is_refused,
        13 a_key_is_compared_by_the_fingerprint_that_is_given,
        13 a_key_of_a_refused_append_is_free,
        13 an_append_is_found_by_its_key,
        13 an_append_to_several_streams_is_found_by_its_key,
        13 a_key_is_cancelled_unless_it_was_used,
        13 an_append_and_the_cancellation_of_its_key_agree,
        14 one_refused_event_refuses_the_whole_append,
        15 an_append_of_any_size_is_stored_whole,
        16 what_is_stored_comes_back_to_the_byte,
        16 a_nul_character_is_refused_by_name,
        16 unreadable_json_is_refused_in_sql,
        17 an_append_in_an_open_transaction_is_invisible,
        18 events_of_several_streams_are_stored_together,
        18 one_refused_stream_refuses_them_all,
        18 a_stream_that_is_only_checked_guards_the_others,
        18 a_stream_is_named_once_and_an_event_id_too,
        18 a_repetition_to_several_streams_returns_the_first_receipts,
        18 writers_of_overlapping_streams_never_block_each_other_for_ever,
        18 appends_to_several_streams_under_one_key_are_stored_once,
        19 metadata_is_kept_and_may_be_absent,
        19 events_appended_in_sql_read_like_others,
        20 a_malformed_stream_name_is_refused_in_sql,
        22 recorded_events_cannot_be_changed_in_sql,
        23 a_missing_stream_is_an_error_that_names_it,
        23 a_missing_stream_has_no_rows_in_sql,
        24 a_stream_reads_both_ways_from_any_version,
        24 a_tail_holds_what_is_new_and_tells_how_far_the_stream_is,
        25 every_page_size_reads_the_same_stream,
        25 every_page_size_reads_the_same_log,
        26 holes_wider_than_a_page_do_not_stop_a_reader,
        26 scrubbed_stretches_wider_than_a_page_do_not_stop_a_reader,
        27 the_log_reads_both_ways_from_any_position,
        27 past_the_ends_of_the_log_there_is_nothing,
        28 a_deleted_stream_is_not_found_and_begins_again_where_it_ended,
        28 a_deleted_stream_is_none_to_those_who_expect_one,
        28 a_deletion_is_refused_unless_the_stream_is_as_expected,
        28 a_truncated_stream_is_read_from_its_first_version,
        28 a_tombstoned_stream_is_closed_for_ever,
        28 a_name_without_a_stream_can_be_tombstoned,
        28 the_log_shows_what_was_deleted,
        28 a_repetition_is_recognised_after_a_deletion,
        28 appends_and_deletions_at_once_leave_no_gap,
        28 deletions_in_sql_have_their_sqlstates_and_are_kept,
        28 a_scrub_removes_what_is_not_shown_and_nothing_else,
        28 a_stream_that_shows_all_its_events_is_not_scrubbed,
        28 a_scrub_goes_in_batches_and_on_where_it_stopped,
        28 a_key_answers_until_its_events_are_scrubbed,
        28 a_key_of_several_streams_answers_for_those_that_are_left,
        29 stream_info_tells_existence_and_version,
        29 streams_are_listed_by_prefix_in_byte_order,
        30 the_last_event_is_the_first_one_backward,
        30 the_last_event_that_passes_a_filter_is_found,
        31 a_filter_picks_the_events_that_pass_all_its_conditions,
        31 a_span_of_time_has_its_beginning_and_not_its_end,
        31 a_page_settles_behind_what_its_filter_leaves_out,
        31 an_event_is_found_by_its_id,
        31 a_filtered_read_gives_settled_events_only,
        31 a_correlation_of_another_shape_is_none,
        32 a_category_excludes_every_other_one,
        34 a_slow_transaction_is_not_skipped,
        34 reading_backward_shows_settled_events_only,
        35 several_slow_transactions_are_not_skipped,
        36 a_slow_transaction_of_many_events_is_not_skipped,
        37 rolled_back_positions_do_not_block,
        37 a_rolled_back_savepoint_does_not_block,
        38 events_of_one_transaction_are_delivered_together,
        38 overlapping_transactions_are_delivered_in_order_and_once,
        38 an_append_with_others_positions_inside_is_delivered_whole,
        38 every_event_is_delivered_once,
        38 no_event_is_delivered_before_its_whole_append_is_stored,
        39 events_of_one_append_keep_their_order,
        40 versions_rise_although_the_later_writer_began_first,
        40 writers_of_one_stream_queue_in_the_order_of_the_log,
        40 versions_rise_in_the_order_of_the_log,
        41 an_unrelated_open_transaction_does_not_block,
        42 an_open_reader_does_not_block,
        43 beginning_at_the_end_misses_nothing_that_commits_later,
        43 subscribing_now_misses_nothing_that_commits_later,
        45 a_reader_of_another_log_is_told_so,
        45 a_cursor_goes_on_also_where_its_event_was_scrubbed,
        47 a_subscription_tells_where_it_stands,
        48 a_live_subscription_gets_what_is_appended,
        49 a_filtered_subscription_gets_what_it_asked_for,
        50 a_subscription_begins_where_it_was_asked_to,
        51 what_is_filtered_out_settles_all_the_same,
        54 each_stream_keeps_its_order_through_crashes,
        55 what_a_crashed_consumer_had_in_hand_comes_again,
        57 a_position_is_kept_after_every_few_events_and_at_the_end,
        57 a_position_is_kept_when_nothing_more_comes,
        57 what_a_consumer_leaves_out_is_kept_as_done,
        58 no_timer_keeps_what_was_not_handled,
        59 a_subscription_resumes_where_another_ended,
        60 a_slow_subscription_loses_nothing_in_bounded_memory,
        60 changing_between_cursor_and_tailer_neither_loses_nor_doubles,
        61 an_unsubscribed_subscription_ends_and_can_be_made_anew,
        61 a_consumer_resumes_and_begins_again_when_its_position_is_forgotten,
        62 a_stream_deleted_during_a_subscription_stops_nobody,
        63 a_subscription_to_a_missing_stream_gets_its_first_event,
        83 several_decisions_are_stored_together_each_with_its_receipt,
        83 a_key_that_was_used_keeps_all_decisions_out_and_is_told,
        83 decisions_at_a_wrong_version_leave_nothing,
        83 a_claim_is_held_by_one_stream_until_it_is_released,
        83 of_many_streams_that_take_one_claim_exactly_one_gets_it,
        83 of_claims_taken_and_deletions_at_once_those_are_held_whose_event_is_shown,
        83 a_stream_that_ends_releases_its_claims_and_one_that_is_truncated_keeps_them,
        83 several_streams_take_and_hand_over_claims_together,
        84 a_snapshot_and_what_stands_behind_it_come_together,
        84 a_snapshot_of_another_kind_or_shape_is_passed_over,
        84 old_snapshots_are_pruned_and_impossible_ones_refused,
    }
    } };
}
pub(crate) use suite_of_postgres;

suite_of_postgres! {
    harness: async { TestDb::fresh().await.expect("a database for the test") },
}
