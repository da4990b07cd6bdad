//! What a domain implements.
//!
//! Leaves to others: storing and reading events (`repository`), clocks and ids (`context`).

use std::fmt;

use annals_eventstore::{Category, Event, InvalidStreamName, StreamName};

use crate::context::Context;
use crate::events::Events;

/// A thing with a history: its state is its events, folded; its rules say which event comes next.
///
/// Both functions are synchronous and pure. They touch nothing but their arguments, so a decision can be taken
/// again when another writer came first, and a state can be rebuilt at any time, of any version.
/// `Self::default()` is the state before the first event.
///
/// # Examples
///
/// ```
/// use annals_aggregates::{Aggregate, Context, Events};
///
/// #[derive(Debug, Clone, Default)]
/// struct Counter {
///     count: u64,
/// }
///
/// #[derive(Debug, Clone)]
/// enum CounterCommand {
///     Add(u64),
/// }
///
/// #[derive(Debug, PartialEq, annals_eventstore::Event)]
/// #[event(crate = annals_eventstore)]
/// enum CounterEvent {
///     #[event(name = "counter-added")]
///     Added(u64),
/// }
///
/// #[derive(Debug, PartialEq, thiserror::Error)]
/// enum CounterRefusal {
///     #[error("counter is full at {0}")]
///     Full(u64),
/// }
///
/// impl Aggregate for Counter {
///     const CATEGORY: &'static str = "counter";
///     type Id = u32;
///     type Command = CounterCommand;
///     type Event = CounterEvent;
///     type Refusal = CounterRefusal;
///
///     fn decide(&self, command: CounterCommand, _: &Context) -> Result<Events<CounterEvent>, CounterRefusal> {
///         match command {
///             CounterCommand::Add(0) => Ok(Events::none()),
///             CounterCommand::Add(more) if self.count + more > 100 => Err(CounterRefusal::Full(self.count)),
///             CounterCommand::Add(more) => Ok(Events::one(CounterEvent::Added(more))),
///         }
///     }
///
///     fn evolve(&mut self, event: &CounterEvent) {
///         match event {
///             CounterEvent::Added(more) => self.count += more,
///         }
///     }
/// }
///
/// assert_eq!(Counter::stream_name(&7)?.as_str(), "counter-7");
/// # Ok::<(), annals_eventstore::InvalidStreamName>(())
/// ```
pub trait Aggregate: Default + Clone + Send + Sync + 'static {
    /// The category of its streams, without a `-`: the stream of id 7 is `<CATEGORY>-7`.
    const CATEGORY: &'static str;

    /// What tells one from another; its text is the end of the stream's name.
    type Id: fmt::Display + Send + Sync + 'static;

    /// What it may be asked to do.
    ///
    /// `decide` takes it by value, so that an arm can move what the command holds into the event; it is `Clone`
    /// since a command is decided again when another writer came first.
    type Command: Clone + Send + Sync + 'static;

    /// What may have happened to it.
    type Event: Event;

    /// Why it does not do what it was asked to do: a word of the domain, never a fault of a machine.
    type Refusal: std::error::Error + Send + Sync + 'static;

    /// Decides what happens when a command meets this state: some events, none, or a refusal.
    ///
    /// May be called several times for one command, each time on a newer state; only the last answer counts.
    ///
    /// # Errors
    ///
    /// The refusal. Nothing is written then.
    fn decide(&self, command: Self::Command, context: &Context)
    -> Result<Events<Self::Event>, Self::Refusal>;

    /// Takes an event into the state. It has happened: there is nothing to check and nothing to refuse.
    fn evolve(&mut self, event: &Self::Event);

    /// Returns the name of the stream that holds the events of one of them.
    ///
    /// # Errors
    ///
    /// [`InvalidStreamName`] when the category or the id makes no stream name.
    fn stream_name(id: &Self::Id) -> Result<StreamName, InvalidStreamName> {
        StreamName::of(&Category::new(Self::CATEGORY)?, id)
    }
}
