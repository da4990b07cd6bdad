//! What a decision returns.

use annals_eventstore::{Claim, ClaimChange};

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
pub struct Events<E> {
    events: Vec<E>,
    claims: Vec<ClaimChange>,
}

impl<E> Events<E> {
    /// Says that there is nothing to do.
    pub fn none() -> Self {
        Self { events: Vec::new(), claims: Vec::new() }
    }

    /// Says that one thing happens.
    pub fn one(event: E) -> Self {
        Self::from(vec![event])
    }

    /// Takes a claim together with the events: where another stream holds it, nothing happens, and the command is
    /// answered with [`ExecuteError::Claimed`](crate::ExecuteError::Claimed).
    ///
    /// # Examples
    ///
    /// ```
    /// # use annals_aggregates::Events;
    /// # use annals_eventstore::Claim;
    /// # let address = Claim::new("e-mail", "ann@example.org").unwrap();
    /// let registered = Events::one("customer registered").taking(address);
    /// assert_eq!(registered.claims().len(), 1);
    /// ```
    pub fn taking(mut self, claim: Claim) -> Self {
        self.claims.push(ClaimChange::Take(claim));
        self
    }

    /// Releases a claim together with the events.
    pub fn releasing(mut self, claim: Claim) -> Self {
        self.claims.push(ClaimChange::Release(claim));
        self
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.claims.is_empty()
    }

    /// Returns the events.
    pub fn as_slice(&self) -> &[E] {
        &self.events
    }

    /// Returns what becomes of claims together with the events, in its order.
    pub fn claims(&self) -> &[ClaimChange] {
        &self.claims
    }

    /// Returns the events as a vector.
    pub fn into_vec(self) -> Vec<E> {
        self.events
    }

    /// Adds what another decision led to.
    pub(crate) fn append(&mut self, mut more: Self) {
        self.events.append(&mut more.events);
        self.claims.append(&mut more.claims);
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
        Self { events, claims: Vec::new() }
    }
}

impl<E, const N: usize> From<[E; N]> for Events<E> {
    fn from(events: [E; N]) -> Self {
        Self::from(Vec::from(events))
    }
}

impl<E> FromIterator<E> for Events<E> {
    fn from_iter<I: IntoIterator<Item = E>>(events: I) -> Self {
        Self::from(events.into_iter().collect::<Vec<E>>())
    }
}

/// The events alone, without their claims.
impl<E> IntoIterator for Events<E> {
    type Item = E;
    type IntoIter = std::vec::IntoIter<E>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_iter()
    }
}
