//! A handler that parks what its inner one cannot apply.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use annals_eventstore::postgres::is_transient_cause;
use annals_eventstore::{
    Batch, Errand, EventHandler, GlobalPosition, HandlerError, HandlerFuture, PostgresStore, RecordedEvent,
    StreamName, fail_point,
};
use tracing::warn;

use super::caught::caught;
use super::patience::Patience;
use super::policy::{PoisonPolicy, Poisoned};
use super::rows::{Park, Rows, Skip};
use crate::told::in_full;

/// Tells the key of an event.
pub(crate) type KeyOf = Box<dyn Fn(&RecordedEvent) -> Cow<'_, str> + Send + Sync>;

/// Applies what can be applied, and parks the rest.
pub(crate) struct Parking<H> {
    pub(super) inner: H,
    pub(super) key: KeyOf,
    pub(super) policy: PoisonPolicy,
    pub(super) rows: Rows,
    pub(super) store: PostgresStore,
    /// The blocked keys with the number of their events, unless somebody may have changed them.
    blocked: Option<HashMap<String, usize>>,
    /// The events that are to be skipped, unless somebody may have asked for others.
    skips: Option<HashMap<GlobalPosition, Skip>>,
    /// Whether something was tried in the transaction at hand before.
    is_tried: bool,
    patience: Patience,
}

/// An event that cannot be applied stops its slot, as the policy says. Nothing of the batch was kept.
#[derive(Debug, thiserror::Error)]
#[error("event at position {at} of {stream} cannot be applied: {reason}")]
pub struct PoisonEvent {
    /// The event.
    pub at: GlobalPosition,
    /// Its stream.
    pub stream: StreamName,
    /// What the handler said.
    pub reason: String,
}

/// More events could not be applied than the policy allows to park. Nothing of the batch was kept.
#[derive(Debug, thiserror::Error)]
#[error("{events} events of {keys} keys would be parked, more than allowed")]
pub struct TooManyParked {
    /// The keys that would be blocked.
    pub keys: usize,
    /// The events that would be parked.
    pub events: usize,
}

/// Checks what was deferred, and keeps what was attempted.
const END: &str = "set constraints all immediate; release savepoint annals_attempt";

impl<H: EventHandler> Parking<H> {
    pub(crate) fn new(inner: H, key: KeyOf, policy: PoisonPolicy, store: PostgresStore, rows: Rows) -> Self {
        let patience = Patience::of(None);
        Self { inner, key, policy, rows, store, blocked: None, skips: None, is_tried: false, patience }
    }

    /// Sets how long the server bears with a transaction that does nothing.
    pub(crate) fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Forgets what is known of blocked keys and of events to be skipped: both are read again with the next batch.
    pub(super) fn forget(&mut self) {
        self.blocked = None;
        self.skips = None;
    }

    /// Leaves out what is to be skipped, and applies the rest.
    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let skips = match self.skips.take() {
            Some(skips) => skips,
            None => self.rows.skips(batch.transaction).await?,
        };
        let met = batch.events.iter().filter(|event| skips.contains_key(&event.position));
        let met: Vec<GlobalPosition> = met.map(|event| event.position).collect();
        if met.is_empty() {
            self.skips = Some(skips);
            return self.apply_all(batch).await;
        }
        fail_point!(parking_before_skip);
        // Whether these are done is for the next batch to ask: this one may not commit.
        for at in &met {
            self.rows.skipped(batch.transaction, *at, &skips[at]).await?;
        }
        fail_point!(parking_after_skip);
        let rest = batch.events.iter().filter(|event| !skips.contains_key(&event.position));
        let rest: Vec<RecordedEvent> = rest.cloned().collect();
        if rest.is_empty() {
            return Ok(());
        }
        self.apply_all(Batch { events: &rest, ..batch }).await
    }

    async fn apply_all(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        // Only the owner of the slot blocks a key or lets it go, so it asks once, and again after either.
        let blocked = match self.blocked.take() {
            Some(blocked) => blocked,
            None => self.rows.keys(batch.transaction).await?,
        };
        let mut parked: Vec<Park> = Vec::new();
        if blocked.is_empty() {
            if self.attempt(batch, batch.events).await?.is_err() {
                self.apply_in_pieces(batch, batch.events, &mut parked).await?;
            }
        } else {
            let is_blocked = |event: &&RecordedEvent| blocked.contains_key(&*(self.key)(event));
            let (waiting, free): (Vec<_>, Vec<_>) = batch.events.iter().partition(is_blocked);
            parked.extend(waiting.into_iter().map(|event| self.waiting(event)));
            let free: Vec<RecordedEvent> = free.into_iter().cloned().collect();
            if !free.is_empty() && self.attempt(batch, &free).await?.is_err() {
                self.apply_in_pieces(batch, &free, &mut parked).await?;
            }
        }
        if parked.is_empty() {
            // So it is whether this commits or not.
            self.blocked = Some(blocked);
            return Ok(());
        }
        self.refuse_too_many(&blocked, &parked)?;
        fail_point!(parking_before_park);
        self.rows.park(batch.transaction, &parked).await?;
        fail_point!(parking_after_park);
        Ok(())
    }

    /// Applies events that cannot be applied all at once: in halves, and halves of what fails, down to single ones; parks those
    /// that cannot be applied, and those behind them.
    async fn apply_in_pieces(
        &mut self,
        batch: Batch<'_>,
        events: &[RecordedEvent],
        parked: &mut Vec<Park>,
    ) -> Result<(), HandlerError> {
        let mut blocked: HashSet<String> = HashSet::new();
        // The first piece last. That the whole of it fails is known.
        let mut pieces = halves(events.to_vec());
        while let Some(piece) = pieces.pop() {
            let is_blocked = |event: &RecordedEvent| blocked.contains(&*(self.key)(event));
            let (waiting, piece): (Vec<_>, Vec<_>) = piece.into_iter().partition(is_blocked);
            parked.extend(waiting.iter().map(|event| self.waiting(event)));
            match piece.as_slice() {
                [] => {}
                [event] => {
                    let Some(poison) = self.apply_alone(batch, event).await? else { continue };
                    blocked.insert(poison.key.clone());
                    parked.push(poison);
                }
                several => {
                    if self.attempt(batch, several).await?.is_err() {
                        pieces.extend(halves(piece));
                    }
                }
            }
        }
        Ok(())
    }

    /// Applies one event; returns it where it is to be parked.
    async fn apply_alone(
        &mut self,
        batch: Batch<'_>,
        event: &RecordedEvent,
    ) -> Result<Option<Park>, HandlerError> {
        let Err((reason, attempts)) = self.attempt_alone(batch, event).await? else { return Ok(None) };
        let (at, stream) = (event.position, event.stream.clone());
        warn!(consumer = %self.rows.consumer.name, %at, %stream, reason, "event cannot be applied");
        match self.policy.then {
            Poisoned::Stop => Err(PoisonEvent { at, stream, reason }.into()),
            Poisoned::Skip => {
                let by = Some("policy");
                self.rows.audit(batch.transaction, "skip", &at.to_string(), &reason, by).await?;
                Ok(None)
            }
            Poisoned::Park => Ok(Some(Park { reason: Some(reason), attempts, ..self.waiting(event) })),
        }
    }

    /// Tries one event as often as the policy says.
    async fn attempt_alone(
        &mut self,
        batch: Batch<'_>,
        event: &RecordedEvent,
    ) -> Result<Result<(), (String, i32)>, HandlerError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt(batch, std::slice::from_ref(event)).await? {
                Ok(()) => return Ok(Ok(())),
                Err(_) if attempts <= self.policy.retries => {}
                Err(reason) => return Ok(Err((reason, i32::try_from(attempts).unwrap_or(i32::MAX)))),
            }
        }
    }

    /// Tries some events, and leaves no trace of them where they cannot be applied; then tells why.
    ///
    /// What a deferred constraint has against them is found out here, not at the commit, which could not be repeated for
    /// each of them.
    ///
    /// # Errors
    ///
    /// A fault that passes: the whole batch comes again.
    pub(super) async fn attempt(
        &mut self,
        batch: Batch<'_>,
        events: &[RecordedEvent],
    ) -> Result<Result<(), String>, HandlerError> {
        let transaction = batch.transaction;
        fail_point!(parking_before_savepoint);
        // Nothing is deferred any more behind an attempt that went well, so the next one says so again.
        let begin = match std::mem::replace(&mut self.is_tried, true) {
            false => "savepoint annals_attempt",
            true => "savepoint annals_attempt; set constraints all deferred",
        };
        let began = Instant::now();
        // Sent in this order, without waiting for the first to be answered.
        let (marked, applied) = tokio::join!(
            biased;
            transaction.batch_execute(begin),
            caught(self.inner.handle(Batch { events, ..batch })),
        );
        marked?;
        fail_point!(parking_before_release);
        let failed: HandlerError = match applied {
            // A handler that passed a failed statement over is found out here.
            Ok(()) => match transaction.batch_execute(END).await {
                Ok(()) => {
                    self.patience.ended();
                    return Ok(Ok(()));
                }
                Err(error) => error.into(),
            },
            Err(error) => error,
        };
        if is_transient_cause(&failed) {
            return Err(self.patience.lost(began.elapsed(), failed));
        }
        self.patience.ended();
        fail_point!(parking_before_rollback);
        let back = "rollback to savepoint annals_attempt; release savepoint annals_attempt";
        transaction.batch_execute(back).await?;
        fail_point!(parking_after_rollback);
        Ok(Err(in_full(&*failed)))
    }

    fn waiting(&self, event: &RecordedEvent) -> Park {
        Park { key: (self.key)(event).into_owned(), event: event.clone(), reason: None, attempts: 0 }
    }

    fn refuse_too_many(
        &self,
        blocked: &HashMap<String, usize>,
        parked: &[Park],
    ) -> Result<(), TooManyParked> {
        let new: HashSet<&str> =
            parked.iter().map(|park| park.key.as_str()).filter(|key| !blocked.contains_key(*key)).collect();
        let keys = blocked.len() + new.len();
        let events = blocked.values().sum::<usize>() + parked.len();
        if keys > self.policy.keys_max || events > self.policy.events_max {
            return Err(TooManyParked { keys, events });
        }
        Ok(())
    }
}

/// Cuts events in two, the first half last; a single one stays whole.
pub(super) fn halves(mut events: Vec<RecordedEvent>) -> Vec<Vec<RecordedEvent>> {
    if events.len() < 2 {
        return vec![events];
    }
    let behind = events.split_off(events.len() / 2);
    vec![behind, events]
}

impl<H: EventHandler> EventHandler for Parking<H> {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        self.is_tried = false;
        Box::pin(self.apply(batch))
    }

    fn run_errand<'a>(&'a mut self, errand: Errand<'a>) -> HandlerFuture<'a, bool> {
        self.is_tried = false;
        Box::pin(self.serve(errand))
    }
}
