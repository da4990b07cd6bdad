//! What has happened before, and the command that comes now.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::round_trip::round_trip;
use super::then::Then;
use crate::aggregate::Aggregate;
use crate::clock::VirtualClock;
use crate::context::Context;

/// Begins a test with what has happened so far; `[]` for nothing.
///
/// # Panics
///
/// When an event is not read back from the log as it was written.
#[track_caller]
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let given = Given { state: A::default(), context: Context::fixed(DateTime::UNIX_EPOCH) };
    given.and(events)
}

/// An aggregate with a history, ready for a command.
///
/// Its clock stands still at the beginning of 1970 and its ids are counted from 1, unless told otherwise; time passes
/// only where the test says so, with [`Given::after`] and [`Then::after`] or by a [`VirtualClock`].
#[derive(Debug, Clone)]
#[must_use = "a test needs a command and an expectation"]
pub struct Given<A> {
    pub(super) state: A,
    pub(super) context: Context,
}

impl<A: Aggregate> Given<A> {
    /// Adds to what has happened so far.
    ///
    /// # Panics
    ///
    /// When an event is not read back from the log as it was written.
    #[track_caller]
    pub fn and(mut self, events: impl IntoIterator<Item = A::Event>) -> Self {
        for event in events {
            self.state.evolve(&round_trip::<A>(&event));
        }
        self
    }

    /// Sets the clock.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        self.under(Context::fixed(now))
    }

    /// Takes the time from a clock that the test lets go on; ids are counted by it.
    pub fn by(self, clock: &VirtualClock) -> Self {
        self.under(Context::by(clock))
    }

    /// Lets time pass before the command.
    ///
    /// # Panics
    ///
    /// Under a context with the system's clock.
    #[track_caller]
    pub fn after(mut self, time: Duration) -> Self {
        self.context.advance(time);
        self
    }

    /// Sets the whole context.
    pub fn under(self, context: Context) -> Self {
        Self { context, ..self }
    }

    /// Lets the aggregate decide on a command.
    ///
    /// # Panics
    ///
    /// When an event that was decided is not read back from the log as it was written.
    #[track_caller]
    pub fn when(self, command: A::Command) -> Then<A> {
        let Self { mut state, context } = self;
        let decided = state.decide(command, &context);
        if let Ok(events) = &decided {
            for event in events.as_slice() {
                state.evolve(&round_trip::<A>(event));
            }
        }
        Then { state, context, decided }
    }
}

/// What comes after a decision; here, since a decision knows nothing of the command before it.
impl<A: Aggregate> Then<A> {
    /// Lets the aggregate decide on the next command; after a refusal on the state before it.
    ///
    /// # Panics
    ///
    /// As [`Given::when`].
    #[track_caller]
    pub fn when(self, command: A::Command) -> Self {
        self.given_that().when(command)
    }

    /// Lets time pass before the next command.
    ///
    /// # Panics
    ///
    /// As [`Given::after`].
    #[track_caller]
    pub fn after(self, time: Duration) -> Given<A> {
        self.given_that().after(time)
    }

    /// Adds what happened before the next command, by somebody else.
    ///
    /// # Panics
    ///
    /// As [`Given::and`].
    #[track_caller]
    pub fn and(self, events: impl IntoIterator<Item = A::Event>) -> Given<A> {
        self.given_that().and(events)
    }

    fn given_that(self) -> Given<A> {
        Given { state: self.state, context: self.context }
    }
}
