//! Executing a command: load, decide, append; after a conflict the same again, on what is new.
//!
//! Guarantees
//! - events are stored only behind the very state they were decided on;
//! - after a conflict only the events that are new are read;
//! - a refusal and an empty decision write nothing and are taken on a state that was just read.
//!
//! Leaves to others: lost answers (`append`).

use std::mem;

use annals_eventstore::{Append, AppendError, Appended, EventStore, StreamName};
use tracing::{Instrument, debug, field, info_span};

use super::append::{NotAppended, appended};
use super::backoff::pause;
use super::decision::{Verdict, applied, encode};
use super::{ExecuteOptions, Repository};
use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::error::{ExecuteError, Fault, LoadError};
use crate::events::Events;
use crate::executed::Executed;
use crate::loaded::Loaded;

pub(super) async fn execute<A: Aggregate, S: EventStore>(
    repository: &Repository<A, S>,
    id: &A::Id,
    command: A::Command,
    context: &Context,
    options: ExecuteOptions,
) -> Result<Executed<A>, ExecuteError<A::Refusal>> {
    let stream = A::stream_name(id).map_err(LoadError::from).map_err(Fault::from)?;
    let span = info_span!("execute", category = A::CATEGORY, %stream, attempts = field::Empty);
    let loaded = Loaded::default();
    let mut execution = Execution { repository, stream, command, context, options, loaded, attempts: 1 };
    let result = execution.run().instrument(span.clone()).await;
    span.record("attempts", execution.attempts);
    result
}

/// One command on its way, with what is known of its aggregate so far.
struct Execution<'a, A: Aggregate, S> {
    repository: &'a Repository<A, S>,
    stream: StreamName,
    command: A::Command,
    context: &'a Context,
    options: ExecuteOptions,
    loaded: Loaded<A>,
    attempts: u32,
}

impl<A: Aggregate, S: EventStore> Execution<'_, A, S> {
    async fn run(&mut self) -> Result<Executed<A>, ExecuteError<A::Refusal>> {
        let mut applied_before = self.load_and_look_up_the_key().await?;
        loop {
            let decided = match self.decide(applied_before) {
                Verdict::Append(decided) => decided,
                Verdict::AlreadyApplied(receipt) => return Ok(Executed::AlreadyApplied(receipt)),
                Verdict::NothingToDo => return Ok(Executed::NothingToDo(mem::take(&mut self.loaded))),
                Verdict::Refused(refusal) => return Err(ExecuteError::Refused(refusal)),
            };
            let append = self.request(&decided)?;
            match appended(|| self.repository.store.append(append.clone())).await {
                Ok(receipt) => return Ok(self.executed(decided, receipt)),
                Err(NotAppended::Conflict(source)) => self.prepare_another_attempt(source).await?,
                Err(NotAppended::Unknown { sends, source }) => {
                    return Err(ExecuteError::OutcomeUnknown { stream: self.stream.clone(), sends, source });
                }
                Err(NotAppended::Fault(source)) => return Err(Fault::Append(source).into()),
            }
            applied_before = self.load_and_look_up_the_key().await?;
        }
    }

    /// Reads what is new of the aggregate and, at once, what is stored under the command's key.
    async fn load_and_look_up_the_key(&mut self) -> Result<Option<Appended>, Fault> {
        let ExecuteOptions { key, fingerprint, .. } = self.options;
        let store = &self.repository.store;
        let look_up = async {
            match key {
                Some(key) => store.find_append(key, fingerprint).await,
                None => Ok(None),
            }
        };
        let (loaded, applied_before) =
            tokio::join!(self.repository.catch_up(&self.stream, &mut self.loaded), look_up);
        loaded?;
        applied_before.map_err(Fault::Append)
    }

    fn decide(&self, applied_before: Option<Appended>) -> Verdict<A> {
        Verdict::of(&self.loaded.state, &self.command, self.context, &self.options, applied_before)
    }

    fn request(&self, decided: &Events<A::Event>) -> Result<Append, Fault> {
        let events = encode(decided, self.context)?;
        let append = Append::to(self.stream.clone(), events).expecting(self.loaded.version);
        Ok(Append { key: self.options.key, fingerprint: self.options.fingerprint, ..append })
    }

    fn executed(&mut self, decided: Events<A::Event>, receipt: Appended) -> Executed<A> {
        // Without a key only this call's own events can have been there already: an answer of its was lost.
        if receipt.already_applied && self.options.key.is_some() {
            return Executed::AlreadyApplied(receipt);
        }
        applied(mem::take(&mut self.loaded), decided, receipt)
    }

    async fn prepare_another_attempt(&mut self, source: AppendError) -> Result<(), ExecuteError<A::Refusal>> {
        let attempts = self.attempts;
        if attempts >= self.options.attempts {
            return Err(ExecuteError::Conflict { stream: self.stream.clone(), attempts, source });
        }
        debug!(attempts, %source, "stream changed, deciding again");
        pause(attempts).await;
        self.attempts += 1;
        Ok(())
    }
}
