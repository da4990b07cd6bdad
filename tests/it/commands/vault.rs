//! The aggregate that the commands are sent to: a vault of coins that remembers who did what, and in which order.

use annals::aggregates::{Aggregate, Context, Events, Snapshot, SnapshotShape};
use annals::eventstore::Event;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Vault {
    pub(super) coins: u64,
    /// Changes with every event and with their order: no event can be left out, doubled or swapped unnoticed.
    pub(super) digest: u64,
}

/// A command with the number that makes it one of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) number: u64,
    pub(super) ask: Ask,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Put(u64),
    Take(u64),
    /// Takes all coins, in two parts where there are several.
    Empty,
    /// Changes nothing.
    Look,
}

#[derive(Debug, Clone, PartialEq, Event)]
pub(super) enum Change {
    #[event(name = "coins-put")]
    Put { order: u64, coins: u64 },
    #[event(name = "coins-taken")]
    Taken { order: u64, coins: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} coins wanted, {coins} in the vault")]
pub(super) struct Short {
    pub(super) coins: u64,
    pub(super) wanted: u64,
}

impl Aggregate for Vault {
    const CATEGORY: &'static str = "vault";
    type Id = u32;
    type Command = Order;
    type Event = Change;
    type Refusal = Short;

    fn decide(&self, Order { number: order, ask }: Order, _: &Context) -> Result<Events<Change>, Short> {
        match ask {
            Ask::Look => Ok(Events::none()),
            Ask::Put(coins) => Ok(Change::Put { order, coins }.into()),
            Ask::Take(wanted) if wanted > self.coins => Err(Short { coins: self.coins, wanted }),
            Ask::Take(coins) => Ok(Change::Taken { order, coins }.into()),
            Ask::Empty => {
                let parts = [self.coins / 2, self.coins - self.coins / 2];
                let taken = parts.into_iter().filter(|coins| *coins > 0);
                Ok(taken.map(|coins| Change::Taken { order, coins }).collect())
            }
        }
    }

    fn evolve(&mut self, change: &Change) {
        let (order, kind) = match change {
            Change::Put { order, coins } => {
                self.coins += coins;
                (order, 1)
            }
            Change::Taken { order, coins } => {
                self.coins -= coins;
                (order, 2)
            }
        };
        self.digest = self.digest.rotate_left(7) ^ (order * 4 + kind);
    }
}

impl Snapshot for Vault {
    const SHAPE: SnapshotShape = SnapshotShape::Version(1);
}
