//! The tailer: one reader of the log for all subscriptions of a process.
//!
//! ```text
//! subscription   starting -> catching_up <-> live -> stopped
//! ```
//!
//! Guarantees
//! - every event behind a subscription's starting position comes exactly once and in order, however often it
//!   changes between its own cursor and the tailer;
//! - memory is bounded: a subscription that does not keep up is taken off the tailer, works off what it has
//!   and reads on from its own cursor;
//! - pages are shared, never copied, between subscriptions;
//! - the tailer reads only while somebody is subscribed, and a reader that fails leaves nobody waiting.
//!
//! Leaves to others: reading and waking (`subscription`), keeping positions ([`crate::Checkpoint`]).

mod control;
mod follow;
mod page;
mod pauses;
mod process;
mod roster;
mod shared;
mod tail;

pub use control::{StopReason, SubscriptionHandle, SubscriptionState};
pub use follow::TailedSubscription;
pub use page::EventPage;
pub(crate) use process::WeakTailer;
pub use process::{StartAt, Tailer};
pub use shared::TailerOptions;
