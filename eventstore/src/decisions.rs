//! Appending what several commands led to, one after another, in one stream.

use std::collections::{BTreeMap, HashSet};

use crate::append::{AppendError, Appended};
use crate::claim::{Claim, ClaimChange};
use crate::event::NewEvent;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::stream::StreamName;
use crate::version::Version;

/// Decisions on one stream, each with a key and claims of its own, that are stored together or not at all.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{AppendDecisions, Decision, NewEvent, Version};
/// # fn example() -> Result<AppendDecisions, Box<dyn std::error::Error>> {
/// let deposited = |amount: u32| NewEvent::new("money-deposited", &amount);
/// let both = AppendDecisions::to("account-7".parse()?, Version::FIRST)
///     .then(Decision::of([deposited(10)?]).with_key("deposit 1"))
///     .then(Decision::of([deposited(20)?]).with_key("deposit 2"));
/// # Ok(both)
/// # }
/// # example().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct AppendDecisions {
    /// The stream to write to.
    pub stream: StreamName,
    /// The version it must be at; [`Version::NONE`] where it must not exist yet.
    pub expected: Version,
    /// The decisions, in their order. Each has at least one event; no two have the same key.
    pub decisions: Vec<Decision>,
}

/// What one command led to.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The events, in their order.
    pub events: Vec<NewEvent>,
    /// The name under which a repetition is recognised, if any.
    pub key: Option<IdempotencyKey>,
    /// What a repetition under `key` is compared by; the log's own hash when absent.
    pub fingerprint: Option<Fingerprint>,
    /// The claims that are taken and released with the events, in their order.
    pub claims: Vec<ClaimChange>,
}

impl Decision {
    /// Makes a decision of events.
    pub fn of(events: impl IntoIterator<Item = NewEvent>) -> Self {
        Self { events: events.into_iter().collect(), ..Self::default() }
    }

    /// Sets the key under which a repetition is recognised.
    #[must_use]
    pub fn with_key(self, key: impl Into<IdempotencyKey>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Sets what a repetition under the key is compared by.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Fingerprint) -> Self {
        Self { fingerprint: Some(fingerprint), ..self }
    }

    /// Takes a claim together with the events.
    #[must_use]
    pub fn taking(mut self, claim: Claim) -> Self {
        self.claims.push(ClaimChange::Take(claim));
        self
    }

    /// Releases a claim together with the events.
    #[must_use]
    pub fn releasing(mut self, claim: Claim) -> Self {
        self.claims.push(ClaimChange::Release(claim));
        self
    }
}

/// What became of several decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendedDecisions {
    /// All are stored, by this call or – `already_applied` – by an earlier sending of the very same events. One
    /// receipt each, in the order given.
    Stored(Vec<Appended>),
    /// None was stored, since the keys of some were used before: these, counted from 0, and what for.
    UsedBefore(Vec<(usize, KeyUsed)>),
}

/// What a key was used for before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUsed {
    /// For the same; this is its receipt.
    Applied(Appended),
    /// For something else.
    Reused,
    /// For nothing: it was cancelled.
    Cancelled,
}

impl AppendDecisions {
    /// Begins with no decision.
    pub fn to(stream: StreamName, expected: Version) -> Self {
        Self { stream, expected, decisions: Vec::new() }
    }

    /// Adds a decision.
    #[must_use]
    pub fn then(mut self, decision: Decision) -> Self {
        self.decisions.push(decision);
        self
    }

    /// Refuses a decision without events, and a key that stands twice.
    pub(crate) fn checked(self) -> Result<Self, AppendError> {
        if self.decisions.is_empty() || self.decisions.iter().any(|decision| decision.events.is_empty()) {
            return Err(AppendError::Malformed("no decision, or one without events".to_owned()));
        }
        let mut seen = HashSet::new();
        match self.decisions.iter().filter_map(|decision| decision.key).find(|key| !seen.insert(*key)) {
            Some(key) => Err(AppendError::KeyReused { key }),
            None => Ok(self),
        }
    }

    /// Returns all events, decision after decision.
    pub(crate) fn events(&self) -> impl Iterator<Item = &NewEvent> {
        self.decisions.iter().flat_map(|decision| &decision.events)
    }

    /// Returns what the decisions together do to each claim, in the order of the claims: whether it has to be
    /// free for the stream, and whether the stream holds it in the end.
    pub(crate) fn claims(&self) -> BTreeMap<&Claim, ClaimEffect> {
        let mut effects: BTreeMap<&Claim, ClaimEffect> = BTreeMap::new();
        for change in self.decisions.iter().flat_map(|decision| &decision.claims) {
            let effect = effects.entry(change.claim()).or_default();
            effect.held = matches!(change, ClaimChange::Take(_));
            effect.taken |= effect.held;
        }
        effects
    }
}

/// What decisions together do to a claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ClaimEffect {
    pub(crate) taken: bool,
    pub(crate) held: bool,
}
