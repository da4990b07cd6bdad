//! The bank's events as `events.json` holds them: `cargo run --example bank schema check`.

use annals::aggregates::Aggregate;
use annals::eventstore::EventSchema;

use crate::domain::{Account, AccountEvent};

/// Where the file stands.
pub const SCHEMA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/bank/events.json");

/// Returns the events of this program.
pub fn schema() -> EventSchema {
    EventSchema::new().with::<AccountEvent>(Account::CATEGORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `schema write` brings the file up to date; what breaks has to be mended instead.
    #[test]
    fn the_events_are_those_of_the_file() {
        let kept = EventSchema::read(SCHEMA_FILE).expect("the file can be read");
        let changes = schema().changes_since(&kept);
        assert!(changes.is_empty(), "{changes:#?}");
    }
}
