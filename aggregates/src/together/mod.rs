//! Commands to several aggregates, carried out together or not at all.
//!
//! Guarantees
//! - the events of all commands are stored in one transaction, each behind the state it was decided on;
//! - a command sees what the commands before it decided for the same aggregate;
//! - claims are taken and released in the order of the commands, so that one may take what one before it released;
//! - after a conflict only what is new is read, and all commands are decided again.

mod error;
mod member;

use std::fmt;

use annals_eventstore::{
    AppendError, AppendMany, AppendedMany, EventStore, ExpectedVersion, Fingerprint, IdempotencyKey,
    InvalidStreamName, StreamClaim, StreamName,
};

use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::error::Fault;
use crate::loaded::Loaded;
use crate::repository::{EXECUTE_ATTEMPTS_DEFAULT, NotAppended, appended, pause};

pub use error::TogetherError;
use member::{Decided, Member, Undecided, of, of_mut};

/// Commands to several aggregates, of one type or of many, that are carried out together or not at all.
///
/// # Examples
///
/// ```no_run
/// # use annals_aggregates::{Aggregate, Context, Together, TogetherError};
/// # async fn example<Account: Aggregate<Id = u32>, Customer: Aggregate<Id = u32>>(
/// #     store: impl annals_eventstore::EventStore,
/// #     withdraw: Account::Command, deposit: Account::Command, note: Customer::Command,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let done = Together::new(&store)
///     .command::<Account>(&7, withdraw)?
///     .command::<Account>(&8, deposit)?
///     .command::<Customer>(&3, note)?
///     .with_key("transfer 12")
///     .execute(&Context::new())
///     .await;
/// match done {
///     Ok(done) => println!("{} streams were written to", done.receipt.streams.len()),
///     Err(TogetherError::Refused { stream, refusal, .. }) => println!("{stream} says no: {refusal}"),
///     Err(fault) => return Err(fault.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing happens before `execute`"]
pub struct Together<S> {
    store: S,
    members: Vec<Box<dyn Member<S>>>,
    checks: Vec<(StreamName, ExpectedVersion)>,
    commands: usize,
    key: Option<IdempotencyKey>,
    fingerprint: Option<Fingerprint>,
    attempts: u32,
}

/// What came of commands that were carried out together.
pub struct ExecutedTogether<S> {
    /// Where the events stand, stream by stream; empty where nothing had to be done. `already_applied` where the
    /// key was used before for the same commands; the aggregates are then as they are now.
    pub receipt: AppendedMany,
    members: Vec<Box<dyn Member<S>>>,
}

impl<S: EventStore> Together<S> {
    /// Begins with no command.
    pub fn new(store: &S) -> Self {
        Self {
            store: store.clone(),
            members: Vec::new(),
            checks: Vec::new(),
            commands: 0,
            key: None,
            fingerprint: None,
            attempts: EXECUTE_ATTEMPTS_DEFAULT,
        }
    }

    /// Adds a command.
    ///
    /// # Errors
    ///
    /// [`InvalidStreamName`] when the category or the id makes no stream name.
    pub fn command<A: Aggregate>(
        mut self,
        id: &A::Id,
        command: A::Command,
    ) -> Result<Self, InvalidStreamName> {
        let stream = A::stream_name(id)?;
        of_mut::<A, S>(&mut self.members, stream).push(self.commands, command);
        self.commands += 1;
        Ok(self)
    }

    /// Demands that a stream nobody here writes to looks like this when the events are stored.
    pub fn check(mut self, stream: StreamName, expected: impl Into<ExpectedVersion>) -> Self {
        self.checks.push((stream, expected.into()));
        self
    }

    /// Sets the key under which a repetition of the whole is recognised.
    pub fn with_key(self, key: impl Into<IdempotencyKey>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Sets what a repetition under the key is compared by; by default the streams and the events decided.
    pub fn with_fingerprint(self, fingerprint: Fingerprint) -> Self {
        Self { fingerprint: Some(fingerprint), ..self }
    }

    /// Sets the most times everything is decided, the first included; [`EXECUTE_ATTEMPTS_DEFAULT`] by default.
    pub fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// Loads the aggregates, decides the commands, and stores their events.
    ///
    /// # Errors
    ///
    /// [`TogetherError`]; only [`TogetherError::OutcomeUnknown`] leaves open whether anything was written.
    pub async fn execute(mut self, context: &Context) -> Result<ExecutedTogether<S>, TogetherError> {
        let mut attempts = 1;
        loop {
            for member in &mut self.members {
                member.catch_up(&self.store).await.map_err(Fault::from)?;
            }
            let applied_before = match self.key {
                Some(key) => {
                    self.store.find_append_many(key, self.fingerprint).await.map_err(Fault::Append)?
                }
                None => None,
            };
            if let (Some(receipt), Some(_)) = (&applied_before, self.fingerprint) {
                return Ok(ExecutedTogether { receipt: receipt.clone(), members: self.members });
            }
            let append = match (self.decide(context), applied_before) {
                (Ok(append), _) if append.has_events() => append,
                (Err(Undecided::Fault(fault)), _) => return Err(fault.into()),
                (_, Some(receipt)) => return Ok(ExecutedTogether { receipt, members: self.members }),
                (Ok(_), None) => {
                    let receipt = AppendedMany { streams: Vec::new(), already_applied: false };
                    return Ok(ExecutedTogether { receipt, members: self.members });
                }
                (Err(Undecided::Refused { stream, command, refusal }), None) => {
                    return Err(TogetherError::Refused { stream, command, refusal });
                }
            };
            match appended(|| self.store.append_many(append.clone())).await {
                Ok(receipt) => return Ok(self.executed(receipt)),
                Err(NotAppended::Conflict(source))
                    if attempts >= self.attempts || self.is_of_a_check(&source) =>
                {
                    return Err(TogetherError::Conflict { attempts, source });
                }
                Err(NotAppended::Conflict(_)) => pause(attempts).await,
                Err(NotAppended::Unknown { sends, source }) => {
                    return Err(TogetherError::OutcomeUnknown { sends, source });
                }
                Err(NotAppended::Claimed { claim, holder }) => {
                    // As a refusal: all states were read by this attempt.
                    return Err(TogetherError::Claimed { claim, holder });
                }
                Err(NotAppended::Fault(source)) => return Err(Fault::Append(source).into()),
            }
            attempts += 1;
        }
    }

    /// Tells whether it was a stream to be checked that was not as demanded: deciding again changes nothing.
    fn is_of_a_check(&self, refused: &AppendError) -> bool {
        let (AppendError::WrongVersion { stream: told, .. } | AppendError::StreamNotFound(told)) = refused
        else {
            return false;
        };
        self.checks.iter().any(|(stream, _)| stream == told)
    }

    fn decide(&mut self, context: &Context) -> Result<AppendMany, Undecided> {
        let mut append = AppendMany { key: self.key, fingerprint: self.fingerprint, ..AppendMany::new() };
        for (stream, expected) in &self.checks {
            append = append.check(stream.clone(), *expected);
        }
        let mut claims = Vec::new();
        for member in &mut self.members {
            let Decided { events, claims: changes } = member.decide(context)?;
            let stream = member.stream();
            claims.extend(changes.into_iter().map(|(command, change)| {
                let stream = stream.clone();
                (command, StreamClaim { stream, change })
            }));
            // Without events of its own a decision still stands on the state it was taken on.
            append = append.append(stream.clone(), member.version(), events);
        }
        claims.sort_by_key(|(command, _)| *command);
        append.claims = claims.into_iter().map(|(_, claim)| claim).collect();
        Ok(append)
    }

    fn executed(mut self, receipt: AppendedMany) -> ExecutedTogether<S> {
        if !(receipt.already_applied && self.key.is_some()) {
            self.members.iter_mut().for_each(|member| member.take_in());
        }
        ExecutedTogether { receipt, members: self.members }
    }
}

impl<S: EventStore> ExecutedTogether<S> {
    /// Returns one of the aggregates as the commands left it.
    pub fn loaded<A: Aggregate>(&self, id: &A::Id) -> Option<&Loaded<A>> {
        let stream = A::stream_name(id).ok()?;
        of::<A, S>(&self.members, &stream)
    }
}

impl<S> fmt::Debug for Together<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together").field("commands", &self.commands).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ExecutedTogether<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutedTogether").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}
