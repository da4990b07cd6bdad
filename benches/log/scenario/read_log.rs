//! Catching up with the whole log through a subscription; the floor pages through it with plain selects.

use std::sync::Arc;

use annals::eventstore::{GlobalPosition, PAGE_EVENTS_DEFAULT, PostgresStore, Subscription};
use tokio_postgres::{Client, Statement};

use super::rows::{look_at, require_all};
use crate::Outcome;
use crate::contest::Contest;
use crate::crew::{Crew, Worker};
use crate::database::Database;

/// The name of the contest: one connection on each side.
pub(crate) const NAME: &str = "read-log/1";

/// The log's own select, by keyset and without the fence.
const LOG_PAGE: &str = "\
select e.position, s.stream_name, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata,
    e.recorded_at
from annals.events as e
join annals.streams as s on s.stream_id = e.stream_id
where e.position > $1
order by e.position
limit $2";

/// Makes the contest over a log of so many events.
pub(crate) async fn contest(database: &Database, store: &PostgresStore, events: u64) -> Outcome<Contest> {
    let mut plain = Vec::new();
    for client in database.clients(1).await? {
        let page = client.prepare(LOG_PAGE).await?;
        plain.push(PlainPages { client, page, after: 0, events, seen: 0 });
    }
    let subscription = Subscription::after(store.clone(), GlobalPosition::START);
    let catch_up = CatchUp { store: store.clone(), subscription, events, seen: 0 };
    Ok(Contest::new(NAME.to_owned(), Crew(vec![catch_up]), Crew(plain)))
}

/// Catches up with the whole log, again and again, a page at a time.
struct CatchUp {
    store: PostgresStore,
    subscription: Subscription<PostgresStore>,
    events: u64,
    seen: u64,
}

impl Worker for CatchUp {
    async fn operate(&mut self) -> Outcome<u64> {
        let page = self.subscription.next().await?.log;
        let events = u64::try_from(page.events.len())?;
        self.seen += events;
        if page.settled_to >= page.head {
            require_all(self.seen, self.events)?;
            self.subscription = Subscription::after(self.store.clone(), GlobalPosition::START);
            self.seen = 0;
        }
        Ok(events)
    }
}

/// Does the same with plain selects.
struct PlainPages {
    client: Arc<Client>,
    page: Statement,
    after: i64,
    events: u64,
    seen: u64,
}

impl Worker for PlainPages {
    async fn operate(&mut self) -> Outcome<u64> {
        let limit = i64::try_from(PAGE_EVENTS_DEFAULT)?;
        let rows = self.client.query(&self.page, &[&self.after, &limit]).await?;
        for row in &rows {
            self.after = look_at(row)?;
        }
        self.seen += u64::try_from(rows.len())?;
        if self.seen >= self.events {
            require_all(self.seen, self.events)?;
            (self.after, self.seen) = (0, 0);
        }
        Ok(u64::try_from(rows.len())?)
    }
}
