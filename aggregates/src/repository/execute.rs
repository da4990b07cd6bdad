//! Executing a command: load, decide, append; after a conflict the same again, on what is new.
//!
//! ```text
//! kept state or load -> decide -+- events ----------> append -+- stored --> keep the state, answer
//!        ^                      |                             +- conflict -> read what is new, decide again
//!        |                      +- none, or a refusal -> is the state current? -> answer
//!        +----------------------------------------------- no: read what is new
//! ```
//!
//! Guarantees
//! - events are stored only behind the very state they were decided on;
//! - after a conflict only the events that are new are read;
//! - a refusal and an empty decision write nothing and are answered on a state that was read by this call, and
//!   not before the command's key was looked up behind that state.
//!
//! Leaves to others: lost answers (`append`).

use std::mem;

use annals_eventstore::{Append, AppendDecisions, AppendError, Appended, Decision, EventStore, StreamName};
use tracing::{Instrument, debug, field, info_span};

use super::append::{NotAppended, appended};
use super::backoff::pause;
use super::decision::{Verdict, applied, decision, outcome_of_one};
use super::{ExecuteOptions, Repository};
use crate::aggregate::Aggregate;
use crate::baseline::Baseline;
use crate::context::Context;
use crate::error::{ExecuteError, Fault, LoadError};
use crate::events::Events;
use crate::executed::Executed;

pub(super) async fn execute<A: Aggregate, S: EventStore>(
    repository: &Repository<A, S>,
    id: &A::Id,
    command: A::Command,
    context: &Context,
    options: ExecuteOptions,
) -> Result<Executed<A>, ExecuteError<A::Refusal>> {
    let stream = A::stream_name(id).map_err(LoadError::from).map_err(Fault::from)?;
    let span = info_span!("execute", category = A::CATEGORY, %stream, attempts = field::Empty);
    let kept = repository.kept(&stream);
    let known = if kept.is_some() { Known::Kept } else { Known::Nothing };
    let baseline = kept.unwrap_or_default();
    let mut execution =
        Execution { repository, stream, command, context, options, baseline, known, attempts: 1 };
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
    baseline: Baseline<A>,
    known: Known,
    attempts: u32,
}

/// What the state is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It was never loaded.
    Nothing,
    /// It was kept in memory: it may be stale.
    Kept,
    /// It was read by this call, and the key looked up at the same time.
    Read,
    /// It was read by this call, and the key looked up afterwards.
    ReadBeforeTheKey,
}

impl<A: Aggregate, S: EventStore> Execution<'_, A, S> {
    async fn run(&mut self) -> Result<Executed<A>, ExecuteError<A::Refusal>> {
        let mut applied_before = None;
        if self.known == Known::Nothing {
            applied_before = self.read_and_look_up_the_key().await?;
        }
        loop {
            let decided = match self.decide(applied_before) {
                Verdict::Append(decided) => decided,
                Verdict::AlreadyApplied(receipt) => return Ok(Executed::AlreadyApplied(receipt)),
                without_events if self.is_current(&mut applied_before).await? => {
                    return self.answer(without_events);
                }
                _ => continue,
            };
            match self.append(&decided).await? {
                Ok(receipt) => return Ok(self.executed(decided, receipt)),
                Err(NotAppended::Conflict(source)) => self.prepare_another_attempt(source).await?,
                Err(NotAppended::Claimed { claim, holder }) => {
                    // As a refusal: it counts on a state that is current.
                    if self.is_current(&mut applied_before).await? {
                        return Err(ExecuteError::Claimed { claim, holder });
                    }
                    continue;
                }
                Err(NotAppended::Unknown { sends, source }) => {
                    return Err(ExecuteError::OutcomeUnknown { stream: self.stream.clone(), sends, source });
                }
                Err(NotAppended::Fault(source)) => return Err(Fault::Append(source).into()),
            }
            applied_before = self.read_and_look_up_the_key().await?;
        }
    }

    /// Reads what is new of the aggregate and, at once, what is stored under the command's key.
    async fn read_and_look_up_the_key(&mut self) -> Result<Option<Appended>, Fault> {
        let ExecuteOptions { key, fingerprint, .. } = self.options;
        let repository = self.repository;
        let look_up = async {
            match key {
                Some(key) => repository.store.find_append(key, fingerprint).await,
                None => Ok(None),
            }
        };
        let (read, applied_before) = tokio::join!(self.read(), look_up);
        read?;
        applied_before.map_err(Fault::Append)
    }

    async fn read(&mut self) -> Result<(), LoadError> {
        let Self { repository, stream, baseline, .. } = self;
        match self.known {
            Known::Nothing => *baseline = repository.load_baseline(stream).await?,
            _ => repository.catch_up(stream, baseline).await?,
        }
        self.known = Known::Read;
        Ok(())
    }

    /// Makes sure of a state on which nothing is to be stored: nothing checks its version. Where it was not
    /// current, it is now, and what is stored under the key is known.
    async fn is_current(&mut self, applied_before: &mut Option<Appended>) -> Result<bool, Fault> {
        let before = self.baseline.loaded.version;
        if self.known == Known::Kept {
            self.read().await?;
        }
        if let (Known::Read, Some(key)) = (self.known, self.options.key) {
            // A repetition that was stored between the key's first look-up and the read would be refused for its
            // own effect.
            let found = self.repository.store.find_append(key, self.options.fingerprint).await;
            *applied_before = found.map_err(Fault::Append)?;
            self.known = Known::ReadBeforeTheKey;
        }
        Ok(applied_before.is_none() && self.baseline.loaded.version == before)
    }

    fn decide(&self, applied_before: Option<Appended>) -> Verdict<A> {
        let state = &self.baseline.loaded.state;
        Verdict::of(state, &self.command, self.context, &self.options, applied_before)
    }

    fn answer(&mut self, without_events: Verdict<A>) -> Result<Executed<A>, ExecuteError<A::Refusal>> {
        self.repository.keep(&self.stream, &mut self.baseline);
        match without_events {
            Verdict::Refused(refusal) => Err(ExecuteError::Refused(refusal)),
            _ => Ok(Executed::NothingToDo(mem::take(&mut self.baseline.loaded))),
        }
    }

    async fn append(&self, decided: &Events<A::Event>) -> Result<Result<Appended, NotAppended>, Fault> {
        let (stream, version) = (self.stream.clone(), self.baseline.loaded.version);
        let store = &self.repository.store;
        let one = decision(decided, self.context, &self.options)?;
        if decided.claims().is_empty() {
            let Decision { events, key, fingerprint, .. } = one;
            let append = Append { key, fingerprint, ..Append::to(stream, events).expecting(version) };
            return Ok(appended(|| store.append(append.clone())).await);
        }
        let append = AppendDecisions::to(stream, version).then(one);
        let send = || async {
            let stored = store.append_decisions(append.clone()).await?;
            outcome_of_one(self.options.key, stored)
        };
        Ok(appended(send).await)
    }

    fn executed(&mut self, decided: Events<A::Event>, receipt: Appended) -> Executed<A> {
        // Without a key only this call's own events can have been there already: an answer of its was lost.
        if receipt.already_applied && self.options.key.is_some() {
            return Executed::AlreadyApplied(receipt);
        }
        applied(&mut self.baseline.loaded, &decided, receipt);
        self.repository.keep(&self.stream, &mut self.baseline);
        let loaded = mem::take(&mut self.baseline.loaded);
        Executed::Applied { loaded, events: decided.into_vec(), receipt }
    }

    async fn prepare_another_attempt(&mut self, source: AppendError) -> Result<(), ExecuteError<A::Refusal>> {
        // A state that was kept may have been stale for long: nobody came first just now.
        if self.known == Known::Kept {
            return Ok(());
        }
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
