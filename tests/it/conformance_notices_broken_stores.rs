//! The conformance suite fails stores that break its promises: a suite that passes everything proves nothing.

use annals_eventstore::conformance::cases;

use crate::support::{BrokenStore, Fault};

/// Fails unless the sound store passes each case and the broken one does not.
macro_rules! notices {
    ($($promise:ident: $fault:ident by [$($case:ident),+ $(,)?];)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            // At once: what is noticed by waiting for what never comes takes a minute.
            tokio::join!($(async {
                let sound = cases::$case(&BrokenStore::new(Fault::None)).await;
                sound.expect(stringify!($case));
                let broken = cases::$case(&BrokenStore::new(Fault::$fault)).await;
                assert!(broken.is_err(), "{} passes a store of which {:?} is true", stringify!($case), Fault::$fault);
            }),+);
        }
    )+};
}

notices! {
    a_store_that_skips_the_version_check_is_noticed: SkipsTheVersionCheck by [
        expecting_no_stream_is_refused_by_an_existing_one,
        expecting_version_zero_is_expecting_no_stream,
        expecting_a_stream_is_refused_by_a_missing_one,
        a_wrong_exact_version_is_refused_with_the_actual_one,
        of_many_writers_at_one_version_exactly_one_wins,
        a_race_to_create_a_stream_ends_cleanly,
    ];
    a_store_that_checks_the_version_too_early_is_noticed: ChecksTheVersionTooEarly by [
        of_many_writers_at_one_version_exactly_one_wins,
        identical_appends_sent_at_once_are_stored_once,
    ];
    a_store_that_forgets_ids_is_noticed: ForgetsIds by [
        a_repetition_by_its_ids_returns_the_first_receipt,
        the_same_event_id_twice_in_one_append_is_refused,
        identical_appends_sent_at_once_are_stored_once,
    ];
    a_store_that_takes_any_late_append_for_a_repetition_is_noticed: TakesLateAppendsForRepetitions by [
        events_that_are_only_partly_the_same_are_a_conflict,
        expecting_no_stream_is_refused_by_an_existing_one,
    ];
    a_store_that_forgets_keys_is_noticed: ForgetsKeys by [
        a_key_recognises_a_repetition_in_every_mode,
        a_key_used_for_something_else_is_refused,
        appends_under_one_key_sent_at_once_are_stored_once,
    ];
    a_store_that_forgets_what_a_key_was_for_is_noticed: ForgetsFingerprints by [
        a_key_used_for_something_else_is_refused,
        a_key_is_compared_by_the_fingerprint_that_is_given,
    ];
    a_store_that_keeps_half_of_a_refused_append_is_noticed: StoresTheFirstHalfOfARefusedAppend by [
        one_refused_event_refuses_the_whole_append,
        a_nul_character_is_refused_by_name,
    ];
    a_store_that_shows_half_of_an_append_is_noticed: TearsAppends by [
        no_event_is_delivered_before_its_whole_append_is_stored,
    ];
    a_store_that_reorders_is_noticed: Reorders by [
        every_page_size_reads_the_same_log,
        the_log_reads_both_ways_from_any_position,
        events_of_one_append_keep_their_order,
        versions_rise_in_the_order_of_the_log,
        a_subscription_begins_where_it_was_asked_to,
    ];
    a_store_that_drops_a_late_event_is_noticed: DropsALateEvent by [
        every_page_size_reads_the_same_log,
        every_event_is_delivered_once,
        events_of_one_append_keep_their_order,
        versions_rise_in_the_order_of_the_log,
        a_subscription_resumes_where_another_ended,
        a_subscription_begins_where_it_was_asked_to,
        a_stream_deleted_during_a_subscription_stops_nobody,
    ];
    a_store_that_delivers_twice_is_noticed: DeliversTwice by [
        every_page_size_reads_the_same_log,
        every_event_is_delivered_once,
        versions_rise_in_the_order_of_the_log,
        a_subscription_resumes_where_another_ended,
        a_live_subscription_gets_what_is_appended,
        a_stream_deleted_during_a_subscription_stops_nobody,
    ];
    a_store_that_settles_too_early_is_noticed: SettlesTooEarly by [
        every_page_size_reads_the_same_log,
        every_event_is_delivered_once,
        a_slow_subscription_loses_nothing_in_bounded_memory,
    ];
    a_store_that_settles_too_far_is_noticed: SettlesTooFar by [
        every_page_size_reads_the_same_log,
        past_the_ends_of_the_log_there_is_nothing,
    ];
    a_store_that_forgets_filters_is_noticed: ForgetsFilters by [
        the_last_event_that_passes_a_filter_is_found,
        a_filter_picks_the_events_that_pass_all_its_conditions,
        a_span_of_time_has_its_beginning_and_not_its_end,
        a_page_settles_behind_what_its_filter_leaves_out,
        an_event_is_found_by_its_id,
        a_category_excludes_every_other_one,
    ];
    a_store_that_takes_prefixes_for_categories_is_noticed: TakesPrefixesForCategories by [
        a_category_excludes_every_other_one,
    ];
    a_store_that_settles_a_filtered_page_elsewhere_is_noticed: SettlesTooFar by [
        a_filter_picks_the_events_that_pass_all_its_conditions,
        a_page_settles_behind_what_its_filter_leaves_out,
    ];
    a_store_that_misplaces_the_position_of_a_consumer_is_noticed: SettlesTooFar by [
        each_stream_keeps_its_order_through_crashes,
        what_a_crashed_consumer_had_in_hand_comes_again,
        a_position_is_kept_after_every_few_events_and_at_the_end,
        a_position_is_kept_when_nothing_more_comes,
        what_a_consumer_leaves_out_is_kept_as_done,
        no_timer_keeps_what_was_not_handled,
    ];
    a_store_that_reorders_what_a_consumer_handles_is_noticed: Reorders by [
        each_stream_keeps_its_order_through_crashes,
    ];
    a_store_that_reformats_payloads_is_noticed: ReformatsPayloads by [what_is_stored_comes_back_to_the_byte];
    a_store_that_skips_the_version_check_of_several_streams_is_noticed: SkipsTheVersionCheck by [
        one_refused_stream_refuses_them_all,
        a_stream_that_is_only_checked_guards_the_others,
        a_repetition_to_several_streams_returns_the_first_receipts,
    ];
    a_store_that_forgets_the_ids_of_several_streams_is_noticed: ForgetsIds by [
        a_repetition_to_several_streams_returns_the_first_receipts,
        a_stream_is_named_once_and_an_event_id_too,
    ];
    a_store_that_forgets_the_keys_of_several_streams_is_noticed: ForgetsKeys by [
        a_repetition_to_several_streams_returns_the_first_receipts,
        appends_to_several_streams_under_one_key_are_stored_once,
        an_append_to_several_streams_is_found_by_its_key,
        a_key_is_cancelled_unless_it_was_used,
        an_append_and_the_cancellation_of_its_key_agree,
    ];
    a_store_that_forgets_what_a_key_of_several_streams_was_for_is_noticed: ForgetsFingerprints by [
        a_repetition_to_several_streams_returns_the_first_receipts,
    ];
    a_store_that_stores_stream_by_stream_is_noticed: StoresStreamByStream by [
        one_refused_stream_refuses_them_all,
        a_repetition_to_several_streams_returns_the_first_receipts,
    ];
    a_store_that_forgets_checks_is_noticed: ForgetsChecks by [
        one_refused_stream_refuses_them_all,
        a_stream_that_is_only_checked_guards_the_others,
    ];
    a_store_that_forgets_claims_is_noticed: ForgetsClaims by [
        several_streams_take_and_hand_over_claims_together,
    ];
    a_store_that_forgets_cancellations_is_noticed: ForgetsCancellations by [
        a_key_is_cancelled_unless_it_was_used,
        an_append_and_the_cancellation_of_its_key_agree,
    ];
    a_store_that_takes_known_ids_is_noticed: TakesKnownIds by [
        a_known_event_id_is_refused_where_ids_are_unique,
    ];
    a_store_that_shows_deleted_streams_is_noticed: ShowsDeletedStreams by [
        a_deleted_stream_is_not_found_and_begins_again_where_it_ended,
        a_deleted_stream_is_none_to_those_who_expect_one,
    ];
    a_store_that_deletes_at_any_version_is_noticed: DeletesAtAnyVersion by [
        a_deletion_is_refused_unless_the_stream_is_as_expected,
    ];
    a_store_that_forgets_tombstones_is_noticed: ForgetsTombstones by [
        a_tombstoned_stream_is_closed_for_ever,
        a_name_without_a_stream_can_be_tombstoned,
        a_scrub_removes_what_is_not_shown_and_nothing_else,
    ];
    a_store_that_scrubs_what_is_shown_is_noticed: ScrubsWhatIsShown by [
        a_scrub_removes_what_is_not_shown_and_nothing_else,
        a_stream_that_shows_all_its_events_is_not_scrubbed,
    ];
    a_store_that_forgets_to_scrub_is_noticed: ForgetsToScrub by [
        a_scrub_removes_what_is_not_shown_and_nothing_else,
        a_key_answers_until_its_events_are_scrubbed,
        a_key_of_several_streams_answers_for_those_that_are_left,
        scrubbed_stretches_wider_than_a_page_do_not_stop_a_reader,
    ];
    a_store_that_scrubs_at_once_is_noticed: ScrubsAtOnce by [
        a_scrub_goes_in_batches_and_on_where_it_stopped,
    ];
    a_store_that_keeps_the_claims_of_streams_that_ended_is_noticed: KeepsClaims by [
        a_claim_is_held_by_one_stream_until_it_is_released,
        of_claims_taken_and_deletions_at_once_those_are_held_whose_event_is_shown,
        a_stream_that_ends_releases_its_claims_and_one_that_is_truncated_keeps_them,
    ];
    a_store_that_deletes_what_is_to_be_truncated_is_noticed: DeletesInsteadOfTruncating by [
        a_truncated_stream_is_read_from_its_first_version,
        a_stream_that_ends_releases_its_claims_and_one_that_is_truncated_keeps_them,
    ];
    a_store_that_forgets_what_a_reader_has_seen_is_noticed: ForgetsCursors by [
        a_reader_of_another_log_is_told_so,
    ];
    a_store_that_forgets_to_leave_a_trace_of_what_was_scrubbed_is_noticed: ForgetsTheScrubbed by [
        a_cursor_goes_on_also_where_its_event_was_scrubbed,
    ];
    a_store_that_drops_metadata_is_noticed: DropsMetadata by [metadata_is_kept_and_may_be_absent];
}
