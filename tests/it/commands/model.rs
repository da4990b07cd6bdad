//! What the commands have to come to: one after another, on one thread, with nothing in between.
//!
//! Knows the events by what stands in the log, and shares no code with the aggregate.

use annals::eventstore::RecordedEvent;
use annals_devdb::TestFailure;

use super::vault::{Ask, Order};

/// A vault, as the model sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) coins: u64,
    pub(super) digest: u64,
}

/// An event, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) event_type: String,
    pub(super) order: u64,
    pub(super) coins: u64,
}

/// What a command has to lead to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Entries(Vec<Entry>),
    Nothing,
    Refused { coins: u64 },
}

impl Entry {
    pub(super) fn read(event: &RecordedEvent) -> Result<Self, TestFailure> {
        let data: serde_json::Value = event.data.decode()?;
        let number = |name| data.get(name).and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX);
        Ok(Self { event_type: event.event_type.to_string(), order: number("order"), coins: number("coins") })
    }
}

impl Sum {
    pub(super) fn fate(self, order: Order) -> Fate {
        let entry =
            |event_type: &str, coins| Entry { event_type: event_type.to_owned(), order: order.number, coins };
        match order.ask {
            Ask::Look => Fate::Nothing,
            Ask::Put(coins) => Fate::Entries(vec![entry("coins-put", coins)]),
            Ask::Take(coins) if coins <= self.coins => Fate::Entries(vec![entry("coins-taken", coins)]),
            Ask::Take(_) => Fate::Refused { coins: self.coins },
            Ask::Empty if self.coins == 0 => Fate::Nothing,
            Ask::Empty if self.coins == 1 => Fate::Entries(vec![entry("coins-taken", 1)]),
            Ask::Empty => {
                let half = self.coins / 2;
                Fate::Entries(vec![entry("coins-taken", half), entry("coins-taken", self.coins - half)])
            }
        }
    }

    pub(super) fn take_in(&mut self, entry: &Entry) {
        let kind = if entry.event_type == "coins-put" {
            self.coins += entry.coins;
            1
        } else {
            self.coins = self.coins.wrapping_sub(entry.coins);
            2
        };
        self.digest = self.digest.rotate_left(7) ^ (entry.order * 4 + kind);
    }
}
