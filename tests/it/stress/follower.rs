//! Readers that follow the log while it is stressed.
//!
//! After a crash of the server a subscription begins again behind the last event it was given, and not where it
//! had settled: what was drawn and rolled back before the crash may be drawn again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::{GlobalPosition, PostgresStore, RecordedEvent, Subscription};
use tokio::sync::watch;

use super::ground::Ground;

/// How a follower reads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Follower {
    /// A subscription with pages of so many events.
    Pages(usize),
    /// A subscription that is dropped after so many pages and taken up behind the last event.
    TakenUpAfter(usize),
    /// The SQL function that every language has.
    ReadAll,
}

impl Follower {
    pub(super) const ALL: [Self; 4] =
        [Self::Pages(7), Self::Pages(500), Self::TakenUpAfter(20), Self::ReadAll];
}

/// What a follower was given, in the order it was given it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) follower: Option<Follower>,
    pub(super) positions: Vec<i64>,
    /// Events whose position or version is not above the one before, of the log or of the stream.
    pub(super) inverted: usize,
    versions: HashMap<String, i64>,
}

impl Seen {
    fn note(&mut self, position: i64, stream: &str, version: i64) {
        let is_next = self.last() < position;
        let last_version = self.versions.entry(stream.to_owned()).or_default();
        if !is_next || *last_version >= version {
            self.inverted += 1;
        }
        *last_version = version;
        self.positions.push(position);
    }

    fn note_event(&mut self, event: &RecordedEvent) {
        self.note(event.position.into(), event.stream.as_str(), event.version.into());
    }

    fn last(&self) -> i64 {
        self.positions.last().copied().unwrap_or_default()
    }
}

/// The position of the last event that was committed, once nothing more is.
pub(super) type End = watch::Receiver<Option<i64>>;

/// Follows the log to its end.
pub(super) async fn follow(
    follower: Follower,
    ground: Arc<Ground>,
    store: PostgresStore,
    mut end: End,
) -> Seen {
    let mut seen = Seen { follower: Some(follower), ..Seen::default() };
    while !is_at(&end, &seen) {
        match follower {
            Follower::Pages(events) => {
                let cursor = GlobalPosition::try_from(seen.last()).expect("a position");
                let subscription = Subscription::after(store.clone(), cursor).page_events(events);
                read_on(subscription, usize::MAX, &mut seen, &mut end, &ground).await;
            }
            Follower::TakenUpAfter(pages) => {
                let cursor = GlobalPosition::try_from(seen.last()).expect("a position");
                let subscription = Subscription::after(store.clone(), cursor).page_events(50);
                read_on(subscription, pages, &mut seen, &mut end, &ground).await;
                ground.tally.count("subscriptions taken up again");
            }
            Follower::ReadAll => read_in_sql(&mut seen, &end, &ground).await,
        }
    }
    seen
}

fn is_at(end: &End, seen: &Seen) -> bool {
    end.borrow().is_some_and(|end| seen.last() >= end)
}

/// Reads pages until there were so many, the end is reached, or the server is lost.
async fn read_on(
    mut subscription: Subscription<PostgresStore>,
    pages: usize,
    seen: &mut Seen,
    end: &mut End,
    ground: &Ground,
) {
    let crashes = ground.crashes.subscribe();
    for _ in 0..pages {
        if is_at(end, seen) {
            return;
        }
        tokio::select! {
            page = subscription.next() => match page {
                // It may have been read after the crash, behind a position from before.
                _ if crashes.has_changed().unwrap_or(true) => return,
                Ok(page) => page.log.events.iter().for_each(|event| seen.note_event(event)),
                Err(_) => {
                    ground.tally.count("reads that failed");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return;
                }
            },
            _ = end.changed() => {}
        }
    }
}

/// Polls the public function until the end is reached or the connection is lost.
async fn read_in_sql(seen: &mut Seen, end: &End, ground: &Ground) {
    let client = ground.connect_at_last().await;
    let sql = r#"select "position", stream, version from annals.read_all($1, 100)"#;
    while !is_at(end, seen) {
        let Ok(rows) = client.query(sql, &[&seen.last()]).await else {
            ground.tally.count("reads that failed");
            return;
        };
        for row in &rows {
            seen.note(row.get(0), row.get(1), row.get(2));
        }
        if rows.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
