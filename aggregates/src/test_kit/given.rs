//! What has happened before, and the command that comes now.

use chrono::{DateTime, Utc};

use super::round_trip::round_trip;
use super::then::Then;
use crate::aggregate::Aggregate;
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
/// Its clock stands still at the beginning of 1970 and its ids are counted from 1, unless told otherwise.
#[derive(Debug, Clone)]
#[must_use = "a test needs a command and an expectation"]
pub struct Given<A> {
    state: A,
    context: Context,
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
        let decided = self.state.decide(command, &self.context);
        let mut state = self.state;
        if let Ok(events) = &decided {
            for event in events.as_slice() {
                state.evolve(&round_trip::<A>(event));
            }
        }
        Then { state, decided }
    }
}
