//! One of the aggregates that act together, its type forgotten.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use annals_eventstore::{ClaimChange, EventStore, NewEvent, PAGE_EVENTS_DEFAULT, StreamName, Version};

use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::error::{Fault, LoadError};
use crate::events::Events;
use crate::loaded::Loaded;
use crate::repository::{Log, catch_up, encode};

/// Why the commands of one aggregate have no events.
pub(super) enum Undecided {
    Refused { stream: StreamName, command: usize, refusal: Box<dyn std::error::Error + Send + Sync> },
    Fault(Fault),
}

/// What the commands of one aggregate led to.
#[derive(Default)]
pub(super) struct Decided {
    pub(super) events: Vec<NewEvent>,
    /// What becomes of claims, each with the place of its command among all commands.
    pub(super) claims: Vec<(usize, ClaimChange)>,
}

/// An aggregate, its commands, and what is known of it.
pub(super) trait Member<S>: Send + Sync {
    fn stream(&self) -> &StreamName;
    fn version(&self) -> Version;
    fn catch_up<'a>(
        &'a mut self,
        store: &'a S,
    ) -> Pin<Box<dyn Future<Output = Result<(), LoadError>> + Send + 'a>>;
    /// Decides all commands, one after another, and keeps what they led to.
    fn decide(&mut self, context: &Context) -> Result<Decided, Undecided>;
    /// Takes what was decided last into the state: it is stored.
    fn take_in(&mut self);
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

pub(super) struct Typed<A: Aggregate> {
    stream: StreamName,
    commands: Vec<(usize, A::Command)>,
    loaded: Loaded<A>,
    decided: Loaded<A>,
}

impl<A: Aggregate> Typed<A> {
    /// Adds a command; `index` is its place among all commands.
    pub(super) fn push(&mut self, index: usize, command: A::Command) {
        self.commands.push((index, command));
    }
}

/// Returns the member of a type on a stream, beginning one if there is none.
pub(super) fn of_mut<A: Aggregate, S: EventStore>(
    members: &mut Vec<Box<dyn Member<S>>>,
    stream: StreamName,
) -> &mut Typed<A> {
    let known =
        members.iter().position(|member| *member.stream() == stream && member.as_any().is::<Typed<A>>());
    let index = known.unwrap_or_else(|| {
        let (loaded, decided) = Default::default();
        members.push(Box::new(Typed::<A> { stream, commands: Vec::new(), loaded, decided }));
        members.len() - 1
    });
    members[index].as_any_mut().downcast_mut().expect("the type was compared")
}

/// Returns what is known of the aggregate of a type on a stream.
pub(super) fn of<'a, A: Aggregate, S: EventStore>(
    members: &'a [Box<dyn Member<S>>],
    stream: &StreamName,
) -> Option<&'a Loaded<A>> {
    let on_stream = members.iter().filter(|member| member.stream() == stream);
    on_stream
        .filter_map(|member| member.as_any().downcast_ref::<Typed<A>>())
        .map(|typed| &typed.loaded)
        .next()
}

impl<A: Aggregate, S: EventStore> Member<S> for Typed<A> {
    fn stream(&self) -> &StreamName {
        &self.stream
    }

    fn version(&self) -> Version {
        self.loaded.version
    }

    fn catch_up<'a>(
        &'a mut self,
        store: &'a S,
    ) -> Pin<Box<dyn Future<Output = Result<(), LoadError>> + Send + 'a>> {
        Box::pin(
            async move { catch_up(&Log(store), PAGE_EVENTS_DEFAULT, &self.stream, &mut self.loaded).await },
        )
    }

    fn decide(&mut self, context: &Context) -> Result<Decided, Undecided> {
        self.decided = self.loaded.clone();
        let mut decided = Decided::default();
        for (command, given) in &self.commands {
            let events: Events<A::Event> = match self.decided.state.decide(given.clone(), context) {
                Ok(events) => events,
                Err(refusal) => {
                    let (stream, command) = (self.stream.clone(), *command);
                    return Err(Undecided::Refused { stream, command, refusal: Box::new(refusal) });
                }
            };
            decided.events.extend(encode(&events, context).map_err(Undecided::Fault)?);
            decided.claims.extend(events.claims().iter().map(|change| (*command, change.clone())));
            for event in events {
                self.decided.state.evolve(&event);
                self.decided.version = self.decided.version.next();
            }
        }
        Ok(decided)
    }

    fn take_in(&mut self) {
        self.loaded = std::mem::take(&mut self.decided);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
