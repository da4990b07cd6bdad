//! A decision on its way into the log: taken, encoded, and its receipt taken into the state.

use annals_eventstore::{
    AppendError, Appended, AppendedDecisions, Decision, Event, IdempotencyKey, KeyUsed, NewEvent,
};

use super::ExecuteOptions;
use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::error::Fault;
use crate::events::Events;
use crate::loaded::Loaded;

/// What a command leads to on a state.
pub(crate) enum Verdict<A: Aggregate> {
    /// These events are to be stored.
    Append(Events<A::Event>),
    /// The command was carried out before.
    AlreadyApplied(Appended),
    /// Nothing has to happen.
    NothingToDo,
    /// The domain says no.
    Refused(A::Refusal),
}

impl<A: Aggregate> Verdict<A> {
    /// Decides a command; `applied_before` is what is stored under its key.
    ///
    /// With a fingerprint of its own a repetition is known for one; without, the log compares its events.
    pub(crate) fn of(
        state: &A,
        command: &A::Command,
        context: &Context,
        options: &ExecuteOptions,
        applied_before: Option<Appended>,
    ) -> Self {
        if let (Some(receipt), Some(_)) = (applied_before, options.fingerprint) {
            return Self::AlreadyApplied(receipt);
        }
        match (state.decide(command.clone(), context), applied_before) {
            (Ok(decided), _) if !decided.is_empty() => Self::Append(decided),
            (_, Some(receipt)) => Self::AlreadyApplied(receipt),
            (Ok(_), None) => Self::NothingToDo,
            (Err(refusal), None) => Self::Refused(refusal),
        }
    }
}

/// Writes events for the log, each with the metadata of the context.
pub(crate) fn encode<E: Event>(decided: &Events<E>, context: &Context) -> Result<Vec<NewEvent>, Fault> {
    if decided.as_slice().is_empty() && !decided.claims().is_empty() {
        return Err(Fault::ClaimsWithoutEvents);
    }
    let encode = |(index, event): (usize, &E)| match event.encode() {
        Ok(event) => Ok(event.with_metadata(context.metadata().clone())),
        Err(source) => Err(Fault::Encode { index, source }),
    };
    decided.as_slice().iter().enumerate().map(encode).collect()
}

/// Takes events that were stored into the state they were decided on.
pub(crate) fn applied<A: Aggregate>(loaded: &mut Loaded<A>, decided: &Events<A::Event>, receipt: Appended) {
    loaded.version = receipt.to_version;
    decided.as_slice().iter().for_each(|event| loaded.state.evolve(event));
}

/// Writes a decision for the log, with its key and claims.
pub(crate) fn decision<E: Event>(
    decided: &Events<E>,
    context: &Context,
    options: &ExecuteOptions,
) -> Result<Decision, Fault> {
    let ExecuteOptions { key, fingerprint, .. } = *options;
    Ok(Decision { events: encode(decided, context)?, key, fingerprint, claims: decided.claims().to_vec() })
}

/// Takes the outcome of one decision for that of an append.
pub(crate) fn outcome_of_one(
    key: Option<IdempotencyKey>,
    stored: AppendedDecisions,
) -> Result<Appended, AppendError> {
    match (stored, key) {
        (AppendedDecisions::UsedBefore(used), Some(key)) => match used.first() {
            Some((_, KeyUsed::Applied(receipt))) => Ok(*receipt),
            Some((_, KeyUsed::Cancelled)) => Err(AppendError::KeyCancelled { key }),
            _ => Err(AppendError::KeyReused { key }),
        },
        (AppendedDecisions::Stored(receipts), _) if receipts.len() == 1 => Ok(receipts[0]),
        (odd, _) => Err(AppendError::Malformed(format!("one decision was answered with {odd:?}"))),
    }
}
