//! A reader that follows the log by its cursor alone, as every subscriber does.

use crate::conformance::failure::{CaseResult, ensure, ensure_eq};
use crate::conformance::given::{recorded_ids_of, within};
use crate::conformance::order::ensure_log_order;
use crate::conformance::transaction::Held;
use crate::event::RecordedEvent;
use crate::event_id::EventId;
use crate::position::GlobalPosition;
use crate::read::LogQuery;
use crate::store::EventStore;

/// What a follower has seen, and up to where.
pub(super) struct Follower<S> {
    store: S,
    cursor: GlobalPosition,
    page_events: usize,
    pub(super) seen: Vec<RecordedEvent>,
}

impl<S: EventStore> Follower<S> {
    pub(super) fn of(store: S) -> Self {
        Self::after(store, GlobalPosition::START)
    }

    pub(super) fn after(store: S, cursor: GlobalPosition) -> Self {
        Self { store, cursor, page_events: 1_000, seen: Vec::new() }
    }

    pub(super) fn page_events(self, page_events: usize) -> Self {
        Self { page_events, ..self }
    }

    pub(super) fn cursor(&self) -> GlobalPosition {
        self.cursor
    }

    /// Reads one page and moves the cursor to where the page says that it is settled.
    pub(super) async fn page(&mut self) -> CaseResult<Vec<RecordedEvent>> {
        let query = LogQuery::after(self.cursor).limit(self.page_events);
        let page = self.store.read_log(query).await?;
        let (from, to) = (self.cursor, page.settled_to);
        ensure!(to >= from, "a page after {from} is settled to {to}, which lies before it");
        ensure!(page.events.len() <= self.page_events, "a page of {from} is longer than its limit");
        for event in &page.events {
            let at = event.position;
            ensure!(from < at && at <= to, "a page after {from}, settled to {to}, has an event at {at}");
        }
        self.cursor = to;
        self.seen.extend_from_slice(&page.events);
        Ok(page.events)
    }

    /// Reads all that is settled now, and returns what is new.
    pub(super) async fn look(&mut self) -> CaseResult<Vec<RecordedEvent>> {
        let before = self.seen.len();
        loop {
            let from = self.cursor;
            self.page().await?;
            if self.cursor == from {
                return Ok(self.seen[before..].to_vec());
            }
        }
    }

    /// Reads on until everything up to a position has settled.
    pub(super) async fn reach(&mut self, end: GlobalPosition) -> CaseResult {
        let told = format!("the log settles up to position {end}");
        let reading = async {
            let mut wakeups = self.store.wakeups();
            while self.cursor < end {
                let from = self.cursor;
                self.page().await?;
                if self.cursor == from {
                    wakeups.next().await;
                }
            }
            Ok(())
        };
        within(reading, &told).await
    }

    /// Reads all that is settled now, and fails unless it is exactly what these appends stored.
    pub(super) async fn ensure_gets(&mut self, promised: &[&Held], told: &str) -> CaseResult {
        let new = self.look().await?;
        let promised: Vec<_> = promised.iter().flat_map(|held| held.ids.iter().copied()).collect();
        ensure_eq!(recorded_ids_of(&new), promised, "events delivered {told}");
        ensure_log_order(&self.seen)
    }

    /// Fails when the cursor has passed events that are not committed yet.
    pub(super) fn ensure_before(&self, held: &Held) -> CaseResult {
        let (cursor, open) = (self.cursor, held.appended.from_position);
        ensure!(cursor < open, "the cursor is at {cursor}, beyond position {open} of an open transaction");
        Ok(())
    }

    /// Fails unless exactly these events were seen, in this order.
    pub(super) fn ensure_seen(&self, promised: &[EventId], told: &str) -> CaseResult {
        ensure_eq!(recorded_ids_of(&self.seen), promised, "{told}: ids in the order of the log");
        Ok(())
    }
}

/// Reads the log from its start in pages, until everything up to a position has settled.
pub(super) async fn log_up_to<S: EventStore>(
    store: &S,
    end: GlobalPosition,
) -> CaseResult<Vec<RecordedEvent>> {
    let mut follower = Follower::of(store.clone());
    follower.reach(end).await?;
    Ok(follower.seen)
}
