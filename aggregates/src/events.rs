//! What a decision returns.

/// The events that a command leads to, in their order; they are stored together or not at all.
///
/// None at all means that there is nothing to do, which is no refusal.
///
/// # Examples
///
/// ```
/// # use annals_aggregates::Events;
/// assert!(Events::<u8>::none().is_empty());
/// assert_eq!(Events::one(1), Events::from(1));
/// assert_eq!(Events::from([1, 2]), (1..=2).collect());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "events happen only when `decide` returns them"]
pub struct Events<E>(Vec<E>);

impl<E> Events<E> {
    /// Says that there is nothing to do.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Says that one thing happens.
    pub fn one(event: E) -> Self {
        Self(vec![event])
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the events.
    pub fn as_slice(&self) -> &[E] {
        &self.0
    }

    /// Returns the events as a vector.
    pub fn into_vec(self) -> Vec<E> {
        self.0
    }
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self::none()
    }
}

impl<E> From<E> for Events<E> {
    fn from(event: E) -> Self {
        Self::one(event)
    }
}

impl<E> From<Vec<E>> for Events<E> {
    fn from(events: Vec<E>) -> Self {
        Self(events)
    }
}

impl<E, const N: usize> From<[E; N]> for Events<E> {
    fn from(events: [E; N]) -> Self {
        Self(events.into())
    }
}

impl<E> FromIterator<E> for Events<E> {
    fn from_iter<I: IntoIterator<Item = E>>(events: I) -> Self {
        Self(events.into_iter().collect())
    }
}

impl<E> IntoIterator for Events<E> {
    type Item = E;
    type IntoIter = std::vec::IntoIter<E>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
