//! Derive macros of Annals.
//!
//! Empty so far, on purpose: event types are plain serde enums today (see `annals_eventstore::Event`).
//! `#[derive(Event)]` arrives together with schema versions and upcasters, and will be re-exported by
//! `annals-eventstore`, which owns the traits.
