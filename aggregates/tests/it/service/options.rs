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
