//! Annals: event sourcing on PostgreSQL.
//!
//! An append-only log with optimistic version checks; aggregates rebuilt by replay; projections, woken by
//! LISTEN/NOTIFY, that build read models exactly once.
//!
//! - [`eventstore`] is the log: [`eventstore::EventStore`], [`eventstore::PostgresStore`].
//! - [`aggregates`] is the write side: decide, evolve, load, execute.
//! - [`projections`] is the read side: batches of events into tables, with their checkpoint.
//! - `runner`, with the feature of that name, is the command line of a program that hosts projections.
//!
//! `cargo run --example bank` shows all of it on a real PostgreSQL.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]
// The code in the README and in the guide compiles and runs.
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![cfg_attr(doctest, doc = include_str!("../docs/guide/aggregates.md"))]
#![cfg_attr(doctest, doc = include_str!("../docs/guide/evolving-events.md"))]
#![cfg_attr(doctest, doc = include_str!("../docs/guide/projections.md"))]
#![cfg_attr(doctest, doc = include_str!("../docs/guide/running.md"))]
#![cfg_attr(doctest, doc = include_str!("../docs/guide/command-service.md"))]
#![cfg_attr(doctest, doc = include_str!("../docs/guide/sql-projections.md"))]
#![cfg_attr(doctest, doc = include_str!("../docs/guide/encryption.md"))]

pub use annals_aggregates as aggregates;
pub use annals_eventstore as eventstore;
pub use annals_projections as projections;

pub mod prelude;
#[cfg(feature = "runner")]
pub mod runner;
