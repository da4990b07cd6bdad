//! Deciding the commands that wait, one after another, each on the state the ones before it led to.

use std::collections::HashSet;

use annals_eventstore::{Claim, ClaimChange, Decision, StreamName};

use super::envelope::Envelope;
use super::guarded::guarded;
use crate::aggregate::Aggregate;
use crate::error::{ExecuteError, Fault};
use crate::events::Events;
use crate::repository::{Verdict, decision};

/// What the commands that wait led to, in their order.
pub(super) struct Plan<A: Aggregate> {
    pub(super) steps: Vec<(Box<Envelope<A>>, Step<A>)>,
    /// The state after all of them.
    pub(super) state: A,
}

/// What one command led to.
pub(super) enum Step<A: Aggregate> {
    /// Events, and what is to be stored of them.
    Append(Events<A::Event>, Decision),
    /// No events: nothing to do, or a refusal.
    Without(Verdict<A>),
    /// It has to wait until another one under its key was carried out.
    Later,
    /// It cannot be written.
    Unwritable(Fault),
    /// The aggregate's own code panicked.
    Panicked(String),
}

impl<A: Aggregate> Plan<A> {
    /// Decides the commands.
    pub(super) fn of(base: &A, waiting: Vec<Box<Envelope<A>>>) -> Self {
        let mut plan = Self { steps: Vec::with_capacity(waiting.len()), state: base.clone() };
        let mut keys = HashSet::new();
        for envelope in waiting {
            let step = match envelope.options.key {
                Some(key) if !keys.insert(key) => Step::Later,
                _ => decide(&plan.state, &envelope),
            };
            let step = plan.take_in(base, step);
            plan.steps.push((envelope, step));
        }
        plan
    }

    /// Returns what is to be stored, in order.
    pub(super) fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.steps.iter().filter_map(|(_, step)| match step {
            Step::Append(_, decision) => Some(decision),
            _ => None,
        })
    }

    /// Returns the commands, to be decided again.
    pub(super) fn into_waiting(self) -> Vec<Box<Envelope<A>>> {
        self.steps.into_iter().map(|(envelope, _)| envelope).collect()
    }

    /// Answers the first command that takes a claim of another; returns the others.
    pub(super) fn refuse_claim(mut self, claim: Claim, holder: StreamName) -> Vec<Box<Envelope<A>>> {
        let takes = |step: &Step<A>| match step {
            Step::Append(events, _) => events.claims().contains(&ClaimChange::Take(claim.clone())),
            _ => false,
        };
        if let Some(first) = self.steps.iter().position(|(_, step)| takes(step)) {
            let (envelope, _) = self.steps.remove(first);
            envelope.reply(Err(ExecuteError::Claimed { claim, holder }.into()));
        }
        self.into_waiting()
    }

    /// Answers all commands that had events with an error; returns the others, which were decided on a state that
    /// never was.
    pub(super) fn fail_appends(self, error: impl Fn() -> ExecuteError<A::Refusal>) -> Vec<Box<Envelope<A>>> {
        let mut left = Vec::new();
        for (envelope, step) in self.steps {
            match step {
                Step::Append(..) => envelope.reply(Err(error().into())),
                _ => left.push(envelope),
            }
        }
        left
    }

    /// Takes the events of a step into the state.
    fn take_in(&mut self, base: &A, step: Step<A>) -> Step<A> {
        let Step::Append(events, _) = &step else { return step };
        let state = &mut self.state;
        let Err(message) = guarded(|| events.as_slice().iter().for_each(|event| state.evolve(event))) else {
            return step;
        };
        // The state may be half changed. What came before can be taken in: it was.
        self.state = base.clone();
        let before = self.steps.iter().filter_map(|(_, step)| match step {
            Step::Append(events, _) => Some(events),
            _ => None,
        });
        before.flat_map(Events::as_slice).for_each(|event| self.state.evolve(event));
        Step::Panicked(message)
    }
}

fn decide<A: Aggregate>(state: &A, envelope: &Envelope<A>) -> Step<A> {
    let Envelope { command, context, options, .. } = envelope;
    let verdict = match guarded(|| Verdict::of(state, command, context, options, None)) {
        Ok(verdict) => verdict,
        Err(message) => return Step::Panicked(message),
    };
    match verdict {
        Verdict::Append(events) => match decision(&events, context, options) {
            Ok(decision) => Step::Append(events, decision),
            Err(fault) => Step::Unwritable(fault),
        },
        without_events => Step::Without(without_events),
    }
}
