//! The conformance suite: what every [`EventStore`](crate::EventStore) has to pass.
//!
//! A case is an async function that is given a [`StoreHarness`] with an empty log and tells by its name what
//! it checks. [`CASES`] is the table of all cases; [`conformance_suite!`] turns it into the tests of one
//! adapter. A case of the table that an adapter neither runs nor excuses fails that adapter's suite.
//!
//! Guarantees
//! - no case depends on time: what has to happen is waited for, and only a promise that is broken runs into
//!   the limit of a wait;
//! - for the cases about races and order there are broken stores that fail them (`tests/it`).
//!
//! Leaves to others: making stores and databases (the harness).

pub mod cases;
mod failure;
mod follower;
mod given;
mod harness;
mod order;
mod registry;
mod suite;
mod transaction;

pub use crate::conformance_suite;
pub use failure::{CaseFailure, CaseResult};
pub use harness::{SqlHarness, StoreHarness};
pub use registry::{AppliesTo, CASES, Case, Cell, check_cells};
