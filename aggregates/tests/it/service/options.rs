//! Options are checked before anything is made of them.

use std::time::Duration;

use annals_aggregates::service::{BreakerOptions, CommandService, CommandServiceOptions};

use super::stub::Stub;

#[test]
fn everything_that_is_wrong_with_the_options_is_told_at_once() {
    let wrong = CommandServiceOptions {
        concurrent_commands: Some(0),
        deadline: Some(Duration::ZERO),
        breaker: Some(BreakerOptions { failures_in_a_row: 0, open_for: Duration::ZERO, probes: 0 }),
        attempts: 0,
        ..CommandServiceOptions::default()
    };

    let refused = CommandService::new(Stub::with([]), wrong).expect_err("all of it is wrong");

    assert_eq!(refused.faults.len(), 6, "{refused}");
    let fields = ["concurrent_commands", "deadline", "failures_in_a_row", "open_for", "probes", "attempts"];
    for field in fields {
        assert!(refused.to_string().contains(field), "{field} is missing in: {refused}");
    }
}

#[test]
fn a_breaker_without_a_deadline_is_refused_and_so_is_more_than_can_be_counted() {
    let deaf = CommandServiceOptions { deadline: None, ..CommandServiceOptions::default() };
    let breaker = Some(BreakerOptions { probes: usize::MAX, ..BreakerOptions::default() });
    let concurrent_commands = Some(usize::MAX);
    let many = CommandServiceOptions { concurrent_commands, breaker, ..CommandServiceOptions::default() };

    let deaf = CommandService::new(Stub::with([]), deaf).expect_err("a silent log would not open it");
    let many = CommandService::new(Stub::with([]), many).expect_err("nobody counts so far");

    assert!(deaf.faults.len() == 1 && deaf.to_string().contains("breaker: without a deadline"), "{deaf}");
    assert_eq!(many.faults.len(), 2, "{many}");
    for field in ["concurrent_commands", "breaker.probes"] {
        assert!(many.to_string().contains(field), "{field} is missing in: {many}");
    }
}

#[test]
fn the_defaults_are_good_and_so_is_a_service_without_any_limit() {
    let without = CommandServiceOptions {
        concurrent_commands: None,
        deadline: None,
        breaker: None,
        ..CommandServiceOptions::default()
    };

    assert_eq!(CommandServiceOptions::default().validate(), Ok(()));
    assert_eq!(without.validate(), Ok(()));
}
