//! What a recorded event is read as.

use std::iter::Chain;
use std::{option, vec};

/// The events that a recorded one is read as: one, mostly; none or several where it is of a type or version that is
/// retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<E> {
    first: Option<E>,
    rest: Vec<E>,
}

impl<E> Decoded<E> {
    /// One event.
    pub fn one(event: E) -> Self {
        Self { first: Some(event), rest: Vec::new() }
    }

    /// Returns the one event, where it is one.
    pub fn only(self) -> Option<E> {
        self.first.filter(|_| self.rest.is_empty())
    }
}

impl<E> FromIterator<E> for Decoded<E> {
    fn from_iter<I: IntoIterator<Item = E>>(events: I) -> Self {
        let mut events = events.into_iter();
        Self { first: events.next(), rest: events.collect() }
    }
}

impl<E> IntoIterator for Decoded<E> {
    type Item = E;
    type IntoIter = Chain<option::IntoIter<E>, vec::IntoIter<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}
