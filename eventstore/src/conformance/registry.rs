//! The table of all cases, and what fills it for one adapter.

use crate::conformance::registry::AppliesTo::{EveryStore, SnapshotStores, SqlLogs};

/// Which adapters a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppliesTo {
    /// Every adapter; none is excused.
    EveryStore,
    /// Adapters whose log is a PostgreSQL schema ([`SqlHarness`](crate::conformance::SqlHarness)); others
    /// are excused with a reason.
    SqlLogs,
    /// Adapters that keep snapshots ([`SnapshotStore`](crate::SnapshotStore)); others are excused with a reason.
    SnapshotStores,
}

/// One case of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The promise's number. Several cases can check one promise.
    pub number: u16,
    /// The function in [`cases`](crate::conformance::cases) that checks it.
    pub name: &'static str,
    /// Which adapters it is for.
    pub applies_to: AppliesTo,
}

impl Case {
    /// Returns the promise as a sentence.
    pub fn promise(&self) -> String {
        self.name.replace('_', " ")
    }
}

const fn case(number: u16, name: &'static str, applies_to: AppliesTo) -> Case {
    Case { number, name, applies_to }
}

/// Every case there is, by number.
pub const CASES: &[Case] = &[
    case(1, "the_first_event_of_a_new_stream_has_version_one", EveryStore),
    case(2, "events_of_one_append_get_consecutive_versions", EveryStore),
    case(3, "separate_appends_continue_the_versions", EveryStore),
    case(4, "streams_written_in_turn_count_their_own_versions", EveryStore),
    case(5, "expecting_no_stream_is_refused_by_an_existing_one", EveryStore),
    case(5, "expecting_version_zero_is_expecting_no_stream", EveryStore),
    case(6, "expecting_a_stream_is_refused_by_a_missing_one", EveryStore),
    case(7, "a_wrong_exact_version_is_refused_with_the_actual_one", EveryStore),
    case(8, "appends_at_any_version_all_succeed", EveryStore),
    case(9, "of_many_writers_at_one_version_exactly_one_wins", EveryStore),
    case(10, "a_race_to_create_a_stream_ends_cleanly", EveryStore),
    case(10, "streams_created_at_once_all_come_to_be", EveryStore),
    case(11, "an_append_without_events_does_nothing", EveryStore),
    case(12, "the_same_event_id_twice_in_one_append_is_refused", EveryStore),
    case(12, "a_known_event_id_is_refused_where_ids_are_unique", EveryStore),
    case(13, "identical_appends_sent_at_once_are_stored_once", EveryStore),
    case(13, "appends_under_one_key_sent_at_once_are_stored_once", EveryStore),
    case(13, "a_repetition_by_its_ids_returns_the_first_receipt", EveryStore),
    case(13, "events_that_are_only_partly_the_same_are_a_conflict", EveryStore),
    case(13, "a_key_recognises_a_repetition_in_every_mode", EveryStore),
    case(13, "a_key_used_for_something_else_is_refused", EveryStore),
    case(13, "a_key_is_compared_by_the_fingerprint_that_is_given", EveryStore),
    case(13, "a_key_of_a_refused_append_is_free", EveryStore),
    case(13, "an_append_is_found_by_its_key", EveryStore),
    case(13, "an_append_to_several_streams_is_found_by_its_key", EveryStore),
    case(13, "a_key_is_cancelled_unless_it_was_used", EveryStore),
    case(13, "an_append_and_the_cancellation_of_its_key_agree", EveryStore),
    case(14, "one_refused_event_refuses_the_whole_append", EveryStore),
    case(15, "an_append_of_any_size_is_stored_whole", EveryStore),
    case(16, "what_is_stored_comes_back_to_the_byte", EveryStore),
    case(16, "a_nul_character_is_refused_by_name", EveryStore),
    case(16, "unreadable_json_is_refused_in_sql", SqlLogs),
    case(17, "an_append_in_an_open_transaction_is_invisible", SqlLogs),
    case(18, "events_of_several_streams_are_stored_together", EveryStore),
    case(18, "one_refused_stream_refuses_them_all", EveryStore),
    case(18, "a_stream_that_is_only_checked_guards_the_others", EveryStore),
    case(18, "a_stream_is_named_once_and_an_event_id_too", EveryStore),
    case(18, "a_repetition_to_several_streams_returns_the_first_receipts", EveryStore),
    case(18, "writers_of_overlapping_streams_never_block_each_other_for_ever", EveryStore),
    case(18, "appends_to_several_streams_under_one_key_are_stored_once", EveryStore),
    case(19, "metadata_is_kept_and_may_be_absent", EveryStore),
    case(19, "events_appended_in_sql_read_like_others", SqlLogs),
    case(20, "a_malformed_stream_name_is_refused_in_sql", SqlLogs),
    case(22, "recorded_events_cannot_be_changed_in_sql", SqlLogs),
    case(23, "a_missing_stream_is_an_error_that_names_it", EveryStore),
    case(23, "a_missing_stream_has_no_rows_in_sql", SqlLogs),
    case(24, "a_stream_reads_both_ways_from_any_version", EveryStore),
    case(24, "a_tail_holds_what_is_new_and_tells_how_far_the_stream_is", EveryStore),
    case(25, "every_page_size_reads_the_same_stream", EveryStore),
    case(25, "every_page_size_reads_the_same_log", EveryStore),
    case(26, "holes_wider_than_a_page_do_not_stop_a_reader", SqlLogs),
    case(26, "scrubbed_stretches_wider_than_a_page_do_not_stop_a_reader", EveryStore),
    case(27, "the_log_reads_both_ways_from_any_position", EveryStore),
    case(27, "past_the_ends_of_the_log_there_is_nothing", EveryStore),
    case(28, "a_deleted_stream_is_not_found_and_begins_again_where_it_ended", EveryStore),
    case(28, "a_deleted_stream_is_none_to_those_who_expect_one", EveryStore),
    case(28, "a_deletion_is_refused_unless_the_stream_is_as_expected", EveryStore),
    case(28, "a_truncated_stream_is_read_from_its_first_version", EveryStore),
    case(28, "a_tombstoned_stream_is_closed_for_ever", EveryStore),
    case(28, "a_name_without_a_stream_can_be_tombstoned", EveryStore),
    case(28, "the_log_shows_what_was_deleted", EveryStore),
    case(28, "a_repetition_is_recognised_after_a_deletion", EveryStore),
    case(28, "appends_and_deletions_at_once_leave_no_gap", EveryStore),
    case(28, "deletions_in_sql_have_their_sqlstates_and_are_kept", SqlLogs),
    case(28, "a_scrub_removes_what_is_not_shown_and_nothing_else", EveryStore),
    case(28, "a_stream_that_shows_all_its_events_is_not_scrubbed", EveryStore),
    case(28, "a_scrub_goes_in_batches_and_on_where_it_stopped", EveryStore),
    case(28, "a_key_answers_until_its_events_are_scrubbed", EveryStore),
    case(28, "a_key_of_several_streams_answers_for_those_that_are_left", EveryStore),
    case(29, "stream_info_tells_existence_and_version", EveryStore),
    case(29, "streams_are_listed_by_prefix_in_byte_order", EveryStore),
    case(30, "the_last_event_is_the_first_one_backward", EveryStore),
    case(30, "the_last_event_that_passes_a_filter_is_found", EveryStore),
    case(31, "a_filter_picks_the_events_that_pass_all_its_conditions", EveryStore),
    case(31, "a_span_of_time_has_its_beginning_and_not_its_end", EveryStore),
    case(31, "a_page_settles_behind_what_its_filter_leaves_out", EveryStore),
    case(31, "an_event_is_found_by_its_id", EveryStore),
    case(31, "a_filtered_read_gives_settled_events_only", SqlLogs),
    case(31, "a_correlation_of_another_shape_is_none", SqlLogs),
    case(32, "a_category_excludes_every_other_one", EveryStore),
    case(34, "a_slow_transaction_is_not_skipped", SqlLogs),
    case(34, "reading_backward_shows_settled_events_only", SqlLogs),
    case(35, "several_slow_transactions_are_not_skipped", SqlLogs),
    case(36, "a_slow_transaction_of_many_events_is_not_skipped", SqlLogs),
    case(37, "rolled_back_positions_do_not_block", SqlLogs),
    case(37, "a_rolled_back_savepoint_does_not_block", SqlLogs),
    case(38, "events_of_one_transaction_are_delivered_together", SqlLogs),
    case(38, "overlapping_transactions_are_delivered_in_order_and_once", SqlLogs),
    case(38, "an_append_with_others_positions_inside_is_delivered_whole", SqlLogs),
    case(38, "every_event_is_delivered_once", EveryStore),
    case(38, "no_event_is_delivered_before_its_whole_append_is_stored", EveryStore),
    case(39, "events_of_one_append_keep_their_order", EveryStore),
    case(40, "versions_rise_although_the_later_writer_began_first", SqlLogs),
    case(40, "writers_of_one_stream_queue_in_the_order_of_the_log", SqlLogs),
    case(40, "versions_rise_in_the_order_of_the_log", EveryStore),
    case(41, "an_unrelated_open_transaction_does_not_block", SqlLogs),
    case(42, "an_open_reader_does_not_block", SqlLogs),
    case(43, "beginning_at_the_end_misses_nothing_that_commits_later", SqlLogs),
    case(43, "subscribing_now_misses_nothing_that_commits_later", SqlLogs),
    case(45, "a_reader_of_another_log_is_told_so", EveryStore),
    case(45, "a_cursor_goes_on_also_where_its_event_was_scrubbed", EveryStore),
    case(47, "a_subscription_tells_where_it_stands", EveryStore),
    case(48, "a_live_subscription_gets_what_is_appended", EveryStore),
    case(49, "a_filtered_subscription_gets_what_it_asked_for", EveryStore),
    case(50, "a_subscription_begins_where_it_was_asked_to", EveryStore),
    case(51, "what_is_filtered_out_settles_all_the_same", EveryStore),
    case(54, "each_stream_keeps_its_order_through_crashes", EveryStore),
    case(55, "what_a_crashed_consumer_had_in_hand_comes_again", EveryStore),
    case(57, "a_position_is_kept_after_every_few_events_and_at_the_end", EveryStore),
    case(57, "a_position_is_kept_when_nothing_more_comes", EveryStore),
    case(57, "what_a_consumer_leaves_out_is_kept_as_done", EveryStore),
    case(58, "no_timer_keeps_what_was_not_handled", EveryStore),
    case(59, "a_subscription_resumes_where_another_ended", EveryStore),
    case(60, "a_slow_subscription_loses_nothing_in_bounded_memory", EveryStore),
    case(60, "changing_between_cursor_and_tailer_neither_loses_nor_doubles", EveryStore),
    case(61, "an_unsubscribed_subscription_ends_and_can_be_made_anew", EveryStore),
    case(61, "a_consumer_resumes_and_begins_again_when_its_position_is_forgotten", EveryStore),
    case(62, "a_stream_deleted_during_a_subscription_stops_nobody", EveryStore),
    case(63, "a_subscription_to_a_missing_stream_gets_its_first_event", EveryStore),
    case(83, "several_decisions_are_stored_together_each_with_its_receipt", EveryStore),
    case(83, "a_key_that_was_used_keeps_all_decisions_out_and_is_told", EveryStore),
    case(83, "decisions_at_a_wrong_version_leave_nothing", EveryStore),
    case(83, "a_claim_is_held_by_one_stream_until_it_is_released", EveryStore),
    case(83, "of_many_streams_that_take_one_claim_exactly_one_gets_it", EveryStore),
    case(83, "of_claims_taken_and_deletions_at_once_those_are_held_whose_event_is_shown", EveryStore),
    case(83, "a_stream_that_ends_releases_its_claims_and_one_that_is_truncated_keeps_them", EveryStore),
    case(83, "several_streams_take_and_hand_over_claims_together", EveryStore),
    case(84, "a_snapshot_and_what_stands_behind_it_come_together", SnapshotStores),
    case(84, "a_snapshot_of_another_kind_or_shape_is_passed_over", SnapshotStores),
    case(84, "old_snapshots_are_pruned_and_impossible_ones_refused", SnapshotStores),
];

/// What an adapter does about a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The number that the adapter's table gives the case.
    pub number: u16,
    /// The name of the case.
    pub name: &'static str,
    /// Why the case does not apply to the adapter; nothing where it is run.
    pub not_applicable: Option<&'static str>,
}

/// Compares an adapter's table with [`CASES`], and returns everything that is wrong with it.
pub fn check_cells(cells: &[Cell]) -> Vec<String> {
    let cells_of = |case: &Case| cells.iter().filter(|cell| cell.name == case.name).count();
    let uneven = CASES.iter().filter_map(|case| match cells_of(case) {
        0 => Some(format!("{} {} is missing", case.number, case.name)),
        1 => None,
        many => Some(format!("{} {} is there {many} times", case.number, case.name)),
    });
    let wrong = cells.iter().filter_map(|cell| {
        let Cell { number, name, not_applicable } = cell;
        let told = match (CASES.iter().find(|case| case.name == *name), not_applicable) {
            (None, _) => "is no case of the suite".to_owned(),
            (Some(case), _) if case.number != *number => format!("has the number {}", case.number),
            (Some(Case { applies_to: EveryStore, .. }), Some(_)) => "applies to every store".to_owned(),
            (Some(_), Some("")) => "is excused without a reason".to_owned(),
            (Some(_), _) => return None,
        };
        Some(format!("{number} {name} {told}"))
    });
    uneven.chain(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Vec<Cell> {
        let cell = |case: &Case| Cell { number: case.number, name: case.name, not_applicable: None };
        CASES.iter().map(cell).collect()
    }

    fn case_for(applies_to: AppliesTo) -> usize {
        CASES.iter().position(|case| case.applies_to == applies_to).unwrap()
    }

    #[test]
    fn a_missing_a_double_and_an_unknown_cell_are_told() {
        assert_eq!(check_cells(&full()), [""; 0]);

        let mut cells = full();
        let missing = cells.remove(7);
        assert_eq!(check_cells(&cells), [format!("{} {} is missing", missing.number, missing.name)]);

        let mut cells = full();
        cells.push(cells[3]);
        assert_eq!(check_cells(&cells), [format!("{} {} is there 2 times", cells[3].number, cells[3].name)]);

        let mut cells = full();
        cells.push(Cell { number: 1, name: "pigs_fly", not_applicable: None });
        assert_eq!(check_cells(&cells), ["1 pigs_fly is no case of the suite"]);

        let mut cells = full();
        cells[0].number = 99;
        assert_eq!(check_cells(&cells), [format!("99 {} has the number 1", cells[0].name)]);
    }

    #[test]
    fn only_cases_about_sql_are_excused_and_only_with_a_reason() {
        let excuse = |case: usize, reason| {
            let mut cells = full();
            cells[case].not_applicable = Some(reason);
            check_cells(&cells).len()
        };
        assert_eq!(excuse(case_for(SqlLogs), "there is no SQL"), 0);
        assert_eq!(excuse(case_for(SqlLogs), ""), 1);
        assert_eq!(excuse(case_for(EveryStore), "too hard"), 1);
    }

    /// The table is written by hand; this reads the cases as they are.
    #[test]
    fn the_table_names_every_case_with_its_number_and_its_harness() {
        let sources = [
            include_str!("cases/append.rs"),
            include_str!("cases/append_many.rs"),
            include_str!("cases/bystanders.rs"),
            include_str!("cases/concurrency.rs"),
            include_str!("cases/consumer.rs"),
            include_str!("cases/cursor.rs"),
            include_str!("cases/decisions.rs"),
            include_str!("cases/deletion.rs"),
            include_str!("cases/expectation.rs"),
            include_str!("cases/filtered.rs"),
            include_str!("cases/idempotency.rs"),
            include_str!("cases/immutability.rs"),
            include_str!("cases/log.rs"),
            include_str!("cases/order.rs"),
            include_str!("cases/payload.rs"),
            include_str!("cases/read.rs"),
            include_str!("cases/scrub.rs"),
            include_str!("cases/snapshot.rs"),
            include_str!("cases/streams.rs"),
            include_str!("cases/subscription.rs"),
            include_str!("cases/versions.rs"),
            include_str!("cases/visibility.rs"),
        ];
        let files = include_str!("cases/mod.rs").lines().filter(|line| line.starts_with("mod ")).count();
        assert_eq!(sources.len(), files, "a file of cases is not looked at");

        let mut written: Vec<(u16, &str, AppliesTo)> = Vec::new();
        for source in sources {
            let mut number = 0;
            for line in source.lines() {
                if let Some((told, _)) = line.strip_prefix("/// ").and_then(|doc| doc.split_once(':')) {
                    number = told.parse().unwrap_or(number);
                }
                if let Some((name, rest)) =
                    line.strip_prefix("pub async fn ").and_then(|case| case.split_once("<H"))
                {
                    // Cases with a bound on the store have it in a clause of its own.
                    let applies_to = match rest {
                        rest if rest.starts_with(": SqlHarness") => SqlLogs,
                        rest if rest.starts_with(": ") => EveryStore,
                        _ => SnapshotStores,
                    };
                    written.push((number, name, applies_to));
                }
            }
        }
        let mut table: Vec<_> = CASES.iter().map(|case| (case.number, case.name, case.applies_to)).collect();
        written.sort_by_key(|case| case.1);
        table.sort_by_key(|case| case.1);
        assert_eq!(written, table);
        assert!(CASES.is_sorted_by_key(|case| case.number), "the table is in the order of its numbers");
    }
}
