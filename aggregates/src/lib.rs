//! Aggregates of Annals: the rules of a domain, rebuilt from the events they decided before.
//!
//! - [`Aggregate`] is what a domain implements: `decide` turns a command into events, `evolve` turns events
//!   into state. Both are synchronous and pure; [`Context`] carries what is not (clock, ids, who asks).
//! - [`Events`] is what `decide` returns.
//! - [`Repository`] loads an aggregate by replay, executes commands, and decides again after a conflict.
//!   [`Executed`] says what came of it; a refusal, a conflict and a fault stay apart in [`ExecuteError`].
//! - [`Handles`] keep aggregates in memory and batch the commands that meet at one of them.
//! - [`Together`] carries out commands to several aggregates in one transaction; [`fold_streams`] folds several
//!   streams on demand.
//! - [`service`] takes commands in as a `tower::Service`: limits, deadlines, a circuit breaker, one effect per command id.
//! - [`telemetry`] lists the metrics and the span of it.
//! - [`test_kit`] reads like the rule it tests: given events, when a command, then events.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

mod aggregate;
mod baseline;
mod cache;
mod clock;
mod context;
mod deciding;
mod error;
mod events;
mod executed;
mod fold;
mod handle;
mod loaded;
mod repository;
pub mod service;
mod snapshots;
pub mod telemetry;
pub mod test_kit;
mod together;

pub use aggregate::Aggregate;
pub use baseline::Baseline;
pub use cache::{CACHE_STATES_DEFAULT, CacheOptions};
pub use clock::VirtualClock;
pub use context::Context;
pub use deciding::Deciding;
pub use error::{ExecuteError, Fault, LoadError};
pub use events::Events;
pub use executed::Executed;
pub use fold::{Folded, fold_streams};
pub use handle::{
    BATCH_COMMANDS_DEFAULT, HandleError, HandleOptions, Handles, IDLE_DEFAULT, MAILBOX_COMMANDS_DEFAULT,
};
pub use loaded::Loaded;
pub use repository::{EXECUTE_ATTEMPTS_DEFAULT, ExecuteOptions, Repository, States};
pub use snapshots::{SNAPSHOT_EVERY_DEFAULT, Snapshot, SnapshotPolicy, SnapshotShape};
pub use together::{ExecutedTogether, Together, TogetherError};
