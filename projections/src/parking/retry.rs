//! Serving operators: what was parked is applied in order, or the poisonous event is discarded first.
//!
//! `asked -> serving (a few events at a time, each step in a transaction under the owner's epoch) -> done`

use annals_eventstore::{
    Batch, Errand, EventHandler, EventId, EventStore, GlobalPosition, HandlerError, LogQuery, PostgresStore,
    RecordedEvent, WokenBy, fail_point,
};
use futures_util::future::try_join_all;
use tracing::info;

use super::handler::{Parking, halves};

/// How many events of a key are applied in one transaction.
const EVENTS: i32 = 200;

/// How many of them are read and tried at once. Meanwhile the transaction stands idle, which it may for no longer than a lease.
const AT_ONCE: usize = 25;

/// The log is not the one whose events were parked: it was restored to an older state, or replaced.
#[derive(Debug, thiserror::Error)]
#[error("log has diverged: at position {at} stands event {found}, not {parked} that was parked")]
struct AnotherLog {
    at: GlobalPosition,
    parked: EventId,
    found: EventId,
}

impl<H: EventHandler> Parking<H> {
    /// Does a part of what was asked first; tells whether there may be more to do.
    pub(super) async fn serve(&mut self, errand: Errand<'_>) -> Result<bool, HandlerError> {
        self.forget();
        fail_point!(retry_before_request);
        let Some(request) = self.rows.next_request(errand.transaction).await? else { return Ok(false) };
        let first = self.rows.of_key(errand.transaction, &request.key, EVENTS).await?;
        let discards = request.verb == "discard";
        if let (true, Some(about)) = (discards, request.about)
            && first.first().map(|(at, _)| *at) != Some(about)
        {
            // Asked twice, applied or set back since: nobody has looked at the one that is first by now, if one is.
            let outcome = format!("the event at position {about} is parked no more; nothing was discarded");
            self.rows.done(errand.transaction, &request, &outcome).await?;
            return Ok(true);
        }
        if let (true, Some((at, _))) = (discards, first.first()) {
            fail_point!(retry_before_discard);
            self.rows.unpark(errand.transaction, *at).await?;
            fail_point!(retry_after_discard);
            let by = Some(request.asked_by.as_str());
            self.rows.audit(errand.transaction, "discard", &at.to_string(), &request.reason, by).await?;
        }
        let stuck = self.apply_parked(errand, &first[usize::from(discards).min(first.len())..]).await?;
        let outcome = match stuck {
            Some(at) => format!("the event at position {at} cannot be applied"),
            None if first.len() < EVENTS as usize => "done".to_owned(),
            None => {
                // What was to be discarded is; what is left of the request is to apply the others.
                fail_point!(retry_before_becoming);
                self.rows.becomes_retry(errand.transaction, &request).await?;
                return Ok(true);
            }
        };
        info!(key = request.key, verb = request.verb, outcome, "request about parked events was served");
        fail_point!(retry_before_done);
        self.rows.done(errand.transaction, &request, &outcome).await?;
        if !discards {
            fail_point!(retry_before_audit);
            let (key, by) = (request.key.as_str(), Some(request.asked_by.as_str()));
            self.rows.audit(errand.transaction, "retry", key, &request.reason, by).await?;
        }
        Ok(true)
    }

    /// Applies parked events; returns where it got stuck.
    async fn apply_parked(
        &mut self,
        errand: Errand<'_>,
        parked: &[(GlobalPosition, EventId)],
    ) -> Result<Option<GlobalPosition>, HandlerError> {
        for some in parked.chunks(AT_ONCE) {
            if let Some(stuck) = self.apply_some(errand, some).await? {
                return Ok(Some(stuck));
            }
        }
        Ok(None)
    }

    /// Applies some parked events, all at once if that can be; returns where it got stuck.
    async fn apply_some(
        &mut self,
        errand: Errand<'_>,
        parked: &[(GlobalPosition, EventId)],
    ) -> Result<Option<GlobalPosition>, HandlerError> {
        let Errand { transaction, partition, epoch } = errand;
        let mut pieces = vec![self.still_shown(errand, parked).await?];
        while let Some(piece) = pieces.pop().filter(|piece| !piece.is_empty()) {
            let (events, woken_by, is_rebuild) = (piece.as_slice(), WokenBy::Reading, false);
            let batch = Batch { events, transaction, partition, epoch, woken_by, is_rebuild };
            fail_point!(retry_before_attempt);
            match (self.attempt(batch, &piece).await?, piece.as_slice()) {
                (Ok(()), applied) => {
                    fail_point!(retry_before_unpark);
                    try_join_all(applied.iter().map(|event| self.rows.unpark(transaction, event.position)))
                        .await?;
                }
                (Err(why), [event]) => {
                    fail_point!(retry_before_failed_again);
                    self.rows.failed_again(transaction, event.position, &why).await?;
                    return Ok(Some(event.position));
                }
                (Err(_), _) => pieces.extend(halves(piece)),
            }
        }
        Ok(None)
    }

    /// Reads parked events; those that the log does not show any more are parked no more.
    async fn still_shown(
        &mut self,
        errand: Errand<'_>,
        parked: &[(GlobalPosition, EventId)],
    ) -> Result<Vec<RecordedEvent>, HandlerError> {
        let mut events = Vec::new();
        let found = try_join_all(parked.iter().map(|(at, _)| read(&self.store, *at))).await?;
        for ((at, id), found) in parked.iter().zip(found) {
            match found {
                Some(event) if event.id == *id => events.push(event),
                Some(other) => return Err(AnotherLog { at: *at, parked: *id, found: other.id }.into()),
                None => {
                    let (gone, by) = ("the log does not show the event any more", Some("runner"));
                    self.rows.audit(errand.transaction, "discard", &at.to_string(), gone, by).await?;
                    self.rows.unpark(errand.transaction, *at).await?;
                }
            }
        }
        Ok(events)
    }
}

/// Reads the event at a position.
async fn read(store: &PostgresStore, at: GlobalPosition) -> Result<Option<RecordedEvent>, HandlerError> {
    let before = GlobalPosition::try_from(i64::from(at) - 1)?;
    let page = store.read_log(LogQuery::after(before).limit(1)).await?;
    Ok(page.events.into_iter().next().filter(|event| event.position == at))
}
