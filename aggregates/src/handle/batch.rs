//! Carrying out the commands that wait: decided in order, stored in one append, answered each for itself.
//!
//! ```text
//! waiting -> decided in order -> one append -+- stored ------------> each is answered, refusals too
//!    ^                                       +- conflict ----------> what is new is read --+
//!    |                                       +- a key was used ----> its caller is answered +
//!    |                                       +- a claim is held ---> its caller is answered +
//!    +------------------------------------- the others are decided again <-----------------+
//! ```
//!
//! Guarantees
//! - nobody is answered before the common append is over, and nobody by what another one's failed append led to;
//! - a refusal is answered on a state that was current: one the append has proven, or one just read;
//! - a command under a key is not decided after its caller has gone: a repetition may have been answered elsewhere.

use std::sync::Arc;

use annals_eventstore::{
    Append, AppendDecisions, AppendError, Appended, AppendedDecisions, Decision, EventStore, KeyUsed,
    StreamName, Version,
};
use tracing::debug;

use super::envelope::Envelope;
use super::error::HandleError;
use super::guarded::guarded_future;
use super::plan::{Plan, Step};
use crate::aggregate::Aggregate;
use crate::baseline::Baseline;
use crate::error::{ExecuteError, Fault};
use crate::executed::Executed;
use crate::loaded::Loaded;
use crate::repository::{NotAppended, Repository, Verdict, appended, pause};

/// Commands that wait.
pub(super) type Waiting<A> = Vec<Box<Envelope<A>>>;

/// An aggregate in memory.
pub(super) struct Resident<A: Aggregate, S> {
    pub(super) repository: Repository<A, S>,
    pub(super) stream: StreamName,
    /// What is known of it; nothing before the first command, and after an outcome that stayed unknown.
    pub(super) baseline: Option<Baseline<A>>,
}

/// How a round of commands ended.
enum Round<A: Aggregate> {
    /// Everybody was answered, but those who wait for a key.
    Over(Waiting<A>),
    /// These are to be decided again, on a state that is read anew.
    Again(Waiting<A>),
    /// These are to be decided again, on a state that was just read.
    Current(Waiting<A>),
    /// As [`Round::Again`], and another writer came first.
    Lost(Waiting<A>, AppendError),
    /// One of these cannot be stored, and nobody knows which: each alone.
    Singly(Waiting<A>),
}

impl<A: Aggregate, S: EventStore> Resident<A, S> {
    /// Carries out commands until all are answered.
    pub(super) async fn carry_out(&mut self, waiting: Waiting<A>) {
        let mut queue = vec![waiting];
        while let Some(mut waiting) = queue.pop() {
            let (mut attempts, mut is_current) = (1, false);
            while !waiting.is_empty() {
                if !is_current && self.baseline.is_none() {
                    is_current = true;
                    waiting = match self.read(waiting).await {
                        Some(waiting) => waiting,
                        None => break,
                    };
                }
                waiting = match self.round(waiting, is_current).await {
                    Round::Over(later) => {
                        is_current = false;
                        later
                    }
                    Round::Again(waiting) => {
                        is_current = true;
                        self.read(waiting).await.unwrap_or_default()
                    }
                    Round::Current(waiting) => {
                        is_current = true;
                        waiting
                    }
                    Round::Lost(waiting, source) => {
                        // A state that was not just read may have been stale for long: nobody came first.
                        let waiting = if is_current {
                            let left = self.give_up(waiting, attempts, &Arc::new(source));
                            pause(attempts).await;
                            attempts += 1;
                            left
                        } else {
                            waiting
                        };
                        is_current = true;
                        self.read(waiting).await.unwrap_or_default()
                    }
                    Round::Singly(waiting) => {
                        queue.extend(waiting.into_iter().rev().map(|one| vec![one]));
                        Vec::new()
                    }
                };
            }
        }
    }

    /// Reads what is new. Where that fails everybody is answered, and nobody is left.
    async fn read(&mut self, waiting: Waiting<A>) -> Option<Waiting<A>> {
        let Self { repository, stream, .. } = self;
        let known = self.baseline.take();
        let read = guarded_future(async {
            match known {
                None => repository.load_baseline(stream).await,
                Some(mut baseline) => repository.catch_up(stream, &mut baseline).await.map(|()| baseline),
            }
        });
        match read.await {
            Ok(Ok(baseline)) => {
                self.baseline = Some(baseline);
                return Some(waiting);
            }
            Ok(Err(fault)) => {
                let fault = Arc::new(fault);
                for one in waiting {
                    one.reply(Err(ExecuteError::Fault(Fault::Load(fault.shared())).into()));
                }
            }
            Err(message) => {
                for one in waiting {
                    one.reply(Err(HandleError::Panicked {
                        stream: stream.clone(),
                        message: message.clone(),
                    }));
                }
            }
        }
        None
    }

    async fn round(&mut self, mut waiting: Waiting<A>, is_current: bool) -> Round<A> {
        waiting.retain(|one| !one.is_given_up());
        if waiting.is_empty() {
            return Round::Over(waiting);
        }
        let base = self.baseline.clone().unwrap_or_default().loaded;
        let plan = Plan::of(&base.state, waiting);
        let append = AppendDecisions {
            stream: self.stream.clone(),
            expected: base.version,
            decisions: plan.decisions().cloned().collect(),
        };
        if append.decisions.is_empty() {
            if !is_current {
                return self.look_again(plan, base.version).await;
            }
            return Round::Over(self.answer(plan, base, &[]).await);
        }
        let store = self.repository.store();
        match appended(|| store_all(store, &append)).await {
            Ok(AppendedDecisions::Stored(receipts)) => Round::Over(self.answer(plan, base, &receipts).await),
            Ok(AppendedDecisions::UsedBefore(used)) => Round::Again(self.answer_used(plan, used)),
            Err(NotAppended::Conflict(source)) => Round::Lost(plan.into_waiting(), source),
            Err(NotAppended::Claimed { claim, holder }) if is_current => {
                Round::Again(plan.refuse_claim(claim, holder))
            }
            Err(NotAppended::Claimed { .. }) => Round::Again(plan.into_waiting()),
            Err(NotAppended::Unknown { sends, source }) => {
                self.baseline = None;
                let source = Arc::new(source);
                let stream = &self.stream;
                Round::Again(plan.fail_appends(|| ExecuteError::OutcomeUnknown {
                    stream: stream.clone(),
                    sends,
                    source: source.shared(),
                }))
            }
            Err(NotAppended::Fault(source)) if append.decisions.len() > 1 && !source.is_transient() => {
                debug!(stream = %self.stream, %source, "append of several commands refused, each alone now");
                Round::Singly(plan.into_waiting())
            }
            Err(NotAppended::Fault(source)) => {
                let source = Arc::new(source);
                Round::Again(plan.fail_appends(|| Fault::Append(source.shared()).into()))
            }
        }
    }

    /// Nothing is to be stored, so nothing proves that the state is current: reads what is new. Where nothing is,
    /// the answers stand.
    async fn look_again(&mut self, plan: Plan<A>, before: Version) -> Round<A> {
        let Some(loaded) =
            self.read(Vec::new()).await.and(self.baseline.as_ref()).map(|known| known.loaded.clone())
        else {
            return Round::Again(plan.into_waiting());
        };
        if loaded.version != before {
            return Round::Current(plan.into_waiting());
        }
        Round::Over(self.answer(plan, loaded, &[]).await)
    }

    /// Answers everybody, each with the state its own command left; returns those who wait for a key.
    async fn answer(&mut self, plan: Plan<A>, mut base: Loaded<A>, receipts: &[Appended]) -> Waiting<A> {
        let version = receipts.last().map_or(base.version, |receipt| receipt.to_version);
        let mut baseline = self.baseline.take().unwrap_or_default();
        baseline.loaded = Loaded { state: plan.state, version };
        self.repository.keep(&self.stream, &mut baseline);
        self.baseline = Some(baseline);

        let (mut later, mut receipts) = (Vec::new(), receipts.iter());
        for (envelope, step) in plan.steps {
            match step {
                Step::Append(events, _) => {
                    let receipt = receipts.next().copied();
                    let receipt = receipt.expect("each decision that is stored has a receipt");
                    events.as_slice().iter().for_each(|event| base.state.evolve(event));
                    base.version = receipt.to_version;
                    let (loaded, events) = (base.clone(), events.into_vec());
                    envelope.reply(Ok(Executed::Applied { loaded, events, receipt }));
                }
                Step::Without(verdict) => self.answer_without(*envelope, verdict, &base).await,
                Step::Later => later.push(envelope),
                Step::Unwritable(fault) => envelope.reply(Err(ExecuteError::from(fault).into())),
                Step::Panicked(message) => {
                    envelope.reply(Err(HandleError::Panicked { stream: self.stream.clone(), message }));
                }
            }
        }
        later
    }

    /// Answers a command without events, unless it is found to have been carried out before.
    async fn answer_without(&self, envelope: Envelope<A>, verdict: Verdict<A>, loaded: &Loaded<A>) {
        if let Some(key) = envelope.options.key {
            let found = self.repository.store().find_append(key, envelope.options.fingerprint).await;
            match found {
                Ok(None) => {}
                Ok(Some(receipt)) => return envelope.reply(Ok(Executed::AlreadyApplied(receipt))),
                Err(fault) => return envelope.reply(Err(ExecuteError::from(Fault::Append(fault)).into())),
            }
        }
        let answer = match verdict {
            Verdict::Refused(refusal) => Err(ExecuteError::Refused(refusal).into()),
            _ => Ok(Executed::NothingToDo(loaded.clone())),
        };
        envelope.reply(answer);
    }

    /// Answers those whose keys were used before; returns the others.
    fn answer_used(&self, plan: Plan<A>, used: Vec<(usize, KeyUsed)>) -> Waiting<A> {
        let (mut used, mut appends) = (used.into_iter().peekable(), 0..);
        let mut left = Vec::new();
        for (envelope, step) in plan.steps {
            let index = matches!(step, Step::Append(..)).then(|| appends.next().unwrap_or_default());
            let told = used.next_if(|(used, _)| Some(*used) == index);
            match (told, envelope.options.key) {
                (Some((_, KeyUsed::Applied(receipt))), _) => {
                    envelope.reply(Ok(Executed::AlreadyApplied(receipt)));
                }
                (Some((_, KeyUsed::Cancelled)), Some(key)) => {
                    let fault = Fault::Append(AppendError::KeyCancelled { key });
                    envelope.reply(Err(ExecuteError::from(fault).into()));
                }
                (Some(_), Some(key)) => {
                    let fault = Fault::Append(AppendError::KeyReused { key });
                    envelope.reply(Err(ExecuteError::from(fault).into()));
                }
                (_, _) => left.push(envelope),
            }
        }
        left
    }

    /// Answers those who had as many attempts as they wanted; returns the others.
    fn give_up(&self, waiting: Waiting<A>, attempts: u32, source: &Arc<AppendError>) -> Waiting<A> {
        let (over, left): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|one| attempts >= one.options.attempts);
        for one in over {
            let (stream, source) = (self.stream.clone(), source.shared());
            one.reply(Err(ExecuteError::Conflict { stream, attempts, source }.into()));
        }
        left
    }
}

/// Stores decisions. One alone, without key or claims, is a plain append, which costs the server less.
async fn store_all<S: EventStore>(
    store: &S,
    append: &AppendDecisions,
) -> Result<AppendedDecisions, AppendError> {
    match &append.decisions[..] {
        [Decision { events, key: None, claims, .. }] if claims.is_empty() => {
            let one = Append::to(append.stream.clone(), events.clone()).expecting(append.expected);
            Ok(AppendedDecisions::Stored(vec![store.append(one).await?]))
        }
        _ => store.append_decisions(append.clone()).await,
    }
}
