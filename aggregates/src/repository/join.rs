//! Executing a command inside a transaction of the caller's: its events share the fate of whatever else the
//! caller writes there.
//!
//! Leaves to others: deciding again. A conflict aborts the transaction, so that only its owner can begin anew.

use annals_eventstore::{AppendDecisions, AppendError, StreamName, TransactionalStore};

use super::ExecuteOptions;
use super::decision::{Verdict, applied, decision, outcome_of_one};
use super::load::catch_up;
use super::source::InTransaction;
use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::error::{ExecuteError, Fault, LoadError};
use crate::executed::Executed;
use crate::loaded::Loaded;

pub(super) async fn execute_in<A: Aggregate, S: TransactionalStore>(
    source: InTransaction<'_, '_, S>,
    page_events: usize,
    id: &A::Id,
    command: A::Command,
    context: &Context,
    options: ExecuteOptions,
) -> Result<Executed<A>, ExecuteError<A::Refusal>> {
    let stream = A::stream_name(id).map_err(LoadError::from).map_err(Fault::from)?;
    let mut loaded: Loaded<A> = Loaded::default();
    catch_up(&source, page_events, &stream, &mut loaded).await.map_err(Fault::from)?;
    let InTransaction { store, transaction } = source;
    let applied_before = match options.key {
        Some(key) => store.find_append_in(transaction, key, options.fingerprint).await,
        None => Ok(None),
    };
    let applied_before = applied_before.map_err(Fault::Append)?;
    let decided = match Verdict::of(&loaded.state, &command, context, &options, applied_before) {
        Verdict::Append(decided) => decided,
        Verdict::AlreadyApplied(receipt) => return Ok(Executed::AlreadyApplied(receipt)),
        Verdict::NothingToDo => return Ok(Executed::NothingToDo(loaded)),
        Verdict::Refused(refusal) => return Err(ExecuteError::Refused(refusal)),
    };
    let one =
        AppendDecisions::to(stream.clone(), loaded.version).then(decision(&decided, context, &options)?);
    let stored = store.append_decisions_in(transaction, one).await;
    match stored.and_then(|stored| outcome_of_one(options.key, stored)) {
        Ok(receipt) if receipt.already_applied && options.key.is_some() => {
            Ok(Executed::AlreadyApplied(receipt))
        }
        Ok(receipt) => {
            applied(&mut loaded, &decided, receipt);
            Ok(Executed::Applied { loaded, events: decided.into_vec(), receipt })
        }
        Err(AppendError::Claimed { claim, holder }) => Err(ExecuteError::Claimed { claim, holder }),
        Err(source) => Err(not_appended(stream, source)),
    }
}

/// A connection that broke leaves no doubt here: what was not committed is gone.
fn not_appended<R>(stream: StreamName, source: AppendError) -> ExecuteError<R> {
    if source.is_conflict() || matches!(source, AppendError::Serialization(..)) {
        return ExecuteError::Conflict { stream, attempts: 1, source };
    }
    Fault::Append(source).into()
}
