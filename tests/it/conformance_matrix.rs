//! The matrix of the promises: case × adapter × server, each cell a test that ran there or excused with a reason.
//!
//! Cases of the suite run against every adapter. What needs a server or a network of its own is a test beside it and
//! stands in the table below. The pipeline lets every test write down where it passed (`ANNALS_CONFORMANCE_DIR`) and
//! then has the matrix printed for all its servers (`ANNALS_CONFORMANCE_SERVERS="15 18"`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use annals_devdb::TestResult;
use annals_eventstore::conformance::CASES;

use crate::support::FOLDER;

/// Which servers the matrix has to have a column of.
const SERVERS: &str = "ANNALS_CONFORMANCE_SERVERS";

/// The promises about the log, its subscriptions and commands, by number.
const PROMISED: [std::ops::RangeInclusive<u16>; 8] =
    [1..=27, 29..=46, 47..=51, 54..=55, 57..=63, 64..=76, 79..=81, 88..=88];

/// A promise that a test beside the suite holds for the store in PostgreSQL.
struct Beside {
    number: u16,
    test: &'static str,
    /// Why the store in memory has nothing to promise here.
    not_in_memory: &'static str,
}

const fn beside(number: u16, test: &'static str, not_in_memory: &'static str) -> Beside {
    Beside { number, test, not_in_memory }
}

const NO_CONNECTION: &str = "there is no connection that could break";
const NO_TRANSACTION: &str = "no append is ever open: each ends before the next begins";
const NO_READ_MODEL: &str = "there is no database for a read model";
const NO_BACKUP: &str = "there is nothing to restore";
const NO_STANDBY: &str = "there is no server that could have a standby";
const NO_OTHER_PROCESS: &str = "hints do not leave the process";

#[rustfmt::skip]
const BESIDE: &[Beside] = &[
    beside(21, "ambiguous::an_append_that_is_recognised_learns_its_outcome_wherever_it_was_cut", NO_CONNECTION),
    beside(33, "statements::every_statement_has_the_plan_its_header_promises", "there are no plans"),
    beside(33, "optional_indexes::each_optional_index_serves_its_filter_and_two_of_them_without_a_sort", "there are no plans"),
    beside(44, "stress::whatever_writers_do_every_committed_event_is_delivered_once_and_in_order", NO_TRANSACTION),
    beside(45, "restore::a_log_that_is_restored_into_a_younger_cluster_keeps_order_and_visibility_and_goes_on", NO_BACKUP),
    beside(45, "restore::a_restore_of_the_rows_alone_takes_no_event_before_it_is_repaired", NO_BACKUP),
    beside(45, "restore::an_older_backup_under_a_running_subscription_stops_it", NO_BACKUP),
    beside(46, "standby::a_reader_on_a_standby_skips_no_append_that_was_open_when_it_looked", NO_STANDBY),
    beside(46, "standby::a_subscription_on_a_standby_goes_on_over_its_promotion", NO_STANDBY),
    beside(54, "slot_crash::a_crash_in_the_middle_of_a_batch_applies_every_event_once_and_keys_in_order", NO_READ_MODEL),
    beside(54, "runner_processes::processes_that_are_killed_and_stopped_by_signals_apply_every_event_once_and_keys_in_order", NO_READ_MODEL),
    beside(55, "runner_processes::processes_that_are_killed_and_stopped_by_signals_apply_every_event_once_and_keys_in_order", NO_READ_MODEL),
    beside(62, "subscription::a_stream_whose_events_go_while_it_is_read_stops_nobody", "events do not go"),
    beside(64, "lease_rows::a_checkpoint_moves_in_the_table_if_and_only_if_its_transition_moves_it", NO_READ_MODEL),
    beside(64, "runner::a_runner_that_lost_its_lease_without_knowing_changes_nothing_more", NO_READ_MODEL),
    beside(65, "runner::a_runner_that_dies_in_the_middle_of_its_batches_is_replaced_within_a_lease_and_a_second", NO_READ_MODEL),
    beside(66, "wakeup::events_appended_while_the_listener_is_cut_off_arrive_without_another_append", NO_OTHER_PROCESS),
    beside(67, "wakeup_network::an_event_between_the_first_read_and_listen_arrives", NO_OTHER_PROCESS),
    beside(68, "wakeup::without_notify_a_reader_polls", NO_OTHER_PROCESS),
    beside(68, "wakeup_network::where_listen_never_delivers_a_reader_polls", NO_OTHER_PROCESS),
    beside(69, "subscription::a_hint_that_comes_before_its_event_can_be_read_does_not_hide_it", NO_TRANSACTION),
    beside(70, "wakeup_network::a_connection_that_falls_silent_without_closing_is_noticed_and_replaced", NO_OTHER_PROCESS),
    beside(71, "wakeup_network::ten_thousand_notifications_cost_a_reader_far_fewer_looks_and_no_event", NO_OTHER_PROCESS),
    beside(72, "wakeup_network::notifications_of_another_log_wake_nobody", NO_OTHER_PROCESS),
    beside(73, "projection::a_batch_that_fails_leaves_no_trace_and_stops_the_projection_with_the_reason", NO_READ_MODEL),
    beside(73, "runner::a_runner_that_dies_in_the_middle_of_its_batches_is_replaced_within_a_lease_and_a_second", NO_READ_MODEL),
    beside(74, "projection::a_batch_that_lost_its_connection_comes_again_and_counts_once", NO_READ_MODEL),
    beside(75, "parking::a_poisonous_event_is_parked_with_all_later_ones_of_its_key_in_order_while_others_go_on", NO_READ_MODEL),
    beside(75, "parking::a_fault_that_passes_parks_nothing_and_is_tried_until_it_has_passed", NO_READ_MODEL),
    beside(75, "parking::an_event_is_tried_as_often_as_the_policy_says_before_it_is_parked", NO_READ_MODEL),
    beside(75, "parking::an_event_that_is_skipped_is_in_the_audit_and_its_key_goes_on", NO_READ_MODEL),
    beside(75, "parking::a_slot_that_stops_keeps_nothing_of_its_batch_and_goes_on_when_it_is_resumed", NO_READ_MODEL),
    beside(76, "parking::a_poisonous_event_is_parked_with_all_later_ones_of_its_key_in_order_while_others_go_on", NO_READ_MODEL),
    beside(79, "operator::a_projection_that_is_paused_is_nobodys_until_it_is_resumed", NO_READ_MODEL),
    beside(79, "operator::what_is_set_back_comes_again_and_what_is_emptied_begins_anew_while_runners_run", NO_READ_MODEL),
    beside(80, "operator::a_projection_that_is_paused_is_nobodys_until_it_is_resumed", NO_READ_MODEL),
    beside(80, "projection::waiting_for_a_position_gives_up_in_time_or_when_the_projection_stops", NO_READ_MODEL),
    beside(81, "runner::two_runners_share_the_slots_and_apply_every_event_once_and_keys_in_order", NO_READ_MODEL),
    beside(88, "command_service::once::a_command_whose_process_crashes_at_any_step_is_carried_out_once", NO_CONNECTION),
    beside(88, "command_service::once::sixty_four_duplicates_at_once_from_two_processes_have_one_effect", "a log in memory has one process"),
];

/// Promises that nothing holds yet, each with what is missing. It goes from here when it gets its case or its test.
const OPEN: &[(u16, &str)] = &[];

/// Promises that something broken has to break before anybody believes the test of them.
const BROKEN: [std::ops::RangeInclusive<u16>; 9] =
    [9..=9, 13..=13, 34..=46, 54..=55, 57..=58, 64..=64, 66..=69, 73..=76, 88..=88];

/// Where something broken is noticed by a test beside the suite.
#[rustfmt::skip]
const NOTICED_BESIDE: &[(u16, &str)] = &[
    (46, "standby::a_standby_that_reads_whatever_it_has_replayed_loses_the_open_append"),
    (66, "wakeup_notices_broken_readers::a_reader_that_does_not_look_when_it_listens_again_is_noticed"),
    (67, "wakeup_notices_broken_readers::a_reader_that_does_not_look_when_it_listens_first_is_noticed"),
    (68, "wakeup_notices_broken_readers::a_reader_that_does_not_poll_is_noticed"),
    (69, "wakeup_notices_broken_readers::a_reader_that_takes_a_hint_for_its_event_is_noticed"),
    (88, "command_service::once::someone_who_forgets_the_ids_of_commands_is_noticed"),
    (44, "fence::without_the_fence_the_late_writer_is_lost"),
    (64, "lease_model::without_the_epoch_one_that_was_overtaken_commits"),
    (73, "slot_crash::a_handler_that_writes_beside_its_transaction_is_noticed"),
    (74, "lease_model::without_the_position_a_batch_whose_answer_was_lost_is_applied_twice"),
    (75, "parking::a_handler_that_passes_its_poison_over_is_noticed"),
    (76, "parking::a_handler_that_passes_its_poison_over_is_noticed"),
];

fn is_open(number: u16) -> bool {
    OPEN.iter().any(|(open, _)| *open == number)
}

/// What is expected in one cell.
enum Cell {
    Ran(String),
    Excused,
}

/// A line of the matrix: a promise, the test of the store in memory, the test of the store in PostgreSQL.
struct Line {
    number: u16,
    promise: &'static str,
    memory: Cell,
    postgres: String,
}

fn lines() -> Vec<Line> {
    let in_memory = sources_of("conformance_memory");
    let suite = CASES.iter().map(|case| Line {
        number: case.number,
        promise: case.name,
        memory: if in_memory.contains(&format!(" {}: n/a", case.name)) {
            Cell::Excused
        } else {
            Cell::Ran(format!("conformance_memory::{}", case.name))
        },
        postgres: format!("conformance_postgres::{}", case.name),
    });
    let beside = BESIDE.iter().map(|beside| Line {
        number: beside.number,
        promise: beside.test.rsplit("::").next().unwrap_or(beside.test),
        memory: Cell::Excused,
        postgres: beside.test.to_owned(),
    });
    let mut lines: Vec<Line> = suite.chain(beside).collect();
    lines.sort_by_key(|line| line.number);
    lines
}

/// The sources of a module of these tests, which is a file or a folder.
fn sources_of(module: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut files: Vec<PathBuf> = vec![tests.join(format!("{module}.rs"))];
    if let Ok(folder) = fs::read_dir(tests.join(module)) {
        files.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

fn exists(test: &str) -> bool {
    let (module, name) = test.split_once("::").unwrap_or_default();
    let name = name.rsplit("::").next().unwrap_or_default();
    let source = sources_of(module);
    source.contains(&format!("fn {name}("))
}

#[test]
fn every_promise_has_a_case_or_a_test_and_a_reason_where_it_has_none() {
    let held: BTreeSet<u16> = lines().iter().map(|line| line.number).collect();
    let is_missing = |number: &u16| !held.contains(number) && !is_open(*number);
    let missing: Vec<u16> = PROMISED.into_iter().flatten().filter(is_missing).collect();
    let closed: Vec<u16> =
        OPEN.iter().map(|(number, _)| *number).filter(|number| held.contains(number)).collect();
    let gone: Vec<&str> = BESIDE.iter().map(|beside| beside.test).filter(|test| !exists(test)).collect();
    let unexcused = BESIDE.iter().filter(|beside| beside.not_in_memory.is_empty()).count();

    assert_eq!(missing, [0; 0], "promises without a case");
    assert_eq!(closed, [0; 0], "promises that are not open any more");
    assert_eq!(gone, [""; 0], "tests that do not exist");
    assert_eq!(unexcused, 0);
}

#[test]
fn every_promise_that_is_easily_broken_is_broken_by_something_that_is_noticed() {
    let notices = ["conformance_notices_broken_stores", "conformance_notices_broken_readers"];
    let notices: String = notices.into_iter().map(sources_of).collect();
    let by_case = CASES.iter().filter(|case| {
        notices.contains(&format!("        {},", case.name)) || notices.contains(&format!("[{}]", case.name))
    });
    let mut noticed: BTreeSet<u16> = by_case.map(|case| case.number).collect();
    for (number, test) in NOTICED_BESIDE {
        assert!(exists(test), "{test} does not exist");
        noticed.insert(*number);
    }

    let is_missing = |number: &u16| !noticed.contains(number) && !is_open(*number);
    let missing: Vec<u16> = BROKEN.into_iter().flatten().filter(is_missing).collect();

    assert_eq!(missing, [0; 0], "promises that nothing broken breaks");
}

#[test]
fn no_cell_of_the_matrix_is_missing() -> TestResult {
    let (Ok(folder), Ok(servers)) = (env::var(FOLDER), env::var(SERVERS)) else {
        println!("not asked for: {FOLDER} and {SERVERS} say what ran, and where it had to");
        return Ok(());
    };
    let servers: Vec<&str> = servers.split_whitespace().collect();
    let ran =
        |column: &str, test: &str| Path::new(&folder).join(column).join(test.replace("::", ".")).exists();
    let (mut told, mut missing, mut passed, mut excused) = (String::new(), Vec::new(), 0, 0);
    for Line { number, promise, memory, postgres } in lines() {
        let mut cell = |column: &str, test: &str| {
            if ran(column, test) {
                passed += 1;
                return "ran";
            }
            missing.push(format!("{number} {test} on {column}"));
            "MISSING"
        };
        let in_memory = match &memory {
            Cell::Ran(test) => cell("memory", test),
            Cell::Excused => {
                excused += 1;
                "n/a"
            }
        };
        write!(told, "{number:>3}  {promise:<95}  memory {in_memory:<8}")?;
        for server in &servers {
            write!(told, " PostgreSQL {server} {:<8}", cell(server, &postgres))?;
        }
        told.push('\n');
    }
    for (number, missing) in OPEN {
        writeln!(told, "{number:>3}  open: {missing}")?;
    }
    let cells = passed + excused + missing.len();
    println!(
        "{told}\n{cells} cells: {passed} ran, {excused} are excused, {} are missing; {} promises are open",
        missing.len(),
        OPEN.len()
    );

    assert_eq!(missing, [""; 0]);
    assert_eq!(cells, lines().len() * (1 + servers.len()), "a cell was counted twice, or not at all");
    assert!(passed > 100 * servers.len(), "only {passed} cells on {servers:?}");
    Ok(())
}
