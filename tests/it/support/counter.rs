//! An aggregate to try things on: it counts up to a hundred.

use annals::aggregates::{Aggregate, Context, Events, Repository, Snapshot, SnapshotShape};
use annals::eventstore::{Event, PostgresStore};
use serde::{Deserialize, Serialize};

use super::database::TestDb;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counter(pub(crate) u64);

#[derive(Debug, Clone, Event)]
pub(crate) enum Counted {
    #[event(name = "counted")]
    By(u64),
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("full")]
pub(crate) struct Full;

impl Aggregate for Counter {
    const CATEGORY: &'static str = "counter";
    type Id = u32;
    type Command = u64;
    type Event = Counted;
    type Refusal = Full;

    fn decide(&self, by: u64, _: &Context) -> Result<Events<Counted>, Full> {
        match by {
            0 => Ok(Events::none()),
            _ if self.0 + by > 100 => Err(Full),
            _ => Ok(Counted::By(by).into()),
        }
    }

    fn evolve(&mut self, Counted::By(by): &Counted) {
        self.0 += by;
    }
}

impl Snapshot for Counter {
    const SHAPE: SnapshotShape = SnapshotShape::Version(1);
}

pub(crate) fn counters(db: &TestDb) -> Repository<Counter, PostgresStore> {
    Repository::new(db.store())
}
