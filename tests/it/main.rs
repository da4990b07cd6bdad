//! The integration tests: a file per promise, a database per test.

mod ambiguous;
mod ambiguous_crash;
mod append_cancel;
mod append_hostile;
mod append_in;
mod append_many;
mod append_many_mutants;
mod append_unique_ids;
mod architecture;
mod conformance_memory;
mod conformance_notices_broken_readers;
mod conformance_notices_broken_stores;
mod conformance_postgres;
mod connect;
mod fence;
mod migrations;
mod projection;
mod sql_api;
mod statements;
mod stress;
mod subscription;
mod subscription_memory;
mod subscription_slots;
mod support;
mod wakeup;
mod wakeup_network;
