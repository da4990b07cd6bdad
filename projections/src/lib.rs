//! Projections: read models built from the log, exactly once.
//!
//! A [`Projection`] names its tables and what to do with a batch of events; [`start`] keeps it up to date in
//! the background. What `apply` writes through the batch's transaction commits together with the checkpoint.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

#[doc(hidden)]
pub mod failpoint;
mod handlers;
mod hosted;
mod operator;
mod parking;
mod projection;
mod rebuild;
mod runner;
mod running;
pub mod sql_projection;
mod start;
mod statements;
mod tables;
pub mod telemetry;
#[doc(hidden)]
pub mod told;
mod writes;

pub use handlers::{Handlers, UnknownEventType};
pub use operator::{
    Lag, OperateError, Operator, ParkedEvent, Progress, ProgressError, ProjectionReport, ProjectionStatus,
    RebuildOptions, RebuildProgress, Standing,
};
pub use parking::{PoisonEvent, PoisonPolicy, Poisoned, StoodStill, TooManyParked};
pub use projection::Projection;
pub use rebuild::RebuildState;
pub use runner::{
    LiveRunner, LoopTurn, Runner, RunnerError, RunnerHealth, RunnerOptions, RunningRunner, discover,
};
pub use running::{RunningProjection, Stopped, WaitError};
pub use sql_projection::SqlProjection;
pub use start::{StartError, start};
#[doc(hidden)]
pub use statements::statements;
pub use tables::TablesError;
pub use writes::{Added, WriteError, Writes};
