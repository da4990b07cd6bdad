//! What makes an aggregate fit for snapshots.

use std::fmt;

use annals_eventstore::SnapshotKind;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aggregate::Aggregate;

/// An aggregate whose state can be written down.
///
/// # Examples
///
/// ```
/// # use annals_aggregates::{Aggregate, Context, Events, Snapshot, SnapshotShape};
/// # #[derive(Debug, annals_eventstore::Event)]
/// # #[event(crate = annals_eventstore)]
/// # enum CounterEvent { #[event(name = "counter-added")] Added(u64) }
/// #[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
/// struct Counter {
///     count: u64,
/// }
/// # impl Aggregate for Counter {
/// #     const CATEGORY: &'static str = "counter";
/// #     type Id = u32;
/// #     type Command = u64;
/// #     type Event = CounterEvent;
/// #     type Refusal = std::convert::Infallible;
/// #     fn decide(&self, more: u64, _: &Context) -> Result<Events<CounterEvent>, Self::Refusal> {
/// #         Ok(CounterEvent::Added(more).into())
/// #     }
/// #     fn evolve(&mut self, CounterEvent::Added(more): &CounterEvent) { self.count += more; }
/// # }
///
/// impl Snapshot for Counter {
///     // Raised whenever the fields change, or what `evolve` makes of an event.
///     const SHAPE: SnapshotShape = SnapshotShape::Version(1);
/// }
/// ```
pub trait Snapshot: Aggregate + Serialize + DeserializeOwned {
    /// The shape of the state: snapshots of another shape are passed over.
    ///
    /// Change it with the fields, and also when `evolve` adds events up in another way: a snapshot holds what the
    /// former `evolve` made of them.
    const SHAPE: SnapshotShape;
}

/// The shape of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnapshotShape {
    /// Counted by hand.
    Version(u32),
    /// A text that changes by itself, such as a hash made when the program is built.
    Fingerprint(&'static str),
}

impl fmt::Display for SnapshotShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "v{version}"),
            Self::Fingerprint(fingerprint) => f.pad(fingerprint),
        }
    }
}

/// The name under which the snapshots of an aggregate are kept.
pub(super) fn kind<A: Snapshot>() -> SnapshotKind {
    SnapshotKind::new(A::CATEGORY, A::SHAPE.to_string())
}
