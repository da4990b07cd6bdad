//! Appending to several streams at once: the request and its receipt.

use std::collections::HashSet;

use crate::append::{AppendError, Appended};
use crate::claim::{Claim, ClaimChange};
use crate::event::NewEvent;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::stream::StreamName;
use crate::version::ExpectedVersion;

/// Events for several streams, stored together or not at all.
///
/// A stream that is given no events is only checked: the append is refused unless it is as expected, and
/// stays so until the events of the others are stored.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{AppendMany, ExpectedVersion, NewEvent, Version};
/// # fn example() -> Result<AppendMany, Box<dyn std::error::Error>> {
/// let sent = NewEvent::new("money-sent", &serde_json::json!({"amount": 10}))?;
/// let received = NewEvent::new("money-received", &serde_json::json!({"amount": 10}))?;
/// let transfer = AppendMany::new()
///     .check("currency-eur".parse()?, ExpectedVersion::StreamExists)
///     .append("account-7".parse()?, Version::FIRST, [sent])
///     .append("account-8".parse()?, ExpectedVersion::Any, [received])
///     .with_key("transfer 12");
/// # Ok(transfer)
/// # }
/// # example().unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct AppendMany {
    /// What is asked of each stream. Positions are drawn in this order.
    pub streams: Vec<StreamAppend>,
    /// What becomes of claims together with the events; changes of one claim happen in this order, so that one
    /// stream may release what the next one takes.
    pub claims: Vec<StreamClaim>,
    /// The name under which a repetition of the whole is recognised, if any.
    pub key: Option<IdempotencyKey>,
    /// What a repetition under `key` is compared by; the log's own hash when absent.
    pub fingerprint: Option<Fingerprint>,
}

/// What an [`AppendMany`] asks of one of its streams.
#[derive(Debug, Clone)]
pub struct StreamAppend {
    /// The stream; no other part of the append names it.
    pub stream: StreamName,
    /// What it must look like.
    pub expected: ExpectedVersion,
    /// The events, in their order; none where the stream is only checked.
    pub events: Vec<NewEvent>,
}

/// What becomes of a claim together with the events of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamClaim {
    /// The stream, which is given events by the same append.
    pub stream: StreamName,
    /// Whether it takes or releases which claim.
    pub change: ClaimChange,
}

impl AppendMany {
    /// Asks for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds events for a stream.
    #[must_use]
    pub fn append(
        mut self,
        stream: StreamName,
        expected: impl Into<ExpectedVersion>,
        events: impl IntoIterator<Item = NewEvent>,
    ) -> Self {
        let (expected, events) = (expected.into(), events.into_iter().collect());
        self.streams.push(StreamAppend { stream, expected, events });
        self
    }

    /// Adds a stream that gets no events and must look as expected.
    #[must_use]
    pub fn check(self, stream: StreamName, expected: impl Into<ExpectedVersion>) -> Self {
        self.append(stream, expected, [])
    }

    /// Takes a claim for a stream that is given events.
    #[must_use]
    pub fn taking(mut self, stream: StreamName, claim: Claim) -> Self {
        self.claims.push(StreamClaim { stream, change: ClaimChange::Take(claim) });
        self
    }

    /// Releases a claim of a stream that is given events.
    #[must_use]
    pub fn releasing(mut self, stream: StreamName, claim: Claim) -> Self {
        self.claims.push(StreamClaim { stream, change: ClaimChange::Release(claim) });
        self
    }

    /// Sets the key under which a repetition is recognised. An append without any events stores none.
    #[must_use]
    pub fn with_key(self, key: impl Into<IdempotencyKey>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Sets what a repetition under the key is compared by.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Fingerprint) -> Self {
        Self { fingerprint: Some(fingerprint), ..self }
    }

    /// Tells whether there is anything to be stored, and not only streams to be checked.
    pub fn has_events(&self) -> bool {
        self.events().next().is_some()
    }

    /// Returns all events, stream after stream.
    pub(crate) fn events(&self) -> impl Iterator<Item = &NewEvent> + Clone {
        self.streams.iter().flat_map(|part| &part.events)
    }

    /// Tells whether sending the append again, unchanged, stores nothing twice.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.key.is_some()
            || self.streams.iter().all(|part| part.events.is_empty() || part.expected.is_exact())
    }

    /// Returns the changes in the order of the claims, those of one claim in the order given.
    pub(crate) fn claims_in_order(&self) -> Vec<&StreamClaim> {
        let mut claims: Vec<_> = self.claims.iter().collect();
        claims.sort_by_key(|of| of.change.claim());
        claims
    }

    /// Leaves out the streams of which nothing is asked, and refuses one that is named twice, and a claim of one
    /// that is given no events.
    pub(crate) fn checked(mut self) -> Result<Self, AppendError> {
        self.streams.retain(|part| !part.events.is_empty() || part.expected != ExpectedVersion::Any);
        let mut seen = HashSet::with_capacity(self.streams.len());
        if let Some(twice) = self.streams.iter().find(|part| !seen.insert(&part.stream)) {
            return Err(AppendError::DuplicateStream(twice.stream.clone()));
        }
        let has_events = |stream: &StreamName| {
            self.streams.iter().any(|part| part.stream == *stream && !part.events.is_empty())
        };
        match self.claims.iter().find(|of| !has_events(&of.stream)) {
            Some(StreamClaim { stream, .. }) => {
                Err(AppendError::Malformed(format!("claims of stream {stream}, which is given no events")))
            }
            None => Ok(self),
        }
    }
}

/// The receipt of an [`AppendMany`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendedMany {
    /// One receipt for each stream that was given events, in the order given.
    pub streams: Vec<StreamAppended>,
    /// True when the events were there already and this call stored nothing; see
    /// [`Appended::already_applied`].
    pub already_applied: bool,
}

/// Where the events of one stream of an [`AppendMany`] stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAppended {
    /// The stream.
    pub stream: StreamName,
    /// Its versions and positions.
    pub appended: Appended,
}

impl AppendedMany {
    /// Returns the receipt of one of the streams.
    pub fn of(&self, stream: &StreamName) -> Option<Appended> {
        self.streams.iter().find(|part| part.stream == *stream).map(|part| part.appended)
    }

    /// The receipts of an append to one stream.
    pub(crate) fn of_one(stream: StreamName, appended: Appended) -> Self {
        Self::from_streams(vec![StreamAppended { stream, appended }])
    }

    /// Collects the receipts of the streams.
    pub(crate) fn from_streams(streams: Vec<StreamAppended>) -> Self {
        let already_applied = streams.iter().any(|part| part.appended.already_applied);
        Self { streams, already_applied }
    }
}

/// What became of an idempotency key that was to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancellation {
    /// No append had used it, and none ever will: it is refused with [`AppendError::KeyCancelled`].
    Cancelled,
    /// An append was first; this is its receipt, of one stream or several.
    Applied(AppendedMany),
}
